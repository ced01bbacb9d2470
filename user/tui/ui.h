/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Inside the terminal view: the state of the screen and the few primitives that
 * every view draws with. No view calls curses itself: ui_put() is the only door
 * to the terminal, so that no byte of a target can pass it unprinted.
 *
 *   keys → tui.c → state and TUI_* flags        frame → header, view, footer → ui_put() → curses
 */
#ifndef TUI_UI_H
#define TUI_UI_H

#include <stdio.h>
#include "analysis/layout.h"
#include "analysis/rows.h"
#include "tui/tui.h"
#include "util/units.h"

/* What a piece of text means; style.c says how that looks with and without colours. */
enum style {
	ST_NORMAL,
	ST_DIM, /* there, but not the news: addresses, gaps, zeros */
	ST_BOLD,
	ST_LABEL, /* RSS, LIMIT … */
	ST_HEAD, /* column titles */
	ST_SORTED, /* title of the column sorted by */
	ST_GROW, /* memory that was added */
	ST_SHRINK, /* memory that was given back */
	ST_WARN, /* look here soon */
	ST_ALARM, /* look here now */
	ST_KEY,
	ST_CLASS, /* + enum hist_class: the same colour in bars, graphs and legends */
	ST_NR = ST_CLASS + 6,
};

enum glyph {
	G_UP,
	G_DOWN,
	G_MARK, /* grew */
	G_MARK2, /* grew most */
	G_SORT_DOWN,
	G_SORT_UP,
	G_ELLIPSIS,
	G_GAP, /* one cell of an elided gap */
	G_HLINE,
	G_VLINE,
	G_TEE, /* a tick on a vertical axis */
	G_CORNER,
	G_TOPCORNER,
	G_CURSOR,
	G_LE, /* ≤ */
	G_DASH, /* unknown */
	G_SQUARE, /* of a legend */
	G_DOT, /* between two facts */
	G_BRANCH,
	G_BRANCH_END,
	G_NR
};

struct rect {
	int y, x, h, w;
};

/*
 * A cursor in a list of rows that changes under it: it stays on the row with
 * its key (an address, a tid, a pid), not at its place.
 */
struct list {
	unsigned int nr; /* rows at the last drawing */
	unsigned int sel, top; /* cursor, first row on the screen */
	unsigned int page; /* rows that fit */
	uint64_t key; /* of the row under the cursor */
	bool moved; /* by a key since the last drawing: sel holds, key follows */
};

#define UI_FILTER_LEN 64
#define UI_VIEWS 5 /* numbered from 1; 0 is a command's output */
#define UI_PICKER (UI_VIEWS + 1) /* its place in tui.vs */

struct view_state {
	struct list list;
	unsigned int sort;
	bool reverse;
	char filter[UI_FILTER_LEN];
};

struct tui {
	struct tui_opts o;
	void *screen; /* SCREEN: curses stays in ui.c, style.c and tui.c */
	FILE *in, *out; /* ours when stdin or stdout is no terminal */
	int w, h;

	enum tui_view view;
	struct view_state vs[UI_PICKER + 1]; /* by enum tui_view */
	struct list detail_list; /* scrolling of a detail or help page */
	uint32_t detail_tid; /* of the thread whose page was drawn last */
	bool cursor; /* shown once the user moved it */
	bool help, detail, filtering, paused;
	bool unfold; /* Layout: every row, however many */
	char saved_filter[UI_FILTER_LEN]; /* what Esc gives back */
	unsigned int pick_sorts; /* orders of the picker's rows */
	unsigned int sel_proc, nr_procs;
	int mark_flash; /* frames during which "mark set" is shown */
	struct cmdout *output; /* of the traced command; NULL: there is none */
	uint64_t out_end; /* line after the last in sight; 0: the newest is in sight */
	unsigned int out_page; /* lines that fit */

	struct layout layout; /* of this frame's process */
	struct vline *vlines; /* view_layout.c's */
	unsigned int vlines_cap;
	struct region_rows regions;
	struct thread_rows threads;
	struct grown *grown; /* view_growth.c's rows */
	unsigned int nr_grown, cap_grown, fold; /* fold: enum of view_growth.c */

	/* Growth of the virtual size between two ticks: RLIMIT_AS counts it */
	uint32_t virt_as;
	uint64_t virt_tick_ns, virt_last;
	double virt_rate; /* bytes/s */
};

/* One view: what its keys select and how it draws. */
struct view_ops {
	const char *name;
	unsigned int nr_sorts;
	void (*draw)(struct tui *t, const struct tui_frame *f, struct rect r);
	/* the page behind Enter, for the row under the cursor; NULL: none */
	void (*detail)(struct tui *t, const struct tui_frame *f, struct rect r);
};

extern const struct view_ops view_command, view_layout, view_regions, view_threads, view_timeline,
	view_growth;

/* style.c */
void style_init(const struct tui_opts *o);
void style_on(enum style st);
void style_off(enum style st);
const char *glyph(const struct tui *t, enum glyph g);
enum style style_of_kind(enum region_kind kind);
enum style style_of_growth(double bytes);

/* ui.c: the only door to the terminal */

/**
 * ui_put() - text at a place, cut to a width
 * @w: columns at most; what does not fit ends in an ellipsis
 *
 * Control bytes and what the locale cannot show become '?'. Returns columns used.
 */
int ui_put(struct tui *t, int y, int x, int w, enum style st, const char *s);
int ui_printf(struct tui *t, int y, int x, int w, enum style st, const char *fmt, ...)
	__attribute__((format(printf, 6, 7)));
/* ui_right() - the same, flush right within @w */
int ui_right(struct tui *t, int y, int x, int w, enum style st, const char *s);
/* ui_width() - columns that a string takes */
int ui_width(const char *s);
/* ui_cursor_line() - show that row as the one the keys act on */
void ui_cursor_line(struct tui *t, int y, int x, int w);
/* ui_fill() - one glyph, @n times */
void ui_fill(struct tui *t, int y, int x, int n, enum style st, const char *g);
void ui_begin(struct tui *t);
void ui_end(struct tui *t);
/* ui_text() - a target's string made fit to print, in static storage of four slots */
const char *ui_text(const struct tui *t, const char *raw);
/* ui_size() - a size as the user wants it: 3 digits, or bytes */
char *ui_size(const struct tui *t, char buf[UNITS_LEN], int64_t bytes);
char *ui_growth(const struct tui *t, char buf[UNITS_LEN], int64_t bytes);
char *ui_rate(const struct tui *t, char buf[UNITS_LEN], double bytes_per_s);
/* ui_size_w() - columns for ui_size() */
static inline int ui_size_w(const struct tui *t)
{
	return t->o.bytes ? 15 : 6;
}
/* ui_clock() - "16:02:41" local time of a CLOCK_BOOTTIME moment */
char *ui_clock(const struct tui_frame *f, char buf[16], uint64_t boot_ns);
/* ui_name() - "redis-server[4123]", clean */
char *ui_name(const struct tui *t, const struct tui_frame *f, const struct proc *p, char *buf,
	      size_t sz);

/* A line filled from the left; it ends before the first piece that does not fit whole. */
struct line {
	struct tui *t;
	int y, x, end;
	bool full;
};
struct line ui_line(struct tui *t, int y, int x, int end);
bool ui_piece(struct line *l, enum style st, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* list.c */
void list_key(struct list *l, int key);
/* list_sync() - after the rows were made anew: @key_of gives the key of row i */
void list_sync(struct list *l, unsigned int nr, int page,
	       uint64_t (*key_of)(const void *ctx, unsigned int i), const void *ctx);

/* growth_fold() - the key f: by path, function, module, line */
void growth_fold(struct tui *t);

/* cmdout.c: what a command printed, as lines that can do no harm */
#define CMDOUT_LINES 2000 /* kept */

struct cmdout *cmdout_new(void);
void cmdout_free(struct cmdout *o);
/* cmdout_add() - bytes as they came from its terminal; lines are broken after @width columns */
void cmdout_add(struct cmdout *o, const char *buf, size_t n, unsigned int width);
/* cmdout_total() - lines so far, numbered from 0, the unfinished one among them */
uint64_t cmdout_total(const struct cmdout *o);
/* cmdout_first() - number of the oldest line that is kept */
uint64_t cmdout_first(const struct cmdout *o);
/* cmdout_line() - a line's text: printable, UTF-8; "" for one that is not there */
const char *cmdout_line(struct cmdout *o, uint64_t nr);

/* view_command.c */
void command_key(struct tui *t, int key);
/* command_pause() - the picture is paused, or goes on: a paused one does not scroll by itself */
void command_pause(struct tui *t);

/* layout_lines.c: the lines of the Layout view, in t->vlines */
enum { LSORT_ADDR, LSORT_VIRT, LSORT_RES, LSORT_GROWTH, LSORT_RATE, LSORT_NR };

/* A line: a row, rows folded into one, or a part of the row above it. */
struct vline {
	const struct layout_row *row;
	unsigned int nr; /* > 1: that many rows from @row on, folded */
	struct region *sub; /* a part */
	bool last; /* of the parts */
};

/* layout_lines() - for a screen of @lines; returns how many there are */
unsigned int layout_lines(struct tui *t, const struct tui_frame *f, unsigned int lines);
uint64_t layout_line_key(const void *vlines, unsigned int i);

/* table.c */
struct column {
	const char *title;
	uint8_t width; /* columns, without the blank before; grown by title and ▼ */
	uint8_t prio; /* 0: always shown; the highest goes first when it gets narrow */
	bool right, flex, size; /* flex: takes what is left; size: as wide as ui_size() */
};

struct table {
	const struct column *col;
	unsigned int nr_cols;
	int sort_col; /* −1: none */
	bool sort_up; /* ascending */
	const void *ctx;
	/* text and style of a cell */
	enum style (*cell)(const struct tui *t, const void *ctx, unsigned int row, unsigned int col,
			   char *buf, size_t sz);
	uint64_t (*key_of)(const void *ctx, unsigned int row);
	const char *empty; /* said when there are no rows */
};

void table_draw(struct tui *t, const struct table *tb, struct list *l, unsigned int nr,
		struct rect r);

/* graph.c */
/* graph_bar() - @value of @max as a bar of @w cells; anything above 0 shows */
void graph_bar(struct tui *t, int y, int x, int w, enum style st, double value, double max);
/* graph_bar_str() - the same as text. Returns @buf, of at least 3 * @w + 1 bytes. */
char *graph_bar_str(const struct tui *t, char *buf, int w, double value, double max);
/* graph_spark() - the last @w values, scaled between the least and the most of them */
void graph_spark(struct tui *t, int y, int x, int w, enum style st, const double *v,
		 unsigned int nr);
/* graph_stack() - RSS by class over time, classes one on the other */
void graph_stack(struct tui *t, struct rect r, const struct history *h, uint64_t now_ns,
		 double interval_s);

/* header.c, footer.c, help.c, side.c */
int header_draw(struct tui *t, const struct tui_frame *f);
int footer_draw(struct tui *t, const struct tui_frame *f);
void tiny_draw(struct tui *t, const struct tui_frame *f);
void help_draw(struct tui *t, struct rect r);
void side_draw(struct tui *t, const struct tui_frame *f, struct rect r);
/* death_text() - how a process ended, in words, clean; "" while it lives */
const char *death_text(const struct tui *t, const struct tui_frame *f, char *buf, size_t sz);

/* Pages of name and value, scrolled with the detail list. */
struct page {
	struct tui *t;
	struct rect r;
	int line; /* written so far, from the first of the page */
};
struct page page_begin(struct tui *t, struct rect r, const char *title);
/* page_row() - the place of the next line; false: scrolled out of sight */
bool page_row(struct page *pg, int *ret_y);
void page_field(struct page *pg, const char *name, enum style st, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void page_lines(struct page *pg, const char *text); /* as they are, after an empty one */
void page_end(struct page *pg);
/* page_region_line() - one region on one line */
void page_region_line(struct page *pg, const struct tui_frame *f, struct region *r);
/* page_thread() - a thread and a drawing of its stack */
void page_thread(struct page *pg, const struct tui_frame *f, const struct thread *th);
/* page_region() - what is known of one region */
void page_region(struct page *pg, const struct tui_frame *f, struct region *r);

static inline struct view_state *ui_vs(struct tui *t)
{
	return &t->vs[t->view];
}
const struct view_ops *ui_view(const struct tui *t);

#endif
