// SPDX-License-Identifier: GPL-2.0
/*
 * A process that a keyframe made known, said as the events would have said it: an
 * attach, a reading of the map, a count of its pages, its threads.
 */
#include "export/exporter.h"

struct teller {
	struct exporter *x;
	struct mtr_event ev; /* head of all of them */
	int err;
};

static void tell(struct teller *t, const struct mtr_event *ev)
{
	if (!t->err)
		t->err = t->x->ops->state(t->x, ev);
}

static struct mtr_event event(const struct teller *t, enum mtr_kind kind)
{
	struct mtr_event ev = t->ev;

	ev.kind = (uint16_t)kind;
	return ev;
}

static void tell_proc(struct teller *t, const struct proc *p)
{
	struct mtr_event ev = event(t, MTR_EV_ATTACH);

	ev.tid = p->pid;
	ev.proc = (struct mtr_ev_proc){
		.pid = p->pid,
		.ppid = p->ppid,
		.start_time_ns = p->start_time_ns,
		.min_flt = p->k_minflt,
		.maj_flt = p->k_majflt,
		.start_code = p->start_code,
		.end_code = p->end_code,
		.start_data = p->start_data,
		.end_data = p->end_data,
		.start_brk = p->start_brk,
		.start_stack = p->start_stack,
		.comm = p->comm,
		.exe = p->exe,
	};
	for (unsigned int i = 0; i < MTR_NR_RSS; i++)
		ev.proc.rss_bytes[i] = p->rss[i];
	tell(t, &ev);
}

static void tell_thread(struct teller *t, const struct thread *th)
{
	struct mtr_event ev = event(t, MTR_EV_THREAD);

	ev.tid = th->tid;
	ev.thread = (struct mtr_ev_thread){
		.sp = th->sp, .tls = th->tls, .at_attach = true, .comm = th->comm
	};
	tell(t, &ev);
}

static void tell_vma(struct teller *t, const struct region *r)
{
	struct mtr_event ev = event(t, MTR_EV_SNAP_VMA);

	ev.vma = (struct mtr_ev_vma){
		.start = r->start,
		.end = r->end,
		.prot = r->prot,
		.dev = r->dev,
		.ino = r->ino,
		.pgoff = r->pgoff,
		.name = r->name,
	};
	tell(t, &ev);
}

static int64_t positive(int64_t v)
{
	return v > 0 ? v : 0;
}

static void tell_pages(struct teller *t, const struct region *r)
{
	struct mtr_event ev = event(t, MTR_EV_RESIDENCY);
	int64_t anon = positive(r->res[MTR_ANON]);
	int64_t file = positive(r->res[MTR_FILE]) + positive(r->res[MTR_SHMEM]);

	if (r->residency == RES_UNKNOWN)
		return;
	ev.residency = (struct mtr_ev_residency){
		.start = r->start,
		.end = r->end,
		.present = anon + file,
		.anon = anon,
		.file = file,
		.swap = positive(r->res[MTR_SWAP]),
		.huge = r->huge,
		.lowest = r->lowest,
		.begin_ns = r->res_time_ns,
		.epoch = r->res_epoch,
		.end_epoch = r->res_end_epoch,
	};
	tell(t, &ev);
}

static void tell_reading(struct teller *t, struct proc *p, enum mtr_snap what,
			 void (*each)(struct teller *t, const struct region *r))
{
	struct mtr_event ev = event(t, MTR_EV_SNAP_BEGIN);
	struct region *r;

	ev.snap =
		(struct mtr_ev_snap){ .what = (uint8_t)what, .begin_ns = ev.time_ns, .end = ~0ull };
	tell(t, &ev);
	aspace_for_each(r, &p->aspace)
		each(t, r);
	ev.kind = MTR_EV_SNAP_END;
	ev.snap.end_ns = ev.time_ns;
	ev.snap.complete = true;
	tell(t, &ev);
}

int restate(struct exporter *x, struct proc *p, uint64_t time_ns)
{
	struct teller t = { .x = x, .ev = { .as = p->as, .time_ns = time_ns } };
	struct mtr_event ev;

	tell_proc(&t, p);
	for (const struct thread *th = p->threads; th; th = th->hh.next)
		tell_thread(&t, th);
	if (p->maps_known)
		tell_reading(&t, p, MTR_SNAP_MAPS, tell_vma);
	tell_reading(&t, p, MTR_SNAP_RESIDENCY, tell_pages);
	if (p->death != DEATH_NONE) {
		ev = event(&t, MTR_EV_EXIT);
		ev.exit.code = p->exit_code;
		tell(&t, &ev);
	}
	return t.err;
}
