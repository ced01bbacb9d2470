// SPDX-License-Identifier: GPL-2.0
/*
 * Who is traced: attach, threads, fork, exec, exit; fatal signals and OOM.
 *
 * Attaching is one pass of a task iterator after all hooks are on. It makes a
 * process known and looks at its counters in one step per mm; what happens
 * later is seen by the hooks, what happened before is in the counters.
 */
#include "mtr_rss.h"
#include "mtr_crash.h"

/* 5.10 to 6.1: the task's own part of the counters is not in what the announcement says. */
static __always_inline void tell_cached(struct note *n, struct task_struct *task)
{
	struct mtr_w_rss *r;

#pragma unroll
	for (int i = 0; i < MTR_RSS_NR; i++) {
		s32 v = cached_count(task, i);

		n->cached[i] = v;
		if (!v)
			continue;
		r = record(MTR_W_RSS, sizeof(*r), n->as, task->pid, MTR_RSS_AT_ATTACH);
		if (!r)
			continue;
		r->pages = v;
		r->member = i;
		r->nr = -1;
		r->epoch = 0;
		r->arg0 = 0;
		r->arg1 = 0;
		r->ip = 0;
		r->sp = 0;
		send(r, NULL);
	}
}

static __always_inline struct note *new_note(struct task_struct *task, u32 slot, u32 as,
					     struct mm_struct *mm)
{
	struct note *n = make_note(task);

	if (!n) {
		__sync_fetch_and_add(&lost[MTR_W_THREAD], 1);
		return NULL;
	}
	n->slot = slot;
	n->as = as;
	n->pending = 0;
	n->armed = 0;
	n->vma_len = 0;
	n->batch.nr = 0;
	n->batch.seq = 0;
	n->shown = 0;
	n->skip = 0;
	n->copying = 0;
	n->over = 0;
	__builtin_memset(n->over_pages, 0, sizeof(n->over_pages));
	n->stack_top = 0;
	n->move_to = 0;
	n->call_ns = 0;
	__builtin_memset(n->site, 0, sizeof(n->site));
	n->fix_end = 0;
	n->foreign = 0;
	if (cached_counters())
		tell_cached(n, task);
	n->mm = (u64)mm; /* last: it switches the note on */
	return n;
}

static __always_inline void fill_proc(struct mtr_w_proc *r, struct task_struct *task,
				      struct mm_struct *mm, u32 ns_tgid)
{
	struct task_struct *leader = task->group_leader;

	r->tgid = task->tgid;
	r->ppid = BPF_CORE_READ(task, real_parent, tgid);
	r->ns_tgid = ns_tgid;
	r->forked = 0;
	r->start_time_ns = BPF_CORE_READ(leader, start_boottime);
	r->mm = (u64)mm;
	r->min_flt = -1;
	r->maj_flt = -1;
	r->start_code = BPF_CORE_READ(mm, start_code);
	r->end_code = BPF_CORE_READ(mm, end_code);
	r->start_data = BPF_CORE_READ(mm, start_data);
	r->end_data = BPF_CORE_READ(mm, end_data);
	r->start_brk = BPF_CORE_READ(mm, start_brk);
	r->start_stack = BPF_CORE_READ(mm, start_stack);
	bpf_core_read_str(r->comm, sizeof(r->comm), &leader->comm);
}

/*
 * Make an mm a target. The order matters: its counters are looked at, then it
 * is announced, then it can be found. A change in between is in the first delta.
 * Returns its slot's target, NULL when it cannot be followed.
 */
static __always_inline struct target *new_target(u32 kind, struct task_struct *task,
						 struct mm_struct *mm, u32 follow, u32 from_as,
						 u32 ns_tgid, u32 *ret_slot)
{
	struct target_ref ref;
	struct mtr_w_proc *r;
	struct target *t;
	u64 key = (u64)mm;
	s64 pages[MTR_RSS_NR];
	u32 slot;

	if (bpf_map_pop_elem(&free_slots, &slot)) {
		__sync_fetch_and_add(&unseen_procs, 1);
		return NULL;
	}
	t = bpf_map_lookup_elem(&slots, &slot);
	if (!t)
		return NULL;
	t->mm = key;
	t->tgid = task->tgid;
	t->follow = follow;
	t->as = __sync_fetch_and_add(&next_as, 1);
	rss_seed(t, slot, mm, pages);
	r = record(kind, sizeof(*r), t->as, task->tgid, from_as);
	if (r) {
		fill_proc(r, task, mm, ns_tgid);
		__builtin_memcpy(r->rss_pages, pages, sizeof(r->rss_pages));
		if (kind == MTR_W_EXEC) {
			/* one thread is left: its own counts and those of the dead are all */
			r->min_flt =
				BPF_CORE_READ(task, signal, min_flt) + BPF_CORE_READ(task, min_flt);
			r->maj_flt =
				BPF_CORE_READ(task, signal, maj_flt) + BPF_CORE_READ(task, maj_flt);
		} else if (from_as) {
			r->forked = 1;
			r->min_flt = 0;
			r->maj_flt = 0;
		}
		/* a new program may be gone soon: its map is read as early as can be */
		bpf_ringbuf_submit(r, kind == MTR_W_EXEC ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP);
	}
	ref.slot = slot;
	ref.as = t->as;
	*ret_slot = slot;
	return bpf_map_update_elem(&targets, &key, &ref, BPF_ANY) ? NULL : t;
}

static __always_inline void send_thread(struct task_struct *task, u32 as, u32 parent, u32 known)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);
	struct mtr_w_thread *r = record(MTR_W_THREAD, sizeof(*r), as, task->pid, 0);

	if (!r)
		return;
	r->sp = BPF_CORE_READ(regs, sp);
	r->start_time_ns = BPF_CORE_READ(task, start_boottime);
	r->parent_tid = parent;
	r->nr = known;
	r->tls = BPF_CORE_READ(task, thread.fsbase);
	bpf_core_read_str(r->comm, sizeof(r->comm), &task->comm);
	send(r, NULL);
}

/* A thread of a target, or a vfork child on its memory, whose faults are its own. */
static __always_inline void join(struct task_struct *task, u32 slot, struct target *t, u32 parent,
				 u32 known)
{
	struct note *n = new_note(task, slot, t->as, (struct mm_struct *)t->mm);

	if (n && t->tgid != (u32)task->tgid)
		n->foreign = MTR_FAULT_FOREIGN;
	else if (n)
		send_thread(task, t->as, parent, known);
}

SEC("?iter/task")
int attach(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task, *reader = bpf_get_current_task_btf();
	struct target_ref *ref;
	struct mm_struct *mm;
	struct target *t;
	u32 tgid, *want, slot;
	u64 key;

	if (!task || task->flags & (PF_KTHREAD | PF_EXITING))
		return 0;
	reader_level = BPF_CORE_READ(reader, thread_pid, level);
	tgid = pid_at_level(BPF_CORE_READ(task, signal, pids[1]), reader_level);
	want = bpf_map_lookup_elem(&want_pids, &tgid);
	mm = task->mm;
	if (!mm)
		return 0;
	key = (u64)mm;
	ref = bpf_map_lookup_elem(&targets, &key);
	if (ref) {
		slot = ref->slot;
		t = bpf_map_lookup_elem(&slots, &slot);
		if (!t || note_of(task))
			return 0;
	} else {
		if (!want)
			return 0;
		t = new_target(MTR_W_ATTACH, task, mm, *want & MTR_WANT_FOLLOW, 0, tgid, &slot);
		if (!t)
			return 0;
	}
	join(task, slot, t, 0, 1);
	return 0;
}

/*
 * Show what waits in a thread's note, without touching it: its own hooks may be
 * at work on another CPU. A batch that was sent meanwhile is not shown.
 */
static __always_inline void show_faults(struct note *n, struct task_struct *task)
{
	u32 seq = n->batch.seq, nr = n->batch.nr, pending = n->pending;
	struct mtr_w_faults *r;

	/* a fault that was begun and counted, and brought no bytes: it is over */
	if (pending && n->armed != IN_HANDLER && task->min_flt + task->maj_flt != n->flt)
		nr++;
	if (!nr || nr > MTR_FAULT_BATCH || n->shown == seq + nr)
		return;
	r = record(MTR_W_FAULT, sizeof(*r), n->as, task->pid, 0);
	if (!r)
		return;
	r->seq = seq;
	r->nr = nr;
	__builtin_memcpy(r->f, n->batch.f, sizeof(r->f));
	barrier();
	if (n->batch.seq != seq) {
		bpf_ringbuf_discard(r, BPF_RB_NO_WAKEUP);
		return;
	}
	n->shown = seq + nr;
	send(r, NULL);
}

/* A counter's change of which nobody knows what it belongs to. */
static __always_inline bool send_other(u32 as, u32 tid, u32 member, s32 pages)
{
	struct mtr_w_rss *r = record(MTR_W_RSS, sizeof(*r), as, tid, MTR_RSS_OTHER);

	if (!r)
		return false;
	r->pages = pages;
	r->member = member;
	r->nr = -1;
	r->epoch = count_epoch;
	r->arg0 = 0;
	r->arg1 = 0;
	r->ip = 0;
	r->sp = 0;
	send(r, NULL);
	return true;
}

/* What faults that were passed over have brought. */
static __always_inline void send_over(struct note *n, u32 tid)
{
#pragma unroll
	for (int i = 0; i < MTR_RSS_NR; i++) {
		s32 pages = (s32)__sync_lock_test_and_set((u32 *)&n->over_pages[i], 0);

		if (pages && !send_other(n->as, tid, i, pages))
			__sync_fetch_and_add((u32 *)&n->over_pages[i], (u32)pages);
	}
}

/*
 * A counter's change that its hook did not claim, because it was skipped: still
 * there after a whole interval. Nobody knows any more what it belongs to.
 */
static __always_inline void claim_rest(struct note *n, struct mm_struct *mm)
{
	u32 slot = n->slot;
	struct target *t = bpf_map_lookup_elem(&slots, &slot);

	if (!t)
		return;
#pragma unroll
	for (int i = 0; i < MTR_RSS_NR; i++) {
		s64 now = shared_count(mm, i), delta = 0;

		if (now != t->count[i] && now == t->stale[i])
			delta = shared_delta(t, mm, i);
		t->stale[i] = now;
		if (delta)
			send_other(n->as, 0, i, (s32)delta);
	}
}

/* A task of a target that could not be given a note when it was born. */
static __always_inline struct note *late_note(struct task_struct *task)
{
	struct target_ref *ref;
	struct target *t;
	u64 key = (u64)task->mm;
	u32 slot;

	if (!key || task->flags & (PF_KTHREAD | PF_EXITING))
		return NULL;
	ref = bpf_map_lookup_elem(&targets, &key);
	if (!ref)
		return NULL;
	slot = ref->slot;
	t = bpf_map_lookup_elem(&slots, &slot);
	if (!t)
		return NULL;
	join(task, slot, t, 0, 1);
	return note_of(task);
}

/* Where each thread stands, and its faults that nothing has sent yet. Run at every interval. */
SEC("?iter/task")
int tick(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct pt_regs *regs;
	struct mtr_w_sp *r;
	struct note *n;

	if (!task)
		return 0;
	n = note_of(task);
	if (!n)
		n = late_note(task);
	if (!n || n->mm != (u64)task->mm)
		return 0;
	show_faults(n, task);
	if (fault_share)
		send_over(n, task->pid);
	if (rss_percpu && task->pid == task->tgid)
		claim_rest(n, task->mm);
	r = record(MTR_W_SP, sizeof(*r), n->as, task->pid, task->on_cpu != 0);
	if (!r)
		return 0;
	regs = (struct pt_regs *)bpf_task_pt_regs(task);
	r->sp = BPF_CORE_READ(regs, sp);
	r->ip = BPF_CORE_READ(regs, ip);
	r->state = BPF_CORE_READ(task, __state);
	r->pad = 0;
	send(r, NULL);
	return 0;
}

static __always_inline int forked(struct task_struct *parent, struct task_struct *child,
				  bool second)
{
	struct mm_struct *mm = child->mm;
	struct target_ref *ref;
	struct target *pt, *t;
	struct note *pn = note_of(parent);
	u64 key = (u64)mm;
	u32 slot;

	if (pn && second_of(pn, DONE_FORK, second))
		return 0;
	ref = bpf_map_lookup_elem(&targets, &key);
	if (ref) {
		slot = ref->slot;
		t = bpf_map_lookup_elem(&slots, &slot);
		if (!t)
			return 0;
		if (want_stacks && pn && child->tgid == parent->tgid) {
			send_faults(pn, parent->pid);
			take_stack(pn, parent->pid, MTR_STACK_THREAD);
		}
		join(child, slot, t, parent->pid, 0);
		return 0;
	}
	if (!pn || !mm)
		return 0;
	slot = pn->slot;
	pt = bpf_map_lookup_elem(&slots, &slot);
	if (!pt || !pt->follow)
		return 0;
	t = new_target(MTR_W_ATTACH, child, mm, 1, pn->as,
		       pid_at_level(BPF_CORE_READ(child, signal, pids[1]), reader_level), &slot);
	if (!t)
		return 0;
	if (new_note(child, slot, t->as, mm))
		send_thread(child, t->as, parent->pid, 0);
	return 0;
}

SEC("?tp_btf/sched_process_fork")
int BPF_PROG(process_fork, struct task_struct *parent, struct task_struct *child)
{
	return forked(parent, child, false);
}

SEC("?tp_btf/sched_process_fork")
int BPF_PROG(process_fork_second, struct task_struct *parent, struct task_struct *child)
{
	return forked(parent, child, true);
}

static __always_inline void drop_target(u64 mm, u32 slot)
{
	bpf_map_delete_elem(&targets, &mm);
	bpf_map_push_elem(&free_slots, &slot, 0);
}

/* The faults that wait, and a last one that brought no bytes, if the kernel counted it. */
static __always_inline void last_faults(struct note *n, struct task_struct *p)
{
	if (fault_share) {
		send_over(n, p->pid);
		if (n->over)
			n->armed = 0;
	}
	/* IN_HANDLER: the program at its end was skipped */
	if ((n->pending || n->armed == IN_HANDLER) && p->min_flt + p->maj_flt != n->flt &&
	    n->batch.nr < MTR_FAULT_BATCH)
		n->batch.nr++;
	n->pending = 0;
	n->armed = 0;
	send_faults(n, p->pid);
}

static __always_inline int execed(struct task_struct *p, bool second)
{
	struct mm_struct *mm = p->mm;
	struct note *n = note_of(p);
	u32 slot, old_as, follow;
	struct target *t;

	if (!n || !mm || second_of(n, DONE_EXEC, second))
		return 0;
	last_faults(n, p);
	old_as = n->as;
	slot = n->slot;
	t = bpf_map_lookup_elem(&slots, &slot);
	if (!t)
		return 0;
	follow = t->follow;
	if (t->tgid != (u32)p->tgid) {
		/* a vfork child leaves its parent's memory */
		if (!follow) {
			drop_note(p);
			return 0;
		}
	} else {
		drop_target(n->mm, slot);
	}
	t = new_target(MTR_W_EXEC, p, mm, follow, old_as,
		       pid_at_level(BPF_CORE_READ(p, signal, pids[1]), reader_level), &slot);
	if (!t)
		return 0;
	n = new_note(p, slot, t->as, mm);
	if (!n)
		return 0;
	/* it may be another one, in the table of those without storage */
	if (!second)
		n->done |= DONE_EXEC;
	send_thread(p, t->as, 0, 0);
	return 0;
}

SEC("?tp_btf/sched_process_exec")
int BPF_PROG(process_exec, struct task_struct *p)
{
	return execed(p, false);
}

SEC("?tp_btf/sched_process_exec")
int BPF_PROG(process_exec_second, struct task_struct *p)
{
	return execed(p, true);
}

static __always_inline int exited(struct task_struct *p, bool second)
{
	struct note *n = note_of(p);
	struct mtr_w_exit *r;
	struct target *t;
	u32 slot;
	int code;

	if (!n || second_of(n, DONE_EXIT, second))
		return 0;
	slot = n->slot;
	t = bpf_map_lookup_elem(&slots, &slot);
	if (!t || t->as != n->as || t->tgid != (u32)p->tgid)
		return 0;
	last_faults(n, p);
	r = record(MTR_W_THREAD_EXIT, sizeof(*r), n->as, p->pid, 0);
	if (r) {
		r->exit_code = p->exit_code;
		r->pad = 0;
		send(r, NULL);
	}
	if (BPF_CORE_READ(p, signal, live.counter))
		return 0;
	code = BPF_CORE_READ(p, signal, group_exit_code);
	r = record(MTR_W_EXIT, sizeof(*r), n->as, p->pid, 0);
	if (r) {
		r->exit_code = code ? code : p->exit_code;
		r->pad = 0;
		bpf_ringbuf_submit(r, BPF_RB_FORCE_WAKEUP);
	}
	drop_target(n->mm, slot);
	return 0;
}

SEC("?tp_btf/sched_process_exit")
int BPF_PROG(process_exit, struct task_struct *p)
{
	return exited(p, false);
}

SEC("?tp_btf/sched_process_exit")
int BPF_PROG(process_exit_second, struct task_struct *p)
{
	exited(p, true);
	drop_spilled(p);
	return 0;
}

SEC("?tp_btf/task_rename")
int BPF_PROG(renamed, struct task_struct *p, const char *comm)
{
	struct note *n = note_of(p);
	struct mtr_w_comm *r;

	if (!n)
		return 0;
	r = record(MTR_W_COMM, sizeof(*r), n->as, p->pid, 0);
	if (!r)
		return 0;
	if (bpf_probe_read_kernel_str(r->comm, sizeof(r->comm), comm) < 0)
		r->comm[0] = '\0';
	send(r, NULL);
	return 0;
}

#define SIGABRT 6
#define SIGBUS 7
#define SIGKILL 9
#define SIGSEGV 11

SEC("?tp_btf/signal_generate")
int BPF_PROG(signal_generate, int sig, struct kernel_siginfo *info, struct task_struct *p)
{
	struct pt_regs *regs;
	struct mtr_w_signal *r;
	struct note *n;
	void *handler = NULL;
	u64 addr = 0, sp;
	int code = 0;
	bool own;

	if (sig != SIGSEGV && sig != SIGBUS && sig != SIGABRT && sig != SIGKILL)
		return 0;
	n = note_of(p);
	if (!n)
		return 0;
	/* SEND_SIG_NOINFO and SEND_SIG_PRIV are 0 and 1 */
	if ((u64)info > 1) {
		code = BPF_CORE_READ(info, si_code);
		if (sig == SIGSEGV || sig == SIGBUS)
			addr = (u64)BPF_CORE_READ(info, _sifields._sigfault._addr);
	}
	bpf_probe_read_kernel(&handler, sizeof(handler),
			      (void *)BPF_CORE_READ(p, sighand) +
				      bpf_core_field_offset(struct sighand_struct, action) +
				      (sig - 1) * bpf_core_type_size(struct k_sigaction));
	regs = (struct pt_regs *)bpf_task_pt_regs(p);
	sp = BPF_CORE_READ(regs, sp);
	own = code > 0 && (sig == SIGSEGV || sig == SIGBUS) && p == bpf_get_current_task_btf();
	if (own && (!handler || near_stack(addr, sp)))
		take_crash(n, p, sig);
	r = record(MTR_W_SIGNAL, sizeof(*r), n->as, p->pid, sig);
	if (!r)
		return 0;
	r->code = code;
	r->addr = addr;
	r->fatal = !handler;
	r->ip = BPF_CORE_READ(regs, ip);
	r->sp = sp;
	/* at once: its files can be found as long as it is there */
	bpf_ringbuf_submit(r, own ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP);
	return 0;
}

static __always_inline void oom(struct task_struct *p)
{
	struct note *n = note_of(p);
	struct mtr_w_hdr *h;

	if (!n)
		return;
	h = record(MTR_W_OOM, sizeof(*h), n->as, p->pid, 0);
	if (h)
		send(h, NULL);
}

SEC("?tp_btf/mark_victim")
int BPF_PROG(mark_victim, struct task_struct *p)
{
	oom(p);
	return 0;
}
