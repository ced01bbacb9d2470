// SPDX-License-Identifier: GPL-2.0
/*
 * The point of it all: counts taken during a storm of drops are put right by the marks, and when it
 * is over what was taken last is exact. STORM_ROUNDS (12) of it.
 */
#include <pthread.h>

#include "kmod.h"
#include "kselftest_harness.h"

FIXTURE(storm)
{
	int fd;
};

FIXTURE_SETUP(storm)
{
	ASSERT_EQ(0, kmod_load());
	self->fd = kmod_watch(0);
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(storm)
{
	close(self->fd);
}

#define STORM_REGIONS 32
#define STORM_PAGES 512
#define STORM_THREADS 2

static struct {
	char *m[STORM_REGIONS];
	int running;
} storm;

/* Its share of the regions, piece by piece: what is dropped does not come back. */
static void *drop_pages(void *first)
{
	const int piece = 64;

	for (int i = (uintptr_t)first; i < STORM_REGIONS; i += STORM_THREADS)
		for (int at = 0; at < STORM_PAGES - piece; at += piece)
			madvise(storm.m[i] + at * PAGE, piece * PAGE, MADV_DONTNEED);
	__atomic_sub_fetch(&storm.running, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

static void raise_storm(pthread_t *t)
{
	storm.running = STORM_THREADS;
	for (int i = 0; i < STORM_REGIONS; i++) {
		/* A page without access behind each keeps them apart. */
		storm.m[i] = map_anon((STORM_PAGES + 1) * PAGE);
		mprotect(storm.m[i] + STORM_PAGES * PAGE, PAGE, PROT_NONE);
		madvise(storm.m[i], STORM_PAGES * PAGE, MADV_NOHUGEPAGE);
		touch(storm.m[i], STORM_PAGES);
	}
	for (int i = 0; i < STORM_THREADS; i++)
		pthread_create(&t[i], NULL, drop_pages, (void *)(uintptr_t)i);
}

/* The model takes what the marked regions have; returns how many of the counts were unstable. */
static int update(int fd, unsigned long *model, unsigned long *nr)
{
	static struct memtrace_region r[4096];
	int n = marked(fd, 0, r, 4096), unstable = 0;

	for (int i = 0; i < STORM_REGIONS; i++) {
		struct memtrace_region *f = in(r, n, storm.m[i]);

		if (!f)
			continue;
		model[i] = f->nr_present;
		unstable += !(f->count_flags & MEMTRACE_C_STABLE);
		++*nr;
	}
	return n < 0 ? n : unstable;
}

TEST_F_TIMEOUT(storm, ends_exact, 400)
{
	unsigned long model[STORM_REGIONS], unstable = 0, updates = 0;
	pthread_t t[STORM_THREADS];
	int wrong = 0, rounds = getenv("STORM_ROUNDS") ? atoi(getenv("STORM_ROUNDS")) : 12;

	for (int round = 0; round < rounds && !wrong; round++) {
		take_all(self->fd);
		raise_storm(t);
		for (int i = 0; i < STORM_REGIONS; i++)
			model[i] = STORM_PAGES;
		while (__atomic_load_n(&storm.running, __ATOMIC_SEQ_CST))
			unstable += update(self->fd, model, &updates);
		for (int i = 0; i < STORM_THREADS; i++)
			pthread_join(t[i], NULL);
		EXPECT_EQ(0, update(self->fd, model, &updates));
		for (int i = 0; i < STORM_REGIONS; i++) {
			struct truth truth;

			truth_of(getpid(), (unsigned long)storm.m[i],
				 (unsigned long)storm.m[i] + STORM_PAGES * PAGE, &truth);
			wrong += truth.present != model[i];
			munmap(storm.m[i], (STORM_PAGES + 1) * PAGE);
		}
	}
	TH_LOG("%lu counts, %lu of them unstable", updates, unstable);
	EXPECT_EQ(0, wrong);
	EXPECT_GT(updates, 100u);
}

TEST_F(storm, kernel_is_content)
{
	EXPECT_EQ(0, kernel_complaints());
}

TEST_HARNESS_MAIN
