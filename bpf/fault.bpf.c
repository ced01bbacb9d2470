// SPDX-License-Identifier: GPL-2.0
/*
 * Page faults and the bytes they bring: the hot path.
 *
 *   tracepoint rung   page_fault_* notes address, ip, sp in the task's note;
 *                     rss_stat, inside the fault, ends it with the pages that
 *                     came. A fault that brings none is ended by the next one.
 *   fentry rung       fentry/handle_mm_fault notes, rss_stat adds up, fexit ends.
 *
 * Reserving a ring record costs as much as all the rest, so a thread's faults
 * are gathered in its note, MTR_FAULT_BATCH to a record. Whatever else the
 * thread does to its map or its pages sends them first; the tick iterator shows
 * what waits at every interval.
 *
 * "Inside the fault" is decided by the task's own fault counters: they move
 * when the kernel has completed and counted a fault, so that as long as they
 * stand as they stood at its beginning, it is under way; and when they never
 * move, the kernel did not count it (a signal, EFAULT, a retry after a signal).
 */
#include "mtr_rss.h"
#include "mtr_stack.h"

#define TASK_RSS_EVENTS_THRESH 64 /* mm/memory.c, up to 6.1 */
#define ERR_MASK 0x3fu /* error code bits that are kept */

static __always_inline u64 fault_count(struct task_struct *t)
{
	return t->min_flt + t->maj_flt;
}

/*
 * When the bytes of a fault came, as far as counting is concerned. Where nothing
 * tells of a single page (up to 6.1) it is some time between the fault's
 * beginning and now. An odd epoch is that of a count under way: of the latest
 * that the fault met, which may have the page or not.
 */
static __always_inline u32 epoch_of(struct note *n)
{
	u32 now;

	if (!cached_counters())
		return n->epoch;
	now = *(volatile u32 *)&count_epoch;
	return now == n->epoch ? now : (now - 1) | 1;
}

/* The fault noted last is over, or its bytes are known: it takes its place in the batch. */
static __always_inline void end_fault(struct note *n, u32 tid, u32 aux, s32 pages, u32 member)
{
	struct mtr_w_faults *b = &n->batch;
	struct mtr_w_fault *f = &b->f[b->nr % MTR_FAULT_BATCH];

	f->pages = pages;
	f->aux |= aux | MTR_FAULT_MEMBER_BITS(member) | MTR_FAULT_EPOCH_BITS(epoch_of(n));
	n->pending = 0;
	if (++b->nr >= MTR_FAULT_BATCH)
		send_faults(n, tid);
}

/* A call after which nothing of the range in its first two arguments is resident: munmap, mmap, madvise */
static __always_inline bool whole_range(s32 nr, u64 advice)
{
	if (nr == 28)
		return advice == 4 || advice == 9 ||
		       advice == 24; /* DONTNEED, REMOVE, DONTNEED_LOCKED */
	return nr == 11 || nr == 9;
}

/*
 * A function of its own, not inlined, so that what a fault goes through stays
 * short. A call takes five arguments at most: @what has two.
 */
#define WHAT(why, member) ((why) << 8 | (member))

static __noinline void send_rss(struct note *n, u32 as, u32 tid, u32 what, s32 pages)
{
	struct mtr_w_rss *r;
	struct pt_regs *regs;
	u32 why = what >> 8;

	if (n)
		send_faults(n, tid);
	if (want_stacks && n && why == MTR_RSS_IN_SYSCALL && pages > 0) {
		regs = (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());
		if (stack_wanted(n, regs->ip, regs->sp))
			take_stack(n, tid, MTR_STACK_RSS);
	}
	r = record(MTR_W_RSS, sizeof(*r), as, tid, why);
	if (!r)
		return;
	r->pages = pages;
	r->member = what & 0xff;
	r->nr = -1;
	r->epoch = *(volatile u32 *)&count_epoch;
	r->arg0 = 0;
	r->arg1 = 0;
	r->ip = 0;
	r->sp = 0;
	if (why == MTR_RSS_IN_FAULT) {
		r->arg0 = n->addr;
	} else if (why == MTR_RSS_IN_SYSCALL) {
		regs = (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());
		r->nr = (s32)regs->orig_ax;
		r->arg0 = regs->di;
		r->arg1 = regs->si;
		r->ip = regs->ip;
		r->sp = regs->sp;
		if (pages < 0 && whole_range(r->nr, regs->dx))
			r->h.aux |= MTR_RSS_WHOLE;
		/* mmap, mremap, shmat: where it went is known from the store into the tree */
		if (r->nr == 9 || r->nr == 25 || r->nr == 30) {
			if (pages > 0 && n->vma_len) {
				r->arg0 = n->vma_start;
				r->arg1 = n->vma_len;
			} else if (r->nr == 30) {
				r->arg1 = 0;
			}
		}
	}
	send(r, n);
}

/*
 * 5.10 to 6.1: what came to the task's own part of a counter since it was told
 * of last. One growth is returned; what else there is, is sent.
 */
static __always_inline s32 cached_delta(struct note *n, struct task_struct *t, u32 why,
					u32 *ret_member)
{
	s32 delta = 0;

	*ret_member = 0;
	if (!cached_counters())
		return 0;
#pragma unroll
	for (int i = 0; i < MTR_RSS_NR; i++) {
		s32 d = cached_change(n, t, i);

		if (i != MTR_RSS_SWAP && d > 0 && !delta) {
			delta = d;
			*ret_member = i;
		} else if (d) {
			send_rss(n, n->as, t->pid, WHAT(why, i), d);
		}
	}
	return delta;
}

/* The fault noted before brought no bytes, or nobody has told yet. */
static __always_inline void flush(struct note *n, struct task_struct *t, u64 count_now)
{
	u32 aux = 0, member = 0;
	s32 pages;

	if (!n->pending)
		return;
	if (count_now == n->flt)
		aux = MTR_FAULT_FAILED;
	else if ((u32)t->maj_flt != n->maj)
		aux = MTR_FAULT_MAJOR;
	pages = cached_delta(n, t, MTR_RSS_IN_FAULT, &member);
	end_fault(n, t->pid, aux, pages, member);
}

/* What the task is about when it is not in a fault */
static __always_inline u32 why_now(struct task_struct *t)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(t);

	return (long)regs->orig_ax >= 0 ? MTR_RSS_IN_SYSCALL : MTR_RSS_OTHER;
}

/* 5.10 to 6.1: what came to the task's own part outside of faults that are seen */
static __always_inline void flush_cached(struct note *n, struct task_struct *t)
{
	u32 member = 0, why = why_now(t);
	s32 pages = cached_delta(n, t, why, &member);

	if (pages)
		send_rss(n, n->as, t->pid, WHAT(why, member), pages);
}

static __always_inline void begin_fault(struct note *n, struct task_struct *t, u64 addr, u64 ip,
					u64 sp, u32 aux)
{
	u32 nr = n->batch.nr % MTR_FAULT_BATCH, jiffy = (u32)bpf_jiffies64();
	struct mtr_w_fault *f = &n->batch.f[nr];

	f->time_ns = 0;
	if (nr % MTR_FAULT_CLOCK == 0 || jiffy != n->jiffy) {
		f->time_ns = bpf_ktime_get_boot_ns();
		n->jiffy = jiffy;
	}
	n->epoch = *(volatile u32 *)&count_epoch;
	f->addr = addr;
	f->ip = ip;
	f->sp = sp;
	f->pages = 0;
	f->aux = aux | n->foreign;
	n->addr = addr;
	n->maj = (u32)t->maj_flt;
	if (want_stacks && !n->foreign && stack_wanted(n, ip, sp))
		take_stack(n, t->pid, MTR_STACK_FAULT);
}

static __always_inline void note_fault(struct note *n, struct task_struct *t, u64 addr, u64 ip,
				       u64 sp, u32 aux)
{
	u64 count = fault_count(t);

	if (n->pending)
		flush(n, t, count);
	else if (n->armed && (u32)t->maj_flt != n->maj)
		aux |= MTR_FAULT_PREV_MAJOR;
	begin_fault(n, t, addr, ip, sp, aux);
	n->flt = count;
	n->armed = 1;
	n->pending = 1;
}

/* ---- faults that are thinned out: see fault_share */

static __always_inline bool is_over(const struct note *n)
{
	return fault_share && n->over;
}

static __always_inline void count_over(struct note *n, s32 pages, u32 member)
{
	barrier_var(member);
	__sync_fetch_and_add((u32 *)&n->over_pages[member & (MTR_RSS_NR - 1)], (u32)pages);
}

/* Is this one passed over? Then the one before is over, and the counters' changes are its own. */
static __always_inline bool pass_over(struct note *n, struct task_struct *t)
{
	u64 count;

	if (!fault_share)
		return false;
	if (bpf_get_prandom_u32() < fault_share) {
		/* what came since the last one that was noted is not its doing */
		if (n->over)
			n->armed = 0;
		n->over = 0;
		return false;
	}
	count = fault_count(t);
	if (n->pending)
		flush(n, t, count);
	n->flt = count;
	n->armed = 1;
	n->over = 1;
	return true;
}

SEC("?tp_btf/page_fault_user")
int BPF_PROG(page_fault_user, unsigned long address, struct pt_regs *regs, unsigned long error_code)
{
	struct task_struct *t = bpf_get_current_task_btf();
	struct note *n = note_of(t);

	if (!n || n->mm != (u64)t->mm || pass_over(n, t))
		return 0;
	note_fault(n, t, address, regs->ip, regs->sp, error_code & ERR_MASK);
	return 0;
}

SEC("?tp_btf/page_fault_kernel")
int BPF_PROG(page_fault_kernel, unsigned long address, struct pt_regs *regs,
	     unsigned long error_code)
{
	struct task_struct *t = bpf_get_current_task_btf();
	struct note *n = note_of(t);
	struct pt_regs *user;

	if (!n || n->mm != (u64)t->mm || address >> 56 || (want_stacks && n->copying) ||
	    pass_over(n, t))
		return 0;
	user = (struct pt_regs *)bpf_task_pt_regs(t);
	note_fault(n, t, address, user->ip, user->sp,
		   (error_code & ERR_MASK) | MTR_FAULT_KERNEL_IP);
	return 0;
}

/* What the change of a counter belongs to; the tracepoint rung. */
static __always_inline void rss_changed(struct note *n, struct task_struct *t, s32 pages,
					u32 member)
{
	u64 count = fault_count(t);

	if (is_over(n) && (n->armed == IN_HANDLER || (n->armed && n->flt == count))) {
		count_over(n, pages, member);
		return;
	}
	if (n->armed == IN_HANDLER) {
		if (n->acc && n->acc_member != member) {
			send_rss(n, n->as, t->pid, WHAT(MTR_RSS_IN_FAULT, member), pages);
			return;
		}
		n->acc += pages;
		n->acc_member = member;
		if (!cached_counters())
			n->epoch = *(volatile u32 *)&count_epoch;
		return;
	}
	if (n->armed && n->flt == count) {
		if (n->pending) {
			if (!cached_counters())
				n->epoch = *(volatile u32 *)&count_epoch;
			end_fault(n, t->pid, 0, pages, member);
			return;
		}
		send_rss(n, n->as, t->pid, WHAT(MTR_RSS_IN_FAULT, member), pages);
		return;
	}
	flush(n, t, count);
	send_rss(n, n->as, t->pid, WHAT(why_now(t), member), pages);
}

/*
 * Up to 6.1: is the task's own part being moved to the shared count (it is set to
 * 0 after this)? In a fault only when it has waited long enough, which
 * check_sync_rss_stat() looks at first; else a huge page has come, to the shared
 * count at once. How far that has moved does not tell: others move it, too.
 */
static __always_inline bool part_moves(struct note *n, struct task_struct *t, s32 part)
{
	bool in_fault = n->armed == IN_HANDLER || (n->armed && n->flt == fault_count(t));

	return part && (!in_fault || t->rss_stat.events > TASK_RSS_EVENTS_THRESH);
}

static __always_inline s64 atomic_delta(struct note *n, struct task_struct *t, u32 slot,
					struct mm_struct *mm, u32 member)
{
	struct target *tg = bpf_map_lookup_elem(&slots, &slot);
	s32 part;

	if (!tg)
		return 0;
	if (n && cached_counters()) {
		part = cached_count(t, member);
		if (part_moves(n, t, part)) {
			__sync_fetch_and_add((u64 *)&tg->count[member], (u64)(s64)part);
			__sync_fetch_and_add((u32 *)&n->cached[member], (u32)-part);
			return 0;
		}
	}
	return shared_delta(tg, mm, member);
}

static __always_inline void rss_event(struct mm_struct *mm, u32 member, bool percpu)
{
	struct task_struct *t = bpf_get_current_task_btf();
	struct note *n = NULL;
	struct target_ref *ref;
	u32 slot, as;
	u64 key = (u64)mm;
	s64 delta;

	if (member >= MTR_RSS_NR)
		return;
	if (t->mm == mm) {
		n = note_of(t);
		if (!n || n->mm != key)
			return;
		slot = n->slot;
		as = n->as;
	} else {
		ref = bpf_map_lookup_elem(&targets, &key);
		if (!ref)
			return;
		slot = ref->slot;
		as = ref->as;
		n = note_of(t);
		/* its own last thread tears it down: the process ends as it was */
		if (n && n->mm == key && t->flags & PF_EXITING)
			return;
		n = NULL;
	}
	barrier_var(member);
	member &= MTR_RSS_NR - 1;
	delta = percpu ? rss_delta(slot, mm, member) : atomic_delta(n, t, slot, mm, member);
	if (!delta)
		return;
	if (n)
		rss_changed(n, t, (s32)delta, member);
	else
		send_rss(NULL, as, 0, WHAT(MTR_RSS_FOREIGN, member), (s32)delta);
}

SEC("?tp_btf/rss_stat")
int BPF_PROG(rss_stat_2, struct mm_struct *mm, int member)
{
	rss_event(mm, member, true);
	return 0;
}

/* Up to 6.1: the counter's new value is passed. */
SEC("?tp_btf/rss_stat")
int BPF_PROG(rss_stat_3, struct mm_struct *mm, int member, long count)
{
	rss_event(mm, member, false);
	return 0;
}

/*
 * Up to 6.1, tracepoint rung: most pages go to the task's own part, and nothing
 * tells. But who maps a page holds the mmap_lock; when it is given back, a fault
 * that was counted is over, and what else came is the system call's.
 */
SEC("?tp_btf/mmap_lock_released")
int BPF_PROG(fault_end, struct mm_struct *mm, const char *memcg_path, bool write)
{
	struct task_struct *t = bpf_get_current_task_btf();
	struct note *n = note_of(t);
	u64 count;

	if (!n || n->mm != (u64)mm)
		return 0;
	count = fault_count(t);
	if (n->pending && n->flt != count)
		flush(n, t, count);
	else if (!n->pending || why_now(t) == MTR_RSS_IN_SYSCALL)
		flush_cached(n, t);
	return 0;
}

/* ---- fentry rung ---- */

#define FAULT_FLAG_WRITE 0x01
#define FAULT_FLAG_INSTRUCTION 0x100
#define VM_FAULT_MAJOR 0x4
#define VM_FAULT_RETRY 0x400
#define VM_FAULT_COMPLETED 0x4000
#define VM_FAULT_ERROR 0x873

static __always_inline void handler_entered(struct note *n, struct task_struct *t, u64 address,
					    u32 flags, struct pt_regs *regs)
{
	struct pt_regs *user = (struct pt_regs *)bpf_task_pt_regs(t);
	u32 aux = 0;

	if (flags & FAULT_FLAG_WRITE)
		aux |= MTR_FAULT_WRITE;
	if (flags & FAULT_FLAG_INSTRUCTION)
		aux |= MTR_FAULT_INSTR;
	if (!regs)
		aux |= MTR_FAULT_GUP;
	else if (regs == user)
		aux |= MTR_FAULT_USER;
	else
		aux |= MTR_FAULT_KERNEL_IP;
	begin_fault(n, t, address, user->ip, user->sp, aux);
	n->flt = fault_count(t);
	n->acc = 0;
	n->armed = IN_HANDLER;
}

static __always_inline void handler_left(struct note *n, struct task_struct *t, u32 ret)
{
	u32 member = 0, aux = 0;
	s32 pages;

	n->armed = 0;
	if (is_over(n))
		return;
	if ((u32)t->maj_flt != n->maj)
		aux |= MTR_FAULT_MAJOR;
	if (n->flt == fault_count(t)) {
		/* To be retried: the retry is the fault. */
		if (ret & VM_FAULT_RETRY)
			return;
		aux |= MTR_FAULT_FAILED;
	}
	pages = cached_delta(n, t, MTR_RSS_IN_FAULT, &member);
	if (n->acc) {
		if (pages)
			send_rss(n, n->as, t->pid, WHAT(MTR_RSS_IN_FAULT, member), pages);
		pages = n->acc;
		member = n->acc_member;
	}
	end_fault(n, t->pid, aux, pages, member);
}

SEC("?fentry/handle_mm_fault")
int BPF_PROG(fault_enter, struct vm_area_struct *vma, unsigned long address, unsigned int flags,
	     struct pt_regs *regs)
{
	struct task_struct *t = bpf_get_current_task_btf();
	struct note *n = note_of(t);

	if (!n || n->mm != (u64)vma->vm_mm)
		return 0;
	/* the program at the end of the last one was skipped */
	if (n->armed == IN_HANDLER)
		handler_left(n, t, VM_FAULT_RETRY);
	if (cached_counters())
		flush_cached(n, t);
	if (pass_over(n, t))
		n->armed = IN_HANDLER;
	else
		handler_entered(n, t, address, flags, regs);
	return 0;
}

SEC("?fexit/handle_mm_fault")
int BPF_PROG(fault_exit, struct vm_area_struct *vma, unsigned long address, unsigned int flags,
	     struct pt_regs *regs, unsigned int ret)
{
	struct task_struct *t = bpf_get_current_task_btf();
	struct note *n = note_of(t);

	if (!n)
		return 0;
	if (n->armed != IN_HANDLER) {
		/* its beginning was skipped, or it is another process's memory; on success @vma is locked */
		if (ret & (VM_FAULT_ERROR | VM_FAULT_RETRY | VM_FAULT_COMPLETED) ||
		    n->mm != (u64)vma->vm_mm || fault_share)
			return 0;
		handler_entered(n, t, address, flags, regs);
		n->flt--;
		n->maj -= !!(ret & VM_FAULT_MAJOR);
	}
	handler_left(n, t, ret);
	return 0;
}
