// SPDX-License-Identifier: GPL-2.0
/* Which process? By RSS and what it does; Enter attaches. */
#include <stdlib.h>
#include <string.h>
#include "tui/ui.h"

#define BAR_W 16

enum { PSORT_RSS, PSORT_RATE, PSORT_PID, PSORT_NAME, PSORT_NR };
enum { C_PID, C_USER, C_NAME, C_RSS, C_BAR, C_RATE, C_NR };

static const struct column cols[C_NR] = {
	[C_PID] = { "PID", 7, 0, true, false, false },
	[C_USER] = { "USER", 10, 3, false, false, false },
	[C_NAME] = { "COMMAND", 10, 0, false, true, false },
	[C_RSS] = { "RSS", 6, 0, true, false, true },
	[C_BAR] = { "", BAR_W, 4, false, false, false },
	[C_RATE] = { "RATE", 9, 1, true, false, false },
};

static const int8_t col_of_sort[PSORT_NR] = { C_RSS, C_RATE, C_PID, C_NAME };

struct ctx {
	const struct tui_pick_row *rows;
	const unsigned int *order;
	uint64_t max;
};

struct sort {
	const struct tui_pick_row *rows;
	const struct view_state *vs;
};

static const struct tui_pick_row *row_at(const void *ctx, unsigned int i)
{
	const struct ctx *c = ctx;

	return &c->rows[c->order[i]];
}

static uint64_t pick_key(const void *ctx, unsigned int i)
{
	return (uint64_t)row_at(ctx, i)->pid;
}

static int pick_cmp(const void *pa, const void *pb, void *arg)
{
	const struct sort *s = arg;
	const struct tui_pick_row *a = &s->rows[*(const unsigned int *)pa];
	const struct tui_pick_row *b = &s->rows[*(const unsigned int *)pb];
	int d = 0;

	if (s->vs->sort == PSORT_RATE)
		d = a->rate < b->rate ? 1 : a->rate > b->rate ? -1 : 0;
	else if (s->vs->sort == PSORT_NAME)
		d = strcasecmp(a->comm, b->comm);
	if (!d && s->vs->sort != PSORT_PID)
		d = a->rss_bytes < b->rss_bytes ? 1 : a->rss_bytes > b->rss_bytes ? -1 : 0;
	if (!d)
		d = a->pid < b->pid ? -1 : 1;
	return s->vs->reverse ? -d : d;
}

static enum style pick_cell(const struct tui *t, const void *ctx, unsigned int row,
			    unsigned int col, char *buf, size_t sz)
{
	const struct tui_pick_row *p = row_at(ctx, row);
	enum style st = p->allowed ? ST_NORMAL : ST_DIM;

	switch (col) {
	case C_PID:
		snprintf(buf, sz, "%d", p->pid);
		return ST_DIM;
	case C_USER:
		snprintf(buf, sz, "%s", ui_text(t, p->user));
		return ST_DIM;
	case C_NAME:
		snprintf(buf, sz, "%s%s", ui_text(t, p->comm),
			 p->allowed ? "" : " (not yours: sudo)");
		return st;
	case C_RSS:
		ui_size(t, buf, (int64_t)p->rss_bytes);
		return st;
	case C_BAR:
		graph_bar_str(t, buf, BAR_W, (double)p->rss_bytes,
			      (double)((const struct ctx *)ctx)->max);
		return ST_CLASS + HC_HEAP;
	default:
		ui_rate(t, buf, p->rate);
		return *buf == '0' ? ST_DIM : style_of_growth(p->rate);
	}
}

static unsigned int pick_order(const struct tui *t, const struct tui_pick_row *rows,
			       unsigned int nr, unsigned int *order)
{
	const struct view_state *vs = &t->vs[UI_PICKER];
	struct sort s = { .rows = rows, .vs = vs };
	unsigned int n = 0;
	char text[160];

	for (unsigned int i = 0; i < nr; i++) {
		snprintf(text, sizeof(text), "%d %s %s", rows[i].pid, rows[i].user, rows[i].comm);
		if (rows_match(vs->filter, text))
			order[n++] = i;
	}
	if (n)
		qsort_r(order, n, sizeof(*order), pick_cmp, &s);
	return n;
}

static void pick_frame(struct tui *t, unsigned int nr, unsigned int shown, const char *note)
{
	const struct view_state *vs = &t->vs[UI_PICKER];
	struct line l = ui_line(t, 0, 0, t->w);

	ui_piece(&l, ST_BOLD, "memtrace");
	ui_piece(&l, ST_NORMAL, "  which process?");
	if (shown != nr)
		ui_piece(&l, ST_DIM, "  %u of %u", shown, nr);
	else
		ui_piece(&l, ST_DIM, "  %u", nr);
	if (note)
		ui_piece(&l, ST_WARN, "   %s", note);
	l = ui_line(t, t->h - 1, 0, t->w);
	if (t->filtering || vs->filter[0]) {
		ui_piece(&l, ST_KEY, " / ");
		ui_piece(&l, ST_BOLD, "%s%s", ui_text(t, vs->filter), t->filtering ? "_" : "");
		ui_piece(&l, ST_DIM, t->filtering ? "  Enter keep  Esc undo" : "  Esc clears");
		return;
	}
	ui_piece(&l, ST_KEY, " Enter");
	ui_piece(&l, ST_NORMAL, " trace ");
	ui_piece(&l, ST_KEY, " s");
	ui_piece(&l, ST_NORMAL, " sort ");
	ui_piece(&l, ST_KEY, " /");
	ui_piece(&l, ST_NORMAL, " filter ");
	ui_piece(&l, ST_KEY, " q");
	ui_piece(&l, ST_NORMAL, " quit");
}

void tui_pick_draw(struct tui *t, const struct tui_pick_row *rows, unsigned int nr,
		   const char *note)
{
	struct view_state *vs = &t->vs[UI_PICKER];
	unsigned int *order = calloc(nr + 1, sizeof(*order)), n;
	struct ctx c = { .rows = rows, .order = order };
	struct table tb = { .col = cols,
			    .nr_cols = C_NR,
			    .sort_col = col_of_sort[vs->sort],
			    .ctx = &c,
			    .cell = pick_cell,
			    .key_of = pick_key,
			    .empty = vs->filter[0] ? "no process fits the filter" :
						     "no processes" };

	if (!order)
		return;
	t->pick_sorts = PSORT_NR;
	tb.sort_up = vs->reverse != (vs->sort >= PSORT_PID);
	n = pick_order(t, rows, nr, order);
	for (unsigned int i = 0; i < n; i++)
		c.max = rows[order[i]].rss_bytes > c.max ? rows[order[i]].rss_bytes : c.max;
	ui_begin(t);
	t->cursor = true;
	pick_frame(t, nr, n, note);
	if (t->h > 3)
		table_draw(t, &tb, &vs->list, n, (struct rect){ 1, 0, t->h - 2, t->w });
	t->cursor = false;
	ui_end(t);
	free(order);
}
