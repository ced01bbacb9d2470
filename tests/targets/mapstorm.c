// SPDX-License-Identifier: GPL-2.0
/*
 * mapstorm: mmap+munmap pairs at full speed, timed from inside, for the bench.
 *
 *	mapstorm [--pairs N] [--pages N] [--threads N] [--touch]
 *
 * CHECKPOINT 0: before; CHECKPOINT 1: after. DONE pairs= ns_per_pair= (the mean over all) and
 * min_ns= (the best of 50 slices of the first thread). --touch writes to each page between the two.
 */
#include "target.h"
#include <pthread.h>

#define NR_SLICES 50
#define MAX_THREADS 64

static struct {
	u64 pairs, pages, threads;
	bool touch;
} cfg = { .pairs = 200000, .pages = 4, .threads = 1 };

static u64 spent[MAX_THREADS], best = ~0ULL;

static u64 run_slice(u64 pairs)
{
	size_t len = cfg.pages * page_sz;
	u64 from = target_now_ns();

	for (u64 i = 0; i < pairs; i++) {
		char *p =
			mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED)
			target_die("mapstorm: %s", strerror(errno));
		for (size_t at = 0; cfg.touch && at < len; at += page_sz)
			*(volatile char *)(p + at) = 1;
		munmap(p, len);
	}
	return target_now_ns() - from;
}

static void *storm_main(void *arg)
{
	u64 id = (u64)arg;

	for (int i = 0; i < NR_SLICES; i++) {
		u64 ns = run_slice(cfg.pairs / NR_SLICES);

		spent[id] += ns;
		if (!id && ns < best)
			best = ns;
	}
	return NULL;
}

int main(int argc, char **argv)
{
	static const struct target_opt opts[] = {
		{ "pairs", OPT_U64, &cfg.pairs },
		{ "pages", OPT_U64, &cfg.pages },
		{ "threads", OPT_U64, &cfg.threads },
		{ "touch", OPT_FLAG, &cfg.touch },
		{ NULL, OPT_FLAG, NULL },
	};
	pthread_t threads[MAX_THREADS];
	u64 sum = 0, nr;

	target_init(argc, argv, opts);
	if (!cfg.threads || cfg.threads > MAX_THREADS || cfg.pairs < NR_SLICES)
		target_die("mapstorm: 1 to %d threads, %d pairs or more", MAX_THREADS, NR_SLICES);
	nr = cfg.pairs / NR_SLICES * NR_SLICES;
	target_checkpoint("pairs=%lu pages=%lu threads=%lu", nr, cfg.pages, cfg.threads);
	for (u64 i = 1; i < cfg.threads; i++)
		pthread_create(&threads[i], NULL, storm_main, (void *)i);
	storm_main(NULL);
	for (u64 i = 1; i < cfg.threads; i++)
		pthread_join(threads[i], NULL);
	for (u64 i = 0; i < cfg.threads; i++)
		sum += spent[i];
	target_checkpoint("pairs=%lu", nr * cfg.threads);
	target_say("DONE pairs=%lu ns_per_pair=%.1f min_ns=%.1f", nr * cfg.threads,
		   (double)sum / (double)(nr * cfg.threads),
		   (double)best / (double)(nr / NR_SLICES));
	return 0;
}
