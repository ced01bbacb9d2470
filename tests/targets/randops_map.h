/* SPDX-License-Identifier: GPL-2.0 */
/* randops: mmap in all its forms, munmap, brk, shared memory, contexts that map by themselves. */
#ifndef RANDOPS_MAP_H
#define RANDOPS_MAP_H

#include "randops.h"
#include <linux/aio_abi.h>
#include <sys/shm.h>

#define HUGE_LEN (1UL << 62)

static long map_at(char *at, size_t len, int prot, int flags, int fd, off_t off)
{
	return mmap(at, len, prot, flags, fd, off) == MAP_FAILED ? -errno : 0;
}

/* Arguments that no mmap accepts: misaligned, empty, or larger than the address space. */
static long map_bad(struct worker *w, int flags)
{
	char *at = hot_at(w, page_sz);

	switch (rnd(w, 3)) {
	case 0:
		return map_at(at + 1 + rnd(w, page_sz - 1), page_sz, PROT_READ, flags | MAP_FIXED,
			      -1, 0);
	case 1:
		return map_at(at, 0, PROT_READ, flags, -1, 0);
	}
	return map_at(at, HUGE_LEN, PROT_READ, flags, -1, 0);
}

static long op_mmap_null(struct worker *w, bool bad)
{
	size_t len = rnd(w, 50) ? rnd_pages(w, 64) : 2UL << 20;
	int flags = MAP_ANONYMOUS | (rnd(w, 4) ? MAP_PRIVATE : MAP_SHARED);
	void *p;

	if (bad)
		return map_bad(w, flags);
	p = mmap(NULL, len, rnd_prot(w), flags, -1, 0);
	if (p == MAP_FAILED)
		return -errno;
	slot_keep(w, p, len, SLOT_MAP);
	return 0;
}

static long op_mmap_hint(struct worker *w, bool bad)
{
	size_t len = rnd_pages(w, 8);
	char *at = hot_at(w, len);
	void *p;

	if (bad)
		return map_bad(w, MAP_PRIVATE | MAP_ANONYMOUS);
	p = mmap(at + rnd(w, 2), len, rnd_prot(w), MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return -errno;
	slot_keep(w, p, len, SLOT_MAP);
	return 0;
}

static long map_fixed(struct worker *w, bool bad, int flags, u64 max)
{
	size_t len = rnd_pages(w, max);

	if (bad)
		return map_bad(w, flags | MAP_ANONYMOUS);
	return map_at(hot_at(w, len), len, rnd_prot(w), flags | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

static long op_mmap_fixed(struct worker *w, bool bad)
{
	return map_fixed(w, bad, MAP_PRIVATE, 16);
}

static long op_mmap_shared(struct worker *w, bool bad)
{
	return map_fixed(w, bad, MAP_SHARED, 8);
}

static long op_mmap_noreserve(struct worker *w, bool bad)
{
	return map_fixed(w, bad, MAP_PRIVATE | MAP_NORESERVE, 8);
}

static long op_mmap_populate(struct worker *w, bool bad)
{
	return map_fixed(w, bad, MAP_PRIVATE | MAP_POPULATE, 4);
}

static long op_mmap_noreplace(struct worker *w, bool bad)
{
	char *at = g.far + rnd(w, NR_FAR) * FAR_STEP;
	size_t len = rnd_pages(w, 16);
	int flags = MAP_PRIVATE | MAP_ANONYMOUS;

	if (bad)
		mmap(at, len, PROT_READ, flags | MAP_FIXED, -1, 0);
	else
		munmap(at, 16 * page_sz);
	return map_at(at, len, rnd_prot(w), flags | MAP_FIXED_NOREPLACE, -1, 0);
}

static long map_file(struct worker *w, bool bad, int share, enum file_kind kind)
{
	size_t len = rnd_pages(w, 8);
	off_t off = (off_t)(rnd(w, FILE_PAGES + 4) * page_sz); /* some lie beyond the end */
	int prot = rnd_prot(w), flags = share | MAP_FIXED;
	char *at = hot_at(w, len);

	if (!bad)
		return map_at(at, len, prot, flags, g.files[kind], off);
	if (rnd(w, 2))
		return map_at(at, len, prot, flags, -1, off);
	return map_at(at, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, g.rdonly, off);
}

static long op_mmap_file_private(struct worker *w, bool bad)
{
	return map_file(w, bad, MAP_PRIVATE, FILE_LINKED);
}

static long op_mmap_file_shared(struct worker *w, bool bad)
{
	return map_file(w, bad, MAP_SHARED, rnd(w, 2) ? FILE_LINKED : FILE_ODD);
}

static long op_mmap_file_unlinked(struct worker *w, bool bad)
{
	return map_file(w, bad, rnd(w, 2) ? MAP_SHARED : MAP_PRIVATE, FILE_UNLINKED);
}

static long op_mmap_memfd(struct worker *w, bool bad)
{
	return map_file(w, bad, rnd(w, 2) ? MAP_SHARED : MAP_PRIVATE, FILE_MEMFD);
}

/* The file's own mmap handler refuses: some kernels have unmapped the range by then. */
static long op_mmap_late_fail(struct worker *w, bool bad)
{
	size_t len = rnd_pages(w, 8);
	char *at = hot_at(w, len);
	int flags = MAP_SHARED | MAP_FIXED;

	(void)bad;
	if (rnd(w, 2))
		return map_at(at, len, PROT_READ | PROT_WRITE, flags, g.sealed, 0);
	return map_at(at, len, PROT_READ, flags, g.proc, 0);
}

static char *lane_at(struct worker *w)
{
	return g.lanes + rnd(w, NR_LANES) * LANE_SZ;
}

/* Clears a lane, maps a few pages at its top that may grow down, and makes them grow. */
static long op_growsdown(struct worker *w, bool bad)
{
	char *lane = lane_at(w), *top = lane + LANE_SZ - 4 * page_sz;
	int flags = MAP_ANONYMOUS | MAP_FIXED | MAP_GROWSDOWN;
	long ret;

	if (bad)
		return map_at(top, 4 * page_sz, PROT_READ, flags | MAP_SHARED, -1, 0);
	munmap(lane, LANE_SZ);
	ret = map_at(top, 4 * page_sz, PROT_READ | PROT_WRITE, flags | MAP_PRIVATE, -1, 0);
	if (ret)
		return ret;
	return touch(top - rnd_pages(w, 200), true);
}

/* A deeper touch in a lane; the bad one finds an ordinary mapping inside the guard gap. */
static long op_growsdown_touch(struct worker *w, bool bad)
{
	char *lane = lane_at(w), *top = lane + LANE_SZ - 4 * page_sz;
	int flags = MAP_ANONYMOUS | MAP_FIXED | MAP_PRIVATE;
	size_t deep = rnd_pages(w, 200);

	munmap(lane, LANE_SZ);
	mmap(top, 4 * page_sz, PROT_READ | PROT_WRITE, flags | MAP_GROWSDOWN, -1, 0);
	if (bad)
		mmap(top - 220 * page_sz, page_sz, PROT_READ, flags, -1, 0);
	touch(top - deep / 2, true);
	return touch(top - deep, true);
}

static long unmap(struct worker *w, bool bad, char *at, size_t len)
{
	if (!bad)
		return errno_of(munmap(at, len));
	if (rnd(w, 2))
		return errno_of(munmap(at + 1 + rnd(w, page_sz - 1), len));
	return errno_of(munmap(at, rnd(w, 2) ? 0 : HUGE_LEN));
}

static long op_munmap_small(struct worker *w, bool bad)
{
	size_t len = rnd_pages(w, 3);

	return unmap(w, bad, hot_at(w, len), len);
}

static long op_munmap_wide(struct worker *w, bool bad)
{
	size_t len = rnd_pages(w, 24);

	return unmap(w, bad, hot_at(w, len), len);
}

static long op_munmap_hole(struct worker *w, bool bad)
{
	size_t len = rnd_pages(w, 4);
	char *at = hot_at(w, len);

	munmap(at, len);
	return unmap(w, bad, at, len);
}

static long op_munmap_whole(struct worker *w, bool bad)
{
	struct slot *s = slot_get(w, 1);
	long ret;

	if (!s)
		return -ENOMEM;
	ret = unmap(w, bad, s->addr, s->len);
	if (!ret)
		s->kind = SLOT_FREE;
	return ret;
}

/*
 * Head, tail or middle of a mapping of its own. After the middle the tail goes too: a hole in a
 * slot could be filled by a thread's stack.
 */
static long op_munmap_part(struct worker *w, bool bad)
{
	struct slot *s = slot_get(w, 4);
	size_t mid;
	long ret;

	if (!s)
		return -ENOMEM;
	mid = s->len / page_sz / 2 * page_sz;
	switch (rnd(w, 3)) {
	case 0:
		ret = unmap(w, bad, s->addr, page_sz);
		if (!ret) {
			s->addr += page_sz;
			s->len -= page_sz;
		}
		return ret;
	case 1:
		ret = unmap(w, bad, s->addr + mid, s->len - mid);
		if (!ret)
			s->len = mid;
		return ret;
	}
	ret = unmap(w, bad, s->addr + mid, page_sz);
	if (!ret) {
		touch(s->addr, true);
		munmap(s->addr + mid, s->len - mid);
		s->len = mid;
	}
	return ret;
}

static char *brk_to(char *to)
{
	return (char *)syscall(SYS_brk, to);
}

static long brk_set(char *to)
{
	return brk_to(to) == to ? 0 : -ENOMEM;
}

static long op_brk_up(struct worker *w, bool bad)
{
	char *to = brk_to(NULL) + rnd_pages(w, 32) - rnd(w, 2) * 100;

	if (bad)
		return brk_set(rnd(w, 2) ? (char *)1 : g.brk_base + (1UL << 47));
	if (to > g.brk_base + BRK_MAX)
		to = g.brk_base + rnd_pages(w, 32);
	return brk_set(to);
}

static long op_brk_down(struct worker *w, bool bad)
{
	char *at = brk_to(NULL);
	size_t len = rnd_pages(w, 32);

	if (bad)
		return brk_set((char *)page_sz);
	if (at < g.brk_base + len)
		at = brk_to(g.brk_base + 2 * len);
	return brk_set(at - len);
}

/* Punches a page out of the heap above what malloc uses. */
static long op_brk_hole(struct worker *w, bool bad)
{
	size_t len = (size_t)(brk_to(NULL) - g.brk_base) / page_sz;
	char *at = g.brk_base + (len ? rnd(w, len) : 0) * page_sz;

	if (len && !bad)
		touch(at, true);
	return unmap(w, bad, at, page_sz);
}

static long op_shmat(struct worker *w, bool bad)
{
	int id = g.shm[rnd(w, NR_SHM)], flags = rnd(w, 3) ? 0 : SHM_RDONLY;
	char *at = rnd(w, 2) ? hot_at(w, 16 * page_sz) : NULL;
	char *p;

	if (bad)
		return shmat(id, hot_at(w, page_sz) + 1, flags) == (void *)-1 ? -errno : 0;
	p = shmat(id, at, flags | (at ? SHM_REMAP : 0));
	if (p == (void *)-1)
		return -errno;
	slot_keep(w, p, 0, SLOT_SHM);
	return 0;
}

static long op_shmdt(struct worker *w, bool bad)
{
	int id = g.shm[rnd(w, NR_SHM)];
	char *at = hot_at(w, 16 * page_sz);

	if (bad) {
		mmap(at, page_sz, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		return errno_of(shmdt(at));
	}
	if (shmat(id, at, SHM_REMAP) == (void *)-1)
		return -errno;
	if (rnd(w, 2)) /* leave a hole in it */
		munmap(at + page_sz, page_sz);
	return errno_of(shmdt(at));
}

/* An aio ring is a mapping that no mmap call made. */
static long op_aio(struct worker *w, bool bad)
{
	long ret;

	if (bad) {
		aio_context_t none = 0;

		return errno_of(syscall(SYS_io_setup, 0, &none));
	}
	if (!w->aio)
		return errno_of(syscall(SYS_io_setup, 1, &w->aio));
	ret = errno_of(syscall(SYS_io_destroy, w->aio));
	w->aio = 0;
	return ret;
}

#endif /* RANDOPS_MAP_H */
