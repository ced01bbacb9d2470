// SPDX-License-Identifier: GPL-2.0
/* The end of an interval: rates, growth marks, totals by kind, history. */
#include "model/model_int.h"

#include <string.h>
#include "util/clock.h"

/* Two intervals this close together have no rate. */
#define MIN_INTERVAL (100 * NSEC_PER_MSEC)

void proc_kinds(struct proc *p, const struct strtab *st)
{
	thread_locate_all(p);
	if (p->aspace.kind_gen == p->aspace.gen && p->kind_stacks == p->stacks_gen)
		return;
	kind_classify(p, st);
	p->aspace.kind_gen = p->aspace.gen;
	p->kind_stacks = p->stacks_gen;
}

void proc_kind_sum(struct proc *p, struct kind_sum *ret_sum)
{
	struct region *r;

	memset(ret_sum, 0, sizeof(*ret_sum));
	aspace_for_each(r, &p->aspace) {
		ret_sum->resident[r->kind] += region_resident(r);
		ret_sum->virt[r->kind] += (int64_t)region_size(r);
		ret_sum->nr[r->kind]++;
	}
}

static void remember(struct proc *p, uint64_t now_ns)
{
	struct hist_sample s = { .time_ns = now_ns, .rss = proc_rss(p) };
	struct kind_sum sum;

	proc_kind_sum(p, &sum);
	for (unsigned int k = 0; k < RK_NR; k++)
		if (region_kind_in_rss((enum region_kind)k))
			s.bytes[hist_class_of(k)] += sum.resident[k];
	s.bytes[HC_SWAP] = p->rss[MTR_SWAP] > 0 ? p->rss[MTR_SWAP] : 0;
	history_add(&p->history, &s);
}

static void region_tick(struct region *r, double dt)
{
	int64_t res = region_resident(r), virt = (int64_t)region_size(r);
	uint64_t faults = r->minor + r->major;

	if (dt > 0) {
		r->rate = (double)(res - r->tick_res) / dt;
		r->fault_rate = faults > r->tick_faults ? (double)(faults - r->tick_faults) / dt :
							  0;
		r->grew = res > r->tick_res || virt > r->tick_virt;
	}
	r->tick_res = res;
	r->tick_virt = virt;
	r->tick_faults = faults;
}

/* @dt is 0 where there is nothing yet to compare with. */
static void rates(struct proc *p, uint64_t now_ns, double dt)
{
	int64_t rss = proc_rss(p);
	struct region *r;

	if (dt > 0) {
		p->rss_rate = (double)(rss - p->tick_rss) / dt;
		/* a fault that turns out to have been major is taken from the minor ones */
		p->minor_rate = p->nr_minor > p->tick_minor ?
					(double)(p->nr_minor - p->tick_minor) / dt :
					0;
		p->major_rate = (double)(p->nr_major - p->tick_major) / dt;
	}
	p->tick_rss = rss;
	p->tick_minor = p->nr_minor;
	p->tick_major = p->nr_major;
	p->tick_ns = now_ns;
	aspace_for_each(r, &p->aspace)
		region_tick(r, p->ticked ? dt : 0);
}

void proc_tick(struct proc *p, uint64_t now_ns, const struct strtab *st)
{
	uint64_t dt = now_ns > p->tick_ns ? now_ns - p->tick_ns : 0;
	struct region *r;

	proc_kinds(p, st);
	map_settle(p, now_ns);
	if (dt >= MIN_INTERVAL)
		rates(p, now_ns, (double)dt / (double)NSEC_PER_SEC);
	else if (!p->ticked)
		rates(p, now_ns, 0);
	p->ticked = true;
	p->before_attach = 0;
	aspace_for_each(r, &p->aspace)
		p->before_attach += r->base_res;
	p->regions_res = proc_regions_rss(p);
	p->residual = proc_rss(p) - p->regions_res;
	remember(p, now_ns);
}

void proc_baseline(struct proc *p, uint64_t now_ns)
{
	struct region *r;

	p->base_ns = now_ns;
	p->base_rss = proc_rss(p);
	aspace_for_each(r, &p->aspace) {
		r->base_res = region_resident(r);
		r->base_virt = (int64_t)region_size(r);
	}
}
