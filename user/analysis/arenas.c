// SPDX-License-Identifier: GPL-2.0
#include "analysis/arenas.h"

#include <string.h>

#include "analysis/tcache.h"

#define PAGE_SZ 4096ull
#define HEAP_SZ (64ull << 20) /* non-main heaps begin at a multiple of it */
#define TRIES 4u
#define FLAGS 7ull
#define PREV_USED 1ull
#define LEAST 32u /* bytes of a chunk */
/* malloc_state as it is since 2.27: its size, and where it keeps the top chunk */
#define STATE_SZ 0x898u
#define STATE_TOP 0x60u

/* Reads words through a copy of the page they are in. */
struct walk {
	arenas_read_fn read;
	void *ctx;
	uint64_t page; /* address; 1: none */
	uint8_t copy[PAGE_SZ];
};

static bool word_at(struct walk *w, uint64_t addr, uint64_t *ret)
{
	uint64_t page = addr & ~(PAGE_SZ - 1);

	if (addr % sizeof(*ret))
		return false;
	if (page != w->page) {
		w->page = 1;
		if (!w->read(w->ctx, page, w->copy, sizeof(w->copy)))
			return false;
		w->page = page;
	}
	memcpy(ret, w->copy + (addr - page), sizeof(*ret));
	return true;
}

/* What the thread that began the heap keeps for itself: its cache is the first chunk. */
static int64_t cache_bytes(struct walk *w, uint64_t first, uint64_t size)
{
	int64_t bytes = 0;

	if ((size & ~FLAGS) != TCACHE_CHUNK)
		return 0;
	for (unsigned int i = 0; i < TCACHE_SIZES; i += 4) {
		uint64_t four;

		if (!word_at(w, first + 16 + i * sizeof(uint16_t), &four))
			return 0;
		for (unsigned int k = 0; k < 4; k++) {
			unsigned int nr = (four >> (16 * k)) & 0xffff;

			if (nr > 1024)
				return 0; /* it is something else */
			bytes += (int64_t)nr * (LEAST + 16 * (i + k));
		}
	}
	return bytes;
}

static void take_free(struct arenas *a, int64_t size)
{
	a->largest_free = size > a->largest_free ? size : a->largest_free;
}

/* One chain from @first to @end; false: it is none. @top: the last chunk; 0: the one that ends at @end */
static bool walk_chain(struct walk *w, uint64_t first, uint64_t end, uint64_t top,
		       struct arenas *ret)
{
	struct arenas a = { .nr = 1 };
	uint64_t at = first, size = 0, before = 0;

	while (at < end) {
		if (end - at < LEAST && at > first && !top)
			break; /* fence posts of a heap that was left behind */
		if (!word_at(w, at + 8, &size))
			return false;
		if (at == first)
			a.cached = cache_bytes(w, first, size);
		if (before && !(size & PREV_USED)) {
			a.in_use -= (int64_t)before;
			a.nr_used--;
			a.free += (int64_t)before;
			a.nr_free++;
			take_free(&a, (int64_t)before);
		}
		size &= ~FLAGS;
		if (size < 16 || size % 16 || size > end - at)
			return false;
		before = size;
		if (at + size == end && (!top || at == top))
			break;
		a.in_use += (int64_t)size;
		a.nr_used++;
		at += size;
	}
	if (at + size == end) {
		a.top = (int64_t)size;
		take_free(&a, a.top);
	} else if (top || at > end) {
		return false;
	}
	a.in_use -= a.cached < a.in_use ? a.cached : a.in_use;
	*ret = a;
	return true;
}

/* Of a heap that a thread began or that continues one: its chunks. */
static bool walk_heap(struct walk *w, const struct region *r, struct arenas *ret)
{
	uint64_t state, size, top;

	if (r->start % HEAP_SZ || !word_at(w, r->start, &state) ||
	    !word_at(w, r->start + 16, &size) || size > region_size(r) || size < PAGE_SZ)
		return false;
	if (!word_at(w, state + STATE_TOP, &top))
		return false;
	if (top < r->start || top >= r->start + size)
		top = 0;
	if ((state & ~(HEAP_SZ - 1)) == r->start)
		return walk_chain(w, (state + STATE_SZ + 15) & ~15ull, r->start + size, top, ret);
	/* heap_info has four words, six since 2.35 */
	return walk_chain(w, r->start + 48, r->start + size, top, ret) ||
	       walk_chain(w, r->start + 32, r->start + size, top, ret);
}

static bool walk_region(struct walk *w, const struct region *r, struct arenas *ret)
{
	for (unsigned int i = 0; i < TRIES; i++) {
		w->page = 1;
		if (r->kind == RK_HEAP ? walk_chain(w, r->start, r->end, 0, ret) :
					 walk_heap(w, r, ret))
			return true;
	}
	return false;
}

static void add(struct arenas *sum, const struct arenas *a, struct region *r)
{
	sum->nr += a->nr;
	sum->nr_used += a->nr_used;
	sum->nr_free += a->nr_free;
	sum->size += (int64_t)region_size(r);
	sum->resident += region_resident(r);
	sum->in_use += a->in_use;
	sum->cached += a->cached;
	sum->free += a->free;
	sum->top += a->top;
	take_free(sum, a->largest_free);
}

void arenas_walk(struct proc *p, arenas_read_fn read, void *ctx, struct arenas *ret)
{
	struct walk w = { .read = read, .ctx = ctx };
	struct region *r;

	memset(ret, 0, sizeof(*ret));
	aspace_for_each(r, &p->aspace) {
		struct arenas a;

		if ((r->kind != RK_HEAP && r->kind != RK_ARENA) || !(r->prot & MTR_P_WRITE))
			continue;
		if (walk_region(&w, r, &a))
			add(ret, &a, r);
		else
			ret->nr_unknown++;
	}
}

int64_t arenas_idle(const struct arenas *a)
{
	int64_t idle = a->resident - a->in_use;

	return idle > 0 ? idle : 0;
}
