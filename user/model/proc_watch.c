// SPDX-License-Identifier: GPL-2.0
/*
 * Which regions are known exactly, when memtrace.ko watches the process.
 *
 *      count      START   END       count
 *   ─────┼──────────┼──────┼──────────┼─────►  ring
 *     exact      not exact, dirty     exact
 *
 * A region is exact from a count on until something is told that may have
 * changed its pages: an invalidation (at its start *and* at its end: a count
 * between them may have seen the page table entries that go), a fault (with all
 * that the kernel put around it), a change of a counter in a range, a change of
 * the map. Populate, UFFDIO_COPY and insertions by others notify nobody and
 * show as a change of a counter, some without a range: then all is in doubt.
 *
 * Whatever came before a count is told from what came after it by the epoch
 * (proc_pages.c). Without the module nothing here does anything.
 */
#include "model/model_int.h"

/* Entries of pages under migration look like swap, and come back without a word. */
#define SWAP_LOOKS 8

void watch_changed(struct region *r, const struct mtr_event *ev)
{
	if (!page_change_counted(r, ev))
		region_doubt(r);
}

void watch_range(struct proc *p, uint64_t start, uint64_t end, const struct mtr_event *inv)
{
	struct region *r;

	if (!p->watch_ns)
		return;
	for (r = aspace_ceil(&p->aspace, start); r && r->start < end; r = aspace_next(r)) {
		if (inv && page_change_counted(r, inv))
			continue;
		r->swap_looks = 0;
		region_doubt(r);
	}
}

static void doubt_regions(struct proc *p)
{
	struct region *r;

	if (p->doubted)
		return;
	aspace_for_each(r, &p->aspace)
		region_doubt(r);
	p->doubted = true;
}

void proc_doubt(struct proc *p)
{
	p->nr_inv_open = p->nr_inv_more = 0; /* an end may have been missed */
	doubt_regions(p);
}

void watch_lost_track(struct proc *p)
{
	if (p->watch_ns)
		doubt_regions(p);
}

static void begins(struct proc *p, const struct mtr_ev_invalidate *e)
{
	if (p->nr_inv_open == INV_OPEN) {
		p->nr_inv_more++;
		return;
	}
	p->inv_open[p->nr_inv_open].start = e->start;
	p->inv_open[p->nr_inv_open++].end = e->end;
}

static void ends(struct proc *p, const struct mtr_ev_invalidate *e)
{
	for (unsigned int i = 0; i < p->nr_inv_open; i++) {
		if (p->inv_open[i].start != e->start || p->inv_open[i].end != e->end)
			continue;
		p->inv_open[i] = p->inv_open[--p->nr_inv_open];
		return;
	}
	if (p->nr_inv_more) /* else it began before memtrace came */
		p->nr_inv_more--;
}

/* Is an invalidation under way that may change pages of a region? */
static bool changing(const struct proc *p, const struct region *r)
{
	if (p->nr_inv_more)
		return true;
	for (unsigned int i = 0; i < p->nr_inv_open; i++)
		if (p->inv_open[i].start < r->end && r->start < p->inv_open[i].end)
			return true;
	return false;
}

int watch_apply(struct proc *p, const struct mtr_event *ev)
{
	const struct mtr_ev_invalidate *e = &ev->invalidate;

	switch ((enum mtr_inv_phase)e->phase) {
	case MTR_INV_WATCHED:
		p->watch_ns = ev->time_ns;
		p->inv_seq0 = e->seq;
		p->nr_inv = 0;
		proc_doubt(p);
		return 0;
	case MTR_INV_DOUBT:
		proc_doubt(p);
		return 0;
	case MTR_INV_RELEASED:
		proc_doubt(p);
		p->watch_ns = 0;
		return 0;
	case MTR_INV_START:
	case MTR_INV_END:
		break;
	}
	/* those of before the attachment was complete are in the counts that come */
	if (!p->watch_ns || e->seq <= p->inv_seq0)
		return 0;
	p->nr_inv++;
	if (e->phase == MTR_INV_START)
		begins(p, e);
	else
		ends(p, e);
	if (e->elsewhere)
		watch_lost_track(p);
	else if (!e->stays)
		watch_range(p, e->start, e->end, ev);
	return 0;
}

void watch_counted(struct proc *p, struct region *r, const struct mtr_event *ev)
{
	const struct mtr_ev_residency *e = &ev->residency;

	p->nr_counted++;
	p->doubted = false;
	r->residency = RES_RECONCILED;
	r->dirty = false;
	r->count_ns = ev->time_ns > e->begin_ns ? ev->time_ns - e->begin_ns : 0;
	if (!p->watch_ns || e->begin_ns <= p->watch_ns)
		return;
	if (changing(p, r)) {
		r->dirty = true;
		return;
	}
	if (e->swap > (p->rss[MTR_SWAP] > 0 ? p->rss[MTR_SWAP] : 0) && r->swap_looks < SWAP_LOOKS) {
		r->swap_looks++;
		r->dirty = true;
		return;
	}
	r->residency = RES_EXACT;
}
