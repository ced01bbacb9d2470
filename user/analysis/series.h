/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How a process's memory went over time: resident bytes by region (those of one
 * kind, name and owner together), and what each thread's faults brought. In a
 * fixed number of steps, however long it took.
 */
#ifndef ANALYSIS_SERIES_H
#define ANALYSIS_SERIES_H

#include "event/strtab.h"
#include "model/proc.h"
#include "util/hash.h"

#define SERIES_STEPS 20

struct series_region {
	struct series_key {
		uint32_t kind; /* enum region_kind */
		uint32_t name; /* string */
		uint32_t tid; /* owner of a stack, guard or arena; 0: none */
	} key;
	uint64_t start; /* the lowest address seen */
	unsigned int nr; /* regions, at the last sample */
	int64_t first, last, peak; /* resident bytes at the samples */
	int64_t virt; /* at the last sample */
	int64_t bytes[SERIES_STEPS]; /* at the end of each step; of steps without a sample as before */
	int64_t now; /* while a sample is being taken */
	unsigned int nr_now;
	int64_t virt_now;
	UT_hash_handle hh;
};

struct series_thread {
	uint32_t tid, comm; /* comm: string, the last known */
	uint64_t minor, major; /* faults */
	int64_t total; /* bytes that they brought */
	int64_t bytes[SERIES_STEPS]; /* in each step */
	UT_hash_handle hh;
};

struct series {
	uint64_t begin_ns, end_ns; /* of the time that the steps are of */
	uint64_t from_ns, to_ns; /* first and last sample */
	struct series_region *regions; /* uthash */
	struct series_thread *threads; /* uthash */
	int64_t rss_first, rss_last, rss_peak;
	int64_t rss[SERIES_STEPS];
	unsigned int sampled; /* steps, from the first on */
	bool any;
};

void series_init(struct series *s, uint64_t begin_ns, uint64_t end_ns);
void series_fini(struct series *s);

/* series_due() - is it worth a sample: is this another step than that of the last? */
bool series_due(const struct series *s, uint64_t now_ns);
/* series_sample() - an interval of @p ended. 0 or −ENOMEM */
int series_sample(struct series *s, struct proc *p, const struct strtab *st, uint64_t now_ns);
/* series_fault() - an MTR_EV_FAULT of @p. 0 or −ENOMEM */
int series_fault(struct series *s, struct proc *p, const struct mtr_event *ev);

/* series_sort() - regions by growth, threads by bytes, largest first */
void series_sort(struct series *s);

#endif
