/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Regions and threads as lists for a table: filtered and sorted. Pure: reads
 * the model, keeps pointers into it, which hold until the model changes.
 */
#ifndef ANALYSIS_ROWS_H
#define ANALYSIS_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include "event/strtab.h"
#include "model/proc.h"

enum region_sort {
	RSORT_ADDR, /* high addresses first, as in the Layout view */
	RSORT_KIND,
	RSORT_NAME,
	RSORT_VIRT,
	RSORT_RES,
	RSORT_SWAP,
	RSORT_HUGE,
	RSORT_DIRTY,
	RSORT_FAULTS,
	RSORT_FAULT_RATE,
	RSORT_GROWTH,
	RSORT_RATE,
	RSORT_PEAK,
	RSORT_NR
};

enum thread_sort {
	TSORT_HEADROOM, /* least room first; unknown last */
	TSORT_TID,
	TSORT_NAME,
	TSORT_DEPTH,
	TSORT_HIGH_WATER,
	TSORT_GROWTH,
	TSORT_FAULTS,
	TSORT_NR
};

struct region_rows {
	struct region **row;
	unsigned int nr, cap;
	unsigned int total; /* before the filter */
};

struct thread_row {
	struct thread *t;
	struct stack_info stack;
};

struct thread_rows {
	struct thread_row *row;
	unsigned int nr, cap;
	unsigned int total;
};

/**
 * rows_match() - does a text fit a filter?
 * @filter: words separated by blanks; each must occur in @text, in any case of
 *          letters; a word that begins with '!' must not
 */
bool rows_match(const char *filter, const char *text);

/**
 * rows_regions() - the regions of a process that fit a filter, in order
 * @filter: matched against kind, permissions, name and range; a hexadecimal
 *          address of five digits or more also matches the region that holds it
 *
 * Largest first, except address (high first), kind and name (alphabetic);
 * @reverse turns that round. Equal ones go by address. proc_kinds() must have
 * been called. Returns 0 or −ENOMEM (then there are no rows).
 */
int rows_regions(struct region_rows *rows, struct proc *p, const struct strtab *st,
		 const char *filter, enum region_sort sort, bool reverse);
void rows_regions_fini(struct region_rows *rows);

/* rows_threads() - the same for threads; the filter sees name, tid and state */
int rows_threads(struct thread_rows *rows, struct proc *p, const struct strtab *st,
		 const char *filter, enum thread_sort sort, bool reverse);
void rows_threads_fini(struct thread_rows *rows);

/* rows_perms() - "rw-p" as in /proc/PID/maps. Returns @buf. */
char *rows_perms(char buf[5], uint32_t prot);

/* stack_used_percent() - of a stack's limit, by its high-water mark; −1 unknown */
int stack_used_percent(const struct stack_info *si);

/* From this share of its limit on, a stack's use is a warning. */
#define STACK_WARN_PERCENT 80

#endif
