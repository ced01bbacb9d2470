// SPDX-License-Identifier: GPL-2.0
/*
 * `stacks --at`: a thread that comes to a place is held there by memtrace, which
 * traces it. The signal that leads to that is one that is ignored by default: should
 * memtrace be gone by then, nothing happens. It does not reach the program otherwise.
 */
#include "mtr_common.h"

#define SIGURG 23

struct at_hits_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, u32); /* tid as memtrace sees it */
	__type(value, struct mtr_w_at);
};

struct at_hits_map at_hits SEC(".maps");
const volatile __u32 at_level; /* of memtrace's pid namespace */

SEC("?uprobe")
int at_hit(struct pt_regs *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	u32 tid = tid_at_level(task, at_level);
	/* the instruction at the place, a call maybe, is done before the signal comes */
	struct mtr_w_at at = { { ctx->ax, ctx->dx, ctx->cx, ctx->bx, ctx->si, ctx->di, ctx->bp,
				 ctx->sp, ctx->r8, ctx->r9, ctx->r10, ctx->r11, ctx->r12, ctx->r13,
				 ctx->r14, ctx->r15, ctx->ip } };

	if (!tid || !task->ptrace)
		return 0;
	if (!bpf_map_update_elem(&at_hits, &tid, &at, BPF_ANY))
		bpf_send_signal_thread(SIGURG);
	return 0;
}
