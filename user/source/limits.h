/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SOURCE_LIMITS_H
#define SOURCE_LIMITS_H

#include <sys/types.h>
#include "event/status.h"

/**
 * limits_read() - what stops a process from growing
 *
 * memory.max of every ancestor cgroup (v2) or memory.limit_in_bytes (v1),
 * RLIMIT_AS, RLIMIT_DATA, RLIMIT_STACK, the host's MemAvailable, max_map_count.
 * "max" and unlimited ones are left out. 0 or −ESRCH.
 */
int limits_read(pid_t pid, struct mtr_limits *ret_limits);

/* cgroup_read() - memory.current and memory.stat of its cgroup. −ENOENT: it has none (v1, the root) */
int cgroup_read(pid_t pid, struct mtr_cgroup *ret);

#endif
