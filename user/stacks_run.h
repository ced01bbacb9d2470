/* SPDX-License-Identifier: GPL-2.0 */
/* One report of `memtrace stacks`. */
#ifndef STACKS_RUN_H
#define STACKS_RUN_H

#include <stdio.h>
#include <sys/types.h>

#include "analysis/when.h"
#include "event/stackcopy.h"
#include "export/stacks.h"
#include "opts.h"
#include "sym/sym.h"

/* A thread that the caller holds: the report is of this one only. */
struct stacks_held {
	pid_t tid;
	struct mtr_regs regs;
	uint64_t tls;
	struct syms *syms; /* used and kept: what was read of files is not read again. NULL: none */
	unsigned int skip; /* innermost frames that are not told */
	struct stacks_at at; /* told with it */
	uint64_t caller_pc,
		caller_sp; /* filled in: of the frame that called the innermost; 0: none */
};

/* A condition was given and does not hold: nothing was told. No exit status. */
#define STACKS_NOT_YET (-1)

/**
 * stacks_run() - take and tell the stacks of a process
 * @as: an id of the caller's, from 1
 * @held: NULL: of all threads, or of o->tid
 * @when: NULL, or the condition on which it is told
 *
 * Returns an exit status after one line on stderr, EX_DONE or STACKS_NOT_YET.
 */
int stacks_run(pid_t pid, uint32_t as, const struct opts *o, FILE *out, struct stacks_held *held,
	       const struct when *when);

/**
 * stacks_of_thread() - the picture of one thread for a view: frames and variables
 *
 * Returns malloced text, or NULL when there is none.
 */
char *stacks_of_thread(pid_t pid, pid_t tid, bool ascii, unsigned int width);

#endif
