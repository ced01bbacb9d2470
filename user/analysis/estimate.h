/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Sums of which only a sample was seen, and how far off they may be. Each event was
 * seen by chance, one in @period, independently of all others: so @period times what
 * was seen is right on average, whatever the pattern.
 *
 * The interval is the one in which a sum lies of which that sample is not unusual (a
 * score interval): also of few events, or none, it is an honest one, and it is not
 * symmetric. Events of different sizes count as fewer of one size: of (Σb²/Σb) bytes.
 */
#ifndef ANALYSIS_ESTIMATE_H
#define ANALYSIS_ESTIMATE_H

#include <stdint.h>

struct estimate_in {
	int64_t seen; /* bytes of the sample */
	double squares; /* of its events: Σ (bytes)² */
	unsigned int period; /* one event in so many was seen; 1: all */
	unsigned int
		clumps; /* so many of those seen count as one, because one spoke for all of them; 1: none did */
	int64_t exact; /* bytes besides of which all was seen */
};

/* Bytes; the interval holds the truth in 95 of 100 cases. */
struct estimate {
	int64_t bytes, low, high;
};

struct estimate estimate(const struct estimate_in *in);

#endif
