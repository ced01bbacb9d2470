// SPDX-License-Identifier: GPL-2.0
/*
 * A later snapshot of the map against the model: what differs is drift, unless an
 * event that was on its way explains it. And pages that a brk or munmap takes away.
 */
#include "kselftest_harness.h"

#include "event/strtab.h"
#include "model/model.h"

#define AS 7
#define A 0x10000000ull
#define B 0x20000000ull
#define LEN 0x10000ull

FIXTURE(drift)
{
	struct strtab *st;
	struct model m;
	struct proc *p;
	uint64_t now;
};

static void range(FIXTURE_DATA(drift) * self, uint16_t kind, uint64_t start)
{
	struct mtr_event ev = { .kind = kind, .as = AS, .time_ns = ++self->now };

	if (kind == MTR_EV_HOLE) {
		ev.range.start = start;
		ev.range.end = start + LEN;
	} else {
		ev.vma = (struct mtr_ev_vma){ .start = start,
					      .end = start + LEN,
					      .prot = MTR_P_READ | MTR_P_WRITE };
	}
	model_apply(&self->m, &ev);
}

/* A snapshot that shows @a and @b, those that are not 0. */
static void snapshot(FIXTURE_DATA(drift) * self, uint64_t a, uint64_t b)
{
	struct mtr_event ev = { .kind = MTR_EV_SNAP_BEGIN, .as = AS, .time_ns = ++self->now };

	ev.snap.what = MTR_SNAP_MAPS;
	model_apply(&self->m, &ev);
	if (a)
		range(self, MTR_EV_SNAP_VMA, a);
	if (b)
		range(self, MTR_EV_SNAP_VMA, b);
	ev.kind = MTR_EV_SNAP_END;
	ev.snap.complete = true;
	ev.snap.end_ns = ev.time_ns = ++self->now;
	model_apply(&self->m, &ev);
}

static void tick(FIXTURE_DATA(drift) * self)
{
	self->now += 1000000000;
	proc_tick(self->p, self->now, self->st);
}

FIXTURE_SETUP(drift)
{
	struct mtr_event ev = { .kind = MTR_EV_ATTACH, .as = AS, .time_ns = 1 };

	self->st = strtab_new();
	model_init(&self->m, self->st);
	ev.proc.pid = 42;
	model_apply(&self->m, &ev);
	self->p = model_proc(&self->m, AS);
	ASSERT_NE(NULL, self->p);
	self->now = 10;
	snapshot(self, A, 0);
	tick(self);
	tick(self);
	ASSERT_EQ(0u, self->p->nr_drift);
}

FIXTURE_TEARDOWN(drift)
{
	model_fini(&self->m);
	strtab_free(self->st);
}

TEST_F(drift, is_counted_and_healed)
{
	snapshot(self, 0, B);
	EXPECT_EQ(NULL, aspace_find(&self->p->aspace, A));
	EXPECT_NE(NULL, aspace_find(&self->p->aspace, B));
	proc_tick(self->p, self->now + 1, self->st); /* its own interval: events may still come */
	EXPECT_EQ(0u, self->p->nr_drift);
	proc_tick(self->p, self->now + 2, self->st); /* and a thread may be put off */
	EXPECT_EQ(0u, self->p->nr_drift);
	tick(self);
	EXPECT_EQ(2u, self->p->nr_drift);
	tick(self);
	EXPECT_EQ(2u, self->p->nr_drift);
}

TEST_F(drift, is_not_what_events_explain)
{
	snapshot(self, 0, B);
	tick(self);
	range(self, MTR_EV_HOLE, A);
	range(self, MTR_EV_VMA, B);
	tick(self);
	tick(self);
	EXPECT_EQ(0u, self->p->nr_drift);
}

/* A process that changes its map fast: more differences than any fixed number, each explained. */
TEST_F(drift, is_not_what_many_events_explain)
{
	struct mtr_event ev = { .kind = MTR_EV_SNAP_BEGIN, .as = AS, .time_ns = ++self->now };

	ev.snap.what = MTR_SNAP_MAPS;
	model_apply(&self->m, &ev);
	for (uint64_t i = 0; i < 1000; i++)
		range(self, MTR_EV_SNAP_VMA, B + 2 * LEN * i);
	ev.kind = MTR_EV_SNAP_END;
	ev.snap.complete = true;
	ev.time_ns = ++self->now;
	model_apply(&self->m, &ev);
	EXPECT_EQ(1001u, self->p->doubts.nr);
	for (uint64_t i = 1; i < 1000; i++)
		range(self, MTR_EV_VMA, B + 2 * LEN * i);
	range(self, MTR_EV_HOLE, A);
	tick(self);
	tick(self);
	EXPECT_EQ(1u, self->p->nr_drift);
}

TEST_F(drift, is_what_events_elsewhere_do_not_explain)
{
	snapshot(self, A, B);
	range(self, MTR_EV_VMA, B + LEN);
	tick(self);
	tick(self);
	EXPECT_EQ(1u, self->p->nr_drift);
}

/* A line or an event of any range. */
static void part(FIXTURE_DATA(drift) * self, uint16_t kind, uint64_t start, uint64_t end,
		 uint32_t prot)
{
	struct mtr_event ev = { .kind = kind, .as = AS, .time_ns = ++self->now };

	if (kind == MTR_EV_HOLE) {
		ev.range.start = start;
		ev.range.end = end;
	} else {
		ev.vma = (struct mtr_ev_vma){ .start = start, .end = end, .prot = prot };
	}
	model_apply(&self->m, &ev);
}

static void snap(FIXTURE_DATA(drift) * self, bool begins)
{
	struct mtr_event ev = { .kind = begins ? MTR_EV_SNAP_BEGIN : MTR_EV_SNAP_END,
				.as = AS,
				.time_ns = ++self->now };

	ev.snap.what = MTR_SNAP_MAPS;
	ev.snap.complete = true;
	ev.snap.begin_ns = ev.snap.end_ns = ev.time_ns;
	model_apply(&self->m, &ev);
}

#define RW (MTR_P_READ | MTR_P_WRITE)
#define C (A + 0x4000)
#define D (A + 0x8000)
#define E (A + LEN)

/* Of what a munmap leaves nobody tells: the event is that of the part which went. */
TEST_F(drift, is_not_the_rest_of_what_was_unmapped)
{
	snap(self, true);
	part(self, MTR_EV_SNAP_VMA, A, C, RW);
	part(self, MTR_EV_SNAP_VMA, D, E, RW);
	snap(self, false);
	EXPECT_EQ(3u, self->p->doubts.nr); /* [C, D) and its edges */
	part(self, MTR_EV_HOLE, C, D, 0);
	EXPECT_EQ(0u, self->p->doubts.nr);
	tick(self);
	tick(self);
	EXPECT_EQ(0u, self->p->nr_drift);
}

TEST_F(drift, is_not_the_rest_of_what_was_protected)
{
	snap(self, true);
	part(self, MTR_EV_SNAP_VMA, A, C, RW);
	part(self, MTR_EV_SNAP_VMA, C, E, MTR_P_READ);
	snap(self, false);
	part(self, MTR_EV_VMA, C, E, MTR_P_READ);
	tick(self);
	tick(self);
	EXPECT_EQ(0u, self->p->nr_drift);
}

/* Split by what maps does not show, and joined again. */
TEST_F(drift, is_not_an_edge_that_an_event_touches)
{
	snap(self, true);
	part(self, MTR_EV_SNAP_VMA, A, D, RW);
	part(self, MTR_EV_SNAP_VMA, D, E, RW);
	snap(self, false);
	EXPECT_EQ(1u, self->p->doubts.nr);
	part(self, MTR_EV_VMA, A, D, RW);
	EXPECT_EQ(0u, self->p->doubts.nr);
	tick(self);
	tick(self);
	snap(self, true);
	part(self, MTR_EV_SNAP_VMA, A, E, RW);
	snap(self, false);
	EXPECT_EQ(1u, self->p->doubts.nr);
	part(self, MTR_EV_VMA, A, E, RW);
	EXPECT_EQ(0u, self->p->doubts.nr);
	tick(self);
	tick(self);
	EXPECT_EQ(0u, self->p->nr_drift);
}

TEST_F(drift, is_an_edge_that_none_touches)
{
	snap(self, true);
	part(self, MTR_EV_SNAP_VMA, A, C, RW);
	part(self, MTR_EV_SNAP_VMA, C, E, RW);
	snap(self, false);
	part(self, MTR_EV_VMA, D, E, RW);
	part(self, MTR_EV_HOLE, B, B + LEN, 0);
	tick(self);
	tick(self);
	EXPECT_EQ(1u, self->p->nr_drift);
}

TEST_F(drift, is_what_is_gone_beside_what_an_event_tells)
{
	snap(self, true);
	part(self, MTR_EV_SNAP_VMA, A, C, RW);
	snap(self, false);
	part(self, MTR_EV_HOLE, E, E + LEN, 0);
	tick(self);
	tick(self);
	EXPECT_EQ(2u, self->p->nr_drift); /* the range and its edge */
}

/* At an attach: a thread that is known maps, one that is not yet unmaps, then the map is read. */
TEST_F(drift, is_not_made_by_what_was_before_the_reading)
{
	struct mtr_event ev = { .kind = MTR_EV_VMA, .as = AS, .time_ns = ++self->now };
	struct region *r;

	ev.vma = (struct mtr_ev_vma){ .start = B, .end = B + LEN, .prot = RW };
	snap(self, true);
	part(self, MTR_EV_SNAP_VMA, A, E, RW);
	snap(self, false);
	model_apply(&self->m, &ev);
	EXPECT_EQ(NULL, aspace_find(&self->p->aspace, B));
	ev.kind = MTR_EV_HOLE;
	ev.range.start = A;
	ev.range.end = E;
	model_apply(&self->m, &ev);
	EXPECT_NE(NULL, aspace_find(&self->p->aspace, A));
	/* but what the reading does not show it tells */
	ev.kind = MTR_EV_VMA;
	ev.vma = (struct mtr_ev_vma){ .start = A, .end = E, .prot = RW | MTR_P_LOCKED };
	model_apply(&self->m, &ev);
	r = aspace_find(&self->p->aspace, A);
	ASSERT_NE(NULL, r);
	EXPECT_TRUE(r->prot & MTR_P_LOCKED);
	/* and what came since is done */
	ev.time_ns = ++self->now;
	ev.kind = MTR_EV_HOLE;
	ev.range.start = A;
	ev.range.end = E;
	model_apply(&self->m, &ev);
	EXPECT_EQ(NULL, aspace_find(&self->p->aspace, A));
}

/* munmap: the hole comes first and takes the region's pages; the counter's change has no place. */
TEST_F(drift, pages_go_with_their_region)
{
	struct mtr_event ev = { .kind = MTR_EV_RSS, .as = AS };

	range(self, MTR_EV_VMA, B);
	ev.rss.bytes = 8192;
	ev.rss.member = MTR_ANON;
	ev.rss.why = MTR_WHY_SYSCALL;
	ev.rss.start = B;
	ev.rss.end = B + LEN;
	ev.time_ns = ++self->now;
	model_apply(&self->m, &ev);
	EXPECT_EQ(8192, region_resident(aspace_find(&self->p->aspace, B)));
	range(self, MTR_EV_HOLE, B);
	ev.rss.bytes = -8192;
	ev.time_ns = ++self->now;
	model_apply(&self->m, &ev);
	EXPECT_EQ(0, proc_rss(self->p));
	EXPECT_EQ(0u, self->p->unplaced);
	EXPECT_EQ(0, region_resident(aspace_find(&self->p->aspace, A)));
}

TEST_HARNESS_MAIN
