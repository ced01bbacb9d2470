// SPDX-License-Identifier: GPL-2.0
/*
 * What memtrace.ko costs and saves, as ratios: scripts/bench-kmod runs it in a guest.
 *
 * Times under emulation mean nothing by themselves, so every figure is a quotient of two measured
 * in turns in the same run, minima over the rounds. A process of NR_VMAS regions with 1 GiB
 * resident is the subject of the first two parts.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "memtrace_uapi.h"

#define PAGE 4096ul
#define NR_VMAS 20000
#define VMA_PAGES 13 /* resident in each: 1 GiB in all */
#define NR_THREADS 2
#define NR_BATCHES 20
#define BATCH 500

static struct memtrace_region *regions;
static int nr_rounds = 5;

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a && a < b ? a : b;
}

static int watch(pid_t pid)
{
	struct memtrace_attach a = { .size = sizeof(a), .pid = pid };
	int fd = open("/dev/" MEMTRACE_DEVICE, O_RDWR | O_CLOEXEC);

	if (fd < 0 || ioctl(fd, MEMTRACE_IOC_ATTACH, &a))
		die("/dev/memtrace");
	return fd;
}

/* ---- the subject */

/* What the threads of the subject tell, in memory shared with it. */
static struct subject {
	volatile int ready;
	volatile int begin; /* of the part that is measured */
	volatile int stop;
	volatile int drop; /* counts down: so many regions lose a page */
	volatile uint64_t longest[NR_THREADS]; /* between two faults since begin, ns */
	volatile uint64_t faults[NR_THREADS];
} * subj;

static void *fault(void *arg)
{
	const uintptr_t me = (uintptr_t)arg;
	const size_t pages = 256;
	char *m = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		       0);
	uint64_t last = now();
	int begin = 0;

	madvise(m, pages * PAGE, MADV_NOHUGEPAGE);
	while (!subj->stop) {
		madvise(m, pages * PAGE, MADV_DONTNEED);
		for (size_t i = 0; i < pages; i++) {
			uint64_t t;

			((volatile char *)m)[i * PAGE] = 1;
			t = now();
			if (begin != subj->begin) {
				begin = subj->begin;
				subj->longest[me] = subj->faults[me] = 0;
				last = t;
			}
			if (t - last > subj->longest[me])
				subj->longest[me] = t - last;
			subj->faults[me]++;
			last = t;
		}
	}
	return NULL;
}

static pid_t start_subject(bool threads)
{
	static char *vma[NR_VMAS];
	pid_t pid;

	memset(subj, 0, sizeof(*subj));
	pid = fork();
	if (pid) {
		while (!subj->ready)
			usleep(1000);
		return pid;
	}
	for (int i = 0; i < NR_VMAS; i++) {
		/* Every other one read-only afterwards: neighbours are not merged. */
		char *m = mmap(NULL, VMA_PAGES * PAGE, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (m == MAP_FAILED)
			die("mmap");
		madvise(m, VMA_PAGES * PAGE, MADV_NOHUGEPAGE);
		for (int p = 0; p < VMA_PAGES; p++)
			m[p * PAGE] = 1;
		if (i % 2)
			mprotect(m, VMA_PAGES * PAGE, PROT_READ);
		vma[i] = m;
	}
	for (uintptr_t i = 0; threads && i < NR_THREADS; i++) {
		pthread_t t;

		pthread_create(&t, NULL, fault, (void *)i);
	}
	subj->ready = 1;
	while (!subj->stop) {
		for (; subj->drop > 0; subj->drop--)
			madvise(vma[subj->drop * 97 % NR_VMAS], PAGE, MADV_DONTNEED);
		usleep(1000);
	}
	_exit(0);
}

static void end_subject(pid_t pid)
{
	subj->stop = 1;
	waitpid(pid, NULL, 0);
}

/* ---- ways to learn what is resident: each returns the pages that it found */

static unsigned long by_module(int fd, pid_t pid, uint32_t flags)
{
	struct memtrace_snapshot s = { .size = sizeof(s),
				       .flags = flags,
				       .record_size = sizeof(regions[0]),
				       .nr_buf = NR_VMAS * 2,
				       .buf = (uintptr_t)regions,
				       .budget_ns = MEMTRACE_BUDGET_MAX_NS };
	unsigned long pages = 0;

	(void)pid;
	do {
		if (ioctl(fd, MEMTRACE_IOC_SNAPSHOT, &s))
			die("snapshot");
		for (uint32_t i = 0; i < s.nr_out; i++)
			pages += regions[i].nr_present;
	} while (s.out_flags & MEMTRACE_SNAP_MORE);
	return pages;
}

static unsigned long all_by_module(int fd, pid_t pid)
{
	return by_module(fd, pid, 0);
}

static unsigned long marked_by_module(int fd, pid_t pid)
{
	return by_module(fd, pid, MEMTRACE_SNAP_MARKED);
}

static unsigned long read_all(pid_t pid, const char *name, const char *field)
{
	char path[64], line[512];
	unsigned long kb, sum = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	f = fopen(path, "re");
	if (!f)
		die(path);
	setvbuf(f, NULL, _IOFBF, 1 << 16);
	while (fgets(line, sizeof(line), f))
		if (field && !strncmp(line, field, strlen(field)) &&
		    sscanf(line + strlen(field), "%lu", &kb) == 1)
			sum += kb / 4;
	fclose(f);
	return sum;
}

static unsigned long by_smaps(int fd, pid_t pid)
{
	(void)fd;
	return read_all(pid, "smaps", "Rss:");
}

static unsigned long by_rollup(int fd, pid_t pid)
{
	(void)fd;
	return read_all(pid, "smaps_rollup", "Rss:");
}

static unsigned long by_maps(int fd, pid_t pid)
{
	(void)fd;
	return read_all(pid, "maps", NULL);
}

/* maps for the regions, pagemap for each of them. */
static unsigned long by_pagemap(int fd, pid_t pid)
{
	static uint64_t e[1 << 16];
	char path[64], line[512];
	unsigned long start, end, sum = 0;
	int map;
	FILE *f;

	(void)fd;
	snprintf(path, sizeof(path), "/proc/%d/pagemap", pid);
	map = open(path, O_RDONLY | O_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	f = fopen(path, "re");
	while (fgets(line, sizeof(line), f)) {
		ssize_t n;

		sscanf(line, "%lx-%lx", &start, &end);
		if (end - start > sizeof(e) / 8 * PAGE || strstr(line, "[v"))
			continue;
		n = pread(map, e, (end - start) / PAGE * 8, start / PAGE * 8);
		for (ssize_t i = 0; i < n / 8; i++)
			sum += e[i] >> 63;
	}
	fclose(f);
	close(map);
	return sum;
}

/* PAGEMAP_SCAN of the whole address space: what is present, and not the zero page (6.7+). */
struct scan_arg {
	uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages, inverted, mask, anyof,
		ret;
};

static unsigned long by_scan(int fd, pid_t pid)
{
	static struct {
		uint64_t start, end, categories;
	} vec[8192];
	struct scan_arg a = { .size = sizeof(a),
			      .end = 0x7ffffffff000,
			      .vec = (uintptr_t)vec,
			      .vec_len = 8192,
			      .mask = 1 << 3,
			      .ret = 1 << 3 };
	unsigned long sum = 0;
	char path[64];
	int map, n;

	(void)fd;
	snprintf(path, sizeof(path), "/proc/%d/pagemap", pid);
	map = open(path, O_RDONLY | O_CLOEXEC);
	do {
		n = ioctl(map, _IOWR('f', 16, struct scan_arg), &a);
		if (n < 0) {
			close(map);
			return 0;
		}
		for (int i = 0; i < n; i++)
			sum += (vec[i].end - vec[i].start) / PAGE;
		a.start = a.walk_end;
	} while (a.walk_end < a.end && n);
	close(map);
	return sum;
}

static void bench_snapshot(void)
{
	static const struct {
		const char *name;
		unsigned long (*call)(int fd, pid_t pid);
	} ways[] = {
		{ "module, all regions", all_by_module },
		{ "module, 200 marked ones", marked_by_module },
		{ "smaps", by_smaps },
		{ "smaps_rollup", by_rollup },
		{ "maps and pagemap", by_pagemap },
		{ "PAGEMAP_SCAN", by_scan },
		{ "maps alone, no pages", by_maps },
	};
	const int nr = sizeof(ways) / sizeof(ways[0]), LAST = nr - 1;
	pid_t pid = start_subject(false);
	uint64_t ns[7];
	unsigned long pages[7] = {};
	int fd = watch(pid);

	marked_by_module(fd, pid);
	memset(ns, 0xff, sizeof(ns));
	for (int r = 0; r < nr_rounds; r++)
		for (int i = 0; i < nr; i++) {
			uint64_t t;

			for (subj->drop = i == 1 ? 200 : 0; subj->drop > 0;)
				usleep(1000);
			t = now();
			pages[i] = ways[i].call(fd, pid);
			ns[i] = least(now() - t, ns[i]);
		}
	printf("what is resident in %d regions, %lu pages: time as a multiple of the module's\n",
	       NR_VMAS, pages[0]);
	for (int i = 0; i < nr; i++) {
		if (!pages[i] && i != LAST) {
			printf("  %-28s        -  not on this kernel\n", ways[i].name);
			continue;
		}
		printf("  %-28s %8.2f", ways[i].name, (double)ns[i] / (double)ns[0]);
		if (i == 2)
			printf("  goal >= 5: %s", ns[2] >= 5 * ns[0] ? "met" : "not met");
		if (i > 1 && i != LAST && pages[i] + 400 < pages[0])
			printf("  (found %lu pages only)", pages[i]);
		printf("\n");
	}
	end_subject(pid);
	close(fd);
}

/* ---- attaching while threads fault */

static void bench_attach(void)
{
	pid_t pid = start_subject(true);
	uint64_t quiet = 0, held = 0, attach = ~0ull, maps = ~0ull, fault_ns = 0;

	for (int r = 0; r < nr_rounds; r++) {
		uint64_t t, spent;
		int fd;

		t = now();
		by_maps(-1, pid);
		maps = least(now() - t, maps);
		subj->begin++;
		t = now();
		usleep(200000);
		spent = now() - t;
		for (int i = 0; i < NR_THREADS; i++)
			quiet = subj->longest[i] > quiet ? subj->longest[i] : quiet;
		if (subj->faults[0])
			fault_ns = least(spent / subj->faults[0], fault_ns ? fault_ns : ~0ull);
		subj->begin++;
		usleep(20000);
		t = now();
		fd = watch(pid);
		attach = least(now() - t, attach);
		usleep(180000);
		for (int i = 0; i < NR_THREADS; i++)
			held = subj->longest[i] > held ? subj->longest[i] : held;
		close(fd);
	}
	printf("attach to %d regions, %d threads faulting\n", NR_VMAS, NR_THREADS);
	printf("  %-28s %8.2f\n", "attach / reading maps once", (double)attach / (double)maps);
	printf("  %-28s %8.2f\n", "longest hold-up, attach/quiet", (double)held / (double)quiet);
	printf("  %-28s %8.0f\n", "longest hold-up, in faults", (double)held / (double)fault_ns);
	end_subject(pid);
}

/* ---- what an invalidation costs more */

static uint64_t time_madvise(void)
{
	char *m = mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t best = ~0ull;

	madvise(m, 64 * PAGE, MADV_NOHUGEPAGE);
	for (int b = 0; b < NR_BATCHES; b++) {
		uint64_t t = now();

		for (int i = 0; i < BATCH; i++) {
			((volatile char *)m)[i % 64 * PAGE] = 1;
			madvise(m + i % 64 * PAGE, PAGE, MADV_DONTNEED);
		}
		best = least(now() - t, best);
	}
	munmap(m, 64 * PAGE);
	return best;
}

static uint64_t time_munmap(void)
{
	uint64_t best = ~0ull;

	for (int b = 0; b < NR_BATCHES; b++) {
		uint64_t t = now();

		for (int i = 0; i < BATCH; i++) {
			char *m = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE,
				       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

			((volatile char *)m)[0] = 1;
			munmap(m, 4 * PAGE);
		}
		best = least(now() - t, best);
	}
	return best;
}

static int events(const char *word)
{
	int fd = open("/sys/kernel/tracing/events/memtrace/enable", O_WRONLY | O_CLOEXEC);
	int ok = fd >= 0 && write(fd, word, 1) == 1;

	if (fd >= 0)
		close(fd);
	return ok;
}

static void bench_cost(void)
{
	static const char *const what[] = { "not attached", "attached",
					    "attached, tracepoints on" };
	uint64_t adv[3], map[3];

	memset(adv, 0xff, sizeof(adv));
	memset(map, 0xff, sizeof(map));
	for (int r = 0; r < nr_rounds * 2; r++)
		for (int i = 0; i < 3; i++) {
			int fd = i ? watch(0) : -1;

			if (i == 2 && !events("1"))
				die("tracefs");
			adv[i] = least(time_madvise(), adv[i]);
			map[i] = least(time_munmap(), map[i]);
			if (i == 2)
				events("0");
			if (fd >= 0)
				close(fd);
		}
	printf("an invalidation, as a multiple of one that nobody watches\n");
	printf("  %-28s %12s %12s\n", "", "touch+madvise", "mmap+munmap");
	for (int i = 0; i < 3; i++)
		printf("  %-28s %12.3f %12.3f\n", what[i], (double)adv[i] / (double)adv[0],
		       (double)map[i] / (double)map[0]);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		nr_rounds = atoi(argv[1]);
	regions = calloc(NR_VMAS * 2, sizeof(*regions));
	subj = mmap(NULL, sizeof(*subj), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	setvbuf(stdout, NULL, _IOLBF, 0);
	bench_snapshot();
	bench_attach();
	bench_cost();
	return 0;
}
