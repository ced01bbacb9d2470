// SPDX-License-Identifier: GPL-2.0
/*
 * The address space in order, high addresses on top:
 *
 *    ADDRESS       REGION                    VIRT   RSS          +BASE   RATE
 *    7ffd5f3c1000 ↓ stack main  hw 56K/8M    132K   56K ▏            0      0
 *             ┈┈┈┈ 209G free ┈┈┈┈
 *    7fc91c200000   libc.so.6 (5)            2.1M  1.4M ▏            0      0
 *
 * What the screen has no room for is folded, what grows never is. Where there
 * is room to spare the parts of a row follow it, one line each.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "analysis/top.h"
#include "tui/ui.h"

struct columns {
	int addr, arrow; /* addr −1: too narrow for it */
	int end; /* of the rate */
	int label, label_w, virt, res, bar, bar_w, growth, rate, flt, swap, mark;
	int sw; /* width of a size */
};

/* ---- drawing */

static struct columns columns_for(const struct tui *t, struct rect r)
{
	struct columns c = { .sw = t->o.bytes ? 15 : 5, .addr = r.w >= 64 ? r.x + 1 : -1 };
	int gw = t->o.bytes ? 15 : 6, x = r.x + r.w, extra;

	c.arrow = c.addr < 0 ? r.x : r.x + 14;
	c.label = c.arrow + 2;
	c.bar_w = r.w >= 72 ? 8 : 0;
	extra = r.w - 16 - 2 * (c.sw + 1) - (c.bar_w + 1) - (gw + 1) - 9 - 3 - 24;
	c.mark = x -= r.w >= 48 ? 3 : 0;
	if (extra >= 14) {
		c.flt = x -= 7;
		c.swap = x -= c.sw + 1;
		extra -= 7 + c.sw + 1;
	}
	if (extra > 0)
		c.bar_w += extra * 2 / 3 < 40 ? extra * 2 / 3 : 40;
	c.end = x;
	c.rate = x -= r.w >= 48 ? 9 : 0;
	c.growth = x -= gw + 1;
	if (c.bar_w)
		c.bar = (x -= c.bar_w + 1) + 1;
	c.res = x -= c.sw + 1;
	if (r.w >= 60)
		c.virt = x -= c.sw + 1;
	c.label_w = x - c.label;
	return c;
}

static void title(struct tui *t, int y, int end, unsigned int sort, const char *text)
{
	bool sorted = ui_vs(t)->sort == sort;
	char buf[32];

	snprintf(buf, sizeof(buf), "%s%s", text,
		 !sorted ? "" : glyph(t, ui_vs(t)->reverse ? G_SORT_UP : G_SORT_DOWN));
	ui_right(t, y, end - 12, 12, sorted ? ST_SORTED : ST_HEAD, buf);
}

static void draw_titles(struct tui *t, struct rect r, const struct columns *c)
{
	unsigned int sort = ui_vs(t)->sort;

	if (c->addr >= 0)
		ui_printf(t, r.y, c->addr, 14, sort ? ST_HEAD : ST_SORTED, "ADDRESS%s",
			  sort ? "" : glyph(t, ui_vs(t)->reverse ? G_SORT_UP : G_SORT_DOWN));
	ui_put(t, r.y, c->label, c->label_w, ST_HEAD, "REGION");
	if (c->virt)
		title(t, r.y, c->virt + c->sw + 1, LSORT_VIRT, "VIRT");
	title(t, r.y, c->res + c->sw + 1, LSORT_RES, "RSS");
	title(t, r.y, c->rate, LSORT_GROWTH, "+BASE");
	if (c->end > c->rate)
		title(t, r.y, c->end, LSORT_RATE, "RATE");
	if (c->flt) {
		ui_right(t, r.y, c->swap + 1, c->sw, ST_HEAD, "SWAP");
		ui_right(t, r.y, c->flt + 1, 6, ST_HEAD, "FLT/s");
	}
}

/* 12 digits; vsyscall's 16 are cut in the middle, where there are only f's. */
static void draw_addr(struct tui *t, int y, int x, uint64_t addr)
{
	if (x < 0)
		return;
	if (addr >> 48)
		ui_printf(t, y, x, 12, ST_DIM, "%04x%s%06x", (unsigned int)(addr >> 48),
			  t->o.ascii ? ".." : "…", (unsigned int)(addr & 0xffffff));
	else
		ui_printf(t, y, x, 12, ST_DIM, "%12" PRIx64, addr);
}

struct figures {
	int64_t virt, res, growth, swap;
	double rate, fault_rate;
	enum style bar;
	bool dim; /* a part: its row has said it */
};

static void draw_figures(struct tui *t, int y, const struct columns *c, const struct figures *g)
{
	enum style st = g->dim ? ST_DIM : ST_NORMAL;
	char a[UNITS_LEN];
	double rate = g->rate;

	if (c->virt)
		ui_right(t, y, c->virt + 1, c->sw, ST_DIM, ui_size(t, a, g->virt));
	ui_right(t, y, c->res + 1, c->sw, g->res > 0 ? st : ST_DIM,
		 g->res < 0 ? glyph(t, G_DASH) : ui_size(t, a, g->res));
	if (c->bar_w)
		graph_bar(t, y, c->bar, c->bar_w, g->bar, (double)g->res,
			  (double)t->layout.max_res);
	ui_right(t, y, c->growth + 1, c->rate - c->growth - 1,
		 g->dim ? ST_DIM : style_of_growth((double)g->growth), ui_growth(t, a, g->growth));
	ui_rate(t, a, rate);
	ui_right(t, y, c->rate + 1, c->end - c->rate - 1,
		 *a == '0' || g->dim ? ST_DIM : style_of_growth(rate), a);
	if (!c->flt)
		return;
	ui_right(t, y, c->swap + 1, c->sw, g->swap > 0 ? st : ST_DIM, ui_size(t, a, g->swap));
	ui_right(t, y, c->flt + 1, 6, g->fault_rate > 0 ? st : ST_DIM, fmt_count(a, g->fault_rate));
}

static void draw_gap(struct tui *t, int y, const struct columns *c, const char *label)
{
	char dots[16] = "";

	for (int i = 0; i < 4; i++)
		strcat(dots, glyph(t, G_GAP));
	ui_printf(t, y, c->addr < 0 ? c->label : c->addr + 9, 60, ST_DIM, "%s %s %s", dots, label,
		  dots);
}

/* The label that layout_label() gives, in this terminal's letters. */
static void label_text(struct tui *t, const struct tui_frame *f, const struct layout_row *row,
		       char *buf, size_t sz)
{
	char *x;

	layout_label(buf, sz, row, f->proc, f->model->st);
	while (t->o.ascii && (x = strstr(buf, "×"))) {
		*x = 'x';
		memmove(x + 1, x + strlen("×"), strlen(x + strlen("×")) + 1);
	}
}

/* How near a stack is to its end; @ret_used: percent, −1: not a stack or not known */
static enum style stack_style(const struct tui_frame *f, const struct layout_row *row,
			      int *ret_used)
{
	struct thread *th = row->tid ? proc_thread(f->proc, row->tid) : NULL;
	struct stack_info si;
	int used;

	*ret_used = -1;
	if (!th || (row->kind != RK_STACK && row->kind != RK_THREAD_STACK))
		return ST_DIM;
	thread_stack_info(f->proc, th, &si);
	*ret_used = used = stack_used_percent(&si);
	return used >= 95 ? ST_ALARM : used >= STACK_WARN_PERCENT ? ST_WARN : ST_DIM;
}

static void draw_row(struct tui *t, const struct tui_frame *f, int y, const struct columns *c,
		     const struct layout_row *row, bool most)
{
	struct figures g = { .virt = row->virt,
			     .res = row->res,
			     .growth = row->growth,
			     .swap = row->swap,
			     .rate = row->rate,
			     .fault_rate = row->fault_rate,
			     .bar = style_of_kind(row->kind) };
	char label[256], note[64];
	int used, percent;
	enum style st;
	bool fits;

	label_text(t, f, row, label, sizeof(label));
	if (row->what == LAYOUT_GAP) {
		draw_gap(t, y, c, label);
		return;
	}
	draw_addr(t, y, c->addr, row->start);
	if (row->grows)
		ui_put(t, y, c->arrow, 1, row->grew ? ST_GROW : ST_DIM,
		       glyph(t, row->grows == 'd' ? G_DOWN : G_UP));
	used = ui_put(t, y, c->label, c->label_w, row->grew || most ? ST_BOLD : ST_NORMAL,
		      ui_text(t, label));
	layout_note(note, sizeof(note), row, f->proc);
	st = stack_style(f, row, &percent);
	/* a warning is said in any case, in four letters if need be */
	fits = used + 2 + ui_width(note) <= c->label_w;
	if (!fits && st != ST_DIM)
		snprintf(note, sizeof(note), "!%d%%", percent);
	if (*note && (fits || st != ST_DIM))
		ui_right(t, y, c->label + used + 1, ui_width(note) + 1, st, ui_text(t, note));
	draw_figures(t, y, c, &g);
	if (row->grew && c->mark > c->end - 1)
		ui_put(t, y, c->mark + 1, 2, ST_GROW, glyph(t, most ? G_MARK2 : G_MARK));
}

/* What rows of many share a name for; NULL: each has its own. */
static const char *folded_group(const struct layout_row *row)
{
	if (row->reserved)
		return "reserved";
	if (row->kind == RK_THREAD_STACK)
		return "stacks";
	if (row->kind == RK_ARENA)
		return "arenas";
	return row->kind == RK_ANON ? "anon" : NULL;
}

/* "anon ×21, stacks ×4, libc.so.6 (6)": the first of a group stands for all of it. */
static void folded_names(struct tui *t, const struct tui_frame *f, const struct vline *v, char *buf,
			 size_t sz)
{
	const char *sep = "", *said[4] = { NULL };
	unsigned int nr_said = 0;
	char label[256];
	size_t at;

	for (unsigned int i = 0; i < v->nr && (at = strlen(buf)) < 160; i++) {
		const struct layout_row *row = v->row + i;
		const char *group = folded_group(row);
		unsigned int n = 0, k = 0;

		if (row->what == LAYOUT_GAP || row->kind == RK_GUARD)
			continue;
		while (group && k < nr_said && said[k] != group)
			k++;
		if (group && k < nr_said)
			continue;
		for (k = i; group && k < v->nr; k++)
			if (v->row[k].what == LAYOUT_REGIONS && folded_group(v->row + k) == group)
				n += row->kind == RK_ANON || row->reserved ? v->row[k].nr : 1;
		label_text(t, f, row, label, sizeof(label));
		if (n > 1)
			snprintf(buf + at, sz - at, "%s%s %s%u", sep, group, t->o.ascii ? "x" : "×",
				 n);
		else
			snprintf(buf + at, sz - at, "%s%s", sep, label);
		if (group)
			said[nr_said++] = group;
		sep = ", ";
	}
}

static void draw_folded(struct tui *t, const struct tui_frame *f, int y, const struct columns *c,
			const struct vline *v)
{
	struct figures g = { .bar = ST_CLASS + HC_FILE, .dim = true };
	unsigned int rows = 0;
	bool grew = false;
	char buf[512];

	for (unsigned int i = 0; i < v->nr; i++) {
		const struct layout_row *row = v->row + i;

		if (row->what == LAYOUT_GAP)
			continue;
		rows++;
		grew |= row->grew;
		g.virt += row->virt;
		g.res += row->res > 0 ? row->res : 0;
		g.growth += row->growth;
		g.swap += row->swap;
		g.rate += row->rate;
		g.fault_rate += row->fault_rate;
	}
	if (c->addr >= 0)
		ui_right(t, y, c->addr, 12, ST_DIM, t->o.ascii ? "..." : "⋮");
	snprintf(buf, sizeof(buf), "%u more: ", rows);
	folded_names(t, f, v, buf, sizeof(buf));
	ui_put(t, y, c->label, c->label_w, ST_DIM, ui_text(t, buf));
	draw_figures(t, y, c, &g);
	if (grew && c->mark > c->end - 1)
		ui_put(t, y, c->mark + 1, 2, ST_DIM, glyph(t, G_MARK));
}

static void draw_part(struct tui *t, int y, const struct columns *c, const struct vline *v)
{
	struct region *r = v->sub;
	struct figures g = { .virt = (int64_t)region_size(r),
			     .res = region_resident(r),
			     .growth = region_resident(r) - r->base_res,
			     .swap = r->res[MTR_SWAP],
			     .rate = r->rate,
			     .fault_rate = r->fault_rate,
			     .bar = style_of_kind(r->kind),
			     .dim = true };
	char perms[5];

	if (r->residency == RES_UNKNOWN && !g.res)
		g.res = -1;
	draw_addr(t, y, c->addr, r->start);
	ui_printf(t, y, c->label, c->label_w, ST_DIM, "%s %s %s",
		  glyph(t, v->last ? G_BRANCH_END : G_BRANCH), rows_perms(perms, r->prot),
		  region_kind_name(r->kind));
	draw_figures(t, y, c, &g);
}

/* Where the cursor is before the user moves it: at what there is most to say of. */
static uint64_t start_key(const struct tui *t, const struct top_grower *top)
{
	const struct layout_row *best = top->row;

	for (unsigned int i = 0; !top->row && i < t->layout.nr; i++)
		if (t->layout.row[i].what == LAYOUT_REGIONS &&
		    (!best || t->layout.row[i].res > best->res))
			best = &t->layout.row[i];
	return best ? best->start | 1 : 0;
}

static void draw_lines(struct tui *t, const struct tui_frame *f, struct rect r,
		       const struct columns *c, const struct layout_row *most)
{
	struct list *l = &ui_vs(t)->list;

	for (int i = 0; i < r.h && l->top + (unsigned int)i < l->nr; i++) {
		const struct vline *v = &t->vlines[l->top + (unsigned int)i];
		int y = r.y + i;

		if (v->sub)
			draw_part(t, y, c, v);
		else if (v->nr > 1)
			draw_folded(t, f, y, c, v);
		else
			draw_row(t, f, y, c, v->row, most && v->row == most);
		if (t->cursor && l->top + (unsigned int)i == l->sel)
			ui_cursor_line(t, y, r.x, r.w);
	}
}

static void layout_draw(struct tui *t, const struct tui_frame *f, struct rect r)
{
	struct view_state *vs = ui_vs(t);
	struct columns c = columns_for(t, r);
	struct top_grower top;
	unsigned int n;

	top_grower(&t->layout, &top);
	draw_titles(t, r, &c);
	r.y++;
	r.h--;
	n = layout_lines(t, f, (unsigned int)r.h);
	if (!t->cursor && !vs->sort)
		vs->list.key = start_key(t, &top);
	/* "high" and "low" where there is room: the picture's frame */
	if (n && (int)n + 2 <= r.h && !vs->sort) {
		ui_put(t, r.y, 1, r.w, ST_DIM, vs->reverse ? "low" : "high");
		ui_put(t, r.y + (int)n + 1, 1, r.w, ST_DIM, vs->reverse ? "high" : "low");
		r.y++;
		r.h -= 2;
	}
	list_sync(&vs->list, n, r.h, layout_line_key, t->vlines);
	if (!n)
		ui_put(t, r.y, 1, r.w, ST_DIM,
		       vs->filter[0] ? "no row fits the filter (Esc clears it)" :
				       "the map has not been read yet");
	draw_lines(t, f, r, &c, top.now ? top.row : NULL);
}

/* ---- Enter */

static void detail_rows(struct page *pg, const struct tui_frame *f, const struct vline *v)
{
	const struct layout_row *low = v->row + v->nr - 1;
	struct region *r = aspace_find(&f->proc->aspace, v->row->end - 1);

	for (; r && r->start >= low->start; r = aspace_prev(r))
		page_region_line(pg, f, r);
}

static void layout_detail(struct tui *t, const struct tui_frame *f, struct rect r)
{
	struct view_state *vs = ui_vs(t);
	unsigned int n = layout_lines(t, f, (unsigned int)(r.h - 1));
	const struct vline *v;
	struct region *reg;
	struct page pg;
	char label[256];

	list_sync(&vs->list, n, r.h - 1, layout_line_key, t->vlines);
	if (!n) {
		t->detail = false;
		return;
	}
	v = &t->vlines[vs->list.sel];
	if (v->nr > 1)
		snprintf(label, sizeof(label), "%u rows", v->nr);
	else
		label_text(t, f, v->row, label, sizeof(label));
	pg = page_begin(t, r, ui_text(t, label));
	reg = v->sub ? v->sub : aspace_find(&f->proc->aspace, v->row->start);
	if (v->row->what == LAYOUT_GAP)
		page_field(&pg, "range", ST_NORMAL, "%" PRIx64 "-%" PRIx64 ": nothing is mapped",
			   v->row->start, v->row->end);
	else if (v->sub || (v->nr == 1 && v->row->nr == 1 && reg))
		page_region(&pg, f, reg);
	else
		detail_rows(&pg, f, v);
	page_end(&pg);
}

const struct view_ops view_layout = {
	.name = "Layout",
	.nr_sorts = LSORT_NR,
	.draw = layout_draw,
	.detail = layout_detail,
};
