// SPDX-License-Identifier: GPL-2.0
/*
 * `memtrace replay FILE`: the live view from a recording. On a terminal the
 * full screen (replay_screen.c); else the reports that a live session would
 * have made, at the recorded intervals.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "opts.h"
#include "output.h"
#include "player.h"
#include "replay_screen.h"
#include "util/clock.h"
#include "util/log.h"

struct replay {
	const struct opts *o;
	struct player *pl;
	FILE *out;
	uint64_t first_ns, began_ns; /* --speed: recorded time and ours, at the beginning */
};

static volatile sig_atomic_t stop;

static void on_signal(int signo)
{
	stop = signo;
}

static int read_failed(const struct replay *rp, int err)
{
	return log_error(EX_FAILED, NULL, "cannot read %s: %s", rp->o->files[0], strerror(-err));
}

static int report_one(struct replay *rp, struct player_proc *pp)
{
	struct report_style style = { .ascii = rp->o->ascii, .bytes = rp->o->bytes };
	struct report r;
	int err;

	if (pp->left || player_hidden(rp->pl, pp))
		return 0;
	pp->left = pp->p->death != DEATH_NONE;
	player_report(rp->pl, pp, &r);
	errno = 0;
	err = rp->o->json ? report_json(rp->out, &r) : report_text(rp->out, &r, &style);
	/* what they say is only that a write failed */
	return err && errno ? -errno : err;
}

static int report_all(struct replay *rp)
{
	unsigned int nr;
	struct player_proc **procs = player_procs(rp->pl, &nr);
	int err = 0;

	for (unsigned int i = 0; i < nr && !err; i++)
		err = report_one(rp, procs[i]);
	if (!err && fflush(rp->out))
		err = -errno;
	return err;
}

/* As long as it took, over the speed. */
static void keep_pace(struct replay *rp)
{
	uint64_t now = player_now(rp->pl), due;

	if (!rp->o->speed)
		return;
	if (!rp->first_ns) {
		rp->first_ns = now;
		rp->began_ns = boot_ns();
	}
	due = rp->began_ns + (uint64_t)((double)(now - rp->first_ns) / rp->o->speed);
	while (!stop && boot_ns() < due) {
		uint64_t left = due - boot_ns();

		poll(NULL, 0, left > NSEC_PER_SEC ? 1000 : (int)(left / NSEC_PER_MSEC) + 1);
	}
}

static int reports(struct replay *rp)
{
	int err = player_now(rp->pl) ? report_all(rp) : 0, ret = 0;

	while (!err && !stop && (ret = player_next(rp->pl)) > 0) {
		keep_pace(rp);
		err = report_all(rp);
	}
	if (err == -EPIPE)
		return 0;
	if (err)
		return output_failed(rp->o->output ? rp->o->output : "standard output", -err);
	if (ret < 0)
		return read_failed(rp, ret);
	return stop ? 0 : player_status(rp->pl);
}

static int run_reports(struct replay *rp)
{
	struct sigaction sa = { .sa_handler = on_signal };
	int ret;

	signal(SIGPIPE, SIG_IGN);
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
	rp->out = output_open(rp->o->output);
	if (!rp->out)
		return EX_FAILED;
	ret = reports(rp);
	if (rp->out != stdout && fclose(rp->out) && !ret)
		ret = output_failed(rp->o->output, errno);
	return ret;
}

int cmd_replay(struct opts *o, int argc, char **argv)
{
	struct replay rp = { .o = o };
	uint64_t at = 0;
	int ret, err = 0;

	(void)argc;
	(void)argv;
	ret = player_open(o->files[0], &rp.pl);
	if (ret)
		return ret;
	if (o->seek) {
		ret = player_moment(rp.pl, o->seek, &at);
		if (!ret)
			err = player_seek(rp.pl, at);
		if (err)
			ret = read_failed(&rp, err);
	}
	if (!ret && isatty(STDOUT_FILENO) && !o->plain && !o->json && !o->output)
		ret = replay_screen(o, rp.pl);
	else if (!ret)
		ret = run_reports(&rp);
	player_close(rp.pl);
	return ret;
}
