// SPDX-License-Identifier: GPL-2.0
// build-flags: -O2 -fomit-frame-pointer
/*
 * Grows by a known amount through a known function, in steps of some milliseconds:
 *
 *	grow --kind small|large|map|huge|brk|populate|ways|threads|shuffle|hand|pieces|one|cache|sawtooth|churn|half|twice
 *	     --mib N --ms N --seed N [--nohuge] [--count FILE]
 *
 * Sizes are drawn from the seed. At the end "TRUTH function=F bytes=N" for each function that
 * keeps memory, by the target's own book-keeping, then a checkpoint. With --count what it keeps so far
 * is at any time in the first 8 bytes of FILE: for who kills it. Its files are touched
 * before, lest a page of code that is used for the first time looks like a function's memory.
 */
#include "target.h"

#include <malloc.h>
#include <pthread.h>
#include <sys/prctl.h>

#define NOINLINE __attribute__((noipa))
#define STEP_MS 10
#define KEEP 65536

static u64 opt_mib = 32, opt_ms = 3000, opt_seed = 1;
static const char *opt_kind = "small";
static const char *opt_count;
static bool opt_nohuge;
static u64 rnd;

static u64 draw(u64 lo, u64 hi)
{
	rnd = rnd * 6364136223846793005ull + 1442695040888963407ull;
	return lo + (rnd >> 33) % (hi - lo + 1);
}

static u64 pages(u64 bytes)
{
	return (bytes + page_sz - 1) / page_sz * page_sz;
}

/* Keep the compiler from making a tail call of what should be a frame. */
#define FRAME() __asm__ volatile("" ::: "memory")

NOINLINE static void fill(void *p, size_t n)
{
	memset(p, 0x5a, n);
	FRAME();
}

static uintptr_t heap_end; /* behind what the latest leak_small() has touched */

/* Each returns how many bytes it keeps. */
NOINLINE static u64 leak_small(void)
{
	size_t n = draw(24, 1000);
	void *p = malloc(n);

	fill(p, n);
	heap_end = (uintptr_t)p + malloc_usable_size(p) + 8;
	FRAME();
	return malloc_usable_size(p) + 8;
}

NOINLINE static u64 leak_large(void)
{
	size_t n = draw(200, 900) << 10;
	void *p = malloc(n);

	fill(p, n);
	FRAME();
	if (draw(0, 2))
		return pages(n + 16);
	free(p); /* its mapping goes with it */
	return 0;
}

/* Maps; every third time moves it to where it is larger, or gives a half of it back. */
NOINLINE static u64 leak_map(void)
{
	size_t n = pages(draw(16, 600) << 10), half = pages(n / 2);
	char *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	fill(p, n);
	switch (draw(0, 2)) {
	case 0:
		/* what is behind it is taken, so it moves */
		p = mremap(p, n, 2 * n, MREMAP_MAYMOVE);
		if (p == MAP_FAILED)
			target_die("mremap: %s", strerror(errno));
		break;
	case 1:
		munmap(p + half, n - half);
		n = half;
		break;
	default:
		madvise(p, half, MADV_DONTNEED);
		n -= half;
	}
	FRAME();
	return n;
}

/* Huge pages where the kernel gives them; a part of one is given back. */
NOINLINE static u64 leak_huge(void)
{
	size_t huge = 2 << 20, n = 2 * huge, part = pages(draw(16, 1000) << 10);
	char *p = mmap(NULL, n + huge, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *at = (char *)(((uintptr_t)p + huge - 1) & ~(uintptr_t)(huge - 1));

	madvise(at, n, MADV_HUGEPAGE);
	fill(at, n);
	madvise(at + huge / 2, part, MADV_DONTNEED);
	FRAME();
	return n - part;
}

NOINLINE static u64 leak_brk(void)
{
	size_t n = pages(draw(4, 200) << 10);
	void *p = sbrk((intptr_t)n);

	if (p == (void *)-1)
		target_die("sbrk: %s", strerror(errno));
	fill(p, n);
	FRAME();
	return n;
}

NOINLINE static u64 leak_populate(void)
{
	size_t n = pages(draw(16, 400) << 10);

	if (mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1,
		 0) == MAP_FAILED)
		target_die("mmap: %s", strerror(errno));
	FRAME();
	return n;
}

static char *area;
static u64 area_at;

NOINLINE static u64 fill_cache(u64 upto)
{
	u64 n = upto > area_at ? upto - area_at : 0;

	fill(area + area_at, n);
	area_at += n;
	FRAME();
	return n;
}

static void nap(u64 until_ns)
{
	struct timespec ts = { (time_t)(until_ns / 1000000000), (long)(until_ns % 1000000000) };

	while (clock_nanosleep(CLOCK_BOOTTIME, TIMER_ABSTIME, &ts, NULL) == EINTR)
		;
}

static u64 steps(void)
{
	return opt_ms / STEP_MS ? opt_ms / STEP_MS : 1;
}

static volatile u64 *map_count(void)
{
	int fd = open(opt_count, O_RDWR | O_CREAT, 0600);
	void *p = MAP_FAILED;

	if (fd >= 0 && !ftruncate(fd, (off_t)page_sz))
		p = mmap(NULL, page_sz, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		target_die("%s: %s", opt_count, strerror(errno));
	close(fd);
	return p;
}

/* Grow evenly to the whole. */
static void leak(const char *name, u64 (*fn)(void))
{
	u64 kept = 0, total = opt_mib << 20, start = target_now_ns(), none;
	volatile u64 *count = opt_count ? map_count() : &none;

	for (u64 i = 1; i <= steps(); i++) {
		while (kept < total * i / steps())
			*count = kept += fn();
		nap(start + i * STEP_MS * 1000000);
	}
	target_say("TRUTH function=%s bytes=%llu", name, (unsigned long long)kept);
}

static void make_area(void)
{
	area = mmap(NULL, opt_mib << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		    0);
	if (area == MAP_FAILED)
		target_die("mmap: %s", strerror(errno));
	madvise(area, opt_mib << 20, MADV_NOHUGEPAGE);
}

/* Fills in a third to a half of the time, then stops. */
static void cache(void)
{
	u64 total = opt_mib << 20, start = target_now_ns();
	u64 full = steps() * draw(33, 50) / 100;

	make_area();
	for (u64 i = 1; i <= steps(); i++) {
		fill_cache(i < full ? total * i / full / page_sz * page_sz : total);
		nap(start + i * STEP_MS * 1000000);
	}
	target_say("TRUTH function=fill_cache bytes=%llu", (unsigned long long)area_at);
}

/* What was there before the first checkpoint is half given back after it. */
static void half(void)
{
	u64 n = pages(opt_mib << 19);

	if (madvise(area, n, MADV_DONTNEED))
		target_die("madvise: %s", strerror(errno));
	target_say("TRUTH function=fill_cache bytes=-%llu", (unsigned long long)n);
}

/* Three to six times up, and all of it given back; at the end half up. */
static void sawtooth(void)
{
	u64 total = opt_mib << 20, start = target_now_ns(),
	    period = 2 * steps() / (2 * draw(3, 6) + 1);

	make_area();
	for (u64 i = 1; i <= steps(); i++) {
		if (i % period == 0) {
			madvise(area, total, MADV_DONTNEED);
			area_at = 0;
		}
		fill_cache(total * (i % period) / period / page_sz * page_sz);
		nap(start + i * STEP_MS * 1000000);
	}
	target_say("TRUTH function=fill_cache bytes=%llu", (unsigned long long)area_at);
}

NOINLINE static u64 first_way(void)
{
	u64 n = leak_small();

	FRAME();
	return n;
}

NOINLINE static u64 second_way(void)
{
	u64 n = leak_small();

	FRAME();
	return n;
}

/*
 * Two paths that meet at the same place on the stack; one is gone three times as often. Chunks
 * share pages: a page is whose chunk reached into it first.
 */
static void ways(void)
{
	u64 kept[2] = { 0, 0 }, total = opt_mib << 20, start = target_now_ns(), nr = 0;
	uintptr_t seen = 0, end;

	for (u64 i = 1; i <= steps(); i++) {
		while (kept[0] + kept[1] < total * i / steps()) {
			bool minor = nr++ % 4 == 0;
			u64 n = minor ? second_way() : first_way();

			end = pages(heap_end);
			if (!seen)
				seen = pages(heap_end - n);
			kept[minor] += end - seen;
			seen = end;
		}
		nap(start + i * STEP_MS * 1000000);
	}
	target_say("TRUTH function=first_way bytes=%llu", (unsigned long long)kept[0]);
	target_say("TRUTH function=second_way bytes=%llu", (unsigned long long)kept[1]);
}

/* One function, a checkpoint, then another one, while a quarter of what the first has brought goes. */
static void twice(void)
{
	u64 gone = pages(opt_mib << 18);

	leak("leak_brk", leak_brk);
	target_checkpoint("pid=%d", (int)getpid());
	if (sbrk(-(intptr_t)gone) == (void *)-1)
		target_die("sbrk: %s", strerror(errno));
	target_say("GONE bytes=%llu", (unsigned long long)gone);
	leak("leak_map", leak_map);
}

static void *run_leak(void *arg)
{
	leak(arg, leak_map);
	return NULL;
}

static pthread_t helper;

/* One thread allocates for another, which only touches. */
static void threads(void)
{
	if (pthread_create(&helper, NULL, run_leak, (void *)"leak_map"))
		target_die("pthread_create");
	pthread_join(helper, NULL);
}

#define NR_HELD 64u

static struct {
	char *p;
	u64 n;
} held[NR_HELD];

/* Into a place drawn from all, whose block is freed: in another order than they came. Every third is lost. */
NOINLINE static u64 leak_shuffle(void)
{
	u64 n = draw(130, 400) << 10, at = draw(0, NR_HELD - 1), gone = held[at].n;
	char *p = malloc(n);

	fill(p, n);
	if (draw(0, 2)) {
		free(held[at].p);
		held[at].p = p;
		held[at].n = pages(n + 16);
		n = 0;
	} else {
		gone = 0;
	}
	FRAME();
	return n ? pages(n + 16) : held[at].n - gone;
}

static void churn(void)
{
	u64 start = target_now_ns(), kept = 0;

	for (u64 i = 1; i <= steps(); i++) {
		for (u64 k = draw(0, opt_mib / 4); k; k--) {
			u64 at = draw(0, NR_HELD - 1), n = draw(130, 400) << 10;

			free(held[at].p);
			held[at].p = malloc(n);
			fill(held[at].p, n);
			kept += pages(n + 16) - held[at].n;
			held[at].n = pages(n + 16);
		}
		nap(start + i * STEP_MS * 1000000);
	}
	target_say("TRUTH function=churn bytes=%llu", (unsigned long long)kept);
}

/* Fills the heap and frees it again, but for each @every-th chunk; the last one holds it all. By malloc's own book. */
static void holes(u64 every)
{
	u64 total = opt_mib << 20, nr = 0, max = total / 512;
	char **all = mmap(NULL, max * sizeof(*all), PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct mallinfo2 m;

	if (all == MAP_FAILED)
		target_die("mmap: %s", strerror(errno));
	for (u64 sum = 0, n; sum < total && nr < max; sum += n) {
		n = draw(1100, 4000); /* too large for a thread's cache */
		all[nr] = malloc(n);
		fill(all[nr++], n);
	}
	for (u64 i = 0; i + 1 < nr; i++)
		if (!every || i % every)
			free(all[i]);
	m = mallinfo2();
	target_say("TRUTH function=holes bytes=%llu free=%llu top=%llu",
		   (unsigned long long)m.uordblks, (unsigned long long)(m.fordblks - m.keepcost),
		   (unsigned long long)m.keepcost);
}

static void in_pieces(void)
{
	holes(4);
}

static void in_one(void)
{
	holes(0);
}

static char *handed;
static u64 handed_n;
static pthread_barrier_t both;

NOINLINE static void produce(void)
{
	handed_n = draw(130, 600) << 10;
	handed = malloc(handed_n);
	fill(handed, handed_n);
	FRAME();
}

static void *producer(void *arg)
{
	for (;;) {
		pthread_barrier_wait(&both);
		produce();
		pthread_barrier_wait(&both);
	}
	return arg;
}

/* Another thread makes it; this one keeps it or frees it. */
NOINLINE static u64 consume(void)
{
	pthread_barrier_wait(&both);
	pthread_barrier_wait(&both);
	if (draw(0, 2))
		return pages(handed_n + 16);
	free(handed);
	FRAME();
	return 0;
}

static void hand(void)
{
	pthread_barrier_init(&both, NULL, 2);
	if (pthread_create(&helper, NULL, producer, NULL))
		target_die("pthread_create");
	leak("produce", consume);
}

/* One byte of each page of every file that is mapped. */
static void touch_files(void)
{
	static char maps[65536];
	volatile char sum = 0;

	if (target_slurp("/proc/self/maps", maps, sizeof(maps)) <= 0)
		return;
	for (char *line = strtok(maps, "\n"); line; line = strtok(NULL, "\n")) {
		unsigned long from, to;

		if (sscanf(line, "%lx-%lx r", &from, &to) != 2 || !strchr(line, '/'))
			continue;
		if (!strchr(line, 'r') || strchr(line, 'r') > strchr(line, '/'))
			continue;
		for (; from < to; from += page_sz)
			sum += *(volatile char *)from;
	}
}

static const struct {
	const char *kind, *function;
	u64 (*leak)(void);
	void (*other)(void);
} kinds[] = {
	{ "small", "leak_small", leak_small, NULL },
	{ "large", "leak_large", leak_large, NULL },
	{ "map", "leak_map", leak_map, NULL },
	{ "huge", "leak_huge", leak_huge, NULL },
	{ "brk", "leak_brk", leak_brk, NULL },
	{ "populate", "leak_populate", leak_populate, NULL },
	{ "shuffle", "leak_shuffle", leak_shuffle, NULL },
	{ "hand", NULL, NULL, hand },
	{ "pieces", NULL, NULL, in_pieces },
	{ "one", NULL, NULL, in_one },
	{ "churn", NULL, NULL, churn },
	{ "cache", NULL, NULL, cache },
	{ "sawtooth", NULL, NULL, sawtooth },
	{ "ways", NULL, NULL, ways },
	{ "half", NULL, NULL, half },
	{ "twice", NULL, NULL, twice },
	{ "threads", NULL, NULL, threads },
};

int main(int argc, char **argv)
{
	static const struct target_opt opts[] = {
		{ "kind", OPT_STR, &opt_kind },
		{ "mib", OPT_U64, &opt_mib },
		{ "ms", OPT_U64, &opt_ms },
		{ "seed", OPT_U64, &opt_seed },
		{ "nohuge", OPT_FLAG, &opt_nohuge },
		{ "count", OPT_STR, &opt_count },
		{ NULL, OPT_FLAG, NULL },
	};
	unsigned int at = 0;

	target_init(argc, argv, opts);
	rnd = opt_seed * 7919 + 1;
	while (at < sizeof(kinds) / sizeof(*kinds) && strcmp(kinds[at].kind, opt_kind))
		at++;
	if (at == sizeof(kinds) / sizeof(*kinds))
		target_die("no kind '%s'", opt_kind);
	mallopt(M_MMAP_THRESHOLD, 128 << 10); /* and so it stays there */
	if (opt_nohuge)
		prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	touch_files();
	if (kinds[at].other == half) {
		make_area();
		fill_cache(opt_mib << 20);
	}
	target_checkpoint("pid=%d", (int)getpid());
	if (kinds[at].leak)
		leak(kinds[at].function, kinds[at].leak);
	else
		kinds[at].other();
	target_checkpoint("pid=%d", (int)getpid());
	target_say("DONE");
	return 0;
}
