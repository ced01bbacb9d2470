// SPDX-License-Identifier: GPL-2.0
#include "export/stacks_picture.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "export/stacks_int.h"
#include "util/text.h"

#define CELL 1024 /* bytes of a cell's text */
#define MIN_WIDTH 60u
#define MAX_WIDTH 160u
#define MAX_PLACES 512 /* things pointed to that are known again */

/* What is drawn with; the second of each is for --ascii. */
static const char *const glyphs[][2] = {
	{ "┌", "+" }, { "┐", "+" }, { "├", "+" }, { "┤", "+" },	    { "└", "+" },
	{ "┘", "+" }, { "│", "|" }, { "─", "-" }, { "┼─►", "|->" }, { "…", "~" },
};
enum { TOP_L, TOP_R, MID_L, MID_R, LOW_L, LOW_R, SIDE, LINE, ARROW, MORE };

struct pic {
	FILE *f;
	const struct stacks_report *r;
	const struct stack_thread *t;
	const struct report_style *style;
	unsigned int left, right; /* columns inside the frame, and beside it */
	uint64_t place[MAX_PLACES]; /* addresses pointed to, by their number − 1 */
	unsigned int nr_places;
};

enum colour { PLAIN, BOLD, HEAP, BAD };

static const char *sgr(const struct pic *p, enum colour c)
{
	static const char *const codes[] = { "", "\033[1m", "\033[36m", "\033[31m" };

	return p->style->color ? codes[c] : "";
}

static const char *off(const struct pic *p, enum colour c)
{
	return p->style->color && c != PLAIN ? "\033[0m" : "";
}

static const char *glyph(const struct pic *p, int g)
{
	return glyphs[g][p->style->ascii];
}

static void repeat(const struct pic *p, int g, unsigned int n)
{
	while (n--)
		fputs(glyph(p, g), p->f);
}

/* Bytes of the first @cols columns of @s, broken at a blank if there is one in the second half. */
static size_t cut(const char *s, unsigned int cols, unsigned int *ret_cols)
{
	size_t at = 0, blank = 0;
	unsigned int n = 0, blank_n = 0;

	while (s[at]) {
		size_t len = 1;

		while ((s[at + len] & 0xc0) == 0x80)
			len++;
		if (n == cols) {
			bool good = blank_n > cols / 2;

			*ret_cols = good ? blank_n : n;
			return good ? blank : at;
		}
		at += len;
		n++;
		if (s[at - 1] == ' ') {
			blank = at;
			blank_n = n;
		}
	}
	*ret_cols = n;
	return at;
}

/* One line of a cell; what is left of it is in *@s. */
static void put_line(const struct pic *p, const char **s, unsigned int cols, bool pad)
{
	unsigned int n;
	size_t len = cut(*s, cols, &n);

	fwrite(*s, 1, len, p->f);
	if (pad)
		fprintf(p->f, "%*s", (int)(cols - n), "");
	*s += len;
}

/* Two cells side by side; the right one may be "". */
static void put_cells(const struct pic *p, const char *left, const char *right, enum colour c)
{
	bool arrow = *right, first = true;

	do {
		fprintf(p->f, " %s%s", glyph(p, SIDE), first ? " " : "   ");
		put_line(p, &left, first ? p->left : p->left - 2, true);
		fputs(first && arrow ? " " : "", p->f);
		if (first && arrow) {
			fprintf(p->f, "%s%s%s ", sgr(p, c), glyph(p, ARROW), off(p, c));
		} else {
			fprintf(p->f, " %s", glyph(p, SIDE));
			fputs(*right ? (first ? "   " : "     ") : "", p->f);
		}
		if (*right) {
			fputs(sgr(p, c), p->f);
			put_line(p, &right, first ? p->right : p->right - 2, false);
			fputs(off(p, c), p->f);
		}
		fputs("\n", p->f);
		first = false;
	} while (*left || *right);
}

/* "┌ 0 add  lesson.c:29 ───┐ variables 12 B, frame 48 B" */
static void put_border(const struct pic *p, int l, int r, const char *name, const char *bytes)
{
	unsigned int n = 0;
	size_t len = cut(name, p->left - 1, &n);

	fprintf(p->f, " %s", glyph(p, l));
	if (*name)
		fprintf(p->f, " %s%.*s%s%s", sgr(p, BOLD), (int)len, name, off(p, BOLD),
			name[len] ? glyph(p, MORE) : " ");
	repeat(p, LINE, p->left + 2 - (*name ? n + 2 : 0));
	fprintf(p->f, "%s%s%s\n", glyph(p, r), *bytes ? " " : "", bytes);
}

/* The number by which what lies at an address is known in this picture; @ret_known: drawn before. */
static unsigned int number(struct pic *p, uint64_t addr, bool *ret_known)
{
	for (unsigned int i = 0; i < p->nr_places; i++) {
		if (p->place[i] == addr) {
			*ret_known = true;
			return i + 1;
		}
	}
	*ret_known = false;
	if (p->nr_places == MAX_PLACES)
		return 0;
	p->place[p->nr_places++] = addr;
	return p->nr_places;
}

/* What of the value lies over there: all that a string or vector holds, or what follows a pointer's address. */
static const char *far_value(const struct stack_var *v)
{
	const char *blank;

	if (!v->kind || !strcmp(v->kind, "null") || !v->v.value)
		return NULL;
	if (v->v.room >= 0)
		return v->v.value;
	if (strncmp(v->v.value, "0x", 2) != 0)
		return NULL;
	blank = strchr(v->v.value, ' ');
	return blank ? blank + 1 : "";
}

static size_t add(char *dst, size_t at, const char *s)
{
	size_t n = strlen(s), room = at < CELL ? CELL - 1 - at : 0;

	if (n > room)
		n = room;
	memcpy(dst + at, s, n);
	dst[at + n] = '\0';
	return at + n;
}

static size_t add_bytes(char *dst, size_t at, const char *before, int64_t v, const char *after)
{
	char buf[32];

	if (v < 0)
		return at;
	snprintf(buf, sizeof(buf), "%" PRId64, v);
	return add(dst, add(dst, add(dst, at, before), buf), after);
}

static enum colour colour_of(const struct stack_var *v)
{
	if (!strcmp(v->kind, "unmapped") || (v->chunk_bytes >= 0 && v->chunk_free))
		return BAD;
	return strcmp(v->kind, "heap") && strcmp(v->kind, "arena") ? PLAIN : HEAP;
}

static void target_text(struct pic *p, const struct stack_var *v, char dst[CELL])
{
	char buf[64];
	bool known;
	unsigned int nr;
	size_t n = 0;

	dst[0] = '\0';
	if (!v->kind)
		return;
	if (!strcmp(v->kind, "null")) {
		add(dst, 0, "nothing");
		return;
	}
	nr = number(p, v->v.target, &known);
	snprintf(buf, sizeof(buf), "#%u %s%s", nr, known ? "again: " : "", v->kind);
	n = add(dst, n, buf);
	if (v->region[0])
		n = add(dst, add(dst, n, " "), v->region);
	if (v->frame >= 0)
		n = add_bytes(dst, n, " frame ", v->frame, "");
	if (v->symbol[0])
		n = add(dst, add(dst, n, " "), v->symbol);
	snprintf(buf, sizeof(buf), " %" PRIx64, v->v.target);
	n = add(dst, n, buf);
	if (far_value(v) && *far_value(v))
		n = add(dst, add(dst, n, " "), far_value(v));
	n = add_bytes(dst, n, ": ", v->v.used, " B");
	n = add_bytes(dst, n, v->v.used < 0 ? ": of " : " of ", v->v.room, " B");
	n = add_bytes(dst, n, ", chunk ", v->chunk_bytes, " B");
	if (v->chunk_bytes >= 0 && v->chunk_free)
		add(dst, n, " FREE");
}

static void put_var(struct pic *p, const struct stack_var *v)
{
	char raw[CELL], left[CELL], target[CELL], right[CELL];
	size_t n = add(raw, add(raw, 0, v->v.inner ? "  " : ""), v->v.name);

	n = add(raw, add(raw, n, ": "), v->v.type ? v->v.type : "?");
	n = add_bytes(raw, n, " (", (int64_t)v->v.size, " B)");
	if (v->v.place == VAR_GONE)
		n = add(raw, n, " optimised out");
	if (v->v.value && !far_value(v))
		add(raw, add(raw, n, " = "), v->v.value);
	target_text(p, v, target);
	put_cells(p, text_clean(left, sizeof(left), raw, p->style->ascii),
		  text_clean(right, sizeof(right), target, p->style->ascii),
		  v->kind ? colour_of(v) : PLAIN);
}

/* An inlined call has no frame of its own: its variables are in the one around it. */
static void put_level(struct pic *p, const struct stack_frame *f, unsigned int level)
{
	char raw[CELL], fn[STACKS_NAME], where[STACKS_NAME], clean[CELL];

	if (f->name->name[level].inlined) {
		snprintf(raw, sizeof(raw), "inlined: %s  %s", stacks_function(fn, f, level),
			 stacks_where(where, f, level));
		put_cells(p, text_clean(clean, sizeof(clean), raw, p->style->ascii), "", PLAIN);
	}
	for (unsigned int i = 0; i < f->nr_vars; i++) {
		const struct stack_var *v = &f->var[i];

		/* what is nothing inside of something is in its value */
		if (v->v.level == level && !(v->v.inner && v->kind && !strcmp(v->kind, "null")))
			put_var(p, v);
	}
}

static void put_frame(struct pic *p, const struct stack_frame *f, unsigned int no)
{
	unsigned int outer = f->name->nr - 1;
	char raw[CELL], fn[STACKS_NAME], where[STACKS_NAME], clean[CELL], bytes[96] = "";

	snprintf(raw, sizeof(raw), "%u %s  %s", no, stacks_function(fn, f, outer),
		 stacks_where(where, f, outer));
	if (f->size >= 0 && f->nr_vars)
		snprintf(bytes, sizeof(bytes), "variables %" PRId64 " B, frame %" PRId64 " B",
			 f->vars_bytes, f->size);
	else if (f->size >= 0)
		snprintf(bytes, sizeof(bytes), "frame %" PRId64 " B", f->size);
	put_border(p, no == p->t->run[0].first ? TOP_L : MID_L,
		   no == p->t->run[0].first ? TOP_R : MID_R,
		   text_clean(clean, sizeof(clean), raw, p->style->ascii), bytes);
	for (unsigned int i = 0; i < f->name->nr; i++)
		put_level(p, f, i);
}

static void put_repeat(struct pic *p, const struct fold_run *run)
{
	int64_t turn = stacks_turn_bytes(p->t, run);
	char buf[128];
	size_t n;

	n = (size_t)snprintf(buf, sizeof(buf), "%u times in all", run->repeat);
	if (turn >= 0)
		snprintf(buf + n, sizeof(buf) - n, ", %" PRId64 " B a turn", turn);
	put_cells(p, buf, "", PLAIN);
}

int stacks_picture(FILE *f, const struct stacks_report *r, const struct stack_thread *t,
		   const struct report_style *style, unsigned int width)
{
	struct pic *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	width = width < MIN_WIDTH ? MIN_WIDTH : width > MAX_WIDTH ? MAX_WIDTH : width;
	p->f = f;
	p->r = r;
	p->t = t;
	p->style = style;
	p->left = width * 9 / 16 - 4;
	p->right = width - p->left - 8;
	fprintf(f, " %-*s %s\n", (int)p->left + 6, "STACK", "HEAP, DATA, CODE");
	for (unsigned int i = 0; i < t->nr_runs && !ferror(f); i++) {
		const struct fold_run *run = &t->run[i];

		for (unsigned int j = 0; j < run->len; j++)
			put_frame(p, &t->frame[run->first + j], run->first + j);
		if (run->repeat > 1)
			put_repeat(p, run);
	}
	if (t->nr)
		put_border(p, LOW_L, LOW_R, "", "");
	free(p);
	return ferror(f) ? -EIO : 0;
}
