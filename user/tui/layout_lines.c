// SPDX-License-Identifier: GPL-2.0
/* Which rows of the layout become lines of the screen, and in which order. */
#include <inttypes.h>
#include <stdlib.h>
#include "analysis/top.h"
#include "tui/ui.h"

/* Rows of more parts than this are lists, not pictures. */
#define MAX_PARTS 12

static bool reserve(struct tui *t, unsigned int n)
{
	struct vline *v;

	if (n <= t->vlines_cap)
		return true;
	v = realloc(t->vlines, n * 2 * sizeof(*v));
	if (!v)
		return false;
	t->vlines = v;
	t->vlines_cap = n * 2;
	return true;
}

static bool row_fits(struct tui *t, const struct tui_frame *f, const struct layout_row *row)
{
	char label[256], text[320];

	if (!ui_vs(t)->filter[0])
		return true;
	if (row->what == LAYOUT_GAP)
		return false;
	layout_label(label, sizeof(label), row, f->proc, f->model->st);
	snprintf(text, sizeof(text), "%s %s %" PRIx64, region_kind_name(row->kind), label,
		 row->start);
	return rows_match(ui_vs(t)->filter, text);
}

static double sort_value(const struct layout_row *r, unsigned int sort)
{
	return sort == LSORT_VIRT   ? (double)r->virt :
	       sort == LSORT_RES    ? (double)r->res :
	       sort == LSORT_GROWTH ? (double)r->growth :
				      r->rate;
}

static int cmp_vline(const void *pa, const void *pb, void *arg)
{
	const struct vline *a = pa, *b = pb;
	const struct view_state *vs = arg;
	double va = sort_value(a->row, vs->sort), vb = sort_value(b->row, vs->sort);
	int d = va < vb ? 1 : va > vb ? -1 : a->row->start < b->row->start ? 1 : -1;

	return vs->reverse ? -d : d;
}

/* Filtered or sorted: single rows, no gaps, nothing folded. */
static unsigned int list_rows(struct tui *t, const struct tui_frame *f)
{
	struct view_state *vs = ui_vs(t);
	unsigned int n = 0;

	for (unsigned int i = 0; i < t->layout.nr; i++) {
		const struct layout_row *row = &t->layout.row[i];

		if (!row_fits(t, f, row) || (vs->sort && row->what == LAYOUT_GAP))
			continue;
		t->vlines[n++] = (struct vline){ .row = row, .nr = 1 };
	}
	if (vs->sort && n)
		qsort_r(t->vlines, n, sizeof(*t->vlines), cmp_vline, vs);
	for (unsigned int i = 0; !vs->sort && vs->reverse && i < n / 2; i++) {
		struct vline tmp = t->vlines[i];

		t->vlines[i] = t->vlines[n - 1 - i];
		t->vlines[n - 1 - i] = tmp;
	}
	return n;
}

static unsigned int list_folded(struct tui *t, unsigned int lines)
{
	struct fold_item *item = calloc(t->layout.nr + 1, sizeof(*item));
	unsigned int n;

	if (!item)
		return 0;
	n = fold_layout(&t->layout, item, lines);
	for (unsigned int i = 0; i < n; i++)
		t->vlines[i] =
			(struct vline){ .row = &t->layout.row[item[i].first], .nr = item[i].nr };
	free(item);
	return n;
}

static bool has_parts(const struct layout_row *row)
{
	return row->what == LAYOUT_REGIONS && row->nr > 1 && row->nr <= MAX_PARTS;
}

/* All rows, each with its parts, lowest last. */
static unsigned int list_parts(struct tui *t, const struct tui_frame *f)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < t->layout.nr; i++) {
		const struct layout_row *row = &t->layout.row[i];
		struct region *r;

		t->vlines[n++] = (struct vline){ .row = row, .nr = 1 };
		if (!has_parts(row))
			continue;
		for (r = aspace_find(&f->proc->aspace, row->end - 1); r && r->start >= row->start;
		     r = aspace_prev(r))
			t->vlines[n++] = (struct vline){
				.row = row, .nr = 1, .sub = r, .last = r->start == row->start
			};
	}
	return n;
}

unsigned int layout_lines(struct tui *t, const struct tui_frame *f, unsigned int lines)
{
	unsigned int parts = 0;
	struct view_state *vs = ui_vs(t);

	for (unsigned int i = 0; i < t->layout.nr; i++)
		parts += has_parts(&t->layout.row[i]) ? t->layout.row[i].nr : 0;
	if (!reserve(t, t->layout.nr + parts + 1))
		return 0;
	if (vs->filter[0] || vs->sort || vs->reverse)
		return list_rows(t, f);
	if (t->layout.nr + parts <= lines)
		return list_parts(t, f);
	if (t->layout.nr > lines && !t->unfold)
		return list_folded(t, lines);
	return list_rows(t, f);
}

uint64_t layout_line_key(const void *ctx, unsigned int i)
{
	const struct vline *v = (const struct vline *)ctx + i;

	return v->sub ? v->sub->start | 2 : v->row->start | 1;
}
