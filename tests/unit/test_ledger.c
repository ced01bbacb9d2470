// SPDX-License-Identifier: GPL-2.0
/* Which path brought the pages that are there: by hand-made events, and against an array of pages. */
#include "kselftest_harness.h"

#include "analysis/ledger.h"

#define PG 4096ll
#define A 0x10000000ull
#define B 0x20000000ull
#define M2 (2ull << 20)
#define T1 11u
#define T2 12u

FIXTURE(ledger)
{
	struct ledger l;
};

FIXTURE_SETUP(ledger)
{
	ASSERT_EQ(0, ledger_init(&self->l));
}

FIXTURE_TEARDOWN(ledger)
{
	ledger_fini(&self->l);
}

static int fault(struct ledger *l, uint32_t tid, uint64_t addr, int64_t bytes, uint8_t member,
		 uint32_t path)
{
	struct mtr_event ev = { .kind = MTR_EV_FAULT, .tid = tid };

	ev.fault.addr = addr;
	ev.fault.bytes = bytes;
	ev.fault.member = member;
	return ledger_apply(l, &ev, path, false);
}

static int touch(struct ledger *l, uint64_t addr, unsigned int pages, uint32_t path)
{
	int err = 0;

	for (unsigned int i = 0; i < pages && !err; i++)
		err = fault(l, T1, addr + i * (uint64_t)PG, PG, MTR_ANON, path);
	return err;
}

static int hole(struct ledger *l, uint32_t tid, uint64_t start, uint64_t len)
{
	struct mtr_event ev = { .kind = MTR_EV_HOLE, .tid = tid };

	ev.range.start = start;
	ev.range.end = start + len;
	return ledger_apply(l, &ev, LEDGER_NO_PATH, false);
}

static struct mtr_event rss(uint32_t tid, uint64_t start, uint64_t len, int64_t bytes, bool whole)
{
	struct mtr_event ev = { .kind = MTR_EV_RSS, .tid = tid };

	ev.rss.bytes = bytes;
	ev.rss.member = MTR_ANON;
	ev.rss.why = MTR_WHY_SYSCALL;
	ev.rss.start = start;
	ev.rss.end = start + len;
	ev.rss.whole = whole;
	return ev;
}

static int give_back(struct ledger *l, uint32_t tid, uint64_t start, uint64_t len, int64_t bytes,
		     bool whole)
{
	struct mtr_event ev = rss(tid, start, len, -bytes, whole);

	return ledger_apply(l, &ev, LEDGER_NO_PATH, false);
}

static int64_t net(struct ledger *l, uint32_t path)
{
	return ledger_path(l, path).net;
}

TEST_F(ledger, neighbours_join)
{
	struct ledger *l = &self->l;

	ASSERT_EQ(0, touch(l, A, 10, 5));
	EXPECT_EQ(1u, l->nr);
	ASSERT_EQ(0, touch(l, A + 10 * PG, 10, 6));
	EXPECT_EQ(2u, l->nr);
	EXPECT_EQ(10 * PG, net(l, 5));
	EXPECT_EQ(10 * PG, net(l, 6));
	EXPECT_EQ(20 * PG, ledger_total(l));
	EXPECT_EQ(15 * PG, ledger_sum(l, A + 5 * PG, A + 100 * PG));
}

/* The hole is told first, then the counters in pieces: nothing is taken off twice. */
TEST_F(ledger, munmap_of_a_part)
{
	struct ledger *l = &self->l;

	touch(l, A, 10, 5);
	touch(l, A + 10 * PG, 10, 6);
	hole(l, T1, A + 4 * PG, 12 * PG);
	EXPECT_EQ(4 * PG, net(l, 5));
	EXPECT_EQ(4 * PG, net(l, 6));
	give_back(l, T1, A + 4 * PG, 12 * PG, 8 * PG, true);
	give_back(l, T1, A + 4 * PG, 12 * PG, 4 * PG, true);
	EXPECT_EQ(4 * PG, net(l, 5));
	EXPECT_EQ(4 * PG, net(l, 6));
	EXPECT_EQ(6 * PG, ledger_path(l, 5).released);
	EXPECT_EQ(10 * PG, ledger_path(l, 5).gross);
	EXPECT_EQ(12 * PG, l->given_back);
}

/* The first piece says that all goes; what is touched after the call stays. */
TEST_F(ledger, what_is_there_becomes_before)
{
	ASSERT_EQ(0, touch(&self->l, A, 8, 5));
	ASSERT_EQ(0, touch(&self->l, B, 4, 6));
	ASSERT_EQ(0, ledger_rebase(&self->l));
	EXPECT_EQ(0, ledger_total(&self->l));
	EXPECT_EQ(12 * PG, net(&self->l, LEDGER_BEFORE));
	EXPECT_EQ(0, ledger_path(&self->l, 5).gross);
	/* the very pages: two of the eight go, one of them comes again */
	ASSERT_EQ(0, give_back(&self->l, T1, A, 2 * PG, 2 * PG, true));
	ASSERT_EQ(0, touch(&self->l, A, 1, 5));
	EXPECT_EQ(2 * PG, ledger_path(&self->l, LEDGER_BEFORE).released);
	EXPECT_EQ(PG, net(&self->l, 5));
	EXPECT_EQ(PG, ledger_total(&self->l));
	EXPECT_EQ(11 * PG,
		  ledger_sum(&self->l, A, A + 8 * PG) + ledger_sum(&self->l, B, B + 4 * PG));
}

TEST_F(ledger, dontneed_in_pieces)
{
	struct ledger *l = &self->l;

	touch(l, A, 100, 5);
	give_back(l, T1, A + 10 * PG, 80 * PG, 32 * PG, true);
	give_back(l, T1, A + 10 * PG, 80 * PG, 48 * PG, true);
	EXPECT_EQ(20 * PG, net(l, 5));
	touch(l, A + 10 * PG, 7, 6);
	EXPECT_EQ(7 * PG, net(l, 6));
	EXPECT_EQ(20 * PG, net(l, 5));
}

/* Some went, nobody knows which: all in the range lose in proportion. */
TEST_F(ledger, a_loss_is_shared)
{
	struct ledger *l = &self->l;

	touch(l, A, 30, 5);
	touch(l, A + 30 * PG, 10, 6);
	give_back(l, T1, A, 40 * PG, 20 * PG, false);
	EXPECT_EQ(15 * PG, net(l, 5));
	EXPECT_EQ(5 * PG, net(l, 6));
}

TEST_F(ledger, mremap_takes_pages_along)
{
	struct mtr_event mv = { .kind = MTR_EV_MOVE, .tid = T1 };
	struct ledger *l = &self->l;

	touch(l, A, 16, 5);
	mv.move.from = A + 4 * PG;
	mv.move.to = B;
	mv.move.len = 8 * PG;
	ledger_apply(l, &mv, LEDGER_NO_PATH, false);
	/* another thread's hole does not make it happen */
	hole(l, T2, B + 100 * PG, PG);
	EXPECT_EQ(0, ledger_sum(l, B, B + 16 * PG));
	hole(l, T1, A + 4 * PG, 8 * PG);
	EXPECT_EQ(16 * PG, net(l, 5));
	EXPECT_EQ(0, ledger_path(l, 5).released);
	EXPECT_EQ(8 * PG, ledger_sum(l, B, B + 8 * PG));
	EXPECT_EQ(0, ledger_sum(l, A + 4 * PG, A + 12 * PG));
	hole(l, T1, B, 8 * PG);
	EXPECT_EQ(8 * PG, net(l, 5));
}

/* Without the hole there was no move. */
TEST_F(ledger, a_mremap_that_failed)
{
	struct mtr_event mv = { .kind = MTR_EV_MOVE, .tid = T1 };
	struct ledger *l = &self->l;

	touch(l, A, 4, 5);
	mv.move.from = A;
	mv.move.to = B;
	mv.move.len = 4 * PG;
	ledger_apply(l, &mv, LEDGER_NO_PATH, false);
	EXPECT_EQ(4 * PG, ledger_sum(l, A, A + 4 * PG));
	mv.move.stays = true;
	ledger_apply(l, &mv, LEDGER_NO_PATH, false);
	EXPECT_EQ(0, ledger_sum(l, A, A + 4 * PG));
	EXPECT_EQ(4 * PG, ledger_sum(l, B, B + 4 * PG));
	EXPECT_EQ(4 * PG, net(l, 5));
}

TEST_F(ledger, huge_page_is_cut)
{
	struct ledger *l = &self->l;

	fault(l, T1, A + 123 * PG, (int64_t)M2, MTR_ANON, 5);
	EXPECT_EQ((int64_t)M2, ledger_sum(l, A, A + M2));
	give_back(l, T1, A + 16 * PG, 16 * PG, 16 * PG, true);
	EXPECT_EQ((int64_t)M2 - 16 * PG, net(l, 5));
	touch(l, A + 16 * PG, 16, 6);
	EXPECT_EQ((int64_t)M2 - 16 * PG, net(l, 5));
	EXPECT_EQ(16 * PG, net(l, 6));
	hole(l, T1, A, M2);
	EXPECT_EQ(0, ledger_total(l));
	EXPECT_EQ(0u, l->nr);
}

/* A file's fault brings pages around it: they go with the region. */
TEST_F(ledger, fault_around)
{
	struct ledger *l = &self->l;

	fault(l, T1, A + 3 * PG, 16 * PG, MTR_FILE, 5);
	EXPECT_EQ(16 * PG, net(l, 5));
	hole(l, T1, A, 64 * PG);
	EXPECT_EQ(0, net(l, 5));
}

/* A private copy of a file's page: +1 anonymous, then −1 file, in the same fault. */
TEST_F(ledger, copy_on_write)
{
	struct ledger *l = &self->l;
	struct mtr_event ev = rss(T1, A, PG, -PG, false);

	fault(l, T1, A, PG, MTR_FILE, 5);
	fault(l, T1, A, PG, MTR_ANON, 6);
	ev.rss.member = MTR_FILE;
	ev.rss.why = MTR_WHY_FAULT;
	ledger_apply(l, &ev, LEDGER_NO_PATH, false);
	EXPECT_EQ(0, net(l, 5));
	EXPECT_EQ(PG, net(l, 6));
	/* of pages that were there before, of which it is not known which they are */
	ledger_count(l, B, B + 16 * PG, 8 * PG, MTR_FILE, LEDGER_BEFORE);
	fault(l, T1, B + 5 * PG, PG, MTR_ANON, 6);
	ev.rss.start = B + 5 * PG;
	ev.rss.end = B + 6 * PG;
	ledger_apply(l, &ev, LEDGER_NO_PATH, false);
	EXPECT_EQ(7 * PG, net(l, LEDGER_BEFORE));
	EXPECT_EQ(2 * PG, net(l, 6));
}

TEST_F(ledger, populate)
{
	struct ledger *l = &self->l;

	touch(l, A + 4 * PG, 4, 5);
	for (int i = 0; i < 28; i++) {
		struct mtr_event ev = rss(T1, A, 32 * PG, PG, false);

		ASSERT_EQ(0, ledger_apply(l, &ev, 6, false));
	}
	EXPECT_EQ(28 * PG, net(l, 6));
	EXPECT_EQ(4 * PG, net(l, 5));
	EXPECT_EQ(32 * PG, ledger_sum(l, A, A + 32 * PG));
	hole(l, T1, A, 16 * PG);
	EXPECT_EQ(16 * PG, net(l, 6));
}

/* Before attach: known only how much there is; a fault in between was none of it. */
TEST_F(ledger, before_attach)
{
	struct ledger *l = &self->l;

	ledger_count(l, A, A + 100 * PG, 50 * PG, MTR_ANON, LEDGER_BEFORE);
	EXPECT_EQ(50 * PG, net(l, LEDGER_BEFORE));
	touch(l, A + 20 * PG, 10, 5);
	EXPECT_EQ(50 * PG, net(l, LEDGER_BEFORE));
	EXPECT_EQ(10 * PG, net(l, 5));
	ledger_count(l, A, A + 100 * PG, 60 * PG, MTR_ANON, LEDGER_NO_PATH);
	EXPECT_EQ(0, net(l, LEDGER_NO_PATH));
	/* all of it goes */
	hole(l, T1, A, 100 * PG);
	EXPECT_EQ(0, net(l, LEDGER_BEFORE));
	EXPECT_EQ(50 * PG, ledger_path(l, LEDGER_BEFORE).released);
	EXPECT_EQ(0, ledger_total(l));
}

TEST_F(ledger, a_count_is_the_last_word)
{
	struct ledger *l = &self->l;

	touch(l, A, 60, 5);
	touch(l, A + 60 * PG, 20, 6);
	ledger_count(l, A, A + 80 * PG, 40 * PG, MTR_ANON, LEDGER_NO_PATH);
	EXPECT_EQ(30 * PG, net(l, 5));
	EXPECT_EQ(10 * PG, net(l, 6));
	ledger_count(l, A, A + 100 * PG, 45 * PG, MTR_ANON, LEDGER_NO_PATH);
	EXPECT_EQ(5 * PG, net(l, LEDGER_NO_PATH));
	EXPECT_EQ(45 * PG, ledger_sum(l, A, A + 100 * PG));
}

/* A fault that the count has in it already replaces what the count could not name. */
/* The pages that were missing come one by one, wherever they are: nothing of the others went. */
TEST_F(ledger, holes_fill_up)
{
	struct ledger_path before;

	for (unsigned int k = 0; k < 3; k++) {
		uint64_t at = A + k * 1000 * PG;

		ASSERT_EQ(0, ledger_count(&self->l, at, at + 429 * PG, 409 * PG, MTR_ANON,
					  LEDGER_BEFORE));
		/* at the end, in the middle, scattered */
		for (unsigned int i = 0; i < 20; i++)
			ASSERT_EQ(0, fault(&self->l, T1,
					   at + (k == 0 ? 409 + i :
						 k == 1 ? 200 + i :
							  21 * i) *
							   PG,
					   PG, MTR_ANON, 7));
		EXPECT_EQ(429 * PG, ledger_sum(&self->l, at, at + 429 * PG));
	}
	before = ledger_path(&self->l, LEDGER_BEFORE);
	EXPECT_EQ(3 * 409 * PG, before.net);
	EXPECT_EQ(0, before.released);
}

/* A page of those that a count took for older ones: nothing went. */
TEST_F(ledger, a_fault_that_was_counted_as_before)
{
	struct mtr_event ev = { .kind = MTR_EV_FAULT, .tid = T1 };
	struct ledger_path before;

	ASSERT_EQ(0, ledger_count(&self->l, A, A + 100 * PG, 100 * PG, MTR_ANON, LEDGER_BEFORE));
	ev.fault.bytes = PG;
	ev.fault.member = MTR_ANON;
	for (unsigned int i = 0; i < 10; i++) {
		ev.fault.addr = A + (40 + i) * PG;
		ASSERT_EQ(0, ledger_apply(&self->l, &ev, 7, true));
	}
	before = ledger_path(&self->l, LEDGER_BEFORE);
	EXPECT_EQ(90 * PG, before.net);
	EXPECT_EQ(90 * PG, before.gross);
	EXPECT_EQ(0, before.released);
	EXPECT_EQ(10 * PG, ledger_path(&self->l, 7).net);
	EXPECT_EQ(100 * PG, ledger_sum(&self->l, A, A + 100 * PG));
}

TEST_F(ledger, a_fault_that_was_counted)
{
	struct mtr_event ev = { .kind = MTR_EV_FAULT, .tid = T1 };
	struct ledger *l = &self->l;

	ledger_count(l, A, A + 100 * PG, 50 * PG, MTR_ANON, LEDGER_BEFORE);
	ev.fault.addr = A + 3 * PG;
	ev.fault.bytes = PG;
	ev.fault.member = MTR_ANON;
	ledger_apply(l, &ev, 5, true);
	EXPECT_EQ(49 * PG, net(l, LEDGER_BEFORE));
	EXPECT_EQ(49 * PG, ledger_path(l, LEDGER_BEFORE).gross);
	EXPECT_EQ(PG, net(l, 5));
}

/* ---- against an array of pages */

#define PAGES 512u
#define PATHS 8u

struct shadow {
	uint8_t page[PAGES]; /* path; 0: not there */
	uint64_t seed;
	int64_t gross[PATHS];
};

static unsigned int draw(struct shadow *s, unsigned int n)
{
	s->seed = s->seed * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned int)(s->seed >> 33) % n;
}

static void some_faults(struct shadow *s, struct ledger *l)
{
	unsigned int at = draw(s, PAGES), n = 1 + draw(s, 20);
	uint8_t path = (uint8_t)(LEDGER_FIRST + draw(s, PATHS - LEDGER_FIRST));

	for (unsigned int i = at; i < at + n && i < PAGES; i++) {
		if (s->page[i])
			continue;
		s->page[i] = path;
		s->gross[path] += PG;
		touch(l, A + i * (uint64_t)PG, 1, path);
	}
}

static unsigned int resident(const struct shadow *s, unsigned int at, unsigned int n)
{
	unsigned int nr = 0;

	for (unsigned int i = at; i < at + n; i++)
		nr += !!s->page[i];
	return nr;
}

static void some_go(struct shadow *s, struct ledger *l, bool unmapped)
{
	unsigned int at = draw(s, PAGES), n = 1 + draw(s, 40), nr, first;
	uint64_t addr = A + at * (uint64_t)PG;

	if (at + n > PAGES)
		n = PAGES - at;
	nr = resident(s, at, n);
	first = nr ? draw(s, nr + 1) : 0;
	if (unmapped)
		hole(l, T1, addr, n * (uint64_t)PG);
	if (first)
		give_back(l, T1, addr, n * (uint64_t)PG, first * PG, true);
	if (nr > first)
		give_back(l, T1, addr, n * (uint64_t)PG, (nr - first) * PG, true);
	memset(s->page + at, 0, n);
}

static void some_move(struct shadow *s, struct ledger *l)
{
	unsigned int n = 1 + draw(s, 40), from = draw(s, PAGES / 2 - n),
		     to = PAGES / 2 + draw(s, PAGES / 2 - n);
	struct mtr_event ev = { .kind = MTR_EV_MOVE, .tid = T1 };

	ev.move.from = A + from * (uint64_t)PG;
	ev.move.to = A + to * (uint64_t)PG;
	ev.move.len = n * (uint64_t)PG;
	ledger_apply(l, &ev, LEDGER_NO_PATH, false);
	hole(l, T1, ev.move.from, ev.move.len);
	memcpy(s->page + to, s->page + from, n);
	memset(s->page + from, 0, n);
}

/* Paths get each other's numbers, and some become one. */
static void renumber(struct shadow *s, struct ledger *l)
{
	uint32_t to[PATHS] = { 0, 1 };
	int64_t gross[PATHS] = { 0 };

	for (unsigned int p = LEDGER_FIRST; p < PATHS; p++) {
		to[p] = LEDGER_FIRST + draw(s, PATHS - LEDGER_FIRST);
		gross[to[p]] += s->gross[p];
	}
	memcpy(s->gross, gross, sizeof(gross));
	for (unsigned int i = 0; i < PAGES; i++)
		s->page[i] = (uint8_t)(s->page[i] ? to[s->page[i]] : 0);
	ledger_renumber(l, to, PATHS);
}

static bool same(const struct shadow *s, struct ledger *l)
{
	int64_t want[PATHS] = { 0 };

	for (unsigned int i = 0; i < PAGES; i++)
		want[s->page[i]] += s->page[i] ? PG : 0;
	for (unsigned int p = LEDGER_FIRST; p < PATHS; p++)
		if (want[p] != net(l, p) || s->gross[p] != ledger_path(l, p).gross ||
		    ledger_path(l, p).released != s->gross[p] - want[p])
			return false;
	return true;
}

static bool tree_is_sound(struct ledger *l)
{
	uint64_t end = 0;
	unsigned int nr = 0;

	for (struct ledger_extent *e = ledger_first(l); e; e = ledger_next(e), nr++) {
		if (e->start < end || e->end <= e->start || e->bytes <= 0)
			return false;
		end = e->end;
	}
	return nr == l->nr;
}

TEST_F(ledger, as_an_array_of_pages)
{
	struct shadow s = { .seed = 20261121 };

	for (unsigned int i = 0; i < 20000; i++) {
		if (!draw(&s, 30))
			renumber(&s, &self->l);
		switch (draw(&s, 8)) {
		case 0:
			some_go(&s, &self->l, true);
			break;
		case 1:
			some_go(&s, &self->l, false);
			break;
		case 2:
			some_move(&s, &self->l);
			break;
		default:
			some_faults(&s, &self->l);
		}
		ASSERT_TRUE(same(&s, &self->l))
		{
			TH_LOG("after step %u", i);
		}
		ASSERT_TRUE(tree_is_sound(&self->l));
	}
}

/*
 * Two functions touch pages in turn, a stack comes with one fault in @period, and
 * those between count for the latest: on average each has its half.
 */
TEST_F(ledger, sampled_totals_are_unbiased)
{
	struct shadow s = { .seed = 4711 };
	uint32_t path = LEDGER_NO_PATH;
	unsigned int skip = 0;
	double part;

	for (unsigned int i = 0; i < 200000; i++) {
		if (!skip--) {
			path = LEDGER_FIRST + (i % 4 == 3);
			skip = draw(&s, 2 * 16 - 1);
		}
		touch(&self->l, A + i * (uint64_t)PG, 1, path);
	}
	EXPECT_EQ(200000 * PG, ledger_total(&self->l));
	part = (double)net(&self->l, LEDGER_FIRST + 1) / (double)ledger_total(&self->l);
	EXPECT_LT(part, 0.26);
	EXPECT_GT(part, 0.24);
}

TEST_F(ledger, neighbours_of_one_path_are_joined)
{
	uint32_t to[LEDGER_FIRST + 100] = { 0, 1 };

	for (unsigned int i = 0; i < 100; i++) {
		touch(&self->l, A + i * (uint64_t)PG, 1, LEDGER_FIRST + i);
		to[LEDGER_FIRST + i] = LEDGER_FIRST + (i == 50);
	}
	EXPECT_EQ(100u, self->l.nr);
	ASSERT_EQ(0, ledger_renumber(&self->l, to, LEDGER_FIRST + 2));
	EXPECT_EQ(3u, self->l.nr);
	EXPECT_EQ(99 * PG, net(&self->l, LEDGER_FIRST));
	EXPECT_EQ(99u, ledger_path(&self->l, LEDGER_FIRST).nr);
	EXPECT_EQ(PG, net(&self->l, LEDGER_FIRST + 1));
	EXPECT_EQ(100 * PG, ledger_sum(&self->l, A, A + 100 * PG));
}

TEST_HARNESS_MAIN
