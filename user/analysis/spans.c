// SPDX-License-Identifier: GPL-2.0
#include "analysis/spans.h"

#include "util/clock.h"

#define ENOUGH 20u /* points for a shape: half of the verdict's blocks are two of them */

static const uint64_t step_ns[SPANS_NR] = { NSEC_PER_SEC, 10 * NSEC_PER_SEC, 60 * NSEC_PER_SEC };
static const uint64_t span_ns[SPANS_NR] = { 60 * NSEC_PER_SEC, 600 * NSEC_PER_SEC,
					    3600 * NSEC_PER_SEC };

/* Point @i, from the oldest on. */
static unsigned int at(const struct spans_ring *r, unsigned int i)
{
	return (r->next + SPANS_POINTS - r->nr + i) % SPANS_POINTS;
}

/* An interval that ends a little early still is the step's. */
static bool due(const struct spans_ring *r, uint64_t step, uint64_t now_ns)
{
	return !r->nr || now_ns >= r->time_ns[at(r, r->nr - 1)] + step - step / 20;
}

void spans_add(struct spans *s, uint64_t now_ns, int64_t bytes)
{
	if (!s->first_ns)
		s->first_ns = now_ns;
	s->last_ns = now_ns;
	s->last = bytes;
	for (unsigned int k = 0; k < SPANS_NR; k++) {
		struct spans_ring *r = &s->ring[k];

		if (!due(r, step_ns[k], now_ns))
			continue;
		r->time_ns[r->next] = now_ns;
		r->bytes[r->next] = bytes;
		r->next = (r->next + 1) % SPANS_POINTS;
		if (r->nr < SPANS_POINTS)
			r->nr++;
	}
}

bool spans_rate(const struct spans *s, unsigned int span, double *ret_rate)
{
	const struct spans_ring *r = &s->ring[span];
	uint64_t from;

	if (!s->first_ns || s->last_ns - s->first_ns < span_ns[span] / 2)
		return false;
	from = s->last_ns > span_ns[span] ? s->last_ns - span_ns[span] : 0;
	for (unsigned int i = 0; i < r->nr; i++) {
		unsigned int p = at(r, i);

		/* the first within the span; one step before it is as good */
		if (r->time_ns[p] + step_ns[span] / 2 < from || r->time_ns[p] >= s->last_ns)
			continue;
		*ret_rate = (double)(s->last - r->bytes[p]) /
			    ((double)(s->last_ns - r->time_ns[p]) / (double)NSEC_PER_SEC);
		return true;
	}
	return false;
}

void spans_verdict(const struct spans *s, int64_t limit_left, struct verdict *ret)
{
	uint64_t time_ns[SPANS_POINTS];
	int64_t bytes[SPANS_POINTS];
	struct verdict_in in = { .time_ns = time_ns,
				 .bytes = bytes,
				 .scale = s->last,
				 .gross = -1,
				 .released = -1,
				 .in_use = -1,
				 .largest_free = -1,
				 .limit_left = limit_left };
	unsigned int k = SPANS_NR;

	while (--k && s->ring[k].nr < ENOUGH)
		;
	in.nr = s->ring[k].nr;
	for (unsigned int i = 0; i < in.nr; i++) {
		time_ns[i] = s->ring[k].time_ns[at(&s->ring[k], i)];
		bytes[i] = s->ring[k].bytes[at(&s->ring[k], i)];
	}
	verdict_find(&in, ret);
}
