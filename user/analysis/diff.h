/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Two states of a process, side by side: what grew, appeared and vanished.
 *
 * Regions of one kind, name and owner belong together. In the same address
 * space they must overlap, too: a mapping that went and one that came elsewhere
 * are two. In different ones (two runs, two files) addresses mean nothing, and
 * owners are known by their names.
 */
#ifndef ANALYSIS_DIFF_H
#define ANALYSIS_DIFF_H

#include <stdbool.h>
#include "event/strtab.h"
#include "model/proc.h"

enum diff_what { DIFF_SAME, DIFF_GREW, DIFF_SHRANK, DIFF_APPEARED, DIFF_VANISHED };

struct diff_row {
	enum diff_what what; /* by resident bytes; where these are equal, by virtual ones */
	enum region_kind kind;
	const char *name; /* raw; "" none. Of the string table of the side that has it */
	const char *owner; /* name of the thread whose stack or arena it is; "" none */
	uint32_t tid; /* of the owner; 0: none, or the two sides differ */
	uint64_t start, end; /* all of it lies between; in B, or in A when it vanished */
	unsigned int nr[2]; /* regions in A and B */
	int64_t res[2], virt[2]; /* bytes */
};

struct diff {
	struct diff_row *row; /* largest change of resident bytes first */
	unsigned int nr;
};

/* One side. */
struct diff_side {
	struct proc *p; /* NULL: the process is not there; proc_kinds() must have been called */
	const struct strtab *st;
};

/* diff_make() - @same_space: both are the same address space at two moments. 0 or −ENOMEM */
int diff_make(struct diff *d, const struct diff_side side[2], bool same_space);
void diff_fini(struct diff *d);

const char *diff_what_name(enum diff_what w);

#endif
