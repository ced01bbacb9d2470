/* SPDX-License-Identifier: GPL-2.0 */
/* Registers of threads that do not run, by a BPF iterator: nothing is stopped. */
#ifndef SOURCE_SRC_REGS_H
#define SOURCE_SRC_REGS_H

#include <sys/types.h>
#include "event/stackcopy.h"

struct src_regs;

struct task_regs {
	pid_t tid;
	bool on_cpu; /* it runs: regs are old */
	uint64_t nr_switches; /* times it was switched away from */
	uint64_t tls; /* thread pointer */
	struct mtr_regs regs; /* valid if the thread has not run until it is looked at again */
};

/* src_regs_open() - 0, −EPERM, −EOPNOTSUPP or −errno of the load */
int src_regs_open(struct src_regs **ret_sr);
void src_regs_close(struct src_regs *sr); /* safe on NULL */

/**
 * src_regs_read() - all threads of a process, or one
 * @tid: 0 for all
 * @ret: malloced, by tid
 *
 * Returns how many there are, −ESRCH for none, −errno.
 */
int src_regs_read(struct src_regs *sr, pid_t pid, pid_t tid, struct task_regs **ret);

/* task_regs_same() - it has not run between two readings, the first of which found it off the CPU */
bool task_regs_same(const struct task_regs *a, const struct task_regs *b);

#endif
