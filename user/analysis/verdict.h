/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a series of resident bytes looks like, in careful words. Pure functions
 * of numbers: the same for a process and for one call path.
 */
#ifndef ANALYSIS_VERDICT_H
#define ANALYSIS_VERDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum verdict_kind {
	VERDICT_INSUFFICIENT, /* too few points, too short, or growth that no shape explains */
	VERDICT_FLAT,
	VERDICT_LEAK_LIKE, /* steady growth to the end, little given back */
	VERDICT_PLATEAU, /* grew, and has stopped */
	VERDICT_SAWTOOTH, /* up and down again, more than once */
	VERDICT_STEP, /* nearly all of the growth in one go, quiet before and after */
	VERDICT_RETENTION, /* freed inside the allocator, not given back */
	VERDICT_FRAGMENTATION, /* resident far above what is alive, in small pieces */
};

/* verdict_name() - token as in --json and --fail-on */
const char *verdict_name(enum verdict_kind k);
/* verdict_parse() - the kind of a token; −1: none */
int verdict_parse(const char *name);

/* What would tell more, where there is not enough to judge by. */
enum verdict_more {
	VERDICT_MORE_WATCH, /* a longer -d */
	VERDICT_MORE_VIEW, /* time: it is being looked at */
	VERDICT_MORE_RECORDING, /* a longer one */
	VERDICT_MORE_PART, /* more of the recording: --from, --to */
	VERDICT_MORE_NONE, /* nothing: it has ended */
};

struct verdict_in {
	const uint64_t *time_ns;
	const int64_t *bytes; /* resident, at these times */
	unsigned int nr;
	int64_t scale; /* bytes against which growth counts (RSS of the process): smaller than a part of it is none */
	int64_t gross, released; /* traffic of the window, bytes; −1: not known */
	/* what the allocator says of itself; −1: nobody asked */
	int64_t in_use, largest_free;
	int64_t limit_left; /* bytes until the nearest limit; −1: none is known */
	enum verdict_more more;
};

struct verdict {
	enum verdict_kind kind;
	enum verdict_more more;
	double slope; /* bytes/s: least squares */
	double r2; /* share of the variance that the line explains; 0 of a flat series */
	double rate, rate_lo, rate_hi; /* mean growth, bytes/s, and its 95 % confidence interval */
	int64_t growth; /* last − first */
	int64_t range; /* highest − lowest */
	unsigned int nr_drops; /* times it fell by a good part of its range */
	double given_back; /* released / gross, 0 to 1; −1: not known */
	double full_s; /* seconds until the limit at this rate; −1: no limit, or not growing */
};

void verdict_find(const struct verdict_in *in, struct verdict *ret);

/* verdict_text() - a sentence with the numbers that led to it. Returns @dst */
char *verdict_text(char *dst, size_t sz, const struct verdict *v, bool ascii);

#endif
