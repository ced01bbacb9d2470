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
#include "export/report.h"
#include "util/clock.h"
#include "util/text.h"

/* A name is at most 4095 bytes, each of which may become a U+FFFD of three. */
#define STR_SZ (3 * 4096)

struct writer {
	FILE *f;
	const struct report *r;
	char *str; /* STR_SZ */
	bool failed; /* out of memory */
};

static json_t *addr(uint64_t a)
{
	char buf[24];

	snprintf(buf, sizeof(buf), "0x%" PRIx64, a);
	return json_string(buf);
}

/* Numbers of which a negative one means "not known". */
static json_t *known(int64_t v)
{
	return v < 0 ? json_null() : json_integer(v);
}

static json_t *when(bool cond, int64_t v)
{
	return cond ? json_integer(v) : json_null();
}

static json_t *percent(double v)
{
	return v < 0 ? json_null() : json_real(v);
}

static json_t *utf8(struct writer *w, const char *s)
{
	return *s ? json_string(text_utf8(w->str, STR_SZ, s)) : json_null();
}

static json_t *str(struct writer *w, uint32_t id)
{
	return utf8(w, strtab_str(w->r->model->st, id));
}

/* Writes @v behind @key and gives it back. */
static void put(struct writer *w, const char *key, json_t *v)
{
	if (!v) {
		w->failed = true;
		return;
	}
	/* a write that failed would be tried again for every piece */
	if (ferror(w->f)) {
		json_decref(v);
		return;
	}
	if (key)
		fprintf(w->f, ",\"%s\":", key);
	if (json_dumpf(v, w->f, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(6)))
		w->failed = true;
	json_decref(v);
}

static json_t *rfc3339(uint64_t real_ns)
{
	time_t t = (time_t)(real_ns / NSEC_PER_SEC);
	char buf[40], out[64];
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(buf, sizeof(buf), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out, sizeof(out), "%s.%03uZ", buf, (unsigned int)(real_ns / NSEC_PER_MSEC % 1000));
	return json_string(out);
}

static json_t *process(struct writer *w)
{
	const struct proc *p = w->r->p;

	return json_pack("{s:I, s:o, s:o, s:o}", "pid", (json_int_t)p->pid, "comm", str(w, p->comm),
			 "exe", str(w, p->exe), "start_time_ns",
			 when(p->start_time_ns, (int64_t)p->start_time_ns));
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
			 when(s->heap_known, s->heap), "stack_bytes",
			 when(s->stack_known, s->stack));
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
		"start", addr(r->start), "end", addr(r->end), "prot", rows_perms(prot, r->prot),
		"kind", region_kind_name(r->kind), "name", str(w, r->name), "dev", device(r),
		"inode", when(r->ino, (int64_t)r->ino), "offset", when(r->ino, (int64_t)r->pgoff),
		"tid", when(r->tid, r->tid), "virtual_bytes", (json_int_t)virt, "resident_bytes",
		when(counted, res), "swap_bytes", when(counted, positive(r->res[MTR_SWAP])),
		"minor_faults", when(live, (int64_t)r->minor), "major_faults",
		when(live, (int64_t)r->major), "faults", when(live, (int64_t)(r->minor + r->major)),
		"growth_bytes", when(live && counted, res - r->base_res), "virtual_growth_bytes",
		when(live, virt - r->base_virt), "residency",
		counted ? json_string(residency_name(r->residency)) : json_null(),
		"residency_age_ms", when(r->res_time_ns, (int64_t)(age / NSEC_PER_MSEC)));
}

static json_t *stack(const struct proc *p, const struct thread *t)
{
	struct stack_info si;

	if (!t->stack_end)
		return json_null();
	thread_stack_info(p, t, &si);
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:b, s:o, s:o}", "start", addr(t->stack_start),
			 "end", addr(t->stack_end), "sp", t->sp ? addr(t->sp) : json_null(),
			 "depth_bytes", known(si.depth), "high_water_bytes", known(si.high_water),
			 "high_water_exact", (int)si.high_water_exact, "limit_bytes",
			 known(si.limit), "headroom_bytes", known(si.headroom));
}

static json_t *thread(struct writer *w, const struct thread *t)
{
	return json_pack("{s:I, s:o, s:o, s:o}", "tid", (json_int_t)t->tid, "comm", str(w, t->comm),
			 "stack", stack(w->r->p, t), "stack_growth_events",
			 when(w->r->live, (int64_t)t->nr_growth));
}

static void put_regions(struct writer *w)
{
	const char *sep = "";
	struct region *r;

	fputs(",\"regions\":[", w->f);
	aspace_for_each(r, &w->r->p->aspace) {
		if (ferror(w->f))
			return; /* each further write might block */
		fputs(sep, w->f);
		put(w, NULL, region(w, r));
		sep = ",";
	}
	fputs("],\"threads\":[", w->f);
	sep = "";
	for (const struct thread *t = w->r->p->threads; t && !ferror(w->f); t = t->hh.next) {
		fputs(sep, w->f);
		put(w, NULL, thread(w, t));
		sep = ",";
	}
	fputs("]", w->f);
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
						utf8(w, l->lim[i].name), "limit_bytes",
						(json_int_t)l->lim[i].limit_bytes, "used_bytes",
						(json_int_t)l->lim[i].used_bytes));
	return json_pack("{s:o, s:o, s:o, s:I}", "memory", memory, "stack_bytes",
			 when(l->stack_limit_bytes != UINT64_MAX, (int64_t)l->stack_limit_bytes),
			 "max_map_count", when(l->max_map_count, (int64_t)l->max_map_count), "maps",
			 (json_int_t)w->r->p->aspace.nr);
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
			 known(kernel));
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
			 when(p->exit_code >= 0, p->exit_code >> 8 & 0xff));
}

static json_t *crash(const struct proc *p)
{
	const struct crash *c = &p->crash;
	json_t *stack;

	if (!c->signo)
		return json_null();
	stack = !c->stack_end ? json_null() :
				json_pack("{s:o, s:o, s:o}", "start", addr(c->stack_start), "end",
					  addr(c->stack_end), "limit_bytes",
					  when(c->limit_bytes, (int64_t)c->limit_bytes));
	return json_pack("{s:i, s:i, s:I, s:o, s:o, s:b, s:o}", "signo", c->signo, "code", c->code,
			 "tid", (json_int_t)c->tid, "address",
			 c->addr ? addr(c->addr) : json_null(), "pc",
			 c->ip ? addr(c->ip) : json_null(), "stack_overflow",
			 (int)c->stack_overflow, "stack", stack);
}

int report_json(FILE *f, const struct report *r)
{
	struct writer w = { .f = f, .r = r, .str = malloc(STR_SZ) };
	struct sums s = sum_regions(r->p);

	if (!w.str)
		return -ENOMEM;
	fputs("{\"schema\":1,\"type\":\"snapshot\"", f);
	put(&w, "time", rfc3339(r->now_real_ns));
	put(&w, "time_ns", json_integer((json_int_t)r->now_ns));
	put(&w, "events", json_integer((json_int_t)r->model->nr_events));
	put(&w, "rung", json_string(r->rung));
	put(&w, "process", process(&w));
	put(&w, "totals", totals(r->p, &s));
	put_regions(&w);
	put(&w, "faults", faults(r));
	put(&w, "map_checks", map_checks(r));
	put(&w, "residency", known_how(r));
	put(&w, "ended", ended(r->p));
	put(&w, "crash", crash(r->p));
	put(&w, "before_attach_bytes", when(r->live, r->p->before_attach));
	put(&w, "residual_bytes", when(s.all_known, proc_rss(r->p) - s.res));
	put(&w, "limits", limits(&w));
	put(&w, "cost", cost(r->cost));
	put(&w, "lost", lost(r->model));
	put(&w, "unseen", unseen(r));
	fputs("}\n", f);
	free(w.str);
	if (ferror(f))
		return -EIO;
	return w.failed ? -ENOMEM : 0;
}
