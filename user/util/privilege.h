/* SPDX-License-Identifier: GPL-2.0 */
#ifndef UTIL_PRIVILEGE_H
#define UTIL_PRIVILEGE_H

#include <stdbool.h>
#include <sys/types.h>

/**
 * privilege_drop() - give up, for good, every capability that tracing does not need any more
 *
 * To be called when the hooks are on, the output is open and a command was forked. What stays reads
 * other processes' /proc, holds on to BPF and its run-time statistics, and signals the command.
 * A process without capabilities has nothing to give up; that it did not work is told with -v.
 */
void privilege_drop(void);

/**
 * privilege_hurry() - run before others, as far as one may: a ring that is not read in time loses events
 *
 * To be called when a command was forked, which keeps its own priority.
 */
void privilege_hurry(void);

/**
 * privilege_caller() - on whose behalf root runs us, by sudo
 * @ret_gid: their group; may be NULL
 *
 * Returns false when we are not root, or not by sudo: then whose the process is.
 */
bool privilege_caller(uid_t *ret_uid, gid_t *ret_gid);

#endif
