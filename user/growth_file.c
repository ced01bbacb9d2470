// SPDX-License-Identifier: GPL-2.0
/*
 * The recording is played from its beginning, whatever --from is: so the ledgers know
 * which pages were there then, not only how many.
 *
 *	begin ──────── --from ───────────────── --to ──── end
 *	   ledgers       │ growth_rebase():       │ reports; the rest is only looked
 *	   fill          │ all of it is 'before'  │ at for damage
 *
 * A window begins and ends where nothing is held back by a thread: at the end of an
 * interval, and at a mark, before which the ring was emptied. What ends in between is
 * reported at once, because the file forgets it, and kept: processes come in the order
 * in which they began.
 */
#include "growth_file.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "growth.h"
#include "growth_put.h"
#include "growth_report.h"
#include "output.h"
#include "player.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/units.h"

/* The report of one process, written already. */
struct told {
	uint32_t as, pid;
	uint64_t began_ns;
	char *text;
	size_t sz;
};

struct run {
	const struct opts *o;
	struct player *pl;
	struct growth *g;
	uint64_t from_ns, to_ns; /* of --from and --to; 0: the beginning, UINT64_MAX: the end */
	uint64_t now_ns; /* the latest moment at which nothing was held back */
	bool begun, ended; /* the window */
	pid_t only; /* of what holds one process: the first one; 0: all */
	unsigned int nr_others; /* that were left out for it */
	struct told *told;
	unsigned int nr_told, cap_told;
	int matched; /* a verdict of --fail-on */
};

static int read_failed(const struct run *run, int err)
{
	return log_error(EX_FAILED, NULL, "cannot read %s: %s", run->o->files[0], strerror(-err));
}

/* ---- which processes */

static bool chosen(const struct run *run, const struct player_proc *pp)
{
	const struct opts *o = run->o;
	unsigned int i = 0;

	while (i < o->nr_pids && o->pids[i] != (pid_t)pp->p->pid)
		i++;
	return !o->nr_pids || i < o->nr_pids;
}

/* Of a format that holds one process it is the first one. */
static void choose_one(struct run *run, struct player_proc **procs, unsigned int nr)
{
	const struct growth_format *fmt = growth_format(run->o);

	if (run->only || !fmt || !fmt->one)
		return;
	for (unsigned int i = 0; i < nr && !run->only; i++)
		if (!procs[i]->left && chosen(run, procs[i]))
			run->only = (pid_t)procs[i]->p->pid;
}

static bool asked_for(struct run *run, const struct player_proc *pp)
{
	if (player_hidden(run->pl, pp) || !chosen(run, pp))
		return false;
	if (!run->only || run->only == (pid_t)pp->p->pid)
		return true;
	run->nr_others++;
	return false;
}

static bool was_told(const struct run *run, uint32_t as)
{
	for (unsigned int i = 0; i < run->nr_told; i++)
		if (run->told[i].as == as)
			return true;
	return false;
}

/* ---- reports */

static struct told *new_told(struct run *run, const struct proc *p)
{
	struct told *t;

	if (run->nr_told == run->cap_told) {
		unsigned int cap = run->cap_told ? 2 * run->cap_told : 16;

		t = reallocarray(run->told, cap, sizeof(*t));
		if (!t)
			return NULL;
		run->told = t;
		run->cap_told = cap;
	}
	t = &run->told[run->nr_told++];
	*t = (struct told){ .as = p->as, .pid = p->pid, .began_ns = p->start_time_ns };
	return t;
}

static int write_report(struct run *run, struct growth_proc *gp, const struct player_proc *pp)
{
	struct growth_report r = {
		.model = player_model(run->pl),
		.limits = pp->has_limits ? &pp->limits : NULL,
		.to_ns = run->now_ns,
		.to_real_ns = player_real(run->pl) + run->now_ns - player_now(run->pl),
		.recorded = true,
		.more = run->o->from || run->o->to ? VERDICT_MORE_PART : VERDICT_MORE_RECORDING,
		.rung = player_rung(run->pl)
	};
	int err = growth_report(run->g, gp, &r);
	struct told *t = err ? NULL : new_told(run, pp->p);
	FILE *f = t ? open_memstream(&t->text, &t->sz) : NULL;

	if (f) {
		err = growth_put(f, run->o, &r);
		if (fclose(f) && !err)
			err = -ENOMEM;
	} else if (!err) {
		err = -ENOMEM;
	}
	if (!err && run->o->fail_on & 1 << r.verdict.kind)
		run->matched = EX_MATCHED;
	growth_report_fini(&r);
	return err;
}

/* Those that have ended; or, at the window's end, all that are left. */
static int report_some(struct run *run, bool all)
{
	unsigned int nr;
	struct player_proc **procs = player_procs(run->pl, &nr);
	int err = 0;

	choose_one(run, procs, nr);
	for (unsigned int i = 0; i < nr && !err; i++) {
		struct player_proc *pp = procs[i];
		struct growth_proc *gp;

		if (pp->left || (!all && pp->p->death == DEATH_NONE))
			continue;
		pp->left = true;
		HASH_FIND(hh, run->g->procs, &pp->as, sizeof(pp->as), gp);
		if (!gp || was_told(run, pp->as) || !asked_for(run, pp))
			continue;
		gp->p = pp->p;
		err = write_report(run, gp, pp);
	}
	return err;
}

/* ---- the window */

/* What ended before it has no part in it. */
static void forget_ended(struct run *run)
{
	unsigned int nr;
	struct player_proc **procs = player_procs(run->pl, &nr);

	for (unsigned int i = 0; i < nr; i++)
		procs[i]->left |= procs[i]->p->death != DEATH_NONE;
}

/* A moment at which nothing is held back. */
static int moment(struct run *run, uint64_t now_ns)
{
	int err = 0;

	run->now_ns = now_ns;
	if (!run->begun && now_ns >= run->from_ns) {
		run->begun = true;
		forget_ended(run);
		err = growth_rebase(run->g, now_ns);
		growth_tick(run->g, now_ns);
	}
	if (run->begun && now_ns >= run->to_ns)
		run->ended = true;
	return err;
}

/* As event_sink_fn */
static int on_event(void *ctx, const struct mtr_event *ev)
{
	struct run *run = ctx;
	int err = growth_event(run->g, ev);

	if (!err && ev->kind == MTR_EV_MARK)
		err = moment(run, ev->time_ns);
	if (!err && run->ended)
		growth_tick(run->g, ev->time_ns);
	return err ? err : run->ended ? -ECANCELED : 0;
}

/* As far as --to; −errno */
static int play(struct run *run)
{
	int ret, err = 0;

	player_tap(run->pl, on_event, run);
	while (!err && !run->ended && (ret = player_next(run->pl)) != 0) {
		if (ret == -ECANCELED && run->ended)
			break;
		growth_tick(run->g, player_now(run->pl));
		err = ret < 0 ? ret : moment(run, player_now(run->pl));
		if (!err && run->begun)
			err = report_some(run, false);
	}
	player_tap(run->pl, NULL, NULL);
	/* a file without its end has events behind its last interval */
	if (!err && !run->ended && player_model(run->pl)->time_ns > run->now_ns) {
		run->now_ns = player_model(run->pl)->time_ns;
		growth_tick(run->g, run->now_ns);
	}
	return err ? err : report_some(run, true);
}

/* Behind --to only damage is of interest. */
static int read_rest(struct run *run)
{
	struct mtr_event ev;
	int ret;

	do {
		ret = player_event(run->pl, &ev);
	} while (ret > 0);
	return ret;
}

static int outside(const struct run *run, const char *flag, const char *text)
{
	char len[UNITS_LEN];

	fmt_duration(len, player_end(run->pl) - player_begin(run->pl));
	return log_error(EX_USAGE_ERR, "see: memtrace info FILE",
			 "%s %s is outside of %s, which has %s", flag, text, run->o->files[0], len);
}

/* The moments; 0 or an exit status after one line on stderr. */
static int find_window(struct run *run)
{
	const struct opts *o = run->o;
	struct player *pl = NULL;
	/* one of its own: to look for marks moves the position */
	int ret = o->from || o->to ? player_open(o->files[0], &pl) : 0;

	run->begun = !o->from;
	run->to_ns = UINT64_MAX;
	if (!ret && o->from)
		ret = player_moment(pl, o->from, &run->from_ns);
	if (!ret && o->to)
		ret = player_moment(pl, o->to, &run->to_ns);
	player_close(pl);
	if (ret)
		return ret;
	if (o->from && (run->from_ns < player_begin(run->pl) || run->from_ns > player_end(run->pl)))
		return outside(run, "--from", o->from);
	if (o->to && (run->to_ns < player_begin(run->pl) || run->to_ns > player_end(run->pl)))
		return outside(run, "--to", o->to);
	if (run->from_ns >= run->to_ns)
		return log_error(EX_USAGE_ERR, NULL, "--from %s is not before --to %s",
				 o->from ? o->from : "(the beginning)", o->to);
	/* from the very beginning on: what the first interval brought is part of it */
	run->begun |= run->from_ns <= player_begin(run->pl);
	return 0;
}

/* ---- */

static int by_beginning(const void *a, const void *b)
{
	const struct told *x = a, *y = b;

	if (x->began_ns != y->began_ns)
		return x->began_ns < y->began_ns ? -1 : 1;
	return x->pid < y->pid ? -1 : x->pid > y->pid;
}

static int say(struct run *run)
{
	const struct opts *o = run->o;
	FILE *out = output_open(o->output);
	int err = 0;

	if (!out)
		return EX_FAILED;
	qsort(run->told, run->nr_told, sizeof(*run->told), by_beginning);
	for (unsigned int i = 0; i < run->nr_told && !err; i++) {
		if (i && !o->json && !growth_format(o))
			fputs("\n", out);
		if (fwrite(run->told[i].text, 1, run->told[i].sz, out) != run->told[i].sz)
			err = -errno;
	}
	if (!err && fflush(out))
		err = -errno;
	if (out != stdout && fclose(out) && !err)
		err = -errno;
	return err && err != -EPIPE ? output_failed(o->output, -err) : 0;
}

/* What the file cannot tell. 0 or an exit status after one line on stderr. */
static int say_what_lacks(const struct run *run)
{
	const char *path = run->o->files[0];
	int damaged;

	if (!run->nr_told) {
		damaged = player_status(run->pl);
		if (damaged)
			return damaged;
		return log_error(run->o->nr_pids ? EX_NO_TARGET : EX_FAILED,
				 "see: memtrace report FILE", "%s has no such process in this time",
				 path);
	}
	if (!stacktab_nr(player_stacks(run->pl)))
		log_warn("%s has no call stacks, so that no path is known: record them with "
			 "memtrace record --stacks",
			 path);
	if (run->nr_others)
		log_warn("%s holds one process: only PID %d is in it; -p PID chooses",
			 run->o->format, (int)run->only);
	return 0;
}

static int report_file(struct run *run)
{
	int err, ret = find_window(run), damaged;

	if (ret)
		return ret;
	run->g = growth_of_file(player_model(run->pl), player_stacks(run->pl), run->o->debuginfod);
	err = run->g ? player_modules(run->pl, run->g->mods) : -ENOMEM;
	if (!err)
		err = play(run);
	if (!err)
		err = read_rest(run);
	if (err)
		return read_failed(run, err);
	ret = say_what_lacks(run);
	if (!ret)
		ret = say(run);
	if (ret)
		return ret;
	damaged = player_status(run->pl);
	return damaged ? damaged : run->matched;
}

int growth_file(const struct opts *o)
{
	struct run run = { .o = o };
	int ret;

	signal(SIGPIPE, SIG_IGN);
	ret = player_open(o->files[0], &run.pl);
	if (!ret)
		ret = report_file(&run);
	for (unsigned int i = 0; i < run.nr_told; i++)
		free(run.told[i].text);
	free(run.told);
	growth_free(run.g);
	player_close(run.pl);
	return ret;
}
