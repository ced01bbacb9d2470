// SPDX-License-Identifier: GPL-2.0
/* Estimates from a sample: right on average, and the truth in the interval as often as is said. Drawn from one seed. */
#include "kselftest_harness.h"

#include "analysis/estimate.h"

#define PG 4096
#define TRIALS 4000

static uint64_t state = 88172645463325252ull;

/* One in @n, by chance. */
static bool one_in(unsigned int n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (state >> 11) % n == 0;
}

/*
 * @nr events, each @every-th of @large bytes, the others of a page, one in @period seen. How often
 * the truth is in the interval, in percent; and the mean of all estimates by the truth.
 */
static double covered(unsigned int nr, unsigned int every, int64_t large, unsigned int period,
		      double *ret_mean)
{
	unsigned int in_it = 0;
	double mean = 0;

	for (unsigned int i = 0; i < TRIALS; i++) {
		struct estimate_in in = { .period = period, .clumps = 1 };
		int64_t truth = 0;
		struct estimate e;

		for (unsigned int k = 0; k < nr; k++) {
			int64_t bytes = every && k % every == 0 ? large : PG;

			truth += bytes;
			if (!one_in(period))
				continue;
			in.seen += bytes;
			in.squares += (double)bytes * (double)bytes;
		}
		e = estimate(&in);
		in_it += e.low <= truth && truth <= e.high;
		mean += (double)e.bytes / (double)truth / TRIALS;
	}
	*ret_mean = mean;
	return 100.0 * in_it / TRIALS;
}

TEST(one_size)
{
	static const struct {
		unsigned int nr, period;
	} cases[] = { { 20, 2 }, { 100, 4 }, { 1000, 8 }, { 1000, 100 }, { 5000, 1000 } };

	for (unsigned int i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		double mean, pct = covered(cases[i].nr, 0, 0, cases[i].period, &mean);

		EXPECT_GE(pct, 92.5)
		{
			TH_LOG("%u events, 1 in %u: %.1f %%", cases[i].nr, cases[i].period, pct);
		}
		EXPECT_LE(pct, 99.5);
		EXPECT_GT(mean, 0.95);
		EXPECT_LT(mean, 1.05);
	}
}

/* File pages come sixteen at a time. */
TEST(sizes_mixed)
{
	double mean, pct = covered(800, 4, 16 * PG, 8, &mean);

	EXPECT_GE(pct, 92.5);
	EXPECT_GT(mean, 0.97);
	EXPECT_LT(mean, 1.03);
	/* and nothing is as wide as all there is */
	EXPECT_LE(pct, 99.5);
}

TEST(all_seen_or_nothing)
{
	struct estimate_in in = { .seen = 50 * PG,
				  .squares = 50.0 * PG * PG,
				  .period = 1,
				  .clumps = 1,
				  .exact = 7 * PG };
	struct estimate e = estimate(&in);

	EXPECT_EQ(57 * PG, e.bytes);
	EXPECT_EQ(57 * PG, e.low);
	EXPECT_EQ(57 * PG, e.high);
	in = (struct estimate_in){ .period = 10, .clumps = 1, .exact = 3 * PG };
	e = estimate(&in);
	EXPECT_EQ(3 * PG, e.bytes);
	EXPECT_EQ(3 * PG, e.low);
	EXPECT_GE(e.high, (3 + 30) * PG); /* of 30 events all are missed in 4 of 100 cases */
}

/* One call stack that speaks for four faults: as if there were a fourth of them. */
TEST(clumps)
{
	struct estimate_in in = {
		.seen = 400 * PG, .squares = 400.0 * PG * PG, .period = 8, .clumps = 1
	};
	struct estimate one = estimate(&in), four;

	in.clumps = 4;
	four = estimate(&in);
	EXPECT_EQ(one.bytes, four.bytes);
	EXPECT_LT(four.low, one.low);
	EXPECT_GT(four.high - four.low, (one.high - one.low) * 19 / 10);
}

TEST_HARNESS_MAIN
