// SPDX-License-Identifier: GPL-2.0
/*
 * The trace file: what was written is read; of a file that was cut off or
 * damaged all that is intact, and never a crash.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "event/sites.h"
#include "kselftest_harness.h"
#include "tracebuf.h"

#define MAX_EVENTS 4096
#define NR_STEPS 12 /* chunks with events */
#define PER_STEP 6

/* An event as it can be compared: two streams have two string tables. */
struct seen {
	uint16_t kind;
	uint64_t time_ns, addr;
	char name[32];
};

struct stream {
	struct seen e[MAX_EVENTS];
	unsigned int nr;
	uint64_t lost;
};

FIXTURE(t)
{
	struct tracebuf file;
	struct stream *want, *got;
	uint64_t size_of[NR_STEPS + 1]; /* of the file after each step */
	unsigned int nr_of[NR_STEPS + 1]; /* events by then */
};

typedef FIXTURE_DATA(t) T;

static void see(struct stream *s, const struct mtr_event *ev, const struct strtab *st)
{
	struct seen *e = &s->e[s->nr];

	if (ev->kind == MTR_EV_LOST)
		s->lost += ev->lost.count;
	if (ev->kind == MTR_EV_STATE || ev->kind == MTR_EV_LOST || s->nr == MAX_EVENTS)
		return;
	*e = (struct seen){ .kind = ev->kind, .time_ns = ev->time_ns };
	if (ev->kind == MTR_EV_FAULT)
		e->addr = ev->fault.addr;
	if (ev->kind == MTR_EV_VMA) {
		e->addr = ev->vma.start;
		snprintf(e->name, sizeof(e->name), "%s", strtab_str(st, ev->vma.name));
	}
	s->nr++;
}

static struct mtr_event event(struct strtab *st, unsigned int i)
{
	struct mtr_event ev = { .kind = i % 3 ? MTR_EV_FAULT : MTR_EV_VMA,
				.as = 1,
				.tid = 7 + i % 2,
				.time_ns = 1000000 + i * 1000 };
	char name[16];

	if (ev.kind == MTR_EV_FAULT) {
		ev.fault.addr = 0x7f0000000000ull + i * 4096ull;
		ev.fault.bytes = 4096;
		return ev;
	}
	ev.vma.start = 0x100000ull * i;
	ev.vma.end = ev.vma.start + 4096;
	snprintf(name, sizeof(name), "/lib/x%u", i % 5);
	ev.vma.name = strtab_intern_str(st, name);
	return ev;
}

/* A model of one process with one number in it: the event's that came last. */
struct key {
	uint64_t nr;
};

static int fill(void *ctx, event_sink_fn sink, void *sink_ctx)
{
	const struct key *k = ctx;
	struct mtr_event ev = { .kind = MTR_EV_STATE, .time_ns = 1000000 + (k->nr - 1) * 1000 };

	ev.state = (struct mtr_ev_state){ .what = MTR_ST_MODEL, .nr = 1, .v = &k->nr };
	return sink(sink_ctx, &ev);
}

static void set_facts(struct trace_facts *f)
{
	*f = (struct trace_facts){};
	facts_set(f, "clock", "CLOCK_BOOTTIME");
	facts_set(f, "raw", "%s", "\xff\x02");
}

/* A small recording: a chunk a step, a keyframe behind every fourth. */
static void record(struct __test_metadata *_metadata, T *self, bool end)
{
	struct strtab *st = strtab_new();
	int fd = memfd_create("t", 0);
	struct trace_file *tf;
	struct trace_writer *w;
	struct trace_facts *facts = malloc(sizeof(*facts));
	unsigned int n = 0;

	ASSERT_TRUE(st && facts && fd >= 0);
	set_facts(facts);
	ASSERT_EQ(0, trace_file_new(fd, facts, &tf));
	free(facts);
	w = trace_writer_new(st, NULL, trace_file_chunk, tf);
	ASSERT_NE(NULL, w);
	self->want->nr = 0;
	self->size_of[0] = trace_file_size(tf);
	self->nr_of[0] = 0;
	for (unsigned int step = 0; step < NR_STEPS; step++) {
		for (unsigned int i = 0; i < PER_STEP; i++, n++) {
			struct mtr_event ev = event(st, n);

			ASSERT_EQ(0, trace_writer_event(w, &ev));
			see(self->want, &ev, st);
		}
		ASSERT_EQ(0, trace_writer_flush(w));
		self->size_of[step + 1] = trace_file_size(tf);
		self->nr_of[step + 1] = n;
		if (step % 4 == 3) {
			struct key k = { n };

			ASSERT_EQ(0, trace_writer_keyframe(w, 1000000 + (n - 1) * 1000, fill, &k));
		}
	}
	if (end)
		ASSERT_EQ(0, trace_file_end(tf));
	ASSERT_EQ(0, tracebuf_load(&self->file, fd));
	trace_file_free(tf);
	trace_writer_free(w);
	strtab_free(st);
	close(fd);
}

FIXTURE_SETUP(t)
{
	self->file = (struct tracebuf){};
	self->want = calloc(1, sizeof(*self->want));
	self->got = calloc(1, sizeof(*self->got));
	ASSERT_TRUE(self->want && self->got);
	record(_metadata, self, true);
}

FIXTURE_TEARDOWN(t)
{
	tracebuf_free(&self->file);
	free(self->want);
	free(self->got);
}

/* Reads all there is. What open or the last next said; @ret_in: what was found out. */
static int read_all(T *self, struct trace_info *ret_in)
{
	struct strtab *st = strtab_new();
	struct trace_reader *r;
	struct mtr_event ev;
	int ret = tracebuf_open(&self->file, st, &r);

	self->got->nr = 0;
	self->got->lost = 0;
	*ret_in = (struct trace_info){};
	if (!ret) {
		trace_reader_all_keys(r, true);
		while ((ret = trace_reader_next(r, &ev)) > 0)
			see(self->got, &ev, st);
		*ret_in = *trace_reader_info(r);
		trace_reader_close(r);
	}
	strtab_free(st);
	return ret;
}

static bool same(const struct seen *a, const struct seen *b)
{
	return a->kind == b->kind && a->time_ns == b->time_ns && a->addr == b->addr &&
	       !strcmp(a->name, b->name);
}

/* got is want with pieces left out; how many events are. −1: it is not. */
static int left_out(const T *self)
{
	unsigned int k = 0;

	for (unsigned int i = 0; i < self->got->nr; i++, k++) {
		while (k < self->want->nr && !same(&self->want->e[k], &self->got->e[i]))
			k++;
		if (k == self->want->nr)
			return -1;
	}
	return (int)(self->want->nr - self->got->nr);
}

TEST_F(t, what_was_written_is_read)
{
	struct trace_info in;

	ASSERT_EQ(0, read_all(self, &in));
	EXPECT_EQ(NR_STEPS * PER_STEP, self->got->nr);
	EXPECT_EQ(0, left_out(self));
	EXPECT_TRUE(in.closed);
	EXPECT_EQ(0, in.nr_damages);
	EXPECT_EQ(0, in.missing);
	EXPECT_EQ(NR_STEPS / 4, in.nr_keyframes);
	EXPECT_EQ(NR_STEPS * PER_STEP, in.told);
	EXPECT_EQ(NR_STEPS * PER_STEP / 3, in.by_kind[MTR_EV_VMA]);
	EXPECT_EQ(NR_STEPS * PER_STEP / 3 * 2, in.by_kind[MTR_EV_FAULT]);
	EXPECT_EQ(1000000, in.begin_ns);
	EXPECT_EQ(1000000 + (NR_STEPS * PER_STEP - 1) * 1000, in.end_ns);
}

/* A keyframe with what is known of call stacks there. */
static int fill_sites(void *ctx, event_sink_fn sink, void *sink_ctx)
{
	struct key k = { 1 };
	int err = fill(&k, sink, sink_ctx);

	return err ? err : sites_tell(ctx, 2000, sink, sink_ctx);
}

/* Events of two threads that each have been at two places; the call stack of each place comes once. */
static void write_stacks(struct __test_metadata *_metadata, struct trace_writer *w,
			 struct stacktab *stacks, struct sites *sites)
{
	const uint64_t pc[4] = { 0x401000, 0x401100, 0x402000, 0x403000 };

	for (unsigned int i = 0; i < 400; i++) {
		struct mtr_event ev = { .kind = MTR_EV_FAULT, .as = 1, .tid = 7 + i % 2 };
		unsigned int place = i / 2 % 2;

		ev.time_ns = 1000 + i * 10;
		if (i < 4) {
			ev.kind = MTR_EV_STACK;
			ev.stack.ip = pc[place];
			ev.stack.stack =
				stacktab_intern(stacks, pc + place + i % 2, 4 - place - i % 2);
			ASSERT_EQ(0, sites_event(sites, &ev));
		} else {
			ev.fault.ip = pc[place];
			ev.fault.addr = i;
		}
		ASSERT_EQ(0, trace_writer_event(w, &ev));
		if (i % 100 == 99)
			ASSERT_EQ(0, trace_writer_flush(w));
		if (i == 199)
			ASSERT_EQ(0, trace_writer_keyframe(w, 2990, fill_sites, sites));
	}
}

/* To the end: how many faults; each has the frames that were written for its place. */
static unsigned int faults_with_stacks(struct __test_metadata *_metadata, struct trace_reader *r)
{
	struct mtr_event ev;
	unsigned int nr = 0;

	while (trace_reader_next(r, &ev) > 0) {
		unsigned int place = ev.fault.ip == 0x401100, odd = ev.tid == 8;

		if (ev.kind != MTR_EV_FAULT)
			continue;
		nr++;
		EXPECT_EQ(4 - place - odd, stacktab_depth(trace_reader_stacks(r), ev.callstack));
		EXPECT_EQ(place + odd == 0 ? 0x401000 :
			  place + odd == 1 ? 0x401100 :
					     0x402000,
			  stacktab_pc(trace_reader_stacks(r), ev.callstack));
	}
	return nr;
}

/* From the beginning, from a keyframe on, and behind damage: who reads has the call stacks. */
TEST(call_stacks_of_places)
{
	struct stacktab *stacks = stacktab_new();
	struct strtab *st = strtab_new(), *st2 = strtab_new();
	struct sites *sites = sites_new();
	int fd = memfd_create("t", 0);
	struct tracebuf file = {};
	struct trace_reader *r;
	struct trace_writer *w;
	struct trace_file *tf;
	struct trace_facts f;
	size_t at;

	set_facts(&f);
	ASSERT_EQ(0, trace_file_new(fd, &f, &tf));
	w = trace_writer_new(st, stacks, trace_file_chunk, tf);
	ASSERT_TRUE(w && stacks && sites);
	write_stacks(_metadata, w, stacks, sites);
	ASSERT_EQ(0, trace_file_end(tf));
	ASSERT_EQ(0, tracebuf_load(&file, fd));
	ASSERT_EQ(0, tracebuf_open(&file, st2, &r));
	EXPECT_EQ(396, faults_with_stacks(_metadata, r));
	EXPECT_EQ(4, trace_reader_info(r)->by_kind[MTR_EV_STACK]);
	EXPECT_EQ(0, trace_reader_info(r)->by_kind[MTR_EV_SITE]);
	EXPECT_EQ(400, trace_reader_info(r)->told);
	ASSERT_EQ(0, trace_reader_seek(r, 4000));
	EXPECT_EQ(200, faults_with_stacks(_metadata, r));
	trace_reader_close(r);
	/* the first chunk of events is gone, and with it all call stacks but the keyframe's */
	at = TRACE_HEADER_SZ + CHUNK_HEADER_SZ +
	     get_le(file.data + TRACE_HEADER_SZ + CH_DISK_LEN, 4);
	file.data[at + CHUNK_HEADER_SZ + 9] ^= 1;
	ASSERT_EQ(0, tracebuf_open(&file, st2, &r));
	ASSERT_EQ(0, trace_reader_seek(r, 4000));
	EXPECT_EQ(200, faults_with_stacks(_metadata, r));
	trace_reader_close(r);
	tracebuf_free(&file);
	trace_writer_free(w);
	trace_file_free(tf);
	sites_free(sites);
	stacktab_free(stacks);
	strtab_free(st);
	strtab_free(st2);
	close(fd);
}

TEST_F(t, facts)
{
	struct strtab *st = strtab_new();
	struct trace_reader *r;

	ASSERT_EQ(0, tracebuf_open(&self->file, st, &r));
	EXPECT_STREQ("CLOCK_BOOTTIME", facts_get(trace_reader_facts(r), "clock"));
	EXPECT_STREQ("\xff\x02", facts_get(trace_reader_facts(r), "raw"));
	EXPECT_EQ(NULL, facts_get(trace_reader_facts(r), "nothing"));
	trace_reader_close(r);
	strtab_free(st);
}

/* At every length: the events of the chunks that are whole, no other, and it is said. */
TEST_F(t, cut_off_anywhere)
{
	size_t whole = self->file.len;
	struct trace_info in;

	for (size_t len = 0; len < whole; len++) {
		unsigned int steps = 0;
		int ret;

		self->file.len = len;
		ret = read_all(self, &in);
		if (len < TRACE_HEADER_SZ) {
			ASSERT_EQ(-EPROTO, ret);
			continue;
		}
		ASSERT_EQ(0, ret);
		while (steps < NR_STEPS && self->size_of[steps + 1] <= len)
			steps++;
		EXPECT_EQ(self->nr_of[steps], self->got->nr)
		{
			TH_LOG("cut off at %zu", len);
		}
		EXPECT_EQ(NR_STEPS * PER_STEP - (int)self->nr_of[steps], left_out(self));
		EXPECT_FALSE(in.closed);
	}
}

/* Each bit of the file: noticed, nothing invented, and no more gone than the chunk it is in. */
/* under emulation it takes long */
TEST_F_TIMEOUT(t, any_bit_flipped, 240)
{
	struct trace_info in;

	for (size_t i = 0; i < self->file.len * 8; i++) {
		uint8_t *byte = &self->file.data[i / 8];
		int ret, out;

		*byte ^= (uint8_t)(1u << i % 8);
		ret = read_all(self, &in);
		*byte ^= (uint8_t)(1u << i % 8);
		ASSERT_EQ(0, ret);
		out = left_out(self);
		EXPECT_TRUE(out == 0 || out == PER_STEP)
		{
			TH_LOG("bit %zu of byte %zu: %d events are gone", i % 8, i / 8, out);
		}
		EXPECT_TRUE(in.nr_damages || !in.closed)
		{
			TH_LOG("bit %zu of byte %zu was not noticed", i % 8, i / 8);
		}
		/* how many are missing is known when something comes behind them */
		if (out > 0 &&
		    !same(&self->got->e[self->got->nr - 1], &self->want->e[self->want->nr - 1]))
			continue;
		EXPECT_EQ(out, (int)in.missing);
		EXPECT_EQ(out, (int)self->got->lost);
	}
}

/* Bytes that were overwritten, taken out or put in. */
TEST_F_TIMEOUT(t, pieces_replaced, 240)
{
	uint8_t *copy = malloc(self->file.len * 2);
	size_t whole = self->file.len;
	struct trace_info in;
	unsigned int x = 1;

	ASSERT_NE(NULL, copy);
	memcpy(copy, self->file.data, whole);
	for (unsigned int round = 0; round < 3000; round++) {
		size_t at, n;

		x = x * 1103515245 + 12345;
		at = (x >> 8) % whole;
		x = x * 1103515245 + 12345;
		n = (x >> 8) % 200;
		n = n < whole - at ? n : whole - at;
		self->file.len = whole;
		memcpy(self->file.data, copy, whole);
		switch (round % 3) {
		case 0:
			memset(self->file.data + at, (int)x, n);
			break;
		case 1:
			memmove(self->file.data + at, copy + at + n, whole - at - n);
			self->file.len = whole - n;
			break;
		case 2:
			self->file.len = at;
			tracebuf_add(&self->file, copy, n);
			tracebuf_add(&self->file, copy + at, whole - at);
			break;
		}
		read_all(self, &in);
		EXPECT_GE(left_out(self), 0)
		{
			TH_LOG("round %u, %zu bytes at %zu", round, n, at);
		}
	}
	free(copy);
}

TEST_F(t, without_its_end)
{
	struct trace_info in;

	tracebuf_free(&self->file);
	record(_metadata, self, false);
	ASSERT_EQ(0, read_all(self, &in));
	EXPECT_EQ(0, left_out(self));
	EXPECT_FALSE(in.closed);
	EXPECT_EQ(0, in.nr_damages);
	EXPECT_EQ(NR_STEPS / 4, in.nr_keyframes);
}

static void set_version(T *self, unsigned int version, unsigned int min_reader)
{
	put_le(self->file.data + TH_VERSION, version, 2);
	put_le(self->file.data + TH_MIN_READER, min_reader, 2);
	put_le(self->file.data + TH_CRC, trace_crc(self->file.data, TH_CRC), 4);
}

TEST_F(t, versions)
{
	struct trace_info in;

	set_version(self, TRACE_VERSION + 1, TRACE_VERSION + 1);
	EXPECT_EQ(-EPROTONOSUPPORT, read_all(self, &in));
	set_version(self, 999, TRACE_VERSION);
	EXPECT_EQ(0, read_all(self, &in));
	EXPECT_EQ(999, in.version);
	EXPECT_EQ(0, left_out(self));
}

TEST_F(t, what_is_no_trace)
{
	static const char text[] = "#!/bin/sh\necho a shell script that is longer than a header\n";
	struct trace_info in;

	self->file.len = 0;
	EXPECT_EQ(-EPROTO, read_all(self, &in));
	tracebuf_add(&self->file, text, sizeof(text));
	EXPECT_EQ(-EPROTO, read_all(self, &in));
}

/* A chunk of a type from the future, in the middle. */
TEST_F(t, unknown_chunks_are_skipped)
{
	struct chunk_info ci = { .type = 77, .disk_len = 5, .raw_len = 5 };
	size_t at = self->size_of[2], rest = self->file.len - at;
	uint8_t chunk[CHUNK_HEADER_SZ + 5] = {}, *copy = malloc(self->file.len);
	struct trace_info in;

	ASSERT_NE(NULL, copy);
	memcpy(copy, self->file.data, self->file.len);
	ci.data_crc = trace_crc(chunk + CHUNK_HEADER_SZ, 5);
	chunk_put(chunk, &ci);
	self->file.len = at;
	tracebuf_add(&self->file, chunk, sizeof(chunk));
	/* without the end: its index says where chunks were */
	tracebuf_add(&self->file, copy + at, rest - TRACE_END_SZ);
	free(copy);
	ASSERT_EQ(0, read_all(self, &in));
	EXPECT_EQ(0, left_out(self));
	EXPECT_EQ(1, in.nr_unknown);
	EXPECT_EQ(0, in.nr_damages);
}

/* After a gap the next keyframe is given, before the events behind it; else none is. */
TEST_F(t, keyframes_after_a_gap)
{
	struct strtab *st = strtab_new();
	struct trace_reader *r;
	struct mtr_event ev;
	unsigned int nr_keys = 0;

	self->file.data[self->size_of[1] + CHUNK_HEADER_SZ + 2] ^= 1;
	ASSERT_EQ(0, tracebuf_open(&self->file, st, &r));
	while (trace_reader_next(r, &ev) > 0) {
		if (ev.kind != MTR_EV_STATE)
			continue;
		nr_keys++;
		EXPECT_EQ(4 * PER_STEP, ev.state.v[0]);
		EXPECT_TRUE(trace_reader_in_key(r));
	}
	EXPECT_EQ(1, nr_keys);
	EXPECT_EQ(PER_STEP, trace_reader_info(r)->missing);
	trace_reader_close(r);
	strtab_free(st);
}

TEST_F(t, all_keyframes)
{
	struct strtab *st = strtab_new();
	struct trace_reader *r;
	struct mtr_event ev;
	unsigned int nr = 0;

	ASSERT_EQ(0, tracebuf_open(&self->file, st, &r));
	trace_reader_all_keys(r, true);
	while (trace_reader_next(r, &ev) > 0)
		nr += ev.kind == MTR_EV_STATE;
	EXPECT_EQ(NR_STEPS / 4, nr);
	EXPECT_EQ(NR_STEPS * PER_STEP, trace_reader_info(r)->told);
	trace_reader_close(r);
	strtab_free(st);
}

static uint64_t time_of(unsigned int event_nr)
{
	return 1000000 + (event_nr - 1) * 1000ull;
}

/* The first event after a seek: an empty model; then the keyframe's; then what is behind it. */
static unsigned int first_after(struct __test_metadata *_metadata, struct trace_reader *r,
				uint64_t time_ns, uint64_t *ret_key)
{
	struct mtr_event ev;

	*ret_key = 0;
	ASSERT_EQ(0, trace_reader_seek(r, time_ns));
	ASSERT_EQ(1, trace_reader_next(r, &ev));
	EXPECT_EQ(MTR_EV_STATE, ev.kind);
	EXPECT_EQ(MTR_ST_MODEL, ev.state.what);
	EXPECT_EQ(0, ev.state.nr);
	while (trace_reader_next(r, &ev) > 0) {
		if (ev.kind != MTR_EV_STATE)
			return (unsigned int)((ev.time_ns - 1000000) / 1000);
		*ret_key = ev.state.v[0];
	}
	return 0;
}

TEST_F(t, seek)
{
	struct strtab *st = strtab_new();
	struct trace_reader *r;
	uint64_t key;

	ASSERT_EQ(0, tracebuf_open(&self->file, st, &r));
	/* before the first keyframe: from the beginning */
	EXPECT_EQ(0, first_after(_metadata, r, time_of(3), &key));
	EXPECT_EQ(0, key);
	EXPECT_EQ(0, first_after(_metadata, r, 0, &key));
	/* at a keyframe's own moment: the one before */
	EXPECT_EQ(0, first_after(_metadata, r, time_of(24), &key));
	EXPECT_EQ(24, first_after(_metadata, r, time_of(24) + 1, &key));
	EXPECT_EQ(24, key);
	EXPECT_EQ(24, first_after(_metadata, r, time_of(48), &key));
	EXPECT_EQ(48, first_after(_metadata, r, time_of(50), &key));
	EXPECT_EQ(48, key);
	/* backwards, and to the end: the last keyframe, behind which there is nothing */
	EXPECT_EQ(24, first_after(_metadata, r, time_of(30), &key));
	EXPECT_EQ(0, first_after(_metadata, r, ~0ull, &key));
	EXPECT_EQ(72, key);
	trace_reader_close(r);
	strtab_free(st);
}

/* A keyframe that cannot be read: the one before it. */
TEST_F(t, seek_past_a_damaged_keyframe)
{
	struct strtab *st = strtab_new();
	struct trace_reader *r;
	uint64_t key;

	self->file.data[self->size_of[8] + CHUNK_HEADER_SZ + 1] ^= 4; /* the second one's bytes */
	ASSERT_EQ(0, tracebuf_open(&self->file, st, &r));
	EXPECT_EQ(24, first_after(_metadata, r, time_of(50), &key));
	EXPECT_EQ(24, key);
	EXPECT_GE(trace_reader_info(r)->nr_damages, 1);
	trace_reader_close(r);
	strtab_free(st);
}

/* Marks and modules are found by the index: chunks that hold none are not read. */
TEST_F(t, only_what_is_looked_for)
{
	struct strtab *st = strtab_new();
	struct trace_file *tf;
	struct trace_writer *w;
	struct trace_reader *r;
	struct trace_facts f;
	struct mtr_event ev;
	unsigned int nr = 0, nr_marks = 0;
	int fd = memfd_create("t", 0);

	set_facts(&f);
	ASSERT_EQ(0, trace_file_new(fd, &f, &tf));
	w = trace_writer_new(st, NULL, trace_file_chunk, tf);
	ASSERT_NE(NULL, w);
	for (unsigned int i = 0; i < 10; i++) {
		ev = event(st, i);
		ASSERT_EQ(0, trace_writer_event(w, &ev));
		ev = (struct mtr_event){ .kind = MTR_EV_MARK, .time_ns = ev.time_ns };
		if (i == 3 || i == 7)
			ASSERT_EQ(0, trace_writer_event(w, &ev));
		ASSERT_EQ(0, trace_writer_flush(w));
	}
	ASSERT_EQ(0, trace_file_end(tf));
	tracebuf_free(&self->file);
	ASSERT_EQ(0, tracebuf_load(&self->file, fd));
	ASSERT_EQ(0, tracebuf_open(&self->file, st, &r));
	trace_reader_only(r, MTR_EV_MARK);
	for (; trace_reader_next(r, &ev) > 0; nr++)
		nr_marks += ev.kind == MTR_EV_MARK;
	EXPECT_EQ(2, nr_marks);
	EXPECT_EQ(4, nr);
	EXPECT_EQ(0, trace_reader_info(r)->missing);
	/* and all of it again */
	trace_reader_only(r, 0);
	ASSERT_EQ(0, trace_reader_seek(r, 0));
	for (nr = 0; trace_reader_next(r, &ev) > 0;)
		nr += ev.kind != MTR_EV_STATE;
	EXPECT_EQ(12, nr);
	trace_reader_close(r);
	trace_writer_free(w);
	trace_file_free(tf);
	strtab_free(st);
	close(fd);
}

/* A file of an older writer does not say what is in its chunks: all are read. */
TEST_F(t, only_of_an_older_file)
{
	struct strtab *st = strtab_new();
	struct trace_reader *r;
	struct mtr_event ev;
	unsigned int nr = 0;

	/* without its index, so that the chunks' own headers count */
	self->file.len -= TRACE_END_SZ;
	for (size_t at = TRACE_HEADER_SZ; at + CHUNK_HEADER_SZ <= self->file.len;
	     at += CHUNK_HEADER_SZ + get_le(self->file.data + at + CH_DISK_LEN, 4)) {
		uint8_t *h = self->file.data + at;

		if (h[CH_TYPE] == CHUNK_EVENTS)
			h[CH_FLAGS] &= CHUNK_F_ZSTD;
		put_le(h + CH_CRC, trace_crc(h, CH_CRC), 4);
	}
	ASSERT_EQ(0, tracebuf_open(&self->file, st, &r));
	trace_reader_only(r, MTR_EV_MODULE);
	while (trace_reader_next(r, &ev) > 0)
		nr += ev.kind != MTR_EV_STATE;
	EXPECT_EQ(NR_STEPS * PER_STEP, nr);
	trace_reader_close(r);
	strtab_free(st);
}

TEST_HARNESS_MAIN
