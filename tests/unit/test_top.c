// SPDX-License-Identifier: GPL-2.0
/* What grows, which limit is near, lists in order, and the fold of the Layout view. */
#include <string.h>

#include "analysis/rows.h"
#include "analysis/top.h"
#include "fake_model.h"
#include "kselftest_harness.h"

#define MIB (1ll << 20)
#define S 1000000000ull

static struct layout_row row(uint64_t start, enum region_kind kind, int64_t res, int64_t growth,
			     double rate)
{
	return (struct layout_row){ .start = start,
				    .end = start + 4096,
				    .nr = 1,
				    .kind = kind,
				    .res = res,
				    .growth = growth,
				    .rate = rate,
				    .grew = rate > 0 };
}

TEST(grower_by_rate_then_by_growth)
{
	struct layout_row rows[] = {
		row(0x3000, RK_ARENA, 80 * MIB, 60 * MIB, 0),
		row(0x2000, RK_HEAP, 90 * MIB, 20 * MIB, 1e6),
		row(0x1000, RK_ANON, 10 * MIB, -5 * MIB, -1e6),
	};
	struct layout l = { .row = rows, .nr = 3, .max_res = 90 * MIB };
	struct top_grower g;

	top_grower(&l, &g);
	EXPECT_EQ(&rows[1], g.row);
	EXPECT_TRUE(g.now);
	EXPECT_EQ(25, g.percent);

	EXPECT_EQ(&rows[0], g.most);
	EXPECT_EQ(75, g.most_percent);

	rows[1].rate = 0;
	top_grower(&l, &g);
	EXPECT_EQ(&rows[0], g.row);
	EXPECT_EQ(NULL, g.most);
	EXPECT_FALSE(g.now);
	EXPECT_EQ(75, g.percent);

	l.nr = 0;
	top_grower(&l, &g);
	EXPECT_EQ(NULL, g.row);
}

static struct mtr_limit limit(enum mtr_limit_kind kind, int64_t max, int64_t used)
{
	return (struct mtr_limit){ .kind = kind,
				   .limit_bytes = (uint64_t)max,
				   .used_bytes = (uint64_t)used };
}

TEST(limit_with_the_least_room)
{
	struct mtr_limits l = { .nr = 2 };
	struct top_limit t;

	l.lim[0] = limit(MTR_LIM_HOST, 1000 * MIB, 600 * MIB);
	l.lim[1] = limit(MTR_LIM_CGROUP, 200 * MIB, 150 * MIB);
	top_limit(&l, 0, 0, &t);
	EXPECT_EQ(&l.lim[1], t.lim);
	EXPECT_EQ(50 * MIB, t.left_bytes);
	EXPECT_EQ(75, t.percent);
	EXPECT_EQ(0, t.full_ns);

	/* a mebibyte a second: fifty seconds */
	top_limit(&l, (double)MIB, 0, &t);
	EXPECT_EQ(50, t.full_ns / S);

	/* over its limit: no time to full, and nothing left */
	l.lim[1].used_bytes = 250 * MIB;
	top_limit(&l, (double)MIB, 0, &t);
	EXPECT_EQ(400, t.full_ns / S);
	EXPECT_EQ(&l.lim[0], t.lim);
	top_limit(&l, 0, 0, &t);
	EXPECT_EQ(-50 * MIB, t.left_bytes);

	top_limit(NULL, 0, 0, &t);
	EXPECT_EQ(NULL, t.lim);
}

TEST(limit_that_is_full_first)
{
	struct mtr_limits l = { .nr = 2 };
	struct top_limit t;

	/* less room, but the virtual size stands still */
	l.lim[0] = limit(MTR_LIM_AS, 1000 * MIB, 990 * MIB);
	l.lim[1] = limit(MTR_LIM_CGROUP, 200 * MIB, 150 * MIB);
	top_limit(&l, (double)MIB, 0, &t);
	EXPECT_EQ(&l.lim[1], t.lim);
	top_limit(&l, (double)MIB, (double)MIB, &t);
	EXPECT_EQ(&l.lim[0], t.lim);
	EXPECT_EQ(10, t.full_ns / S);
	/* days away is not near */
	top_limit(&l, 5000, 0, &t);
	EXPECT_EQ(&l.lim[0], t.lim);
}

TEST(limit_names)
{
	struct mtr_limit l = limit(MTR_LIM_CGROUP, MIB, 0);
	char buf[300];

	EXPECT_STREQ("cgroup /", top_limit_name(buf, sizeof(buf), &l, false));
	strcpy(l.name, "/system.slice/redis.slice");
	EXPECT_STREQ("cgroup redis.slice", top_limit_name(buf, sizeof(buf), &l, false));
	EXPECT_STREQ("cgroup /system.slice/redis.slice",
		     top_limit_name(buf, sizeof(buf), &l, true));
	l.kind = MTR_LIM_HOST;
	EXPECT_STREQ("host memory", top_limit_name(buf, sizeof(buf), &l, false));
}

TEST(filter)
{
	EXPECT_TRUE(rows_match("", "anything"));
	EXPECT_TRUE(rows_match("   ", "anything"));
	EXPECT_TRUE(rows_match("HEAP", "the heap rw-p"));
	EXPECT_TRUE(rows_match("rw-p heap", "heap rw-p"));
	EXPECT_FALSE(rows_match("rw-p stack", "heap rw-p"));
	EXPECT_FALSE(rows_match("!heap", "heap rw-p"));
	EXPECT_TRUE(rows_match("!stack rw", "heap rw-p"));
	EXPECT_TRUE(rows_match("!", "heap")); /* half typed: hides nothing */
}

TEST(stack_use)
{
	struct stack_info si = { .depth = 10, .high_water = 80, .limit = 100, .headroom = 90 };

	EXPECT_EQ(80, stack_used_percent(&si));
	si.high_water = -1;
	EXPECT_EQ(10, stack_used_percent(&si));
	si.limit = -1;
	EXPECT_EQ(-1, stack_used_percent(&si));
	si = (struct stack_info){ .depth = -1, .high_water = -1, .limit = 100 };
	EXPECT_EQ(-1, stack_used_percent(&si));
}

FIXTURE(lists)
{
	struct fake f;
	struct region_rows regions;
	struct thread_rows threads;
};

FIXTURE_SETUP(lists)
{
	struct fake_opts o = { .nr_workers = 3 };

	memset(self, 0, sizeof(*self));
	ASSERT_EQ(0, fake_init(&self->f, &o));
	for (int i = 0; i < 90; i++)
		fake_tick(&self->f);
}

FIXTURE_TEARDOWN(lists)
{
	rows_regions_fini(&self->regions);
	rows_threads_fini(&self->threads);
	fake_fini(&self->f);
}

TEST_F(lists, regions_in_every_order)
{
	struct proc *p = fake_proc(&self->f, 0);
	struct region_rows *r = &self->regions;

	for (int s = 0; s < RSORT_NR; s++) {
		uint64_t first;

		ASSERT_EQ(0, rows_regions(r, p, self->f.st, "", s, false));
		ASSERT_EQ(p->aspace.nr, r->nr);
		first = r->row[0]->start;
		ASSERT_EQ(0, rows_regions(r, p, self->f.st, "", s, true));
		EXPECT_EQ(first, r->row[r->nr - 1]->start);
	}
	ASSERT_EQ(0, rows_regions(r, p, self->f.st, "", RSORT_RES, false));
	for (unsigned int i = 1; i < r->nr; i++)
		EXPECT_GE(region_resident(r->row[i - 1]), region_resident(r->row[i]));
	EXPECT_EQ(RK_HEAP, r->row[0]->kind);
	ASSERT_EQ(0, rows_regions(r, p, self->f.st, "", RSORT_ADDR, false));
	for (unsigned int i = 1; i < r->nr; i++)
		EXPECT_GT(r->row[i - 1]->start, r->row[i]->start);
}

TEST_F(lists, regions_that_fit)
{
	struct proc *p = fake_proc(&self->f, 0);
	struct region_rows *r = &self->regions;

	ASSERT_EQ(0, rows_regions(r, p, self->f.st, "heap", RSORT_RES, false));
	ASSERT_EQ(1, r->nr);
	EXPECT_EQ(p->aspace.nr, r->total);
	ASSERT_EQ(0, rows_regions(r, p, self->f.st, "libc r-xp", RSORT_RES, false));
	ASSERT_EQ(1, r->nr);
	EXPECT_EQ(RK_TEXT, r->row[0]->kind);
	/* an address inside, with and without 0x */
	ASSERT_EQ(0, rows_regions(r, p, self->f.st, "0x55d2a4f10fff", RSORT_RES, false));
	ASSERT_EQ(1, r->nr);
	EXPECT_EQ(RK_HEAP, r->row[0]->kind);
	ASSERT_EQ(0, rows_regions(r, p, self->f.st, "7fc91b9fefff", RSORT_RES, false));
	EXPECT_EQ(1, r->nr);
	ASSERT_EQ(0, rows_regions(r, p, self->f.st, "nothing of it", RSORT_RES, false));
	EXPECT_EQ(0, r->nr);
}

TEST_F(lists, threads_by_room)
{
	struct proc *p = fake_proc(&self->f, 0);
	struct thread_rows *r = &self->threads;
	struct thread lone = { .tid = 99999 };

	HASH_ADD(hh, p->threads, tid, sizeof(lone.tid), &lone);
	ASSERT_EQ(0, rows_threads(r, p, self->f.st, "", TSORT_HEADROOM, false));
	ASSERT_EQ(6, r->nr);
	EXPECT_EQ(FAKE_PID + 10, r->row[0].t->tid);
	EXPECT_EQ(99999, r->row[5].t->tid); /* unknown is last in both directions */
	ASSERT_EQ(0, rows_threads(r, p, self->f.st, "", TSORT_HEADROOM, true));
	EXPECT_EQ(99999, r->row[5].t->tid);
	EXPECT_EQ(FAKE_PID + 10, r->row[4].t->tid);
	HASH_DEL(p->threads, &lone);

	ASSERT_EQ(0, rows_threads(r, p, self->f.st, "worker !2", TSORT_TID, false));
	EXPECT_EQ(2, r->nr);
	ASSERT_EQ(0, rows_threads(r, p, self->f.st, "#4125", TSORT_TID, false));
	EXPECT_EQ(1, r->nr);
}

TEST_F(lists, residency_is_the_weakest)
{
	struct proc *p = fake_proc(&self->f, 0);
	struct top_residency t;
	struct region *r;

	top_residency(p, &t);
	EXPECT_EQ(RES_ESTIMATED, t.state);
	EXPECT_EQ(90, (self->f.now_ns - t.oldest_ns) / S);
	aspace_for_each(r, &p->aspace)
		r->residency = RES_EXACT;
	top_residency(p, &t);
	EXPECT_EQ(RES_EXACT, t.state);
}

TEST(fold_keeps_what_grows)
{
	struct layout_row rows[40];
	struct layout l = { .row = rows, .nr = 40, .max_res = 100 * MIB };
	struct fold_item item[40];
	unsigned int n, sum = 0;

	for (unsigned int i = 0; i < 40; i++)
		rows[i] = row(0x700000000000ull - i * 0x10000, RK_THREAD_STACK, 4096, 0, 0);
	rows[20] = row(rows[20].start, RK_ANON, 4096, 4096, 8192);
	rows[39] = row(rows[39].start, RK_HEAP, 100 * MIB, 0, 0);

	/* room for all: nothing is folded */
	EXPECT_EQ(40, fold_layout(&l, item, 40));
	n = fold_layout(&l, item, 10);
	EXPECT_LE(n, 10);
	for (unsigned int i = 0; i < n; i++) {
		EXPECT_EQ(sum, item[i].first); /* in order, nothing missing */
		sum += item[i].nr;
		if (item[i].nr > 1) {
			EXPECT_FALSE(item[i].first <= 20 && 20 < item[i].first + item[i].nr);
			EXPECT_LT(item[i].first + item[i].nr, 40);
		}
	}
	EXPECT_EQ(40, sum);
	/* no more than needed */
	EXPECT_EQ(39, fold_layout(&l, item, 39));
	EXPECT_EQ(4, fold_layout(&l, item, 4));
	/* where nothing else is left small ones that grow are folded, too, large ones never */
	EXPECT_EQ(2, fold_layout(&l, item, 1));
	rows[20].growth = 6 * MIB;
	EXPECT_EQ(4, fold_layout(&l, item, 1));
}

TEST(fold_by_rank)
{
	struct layout_row rows[8];
	struct layout l = { .row = rows, .nr = 8, .max_res = 100 * MIB };
	struct fold_item item[8];

	for (unsigned int i = 0; i < 8; i++)
		rows[i] = row(0x700000000000ull - i * 0x10000, i < 4 ? RK_THREAD_STACK : RK_TEXT,
			      4096, 0, 0);
	for (unsigned int i = 4; i < 8; i++)
		rows[i].module = true;
	/* modules before stacks */
	EXPECT_EQ(5, fold_layout(&l, item, 5));
	EXPECT_EQ(4, item[4].first);
	EXPECT_EQ(4, item[4].nr);
}

TEST_HARNESS_MAIN
