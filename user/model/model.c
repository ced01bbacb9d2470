// SPDX-License-Identifier: GPL-2.0
#include "model/model.h"

#include <errno.h>
#include <string.h>
#include "model/model_int.h"

void model_init(struct model *m, struct strtab *st)
{
	memset(m, 0, sizeof(*m));
	m->st = st;
}

void model_fini(struct model *m)
{
	struct proc *p, *tmp;

	HASH_ITER(hh, m->procs, p, tmp) {
		HASH_DEL(m->procs, p);
		proc_free(p);
	}
	m->last = NULL;
}

struct proc *model_proc(struct model *m, uint32_t as)
{
	struct proc *p = m->last;

	if (p && p->as == as)
		return p;
	HASH_FIND(hh, m->procs, &as, sizeof(as), p);
	if (p)
		m->last = p;
	return p;
}

struct proc *model_proc_by_pid(struct model *m, uint32_t pid)
{
	struct proc *p, *best = NULL;

	for (p = m->procs; p; p = p->hh.next) {
		if (p->pid != pid || p->replaced_by)
			continue;
		if (p->death == DEATH_NONE)
			return p;
		best = p;
	}
	return best;
}

void model_drop(struct model *m, uint32_t as)
{
	struct proc *p = model_proc(m, as);

	if (!p)
		return;
	m->last = NULL;
	HASH_DEL(m->procs, p);
	proc_free(p);
}

uint64_t model_lost(const struct model *m)
{
	uint64_t n = 0;

	for (unsigned int i = 0; i < MTR_EV_MAX; i++)
		n += m->lost[i];
	return n;
}

struct proc *model_add(struct model *m, uint32_t as)
{
	struct proc *p = proc_new(as);

	if (!p)
		return NULL;
	if (m->history_len)
		p->history.most = m->history_len;
	HASH_ADD(hh, m->procs, as, sizeof(p->as), p);
	if (!p->hh.tbl) {
		proc_free(p);
		return NULL;
	}
	return p;
}

/* For tests: an event that is to be missed. */
static bool dropped(const struct model *m, const struct mtr_event *ev)
{
	if (ev->kind < 64 && m->drop_kinds & (1ull << ev->kind))
		return true;
	if (ev->kind == MTR_EV_VMA)
		return m->drop_srcs & (1u << ev->vma.src);
	return ev->kind == MTR_EV_HOLE && m->drop_srcs & (1u << ev->range.src);
}

/* Some pages' coming or going was lost: nobody knows where. */
static void doubt_all(struct model *m)
{
	for (struct proc *p = m->procs; p; p = p->hh.next)
		proc_doubt(p);
}

int model_apply(void *ctx, const struct mtr_event *ev)
{
	struct model *m = ctx;
	struct proc *p;

	if (event_is_told(ev->kind))
		m->nr_events++;
	/* of modules the file is told, beside the stream: the model that was live had no part in it */
	if (ev->time_ns > m->time_ns && ev->kind != MTR_EV_MODULE)
		m->time_ns = ev->time_ns;
	if ((m->drop_kinds || m->drop_srcs) && dropped(m, ev))
		return 0;
	switch ((int)ev->kind) {
	case MTR_EV_LOST:
		m->lost[ev->lost.what < MTR_EV_MAX ? ev->lost.what : 0] += ev->lost.count;
		doubt_all(m);
		return 0;
	case MTR_EV_STATE:
		return state_apply(m, ev);
	case MTR_EV_DROP:
		model_drop(m, ev->as);
		return 0;
	}
	p = model_proc(m, ev->as);
	if (!p) {
		/* Events of an address space that was never announced concern nobody. */
		if (ev->kind != MTR_EV_ATTACH && ev->kind != MTR_EV_EXEC)
			return 0;
		p = model_add(m, ev->as);
		if (!p)
			return -ENOMEM;
	}
	if (ev->kind == MTR_EV_EXEC && ev->proc.prev_as) {
		struct proc *old = model_proc(m, ev->proc.prev_as);

		/* a vfork child leaves its parent's address space where it is */
		if (old && old->pid == ev->proc.pid) {
			old->replaced_by = ev->as;
			proc_inherit(p, old);
		} else if (old) {
			p->stack_limit = old->stack_limit;
		}
	}
	return proc_apply(p, ev, m->st);
}
