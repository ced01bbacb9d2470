// SPDX-License-Identifier: GPL-2.0
#include "chunk.h"

#include "analysis/tcache.h"

#define MIN_CHUNK 32
#define WORD sizeof(uint64_t)
#define CACHE_ENTRIES (TCACHE_SIZES * sizeof(uint16_t))
#define MAX_CACHED 1000 /* of one size: a tunable says how many */

static bool is_heap(const struct region *r)
{
	return r && (r->kind == RK_HEAP || r->kind == RK_ARENA);
}

/* Of a free chunk in a cache the next one, which is stored mangled; false: it is none. */
static bool next_cached(struct proc *p, vars_read_fn read, void *ctx, uint64_t addr,
			uint64_t *ret_next)
{
	uint64_t word[2];

	/* the second is a key that says that it is in a cache: never 0 */
	if (!read(ctx, addr, word, sizeof(word)) || !word[1])
		return false;
	*ret_next = word[0] ^ addr >> 12;
	return *ret_next % 16 == 0 && (!*ret_next || is_heap(aspace_find(&p->aspace, *ret_next)));
}

static bool in_cache(struct proc *p, vars_read_fn read, void *ctx, uint64_t cache, uint64_t addr,
		     unsigned int size_no)
{
	uint64_t at;
	uint16_t nr;

	if (!read(ctx, cache + size_no * sizeof(nr), &nr, sizeof(nr)) || !nr || nr > MAX_CACHED ||
	    !read(ctx, cache + CACHE_ENTRIES + size_no * WORD, &at, sizeof(at)))
		return false;
	for (; nr && at && at != addr; nr--)
		if (at % 16 || !is_heap(aspace_find(&p->aspace, at)) ||
		    !next_cached(p, read, ctx, at, &at))
			return false;
	return nr && at == addr;
}

/* A thread's cache is the first chunk of its arena, behind what the arena knows of itself. */
static bool in_cache_of(struct proc *p, vars_read_fn read, void *ctx, const struct region *r,
			uint64_t addr, unsigned int size_no)
{
	uint64_t page[512];

	if (r->end - r->start < sizeof(page) || !read(ctx, r->start, page, sizeof(page)))
		return false;
	for (unsigned int i = 1; i < 512; i += 2)
		if ((page[i] & ~7ull) == TCACHE_CHUNK &&
		    in_cache(p, read, ctx, r->start + (i + 1) * WORD, addr, size_no))
			return true;
	return false;
}

static bool is_cached(struct proc *p, vars_read_fn read, void *ctx, uint64_t addr, uint64_t size)
{
	unsigned int size_no = (unsigned int)((size - MIN_CHUNK) / 16);
	uint64_t next;

	if (size_no >= TCACHE_SIZES || !next_cached(p, read, ctx, addr, &next))
		return false;
	for (struct region *r = aspace_first(&p->aspace); r; r = aspace_next(r))
		if (is_heap(r) && in_cache_of(p, read, ctx, r, addr, size_no))
			return true;
	return false;
}

/*
 * A chunk's size is in the word before it, with three flags in the lowest bits; that it is free
 * stands in the next one, unless it is in a cache.
 */
bool chunk_find(struct proc *p, vars_read_fn read, void *ctx, uint64_t addr, struct chunk *ret)
{
	const struct region *r = aspace_find(&p->aspace, addr);
	uint64_t word, next, size;

	if (!is_heap(r) || addr % 16 || addr < r->start + 16 ||
	    !read(ctx, addr - WORD, &word, sizeof(word)))
		return false;
	size = word & ~7ull;
	if (size < MIN_CHUNK || size % 16 || size > r->end - addr ||
	    !read(ctx, addr - 2 * WORD + size + WORD, &next, sizeof(next)))
		return false;
	if ((next & ~7ull) < 16 || (next & ~7ull) > r->end - addr)
		return false;
	ret->size = size;
	ret->free = !(next & 1) || is_cached(p, read, ctx, addr, size);
	return true;
}
