// SPDX-License-Identifier: GPL-2.0
/*
 * faultstorm: page touches at full speed, timed from inside, for the bench.
 *
 *	faultstorm [--threads N] [--pages N] [--rounds N]
 *
 * Each thread touches its own pages once a round and gives them back between rounds; only the
 * touching is timed. CHECKPOINT 0: before; 1: threads and regions there; 2: after. DONE faults=
 * (expected) minor= major= (counted between 1 and 2: a few more, of the threads' stacks)
 * ns_per_fault= (mean) min_ns= (the best round).
 */
#include "target.h"
#include <pthread.h>

#define MAX_THREADS 64

static struct {
	u64 threads, pages, rounds;
} cfg = { .threads = 2, .pages = 20000, .rounds = 20 };

static struct {
	pthread_t thread;
	char *start;
	u64 spent, best;
} work[MAX_THREADS];

static pthread_barrier_t barrier;

static u64 touch_all(char *p)
{
	u64 from = target_now_ns();

	for (u64 i = 0; i < cfg.pages; i++)
		*(volatile char *)(p + i * page_sz) = 1;
	return target_now_ns() - from;
}

static void *storm_main(void *arg)
{
	u64 id = (u64)arg;

	work[id].best = ~0ULL;
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	for (u64 i = 0; i < cfg.rounds; i++) {
		u64 ns = touch_all(work[id].start);

		work[id].spent += ns;
		work[id].best = ns < work[id].best ? ns : work[id].best;
		madvise(work[id].start, cfg.pages * page_sz, MADV_DONTNEED);
	}
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	return NULL;
}

static void start_threads(void)
{
	size_t len = cfg.pages * page_sz;

	pthread_barrier_init(&barrier, NULL, (unsigned int)cfg.threads + 1);
	for (u64 i = 0; i < cfg.threads; i++) {
		char *p = mmap(NULL, len + 2 * page_sz, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			       0);

		if (p == MAP_FAILED)
			target_die("faultstorm: %s", strerror(errno));
		work[i].start = p + page_sz;
		mprotect(work[i].start, len, PROT_READ | PROT_WRITE);
		madvise(work[i].start, len, MADV_NOHUGEPAGE);
		if (target_mode != TARGET_QUIET)
			target_say("REGION 0x%lx 0x%lx anon storm", (u64)work[i].start,
				   (u64)work[i].start + len);
		if (pthread_create(&work[i].thread, NULL, storm_main, (void *)i))
			target_die("faultstorm: cannot start thread %lu", i);
	}
	pthread_barrier_wait(&barrier);
}

int main(int argc, char **argv)
{
	static const struct target_opt opts[] = {
		{ "threads", OPT_U64, &cfg.threads },
		{ "pages", OPT_U64, &cfg.pages },
		{ "rounds", OPT_U64, &cfg.rounds },
		{ NULL, OPT_FLAG, NULL },
	};
	struct target_faults from, to;
	u64 nr, spent = 0, best = ~0ULL;

	target_init(argc, argv, opts);
	if (!cfg.threads || cfg.threads > MAX_THREADS || !cfg.pages || !cfg.rounds)
		target_die("faultstorm: 1 to %d threads, pages and rounds", MAX_THREADS);
	nr = cfg.threads * cfg.pages * cfg.rounds;
	target_checkpoint("threads=%lu pages=%lu rounds=%lu", cfg.threads, cfg.pages, cfg.rounds);
	start_threads();
	target_checkpoint("faults=%lu", nr);
	from = target_count_faults(RUSAGE_SELF);
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	to = target_count_faults(RUSAGE_SELF);
	target_checkpoint("faults=%lu minor=%ld major=%ld", nr, to.minor - from.minor,
			  to.major - from.major);
	pthread_barrier_wait(&barrier);
	for (u64 i = 0; i < cfg.threads; i++) {
		pthread_join(work[i].thread, NULL);
		spent += work[i].spent;
		best = work[i].best < best ? work[i].best : best;
	}
	target_say("DONE faults=%lu minor=%ld major=%ld ns_per_fault=%.1f min_ns=%.1f", nr,
		   to.minor - from.minor, to.major - from.major, (double)spent / (double)nr,
		   (double)best / (double)cfg.pages);
	return 0;
}
