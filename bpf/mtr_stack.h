/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Call stacks: the user registers and the top of the stack are copied, user
 * space unwinds. Only where want_stacks is set; it is constant when the programs
 * are loaded, so that otherwise the verifier takes all of this out. While
 * stack_period is 0 none is taken: the live view may want them later.
 *
 * Of map changes and thread starts one is taken each time. Faults are sampled:
 * a thread's first one at an (ip, sp) that it has not had lately, and after that
 * about one in stack_period. Those between have their (ip, sp) in the fault
 * record and count for the latest stack that was taken there, so that totals
 * stay right on average at any rate. The distance varies by chance: a loop that
 * calls two functions in turn must not show one of them only.
 *
 * When the ring fills stacks give way first: those of places that are known at half of it
 * (stack_room), all others at three quarters. Each is counted as lost, and its place keeps the stack it has.
 *
 * The copy goes page by page into a buffer of the CPU's own, and ends where a
 * page cannot be read: at the stack's end. That raises an exception inside the
 * program, which is costly and no fault of the target's: where it happened is kept. Where the page at sp is the one that
 * is being faulted in, the copy begins with the next.
 */
#ifndef MTR_STACK_H
#define MTR_STACK_H

#include "mtr_common.h"

#define STACK_PAGE 4096u
#define STACK_CHUNKS 3 /* pages that MTR_STACK_MAX bytes can lie in */

struct stack_buf {
	u32 busy; /* where programs are preempted, another one may come along */
	u32 pages; /* see mtr_crash.h */
	/* a record, with room for a whole page at any offset of its bytes */
	u64 rec[(sizeof(struct mtr_w_stack) + MTR_STACK_MAX + STACK_PAGE) / 8];
};

struct stack_buf_map {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct stack_buf);
};

MTR_MAP struct stack_buf_map stack_bufs SEC(".maps");

/* One more at a place that is known: only as long as the reader keeps up. */
static __always_inline bool stack_spared(void)
{
	if (bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) <= stack_room)
		return false;
	__sync_fetch_and_add(&lost[MTR_W_STACK], 1);
	return true;
}

/* Is it this one's turn? */
static __always_inline bool stack_wanted(struct note *n, u64 ip, u64 sp)
{
	u32 h = (u32)(ip ^ ip >> 32 ^ sp << 7 ^ sp >> 25), at = (h ^ h >> 8) & (MTR_SITES - 1);
	u32 period = *(volatile u32 *)&stack_period;

	if (!period)
		return false;
	if (n->site[at] != h) {
		n->site[at] = h;
		return true;
	}
	if (n->skip) {
		n->skip--;
		return false;
	}
	if (period > 1)
		n->skip = bpf_get_prandom_u32() % (2 * period - 1);
	return !stack_spared();
}

/* Copies what there is of [sp, sp + want); the length, and in @ret_skip what is missing at its beginning. */
static __always_inline u32 copy_stack(u8 *data, u64 sp, u32 want, u32 *ret_skip)
{
	u32 left = want, got = 0, skip = 0;
	u64 at = sp;

#pragma unroll
	for (int i = 0; i < STACK_CHUNKS; i++) {
		u64 len = STACK_PAGE - (at & (STACK_PAGE - 1)), off = got;

		if (len > left)
			len = left;
		barrier_var(len);
		barrier_var(off);
		if (!len || len > STACK_PAGE || off > MTR_STACK_MAX)
			break;
		if (!bpf_probe_read_user(data + off, len, (void *)at))
			got += len;
		else if (i)
			break;
		else
			skip = len;
		at += len;
		left -= len;
	}
	*ret_skip = skip;
	return got;
}

static __noinline __attribute__((unused)) void take_stack(struct note *n, u32 tid, u32 why)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());
	u32 zero = 0, want = *(volatile u32 *)&stack_bytes;
	struct stack_buf *b = bpf_map_lookup_elem(&stack_bufs, &zero);
	struct mtr_w_stack *r;
	u64 len;

	if (!*(volatile u32 *)&stack_period)
		return;
	/* faults must not be lost for their stacks */
	if (!b || bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) > stack_room + stack_room / 2) {
		__sync_fetch_and_add(&lost[MTR_W_STACK], 1);
		return;
	}
	if (b->busy) {
		__sync_fetch_and_add(&lost[MTR_W_STACK], 1);
		return;
	}
	b->busy = 1;
	r = (struct mtr_w_stack *)b->rec;
	r->h.kind = MTR_W_STACK;
	r->h.cpu = bpf_get_smp_processor_id();
	r->h.as = n->as;
	r->h.tid = tid;
	r->h.aux = why;
	r->h.time_ns = bpf_ktime_get_boot_ns();
	r->seq = n->batch.seq + n->batch.nr;
	r->pad = 0;
	bpf_probe_read_kernel(r->regs, sizeof(r->regs), regs);
	if (n->stack_top - r->regs[MTR_STACK_SP] < want)
		want = n->stack_top - r->regs[MTR_STACK_SP];
	if (want > MTR_STACK_MAX)
		want = MTR_STACK_MAX;
	n->call_stack = 1;
	n->copying = 1;
	r->size = copy_stack((u8 *)(r + 1), r->regs[MTR_STACK_SP], want, &r->skip);
	n->copying = 0;
	if (r->size + r->skip < want)
		n->stack_top = r->regs[MTR_STACK_SP] + r->skip + r->size;
	len = r->size;
	barrier_var(len);
	if (len > MTR_STACK_MAX)
		len = MTR_STACK_MAX;
	if (bpf_ringbuf_output(&ring, r, sizeof(*r) + len, wake_flags(n)))
		__sync_fetch_and_add(&lost[MTR_W_STACK], 1);
	b->busy = 0;
}

#endif
