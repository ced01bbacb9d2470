/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who writes a report: a child of the daemon, which has a copy of all that the daemon
 * knew at that moment. So the ring is read on meanwhile, names that are looked up in
 * files of the target are none of the daemon's business, and when the child fails it
 * fails alone. At most a few at once; one writes all reports that are due.
 */
#ifndef SERVE_BB_JOB_H
#define SERVE_BB_JOB_H

#include "serve/bb_page.h"
#include "serve/bb_store.h"

#define BB_JOBS 2u /* that begin whenever there is something to do */
#define BB_JOBS_MOST 32u /* that begin because it is too late otherwise; one is at work at a time */
#define BB_AT_ONCE 32u /* reports of one */

struct bb_jobs;

struct bb_jobs *bb_jobs_new(struct serve *sv);
/* bb_jobs_free() - waits some seconds for those that are at work */
void bb_jobs_free(struct bb_jobs *j); /* safe on NULL */

/* bb_jobs_room() - may one more begin now? @most: BB_JOBS or BB_JOBS_MOST */
bool bb_jobs_room(const struct bb_jobs *j, unsigned int most);

struct bb_report {
	char base[BB_BASE]; /* of its files */
	struct bb_page page;
	struct bb_want want;
};

/* What a child is to do: the reports, and to tidy up the folder. */
struct bb_work {
	const struct bb_store *store;
	struct bb_trace *trace;
	struct bb_report *report;
	unsigned int nr; /* at most BB_AT_ONCE */
	uint64_t keep_bytes, keep_ns;
};

/* bb_jobs_start() - fork. 0 or −errno */
int bb_jobs_start(struct bb_jobs *j, const struct bb_work *w);

struct bb_jobs_stats {
	uint64_t nr_written; /* reports that are on the disk */
	uint64_t nr_failed; /* of which one of the two files is missing, at least */
};
struct bb_jobs_stats bb_jobs_stats(const struct bb_jobs *j);

#endif
