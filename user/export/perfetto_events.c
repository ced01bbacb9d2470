// SPDX-License-Identifier: GPL-2.0
/*
 * What happened, as slices and instants. The stream tells what a range is now,
 * not which system call made it so; so that is what is said here: a mapping
 * appeared, grew, changed, went. Of faults and map changes the first of each
 * interval are told one by one, the rest as one slice with their number.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include "export/perfetto_int.h"

/* ---- bins */

/* Is this one of those that are told one by one? If not, it is in the bin. */
bool pf_each(struct pf_bin *b, unsigned int what, uint64_t time_ns, int64_t bytes)
{
	if (b->shown < SHOWN_EACH) {
		b->shown++;
		return true;
	}
	if (!b->count || time_ns < b->first_ns)
		b->first_ns = time_ns;
	if (time_ns > b->last_ns)
		b->last_ns = time_ns;
	b->count++;
	b->by[what]++;
	b->bytes += bytes;
	return false;
}

static void count_note(struct pf_event *e, unsigned int arg, uint64_t v)
{
	Pf__Note *n = pf_note(e, arg);

	n->has_uint_value = 1;
	n->uint_value = v;
}

int pf_slice(struct pf *f, struct pf_event *e, uint64_t from, uint64_t to, uint64_t *end)
{
	struct pf_event close;
	int err;

	/* events are in the order of the kernel's lock, which is not quite that of time */
	if (from < *end)
		from = *end;
	if (to <= from)
		to = from + 1;
	*end = to;
	err = pf_send(f, e, from);
	if (err)
		return err;
	pf_event(&close, EV_END, e->ev.track_uuid, 0, 0);
	return pf_send(f, &close, to);
}

static int send_bin(struct pf *f, struct pf_bin *b, struct pf_event *e)
{
	int err = 0;

	if (b->count)
		err = pf_slice(f, e, b->first_ns, b->last_ns, &b->end_ns);
	*b = (struct pf_bin){ .end_ns = b->end_ns };
	return err;
}

/* What a bin stands for: each argument named as an event kind is the number of those. */
int pf_bins(struct pf *f, struct pf_proc *q)
{
	static const enum mtr_kind map_kinds[] = { MTR_EV_VMA, MTR_EV_HOLE, MTR_EV_NAME,
						   MTR_EV_RESYNC };
	struct pf_event e;
	int err = pf_calls_over(f, q);

	if (err)
		return err;
	pf_event(&e, EV_BEGIN, pf_proc_track(q, PT_FAULTS_BINNED), N_FAULTS_BINNED, C_BINNED);
	count_note(&e, A_KINDS + MTR_EV_FAULT, q->faults.count);
	pf_uint(&e, A_MINOR, q->faults.by[0]);
	pf_uint(&e, A_MAJOR, q->faults.by[1]);
	pf_uint(&e, A_OTHER, q->faults.by[2]);
	pf_int(&e, A_BYTES, q->faults.bytes);
	f->binned += q->faults.count;
	f->each += q->faults.shown;
	err = send_bin(f, &q->faults, &e);
	if (err)
		return err;
	pf_event(&e, EV_BEGIN, pf_proc_track(q, PT_MAP_BINNED), N_MAP_BINNED, C_BINNED);
	for (unsigned int i = 0; i < 4; i++)
		if (q->map.by[i])
			count_note(&e, A_KINDS + map_kinds[i], q->map.by[i]);
	err = send_bin(f, &q->map, &e);
	if (err)
		return err;
	pf_event(&e, EV_BEGIN, pf_proc_track(q, PT_INV_BINNED), N_INV_BINNED, C_BINNED);
	count_note(&e, A_KINDS + MTR_EV_INVALIDATE, q->inv.count);
	err = send_bin(f, &q->inv, &e);
	if (err)
		return err;
	pf_event(&e, EV_BEGIN, pf_proc_track(q, PT_MOVING_BINNED), N_MOVING_BINNED, C_BINNED);
	pf_uint(&e, A_EVENTS, q->moving.count);
	pf_int(&e, A_BYTES, q->moving.bytes);
	err = send_bin(f, &q->moving, &e);
	if (err)
		return err;
	pf_event(&e, EV_BEGIN, pf_proc_track(q, PT_CALLS_BINNED), N_CALLS_BINNED, C_BINNED);
	count_note(&e, A_KINDS + MTR_EV_CALL, q->calls.count);
	pf_uint(&e, A_FAILED, q->calls.by[1]);
	return send_bin(f, &q->calls, &e);
}

/* ---- the map */

static uint64_t track_of(const struct pf_proc *q, unsigned int n)
{
	return q ? pf_proc_track(q, n) : pf_root_track(R_NOBODY);
}

/* The thread whose stack this region is, by where it ends. */
static struct pf_thread *stack_owner(const struct pf_proc *q, const struct proc *p,
				     const struct region *r)
{
	const struct thread *t;

	for (t = p->threads; t; t = t->hh.next)
		if (t->stack_end && t->stack_end > r->start && t->stack_end <= r->end)
			return pf_thread(q, t->tid);
	return NULL;
}

static enum pf_name changed(const struct region *r, const struct mtr_ev_vma *v)
{
	bool backing = r->ino == v->ino && r->dev == v->dev;

	if (!backing)
		return N_REPLACED;
	if (v->start <= r->start && v->end >= r->end && region_size(r) < v->end - v->start)
		return N_GREW;
	if ((r->prot ^ v->prot) & (MTR_P_RWX | MTR_P_SHARED))
		return N_PROTECTED;
	if (v->start >= r->start && v->end <= r->end && region_size(r) > v->end - v->start)
		return N_SHRANK;
	return N_SAME;
}

/* What was there before the model hears of it; the rest waits until it has. */
static int vma_event(struct pf *f, struct pf_proc *q, const struct mtr_event *ev)
{
	const struct mtr_ev_vma *v = &ev->vma;
	struct pf_pending *w = &f->pending;
	struct proc *p = model_proc(&f->x->model, ev->as);
	struct region *r = p ? aspace_ceil(&p->aspace, v->start) : NULL;
	struct pf_thread *t;

	*w = (struct pf_pending){ .any = true, .ev = *ev, .name = N_MAPPED, .kind = RK_UNKNOWN };
	if (!r || r->start >= v->end)
		return 0;
	w->name = changed(r, v);
	w->old_start = r->start;
	w->old_end = r->end;
	w->old_prot = r->prot;
	w->kind = r->kind;
	if (w->name != N_GREW || v->start >= r->start || !q)
		return 0;
	t = stack_owner(q, p, r);
	if (!t && !(v->prot & MTR_P_GROWSDOWN))
		return 0;
	w->name = N_STACK_GREW;
	w->stack_of = t ? t->uuid : 0;
	return 0;
}

int pf_pending(struct pf *f)
{
	struct pf_pending *w = &f->pending;
	const struct mtr_ev_vma *v = &w->ev.vma;
	struct pf_proc *q;
	struct region *r;
	struct pf_event e;
	struct proc *p;
	int err;

	if (!w->any)
		return 0;
	w->any = false;
	q = pf_proc(f, w->ev.as);
	p = model_proc(&f->x->model, w->ev.as);
	r = p ? aspace_find(&p->aspace, v->start) : NULL;
	pf_event(&e, EV_INSTANT, w->stack_of ? w->stack_of : track_of(q, PT_MAP), w->name,
		 w->ev.kind);
	pf_ptr(&e, A_ADDRESS, v->start);
	pf_uint(&e, A_SIZE, v->end - v->start);
	pf_prot(&e, A_PROTECTION, v->prot);
	err = pf_str(f, &e, A_FILE, v->name ? v->name : r ? r->name : 0);
	pf_kind(&e, w->kind);
	if (w->ev.tid)
		pf_uint(&e, A_TID, w->ev.tid);
	if (w->old_end && w->name != N_SAME) {
		pf_ptr(&e, A_OLD_ADDRESS, w->old_start);
		pf_uint(&e, A_OLD_SIZE, w->old_end - w->old_start);
		pf_prot(&e, A_OLD_PROTECTION, w->old_prot);
	}
	if (!err)
		err = pf_stack(f, q, &e, &w->ev);
	return err ? err : pf_send(f, &e, w->ev.time_ns);
}

/* What a hole takes away. */
static int hole_event(struct pf *f, struct pf_proc *q, const struct mtr_event *ev)
{
	const struct mtr_ev_range *h = &ev->range;
	struct proc *p = model_proc(&f->x->model, ev->as);
	struct region *r = p ? aspace_ceil(&p->aspace, h->start) : NULL;
	uint64_t mapped = 0, nr = 0;
	struct pf_event e;
	int err = 0;

	pf_event(&e, EV_INSTANT, track_of(q, PT_MAP), N_UNMAPPED, ev->kind);
	pf_ptr(&e, A_ADDRESS, h->start);
	pf_uint(&e, A_SIZE, h->end - h->start);
	if (r && r->start < h->end) {
		pf_kind(&e, r->kind);
		err = pf_str(f, &e, A_FILE, r->name);
	}
	for (; r && r->start < h->end; r = aspace_next(r), nr++)
		mapped += (r->end < h->end ? r->end : h->end) -
			  (r->start > h->start ? r->start : h->start);
	pf_uint(&e, A_MAPPED_BYTES, mapped);
	pf_uint(&e, A_REGIONS, nr);
	if (ev->tid)
		pf_uint(&e, A_TID, ev->tid);
	return err ? err : pf_send(f, &e, ev->time_ns);
}

static int range_event(struct pf *f, struct pf_proc *q, const struct mtr_event *ev)
{
	bool named = ev->kind == MTR_EV_NAME;
	uint64_t start = named ? ev->name.start : ev->range.start;
	uint64_t end = named ? ev->name.end : ev->range.end;
	struct pf_event e;
	int err = 0;

	pf_event(&e, EV_INSTANT, track_of(q, PT_MAP), named ? N_NAMED : N_RESYNC, ev->kind);
	pf_ptr(&e, A_ADDRESS, start);
	pf_uint(&e, A_SIZE, end - start);
	if (named)
		err = pf_str(f, &e, A_NAME, ev->name.name);
	return err ? err : pf_send(f, &e, ev->time_ns);
}

/* VMA, HOLE, NAME and RESYNC. @q may be NULL. */
int pf_map_event(struct pf *f, struct pf_proc *q, const struct mtr_event *ev)
{
	unsigned int what = ev->kind == MTR_EV_VMA  ? 0 :
			    ev->kind == MTR_EV_HOLE ? 1 :
			    ev->kind == MTR_EV_NAME ? 2 :
						      3;

	if (q && !pf_each(&q->map, what, ev->time_ns, 0))
		return 0;
	if (ev->kind == MTR_EV_VMA)
		return vma_event(f, q, ev);
	return ev->kind == MTR_EV_HOLE ? hole_event(f, q, ev) : range_event(f, q, ev);
}

/* ---- faults */

static enum pf_name fault_name(unsigned int flags)
{
	if (flags & MTR_FAULT_F_FAILED)
		return N_FAILED;
	if (flags & MTR_FAULT_F_FOREIGN)
		return N_FOREIGN;
	return flags & MTR_FAULT_F_MAJOR ? N_MAJOR : N_MINOR;
}

int pf_fault(struct pf *f, struct pf_proc *q, const struct mtr_event *ev)
{
	const struct mtr_ev_fault *v = &ev->fault;
	enum pf_name name = fault_name(v->flags);
	unsigned int what = name == N_MINOR ? 0 : name == N_MAJOR ? 1 : 2;
	struct region *r;
	struct pf_event e;
	struct proc *p;
	int err;

	if (q && !pf_each(&q->faults, what, ev->time_ns, v->bytes))
		return 0;
	p = model_proc(&f->x->model, ev->as);
	r = p ? aspace_find(&p->aspace, v->addr) : NULL;
	pf_event(&e, EV_INSTANT, pf_task_track(q, ev->tid), name, ev->kind);
	pf_ptr(&e, A_ADDRESS, v->addr);
	pf_kind(&e, r ? r->kind : RK_UNKNOWN);
	pf_int(&e, A_BYTES, v->bytes);
	if (v->ip)
		pf_ptr(&e, A_PC, v->ip);
	if (v->sp)
		pf_ptr(&e, A_SP, v->sp);
	pf_bool(&e, A_WRITE, v->flags & MTR_FAULT_F_WRITE);
	if (v->flags & MTR_FAULT_F_EXEC)
		pf_bool(&e, A_EXEC, true);
	if (v->flags & MTR_FAULT_F_PREV_MAJOR)
		pf_bool(&e, A_PREV_MAJOR, true);
	err = pf_stack(f, q, &e, ev);
	return err ? err : pf_send(f, &e, ev->time_ns);
}

/* ---- memtrace.ko */

int pf_invalidate(struct pf *f, struct pf_proc *q, const struct mtr_event *ev)
{
	static const enum pf_name names[] = { N_INV_DOUBT, N_INV_WATCHED,  N_INV_START,
					      N_INV_END,   N_INV_RELEASED, N_INV_DOUBT };
	const struct mtr_ev_invalidate *v = &ev->invalidate;
	unsigned int phase = v->phase <= MTR_INV_DOUBT ? v->phase : 0;
	struct pf_event e;

	if (q && !pf_each(&q->inv, 0, ev->time_ns, 0))
		return 0;
	pf_event(&e, EV_INSTANT, track_of(q, PT_INV), names[phase], ev->kind);
	if (v->end > v->start) {
		pf_ptr(&e, A_ADDRESS, v->start);
		pf_uint(&e, A_SIZE, v->end - v->start);
		pf_note(&e, A_WHY)->string_value = (char *)inv_why_name(v->why);
		pf_bool(&e, A_STAYS, v->stays);
	}
	pf_uint(&e, A_SEQ, v->seq);
	return pf_send(f, &e, ev->time_ns);
}

/* ---- signals */

int pf_signal(struct pf *f, struct pf_proc *q, const struct mtr_event *ev)
{
	const struct mtr_ev_signal *v = &ev->signal;
	const char *abbrev = sigabbrev_np(v->signo);
	struct pf_event e;
	char name[32];

	if (abbrev)
		snprintf(name, sizeof(name), "SIG%s", abbrev);
	else
		snprintf(name, sizeof(name), "signal %d", v->signo);
	pf_event(&e, EV_INSTANT, pf_task_track(q, ev->tid), 0, ev->kind);
	e.ev.name = name;
	pf_int(&e, A_SIGNO, v->signo);
	pf_int(&e, A_CODE, v->code);
	pf_bool(&e, A_FATAL, v->fatal);
	if (v->addr)
		pf_ptr(&e, A_ADDRESS, v->addr);
	if (v->ip)
		pf_ptr(&e, A_PC, v->ip);
	if (v->sp)
		pf_ptr(&e, A_SP, v->sp);
	return pf_send(f, &e, ev->time_ns);
}

/* ---- readings: a snapshot of the map, a count of pages */

int pf_reading(struct pf *f, struct pf_proc *q, const struct mtr_event *ev)
{
	const struct mtr_ev_snap *v = &ev->snap;
	unsigned int what = v->what == MTR_SNAP_MAPS ? 0 : 1;
	struct pf_event e;

	if (ev->kind == MTR_EV_SNAP_BEGIN) {
		q->reading_regions = 0;
		return 0;
	}
	if (ev->kind != MTR_EV_SNAP_END) {
		q->reading_regions++;
		return 0;
	}
	pf_event(&e, EV_BEGIN, pf_proc_track(q, PT_READINGS), what ? N_PAGES_COUNTED : N_MAPS_READ,
		 C_READING);
	pf_uint(&e, A_REGIONS, q->reading_regions);
	pf_bool(&e, A_COMPLETE, v->complete);
	return pf_slice(f, &e, v->begin_ns, v->end_ns, &q->reading_end_ns);
}
