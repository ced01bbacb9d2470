// SPDX-License-Identifier: GPL-2.0
/*
 * Pages of a process: which region they came to and left.
 *
 * The counters (p->rss) take every change. A region takes a change when the
 * event tells where it happened; else it is "unplaced", and a sweep of the page
 * tables finds it. A count from the page tables is absolute and replaces the
 * estimate. Whether a change is in the count already its epoch tells: counting
 * begins and ends with a new one. A change of the count's own epoch may or may
 * not be in it; when that comes to something, the region is counted again.
 */
#include "model/model_int.h"

#include <errno.h>
#include <stdlib.h>

#define UNSURE_MAX (4 * 4096)

static void unsure(struct region *r, int64_t bytes)
{
	r->unsure += bytes < 0 ? -bytes : bytes;
	if (r->unsure > UNSURE_MAX && r->unsure > region_resident(r) / 256)
		region_doubt(r);
}

static void add(struct region *r, const struct mtr_event *ev, unsigned int member, int64_t bytes)
{
	int64_t now;

	if (page_change_counted(r, ev))
		return;
	if (r->res_time_ns && (int32_t)(ev->epoch - r->res_end_epoch) < 0)
		unsure(r, bytes);
	r->res[member] += bytes;
	now = region_resident(r);
	if (now > r->peak)
		r->peak = now;
	if (r->residency == RES_RECONCILED)
		r->residency = RES_ESTIMATED;
}

int pages_apply_fault(struct proc *p, const struct mtr_event *ev)
{
	const struct mtr_ev_fault *e = &ev->fault;
	struct region *r = aspace_find(&p->aspace, e->addr);
	uint64_t page = e->addr & ~4095ull;

	if (e->flags & (MTR_FAULT_F_FAILED | MTR_FAULT_F_FOREIGN)) {
		p->nr_failed += !!(e->flags & MTR_FAULT_F_FAILED);
		if (e->bytes)
			p->rss[e->member] += e->bytes;
		if (e->bytes && r)
			add(r, ev, e->member, e->bytes);
		if (r && p->watch_ns)
			watch_changed(r, ev);
		return 0;
	}
	p->nr_faults++;
	if (e->flags & MTR_FAULT_F_MAJOR)
		p->nr_major++;
	else
		p->nr_minor++;
	if (e->bytes)
		p->rss[e->member] += e->bytes;
	else
		p->nr_nobytes++;
	thread_fault(p, ev, r);
	if (!r) {
		p->unplaced += (uint64_t)(e->bytes < 0 ? -e->bytes : e->bytes);
		watch_lost_track(p);
		return 0;
	}
	if (e->flags & MTR_FAULT_F_MAJOR)
		r->major++;
	else
		r->minor++;
	/* a huge page: all of it is there from now on, whoever brought it */
	if (e->bytes >= HUGE_SZ) {
		page &= ~(uint64_t)(HUGE_SZ - 1);
		page = page < r->start ? r->start : page;
		r->huge_fault = true;
	}
	if (!r->lowest || page < r->lowest)
		r->lowest = page;
	if (e->bytes)
		add(r, ev, e->member, e->bytes);
	if (p->watch_ns)
		watch_changed(r, ev);
	return 0;
}

/* Some pages of several regions: who had more gives more, who has more room takes more. */
static void spread(struct proc *p, const struct mtr_event *ev, uint64_t start, uint64_t end)
{
	const struct mtr_ev_rss *e = &ev->rss;
	int64_t left = e->bytes, total = 0, w;
	struct region *r, *last = NULL;

	for (r = aspace_ceil(&p->aspace, start); r && r->start < end; r = aspace_next(r)) {
		w = e->bytes < 0 ? r->res[e->member] : (int64_t)region_size(r) - region_resident(r);
		total += w > 0 ? w : 0;
		last = r;
	}
	for (r = aspace_ceil(&p->aspace, start); r && r->start < end; r = aspace_next(r)) {
		int64_t part;

		w = e->bytes < 0 ? r->res[e->member] : (int64_t)region_size(r) - region_resident(r);
		part = total && w > 0 ? (int64_t)((double)e->bytes * ((double)w / (double)total)) :
					0;
		part -= part % 4096;
		if (r == last)
			part = left;
		left -= part;
		region_doubt(r);
		if (part)
			add(r, ev, e->member, part);
	}
}

int pages_apply_rss(struct proc *p, const struct mtr_event *ev)
{
	const struct mtr_ev_rss *e = &ev->rss;
	struct region *r;

	p->rss[e->member] += e->bytes;
	if (e->why == MTR_WHY_ATTACH) {
		p->rss_attach[e->member] += e->bytes;
		p->base_rss += e->member == MTR_SWAP ? 0 : e->bytes;
		p->tick_rss += e->member == MTR_SWAP ? 0 : e->bytes;
		return 0;
	}
	r = e->end > e->start ? aspace_ceil(&p->aspace, e->start) : NULL;
	if (!r || r->start >= e->end) {
		/* munmap: the region went before its pages did, and took what it had along */
		if (e->bytes < 0 && e->why == MTR_WHY_SYSCALL && e->end > e->start)
			return 0;
		p->unplaced += (uint64_t)(e->bytes < 0 ? -e->bytes : e->bytes);
		/* what others took away the module has told, with its range */
		if (e->bytes > 0 || e->why != MTR_WHY_FOREIGN)
			watch_lost_track(p);
		return 0;
	}
	if (r->end >= e->end || !aspace_next(r) || aspace_next(r)->start >= e->end) {
		add(r, ev, e->member, e->bytes);
		if (e->bytes < 0 || e->why != MTR_WHY_FAULT)
			region_doubt(r);
		if (p->watch_ns)
			watch_changed(r, ev);
		return 0;
	}
	spread(p, ev, e->start, e->end);
	return 0;
}

int pages_apply_residency(struct proc *p, const struct mtr_event *ev)
{
	const struct mtr_ev_residency *e = &ev->residency;
	struct region *r = aspace_find(&p->aspace, e->start);
	bool first, shmem;
	int64_t before;

	/* Counted for a region that is another one by now: it will be counted again. */
	if (!r || r->start != e->start || r->end != e->end)
		return 0;
	first = !r->res_time_ns && r->residency == RES_UNKNOWN;
	before = region_resident(r);
	if (!first)
		p->corrected += (uint64_t)llabs(e->present - before);
	r->res[MTR_ANON] = e->anon;
	shmem = r->kind == RK_SHM || r->kind == RK_MEMFD || r->kind == RK_SYSV;
	r->res[shmem ? MTR_SHMEM : MTR_FILE] = e->file;
	r->res[shmem ? MTR_FILE : MTR_SHMEM] = 0;
	r->res[MTR_SWAP] = e->swap;
	r->huge = e->huge;
	if (e->lowest && (!r->lowest || e->lowest < r->lowest))
		r->lowest = e->lowest;
	if (r->peak < e->present || first)
		r->peak = e->present;
	/* What was there when memtrace came is the baseline, less what events brought meanwhile. */
	if (first && e->present > before)
		r->base_res += e->present - before;
	r->res_time_ns = e->begin_ns;
	r->res_epoch = e->epoch;
	r->res_end_epoch = e->end_epoch;
	r->unsure = 0;
	watch_counted(p, r, ev);
	return 0;
}
