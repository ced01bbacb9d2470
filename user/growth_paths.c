// SPDX-License-Identifier: GPL-2.0
#include "growth_paths.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PATHS 4096u /* of a process: then half of them are merged */
#define KEEP_ENDED 64u /* when stacks take too much: of a process that has ended, */
#define KEEP_LIVE 1024u /* and of one that has not */
#define WORTH (64 * 1024) /* bytes from which on a path has a series, */
#define WORTH_PART 1024 /* and this part of RSS */
#define FIRST_SERIES 32u

struct growth_path *growth_path_of(struct growth_proc *gp, uint32_t path)
{
	return path >= LEDGER_FIRST && path - LEDGER_FIRST < gp->nr_paths ?
		       &gp->path[path - LEDGER_FIRST] :
		       NULL;
}

/* ---- by stack */

/* Where a path stands in by_stack, or would. */
static uint32_t *place_of(struct growth_proc *gp, uint32_t stack, bool part)
{
	uint32_t mask = gp->nr_by_stack - 1, at = (2 * stack + part) * 2654435761u;

	for (at ^= at >> 15;; at++) {
		uint32_t *n = &gp->by_stack[at & mask];
		struct growth_path *p = growth_path_of(gp, *n);

		if (!p || (p->stack == stack && (p->weight > 1) == part))
			return n;
	}
}

static int index_paths(struct growth_proc *gp, uint32_t nr)
{
	uint32_t *by = calloc(nr, sizeof(*by));

	if (!by)
		return -ENOMEM;
	free(gp->by_stack);
	gp->by_stack = by;
	gp->nr_by_stack = nr;
	for (uint32_t k = 0; k < gp->nr_paths; k++)
		*place_of(gp, gp->path[k].stack, gp->path[k].weight > 1) = LEDGER_FIRST + k;
	return 0;
}

static int reserve(struct growth_proc *gp)
{
	uint32_t cap = gp->cap_paths ? 2 * gp->cap_paths : 64;
	struct growth_path *p;

	if (gp->nr_paths < gp->cap_paths)
		return 0;
	p = reallocarray(gp->path, cap, sizeof(*p));
	if (!p)
		return -ENOMEM;
	gp->path = p;
	gp->cap_paths = cap;
	return 0;
}

uint32_t growth_path_for(struct growth_proc *gp, uint32_t stack, bool truncated,
			 unsigned int weight)
{
	uint32_t *at, known;

	if (!stack)
		return LEDGER_NO_PATH;
	known = gp->nr_by_stack ? *place_of(gp, stack, weight > 1) : 0;
	if (known)
		return known;
	if (gp->nr_paths >= MAX_PATHS && growth_paths_merge(gp, MAX_PATHS / 2))
		return LEDGER_NO_PATH;
	if (2 * gp->nr_paths + 2 > gp->nr_by_stack &&
	    index_paths(gp, gp->nr_by_stack ? 2 * gp->nr_by_stack : 128))
		return LEDGER_NO_PATH;
	if (reserve(gp))
		return LEDGER_NO_PATH;
	at = place_of(gp, stack, weight > 1);
	gp->path[gp->nr_paths] =
		(struct growth_path){ .stack = stack, .truncated = truncated, .weight = weight };
	*at = LEDGER_FIRST + gp->nr_paths++;
	return *at;
}

static void add_tid(struct growth_path *p, uint32_t tid)
{
	for (unsigned int i = 0; i < p->nr_tids && i < GROWTH_TIDS; i++)
		if (p->tid[i] == tid)
			return;
	if (p->nr_tids < GROWTH_TIDS)
		p->tid[p->nr_tids++] = tid;
}

void growth_path_seen(struct growth_proc *gp, uint32_t path, uint32_t tid)
{
	struct growth_path *p = growth_path_of(gp, path);

	if (p)
		add_tid(p, tid);
}

/* ---- series */

/* Points that nobody has kept are 0. */
static int series_room(struct growth_path *p, unsigned int nr)
{
	unsigned int cap = p->cap_series ? p->cap_series : FIRST_SERIES;
	int64_t *s;

	while (cap < nr)
		cap *= 2;
	if (cap > GROWTH_TICKS)
		cap = GROWTH_TICKS;
	if (cap <= p->cap_series)
		return 0;
	s = reallocarray(p->series, cap, sizeof(*s));
	if (!s)
		return -ENOMEM;
	memset(s + p->cap_series, 0, (cap - p->cap_series) * sizeof(*s));
	p->series = s;
	p->cap_series = cap;
	return 0;
}

void growth_paths_keep(struct growth_proc *gp)
{
	int64_t worth = proc_rss(gp->p) / WORTH_PART;

	if (worth < WORTH)
		worth = WORTH;
	for (uint32_t k = 0; k < gp->nr_paths; k++) {
		struct growth_path *p = &gp->path[k];
		int64_t net = ledger_path(&gp->ledger, LEDGER_FIRST + k).net;

		if ((!p->series && net * p->weight < worth) || series_room(p, gp->nr_ticks + 1) ||
		    !p->series)
			continue;
		p->series[gp->nr_ticks] = net;
		p->nr_series = gp->nr_ticks + 1;
	}
}

void growth_paths_thin(struct growth_proc *gp, unsigned int nr)
{
	for (uint32_t k = 0; k < gp->nr_paths; k++) {
		struct growth_path *p = &gp->path[k];

		for (unsigned int i = 0; i < nr && 2 * i < p->nr_series; i++)
			p->series[i] = p->series[2 * i];
		p->nr_series = (p->nr_series + 1) / 2 < nr ? (p->nr_series + 1) / 2 : nr;
		for (unsigned int i = p->nr_series; i < p->cap_series; i++)
			p->series[i] = 0;
	}
}

/* ---- rare paths */

struct rank {
	int64_t net, gross;
	uint32_t at;
};

static int most_first(const void *a, const void *b)
{
	const struct rank *x = a, *y = b;

	if (x->net != y->net)
		return x->net < y->net ? 1 : -1;
	if (x->gross != y->gross)
		return x->gross < y->gross ? 1 : -1;
	return x->at < y->at ? -1 : x->at > y->at;
}

/* What is needed while paths get new numbers. */
struct merge {
	struct rank *rank;
	bool *rare; /* of each old path */
	uint32_t *to; /* number of each old path in the ledger */
	struct growth_path *path; /* the new ones */
	uint32_t nr;
	uint32_t rest[2]; /* the path of the rare ones, + 1, of weight 1 and of more; 0: none yet */
	int64_t *net[GROWTH_MARKS]; /* of each moment */
};

static void merge_fini(struct merge *m)
{
	free(m->rank);
	free(m->rare);
	free(m->to);
	free(m->path);
	for (unsigned int i = 0; i < GROWTH_MARKS; i++)
		free(m->net[i]);
}

static int merge_init(struct merge *m, const struct growth_proc *gp)
{
	uint32_t nr = gp->nr_paths;

	*m = (struct merge){ .rank = calloc(nr, sizeof(*m->rank)),
			     .rare = calloc(nr, sizeof(*m->rare)),
			     .to = calloc(LEDGER_FIRST + nr, sizeof(*m->to)),
			     .path = calloc(nr + 2, sizeof(*m->path)) };
	if (!m->rank || !m->rare || !m->to || !m->path)
		return -ENOMEM;
	for (unsigned int i = 0; i < gp->nr_moments; i++) {
		m->net[i] = calloc(nr + 2, sizeof(*m->net[i]));
		if (!m->net[i])
			return -ENOMEM;
	}
	return 0;
}

static void find_rare(struct merge *m, const struct growth_proc *gp, uint32_t keep)
{
	for (uint32_t k = 0; k < gp->nr_paths; k++) {
		struct ledger_path l = ledger_path(&gp->ledger, LEDGER_FIRST + k);
		unsigned int weight = gp->path[k].weight;

		m->rank[k] = (struct rank){ l.net * weight, l.gross * weight, k };
	}
	qsort(m->rank, gp->nr_paths, sizeof(*m->rank), most_first);
	for (uint32_t i = 0; i < gp->nr_paths; i++) {
		uint32_t at = m->rank[i].at;

		if (!gp->path[at].stack)
			continue;
		m->rare[at] = !keep;
		keep -= keep > 0;
	}
}

/* The numbers of those that stay, in their order; then those of the rest. */
static void number(struct merge *m, const struct growth_proc *gp)
{
	for (uint32_t i = 0; i < LEDGER_FIRST; i++)
		m->to[i] = i;
	for (uint32_t k = 0; k < gp->nr_paths; k++) {
		if (m->rare[k])
			continue;
		if (!gp->path[k].stack)
			m->rest[gp->path[k].weight > 1] = m->nr + 1;
		m->to[LEDGER_FIRST + k] = LEDGER_FIRST + m->nr;
		m->path[m->nr++] = gp->path[k];
	}
	for (uint32_t k = 0; k < gp->nr_paths; k++) {
		uint32_t *rest = &m->rest[gp->path[k].weight > 1];

		if (!m->rare[k])
			continue;
		if (!*rest) {
			m->path[m->nr] = (struct growth_path){ .weight = gp->path[k].weight };
			*rest = ++m->nr;
		}
		m->to[LEDGER_FIRST + k] = LEDGER_FIRST + *rest - 1;
	}
}

/* @from, a rare path, becomes a part of @to. Without memory its series is not in the other's. */
static void take_in(struct growth_path *to, struct growth_path *from, bool any)
{
	to->nr_merged += any;
	to->truncated |= from->truncated;
	for (unsigned int i = 0; i < from->nr_tids; i++)
		add_tid(to, from->tid[i]);
	if (from->nr_series && !series_room(to, from->nr_series)) {
		for (unsigned int i = 0; i < from->nr_series; i++)
			to->series[i] += from->series[i];
		if (to->nr_series < from->nr_series)
			to->nr_series = from->nr_series;
	}
	free(from->series);
}

static void take_over(struct merge *m, struct growth_proc *gp)
{
	for (unsigned int i = 0; i < gp->nr_moments; i++) {
		struct growth_moment *mo = &gp->moment[i];

		for (uint32_t k = 0; k < mo->nr_paths; k++)
			m->net[i][m->to[LEDGER_FIRST + k] - LEDGER_FIRST] += mo->net[k];
		free(mo->net);
		mo->net = m->net[i];
		mo->nr_paths = m->nr;
		m->net[i] = NULL;
	}
	free(gp->path);
	gp->path = m->path;
	gp->nr_paths = m->nr;
	gp->cap_paths = m->nr;
	m->path = NULL;
}

int growth_paths_merge(struct growth_proc *gp, uint32_t keep)
{
	struct merge m;
	int err;

	if (gp->nr_paths <= keep)
		return 0;
	err = merge_init(&m, gp);
	if (err)
		goto out;
	find_rare(&m, gp, keep);
	number(&m, gp);
	/* only those that have brought something are told of */
	for (uint32_t k = 0; k < gp->nr_paths; k++)
		m.rank[k].gross = ledger_path(&gp->ledger, LEDGER_FIRST + k).gross;
	err = ledger_renumber(&gp->ledger, m.to, LEDGER_FIRST + m.nr);
	if (err)
		goto out;
	for (uint32_t k = 0; k < gp->nr_paths; k++)
		if (m.rare[k])
			take_in(&m.path[m.to[LEDGER_FIRST + k] - LEDGER_FIRST], &gp->path[k],
				m.rank[k].gross > 0);
	take_over(&m, gp);
	memset(gp->by_stack, 0, gp->nr_by_stack * sizeof(*gp->by_stack));
	for (uint32_t k = 0; k < gp->nr_paths; k++)
		*place_of(gp, gp->path[k].stack, gp->path[k].weight > 1) = LEDGER_FIRST + k;
out:
	merge_fini(&m);
	return err;
}

void growth_paths_mark(void *ctx, struct stacktab *t, bool squeeze)
{
	struct growth *g = ctx;

	for (struct growth_proc *gp = g->procs; gp; gp = gp->hh.next) {
		const struct proc *p = model_proc(g->model, gp->as);
		bool ended = !p || p->death != DEATH_NONE;

		if (squeeze)
			growth_paths_merge(gp, ended ? KEEP_ENDED : KEEP_LIVE);
		for (uint32_t k = 0; k < gp->nr_paths; k++)
			stacktab_mark(t, gp->path[k].stack);
	}
}

void growth_paths_free(struct growth_proc *gp)
{
	for (uint32_t k = 0; k < gp->nr_paths; k++)
		free(gp->path[k].series);
	free(gp->path);
	free(gp->by_stack);
}
