// SPDX-License-Identifier: GPL-2.0
/* What is exact with memtrace.ko, and when it is not: sequences written by hand. */
#include "attached.h"

#define HEAP_END (HEAP + 0x10000)

static uint32_t epoch; /* moves on before and after each count, as in a session */

static void tell(M *m, unsigned int phase, uint64_t start, uint64_t end, uint64_t seq)
{
	struct mtr_event ev = { .kind = MTR_EV_INVALIDATE, .epoch = epoch };

	ev.invalidate = (struct mtr_ev_invalidate){
		.start = start, .end = end, .seq = seq, .phase = (uint8_t)phase
	};
	apply(m, ev);
}

static void count(M *m, uint64_t start, uint64_t end, int64_t pages, int64_t swap)
{
	struct mtr_event ev = { .kind = MTR_EV_RESIDENCY };

	ev.residency = (struct mtr_ev_residency){ .start = start,
						  .end = end,
						  .present = pages * PAGE,
						  .anon = pages * PAGE,
						  .swap = swap * PAGE,
						  .begin_ns = ++m->now,
						  .epoch = epoch + 1,
						  .end_epoch = epoch + 2 };
	epoch += 2;
	apply(m, ev);
}

static void page_fault(M *m, uint64_t addr, int64_t bytes, uint32_t at_epoch)
{
	struct mtr_event ev = { .kind = MTR_EV_FAULT, .tid = 100, .epoch = at_epoch };

	ev.fault = (struct mtr_ev_fault){ .addr = addr, .bytes = bytes, .member = MTR_ANON };
	apply(m, ev);
}

static void moved(M *m, int64_t bytes, unsigned int why, uint64_t start, uint64_t end)
{
	struct mtr_event ev = { .kind = MTR_EV_RSS, .epoch = epoch };

	ev.rss = (struct mtr_ev_rss){
		.bytes = bytes, .member = MTR_ANON, .why = (uint8_t)why, .start = start, .end = end
	};
	apply(m, ev);
}

static void watched(M *m)
{
	epoch = 10;
	tell(m, MTR_INV_WATCHED, 0, 0, 7);
	count(m, HEAP, HEAP_END, 4, 0);
	count(m, STACK, STACK_END, 2, 0);
}

static bool exact(M *m, uint64_t addr)
{
	/* what is exact never waits for a count, what is not always does */
	return at(m, addr)->residency == RES_EXACT && !at(m, addr)->dirty;
}

TEST_F(m, nothing_is_exact_without_the_module)
{
	count(self, HEAP, HEAP_END, 4, 0);
	EXPECT_EQ(RES_RECONCILED, at(self, HEAP)->residency);
	tell(self, MTR_INV_START, HEAP, HEAP_END, 8);
	EXPECT_FALSE(at(self, HEAP)->dirty);
}

TEST_F(m, only_counts_since_it_watches_are_exact)
{
	struct mtr_event ev = { .kind = MTR_EV_RESIDENCY };

	ev.residency = (struct mtr_ev_residency){ .start = HEAP,
						  .end = HEAP_END,
						  .begin_ns = ++self->now };
	epoch = 10;
	tell(self, MTR_INV_WATCHED, 0, 0, 7);
	apply(self, ev); /* was begun before */
	EXPECT_EQ(RES_RECONCILED, at(self, HEAP)->residency);
	count(self, HEAP, HEAP_END, 4, 0);
	EXPECT_TRUE(exact(self, HEAP));
	EXPECT_EQ(4 * PAGE, region_resident(at(self, HEAP)));
}

TEST_F(m, dirty_at_the_start_and_at_the_end)
{
	watched(self);
	tell(self, MTR_INV_START, HEAP + PAGE, HEAP + 2 * PAGE, 8);
	EXPECT_TRUE(at(self, HEAP)->dirty);
	EXPECT_FALSE(exact(self, HEAP));
	EXPECT_TRUE(exact(self, STACK));
	/* counted between the two: the page table entries may still go */
	count(self, HEAP, HEAP_END, 4, 0);
	EXPECT_TRUE(at(self, HEAP)->dirty);
	EXPECT_NE(RES_EXACT, at(self, HEAP)->residency);
	tell(self, MTR_INV_END, HEAP + PAGE, HEAP + 2 * PAGE, 9);
	EXPECT_TRUE(at(self, HEAP)->dirty);
	count(self, HEAP, HEAP_END, 3, 0);
	EXPECT_TRUE(exact(self, HEAP));
	EXPECT_EQ(2, self->p->nr_inv);
}

TEST_F(m, what_a_count_has_in_it_does_not_spoil_it)
{
	watched(self);
	/* both ended before the count began, though they come by after it */
	tell(self, MTR_INV_START, HEAP, HEAP_END, 8);
	epoch += 2;
	count(self, HEAP, HEAP_END, 4, 0);
	epoch -= 4;
	tell(self, MTR_INV_END, HEAP, HEAP_END, 9);
	page_fault(self, HEAP, PAGE, epoch);
	epoch += 4;
	EXPECT_EQ(4 * PAGE, region_resident(at(self, HEAP)));
	EXPECT_FALSE(exact(self, HEAP)); /* it was open when it was counted */
	count(self, HEAP, HEAP_END, 4, 0);
	page_fault(self, HEAP, PAGE, epoch - 2);
	EXPECT_TRUE(exact(self, HEAP));
	page_fault(self, HEAP, 0, epoch - 1); /* while it was counted: who knows */
	EXPECT_FALSE(exact(self, HEAP));
}

TEST_F(m, faults_and_counters)
{
	watched(self);
	page_fault(self, HEAP, 16 * PAGE, epoch);
	EXPECT_FALSE(exact(self, HEAP));
	EXPECT_TRUE(exact(self, STACK));
	count(self, HEAP, HEAP_END, 16, 0);
	moved(self, PAGE, MTR_WHY_SYSCALL, HEAP, HEAP + PAGE); /* populate */
	EXPECT_FALSE(exact(self, HEAP));
	EXPECT_TRUE(exact(self, STACK));
	count(self, HEAP, HEAP_END, 16, 0);
	moved(self, -PAGE, MTR_WHY_FOREIGN, 0, 0); /* reclaim: the module tells where */
	EXPECT_TRUE(exact(self, HEAP));
	moved(self, PAGE, MTR_WHY_SYSCALL, 0, 0); /* UFFDIO_COPY: nobody does */
	EXPECT_FALSE(exact(self, HEAP));
	EXPECT_FALSE(exact(self, STACK));
}

/* A mremap takes pages along without a word: what is new in the map was never counted. */
TEST_F(m, changes_of_the_map)
{
	watched(self);
	vma(self, MTR_EV_VMA, HEAP, HEAP_END + 0x10000, RW);
	EXPECT_FALSE(exact(self, HEAP));
	EXPECT_TRUE(exact(self, STACK));
	count(self, HEAP, HEAP_END + 0x10000, 4, 0);
	EXPECT_TRUE(exact(self, HEAP));
	hole(self, HEAP, HEAP + PAGE);
	EXPECT_FALSE(exact(self, HEAP + PAGE));
	vma(self, MTR_EV_VMA, HEAP + 0x100000, HEAP + 0x110000, RW);
	EXPECT_TRUE(at(self, HEAP + 0x100000)->dirty);
}

/* Entries of pages under migration look like swap, and come back without a word. */
TEST_F(m, migration)
{
	watched(self);
	count(self, HEAP, HEAP_END, 3, 1);
	EXPECT_FALSE(exact(self, HEAP));
	count(self, HEAP, HEAP_END, 4, 0);
	EXPECT_TRUE(exact(self, HEAP));
	self->p->rss[MTR_SWAP] = PAGE; /* real swap is in the kernel's counter, too */
	count(self, HEAP, HEAP_END, 3, 1);
	EXPECT_TRUE(exact(self, HEAP));
	/* entries that never come back (poison, markers) are given up on */
	self->p->rss[MTR_SWAP] = 0;
	for (unsigned int i = 0; i < 20 && !exact(self, HEAP); i++)
		count(self, HEAP, HEAP_END, 3, 1);
	EXPECT_TRUE(exact(self, HEAP));
}

TEST_F(m, more_at_once_than_are_kept)
{
	const unsigned int nr = INV_OPEN + 5;

	watched(self);
	for (unsigned int i = 0; i < nr; i++)
		tell(self, MTR_INV_START, GUARD + i * PAGE, GUARD + (i + 1) * PAGE, 8 + i);
	count(self, HEAP, HEAP_END, 4, 0);
	EXPECT_FALSE(exact(self, HEAP)); /* one of those that were not kept may be in it */
	for (unsigned int i = nr; i--;)
		tell(self, MTR_INV_END, GUARD + i * PAGE, GUARD + (i + 1) * PAGE, 8 + nr + i);
	count(self, HEAP, HEAP_END, 4, 0);
	EXPECT_TRUE(exact(self, HEAP));
	EXPECT_EQ(2 * nr, self->p->nr_inv);
}

TEST_F(m, a_doubt_is_of_everything)
{
	watched(self);
	tell(self, MTR_INV_START, HEAP, HEAP_END, 8); /* its end will be missed */
	proc_doubt(self->p);
	EXPECT_FALSE(exact(self, HEAP));
	EXPECT_FALSE(exact(self, STACK));
	count(self, HEAP, HEAP_END, 4, 0);
	EXPECT_TRUE(exact(self, HEAP));
	EXPECT_FALSE(exact(self, STACK));
	proc_doubt(self->p);
	EXPECT_FALSE(exact(self, HEAP));
}

TEST_F(m, it_tells_no_more)
{
	watched(self);
	tell(self, MTR_INV_RELEASED, 0, 0, 8);
	EXPECT_FALSE(exact(self, HEAP));
	count(self, HEAP, HEAP_END, 4, 0);
	EXPECT_EQ(RES_RECONCILED, at(self, HEAP)->residency);
}

TEST_HARNESS_MAIN
