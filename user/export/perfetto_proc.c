// SPDX-License-Identifier: GPL-2.0
/*
 * Processes and threads. A process keeps its track through an exec: it is renamed,
 * as Perfetto's own tracing has it. A pid or tid that is given out again is another
 * process or thread, and gets another track.
 *
 *   redis-server 4123
 *     Memory            RSS, RSS anon … Virtual, Heap …, faults a second
 *       Regions         one counter for each region that is large or grows
 *       Map changes     instants, or slices that stand for many
 *       Faults          slices that stand for many; each one is on its thread
 *     thread 4125       faults, signals; Stack depth, Stack high water
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "export/perfetto_int.h"

struct pf_proc *pf_proc(struct pf *f, uint32_t as)
{
	struct pf_proc *q;

	HASH_FIND(hh, f->procs, &as, sizeof(as), q);
	return q;
}

struct pf_thread *pf_thread(const struct pf_proc *q, uint32_t tid)
{
	struct pf_thread *t = NULL;

	if (q && tid)
		HASH_FIND(hh, q->threads, &tid, sizeof(tid), t);
	return t;
}

uint64_t pf_proc_track(const struct pf_proc *q, unsigned int n)
{
	return pf_mix(q->uuid, n + 1);
}

uint64_t pf_task_track(const struct pf_proc *q, uint32_t tid)
{
	struct pf_thread *t = pf_thread(q, tid);

	if (t)
		return t->uuid;
	return q ? q->uuid : pf_root_track(R_NOBODY);
}

/* ---- descriptors */

/* A process or thread is told twice: in the tree that names it, and as a track. */
static int send_both(struct pf *f, Pf__ProcessTree *tree, Pf__Track *d, uint64_t time_ns)
{
	Pf__Packet pk = PF__PACKET__INIT;
	int err;

	pk.has_timestamp = 1;
	pk.timestamp = time_ns;
	pk.has_sequence_id = 1;
	pk.sequence_id = SEQ_TRACKS;
	pk.process_tree = tree;
	err = pf_packet(f, &pk);
	if (err)
		return err;
	pk.process_tree = NULL;
	pk.track_descriptor = d;
	return pf_packet(f, &pk);
}

static int tell_thread(struct pf *f, const struct pf_proc *q, const struct pf_thread *t,
		       uint64_t time_ns)
{
	Pf__ProcessTree tree = PF__PROCESS_TREE__INIT;
	Pf__Thread th = PF__THREAD__INIT, *ths = &th;
	Pf__Track d = PF__TRACK__INIT;
	Pf__ThreadTrack tt = PF__THREAD_TRACK__INIT;
	char buf[PF_TEXT];

	th.has_tid = th.has_tgid = 1;
	th.tid = (int32_t)t->tid;
	th.tgid = (int32_t)q->pid;
	if (t->comm)
		th.name = pf_text(f, t->comm, buf);
	tree.threads = &ths;
	tree.n_threads = 1;
	tt.has_pid = tt.has_tid = 1;
	tt.pid = (int32_t)q->pid;
	tt.tid = t->tid;
	tt.name = th.name;
	d.has_uuid = 1;
	d.uuid = t->uuid;
	d.thread = &tt;
	return send_both(f, &tree, &d, time_ns);
}

static int tell_proc(struct pf *f, const struct pf_proc *q, uint32_t ppid, uint64_t time_ns)
{
	Pf__ProcessTree tree = PF__PROCESS_TREE__INIT;
	Pf__Process pr = PF__PROCESS__INIT, *prs = &pr;
	Pf__Track d = PF__TRACK__INIT;
	Pf__ProcessTrack pt = PF__PROCESS_TRACK__INIT;
	char buf[PF_TEXT], *name = pf_text(f, q->comm, buf);

	/* a process without a command line would be ignored */
	if (!*name)
		snprintf(buf, sizeof(buf), "pid %u", q->pid);
	pr.has_pid = 1;
	pr.pid = (int32_t)q->pid;
	pr.has_ppid = ppid != 0;
	pr.ppid = (int32_t)ppid;
	pr.cmdline = &name;
	pr.n_cmdline = 1;
	pr.has_cmdline_is_comm = pr.cmdline_is_comm = 1;
	pr.has_start_from_boot = q->start_ns != 0;
	pr.start_from_boot = q->start_ns;
	tree.processes = &prs;
	tree.n_processes = 1;
	pt.has_pid = 1;
	pt.pid = (int32_t)q->pid;
	pt.name = name;
	pt.has_start_ns = q->start_ns != 0;
	pt.start_ns = (int64_t)q->start_ns;
	d.has_uuid = 1;
	d.uuid = q->uuid;
	d.process = &pt;
	return send_both(f, &tree, &d, time_ns);
}

/* Order is that of the screen. */
static const struct {
	unsigned int n, parent;
	unsigned int unit;
	const char *name, *unit_name, *share;
	bool ordered;
} tracks[] = {
	{ PT_MEMORY, 0, 0, "Memory", NULL, NULL, true },
	{ PC_RSS, PT_MEMORY, UNIT_BYTES, "RSS", NULL, "rss", false },
	{ PC_ANON, PT_MEMORY, UNIT_BYTES, "RSS anon", NULL, "rss", false },
	{ PC_FILE, PT_MEMORY, UNIT_BYTES, "RSS file", NULL, "rss", false },
	{ PC_SHMEM, PT_MEMORY, UNIT_BYTES, "RSS shmem", NULL, "rss", false },
	{ PC_SWAP, PT_MEMORY, UNIT_BYTES, "Swap", NULL, NULL, false },
	{ PC_VIRTUAL, PT_MEMORY, UNIT_BYTES, "Virtual", NULL, NULL, false },
	{ PC_K_HEAP, PT_MEMORY, UNIT_BYTES, "Heap (brk)", NULL, "rss", false },
	{ PC_K_ARENAS, PT_MEMORY, UNIT_BYTES, "Arenas", NULL, "rss", false },
	{ PC_K_ANON, PT_MEMORY, UNIT_BYTES, "Anonymous mappings", NULL, "rss", false },
	{ PC_K_STACKS, PT_MEMORY, UNIT_BYTES, "Stacks", NULL, "rss", false },
	{ PC_K_FILES, PT_MEMORY, UNIT_BYTES, "Programs and files", NULL, "rss", false },
	{ PC_K_SHARED, PT_MEMORY, UNIT_BYTES, "Shared memory", NULL, "rss", false },
	{ PC_MINOR, PT_MEMORY, UNIT_COUNT, "Minor faults", "faults/s", NULL, false },
	{ PC_MAJOR, PT_MEMORY, UNIT_COUNT, "Major faults", "faults/s", NULL, false },
	{ PC_UNSEEN, PT_MEMORY, UNIT_COUNT, "Faults the kernel counted, no event showed", "faults",
	  NULL, false },
	{ PT_MAP, PT_MEMORY, 0, "Map changes", NULL, NULL, false },
	{ PT_MAP_BINNED, PT_MEMORY, 0, "Map changes, binned", NULL, NULL, false },
	{ PT_FAULTS_BINNED, PT_MEMORY, 0, "Faults, binned", NULL, NULL, false },
	{ PT_INV, PT_MEMORY, 0, "Invalidations (memtrace.ko)", NULL, NULL, false },
	{ PT_INV_BINNED, PT_MEMORY, 0, "Invalidations, binned", NULL, NULL, false },
	{ PT_MOVING_BINNED, PT_MEMORY, 0, "Calls that moved pages, binned", NULL, NULL, false },
	{ PT_CALLS_BINNED, PT_MEMORY, 0, "System calls, binned", NULL, NULL, false },
	{ PT_READINGS, PT_MEMORY, 0, "Readings by memtrace", NULL, NULL, false },
	{ PT_REGIONS, PT_MEMORY, 0, "Regions", NULL, NULL, false },
};

static int tell_tracks(struct pf *f, const struct pf_proc *q, uint64_t time_ns)
{
	int err = 0;

	for (size_t i = 0; !err && i < sizeof(tracks) / sizeof(*tracks); i++) {
		const struct pf_track t = {
			.uuid = pf_proc_track(q, tracks[i].n),
			.parent = tracks[i].parent ? pf_proc_track(q, tracks[i].parent) : q->uuid,
			.name = tracks[i].name,
			.unit = tracks[i].unit,
			.unit_name = tracks[i].unit_name,
			.share = tracks[i].share,
			.rank = (int)i,
			.ordered = tracks[i].ordered,
		};

		err = pf_track(f, &t, time_ns);
	}
	return err;
}

static int tell_stack_tracks(struct pf *f, const struct pf_thread *t, uint64_t time_ns)
{
	const struct pf_track depth = { .uuid = pf_mix(t->uuid, 1),
					.parent = t->uuid,
					.name = "Stack depth",
					.unit = UNIT_BYTES,
					.share = "stack" };
	const struct pf_track high = { .uuid = pf_mix(t->uuid, 2),
				       .parent = t->uuid,
				       .name = "Stack high water",
				       .unit = UNIT_BYTES,
				       .share = "stack" };
	int err = pf_track(f, &depth, time_ns);

	return err ? err : pf_track(f, &high, time_ns);
}

/* ---- coming and going */

static struct pf_thread *add_thread(struct pf_proc *q, uint32_t tid, uint32_t comm)
{
	struct pf_thread *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->tid = tid;
	t->comm = comm;
	t->depth = t->high = -1;
	t->uuid = pf_mix(pf_mix(q->uuid, ++q->serial), tid);
	HASH_ADD(hh, q->threads, tid, sizeof(t->tid), t);
	if (!t->hh.tbl) {
		free(t);
		return NULL;
	}
	return t;
}

/* One more thread, with its tracks; NULL: no memory, or the disk is full. */
static struct pf_thread *fresh_thread(struct pf *f, struct pf_proc *q, uint32_t tid, uint32_t comm,
				      uint64_t time_ns)
{
	struct pf_thread *t = add_thread(q, tid, comm);

	if (!t || tell_thread(f, q, t, time_ns) || tell_stack_tracks(f, t, time_ns))
		return NULL;
	return t;
}

static int no_thread(const struct pf *f)
{
	return f->x->out.err ? f->x->out.err : -ENOMEM;
}

static void drop_thread(struct pf_proc *q, struct pf_thread *t)
{
	HASH_DEL(q->threads, t);
	free(t);
}

void pf_proc_free(struct pf *f, struct pf_proc *q)
{
	struct pf_thread *t, *tmp;

	HASH_ITER(hh, q->threads, t, tmp)
		drop_thread(q, t);
	HASH_DEL(f->procs, q);
	pf_heap_free(q);
	if (q->own_syms)
		syms_free(q->syms);
	free(q);
}

static struct pf_proc *add_proc(struct pf *f, uint32_t as)
{
	struct pf_proc *q = calloc(1, sizeof(*q));

	if (!q)
		return NULL;
	q->as = as;
	HASH_ADD(hh, f->procs, as, sizeof(q->as), q);
	if (!q->hh.tbl) {
		free(q);
		return NULL;
	}
	return q;
}

static int say_start(struct pf *f, struct pf_proc *q, const struct mtr_event *ev)
{
	bool exec = ev->kind == MTR_EV_EXEC;
	struct pf_event e;
	int err;

	pf_event(&e, EV_INSTANT, pf_task_track(q, q->pid), exec ? N_EXEC : N_ATTACH, ev->kind);
	err = pf_str(f, &e, A_EXE, ev->proc.exe);
	if (!err)
		err = pf_str(f, &e, A_NAME, ev->proc.comm);
	if (ev->proc.ppid)
		pf_uint(&e, A_PARENT, ev->proc.ppid);
	pf_bool(&e, A_FORKED, ev->proc.forked);
	return err ? err : pf_send(f, &e, ev->time_ns);
}

static int main_thread(struct pf *f, struct pf_proc *q, uint32_t comm, uint64_t time_ns)
{
	struct pf_thread *t = pf_thread(q, q->pid);

	if (!t)
		return fresh_thread(f, q, q->pid, comm, time_ns) ? 0 : no_thread(f);
	t->comm = comm ? comm : t->comm;
	t->depth = t->high = -1;
	return tell_thread(f, q, t, time_ns);
}

/* The same process with another address space: of its threads one is left. */
static int take_over(struct pf *f, struct pf_proc *q, const struct mtr_event *ev)
{
	struct pf_thread *t, *tmp;
	int err = pf_bins(f, q);

	if (!err)
		err = pf_regions_end(f, q, ev->time_ns);
	HASH_ITER(hh, q->threads, t, tmp)
		if (t->tid != q->pid)
			drop_thread(q, t);
	HASH_DEL(f->procs, q);
	if (!err)
		err = pf_heap_dump(f, q, ev->time_ns);
	pf_heap_free(q);
	if (q->own_syms)
		syms_free(q->syms);
	q->syms = NULL;
	q->as = ev->as;
	q->rss_ns = q->keyframe_ns = 0;
	HASH_ADD(hh, f->procs, as, sizeof(q->as), q);
	return !err && !q->hh.tbl ? -ENOMEM : err;
}

static struct pf_proc *fresh_proc(struct pf *f, uint32_t as, uint32_t pid, uint64_t start_ns,
				  uint64_t time_ns)
{
	struct pf_proc *q = add_proc(f, as);

	if (!q)
		return NULL;
	q->pid = pid;
	q->start_ns = start_ns;
	q->uuid = pf_mix(pid, start_ns ? start_ns : time_ns);
	return q;
}

static int announce(struct pf *f, struct pf_proc *q, uint32_t ppid, bool fresh, uint64_t time_ns)
{
	int err = tell_proc(f, q, ppid, time_ns);

	if (!err && fresh)
		err = tell_tracks(f, q, time_ns);
	return err ? err : main_thread(f, q, q->comm, time_ns);
}

int pf_proc_begins(struct pf *f, const struct mtr_event *ev)
{
	const struct mtr_ev_proc *e = &ev->proc;
	struct pf_proc *q = pf_proc(f, ev->as), *old = pf_proc(f, e->prev_as);
	bool fresh = false;
	int err = 0;

	if (!q && ev->kind == MTR_EV_EXEC && old && old->pid == e->pid) {
		err = take_over(f, old, ev);
		q = old;
	} else if (!q) {
		q = fresh_proc(f, ev->as, e->pid, e->start_time_ns, ev->time_ns);
		fresh = true;
	}
	if (!q)
		return -ENOMEM;
	if (e->comm)
		q->comm = e->comm;
	if (!err)
		err = announce(f, q, e->ppid, fresh, ev->time_ns);
	return err ? err : say_start(f, q, ev);
}

struct pf_thread *pf_thread_adopt(struct pf *f, struct pf_proc *q, const struct thread *m,
				  uint64_t time_ns)
{
	return fresh_thread(f, q, m->tid, m->comm, time_ns);
}

int pf_proc_adopt(struct pf *f, const struct proc *p, uint64_t time_ns)
{
	struct pf_proc *q = fresh_proc(f, p->as, p->pid, p->start_time_ns, time_ns);
	int err;

	if (!q)
		return -ENOMEM;
	q->comm = p->comm;
	err = announce(f, q, p->ppid, true, time_ns);
	for (const struct thread *m = p->threads; !err && m; m = m->hh.next)
		if (m->tid != p->pid && !pf_thread_adopt(f, q, m, time_ns))
			err = no_thread(f);
	return err;
}

/* Perfetto learns of an end from the scheduler: this is how one that is not it tells. */
static int tell_end(struct pf *f, uint32_t tid, uint32_t comm, uint64_t time_ns)
{
	Pf__Packet pk = PF__PACKET__INIT;
	Pf__TaskState st = PF__TASK_STATE__INIT;
	char buf[PF_TEXT];

	st.comm = pf_text(f, comm, buf);
	st.has_tid = st.has_state = 1;
	st.tid = tid;
	st.state = 8;
	pk.has_timestamp = 1;
	pk.timestamp = time_ns;
	pk.has_sequence_id = 1;
	pk.sequence_id = SEQ_TRACKS;
	pk.task_state = &st;
	return pf_packet(f, &pk);
}

int pf_proc_ends(struct pf *f, struct pf_proc *q, const struct mtr_event *ev)
{
	const struct proc *p = model_proc(&f->x->model, ev->as);
	int err, code = ev->exit.code;
	struct pf_event e;

	err = pf_bins(f, q);
	pf_event(&e, EV_INSTANT, pf_task_track(q, q->pid), N_EXIT, ev->kind);
	if (code >= 0 && code & 0x7f)
		pf_int(&e, A_SIGNAL, code & 0x7f);
	else if (code >= 0)
		pf_int(&e, A_STATUS, code >> 8 & 0xff);
	if (p && p->crash.signo)
		pf_bool(&e, A_STACK_OVERFLOW, p->crash.stack_overflow);
	if (!err)
		err = pf_send(f, &e, ev->time_ns);
	if (!err)
		err = pf_counters_end(f, q, ev->time_ns);
	if (!err && !q->ended)
		err = tell_end(f, q->pid, q->comm, ev->time_ns);
	q->ended = 1;
	return err;
}

int pf_thread_begins(struct pf *f, struct pf_proc *q, const struct mtr_event *ev)
{
	struct pf_thread *t = pf_thread(q, ev->tid);
	struct pf_event e;
	int err;

	if (!t) {
		t = fresh_thread(f, q, ev->tid, ev->thread.comm, ev->time_ns);
		if (!t)
			return no_thread(f);
	} else if (ev->thread.comm && t->comm != ev->thread.comm) {
		t->comm = ev->thread.comm;
		err = tell_thread(f, q, t, ev->time_ns);
		if (err)
			return err;
	}
	pf_event(&e, EV_INSTANT, t->uuid, N_THREAD, ev->kind);
	if (ev->thread.sp)
		pf_ptr(&e, A_SP, ev->thread.sp);
	if (ev->thread.parent_tid)
		pf_uint(&e, A_PARENT, ev->thread.parent_tid);
	err = pf_stack(f, q, &e, ev);
	return err ? err : pf_send(f, &e, ev->time_ns);
}

int pf_thread_ends(struct pf *f, struct pf_proc *q, const struct mtr_event *ev)
{
	struct pf_thread *t = pf_thread(q, ev->tid);
	struct pf_event e;
	int err;

	pf_event(&e, EV_INSTANT, pf_task_track(q, ev->tid), N_THREAD_EXIT, ev->kind);
	err = pf_send(f, &e, ev->time_ns);
	/* of the main thread the process's end tells */
	if (err || !t || t->tid == q->pid)
		return err;
	err = tell_end(f, t->tid, t->comm, ev->time_ns);
	drop_thread(q, t);
	return err;
}

int pf_renamed(struct pf *f, struct pf_proc *q, const struct mtr_event *ev)
{
	struct pf_thread *t = pf_thread(q, ev->tid);
	struct pf_event e;
	int err;

	pf_event(&e, EV_INSTANT, pf_task_track(q, ev->tid), N_RENAMED, ev->kind);
	err = pf_str(f, &e, A_NAME, ev->thread.comm);
	if (!err)
		err = pf_send(f, &e, ev->time_ns);
	if (err || !t || !ev->thread.comm)
		return err;
	t->comm = ev->thread.comm;
	if (t->tid == q->pid) {
		q->comm = t->comm;
		err = tell_proc(f, q, 0, ev->time_ns);
	}
	return err ? err : tell_thread(f, q, t, ev->time_ns);
}
