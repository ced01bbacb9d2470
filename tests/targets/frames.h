/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Threads that stand in stacks of every shape, asleep, for the tests of call
 * stacks: --threads N --seed S. Each walks a random path through the functions
 * below (frames of many sizes, alloca, arrays of variable length, structs by
 * value, callbacks from libc, recursion of one and of several functions) and
 * then sleeps in one of several system calls. Compiled as C and as C++, at -O0
 * and at -O2, without frame pointers.
 */
#ifndef FRAMES_H
#define FRAMES_H

#ifdef __cplusplus /* target.h is C only */
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
typedef uint64_t u64;
#else
#include "target.h"
#endif
#include <alloca.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <sys/epoll.h>

#define NOINLINE __attribute__((noinline))
#define MAX_THREADS 1024

static volatile u64 sink; /* what is computed must look wanted */

struct walk {
	u64 rnd;
	int left; /* calls still to make */
};

struct big {
	char bytes[200];
};

static u64 dice(struct walk *w)
{
	w->rnd ^= w->rnd << 13;
	w->rnd ^= w->rnd >> 7;
	w->rnd ^= w->rnd << 17;
	return w->rnd;
}

static u64 step(struct walk *w);

NOINLINE static u64 sleep_somewhere(struct walk *w)
{
	struct timespec ts = { 100000, 0 };
	struct epoll_event ev;
	sigset_t set;

	switch (dice(w) % 5) {
	case 0:
		poll(NULL, 0, -1);
		break;
	case 1:
		epoll_wait(epoll_create1(EPOLL_CLOEXEC), &ev, 1, -1);
		break;
	case 2:
		nanosleep(&ts, NULL);
		break;
	case 3:
		sigemptyset(&set);
		sigaddset(&set, SIGUSR2);
		sigtimedwait(&set, NULL, &ts);
		break;
	default:
		pause();
	}
	return 1;
}

NOINLINE static u64 small(struct walk *w)
{
	return step(w) + 1;
}

NOINLINE static u64 array(struct walk *w)
{
	volatile char buf[333];

	buf[w->left % 300] = 1;
	return step(w) + (u64)buf[w->left % 300];
}

NOINLINE static u64 vla(struct walk *w)
{
	size_t n = 16 + dice(w) % 3000;
	volatile char *buf = (volatile char *)alloca(n);

	buf[n - 1] = 2;
	return step(w) + (u64)buf[n - 1];
}

NOINLINE static u64 by_value(struct walk *w, struct big b, struct big c)
{
	b.bytes[3] = (char)w->left;
	return step(w) + (u64)b.bytes[3] + (u64)c.bytes[4];
}

NOINLINE static u64 structs(struct walk *w)
{
	struct big a, b;

	memset(&a, 1, sizeof(a));
	memset(&b, (int)w->left, sizeof(b));
	return by_value(w, a, b) + 1;
}

NOINLINE static u64 many(struct walk *w, int nr, ...)
{
	u64 sum = 0;
	va_list ap;

	va_start(ap, nr);
	for (int i = 0; i < nr; i++)
		sum += va_arg(ap, u64);
	va_end(ap);
	return step(w) + sum;
}

NOINLINE static u64 pong(struct walk *w, int n);

NOINLINE static u64 ping(struct walk *w, int n)
{
	volatile u64 keep[3] = { 1, 2, (u64)n };

	return (n ? pong(w, n - 1) : step(w)) + keep[n % 3];
}

NOINLINE static u64 pong(struct walk *w, int n)
{
	volatile u64 keep[9] = { 1, 2, (u64)n };

	return (n ? ping(w, n - 1) : step(w)) + keep[n % 3];
}

NOINLINE static u64 recurse(struct walk *w, int n)
{
	volatile char b[40];

	b[n % 40] = (char)n;
	return (n ? recurse(w, n - 1) : step(w)) + (u64)b[n % 40];
}

/* A callback from libc: frames of ours, of libc's, and ours again. */
static __thread struct walk *sorting;

static int compare(const void *a, const void *b)
{
	struct walk *w = sorting;

	sorting = NULL;
	if (w)
		sink += step(w);
	return *(const int *)a - *(const int *)b;
}

NOINLINE static u64 sorted(struct walk *w)
{
	int v[50];

	for (int i = 0; i < 50; i++)
		v[i] = (int)(dice(w) % 1000);
	sorting = w;
	qsort(v, 50, sizeof(*v), compare);
	return (u64)v[0];
}

NOINLINE static u64 step(struct walk *w)
{
	if (w->left-- <= 0)
		return sleep_somewhere(w);
	switch (dice(w) % 9) {
	case 0:
		return small(w) + 1;
	case 1:
		return array(w) + 1;
	case 2:
		return vla(w) + 1;
	case 3:
		return structs(w) + 1;
	case 4:
		return many(w, 9, 1ull, 2ull, 3ull, 4ull, 5ull, 6ull, 7ull, 8ull, 9ull) + 1;
	case 5:
		return ping(w, (int)(dice(w) % 12)) + 1;
	case 6:
		return recurse(w, (int)(dice(w) % 40)) + 1;
	case 7:
		return sorted(w) + 1;
	}
	return small(w) + 2;
}

#ifndef __cplusplus

static void *frames_thread(void *arg)
{
	struct walk w = *(struct walk *)arg;

	w.left = (int)(dice(&w) % 14);
	sink += step(&w);
	return NULL;
}

static int frames_main(int argc, char **argv)
{
	static struct walk walks[MAX_THREADS];
	u64 threads = 40, seed = 1;
	const struct target_opt opts[] = { { "threads", OPT_U64, &threads },
					   { "seed", OPT_U64, &seed },
					   { NULL, OPT_FLAG, NULL } };
	pthread_attr_t attr;

	target_init(argc, argv, opts);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 256 << 10);
	for (u64 i = 0; i < threads && i < MAX_THREADS; i++) {
		pthread_t t;

		walks[i].rnd = (seed * 1000003 + i + 1) * 0x9e3779b97f4a7c15ull;
		if (pthread_create(&t, &attr, frames_thread, &walks[i]))
			target_die("no more threads than %llu", (unsigned long long)i);
	}
	target_checkpoint("threads=%llu", (unsigned long long)threads);
	return 0;
}

#endif /* C */

#endif
