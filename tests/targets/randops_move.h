/* SPDX-License-Identifier: GPL-2.0 */
/* randops: mremap and remap_file_pages. */
#ifndef RANDOPS_MOVE_H
#define RANDOPS_MOVE_H

#include "randops.h"

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

static long move(char *old, size_t old_len, size_t new_len, int flags, char *to, char **ret_at)
{
	void *p = mremap(old, old_len, new_len, flags, to);

	if (p == MAP_FAILED)
		return -errno;
	if (ret_at)
		*ret_at = p;
	return 0;
}

static char *fresh_rw(struct worker *w, size_t pages)
{
	return hot_fresh(w, pages, PROT_READ | PROT_WRITE, rnd(w, 4) ? MAP_PRIVATE : MAP_SHARED);
}

/* A source for mremap: fresh memory, touched sometimes, file-backed sometimes. */
static char *move_source(struct worker *w, size_t pages)
{
	size_t len = pages * page_sz;
	char *at;

	if (!rnd(w, 4))
		return mmap(hot_at(w, len), len, PROT_READ, MAP_PRIVATE | MAP_FIXED,
			    g.files[rnd(w, NR_FILES)], (off_t)(rnd(w, 64) * page_sz));
	at = fresh_rw(w, pages);
	if (at != MAP_FAILED && !rnd(w, 3))
		touch(at, true);
	return at;
}

/* In place: there is room behind it, or there is not. */
static long op_mremap_grow(struct worker *w, bool bad)
{
	size_t pages = 2 + rnd(w, 4), more = 1 + rnd(w, 4);
	char *at = hot_fresh(w, pages + more, PROT_READ | PROT_WRITE, 0);
	char *end;

	if (at == MAP_FAILED)
		return -errno;
	end = at + pages * page_sz;
	munmap(end, more * page_sz);
	if (bad)
		mmap(end, page_sz, PROT_READ, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	return move(at, pages * page_sz, (pages + more) * page_sz, 0, NULL, NULL);
}

static long op_mremap_shrink(struct worker *w, bool bad)
{
	size_t pages = 2 + rnd(w, 6), less = 1 + rnd(w, pages - 1);
	char *at = move_source(w, pages);

	if (at == MAP_FAILED)
		return -errno;
	if (bad && rnd(w, 2)) /* nothing at the old address */
		munmap(at, page_sz);
	else if (bad)
		at++;
	return move(at, pages * page_sz, (pages - less) * page_sz, 0, NULL, NULL);
}

static long op_mremap_maymove(struct worker *w, bool bad)
{
	size_t pages = 1 + rnd(w, 6), more = 1 + rnd(w, 16);
	size_t new_len = (pages + more) * page_sz;
	char *at = move_source(w, pages), *to;
	long ret;

	if (at == MAP_FAILED)
		return -errno;
	if (bad)
		munmap(at, pages * page_sz);
	else /* something in the way, so that it must move */
		mmap(at + pages * page_sz, page_sz, PROT_NONE,
		     MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	ret = move(at, pages * page_sz, new_len, MREMAP_MAYMOVE, NULL, &to);
	if (!ret)
		slot_keep(w, to, new_len, SLOT_MAP);
	return ret;
}

/* Grows, shrinks or keeps its size, over whatever is at the destination. */
static long op_mremap_fixed(struct worker *w, bool bad)
{
	size_t pages = 1 + rnd(w, 6), to_pages = 1 + rnd(w, 8);
	char *at = move_source(w, pages), *to = hot_at(w, to_pages * page_sz);

	if (at == MAP_FAILED)
		return -errno;
	if (bad) /* the destination overlaps the source */
		to = at;
	else if (to < at + pages * page_sz && at < to + to_pages * page_sz)
		to = at >= g.hot + 16 * page_sz ? at - 16 * page_sz : at + 16 * page_sz;
	return move(at, pages * page_sz, to_pages * page_sz, MREMAP_MAYMOVE | MREMAP_FIXED, to,
		    NULL);
}

/*
 * Fails when the destination has been unmapped already (5.10 to 6.12): the source is a hole, or
 * grows while it spans two regions.
 */
static long op_mremap_late_fail(struct worker *w, bool bad)
{
	size_t pages = 4 + rnd(w, 4), len = pages * page_sz;
	char *to = hot_at(w, len + page_sz);
	char *at = hot_fresh(w, pages, PROT_READ | PROT_WRITE, 0);

	(void)bad;
	if (at == MAP_FAILED)
		return -errno;
	if (to < at + len + page_sz && at < to + len + page_sz)
		to = at >= g.hot + 16 * page_sz ? at - 16 * page_sz : at + 16 * page_sz;
	if (rnd(w, 2))
		munmap(at, len);
	else
		mprotect(at + page_sz, page_sz, PROT_NONE);
	return move(at, len, len + page_sz, MREMAP_MAYMOVE | MREMAP_FIXED, to, NULL);
}

/* Several regions and a hole between them in one call: 6.17 and later. */
static long op_mremap_multi(struct worker *w, bool bad)
{
	size_t pages = 6 + rnd(w, 6), len = pages * page_sz;
	char *to = hot_at(w, len), *at = hot_fresh(w, pages, PROT_READ | PROT_WRITE, 0);

	if (at == MAP_FAILED)
		return -errno;
	mprotect(at + page_sz, page_sz, PROT_READ);
	munmap(at + 3 * page_sz, page_sz);
	mmap(at + 4 * page_sz, page_sz, PROT_READ, MAP_SHARED | MAP_FIXED, g.files[FILE_MEMFD], 0);
	if (bad)
		return move(at, len, len + page_sz, MREMAP_MAYMOVE | MREMAP_FIXED, to, NULL);
	if (to < at + len && at < to + len)
		to = at >= g.hot + 16 * page_sz ? at - 16 * page_sz : at + 16 * page_sz;
	return move(at, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, to, NULL);
}

static long op_mremap_dontunmap(struct worker *w, bool bad)
{
	size_t pages = 1 + rnd(w, 6), len = pages * page_sz;
	char *at = hot_fresh(w, pages, PROT_READ | PROT_WRITE, 0), *to = hot_at(w, len);
	int flags = MREMAP_MAYMOVE | MREMAP_DONTUNMAP;
	long ret;

	if (at == MAP_FAILED)
		return -errno;
	if (rnd(w, 2))
		touch(at, true);
	if (bad)
		return move(at, len, len + page_sz, flags, to, NULL);
	if (rnd(w, 2) && (to >= at + len || at >= to + len))
		return move(at, len, len, flags | MREMAP_FIXED, to, NULL);
	ret = move(at, len, len, flags, NULL, &to);
	if (!ret)
		slot_keep(w, to, len, SLOT_MAP);
	return ret;
}

/* An old length of 0 makes a second mapping of the same shared memory. */
static long op_mremap_dup(struct worker *w, bool bad)
{
	size_t pages = 2 + rnd(w, 6), len = pages * page_sz;
	char *at = hot_fresh(w, pages, PROT_READ | PROT_WRITE, bad ? MAP_PRIVATE : MAP_SHARED);
	char *to;
	long ret;

	if (at == MAP_FAILED)
		return -errno;
	ret = move(at, 0, len, MREMAP_MAYMOVE, NULL, &to);
	if (!ret)
		slot_keep(w, to, len, SLOT_MAP);
	return ret;
}

static long op_remap_file_pages(struct worker *w, bool bad)
{
	size_t pages = 4 + rnd(w, 4), len = pages * page_sz;
	char *at = hot_at(w, len);
	int share = bad ? MAP_PRIVATE : MAP_SHARED;

	if (mmap(at, len, PROT_READ, share | MAP_FIXED, g.files[FILE_LINKED], 0) == MAP_FAILED)
		return -errno;
	return errno_of(
		syscall(SYS_remap_file_pages, at + page_sz, rnd_pages(w, 2), 0, rnd(w, 64), 0));
}

#endif /* RANDOPS_MOVE_H */
