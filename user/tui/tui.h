/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The terminal view. It reads the model and draws; it never reads /proc and
 * never blocks: the session's loop calls tui_input() when the terminal has
 * bytes, tui_draw() when something changed, and acts on the flags returned.
 */
#ifndef TUI_TUI_H
#define TUI_TUI_H

#include <stdbool.h>
#include "analysis/ps.h"
#include "event/status.h"
#include "model/model.h"

/* What a key asks of the session; a bit set. */
#define TUI_QUIT 0x01u
#define TUI_REDRAW 0x02u
#define TUI_BASELINE 0x04u /* set the baseline of the process shown */
#define TUI_MARK 0x08u
#define TUI_PAUSE 0x10u /* toggled: tui_paused() */
#define TUI_ATTACH 0x20u /* picker: tui_picked() says whom */
/* of a replay: */
#define TUI_BACK 0x40u /* ten seconds */
#define TUI_AHEAD 0x80u
#define TUI_FAR_BACK 0x100u /* a tenth of the recording */
#define TUI_FAR_AHEAD 0x200u
#define TUI_STEP_BACK 0x400u /* an interval; the picture stands still then */
#define TUI_STEP_AHEAD 0x800u
#define TUI_SLOWER 0x1000u
#define TUI_FASTER 0x2000u

enum tui_view { TUI_COMMAND, TUI_LAYOUT, TUI_REGIONS, TUI_THREADS, TUI_TIMELINE, TUI_GROWTH };

struct tui_opts {
	bool ascii; /* no Unicode */
	bool color;
	bool bytes; /* exact bytes instead of K, M, G */
	double interval_s;
	bool command; /* a command was started: view 0 is there */
	bool replay; /* a recording: it has keys to move in time */
};

#define TUI_PATH_PLACES 8

/* A call path of the Growth view; raw strings. */
struct tui_path {
	const char *function, *module,
		*line; /* of the first frame that is not the C library's; "file.c:12" */
	int64_t net, gross, released; /* bytes */
	int64_t since_mark; /* net gained since the latest mark */
	double rate; /* bytes/s over the latest intervals */
	enum region_kind kind; /* RK_NR: nothing is left */
	const char *verdict; /* token */
	unsigned int nr_tids;
	bool many_tids;
	uint32_t tid[TUI_PATH_PLACES];
	struct {
		uint64_t start, end;
		enum region_kind kind;
		int64_t bytes;
	} place[TUI_PATH_PLACES];
	unsigned int nr_places;
	bool many_places;
	char **frame; /* text, innermost first */
	unsigned int nr_frames;
};

/* Who grew it, as far as it was watched. */
struct tui_growth {
	struct tui_path *path; /* by net bytes, most first */
	unsigned int nr;
	char verdict[512];
	int64_t delta, attributed, before, residual; /* bytes; delta is their sum */
	uint64_t from_ns; /* since when */
	unsigned int period; /* of faults at a known place, one in so many brings its stack */
	const char *mark; /* the latest; NULL: none */
};

/* All that a frame shows. Pointers are borrowed for the call. */
struct tui_frame {
	struct model *model;
	struct proc *proc; /* the one selected; NULL: none yet */
	struct proc **procs; /* all traced, for the switch between them */
	unsigned int nr_procs;
	const struct mtr_limits *limits; /* of proc; NULL: not read yet */
	const struct mtr_cost *cost;
	const char *note; /* one line for the bottom: baseline, resync, detach …; may be NULL */
	const struct tui_growth *growth; /* of proc; NULL: call paths are not watched */
	const char *no_growth; /* why not; NULL: they are about to be */
	const char *rung; /* "fentry" or "tracepoint", "proc" for replay/snapshot */
	uint64_t now_ns; /* CLOCK_BOOTTIME of the frame: the file's in replay */
	uint64_t now_real_ns; /* the same in CLOCK_REALTIME */
	const char *stack; /* lines about the frames of thread stack_tid; NULL: none */
	uint32_t stack_tid;
};

struct tui;

/* tui_open() - take the terminal; NULL with errno set when it cannot be (message in *ret_why) */
struct tui *tui_open(const struct tui_opts *o, const char **ret_why);
/* tui_close() - give the terminal back as it was; safe on NULL */
void tui_close(struct tui *t);
/* tui_fd() - the descriptor that keys come from: stdin, or /dev/tty when stdin is redirected */
int tui_fd(const struct tui *t);
/* tui_input() - consume the keys that are there; returns TUI_* flags */
unsigned int tui_input(struct tui *t);
/* tui_resize() - the terminal's size changed (SIGWINCH) */
void tui_resize(struct tui *t);
void tui_draw(struct tui *t, const struct tui_frame *f);
/* tui_command_output() - what the traced command printed on its terminal; true: it is in sight, draw */
bool tui_command_output(struct tui *t, const char *buf, size_t n);
bool tui_paused(const struct tui *t);
void tui_set_paused(struct tui *t, bool on);
/* tui_shown() - the view in sight */
enum tui_view tui_shown(const struct tui *t);
/* tui_selected() - index into procs of the process to show; kept in range by the caller */
unsigned int tui_selected(const struct tui *t);

/* tui_thread() - the thread whose page was drawn last and is in sight; 0: none. Its frames may be given */
uint32_t tui_thread(const struct tui *t);
/* tui_width() - columns of the terminal */
unsigned int tui_width(const struct tui *t);

/* The picker: processes by RSS and its rate. */
struct tui_pick_row {
	int pid;
	char comm[64]; /* raw bytes */
	char user[32];
	uint64_t rss_bytes;
	double rate; /* bytes/s since the last reading */
	bool allowed; /* may be attached to */
};

/*
 * tui_pick_draw() - rows in any order; the picker sorts. Enter returns TUI_ATTACH from tui_pick_input().
 * @note: one line of warning; may be NULL
 */
void tui_pick_draw(struct tui *t, const struct tui_pick_row *rows, unsigned int nr,
		   const char *note);
/* tui_pick_input() - consume one key; 0: none is there. Draw before the next. */
unsigned int tui_pick_input(struct tui *t);
int tui_picked(const struct tui *t);

/* tui_ps_draw() - the daemon's processes; keys as in the picker: tui_pick_input(), tui_picked() */
void tui_ps_draw(struct tui *t, const struct ps_table *pt, const char *note);

#endif
