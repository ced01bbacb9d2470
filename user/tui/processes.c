// SPDX-License-Identifier: GPL-2.0
/* `memtrace ps` on a terminal: the daemon's processes, like top. Keys are the picker's. */
#include <stdlib.h>
#include <string.h>
#include "tui/ui.h"

enum {
	C_PID,
	C_NAME,
	C_RSS,
	C_HEAP,
	C_ANON,
	C_STACK,
	C_FILE,
	C_1MIN,
	C_10MIN,
	C_1H,
	C_ROOM,
	C_FAULTS,
	C_VERDICT,
	C_GROUP,
	C_NR
};

static const struct column cols[C_NR] = {
	[C_PID] = { "PID", 7, 0, true, false, false },
	[C_NAME] = { "COMMAND", 8, 0, false, true, false },
	[C_RSS] = { "RSS", 6, 0, true, false, true },
	[C_HEAP] = { "HEAP", 6, 5, true, false, true },
	[C_ANON] = { "ANON", 6, 7, true, false, true },
	[C_STACK] = { "STACK", 6, 9, true, false, true },
	[C_FILE] = { "FILE", 6, 8, true, false, true },
	[C_1MIN] = { "1MIN", 8, 1, true, false, false },
	[C_10MIN] = { "10MIN", 8, 4, true, false, false },
	[C_1H] = { "1H", 8, 3, true, false, false },
	[C_ROOM] = { "ROOM", 6, 2, true, false, true },
	[C_FAULTS] = { "FLT/S", 5, 6, true, false, false },
	[C_VERDICT] = { "VERDICT", 9, 2, false, false, false },
	[C_GROUP] = { "GROUP", 16, 4, false, false, false },
};

static const int8_t col_of_sort[PS_SORTS] = { C_RSS, C_1MIN, C_ROOM, C_FAULTS, C_PID, C_NAME };

struct ctx {
	const struct ps_table *t;
	const unsigned int *order;
	const struct view_state *vs;
};

static const struct ps_row *row_at(const void *ctx, unsigned int i)
{
	const struct ctx *c = ctx;

	return &c->t->row[c->order[i]];
}

static uint64_t key_of(const void *ctx, unsigned int i)
{
	return row_at(ctx, i)->pid;
}

static int cmp(const void *pa, const void *pb, void *arg)
{
	const struct ctx *c = arg;
	int d = ps_cmp(&c->t->row[*(const unsigned int *)pa], &c->t->row[*(const unsigned int *)pb],
		       (enum ps_sort)c->vs->sort);

	return c->vs->reverse ? -d : d;
}

static enum style size_cell(const struct tui *t, char *buf, int64_t bytes)
{
	ui_size(t, buf, bytes);
	return bytes ? ST_NORMAL : ST_DIM;
}

static enum style rate_cell(const struct tui *t, const struct ps_row *p, unsigned int span,
			    char *buf, size_t sz)
{
	if (!p->known[span]) {
		snprintf(buf, sz, "%s", glyph(t, G_DASH));
		return ST_DIM;
	}
	ui_rate(t, buf, p->rate[span]);
	return *buf == '0' ? ST_DIM : style_of_growth(p->rate[span]);
}

static enum style room_cell(const struct tui *t, const struct ps_row *p, char *buf, size_t sz)
{
	if (p->headroom >= 0)
		return size_cell(t, buf, p->headroom);
	snprintf(buf, sz, "%s", glyph(t, G_DASH));
	return ST_DIM;
}

static enum style cell(const struct tui *t, const void *ctx, unsigned int row, unsigned int col,
		       char *buf, size_t sz)
{
	const struct ps_row *p = row_at(ctx, row);

	switch (col) {
	case C_PID:
		snprintf(buf, sz, "%u", p->pid);
		return ST_DIM;
	case C_NAME:
		snprintf(buf, sz, "%s", ui_text(t, p->comm));
		return ST_NORMAL;
	case C_RSS:
		return size_cell(t, buf, p->rss);
	case C_HEAP:
		return size_cell(t, buf, p->by_class[HC_HEAP]);
	case C_ANON:
		return size_cell(t, buf, p->by_class[HC_ANON]);
	case C_STACK:
		return size_cell(t, buf, p->by_class[HC_STACK]);
	case C_FILE:
		return size_cell(t, buf, p->by_class[HC_FILE] + p->by_class[HC_SHARED]);
	case C_1MIN:
	case C_10MIN:
	case C_1H:
		return rate_cell(t, p, col - C_1MIN, buf, sz);
	case C_ROOM:
		return room_cell(t, p, buf, sz);
	case C_FAULTS:
		fmt_count(buf, p->faults_per_s);
		return p->faults_per_s > 0 ? ST_NORMAL : ST_DIM;
	case C_VERDICT:
		snprintf(buf, sz, "%s", p->verdict);
		return strcmp(p->verdict, "leak_like") ? ST_DIM : ST_ALARM;
	default:
		snprintf(buf, sz, "%s", ui_text(t, p->group));
		return ST_NORMAL;
	}
}

static unsigned int make_order(struct ctx *c, unsigned int *order)
{
	unsigned int n = 0;
	char text[320];

	for (unsigned int i = 0; i < c->t->nr; i++) {
		const struct ps_row *r = &c->t->row[i];

		snprintf(text, sizeof(text), "%u %s %s %s", r->pid, r->comm, r->group, r->verdict);
		if (rows_match(c->vs->filter, text))
			order[n++] = i;
	}
	if (n)
		qsort_r(order, n, sizeof(*order), cmp, c);
	return n;
}

static void head(struct tui *t, const struct ps_table *pt, unsigned int shown, const char *note)
{
	struct line l = ui_line(t, 0, 0, t->w);
	char rss[UNITS_LEN];
	int64_t sum = 0;

	for (unsigned int i = 0; i < pt->nr; i++)
		sum += pt->row[i].rss;
	ui_piece(&l, ST_BOLD, "memtrace ps");
	if (shown != pt->nr)
		ui_piece(&l, ST_NORMAL, "  %u of %u", shown, pt->nr);
	else
		ui_piece(&l, ST_NORMAL, "  %u processes", pt->nr);
	ui_piece(&l, ST_NORMAL, "  RSS %s", ui_size(t, rss, sum));
	ui_piece(&l, pt->lost ? ST_WARN : ST_DIM, "  lost %llu", (unsigned long long)pt->lost);
	if (pt->nr_beyond)
		ui_piece(&l, ST_WARN, "  %u beyond max-processes", pt->nr_beyond);
	if (pt->nr_unfollowed)
		ui_piece(&l, ST_WARN, "  %llu not followed", (unsigned long long)pt->nr_unfollowed);
	if (note)
		ui_piece(&l, ST_WARN, "  %s", note);
	if (pt->self_cpu_percent >= 0)
		ui_piece(&l, ST_DIM, "  self %.1f%%", pt->self_cpu_percent);
	ui_piece(&l, ST_DIM, " %s", ui_size(t, rss, (int64_t)pt->self_rss));
}

static void foot(struct tui *t, const struct view_state *vs)
{
	static const char *const keys[][2] = {
		{ " Enter", " look " }, { " s", " sort " }, { " S", " reverse " },
		{ " /", " filter " },	{ " q", " quit" },
	};
	struct line l = ui_line(t, t->h - 1, 0, t->w);

	if (t->filtering || vs->filter[0]) {
		ui_piece(&l, ST_KEY, " / ");
		ui_piece(&l, ST_BOLD, "%s%s", ui_text(t, vs->filter), t->filtering ? "_" : "");
		ui_piece(&l, ST_DIM, t->filtering ? "  Enter keep  Esc undo" : "  Esc clears");
		return;
	}
	for (unsigned int i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		ui_piece(&l, ST_KEY, "%s", keys[i][0]);
		ui_piece(&l, ST_NORMAL, "%s", keys[i][1]);
	}
}

void tui_ps_draw(struct tui *t, const struct ps_table *pt, const char *note)
{
	struct view_state *vs = &t->vs[UI_PICKER];
	unsigned int *order = calloc(pt->nr + 1, sizeof(*order)), n;
	struct ctx c = { .t = pt, .order = order, .vs = vs };
	struct table tb = { .col = cols,
			    .nr_cols = C_NR,
			    .sort_col = col_of_sort[vs->sort % PS_SORTS],
			    .ctx = &c,
			    .cell = cell,
			    .key_of = key_of,
			    .empty = vs->filter[0] ? "no process fits the filter" :
						     "nobody is traced" };

	if (!order)
		return;
	t->pick_sorts = PS_SORTS;
	tb.sort_up = vs->reverse !=
		     (vs->sort == PS_PID || vs->sort == PS_NAME || vs->sort == PS_HEADROOM);
	n = make_order(&c, order);
	ui_begin(t);
	t->cursor = true;
	head(t, pt, n, note);
	foot(t, vs);
	if (t->h > 3)
		table_draw(t, &tb, &vs->list, n, (struct rect){ 1, 0, t->h - 2, t->w });
	t->cursor = false;
	ui_end(t);
	free(order);
}
