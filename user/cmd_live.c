// SPDX-License-Identifier: GPL-2.0
/*
 * The live view: `memtrace -p PID`, `memtrace -- CMD`. On a terminal the full
 * screen; else a report every interval, as text or as a JSON object a line.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "analysis/ended.h"
#include "child.h"
#include "export/crashed.h"
#include "export/report.h"
#include "opts.h"
#include "output.h"
#include "screen.h"
#include "session.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/privilege.h"

struct live {
	const struct opts *o;
	struct child child;
	struct screen *screen; /* NULL: reports */
	FILE *out; /* reports */
	bool quit;
	int write_err; /* that ended the reports; 0: none */
};

static int one_report(struct live *l, struct session *s, struct sess_proc *sp)
{
	struct report_style style = { .ascii = l->o->ascii, .bytes = l->o->bytes };
	struct report r = {
		.p = sp->p,
		.model = session_model(s),
		.limits = sp->limits_ns ? &sp->limits : NULL,
		.cost = session_cost(s),
		.rung = session_rung(s),
		.live = true,
		.now_ns = session_now(s),
		.now_real_ns = clock_ns(CLOCK_REALTIME),
	};

	if (sp->left)
		return 0;
	sp->left = sp->p->death != DEATH_NONE;
	if (l->o->json)
		return report_json(l->out, &r);
	return report_text(l->out, &r, &style);
}

/* A process whose address space is memtrace's own copy, about to exec the command. */
static bool not_yet(const struct live *l, const struct sess_proc *sp)
{
	return l->o->cmd && (pid_t)sp->p->pid == l->child.pid && !sp->p->exec_nr;
}

static int report_tick(void *ctx, struct session *s)
{
	struct live *l = ctx;
	unsigned int nr;
	struct sess_proc **procs = session_procs(s, &nr);
	int err = 0;

	for (unsigned int i = 0; !err && i < nr; i++)
		if (!not_yet(l, procs[i]))
			err = one_report(l, s, procs[i]);
	if (err && err != -EIO)
		return err;
	errno = 0;
	if (!fflush(l->out) && !err)
		return 0;
	l->write_err = errno ? errno : EIO;
	return 1;
}

static int run_session(struct live *l, struct session *s)
{
	const struct session_view v = { .tick = report_tick, .fd = -1, .output_fd = -1 };

	return l->screen ? screen_run(l->screen, s) : session_run(s, &v, l);
}

/* What has to be known when the view is gone; a plain report has said it. */
static void epilogue(const struct live *l, struct session *s)
{
	unsigned int nr;
	struct sess_proc **procs = session_procs(s, &nr);
	const struct report_style style = { .ascii = l->o->ascii, .bytes = l->o->bytes };
	struct model *m = session_model(s);
	char text[512];

	for (unsigned int i = 0; i < nr && (l->screen || l->o->json); i++) {
		struct proc *p = procs[i]->p;

		if (p->death == DEATH_NONE || ended_well(p) ||
		    (p->death == DEATH_EXIT && l->o->json))
			continue;
		log_info("%s[%u]: %s", strtab_str(m->st, p->comm), p->pid,
			 ended_text(text, sizeof(text), p, m->st, l->o->bytes));
		if (!l->o->json)
			crashed_text(stderr, p, m->st, &style);
	}
}

static int open_output(struct live *l)
{
	/* A command's own output stays clean: memtrace's goes to stderr, or where -o says. */
	l->out = l->o->cmd ? stderr : stdout;
	if (!l->o->output || l->screen)
		return 0;
	l->out = output_open(l->o->output);
	return l->out ? 0 : EX_FAILED;
}

/* A pipe that nobody reads must not hold up the end. */
static bool writable(FILE *f)
{
	struct pollfd pfd = { .fd = fileno(f), .events = POLLOUT };

	return poll(&pfd, 1, 0) == 1 && pfd.revents & POLLOUT;
}

/* Attach, let the command go, run. Returns memtrace's own exit status. */
static int trace(struct live *l, struct session *s, bool screen)
{
	pid_t pid = l->child.pid;
	int ret;

	if (l->o->cmd)
		ret = session_attach(s, &pid, 1);
	else
		ret = session_attach(s, l->o->pids, l->o->nr_pids);
	if (!ret && screen)
		ret = screen_open(l->o, &l->child, &l->screen);
	if (!ret)
		ret = open_output(l);
	if (!ret)
		privilege_drop();
	if (!ret && l->o->cmd)
		ret = child_go(&l->child, l->o->cmd[0]);
	if (!ret)
		ret = run_session(l, s);
	/* the last interval, also of a target that has ended */
	if (!ret && !l->screen && !l->write_err && (!session_interrupted(s) || writable(l->out)))
		ret = report_tick(l, s) < 0 ? EX_FAILED : 0;
	l->quit = l->screen && screen_quit(l->screen);
	screen_close(l->screen);
	if (!ret)
		epilogue(l, s);
	if (l->out && l->out != stdout && l->out != stderr && fclose(l->out) && !l->write_err)
		l->write_err = errno;
	/* who reads has read enough, or the end interrupted the write */
	if (l->write_err == EPIPE || (l->write_err == EINTR && session_interrupted(s)))
		l->write_err = 0;
	return ret || !l->write_err ? ret : output_failed(l->o->output, l->write_err);
}

int cmd_live(struct opts *o, int argc, char **argv)
{
	bool screen = isatty(STDOUT_FILENO) && !o->plain && !o->json && !o->output;
	static struct live l;
	struct winsize ws = { .ws_row = 24, .ws_col = 80 };
	struct session *s = NULL;
	int ret, status;

	(void)argc;
	(void)argv;
	l.o = o;
	l.child.pty = -1;
	o->stacks = screen; /* none is taken before the Growth view is opened */
	signal(SIGPIPE, SIG_IGN);
	ret = session_open(o, &s);
	if (ret)
		return o->cmd ? EX_CMD_FAILED : ret;
	if (screen)
		session_stacks(s, false);
	if (o->cmd) {
		if (screen)
			ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws);
		ret = child_start(&l.child, o->cmd, o->user, screen, ws.ws_row, ws.ws_col);
	}
	privilege_hurry();
	if (!ret)
		ret = trace(&l, s, screen);
	if (o->cmd) {
		status = child_end(&l.child, session_interrupted(s) ? session_interrupted(s) :
					     l.quit		    ? SIGHUP :
								      0);
		if (!ret)
			ret = status;
		else if (ret < 126)
			ret = EX_CMD_FAILED;
	}
	session_close(s);
	return ret;
}
