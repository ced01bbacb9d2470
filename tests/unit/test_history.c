// SPDX-License-Identifier: GPL-2.0
/* The bounded series: all of the run in view, extremes never lost, memory bounded. */
#include "kselftest_harness.h"
#include "model/history.h"

FIXTURE(h)
{
	struct history h;
};

typedef FIXTURE_DATA(h) H;

FIXTURE_SETUP(h)
{
	history_init(&self->h);
}

FIXTURE_TEARDOWN(h)
{
	history_fini(&self->h);
}

static void add(H *h, uint64_t t, int64_t rss)
{
	struct hist_sample s = { .time_ns = t, .rss = rss, .bytes = { rss } };

	history_add(&h->h, &s);
}

TEST_F(h, each_tick_is_a_sample_while_there_is_room)
{
	for (uint64_t i = 1; i <= HISTORY_LEN; i++)
		add(self, i, (int64_t)i * 10);
	ASSERT_EQ(HISTORY_LEN, self->h.nr);
	EXPECT_EQ(1, self->h.per_sample);
	for (unsigned int i = 0; i < HISTORY_LEN; i++) {
		EXPECT_EQ(i + 1, self->h.s[i].time_ns);
		EXPECT_EQ((i + 1) * 10, self->h.s[i].rss);
		EXPECT_EQ((i + 1) * 10, self->h.s[i].rss_min);
		EXPECT_EQ((i + 1) * 10, self->h.s[i].rss_max);
	}
}

TEST_F(h, a_full_one_halves_its_resolution)
{
	for (uint64_t i = 1; i <= HISTORY_LEN + 1; i++)
		add(self, i, (int64_t)i);
	EXPECT_EQ(HISTORY_LEN / 2 + 1, self->h.nr);
	EXPECT_EQ(2, self->h.per_sample);
	/* neighbours were merged: the later value, both extremes */
	EXPECT_EQ(2, self->h.s[0].time_ns);
	EXPECT_EQ(2, self->h.s[0].rss);
	EXPECT_EQ(2, self->h.s[0].bytes[HC_HEAP]);
	EXPECT_EQ(1, self->h.s[0].rss_min);
	EXPECT_EQ(2, self->h.s[0].rss_max);
	EXPECT_EQ(HISTORY_LEN, self->h.s[HISTORY_LEN / 2 - 1].time_ns);
	/* the next tick goes into the sample begun, the one after begins another */
	add(self, HISTORY_LEN + 2, 5);
	EXPECT_EQ(HISTORY_LEN / 2 + 1, self->h.nr);
	EXPECT_EQ(5, self->h.s[HISTORY_LEN / 2].rss);
	EXPECT_EQ(5, self->h.s[HISTORY_LEN / 2].rss_min);
	EXPECT_EQ(HISTORY_LEN + 1, self->h.s[HISTORY_LEN / 2].rss_max);
	add(self, HISTORY_LEN + 3, 6);
	EXPECT_EQ(HISTORY_LEN / 2 + 2, self->h.nr);
}

/* A day of seconds, with one spike: still in it, in order, within the bound. */
TEST_F(h, a_long_run_keeps_its_extremes)
{
	int64_t lo = INT64_MAX, hi = 0;
	uint64_t last = 0;
	unsigned int bad = 0;

	for (uint64_t i = 1; i <= 86400; i++)
		add(self, i, i == 12345 ? 1000000 : i == 54321 ? 7 : 500);
	EXPECT_GE(HISTORY_LEN, self->h.nr);
	EXPECT_LE(HISTORY_LEN / 2, self->h.nr);
	EXPECT_GE(HISTORY_LEN, self->h.cap);
	EXPECT_LE(86400, self->h.nr * self->h.per_sample);
	for (unsigned int i = 0; i < self->h.nr; i++) {
		const struct hist_sample *s = &self->h.s[i];

		bad += s->time_ns <= last || s->rss_min > s->rss || s->rss_max < s->rss;
		last = s->time_ns;
		lo = s->rss_min < lo ? s->rss_min : lo;
		hi = s->rss_max > hi ? s->rss_max : hi;
	}
	EXPECT_EQ(0, bad);
	EXPECT_EQ(7, lo);
	EXPECT_EQ(1000000, hi);
	EXPECT_EQ(86400, last);
}

TEST(class_names)
{
	EXPECT_STREQ("heap", hist_class_name(HC_HEAP));
	EXPECT_STREQ("swap", hist_class_name(HC_SWAP));
	EXPECT_STREQ("unknown", hist_class_name(HC_NR));
}

TEST_HARNESS_MAIN
