// SPDX-License-Identifier: GPL-2.0
/*
 * Reconciliation: the model follows events; now and then it is held against
 * what the kernel says.
 *
 *   the map        mm->total_vm (statm, takes no lock) against the sum of the
 *                  regions. When it differs twice in a row, or events were lost,
 *                  /proc/PID/maps is read again.
 *   the pages      regions marked dirty, then those that nobody has counted for
 *                  longest, from the page tables, for some milliseconds.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include "context.h"
#include "session_int.h"
#include "source/limits.h"
#include "util/clock.h"

#define MAX_RANGES 512
#define LIMITS_EVERY (2 * NSEC_PER_SEC)
#define REREAD_AFTER (3 * NSEC_PER_SEC / 2) /* what the last one left in doubt is decided then */
#define DAEMON_LIMITS_EVERY (10 * NSEC_PER_SEC) /* it has many */
#define QUIET_LIMITS_EVERY (300 * NSEC_PER_SEC) /* and most of them do nothing */
#define STALE_AFTER (10 * NSEC_PER_SEC)
#define RESIDUAL_SLACK (4 * 4096)
#define COUNT_QUICK (2 * NSEC_PER_MSEC)
#define COUNT_SHARE 20 /* at most a twentieth of the time for counting one region */
#define KERNEL_HALF (1ull << 63) /* vsyscall: in maps, but not in total_vm */

static int give(void *ctx, const struct mtr_event *ev)
{
	struct session *s = ctx;

	return session_apply(s, ev);
}

int reconcile_maps(struct session *s, struct sess_proc *sp)
{
	int err;

	if (!sp->sp)
		return 0;
	err = src_proc_maps(sp->sp, sp->p->as, s->st, give, s);
	sp->virt_off = 0;
	/* a process that is gone has no map any more: its last one stays */
	return err == -ESRCH || err == -EACCES ? 0 : err;
}

static bool worth_counting(const struct region *r)
{
	return !(r->prot & MTR_P_IO) && r->start < KERNEL_HALF && region_kind_has_pages(r->kind);
}

static int64_t residual(struct proc *p)
{
	return proc_rss(p) - proc_regions_rss(p);
}

/*
 * Pages on no region, or on too many: a mremap took them along, a sharing out
 * was wrong. What was left over after the last sweep no sweep will find.
 */
static bool misplaced(struct sess_proc *sp)
{
	int64_t slack = proc_rss(sp->p) / 1024, off = residual(sp->p) - sp->residual;

	return llabs(off) > (slack > RESIDUAL_SLACK ? slack : RESIDUAL_SLACK);
}

/*
 * A watched region is dirty with every fault. One that takes long to count is not counted at every
 * interval: it is not exact meanwhile.
 */
static bool too_soon(const struct proc *p, const struct region *r, uint64_t now)
{
	return p->watch_ns && r->count_ns > COUNT_QUICK && r->residency != RES_UNKNOWN &&
	       now < r->res_time_ns + COUNT_SHARE * r->count_ns;
}

/* What came while it was counted is in the count or not: to be seen when it is quiet. */
static bool wants_count(const struct region *r)
{
	return r->dirty || (r->unsure && r->rate == 0 && r->fault_rate == 0);
}

/* Regions to count: what is dirty first; then, from where the last sweep ended, what is old. */
static unsigned int choose(struct session *s, struct sess_proc *sp, struct src_range *out)
{
	uint64_t now = s->now_ns, stale = now > STALE_AFTER ? now - STALE_AFTER : 0;
	bool sweep = sp->p->unplaced > 0 || misplaced(sp);
	struct region *r;
	unsigned int n = 0;

	aspace_for_each(r, &sp->p->aspace) {
		if (n == MAX_RANGES)
			return n;
		if (wants_count(r) && worth_counting(r) && !too_soon(sp->p, r, now))
			out[n++] = (struct src_range){ r->start, r->end };
	}
	for (r = aspace_ceil(&sp->p->aspace, sp->sweep_at); r && n < MAX_RANGES;
	     r = aspace_next(r)) {
		sp->sweep_at = r->end;
		if (!wants_count(r) && worth_counting(r) && (sweep || r->res_time_ns < stale))
			out[n++] = (struct src_range){ r->start, r->end };
	}
	if (!r)
		sp->sweep_at = 0;
	return n;
}

/* Everything there is to count was counted. */
static int whole_round(struct session *s, struct sess_proc *sp)
{
	struct mtr_event ev = { .kind = MTR_EV_SNAP_END, .as = sp->p->as, .time_ns = boot_ns() };

	ev.snap.what = MTR_SNAP_RESIDENCY;
	ev.snap.complete = true;
	ev.snap.end = UINT64_MAX;
	ev.snap.end_ns = ev.time_ns;
	return give(s, &ev);
}

int reconcile_residency(struct session *s, struct sess_proc *sp, uint64_t budget_ns)
{
	struct src_range ranges[MAX_RANGES];
	uint64_t until = boot_ns() + budget_ns;
	unsigned int nr = 0, done = 0;
	bool wrapped = false;
	int err = 0;

	if (!budget_ns && sp->p->ticked)
		return 0; /* the process's turn is another time */
	proc_kinds(sp->p, s->st);
	do {
		uint64_t now = boot_ns();

		nr = choose(s, sp, ranges);
		wrapped = !sp->sweep_at;
		if (!nr || now >= until)
			break;
		err = src_proc_residency(sp->sp, sp->p->as, ranges, nr, until - now, give, s,
					 &done);
	} while (!err && done == nr && !wrapped);
	sp->unfinished = !err && (!wrapped || (nr && done < nr));
	if (!err && wrapped) {
		err = whole_round(s, sp);
		sp->residual = residual(sp->p);
	}
	return err == -ESRCH || err == -EACCES ? 0 : err;
}

static uint64_t user_virt(struct proc *p)
{
	struct region *r = aspace_last(&p->aspace);

	return p->aspace.virt - (r && r->start >= KERNEL_HALF ? region_size(r) : 0);
}

/* Does the kernel's virtual size say that the map is not what it was made to be? */
static void check_map(struct session *s, struct sess_proc *sp)
{
	struct proc *p = sp->p;

	if (p->k_virt < 0 || !p->maps_known)
		return;
	sp->virt_off = (uint64_t)p->k_virt == user_virt(p) ? 0 : sp->virt_off + 1;
	if (sp->virt_off >= 2 || s->maps_lost ||
	    (s->o->reread && s->now_ns > p->maps_time_ns + REREAD_AFTER))
		p->want_maps = true;
}

/* The process is not there any more. Twice in a row: the event that told was lost. */
static int gone(struct session *s, struct sess_proc *sp)
{
	struct mtr_event ev = { .kind = MTR_EV_EXIT, .as = sp->p->as, .time_ns = s->now_ns };

	if (++sp->gone < 2)
		return 0;
	ev.exit.code = -1; /* not known */
	return give(s, &ev);
}

/* They are read from a dozen files. */
static uint64_t limits_every(const struct session *s, const struct sess_proc *sp)
{
	if (!s->o->daemon)
		return LIMITS_EVERY;
	return sp->active ? DAEMON_LIMITS_EVERY : QUIET_LIMITS_EVERY;
}

int reconcile_tick(struct session *s, struct sess_proc *sp, uint64_t budget_ns)
{
	int err;

	if (sp->p->death != DEATH_NONE)
		return 0;
	if (sp->sp)
		err = src_proc_kernel(sp->sp, sp->p->as, give, s);
	else
		err = kill((pid_t)sp->p->pid, 0) ? -errno : 0;
	if (err == -ESRCH)
		return gone(s, sp);
	if (err || !sp->sp)
		return err == -EPERM ? 0 : err;
	sp->gone = 0;
	if (s->now_ns - sp->limits_ns >= limits_every(s, sp) || !sp->limits_ns) {
		limits_read(src_proc_pid(sp->sp), &sp->limits);
		sp->limits_ns = s->now_ns;
		err = context_limits(&sp->limits, sp->p->as, s->now_ns, s->st, give, s);
		if (err)
			return err;
	}
	if (s->o->no_reconcile && sp->p->maps_known)
		return 0;
	check_map(s, sp);
	err = watch_check(s, sp);
	if (err)
		return err;
	if (sp->p->want_maps) {
		err = reconcile_maps(s, sp);
		if (err)
			return err;
	}
	return reconcile_residency(s, sp, budget_ns);
}
