// SPDX-License-Identifier: GPL-2.0
#include "sym/turns.h"

#include <stdlib.h>
#include <string.h>

#define MAX_CYCLE 64u
#define TURNS 3u /* that must be the same; two may do when there are no more */
#define TRIES 8 /* turns of part[1] from which the rest is unwound: the first may be cut */

/* Do the last frames before @end repeat @turns times, every @len of them, at equal distances? */
static bool repeats(const struct unwind_frame *f, unsigned int end, unsigned int len,
		    unsigned int turns, uint64_t *ret_bytes)
{
	uint64_t bytes = f[end - 1].sp - f[end - 1 - len].sp;

	for (unsigned int i = end - len * (turns - 1); i < end; i++)
		if (f[i].pc != f[i - len].pc || f[i].sp - f[i - len].sp != bytes || f[i].signal)
			return false;
	*ret_bytes = bytes;
	return bytes >= 8;
}

/* A frame's registers @k turns further up: what moves moves on by as much. */
static struct mtr_regs further(const struct mtr_regs *regs, unsigned int at, unsigned int len,
			       uint64_t k)
{
	struct mtr_regs r = regs[at];

	r.valid &= regs[at - len].valid;
	for (unsigned int i = 0; i < MTR_REG_PC; i++)
		r.r[i] += k * (regs[at].r[i] - regs[at - len].r[i]);
	return r;
}

/* Unwinds from a frame in part[1]; is it the same turn, and does it lead to the outermost frame? */
static unsigned int from_there(struct syms *s, const struct mtr_stack_copy *copy,
			       struct mtr_regs regs, const struct unwind_frame *like,
			       uint64_t next_pc, struct unwind_frame *out,
			       struct mtr_regs *out_regs, unsigned int max,
			       enum unwind_end *ret_end)
{
	struct mtr_stack_copy there = { .regs = regs, .part = { copy->part[1] } };
	struct unwind_result res;

	unwind(s, &there, out, out_regs, max, &res);
	/* a library's file may be gone: what called the first turn is known all the same */
	if ((res.end != UNWIND_DONE && res.end != UNWIND_NO_CFI) || res.nr < 3 ||
	    out[1].pc != next_pc || out[0].cfa - out[0].sp != like->cfa - like->sp)
		return 0;
	*ret_end = res.end;
	out[0].activation = false;
	out[0].exact = like->exact;
	return res.nr;
}

struct across {
	struct syms *s;
	const struct mtr_stack_copy *copy;
	struct unwind_frame *frame;
	struct mtr_regs *regs;
	unsigned int end, max; /* frames whose own end is known; room */
	unsigned int filled, nr; /* result */
	enum unwind_end how;
};

static void fill(struct across *a, unsigned int len, uint64_t bytes)
{
	for (unsigned int i = a->end; i < a->end + a->filled; i++) {
		a->frame[i] = a->frame[i - len];
		a->frame[i].sp += bytes;
		a->frame[i].cfa += bytes;
		a->regs[i].valid = 0;
	}
}

/* With turns of @len frames that take so many bytes. */
static bool with_turn(struct across *a, unsigned int len, uint64_t bytes)
{
	unsigned int at = a->end - 1;
	uint64_t k = (a->copy->part[1].addr - a->frame[at].sp) / bytes + 1;

	for (unsigned int i = 0; i < TRIES; i++, k++) {
		if (k >= (a->max - a->end) / len)
			return false;
		a->filled = (unsigned int)k * len - 1;
		a->nr = from_there(a->s, a->copy, further(a->regs, at, len, k), &a->frame[at],
				   a->frame[a->end - len].pc, a->frame + a->end + a->filled,
				   a->regs + a->end + a->filled, a->max - a->end - a->filled,
				   &a->how);
		if (!a->nr)
			continue;
		fill(a, len, bytes);
		return true;
	}
	return false;
}

unsigned int turns_across(struct syms *s, const struct mtr_stack_copy *copy,
			  struct unwind_frame *frame, struct mtr_regs *regs, unsigned int max,
			  struct unwind_result *ret)
{
	struct across a = { .s = s, .copy = copy, .frame = frame, .regs = regs, .max = max };
	uint64_t bytes;

	/* the last frame's own end is not known */
	if (ret->nr < 4 || !copy->part[1].size)
		return 0;
	a.end = ret->nr - 1;
	if (copy->part[1].addr < frame[a.end - 1].sp)
		return 0;
	for (unsigned int turns = TURNS; turns >= 2; turns--) {
		for (unsigned int len = 1; len <= MAX_CYCLE && len * turns < a.end; len++) {
			if (!repeats(frame, a.end, len, turns, &bytes) ||
			    !with_turn(&a, len, bytes))
				continue;
			ret->nr = a.end + a.filled + a.nr;
			ret->end = a.how;
			return a.filled;
		}
	}
	return 0;
}
