/* SPDX-License-Identifier: GPL-2.0 */
/* TARGETs that are not given by number. */
#ifndef TARGET_H
#define TARGET_H

#include <sys/types.h>

/* Told of each process; not 0 ends the search with that. */
typedef int (*target_fn)(void *ctx, pid_t pid);

/**
 * target_by_name() - processes whose name is @name: comm, or the last component of the executable
 *
 * memtrace itself and kernel threads are left out. Returns 0, −ESRCH when there is none, −errno.
 */
int target_by_name(const char *name, target_fn fn, void *ctx);

/**
 * target_by_cgroup() - processes of a cgroup and of those below it
 * @name: absolute path, path below /sys/fs/cgroup, or a unit ("nginx.service")
 *
 * Returns 0, −ENOENT for no such cgroup, −ESRCH for an empty one, −errno.
 */
int target_by_cgroup(const char *name, target_fn fn, void *ctx);

/**
 * target_error() - one line that says why a process cannot be looked at, and what to do
 * @err: −ESRCH, −EINVAL for a kernel thread, −EACCES or −EPERM, other −errno
 *
 * Returns the exit status.
 */
int target_error(pid_t pid, int err);

#endif
