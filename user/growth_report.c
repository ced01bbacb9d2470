// SPDX-License-Identifier: GPL-2.0
/*
 * Paths are told apart by address: one function may touch memory at twenty
 * places. Here those through the same functions become one row. The frames of
 * the C library and of allocators at the inner end do not tell rows apart: it is
 * the code that calls malloc() that grows, whichever instruction of malloc()
 * touched the page first.
 */
#include "growth_report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/estimate.h"

#define MAX_NAMED 512u /* frames of a path, inlined ones counted */

/* A row being made. */
struct making {
	char *key; /* functions from the first own one outwards */
	struct growth_row row;
	int64_t most; /* gross bytes of the path whose frames the row shows */
	int64_t by_kind[RK_NR];
	struct estimate_in sample; /* of net; with fewer faults than there were */
	int64_t *series; /* net bytes at each tick; NULL: no path of it was ever worth keeping */
	int64_t *at_mark; /* net bytes at each mark */
	UT_hash_handle hh;
};

static bool is_runtime(const char *module)
{
	static const char *const names[] = { "libc.so",	    "libc-",	   "ld-linux",
					     "libstdc++",   "libpthread",  "libm.so",
					     "libgcc_s",    "libjemalloc", "libtcmalloc",
					     "libmimalloc", "ld-musl",	   "libc.musl" };

	for (unsigned int i = 0; module && i < sizeof(names) / sizeof(*names); i++)
		if (!strncmp(module, names[i], strlen(names[i])))
			return true;
	return false;
}

/* All frames of a path, those that were inlined, too. */
static unsigned int name_frames(const struct growth *g, struct growth_proc *gp,
				const struct growth_path *path, struct growth_frame *out)
{
	uint64_t pc[STACKTAB_MAX_FRAMES];
	unsigned int nr = stacktab_frames(g->stacks, path->stack, pc, STACKTAB_MAX_FRAMES), n = 0;

	if (!path->stack) {
		out[0] = (struct growth_frame){ .function = "[rare paths]" };
		return 1;
	}
	for (unsigned int i = 0; i < nr && i < STACKTAB_MAX_FRAMES; i++) {
		const struct sym_addr *a = syms_addr(gp->syms, pc[i]);

		for (unsigned int k = 0; a && k < a->nr && n < MAX_NAMED; k++)
			out[n++] = (struct growth_frame){ .pc = pc[i],
							  .function = a->name[k].function,
							  .file = a->name[k].file,
							  .line = a->name[k].line,
							  .inlined = a->name[k].inlined,
							  .module = a->module,
							  .offset = a->offset };
	}
	return n;
}

static unsigned int first_own(const struct growth_frame *f, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++)
		if (!is_runtime(f[i].module))
			return i;
	return 0;
}

static char *key_of(const struct growth_frame *f, unsigned int nr, unsigned int top)
{
	char *key = NULL;
	size_t sz = 0;
	FILE *m = open_memstream(&key, &sz);

	if (!m)
		return NULL;
	for (unsigned int i = top; i < nr; i++) {
		if (f[i].function)
			fprintf(m, "%s;%s\n", f[i].module ? f[i].module : "", f[i].function);
		else
			fprintf(m, "%s+%llx\n", f[i].module ? f[i].module : "",
				(unsigned long long)f[i].offset);
	}
	if (fclose(m)) {
		free(key);
		return NULL;
	}
	return key;
}

static void free_making(struct making **all)
{
	struct making *m, *tmp;

	HASH_ITER(hh, *all, m, tmp) {
		HASH_DEL(*all, m);
		free(m->key);
		free(m->series);
		free(m->at_mark);
		free(m->row.frame);
		free(m);
	}
}

static struct making *row_for(struct making **all, struct growth_proc *gp,
			      const struct growth_frame *f, unsigned int nr, int64_t gross)
{
	unsigned int top = first_own(f, nr);
	char *key = key_of(f, nr, top);
	struct making *m;

	if (!key)
		return NULL;
	HASH_FIND_STR(*all, key, m);
	if (!m) {
		m = calloc(1, sizeof(*m));
		if (!m) {
			free(key);
			return NULL;
		}
		m->key = key;
		m->most = -1;
		m->at_mark = calloc(gp->nr_moments + 1, sizeof(*m->at_mark));
		HASH_ADD_KEYPTR(hh, *all, m->key, strlen(m->key), m);
	} else {
		free(key);
	}
	if (gross > m->most) {
		struct growth_frame *copy = calloc(nr + 1, sizeof(*copy));

		if (!copy)
			return NULL;
		memcpy(copy, f, nr * sizeof(*copy));
		free(m->row.frame);
		m->row.frame = copy;
		m->row.nr_frames = nr;
		m->row.top = top;
		m->most = gross;
	}
	return m->at_mark ? m : NULL;
}

static void add_tid(struct growth_row *r, uint32_t tid)
{
	for (unsigned int i = 0; i < r->nr_tids; i++)
		if (r->tid[i] == tid)
			return;
	if (r->nr_tids < GROWTH_PLACES)
		r->tid[r->nr_tids++] = tid;
	else
		r->many_tids = true;
}

/* The bytes of a path; of one that is known in part into the sample. */
static void add_sample(struct estimate_in *in, const struct growth_path *path,
		       const struct ledger_path *l)
{
	if (path->weight == 1) {
		in->exact += l->net;
		return;
	}
	in->seen += l->net;
	/* what is left is of the same sizes as what came */
	if (l->gross > 0)
		in->squares += l->squares * ((double)l->net / (double)l->gross);
}

static int add_series(struct making *m, const struct growth_path *path, unsigned int nr_ticks)
{
	if (!path->series)
		return 0;
	if (!m->series)
		m->series = calloc(nr_ticks + 1, sizeof(*m->series));
	if (!m->series)
		return -ENOMEM;
	for (unsigned int i = 0; i < path->nr_series; i++)
		m->series[i] += path->series[i] * path->weight;
	return 0;
}

static void add_path(struct making *m, const struct growth_path *path, const struct ledger_path *l)
{
	struct growth_row *r = &m->row;

	add_sample(&m->sample, path, l);
	r->net += l->net * path->weight;
	r->gross += l->gross * path->weight;
	r->released += l->released * path->weight;
	r->nr_faults += l->nr * path->weight;
	r->truncated |= path->truncated;
	r->nr_merged += path->nr_merged;
	for (unsigned int i = 0; i < path->nr_tids; i++)
		add_tid(r, path->tid[i]);
	r->many_tids |= path->nr_tids >= GROWTH_TIDS;
}

static int make_rows(const struct growth *g, struct growth_proc *gp, struct making **all,
		     struct making **of_path)
{
	struct growth_frame *f = calloc(MAX_NAMED, sizeof(*f));
	int err = f ? 0 : -ENOMEM;

	for (uint32_t k = 0; !err && k < gp->nr_paths; k++) {
		struct ledger_path l = ledger_path(&gp->ledger, LEDGER_FIRST + k);
		unsigned int nr;

		if (!l.gross)
			continue;
		nr = name_frames(g, gp, &gp->path[k], f);
		of_path[k] = row_for(all, gp, f, nr, l.gross);
		if (!of_path[k]) {
			err = -ENOMEM;
			break;
		}
		add_path(of_path[k], &gp->path[k], &l);
		err = add_series(of_path[k], &gp->path[k], gp->nr_ticks);
		for (unsigned int i = 0; i < gp->nr_moments; i++)
			if (k < gp->moment[i].nr_paths)
				of_path[k]->at_mark[i] += gp->moment[i].net[k] * gp->path[k].weight;
	}
	free(f);
	return err;
}

/* Regions come in the order of addresses. */
static void add_place(struct growth_row *row, const struct region *r, int64_t bytes)
{
	struct growth_place *last = row->nr_places ? &row->place[row->nr_places - 1] : NULL;

	if (last && last->start == r->start)
		last->bytes += bytes;
	else if (row->nr_places < GROWTH_PLACES)
		row->place[row->nr_places++] =
			(struct growth_place){ r->start, r->end, r->kind, bytes };
	else
		row->many_places = true;
}

/* What regions the bytes of each row are in, and those that no row has. */
static void find_kinds(struct growth_proc *gp, struct making **of_path, struct growth_report *rep)
{
	for (struct ledger_extent *e = ledger_first(&gp->ledger); e; e = ledger_next(e)) {
		uint32_t k = e->path - LEDGER_FIRST;
		struct region *r = aspace_find(&gp->p->aspace, e->start);

		if (!r || r->kind >= RK_NR)
			continue;
		if (e->path == LEDGER_NO_PATH && rep->fault_period == 1)
			rep->no_path_by_kind[r->kind] += e->bytes;
		if (e->path < LEDGER_FIRST || k >= gp->nr_paths || !of_path[k])
			continue;
		of_path[k]->by_kind[r->kind] += e->bytes * gp->path[k].weight;
		add_place(&of_path[k]->row, r, e->bytes * gp->path[k].weight);
	}
}

static enum region_kind main_kind(const struct making *m)
{
	enum region_kind best = RK_NR;
	int64_t most = 0;

	for (unsigned int k = 0; k < RK_NR; k++) {
		if (m->by_kind[k] > most) {
			most = m->by_kind[k];
			best = (enum region_kind)k;
		}
	}
	return best;
}

static int more_first(const void *a, const void *b)
{
	const struct growth_row *x = a, *y = b;

	if (x->net != y->net)
		return x->net < y->net ? 1 : -1;
	return x->gross < y->gross ? 1 : x->gross > y->gross ? -1 : 0;
}

/* @clumps: so many of the faults that were seen have one call stack's word */
static void find_interval(struct making *m, const struct growth *g)
{
	struct estimate e;

	m->sample.period = g->fault_period;
	m->sample.clumps = g->most_period;
	e = estimate(&m->sample);
	m->row.net_low = e.low;
	m->row.net_high = e.high;
}

static int take_rows(const struct growth *g, struct growth_proc *gp, struct making **all,
		     struct growth_report *r)
{
	struct making *m;

	r->row = calloc(HASH_COUNT(*all) + 1, sizeof(*r->row));
	r->no_series = calloc(gp->nr_ticks + 1, sizeof(*r->no_series));
	if (!r->row || !r->no_series)
		return -ENOMEM;
	for (m = *all; m; m = m->hh.next) {
		int64_t *series = m->series ? m->series : r->no_series;
		struct verdict_in in = { .time_ns = gp->tick_ns,
					 .bytes = series,
					 .nr = gp->nr_ticks,
					 .scale = r->rss,
					 .gross = m->row.gross,
					 .released = m->row.released,
					 .in_use = -1,
					 .limit_left = -1 };

		verdict_find(&in, &m->row.verdict);
		find_interval(m, g);
		m->row.kind = main_kind(m);
		r->row[r->nr++] = m->row;
		r->row[r->nr - 1].series = series;
		r->row[r->nr - 1].at_mark = m->at_mark;
		m->row.frame = NULL;
		m->series = m->at_mark = NULL;
	}
	qsort(r->row, r->nr, sizeof(*r->row), more_first);
	return 0;
}

/* The limit that memory which grows here hits first. */
static int64_t limit_left(struct growth_report *r)
{
	int64_t least = -1;

	for (unsigned int i = 0; r->limits && i < r->limits->nr; i++) {
		const struct mtr_limit *l = &r->limits->lim[i];
		int64_t left = (int64_t)(l->limit_bytes - l->used_bytes);

		if (l->kind != MTR_LIM_CGROUP && l->kind != MTR_LIM_HOST)
			continue;
		left = l->used_bytes > l->limit_bytes ? 0 : left;
		if (least < 0 || left < least) {
			least = left;
			r->limit = l;
		}
	}
	return least;
}

/*
 * What all paths have, and what came and went through them. Of faults that were passed over the pages
 * are found by a count, and have no path: they are in the estimate of those that have.
 */
static void sum_paths(const struct growth *g, const struct growth_proc *gp, struct growth_report *r,
		      struct verdict_in *in)
{
	struct estimate_in sample = { .period = g->fault_period, .clumps = 1 };
	struct ledger_path none = ledger_path(&gp->ledger, LEDGER_NO_PATH);
	struct estimate e;

	in->released = ledger_path(&gp->ledger, LEDGER_BEFORE).released;
	if (g->fault_period == 1) {
		in->gross += none.gross;
		in->released += none.released;
	}
	for (uint32_t k = 0; k < gp->nr_paths; k++) {
		struct ledger_path l = ledger_path(&gp->ledger, LEDGER_FIRST + k);

		add_sample(&sample, &gp->path[k], &l);
		in->gross += l.gross * gp->path[k].weight;
		in->released += l.released * gp->path[k].weight;
	}
	e = estimate(&sample);
	r->attributed = e.bytes;
	r->attributed_low = e.low;
	r->attributed_high = e.high;
}

static void identity(const struct growth *g, struct growth_proc *gp, struct growth_report *r)
{
	struct ledger_path before = ledger_path(&gp->ledger, LEDGER_BEFORE);
	struct verdict_in in = {
		.time_ns = gp->tick_ns, .bytes = gp->tick_rss, .nr = gp->nr_ticks, .in_use = -1
	};

	r->from_ns = gp->from_ns;
	r->rss = proc_rss(gp->p);
	r->delta = r->rss - gp->rss0;
	sum_paths(g, gp, r, &in);
	/* what an exec finds there the kernel has put there: nothing was before */
	r->before = gp->p->from_start && !gp->p->copied && !gp->adopted ? 0 : -before.released;
	r->no_path = g->fault_period > 1 ? growth_residual(r) :
					   ledger_path(&gp->ledger, LEDGER_NO_PATH).net;
	r->others = r->no_path > 0 ? r->no_path : 0;
	if (r->others > gp->others)
		r->others = gp->others;
	/* of one that has ended there is no more, but where only a part of the recording was looked at */
	in.more = gp->p->death != DEATH_NONE && r->more != VERDICT_MORE_PART ? VERDICT_MORE_NONE :
									       r->more;
	in.scale = r->rss;
	in.limit_left = limit_left(r);
	if (r->arenas && r->arenas->nr) {
		in.in_use = r->rss - arenas_idle(r->arenas);
		in.largest_free = r->arenas->largest_free;
	}
	verdict_find(&in, &r->verdict);
}

static int take_marks(const struct growth *g, const struct growth_proc *gp, struct growth_report *r)
{
	r->mark = calloc(gp->nr_moments + 1, sizeof(*r->mark));
	if (!r->mark)
		return -ENOMEM;
	for (; r->nr_marks < gp->nr_moments; r->nr_marks++) {
		const struct growth_moment *m = &gp->moment[r->nr_marks];

		r->mark[r->nr_marks] = (struct growth_mark){
			.name = strtab_str(g->model->st, m->name),
			.time_ns = m->time_ns,
			.rss = m->rss,
		};
	}
	return 0;
}

/* Must names be looked for in other files than before? */
static bool maps_are_old(const struct growth_proc *gp)
{
	/* of a file: modules may have been told since */
	return gp->own_syms || (gp->p->death == DEATH_NONE && gp->maps_gen != gp->p->aspace.gen);
}

int growth_report(struct growth *g, struct growth_proc *gp, struct growth_report *r)
{
	struct making *all = NULL, **of_path = calloc(gp->nr_paths + 1, sizeof(struct making *));
	int err = of_path ? 0 : -ENOMEM;

	r->p = gp->p;
	r->period = g->period;
	r->fault_period = g->fault_period;
	r->nr_stacks = gp->nr_stacks;
	r->nr_truncated = gp->nr_truncated;
	r->nr_failed = gp->nr_failed;
	if (g->paths)
		callpaths_work(g->paths, gp->as, &r->nr_known, &r->unwind_ns);
	r->tick_ns = gp->tick_ns;
	r->tick_rss = gp->tick_rss;
	r->nr_ticks = gp->nr_ticks;
	r->syms = gp->syms;
	proc_kinds(gp->p, g->model->st);
	if (!err && maps_are_old(gp))
		err = growth_maps(g, gp);
	identity(g, gp, r);
	if (!err)
		err = take_marks(g, gp, r);
	if (!err)
		err = make_rows(g, gp, &all, of_path);
	if (!err) {
		find_kinds(gp, of_path, r);
		err = take_rows(g, gp, &all, r);
	}
	free_making(&all);
	free(of_path);
	return err;
}

void growth_report_fini(struct growth_report *r)
{
	for (unsigned int i = 0; i < r->nr; i++) {
		free(r->row[i].frame);
		if (r->row[i].series != r->no_series)
			free(r->row[i].series);
		free(r->row[i].at_mark);
	}
	free(r->no_series);
	free(r->mark);
	free(r->row);
	r->row = NULL;
	r->mark = NULL;
	r->nr = r->nr_marks = 0;
}
