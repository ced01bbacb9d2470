// SPDX-License-Identifier: GPL-2.0
#include "growth.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "export/symmaps.h"
#include "growth_paths.h"
#include "util/log.h"

struct growth *growth_new(struct model *m, struct callpaths *paths)
{
	struct growth *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	g->model = m;
	g->paths = paths;
	g->stacks = callpaths_stacks(paths);
	g->period = g->most_period = callpaths_period(paths);
	g->fault_period = 1;
	g->max_ticks = GROWTH_TICKS;
	callpaths_roots(paths, growth_paths_mark, g);
	return g;
}

struct growth *growth_of_file(struct model *m, const struct stacktab *stacks, bool debuginfod)
{
	struct growth *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	g->model = m;
	g->stacks = stacks;
	g->period = g->most_period = g->fault_period = 1;
	g->max_ticks = GROWTH_TICKS;
	g->mods = modtab_new();
	g->files = symfiles_new(0, debuginfod);
	if (g->mods && g->files)
		return g;
	growth_free(g);
	errno = ENOMEM;
	return NULL;
}

static void free_proc(struct growth_proc *gp)
{
	growth_paths_free(gp);
	for (unsigned int i = 0; i < gp->nr_moments; i++)
		free(gp->moment[i].net);
	free(gp->tick_ns);
	free(gp->tick_rss);
	if (gp->own_syms)
		syms_free(gp->syms);
	ledger_fini(&gp->ledger);
	free(gp);
}

void growth_free(struct growth *g)
{
	struct growth_proc *gp, *tmp;

	if (!g)
		return;
	HASH_ITER(hh, g->procs, gp, tmp) {
		HASH_DEL(g->procs, gp);
		free_proc(gp);
	}
	if (g->paths)
		callpaths_roots(g->paths, NULL, NULL);
	modtab_free(g->mods);
	symfiles_free(g->files);
	free(g);
}

static struct growth_proc *find_proc(struct growth *g, uint32_t as)
{
	struct growth_proc *gp;

	HASH_FIND(hh, g->procs, &as, sizeof(as), gp);
	return gp;
}

static struct growth_proc *add_proc(struct growth *g, struct proc *p, uint64_t now_ns)
{
	struct growth_proc *gp = calloc(1, sizeof(*gp));

	if (!gp)
		return NULL;
	gp->as = p->as;
	gp->pid = p->pid;
	gp->p = p;
	gp->keep_every = 1;
	gp->from_ns = now_ns;
	gp->rss0 = gp->settled_rss = proc_rss(p);
	gp->own_syms = !g->paths;
	gp->syms = g->paths ? callpaths_syms(g->paths, p->as) :
			      syms_new_sharing(g->here ? (pid_t)p->pid : 0, g->files);
	if (gp->syms && !ledger_init(&gp->ledger)) {
		HASH_ADD(hh, g->procs, as, sizeof(gp->as), gp);
		if (gp->hh.tbl)
			return gp;
	}
	free_proc(gp);
	return NULL;
}

int growth_adopt(struct growth *g, struct proc *p, uint64_t now_ns)
{
	struct growth_proc *gp = add_proc(g, p, now_ns);
	struct region *r;
	int err = gp ? 0 : -ENOMEM;

	if (err)
		return err;
	gp->adopted = true;
	aspace_for_each(r, &p->aspace) {
		int64_t has = region_resident(r);
		uint8_t member = r->res[MTR_ANON] >= r->res[MTR_FILE] ? MTR_ANON : MTR_FILE;

		if (has > 0 && !err && region_kind_in_rss(r->kind))
			err = ledger_count(&gp->ledger, r->start, r->end, has, member,
					   LEDGER_BEFORE);
	}
	return err;
}

/* A process is known from now on, or has a new address space. */
static int begin(struct growth *g, const struct mtr_event *ev)
{
	struct growth_proc *old = find_proc(g, ev->proc.prev_as);
	struct proc *p = model_proc(g->model, ev->as);

	if (ev->kind == MTR_EV_EXEC && old && old->pid == ev->proc.pid) {
		HASH_DEL(g->procs, old);
		free_proc(old);
	}
	return find_proc(g, ev->as) || (p && add_proc(g, p, ev->time_ns)) ? 0 : -ENOMEM;
}

/* A file that begins in the middle: a keyframe makes processes known. */
static int from_keyframe(struct growth *g, const struct mtr_event *ev)
{
	struct proc *p = ev->state.what == MTR_ST_DONE ? model_proc(g->model, ev->as) : NULL;

	return p && !find_proc(g, ev->as) ? growth_adopt(g, p, ev->time_ns) : 0;
}

int growth_maps(struct growth *g, struct growth_proc *gp)
{
	gp->maps_gen = gp->p->aspace.gen;
	return symmaps_set(gp->syms, &gp->p->aspace, g->model->st, g->mods, true);
}

static void take_stack(struct growth_proc *gp, const struct mtr_event *ev, unsigned int weight)
{
	const struct mtr_ev_stack *e = &ev->stack;

	gp->nr_stacks++;
	gp->nr_truncated += e->end == MTR_STACK_CUT;
	gp->nr_failed += e->end == MTR_STACK_LOST;
	growth_path_for(gp, e->stack, e->end != MTR_STACK_WHOLE, 1);
	if (weight > 1)
		growth_path_for(gp, e->stack, e->end != MTR_STACK_WHOLE, weight);
}

static struct growth_excess *excess_of(struct growth_proc *gp, uint64_t start)
{
	return &gp->excess[start / 4096 % GROWTH_EXCESSES];
}

/* What the latest count of its region did not find and no event has told of was counted twice, or went unseen. */
static int take_excess(struct growth_proc *gp, struct growth_excess *x)
{
	struct region *r = x->end ? aspace_find(&gp->p->aspace, x->start) : NULL;
	int64_t more = r && r->start == x->start && r->end == x->end ?
			       ledger_sum(&gp->ledger, x->start, x->end) - x->present :
			       0;
	int64_t twice = more < x->twice ? more : x->twice;

	if (twice > 0) {
		more -= twice - ledger_uncount(&gp->ledger, x->start, x->end, twice);
		x->twice = 0;
	}
	x->end = 0;
	return more > 0 ? ledger_count(&gp->ledger, x->start, r->end, x->present, x->member,
				       LEDGER_NO_PATH) :
			  0;
}

static int take_old_excess(struct growth_proc *gp)
{
	int err = 0;

	for (unsigned int i = 0; i < GROWTH_EXCESSES && !err; i++) {
		struct growth_excess *x = &gp->excess[i];

		if (x->old)
			err = take_excess(gp, x);
		x->old = x->end > 0;
	}
	return err;
}

/* That of a region, emptied when it was another one's. */
static struct growth_excess *own_excess(struct growth_proc *gp, uint64_t start)
{
	struct growth_excess *x = excess_of(gp, start);

	if (x->start != start)
		*x = (struct growth_excess){ .start = start };
	return x;
}

/* Bytes came or went that the latest count of @r does not have, or, not @sure, may have. */
static void change_excess(struct growth_proc *gp, const struct region *r, int64_t bytes, bool sure)
{
	struct growth_excess *x = own_excess(gp, r->start);

	x->present += bytes;
	if (sure)
		return;
	x->end = 0; /* it is counted again when it matters */
	if (bytes > 0)
		x->twice += bytes;
}

static int pages(struct growth_proc *gp, const struct mtr_event *ev, unsigned int fault_period)
{
	bool is_fault = ev->kind == MTR_EV_FAULT;
	uint64_t addr = is_fault ? ev->fault.addr : ev->rss.start;
	int64_t bytes = is_fault ? ev->fault.bytes : ev->rss.bytes;
	struct region *r = aspace_find(&gp->p->aspace, addr);
	/* is it in a count of the page tables already? During one that is not known */
	bool known = r && r->res_time_ns;
	bool counted = known && (int32_t)(ev->epoch - r->res_epoch) < 0;
	bool sure = counted || !known || (int32_t)(ev->epoch - r->res_end_epoch) >= 0;
	uint32_t path = growth_path_for(gp, ev->callstack, false, is_fault ? fault_period : 1);

	if (bytes > 0)
		growth_path_seen(gp, path, ev->tid);
	if (!sure && is_fault && ledger_from_count(&gp->ledger, addr))
		counted = true;
	if (known && !counted)
		change_excess(gp, r, bytes, sure);
	return ledger_apply(&gp->ledger, ev, path, counted);
}

/* Pages that no event told of were there before, as long as so many are missing. */
static int residency(struct growth_proc *gp, const struct mtr_event *ev)
{
	const struct mtr_ev_residency *e = &ev->residency;
	struct region *r = aspace_find(&gp->p->aspace, e->start);
	uint8_t member = e->anon >= e->file ? MTR_ANON : MTR_FILE;
	/* not found in the page tables yet */
	int64_t left = gp->rss0 - ledger_path(&gp->ledger, LEDGER_BEFORE).gross;
	int64_t missing, before;
	struct growth_excess *x;
	int err = 0;

	if (!r || r->start != e->start || r->end != e->end || !region_kind_in_rss(r->kind))
		return 0;
	missing = e->present - ledger_sum(&gp->ledger, e->start, e->end);
	x = own_excess(gp, e->start);
	x->end = missing < 0 ? e->end : 0;
	x->present = e->present;
	x->member = member;
	x->old = false;
	if (missing < 0)
		return 0;
	before = missing < left ? missing : left;
	if (before > 0)
		err = ledger_count(&gp->ledger, e->start, e->end, e->present - missing + before,
				   member, LEDGER_BEFORE);
	if (!err)
		err = ledger_count(&gp->ledger, e->start, e->end, e->present, member,
				   LEDGER_NO_PATH);
	return err;
}

/* What each path has at this moment. Of too many marks the oldest goes. */
static int set_mark(struct growth_proc *gp, const struct mtr_event *ev)
{
	struct growth_moment *m;
	int64_t *net = calloc(gp->nr_paths + 1, sizeof(*net));

	if (!net)
		return -ENOMEM;
	if (gp->nr_moments == GROWTH_MARKS) {
		free(gp->moment[0].net);
		gp->nr_moments--;
		memmove(gp->moment, gp->moment + 1, gp->nr_moments * sizeof(*gp->moment));
	}
	m = &gp->moment[gp->nr_moments++];
	*m = (struct growth_moment){ .name = ev->mark.name,
				     .time_ns = ev->time_ns,
				     .rss = proc_rss(gp->p),
				     .net = net,
				     .nr_paths = gp->nr_paths };
	for (uint32_t k = 0; k < gp->nr_paths; k++)
		net[k] = ledger_path(&gp->ledger, LEDGER_FIRST + k).net;
	return 0;
}

static int set_marks(struct growth *g, const struct mtr_event *ev)
{
	struct growth_proc *gp;
	int err = 0;

	for (gp = g->procs; gp && !err; gp = gp->hh.next) {
		if (ev->as && ev->as != gp->as)
			continue; /* it is of one process */
		gp->p = model_proc(g->model, gp->as);
		if (gp->p && gp->p->death == DEATH_NONE)
			err = set_mark(gp, ev);
	}
	return err;
}

static int rebase(struct growth_proc *gp, uint64_t now_ns)
{
	gp->adopted = true;
	gp->from_ns = now_ns;
	gp->rss0 = gp->settled_rss = proc_rss(gp->p);
	gp->others = 0;
	gp->nr_stacks = gp->nr_truncated = gp->nr_failed = 0;
	gp->nr_ticks = gp->skipped = 0;
	gp->keep_every = 1;
	while (gp->nr_moments)
		free(gp->moment[--gp->nr_moments].net);
	for (uint32_t k = 0; k < gp->nr_paths; k++) {
		free(gp->path[k].series);
		gp->path[k].series = NULL;
		gp->path[k].nr_series = gp->path[k].cap_series = gp->path[k].nr_tids = 0;
	}
	return ledger_rebase(&gp->ledger);
}

int growth_rebase(struct growth *g, uint64_t now_ns)
{
	struct growth_proc *gp;
	int err = 0;

	for (gp = g->procs; gp && !err; gp = gp->hh.next) {
		gp->p = model_proc(g->model, gp->as);
		if (gp->p)
			err = rebase(gp, now_ns);
	}
	return err;
}

int growth_event(void *ctx, const struct mtr_event *ev)
{
	struct growth *g = ctx;
	struct growth_proc *gp;

	if (ev->kind == MTR_EV_ATTACH || ev->kind == MTR_EV_EXEC)
		return begin(g, ev);
	if (ev->kind == MTR_EV_STATE)
		return from_keyframe(g, ev);
	if (ev->kind == MTR_EV_MARK)
		return set_marks(g, ev);
	if (ev->kind == MTR_EV_MODULE && g->mods)
		return modtab_event(g->mods, ev);
	if (ev->kind == MTR_EV_COST && g->mods && ev->cost.stack_period)
		g->period = ev->cost.stack_period;
	gp = find_proc(g, ev->as);
	if (!gp || (ev->kind < 64 && g->model->drop_kinds & 1ull << ev->kind))
		return 0; /* --drop: nobody learns of it */
	if (ev->kind == MTR_EV_DROP) {
		HASH_DEL(g->procs, gp);
		free_proc(gp);
		return 0;
	}
	gp->p = model_proc(g->model, ev->as);
	if (!gp->p)
		return 0;
	if (ev->kind == MTR_EV_STACK) {
		take_stack(gp, ev, g->fault_period);
		return 0;
	}
	if (ev->kind == MTR_EV_RSS && ev->rss.why == MTR_WHY_FOREIGN && ev->rss.bytes > 0 &&
	    ev->rss.member != MTR_SWAP)
		gp->others += ev->rss.bytes;
	if (ev->kind == MTR_EV_FAULT || ev->kind == MTR_EV_RSS)
		return pages(gp, ev, g->fault_period);
	if (ev->kind == MTR_EV_RESIDENCY)
		return residency(gp, ev);
	return ledger_apply(&gp->ledger, ev, LEDGER_NO_PATH, false);
}

/* Every second point goes, and from now on half as many are kept. */
static void thin_out(struct growth_proc *gp)
{
	unsigned int n = gp->nr_ticks / 2;

	for (unsigned int i = 0; i < n; i++) {
		gp->tick_ns[i] = gp->tick_ns[2 * i];
		gp->tick_rss[i] = gp->tick_rss[2 * i];
	}
	growth_paths_thin(gp, n);
	gp->nr_ticks = n;
	gp->keep_every *= 2;
}

static void keep(struct growth *g, struct growth_proc *gp, uint64_t now_ns)
{
	if (!gp->tick_ns) {
		gp->tick_ns = calloc(g->max_ticks, sizeof(*gp->tick_ns));
		gp->tick_rss = calloc(g->max_ticks, sizeof(*gp->tick_rss));
	}
	if (!gp->tick_ns || !gp->tick_rss)
		return;
	if (gp->nr_ticks >= g->max_ticks)
		thin_out(gp);
	gp->tick_ns[gp->nr_ticks] = now_ns;
	gp->tick_rss[gp->nr_ticks] = proc_rss(gp->p);
	growth_paths_keep(gp);
	gp->nr_ticks++;
}

void growth_tick(struct growth *g, uint64_t now_ns)
{
	struct growth_proc *gp, *tmp;

	if (g->paths)
		g->period = callpaths_period(g->paths);
	if (g->period > g->most_period)
		g->most_period = g->period;
	HASH_ITER(hh, g->procs, gp, tmp) {
		gp->p = model_proc(g->model, gp->as);
		if (!gp->p) {
			/* it ended long ago, and the session has forgotten it */
			HASH_DEL(g->procs, gp);
			free_proc(gp);
			continue;
		}
		if (take_old_excess(gp))
			log_verbose("growth: out of memory");
		if (gp->p->death != DEATH_NONE && gp->nr_ticks &&
		    gp->tick_rss[gp->nr_ticks - 1] == proc_rss(gp->p))
			continue;
		if (!gp->maps_gen && gp->p->maps_known)
			growth_maps(g, gp);
		if (++gp->skipped >= gp->keep_every) {
			gp->skipped = 0;
			keep(g, gp, now_ns);
		}
	}
}
