/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An address space: non-overlapping regions in address order, each one VMA as
 * far as the events tell. Changes are absolute assignments of ranges:
 *
 *      aspace_set(0x2000,0x4000,A)
 *   before  [1000 ────── A' ────── 5000)
 *   after   [1000 A' 2000)[2000 A 4000)[4000 A' 5000)
 *
 * What is known of the pages (residency, faults) belongs to address ranges and
 * survives splits, merges and changes of protection; it goes when the range is
 * unmapped or gets another backing. Where a range is cut, resident bytes are
 * shared out in proportion and both parts are marked dirty: to be counted again.
 */
#ifndef MODEL_ASPACE_H
#define MODEL_ASPACE_H

#include "event/event.h"
#include "model/kind.h"
#include "util/rbtree.h"

enum residency {
	RES_UNKNOWN, /* never counted: nothing to show */
	RES_ESTIMATED, /* from events since the last count */
	RES_RECONCILED, /* counted from the page tables at res_time_ns */
	RES_EXACT, /* counted, and every change since is known (memtrace.ko) */
};

/* residency_name() - token as in --json: exact, reconciled, estimated; "unknown" */
const char *residency_name(enum residency r);

struct region {
	RBT_ENTRY(region) node;
	uint64_t start, end; /* [start, end), page aligned */
	uint32_t prot; /* MTR_P_* */
	uint32_t dev; /* (major << 20) | minor */
	uint64_t ino; /* 0: no file */
	uint64_t pgoff; /* bytes */
	uint32_t name; /* string; 0: none */
	enum region_kind kind; /* valid after kind_classify() */
	uint32_t tid; /* owner of a stack, guard or arena; 0: none known */

	/* Resident pages */
	int64_t res[MTR_NR_RSS]; /* bytes, by enum mtr_rss; estimates may dip: clamp when shown */
	int64_t huge; /* bytes mapped by PMD at the last count; −1 unknown */
	int64_t peak; /* highest resident bytes seen */
	uint64_t lowest; /* lowest page known touched; 0: none */
	bool huge_fault; /* one fault brought a huge page: lowest is where that begins, touched or not */
	uint64_t res_time_ns; /* when counted last; 0: never */
	uint32_t res_epoch, res_end_epoch; /* of that count: see struct mtr_ev_residency */
	int64_t unsure; /* bytes that came or went while it was counted: in it or not? */
	enum residency residency;
	bool dirty; /* wants to be counted again */
	uint8_t swap_looks; /* counts that found swap entries which the counter of swap has not */
	uint64_t count_ns; /* what its last count took, with its neighbours */

	/* Faults seen */
	uint64_t minor, major;

	/* Since the baseline (attach, or the user's r key) */
	int64_t base_res; /* resident bytes then */
	int64_t base_virt; /* virtual bytes then; 0 for a region that is new since */

	/* Of the last interval, set by proc_tick() */
	int64_t tick_res; /* resident bytes at the tick */
	int64_t tick_virt;
	uint64_t tick_faults;
	double rate; /* resident bytes/s */
	double fault_rate; /* faults/s */
	bool grew; /* resident or virtual grew in the last interval */

	uint32_t seen; /* snapshot generation, for sweeping */
};

RBT_HEAD(region_tree, region);

struct aspace {
	struct region_tree tree;
	unsigned int nr; /* regions */
	uint64_t virt; /* bytes mapped */
	struct region *last; /* the region looked up last */
	uint64_t gen; /* +1 with every change of the map */
	uint64_t kind_gen; /* gen at which kinds were decided */
};

void aspace_init(struct aspace *as);
void aspace_fini(struct aspace *as);

/* aspace_find() - the region that holds @addr; NULL if none. Amortised O(1) for repeated hits. */
struct region *aspace_find(struct aspace *as, uint64_t addr);
/* aspace_ceil() - the first region that ends above @addr; NULL if none */
struct region *aspace_ceil(struct aspace *as, uint64_t addr);
struct region *aspace_first(struct aspace *as);
struct region *aspace_last(struct aspace *as);
struct region *aspace_next(struct region *r);
struct region *aspace_prev(struct region *r);

/**
 * aspace_set() - [v->start, v->end) is one mapping with these attributes now
 *
 * Returns 0, −EINVAL for an empty or unaligned range, −ENOMEM (then the range
 * is unmapped in the model: never half done).
 */
int aspace_set(struct aspace *as, const struct mtr_ev_vma *v);
/* aspace_clear() - nothing is mapped in [start, end) now */
int aspace_clear(struct aspace *as, uint64_t start, uint64_t end);
/* aspace_rename() - the anonymous regions in [start, end) have this name */
int aspace_rename(struct aspace *as, uint64_t start, uint64_t end, uint32_t name);

/* aspace_add_copy() - the same region in another address space, which has none there. 0 or −ENOMEM */
int aspace_add_copy(struct aspace *as, const struct region *r);

/* region_resident() - resident bytes, clamped to [0, virtual size] */
int64_t region_resident(const struct region *r);
static inline uint64_t region_size(const struct region *r)
{
	return r->end - r->start;
}

/* region_doubt() - something has changed in it that its count may not have: it is to be counted again */
static inline void region_doubt(struct region *r)
{
	r->dirty = true;
	if (r->residency == RES_EXACT)
		r->residency = RES_ESTIMATED;
}

#define aspace_for_each(r, as) for ((r) = aspace_first(as); (r); (r) = aspace_next(r))

#endif
