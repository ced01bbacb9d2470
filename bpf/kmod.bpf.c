// SPDX-License-Identifier: GPL-2.0
/*
 * What memtrace.ko tells: page table entries of a range are about to change,
 * and have changed. Loaded only when the module is there.
 *
 * A module built outside the kernel's tree has no BTF, so these are raw
 * tracepoints: their arguments are numbers, in the order that
 * kmod/memtrace_uapi.h promises. They fire for every attached process, also for
 * those of somebody else's session: whose mm is not among the targets is not ours.
 *
 * The module keeps preemption off around them, so that none is skipped. The numbers of its
 * events have no gaps: user space finds that one is missing.
 */
#include "mtr_common.h"

/* The first arguments; not to be relocated, they are no kernel type's fields. */
struct raw_args {
	u64 arg[9];
};

static __always_inline void tell(u64 mm, u32 phase, u64 start, u64 end, u64 seq, u32 event, u32 why)
{
	struct task_struct *t = bpf_get_current_task_btf();
	struct target_ref *ref = bpf_map_lookup_elem(&targets, &mm);
	struct mtr_w_invalidate *r;
	struct pt_regs *regs;
	struct note *n;

	if (!ref)
		return;
	n = note_of(t);
	if (n && n->mm != mm)
		n = NULL;
	/* its faults so far came before this */
	if (n)
		send_faults(n, t->pid);
	r = record(MTR_W_INVALIDATE, sizeof(*r), ref->as, n ? t->pid : 0, phase);
	if (!r)
		return;
	r->start = start;
	r->end = end;
	r->seq = seq;
	r->event = event;
	r->why = why;
	r->nr = -1;
	r->epoch = *(volatile u32 *)&count_epoch;
	if (n) {
		regs = (struct pt_regs *)bpf_task_pt_regs(t);
		r->nr = (s32)BPF_CORE_READ(regs, orig_ax);
	}
	send(r, n);
}

SEC("?raw_tp/mm_invalidate")
int mm_invalidate(struct raw_args *ctx)
{
	u32 flags = (u32)ctx->arg[7];

	tell(ctx->arg[0], flags & 1 ? MTR_W_INV_END : MTR_W_INV_START, ctx->arg[3], ctx->arg[4],
	     ctx->arg[8], (u32)ctx->arg[5], (u32)ctx->arg[6]);
	return 0;
}

SEC("?raw_tp/mm_release")
int mm_release(struct raw_args *ctx)
{
	tell(ctx->arg[0], MTR_W_INV_RELEASE, 0, 0, ctx->arg[3], 0, 0);
	return 0;
}
