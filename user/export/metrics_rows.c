// SPDX-License-Identifier: GPL-2.0
/*
 * Who has series of its own. The largest and those that grow fastest take turns, until
 * there are @top of them. One that had series the last time is preferred: else two of
 * nearly the same size would change places at every scrape, and each of them leaves
 * series behind in the store.
 */
#include "export/metrics_int.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "util/text.h"

#define STAYS 1.25 /* so many times as large counts one that has series */

/* A process or a group, while it is chosen. */
struct candidate {
	double size, growth;
	bool *shown;
	unsigned int nr; /* in the table */
};

char *metrics_group_name(char dst[METRICS_GROUP_LEN], const char *group, const char *cgroup)
{
	return text_clean(dst, METRICS_GROUP_LEN, *group ? group : *cgroup ? cgroup : "/", 0);
}

void metrics_label(char *dst, size_t sz, const char *name, const char *raw)
{
	char clean[256];
	size_t at = strlen(dst);

	/* no line breaks are left in it */
	text_clean(clean, sizeof(clean), raw, 0);
	if (at + strlen(name) + 2 * strlen(clean) + sizeof(",=\"\"") > sz)
		return;
	at += (size_t)snprintf(dst + at, sz - at, "%s%s=\"", at ? "," : "", name);
	for (const char *c = clean; *c; c++) {
		if (*c == '\\' || *c == '"')
			dst[at++] = '\\';
		dst[at++] = *c;
	}
	memcpy(dst + at, "\"", 2);
}

static bool tighter(const struct metrics_limit *a, const struct metrics_limit *than)
{
	return a->limit && (!than->limit || a->limit - a->used < than->limit - than->used);
}

void metrics_limits(struct metrics_figures *f, const struct mtr_limits *l)
{
	memset(f->limit, 0, sizeof(f->limit));
	for (unsigned int i = 0; i < l->nr && i < MTR_MAX_LIMITS; i++) {
		struct metrics_limit one = { (int64_t)l->lim[i].limit_bytes,
					     (int64_t)l->lim[i].used_bytes };

		if (l->lim[i].kind <= MTR_LIM_HOST && tighter(&one, &f->limit[l->lim[i].kind]))
			f->limit[l->lim[i].kind] = one;
	}
}

/* What grows in RSS fills the cgroup and the host; RLIMIT_AS counts something else. */
static void find_full(struct metrics_figures *f)
{
	static const enum mtr_limit_kind kinds[] = { MTR_LIM_CGROUP, MTR_LIM_HOST };

	for (unsigned int s = 0; s < METRICS_SPANS; s++) {
		f->full_s[s] = -1;
		for (unsigned int i = 0; f->known[s] && i < 2; i++) {
			const struct metrics_limit *l = &f->limit[kinds[i]];
			double left = l->used < l->limit ? (double)(l->limit - l->used) : 0;
			double full = f->rate[s] > 0 ? left / f->rate[s] : INFINITY;

			if (l->limit && (f->full_s[s] < 0 || full < f->full_s[s]))
				f->full_s[s] = full;
		}
	}
}

static void none_yet(struct metrics_figures *f)
{
	memset(f, 0, sizeof(*f));
	f->headroom = -1;
	for (unsigned int s = 0; s < METRICS_SPANS; s++)
		f->full_s[s] = -1;
}

/* Bytes add up; of headroom, limits and time the least counts. */
static void add(struct metrics_figures *to, const struct metrics_figures *f)
{
	to->nr += f->nr;
	to->rss += f->rss;
	to->virt += f->virt;
	to->swap += f->swap;
	for (unsigned int k = 0; k < RK_NR; k++)
		to->resident[k] += f->resident[k];
	for (unsigned int s = 0; s < METRICS_SPANS; s++) {
		to->known[s] |= f->known[s];
		to->rate[s] += f->known[s] ? f->rate[s] : 0;
		if (f->full_s[s] >= 0 && (to->full_s[s] < 0 || f->full_s[s] < to->full_s[s]))
			to->full_s[s] = f->full_s[s];
	}
	if (f->headroom >= 0 && (to->headroom < 0 || f->headroom < to->headroom))
		to->headroom = f->headroom;
	for (unsigned int k = 0; k <= MTR_LIM_HOST; k++)
		if (tighter(&f->limit[k], &to->limit[k]))
			to->limit[k] = f->limit[k];
}

/* Over ten minutes, or as long as it is known. */
static double growth_of(const struct metrics_figures *f)
{
	return f->known[1] ? f->rate[1] : f->known[0] ? f->rate[0] : 0;
}

static int larger_first(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->size != y->size)
		return x->size < y->size ? 1 : -1;
	return x->nr < y->nr ? -1 : 1;
}

static int faster_first(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->growth != y->growth)
		return x->growth < y->growth ? 1 : -1;
	return x->nr < y->nr ? -1 : 1;
}

/* The next one of a sorted list that is not chosen yet; NULL: there is none. */
static bool *next_of(const struct candidate *c, unsigned int nr, unsigned int *at, bool growing)
{
	while (*at < nr && *c[*at].shown)
		++*at;
	return *at < nr && (!growing || c[*at].growth > 0) ? c[*at].shown : NULL;
}

/* Takes @c, sets *shown of those that have series. 0 or −ENOMEM */
static int choose(struct candidate *c, unsigned int nr, unsigned int top)
{
	struct candidate *fast = calloc(nr + 1, sizeof(*fast));
	unsigned int at = 0, at_fast = 0;

	if (!fast)
		return -ENOMEM;
	for (unsigned int i = 0; i < nr; i++) {
		c[i].nr = i;
		c[i].size *= *c[i].shown ? STAYS : 1;
		c[i].growth *= *c[i].shown && c[i].growth > 0 ? STAYS : 1;
		*c[i].shown = false;
		fast[i] = c[i];
	}
	qsort(c, nr, sizeof(*c), larger_first);
	qsort(fast, nr, sizeof(*fast), faster_first);
	for (unsigned int n = 0; n < top && n < nr; n++) {
		bool *one = n % 2 ? next_of(fast, nr, &at_fast, true) : NULL;

		if (!one)
			one = next_of(c, nr, &at, false);
		if (one)
			*one = true;
	}
	free(fast);
	return 0;
}

int metrics_procs(struct metrics_table *t, struct metrics_rows *ret)
{
	struct candidate *c = calloc(t->nr_procs + 1, sizeof(*c));
	unsigned int shown = t->top < t->nr_procs ? t->top : t->nr_procs;
	struct metrics_row *rows = calloc(shown + 1, sizeof(*rows)), *others = &rows[shown];
	int err = c && rows ? 0 : -ENOMEM;

	for (unsigned int i = 0; !err && i < t->nr_procs; i++) {
		struct metrics_proc *p = &t->proc[i];

		find_full(&p->f);
		c[i] = (struct candidate){ (double)p->f.rss, growth_of(&p->f), &p->shown, 0 };
	}
	if (!err)
		err = choose(c, t->nr_procs, t->top);
	free(c);
	if (err) {
		free(rows);
		return err;
	}
	ret->row = rows;
	ret->nr = 0;
	none_yet(&others->f);
	for (unsigned int i = 0; i < t->nr_procs; i++) {
		const struct metrics_proc *p = &t->proc[i];
		struct metrics_row *r = &rows[ret->nr];
		char pid[16];

		if (!p->shown) {
			add(&others->f, &p->f);
			continue;
		}
		ret->nr++;
		r->p = p;
		r->f = p->f;
		snprintf(pid, sizeof(pid), "%u", p->pid);
		metrics_label(r->labels, sizeof(r->labels), "pid", pid);
		metrics_label(r->labels, sizeof(r->labels), "comm", p->comm);
		metrics_label(r->labels, sizeof(r->labels), "group", t->group[p->group].name);
	}
	/* no process has an empty pid, whatever its name */
	strcpy(others->labels, "pid=\"\",comm=\"other\",group=\"\"");
	ret->nr += others->f.nr > 0;
	return 0;
}

/* Each group's figures, into @f */
static void sum_groups(const struct metrics_table *t, struct metrics_figures *f)
{
	for (unsigned int i = 0; i < t->nr_groups; i++)
		none_yet(&f[i]);
	for (unsigned int i = 0; i < t->nr_procs; i++)
		add(&f[t->proc[i].group], &t->proc[i].f);
	for (unsigned int i = 0; i < t->nr_groups; i++) {
		f[i].faults_known = true;
		f[i].minor = t->group[i].minor;
		f[i].major = t->group[i].major;
		/* all of them fill the same limit */
		find_full(&f[i]);
	}
}

static int fill_groups(struct metrics_table *t, const struct metrics_figures *f,
		       struct candidate *c, struct metrics_rows *ret, struct metrics_row *others)
{
	int err;

	for (unsigned int i = 0; i < t->nr_groups; i++)
		c[i] = (struct candidate){ (double)f[i].rss, growth_of(&f[i]), &t->group[i].shown,
					   0 };
	err = choose(c, t->nr_groups, t->top);
	if (err)
		return err;
	none_yet(&others->f);
	for (unsigned int i = 0; i < t->nr_groups; i++) {
		struct metrics_row *r = &ret->row[ret->nr];

		if (!t->group[i].shown) {
			add(&others->f, &f[i]);
			continue;
		}
		ret->nr++;
		r->f = f[i];
		metrics_label(r->labels, sizeof(r->labels), "group", t->group[i].name);
	}
	strcpy(others->labels, "group=\"\"");
	ret->nr += others->f.nr > 0;
	return 0;
}

int metrics_groups(struct metrics_table *t, struct metrics_rows *ret)
{
	unsigned int shown = t->top < t->nr_groups ? t->top : t->nr_groups;
	struct candidate *c = calloc(t->nr_groups + 1, sizeof(*c));
	struct metrics_figures *f = calloc(t->nr_groups + 1, sizeof(*f));
	struct metrics_row *rows = calloc(shown + 1, sizeof(*rows));
	int err = c && f && rows ? 0 : -ENOMEM;

	ret->row = rows;
	ret->nr = 0;
	if (!err) {
		sum_groups(t, f);
		err = fill_groups(t, f, c, ret, &rows[shown]);
	}
	free(c);
	free(f);
	if (err)
		free(rows);
	return err;
}
