// SPDX-License-Identifier: GPL-2.0
#include "export/crashed.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "analysis/overflow.h"
#include "util/text.h"
#include "util/units.h"

#define LINE 512

struct text {
	FILE *f;
	const struct proc *p;
	const struct strtab *st;
	const struct report_style *style;
};

static void put(const struct text *t, const char *raw)
{
	style_put(t->f, t->style, raw);
}

static const char *size(const struct text *t, char b[UNITS_LEN], int64_t v)
{
	return v < 0 ? "-" : style_size(t->style, b, v);
}

static void put_where(const struct text *t, const struct mtr_ev_frame *f)
{
	const char *file = strtab_str(t->st, f->file), *base = strrchr(file, '/');

	if (f->function)
		put(t, strtab_str(t->st, f->function));
	else if (f->module)
		put(t, strtab_str(t->st, f->module));
	if (!f->function)
		fprintf(t->f, "%s0x%" PRIx64, f->module ? "+" : "", f->offset);
	if (f->flags & MTR_FRAME_INLINED)
		fputs(" (inlined)", t->f);
	else if (f->flags & MTR_FRAME_SIGNAL)
		fputs(" (signal handler returns here)", t->f);
	if (!f->file)
		return;
	fputs("  ", t->f);
	put(t, base && base[1] ? base + 1 : file);
	if (f->line)
		fprintf(t->f, ":%" PRIu32, f->line);
}

static void put_repeat(const struct text *t, const struct mtr_ev_frame *f)
{
	char b[UNITS_LEN];

	fprintf(t->f, "%s %s%" PRIu32 " times", t->style->ascii ? "      ^" : "      ↑",
		f->flags & MTR_FRAME_RECKONED ? "about " : "", f->repeat);
	if (f->cycle > 1)
		fprintf(t->f, ", a cycle of %" PRIu32 " functions", f->cycle);
	if (f->turn >= 0)
		fprintf(t->f, ", %" PRId64 " B a turn, %s in all", f->turn,
			size(t, b, f->turn * f->repeat));
	fputs("\n", t->f);
}

static void put_frame(const struct text *t, const struct mtr_ev_frame *f)
{
	char num[32] = "-", b[UNITS_LEN];

	if (f->size >= 0)
		snprintf(num, sizeof(num), "%" PRId64, f->size);
	if (f->flags & MTR_FRAME_INLINED)
		fprintf(t->f, "%24s", "");
	else
		fprintf(t->f, "%5u %8s %7s  ", f->nr, num, size(t, b, f->depth));
	put_where(t, f);
	fputs("\n", t->f);
}

int crashed_text(FILE *f, const struct proc *p, const struct strtab *st,
		 const struct report_style *style)
{
	const struct text t = { .f = f, .p = p, .st = st, .style = style };
	unsigned int nr = overflow_nr_frames(p);
	char why[LINE];

	if (!nr)
		return 0;
	overflow_text(why, sizeof(why), p, st, style->ascii);
	if (why[0]) {
		fputs("CAUSE ", f);
		put(&t, why);
		fputs("\n", f);
	}
	fprintf(f, "%5s %8s %7s  %s\n", "FRAME", "BYTES", "DEPTH", "FUNCTION, innermost first");
	for (unsigned int i = 0; i < nr && !ferror(f); i++) {
		const struct mtr_ev_frame *fr = &p->frames[i];
		const struct mtr_ev_frame *next = i + 1 < nr ? fr + 1 : NULL;

		if (i && fr->nr > fr[-1].nr + fr[-1].cycle * fr[-1].repeat)
			fputs(style->ascii ? "      ...\n" : "      ⋮\n", f);
		put_frame(&t, fr);
		/* behind the last of a cycle */
		if (fr->repeat > 1 && (!next || next->nr > fr->nr + 1 || next->repeat == 1))
			put_repeat(&t, fr);
	}
	if (!(p->frames[nr - 1].flags & MTR_FRAME_WHOLE))
		fputs("      (ends here: the rest of the stack was not copied, or nothing tells how to go "
		      "on)\n",
		      f);
	return ferror(f) ? -EIO : 0;
}

json_t *crashed_cause(struct json_out *w, const struct proc *p, const struct strtab *st)
{
	static const struct mtr_ev_frame none = { .turn = -1 };
	struct overflow o = overflow_cause(p);
	bool turns = o.kind == OVERFLOW_RECURSION;
	const struct mtr_ev_frame *f = o.kind == OVERFLOW_UNKNOWN ? &none : &p->frames[o.at];
	char why[LINE];

	if (!p->crash.stack_overflow)
		return json_null();
	overflow_text(why, sizeof(why), p, st, false);
	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "kind",
			 overflow_kind_name(o.kind), "text", json_text(w, why), "function",
			 json_text(w, strtab_str(st, f->function)), "bytes", json_known(o.bytes),
			 "turns", json_when(turns, f->repeat), "turn_bytes", json_known(f->turn),
			 "cycle", json_when(turns, f->cycle), "reckoned",
			 turns ? json_boolean(f->flags & MTR_FRAME_RECKONED) : json_null());
}

static json_t *frame(struct json_out *w, const struct mtr_ev_frame *f, const struct strtab *st)
{
	return json_pack("{s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:b, s:b}",
			 "frame", (json_int_t)f->nr, "function",
			 json_text(w, strtab_str(st, f->function)), "file",
			 json_text(w, strtab_str(st, f->file)), "line", json_when(f->line, f->line),
			 "module", json_text(w, strtab_str(st, f->module)), "offset",
			 json_addr(f->offset), "pc", json_addr(f->pc), "size_bytes",
			 json_known(f->size), "depth_bytes", json_known(f->depth), "repeat",
			 (json_int_t)f->repeat, "cycle", (json_int_t)f->cycle, "inlined",
			 !!(f->flags & MTR_FRAME_INLINED), "signal",
			 !!(f->flags & MTR_FRAME_SIGNAL));
}

json_t *crashed_frames(struct json_out *w, const struct proc *p, const struct strtab *st)
{
	unsigned int nr = overflow_nr_frames(p);
	json_t *all = nr ? json_array() : json_null();

	for (unsigned int i = 0; i < nr; i++)
		json_array_append_new(all, frame(w, &p->frames[i], st));
	return all;
}
