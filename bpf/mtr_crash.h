/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The stack of a thread that dies, taken at its signal, when the thread is still
 * there and nobody else has to stop it: nothing of this runs otherwise.
 *
 *   high ┌───────────────┐ where frames begin
 *        │ how it began  │ CRASH_BASE of it
 *        ├───────────────┤
 *        │ not copied    │ of an endless recursion: turns like those on either side
 *        ├───────────────┤
 *        │ how it ended  │ the first CRASH_TOP pages that were ever touched
 *   sp   ├ ─ ─ ─ ─ ─ ─ ─ ┤
 *   low  │ guard, hole   │ where sp is by now, when the stack ran over
 */
#ifndef MTR_CRASH_H
#define MTR_CRASH_H

#include "mtr_stack.h"

#define CRASH_TOP 128 /* pages */
#define CRASH_BASE (256u << 10) /* bytes */
#define CRASH_SPAN (4u << 20) /* bytes in which they are looked for */
#define CRASH_STEPS (CRASH_SPAN / STACK_PAGE + 1)

/* A handler is likely to deal with anything but a stack that ran over. */
#define NEAR_BELOW (1u << 20)
#define NEAR_ABOVE (64u << 20)

struct crash_walk {
	u64 at, end;
	u64 part;
};

static __always_inline bool near_stack(u64 addr, u64 sp)
{
	return addr + NEAR_BELOW >= sp && addr <= sp + NEAR_ABOVE;
}

static long crash_page(u32 i, struct crash_walk *w)
{
	u64 len = STACK_PAGE - (w->at & (STACK_PAGE - 1)), left = w->end - w->at;
	struct mtr_w_crash *r;
	struct stack_buf *b;
	u32 zero = 0;

	b = bpf_map_lookup_elem(&stack_bufs, &zero);
	if (!b || w->at >= w->end)
		return 1;
	r = (struct mtr_w_crash *)b->rec;
	if (len > left)
		len = left;
	barrier_var(len);
	if (!len || len > STACK_PAGE)
		return 1;
	if (bpf_probe_read_user(r + 1, len, (void *)w->at)) {
		w->at += len;
		return 0;
	}
	r->addr = w->at;
	r->size = len;
	r->part = w->part;
	w->at += len;
	if (!bpf_ringbuf_output(&ring, r, sizeof(*r) + len, BPF_RB_NO_WAKEUP))
		return ++b->pages >= CRASH_TOP;
	__sync_fetch_and_add(&lost[MTR_W_CRASH], 1);
	return 1;
}

/* Where frames begin: below the arguments, or below what the C library has for itself. */
static __always_inline u64 stack_begins(struct task_struct *p)
{
	u64 at = p->pid == p->tgid ? BPF_CORE_READ(p, mm, start_stack) :
				     BPF_CORE_READ(p, thread.fsbase);

	return at ? (at | (STACK_PAGE - 1)) + 1 : 0;
}

static __noinline void take_crash(struct note *n, struct task_struct *p, u32 sig)
{
	struct crash_walk w = {};
	struct mtr_w_crash *r;
	struct stack_buf *b;
	u32 zero = 0;
	u64 base;

	b = bpf_map_lookup_elem(&stack_bufs, &zero);
	if (!b || b->busy || bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) > stack_room) {
		__sync_fetch_and_add(&lost[MTR_W_CRASH], 1);
		return;
	}
	b->busy = 1;
	r = (struct mtr_w_crash *)b->rec;
	r->h.kind = MTR_W_CRASH;
	r->h.cpu = bpf_get_smp_processor_id();
	r->h.as = n->as;
	r->h.tid = p->pid;
	r->h.aux = sig;
	r->h.time_ns = bpf_ktime_get_boot_ns();
	bpf_probe_read_kernel(r->regs, sizeof(r->regs), (void *)bpf_task_pt_regs(p));
	base = stack_begins(p);
	w.at = r->regs[MTR_STACK_SP];
	w.end = w.at + CRASH_SPAN;
	if (base > w.at && base < w.end)
		w.end = base;
	b->pages = 0; /* here, where the verifier does not count along */
	n->copying = 1;
	bpf_loop(CRASH_STEPS, crash_page, &w, 0);
	if (base > w.at) {
		/* a frame so large that nothing was found: all is nearer to the beginning */
		u64 want = b->pages ? CRASH_BASE : CRASH_SPAN;

		w.at = base - w.at > want ? base - want : w.at;
		w.end = base;
		w.part = 1;
		b->pages = 0;
		bpf_loop(CRASH_STEPS, crash_page, &w, 0);
	}
	n->copying = 0;
	b->busy = 0;
}

#endif
