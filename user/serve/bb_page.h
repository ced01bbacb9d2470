/* SPDX-License-Identifier: GPL-2.0 */
/* The report of the black box that people read: what happened, what grew, by whom. One page. */
#ifndef SERVE_BB_PAGE_H
#define SERVE_BB_PAGE_H

#include <stdio.h>
#include "serve/bb_trace.h"
#include "serve/bb_when.h"
#include "serve/serve.h"

struct bb_page {
	struct session *s;
	struct growth *g;
	struct growth_proc *gp; /* NULL: the ledger does not know it */
	struct proc *p;
	const struct served *served; /* NULL: not known any more */
	const struct mtr_limits *limits; /* NULL: never read */
	enum bb_cause cause;
	uint64_t time_ns, real_ns; /* when it happened: CLOCK_BOOTTIME, CLOCK_REALTIME */
	int64_t bytes; /* BB_STEP: of the step; BB_HEADROOM: what is left */
	uint64_t span_ns; /* BB_STEP: within that */
	uint32_t tid; /* BB_HEADROOM: whose stack */
	const char *cgroup; /* its path; raw bytes; NULL: not known */
	const char *cgroup_of; /* BB_HIGH, BB_MAX: that which has the limit */
	struct bb_trace_stats held;
	struct bb_wrote wrote;
	int trace_err; /* not 0: there is no trace file, for this reason */
	uint64_t nr_missed; /* reports that were not written since the daemon began */
	const char *folder, *base; /* of the files */
	uint64_t want_ns; /* how much of the past was wanted */
};

/* bb_page_write() - 0, −EIO or −ENOMEM */
int bb_page_write(FILE *f, const struct bb_page *pg);

#endif
