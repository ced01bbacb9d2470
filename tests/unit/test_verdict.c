// SPDX-License-Identifier: GPL-2.0
/* Series drawn from seeds: each shape gets its name, and what does not leak is hardly ever called a leak. */
#include "kselftest_harness.h"

#include <math.h>
#include "analysis/verdict.h"

#define NR 120u
#define MIB (1 << 20)

static uint64_t seed;

static double unit(void)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (double)(seed >> 11) / (double)(1ull << 53);
}

/* Normally distributed */
static double noise(void)
{
	return sqrt(-2 * log(1 - unit())) * cos(6.283185307 * unit());
}

struct series {
	uint64_t time_ns[NR];
	int64_t bytes[NR];
	struct verdict_in in;
};

static void begin(struct series *s, uint64_t from_seed)
{
	seed = from_seed * 7919 + 13;
	unit();
	for (unsigned int i = 0; i < NR; i++)
		s->time_ns[i] = 5000000000ull + i * 250000000ull;
	s->in = (struct verdict_in){ .time_ns = s->time_ns,
				     .bytes = s->bytes,
				     .nr = NR,
				     .scale = 256 * MIB,
				     .gross = -1,
				     .released = -1,
				     .in_use = -1,
				     .limit_left = -1 };
}

static struct verdict find(struct series *s)
{
	struct verdict v;

	verdict_find(&s->in, &v);
	return v;
}

static void leak(struct series *s)
{
	double rate = (0.1 + 4 * unit()) * MIB, jitter = rate * unit(), at = 100 * MIB;

	for (unsigned int i = 0; i < NR; i++) {
		at += rate + jitter * noise();
		s->bytes[i] = (int64_t)at;
	}
}

static void quiet(struct series *s)
{
	double at = 100 * MIB, by = (0.001 + 0.1 * unit()) * MIB;

	for (unsigned int i = 0; i < NR; i++)
		s->bytes[i] = (int64_t)(at + by * noise());
}

/* Fills in a good part of the window, then stops. */
static void cache(struct series *s)
{
	double to = (8 + 200 * unit()) * MIB, tau = NR * (0.05 + 0.2 * unit());

	for (unsigned int i = 0; i < NR; i++)
		s->bytes[i] = (int64_t)(100 * MIB + to * (1 - exp(-(double)i / tau)) +
					0.002 * to * noise());
}

static void sawtooth(struct series *s)
{
	double height = (8 + 100 * unit()) * MIB, period = NR * (0.05 + 0.28 * unit());
	double phase = unit();

	for (unsigned int i = 0; i < NR; i++) {
		double x = i / period + phase;

		s->bytes[i] =
			(int64_t)(100 * MIB + height * (x - floor(x)) + 0.01 * height * noise());
	}
}

static void step(struct series *s)
{
	unsigned int at = (unsigned int)(NR * (0.2 + 0.6 * unit()));
	double height = (8 + 100 * unit()) * MIB;

	for (unsigned int i = 0; i < NR; i++)
		s->bytes[i] = (int64_t)(100 * MIB + (i >= at) * height + 0.002 * height * noise());
}

/* Comes back to its mean: a pool whose load varies. */
static void wander(struct series *s)
{
	double x = 0, by = (1 + 10 * unit()) * MIB;

	for (unsigned int i = 0; i < NR; i++) {
		x += -0.15 * x + by * noise();
		s->bytes[i] = (int64_t)(100 * MIB + x);
	}
}

static void wave(struct series *s)
{
	double height = (4 + 40 * unit()) * MIB, phase = unit(), periods = 1 + 3 * unit();

	for (unsigned int i = 0; i < NR; i++)
		s->bytes[i] =
			(int64_t)(100 * MIB + height * sin(6.283 * (phase + periods * i / NR)) +
				  0.02 * height * noise());
}

TEST(a_leak_is_like_one)
{
	struct series s;
	struct verdict v;
	unsigned int right = 0;

	for (uint64_t k = 0; k < 50; k++) {
		begin(&s, k);
		leak(&s);
		v = find(&s);
		right += v.kind == VERDICT_LEAK_LIKE;
		EXPECT_LE(v.rate_lo, v.rate);
		EXPECT_GE(v.rate_hi, v.rate);
	}
	EXPECT_EQ(50u, right);
}

/* The interval has the true rate in it about 95 times in 100. */
TEST(the_interval_is_honest)
{
	struct series s;
	struct verdict v;
	unsigned int held = 0;

	for (uint64_t k = 0; k < 400; k++) {
		double at = 0;

		begin(&s, k);
		for (unsigned int i = 0; i < NR; i++, at += (1 + 3 * noise()) * MIB)
			s.bytes[i] = (int64_t)at;
		v = find(&s);
		held += v.rate_lo <= 4 * MIB && v.rate_hi >= 4 * MIB;
	}
	EXPECT_GE(held, 368u); /* 92 % */
	EXPECT_LE(held, 395u);
}

TEST(shapes_have_their_names)
{
	static const struct {
		void (*draw)(struct series *s);
		enum verdict_kind want;
		unsigned int least; /* of 50 */
	} shapes[] = {
		{ cache, VERDICT_PLATEAU, 50 },
		{ sawtooth, VERDICT_SAWTOOTH, 50 },
		{ step, VERDICT_STEP, 50 },
		{ quiet, VERDICT_FLAT, 50 },
	};
	struct series s;

	for (unsigned int i = 0; i < sizeof(shapes) / sizeof(*shapes); i++) {
		unsigned int right = 0;

		for (uint64_t k = 0; k < 50; k++) {
			begin(&s, 1000 * i + k);
			shapes[i].draw(&s);
			right += find(&s).kind == shapes[i].want;
		}
		EXPECT_GE(right, shapes[i].least)
		{
			TH_LOG("%s: %u of 50", verdict_name(shapes[i].want), right);
		}
	}
}

TEST(what_does_not_leak_is_not_called_a_leak)
{
	static void (*const draws[])(struct series * s) = { quiet, cache,  sawtooth,
							    step,  wander, wave };
	const unsigned int nr = sizeof(draws) / sizeof(*draws);
	struct series s;

	for (unsigned int i = 0; i < nr; i++) {
		unsigned int wrong = 0;

		for (uint64_t k = 0; k < 50; k++) {
			begin(&s, 77 * i + k);
			draws[i](&s);
			wrong += find(&s).kind == VERDICT_LEAK_LIKE;
		}
		EXPECT_LE(wrong, 1u)
		{
			TH_LOG("series %u: %u of 50", i, wrong);
		}
	}
}

TEST(too_little_is_said_to_be)
{
	struct series s;

	begin(&s, 1);
	leak(&s);
	s.in.nr = 7;
	EXPECT_EQ(VERDICT_INSUFFICIENT, find(&s).kind);
	s.in.nr = 1;
	EXPECT_EQ(VERDICT_INSUFFICIENT, find(&s).kind);
	s.in.nr = 0;
	EXPECT_EQ(VERDICT_INSUFFICIENT, find(&s).kind);
}

/* What to do about it is true of where the series comes from. */
TEST(what_would_tell_more)
{
	static const char *const said[] = {
		[VERDICT_MORE_WATCH] = "-d TIME",
		[VERDICT_MORE_VIEW] = "watch it longer",
		[VERDICT_MORE_RECORDING] = "a longer recording",
		[VERDICT_MORE_PART] = "--from, --to",
		[VERDICT_MORE_NONE] = "has ended",
	};
	char text[256];
	struct series s;
	struct verdict v;

	begin(&s, 1);
	leak(&s);
	s.in.nr = 7;
	for (unsigned int i = 0; i <= VERDICT_MORE_NONE; i++) {
		s.in.more = (enum verdict_more)i;
		v = find(&s);
		ASSERT_EQ(VERDICT_INSUFFICIENT, v.kind);
		verdict_text(text, sizeof(text), &v, true);
		EXPECT_NE(NULL, strstr(text, said[i]));
		EXPECT_EQ(i == VERDICT_MORE_WATCH, strstr(text, "-d TIME") != NULL);
	}
}

/* What is given back again and again does not just grow, whatever the samples say. */
TEST(traffic_counts)
{
	struct series s;

	begin(&s, 1);
	leak(&s);
	s.in.gross = 1000 * MIB;
	s.in.released = 800 * MIB;
	EXPECT_NE(VERDICT_LEAK_LIKE, find(&s).kind);
	s.in.released = 667 * MIB; /* every third buffer is lost */
	EXPECT_EQ(VERDICT_LEAK_LIKE, find(&s).kind);
	s.in.released = 0;
	EXPECT_EQ(VERDICT_LEAK_LIKE, find(&s).kind);
}

TEST(time_to_the_limit)
{
	struct series s;
	struct verdict v;

	begin(&s, 1);
	for (unsigned int i = 0; i < NR; i++)
		s.bytes[i] = (int64_t)i * MIB;
	s.in.limit_left = 400 * MIB;
	v = find(&s);
	EXPECT_EQ(100, lround(v.full_s));
	EXPECT_EQ(4 * MIB, lround(v.slope));
	EXPECT_EQ(1000, lround(v.r2 * 1000));
}

TEST(the_allocator_tells_retention_from_fragmentation)
{
	struct series s;

	begin(&s, 1);
	for (unsigned int i = 0; i < NR; i++)
		s.bytes[i] = 200 * MIB;
	s.in.in_use = 20 * MIB;
	s.in.largest_free = 150 * MIB;
	EXPECT_EQ(VERDICT_RETENTION, find(&s).kind);
	s.in.largest_free = MIB;
	EXPECT_EQ(VERDICT_FRAGMENTATION, find(&s).kind);
	s.in.in_use = 180 * MIB;
	EXPECT_EQ(VERDICT_FLAT, find(&s).kind);
}

TEST(names_and_words)
{
	char text[512];
	struct series s;
	struct verdict v;

	for (int k = VERDICT_INSUFFICIENT; k <= VERDICT_FRAGMENTATION; k++)
		EXPECT_EQ(k, verdict_parse(verdict_name((enum verdict_kind)k)));
	EXPECT_EQ(-1, verdict_parse("leak"));
	begin(&s, 1);
	leak(&s);
	v = find(&s);
	verdict_text(text, sizeof(text), &v, true);
	EXPECT_NE(NULL, strstr(text, "consistent with a leak: +"));
	EXPECT_NE(NULL, strstr(text, "Not proof"));
	for (const char *c = text; *c; c++)
		EXPECT_LT((unsigned char)*c, 128);
}

TEST_HARNESS_MAIN
