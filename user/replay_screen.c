// SPDX-License-Identifier: GPL-2.0
#include "replay_screen.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tui/tui.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/units.h"

#define SKIP_NS (10 * NSEC_PER_SEC)
#define FRAME_MS 50 /* pictures are not drawn more often */
#define SPEED_MAX 1024.0

/*
 * Recorded time runs @speed times as fast as ours, from a pair of moments that
 * is set anew with every jump, pause and change of speed.
 */
struct replay_screen {
	const struct opts *o;
	struct player *pl;
	struct tui *tui;
	double speed;
	uint64_t rec_ns, wall_ns; /* that pair */
	uint64_t interval_ns;
	bool at_end;
	bool quit;
	char note[160];
};

static volatile sig_atomic_t ended, resized;

static void on_signal(int signo)
{
	if (signo == SIGWINCH)
		resized = 1;
	else
		ended = signo;
}

static void set_clock(struct replay_screen *rs)
{
	rs->rec_ns = player_now(rs->pl);
	rs->wall_ns = boot_ns();
}

/* Where in the recording we ought to be by now. */
static uint64_t due(const struct replay_screen *rs)
{
	return rs->rec_ns + (uint64_t)((double)(boot_ns() - rs->wall_ns) * rs->speed);
}

static void set_note(struct replay_screen *rs)
{
	uint64_t begin = player_begin(rs->pl), end = player_end(rs->pl), now = player_now(rs->pl);
	const struct trace_info *in = player_info(rs->pl);
	char at[UNITS_LEN], all[UNITS_LEN], speed[32] = "";

	if (rs->speed != 1)
		snprintf(speed, sizeof(speed), ", speed %g", rs->speed);
	snprintf(rs->note, sizeof(rs->note), "replay %s of %s%s%s%s",
		 fmt_duration(at, now > begin ? now - begin : 0), fmt_duration(all, end - begin),
		 speed, rs->at_end ? ": the end" : "",
		 in->nr_damages ? "; the file is damaged" :
		 !in->closed	? "; the file was not closed" :
				  "");
}

static int draw(struct replay_screen *rs)
{
	static const struct mtr_cost unknown = { .bpf_percent = -1, .self_cpu_percent = -1 };
	const struct mtr_cost *cost = player_cost(rs->pl);
	unsigned int nr, n = 0, sel = tui_selected(rs->tui);
	struct player_proc **procs = player_procs(rs->pl, &nr);
	struct proc **all = calloc(nr + 1, sizeof(*all));
	struct tui_frame f = {
		.model = player_model(rs->pl),
		.procs = all,
		.cost = cost ? cost : &unknown,
		.note = rs->note,
		.rung = player_rung(rs->pl),
		.no_growth =
			"there are no call paths here: memtrace growth -p PID, or the live view, has them",
		.now_ns = player_now(rs->pl),
		.now_real_ns = player_real(rs->pl),
	};

	if (!all)
		return -ENOMEM;
	for (unsigned int i = 0; i < nr; i++) {
		if (player_hidden(rs->pl, procs[i]))
			continue;
		if (n == sel || !n) {
			f.proc = procs[i]->p;
			f.limits = procs[i]->has_limits ? &procs[i]->limits : NULL;
		}
		all[n++] = procs[i]->p;
	}
	f.nr_procs = n;
	set_note(rs);
	tui_draw(rs->tui, &f);
	free(all);
	return 0;
}

/* As far as is due, one picture for all of it. */
static int play(struct replay_screen *rs)
{
	uint64_t until = due(rs);
	int ret = 1;

	while (ret > 0 && player_now(rs->pl) < until)
		ret = player_next(rs->pl);
	rs->at_end = !ret;
	return ret < 0 ? ret : draw(rs);
}

static int jump(struct replay_screen *rs, int64_t by_ns)
{
	uint64_t now = player_now(rs->pl), begin = player_begin(rs->pl), to;
	int err;

	if (by_ns < 0 && now < begin + (uint64_t)-by_ns)
		to = begin;
	else
		to = now + (uint64_t)by_ns;
	/* back is back: not to the end of the very interval we are at */
	err = player_seek(rs->pl, to);
	rs->at_end = player_now(rs->pl) >= player_end(rs->pl);
	set_clock(rs);
	return err;
}

static int step(struct replay_screen *rs, bool ahead)
{
	int ret;

	tui_set_paused(rs->tui, true);
	if (!ahead)
		return jump(rs, -(int64_t)(rs->interval_ns + rs->interval_ns / 2));
	ret = player_next(rs->pl);
	rs->at_end = !ret;
	return ret < 0 ? ret : 0;
}

static void change_speed(struct replay_screen *rs, double by)
{
	double speed = rs->speed * by;

	set_clock(rs);
	if (speed <= SPEED_MAX && speed >= 1 / SPEED_MAX)
		rs->speed = speed;
}

static void baseline(struct replay_screen *rs)
{
	unsigned int nr, sel = tui_selected(rs->tui);
	struct player_proc **procs = player_procs(rs->pl, &nr);

	if (nr)
		proc_baseline(procs[sel < nr ? sel : nr - 1]->p, player_now(rs->pl));
}

static int on_keys(struct replay_screen *rs)
{
	unsigned int did = tui_input(rs->tui);
	int64_t tenth = (int64_t)(player_end(rs->pl) - player_begin(rs->pl)) / 10;
	int err = 0;

	rs->quit = did & TUI_QUIT;
	if (did & TUI_BASELINE)
		baseline(rs);
	if (did & TUI_PAUSE)
		set_clock(rs);
	if (did & TUI_BACK)
		err = jump(rs, -(int64_t)SKIP_NS);
	else if (did & TUI_AHEAD)
		err = jump(rs, SKIP_NS);
	else if (did & TUI_FAR_BACK)
		err = jump(rs, -tenth);
	else if (did & TUI_FAR_AHEAD)
		err = jump(rs, tenth);
	else if (did & (TUI_STEP_BACK | TUI_STEP_AHEAD))
		err = step(rs, did & TUI_STEP_AHEAD);
	if (did & TUI_SLOWER)
		change_speed(rs, 0.5);
	if (did & TUI_FASTER)
		change_speed(rs, 2);
	if (err || !did)
		return err;
	return draw(rs);
}

static int loop(struct replay_screen *rs)
{
	struct pollfd pfd = { .fd = tui_fd(rs->tui), .events = POLLIN };
	int err = draw(rs);

	while (!err && !rs->quit && !ended) {
		int n = poll(&pfd, 1, FRAME_MS);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (resized) {
			resized = 0;
			tui_resize(rs->tui);
			err = draw(rs);
		}
		if (!err && n > 0) {
			if (pfd.revents & (POLLHUP | POLLERR | POLLNVAL) && !(pfd.revents & POLLIN))
				return 0;
			err = on_keys(rs);
		}
		if (!err && !tui_paused(rs->tui) && !rs->at_end && player_now(rs->pl) < due(rs))
			err = play(rs);
	}
	return err;
}

static void catch_signals(void)
{
	const int signos[] = { SIGINT, SIGTERM, SIGHUP, SIGWINCH };
	struct sigaction sa = { .sa_handler = on_signal };

	for (unsigned int i = 0; i < sizeof(signos) / sizeof(*signos); i++)
		sigaction(signos[i], &sa, NULL);
}

int replay_screen(const struct opts *o, struct player *pl)
{
	struct replay_screen rs = { .o = o, .pl = pl, .speed = o->speed ? o->speed : 1 };
	struct tui_opts to = {
		.ascii = o->ascii, .color = opts_color(o), .bytes = o->bytes, .replay = true
	};
	const char *why = NULL;
	int err;

	rs.interval_ns = facts_u64(player_facts(pl), "interval_ns");
	if (!rs.interval_ns)
		rs.interval_ns = NSEC_PER_SEC;
	to.interval_s = (double)rs.interval_ns / (double)NSEC_PER_SEC;
	/* something to see from the start */
	err = player_now(pl) ? 0 : player_next(pl);
	if (err < 0)
		return log_error(EX_FAILED, NULL, "cannot read the recording: %s", strerror(-err));
	log_hold();
	rs.tui = tui_open(&to, &why);
	if (!rs.tui) {
		log_release();
		return log_error(EX_FAILED, "try --plain", "cannot use this terminal: %s",
				 why ? why : strerror(errno));
	}
	catch_signals();
	set_clock(&rs);
	err = loop(&rs);
	tui_close(rs.tui);
	log_release();
	if (err < 0)
		return log_error(EX_FAILED, NULL, "replay stopped: %s", strerror(-err));
	return player_info(pl)->nr_damages ? player_status(pl) : 0;
}
