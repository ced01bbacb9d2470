// SPDX-License-Identifier: GPL-2.0
/*
 * crowd NR SLEEP_US WORK: as many threads, each of which sleeps so long and then counts up to
 * WORK, again and again, 20 frames deep. SLEEP_US 0: they never sleep. Prints a line when all run.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define DEPTH 20

static long sleep_us, work;
static atomic_int nr_here;

static __attribute__((noinline)) void busy(int depth)
{
	const struct timespec ts = { sleep_us / 1000000, sleep_us % 1000000 * 1000 };
	volatile char room[200];

	room[0] = 0;
	if (depth) {
		busy(depth - 1);
		room[1] = room[0];
	} else {
		nr_here++;
	}
	while (!depth) {
		for (volatile long i = 0; i < work; i++)
			;
		if (sleep_us)
			nanosleep(&ts, NULL);
	}
}

static void *start(void *arg)
{
	busy(DEPTH);
	return arg;
}

int main(int argc, char **argv)
{
	int nr = argc > 3 ? atoi(argv[1]) : 0;

	if (!nr)
		return 2;
	sleep_us = atol(argv[2]);
	work = atol(argv[3]);
	for (int i = 0; i < nr; i++) {
		pthread_t t;

		if (pthread_create(&t, NULL, start, NULL))
			return 1;
	}
	while (nr_here < nr)
		usleep(1000);
	puts("ready");
	fflush(stdout);
	pause();
	return 0;
}
