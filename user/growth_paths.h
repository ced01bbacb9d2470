/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The call paths of a process in growth.c. A program may go ever new ones (recursion,
 * functions called through pointers), and memtrace's memory must not grow with that: when
 * there are too many, those with the least in them become one path, that of the rare ones.
 * No byte is lost by it, only who of them brought it. A path that comes again begins anew.
 */
#ifndef GROWTH_PATHS_H
#define GROWTH_PATHS_H

#include "growth.h"

/* growth_path_of() - by its number in the ledger; NULL: before attach, or without a path */
struct growth_path *growth_path_of(struct growth_proc *gp, uint32_t path);

/**
 * growth_path_for() - the number of a stack's path, which is added when new
 * @weight: of what it brings one in so many is told of
 *
 * Returns LEDGER_NO_PATH for no stack, and when memory is short.
 */
uint32_t growth_path_for(struct growth_proc *gp, uint32_t stack, bool truncated,
			 unsigned int weight);

/* growth_path_seen() - a thread went it */
void growth_path_seen(struct growth_proc *gp, uint32_t path, uint32_t tid);

/* growth_paths_keep() - a point of each series, number gp->nr_ticks */
void growth_paths_keep(struct growth_proc *gp);
/* growth_paths_thin() - of the points every second one stays: @nr of them */
void growth_paths_thin(struct growth_proc *gp, unsigned int nr);

/* growth_paths_merge() - all but the @keep paths that have most in them become one. 0 or −ENOMEM */
int growth_paths_merge(struct growth_proc *gp, uint32_t keep);

/* growth_paths_mark() - as callpaths_roots_fn; @ctx is the struct growth */
void growth_paths_mark(void *ctx, struct stacktab *t, bool squeeze);

void growth_paths_free(struct growth_proc *gp);

#endif
