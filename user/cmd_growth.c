// SPDX-License-Identifier: GPL-2.0
/*
 * `memtrace growth`: watch for a while, then say who grew it. The same session
 * as the live view; its events also go to the ledgers (growth.c). Of a recording: growth_file.c.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "growth.h"
#include "growth_file.h"
#include "growth_put.h"
#include "growth_report.h"
#include "opts.h"
#include "output.h"
#include "remote.h"
#include "session.h"
#include "source/limits.h"
#include "source/src_proc.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/privilege.h"
#include "util/units.h"

#define DEFAULT_WINDOW (30 * NSEC_PER_SEC)
#define POINTS 100 /* of the series, in the window */
#define LEAST_INTERVAL (100 * NSEC_PER_MSEC)

struct run {
	const struct opts *o;
	struct growth *g;
	struct child child;
	struct mtr_cgroup cgroup0; /* of the first process at the beginning */
	bool cgroup0_known;
	uint64_t begun_ns;
	bool progress; /* on a terminal */
	int matched; /* a verdict of --fail-on */
};

/* A process whose address space is memtrace's own copy, about to exec the command. */
static bool not_yet(const struct run *run, const struct proc *p)
{
	return run->o->cmd && (pid_t)p->pid == run->child.pid && !p->exec_nr;
}

static void put_progress(struct run *run, struct session *s)
{
	char t[UNITS_LEN], d[UNITS_LEN], rss[UNITS_LEN], delta[UNITS_LEN], faults[32] = "";
	struct growth_proc *gp = run->g->procs;
	uint64_t now = session_now(s);

	if (!gp)
		return;
	if (run->g->fault_period > 1)
		snprintf(faults, sizeof(faults), "faults 1 in %u  ", run->g->fault_period);
	fprintf(stderr, "\r%s%s%s  RSS %s %s  %scall paths 1 in %u \033[K",
		fmt_duration(t, now - run->begun_ns), run->o->duration_ns ? " of " : "",
		run->o->duration_ns ? fmt_duration(d, run->o->duration_ns) : "",
		fmt_size(rss, proc_rss(gp->p)), fmt_growth(delta, proc_rss(gp->p) - gp->rss0),
		faults, run->g->period);
}

static int tick(void *ctx, struct session *s)
{
	struct run *run = ctx;

	growth_tick(run->g, session_now(s));
	if (run->progress)
		put_progress(run, s);
	return 0;
}

/* As arenas_read_fn */
static bool read_memory(void *ctx, uint64_t addr, void *buf, size_t sz)
{
	const struct proc *p = ctx;

	return src_proc_memory((pid_t)p->pid, addr, buf, sz);
}

static int one_report(struct run *run, struct session *s, struct sess_proc *sp, FILE *out)
{
	struct growth_proc *gp;
	struct growth_report r = { .model = session_model(s),
				   .limits = sp->limits_ns ? &sp->limits : NULL,
				   .to_ns = session_now(s),
				   .to_real_ns = clock_ns(CLOCK_REALTIME),
				   .rung = session_rung(s) };
	struct arenas arenas;
	struct mtr_cgroup cg;
	int err;

	HASH_FIND(hh, run->g->procs, &sp->p->as, sizeof(sp->p->as), gp);
	if (!gp)
		return 0;
	if (run->cgroup0_known && !cgroup_read((pid_t)sp->p->pid, &cg) &&
	    !strcmp(cg.name, run->cgroup0.name)) {
		r.cgroup = &cg;
		r.cgroup_delta = (int64_t)(cg.current - run->cgroup0.current);
	}
	if (run->o->arenas && sp->p->death == DEATH_NONE) {
		proc_kinds(sp->p, session_model(s)->st);
		arenas_walk(sp->p, read_memory, sp->p, &arenas);
		r.arenas = &arenas;
	}
	err = growth_report(run->g, gp, &r);
	if (!err)
		err = growth_put(out, run->o, &r);
	if (!err && run->o->fail_on & 1 << r.verdict.kind)
		run->matched = EX_MATCHED;
	growth_report_fini(&r);
	return err;
}

static int report(struct run *run, struct session *s)
{
	FILE *out = run->o->cmd && !run->o->output ? stderr : output_open(run->o->output);
	const struct growth_format *fmt = growth_format(run->o);
	unsigned int nr, shown = 0;
	struct sess_proc **procs = session_procs(s, &nr);
	int err = 0, ret = 0;

	if (!out)
		return EX_FAILED;
	for (unsigned int i = 0; !err && i < nr; i++) {
		if (not_yet(run, procs[i]->p))
			continue;
		if (shown++ && fmt && fmt->one) {
			log_warn("%s holds one process: only the first one is in it", fmt->name);
			break;
		}
		if (shown > 1 && !run->o->json && !fmt)
			fputs("\n", out);
		err = one_report(run, s, procs[i], out);
	}
	if (!err && fflush(out))
		err = -errno;
	if (out != stdout && out != stderr && fclose(out) && !err)
		err = -errno;
	if (err == -ENOMEM)
		ret = log_error(EX_FAILED, NULL, "out of memory");
	else if (err && err != -EPIPE)
		ret = output_failed(run->o->output, err == -EIO ? EIO : -err);
	return ret;
}

/* Attach, let the command go, watch, report. */
static int watch(struct run *run, struct session *s)
{
	const struct session_view v = { .tick = tick, .fd = -1, .output_fd = -1 };
	pid_t pid = run->o->cmd ? run->child.pid : run->o->pids[0];
	int ret;

	session_tap(s, growth_event, run->g);
	run->cgroup0_known = !cgroup_read(pid, &run->cgroup0);
	if (run->o->cmd)
		ret = session_attach(s, &pid, 1);
	else
		ret = session_attach(s, run->o->pids, run->o->nr_pids);
	if (!ret)
		privilege_drop();
	if (!ret && run->o->cmd)
		ret = child_go(&run->child, run->o->cmd[0]);
	if (!ret)
		ret = session_run(s, &v, run);
	if (!ret)
		growth_tick(run->g, session_now(s));
	if (run->progress)
		fputs("\r\033[K", stderr);
	return ret ? ret : report(run, s);
}

static void defaults(struct opts *o)
{
	uint64_t window;

	o->stacks = true;
	if (!o->duration_ns && !o->cmd)
		o->duration_ns = DEFAULT_WINDOW;
	window = o->duration_ns ? o->duration_ns : DEFAULT_WINDOW;
	/* the interval makes the points of the series: enough of them also in a short window */
	if (o->interval_ns == NSEC_PER_SEC && window / POINTS < o->interval_ns)
		o->interval_ns = window / POINTS > LEAST_INTERVAL ? window / POINTS :
								    LEAST_INTERVAL;
}

int cmd_growth(struct opts *o, int argc, char **argv)
{
	static struct run run;
	struct session *s = NULL;
	int ret, status;

	(void)argc;
	(void)argv;
	ret = growth_format_check(o);
	if (ret)
		return ret;
	if (o->nr_files)
		return growth_file(o);
	if (o->debuginfod)
		return log_error(EX_USAGE_ERR,
				 "record --stacks, and ask there where you look at it",
				 "--debuginfod is for a recording: a target's host asks nobody");
	run.o = o;
	run.child.pty = -1;
	defaults(o);
	run.progress = isatty(STDERR_FILENO) && !o->quiet && !o->json && !o->cmd;
	signal(SIGPIPE, SIG_IGN);
	ret = session_open(o, &s);
	if (ret)
		return o->cmd ? EX_CMD_FAILED : ret;
	run.begun_ns = boot_ns();
	run.g = session_growth(s);
	if (!run.g) {
		session_close(s);
		return log_error(o->cmd ? EX_CMD_FAILED : EX_FAILED, NULL, "out of memory");
	}
	if (o->sample_faults)
		run.g->fault_period = o->sample_faults;
	if (o->cmd)
		ret = child_start(&run.child, o->cmd, o->user, false, 0, 0);
	privilege_hurry();
	if (!ret)
		ret = watch(&run, s);
	if (o->cmd) {
		status = child_end(&run.child, session_interrupted(s));
		if (!ret)
			ret = status;
		else if (ret < 126)
			ret = EX_CMD_FAILED;
	}
	if (!ret)
		ret = run.matched;
	growth_free(run.g);
	session_close(s);
	return ret;
}
