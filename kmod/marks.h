/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A set of address ranges in a fixed amount of memory: sorted, disjoint, not touching.
 *
 *      [0]          [1]                 [2]
 *   ---####---------########------------##---------
 *
 * Adding never fails and never allocates, because it happens in notifier callbacks that may not
 * sleep. When there is no slot left a range is joined with its nearest neighbour, over the gap
 * between: the set may then say more than was added, never less. No locking; the caller has it.
 *
 * Plain C without the kernel, so that tests/unit can hold it against a bitmap.
 */
#ifndef MEMTRACE_MARKS_H
#define MEMTRACE_MARKS_H

struct memtrace_range {
	unsigned long start;
	unsigned long end; /* first address behind */
};

struct memtrace_marks {
	struct memtrace_range *r;
	unsigned int nr;
	unsigned int max; /* slots at r; at least 2 */
	unsigned long long nr_merged; /* times that a gap was added */
};

void memtrace_marks_init(struct memtrace_marks *m, struct memtrace_range *slots, unsigned int max);
void memtrace_marks_add(struct memtrace_marks *m, unsigned long start, unsigned long end);
void memtrace_marks_del(struct memtrace_marks *m, unsigned long start, unsigned long end);
unsigned int memtrace_marks_find(const struct memtrace_marks *m, unsigned long addr);
int memtrace_marks_any(const struct memtrace_marks *m, unsigned long start, unsigned long end);

#endif
