/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the module's suites share: loading it, its ioctls, and the truth from pagemap.
 *
 * They run as root in a guest that is thrown away (tests/run -k KERNEL kmod): there the module is
 * /memtrace/memtrace.ko, put there by scripts/vm --kmod.
 */
#ifndef TESTS_KMOD_H
#define TESTS_KMOD_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "memtrace_uapi.h"

#define PAGE 4096ul
#define HUGE_PAGE (2ul << 20)

static inline const char *kmod_file(void)
{
	const char *ko = getenv("MEMTRACE_KO");

	return ko ? ko : "/memtrace/memtrace.ko";
}

/* 0, also when it is loaded already, or -errno. */
static inline int kmod_load(void)
{
	int fd = open(kmod_file(), O_RDONLY | O_CLOEXEC), err = 0;

	if (fd < 0)
		return -errno;
	if (syscall(SYS_finit_module, fd, "", 0) && errno != EEXIST)
		err = -errno;
	close(fd);
	return err;
}

static inline int kmod_unload(void)
{
	return syscall(SYS_delete_module, "memtrace", O_NONBLOCK) ? -errno : 0;
}

static inline int kmod_open(void)
{
	int fd = open("/dev/" MEMTRACE_DEVICE, O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static inline int kmod_attach(int fd, pid_t pid, uint64_t *ret_id)
{
	struct memtrace_attach a = { .size = sizeof(a), .pid = pid };

	if (ioctl(fd, MEMTRACE_IOC_ATTACH, &a))
		return -errno;
	if (ret_id)
		*ret_id = a.id;
	return 0;
}

/* An open file attached to a process, or -errno. */
static inline int kmod_watch(pid_t pid)
{
	int fd = kmod_open(), err;

	if (fd < 0)
		return fd;
	err = kmod_attach(fd, pid, NULL);
	if (!err)
		return fd;
	close(fd);
	return err;
}

static inline struct memtrace_stats kmod_stats(int fd)
{
	struct memtrace_stats s = { .size = sizeof(s) };

	if (ioctl(fd, MEMTRACE_IOC_STATS, &s))
		memset(&s, 0xff, sizeof(s));
	return s;
}

/* Calls until there is no more, at most max records; their number or -errno. */
static inline int kmod_snapshot(int fd, struct memtrace_snapshot *s, struct memtrace_region *r,
				int max)
{
	int n = 0;

	s->size = sizeof(*s);
	s->record_size = sizeof(*r);
	do {
		s->buf = (uintptr_t)(r + n);
		s->nr_buf = max - n;
		if (ioctl(fd, MEMTRACE_IOC_SNAPSHOT, s))
			return -errno;
		n += s->nr_out;
	} while ((s->out_flags & MEMTRACE_SNAP_MORE) && n < max);
	return n;
}

/* The sum over the records of [start, end); -1 when they do not cover it without gap or overlap. */
static inline int kmod_range(int fd, uint32_t flags, unsigned long start, unsigned long end,
			     struct memtrace_region *ret_sum)
{
	struct memtrace_region *r = calloc(4096, sizeof(*r));
	struct memtrace_snapshot s = { .flags = flags, .cursor = start, .limit = end };
	int n = kmod_snapshot(fd, &s, r, 4096);
	unsigned long at = start;

	memset(ret_sum, 0, sizeof(*ret_sum));
	for (int i = 0; i < n; i++) {
		if (r[i].from != at)
			break;
		at = r[i].to;
		ret_sum->nr_present += r[i].nr_present;
		ret_sum->nr_anon += r[i].nr_anon;
		ret_sum->nr_huge += r[i].nr_huge;
		ret_sum->nr_swap += r[i].nr_swap;
		ret_sum->nr_zero += r[i].nr_zero;
		ret_sum->vm_flags |= r[i].vm_flags;
		ret_sum->count_flags |= r[i].count_flags;
	}
	free(r);
	return n < 0 ? n : at == end ? n : -1;
}

/* What pagemap and kpageflags say of [start, end) of a process. */
struct truth {
	unsigned long present; /* without the zero page */
	unsigned long swap;
	unsigned long zero;
};

static inline int truth_of(pid_t pid, unsigned long start, unsigned long end, struct truth *t)
{
	char path[64];
	uint64_t e[512], flags;
	int map, kpf, err = 0;

	memset(t, 0, sizeof(*t));
	snprintf(path, sizeof(path), "/proc/%d/pagemap", pid);
	map = open(path, O_RDONLY | O_CLOEXEC);
	kpf = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);
	while (!err && start < end) {
		size_t n = (end - start) / PAGE < 512 ? (end - start) / PAGE : 512;

		if (pread(map, e, n * 8, start / PAGE * 8) != (ssize_t)(n * 8)) {
			err = -1;
			break;
		}
		for (size_t i = 0; i < n; i++) {
			uint64_t pfn = e[i] & ((1ull << 55) - 1);

			if (e[i] >> 62 & 1)
				t->swap++;
			if (!(e[i] >> 63))
				continue;
			if (!pfn || pread(kpf, &flags, 8, pfn * 8) != 8)
				flags = 0;
			if (flags >> 24 & 1) /* KPF_ZERO_PAGE */
				t->zero++;
			else
				t->present++;
		}
		start += n * PAGE;
	}
	close(map);
	close(kpf);
	return err;
}

/* Writes a word into a file of /proc or /sys; 0 or -errno. */
static inline int put_word(const char *path, const char *word)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), err = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, word, strlen(word)) < 0)
		err = -errno;
	close(fd);
	return err;
}

/* Lines of the kernel's log that mean trouble; prints them. A tainted kernel is none. */
static inline int kernel_complaints(void)
{
	static const char *const bad[] = { "WARNING:",
					   "BUG:",
					   "BUG ",
					   "Oops",
					   "general protection",
					   "Redzone",
					   "Poison",
					   "Objects remaining",
					   "rcu_sched self-detected",
					   "blocked for more than" };
	size_t size = 1 << 20;
	char *log = malloc(size + 1), *line;
	int n = klogctl(3, log, size), found = 0;

	log[n > 0 ? n : 0] = 0;
	for (line = strtok(log, "\n"); line; line = strtok(NULL, "\n"))
		for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
			if (strstr(line, bad[i]) && !strstr(line, "soft lockup")) {
				dprintf(1, "# kernel: %s\n", line);
				found++;
				break;
			}
	free(log);
	return found;
}

/* Anonymous memory, at a huge page's boundary. */
static inline char *map_anon(size_t len)
{
	char *m = mmap(NULL, len + HUGE_PAGE, PROT_NONE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	char *at = (char *)(((uintptr_t)m + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1));

	if (m == MAP_FAILED)
		return NULL;
	return mmap(at, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		    0);
}

static inline void touch(char *m, size_t nr_pages)
{
	for (size_t i = 0; i < nr_pages; i++)
		((volatile char *)m)[i * PAGE] = 1;
}

/* ---- marks */

static inline int marked(int fd, uint32_t flags, struct memtrace_region *r, int max)
{
	struct memtrace_snapshot s = { .flags = flags | MEMTRACE_SNAP_MARKED };

	return kmod_snapshot(fd, &s, r, max);
}

static inline void take_all(int fd)
{
	static struct memtrace_region r[16384];

	marked(fd, 0, r, 16384);
}

/* Is the region in a list of them? */
static inline struct memtrace_region *in(struct memtrace_region *r, int n, void *m)
{
	for (int i = 0; i < n; i++)
		if (r[i].start <= (unsigned long)m && (unsigned long)m < r[i].end)
			return &r[i];
	return NULL;
}

/* Active objects of a cache in /proc/slabinfo; -1: there is none. */
static inline long objects(const char *cache)
{
	char line[256], name[64];
	long active, found = -1;
	FILE *f = fopen("/proc/slabinfo", "re");

	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "%63s %ld", name, &active) == 2 && !strcmp(name, cache))
			found = active;
	fclose(f);
	return found;
}

#endif
