// SPDX-License-Identifier: GPL-2.0
/*
 * Who grew it, live: net bytes by call path, or folded by function, module or
 * line. Watching call paths costs, so that it begins when this view is opened;
 * what was there then is 'before'.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "tui/ui.h"
#include "util/clock.h"

enum { FOLD_PATH, FOLD_FUNCTION, FOLD_MODULE, FOLD_LINE, FOLD_NR };

static const char *const fold_titles[] = { NULL, "FUNCTION", "MODULE", "SOURCE LINE" };

/* A row: one path, or all of the same name. */
struct grown {
	const struct tui_path *p; /* the largest of them */
	const char *name;
	unsigned int nr; /* paths */
	int64_t net, gross, released, since_mark;
	double rate;
};

enum {
	C_NET,
	C_MARK,
	C_RATE,
	C_GROSS,
	C_FREED,
	C_SHARE,
	C_KIND,
	C_THREADS,
	C_VERDICT,
	C_NAME,
	C_NR
};

static const struct column cols[C_NR] = {
	[C_NET] = { "NET", 6, 0, true, false, true },
	[C_MARK] = { "+MARK", 6, 4, true, false, true },
	[C_RATE] = { "RATE", 8, 1, true, false, false },
	[C_GROSS] = { "GROSS", 6, 6, true, false, true },
	[C_FREED] = { "FREED", 6, 3, true, false, true },
	[C_SHARE] = { "SHARE", 5, 2, true, false, false },
	[C_KIND] = { "KIND", 6, 5, false, false, false },
	[C_THREADS] = { "THR", 3, 7, true, false, false },
	[C_VERDICT] = { "VERDICT", 9, 1, false, false, false },
	[C_NAME] = { "CALL PATH, innermost first", 24, 0, false, true, false },
};

enum { GSORT_NET, GSORT_MARK, GSORT_RATE, GSORT_GROSS, GSORT_FREED, GSORT_NR };

static const int8_t col_of_sort[GSORT_NR] = { C_NET, C_MARK, C_RATE, C_GROSS, C_FREED };

struct ctx {
	const struct grown *row;
	int64_t whole; /* 100 % */
};

static uint64_t grown_key(const void *ctx, unsigned int i)
{
	const struct grown *g = &((const struct ctx *)ctx)->row[i];
	uint64_t h = 1469598103934665603ull;

	for (const char *c = g->name; *c; c++)
		h = (h ^ (uint8_t)*c) * 1099511628211ull;
	for (unsigned int k = 0; g->nr == 1 && k < g->p->nr_frames; k++)
		for (const char *c = g->p->frame[k]; *c; c++)
			h = (h ^ (uint8_t)*c) * 1099511628211ull;
	return h | 1;
}

void growth_fold(struct tui *t)
{
	t->fold = (t->fold + 1) % FOLD_NR;
	ui_vs(t)->list = (struct list){ 0 };
}

static const char *name_of(const struct tui_path *p, unsigned int fold)
{
	const char *name = fold == FOLD_MODULE ? p->module :
			   fold == FOLD_LINE   ? p->line :
						 p->function;

	return name && *name ? name : "?";
}

static struct grown *row_of(struct tui *t, const char *name, bool alone)
{
	for (unsigned int i = 0; !alone && i < t->nr_grown; i++)
		if (!strcmp(t->grown[i].name, name))
			return &t->grown[i];
	if (t->nr_grown == t->cap_grown) {
		unsigned int cap = t->cap_grown ? 2 * t->cap_grown : 64;
		struct grown *g = reallocarray(t->grown, cap, sizeof(*g));

		if (!g)
			return NULL;
		t->grown = g;
		t->cap_grown = cap;
	}
	t->grown[t->nr_grown] = (struct grown){ .name = name };
	return &t->grown[t->nr_grown++];
}

static double value(const struct grown *g, unsigned int sort)
{
	switch (sort) {
	case GSORT_MARK:
		return (double)g->since_mark;
	case GSORT_RATE:
		return g->rate;
	case GSORT_GROSS:
		return (double)g->gross;
	case GSORT_FREED:
		return (double)g->released;
	default:
		return (double)g->net;
	}
}

static int in_order(const void *a, const void *b, void *view)
{
	const struct view_state *vs = view;
	double x = value(a, vs->sort), y = value(b, vs->sort);

	if (x == y)
		return strcmp(((const struct grown *)a)->name, ((const struct grown *)b)->name);
	return (x < y) == !vs->reverse ? 1 : -1;
}

/* The filter's words are looked for in every frame. */
static bool fits(const struct tui_path *p, const char *filter)
{
	if (!*filter || strstr(name_of(p, FOLD_MODULE), filter))
		return true;
	for (unsigned int i = 0; i < p->nr_frames; i++)
		if (strstr(p->frame[i], filter))
			return true;
	return false;
}

static void make_rows(struct tui *t, const struct tui_growth *gr)
{
	struct view_state *vs = ui_vs(t);

	t->nr_grown = 0;
	for (unsigned int i = 0; i < gr->nr; i++) {
		const struct tui_path *p = &gr->path[i];
		struct grown *g;

		if (!fits(p, vs->filter))
			continue;
		g = row_of(t, name_of(p, t->fold), t->fold == FOLD_PATH);
		if (!g)
			break;
		if (!g->nr++)
			g->p = p;
		g->net += p->net;
		g->gross += p->gross;
		g->released += p->released;
		g->since_mark += p->since_mark;
		g->rate += p->rate;
	}
	if (t->nr_grown)
		qsort_r(t->grown, t->nr_grown, sizeof(*t->grown), in_order, vs);
}

/* "sdsnewlen < hashTypeSet < hsetCommand" from the first frame of the program's own. */
static void path_text(const struct tui *t, const struct tui_path *p, char *buf, size_t sz)
{
	size_t len = 0;
	bool own = false;

	*buf = 0;
	for (unsigned int i = 0; i < p->nr_frames && len + 1 < sz; i++) {
		const char *name = p->frame[i];

		own |= p->function && !strncmp(name, p->function, strlen(p->function));
		if (own)
			len += (size_t)snprintf(buf + len, sz - len, "%s%.*s", len ? " < " : "",
						(int)strcspn(name, " "), ui_text(t, name));
	}
	if (!*buf)
		snprintf(buf, sz, "%s", ui_text(t, name_of(p, FOLD_FUNCTION)));
}

static enum style size_cell(const struct tui *t, char *buf, int64_t bytes, bool growth)
{
	if (growth)
		ui_growth(t, buf, bytes);
	else
		ui_size(t, buf, bytes);
	return !bytes ? ST_DIM : growth ? style_of_growth((double)bytes) : ST_NORMAL;
}

static enum style grown_cell(const struct tui *t, const void *pctx, unsigned int row,
			     unsigned int col, char *buf, size_t sz)
{
	const struct ctx *c = pctx;
	const struct grown *g = &c->row[row];

	switch (col) {
	case C_NET:
		return size_cell(t, buf, g->net, true);
	case C_MARK:
		return size_cell(t, buf, g->since_mark, true);
	case C_GROSS:
		return size_cell(t, buf, g->gross, false);
	case C_FREED:
		return size_cell(t, buf, g->released, false);
	case C_RATE:
		ui_rate(t, buf, g->rate);
		return *buf == '0' ? ST_DIM : style_of_growth(g->rate);
	case C_SHARE:
		snprintf(buf, sz, "%.0f%%",
			 c->whole > 0 ? (double)g->net / (double)c->whole * 100 : 0);
		return ST_NORMAL;
	case C_KIND:
		snprintf(buf, sz, "%s",
			 g->p->kind == RK_NR ? glyph(t, G_DASH) : region_kind_name(g->p->kind));
		return g->p->kind == RK_NR ? ST_DIM : style_of_kind(g->p->kind);
	case C_THREADS:
		snprintf(buf, sz, "%u%s", g->p->nr_tids, g->p->many_tids ? "+" : "");
		return ST_DIM;
	case C_VERDICT:
		if (g->nr > 1 && t->fold != FOLD_PATH)
			snprintf(buf, sz, "%u paths", g->nr);
		else
			snprintf(buf, sz, "%s",
				 strcmp(g->p->verdict, "insufficient_data") ? g->p->verdict : "");
		return strcmp(g->p->verdict, "leak_like") ? ST_DIM : ST_WARN;
	default:
		if (t->fold == FOLD_PATH)
			path_text(t, g->p, buf, sz);
		else
			snprintf(buf, sz, "%s", ui_text(t, g->name));
		return ST_NORMAL;
	}
}

/* Two lines: the verdict, and the sum. */
static int draw_head(struct tui *t, const struct tui_frame *f, struct rect r)
{
	const struct tui_growth *g = f->growth;
	char a[UNITS_LEN], b[UNITS_LEN], c[UNITS_LEN], d[UNITS_LEN], e[UNITS_LEN];
	struct line l = ui_line(t, r.y + 1, r.x + 1, r.x + r.w);

	ui_put(t, r.y, r.x + 1, r.w - 1, ST_BOLD, ui_text(t, g->verdict));
	ui_piece(&l, ST_NORMAL, "%s in %s (stacks 1 in %u) = paths %s + before %s + residual %s",
		 ui_growth(t, a, g->delta),
		 fmt_duration(b, (f->now_ns - g->from_ns) / NSEC_PER_SEC * NSEC_PER_SEC), g->period,
		 ui_growth(t, c, g->attributed), ui_growth(t, d, g->before),
		 ui_growth(t, e, g->residual));
	if (g->mark)
		ui_piece(&l, ST_DIM, "  mark %s", ui_text(t, g->mark));
	return 2;
}

static void growth_draw(struct tui *t, const struct tui_frame *f, struct rect r)
{
	struct view_state *vs = ui_vs(t);
	struct ctx c;
	struct column shown[C_NR];
	struct table tb = {
		.col = shown,
		.nr_cols = C_NR,
		.sort_col = col_of_sort[vs->sort],
		.sort_up = vs->reverse,
		.ctx = &c,
		.cell = grown_cell,
		.key_of = grown_key,
		.empty = vs->filter[0] ? "no call path fits the filter (Esc clears it)" :
					 "nothing has come yet",
	};
	int head;

	if (!f->growth) {
		ui_put(t, r.y + 1, r.x + 1, r.w - 1, ST_DIM,
		       f->no_growth ? f->no_growth : "call paths are watched from now on");
		return;
	}
	memcpy(shown, cols, sizeof(shown));
	if (t->fold != FOLD_PATH)
		shown[C_NAME].title = fold_titles[t->fold];
	make_rows(t, f->growth);
	c = (struct ctx){ t->grown, llabs(f->growth->delta) > llabs(f->growth->attributed) ?
					    llabs(f->growth->delta) :
					    llabs(f->growth->attributed) };
	head = draw_head(t, f, r);
	r.y += head;
	r.h -= head;
	if (!t->cursor)
		vs->list.key = 0;
	table_draw(t, &tb, &vs->list, t->nr_grown, r);
}

static void put_places(struct page *pg, const struct tui_frame *f, const struct tui_path *p)
{
	char a[UNITS_LEN], name[512];

	for (unsigned int i = 0; i < p->nr_places; i++) {
		struct region *r = aspace_find(&f->proc->aspace, p->place[i].start);

		*name = 0;
		if (r)
			layout_region_name(name, sizeof(name), r, f->proc, f->model->st, true);
		page_field(pg, i ? "" : "regions", ST_NORMAL,
			   "%12" PRIx64 "-%" PRIx64 "  %6s  %s %s", p->place[i].start,
			   p->place[i].end, ui_size(pg->t, a, p->place[i].bytes),
			   region_kind_name(p->place[i].kind), ui_text(pg->t, name));
	}
	if (p->many_places)
		page_field(pg, "", ST_DIM, "and more");
}

static void put_threads(struct page *pg, const struct tui_frame *f, const struct tui_path *p)
{
	for (unsigned int i = 0; i < p->nr_tids; i++) {
		const struct thread *th = proc_thread(f->proc, p->tid[i]);

		page_field(pg, i ? "" : "threads", ST_NORMAL, "%" PRIu32 " %s", p->tid[i],
			   th ? ui_text(pg->t, strtab_str(f->model->st, th->comm)) : "(ended)");
	}
	if (p->many_tids)
		page_field(pg, "", ST_DIM, "and more");
}

static void growth_detail(struct tui *t, const struct tui_frame *f, struct rect r)
{
	struct view_state *vs = ui_vs(t);
	char a[UNITS_LEN], b[UNITS_LEN], c[UNITS_LEN];
	const struct tui_path *p;
	struct ctx ctx;
	struct page pg;

	if (f->growth)
		make_rows(t, f->growth);
	ctx = (struct ctx){ t->grown, 0 };
	list_sync(&vs->list, f->growth ? t->nr_grown : 0, r.h, grown_key, &ctx);
	if (!f->growth || !t->nr_grown) {
		t->detail = false;
		return;
	}
	p = t->grown[vs->list.sel].p;
	pg = page_begin(t, r, ui_text(t, t->grown[vs->list.sel].name));
	page_field(&pg, "net", style_of_growth((double)p->net), "%s = %s brought - %s freed",
		   ui_growth(t, a, p->net), ui_size(t, b, p->gross), ui_size(t, c, p->released));
	page_field(&pg, "rate", ST_NORMAL, "%s", ui_rate(t, a, p->rate));
	page_field(&pg, "verdict", ST_NORMAL, "%s", p->verdict);
	for (unsigned int i = 0; i < p->nr_frames; i++)
		page_field(&pg, i ? "" : "call path", i ? ST_NORMAL : ST_BOLD, "%s",
			   ui_text(t, p->frame[i]));
	put_places(&pg, f, p);
	put_threads(&pg, f, p);
	page_end(&pg);
}

const struct view_ops view_growth = {
	.name = "Growth",
	.nr_sorts = GSORT_NR,
	.draw = growth_draw,
	.detail = growth_detail,
};
