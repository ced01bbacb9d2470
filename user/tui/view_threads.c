// SPDX-License-Identifier: GPL-2.0
/* Threads and how much room their stacks have. */
#include <inttypes.h>
#include <string.h>
#include "tui/ui.h"

enum {
	C_TID,
	C_NAME,
	C_STATE,
	C_START,
	C_END,
	C_DEPTH,
	C_HIGH,
	C_LIMIT,
	C_BAR,
	C_HEAD,
	C_USED,
	C_GROWTH,
	C_FAULTS,
	C_NR
};

#define BAR_W 10

static const struct column cols[C_NR] = {
	[C_TID] = { "TID", 7, 0, true, false, false },
	[C_NAME] = { "NAME", 14, 0, false, true, false },
	[C_STATE] = { "S", 1, 4, false, false, false },
	[C_START] = { "STACK", 12, 7, true, false, false },
	[C_END] = { "END", 12, 9, true, false, false },
	[C_DEPTH] = { "DEPTH", 5, 1, true, false, true },
	[C_HIGH] = { "HIGH", 6, 1, true, false, true },
	[C_LIMIT] = { "LIMIT", 5, 2, true, false, true },
	[C_BAR] = { "IN USE", BAR_W, 5, false, false, false },
	[C_HEAD] = { "ROOM", 5, 0, true, false, true },
	[C_USED] = { "USED", 5, 0, true, false, false },
	[C_GROWTH] = { "GREW", 5, 3, true, false, false },
	[C_FAULTS] = { "FAULTS", 6, 6, true, false, false },
};

static const int8_t col_of_sort[TSORT_NR] = {
	[TSORT_HEADROOM] = C_HEAD, [TSORT_TID] = C_TID,		[TSORT_NAME] = C_NAME,
	[TSORT_DEPTH] = C_DEPTH,   [TSORT_HIGH_WATER] = C_HIGH, [TSORT_GROWTH] = C_GROWTH,
	[TSORT_FAULTS] = C_FAULTS,
};

struct ctx {
	const struct thread_rows *rows;
	const struct tui_frame *f;
};

static uint64_t thread_key(const void *ctx, unsigned int i)
{
	return ((const struct ctx *)ctx)->rows->row[i].t->tid;
}

static enum style use_style(const struct stack_info *si)
{
	int used = stack_used_percent(si);

	return used >= 95 ? ST_ALARM : used >= STACK_WARN_PERCENT ? ST_WARN : ST_NORMAL;
}

static enum style put_known(const struct tui *t, char *buf, int64_t bytes, enum style st)
{
	if (bytes < 0) {
		strcpy(buf, glyph(t, G_DASH));
		return ST_DIM;
	}
	ui_size(t, buf, bytes);
	return st;
}

static enum style stack_cell(const struct tui *t, const struct stack_info *si, unsigned int col,
			     char *buf, size_t sz)
{
	char a[UNITS_LEN];
	int used = stack_used_percent(si);
	int64_t high = si->high_water > si->depth ? si->high_water : si->depth;

	switch (col) {
	case C_DEPTH:
		return put_known(t, buf, si->depth, ST_NORMAL);
	case C_HIGH:
		if (si->high_water < 0)
			return put_known(t, buf, -1, ST_DIM);
		snprintf(buf, sz, "%s%s", si->high_water_exact ? "" : glyph(t, G_LE),
			 ui_size(t, a, si->high_water));
		return use_style(si);
	case C_LIMIT:
		return put_known(t, buf, si->limit, ST_DIM);
	case C_BAR:
		graph_bar_str(t, buf, BAR_W, (double)high, (double)si->limit);
		return use_style(si) == ST_NORMAL ? ST_CLASS + HC_STACK : use_style(si);
	case C_HEAD:
		return put_known(t, buf, si->headroom, use_style(si));
	default:
		if (used < 0)
			return put_known(t, buf, -1, ST_DIM);
		snprintf(buf, sz, "%s%d%%", used >= STACK_WARN_PERCENT ? "!" : "", used);
		return use_style(si);
	}
}

static enum style thread_cell(const struct tui *t, const void *pctx, unsigned int row,
			      unsigned int col, char *buf, size_t sz)
{
	const struct ctx *c = pctx;
	const struct thread_row *tr = &c->rows->row[row];
	const struct thread *th = tr->t;

	switch (col) {
	case C_TID:
		snprintf(buf, sz, "%u", th->tid);
		return ST_DIM;
	case C_NAME:
		snprintf(buf, sz, "%s%s", ui_text(t, strtab_str(c->f->model->st, th->comm)),
			 th->is_main ? " main" : "");
		return ST_NORMAL;
	case C_STATE:
		snprintf(buf, sz, "%c", th->state >= 'A' && th->state <= 'z' ? th->state : '?');
		return th->state == 'R' ? ST_BOLD : ST_DIM;
	case C_START:
	case C_END:
		if (th->stack_end)
			snprintf(buf, sz, "%" PRIx64,
				 col == C_START ? th->stack_start : th->stack_end);
		else
			strcpy(buf, glyph(t, G_DASH));
		return ST_DIM;
	case C_GROWTH:
		fmt_count(buf, (double)th->nr_growth);
		return th->nr_growth ? ST_GROW : ST_DIM;
	case C_FAULTS:
		fmt_count(buf, (double)th->faults);
		return th->faults ? ST_NORMAL : ST_DIM;
	default:
		return stack_cell(t, &tr->stack, col, buf, sz);
	}
}

static void threads_draw(struct tui *t, const struct tui_frame *f, struct rect r)
{
	struct view_state *vs = ui_vs(t);
	struct ctx c = { .rows = &t->threads, .f = f };
	struct table tb = {
		.col = cols,
		.nr_cols = C_NR,
		.sort_col = col_of_sort[vs->sort],
		.ctx = &c,
		.cell = thread_cell,
		.key_of = thread_key,
		.empty = vs->filter[0] ? "no thread fits the filter (Esc clears it)" :
					 "no threads are known yet",
	};

	tb.sort_up = vs->reverse != (vs->sort <= TSORT_NAME);
	rows_threads(&t->threads, f->proc, f->model->st, vs->filter, vs->sort, vs->reverse);
	if (!t->cursor)
		vs->list.key = 0;
	table_draw(t, &tb, &vs->list, t->threads.nr, r);
}

static void threads_detail(struct tui *t, const struct tui_frame *f, struct rect r)
{
	struct view_state *vs = ui_vs(t);
	struct ctx c = { .rows = &t->threads, .f = f };
	const struct thread *th;
	struct page pg;
	char name[320];

	rows_threads(&t->threads, f->proc, f->model->st, vs->filter, vs->sort, vs->reverse);
	list_sync(&vs->list, t->threads.nr, r.h, thread_key, &c);
	if (!t->threads.nr) {
		t->detail = false;
		return;
	}
	th = t->threads.row[vs->list.sel].t;
	snprintf(name, sizeof(name), "%s#%u", strtab_str(f->model->st, th->comm), th->tid);
	pg = page_begin(t, r, ui_text(t, name));
	page_thread(&pg, f, th);
	t->detail_tid = th->tid;
	if (f->stack && f->stack_tid == th->tid)
		page_lines(&pg, f->stack);
	page_end(&pg);
}

const struct view_ops view_threads = {
	.name = "Threads",
	.nr_sorts = TSORT_NR,
	.draw = threads_draw,
	.detail = threads_detail,
};
