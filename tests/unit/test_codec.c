// SPDX-License-Identifier: GPL-2.0
/* Events as bytes and back: nothing is lost, whatever their values and whatever came before. */
#include <errno.h>
#include <stdlib.h>

#include "kselftest_harness.h"
#include "trace/codec.h"

#define ARRAY(a) (sizeof(a) / sizeof((a)[0]))

/*
 * Payload of each kind: its size, and how much of that is padding. By hand, from event.h. (The
 * epoch of faults and of changes of counters is in the event's head: four bytes more.)
 */
static const struct {
	uint16_t kind;
	uint16_t sz, padding;
} payload[] = {
	{ MTR_EV_ATTACH, sizeof(struct mtr_ev_proc), 3 },
	{ MTR_EV_EXEC, sizeof(struct mtr_ev_proc), 3 },
	{ MTR_EV_EXIT, sizeof(struct mtr_ev_exit), 0 },
	{ MTR_EV_VMA, sizeof(struct mtr_ev_vma), 0 },
	{ MTR_EV_HOLE, sizeof(struct mtr_ev_range), 4 },
	{ MTR_EV_NAME, sizeof(struct mtr_ev_name), 4 },
	{ MTR_EV_FILE, sizeof(struct mtr_ev_file), 4 },
	{ MTR_EV_FAULT, sizeof(struct mtr_ev_fault) + 4, 6 },
	{ MTR_EV_RSS, sizeof(struct mtr_ev_rss) + 4, 11 },
	{ MTR_EV_THREAD, sizeof(struct mtr_ev_thread), 5 },
	{ MTR_EV_THREAD_EXIT, sizeof(struct mtr_ev_exit), 0 },
	{ MTR_EV_SIGNAL, sizeof(struct mtr_ev_signal), 7 },
	{ MTR_EV_OOM, 0, 0 },
	{ MTR_EV_RESYNC, sizeof(struct mtr_ev_range), 4 },
	{ MTR_EV_COMM, sizeof(struct mtr_ev_thread), 5 },
	{ MTR_EV_SNAP_BEGIN, sizeof(struct mtr_ev_snap), 6 },
	{ MTR_EV_SNAP_VMA, sizeof(struct mtr_ev_vma), 0 },
	{ MTR_EV_SNAP_END, sizeof(struct mtr_ev_snap), 6 },
	{ MTR_EV_RESIDENCY, sizeof(struct mtr_ev_residency), 0 },
	{ MTR_EV_SP, sizeof(struct mtr_ev_thread), 5 },
	{ MTR_EV_KERNEL, sizeof(struct mtr_ev_kernel), 7 },
	{ MTR_EV_LOST, sizeof(struct mtr_ev_lost), 4 },
	{ MTR_EV_MARK, sizeof(struct mtr_ev_mark), 0 },
	{ MTR_EV_INVALIDATE, sizeof(struct mtr_ev_invalidate) + 4, 4 },
	{ MTR_EV_MOVE, sizeof(struct mtr_ev_move), 7 },
	{ MTR_EV_CALL, sizeof(struct mtr_ev_call), 6 },
	{ MTR_EV_FRAME, sizeof(struct mtr_ev_frame), 0 },
	{ MTR_EV_TICK, sizeof(struct mtr_ev_tick), 0 },
	{ MTR_EV_LIMITS, sizeof(struct mtr_ev_limits), 4 },
	{ MTR_EV_LIMIT, sizeof(struct mtr_ev_limit), 0 },
	{ MTR_EV_COST, sizeof(struct mtr_cost), 0 },
	{ MTR_EV_DROP, 0, 0 },
	{ MTR_EV_MODULE, sizeof(struct mtr_ev_module), 4 },
};

FIXTURE(c)
{
	struct strtab *out_st, *in_st;
	struct stacktab *out_stacks, *in_stacks;
	struct codec *enc, *dec;
	uint8_t buf[CODEC_MAX_EVENT * 4];
	size_t len;
	uint32_t strings[4];
};

FIXTURE_SETUP(c)
{
	self->out_st = strtab_new();
	self->in_st = strtab_new();
	self->out_stacks = stacktab_new();
	self->in_stacks = stacktab_new();
	ASSERT_TRUE(self->out_stacks && self->in_stacks);
	self->enc = calloc(1, sizeof(*self->enc));
	self->dec = calloc(1, sizeof(*self->dec));
	ASSERT_TRUE(self->out_st && self->in_st && self->enc && self->dec);
	codec_init(self->enc, self->out_st, self->out_stacks);
	codec_init(self->dec, self->in_st, self->in_stacks);
	self->len = 0;
	/* the two tables give different ids to the same string */
	strtab_intern_str(self->in_st, "something else");
	self->strings[0] = 0;
	self->strings[1] = strtab_intern_str(self->out_st, "/usr/lib/libc.so.6");
	self->strings[2] = strtab_intern_str(self->out_st, "\xff\x01 raw");
	self->strings[3] = strtab_intern_str(self->out_st, "x");
}

FIXTURE_TEARDOWN(c)
{
	codec_fini(self->enc);
	codec_fini(self->dec);
	free(self->enc);
	free(self->dec);
	stacktab_free(self->out_stacks);
	stacktab_free(self->in_stacks);
	strtab_free(self->out_st);
	strtab_free(self->in_st);
}

typedef FIXTURE_DATA(c) C;

static uint64_t random64(void)
{
	static uint64_t x = 88172645463325252ull;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x;
}

static void set(struct mtr_event *ev, const struct field *f, uint64_t v)
{
	memcpy((char *)ev + f->off, &v, f->sz);
}

static uint64_t get(const struct mtr_event *ev, const struct field *f)
{
	uint64_t v = 0;

	memcpy(&v, (const char *)ev + f->off, f->sz);
	return v;
}

enum how { ZERO, ONES, HIGH_BIT, ANY, SMALL, HOW_NR };

static uint64_t value(C *c, const struct field *f, enum how how)
{
	const uint64_t v[HOW_NR] = { 0, ~0ull, 1ull << (f->sz * 8 - 1), random64(),
				     random64() % 300 };
	double d = (double)(int)random64();

	if (f->holds == FIELD_STRING)
		return c->strings[random64() % 4];
	if (f->holds == FIELD_BOOL)
		return v[how] & 1;
	if (f->holds == FIELD_MEMBER)
		return v[how] % MTR_NR_RSS;
	if (f->holds == FIELD_REAL) {
		uint64_t bits;

		memcpy(&bits, &d, sizeof(bits));
		return bits;
	}
	return f->sz == 8 ? v[how] : v[how] & ((1ull << (f->sz * 8)) - 1);
}

static struct mtr_event make(C *c, unsigned int kind, enum how how)
{
	struct mtr_event ev = { .kind = (uint16_t)kind };
	const uint64_t head[HOW_NR] = { 0, ~0ull, 1ull << 63, random64(), 12 };
	unsigned int nr;
	const struct field *f = codec_fields(kind, &nr);

	ev.time_ns = head[how];
	ev.as = (uint32_t)(head[how] >> (how == HIGH_BIT ? 32 : 0));
	ev.tid = ev.as ^ (how == ANY ? 7 : 0);
	ev.cpu = (uint16_t)ev.as;
	for (unsigned int i = 0; i < nr; i++)
		set(&ev, &f[i], value(c, &f[i], how));
	return ev;
}

static void encode(struct __test_metadata *_metadata, C *self, const struct mtr_event *ev)
{
	ssize_t n = codec_encode(self->enc, self->buf + self->len, ev);

	ASSERT_GT(n, 0);
	ASSERT_LE(n, (ssize_t)CODEC_MAX_EVENT);
	self->len += (size_t)n;
}

/* Everything written so far must be these events. */
static void expect(struct __test_metadata *_metadata, C *self, const struct mtr_event *want,
		   unsigned int nr)
{
	const uint8_t *p = self->buf, *end = self->buf + self->len;
	struct mtr_event ev;
	unsigned int nr_fields;
	int ret;

	for (unsigned int i = 0; i < nr; i++) {
		const struct field *f = codec_fields(want[i].kind, &nr_fields);

		while (!(ret = codec_decode(self->dec, &p, end, &ev)))
			;
		ASSERT_EQ(1, ret);
		ASSERT_EQ(want[i].kind, ev.kind);
		EXPECT_EQ(want[i].time_ns, ev.time_ns);
		EXPECT_EQ(want[i].as, ev.as);
		EXPECT_EQ(want[i].tid, ev.tid);
		EXPECT_EQ(want[i].cpu, ev.cpu);
		for (unsigned int k = 0; k < nr_fields; k++) {
			uint64_t a = get(&want[i], &f[k]), b = get(&ev, &f[k]);

			if (f[k].holds == FIELD_STRING) {
				a = strcmp(strtab_str(self->out_st, (uint32_t)a),
					   strtab_str(self->in_st, (uint32_t)b));
				b = 0;
			}
			EXPECT_EQ(a, b)
			{
				TH_LOG("kind %u field %u", want[i].kind, k);
			}
		}
	}
	EXPECT_TRUE(p == end);
	self->len = 0;
	codec_reset(self->enc);
	codec_reset(self->dec);
}

/* A field that is added to an event and not to the file would be lost silently. */
TEST(every_byte_of_an_event_is_written)
{
	unsigned int seen = 0;

	for (unsigned int i = 0; i < ARRAY(payload); i++) {
		unsigned int nr, sum = 0;
		const struct field *f = codec_fields(payload[i].kind, &nr);

		ASSERT_NE(NULL, f);
		for (unsigned int k = 0; k < nr; k++)
			sum += f[k].sz;
		EXPECT_EQ(payload[i].sz, sum + payload[i].padding)
		{
			TH_LOG("%s", event_kind_name(payload[i].kind));
		}
		seen++;
	}
	/* and every kind was looked at; state events and call stacks have tests of their own */
	for (unsigned int k = 1; k < MTR_EV_MAX; k++)
		seen -= strcmp(event_kind_name(k), "unknown") && k != MTR_EV_STATE &&
			k != MTR_EV_STACK && k != MTR_EV_SITE;
	EXPECT_EQ(0, seen);
}

TEST_F(c, extreme_values_of_each_kind)
{
	for (unsigned int i = 0; i < ARRAY(payload); i++) {
		struct mtr_event ev[HOW_NR * 2];

		for (unsigned int h = 0; h < HOW_NR * 2; h++) {
			/* each value after each other one: differences wrap around */
			ev[h] = make(self, payload[i].kind, (enum how)(h * 3 % HOW_NR));
			encode(_metadata, self, &ev[h]);
		}
		expect(_metadata, self, ev, HOW_NR * 2);
	}
}

TEST_F(c, any_kind_after_any_other)
{
	struct mtr_event ev[50];

	for (unsigned int round = 0; round < 400; round++) {
		unsigned int nr = 0;

		while (nr < 50 && self->len < sizeof(self->buf) - CODEC_MAX_EVENT) {
			ev[nr] = make(self, payload[random64() % ARRAY(payload)].kind,
				      (enum how)(random64() % HOW_NR));
			encode(_metadata, self, &ev[nr++]);
		}
		expect(_metadata, self, ev, nr);
	}
}

/* Faults of more threads than are remembered, of processes with the same tids. */
TEST_F(c, faults_of_many_threads)
{
	struct mtr_event ev[600];

	for (unsigned int round = 0; round < 50; round++) {
		for (unsigned int i = 0; i < 600; i++) {
			uint32_t tid = (uint32_t)(random64() % (round + 1) * 64 + random64() % 3);

			ev[i] = (struct mtr_event){ .kind = MTR_EV_FAULT, .tid = tid };
			ev[i].as = (uint32_t)(random64() % 2);
			ev[i].time_ns = 1000000 + i * 700 + random64() % 50;
			ev[i].fault.addr = tid * 4096ull * 1000 + i * 4096;
			ev[i].fault.ip = random64() % 3;
			ev[i].fault.sp = random64() % 2;
			ev[i].epoch = (uint32_t)(random64() % 20 ? i / 100 : random64());
			ev[i].fault.bytes = random64() % 4 ? 4096 : -4096;
			encode(_metadata, self, &ev[i]);
		}
		expect(_metadata, self, ev, 600);
	}
}

/* What the format is for: a thread that walks through memory takes a byte and a time. */
TEST_F(c, a_fault_of_a_walk_is_small)
{
	for (unsigned int i = 0; i < 1000; i++) {
		struct mtr_event ev = { .kind = MTR_EV_FAULT, .tid = 7, .as = 1 };

		ev.time_ns = 1000000000000ull + i * 1500 + random64() % 400;
		ev.fault = (struct mtr_ev_fault){ .addr = 0x7f0000000000ull + i * 4096ull,
						  .ip = 0x401000,
						  .sp = 0x7ffc0000,
						  .bytes = 4096,
						  .member = MTR_ANON,
						  .flags = 3 };
		encode(_metadata, self, &ev);
	}
	EXPECT_LT(self->len, 3100);
	self->len = 0;
}

TEST_F(c, state_of_any_length)
{
	uint64_t v[MTR_STATE_LEN];
	struct mtr_event ev = { .kind = MTR_EV_STATE, .as = 3 }, got;
	const uint8_t *p = self->buf;

	for (unsigned int nr = 0; nr <= MTR_STATE_LEN; nr++) {
		for (unsigned int i = 0; i < nr; i++)
			v[i] = nr % 2 ? ~0ull - i : i * nr;
		ev.state =
			(struct mtr_ev_state){ .what = MTR_ST_REGION, .nr = (uint8_t)nr, .v = v };
		ev.state.str[1] = self->strings[2];
		encode(_metadata, self, &ev);
	}
	for (unsigned int nr = 0; nr <= MTR_STATE_LEN; nr++) {
		int ret;

		while (!(ret = codec_decode(self->dec, &p, self->buf + self->len, &got)))
			;
		ASSERT_EQ(1, ret);
		ASSERT_EQ(nr, got.state.nr);
		EXPECT_EQ(MTR_ST_REGION, got.state.what);
		EXPECT_EQ(0, got.state.str[0]);
		EXPECT_STREQ("\xff\x01 raw", strtab_str(self->in_st, got.state.str[1]));
		for (unsigned int i = 0; i < nr; i++)
			EXPECT_EQ(nr % 2 ? ~0ull - i : i * nr, got.state.v[i]);
	}
}

static struct mtr_event a_stack(C *c, uint16_t kind, const uint64_t *pc, unsigned int nr)
{
	struct mtr_event ev = { .kind = kind, .as = 1, .tid = 7, .time_ns = random64() % 1000 };

	ev.stack = (struct mtr_ev_stack){ .ip = random64(),
					  .sp = random64(),
					  .why = (uint8_t)(random64() % 5),
					  .end = (uint8_t)(random64() % 3),
					  .stack = stacktab_intern(c->out_stacks, pc, nr) };
	return ev;
}

static void expect_stack(struct __test_metadata *_metadata, C *c, const struct mtr_event *want,
			 const uint8_t **p)
{
	uint64_t a[STACKTAB_MAX_FRAMES], b[STACKTAB_MAX_FRAMES];
	struct mtr_event ev;
	unsigned int nr;

	ASSERT_EQ(1, codec_decode(c->dec, p, c->buf + c->len, &ev));
	EXPECT_EQ(want->kind, ev.kind);
	EXPECT_EQ(want->time_ns, ev.time_ns);
	EXPECT_EQ(want->stack.ip, ev.stack.ip);
	EXPECT_EQ(want->stack.sp, ev.stack.sp);
	EXPECT_EQ(want->stack.why, ev.stack.why);
	EXPECT_EQ(want->stack.end, ev.stack.end);
	EXPECT_EQ(NULL, ev.stack.copy);
	nr = stacktab_frames(c->out_stacks, want->stack.stack, a, STACKTAB_MAX_FRAMES);
	ASSERT_EQ(nr, stacktab_frames(c->in_stacks, ev.stack.stack, b, STACKTAB_MAX_FRAMES));
	for (unsigned int i = 0; i < nr; i++)
		EXPECT_EQ(a[i], b[i]);
}

/* Of any depth, sharing any outer part with an earlier one, over chunks that forget. */
TEST_F(c, call_stacks)
{
	uint64_t pc[STACKTAB_MAX_FRAMES];
	struct mtr_event ev[12];

	for (unsigned int i = 0; i < STACKTAB_MAX_FRAMES; i++)
		pc[i] = i % 7 ? 0x7f0000001000ull + i * 64 : random64();
	for (unsigned int round = 0; round < 200; round++) {
		const uint8_t *p = self->buf;

		for (unsigned int i = 0; i < 12; i++) {
			unsigned int inner = (unsigned int)(random64() % STACKTAB_MAX_FRAMES);

			pc[inner] = random64();
			inner = (unsigned int)(random64() % (STACKTAB_MAX_FRAMES + 1));
			ev[i] = a_stack(self, i % 2 ? MTR_EV_SITE : MTR_EV_STACK, pc + inner,
					STACKTAB_MAX_FRAMES - inner);
			if (self->len < sizeof(self->buf) - CODEC_MAX_EVENT)
				encode(_metadata, self, &ev[i]);
			else
				ev[i].kind = 0;
		}
		for (unsigned int i = 0; i < 12; i++)
			if (ev[i].kind)
				expect_stack(_metadata, self, &ev[i], &p);
		EXPECT_TRUE(p == self->buf + self->len);
		self->len = 0;
		codec_reset(self->enc);
		codec_reset(self->dec);
	}
}

/* One that was there before takes no more than its number. */
TEST_F(c, a_known_call_stack_is_small)
{
	uint64_t pc[40];
	struct mtr_event ev;
	size_t first;

	for (unsigned int i = 0; i < 40; i++)
		pc[i] = random64();
	ev = a_stack(self, MTR_EV_STACK, pc, 40);
	encode(_metadata, self, &ev);
	first = self->len;
	encode(_metadata, self, &ev);
	EXPECT_GT(first, 300);
	EXPECT_LE(self->len - first, 12);
	self->len = 0;
}

/* The table was cleaned up in the middle of a chunk: ids are other stacks' now, and callers may have the higher ones. */
TEST_F(c, call_stacks_after_a_sweep)
{
	uint64_t pc[12];
	struct mtr_event ev;

	for (unsigned int round = 0; round < 20; round++) {
		const uint8_t *p = self->buf;

		for (unsigned int i = 0; i < 300; i++) {
			for (unsigned int k = 0; k < 12; k++)
				pc[k] = 1 + random64() % 4;
			ev = a_stack(self, MTR_EV_STACK, pc, 12);
			encode(_metadata, self, &ev);
			expect_stack(_metadata, self, &ev, &p);
			if (random64() % 10)
				continue;
			if (random64() % 2)
				stacktab_mark(self->out_stacks, ev.stack.stack);
			stacktab_sweep(self->out_stacks);
		}
		self->len = 0;
		codec_reset(self->enc);
		codec_reset(self->dec);
	}
}

/* Frames that are not there, more of them than a stack may have, a chain that grows and grows. */
TEST_F(c, made_up_call_stacks)
{
	/* kind, length; time, as, tid, cpu; ip, sp, why, end; outer part, frames */
	uint8_t outer[] = { MTR_EV_STACK, 10, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0 };
	uint8_t many[] = { MTR_EV_STACK, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x81, 0x02 };
	uint8_t cut[] = { MTR_EV_STACK, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 5 };
	uint8_t none[] = { MTR_EV_STACK, 8, 0, 0, 0, 0, 0, 0, 0, 0 };
	uint8_t one[] = { MTR_EV_STACK, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2 };
	const uint8_t *p = outer;
	struct mtr_event ev;

	EXPECT_EQ(-EBADMSG, codec_decode(self->dec, &p, p + sizeof(outer), &ev));
	p = many;
	EXPECT_EQ(-EBADMSG, codec_decode(self->dec, &p, p + sizeof(many), &ev));
	p = cut;
	EXPECT_EQ(-EBADMSG, codec_decode(self->dec, &p, p + sizeof(cut), &ev));
	p = none;
	EXPECT_EQ(-EBADMSG, codec_decode(self->dec, &p, p + sizeof(none), &ev));
	codec_reset(self->dec);
	for (unsigned int i = 0; i < STACKTAB_MAX_FRAMES; i++) {
		one[10] = (uint8_t)(i < 127 ? i : 127);
		p = one;
		ASSERT_EQ(1, codec_decode(self->dec, &p, p + sizeof(one), &ev));
		EXPECT_EQ(i < 127 ? i + 1 : 128, stacktab_depth(self->in_stacks, ev.stack.stack));
	}
}

TEST_F(c, a_long_string)
{
	char *s = calloc(1, 6000);
	struct mtr_event ev = { .kind = MTR_EV_MARK };

	ASSERT_NE(NULL, s);
	memset(s, 'm', 5999);
	ev.mark.name = strtab_intern_str(self->out_st, s);
	encode(_metadata, self, &ev);
	expect(_metadata, self, &ev, 1);
	free(s);
}

/* A record of a kind from the future: skipped, counted, and what follows is as it was. */
TEST_F(c, unknown_kinds_are_skipped)
{
	struct mtr_event ev = make(self, MTR_EV_VMA, ANY), got;
	const uint8_t *p = self->buf, *end;
	uint8_t *o = self->buf;
	int ret;

	*o++ = 0x70; /* kind */
	*o++ = 9; /* bytes: time, as, tid, cpu: as the last event's; then who knows what */
	memset(o, 0, 4);
	memset(o + 4, 0xff, 5);
	o += 9;
	self->len = (size_t)(o - self->buf);
	encode(_metadata, self, &ev);
	end = self->buf + self->len;
	EXPECT_EQ(0, codec_decode(self->dec, &p, end, &got));
	EXPECT_EQ(1, self->dec->nr_unknown);
	while (!(ret = codec_decode(self->dec, &p, end, &got)))
		;
	ASSERT_EQ(1, ret);
	EXPECT_EQ(ev.vma.start, got.vma.start);
	EXPECT_EQ(ev.time_ns, got.time_ns);
	EXPECT_TRUE(p == end);
}

/* An event with more fields than we know, and one with fewer. */
TEST_F(c, newer_and_older_events)
{
	struct mtr_event got;
	uint8_t longer[] = { MTR_EV_TICK, 8, 2, 2, 0, 0, 10, 0x80, 0x80, 0x01 };
	uint8_t shorter[] = { MTR_EV_VMA, 5, 0, 0, 0, 0, 2 };
	const uint8_t *p = longer;

	ASSERT_EQ(1, codec_decode(self->dec, &p, longer + sizeof(longer), &got));
	EXPECT_EQ(5, got.tick.real_ns);
	EXPECT_EQ(1, got.time_ns);
	EXPECT_EQ(1, got.as);
	EXPECT_TRUE(p == longer + sizeof(longer));
	p = shorter;
	ASSERT_EQ(1, codec_decode(self->dec, &p, shorter + sizeof(shorter), &got));
	EXPECT_EQ(1, got.vma.start);
	EXPECT_EQ(0, got.vma.end);
	EXPECT_EQ(0, got.vma.ino);
}

/* What must be refused: no member, string or thread that is not there; nothing beyond the end. */
TEST_F(c, nonsense_is_refused)
{
	static const struct {
		uint8_t b[12], len;
	} bad[] = {
		{ { 0 }, 1 }, /* no kind */
		{ { MTR_EV_VMA }, 1 }, /* no length */
		{ { MTR_EV_VMA, 9, 0, 0 }, 4 }, /* shorter than it says */
		{ { MTR_EV_VMA, 3, 0, 0, 0 }, 5 }, /* not even a head */
		{ { MTR_EV_MARK, 5, 0, 0, 0, 0, 1 }, 7 }, /* a string never given */
		{ { MTR_EV_RSS, 6, 0, 0, 0, 0, 2, 8 }, 8 }, /* counter 4 of 0 to 3 */
		{ { MTR_EV_STATE, 6, 0, 0, 0, 0, 2, 0xca }, 8 }, /* 101 values, and none */
		{ { CODEC_KIND_STRING, 4, 'a', 'b' }, 4 }, /* a string that ends early */
		{ { 0xfc }, 1 }, /* the last fault's thread: there is none */
		{ { 0xbc, 6, 0 }, 3 }, /* thread number 3: the same */
		{ { 0xbf, 1, 5, 1, 0 }, 5 }, /* reserved bits */
		{ { 0xb8, 1, 5, 1, 0, 2, 4, 0, 0, 0 }, 10 }, /* counter 4 */
		{ { 0xbc, 1, 5, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff }, 12 },
	};
	struct mtr_event got;

	for (unsigned int i = 0; i < ARRAY(bad); i++) {
		const uint8_t *p = bad[i].b;

		codec_reset(self->dec);
		EXPECT_EQ(-EBADMSG, codec_decode(self->dec, &p, bad[i].b + bad[i].len, &got))
		{
			TH_LOG("%u", i);
		}
	}
}

TEST_HARNESS_MAIN
