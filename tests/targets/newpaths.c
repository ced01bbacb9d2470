// SPDX-License-Identifier: GPL-2.0
// build-flags: -O2 -fomit-frame-pointer
/*
 * Goes ever new call paths: through eight functions that call each other by pointers, to a depth
 * and with frames drawn from a seed, and at the end of each touches a page that is given back soon.
 * Beside that leak_steady() keeps a page now and then:
 *
 *	newpaths --paths N --seed N
 *
 * A little sleep in between leaves time to who wants to look at each. At the end
 * "TRUTH function=leak_steady bytes=N", then a checkpoint.
 */
#include "target.h"

#include <alloca.h>

#define NOINLINE __attribute__((noipa))
#define FRAME() __asm__ volatile("" ::: "memory")
#define AREA (4u << 20)
#define DEPTH 24
#define LEAK_EVERY 50
#define REST_EVERY 20

static u64 opt_paths = 100000, opt_seed = 1, rnd;
static char *area, *kept;
static u64 at;

static unsigned int draw(unsigned int n)
{
	rnd = rnd * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned int)(rnd >> 33) % n;
}

NOINLINE static void touch(void)
{
	if (at % AREA == 0 && madvise(area, AREA, MADV_DONTNEED))
		target_die("madvise");
	area[at % AREA] = 1;
	at += page_sz;
	FRAME();
}

static void next(unsigned int depth);

#define HOP(name)                                              \
	NOINLINE static void name(unsigned int depth)          \
	{                                                      \
		char *room = alloca(16 + 16 * draw(32));       \
                                                               \
		__asm__ volatile("" : : "r"(room) : "memory"); \
		if (depth)                                     \
			next(depth - 1);                       \
		else                                           \
			touch();                               \
		FRAME();                                       \
	}

HOP(hop_a)
HOP(hop_b)
HOP(hop_c)
HOP(hop_d)
HOP(hop_e)
HOP(hop_f)
HOP(hop_g)
HOP(hop_h)

static void next(unsigned int depth)
{
	static void (*const hop[])(unsigned int) = { hop_a, hop_b, hop_c, hop_d,
						     hop_e, hop_f, hop_g, hop_h };

	hop[draw(8)](depth);
}

/* Returns the bytes that it keeps. */
NOINLINE static u64 leak_steady(void)
{
	*kept = 1;
	kept += page_sz;
	FRAME();
	return page_sz;
}

static char *map(size_t sz)
{
	char *p = mmap(NULL, sz, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED || (madvise(p, sz, MADV_NOHUGEPAGE) && errno != EINVAL))
		target_die("mmap");
	return p;
}

int main(int argc, char **argv)
{
	static const struct target_opt opts[] = {
		{ "paths", OPT_U64, &opt_paths },
		{ "seed", OPT_U64, &opt_seed },
		{ NULL, OPT_FLAG, NULL },
	};
	const struct timespec rest = { .tv_nsec = 1000000 };
	u64 bytes = 0;

	target_init(argc, argv, opts);
	rnd = opt_seed * 7919 + 1;
	area = map(AREA);
	kept = map((opt_paths / LEAK_EVERY + 1) * page_sz);
	target_checkpoint("pid=%d", (int)getpid());
	for (u64 i = 0; i < opt_paths; i++) {
		next(1 + draw(DEPTH));
		if (i % LEAK_EVERY == 0)
			bytes += leak_steady();
		if (i % REST_EVERY == 0)
			nanosleep(&rest, NULL);
		if (i % 10000 == 0)
			target_say("PATHS nr=%llu", (unsigned long long)i);
	}
	target_say("TRUTH function=leak_steady bytes=%llu", (unsigned long long)bytes);
	target_checkpoint("pid=%d", (int)getpid());
	target_say("DONE");
	return 0;
}
