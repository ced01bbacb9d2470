// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "export/growth_out.h"
#include "export/jsonio.h"
#include "util/clock.h"

static json_t *known(uint32_t v)
{
	return v ? json_integer(v) : json_null();
}

static json_t *process(const struct proc *p, const struct strtab *st)
{
	return json_pack("{s:I, s:o, s:o, s:o}", "pid", (json_int_t)p->pid, "comm",
			 json_bytes(strtab_str(st, p->comm)), "exe",
			 json_bytes(strtab_str(st, p->exe)), "start_time_ns",
			 p->start_time_ns ? json_integer((json_int_t)p->start_time_ns) :
					    json_null());
}

static int done(FILE *f, json_t *o)
{
	int err = o ? 0 : -ENOMEM;

	if (o && json_dumpf(o, f, JSON_COMPACT | JSON_REAL_PRECISION(6)))
		err = -EIO;
	json_decref(o);
	if (!err && (fputc('\n', f) == EOF || fflush(f)))
		err = -EIO;
	return err;
}

static json_t *steps(const int64_t *v, unsigned int nr)
{
	json_t *a = json_array();

	for (unsigned int i = 0; i < nr; i++)
		json_array_append_new(a, json_integer((json_int_t)v[i]));
	return a;
}

static json_t *region(const struct series_out *o, const struct series_region *r)
{
	return json_pack("{s:s, s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "kind",
			 region_kind_name((enum region_kind)r->key.kind), "name",
			 json_bytes(strtab_str(o->st, r->key.name)), "tid", known(r->key.tid),
			 "regions", (json_int_t)r->nr, "virtual_bytes", (json_int_t)r->virt,
			 "first_bytes", (json_int_t)r->first, "last_bytes", (json_int_t)r->last,
			 "peak_bytes", (json_int_t)r->peak, "growth_bytes",
			 (json_int_t)(r->last - r->first), "steps", steps(r->bytes, o->s->sampled));
}

static json_t *thread(const struct series_out *o, const struct series_thread *t)
{
	return json_pack("{s:I, s:o, s:I, s:I, s:I, s:o}", "tid", (json_int_t)t->tid, "comm",
			 json_bytes(strtab_str(o->st, t->comm)), "minor_faults",
			 (json_int_t)t->minor, "major_faults", (json_int_t)t->major, "bytes",
			 (json_int_t)t->total, "steps", steps(t->bytes, o->s->sampled));
}

int series_json(FILE *f, const struct series_out *o)
{
	const struct series *s = o->s;
	json_t *out, *regions = json_array(), *threads = json_array();

	for (const struct series_region *r = s->regions; r; r = r->hh.next)
		json_array_append_new(regions, region(o, r));
	for (const struct series_thread *t = s->threads; t; t = t->hh.next)
		json_array_append_new(threads, thread(o, t));
	out = json_pack(
		"{s:i, s:s, s:o, s:o, s:o, s:{s:I, s:I, s:I}, s:{s:I, s:I, s:I, s:I, s:o}, s:o, s:o, "
		"s:b, s:I}",
		"schema", 1, "type", "report", "time", json_rfc3339(clock_ns(CLOCK_REALTIME)),
		"file", json_bytes(o->path), "process", process(o->p, o->st), "window", "from_ns",
		(json_int_t)s->from_ns, "to_ns", (json_int_t)s->to_ns, "step_ns",
		(json_int_t)((s->end_ns - s->begin_ns) / SERIES_STEPS), "rss", "first_bytes",
		(json_int_t)s->rss_first, "last_bytes", (json_int_t)s->rss_last, "peak_bytes",
		(json_int_t)s->rss_peak, "growth_bytes", (json_int_t)(s->rss_last - s->rss_first),
		"steps", steps(s->rss, s->sampled), "regions", regions, "threads", threads, "ended",
		(int)(o->p->death != DEATH_NONE), "lost", (json_int_t)o->lost);
	return done(f, out);
}

static json_t *side(const struct diff_out *o, unsigned int i)
{
	const struct diff_side *s = &o->side[i];

	return json_pack("{s:o, s:o, s:I, s:o, s:o}", "file", json_bytes(o->path[i]), "time",
			 json_rfc3339(o->real_ns[i]), "time_ns", (json_int_t)o->now_ns[i],
			 "process", s->p ? process(s->p, s->st) : json_null(), "resident_bytes",
			 s->p ? json_integer((json_int_t)proc_rss(s->p)) : json_null());
}

static json_t *row(const struct diff_row *r)
{
	return json_pack(
		"{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:[I, I], s:[I, I], s:[I, I], s:I, s:I}",
		"change", diff_what_name(r->what), "kind", region_kind_name(r->kind), "name",
		json_bytes(r->name), "thread", json_bytes(r->owner), "tid", known(r->tid), "start",
		json_addr(r->start), "end", json_addr(r->end), "regions", (json_int_t)r->nr[0],
		(json_int_t)r->nr[1], "resident_bytes", (json_int_t)r->res[0],
		(json_int_t)r->res[1], "virtual_bytes", (json_int_t)r->virt[0],
		(json_int_t)r->virt[1], "growth_bytes", (json_int_t)(r->res[1] - r->res[0]),
		"virtual_growth_bytes", (json_int_t)(r->virt[1] - r->virt[0]));
}

int diff_json(FILE *f, const struct diff_out *o)
{
	json_t *rows = json_array();

	for (unsigned int i = 0; i < o->d->nr; i++)
		if (o->d->row[i].what != DIFF_SAME)
			json_array_append_new(rows, row(&o->d->row[i]));
	return done(f,
		    json_pack("{s:i, s:s, s:o, s:o, s:o, s:b, s:o}", "schema", 1, "type", "diff",
			      "time", json_rfc3339(clock_ns(CLOCK_REALTIME)), "a", side(o, 0), "b",
			      side(o, 1), "same_address_space", (int)o->same_space, "rows", rows));
}
