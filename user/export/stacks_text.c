// SPDX-License-Identifier: GPL-2.0
/* Stacks for people. Threads that stand at the same place are told once. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "export/stacks_int.h"
#include "export/stacks_picture.h"
#include "util/clock.h"
#include "util/text.h"
#include "util/units.h"

struct text {
	FILE *f;
	const struct stacks_report *r;
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

static void put_head(const struct text *t)
{
	time_t now = (time_t)(t->r->now_real_ns / NSEC_PER_SEC);
	char when[32];
	struct tm tm;

	gmtime_r(&now, &tm);
	strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &tm);
	put(t, strtab_str(t->r->model->st, t->r->p->comm));
	fprintf(t->f, "[%" PRIu32 "]  %u thread%s  %s UTC\n", t->r->p->pid, t->r->nr,
		t->r->nr == 1 ? "" : "s", when);
	if (t->r->at) {
		fprintf(t->f, "AT    %s ",
			!strcmp(t->r->at->what, "call")	 ? "before the call of" :
			!strcmp(t->r->at->what, "entry") ? "in" :
							   "after the return of");
		put(t, t->r->at->function);
		fprintf(t->f, ", call %u\n", t->r->at->call);
	}
	if (t->r->note)
		fprintf(t->f, "NOTE  %s\n", t->r->note);
}

static void put_depth(const struct text *t, const struct stack_info *si)
{
	const char *most = t->style->ascii ? "<" : "≤";
	char b[UNITS_LEN];

	fprintf(t->f, "  depth %s", size(t, b, si->depth));
	fprintf(t->f, "  high %s%s", si->high_water < 0 || si->high_water_exact ? "" : most,
		size(t, b, si->high_water));
	fprintf(t->f, "  limit %s", size(t, b, si->limit));
	fprintf(t->f, "  left %s", size(t, b, si->headroom));
}

static void put_thread(const struct text *t, const struct stack_thread *th)
{
	struct stack_info si;
	char b[UNITS_LEN];

	fprintf(t->f, "\n#%" PRIu32 " ", th->tid);
	put(t, strtab_str(t->r->model->st, th->model->comm));
	if (th->model->state)
		fprintf(t->f, " %c", th->model->state);
	if (th->custom) {
		fputs("  on a stack of its own making: a coroutine's or an alternate one, of unknown size",
		      t->f);
	} else {
		thread_stack_info(t->r->p, th->model, &si);
		put_depth(t, &si);
	}
	if (th->stopped_ns)
		fprintf(t->f, "  stopped for %s", fmt_duration(b, (uint64_t)th->stopped_ns));
	fputs("\n", t->f);
}

/* Others at the very same place, each with no more than its name. */
static void put_others(const struct text *t, const struct stack_thread *first, const bool *grouped,
		       const unsigned int *leader)
{
	unsigned int me = (unsigned int)(first - t->r->thread), nr = 0;

	for (unsigned int i = me + 1; i < t->r->nr; i++)
		nr += grouped[i] && leader[i] == me;
	if (!nr)
		return;
	fprintf(t->f, "and %u more at the same place:", nr);
	for (unsigned int i = me + 1, shown = 0; i < t->r->nr && shown < 8; i++) {
		if (!grouped[i] || leader[i] != me)
			continue;
		fprintf(t->f, " #%" PRIu32, t->r->thread[i].tid);
		shown++;
	}
	fputs(nr > 8 ? (t->style->ascii ? " ...\n" : " …\n") : "\n", t->f);
}

static void put_frame(const struct text *t, const struct stack_frame *f, unsigned int no)
{
	char b[UNITS_LEN], num[32] = "-", raw[STACKS_NAME];
	const struct sym_addr *a = f->name;

	if (f->size >= 0)
		snprintf(num, sizeof(num), "%" PRId64, f->size);
	fprintf(t->f, "%5u %8s %7s  ", no, num, size(t, b, f->depth));
	for (unsigned int i = 0; i < a->nr; i++) {
		const char *where = stacks_where(raw, f, i);
		char fn[STACKS_NAME];

		if (i)
			fprintf(t->f, "%24s", "");
		put(t, stacks_function(fn, f, i));
		if (a->name[i].inlined)
			fputs(" (inlined)", t->f);
		else if (f->at.signal)
			fputs(" (signal handler returns here)", t->f);
		fputs(*where ? "  " : "", t->f);
		put(t, where);
		fputs("\n", t->f);
	}
}

static void put_repeat(const struct text *t, const struct stack_thread *th,
		       const struct fold_run *run)
{
	int64_t turn = stacks_turn_bytes(th, run);
	const struct stack_frame *last = &th->frame[run->first + run->len * run->repeat - 1];
	int64_t all = th->frame[run->first].depth - last->depth + last->size;
	char b[UNITS_LEN];

	fprintf(t->f, "%s %u times", t->style->ascii ? "      ^" : "      ↑", run->repeat);
	if (run->len > 1)
		fprintf(t->f, ", a cycle of %u functions", run->len);
	if (turn >= 0)
		fprintf(t->f, ", %" PRId64 " B a turn", turn);
	if (last->size >= 0 && last->depth >= 0)
		fprintf(t->f, ", %s in all", size(t, b, all));
	fputs("\n", t->f);
}

static void put_end(const struct text *t, const struct stack_thread *th)
{
	switch (th->end) {
	case UNWIND_DONE:
		break;
	case UNWIND_NO_CFI:
		fputs("      (ends here: no unwind information for this code)\n", t->f);
		break;
	case UNWIND_OUTSIDE:
		fputs("      (ends here: the rest of the stack was not copied)\n", t->f);
		break;
	case UNWIND_BROKEN:
		fputs(th->partial ? "      (ends here: a register that is needed is not known)\n" :
				    "      (ends here: what the stack says next cannot be)\n",
		      t->f);
		break;
	case UNWIND_LIMIT:
		fputs("      (ends here: more frames than are shown)\n", t->f);
		break;
	}
}

static void put_stack(const struct text *t, const struct stack_thread *th)
{
	if (th->skipped) {
		fprintf(t->f, "      skipped: %s\n", th->skipped);
		return;
	}
	if (t->r->vars) {
		stacks_picture(t->f, t->r, th, t->style, t->style->width ? t->style->width : 80);
		put_end(t, th);
		return;
	}
	fprintf(t->f, "%5s %8s %7s  %s\n", "FRAME", "BYTES", "DEPTH", "FUNCTION, innermost first");
	for (unsigned int i = 0; i < th->nr_runs && !ferror(t->f); i++) {
		const struct fold_run *run = &th->run[i];

		for (unsigned int j = 0; j < run->len; j++)
			put_frame(t, &th->frame[run->first + j], run->first + j);
		if (run->repeat > 1)
			put_repeat(t, th, run);
	}
	put_end(t, th);
}

/* Which threads are told with an earlier one; quick, because same stacks have the same hash. */
static void group(const struct stacks_report *r, bool *grouped, unsigned int *leader)
{
	for (unsigned int i = 0; i < r->nr; i++) {
		for (unsigned int j = 0; j < i && !grouped[i]; j++) {
			if (grouped[j] || !stacks_same(&r->thread[j], &r->thread[i]))
				continue;
			grouped[i] = true;
			leader[i] = j;
		}
	}
}

int stacks_text(FILE *f, const struct stacks_report *r, const struct report_style *style)
{
	const struct text t = { .f = f, .r = r, .style = style };
	unsigned int *leader = calloc(r->nr + 1, sizeof(*leader));
	bool *grouped = calloc(r->nr + 1, sizeof(*grouped));

	if (!leader || !grouped) {
		free(leader);
		free(grouped);
		return -ENOMEM;
	}
	/* same places, but each its own values */
	if (!r->vars)
		group(r, grouped, leader);
	put_head(&t);
	for (unsigned int i = 0; i < r->nr && !ferror(f); i++) {
		if (grouped[i])
			continue;
		put_thread(&t, &r->thread[i]);
		put_others(&t, &r->thread[i], grouped, leader);
		put_stack(&t, &r->thread[i]);
	}
	free(leader);
	free(grouped);
	return ferror(f) ? -EIO : 0;
}
