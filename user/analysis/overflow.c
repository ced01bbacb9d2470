// SPDX-License-Identifier: GPL-2.0
#include "analysis/overflow.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "util/units.h"

/* A frame from which on a stack may be said to be full of it: bytes, or part of the stack. */
#define LARGE_FRAME (64 * 1024)

const char *overflow_kind_name(enum overflow_kind kind)
{
	switch (kind) {
	case OVERFLOW_RECURSION:
		return "recursion";
	case OVERFLOW_FRAME:
		return "large_frame";
	case OVERFLOW_UNKNOWN:
		break;
	}
	return "unknown";
}

unsigned int overflow_nr_frames(const struct proc *p)
{
	return p->crash.signo && p->frames_tid == p->crash.tid ? p->nr_frames : 0;
}

/* Of the turns that begin with frame @i; −1: not known. */
static int64_t run_bytes(const struct mtr_ev_frame *f)
{
	return f->turn >= 0 ? f->turn * f->repeat : -1;
}

struct overflow overflow_cause(const struct proc *p)
{
	struct overflow o = { .kind = OVERFLOW_UNKNOWN, .bytes = -1 };
	const struct crash *c = &p->crash;
	unsigned int nr = overflow_nr_frames(p), turns = 0;
	uint64_t low = c->sp && c->sp < c->addr ? c->sp : c->addr;
	int64_t depth = low < c->stack_end ? (int64_t)(c->stack_end - low) : 0;

	if (!c->stack_overflow)
		return o;
	for (unsigned int i = 0; i < nr; i++) {
		const struct mtr_ev_frame *f = &p->frames[i];
		int64_t bytes = f->repeat > 1 ? run_bytes(f) : f->size;

		if (f->repeat > 1 && f->repeat * f->cycle > turns) {
			turns = f->repeat * f->cycle;
			/* without sizes, or cut short: so many turns are enough of a reason */
			if (bytes > depth / 2 || turns > 100)
				o = (struct overflow){ OVERFLOW_RECURSION, i, bytes };
		}
		if (f->repeat == 1 && bytes > LARGE_FRAME && bytes > depth / 2 &&
		    o.kind == OVERFLOW_UNKNOWN)
			o = (struct overflow){ OVERFLOW_FRAME, i, bytes };
	}
	return o;
}

static const char *function(const struct proc *p, const struct strtab *st, unsigned int i)
{
	const struct mtr_ev_frame *f = &p->frames[i];

	return f->function ? strtab_str(st, f->function) :
	       f->module   ? strtab_str(st, f->module) :
			     "a function without a name";
}

/* Functions of a turn in the order in which they call each other: frames are told innermost first. */
static void cycle_text(char *dst, size_t sz, const struct proc *p, const struct strtab *st,
		       unsigned int at, const char *arrow)
{
	unsigned int end = at, nr = overflow_nr_frames(p);
	size_t len = 0;

	for (unsigned int own = 0; end < nr && own < p->frames[at].cycle; end++)
		own += !(p->frames[end].flags & MTR_FRAME_INLINED);
	for (unsigned int i = end; i-- > at && len < sz;) {
		int n = snprintf(dst + len, sz - len, "%s%s", function(p, st, i), arrow);

		len += n > 0 ? (size_t)n : 0;
	}
	if (len < sz)
		snprintf(dst + len, sz - len, "%s", function(p, st, end - 1));
}

char *overflow_text(char *dst, size_t sz, const struct proc *p, const struct strtab *st, bool ascii)
{
	struct overflow o = overflow_cause(p);
	const struct mtr_ev_frame *f = &p->frames[o.at];
	char cycle[400], b[UNITS_LEN], each[48] = "";

	dst[0] = '\0';
	if (o.kind == OVERFLOW_FRAME) {
		snprintf(dst, sz, "one frame too large: %s takes %" PRId64 " B (%s)%s",
			 function(p, st, o.at), o.bytes, fmt_size(b, o.bytes),
			 f->nr ? "" : " or more"); /* it may have come no further than this */
	} else if (o.kind == OVERFLOW_RECURSION) {
		cycle_text(cycle, sizeof(cycle), p, st, o.at, ascii ? " -> " : " → ");
		if (f->turn >= 0)
			snprintf(each, sizeof(each), " of %" PRId64 " B each (%s)", f->turn,
				 fmt_size(b, o.bytes));
		snprintf(dst, sz, "endless recursion: %s, %" PRIu32 " turns%s", cycle, f->repeat,
			 each);
	}
	return dst;
}
