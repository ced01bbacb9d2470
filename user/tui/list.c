// SPDX-License-Identifier: GPL-2.0
#include <curses.h>
#include "tui/ui.h"

void list_key(struct list *l, int key)
{
	unsigned int last = l->nr ? l->nr - 1 : 0, page = l->page > 1 ? l->page - 1 : 1;

	if (key == KEY_UP)
		l->sel = l->sel ? l->sel - 1 : 0;
	else if (key == KEY_DOWN)
		l->sel++;
	else if (key == KEY_PPAGE)
		l->sel = l->sel > page ? l->sel - page : 0;
	else if (key == KEY_NPAGE)
		l->sel += page;
	else if (key == KEY_HOME)
		l->sel = 0;
	else if (key == KEY_END)
		l->sel = last;
	if (l->sel > last)
		l->sel = last;
	l->moved = true;
}

static void find_key(struct list *l, uint64_t (*key_of)(const void *, unsigned int),
		     const void *ctx)
{
	for (unsigned int i = 0; i < l->nr; i++) {
		if (key_of(ctx, i) == l->key) {
			l->sel = i;
			return;
		}
	}
}

void list_sync(struct list *l, unsigned int nr, int page,
	       uint64_t (*key_of)(const void *ctx, unsigned int i), const void *ctx)
{
	l->nr = nr;
	l->page = page > 0 ? (unsigned int)page : 1;
	if (!l->moved && l->key && key_of)
		find_key(l, key_of, ctx);
	if (l->sel >= nr)
		l->sel = nr ? nr - 1 : 0;
	l->moved = false;
	l->key = nr && key_of ? key_of(ctx, l->sel) : 0;

	if (l->sel < l->top)
		l->top = l->sel;
	if (l->sel >= l->top + l->page)
		l->top = l->sel - l->page + 1;
	if (l->top + l->page > nr)
		l->top = nr > l->page ? nr - l->page : 0;
}
