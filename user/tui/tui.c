// SPDX-License-Identifier: GPL-2.0
/* The terminal: taken, given back, its size; frames become screens. */
#include "tui/tui.h"

#include <curses.h>
#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "tui/ui.h"

const struct view_ops *ui_view(const struct tui *t)
{
	switch (t->view) {
	case TUI_COMMAND:
		return &view_command;
	case TUI_LAYOUT:
		return &view_layout;
	case TUI_REGIONS:
		return &view_regions;
	case TUI_THREADS:
		return &view_threads;
	case TUI_TIMELINE:
		return &view_timeline;
	case TUI_GROWTH:
		return &view_growth;
	}
	return &view_layout;
}

/*
 * Only LC_CTYPE: numbers stay as they are. Who says nothing about a locale
 * (containers, minimal images) has a terminal that speaks UTF-8 nowadays; who
 * says C or POSIX gets ASCII.
 */
static bool locale_utf8(void)
{
	static const char *const vars[] = { "LC_ALL", "LC_CTYPE", "LANG" };
	bool said = false;

	setlocale(LC_CTYPE, "");
	for (int i = 0; i < 3; i++) {
		const char *v = getenv(vars[i]);

		said |= v && *v;
	}
	if (!said)
		setlocale(LC_CTYPE, "C.UTF-8");
	return !strcmp(nl_langinfo(CODESET), "UTF-8");
}

/* stdin or stdout may be redirected and belong to a traced command: then /dev/tty is ours. */
static FILE *terminal_of(FILE *std, int flags, FILE **ret_own)
{
	int fd;

	*ret_own = NULL;
	if (isatty(fileno(std)))
		return std;
	fd = open("/dev/tty", flags | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	*ret_own = fdopen(fd, flags == O_RDONLY ? "r" : "w");
	if (!*ret_own)
		close(fd);
	return *ret_own;
}

static void close_files(struct tui *t)
{
	if (t->in)
		fclose(t->in);
	if (t->out)
		fclose(t->out);
}

static SCREEN *open_screen(struct tui *t, const char **ret_why)
{
	FILE *in = terminal_of(stdin, O_RDONLY, &t->in);
	FILE *out = terminal_of(stdout, O_WRONLY, &t->out);
	SCREEN *s;

	*ret_why = "there is no terminal here";
	errno = ENOTTY;
	if (!in || !out)
		return NULL;
	*ret_why = "this terminal (TERM) is not known to ncurses";
	errno = ENOTSUP;
	s = newterm(NULL, out, in);
	return s;
}

struct tui *tui_open(const struct tui_opts *o, const char **ret_why)
{
	struct tui *t = calloc(1, sizeof(*t));

	*ret_why = "out of memory";
	if (!t)
		return NULL;
	t->o = *o;
	if (!locale_utf8())
		t->o.ascii = true;
	t->view = TUI_LAYOUT;
	t->pick_sorts = 1;
	t->vs[TUI_REGIONS].sort = RSORT_RES;
	if (o->command) {
		t->output = cmdout_new();
		if (!t->output) {
			free(t);
			return NULL;
		}
	}
	t->screen = open_screen(t, ret_why);
	if (!t->screen) {
		close_files(t);
		cmdout_free(t->output);
		free(t);
		return NULL;
	}
	set_term(t->screen);
	cbreak(); /* ^C stays a signal: the session ends cleanly on it */
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	set_escdelay(25);
	curs_set(0);
	style_init(&t->o);
	layout_init(&t->layout);
	return t;
}

void tui_close(struct tui *t)
{
	if (!t)
		return;
	endwin();
	delscreen(t->screen);
	close_files(t);
	layout_fini(&t->layout);
	free(t->vlines);
	rows_regions_fini(&t->regions);
	rows_threads_fini(&t->threads);
	free(t->grown);
	cmdout_free(t->output);
	free(t);
}

int tui_fd(const struct tui *t)
{
	return fileno(t->in ? t->in : stdin);
}

void tui_resize(struct tui *t)
{
	struct winsize ws;

	if (ioctl(fileno(t->out ? t->out : stdout), TIOCGWINSZ, &ws) || !ws.ws_row || !ws.ws_col)
		return;
	resizeterm(ws.ws_row, ws.ws_col);
	clearok(stdscr, TRUE); /* the terminal may have reflowed what was there */
}

bool tui_paused(const struct tui *t)
{
	return t->paused;
}

void tui_set_paused(struct tui *t, bool on)
{
	t->paused = on;
}

enum tui_view tui_shown(const struct tui *t)
{
	return t->view;
}

unsigned int tui_selected(const struct tui *t)
{
	return t->sel_proc;
}

/* ---- drawing */

static void track_virt(struct tui *t, const struct proc *p)
{
	uint64_t dt = p->tick_ns - t->virt_tick_ns;

	if (t->virt_as == p->as && p->tick_ns == t->virt_tick_ns)
		return;
	t->virt_rate = 0;
	if (t->virt_as == p->as && t->virt_tick_ns && dt)
		t->virt_rate = ((double)p->aspace.virt - (double)t->virt_last) / ((double)dt / 1e9);
	t->virt_as = p->as;
	t->virt_tick_ns = p->tick_ns;
	t->virt_last = p->aspace.virt;
}

static void draw_body(struct tui *t, const struct tui_frame *f, struct rect r)
{
	/* a third of a very wide screen tells the rest of the story */
	if (t->w >= 170 && r.h >= 20 && t->view == TUI_LAYOUT && !t->help && !t->detail) {
		struct rect side = r;

		side.w = t->w / 5 * 2;
		side.x = t->w - side.w;
		r.w -= side.w + 2;
		side_draw(t, f, side);
	}
	if (t->help)
		help_draw(t, r);
	else if (t->detail)
		ui_view(t)->detail(t, f, r);
	else
		ui_view(t)->draw(t, f, r);
}

void tui_draw(struct tui *t, const struct tui_frame *f)
{
	int top, bottom;

	t->nr_procs = f->nr_procs;
	if (t->nr_procs && t->sel_proc >= t->nr_procs)
		t->sel_proc = t->nr_procs - 1;
	ui_begin(t);
	if (f->proc) {
		track_virt(t, f->proc);
		proc_kinds(f->proc, f->model->st);
		layout_build(&t->layout, f->proc, f->model->st);
	}
	if (t->w < 36 || t->h < 7) {
		tiny_draw(t, f);
		ui_end(t);
		return;
	}
	top = header_draw(t, f);
	bottom = footer_draw(t, f);
	if (f->proc || t->view == TUI_COMMAND)
		draw_body(t, f, (struct rect){ .y = top, .h = t->h - top - bottom, .w = t->w });
	else
		ui_put(t, top + 1, 1, t->w - 1, ST_DIM,
		       f->note ? ui_text(t, f->note) : "waiting for a process");
	ui_end(t);
}

uint32_t tui_thread(const struct tui *t)
{
	return t->detail && !t->help && t->view == TUI_THREADS ? t->detail_tid : 0;
}

unsigned int tui_width(const struct tui *t)
{
	return t->w > 0 ? (unsigned int)t->w : 80;
}
