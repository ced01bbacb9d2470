// SPDX-License-Identifier: GPL-2.0
/* When a keyframe is due, and what a flight recorder keeps. */
#include <stdlib.h>

#include "kselftest_harness.h"
#include "trace/ring.h"
#include "trace/writer.h"

static int nothing(void *ctx, const struct chunk_info *ci, const uint8_t *data, size_t len)
{
	(void)ctx;
	(void)ci;
	(void)data;
	(void)len;
	return 0;
}

static unsigned int give_until_due(struct __test_metadata *_metadata, struct trace_writer *w,
				   const struct mtr_event *ev, unsigned int most)
{
	unsigned int n = 0;

	for (; n < most && !trace_writer_key_due(w, 1); n++)
		ASSERT_EQ(0, trace_writer_event(w, ev));
	return n;
}

struct large {
	unsigned int nr; /* of state events */
	uint64_t v[MTR_STATE_LEN];
};

static int fill_large(void *ctx, event_sink_fn sink, void *sink_ctx)
{
	struct large *l = ctx;
	struct mtr_event ev = { .kind = MTR_EV_STATE, .time_ns = 1 };
	int err = 0;

	ev.state = (struct mtr_ev_state){ .what = MTR_ST_REGION, .nr = MTR_STATE_LEN, .v = l->v };
	for (unsigned int i = 0; i < l->nr && !err; i++) {
		for (unsigned int k = 0; k < MTR_STATE_LEN; k++)
			l->v[k] = l->v[k] * 6364136223846793005ull + i + 1;
		err = sink(sink_ctx, &ev);
	}
	return err;
}

/* As much work as a seek should do, however small the events; as many bytes as a keyframe has. */
TEST(keyframe_due)
{
	struct strtab *st = strtab_new();
	struct trace_writer *w = trace_writer_new(st, NULL, nothing, NULL);
	struct mtr_event ev = { .kind = MTR_EV_FAULT, .as = 1, .tid = 7, .time_ns = 1000 };
	struct large l = { .nr = 1 };
	unsigned int small, large;

	ASSERT_NE(NULL, w);
	small = give_until_due(_metadata, w, &ev, 10000000);
	EXPECT_GE(small, 50000);
	EXPECT_LE(small, 500000);
	ASSERT_EQ(0, trace_writer_keyframe(w, 1, fill_large, &l));
	EXPECT_FALSE(trace_writer_key_due(w, 1));
	EXPECT_EQ(small, give_until_due(_metadata, w, &ev, 10000000));
	/* a large model: its keyframes do not become most of the file */
	l.nr = 5000;
	ASSERT_EQ(0, trace_writer_keyframe(w, 1, fill_large, &l));
	ASSERT_GT(trace_writer_stats(w)->key_sz, 1u << 20);
	large = give_until_due(_metadata, w, &ev, 10000000);
	EXPECT_GT(large, small);
	EXPECT_LT(large, 10000000);
	/* little happens: not for the time alone */
	ASSERT_EQ(0, trace_writer_keyframe(w, 1, fill_large, &l));
	ASSERT_EQ(0, trace_writer_event(w, &ev));
	EXPECT_FALSE(trace_writer_key_due(w, 3600ull * 1000000000));
	trace_writer_free(w);
	strtab_free(st);
}

/* ---- the flight recorder's memory */

static void make_chunk(struct trace_ring *r, unsigned int i, bool key, size_t len)
{
	uint8_t *data = calloc(1, len);
	struct chunk_info ci = { .type = key ? CHUNK_KEYFRAME : CHUNK_EVENTS,
				 .flags = key ? CHUNK_F_FIRST | CHUNK_F_LAST : 0,
				 .seq = i,
				 .nr_events = 1,
				 .begin_ns = i * 1000ull,
				 .end_ns = i * 1000ull + 999 };

	if (data && !trace_ring_chunk(r, &ci, data, len))
		free(data);
}

struct dumped {
	unsigned int nr;
	uint64_t first, last;
	bool key_first, ordered;
};

static int on_dump(void *ctx, const struct chunk_info *ci, const uint8_t *data, size_t len)
{
	struct dumped *d = ctx;

	(void)data;
	(void)len;
	if (!d->nr++) {
		d->first = ci->seq;
		d->key_first = ci->type == CHUNK_KEYFRAME;
		d->ordered = true;
	} else {
		d->ordered &= ci->seq == d->last + 1;
	}
	d->last = ci->seq;
	return 0;
}

TEST(ring_by_size)
{
	struct trace_ring *r = trace_ring_new(100000, 0);
	struct dumped d = {};

	for (unsigned int i = 0; i < 1000; i++) {
		make_chunk(r, i, i % 5 == 0, 2000);
		ASSERT_LE(trace_ring_bytes(r), 100000);
	}
	ASSERT_EQ(0, trace_ring_dump(r, on_dump, &d));
	EXPECT_TRUE(d.key_first);
	EXPECT_TRUE(d.ordered);
	EXPECT_EQ(999, d.last);
	EXPECT_GE(d.nr, 40);
	trace_ring_free(r);
}

TEST(ring_by_time)
{
	struct trace_ring *r = trace_ring_new(~0ull, 20000);
	struct dumped d = {};

	for (unsigned int i = 0; i < 1000; i++)
		make_chunk(r, i, i % 5 == 0, 100);
	ASSERT_EQ(0, trace_ring_dump(r, on_dump, &d));
	EXPECT_TRUE(d.key_first);
	EXPECT_TRUE(d.ordered);
	/* all of the time that was asked for, and not more than a keyframe's distance beyond it */
	EXPECT_LE(d.first * 1000, 999 * 1000 + 999 - 20000);
	EXPECT_GE(d.first * 1000 + 5000, 999 * 1000 + 999 - 20000);
	trace_ring_free(r);
}

/* No keyframe in all that fits: the bound holds all the same. */
TEST(ring_without_keyframes)
{
	struct trace_ring *r = trace_ring_new(50000, 0);
	struct dumped d = {};

	for (unsigned int i = 0; i < 200; i++) {
		make_chunk(r, i, false, 3000);
		ASSERT_LE(trace_ring_bytes(r), 50000);
	}
	ASSERT_EQ(0, trace_ring_dump(r, on_dump, &d));
	EXPECT_TRUE(d.ordered);
	EXPECT_EQ(199, d.last);
	trace_ring_free(r);
}

/* Without keyframes: chunk by chunk, and what went is counted. */
TEST(ring_each)
{
	struct trace_ring *r = trace_ring_new(100000, 0), *aged = trace_ring_new(1 << 20, 20000);
	struct dumped d = {};

	ASSERT_NE(NULL, r);
	ASSERT_NE(NULL, aged);
	trace_ring_each(r);
	trace_ring_each(aged);
	for (unsigned int i = 0; i < 100; i++) {
		make_chunk(r, i, false, 5000);
		make_chunk(aged, i, false, 100);
		EXPECT_GE(100000, trace_ring_bytes(r));
	}
	EXPECT_EQ(0, trace_ring_dump(r, on_dump, &d));
	EXPECT_EQ(99, d.last);
	EXPECT_TRUE(d.ordered);
	EXPECT_EQ(100, d.nr + trace_ring_dropped(r));
	EXPECT_LE(90000, trace_ring_bytes(r));
	/* a bound that becomes narrower counts at once */
	trace_ring_limit(r, 20000);
	EXPECT_GE(20000, trace_ring_bytes(r));
	d = (struct dumped){};
	EXPECT_EQ(0, trace_ring_dump(aged, on_dump, &d));
	EXPECT_EQ(99, d.last);
	EXPECT_LE(19, d.nr);
	EXPECT_GE(22, d.nr);
	trace_ring_free(aged);
	trace_ring_free(r);
}

TEST_HARNESS_MAIN
