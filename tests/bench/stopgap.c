// SPDX-License-Identifier: GPL-2.0
/*
 * A thread that computes in a stack of --depth bytes and looks at the clock all
 * the time: for how long was it stopped? Times in which it gave up the CPU by
 * itself count, and it never does so but in a stop: when others take the CPU
 * away, the kernel counts that elsewhere. Each newline on stdin begins a round and
 * answers with the longest stops of the last one, ns, largest first.
 *
 *	stopgap DEPTH
 */
#include <alloca.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define KEPT 4

static volatile unsigned long gap[KEPT];
static volatile int round_nr;

static unsigned long now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (unsigned long)ts.tv_sec * 1000000000ul + (unsigned long)ts.tv_nsec;
}

/* Times that this thread was switched away from without being preempted. */
static long stops(void)
{
	struct rusage ru;

	return getrusage(RUSAGE_THREAD, &ru) ? 0 : ru.ru_nvcsw;
}

static void note(unsigned long g)
{
	for (int i = 0; i < KEPT; i++) {
		unsigned long t = gap[i];

		if (g > t) {
			gap[i] = g;
			g = t;
		}
	}
}

__attribute__((noinline)) static int spin(volatile char *stack)
{
	unsigned long last = now();
	long nr = stops();
	int seen = 0;

	for (;;) {
		unsigned long t = now();

		if (round_nr != seen) {
			seen = round_nr;
			memset((void *)gap, 0, sizeof(gap));
		} else if (t - last > 2000) {
			if (stops() != nr)
				note(t - last);
			nr = stops();
			t = now();
		}
		last = t;
	}
	return stack[0];
}

__attribute__((noinline)) static int deeper(long left)
{
	volatile char frame[960];

	memset((void *)frame, 1, sizeof(frame));
	return left > 1024 ? deeper(left - 1024) + frame[3] : spin(frame) + frame[3];
}

static void *thread(void *arg)
{
	deeper((long)arg);
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t t;

	/* behind a stop nobody else shall be in the way: as root only */
	setpriority(PRIO_PROCESS, 0, -20);
	if (argc != 2 || pthread_create(&t, NULL, thread, (void *)atol(argv[1])))
		return 2;
	printf("%d\n", getpid());
	fflush(stdout);
	while (getchar() == '\n') {
		for (int i = 0; i < KEPT; i++)
			printf("%lu ", gap[i]);
		printf("\n");
		fflush(stdout);
		round_nr++;
	}
	return 0;
}
