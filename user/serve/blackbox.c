// SPDX-License-Identifier: GPL-2.0
/*
 * The black box: what was before the trouble, kept for when it comes.
 *
 *	events ──► bb_trace: the last minutes, within a bound       ┐
 *	ledger, model, limits: the daemon's own, since it began     ├─fork─► bb_job: .mtr, .txt
 *	intervals ──► bb_when, bb_cgroup: is there a reason to write?┘
 *
 * A death is reported at its end, or an interval after what caused it when the end
 * takes long (a core is dumped): by then all that threads had held back has come.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "serve/bb_cgroup.h"
#include "serve/bb_job.h"
#include "serve/serve.h"
#include "util/clock.h"
#include "util/hash.h"
#include "util/log.h"

#define KEY_BUDGET (5 * NSEC_PER_MSEC) /* for them, an interval */
#define CGROUP_EVERY 32u /* intervals until a process's cgroup is looked up again */
#define TIDY_EVERY (3600 * NSEC_PER_SEC)

struct bb_proc {
	uint32_t as; /* key */
	struct bb_pause pause;
	struct bb_step step;
	struct bb_low low;
	struct bb_cgroup *cgroup; /* NULL: none */
	enum bb_half half;
	uint64_t moved_ns, before_ns; /* into it, and before that into the other one; 0: never */
	uint64_t key_ns, key_turn; /* its last state in the trace */
	uint64_t nr, nr_before; /* events; at the last interval */
	double rate; /* events/s */
	enum bb_cause dying; /* BB_NR: it is not */
	unsigned int dying_ticks;
	UT_hash_handle hh;
};

struct waiting {
	uint32_t as;
	enum bb_cause cause;
	uint64_t time_ns;
	int64_t bytes;
	uint32_t tid;
	char cgroup_of[256];
};

struct blackbox {
	struct serve *sv;
	const struct conf *conf;
	struct bb_store *store;
	struct bb_trace *trace;
	struct bb_jobs *jobs;
	struct bb_cgroups *cgroups;
	struct bb_proc *procs, *last; /* uthash by as; looked up last */
	struct waiting queue[BB_AT_ONCE]; /* reports that wait for their turn */
	unsigned int nr_waiting;
	unsigned int nr_ticks;
	uint64_t tick_ns, tidy_ns;
	uint64_t nr_missed; /* reports for which there was no room, or whose process was forgotten */
};

/* ---- processes */

static struct bb_proc *find(struct blackbox *bb, uint32_t as)
{
	struct bb_proc *p = bb->last;

	if (p && p->as == as)
		return p;
	HASH_FIND(hh, bb->procs, &as, sizeof(as), p);
	if (p)
		bb->last = p;
	return p;
}

static void forget(struct blackbox *bb, struct bb_proc *p)
{
	HASH_DEL(bb->procs, p);
	bb->last = NULL;
	bb_cgroup_put(bb->cgroups, p->cgroup);
	free(p);
}

/* A process appeared, or has another address space. NULL: memory is short, it has no reports */
static struct bb_proc *begin(struct blackbox *bb, const struct mtr_event *ev)
{
	struct bb_proc *old = ev->kind == MTR_EV_EXEC ? find(bb, ev->proc.prev_as) : NULL, *p;

	p = find(bb, ev->as);
	if (p)
		return p;
	p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->as = ev->as;
	p->dying = BB_NR;
	p->key_ns = ev->time_ns; /* the event says all */
	if (old) {
		struct proc *was = model_proc(session_model(serve_session(bb->sv)), old->as);

		/* of the same process: the pause is, what it had is not */
		if (!was || was->pid == ev->proc.pid)
			p->pause = old->pause;
	}
	HASH_ADD(hh, bb->procs, as, sizeof(p->as), p);
	if (p->hh.tbl)
		return p;
	free(p);
	return NULL;
}

/* ---- reports */

static void fill_page(struct blackbox *bb, const struct waiting *w, struct proc *p,
		      const struct bb_proc *bp, struct bb_page *pg)
{
	struct served *served = serve_find_as(bb->sv, w->as);
	uint64_t now = boot_ns();

	*pg = (struct bb_page){
		.s = serve_session(bb->sv),
		.g = serve_growth(bb->sv),
		.p = p,
		.served = served,
		.limits = served && served->sp->limits_ns ? &served->sp->limits : NULL,
		.cause = w->cause,
		.time_ns = w->time_ns,
		.real_ns = clock_ns(CLOCK_REALTIME) - (now - w->time_ns),
		.bytes = w->bytes,
		.span_ns = bb->conf->step_ns,
		.tid = w->tid,
		.cgroup = bp && bp->cgroup ? bb_cgroup_path(bp->cgroup) :
			  served	   ? served->cgroup :
					     NULL,
		.cgroup_of = w->cgroup_of[0] ? w->cgroup_of : NULL,
		.held = bb_trace_stats(bb->trace, bp ? bp->half : BB_QUIET),
		.nr_missed = bb->nr_missed + bb_jobs_stats(bb->jobs).nr_failed,
		.folder = bb->conf->folder,
		.want_ns = bb->conf->minutes_ns,
	};
	HASH_FIND(hh, pg->g->procs, &w->as, sizeof(w->as), pg->gp);
	if (pg->gp)
		pg->gp->p = p;
}

static void missed(struct blackbox *bb, const struct waiting *w, const char *why)
{
	bb->nr_missed++;
	log_warn("black box: no report (%s) of a process: %s", bb_cause_name(w->cause), why);
}

/* False: the process has been forgotten. */
static bool prepare(struct blackbox *bb, const struct waiting *w, struct bb_report *r)
{
	struct model *m = session_model(serve_session(bb->sv));
	struct proc *p = model_proc(m, w->as);
	struct bb_proc *bp = find(bb, w->as);

	if (!p)
		return false;
	fill_page(bb, w, p, bp, &r->page);
	bb_store_name(bb->store, r->base, r->page.real_ns, strtab_str(m->st, p->comm),
		      (pid_t)p->pid, w->cause);
	r->want = (struct bb_want){ .half = bp ? bp->half : BB_QUIET,
				    .moved_ns = bp ? bp->moved_ns : 0,
				    .before_ns = bp ? bp->before_ns : 0,
				    .g = r->page.g,
				    .gp = r->page.gp,
				    .p = p,
				    .limits = r->page.limits,
				    .cause = bb_cause_name(w->cause) };
	return true;
}

/* All that wait, by one child. */
static void start_all(struct blackbox *bb)
{
	struct bb_work work = { .store = bb->store,
				.trace = bb->trace,
				.report = calloc(bb->nr_waiting, sizeof(*work.report)),
				.keep_bytes = bb->conf->keep_bytes,
				.keep_ns = bb->conf->keep_ns };
	int err = work.report ? 0 : -ENOMEM;

	for (unsigned int i = 0; i < bb->nr_waiting && !err; i++) {
		if (prepare(bb, &bb->queue[i], &work.report[work.nr]))
			work.nr++;
		else
			missed(bb, &bb->queue[i], "it ended long ago, and others were before it");
	}
	if (!err)
		err = bb_jobs_start(bb->jobs, &work);
	for (unsigned int i = 0; i < bb->nr_waiting && err; i++)
		missed(bb, &bb->queue[i], strerror(-err));
	bb->nr_waiting = 0;
	free(work.report);
}

static void start_waiting(struct blackbox *bb)
{
	if (bb->nr_waiting && bb_jobs_room(bb->jobs, BB_JOBS))
		start_all(bb);
}

/* There is a reason for a report: now, or when its turn comes. */
static void want(struct blackbox *bb, struct bb_proc *p, const struct waiting *w)
{
	if (!bb_pause_ask(&p->pause, w->cause, w->time_ns, bb->conf->pause_ns))
		return;
	if (bb->nr_waiting == BB_AT_ONCE) {
		missed(bb, w, "too many at once");
		return;
	}
	bb->queue[bb->nr_waiting++] = *w;
	start_waiting(bb);
}

/* ---- deaths */

static void die(struct blackbox *bb, struct bb_proc *p, uint64_t time_ns)
{
	struct waiting w = { .as = p->as, .cause = p->dying, .time_ns = time_ns };

	p->dying = BB_NR;
	if (w.cause != BB_NR)
		want(bb, p, &w);
}

static void on_exit_event(struct blackbox *bb, struct bb_proc *p, const struct mtr_event *ev)
{
	struct proc *m = model_proc(session_model(serve_session(bb->sv)), ev->as);

	/* also a signal that somebody sent; what was caught and survived is not reported */
	if (m && p->dying != BB_OOM)
		p->dying = m->death == DEATH_OOM    ? BB_OOM :
			   m->death == DEATH_SIGNAL ? bb_cause_of_signal(WTERMSIG(m->exit_code)) :
						      BB_NR;
	die(bb, p, ev->time_ns);
}

static void may_die(struct bb_proc *p, enum bb_cause cause)
{
	if (cause == BB_NR || p->dying == BB_OOM)
		return;
	p->dying = cause;
	p->dying_ticks = 0;
}

static int event(void *ctx, const struct mtr_event *ev)
{
	struct blackbox *bb = ctx;
	struct bb_proc *p;

	if (!ev->as) {
		bb_trace_event(bb->trace, BB_QUIET, ev);
		return 0;
	}
	if (ev->kind == MTR_EV_ATTACH || ev->kind == MTR_EV_EXEC)
		p = begin(bb, ev);
	else
		p = find(bb, ev->as);
	if (!p)
		return 0;
	p->nr++;
	bb_trace_event(bb->trace, p->half, ev);
	switch ((int)ev->kind) {
	case MTR_EV_OOM:
		may_die(p, BB_OOM);
		break;
	case MTR_EV_SIGNAL:
		if (ev->signal.fatal)
			may_die(p, bb_cause_of_signal(ev->signal.signo));
		break;
	case MTR_EV_EXIT:
		on_exit_event(bb, p, ev);
		break;
	case MTR_EV_DROP:
		forget(bb, p);
		break;
	}
	return 0;
}

/* ---- intervals */

static void look_at_rss(struct blackbox *bb, struct bb_proc *p, struct proc *m, uint64_t now)
{
	struct waiting w = { .as = p->as, .cause = BB_STEP, .time_ns = now };

	w.bytes =
		bb_step_add(&p->step, proc_rss(m), now, bb->conf->step_percent, bb->conf->step_ns);
	if (!w.bytes)
		return;
	bb_step_reset(&p->step);
	want(bb, p, &w);
}

/* By how deep it is now; by how deep it has been, where that is known to the page. */
static void look_at_stacks(struct blackbox *bb, struct bb_proc *p, struct proc *m, uint64_t now)
{
	double percent = bb->conf->headroom_percent;

	for (struct thread *t = percent > 0 ? m->threads : NULL; t; t = t->hh.next) {
		struct waiting w = { .as = p->as, .cause = BB_HEADROOM, .time_ns = now };
		struct stack_info si;
		int64_t left;

		thread_stack_info(m, t, &si);
		if (si.limit <= 0)
			continue;
		left = si.headroom;
		if (si.high_water_exact && si.high_water >= 0 &&
		    (left < 0 || si.limit - si.high_water < left))
			left = si.limit > si.high_water ? si.limit - si.high_water : 0;
		w.bytes = left;
		w.tid = t->tid;
		if (bb_low_ask(&p->low, t->tid, left, si.limit, percent))
			want(bb, p, &w);
	}
}

/* Of the processes in a cgroup that is short of memory the one that grows most, else the largest. */
static void on_cgroup(void *ctx, struct bb_cgroup *c, enum bb_cause cause)
{
	struct blackbox *bb = ctx;
	uint64_t now = serve_now(bb->sv);
	struct bb_proc *p, *most = NULL;
	double most_rate = 0;
	int64_t most_rss = -1;
	struct waiting w = { .cause = cause, .time_ns = now };

	for (p = bb->procs; p; p = p->hh.next) {
		struct served *s = serve_find_as(bb->sv, p->as);
		double rate =
			s && s->known[SPAN_1MIN] && s->rate[SPAN_1MIN] > 0 ? s->rate[SPAN_1MIN] : 0;
		int64_t rss = s ? proc_rss(s->sp->p) : -1;

		if (!bb_cgroup_within(p->cgroup, c) || rss < 0 || rate < most_rate ||
		    (rate == most_rate && rss <= most_rss))
			continue;
		most = p;
		most_rate = rate;
		most_rss = rss;
	}
	if (!most || !bb_pause_ask(bb_cgroup_pause(c), cause, now, bb->conf->pause_ns))
		return;
	w.as = most->as;
	snprintf(w.cgroup_of, sizeof(w.cgroup_of), "%s", bb_cgroup_path(c));
	want(bb, most, &w);
}

static void look_up_cgroup(struct blackbox *bb, struct bb_proc *p, const struct proc *m)
{
	struct bb_cgroup *c;

	if (p->cgroup && (bb->nr_ticks + p->as) % CGROUP_EVERY)
		return;
	c = bb_cgroup_get(bb->cgroups, (pid_t)m->pid);
	if (!c)
		return; /* of one that is about to be gone what was known stays */
	bb_cgroup_put(bb->cgroups, p->cgroup);
	p->cgroup = c;
}

static void one_tick(struct blackbox *bb, struct bb_proc *p, struct proc *m, uint64_t now)
{
	bool stirred = p->nr != p->nr_before;
	double secs = bb->tick_ns ? (double)(now - bb->tick_ns) / (double)NSEC_PER_SEC : 0;

	if (secs > 0.05)
		p->rate = (3 * p->rate + (double)(p->nr - p->nr_before) / secs) / 4;
	p->nr_before = p->nr;
	/* what was said at a signal's or the OOM killer's coming is not followed by an end */
	if (p->dying != BB_NR && p->dying_ticks++)
		die(bb, p, now);
	if (m->death != DEATH_NONE || m->state == 'X' || !m->maps_known)
		return;
	look_up_cgroup(bb, p, m);
	look_at_rss(bb, p, m, now);
	if (stirred)
		look_at_stacks(bb, p, m, now);
}

static void put_state(struct blackbox *bb, struct bb_proc *p, struct proc *m, uint64_t now)
{
	bb_trace_key(bb->trace, p->half, m);
	p->key_ns = now;
	p->key_turn = bb_trace_turn(bb->trace, p->half);
}

/* Is its state whole now? */
static bool can_be_kept(const struct proc *m)
{
	return !m->in_snap && m->maps_known && m->death == DEATH_NONE;
}

static void move(struct blackbox *bb, struct bb_proc *p, struct proc *m, uint64_t now)
{
	p->half = !p->half;
	p->before_ns = p->moved_ns;
	p->moved_ns = now;
	put_state(bb, p, m, now);
}

/* Who says so much that others would be forgotten early goes into the other half; who has become quiet comes back. */
static void share_out(struct blackbox *bb, uint64_t now)
{
	struct model *model = session_model(serve_session(bb->sv));
	double most = bb_trace_rate(bb->trace), quiet = 0;
	struct bb_proc *loudest = NULL, *calmed = NULL, *p;
	struct proc *m;

	for (p = bb->procs; p; p = p->hh.next) {
		if (p->half == BB_LOUD) {
			if (!calmed || p->rate < calmed->rate)
				calmed = p;
			continue;
		}
		quiet += p->rate;
		if (!loudest || p->rate > loudest->rate)
			loudest = p;
	}
	if (loudest && quiet > most && bb_trace_full(bb->trace))
		p = loudest;
	else if (calmed && quiet + calmed->rate < most / 2)
		p = calmed;
	else
		return;
	m = model_proc(model, p->as);
	if (m && can_be_kept(m))
		move(bb, p, m, now);
}

static void put_states(struct blackbox *bb, uint64_t now)
{
	struct model *model = session_model(serve_session(bb->sv));
	uint64_t begun = boot_ns();

	for (struct bb_proc *p = bb->procs; p; p = p->hh.next) {
		struct proc *m;

		if (now < p->key_ns + bb->conf->minutes_ns / BB_KEYS &&
		    p->key_turn == bb_trace_turn(bb->trace, p->half))
			continue;
		m = model_proc(model, p->as);
		if (!m || !can_be_kept(m))
			continue;
		put_state(bb, p, m, now);
		if (boot_ns() - begun > KEY_BUDGET)
			break; /* the others at the next interval: these are not due then */
	}
}

static void tidy(struct blackbox *bb, uint64_t now)
{
	const struct bb_work work = { .store = bb->store,
				      .keep_bytes = bb->conf->keep_bytes,
				      .keep_ns = bb->conf->keep_ns };

	if (now < bb->tidy_ns + TIDY_EVERY || !bb_jobs_room(bb->jobs, BB_JOBS))
		return;
	bb->tidy_ns = now;
	bb_jobs_start(bb->jobs, &work);
}

static void tick(void *ctx)
{
	struct blackbox *bb = ctx;
	struct model *model = session_model(serve_session(bb->sv));
	uint64_t now = serve_now(bb->sv);
	struct bb_proc *p, *tmp;

	bb->nr_ticks++;
	HASH_ITER(hh, bb->procs, p, tmp) {
		struct proc *m = model_proc(model, p->as);

		if (m)
			one_tick(bb, p, m, now);
	}
	bb_cgroups_read(bb->cgroups, on_cgroup, bb);
	put_states(bb, now);
	share_out(bb, now);
	bb_trace_tick(bb->trace);
	bb->tick_ns = now;
	start_waiting(bb);
	tidy(bb, now);
}

/* The session forgets it soon: what is to be said of it is said now. */
static void gone(void *ctx, struct served *s)
{
	struct blackbox *bb = ctx;
	struct bb_proc *p = find(bb, s->as);

	if (p && p->dying != BB_NR)
		die(bb, p, serve_now(bb->sv));
	for (unsigned int i = 0; i < bb->nr_waiting; i++)
		if (bb->queue[i].as == s->as) {
			start_all(bb);
			break;
		}
}

/* ---- begin and end */

static int folder_failed(const char *folder, int err)
{
	const char *why = strerror(-err);

	if (err == -ELOOP || err == -ENOTDIR)
		why = "it is no folder, or a symbolic link";
	else if (err == -EPERM)
		why = "it is somebody else's, or others may write to it";
	return log_error(EX_FAILED, "[blackbox] folder = PATH, or blackbox = no",
			 "reports cannot be kept in %s: %s", folder, why);
}

static void end(void *ctx)
{
	struct blackbox *bb = ctx;
	struct bb_proc *p, *tmp;

	if (!bb)
		return;
	bb_jobs_free(bb->jobs);
	HASH_ITER(hh, bb->procs, p, tmp)
		forget(bb, p);
	bb_cgroups_free(bb->cgroups);
	bb_trace_free(bb->trace);
	bb_store_close(bb->store);
	free(bb);
}

static int init(struct serve *sv, void **ret_ctx)
{
	const struct conf *c = serve_conf(sv);
	struct blackbox *bb;
	int err;

	if (!c->blackbox)
		return 0;
	bb = calloc(1, sizeof(*bb));
	if (!bb)
		return log_error(EX_FAILED, NULL, "out of memory");
	bb->sv = sv;
	bb->conf = c;
	err = bb_store_open(c->folder, &bb->store);
	if (err) {
		free(bb);
		return folder_failed(c->folder, err);
	}
	bb_store_sweep(bb->store);
	bb->trace = bb_trace_new(serve_session(sv), c->memory, c->minutes_ns);
	bb->jobs = bb_jobs_new(sv);
	bb->cgroups = bb_cgroups_new();
	if (bb->trace && bb->jobs && bb->cgroups) {
		*ret_ctx = bb;
		return 0;
	}
	end(bb);
	return log_error(EX_FAILED, NULL, "out of memory");
}

/* Bounds, causes and the folder; how much is held is a matter of the start. */
static void reload(void *ctx, const struct conf *now)
{
	struct blackbox *bb = ctx;
	int err;

	if (!bb) {
		if (now->blackbox)
			log_warn("blackbox = yes counts from the next start on");
		return;
	}
	if (!now->blackbox || now->memory != bb->conf->memory ||
	    now->minutes_ns != bb->conf->minutes_ns)
		log_warn("blackbox, minutes and memory count from the next start on");
	err = strcmp(now->folder, bb->conf->folder) ? bb_store_move(bb->store, now->folder) : 0;
	if (err)
		folder_failed(now->folder, err);
	bb->conf = now;
}

static int event_or_none(void *ctx, const struct mtr_event *ev)
{
	return ctx ? event(ctx, ev) : 0;
}

static void tick_or_none(void *ctx)
{
	if (ctx)
		tick(ctx);
}

static void gone_or_none(void *ctx, struct served *s)
{
	if (ctx)
		gone(ctx, s);
}

const struct serve_part serve_blackbox = {
	.name = "blackbox",
	.init = init,
	.event = event_or_none,
	.gone = gone_or_none,
	.tick = tick_or_none,
	.reload = reload,
	.fini = end,
};
