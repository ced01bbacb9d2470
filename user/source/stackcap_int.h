/* SPDX-License-Identifier: GPL-2.0 */
/* Shared by the files of stackcap. */
#ifndef SOURCE_STACKCAP_INT_H
#define SOURCE_STACKCAP_INT_H

#include "source/src_regs.h"
#include "source/stackcap.h"

struct stackcap {
	pid_t pid;
	int task; /* /proc/PID/task */
	struct src_regs *sr; /* NULL: no BPF */
	stackcap_end_fn end;
	void *ctx;
};

struct user_regs_struct;
/* stackcap_regs() - from ptrace's order to DWARF's */
void stackcap_regs(const struct user_regs_struct *u, struct mtr_regs *r);

/* stackcap_copy() - the stack from its red zone to its end; 0, −EFAULT for none of it, −errno */
int stackcap_copy(struct stackcap *c, struct stackcap_thread *t);

/* stackcap_stop() - stop, copy, let run; fills in how, why and stopped_ns. 0 or −ESRCH */
int stackcap_stop(struct stackcap *c, struct stackcap_thread *t);

void stackcap_skip(struct stackcap_thread *t, const char *why);

#endif
