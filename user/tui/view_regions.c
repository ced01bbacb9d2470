// SPDX-License-Identifier: GPL-2.0
/* Every region as a table. */
#include <inttypes.h>
#include <string.h>
#include "tui/ui.h"

enum {
	C_START,
	C_END,
	C_KIND,
	C_PERM,
	C_NAME,
	C_VIRT,
	C_RES,
	C_SWAP,
	C_HUGE,
	C_DIRTY,
	C_FAULTS,
	C_FRATE,
	C_GROWTH,
	C_RATE,
	C_PEAK,
	C_NR
};

static const struct column cols[C_NR] = {
	[C_START] = { "START", 12, 2, true, false, false },
	[C_END] = { "END", 12, 12, true, false, false },
	[C_KIND] = { "KIND", 12, 0, false, false, false },
	[C_PERM] = { "PERM", 4, 3, false, false, false },
	[C_NAME] = { "NAME", 18, 0, false, true, false },
	[C_VIRT] = { "VIRT", 5, 1, true, false, true },
	[C_RES] = { "RSS", 5, 0, true, false, true },
	[C_SWAP] = { "SWAP", 5, 8, true, false, true },
	[C_HUGE] = { "HUGE", 5, 10, true, false, true },
	[C_DIRTY] = { "DIRTY", 5, 7, true, false, true },
	[C_FAULTS] = { "FAULTS", 6, 6, true, false, false },
	[C_FRATE] = { "FLT/s", 5, 5, true, false, false },
	[C_GROWTH] = { "+BASE", 6, 0, true, false, true },
	[C_RATE] = { "RATE", 8, 1, true, false, false },
	[C_PEAK] = { "PEAK", 5, 9, true, false, true },
};

static const int8_t col_of_sort[RSORT_NR] = {
	[RSORT_ADDR] = C_START,	      [RSORT_KIND] = C_KIND,	 [RSORT_NAME] = C_NAME,
	[RSORT_VIRT] = C_VIRT,	      [RSORT_RES] = C_RES,	 [RSORT_SWAP] = C_SWAP,
	[RSORT_HUGE] = C_HUGE,	      [RSORT_DIRTY] = C_DIRTY,	 [RSORT_FAULTS] = C_FAULTS,
	[RSORT_FAULT_RATE] = C_FRATE, [RSORT_GROWTH] = C_GROWTH, [RSORT_RATE] = C_RATE,
	[RSORT_PEAK] = C_PEAK,
};

struct ctx {
	const struct region_rows *rows;
	const struct tui_frame *f;
};

static uint64_t region_key(const void *ctx, unsigned int i)
{
	return ((const struct ctx *)ctx)->rows->row[i]->start | 1;
}

static enum style put_size(const struct tui *t, char *buf, int64_t bytes, enum style st)
{
	ui_size(t, buf, bytes > 0 ? bytes : 0);
	return bytes > 0 ? st : ST_DIM;
}

static enum style size_cell(const struct tui *t, const struct region *r, unsigned int col,
			    char *buf)
{
	bool unknown = r->residency == RES_UNKNOWN && region_resident(r) == 0;
	int64_t growth = region_resident(r) - r->base_res;

	if ((unknown && col != C_VIRT && col != C_GROWTH) || (col == C_HUGE && r->huge < 0)) {
		strcpy(buf, glyph(t, G_DASH));
		return ST_DIM;
	}
	if (col == C_VIRT)
		return put_size(t, buf, (int64_t)region_size(r), ST_DIM);
	if (col == C_RES)
		return put_size(t, buf, region_resident(r), ST_NORMAL);
	if (col == C_SWAP)
		return put_size(t, buf, r->res[MTR_SWAP], ST_NORMAL);
	if (col == C_HUGE)
		return put_size(t, buf, r->huge, ST_NORMAL);
	if (col == C_DIRTY)
		return put_size(t, buf, r->res[MTR_ANON], ST_NORMAL);
	if (col == C_PEAK)
		return put_size(t, buf, r->peak, ST_NORMAL);
	ui_growth(t, buf, growth);
	return style_of_growth((double)growth);
}

static enum style region_cell(const struct tui *t, const void *pctx, unsigned int row,
			      unsigned int col, char *buf, size_t sz)
{
	const struct ctx *c = pctx;
	struct region *r = c->rows->row[row];
	char name[512];

	switch (col) {
	case C_START:
	case C_END:
		snprintf(buf, sz, "%" PRIx64, col == C_START ? r->start : r->end);
		return ST_DIM;
	case C_KIND:
		snprintf(buf, sz, "%s", region_kind_name(r->kind));
		return style_of_kind(r->kind);
	case C_PERM:
		rows_perms(buf, r->prot);
		return ST_DIM;
	case C_NAME:
		layout_region_name(name, sizeof(name), r, c->f->proc, c->f->model->st, t->w < 130);
		snprintf(buf, sz, "%s", ui_text(t, name));
		return r->grew ? ST_BOLD : ST_NORMAL;
	case C_FAULTS:
		fmt_count(buf, (double)(r->minor + r->major));
		return r->major ? ST_WARN : r->minor ? ST_NORMAL : ST_DIM;
	case C_FRATE:
		fmt_count(buf, r->fault_rate);
		return r->fault_rate > 0 ? ST_NORMAL : ST_DIM;
	case C_RATE:
		ui_rate(t, buf, r->rate);
		return *buf == '0' ? ST_DIM : style_of_growth(r->rate);
	default:
		return size_cell(t, r, col, buf);
	}
}

static void draw_summary(struct tui *t, struct rect r)
{
	const struct view_state *vs = ui_vs(t);
	struct line l = ui_line(t, r.y, r.x + 1, r.x + r.w);

	ui_piece(&l, ST_DIM, "%u of %u regions fit ", t->regions.nr, t->regions.total);
	ui_piece(&l, ST_BOLD, "%s", ui_text(t, vs->filter));
}

static void regions_draw(struct tui *t, const struct tui_frame *f, struct rect r)
{
	struct view_state *vs = ui_vs(t);
	struct ctx c = { .rows = &t->regions, .f = f };
	struct table tb = {
		.col = cols,
		.nr_cols = C_NR,
		.sort_col = col_of_sort[vs->sort],
		.ctx = &c,
		.cell = region_cell,
		.key_of = region_key,
		.empty = vs->filter[0] ? "no region fits the filter (Esc clears it)" :
					 "the map has not been read yet",
	};

	tb.sort_up = vs->reverse != (vs->sort == RSORT_KIND || vs->sort == RSORT_NAME);
	rows_regions(&t->regions, f->proc, f->model->st, vs->filter, vs->sort, vs->reverse);
	if (vs->filter[0]) {
		draw_summary(t, r);
		r.y++;
		r.h--;
	}
	if (!t->cursor)
		vs->list.key = 0;
	table_draw(t, &tb, &vs->list, t->regions.nr, r);
}

static void regions_detail(struct tui *t, const struct tui_frame *f, struct rect r)
{
	struct view_state *vs = ui_vs(t);
	struct ctx c = { .rows = &t->regions, .f = f };
	struct region *reg;
	struct page pg;
	char name[512];

	rows_regions(&t->regions, f->proc, f->model->st, vs->filter, vs->sort, vs->reverse);
	list_sync(&vs->list, t->regions.nr, r.h, region_key, &c);
	if (!t->regions.nr) {
		t->detail = false;
		return;
	}
	reg = t->regions.row[vs->list.sel];
	layout_region_name(name, sizeof(name), reg, f->proc, f->model->st, true);
	pg = page_begin(t, r, ui_text(t, *name ? name : region_kind_name(reg->kind)));
	page_region(&pg, f, reg);
	page_end(&pg);
}

const struct view_ops view_regions = {
	.name = "Regions",
	.nr_sorts = RSORT_NR,
	.draw = regions_draw,
	.detail = regions_detail,
};
