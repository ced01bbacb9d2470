/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What glibc's malloc holds: a walk from chunk to chunk through its arenas. Each
 * chunk has its size in its second word, and whether the one before it is free:
 *
 *	heap start                                        heap end
 *	│ size|P │ … │ size|P │ … │ size │ … │ size|P  top    │
 *	     used         free (P of the next is 0)
 *
 * Believed only if the chain ends exactly where the heap does: so it is glibc's,
 * and was not read while it changed. Nothing is written, nobody is stopped. Pure:
 * the caller reads.
 */
#ifndef ANALYSIS_ARENAS_H
#define ANALYSIS_ARENAS_H

#include "model/proc.h"

/* arenas_read_fn - bytes of the process; false: cannot be read */
typedef bool (*arenas_read_fn)(void *ctx, uint64_t addr, void *buf, size_t sz);

struct arenas {
	unsigned int nr; /* heaps that were walked to their end */
	unsigned int nr_unknown; /* of other shape, or changing all the time */
	uint64_t nr_used, nr_free; /* chunks */
	/* bytes of those that were walked */
	int64_t size, resident;
	int64_t in_use; /* what threads keep in their caches among it, but for cached */
	int64_t cached; /* free, in the cache of the thread that the heap began with */
	int64_t free; /* between used ones */
	int64_t top; /* at the end */
	int64_t largest_free; /* the largest of these, or top */
};

/* arenas_walk() - all arenas of a process whose regions' kinds are known; none is an answer, too */
void arenas_walk(struct proc *p, arenas_read_fn read, void *ctx, struct arenas *ret);

/* arenas_idle() - bytes that are resident and not in use, at most */
int64_t arenas_idle(const struct arenas *a);

#endif
