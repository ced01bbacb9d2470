// SPDX-License-Identifier: GPL-2.0
/*
 * Growth for pprof: one sample a path, one location an address with the calls that
 * were inlined there as its lines. What is on no path has a sample of its own, so
 * that resident_bytes adds up to RSS and growth_bytes to its change.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "export/pprof.h"

/* Whose sample it is. pprof selects by numbers, stores of profiles by texts. */
static void label_process(struct pprof *pp, Pp__Sample *s, const struct growth_report *who)
{
	char name[64];

	if (!s || !who)
		return;
	snprintf(name, sizeof(name), "%.40s[%u]", strtab_str(who->model->st, who->p->comm),
		 who->p->pid);
	pprof_number_label(pp, s, "pid", who->p->pid);
	pprof_label(pp, s, "process", name);
}

/* @who NULL: there is one process only */
static void add_row(struct pprof *pp, const struct growth_row *row, const int64_t *value,
		    unsigned int nr, const struct growth_report *who)
{
	Pp__Sample *s = pprof_sample(pp, row->nr_frames, value, nr);
	unsigned int n;

	for (unsigned int i = 0; s && i < row->nr_frames; i += n) {
		for (n = 1; i + n < row->nr_frames && row->frame[i + n - 1].inlined;)
			n++;
		s->location_id[s->n_location_id++] = pprof_location(pp, &row->frame[i], n);
	}
	if (s && row->kind != RK_NR)
		pprof_label(pp, s, "kind", region_kind_name(row->kind));
	if (s)
		pprof_label(pp, s, "verdict", verdict_name(row->verdict.kind));
	label_process(pp, s, who);
}

/* What no path has brought, under a name in brackets. */
static void add_other(struct pprof *pp, const char *name, uint64_t pc, const int64_t *value,
		      unsigned int nr, const struct growth_report *who)
{
	const struct growth_frame f = { .pc = pc, .function = name };
	bool any = false;
	Pp__Sample *s;

	for (unsigned int i = 0; i < nr; i++)
		any |= value[i] != 0;
	s = any ? pprof_sample(pp, 1, value, nr) : NULL;
	if (!s)
		return;
	s->location_id[s->n_location_id++] = pprof_location(pp, &f, 1);
	label_process(pp, s, who);
}

/* Readers take the first mapping for the program's own. */
static void program_first(struct pprof *pp, const struct growth_report *r)
{
	const char *exe = strtab_str(r->model->st, r->p->exe), *base = strrchr(exe, '/');

	base = base ? base + 1 : exe;
	for (unsigned int i = 0; i < r->nr; i++) {
		const struct growth_row *row = &r->row[i];

		for (unsigned int k = row->nr_frames; k--;) {
			if (row->frame[k].module && !strcmp(row->frame[k].module, base)) {
				pprof_mapping(pp, row->frame[k].pc);
				return;
			}
		}
	}
}

/* Addresses that nothing can have. */
#define PC_NO_PATH 1
#define PC_BEFORE 2

static void fill(struct pprof *pp, const struct growth_report *r)
{
	int64_t residual = growth_residual(r);
	const int64_t no_path[3] = { residual, residual, 0 };
	const int64_t before[3] = { r->rss - r->attributed - residual, r->before, 0 };
	char text[1024];

	pprof_type(pp, "resident_bytes", "bytes");
	pprof_type(pp, "growth_bytes", "bytes");
	pprof_type(pp, "faults", "count");
	pp->p->default_sample_type = pprof_string(pp, "growth_bytes");
	pp->p->time_nanos = (int64_t)(r->to_real_ns - (r->to_ns - r->from_ns));
	pp->p->duration_nanos = (int64_t)(r->to_ns - r->from_ns);
	pp->syms = r->syms;
	program_first(pp, r);
	for (unsigned int i = 0; i < r->nr && !pp->failed; i++) {
		const int64_t value[3] = { r->row[i].net, r->row[i].net,
					   (int64_t)r->row[i].nr_faults };

		add_row(pp, &r->row[i], value, 3, NULL);
	}
	add_other(pp, "[no path]", PC_NO_PATH, no_path, 3, NULL);
	add_other(pp, "[before attach]", PC_BEFORE, before, 3, NULL);
	pprof_comment(pp, verdict_text(text, sizeof(text), &r->verdict, false));
}

int grown_pprof(FILE *f, const struct growth_report *r)
{
	struct pprof pp;
	int err = pprof_init(&pp);

	if (err)
		return err;
	fill(&pp, r);
	err = pprof_put(f, &pp);
	pprof_fini(&pp);
	return err;
}

struct grown_profile {
	struct pprof pp;
	bool growth; /* else what is resident */
};

struct grown_profile *grown_profile_new(bool growth, uint64_t to_real_ns, uint64_t duration_ns)
{
	struct grown_profile *gp = calloc(1, sizeof(*gp));

	if (!gp)
		return NULL;
	if (pprof_init(&gp->pp)) {
		free(gp);
		return NULL;
	}
	gp->growth = growth;
	pprof_type(&gp->pp, growth ? "growth_bytes" : "resident_bytes", "bytes");
	gp->pp.p->time_nanos = (int64_t)(to_real_ns - duration_ns);
	gp->pp.p->duration_nanos = (int64_t)duration_ns;
	return gp;
}

void grown_profile_free(struct grown_profile *gp)
{
	if (!gp)
		return;
	pprof_fini(&gp->pp);
	free(gp);
}

/* What of the report's figures is in the profile: what was there @since is not. */
static int64_t row_value(const struct grown_profile *gp, const struct growth_row *row,
			 const struct grown_since *since)
{
	return gp->growth && since ? row->net - row->at_mark[since->mark] : row->net;
}

int grown_profile_add(struct grown_profile *gp, const struct growth_report *r,
		      const struct grown_since *since)
{
	int64_t residual = growth_residual(r), no_path = residual;
	int64_t before = gp->growth ? r->before : r->rss - r->attributed - residual;
	struct pprof *pp = &gp->pp;

	pp->syms = r->syms;
	pp->process++;
	if (gp->growth && since) {
		before -= since->before;
		no_path = r->rss - since->rss - before;
		for (unsigned int i = 0; i < r->nr; i++)
			no_path -= row_value(gp, &r->row[i], since);
	}
	program_first(pp, r);
	for (unsigned int i = 0; i < r->nr && !pp->failed; i++) {
		int64_t value = row_value(gp, &r->row[i], since);

		if (value)
			add_row(pp, &r->row[i], &value, 1, r);
	}
	add_other(pp, "[no path]", PC_NO_PATH, &no_path, 1, r);
	add_other(pp, "[before attach]", PC_BEFORE, &before, 1, r);
	return pp->failed ? -ENOMEM : 0;
}

int grown_profile_put(FILE *f, const struct grown_profile *gp)
{
	return pprof_put(f, &gp->pp);
}
