// SPDX-License-Identifier: GPL-2.0
/*
 * A table that fits any width: the columns of least importance go first, the
 * flexible one takes what is left.
 */
#include <string.h>
#include "tui/ui.h"

#define TABLE_MAX_COLS 24

struct fit {
	int x[TABLE_MAX_COLS], w[TABLE_MAX_COLS]; /* w 0: not shown */
};

static int natural_width(const struct tui *t, const struct table *tb, unsigned int i)
{
	const struct column *c = &tb->col[i];
	int w = c->width, title = ui_width(c->title) + ((int)i == tb->sort_col);

	if (c->size && ui_size_w(t) > w)
		w = ui_size_w(t);
	return w > title ? w : title;
}

static int total_width(const struct table *tb, const struct fit *f)
{
	int sum = 0;

	for (unsigned int i = 0; i < tb->nr_cols; i++)
		sum += f->w[i] ? f->w[i] + 1 : 0;
	return sum;
}

/* The shown column that is missed least; −1: only the essential ones are left. */
static int least(const struct table *tb, const struct fit *f)
{
	int at = -1;

	for (unsigned int i = 0; i < tb->nr_cols; i++)
		if (f->w[i] && tb->col[i].prio && (int)i != tb->sort_col &&
		    (at < 0 || tb->col[i].prio >= tb->col[at].prio))
			at = (int)i;
	return at;
}

/* The flexible column grows this far; room beyond it goes between the columns. */
#define FLEX_MAX 64

static int place(const struct table *tb, struct fit *f, int gap)
{
	int x = 0;

	for (unsigned int i = 0; i < tb->nr_cols; i++) {
		x += f->w[i] ? gap : 0;
		f->x[i] = gap > 1 ? x - gap + 1 : x;
		x += f->w[i];
	}
	return x;
}

static void table_fit(const struct tui *t, const struct table *tb, int width, struct fit *f)
{
	int over, drop, gap = 1, shown = 0;

	for (unsigned int i = 0; i < tb->nr_cols; i++)
		f->w[i] = natural_width(t, tb, i);
	while ((over = total_width(tb, f) - width) > 0) {
		drop = least(tb, f);
		if (drop < 0)
			break;
		f->w[drop] = 0;
	}
	for (unsigned int i = 0; i < tb->nr_cols; i++) {
		shown += f->w[i] != 0;
		if (!f->w[i] || !tb->col[i].flex || !over)
			continue;
		f->w[i] -= over;
		f->w[i] = f->w[i] < 4 ? 4 : f->w[i] > FLEX_MAX ? FLEX_MAX : f->w[i];
	}
	over = width - total_width(tb, f);
	if (over > 0 && shown)
		gap += over / shown < 5 ? over / shown : 5;
	place(tb, f, gap);
}

static void draw_titles(struct tui *t, const struct table *tb, const struct fit *f, struct rect r)
{
	char buf[64];

	for (unsigned int i = 0; i < tb->nr_cols; i++) {
		bool sorted = (int)i == tb->sort_col;
		enum style st = sorted ? ST_SORTED : ST_HEAD;

		if (!f->w[i])
			continue;
		snprintf(buf, sizeof(buf), "%s%s", tb->col[i].title,
			 sorted ? glyph(t, tb->sort_up ? G_SORT_UP : G_SORT_DOWN) : "");
		if (tb->col[i].right)
			ui_right(t, r.y, r.x + f->x[i], f->w[i], st, buf);
		else
			ui_put(t, r.y, r.x + f->x[i], f->w[i], st, buf);
	}
}

static void draw_row(struct tui *t, const struct table *tb, const struct fit *f, int y, int x0,
		     unsigned int row)
{
	char buf[1024];

	for (unsigned int i = 0; i < tb->nr_cols; i++) {
		enum style st;

		if (!f->w[i])
			continue;
		buf[0] = 0;
		st = tb->cell(t, tb->ctx, row, i, buf, sizeof(buf));
		if (tb->col[i].right)
			ui_right(t, y, x0 + f->x[i], f->w[i], st, buf);
		else
			ui_put(t, y, x0 + f->x[i], f->w[i], st, buf);
	}
}

void table_draw(struct tui *t, const struct table *tb, struct list *l, unsigned int nr,
		struct rect r)
{
	struct fit f;

	table_fit(t, tb, r.w, &f);
	draw_titles(t, tb, &f, r);
	list_sync(l, nr, r.h - 1, tb->key_of, tb->ctx);
	if (!nr)
		ui_put(t, r.y + 1, r.x + 1, r.w - 1, ST_DIM, tb->empty);
	for (int i = 0; i < r.h - 1 && l->top + (unsigned int)i < nr; i++) {
		unsigned int row = l->top + (unsigned int)i;

		draw_row(t, tb, &f, r.y + 1 + i, r.x, row);
		if (t->cursor && row == l->sel) {
			ui_put(t, r.y + 1 + i, r.x, 1, ST_NORMAL, glyph(t, G_CURSOR));
			ui_cursor_line(t, r.y + 1 + i, r.x, r.w);
		}
	}
}
