/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The one thing to know first: what grows most, which limit is nearest and
 * when it is reached. Pure functions.
 */
#ifndef ANALYSIS_TOP_H
#define ANALYSIS_TOP_H

#include <stddef.h>
#include "analysis/layout.h"
#include "event/status.h"

struct top_grower {
	const struct layout_row *row; /* NULL: nothing grew */
	bool now; /* true: by its rate in the last interval; false: by growth since the baseline */
	int64_t bytes; /* it grew since the baseline */
	double rate; /* bytes/s */
	int percent; /* its share of all that grew since the baseline */
	const struct layout_row *most; /* another one that grew most since the baseline; NULL: none */
	int most_percent;
};

/* top_grower() - the row that grows fastest now; when none does, the one that grew most */
void top_grower(const struct layout *l, struct top_grower *ret);

/* top_why() - the same in words: "92% of growth: heap [heap] +412M, +2.8M/s now"; raw bytes. Returns @dst. */
char *top_why(char *dst, size_t sz, const struct top_grower *g, struct proc *p,
	      const struct strtab *st);

struct top_limit {
	const struct mtr_limit *lim; /* NULL: no limit known */
	int64_t left_bytes; /* until it is reached; may be negative */
	int percent; /* used */
	uint64_t full_ns; /* time to full at this rate; 0: not growing towards it, or over a year */
};

/**
 * top_limit() - the limit that is hit first
 * @rss_rate: bytes/s, what cgroup and host count
 * @virt_rate: bytes/s, what RLIMIT_AS and RLIMIT_DATA count
 *
 * The one that is full first, if any is within an hour at these rates; else
 * the one with the least room in bytes. So it does not jump between frames.
 */
void top_limit(const struct mtr_limits *l, double rss_rate, double virt_rate,
	       struct top_limit *ret);

/* top_limit_name() - "cgroup redis.slice", "host memory", "RLIMIT_AS"; raw bytes. Returns @dst. */
char *top_limit_name(char *dst, size_t sz, const struct mtr_limit *lim, bool full_path);

/* How well residency is known, over all regions: the weakest that holds pages. */
struct top_residency {
	enum residency state;
	uint64_t oldest_ns; /* when the oldest of the counts was made; 0: none */
	unsigned int nr_dirty; /* regions that want to be counted again */
};
void top_residency(struct proc *p, struct top_residency *ret);

/*
 * Layout rows for a screen of few lines: runs of rows without news become one.
 * An item is rows [first, first + nr) of the layout.
 */
struct fold_item {
	unsigned int first, nr;
};

/**
 * fold_layout() - as few folds as make the rows fit
 * @items: room for l->nr
 * @lines: that there are
 *
 * Folded first: modules and files that did not grow; then stacks and guards
 * that did not grow; then everything that did not grow since the baseline and
 * holds under a hundredth of the largest row, gaps under 1 TiB included; then
 * also what grew in the last interval, if it holds under a tenth and grew by
 * under a twentieth of the largest; at last gaps of any size. The main stack,
 * the heap and large rows that grow always stay.
 *
 * Returns the number of items, which may still exceed @lines.
 */
unsigned int fold_layout(const struct layout *l, struct fold_item *items, unsigned int lines);

#endif
