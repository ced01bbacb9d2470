// SPDX-License-Identifier: GPL-2.0
/*
 * Threads and their stacks.
 *
 *   stack_end   ┌──────────────┐ high
 *               │ frames       │
 *   sp          ├──────────────┤ depth = stack_end − sp
 *               │ used before  │
 *   hw_addr     ├──────────────┤ high water = stack_end − hw_addr
 *               │ not touched  │
 *   stack_start └──────────────┘ (main: grows down to stack_end − RLIMIT_STACK)
 *                 guard
 *
 * The high-water mark is the lowest page touched since the thread began. Pages
 * that were resident before (a stack that glibc reused, a process that was
 * there before memtrace) fault no more: then the lowest resident page is an
 * upper bound, and hw_exact says so.
 */
#include "model/model_int.h"

#include <errno.h>
#include <stdlib.h>

#define PAGE_DOWN(a) ((a) & ~4095ull)
#define SI_KERNEL 0x80

struct thread *proc_thread(struct proc *p, uint32_t tid)
{
	struct thread *t = p->last_thread;

	if (t && t->tid == tid)
		return t;
	HASH_FIND(hh, p->threads, &tid, sizeof(tid), t);
	if (t)
		p->last_thread = t;
	return t;
}

struct thread *thread_add(struct proc *p, uint32_t tid)
{
	struct thread *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->tid = tid;
	t->is_main = tid == p->pid;
	HASH_ADD(hh, p->threads, tid, sizeof(t->tid), t);
	if (!t->hh.tbl) {
		free(t);
		return NULL;
	}
	p->nr_threads++;
	p->stacks_gen++;
	return t;
}

static void drop_thread(struct proc *p, struct thread *t)
{
	HASH_DEL(p->threads, t);
	p->nr_threads--;
	p->stacks_gen++;
	p->last_thread = NULL;
	free(t);
}

void thread_free_all(struct proc *p)
{
	struct thread *t, *tmp;

	HASH_ITER(hh, p->threads, t, tmp)
		drop_thread(p, t);
}

/*
 * The kernel merges a stack with memory that happens to lie above it. The C
 * libraries put the thread's control block, which the thread pointer points to,
 * into the stack's last page.
 */
static uint64_t top_of(const struct thread *t, const struct region *r)
{
	uint64_t top = PAGE_DOWN(t->tls) + 4096;

	return !t->is_main && t->tls >= t->sp && t->tls >= r->start && top < r->end ? top : r->end;
}

/*
 * This region is the thread's stack now. When it is another one than before (a
 * signal's alternate stack, a coroutine's), what is known of the first says
 * nothing of it; the lowest page touched in it is an upper bound.
 */
static void take_stack(struct proc *p, struct thread *t, const struct region *r)
{
	if (t->stack_end && (r->end <= t->stack_start || r->start >= t->stack_end)) {
		t->hw_addr = r->lowest;
		t->hw_exact = false;
		p->stacks_gen++;
	} else if (!t->stack_end) {
		p->stacks_gen++;
	} else if (t->stack_end == r->end && r->start < t->stack_start) {
		t->nr_growth++;
	}
	t->stack_start = r->start;
	t->stack_end = top_of(t, r);
}

/* The region that the stack pointer is in is the stack. */
static void locate(struct proc *p, struct thread *t)
{
	struct region *r = t->sp ? aspace_find(&p->aspace, t->sp) : NULL;

	/* A stack pointer may stand just below its region: the next push makes it grow. */
	if (!r && t->sp) {
		r = aspace_ceil(&p->aspace, t->sp);
		if (r && !(r->prot & MTR_P_GROWSDOWN) && !(t->is_main && r->end == t->stack_end))
			r = NULL;
	}
	if (!r)
		return;
	take_stack(p, t, r);
	if (!t->hw_addr || PAGE_DOWN(t->sp) < t->hw_addr)
		t->hw_addr = PAGE_DOWN(t->sp);
	/* its parent may have brought one, before the thread began */
	if (r->huge_fault)
		t->hw_exact = false;
	if (!t->hw_exact && r->lowest && r->lowest < t->hw_addr)
		t->hw_addr = r->lowest;
}

void thread_locate_all(struct proc *p)
{
	struct thread *t;

	for (t = p->threads; t; t = t->hh.next)
		locate(p, t);
}

static void set_sp(struct proc *p, struct thread *t, uint64_t sp, uint64_t time_ns)
{
	if (!sp)
		return;
	p->stirred |= t->sp != sp;
	t->sp = sp;
	t->sp_time_ns = time_ns;
	if (sp >= t->stack_start && sp < t->stack_end) {
		if (PAGE_DOWN(sp) < t->hw_addr)
			t->hw_addr = PAGE_DOWN(sp);
		return;
	}
	locate(p, t);
}

static int began(struct proc *p, const struct mtr_event *ev)
{
	struct thread *t = proc_thread(p, ev->tid);
	struct region *r;

	if (!t)
		t = thread_add(p, ev->tid);
	if (!t)
		return -ENOMEM;
	t->at_attach = ev->thread.at_attach;
	if (ev->thread.start_time_ns)
		t->start_time_ns = ev->thread.start_time_ns;
	if (ev->thread.comm)
		t->comm = ev->thread.comm;
	if (ev->thread.tls)
		t->tls = ev->thread.tls;
	set_sp(p, t, ev->thread.sp, ev->time_ns);
	r = t->sp ? aspace_find(&p->aspace, t->sp) : NULL;
	/*
	 * Nothing below its first stack pointer was ever touched: what is touched there is its own. Of
	 * a region that was there before memtrace and was not counted yet nobody knows.
	 */
	t->hw_exact = !t->at_attach && r && r->residency != RES_UNKNOWN &&
		      (!r->lowest || r->lowest >= PAGE_DOWN(t->sp));
	if (p->from_start && t->is_main)
		t->hw_exact = true;
	return 0;
}

int thread_apply(struct proc *p, const struct mtr_event *ev)
{
	struct thread *t;

	if (ev->kind == MTR_EV_THREAD)
		return began(p, ev);
	t = proc_thread(p, ev->tid);
	if (!t)
		return 0;
	if (ev->kind == MTR_EV_THREAD_EXIT) {
		/* The main thread stays: the process ends with MTR_EV_EXIT. */
		if (!t->is_main)
			drop_thread(p, t);
		return 0;
	}
	if (ev->thread.comm) {
		t->comm = ev->thread.comm;
		if (t->is_main)
			p->comm = t->comm;
	}
	if (ev->kind == MTR_EV_COMM)
		return 0;
	if (ev->thread.state)
		t->state = ev->thread.state;
	set_sp(p, t, ev->thread.sp, ev->time_ns);
	return 0;
}

void thread_fault(struct proc *p, const struct mtr_event *ev, struct region *r)
{
	struct thread *t = ev->tid ? proc_thread(p, ev->tid) : NULL;
	struct region *prev;
	uint64_t page = PAGE_DOWN(ev->fault.addr);

	if (!t)
		return;
	if (ev->fault.flags & MTR_FAULT_F_PREV_MAJOR && t->last_fault) {
		prev = aspace_find(&p->aspace, t->last_fault);
		if (prev && prev->minor) {
			prev->minor--;
			prev->major++;
		}
		p->nr_minor -= !!p->nr_minor;
		p->nr_major++;
	}
	t->faults++;
	t->last_fault = ev->fault.addr;
	if (ev->fault.sp) {
		t->sp = ev->fault.sp;
		t->sp_time_ns = ev->time_ns;
	}
	if (!r || t->sp < r->start || t->sp >= r->end)
		return;
	take_stack(p, t, r);
	/* A huge page faults once: from there on its lowest address is an upper bound. */
	if (ev->fault.bytes >= HUGE_SZ) {
		page &= ~(uint64_t)(HUGE_SZ - 1);
		page = page < r->start ? r->start : page;
		t->hw_exact = false;
	}
	if (!t->hw_addr || page < t->hw_addr)
		t->hw_addr = page;
}

/* Is @addr where a stack ends: in the guard, or under a stack that may not grow any more? */
static bool is_overflow(struct proc *p, const struct thread *t, uint64_t addr)
{
	struct region *r = aspace_find(&p->aspace, addr);

	if (!t->stack_end || addr >= t->stack_end)
		return false;
	if (addr >= t->stack_start)
		return false;
	/* Between the stack and the faulting address there is nothing usable. */
	if (r && r->prot & MTR_P_RWX)
		return false;
	/* A frame may be larger than the guard: the stack pointer tells that the stack was meant. */
	if (addr + (1ull << 16) >= t->sp && addr <= t->sp + (1ull << 20))
		return true;
	return t->stack_start - addr <= (1ull << 20);
}

/* What is known of the stack that the thread had, and whether that is what it ran out of. */
static void judge_stack(struct proc *p, struct thread *t, struct crash *c)
{
	struct region *r;

	/* The stack pointer has left the stack by now: where the thread lived before decides. */
	if (!t->stack_end) {
		locate(p, t);
	} else {
		r = aspace_find(&p->aspace, t->stack_end - 1);
		if (r)
			t->stack_start = r->start;
	}
	c->stack_start = t->stack_start;
	c->stack_end = t->stack_end;
	c->limit_bytes = t->is_main ? (p->stack_limit > 0 ? (uint64_t)p->stack_limit : 0) :
				      t->stack_end - t->stack_start;
	/* No room for the frame of a signal that has a handler: the kernel gives no address. */
	c->stack_overflow = is_overflow(p, t, c->code == SI_KERNEL && !c->addr ? c->sp : c->addr);
}

/*
 * A handler that was told of an overflow and ends the process itself, as Rust's
 * does: it runs on another stack. One that went back to its own has dealt with it.
 */
static bool goes_on(const struct crash *was, const struct crash *c)
{
	return was->signo && was->tid == c->tid && c->signo != 9 &&
	       (c->sp < was->stack_start || c->sp >= was->stack_end);
}

static void take_over(struct crash *c, const struct crash *was)
{
	const struct crash now = *c;

	*c = *was;
	c->signo = now.signo;
	c->by = was->signo;
	c->time_ns = now.time_ns;
}

void thread_signal(struct proc *p, const struct mtr_event *ev)
{
	const struct mtr_ev_signal *e = &ev->signal;
	struct thread *t = proc_thread(p, ev->tid);
	struct crash c = { .signo = e->signo,
			   .code = e->code,
			   .tid = ev->tid,
			   .addr = e->addr,
			   .ip = e->ip,
			   .sp = e->sp,
			   .time_ns = ev->time_ns,
			   .comm = t ? t->comm : 0 };

	if (t && e->sp) {
		t->sp = e->sp;
		t->sp_time_ns = ev->time_ns;
	}
	if (t && e->code > 0 && (e->signo == 11 || e->signo == 7))
		judge_stack(p, t, &c);
	if (e->fatal) {
		if (goes_on(&p->handled, &c) && !c.stack_overflow)
			take_over(&c, &p->handled);
		else if (p->frames_tid == ev->tid)
			p->nr_frames = 0; /* of an earlier one */
		p->crash = c;
	} else if (c.stack_overflow) {
		p->handled = c;
	}
}

int thread_frame(struct proc *p, const struct mtr_event *ev)
{
	if (!p->frames)
		p->frames = calloc(CRASH_FRAMES, sizeof(*p->frames));
	if (!p->frames)
		return -ENOMEM;
	if (!ev->frame.nr) {
		p->nr_frames = 0;
		p->frames_tid = ev->tid;
	}
	if (p->nr_frames < CRASH_FRAMES && p->frames_tid == ev->tid)
		p->frames[p->nr_frames++] = ev->frame;
	return 0;
}

/*
 * A thread's stack may be a mapping that grows: then RLIMIT_STACK may be its limit, or what lies
 * below it and how far that is to be kept, and nobody knows which. A map read from /proc does not
 * tell such mappings, but one with another right below it, as a guard is, cannot grow.
 */
static bool may_grow(const struct proc *p, const struct thread *t)
{
	/* what is changed by looking is only where it looks first the next time */
	struct aspace *as = (struct aspace *)&p->aspace;
	const struct region *r = aspace_find(as, t->stack_start);

	return r && (r->prot & MTR_P_GROWSDOWN || !aspace_find(as, r->start - 1));
}

void thread_stack_info(const struct proc *p, const struct thread *t, struct stack_info *ret)
{
	int64_t used;

	*ret = (struct stack_info){ .depth = -1,
				    .high_water = -1,
				    .limit = -1,
				    .headroom = -1,
				    .high_water_exact = t->hw_exact };
	if (!t->stack_end)
		return;
	if (t->sp && t->sp <= t->stack_end && t->sp + (1ull << 20) >= t->stack_start)
		ret->depth = (int64_t)(t->stack_end - t->sp);
	if (t->hw_addr && t->hw_addr < t->stack_end)
		ret->high_water = (int64_t)(t->stack_end - t->hw_addr);
	if (!t->is_main)
		ret->limit = may_grow(p, t) ? -1 : (int64_t)(t->stack_end - t->stack_start);
	else if (p->stack_limit > 0)
		ret->limit = p->stack_limit;
	used = ret->depth;
	if (ret->limit >= 0 && used >= 0)
		ret->headroom = ret->limit > used ? ret->limit - used : 0;
}
