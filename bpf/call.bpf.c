// SPDX-License-Identifier: GPL-2.0
/*
 * System calls about memory: what was asked for, what came of it, how long it took. For those who
 * read a recording; the model takes no notice, since what the kernel did is told by the map's own
 * hooks. Loaded only where somebody wants it.
 *
 * Both programs run at each system call of every process on the machine, and so look at the number
 * first. The arguments are still in the registers when a call returns, so that its beginning is
 * noted for the time alone. A call of a thread that was attached within it has none.
 */
#include "mtr_stack.h"

#define TS_COMPAT 0x2 /* a call by the 32-bit table: its numbers mean something else */

static __always_inline bool is_told(u64 nr)
{
	return nr < MTR_CALL_NRS && call_bits[nr / 64] >> (nr % 64) & 1;
}

SEC("?tp_btf/sys_enter")
int BPF_PROG(call_begins, struct pt_regs *regs, long id)
{
	struct note *n;

	if (!is_told((u64)id))
		return 0;
	n = note_of(bpf_get_current_task_btf());
	if (!n)
		return 0;
	n->call_nr = (u32)id;
	n->call_stack = 0;
	n->call_ns = bpf_ktime_get_boot_ns();
	return 0;
}

SEC("?tp_btf/sys_exit")
int BPF_PROG(call_ends, struct pt_regs *regs, long ret)
{
	u64 nr = regs->orig_ax;
	struct task_struct *t;
	struct mtr_w_call *r;
	struct note *n;

	if (!is_told(nr))
		return 0;
	t = bpf_get_current_task_btf();
	n = note_of(t);
	if (!n || n->mm != (u64)t->mm || t->thread_info.status & TS_COMPAT)
		return 0;
	send_faults(n, t->pid);
	if (want_stacks && !n->call_stack && stack_wanted(n, regs->ip, regs->sp))
		take_stack(n, t->pid, MTR_STACK_CALL);
	r = record(MTR_W_CALL, sizeof(*r), n->as, t->pid, (u32)nr);
	if (r) {
		r->begin_ns = n->call_nr == nr ? n->call_ns : 0;
		r->arg[0] = regs->di;
		r->arg[1] = regs->si;
		r->arg[2] = regs->dx;
		r->arg[3] = regs->r10;
		r->arg[4] = regs->r8;
		r->arg[5] = regs->r9;
		r->result = ret;
		r->ip = regs->ip;
		r->sp = regs->sp;
		send(r, n);
	}
	n->call_ns = 0;
	return 0;
}
