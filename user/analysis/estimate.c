// SPDX-License-Identifier: GPL-2.0
#include "analysis/estimate.h"

#include <math.h>

#define Z 1.96 /* of a normal distribution 95 % lie within so many standard deviations */
#define PAGE_SZ 4096.0

struct estimate estimate(const struct estimate_in *in)
{
	double w = in->period, seen = (double)in->seen;
	/* what an event has, and how much of its chance is not known */
	double b = seen > 0 ? in->squares / seen : PAGE_SZ;
	double z2 = Z * Z * (1 - 1 / (w * in->clumps));
	struct estimate e = { .bytes = in->exact + in->seen * in->period };
	double k, half;

	b *= in->clumps;
	k = seen / b;
	half = sqrt(z2 * (k + z2 / 4));
	e.low = in->exact + (int64_t)((k + z2 / 2 - half) * b * w);
	e.high = in->exact + (int64_t)ceil((k + z2 / 2 + half) * b * w);
	/* what was seen is there */
	if (e.low < in->exact + in->seen)
		e.low = in->exact + in->seen;
	return e;
}
