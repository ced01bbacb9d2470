// SPDX-License-Identifier: GPL-2.0
/*
 * The address space against an oracle: an array with one entry a page.
 *
 *   oracle   [A][A][ ][B][B][B][ ]      what each page is backed by, protection, name
 *   aspace   [──A──)   [───B───)        regions
 *
 * The random walk prints its seed; MEMTRACE_TEST_SEED repeats it.
 */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "kselftest_harness.h"
#include "model/aspace.h"

#define PAGE 4096ull
#define BASE 0x7f0000000000ull
#define RW (MTR_P_READ | MTR_P_WRITE)

static struct mtr_ev_vma anon(uint64_t start, uint64_t end, uint32_t prot)
{
	return (struct mtr_ev_vma){ .start = start, .end = end, .prot = prot };
}

static struct mtr_ev_vma file(uint64_t start, uint64_t end, uint64_t ino, uint64_t pgoff)
{
	return (struct mtr_ev_vma){
		.start = start, .end = end, .prot = MTR_P_READ, .dev = 8, .ino = ino, .pgoff = pgoff
	};
}

FIXTURE(as)
{
	struct aspace as;
};

FIXTURE_SETUP(as)
{
	aspace_init(&self->as);
}

FIXTURE_TEARDOWN(as)
{
	aspace_fini(&self->as);
}

static struct region *one(struct aspace *as, uint64_t start, uint64_t end)
{
	struct mtr_ev_vma v = anon(start, end, RW);

	return aspace_set(as, &v) ? NULL : aspace_find(as, start);
}

/* ---- the random walk */

#define NR_PAGES 512u
#define NR_OPS 200000u

/* Two neighbouring pages are of one region only if all of this is equal. */
struct page {
	uint32_t op; /* the operation that mapped it; 0: a hole */
	uint32_t prot, name;
	uint64_t ino, off; /* off: of the page in its file */
};

struct walk {
	struct aspace as;
	struct page page[NR_PAGES];
	uint64_t rnd;
	uint32_t op;
	bool cut[NR_PAGES + 1]; /* a boundary was made here */
};

static uint32_t rnd(struct walk *w, uint32_t below)
{
	/* xorshift64 */
	w->rnd ^= w->rnd << 13;
	w->rnd ^= w->rnd >> 7;
	w->rnd ^= w->rnd << 17;
	return (uint32_t)((w->rnd >> 16) % below);
}

static bool same_backing(const struct page *p, const struct mtr_ev_vma *v, uint32_t i)
{
	return p->op && p->ino == v->ino && !((p->prot ^ v->prot) & MTR_P_SHARED) &&
	       (!v->ino || p->off == v->pgoff + BASE + i * PAGE - v->start);
}

/* An event without a name leaves the one there is: the lowest one of the same backing. */
static uint32_t name_kept(const struct walk *w, const struct mtr_ev_vma *v, uint32_t from,
			  uint32_t to)
{
	for (uint32_t i = from; i < to && !v->name; i++)
		if (w->page[i].name && same_backing(&w->page[i], v, i))
			return w->page[i].name;
	return v->name;
}

static void do_set(struct walk *w, uint32_t from, uint32_t to)
{
	struct mtr_ev_vma v = anon(BASE + from * PAGE, BASE + to * PAGE, 0);
	uint32_t name;

	v.prot = rnd(w, 8) | (rnd(w, 8) ? 0 : MTR_P_SHARED);
	/* Few files and offsets, so that neighbours often fit together. */
	if (rnd(w, 2)) {
		v.ino = 1 + rnd(w, 3);
		v.dev = 8;
		v.pgoff = rnd(w, 2) ? from * PAGE : rnd(w, 16) * PAGE;
	}
	v.name = rnd(w, 4) ? 1 + rnd(w, 5) : 0;
	name = name_kept(w, &v, from, to);
	aspace_set(&w->as, &v);
	for (uint32_t i = from; i < to; i++) {
		w->page[i] = (struct page){ w->op, v.prot, name, v.ino,
					    v.ino ? v.pgoff + (i - from) * PAGE : 0 };
		w->cut[i] = false;
	}
	w->cut[from] = w->cut[to] = true;
}

static void do_clear(struct walk *w, uint32_t from, uint32_t to)
{
	aspace_clear(&w->as, BASE + from * PAGE, BASE + to * PAGE);
	for (uint32_t i = from; i < to; i++) {
		w->page[i] = (struct page){ 0 };
		w->cut[i] = false;
	}
	w->cut[from] = w->cut[to] = true;
}

static void do_rename(struct walk *w, uint32_t from, uint32_t to)
{
	uint32_t name = rnd(w, 6);

	aspace_rename(&w->as, BASE + from * PAGE, BASE + to * PAGE, name);
	for (uint32_t i = from; i < to; i++)
		if (w->page[i].op && !w->page[i].ino)
			w->page[i].name = name;
	w->cut[from] = w->cut[to] = true;
}

/* Nothing in between: each boundary of a region is one of the oracle's, each page is what the oracle says. */
static unsigned int differences(struct walk *w)
{
	struct region *r, *prev = NULL;
	unsigned int bad = 0, nr = 0;
	uint64_t virt = 0, at = BASE;

	aspace_for_each(r, &w->as) {
		uint32_t from = (uint32_t)((r->start - BASE) / PAGE),
			 to = (uint32_t)((r->end - BASE) / PAGE);

		bad += r->start >= r->end || r->start < at || r->end > BASE + NR_PAGES * PAGE;
		bad += prev != aspace_prev(r);
		if (bad)
			return bad;
		for (uint64_t a = at; a < r->start; a += PAGE)
			bad += w->page[(a - BASE) / PAGE].op != 0;
		for (uint32_t i = from; i < to; i++) {
			const struct page *p = &w->page[i];

			bad += !p->op || p->op != w->page[from].op || p->prot != r->prot ||
			       p->ino != r->ino;
			bad += p->ino && p->off != r->pgoff + (i - from) * PAGE;
			bad += p->name != r->name;
			bad += i > from && w->cut[i];
		}
		bad += !w->cut[from] || !w->cut[to];
		nr++;
		virt += r->end - r->start;
		at = r->end;
		prev = r;
	}
	for (uint64_t a = at; a < BASE + NR_PAGES * PAGE; a += PAGE)
		bad += w->page[(a - BASE) / PAGE].op != 0;
	return bad + (nr != w->as.nr) + (virt != w->as.virt) + (prev != aspace_last(&w->as));
}

static unsigned int lookups(struct walk *w)
{
	uint32_t i = rnd(w, NR_PAGES), next = i;
	uint64_t addr = BASE + i * PAGE + rnd(w, 4096);
	struct region *r = aspace_find(&w->as, addr), *c = aspace_ceil(&w->as, addr);
	unsigned int bad = 0;

	bad += !r != !w->page[i].op;
	bad += r && (addr < r->start || addr >= r->end || c != r);
	while (next < NR_PAGES && !w->page[next].op)
		next++;
	bad += !c != (next == NR_PAGES);
	bad += c && !r && c->start != BASE + next * PAGE;
	return bad;
}

TEST(random_operations_against_an_array_of_pages)
{
	const char *set = getenv("MEMTRACE_TEST_SEED");
	struct walk *w = calloc(1, sizeof(*w));
	uint64_t seed = set ? strtoull(set, NULL, 0) : (uint64_t)time(NULL) * 2654435761u;
	unsigned int bad = 0, splits = 0, most = 0;

	ASSERT_NE(NULL, w);
	seed |= 1;
	TH_LOG("MEMTRACE_TEST_SEED=0x%llx", (unsigned long long)seed);
	aspace_init(&w->as);
	w->rnd = seed;
	w->cut[0] = w->cut[NR_PAGES] = true;
	for (w->op = 1; w->op <= NR_OPS && !bad; w->op++) {
		uint32_t from = rnd(w, NR_PAGES), len = 1 + rnd(w, rnd(w, 8) ? 12 : NR_PAGES / 2);
		uint32_t to = from + len > NR_PAGES ? NR_PAGES : from + len, what = rnd(w, 10);
		unsigned int nr = w->as.nr;

		if (what < 6)
			do_set(w, from, to);
		else if (what < 9)
			do_clear(w, from, to);
		else
			do_rename(w, from, to);
		splits += w->as.nr > nr + 1;
		most = w->as.nr > most ? w->as.nr : most;
		bad += differences(w) + lookups(w);
		if (bad)
			TH_LOG("operation %u on pages [%u, %u): %u differences", w->op, from, to,
			       bad);
	}
	EXPECT_EQ(0, bad);
	/* it was no walk over an empty map */
	EXPECT_LT(1000, splits);
	EXPECT_LT(50, most);
	aspace_fini(&w->as);
	EXPECT_EQ(0, w->as.nr);
	EXPECT_EQ(0, w->as.virt);
	free(w);
}

/* ---- what is known of pages is neither made nor lost by cutting and joining */

struct totals {
	int64_t res[MTR_NR_RSS], base_res, base_virt, tick_res;
	uint64_t minor, major, tick_faults;
};

static struct totals totals(struct aspace *as)
{
	struct totals t = { 0 };
	struct region *r;

	aspace_for_each(r, as) {
		for (unsigned int i = 0; i < MTR_NR_RSS; i++)
			t.res[i] += r->res[i];
		t.base_res += r->base_res;
		t.base_virt += r->base_virt;
		t.tick_res += r->tick_res;
		t.minor += r->minor;
		t.major += r->major;
		t.tick_faults += r->tick_faults;
	}
	return t;
}

TEST_F(as, bytes_and_faults_are_conserved)
{
	uint64_t seed = 88172645463325252ull, end = BASE + 1024 * PAGE;
	struct region *r = one(&self->as, BASE, end);
	struct totals before, after;
	struct mtr_ev_vma v;
	unsigned int bad = 0;

	ASSERT_NE(NULL, r);
	r->res[MTR_ANON] = 701 * (int64_t)PAGE;
	r->res[MTR_FILE] = -3 * (int64_t)PAGE; /* an estimate may dip */
	r->res[MTR_SWAP] = 17 * (int64_t)PAGE;
	r->base_res = 300 * (int64_t)PAGE;
	r->base_virt = 1024 * (int64_t)PAGE;
	r->tick_res = 650 * (int64_t)PAGE;
	r->minor = 12345;
	r->major = 7;
	r->tick_faults = 12000;
	before = totals(&self->as);
	for (unsigned int i = 0; i < 20000; i++) {
		uint64_t a, b;

		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		a = (seed >> 33) % 1024;
		b = a + 1 + (seed >> 50) % (1024 - a);
		/* protections only: the backing stays, so does everything that is known */
		v = anon(BASE + a * PAGE, BASE + b * PAGE, (uint32_t)(seed >> 20) & MTR_P_RWX);
		bad += aspace_set(&self->as, &v) != 0;
		aspace_for_each(r, &self->as) {
			bad += r->peak > (int64_t)region_size(r) || r->peak < region_resident(r);
			bad += r->res[MTR_ANON] % 4096 != 0;
		}
		after = totals(&self->as);
		bad += memcmp(&before, &after, sizeof(before)) != 0;
	}
	EXPECT_EQ(0, bad);
	/* and whole again */
	v = anon(BASE, end, RW);
	ASSERT_EQ(0, aspace_set(&self->as, &v));
	EXPECT_EQ(1, self->as.nr);
	after = totals(&self->as);
	EXPECT_EQ(0, memcmp(&before, &after, sizeof(before)));
}

/* Cutting and joining over and over is no growth: a peak is not counted twice. */
TEST_F(as, peak_is_shared_out_too)
{
	struct region *r = one(&self->as, BASE, BASE + 100 * PAGE);
	struct mtr_ev_vma v;

	r->res[MTR_ANON] = 20 * (int64_t)PAGE;
	r->peak = 40 * (int64_t)PAGE;
	for (unsigned int i = 0; i < 50; i++) {
		v = anon(BASE + 50 * PAGE, BASE + 100 * PAGE, MTR_P_READ);
		ASSERT_EQ(0, aspace_set(&self->as, &v));
		v = anon(BASE, BASE + 100 * PAGE, RW);
		ASSERT_EQ(0, aspace_set(&self->as, &v));
	}
	r = aspace_find(&self->as, BASE);
	EXPECT_EQ(40 * (int64_t)PAGE, r->peak);
	EXPECT_EQ(20 * (int64_t)PAGE, region_resident(r));
}

TEST_F(as, a_cut_marks_both_parts_to_be_counted)
{
	struct region *r = one(&self->as, BASE, BASE + 8 * PAGE), *hi;

	r->res[MTR_ANON] = 4 * (int64_t)PAGE;
	r->lowest = BASE + 6 * PAGE;
	r->huge = 2 << 20;
	r->dirty = false;
	ASSERT_EQ(0, aspace_clear(&self->as, BASE + 3 * PAGE, BASE + 4 * PAGE));
	r = aspace_find(&self->as, BASE);
	hi = aspace_find(&self->as, BASE + 4 * PAGE);
	ASSERT_NE(NULL, r);
	ASSERT_NE(NULL, hi);
	EXPECT_TRUE(r->dirty && hi->dirty);
	EXPECT_EQ(0, r->lowest);
	EXPECT_EQ(BASE + 6 * PAGE, hi->lowest);
	EXPECT_EQ(-1, r->huge);
	EXPECT_EQ(-1, hi->huge);
	/* nothing known of its pages: nothing to count again */
	r = one(&self->as, BASE + 100 * PAGE, BASE + 108 * PAGE);
	ASSERT_EQ(0, aspace_rename(&self->as, BASE + 102 * PAGE, BASE + 104 * PAGE, 5));
	EXPECT_FALSE(aspace_find(&self->as, BASE + 102 * PAGE)->dirty);
}

/* ---- what goes on when a range becomes something else */

struct carry {
	const char *what;
	struct mtr_ev_vma before, after;
	bool kept;
};

TEST_F(as, pages_stay_where_the_backing_does)
{
	const uint64_t end = BASE + 4 * PAGE;
	const struct carry c[] = {
		{ "protection", anon(BASE, end, RW), anon(BASE, end, 0), true },
		{ "grown up", anon(BASE, end, RW), anon(BASE, end + PAGE, RW), true },
		{ "grown down", anon(BASE, end, RW), anon(BASE - PAGE, end, RW), true },
		{ "now shared", anon(BASE, end, RW), anon(BASE, end, RW | MTR_P_SHARED), false },
		{ "now the kernel's", anon(BASE, end, RW), anon(BASE, end, RW | MTR_P_SPECIAL),
		  false },
		{ "a file over it", anon(BASE, end, RW), file(BASE, end, 7, 0), false },
		{ "another file", file(BASE, end, 8, 0), file(BASE, end, 7, 0), false },
		{ "same file", file(BASE, end, 7, 0x3000), file(BASE, end, 7, 0x3000), true },
		{ "same file, other offset", file(BASE, end, 7, 0), file(BASE, end, 7, 0x1000),
		  false },
		{ "file grown down", file(BASE, end, 7, 0x3000), file(BASE - PAGE, end, 7, 0x2000),
		  true },
		{ "file moved", file(BASE, end, 7, 0x3000), file(BASE - PAGE, end, 7, 0x3000),
		  false },
	};

	for (unsigned int i = 0; i < sizeof(c) / sizeof(*c); i++) {
		struct region *r;

		aspace_fini(&self->as);
		aspace_init(&self->as);
		ASSERT_EQ(0, aspace_set(&self->as, &c[i].before));
		r = aspace_find(&self->as, BASE);
		r->res[MTR_ANON] = 2 * (int64_t)PAGE;
		r->minor = 2;
		r->tid = 77;
		r->base_res = PAGE;
		ASSERT_EQ(0, aspace_set(&self->as, &c[i].after));
		EXPECT_EQ(1, self->as.nr);
		r = aspace_find(&self->as, BASE);
		EXPECT_EQ(c[i].kept ? 2 * (int64_t)PAGE : 0, region_resident(r))
		TH_LOG("%s", c[i].what);
		EXPECT_EQ(c[i].kept ? 2 : 0, r->minor)
		TH_LOG("%s", c[i].what);
		EXPECT_EQ(c[i].kept ? 77 : 0, r->tid)
		TH_LOG("%s", c[i].what);
		EXPECT_EQ(c[i].kept ? (int64_t)PAGE : 0, r->base_res)
		TH_LOG("%s", c[i].what);
	}
}

TEST_F(as, names_survive_a_change_that_says_none)
{
	struct mtr_ev_vma v = anon(BASE, BASE + 4 * PAGE, RW);

	v.name = 3;
	ASSERT_EQ(0, aspace_set(&self->as, &v));
	v.name = 0;
	ASSERT_EQ(0, aspace_set(&self->as, &v));
	EXPECT_EQ(3, aspace_find(&self->as, BASE)->name);
	v.end += PAGE;
	ASSERT_EQ(0, aspace_set(&self->as, &v));
	EXPECT_EQ(3, aspace_find(&self->as, BASE)->name);
	v = file(BASE, BASE + 4 * PAGE, 9, 0);
	ASSERT_EQ(0, aspace_set(&self->as, &v));
	EXPECT_EQ(0, aspace_find(&self->as, BASE)->name);
	/* a file's name is not an anonymous one's to change */
	ASSERT_EQ(0, aspace_rename(&self->as, BASE, BASE + PAGE, 4));
	EXPECT_EQ(0, aspace_find(&self->as, BASE)->name);
}

/* One part counted and one not: together they are not, whichever lies lower. */
TEST_F(as, what_is_known_least_decides)
{
	for (unsigned int i = 0; i < 2; i++) {
		struct region *lo = one(&self->as, BASE, BASE + 2 * PAGE);
		struct region *hi = one(&self->as, BASE + 2 * PAGE, BASE + 4 * PAGE), *r;
		struct mtr_ev_vma v = anon(BASE, BASE + 4 * PAGE, RW);

		EXPECT_EQ(RES_ESTIMATED, lo->residency);
		lo->residency = i ? RES_UNKNOWN : RES_RECONCILED;
		hi->residency = i ? RES_RECONCILED : RES_UNKNOWN;
		lo->res_time_ns = i ? 0 : 50;
		hi->res_time_ns = i ? 50 : 0;
		lo->dirty = i;
		hi->dirty = !i;
		ASSERT_EQ(0, aspace_set(&self->as, &v));
		r = aspace_find(&self->as, BASE);
		EXPECT_EQ(RES_UNKNOWN, r->residency);
		EXPECT_EQ(0, r->res_time_ns);
		EXPECT_TRUE(r->dirty);
		r->residency = RES_RECONCILED;
		r->res_time_ns = 70;
		v.end += PAGE;
		ASSERT_EQ(0, aspace_set(&self->as, &v));
		r = aspace_find(&self->as, BASE);
		EXPECT_EQ(RES_RECONCILED, r->residency);
		EXPECT_EQ(70, r->res_time_ns);
		ASSERT_EQ(0, aspace_clear(&self->as, BASE, BASE + 8 * PAGE));
	}
}

/* ---- refusals and edges */

TEST_F(as, refuses_what_is_no_range)
{
	struct mtr_ev_vma v = anon(BASE, BASE, RW);

	EXPECT_EQ(-EINVAL, aspace_set(&self->as, &v));
	v = anon(BASE + PAGE, BASE, RW);
	EXPECT_EQ(-EINVAL, aspace_set(&self->as, &v));
	v = anon(BASE + 1, BASE + PAGE, RW);
	EXPECT_EQ(-EINVAL, aspace_set(&self->as, &v));
	v = anon(BASE, BASE + 100, RW);
	EXPECT_EQ(-EINVAL, aspace_set(&self->as, &v));
	EXPECT_EQ(-EINVAL, aspace_clear(&self->as, BASE, BASE));
	EXPECT_EQ(-EINVAL, aspace_clear(&self->as, BASE, BASE + 7));
	EXPECT_EQ(-EINVAL, aspace_rename(&self->as, BASE + PAGE, BASE, 1));
	EXPECT_EQ(0, self->as.nr);
	EXPECT_EQ(1, self->as.gen);
}

TEST_F(as, ends_of_the_address_space)
{
	const uint64_t top = ~0ull & ~4095ull;
	struct mtr_ev_vma v = anon(top - PAGE, top, MTR_P_EXEC);

	ASSERT_EQ(0, aspace_set(&self->as, &v));
	v = anon(0, PAGE, RW);
	ASSERT_EQ(0, aspace_set(&self->as, &v));
	EXPECT_EQ(0, aspace_find(&self->as, 0)->start);
	EXPECT_EQ(top - PAGE, aspace_ceil(&self->as, PAGE)->start);
	EXPECT_EQ(NULL, aspace_find(&self->as, top));
	EXPECT_EQ(NULL, aspace_ceil(&self->as, top));
	EXPECT_EQ(NULL, aspace_find(&self->as, ~0ull));
	ASSERT_EQ(0, aspace_clear(&self->as, 0, top));
	EXPECT_EQ(0, self->as.nr);
	EXPECT_EQ(NULL, aspace_first(&self->as));
	EXPECT_EQ(NULL, aspace_last(&self->as));
}

/* Whoever keeps what depends on the map asks gen whether it is stale. */
TEST_F(as, every_change_moves_gen)
{
	struct mtr_ev_vma v = anon(BASE, BASE + 2 * PAGE, RW);
	uint64_t gen = self->as.gen;

	aspace_set(&self->as, &v);
	EXPECT_LT(gen, self->as.gen);
	gen = self->as.gen;
	v.prot = MTR_P_READ; /* in place */
	aspace_set(&self->as, &v);
	EXPECT_LT(gen, self->as.gen);
	gen = self->as.gen;
	aspace_rename(&self->as, BASE, BASE + 2 * PAGE, 1);
	EXPECT_LT(gen, self->as.gen);
	gen = self->as.gen;
	aspace_clear(&self->as, BASE + PAGE, BASE + 2 * PAGE);
	EXPECT_LT(gen, self->as.gen);
	gen = self->as.gen;
	aspace_find(&self->as, BASE);
	aspace_ceil(&self->as, BASE);
	EXPECT_EQ(gen, self->as.gen);
}

/* The region looked up last may be cut, joined or gone by the next look-up. */
TEST_F(as, the_region_kept_from_the_last_lookup)
{
	struct region *r = one(&self->as, BASE, BASE + 4 * PAGE);

	EXPECT_EQ(r, aspace_find(&self->as, BASE + 3 * PAGE));
	aspace_clear(&self->as, BASE + 2 * PAGE, BASE + 3 * PAGE);
	EXPECT_EQ(BASE + 3 * PAGE, aspace_find(&self->as, BASE + 3 * PAGE)->start);
	aspace_clear(&self->as, BASE + 3 * PAGE, BASE + 4 * PAGE);
	EXPECT_EQ(NULL, aspace_find(&self->as, BASE + 3 * PAGE));
	EXPECT_EQ(BASE, aspace_find(&self->as, BASE + PAGE)->start);
}

TEST_F(as, resident_is_clamped)
{
	struct region *r = one(&self->as, BASE, BASE + 4 * PAGE);

	r->res[MTR_ANON] = -5 * (int64_t)PAGE;
	EXPECT_EQ(0, region_resident(r));
	r->res[MTR_ANON] = 9 * (int64_t)PAGE;
	EXPECT_EQ(4 * (int64_t)PAGE, region_resident(r));
	r->res[MTR_ANON] = (int64_t)PAGE;
	r->res[MTR_SWAP] = 2 * (int64_t)PAGE; /* not resident */
	EXPECT_EQ((int64_t)PAGE, region_resident(r));
}

TEST_HARNESS_MAIN
