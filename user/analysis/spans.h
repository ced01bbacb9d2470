/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Resident bytes of a process over the last minute, ten minutes and hour, in
 * bounded memory: three rings of points, each with its own step.
 *
 *	step   1 s  ······ 64 points   the last minute
 *	      10 s  ······             the last ten
 *	      60 s  ······             the last hour
 */
#ifndef ANALYSIS_SPANS_H
#define ANALYSIS_SPANS_H

#include <stdbool.h>
#include <stdint.h>
#include "analysis/verdict.h"

#define SPANS_NR 3u
#define SPANS_POINTS 64u

struct spans_ring {
	uint64_t time_ns[SPANS_POINTS];
	int64_t bytes[SPANS_POINTS];
	unsigned int nr, next; /* points held; where the next one goes */
};

struct spans {
	struct spans_ring ring[SPANS_NR];
	uint64_t first_ns; /* of the first point ever; 0: none yet */
	uint64_t last_ns;
	int64_t last; /* bytes of the latest point */
};

/* spans_add() - resident bytes now; times never go back */
void spans_add(struct spans *s, uint64_t now_ns, int64_t bytes);

/**
 * spans_rate() - mean growth, bytes/s
 * @span: 0: over 1 min, 1: 10 min, 2: 1 h
 *
 * Until it was seen that long, over the time that it was seen. Returns false when that is less than half of the span.
 */
bool spans_rate(const struct spans *s, unsigned int span, double *ret_rate);

/**
 * spans_verdict() - over the longest span that has points enough to tell a shape
 * @limit_left: bytes until the nearest limit; −1: none is known
 */
void spans_verdict(const struct spans *s, int64_t limit_left, struct verdict *ret);

#endif
