// SPDX-License-Identifier: GPL-2.0
#include "screen.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include "screen_growth.h"
#include "stacks_run.h"
#include "tui/tui.h"
#include "util/clock.h"
#include "util/log.h"

#define OUT_KEPT 65536
#define OUT_REDRAW_NS (50 * NSEC_PER_MSEC)

/* What a paused view looks at: copies, while the session goes on. */
struct frozen {
	struct proc **procs;
	struct mtr_limits *limits; /* of each; nr 0: not read */
	unsigned int nr;
	struct mtr_cost cost;
	uint64_t now_ns, now_real_ns;
};

struct screen {
	const struct opts *o;
	struct tui *tui;
	struct child *child;
	struct screen_growth *growth; /* NULL: its view was never opened */
	struct frozen *frozen; /* NULL: not paused */
	const char *note;
	struct {
		uint32_t tid; /* of what text is; 0: of none */
		char *text; /* NULL: nothing could be told */
	} stack;
	bool quit;
	bool stale; /* output of the command is not on the screen yet */
	uint64_t drawn_ns;
	bool cut; /* of the output the beginning is gone */
	size_t out_len; /* bytes of it kept */
	char out[OUT_KEPT];
};

/* The wall clock's time of session_now(), which stands still when the targets have ended. */
static uint64_t real_now(const struct session *s)
{
	return clock_ns(CLOCK_REALTIME) - (boot_ns() - session_now(s));
}

/* ---- pause */

static void thaw(struct screen *sc)
{
	struct frozen *fz = sc->frozen;

	sc->frozen = NULL;
	if (!fz)
		return;
	for (unsigned int i = 0; i < fz->nr; i++)
		proc_free(fz->procs[i]);
	free(fz->procs);
	free(fz->limits);
	free(fz);
}

/* Without the memory for it the view stays on the living model, under the word PAUSED. */
static void freeze(struct screen *sc, struct session *s)
{
	struct frozen *fz = calloc(1, sizeof(*fz));
	struct sess_proc **procs;
	unsigned int nr;

	thaw(sc);
	if (!fz)
		return;
	sc->frozen = fz;
	procs = session_procs(s, &nr);
	fz->procs = calloc(nr + 1, sizeof(*fz->procs));
	fz->limits = calloc(nr + 1, sizeof(*fz->limits));
	fz->cost = *session_cost(s);
	fz->now_ns = session_now(s);
	fz->now_real_ns = real_now(s);
	for (; fz->procs && fz->limits && fz->nr < nr; fz->nr++) {
		fz->procs[fz->nr] = proc_freeze(procs[fz->nr]->p);
		if (!fz->procs[fz->nr])
			break;
		if (procs[fz->nr]->limits_ns)
			fz->limits[fz->nr] = procs[fz->nr]->limits;
	}
	if (fz->nr < nr)
		thaw(sc);
}

/* ---- frames */

static unsigned int selected(const struct screen *sc, unsigned int nr)
{
	unsigned int sel = tui_selected(sc->tui);

	return sel < nr ? sel : nr ? nr - 1 : 0;
}

static void draw_frozen(struct screen *sc, struct session *s)
{
	const struct frozen *fz = sc->frozen;
	unsigned int sel = selected(sc, fz->nr);
	struct tui_frame f = {
		.model = session_model(s),
		.procs = fz->procs,
		.nr_procs = fz->nr,
		.cost = &fz->cost,
		.note = sc->note,
		.rung = session_rung(s),
		.now_ns = fz->now_ns,
		.now_real_ns = fz->now_real_ns,
	};

	f.growth = sc->growth ? screen_growth_last(sc->growth) : NULL;
	f.no_growth = sc->growth ? NULL : "paused: call paths are watched when the picture goes on";
	if (fz->nr) {
		f.proc = fz->procs[sel];
		f.limits = fz->limits[sel].nr ? &fz->limits[sel] : NULL;
	}
	tui_draw(sc->tui, &f);
}

static int draw_now(struct screen *sc, struct session *s)
{
	unsigned int nr, sel;
	struct sess_proc **procs = session_procs(s, &nr);
	struct proc **all = calloc(nr + 1, sizeof(*all));
	struct tui_frame f = {
		.model = session_model(s),
		.procs = all,
		.nr_procs = nr,
		.cost = session_cost(s),
		.note = sc->note,
		.rung = session_rung(s),
		.now_ns = session_now(s),
		.now_real_ns = real_now(s),
		.stack = sc->stack.text,
		.stack_tid = sc->stack.tid,
	};

	if (!all)
		return -ENOMEM;
	for (unsigned int i = 0; i < nr; i++)
		all[i] = procs[i]->p;
	sel = selected(sc, nr);
	if (nr) {
		f.proc = all[sel];
		f.limits = procs[sel]->limits_ns ? &procs[sel]->limits : NULL;
		if (sc->growth && tui_shown(sc->tui) == TUI_GROWTH)
			f.growth = screen_growth_of(sc->growth, s, procs[sel]);
	}
	tui_draw(sc->tui, &f);
	free(all);
	return 0;
}

/* Who looks at a thread's page sees its frames, as they are at this interval. */
static void look_at_thread(struct screen *sc, struct session *s)
{
	unsigned int nr;
	struct sess_proc **procs = session_procs(s, &nr);
	struct proc *p = nr ? procs[selected(sc, nr)]->p : NULL;

	free(sc->stack.text);
	sc->stack.tid = tui_thread(sc->tui);
	sc->stack.text = sc->stack.tid && p && p->death == DEATH_NONE ?
				 stacks_of_thread((pid_t)p->pid, (pid_t)sc->stack.tid, sc->o->ascii,
						  tui_width(sc->tui)) :
				 NULL;
}

static int draw(struct screen *sc, struct session *s)
{
	int err;

	sc->stale = false;
	sc->drawn_ns = boot_ns();
	if (!sc->frozen) {
		err = draw_now(sc, s);
		/* which thread's page it is is known when it was drawn */
		if (err || tui_thread(sc->tui) == sc->stack.tid)
			return err;
		look_at_thread(sc, s);
		return draw_now(sc, s);
	}
	draw_frozen(sc, s);
	return 0;
}

static int on_tick(void *ctx, struct session *s)
{
	struct screen *sc = ctx;

	if (sc->growth)
		screen_growth_tick(sc->growth, s);
	if (tui_paused(sc->tui))
		return 0;
	look_at_thread(sc, s);
	return draw(sc, s);
}

/* ---- keys, size */

static void baseline(struct screen *sc, struct session *s)
{
	unsigned int nr;
	struct sess_proc **procs = session_procs(s, &nr);

	if (!nr)
		return;
	proc_baseline(procs[selected(sc, nr)]->p, session_now(s));
	if (sc->frozen)
		sc->note = "baseline set: it shows when the picture goes on (space)";
}

static int on_keys(void *ctx, struct session *s)
{
	struct screen *sc = ctx;
	unsigned int did = tui_input(sc->tui);

	if (did & TUI_QUIT) {
		sc->quit = true;
		return 1;
	}
	/* from now on they cost: not before somebody wants to see them */
	if (tui_shown(sc->tui) == TUI_GROWTH && !sc->growth && !sc->frozen)
		sc->growth = screen_growth_open(s);
	if (did & TUI_BASELINE)
		baseline(sc, s);
	if (did & TUI_MARK)
		session_mark(s, NULL);
	if (did & TUI_PAUSE) {
		sc->note = NULL;
		if (tui_paused(sc->tui))
			freeze(sc, s);
		else
			thaw(sc);
	}
	return did ? draw(sc, s) : 0;
}

static void on_size(void *ctx, struct session *s)
{
	struct screen *sc = ctx;
	struct winsize ws;

	tui_resize(sc->tui);
	if (sc->child && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws))
		child_resize(sc->child, ws.ws_row, ws.ws_col);
	draw(sc, s);
}

/* ---- the command's output */

/* The last part of it, as it came: given back when the view closes. */
static void keep(struct screen *sc, const char *buf, size_t n)
{
	size_t over = sc->out_len + n > OUT_KEPT ? sc->out_len + n - OUT_KEPT : 0;

	if (over) {
		memmove(sc->out, sc->out + over, sc->out_len - over);
		sc->out_len -= over;
		sc->cut = true;
	}
	memcpy(sc->out + sc->out_len, buf, n);
	sc->out_len += n;
}

/* One reading; false: there will be no more. */
static bool read_output(struct screen *sc)
{
	char buf[4096];
	ssize_t n = read(sc->child->pty, buf, sizeof(buf));

	if (n > 0) {
		keep(sc, buf, (size_t)n);
		sc->stale |= tui_command_output(sc->tui, buf, (size_t)n);
	}
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static int on_output(void *ctx, struct session *s)
{
	struct screen *sc = ctx;

	return read_output(sc) ? 0 : session_unwatch(s, sc->child->pty);
}

static void on_turn(void *ctx, struct session *s)
{
	struct screen *sc = ctx;

	if (sc->stale && boot_ns() - sc->drawn_ns >= OUT_REDRAW_NS)
		draw(sc, s);
}

static bool readable(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return fd >= 0 && poll(&pfd, 1, 0) == 1 && pfd.revents & POLLIN;
}

static void give_back(struct screen *sc)
{
	const char *from = sc->out, *line;

	/* from the beginning of a line: what was cut may have ended within a sequence */
	if (sc->cut) {
		line = memchr(sc->out, '\n', sc->out_len);
		from = line ? line + 1 : from;
	}
	if (sc->out_len)
		fwrite(from, 1, sc->out_len - (size_t)(from - sc->out), stdout);
	fflush(stdout);
}

/* ---- */

int screen_open(const struct opts *o, struct child *child, struct screen **ret_sc)
{
	struct tui_opts to = {
		.ascii = o->ascii,
		.color = opts_color(o),
		.bytes = o->bytes,
		.interval_s = (double)o->interval_ns / (double)NSEC_PER_SEC,
		.command = child && child->pty >= 0,
	};
	struct screen *sc = calloc(1, sizeof(*sc));
	const char *why = NULL;

	if (!sc)
		return log_error(EX_FAILED, NULL, "out of memory");
	sc->o = o;
	sc->child = to.command ? child : NULL;
	log_hold();
	sc->tui = tui_open(&to, &why);
	if (sc->tui) {
		*ret_sc = sc;
		return 0;
	}
	log_release();
	free(sc);
	return log_error(EX_FAILED, "try --plain", "cannot use this terminal: %s",
			 why ? why : strerror(errno));
}

int screen_run(struct screen *sc, struct session *s)
{
	const struct session_view v = {
		.tick = on_tick,
		.input = on_keys,
		.fd = tui_fd(sc->tui),
		.resize = on_size,
		.output = on_output,
		.output_fd = sc->child ? sc->child->pty : -1,
		.turn = on_turn,
		.stay = true,
	};

	int ret = session_run(s, &v, sc);

	session_tap(s, NULL, NULL); /* screen_close() frees who listens */
	return ret;
}

bool screen_quit(const struct screen *sc)
{
	return sc->quit;
}

void screen_close(struct screen *sc)
{
	if (!sc)
		return;
	while (sc->child && readable(sc->child->pty) && read_output(sc))
		;
	tui_close(sc->tui);
	give_back(sc);
	log_release();
	thaw(sc);
	screen_growth_close(sc->growth);
	free(sc->stack.text);
	free(sc);
}
