// SPDX-License-Identifier: GPL-2.0
#include "export/stacks.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "export/stacks_int.h"
#include "util/text.h"
#include "util/units.h"

const char *stacks_function(char buf[STACKS_NAME], const struct stack_frame *f, unsigned int i)
{
	const struct sym_addr *a = f->name;

	if (a->name[i].function)
		return a->name[i].function;
	if (a->module)
		snprintf(buf, STACKS_NAME, "%s+0x%" PRIx64, a->module, stacks_offset(f));
	else
		snprintf(buf, STACKS_NAME, "0x%" PRIx64, f->at.pc);
	return buf;
}

const char *stacks_where(char buf[STACKS_NAME], const struct stack_frame *f, unsigned int i)
{
	const struct sym_addr *a = f->name;
	const struct sym_name *n = &a->name[i];
	const char *base;

	if (n->file) {
		base = strrchr(n->file, '/');
		snprintf(buf, STACKS_NAME, n->line ? "%s:%u" : "%s",
			 base && base[1] ? base + 1 : n->file, n->line);
	} else if (n->function && a->module) {
		snprintf(buf, STACKS_NAME, "%s+0x%" PRIx64, a->module, stacks_offset(f));
	} else {
		buf[0] = '\0';
	}
	return buf;
}

bool stacks_same(const struct stack_thread *a, const struct stack_thread *b)
{
	if (a->hash != b->hash || a->nr != b->nr || a->skipped || b->skipped || a->end != b->end)
		return false;
	for (unsigned int i = 0; i < a->nr; i++)
		if (a->frame[i].at.pc != b->frame[i].at.pc || a->frame[i].size != b->frame[i].size)
			return false;
	return true;
}

int64_t stacks_turn_bytes(const struct stack_thread *t, const struct fold_run *run)
{
	int64_t turn = -1;

	for (unsigned int i = 0; i < run->repeat; i++) {
		int64_t sum = 0;

		for (unsigned int j = 0; j < run->len; j++) {
			int64_t size = t->frame[run->first + i * run->len + j].size;

			if (size < 0)
				return -1;
			sum += size;
		}
		if (turn >= 0 && turn != sum)
			return -1;
		turn = sum;
	}
	return turn;
}

/* ---- folded */

/* ";" parts names and a newline ends them: a name has neither here. */
static void put_name(FILE *f, const char *raw)
{
	char buf[STACKS_NAME];

	text_clean(buf, sizeof(buf), raw, 0);
	for (char *s = buf; *s; s++)
		fputc(*s == ';' ? ':' : *s, f);
}

static void put_path(FILE *f, const struct stack_thread *t, unsigned int innermost)
{
	char buf[STACKS_NAME];

	for (unsigned int i = t->nr; i-- > innermost;) {
		const struct sym_addr *a = t->frame[i].name;

		for (unsigned int n = a->nr; n--;) {
			fputc(';', f);
			put_name(f, stacks_function(buf, &t->frame[i], n));
		}
	}
}

/* A recursion of a hundred thousand turns would be as many long lines: its depth is cut. */
#define FOLDED_MAX 512

int stacks_folded(FILE *f, const struct stacks_report *r)
{
	for (unsigned int i = 0; i < r->nr; i++) {
		const struct stack_thread *t = &r->thread[i];
		const char *comm = strtab_str(r->model->st, t->model->comm);
		int64_t rest = 0;

		for (unsigned int j = 0; j < t->nr && !ferror(f); j++) {
			if (t->frame[j].size < 0)
				continue;
			if (t->nr - j > FOLDED_MAX) {
				rest += t->frame[j].size;
				continue;
			}
			put_name(f, comm);
			put_path(f, t, j);
			fprintf(f, " %" PRId64 "\n", t->frame[j].size + rest);
			rest = 0;
		}
	}
	return ferror(f) ? -EIO : 0;
}

/* ---- what takes most */

struct large {
	const struct stack_frame *frame;
	uint64_t count, bytes;
	uint32_t tid; /* the only thread; 0: several */
};

static int by_place(const void *pa, const void *pb)
{
	const struct large *a = pa, *b = pb;

	if (a->frame->at.pc != b->frame->at.pc)
		return a->frame->at.pc < b->frame->at.pc ? -1 : 1;
	return a->frame->size < b->frame->size ? 1 : a->frame->size > b->frame->size ? -1 : 0;
}

static int by_bytes(const void *pa, const void *pb)
{
	const struct large *a = pa, *b = pb;

	if (a->bytes != b->bytes)
		return a->bytes < b->bytes ? 1 : -1;
	return by_place(pa, pb);
}

static struct large *collect(const struct stacks_report *r, size_t *ret_nr)
{
	size_t nr = 0, out = 0;
	struct large *l;

	for (unsigned int i = 0; i < r->nr; i++)
		nr += r->thread[i].nr;
	l = calloc(nr + 1, sizeof(*l));
	if (!l)
		return NULL;
	nr = 0;
	for (unsigned int i = 0; i < r->nr; i++) {
		const struct stack_thread *t = &r->thread[i];

		for (unsigned int j = 0; j < t->nr; j++)
			if (t->frame[j].size > 0)
				l[nr++] = (struct large){ &t->frame[j], 1,
							  (uint64_t)t->frame[j].size, t->tid };
	}
	qsort(l, nr, sizeof(*l), by_place);
	for (size_t i = 0; i < nr; i++) {
		if (out && !by_place(&l[out - 1], &l[i])) {
			l[out - 1].count++;
			l[out - 1].bytes += l[i].bytes;
			if (l[out - 1].tid != l[i].tid)
				l[out - 1].tid = 0;
		} else {
			l[out++] = l[i];
		}
	}
	qsort(l, out, sizeof(*l), by_bytes);
	*ret_nr = out;
	return l;
}

static const char *bytes(char buf[UNITS_LEN], const struct report_style *style, uint64_t v)
{
	if (!style->bytes)
		return fmt_size(buf, (int64_t)v);
	snprintf(buf, UNITS_LEN, "%" PRIu64, v);
	return buf;
}

#define LARGEST_ROWS 40

int stacks_largest(FILE *f, const struct stacks_report *r, const struct report_style *style)
{
	char b[UNITS_LEN], raw[STACKS_NAME], clean[STACKS_NAME], who[16];
	int w = style->bytes ? 12 : 6;
	struct large *l;
	size_t nr;

	l = collect(r, &nr);
	if (!l)
		return -ENOMEM;
	fprintf(f, "%*s %*s %8s %8s  %s\n", w, "TOTAL", w, "SIZE", "TIMES", "THREAD", "FRAME");
	for (size_t i = 0; i < nr && i < LARGEST_ROWS && !ferror(f); i++) {
		const struct stack_frame *fr = l[i].frame;
		unsigned int outer = fr->name->nr - 1;

		snprintf(who, sizeof(who), l[i].tid ? "%u" : "several", l[i].tid);
		fprintf(f, "%*s", w, bytes(b, style, l[i].bytes));
		fprintf(f, " %*s", w, bytes(b, style, (uint64_t)l[i].frame->size));
		fprintf(f, " %8" PRIu64 " %8s  ", l[i].count, who);
		text_clean(clean, sizeof(clean), stacks_function(raw, fr, outer), style->ascii);
		fprintf(f, "%s", clean);
		text_clean(clean, sizeof(clean), stacks_where(raw, fr, outer), style->ascii);
		fprintf(f, "%s%s\n", *clean ? "  " : "", clean);
	}
	if (nr > LARGEST_ROWS)
		fprintf(f, "and %zu more\n", nr - LARGEST_ROWS);
	free(l);
	return ferror(f) ? -EIO : 0;
}
