// SPDX-License-Identifier: GPL-2.0
/*
 * Registers of threads that do not run, for their call stacks. A blocked thread
 * left all of them on its kernel stack: reading them there neither stops nor
 * wakes it. Whether it has run meanwhile is for the reader to find out, who
 * runs this again: counts first, then registers, so that a thread which begins
 * to run in between shows as such then.
 */
#include "mtr_common.h"

static __always_inline void fill_regs(struct mtr_w_regs *r, struct pt_regs *regs)
{
	r->r[0] = BPF_CORE_READ(regs, ax);
	r->r[1] = BPF_CORE_READ(regs, dx);
	r->r[2] = BPF_CORE_READ(regs, cx);
	r->r[3] = BPF_CORE_READ(regs, bx);
	r->r[4] = BPF_CORE_READ(regs, si);
	r->r[5] = BPF_CORE_READ(regs, di);
	r->r[6] = BPF_CORE_READ(regs, bp);
	r->r[7] = BPF_CORE_READ(regs, sp);
	r->r[8] = BPF_CORE_READ(regs, r8);
	r->r[9] = BPF_CORE_READ(regs, r9);
	r->r[10] = BPF_CORE_READ(regs, r10);
	r->r[11] = BPF_CORE_READ(regs, r11);
	r->r[12] = BPF_CORE_READ(regs, r12);
	r->r[13] = BPF_CORE_READ(regs, r13);
	r->r[14] = BPF_CORE_READ(regs, r14);
	r->r[15] = BPF_CORE_READ(regs, r15);
	r->r[16] = BPF_CORE_READ(regs, ip);
	r->orig_ax = BPF_CORE_READ(regs, orig_ax);
}

SEC("?iter/task")
int regs(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task, *reader = bpf_get_current_task_btf();
	struct mtr_w_regs r = {};
	u32 level;

	if (!task || task->flags & (PF_KTHREAD | PF_EXITING))
		return 0;
	level = BPF_CORE_READ(reader, thread_pid, level);
	r.tid = tid_at_level(task, level);
	if (!r.tid)
		return 0;
	r.nvcsw = task->nvcsw;
	r.nivcsw = task->nivcsw;
	barrier();
	r.on_cpu = task->on_cpu;
	r.state = BPF_CORE_READ(task, __state);
	barrier();
	fill_regs(&r, (struct pt_regs *)bpf_task_pt_regs(task));
	r.fsbase = BPF_CORE_READ(task, thread.fsbase);
	bpf_seq_write(ctx->meta->seq, &r, sizeof(r));
	return 0;
}
