// SPDX-License-Identifier: GPL-2.0
/*
 * Every event of the stream as text: one JSON object a line, or one line of CSV.
 *
 * The JSON begins with an object of type "export" and ends with one of type
 * "export_end" that has the counts by kind: a file without it is not whole.
 * One of type "interval" stands where an interval ended. Where the file does not have
 * what came before, what is so is said by objects of type "state", as events would.
 * Schema: docs/schema/event.schema.json.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "export/fields.h"
#include "export/line.h"

/* ,"name": */
struct json_key {
	char text[SINK_FEW];
	size_t len;
};

struct events {
	struct line_clock clock;
	struct fields fields;
	struct json_key keys[F_NR];
};

static const char commas[] = ",,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,";

_Static_assert(sizeof(commas) > SINK_FEW && F_NR <= 128, "as csv_told() takes them");

static int set_clock(struct exporter *x, const struct export_clocks *now)
{
	struct events *e = x->state;

	if (now->real_ns) {
		e->clock.boot_ns = now->boot_ns;
		e->clock.real_ns = now->real_ns;
	}
	return 0;
}

/* ---- JSON */

static inline void key(struct sink *s, const char *name)
{
	sink_add(s, ",\"", 2);
	line_raw(s, name);
	sink_add(s, "\":", 2);
}

static int set_keys(struct events *e)
{
	for (unsigned int i = 0; i < F_NR; i++) {
		struct json_key *k = &e->keys[i];
		int n = snprintf(k->text, sizeof(k->text), ",\"%s\":", field_name(i));

		if (n < 0 || (size_t)n >= sizeof(k->text))
			return -EINVAL;
		k->len = (size_t)n;
	}
	return 0;
}

static void json_flags(struct sink *s, const struct field *f)
{
	const char *sep = "[\"";

	for (uint32_t left = (uint32_t)f->number; left; left &= left - 1) {
		const char *token = f->tokens[__builtin_ctz(left)];

		if (!token)
			continue;
		line_raw(s, sep);
		line_raw(s, token);
		sep = "\",\"";
	}
	line_raw(s, *sep == '[' ? "[]" : "\"]");
}

static void json_addresses(struct sink *s, const struct events *e, uint64_t nr)
{
	const char *sep = "\"";

	line_raw(s, "[");
	for (uint64_t i = 0; i < nr; i++) {
		line_raw(s, sep);
		line_hex(s, e->fields.frames[i]);
		sep = "\",\"";
	}
	line_raw(s, nr ? "\"]" : "]");
}

static void json_value(struct sink *s, const struct events *e, const struct field *f)
{
	switch ((enum field_type)f->type) {
	case FT_NULL:
		line_raw(s, "null");
		return;
	case FT_NUMBER:
		if (f->is_signed)
			line_i64(s, (int64_t)f->number);
		else
			line_u64(s, f->number);
		return;
	case FT_ADDRESS:
		sink_add(s, "\"", 1);
		line_hex(s, f->number);
		sink_add(s, "\"", 1);
		return;
	case FT_TEXT:
		line_json(s, f->text);
		return;
	case FT_BOOL:
		line_raw(s, f->number ? "true" : "false");
		return;
	case FT_FLAGS:
		json_flags(s, f);
		return;
	case FT_ADDRESSES:
		json_addresses(s, e, f->number);
		return;
	}
}

static inline void json_number_or_null(struct sink *s, const char *name, uint64_t v)
{
	key(s, name);
	if (v)
		line_u64(s, v);
	else
		line_raw(s, "null");
}

static void json_text_or_null(struct sink *s, const char *name, const char *v)
{
	key(s, name);
	if (v && *v)
		line_json(s, v);
	else
		line_raw(s, "null");
}

static void json_head(struct exporter *x, const char *type, uint64_t time_ns)
{
	struct events *e = x->state;
	struct sink *s = &x->out;

	line_raw(s, "{\"schema\":1,\"type\":\"");
	line_raw(s, type);
	line_raw(s, "\",\"time\":\"");
	line_time(s, &e->clock, time_ns);
	line_raw(s, "\",\"time_ns\":");
	line_u64(s, time_ns);
}

static int json_begin(struct exporter *x)
{
	struct sink *s = &x->out;
	int err = set_keys(x->state);

	if (err)
		return err;
	set_clock(x, &x->info.clocks);
	json_head(x, "export", x->info.clocks.boot_ns);
	key(s, "memtrace");
	line_json(s, MEMTRACE_VERSION);
	json_number_or_null(s, "monotonic_ns", x->info.clocks.mono_ns);
	json_text_or_null(s, "rung", x->info.rung);
	json_text_or_null(s, "kernel", x->info.release);
	json_text_or_null(s, "machine", x->info.machine);
	line_raw(s, "}\n");
	return sink_end(s);
}

static int json_told(struct exporter *x, const char *type, const struct mtr_event *ev)
{
	struct events *e = x->state;
	struct sink *s = &x->out;

	json_head(x, type, ev->time_ns);
	key(s, "event");
	sink_add(s, "\"", 1);
	line_raw(s, event_kind_name(ev->kind));
	sink_add(s, "\"", 1);
	json_number_or_null(s, "pid", exporter_pid(x, ev));
	json_number_or_null(s, "tid", ev->tid);
	json_number_or_null(s, "as", ev->as);
	key(s, "cpu");
	line_u64(s, ev->cpu);
	fields_of(&e->fields, x, ev);
	for (unsigned int i = 0; i < e->fields.nr; i++) {
		const struct json_key *k = &e->keys[e->fields.f[i].id];

		sink_add_few(s, k->text, k->len);
		json_value(s, e, &e->fields.f[i]);
	}
	line_raw(s, "}\n");
	return sink_end(s);
}

static int json_event(struct exporter *x, const struct mtr_event *ev)
{
	return json_told(x, "event", ev);
}

static int json_state(struct exporter *x, const struct mtr_event *ev)
{
	return json_told(x, "state", ev);
}

static int json_finish(struct exporter *x)
{
	struct sink *s = &x->out;
	const char *sep = "";

	json_head(x, "export_end", x->last_ns);
	key(s, "events");
	line_raw(s, "{");
	for (unsigned int k = 0; k < MTR_EV_MAX; k++) {
		if (!x->counts[k])
			continue;
		line_raw(s, sep);
		line_json(s, event_kind_name(k));
		line_raw(s, ":");
		line_u64(s, x->counts[k]);
		sep = ",";
	}
	line_raw(s, "}");
	key(s, "lost");
	line_u64(s, x->nr_lost);
	line_raw(s, "}\n");
	return sink_end(s);
}

/* Up to here: what a report of that moment shows is what the events before it make. */
static int json_tick(struct exporter *x, const struct export_clocks *now)
{
	set_clock(x, now);
	json_head(x, "interval", now->boot_ns);
	line_raw(&x->out, "}\n");
	return sink_end(&x->out);
}

const struct export_ops export_json = {
	.name = "json",
	.state_sz = sizeof(struct events),
	.begin = json_begin,
	.event = json_event,
	.lost = json_event,
	.state = json_state,
	.tick = json_tick,
	.finish = json_finish,
};

/* ---- CSV */

static int csv_begin(struct exporter *x)
{
	struct sink *s = &x->out;

	set_clock(x, &x->info.clocks);
	line_raw(s, "type,time,time_ns,event,pid,tid,as,cpu");
	for (unsigned int i = 0; i < F_NR; i++) {
		line_raw(s, ",");
		line_raw(s, field_name(i));
	}
	line_raw(s, "\n");
	return sink_end(s);
}

static void csv_value(struct sink *s, const struct events *e, const struct field *f)
{
	const char *sep = "";

	switch ((enum field_type)f->type) {
	case FT_NULL:
		return;
	case FT_NUMBER:
	case FT_BOOL:
		json_value(s, e, f);
		return;
	case FT_ADDRESS:
		line_hex(s, f->number);
		return;
	case FT_TEXT:
		line_csv(s, f->text);
		return;
	case FT_FLAGS:
		for (uint32_t left = (uint32_t)f->number; left; left &= left - 1) {
			const char *token = f->tokens[__builtin_ctz(left)];

			if (!token)
				continue;
			line_raw(s, sep);
			line_raw(s, token);
			sep = " ";
		}
		return;
	case FT_ADDRESSES:
		for (uint64_t i = 0; i < f->number; i++) {
			line_raw(s, i ? " " : "");
			line_hex(s, e->fields.frames[i]);
		}
		return;
	}
}

static void csv_number_or_nothing(struct sink *s, uint64_t v)
{
	line_raw(s, ",");
	if (v)
		line_u64(s, v);
}

static void csv_commas(struct sink *s, unsigned int nr)
{
	for (; nr > SINK_FEW; nr -= SINK_FEW)
		sink_add_few(s, commas, SINK_FEW);
	sink_add_few(s, commas, nr);
}

static int csv_told(struct exporter *x, const char *type, const struct mtr_event *ev)
{
	uint8_t at[F_NR]; /* of a column that is set: its place in the fields */
	unsigned int column = 0;
	uint64_t set[2] = { 0, 0 };
	struct events *e = x->state;
	struct sink *s = &x->out;

	line_raw(s, type);
	line_raw(s, ",");
	line_time(s, &e->clock, ev->time_ns);
	line_raw(s, ",");
	line_u64(s, ev->time_ns);
	line_raw(s, ",");
	line_raw(s, event_kind_name(ev->kind));
	csv_number_or_nothing(s, exporter_pid(x, ev));
	csv_number_or_nothing(s, ev->tid);
	csv_number_or_nothing(s, ev->as);
	line_raw(s, ",");
	line_u64(s, ev->cpu);
	fields_of(&e->fields, x, ev);
	for (unsigned int i = 0; i < e->fields.nr; i++) {
		set[e->fields.f[i].id / 64] |= 1ull << e->fields.f[i].id % 64;
		at[e->fields.f[i].id] = (uint8_t)i;
	}
	while (set[0] | set[1]) {
		unsigned int w = !set[0], i = w * 64 + (unsigned int)__builtin_ctzll(set[w]);

		set[w] &= set[w] - 1;
		csv_commas(s, i + 1 - column);
		column = i + 1;
		csv_value(s, e, &e->fields.f[at[i]]);
	}
	csv_commas(s, F_NR - column);
	sink_add(s, "\n", 1);
	return sink_end(s);
}

static int csv_event(struct exporter *x, const struct mtr_event *ev)
{
	return csv_told(x, "event", ev);
}

static int csv_state(struct exporter *x, const struct mtr_event *ev)
{
	return csv_told(x, "state", ev);
}

/* There is nothing that ends a CSV: that it is whole, its exporter's exit status tells. */
static int csv_finish(struct exporter *x)
{
	return x->out.err;
}

const struct export_ops export_csv = {
	.name = "csv",
	.state_sz = sizeof(struct events),
	.begin = csv_begin,
	.event = csv_event,
	.lost = csv_event,
	.state = csv_state,
	.tick = set_clock,
	.finish = csv_finish,
};
