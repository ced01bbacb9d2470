// SPDX-License-Identifier: GPL-2.0
/*
 * The `snapshot` object (docs/schema/snapshot.schema.json). What is not known is
 * null, never 0. Regions and threads are made, written and freed one by one.
 */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "analysis/rows.h"
#include "analysis/top.h"
#include "export/crashed.h"
#include "export/jsonio.h"
#include "export/report.h"
#include "util/clock.h"
#include "util/text.h"

struct writer {
	struct json_out out;
	const struct report *r;
};

static json_t *percent(double v)
{
	return v < 0 ? json_null() : json_real(v);
}

static json_t *str(struct writer *w, uint32_t id)
{
	return json_text(&w->out, strtab_str(w->r->model->st, id));
}

static json_t *process(struct writer *w)
{
	const struct proc *p = w->r->p;

	return json_pack("{s:I, s:o, s:o, s:o}", "pid", (json_int_t)p->pid, "comm", str(w, p->comm),
			 "exe", str(w, p->exe), "start_time_ns",
			 json_when(p->start_time_ns, (int64_t)p->start_time_ns));
}

static int64_t positive(int64_t v)
{
	return v > 0 ? v : 0;
}

/* Sums over the regions; resident ones are only known when all that matter were counted. */
struct sums {
	int64_t virt, res, heap, stack;
	bool heap_known, stack_known, all_known;
};

static struct sums sum_regions(struct proc *p)
{
	struct sums s = { .heap_known = true, .stack_known = true, .all_known = true };
	struct region *r;

	aspace_for_each(r, &p->aspace) {
		bool counted = r->residency != RES_UNKNOWN || !region_kind_has_pages(r->kind);
		int64_t res = region_resident(r);

		if (r->kind == RK_VSYSCALL)
			continue; /* the kernel's, not the process's */
		s.virt += (int64_t)region_size(r);
		s.res += r->kind == RK_HUGETLB ? 0 : res;
		s.all_known &= counted;
		if (r->kind == RK_HEAP || r->kind == RK_ARENA) {
			s.heap += res;
			s.heap_known &= counted;
		} else if (r->kind == RK_STACK || r->kind == RK_THREAD_STACK) {
			s.stack += res;
			s.stack_known &= counted;
		}
	}
	return s;
}

static json_t *totals(const struct proc *p, const struct sums *s)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "virtual_bytes",
			 (json_int_t)s->virt, "resident_bytes", (json_int_t)proc_rss(p),
			 "anon_bytes", (json_int_t)positive(p->rss[MTR_ANON]), "file_bytes",
			 (json_int_t)positive(p->rss[MTR_FILE]), "shmem_bytes",
			 (json_int_t)positive(p->rss[MTR_SHMEM]), "swap_bytes",
			 (json_int_t)positive(p->rss[MTR_SWAP]), "heap_bytes",
			 json_when(s->heap_known, s->heap), "stack_bytes",
			 json_when(s->stack_known, s->stack));
}

static json_t *device(const struct region *r)
{
	return r->ino ? json_sprintf("%02x:%02x", r->dev >> 20, r->dev & 0xfffff) : json_null();
}

static json_t *region(struct writer *w, const struct region *r)
{
	bool live = w->r->live, counted = r->residency != RES_UNKNOWN;
	int64_t res = region_resident(r), virt = (int64_t)region_size(r);
	uint64_t age = w->r->now_ns > r->res_time_ns ? w->r->now_ns - r->res_time_ns : 0;
	char prot[5];

	return json_pack(
		"{s:o, s:o, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, "
		"s:o, s:o}",
		"start", json_addr(r->start), "end", json_addr(r->end), "prot",
		rows_perms(prot, r->prot), "kind", region_kind_name(r->kind), "name",
		str(w, r->name), "dev", device(r), "inode", json_when(r->ino, (int64_t)r->ino),
		"offset", json_when(r->ino, (int64_t)r->pgoff), "tid", json_when(r->tid, r->tid),
		"virtual_bytes", (json_int_t)virt, "resident_bytes", json_when(counted, res),
		"swap_bytes", json_when(counted, positive(r->res[MTR_SWAP])), "minor_faults",
		json_when(live, (int64_t)r->minor), "major_faults",
		json_when(live, (int64_t)r->major), "faults",
		json_when(live, (int64_t)(r->minor + r->major)), "growth_bytes",
		json_when(live && counted, res - r->base_res), "virtual_growth_bytes",
		json_when(live, virt - r->base_virt), "residency",
		counted ? json_string(residency_name(r->residency)) : json_null(),
		"residency_age_ms", json_when(r->res_time_ns, (int64_t)(age / NSEC_PER_MSEC)));
}

static json_t *thread(struct writer *w, const struct thread *t)
{
	return json_pack("{s:I, s:o, s:o, s:o}", "tid", (json_int_t)t->tid, "comm", str(w, t->comm),
			 "stack", json_stack(w->r->p, t), "stack_growth_events",
			 json_when(w->r->live, (int64_t)t->nr_growth));
}

static void put_regions(struct writer *w)
{
	const char *sep = "";
	struct region *r;

	fputs(",\"regions\":[", w->out.f);
	aspace_for_each(r, &w->r->p->aspace) {
		if (ferror(w->out.f))
			return; /* each further write might block */
		fputs(sep, w->out.f);
		json_put(&w->out, NULL, region(w, r));
		sep = ",";
	}
	fputs("],\"threads\":[", w->out.f);
	sep = "";
	for (const struct thread *t = w->r->p->threads; t && !ferror(w->out.f); t = t->hh.next) {
		fputs(sep, w->out.f);
		json_put(&w->out, NULL, thread(w, t));
		sep = ",";
	}
	fputs("]", w->out.f);
}

static const char *limit_kind(enum mtr_limit_kind k)
{
	switch (k) {
	case MTR_LIM_CGROUP:
		return "cgroup";
	case MTR_LIM_AS:
		return "rlimit_as";
	case MTR_LIM_DATA:
		return "rlimit_data";
	case MTR_LIM_HOST:
		return "host";
	}
	return "unknown";
}

static json_t *limits(struct writer *w)
{
	const struct mtr_limits *l = w->r->limits;
	json_t *memory = l ? json_array() : NULL;

	if (!l)
		return json_null();
	for (unsigned int i = 0; i < l->nr; i++)
		json_array_append_new(memory,
				      json_pack("{s:s, s:o, s:I, s:I}", "kind",
						limit_kind(l->lim[i].kind), "name",
						json_text(&w->out, l->lim[i].name), "limit_bytes",
						(json_int_t)l->lim[i].limit_bytes, "used_bytes",
						(json_int_t)l->lim[i].used_bytes));
	return json_pack("{s:o, s:o, s:o, s:I}", "memory", memory, "stack_bytes",
			 json_when(l->stack_limit_bytes != UINT64_MAX,
				   (int64_t)l->stack_limit_bytes),
			 "max_map_count", json_when(l->max_map_count, (int64_t)l->max_map_count),
			 "maps", (json_int_t)w->r->p->aspace.nr);
}

static json_t *cost(const struct mtr_cost *c)
{
	if (!c)
		return json_null();
	return json_pack("{s:o, s:o, s:I, s:I, s:I, s:I}", "bpf_percent", percent(c->bpf_percent),
			 "self_cpu_percent", percent(c->self_cpu_percent), "self_rss_bytes",
			 (json_int_t)c->self_rss_bytes, "events_per_s", (json_int_t)c->events_per_s,
			 "lock_held_ns_per_s", (json_int_t)c->lock_held_ns_per_s,
			 "ring_fill_percent", (json_int_t)c->ring_fill_percent);
}

static json_t *lost(const struct model *m)
{
	json_t *o = json_object();

	for (unsigned int k = 0; o && k < MTR_EV_MAX; k++)
		if (m->lost[k])
			json_object_set_new(o, k ? event_kind_name(k) : "any",
					    json_integer((json_int_t)m->lost[k]));
	return o;
}

static json_t *unseen(const struct report *r)
{
	uint64_t n = r->live ? proc_unseen(r->p) : 0;

	return n ? json_pack("{s:I}", "fault", (json_int_t)n) : json_object();
}

static json_t *faults(const struct report *r)
{
	const struct proc *p = r->p;
	int64_t kernel = -1;

	if (!r->live)
		return json_null();
	if (p->k_minflt >= 0 && p->k_majflt >= 0)
		kernel = p->k_minflt - p->k_minflt0 + p->k_majflt - p->k_majflt0;
	return json_pack("{s:I, s:I, s:I, s:o}", "seen", (json_int_t)proc_seen(p), "minor",
			 (json_int_t)p->nr_minor, "major", (json_int_t)p->nr_major, "kernel",
			 json_known(kernel));
}

static json_t *map_checks(const struct report *r)
{
	if (!r->live)
		return json_null();
	return json_pack("{s:I, s:I}", "reads", (json_int_t)r->p->nr_resync, "differences",
			 (json_int_t)r->p->nr_drift);
}

static json_t *known_how(const struct report *r)
{
	struct top_residency res;

	if (!r->live)
		return json_null();
	top_residency(r->p, &res);
	return json_pack("{s:o, s:b, s:I, s:I, s:I}", "state",
			 res.state == RES_UNKNOWN ? json_null() :
						    json_string(residency_name(res.state)),
			 "module", r->p->watch_ns != 0, "counted_regions",
			 (json_int_t)r->p->nr_counted, "corrected_bytes",
			 (json_int_t)r->p->corrected, "invalidations", (json_int_t)r->p->nr_inv);
}

/* A wait(2) status keeps the signal in its low seven bits, the exit status above them. */
static json_t *ended(const struct proc *p)
{
	int sig = p->exit_code & 0x7f;

	if (p->death == DEATH_NONE)
		return json_null();
	if (p->death == DEATH_OOM)
		return json_pack("{s:s, s:i}", "how", "oom", "status", sig ? sig : 9);
	if (p->death == DEATH_SIGNAL)
		return json_pack("{s:s, s:i}", "how", "signal", "status", sig);
	return json_pack("{s:s, s:o}", "how", "exit", "status",
			 json_when(p->exit_code >= 0, p->exit_code >> 8 & 0xff));
}

static json_t *crash(struct writer *w)
{
	const struct proc *p = w->r->p;
	const struct strtab *st = w->r->model->st;
	const struct crash *c = &p->crash;
	json_t *stack;

	if (!c->signo)
		return json_null();
	stack = !c->stack_end ? json_null() :
				json_pack("{s:o, s:o, s:o}", "start", json_addr(c->stack_start),
					  "end", json_addr(c->stack_end), "limit_bytes",
					  json_when(c->limit_bytes, (int64_t)c->limit_bytes));
	return json_pack("{s:i, s:i, s:I, s:o, s:o, s:b, s:o, s:o, s:o}", "signo", c->signo, "code",
			 c->code, "tid", (json_int_t)c->tid, "address",
			 c->addr ? json_addr(c->addr) : json_null(), "pc",
			 c->ip ? json_addr(c->ip) : json_null(), "stack_overflow",
			 (int)c->stack_overflow, "stack", stack, "cause",
			 crashed_cause(&w->out, p, st), "frames", crashed_frames(&w->out, p, st));
}

int report_json(FILE *f, const struct report *r)
{
	struct sums s = sum_regions(r->p);
	struct writer w = { .r = r };

	if (json_begin(&w.out, f))
		return -ENOMEM;
	fputs("{\"schema\":1,\"type\":\"snapshot\"", f);
	json_put(&w.out, "time", json_rfc3339(r->now_real_ns));
	json_put(&w.out, "time_ns", json_integer((json_int_t)r->now_ns));
	json_put(&w.out, "events", json_integer((json_int_t)r->model->nr_events));
	json_put(&w.out, "rung", json_string(r->rung));
	json_put(&w.out, "process", process(&w));
	json_put(&w.out, "totals", totals(r->p, &s));
	put_regions(&w);
	json_put(&w.out, "faults", faults(r));
	json_put(&w.out, "map_checks", map_checks(r));
	json_put(&w.out, "residency", known_how(r));
	json_put(&w.out, "ended", ended(r->p));
	json_put(&w.out, "crash", crash(&w));
	json_put(&w.out, "before_attach_bytes", json_when(r->live, r->p->before_attach));
	json_put(&w.out, "residual_bytes", json_when(s.all_known, proc_rss(r->p) - s.res));
	json_put(&w.out, "limits", limits(&w));
	json_put(&w.out, "cost", cost(r->cost));
	json_put(&w.out, "lost", lost(r->model));
	json_put(&w.out, "unseen", unseen(r));
	fputs("}\n", f);
	return json_end(&w.out);
}
