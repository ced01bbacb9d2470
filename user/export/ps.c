// SPDX-License-Identifier: GPL-2.0
/* Rows of `memtrace ps`: their order, and as plain text. */
#include "export/ps.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "util/text.h"
#include "util/units.h"

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

static const char *rate(const struct report_style *s, char buf[UNITS_LEN], const struct ps_row *r,
			unsigned int k)
{
	if (!r->known[k])
		return s->ascii ? "-" : "–";
	return fmt_rate(buf, r->rate[k]);
}

static int put_row(FILE *f, const struct ps_row *r, const struct report_style *s)
{
	char rss[UNITS_LEN], heap[UNITS_LEN], anon[UNITS_LEN], stack[UNITS_LEN], file[UNITS_LEN];
	char r0[UNITS_LEN], r1[UNITS_LEN], r2[UNITS_LEN], room[UNITS_LEN], faults[UNITS_LEN];
	char comm[64], group[96];

	fprintf(f, "%7u %7s %7s %7s %7s %7s %9s %9s %9s %7s %7s %-17s %-15s %s\n", r->pid,
		style_size(s, rss, r->rss), style_size(s, heap, r->by_class[HC_HEAP]),
		style_size(s, anon, r->by_class[HC_ANON]),
		style_size(s, stack, r->by_class[HC_STACK]),
		style_size(s, file, r->by_class[HC_FILE] + r->by_class[HC_SHARED]),
		rate(s, r0, r, 0), rate(s, r1, r, 1), rate(s, r2, r, 2),
		r->headroom < 0 ? "-" : style_size(s, room, r->headroom),
		fmt_count(faults, r->faults_per_s), r->verdict,
		text_clean(comm, sizeof(comm), r->comm, s->ascii),
		text_clean(group, sizeof(group), r->group, s->ascii));
	return ferror(f) ? -EIO : 0;
}

int ps_text(FILE *f, const struct ps_table *t, const struct report_style *style)
{
	int err = 0;

	fprintf(f, "%7s %7s %7s %7s %7s %7s %9s %9s %9s %7s %7s %-17s %-15s %s\n", "PID", "RSS",
		"HEAP", "ANON", "STACK", "FILE", "1MIN", "10MIN", "1H", "ROOM", "FAULT/S",
		"VERDICT", "COMMAND", "GROUP");
	for (unsigned int i = 0; !err && i < t->nr; i++)
		err = put_row(f, &t->row[i], style);
	return err;
}
