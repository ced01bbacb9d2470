/* SPDX-License-Identifier: GPL-2.0 */
/* randops: what changes a mapping in place: mprotect, madvise, mlock, names, seals, userfaultfd. */
#ifndef RANDOPS_ADVISE_H
#define RANDOPS_ADVISE_H

#include "randops.h"
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/uio.h>

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#define PR_SET_VMA_ANON_NAME 0
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MADV_COLD
#define MADV_COLD 20
#endif
#ifndef SYS_mseal
#define SYS_mseal 462
#endif

static long protect(struct worker *w, char *at, size_t len, int prot)
{
	(void)w;
	return errno_of(mprotect(at, len, prot));
}

/* The middle of a block, or a part of a mapping of its own: splits and merges. */
static long op_mprotect(struct worker *w, bool bad)
{
	size_t pages = 3 + rnd(w, 13), from = 1 + rnd(w, pages - 2);
	size_t len = (1 + rnd(w, pages - from)) * page_sz;
	struct slot *s = NULL;
	char *at;

	if (rnd(w, 3))
		at = hot_fresh(w, pages, rnd_prot(w), rnd(w, 4) ? MAP_PRIVATE : MAP_SHARED);
	else
		at = (s = slot_get(w, pages)) ? s->addr : MAP_FAILED;
	if (at == MAP_FAILED)
		return -errno;
	if (bad)
		return protect(w, at + from * page_sz + 1, len, PROT_READ);
	return protect(w, at + from * page_sz, len, rnd_prot(w));
}

/* Whatever lies there: often over a hole, and then the part before it changes nonetheless. */
static long op_mprotect_any(struct worker *w, bool bad)
{
	size_t len = rnd_pages(w, bad ? 48 : 2);
	char *at = hot_at(w, len);

	return protect(w, at, len, rnd_prot(w));
}

/* Fails after its prefix has changed: at a hole, or at a file that must not be written. */
static long op_mprotect_prefix(struct worker *w, bool bad)
{
	size_t pages = 4 + rnd(w, 8), hole = 1 + rnd(w, pages - 2);
	char *at = hot_fresh(w, pages, PROT_READ, 0);

	(void)bad;
	if (at == MAP_FAILED)
		return -errno;
	if (rnd(w, 2))
		munmap(at + hole * page_sz, page_sz);
	else
		mmap(at + hole * page_sz, page_sz, PROT_READ, MAP_SHARED | MAP_FIXED, g.rdonly, 0);
	return protect(w, at, pages * page_sz, PROT_READ | PROT_WRITE | PROT_EXEC);
}

static long op_mprotect_growsdown(struct worker *w, bool bad)
{
	char *top = g.lanes + (rnd(w, NR_LANES) + 1) * LANE_SZ - page_sz;
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
	int prot = PROT_READ | (rnd(w, 2) ? PROT_WRITE : 0);

	if (bad) /* not a stack */
		mmap(top, page_sz, PROT_READ, flags, -1, 0);
	else
		mmap(top - page_sz, 2 * page_sz, PROT_READ, flags | MAP_GROWSDOWN, -1, 0);
	return protect(w, top, page_sz, prot | PROT_GROWSDOWN);
}

static long op_pkey_mprotect(struct worker *w, bool bad)
{
	size_t len = rnd_pages(w, 6);
	char *at = bad ? hot_holed(w, 8, len / page_sz) : hot_fresh(w, 8, PROT_READ, 0);

	if (at == MAP_FAILED)
		return -errno;
	return errno_of(syscall(SYS_pkey_mprotect, at, bad ? 8 * page_sz : len, rnd_prot(w), -1));
}

/* Good: part of a fresh block. Bad: over a hole (what lies beyond is advised nonetheless). */
static long advise(struct worker *w, bool bad, const int *advice, size_t nr)
{
	size_t pages = 4 + rnd(w, 6), from = rnd(w, 3);
	char *at = bad ? hot_holed(w, pages, 3) : hot_fresh(w, pages, PROT_READ | PROT_WRITE, 0);

	if (at == MAP_FAILED)
		return -errno;
	if (rnd(w, 2))
		touch(at, true);
	return errno_of(madvise(at + from * page_sz, (pages - from) * page_sz, advice[rnd(w, nr)]));
}

#define ADVISE(name, ...)                                                          \
	static long op_madv_##name(struct worker *w, bool bad)                     \
	{                                                                          \
		static const int advice[] = { __VA_ARGS__ };                       \
                                                                                   \
		return advise(w, bad, advice, sizeof(advice) / sizeof(advice[0])); \
	}

ADVISE(dontneed, MADV_DONTNEED)
ADVISE(free, MADV_FREE)
ADVISE(willneed, MADV_WILLNEED)
ADVISE(fork, MADV_DONTFORK, MADV_DOFORK)
ADVISE(thp, MADV_HUGEPAGE, MADV_NOHUGEPAGE)
ADVISE(merge, MADV_MERGEABLE, MADV_UNMERGEABLE)
ADVISE(dump, MADV_DONTDUMP, MADV_DODUMP)
ADVISE(wipe, MADV_WIPEONFORK, MADV_KEEPONFORK)
ADVISE(read, MADV_RANDOM, MADV_SEQUENTIAL, MADV_NORMAL)
ADVISE(populate, MADV_POPULATE_WRITE)

static long op_process_madvise(struct worker *w, bool bad)
{
	char *at = hot_fresh(w, 4, PROT_READ | PROT_WRITE, 0);
	struct iovec iov = { at + page_sz, 2 * page_sz };
	long ret;

	if (at == MAP_FAILED)
		return -errno;
	/* 6.13 and later let a process give itself any advice. */
	ret = errno_of(
		syscall(SYS_process_madvise, g.pidfd, &iov, 1UL, bad ? 9999 : MADV_DONTDUMP, 0UL));
	if (bad || ret != -EINVAL)
		return ret;
	return errno_of(syscall(SYS_process_madvise, g.pidfd, &iov, 1UL, MADV_COLD, 0UL));
}

/* Locks a part; over a hole the part before it is locked and stays so. */
static long op_mlock(struct worker *w, bool bad)
{
	size_t pages = 4 + rnd(w, 4), len = (pages - 1) * page_sz;
	char *at = bad ? hot_holed(w, pages, 3) : hot_fresh(w, pages, PROT_READ | PROT_WRITE, 0);
	long ret;

	if (at == MAP_FAILED)
		return -errno;
	ret = errno_of(rnd(w, 2) ? mlock(at + page_sz, len) :
				   syscall(SYS_mlock2, at + page_sz, len, 1UL));
	if (!ret && rnd(w, 8)) /* few stay: RLIMIT_MEMLOCK is small */
		munlock(at + page_sz, len);
	return ret;
}

static long op_munlock(struct worker *w, bool bad)
{
	char *at = bad ? hot_holed(w, 6, 3) : hot_fresh(w, 6, PROT_READ | PROT_WRITE, 0);

	if (at == MAP_FAILED)
		return -errno;
	mlock(at, 2 * page_sz);
	return errno_of(munlock(at + page_sz, 5 * page_sz));
}

static long set_name(char *at, size_t len, const char *name)
{
	return errno_of(prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, at, len, name));
}

static long op_name(struct worker *w, bool bad)
{
	static const char *const names[] = {
		"arena", "glibc: malloc", "jemalloc_pg", "Go: heap", "a name: with spaces", "x",
		NULL,
	};
	size_t pages = 4 + rnd(w, 4), from = rnd(w, 3), len = (1 + rnd(w, pages - from)) * page_sz;
	char *at = hot_fresh(w, pages, PROT_READ | PROT_WRITE, 0);

	if (at == MAP_FAILED)
		return -errno;
	set_name(at, pages * page_sz, names[rnd(w, 3)]);
	if (bad && rnd(w, 2))
		return set_name(at, page_sz, "not [allowed]");
	if (bad)
		munmap(at + page_sz, page_sz);
	return set_name(at + (bad ? 0 : from * page_sz), bad ? pages * page_sz : len,
			names[rnd(w, 7)]);
}

/* A sealed page in the middle of a block: no call may change it, and some change its prefix. */
static long op_mseal(struct worker *w, bool bad)
{
	char *at = g.seals + rnd(w, NR_SEALS) * 64 * page_sz;
	char *mid = at + 8 * page_sz;

	(void)bad;
	mmap(at, 8 * page_sz, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	if (mmap(mid, page_sz, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
		 0) == mid)
		syscall(SYS_mseal, mid, page_sz, 0UL);
	switch (rnd(w, 3)) {
	case 0:
		return errno_of(munmap(at, 16 * page_sz));
	case 1:
		return map_at(at, 16 * page_sz, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
			      -1, 0);
	}
	return protect(w, at, 9 * page_sz, PROT_READ | PROT_WRITE);
}

/* Write-protect mode never blocks a fault here: nothing is ever protected. */
static long op_uffd(struct worker *w, bool bad)
{
	char *at = hot_fresh(w, 6, PROT_READ | PROT_WRITE, 0);
	struct uffdio_register reg = {
		.range = { (u64)at + page_sz, 3 * page_sz },
		.mode = UFFDIO_REGISTER_MODE_WP,
	};
	long ret;

	if (at == MAP_FAILED)
		return -errno;
	if (bad)
		reg.range.start++;
	ret = errno_of(ioctl(g.uffd, UFFDIO_REGISTER, &reg));
	if (!ret && rnd(w, 2))
		ioctl(g.uffd, UFFDIO_UNREGISTER, &reg.range);
	return ret;
}

/* From user mode: a fault, or a SIGSEGV that is caught. */
static long op_touch(struct worker *w, bool bad)
{
	size_t pages = 1 + rnd(w, 4);
	char *at = hot_fresh(w, pages, PROT_READ | PROT_WRITE, 0);
	bool write = rnd(w, 2);

	if (at == MAP_FAILED)
		return -errno;
	if (bad && rnd(w, 2))
		munmap(at, pages * page_sz);
	else if (bad)
		mprotect(at, pages * page_sz, PROT_NONE);
	return touch(at + rnd(w, pages) * page_sz, write);
}

/* From the kernel: read(2) of /dev/zero into fresh memory, or into none. */
static long op_touch_read(struct worker *w, bool bad)
{
	size_t pages = 1 + rnd(w, 4);
	char *at = hot_fresh(w, pages, PROT_READ | PROT_WRITE, 0);

	if (at == MAP_FAILED)
		return -errno;
	if (bad)
		munmap(at, page_sz);
	return errno_of(read(g.zero, at, pages * page_sz));
}

#endif /* RANDOPS_ADVISE_H */
