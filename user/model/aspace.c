// SPDX-License-Identifier: GPL-2.0
#include "model/aspace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_MASK_4K 0xfffull

static int region_cmp(struct region *a, struct region *b)
{
	return a->start < b->start ? -1 : a->start > b->start;
}

RBT_GENERATE_STATIC(region_tree, region, node, region_cmp)

const char *residency_name(enum residency r)
{
	switch (r) {
	case RES_UNKNOWN:
		return "unknown";
	case RES_ESTIMATED:
		return "estimated";
	case RES_RECONCILED:
		return "reconciled";
	case RES_EXACT:
		return "exact";
	}
	return "unknown";
}

void aspace_init(struct aspace *as)
{
	memset(as, 0, sizeof(*as));
	RB_INIT(&as->tree);
	as->gen = 1;
}

void aspace_fini(struct aspace *as)
{
	struct region *r;

	while ((r = RB_MIN(region_tree, &as->tree))) {
		RB_REMOVE(region_tree, &as->tree, r);
		free(r);
	}
	as->last = NULL;
	as->nr = 0;
	as->virt = 0;
}

/* The first region that starts at or above @addr. */
static struct region *at_or_above(struct aspace *as, uint64_t addr)
{
	struct region key = { .start = addr };

	return RB_NFIND(region_tree, &as->tree, &key);
}

struct region *aspace_ceil(struct aspace *as, uint64_t addr)
{
	struct region *r = at_or_above(as, addr), *prev;

	prev = r ? RB_PREV(region_tree, &as->tree, r) : RB_MAX(region_tree, &as->tree);
	return prev && prev->end > addr ? prev : r;
}

struct region *aspace_find(struct aspace *as, uint64_t addr)
{
	struct region *r = as->last;

	if (r && addr >= r->start && addr < r->end)
		return r;
	r = aspace_ceil(as, addr);
	if (!r || addr < r->start)
		return NULL;
	as->last = r;
	return r;
}

struct region *aspace_first(struct aspace *as)
{
	return RB_MIN(region_tree, &as->tree);
}

struct region *aspace_last(struct aspace *as)
{
	return RB_MAX(region_tree, &as->tree);
}

struct region *aspace_next(struct region *r)
{
	return RB_NEXT(region_tree, NULL, r);
}

struct region *aspace_prev(struct region *r)
{
	return RB_PREV(region_tree, NULL, r);
}

int64_t region_resident(const struct region *r)
{
	int64_t b = r->res[MTR_FILE] + r->res[MTR_ANON] + r->res[MTR_SHMEM];

	if (b < 0)
		return 0;
	return b > (int64_t)region_size(r) ? (int64_t)region_size(r) : b;
}

static void insert(struct aspace *as, struct region *r)
{
	RB_INSERT(region_tree, &as->tree, r);
	as->nr++;
	as->virt += region_size(r);
	as->gen++;
}

int aspace_add_copy(struct aspace *as, const struct region *r)
{
	struct region *n = malloc(sizeof(*n));

	if (!n)
		return -ENOMEM;
	*n = *r;
	insert(as, n);
	return 0;
}

static void drop(struct aspace *as, struct region *r)
{
	RB_REMOVE(region_tree, &as->tree, r);
	as->nr--;
	as->virt -= region_size(r);
	as->gen++;
	if (as->last == r)
		as->last = NULL;
	free(r);
}

/* The part of @v that falls to @part of @whole bytes. */
static int64_t share(int64_t v, uint64_t part, uint64_t whole)
{
	return part == whole ? v : (int64_t)((double)v * ((double)part / (double)whole));
}

/* What is known of the pages: moves between regions without being made or lost. */
static void take_pages(struct region *from, struct region *to, uint64_t part, uint64_t whole)
{
	int64_t *f[] = { &from->base_res, &from->base_virt, &from->tick_res, &from->tick_virt,
			 &from->peak };
	int64_t *t[] = { &to->base_res, &to->base_virt, &to->tick_res, &to->tick_virt, &to->peak };
	uint64_t *fu[] = { &from->minor, &from->major, &from->tick_faults };
	uint64_t *tu[] = { &to->minor, &to->major, &to->tick_faults };

	for (unsigned int i = 0; i < MTR_NR_RSS; i++) {
		int64_t b = share(from->res[i], part, whole);

		/* whole pages stay whole */
		b -= part == whole ? 0 : b % 4096;
		from->res[i] -= b;
		to->res[i] += b;
	}
	for (unsigned int i = 0; i < sizeof(f) / sizeof(*f); i++) {
		int64_t b = share(*f[i], part, whole);

		*f[i] -= b;
		*t[i] += b;
	}
	for (unsigned int i = 0; i < sizeof(fu) / sizeof(*fu); i++) {
		uint64_t n = (uint64_t)share((int64_t)*fu[i], part, whole);

		*fu[i] -= n;
		*tu[i] += n;
	}
	if (from->lowest && from->lowest >= to->start && from->lowest < to->end &&
	    (!to->lowest || from->lowest < to->lowest))
		to->lowest = from->lowest;
	if (from->huge > 0)
		to->huge = -1;
	to->huge_fault |= from->huge_fault;
	to->dirty |= from->dirty;
}

/* What is known of several regions together is what is known of the least known of them. */
static void take_residency(const struct region *from, struct region *to, bool first)
{
	if (first || from->residency < to->residency)
		to->residency = from->residency;
	if (first || from->res_time_ns < to->res_time_ns) {
		to->res_time_ns = from->res_time_ns;
		to->res_epoch = from->res_epoch;
		to->res_end_epoch = from->res_end_epoch;
	}
	to->unsure = (first ? 0 : to->unsure) + from->unsure;
}

static bool has_pages(const struct region *r)
{
	return r->res[MTR_FILE] || r->res[MTR_ANON] || r->res[MTR_SHMEM] || r->res[MTR_SWAP];
}

/* A share of a peak may be less than what is there, or more than fits. */
static void raise_peak(struct region *r)
{
	int64_t now = region_resident(r);

	if (r->peak < now)
		r->peak = now;
	if (r->peak > (int64_t)region_size(r))
		r->peak = (int64_t)region_size(r);
}

/* Make @at a boundary: the region across it becomes two. */
static int cut(struct aspace *as, uint64_t at)
{
	struct region *r = aspace_find(as, at), *hi;
	uint64_t whole;

	if (!r || r->start == at)
		return 0;
	hi = calloc(1, sizeof(*hi));
	if (!hi)
		return -ENOMEM;
	*hi = *r;
	memset(hi->res, 0, sizeof(hi->res));
	hi->base_res = hi->base_virt = hi->tick_res = hi->tick_virt = hi->peak = 0;
	hi->minor = hi->major = hi->tick_faults = 0;
	hi->lowest = 0;
	hi->rate = hi->fault_rate = 0;
	hi->start = at;
	if (r->pgoff || r->ino)
		hi->pgoff = r->pgoff + (at - r->start);
	whole = region_size(r);
	if (has_pages(r)) {
		region_doubt(r);
		region_doubt(hi);
	}
	take_pages(r, hi, r->end - at, whole);
	as->virt -= r->end - at;
	r->end = at;
	raise_peak(r);
	raise_peak(hi);
	if (r->lowest >= at)
		r->lowest = 0;
	if (r->huge > 0)
		r->huge = -1;
	insert(as, hi);
	return 0;
}

/* Do the pages of @r stay when its range becomes @v? */
static bool same_backing(const struct region *r, const struct mtr_ev_vma *v)
{
	if (r->ino != v->ino || r->dev != v->dev)
		return false;
	if ((r->prot ^ v->prot) & (MTR_P_SHARED | MTR_P_SPECIAL))
		return false;
	return !v->ino || r->pgoff - r->start == v->pgoff - v->start;
}

/* The range is this mapping already: only what does not move pages may differ. */
static bool refresh(struct region *r, const struct mtr_ev_vma *v)
{
	if (r->start != v->start || r->end != v->end || !same_backing(r, v))
		return false;
	r->prot = v->prot;
	if (v->name)
		r->name = v->name;
	return true;
}

int aspace_clear(struct aspace *as, uint64_t start, uint64_t end)
{
	struct region *r, *next;

	if (start >= end || (start | end) & PAGE_MASK_4K)
		return -EINVAL;
	if (cut(as, start) || cut(as, end))
		return -ENOMEM;
	for (r = at_or_above(as, start); r && r->start < end; r = next) {
		next = aspace_next(r);
		drop(as, r);
	}
	return 0;
}

static void fill(struct region *n, const struct mtr_ev_vma *v)
{
	n->start = v->start;
	n->end = v->end;
	n->prot = v->prot;
	n->dev = v->dev;
	n->ino = v->ino;
	n->pgoff = v->pgoff;
	n->name = v->name;
	n->kind = RK_UNKNOWN;
}

int aspace_set(struct aspace *as, const struct mtr_ev_vma *v)
{
	struct region *r, *next, *n;
	bool first = true;

	if (v->start >= v->end || (v->start | v->end) & PAGE_MASK_4K)
		return -EINVAL;
	r = aspace_find(as, v->start);
	if (r && refresh(r, v)) {
		as->gen++;
		return 0;
	}
	n = calloc(1, sizeof(*n));
	if (!n || cut(as, v->start) || cut(as, v->end)) {
		free(n);
		aspace_clear(as, v->start, v->end);
		return -ENOMEM;
	}
	fill(n, v);
	for (r = at_or_above(as, v->start); r && r->start < v->end; r = next) {
		next = aspace_next(r);
		if (same_backing(r, v)) {
			take_pages(r, n, 1, 1);
			take_residency(r, n, first);
			first = false;
			if (!n->name)
				n->name = r->name;
			n->tid = r->tid;
			n->kind = r->kind;
			n->seen = r->seen;
		}
		drop(as, r);
	}
	/* new: every change of it is an event */
	if (first)
		n->residency = RES_ESTIMATED;
	raise_peak(n);
	insert(as, n);
	return 0;
}

int aspace_rename(struct aspace *as, uint64_t start, uint64_t end, uint32_t name)
{
	struct region *r;

	if (start >= end || (start | end) & PAGE_MASK_4K)
		return -EINVAL;
	if (cut(as, start) || cut(as, end))
		return -ENOMEM;
	for (r = at_or_above(as, start); r && r->start < end; r = aspace_next(r))
		if (!r->ino)
			r->name = name;
	as->gen++;
	return 0;
}
