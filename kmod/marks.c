// SPDX-License-Identifier: GPL-2.0
#ifdef __KERNEL__
#include <linux/string.h>
#else
#include <string.h>
#endif
#include "marks.h"

/**
 * memtrace_marks_init() - an empty set
 * @m: the set
 * @slots: memory for its ranges, owned by the caller
 * @max: how many; at least 2
 */
void memtrace_marks_init(struct memtrace_marks *m, struct memtrace_range *slots, unsigned int max)
{
	m->r = slots;
	m->nr = 0;
	m->max = max;
	m->nr_merged = 0;
}

/**
 * memtrace_marks_find() - where an address would be
 * @m: the set
 * @addr: the address
 *
 * Return: index of the first range that ends behind @addr, m->nr if there is none.
 */
unsigned int memtrace_marks_find(const struct memtrace_marks *m, unsigned long addr)
{
	unsigned int lo = 0, hi = m->nr;

	while (lo < hi) {
		unsigned int mid = lo + (hi - lo) / 2;

		if (m->r[mid].end > addr)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

/**
 * memtrace_marks_any() - is some of a range in the set
 * @m: the set
 * @start: begin of the range
 * @end: first address behind it
 *
 * Return: 1 or 0.
 */
int memtrace_marks_any(const struct memtrace_marks *m, unsigned long start, unsigned long end)
{
	unsigned int i = memtrace_marks_find(m, start);

	return start < end && i < m->nr && m->r[i].start < end;
}

/* Takes ranges [i, i + n) out. */
static void close_up(struct memtrace_marks *m, unsigned int i, unsigned int n)
{
	memmove(&m->r[i], &m->r[i + n], (m->nr - i - n) * sizeof(m->r[0]));
	m->nr -= n;
}

static void open_slot(struct memtrace_marks *m, unsigned int i, unsigned long start,
		      unsigned long end)
{
	memmove(&m->r[i + 1], &m->r[i], (m->nr - i) * sizeof(m->r[0]));
	m->r[i].start = start;
	m->r[i].end = end;
	m->nr++;
}

/* No slot is free and range @i would be the one after the new one: stretch the nearer neighbour. */
static void join_nearest(struct memtrace_marks *m, unsigned int i, unsigned long start,
			 unsigned long end)
{
	m->nr_merged++;
	if (i == m->nr || (i > 0 && start - m->r[i - 1].end <= m->r[i].start - end))
		m->r[i - 1].end = end;
	else
		m->r[i].start = start;
}

/**
 * memtrace_marks_add() - puts a range into the set
 * @m: the set
 * @start: begin of the range
 * @end: first address behind it; an empty range is nothing
 */
void memtrace_marks_add(struct memtrace_marks *m, unsigned long start, unsigned long end)
{
	unsigned int i, j;

	if (start >= end)
		return;
	/* [i, j) overlap or touch it: start - 1, so that one that ends at start is found. */
	i = start ? memtrace_marks_find(m, start - 1) : 0;
	for (j = i; j < m->nr && m->r[j].start <= end; j++)
		if (m->r[j].end > end)
			end = m->r[j].end;
	if (i == j) {
		if (m->nr < m->max)
			open_slot(m, i, start, end);
		else
			join_nearest(m, i, start, end);
		return;
	}
	if (m->r[i].start > start)
		m->r[i].start = start;
	m->r[i].end = end;
	close_up(m, i + 1, j - i - 1);
}

/**
 * memtrace_marks_del() - takes a range out of the set
 * @m: the set
 * @start: begin of the range
 * @end: first address behind it
 *
 * When that would cut a range in two and no slot is free, it stays whole.
 */
void memtrace_marks_del(struct memtrace_marks *m, unsigned long start, unsigned long end)
{
	unsigned int i = memtrace_marks_find(m, start), j;

	if (start >= end || i == m->nr || m->r[i].start >= end)
		return;
	if (m->r[i].start < start) {
		if (m->r[i].end > end) {
			if (m->nr < m->max) {
				open_slot(m, i, m->r[i].start, start);
				m->r[i + 1].start = end;
			}
			return;
		}
		m->r[i].end = start;
		i++;
	}
	for (j = i; j < m->nr && m->r[j].end <= end; j++)
		;
	if (j < m->nr && m->r[j].start < end)
		m->r[j].start = end;
	close_up(m, i, j - i);
}
