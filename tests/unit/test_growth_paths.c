// SPDX-License-Identifier: GPL-2.0
/*
 * Ever new call paths in a bounded room: nothing of the sums is lost, and those with most in them
 * stay what they are. Against plain arrays of what each path was given.
 */
#include <stdlib.h>

#include "growth_paths.h"
#include "kselftest_harness.h"

#define PG 4096ll
#define A 0x10000000ull
#define NR 30000u
#define BIG 50u

FIXTURE(paths)
{
	struct growth_proc *gp;
};

FIXTURE_SETUP(paths)
{
	self->gp = calloc(1, sizeof(*self->gp));
	ASSERT_NE(NULL, self->gp);
	self->gp->p = proc_new(1);
	ASSERT_NE(NULL, self->gp->p);
	ASSERT_EQ(0, ledger_init(&self->gp->ledger));
}

FIXTURE_TEARDOWN(paths)
{
	for (unsigned int i = 0; i < self->gp->nr_moments; i++)
		free(self->gp->moment[i].net);
	growth_paths_free(self->gp);
	ledger_fini(&self->gp->ledger);
	proc_free(self->gp->p);
	free(self->gp);
}

static int64_t net(struct growth_proc *gp, uint32_t stack, unsigned int weight)
{
	return ledger_path(&gp->ledger, growth_path_for(gp, stack, false, weight)).net;
}

static int64_t sum(struct growth_proc *gp, uint32_t *ret_rare)
{
	int64_t all = 0;

	*ret_rare = 0;
	for (uint32_t k = 0; k < gp->nr_paths; k++) {
		all += ledger_path(&gp->ledger, LEDGER_FIRST + k).net * gp->path[k].weight;
		if (!gp->path[k].stack)
			*ret_rare += gp->path[k].nr_merged;
	}
	return all;
}

/* @pages of one path, behind what there is. */
static void bring(struct growth_proc *gp, uint64_t *at, uint32_t stack, unsigned int weight,
		  unsigned int pages)
{
	uint32_t path = growth_path_for(gp, stack, false, weight);

	if (path == LEDGER_NO_PATH)
		abort();
	growth_path_seen(gp, path, stack % 5);
	if (ledger_add(&gp->ledger, *at, *at + pages * (uint64_t)PG, pages * PG, MTR_ANON, path))
		abort();
	*at += pages * (uint64_t)PG;
}

TEST_F(paths, sums_stay_and_the_big_ones)
{
	struct growth_proc *gp = self->gp;
	uint64_t at = A;
	int64_t want = 0;
	uint32_t rare;

	for (uint32_t i = 1; i <= NR; i++) {
		unsigned int weight = i % 3 ? 1 : 8, n = 1 + i % 4;

		bring(gp, &at, BIG + i, weight, n);
		want += n * PG * weight;
		/* what grows all the time, and is small at first */
		if (i % 10 == 0) {
			bring(gp, &at, 1 + i / 10 % BIG, 1, 5);
			want += 5 * PG;
		}
		ASSERT_GE(4100u, gp->nr_paths);
	}
	EXPECT_EQ(want, sum(gp, &rare));
	EXPECT_LT(20000u, rare);
	for (uint32_t b = 1; b <= BIG; b++)
		EXPECT_LT(NR / 10 / BIG * 5 * PG * 8 / 10, net(gp, b, 1));
	/* one who comes again begins anew */
	EXPECT_EQ(0, net(gp, BIG + 1, 1));
	ASSERT_EQ(0, growth_paths_merge(gp, BIG));
	EXPECT_GE(BIG + 2, gp->nr_paths);
	EXPECT_EQ(want, sum(gp, &rare));
	for (uint32_t b = 1; b <= BIG; b++)
		EXPECT_LT(0, net(gp, b, 1));
}

TEST_F(paths, series_and_marks_add_up)
{
	struct growth_proc *gp = self->gp;
	int64_t total[40], *moment = calloc(3, sizeof(*moment));
	uint64_t at = A;

	ASSERT_NE(NULL, moment);
	for (uint32_t i = 1; i <= 3; i++)
		bring(gp, &at, i, 1, 100);
	for (uint32_t k = 0; k < 3; k++)
		moment[k] = (k + 1) * PG;
	gp->moment[gp->nr_moments++] =
		(struct growth_moment){ .net = moment, .nr_paths = gp->nr_paths };
	for (gp->nr_ticks = 0; gp->nr_ticks < 40; gp->nr_ticks++) {
		for (uint32_t i = 1; i <= 20; i++)
			bring(gp, &at, i, 1, 20);
		total[gp->nr_ticks] = ledger_total(&gp->ledger);
		growth_paths_keep(gp);
	}
	ASSERT_EQ(0, growth_paths_merge(gp, 2));
	EXPECT_EQ(3u, gp->nr_paths);
	EXPECT_EQ(18u, gp->path[2].nr_merged);
	EXPECT_EQ(5u, gp->path[2].nr_tids);
	for (unsigned int i = 0; i < 40; i++) {
		int64_t got = 0;

		for (uint32_t k = 0; k < gp->nr_paths; k++)
			got += i < gp->path[k].nr_series ? gp->path[k].series[i] : 0;
		EXPECT_EQ(total[i], got);
	}
	/* the paths with most in them were the first three, of which one is rare now */
	EXPECT_EQ(6 * PG, gp->moment[0].net[0] + gp->moment[0].net[1] + gp->moment[0].net[2]);
	growth_paths_thin(gp, 20);
	for (unsigned int i = 0; i < 20; i++) {
		int64_t got = 0;

		for (uint32_t k = 0; k < gp->nr_paths; k++)
			got += gp->path[k].series[i];
		EXPECT_EQ(total[2 * i], got);
	}
}

TEST_F(paths, nothing_is_merged_twice)
{
	struct growth_proc *gp = self->gp;
	uint64_t at = A;
	uint32_t rare;

	for (uint32_t i = 1; i <= 100; i++)
		bring(gp, &at, i, 1, i);
	for (unsigned int round = 0; round < 5; round++) {
		ASSERT_EQ(0, growth_paths_merge(gp, 10));
		EXPECT_EQ(11u, gp->nr_paths);
		EXPECT_EQ(100 * 101 / 2 * PG, sum(gp, &rare));
		EXPECT_EQ(90u, rare);
	}
	EXPECT_EQ(100 * PG, net(gp, 100, 1));
	EXPECT_EQ(LEDGER_NO_PATH, growth_path_for(gp, 0, false, 1));
}

TEST_HARNESS_MAIN
