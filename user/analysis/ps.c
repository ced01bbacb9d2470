// SPDX-License-Identifier: GPL-2.0
#include "analysis/ps.h"

#include <stdlib.h>
#include <string.h>

void ps_init(struct ps_table *t)
{
	*t = (struct ps_table){ .self_cpu_percent = -1, .bpf_percent = -1 };
}

void ps_fini(struct ps_table *t)
{
	for (unsigned int i = 0; i < t->nr; i++) {
		free(t->row[i].exe);
		free(t->row[i].cgroup);
	}
	free(t->row);
	ps_init(t);
}

struct ps_row *ps_add(struct ps_table *t)
{
	struct ps_row *r;

	if (t->nr == t->cap) {
		unsigned int cap = t->cap ? 2 * t->cap : 64;

		r = reallocarray(t->row, cap, sizeof(*r));
		if (!r)
			return NULL;
		t->row = r;
		t->cap = cap;
	}
	r = &t->row[t->nr++];
	*r = (struct ps_row){ .headroom = -1, .full_s = -1 };
	return r;
}

static int more_first(double a, double b)
{
	return a > b ? -1 : a < b;
}

/* The fastest of what is known. */
static double fastest(const struct ps_row *r)
{
	for (unsigned int k = 0; k < PS_SPANS; k++)
		if (r->known[k])
			return r->rate[k];
	return -1e300;
}

int ps_cmp(const struct ps_row *a, const struct ps_row *b, enum ps_sort sort)
{
	int d = 0;

	switch (sort) {
	case PS_RSS:
	case PS_PID:
	case PS_SORTS:
		break;
	case PS_RATE:
		d = more_first(fastest(a), fastest(b));
		break;
	case PS_HEADROOM: /* least room first, what is not known last */
		d = more_first((double)b->headroom, (double)a->headroom);
		if ((a->headroom < 0) != (b->headroom < 0))
			d = a->headroom < 0 ? 1 : -1;
		break;
	case PS_FAULTS:
		d = more_first(a->faults_per_s, b->faults_per_s);
		break;
	case PS_NAME:
		d = strcasecmp(a->comm, b->comm);
		break;
	}
	if (!d && sort != PS_PID)
		d = more_first((double)a->rss, (double)b->rss);
	return d ? d : a->pid < b->pid ? -1 : a->pid > b->pid;
}
