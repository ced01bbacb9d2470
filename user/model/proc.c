// SPDX-License-Identifier: GPL-2.0
#include "model/proc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "model/model_int.h"

struct proc *proc_new(uint32_t as)
{
	struct proc *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->as = as;
	aspace_init(&p->aspace);
	aspace_init(&p->doubts);
	history_init(&p->history);
	p->k_minflt = p->k_majflt = p->k_minflt0 = p->k_majflt0 = -1;
	p->k_virt = p->k_rss = -1;
	p->stack_limit = -1;
	return p;
}

void proc_free(struct proc *p)
{
	if (!p)
		return;
	thread_free_all(p);
	map_free_files(p);
	history_fini(&p->history);
	free(p->frames);
	aspace_fini(&p->aspace);
	aspace_fini(&p->doubts);
	free(p);
}

void proc_inherit(struct proc *p, const struct proc *old)
{
	p->stack_limit = old->stack_limit;
	p->ppid = old->ppid;
	p->exec_nr = old->exec_nr + 1;
}

static int apply_proc(struct proc *p, const struct mtr_event *ev)
{
	const struct mtr_ev_proc *e = &ev->proc;

	p->pid = e->pid;
	if (e->ppid)
		p->ppid = e->ppid;
	p->comm = e->comm;
	p->exe = e->exe;
	p->start_time_ns = e->start_time_ns;
	p->attach_ns = p->base_ns = p->tick_ns = ev->time_ns;
	p->from_start = ev->kind == MTR_EV_EXEC || e->forked;
	p->copied = e->forked;
	p->start_code = e->start_code;
	p->end_code = e->end_code;
	p->start_data = e->start_data;
	p->end_data = e->end_data;
	p->start_brk = e->start_brk;
	p->start_stack = e->start_stack;
	memcpy(p->rss, e->rss_bytes, sizeof(p->rss));
	memcpy(p->rss_attach, e->rss_bytes, sizeof(p->rss_attach));
	p->base_rss = p->tick_rss = proc_rss(p);
	if (e->min_flt >= 0 && e->maj_flt >= 0) {
		p->k_minflt0 = e->min_flt;
		p->k_majflt0 = e->maj_flt;
	}
	p->want_maps = true;
	p->rss_exact = true;
	return 0;
}

static void apply_kernel(struct proc *p, const struct mtr_ev_kernel *k)
{
	if (k->minflt >= 0) {
		p->k_minflt = k->minflt;
		if (p->k_minflt0 < 0)
			p->k_minflt0 = k->minflt;
	}
	if (k->majflt >= 0) {
		p->k_majflt = k->majflt;
		if (p->k_majflt0 < 0)
			p->k_majflt0 = k->majflt;
	}
	p->k_virt = k->virt_bytes;
	p->k_rss = k->rss_bytes;
	if (k->stack_limit_bytes > 0)
		p->stack_limit = k->stack_limit_bytes;
	if (k->state)
		p->state = k->state;
}

static void apply_exit(struct proc *p, const struct mtr_event *ev)
{
	p->exit_code = ev->exit.code;
	p->state = 'X';
	if (p->death == DEATH_OOM)
		return;
	/* wait(2) status: the low seven bits are the signal. Nobody saw the end: a fatal signal was it. */
	if (ev->exit.code == -1 && p->crash.signo)
		p->exit_code = p->crash.signo;
	p->death = p->exit_code != -1 && p->exit_code & 0x7f ? DEATH_SIGNAL : DEATH_EXIT;
}

/* Not what was read, nor where a thread stands: thread_apply() sees whether that is another place. */
static bool stirs(uint16_t kind)
{
	return event_is_told(kind) && kind != MTR_EV_SP && kind != MTR_EV_KERNEL &&
	       kind != MTR_EV_RESIDENCY && kind != MTR_EV_SNAP_BEGIN && kind != MTR_EV_SNAP_VMA &&
	       kind != MTR_EV_SNAP_END;
}

int proc_apply(struct proc *p, const struct mtr_event *ev, struct strtab *st)
{
	p->stirred |= stirs(ev->kind);
	switch ((enum mtr_kind)ev->kind) {
	case MTR_EV_ATTACH:
	case MTR_EV_EXEC:
		return apply_proc(p, ev);
	case MTR_EV_EXIT:
		apply_exit(p, ev);
		return 0;
	case MTR_EV_VMA:
		return map_apply_vma(p, ev, st);
	case MTR_EV_HOLE:
		return map_apply_hole(p, ev);
	case MTR_EV_NAME:
		return map_apply_name(p, ev);
	case MTR_EV_FILE:
		return map_apply_file(p, ev, st);
	case MTR_EV_SNAP_BEGIN:
	case MTR_EV_SNAP_VMA:
	case MTR_EV_SNAP_END:
		return map_apply_snap(p, ev, st);
	case MTR_EV_RESYNC:
		p->want_maps = true;
		return 0;
	case MTR_EV_FAULT:
		return pages_apply_fault(p, ev);
	case MTR_EV_RSS:
		return pages_apply_rss(p, ev);
	case MTR_EV_INVALIDATE:
		return watch_apply(p, ev);
	case MTR_EV_RESIDENCY:
		return pages_apply_residency(p, ev);
	case MTR_EV_THREAD:
	case MTR_EV_THREAD_EXIT:
	case MTR_EV_COMM:
	case MTR_EV_SP:
		return thread_apply(p, ev);
	case MTR_EV_SIGNAL:
		thread_signal(p, ev);
		return 0;
	case MTR_EV_OOM:
		p->death = DEATH_OOM;
		return 0;
	case MTR_EV_KERNEL:
		apply_kernel(p, &ev->kernel);
		return 0;
	case MTR_EV_TICK:
		proc_tick(p, ev->time_ns, st);
		return 0;
	case MTR_EV_LIMITS:
		p->stack_limit = ev->limits.stack_limit_bytes > INT64_MAX ?
					 -1 :
					 (int64_t)ev->limits.stack_limit_bytes;
		return 0;
	case MTR_EV_FRAME:
		return thread_frame(p, ev);
	case MTR_EV_LOST: /* the model's */
	case MTR_EV_DROP:
	case MTR_EV_STATE:
	case MTR_EV_LIMIT: /* for who shows them */
	case MTR_EV_COST:
	case MTR_EV_MODULE:
	case MTR_EV_MARK:
	case MTR_EV_STACK: /* the ledger's */
	case MTR_EV_SITE:
	case MTR_EV_MOVE:
	case MTR_EV_CALL: /* what it did the map's events tell */
	case MTR_EV_MAX:
		return 0;
	}
	return 0;
}

int64_t proc_rss(const struct proc *p)
{
	return p->rss[MTR_FILE] + p->rss[MTR_ANON] + p->rss[MTR_SHMEM];
}

int64_t proc_regions_rss(struct proc *p)
{
	struct region *r;
	int64_t sum = 0;

	aspace_for_each(r, &p->aspace)
		if (region_kind_in_rss(r->kind))
			sum += region_resident(r);
	return sum;
}

uint64_t proc_seen(const struct proc *p)
{
	return p->nr_faults;
}

uint64_t proc_unseen(const struct proc *p)
{
	int64_t kernel;

	if (p->k_minflt < 0 || p->k_majflt < 0)
		return 0;
	kernel = p->k_minflt - p->k_minflt0 + p->k_majflt - p->k_majflt0;
	return kernel > (int64_t)proc_seen(p) ? (uint64_t)kernel - proc_seen(p) : 0;
}
