// SPDX-License-Identifier: GPL-2.0
/* Keys become state of the view and flags for the session. */
#include <curses.h>
#include <string.h>
#include "tui/ui.h"

#define KEY_ESC 27

static void set_view(struct tui *t, int v)
{
	if (!v && !t->output)
		return;
	t->view = (enum tui_view)v;
	t->detail = t->help = false;
	t->detail_list = (struct list){ 0 };
}

/* The filter prompt; shared with the picker. */
static unsigned int filter_key(struct tui *t, struct view_state *vs, int c)
{
	size_t n = strlen(vs->filter);

	if (c == '\r' || c == '\n' || c == KEY_ENTER) {
		t->filtering = false;
	} else if (c == KEY_ESC) {
		t->filtering = false;
		memcpy(vs->filter, t->saved_filter, sizeof(vs->filter));
	} else if (c == KEY_BACKSPACE || c == 127 || c == 8) {
		while (n && (vs->filter[--n] & 0xc0) == 0x80)
			; /* a whole UTF-8 character */
		vs->filter[n] = 0;
	} else if (c == 21) { /* ^U */
		vs->filter[0] = 0;
	} else if (c >= 32 && c < 256 && n + 1 < sizeof(vs->filter)) {
		vs->filter[n] = (char)c;
		vs->filter[n + 1] = 0;
	}
	return TUI_REDRAW;
}

static void filter_begin(struct tui *t, struct view_state *vs)
{
	memcpy(t->saved_filter, vs->filter, sizeof(vs->filter));
	t->filtering = true;
}

static bool list_moves(int c)
{
	return c == KEY_UP || c == KEY_DOWN || c == KEY_PPAGE || c == KEY_NPAGE || c == KEY_HOME ||
	       c == KEY_END;
}

/* vi's keys for who has them in the fingers */
static int alias(int c)
{
	return c == 'j' ? KEY_DOWN :
	       c == 'k' ? KEY_UP :
	       c == 'g' ? KEY_HOME :
	       c == 'G' ? KEY_END :
			  c;
}

/* Keys while a help or detail page lies over the view. */
static bool page_key(struct tui *t, int c)
{
	struct list *l = &t->detail_list;

	if (list_moves(c)) {
		/* a page has no cursor: keys move its first line */
		unsigned int max = l->nr > l->page ? l->nr - l->page : 0;

		l->sel = l->top;
		list_key(l, c);
		l->top = l->sel < max ? l->sel : max;
		return true;
	}
	if (c == KEY_ESC || c == '\r' || c == '\n' || c == KEY_ENTER || c == KEY_BACKSPACE ||
	    c == 127 || c == KEY_LEFT || (c == '?' && t->help)) {
		t->help = t->detail = false;
		return true;
	}
	return false;
}

static unsigned int escape(struct tui *t)
{
	if (t->cursor)
		t->cursor = false;
	else
		ui_vs(t)->filter[0] = 0;
	return TUI_REDRAW;
}

static void sort_key(struct tui *t, bool reverse)
{
	struct view_state *vs = ui_vs(t);

	if (reverse)
		vs->reverse = !vs->reverse;
	else if (ui_view(t)->nr_sorts)
		vs->sort = (vs->sort + 1) % ui_view(t)->nr_sorts;
	vs->list.top = vs->list.sel = 0;
	vs->list.key = 0;
	t->cursor = false;
}

static void switch_proc(struct tui *t, int step)
{
	if (!t->nr_procs)
		return;
	t->sel_proc = (t->sel_proc + t->nr_procs + (unsigned int)step) % t->nr_procs;
	t->cursor = t->detail = false;
	for (int i = 0; i < UI_VIEWS + 1; i++)
		t->vs[i].list = (struct list){ 0 };
}

/* The next view, or the one before: 0 only where there is a command. */
static void turn_view(struct tui *t, int step)
{
	int least = t->output ? TUI_COMMAND : TUI_LAYOUT, nr = UI_VIEWS + 1 - least;

	set_view(t, least + ((int)t->view - least + nr + step) % nr);
}

static unsigned int view_key(struct tui *t, int c)
{
	switch (c) {
	case '\t':
		turn_view(t, 1);
		break;
	case KEY_BTAB:
		turn_view(t, -1);
		break;
	case '0' ... '0' + UI_VIEWS:
		set_view(t, c - '0');
		break;
	case '\r':
	case '\n':
	case KEY_ENTER:
		t->detail = ui_view(t)->detail != NULL;
		t->detail_tid = 0;
		t->detail_list = (struct list){ 0 };
		break;
	case '?':
	case 'h':
	case KEY_F(1):
		t->help = true;
		t->detail_list = (struct list){ 0 };
		break;
	case 's':
	case 'S':
		sort_key(t, c == 'S');
		break;
	case 'e':
		t->unfold = !t->unfold;
		break;
	case 'f':
		if (t->view != TUI_GROWTH)
			return 0;
		growth_fold(t);
		break;
	case '/':
		if (ui_view(t)->nr_sorts)
			filter_begin(t, ui_vs(t));
		break;
	case 'n':
	case ']':
		switch_proc(t, 1);
		break;
	case 'p':
	case '[':
		switch_proc(t, -1);
		break;
	case KEY_ESC:
		return escape(t);
	default:
		return 0;
	}
	return TUI_REDRAW;
}

/* A recording's keys to move in time. */
static unsigned int replay_key(const struct tui *t, int c)
{
	static const struct {
		int key;
		unsigned int flag;
	} keys[] = {
		{ KEY_LEFT, TUI_BACK }, { KEY_RIGHT, TUI_AHEAD }, { '<', TUI_FAR_BACK },
		{ '>', TUI_FAR_AHEAD }, { ',', TUI_STEP_BACK },	  { '.', TUI_STEP_AHEAD },
		{ '-', TUI_SLOWER },	{ '+', TUI_FASTER },	  { '=', TUI_FASTER },
	};

	for (unsigned int i = 0; t->o.replay && i < sizeof(keys) / sizeof(keys[0]); i++)
		if (keys[i].key == c)
			return keys[i].flag | TUI_REDRAW;
	return 0;
}

static unsigned int session_key(struct tui *t, int c)
{
	switch (c) {
	case 'q':
		return TUI_QUIT;
	case 'r':
		return TUI_BASELINE | TUI_REDRAW;
	case 'm':
		if (t->o.replay) /* what was recorded is what it is */
			return 0;
		t->mark_flash = 3;
		return TUI_MARK | TUI_REDRAW;
	case ' ':
		t->paused = !t->paused;
		command_pause(t);
		return TUI_PAUSE | TUI_REDRAW;
	case 12: /* ^L */
		clearok(stdscr, TRUE);
		return TUI_REDRAW;
	default:
		return 0;
	}
}

static unsigned int on_key(struct tui *t, int c)
{
	unsigned int flags;

	if (c == KEY_RESIZE)
		return TUI_REDRAW;
	if (t->filtering)
		return filter_key(t, ui_vs(t), c);
	flags = session_key(t, c);
	if (!flags)
		flags = replay_key(t, c);
	if (flags)
		return flags;
	c = alias(c);
	if ((t->help || t->detail) && page_key(t, c))
		return TUI_REDRAW;
	if (list_moves(c) && t->view == TUI_COMMAND) {
		command_key(t, c);
		return TUI_REDRAW;
	}
	if (list_moves(c)) {
		/* the first key shows where the cursor is, the next ones move it */
		if (t->cursor || c == KEY_HOME || c == KEY_END)
			list_key(&ui_vs(t)->list, c);
		t->cursor = true;
		return TUI_REDRAW;
	}
	return view_key(t, c);
}

unsigned int tui_input(struct tui *t)
{
	unsigned int flags = 0;
	int c;

	while ((c = getch()) != ERR)
		flags |= on_key(t, c);
	return flags;
}

/* ---- the picker */

/* Another order is looked at from its top. */
static void pick_sort(const struct tui *t, struct view_state *vs, bool reverse)
{
	if (reverse)
		vs->reverse = !vs->reverse;
	else
		vs->sort = (vs->sort + 1) % t->pick_sorts;
	vs->list = (struct list){ .moved = true };
}

/* One key: what it does to the list must be drawn before the next one is understood. */
unsigned int tui_pick_input(struct tui *t)
{
	struct view_state *vs = &t->vs[UI_PICKER];
	int c = getch();

	if (c == ERR)
		return 0;
	if (t->filtering)
		return filter_key(t, vs, c);
	c = alias(c);
	if (c == 'q' || (c == KEY_ESC && !vs->filter[0]))
		return TUI_QUIT;
	if (c == KEY_ESC)
		vs->filter[0] = 0;
	else if ((c == '\r' || c == '\n' || c == KEY_ENTER) && vs->list.nr)
		return TUI_ATTACH;
	else if (c == '/')
		filter_begin(t, vs);
	else if (c == 's' || c == 'S')
		pick_sort(t, vs, c == 'S');
	else if (c == 12) /* ^L */
		clearok(stdscr, TRUE);
	else if (list_moves(c))
		list_key(&vs->list, c);
	return TUI_REDRAW;
}

int tui_picked(const struct tui *t)
{
	return (int)t->vs[UI_PICKER].list.key;
}
