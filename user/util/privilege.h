/* SPDX-License-Identifier: GPL-2.0 */
#ifndef UTIL_PRIVILEGE_H
#define UTIL_PRIVILEGE_H

/**
 * privilege_drop() - give up, for good, every capability that tracing does not need any more
 *
 * To be called when the hooks are on, the output is open and a command was forked. What stays reads
 * other processes' /proc, holds on to BPF and its run-time statistics, and signals the command.
 * Returns 0 or −errno; a process without capabilities has nothing to give up.
 */
int privilege_drop(void);

#endif
