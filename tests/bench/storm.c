// SPDX-License-Identifier: GPL-2.0
/*
 * The workloads of scripts/bench, in one program that does a batch when told.
 *
 *   storm fault THREADS PAGES   each thread touches PAGES fresh pages a batch
 *   storm map PAIRS             mmap + munmap of four pages, PAIRS times a batch
 *   storm call CALLS            getppid, CALLS times a batch: a system call that is not about memory
 *   storm many VMAS THREADS     that many mappings and sleeping threads; no batches
 *   storm idle                  sleeps
 *
 * stdin: a line is a batch; end of file ends it. stdout: first "ready PID LO HI"
 * (the addresses that are touched), then one line a batch,
 *
 *   NS OPS FAULTS      wall time of the timed part, what was done, min_flt of it
 *
 * NS is the mean over threads of each one's own time, so that NS / (OPS / THREADS)
 * is what one thread pays for one operation.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MAX_THREADS 64
#define PAGE 4096ul

static unsigned long nr_threads = 1, nr_ops;
static char *area;
static bool plain;
static pthread_barrier_t start, stop;
static uint64_t ns[MAX_THREADS], faults[MAX_THREADS];

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static uint64_t min_flt(void)
{
	struct rusage ru;

	getrusage(RUSAGE_THREAD, &ru);
	return (uint64_t)ru.ru_minflt;
}

/* One fault a page: huge pages are off for the area. */
static void touch(unsigned long thread)
{
	char *mine = area + thread * nr_ops * PAGE;

	for (unsigned long i = 0; i < nr_ops; i++)
		((volatile char *)mine)[i * PAGE] = 1;
}

static void map_pairs(void)
{
	for (unsigned long i = 0; i < nr_ops; i++) {
		void *p = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			       -1, 0);

		if (p == MAP_FAILED || munmap(p, 4 * PAGE))
			die("mmap");
	}
}

static void plain_calls(void)
{
	for (unsigned long i = 0; i < nr_ops; i++)
		syscall(SYS_getppid);
}

static void batch(unsigned long thread)
{
	uint64_t flt = min_flt(), t = now();

	if (area)
		touch(thread);
	else if (plain)
		plain_calls();
	else
		map_pairs();
	ns[thread] = now() - t;
	faults[thread] = min_flt() - flt;
}

static void *worker(void *arg)
{
	for (;;) {
		pthread_barrier_wait(&start);
		batch((uintptr_t)arg);
		pthread_barrier_wait(&stop);
	}
	return NULL;
}

static void serve(void)
{
	unsigned long len = area ? nr_threads * nr_ops * PAGE : 0;
	char line[64];

	pthread_barrier_init(&start, NULL, (unsigned int)nr_threads);
	pthread_barrier_init(&stop, NULL, (unsigned int)nr_threads);
	for (uintptr_t i = 1; i < nr_threads; i++) {
		pthread_t t;

		if (pthread_create(&t, NULL, worker, (void *)i))
			die("pthread_create");
	}
	printf("ready %d %lx %lx\n", getpid(), (unsigned long)area, (unsigned long)area + len);
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		uint64_t t = 0, f = 0;

		pthread_barrier_wait(&start);
		batch(0);
		pthread_barrier_wait(&stop);
		for (unsigned long i = 0; i < nr_threads; i++) {
			t += ns[i];
			f += faults[i];
		}
		if (area)
			madvise(area, len, MADV_DONTNEED);
		printf("%lu %lu %lu\n", (unsigned long)(t / nr_threads), nr_ops * nr_threads,
		       (unsigned long)f);
		fflush(stdout);
	}
}

static void *sleeper(void *arg)
{
	pause();
	return arg;
}

/* Mappings that cannot merge: every second page has another protection. */
static void make_many(unsigned long vmas, unsigned long threads)
{
	char *p = mmap(NULL, (vmas + 1) * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);
	pthread_attr_t attr;
	pthread_t t;

	if (p == MAP_FAILED)
		die("mmap");
	for (unsigned long i = 0; i < vmas; i += 2) {
		p[i * PAGE] = 1;
		if (mprotect(p + i * PAGE, PAGE, PROT_READ))
			die("mprotect");
	}
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 64 << 10);
	for (unsigned long i = 0; i < threads; i++)
		if (pthread_create(&t, &attr, sleeper, NULL))
			die("pthread_create");
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";
	unsigned long a = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
	unsigned long b = argc > 3 ? strtoul(argv[3], NULL, 10) : 0;

	if (!strcmp(mode, "fault") && a && a <= MAX_THREADS && b) {
		nr_threads = a;
		nr_ops = b;
		area = mmap(NULL, a * b * PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (area == MAP_FAILED || madvise(area, a * b * PAGE, MADV_NOHUGEPAGE))
			die("mmap");
	} else if ((!strcmp(mode, "map") || !strcmp(mode, "call")) && a) {
		plain = *mode == 'c';
		nr_ops = a;
	} else if (!strcmp(mode, "many") && a && b) {
		make_many(a, b);
	} else if (strcmp(mode, "idle")) {
		fprintf(stderr,
			"usage: storm fault THREADS PAGES|map PAIRS|call CALLS|many VMAS THREADS|idle\n");
		return 2;
	}
	serve();
	return 0;
}
