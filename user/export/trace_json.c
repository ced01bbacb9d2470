// SPDX-License-Identifier: GPL-2.0
#include "export/trace_json.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "export/jsonio.h"
#include "util/clock.h"

static json_t *num(uint64_t v)
{
	return json_integer((json_int_t)v);
}

static json_t *moment(uint64_t real_ns)
{
	return real_ns ? json_rfc3339(real_ns) : json_null();
}

/* Counts of the process's own events; those that did not occur are left out. */
static json_t *kinds(const uint64_t *by_kind)
{
	json_t *o = json_object();

	for (unsigned int k = 1; o && k < MTR_EV_MAX; k++)
		if (by_kind[k] && event_is_told(k))
			json_object_set_new(o, event_kind_name(k), num(by_kind[k]));
	return o;
}

static json_t *begin(const char *type)
{
	return json_pack("{s:i, s:s, s:o}", "schema", 1, "type", type, "time",
			 moment(clock_ns(CLOCK_REALTIME)));
}

static int done(FILE *f, json_t *o)
{
	int err = o ? 0 : -ENOMEM;

	if (o && json_dumpf(o, f, JSON_COMPACT))
		err = -EIO;
	json_decref(o);
	if (!err && (fputc('\n', f) == EOF || fflush(f)))
		err = -EIO;
	return err;
}

int record_json(FILE *f, const struct record_summary *s)
{
	json_t *o = begin("record");

	json_object_set_new(o, "file", s->path ? json_bytes(s->path) : json_null());
	json_object_set_new(o, "bytes", num(s->bytes));
	json_object_set_new(o, "duration_ns", num(s->duration_ns));
	json_object_set_new(o, "events", num(s->events));
	json_object_set_new(o, "by_kind", kinds(s->by_kind));
	json_object_set_new(o, "lost", num(s->lost));
	json_object_set_new(o, "dumps", s->flight ? num(s->nr_dumps) : json_null());
	return done(f, o);
}

int export_summary_json(FILE *f, const struct export_summary *s)
{
	json_t *o = begin("exported");

	json_object_set_new(o, "file", json_bytes(s->from));
	json_object_set_new(o, "output", s->to ? json_bytes(s->to) : json_null());
	json_object_set_new(o, "format", json_string(s->format));
	json_object_set_new(o, "bytes", num(s->bytes));
	json_object_set_new(o, "events", num(s->events));
	json_object_set_new(o, "by_kind", kinds(s->by_kind));
	json_object_set_new(o, "lost", num(s->lost));
	return done(f, o);
}

static json_t *damages(const struct info_summary *s)
{
	json_t *a = json_array();

	for (unsigned int i = 0; i < s->nr_damages && i < INFO_PLACES; i++)
		json_array_append_new(
			a, json_pack("{s:o, s:o, s:s}", "offset", num(s->damage[i].off), "bytes",
				     s->damage[i].len ? num(s->damage[i].len) : json_null(), "what",
				     s->damage[i].what));
	return a;
}

static json_t *facts(const struct info_summary *s)
{
	json_t *o = json_object();

	for (unsigned int i = 0; i < s->nr_facts; i++) {
		const char *name, *value = s->fact(s->fact_ctx, i, &name);
		json_t *key = json_bytes(name);

		if (json_is_string(key))
			json_object_set_new(o, json_string_value(key), json_bytes(value));
		json_decref(key);
	}
	return o;
}

static json_t *procs(const struct info_summary *s)
{
	json_t *a = json_array();

	for (unsigned int i = 0; i < s->nr_procs; i++)
		json_array_append_new(
			a, json_pack("{s:I, s:o, s:o, s:b}", "pid", (json_int_t)s->procs[i].pid,
				     "comm", json_bytes(s->procs[i].comm), "exe",
				     json_bytes(s->procs[i].exe), "ended", (int)s->procs[i].ended));
	return a;
}

static json_t *modules(const struct info_summary *s)
{
	json_t *a = json_array();

	for (unsigned int i = 0; i < s->nr_modules; i++)
		json_array_append_new(a, json_pack("{s:o, s:o}", "path",
						   json_bytes(s->modules[i].path), "build_id",
						   json_bytes(s->modules[i].build_id)));
	return a;
}

int info_json(FILE *f, const struct info_summary *s)
{
	json_t *o = begin("info");

	json_object_set_new(o, "file", json_bytes(s->path));
	json_object_set_new(o, "version", json_integer(s->version));
	json_object_set_new(o, "min_reader", json_integer(s->min_reader));
	json_object_set_new(o, "bytes", num(s->size));
	json_object_set_new(o, "raw_bytes", num(s->raw_bytes));
	json_object_set_new(o, "begin", moment(s->begin_real_ns));
	json_object_set_new(o, "end", moment(s->end_real_ns));
	json_object_set_new(o, "duration_ns", num(s->duration_ns));
	json_object_set_new(o, "events", num(s->events));
	json_object_set_new(o, "by_kind", kinds(s->by_kind));
	json_object_set_new(o, "lost", num(s->lost));
	json_object_set_new(o, "bytes_per_event",
			    s->events ? json_real((double)s->size / (double)s->events) :
					json_null());
	json_object_set_new(o, "chunks", num(s->chunks));
	json_object_set_new(o, "keyframes", num(s->keyframes));
	json_object_set_new(o, "closed", json_boolean(s->closed));
	json_object_set_new(o, "damaged", damages(s));
	json_object_set_new(o, "missing_events", num(s->missing));
	json_object_set_new(o, "unknown_records", num(s->unknown));
	json_object_set_new(o, "facts", facts(s));
	json_object_set_new(o, "processes", procs(s));
	json_object_set_new(o, "modules", modules(s));
	return done(f, o);
}
