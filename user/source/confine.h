/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SOURCE_CONFINE_H
#define SOURCE_CONFINE_H

/**
 * confine_self() - for a daemon that reads what belongs to its targets: give up all it does not need, for good
 *
 * Capabilities: what stays is BPF, PERFMON, SYS_PTRACE and DAC_READ_SEARCH, of those there were, and nothing
 * can be won back. System calls: those of a list, the others fail with EPERM; no program is started any more,
 * no BPF program loaded, no code mapped. To be called when all hooks are on and all sockets are open.
 * Returns 0 or −errno: then it is not confined.
 */
int confine_self(void);

#endif
