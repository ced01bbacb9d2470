// SPDX-License-Identifier: GPL-2.0
/*
 * A trace in pieces: the same events as from a file, wherever it is cut; what the sender left out
 * is counted to the event, and the keyframe behind it is taken; damage ends it.
 */
#include <errno.h>
#include <stdlib.h>

#include "event/sites.h"
#include "kselftest_harness.h"
#include "trace/proto.h"
#include "trace/stream.h"
#include "tracebuf.h"

#define STEPS 12
#define PER_STEP 7
#define KEY_EACH 3
#define MOST 256

/* What came: numbers of faults, of a keyframe its number negated, and losses. */
struct got {
	int64_t nr[MOST];
	unsigned int n, in_key;
	uint64_t lost;
	unsigned int talks;
	struct proto_answer a;
	struct trace_stream *ts;
	unsigned int stop_at; /* 0: never */
	struct strtab *st;
	char name[32];
};

static int on_event(void *ctx, const struct mtr_event *ev)
{
	struct got *g = ctx;

	if (ev->kind == MTR_EV_LOST)
		g->lost += ev->lost.count;
	if (g->n < MOST && ev->kind == MTR_EV_FAULT)
		g->nr[g->n++] = (int64_t)ev->fault.addr / 4096;
	if (g->n < MOST && ev->kind == MTR_EV_STATE) {
		g->nr[g->n++] = -(int64_t)ev->state.v[0];
		g->in_key += trace_stream_in_key(g->ts);
	}
	if (ev->kind == MTR_EV_MARK)
		snprintf(g->name, sizeof(g->name), "%s", strtab_str(g->st, ev->mark.name));
	return g->stop_at && g->n >= g->stop_at ? -ECANCELED : 0;
}

static int on_talk(void *ctx, const struct chunk_info *ci, const uint8_t *data, size_t len)
{
	struct got *g = ctx;

	g->talks++;
	return ci->type == CHUNK_ANSWER ? proto_answer_get(data, len, &g->a) : 0;
}

/* The pieces of a stream as a sender has them, each on its own: any may be left out. */
struct sent {
	struct tracebuf piece[64];
	uint8_t type[64];
	unsigned int nr;
	uint64_t told;
};

static int keep(void *ctx, const struct chunk_info *ci, const uint8_t *data, size_t len)
{
	struct sent *s = ctx;

	tracebuf_add(&s->piece[s->nr], data, len);
	s->type[s->nr++] = ci->type;
	return 0;
}

static int fill(void *ctx, event_sink_fn sink, void *sink_ctx)
{
	const struct sent *s = ctx;
	struct mtr_event ev = { .kind = MTR_EV_STATE, .time_ns = 5 };

	ev.state = (struct mtr_ev_state){ .what = MTR_ST_MODEL, .nr = 1, .v = &s->told };
	return sink(sink_ctx, &ev);
}

FIXTURE(t)
{
	struct sent sent;
	struct got got;
	struct strtab *st;
	struct trace_stream *ts;
};

static void send_all(struct __test_metadata *_metadata, struct sent *s)
{
	struct strtab *st = strtab_new();
	struct trace_writer *w = trace_writer_new(st, NULL, keep, s);
	struct trace_facts *f = calloc(1, sizeof(*f));
	uint8_t head[TRACE_HEADER_SZ], *facts = malloc(FACTS_CHUNK_MAX);
	struct chunk_info ci;
	size_t len;

	ASSERT_TRUE(w && f && facts);
	trace_put_header(head);
	tracebuf_add(&s->piece[0], head, sizeof(head));
	s->nr = 1;
	facts_set(f, "rung", "fentry");
	len = trace_facts_chunk(f, &ci, facts);
	keep(s, &ci, facts, len);
	for (unsigned int i = 0; i < STEPS; i++) {
		struct mtr_event mark = { .kind = MTR_EV_MARK, .time_ns = 77 };

		if (i % KEY_EACH == 0)
			ASSERT_EQ(0, trace_writer_keyframe(w, 5, fill, s));
		for (unsigned int k = 0; k < PER_STEP; k++) {
			struct mtr_event ev = { .kind = MTR_EV_FAULT, .as = 1, .tid = 7 };

			ev.time_ns = 1000 + s->told;
			ev.fault.addr = ++s->told * 4096;
			ASSERT_EQ(0, trace_writer_event(w, &ev));
		}
		mark.mark.name = strtab_intern_str(st, i % 2 ? "odd" : "even");
		s->told++;
		ASSERT_EQ(0, trace_writer_event(w, &mark));
		ASSERT_EQ(0, trace_writer_flush(w));
	}
	trace_writer_free(w);
	strtab_free(st);
	free(f);
	free(facts);
}

FIXTURE_SETUP(t)
{
	send_all(_metadata, &self->sent);
	self->st = strtab_new();
	self->ts = trace_stream_new(self->st);
	ASSERT_NE(NULL, self->ts);
	self->got.ts = self->ts;
	self->got.st = self->st;
}

FIXTURE_TEARDOWN(t)
{
	for (unsigned int i = 0; i < self->sent.nr; i++)
		tracebuf_free(&self->sent.piece[i]);
	trace_stream_free(self->ts);
	strtab_free(self->st);
}

typedef FIXTURE_DATA(t) T;

static int take(T *self, unsigned int i)
{
	return trace_stream_take(self->ts, self->sent.piece[i].data, self->sent.piece[i].len,
				 on_event, on_talk, &self->got);
}

/* The number that the event told as the @n-th has; marks count, too. */
static unsigned int all_faults(const struct got *g)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < g->n; i++)
		n += g->nr[i] > 0;
	return n;
}

/* In pieces of one byte up to more than the whole: always the same. */
TEST_F(t, cut_anywhere)
{
	struct tracebuf all = {};

	for (unsigned int i = 0; i < self->sent.nr; i++)
		tracebuf_add(&all, self->sent.piece[i].data, self->sent.piece[i].len);
	for (size_t step = 1; step <= all.len + 1; step = step < 80 ? step + 1 : step * 3) {
		struct strtab *st = strtab_new();
		struct trace_stream *ts = trace_stream_new(st);
		struct got g = { .ts = ts, .st = st };

		ASSERT_NE(NULL, ts);
		for (size_t at = 0; at < all.len; at += step)
			ASSERT_EQ(0, trace_stream_take(ts, all.data + at,
						       step < all.len - at ? step : all.len - at,
						       on_event, on_talk, &g));
		ASSERT_EQ(STEPS * PER_STEP, all_faults(&g));
		/* the first keyframe is given, the others are not needed */
		EXPECT_EQ(1, g.in_key);
		EXPECT_EQ(1, trace_stream_keys(ts));
		EXPECT_EQ(0, g.nr[0]);
		EXPECT_EQ(1, g.nr[1]);
		EXPECT_EQ(0, g.lost);
		EXPECT_STREQ("odd", g.name);
		EXPECT_STREQ("fentry", facts_get(trace_stream_facts(ts), "rung"));
		trace_stream_free(ts);
		strtab_free(st);
	}
	tracebuf_free(&all);
}

/* Each piece of events left out in turn, up to the next keyframe: just those are missing, and said to be. */
TEST_F(t, left_out)
{
	for (unsigned int out = 3; out < self->sent.nr; out++) {
		struct strtab *st = strtab_new();
		struct trace_stream *ts = trace_stream_new(st);
		struct got g = { .ts = ts, .st = st };
		unsigned int gone = 0;
		bool behind = false;

		ASSERT_NE(NULL, ts);
		if (self->sent.type[out] != CHUNK_EVENTS)
			goto out_free;
		for (unsigned int i = 0; i < self->sent.nr; i++) {
			behind |= i == out;
			behind &= !(i > out && self->sent.type[i] == CHUNK_KEYFRAME);
			if (behind) {
				gone += self->sent.type[i] == CHUNK_EVENTS;
				continue;
			}
			ASSERT_EQ(0, trace_stream_take(ts, self->sent.piece[i].data,
						       self->sent.piece[i].len, on_event, on_talk,
						       &g));
		}
		EXPECT_EQ((STEPS - gone) * PER_STEP, all_faults(&g));
		/* at the end nobody has said yet that something is missing */
		if (!behind) {
			EXPECT_EQ((uint64_t)gone * (PER_STEP + 1), g.lost);
			EXPECT_EQ(g.lost, trace_stream_missing(ts));
			EXPECT_EQ(2, trace_stream_keys(ts));
		}
out_free:
		trace_stream_free(ts);
		strtab_free(st);
	}
}

/* Who comes in the middle gets a keyframe first; what was before is not lost. */
TEST_F(t, joins_later)
{
	unsigned int key = 0;

	for (unsigned int i = 3; i < self->sent.nr && !key; i++)
		if (self->sent.type[i] == CHUNK_KEYFRAME)
			key = i;
	ASSERT_NE(0, key);
	ASSERT_EQ(0, take(self, 0));
	ASSERT_EQ(0, take(self, 1));
	for (unsigned int i = key; i < self->sent.nr; i++)
		ASSERT_EQ(0, take(self, i));
	EXPECT_EQ(0, self->got.lost);
	EXPECT_EQ(-(int64_t)KEY_EACH * (PER_STEP + 1), self->got.nr[0]);
	EXPECT_EQ((STEPS - KEY_EACH) * PER_STEP, all_faults(&self->got));
}

/* Answers between chunks; and one can stop between two pieces. */
TEST_F(t, answers_between)
{
	const struct proto_answer a = { .verb = 3, .pid = 9, .text = "hello" };
	uint8_t buf[PROTO_MAX_ANSWER];
	size_t len = proto_answer_put(&a, buf), at = 0;

	ASSERT_EQ(0, take(self, 0));
	EXPECT_EQ(CHUNK_HEADER_SZ, trace_stream_want(self->ts));
	while (!self->got.talks) {
		size_t want = trace_stream_want(self->ts);

		ASSERT_LE(at + want, len);
		ASSERT_EQ(0, trace_stream_take(self->ts, buf + at, want, on_event, on_talk,
					       &self->got));
		at += want;
	}
	EXPECT_EQ(len, at);
	EXPECT_STREQ("hello", self->got.a.text);
	for (unsigned int i = 1; i < self->sent.nr; i++) {
		ASSERT_EQ(0, take(self, i));
		ASSERT_EQ(0, trace_stream_take(self->ts, buf, len, on_event, on_talk, &self->got));
	}
	EXPECT_EQ(STEPS * PER_STEP, all_faults(&self->got));
	EXPECT_EQ(self->sent.nr, self->got.talks);
}

/* Any bit of any piece the other way round: it ends, or the bit meant nothing; never other events. */
TEST_F(t, damage_ends_it)
{
	unsigned int ended = 0, tried = 0;

	for (unsigned int i = 0; i < self->sent.nr; i++) {
		struct tracebuf *p = &self->sent.piece[i];

		for (size_t bit = 0; bit < 8 * p->len; bit += 5, tried++) {
			struct strtab *st = strtab_new();
			struct trace_stream *ts = trace_stream_new(st);
			struct got g = { .ts = ts, .st = st };
			int err = 0;

			ASSERT_NE(NULL, ts);
			p->data[bit / 8] ^= (uint8_t)(1 << bit % 8);
			for (unsigned int k = 0; k < self->sent.nr && !err; k++)
				err = trace_stream_take(ts, self->sent.piece[k].data,
							self->sent.piece[k].len, on_event, on_talk,
							&g);
			p->data[bit / 8] ^= (uint8_t)(1 << bit % 8);
			ended += err == -EPROTO;
			EXPECT_TRUE(err == -EPROTO || all_faults(&g) == STEPS * PER_STEP);
			/* once ended it stays so */
			if (err)
				EXPECT_EQ(err,
					  trace_stream_take(ts, "x", 1, on_event, on_talk, &g));
			trace_stream_free(ts);
			strtab_free(st);
		}
	}
	EXPECT_GT(ended, tried * 9 / 10);
}

TEST_F(t, the_taker_stops)
{
	int err = 0;

	self->got.stop_at = 5;
	for (unsigned int i = 0; i < self->sent.nr && !err; i++)
		err = take(self, i);
	EXPECT_EQ(-ECANCELED, err);
	EXPECT_EQ(5, self->got.n);
}

TEST_F(t, of_a_newer_one)
{
	uint8_t *h = self->sent.piece[0].data;

	put_le(h + TH_MIN_READER, TRACE_VERSION + 1, 2);
	put_le(h + TH_CRC, trace_crc(h, TH_CRC), 4);
	EXPECT_EQ(-EPROTONOSUPPORT, take(self, 0));
}

TEST_HARNESS_MAIN
