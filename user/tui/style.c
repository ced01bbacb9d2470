// SPDX-License-Identifier: GPL-2.0
/*
 * How a meaning looks. Colours are few: one for each class of memory, the same
 * in bars, graphs and legends; yellow and red for what wants attention. Without
 * colours bold, dim and reverse say the same, less loudly.
 */
#include <curses.h>
#include "tui/ui.h"

static attr_t attr[ST_NR]; /* of each style; filled by style_init() */

/* Foreground by style: with 256 colours, with 8. −1: the terminal's own. */
static const struct {
	short c256, c8;
	attr_t color, mono; /* beside the colour; instead of it */
} look[ST_NR] = {
	[ST_NORMAL] = { -1, -1, A_NORMAL, A_NORMAL },
	[ST_DIM] = { 244, -1, A_NORMAL, A_DIM },
	[ST_BOLD] = { -1, -1, A_BOLD, A_BOLD },
	[ST_LABEL] = { 110, COLOR_CYAN, A_BOLD, A_BOLD },
	[ST_HEAD] = { 110, COLOR_CYAN, A_NORMAL, A_UNDERLINE },
	[ST_SORTED] = { 110, COLOR_CYAN, A_BOLD, A_BOLD | A_UNDERLINE },
	[ST_GROW] = { 215, COLOR_YELLOW, A_NORMAL, A_BOLD },
	[ST_SHRINK] = { 108, COLOR_GREEN, A_NORMAL, A_NORMAL },
	[ST_WARN] = { 220, COLOR_YELLOW, A_BOLD, A_BOLD },
	[ST_ALARM] = { 203, COLOR_RED, A_BOLD, A_REVERSE },
	[ST_KEY] = { 110, COLOR_CYAN, A_BOLD, A_BOLD },
	[ST_CLASS + HC_HEAP] = { 215, COLOR_YELLOW, A_NORMAL, A_NORMAL },
	[ST_CLASS + HC_STACK] = { 75, COLOR_BLUE, A_NORMAL, A_NORMAL },
	[ST_CLASS + HC_ANON] = { 176, COLOR_MAGENTA, A_NORMAL, A_NORMAL },
	[ST_CLASS + HC_FILE] = { 108, COLOR_GREEN, A_NORMAL, A_NORMAL },
	[ST_CLASS + HC_SHARED] = { 80, COLOR_CYAN, A_NORMAL, A_NORMAL },
	[ST_CLASS + HC_SWAP] = { 167, COLOR_RED, A_NORMAL, A_NORMAL },
};

_Static_assert(HC_NR == ST_NR - ST_CLASS, "a style for each class of memory");

void style_init(const struct tui_opts *o)
{
	bool color = o->color && has_colors() && start_color() == OK;

	if (color)
		use_default_colors();
	for (int i = 0; i < ST_NR; i++) {
		short c = COLORS >= 256 ? look[i].c256 : look[i].c8;

		if (!color) {
			attr[i] = look[i].mono;
			continue;
		}
		attr[i] = look[i].color;
		if (c >= 0 && init_pair((short)(i + 1), c, -1) == OK)
			attr[i] |= COLOR_PAIR(i + 1);
		else if (c < 0)
			attr[i] |= i == ST_DIM ? A_DIM : A_NORMAL;
	}
}

void style_on(enum style st)
{
	attrset(attr[st]);
}

void style_off(enum style st)
{
	attroff(attr[st]);
}

static const struct {
	const char *utf8, *ascii;
} glyphs[G_NR] = {
	[G_UP] = { "↑", "^" },	      [G_DOWN] = { "↓", "v" },	     [G_MARK] = { "◀", "<" },
	[G_MARK2] = { "◀◀", "<<" },   [G_SORT_DOWN] = { "▼", "v" },  [G_SORT_UP] = { "▲", "^" },
	[G_ELLIPSIS] = { "…", "~" },  [G_GAP] = { "┈", "." },	     [G_HLINE] = { "─", "-" },
	[G_VLINE] = { "│", "|" },     [G_TEE] = { "┤", "+" },	     [G_CORNER] = { "└", "+" },
	[G_TOPCORNER] = { "┌", "+" }, [G_CURSOR] = { "▸", ">" },     [G_LE] = { "≤", "<" },
	[G_DASH] = { "–", "-" },      [G_SQUARE] = { "■", "#" },     [G_DOT] = { "·", "-" },
	[G_BRANCH] = { "├", "|" },    [G_BRANCH_END] = { "└", "`" },
};

const char *glyph(const struct tui *t, enum glyph g)
{
	return t->o.ascii ? glyphs[g].ascii : glyphs[g].utf8;
}

enum style style_of_kind(enum region_kind kind)
{
	return (enum style)(ST_CLASS + hist_class_of(kind));
}

enum style style_of_growth(double bytes)
{
	return bytes > 0 ? ST_GROW : bytes < 0 ? ST_SHRINK : ST_DIM;
}
