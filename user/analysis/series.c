// SPDX-License-Identifier: GPL-2.0
#include "analysis/series.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void series_init(struct series *s, uint64_t begin_ns, uint64_t end_ns)
{
	*s = (struct series){ .begin_ns = begin_ns, .end_ns = end_ns };
}

void series_fini(struct series *s)
{
	struct series_region *r, *rtmp;
	struct series_thread *t, *ttmp;

	HASH_ITER(hh, s->regions, r, rtmp) {
		HASH_DEL(s->regions, r);
		free(r);
	}
	HASH_ITER(hh, s->threads, t, ttmp) {
		HASH_DEL(s->threads, t);
		free(t);
	}
}

static unsigned int step_of(const struct series *s, uint64_t ns)
{
	uint64_t span = s->end_ns > s->begin_ns ? s->end_ns - s->begin_ns : 1;
	uint64_t at = ns > s->begin_ns ? ns - s->begin_ns : 0;
	double step = (double)at / (double)span * SERIES_STEPS;

	return step >= SERIES_STEPS ? SERIES_STEPS - 1 : (unsigned int)step;
}

bool series_due(const struct series *s, uint64_t now_ns)
{
	return !s->any || step_of(s, now_ns) >= s->sampled;
}

static struct series_region *region_of(struct series *s, const struct region *r)
{
	struct series_key key = { .kind = r->kind, .name = r->name, .tid = r->tid };
	struct series_region *sr;

	HASH_FIND(hh, s->regions, &key, sizeof(key), sr);
	if (sr)
		return sr;
	sr = calloc(1, sizeof(*sr));
	if (!sr)
		return NULL;
	sr->key = key;
	sr->start = r->start;
	HASH_ADD(hh, s->regions, key, sizeof(sr->key), sr);
	if (!sr->hh.tbl) {
		free(sr);
		return NULL;
	}
	return sr;
}

/* What was not sampled stayed as it was. */
static void set_steps(int64_t *bytes, unsigned int from, unsigned int to, int64_t before,
		      int64_t now)
{
	for (unsigned int i = from; i < to; i++)
		bytes[i] = before;
	bytes[to] = now;
}

static void end_of_sample(struct series *s, unsigned int step)
{
	unsigned int from = s->sampled < step ? s->sampled : step;

	for (struct series_region *r = s->regions; r; r = r->hh.next) {
		if (!s->any)
			r->first = r->now;
		set_steps(r->bytes, from, step, r->last, r->now);
		r->last = r->now;
		r->nr = r->nr_now;
		r->virt = r->virt_now;
		if (r->now > r->peak)
			r->peak = r->now;
		r->now = r->virt_now = 0;
		r->nr_now = 0;
	}
}

int series_sample(struct series *s, struct proc *p, const struct strtab *st, uint64_t now_ns)
{
	unsigned int step = step_of(s, now_ns);
	int64_t rss = proc_rss(p);
	struct region *r;

	proc_kinds(p, st);
	aspace_for_each(r, &p->aspace) {
		struct series_region *sr = r->kind == RK_VSYSCALL ? NULL : region_of(s, r);

		if (r->kind == RK_VSYSCALL)
			continue;
		if (!sr)
			return -ENOMEM;
		sr->now += region_resident(r);
		sr->virt_now += (int64_t)region_size(r);
		sr->nr_now++;
	}
	end_of_sample(s, step);
	set_steps(s->rss, s->sampled < step ? s->sampled : step, step, s->rss_last, rss);
	if (!s->any) {
		s->rss_first = rss;
		s->from_ns = now_ns;
	}
	s->rss_last = rss;
	if (rss > s->rss_peak)
		s->rss_peak = rss;
	s->to_ns = now_ns;
	s->any = true;
	s->sampled = step + 1;
	return 0;
}

int series_fault(struct series *s, struct proc *p, const struct mtr_event *ev)
{
	struct series_thread *t;
	struct thread *th;

	HASH_FIND(hh, s->threads, &ev->tid, sizeof(ev->tid), t);
	if (!t) {
		t = calloc(1, sizeof(*t));
		if (!t)
			return -ENOMEM;
		t->tid = ev->tid;
		HASH_ADD(hh, s->threads, tid, sizeof(t->tid), t);
		if (!t->hh.tbl) {
			free(t);
			return -ENOMEM;
		}
	}
	th = ev->tid ? proc_thread(p, ev->tid) : NULL;
	if (th && th->comm)
		t->comm = th->comm;
	if (ev->fault.flags & (MTR_FAULT_F_FAILED | MTR_FAULT_F_FOREIGN))
		return 0;
	if (ev->fault.flags & MTR_FAULT_F_MAJOR)
		t->major++;
	else
		t->minor++;
	t->total += ev->fault.bytes;
	t->bytes[step_of(s, ev->time_ns)] += ev->fault.bytes;
	return 0;
}

static int cmp_regions(struct series_region *a, struct series_region *b)
{
	int64_t ga = a->last - a->first, gb = b->last - b->first;

	if (ga != gb)
		return ga > gb ? -1 : 1;
	if (a->last != b->last)
		return a->last > b->last ? -1 : 1;
	return (a->start > b->start) - (a->start < b->start);
}

static int cmp_threads(struct series_thread *a, struct series_thread *b)
{
	if (a->total != b->total)
		return a->total > b->total ? -1 : 1;
	return (a->tid > b->tid) - (a->tid < b->tid);
}

void series_sort(struct series *s)
{
	HASH_SORT(s->regions, cmp_regions);
	HASH_SORT(s->threads, cmp_threads);
}
