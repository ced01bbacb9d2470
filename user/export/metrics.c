// SPDX-License-Identifier: GPL-2.0
/*
 * The families, one line each: docs/METRICS.md lists the same, and the tests hold the
 * two against each other. Both formats are made of them: OpenMetrics, and the text
 * format that came before it, which has no units, no info and no sets of states.
 */
#include "export/metrics.h"

#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include "export/line.h"
#include "export/metrics_int.h"

enum scope { PROCESS, GROUP, SELF };
enum mtype { GAUGE, COUNTER, INFO, STATESET };

static const char *const type_names[] = { "gauge", "counter", "info", "stateset" };
static const char *const suffixes[] = { "", "_total", "_info", "" };

struct out;

struct family {
	const char *name; /* without suffix */
	enum mtype type;
	const char *unit;
	const char *help;
	void (*put)(struct out *o, const struct metrics_row *r); /* NULL row: of memtrace itself */
	enum scope scope;
	size_t at; /* of the number, in the figures or in metrics_self: for those who put only one */
};

/* A table on its way out. */
struct out {
	struct sink *s;
	const struct metrics_table *t;
	enum metrics_format format;
	const struct family *f; /* under way */
};

/* name{labels,label="value"}; each may be missing */
static void begin(struct out *o, const char *labels, const char *label, const char *value)
{
	line_raw(o->s, o->f->name);
	line_raw(o->s, suffixes[o->f->type]);
	if (*labels || label) {
		line_raw(o->s, "{");
		line_raw(o->s, labels);
		if (label) {
			line_raw(o->s, *labels ? "," : "");
			line_raw(o->s, label);
			line_raw(o->s, "=\"");
			line_raw(o->s, value);
			line_raw(o->s, "\"");
		}
		line_raw(o->s, "}");
	}
	line_raw(o->s, " ");
}

static void put_int(struct out *o, const char *labels, const char *label, const char *value,
		    int64_t v)
{
	begin(o, labels, label, value);
	line_i64(o->s, v);
	line_raw(o->s, "\n");
}

static void put_num(struct out *o, const char *labels, const char *label, const char *value,
		    double v)
{
	char text[40];

	begin(o, labels, label, value);
	if (isinf(v))
		snprintf(text, sizeof(text), "%sInf\n", v < 0 ? "-" : "+");
	else
		snprintf(text, sizeof(text), "%.12g\n", v);
	line_raw(o->s, text);
}

/* ---- of a process or a group */

static void put_info(struct out *o, const struct metrics_row *r)
{
	char labels[METRICS_LABELS], uid[16];

	if (!r->p)
		return;
	snprintf(labels, sizeof(labels), "%s", r->labels);
	snprintf(uid, sizeof(uid), "%u", r->p->uid);
	metrics_label(labels, sizeof(labels), "uid", uid);
	metrics_label(labels, sizeof(labels), "cgroup", r->p->cgroup);
	put_int(o, labels, NULL, NULL, 1);
}

/* Bytes at a place of the figures; negative ones are not known. */
static void put_bytes(struct out *o, const struct metrics_row *r)
{
	int64_t v;

	memcpy(&v, (const char *)&r->f + o->f->at, sizeof(v));
	if (v >= 0)
		put_int(o, r->labels, NULL, NULL, v);
}

static void put_nr(struct out *o, const struct metrics_row *r)
{
	put_int(o, r->labels, NULL, NULL, r->f.nr);
}

static void put_resident(struct out *o, const struct metrics_row *r)
{
	for (unsigned int k = 0; k < RK_NR; k++)
		if (r->f.resident[k])
			put_int(o, r->labels, "kind", region_kind_name((enum region_kind)k),
				r->f.resident[k]);
}

static const char *const span_names[METRICS_SPANS] = { "1m", "10m", "1h" };

static void put_growth(struct out *o, const struct metrics_row *r)
{
	for (unsigned int s = 0; s < METRICS_SPANS; s++)
		if (r->f.known[s])
			put_num(o, r->labels, "span", span_names[s], r->f.rate[s]);
}

static void put_faults(struct out *o, const struct metrics_row *r)
{
	if (!r->f.faults_known)
		return;
	put_int(o, r->labels, "type", "minor", (int64_t)r->f.minor);
	put_int(o, r->labels, "type", "major", (int64_t)r->f.major);
}

static const char *const limit_names[MTR_LIM_HOST + 1] = {
	[MTR_LIM_CGROUP] = "cgroup",
	[MTR_LIM_AS] = "address_space",
	[MTR_LIM_DATA] = "data",
	[MTR_LIM_HOST] = "host",
};

static void put_limit(struct out *o, const struct metrics_row *r)
{
	for (unsigned int k = MTR_LIM_CGROUP; k <= MTR_LIM_HOST; k++)
		if (r->f.limit[k].limit)
			put_int(o, r->labels, "limit", limit_names[k], r->f.limit[k].limit);
}

static void put_used(struct out *o, const struct metrics_row *r)
{
	for (unsigned int k = MTR_LIM_CGROUP; k <= MTR_LIM_HOST; k++)
		if (r->f.limit[k].limit)
			put_int(o, r->labels, "limit", limit_names[k], r->f.limit[k].used);
}

static void put_full(struct out *o, const struct metrics_row *r)
{
	for (unsigned int s = 0; s < METRICS_SPANS; s++)
		if (r->f.full_s[s] >= 0)
			put_num(o, r->labels, "span", span_names[s], r->f.full_s[s]);
}

/* A set of states has the state in a label of the family's name. */
static void put_verdict(struct out *o, const struct metrics_row *r)
{
	for (int v = 0; r->p && v <= VERDICT_FRAGMENTATION; v++)
		put_int(o, r->labels, o->f->name, verdict_name((enum verdict_kind)v),
			r->p->verdict == (enum verdict_kind)v);
}

/* ---- of memtrace; @r is not used */

static void put_build(struct out *o, const struct metrics_row *r)
{
	char labels[METRICS_LABELS] = "";

	(void)r;
	metrics_label(labels, sizeof(labels), "version", o->t->self.version);
	metrics_label(labels, sizeof(labels), "rung", o->t->self.rung);
	put_int(o, labels, NULL, NULL, 1);
}

static void put_start(struct out *o, const struct metrics_row *r)
{
	char text[40];

	(void)r;
	begin(o, "", NULL, NULL);
	snprintf(text, sizeof(text), "%.3f\n", o->t->self.start_s);
	line_raw(o->s, text);
}

/* Numbers at a place of metrics_self; negative ones are not known. */
static void put_count(struct out *o, const struct metrics_row *r)
{
	int64_t v;

	(void)r;
	memcpy(&v, (const char *)&o->t->self + o->f->at, sizeof(v));
	if (v >= 0)
		put_int(o, "", NULL, NULL, v);
}

static void put_double(struct out *o, const struct metrics_row *r)
{
	double v;

	(void)r;
	memcpy(&v, (const char *)&o->t->self + o->f->at, sizeof(v));
	if (v >= 0)
		put_num(o, "", NULL, NULL, v);
}

static void put_traced(struct out *o, const struct metrics_row *r)
{
	(void)r;
	put_int(o, "", NULL, NULL, o->t->nr_procs);
}

static void put_verdicts(struct out *o, const struct metrics_row *r)
{
	unsigned int nr[VERDICT_FRAGMENTATION + 1] = { 0 };

	(void)r;
	for (unsigned int i = 0; i < o->t->nr_procs; i++)
		if (o->t->proc[i].verdict <= VERDICT_FRAGMENTATION)
			nr[o->t->proc[i].verdict]++;
	for (int v = 0; v <= VERDICT_FRAGMENTATION; v++)
		put_int(o, "", "verdict", verdict_name((enum verdict_kind)v), nr[v]);
}

static void put_groups(struct out *o, const struct metrics_row *r)
{
	(void)r;
	put_int(o, "", NULL, NULL, o->t->nr_groups);
}

/* All kinds, always: an alert on an increase needs the point before it. */
static void put_lost(struct out *o, const struct metrics_row *r)
{
	(void)r;
	put_int(o, "", "kind", "any", (int64_t)o->t->self.lost[0]);
	for (unsigned int k = 1; k < MTR_EV_MAX; k++)
		if (event_is_told(k) && strcmp(event_kind_name(k), "unknown") != 0)
			put_int(o, "", "kind", event_kind_name(k), (int64_t)o->t->self.lost[k]);
}

static void put_all_faults(struct out *o, const struct metrics_row *r)
{
	(void)r;
	put_int(o, "", "type", "minor", (int64_t)o->t->self.minor);
	put_int(o, "", "type", "major", (int64_t)o->t->self.major);
}

static void put_http(struct out *o, const struct metrics_row *r)
{
	char code[16];

	(void)r;
	for (unsigned int i = 0; i < METRICS_CODES; i++) {
		if (!o->t->self.http[i].code)
			continue;
		snprintf(code, sizeof(code), "%u", o->t->self.http[i].code);
		put_int(o, "", "code", code, (int64_t)o->t->self.http[i].nr);
	}
}

#define FIGURE(field) offsetof(struct metrics_figures, field)
#define OWN(field) offsetof(struct metrics_self, field)

static const struct family families[] = {
	{ "memtrace_process", INFO, "", "Who a traced process is.", put_info, PROCESS, 0 },
	{ "memtrace_process_rss_bytes", GAUGE, "bytes", "Resident memory by the kernel's counters.",
	  put_bytes, PROCESS, FIGURE(rss) },
	{ "memtrace_process_resident_bytes", GAUGE, "bytes",
	  "Resident memory of the regions of a kind.", put_resident, PROCESS, 0 },
	{ "memtrace_process_virtual_bytes", GAUGE, "bytes", "Mapped address space.", put_bytes,
	  PROCESS, FIGURE(virt) },
	{ "memtrace_process_swap_bytes", GAUGE, "bytes", "Memory that was swapped out.", put_bytes,
	  PROCESS, FIGURE(swap) },
	{ "memtrace_process_growth_bytes_per_second", GAUGE, "bytes_per_second",
	  "Growth of resident memory over a span of time.", put_growth, PROCESS, 0 },
	{ "memtrace_process_faults", COUNTER, "",
	  "Page faults since the process began, as the kernel counts them.", put_faults, PROCESS,
	  0 },
	{ "memtrace_process_stack_headroom_bytes", GAUGE, "bytes",
	  "Least room that one of its stacks has left.", put_bytes, PROCESS, FIGURE(headroom) },
	{ "memtrace_process_limit_bytes", GAUGE, "bytes", "The tightest limit of each kind.",
	  put_limit, PROCESS, 0 },
	{ "memtrace_process_limit_used_bytes", GAUGE, "bytes",
	  "What that limit counts as used, by everybody.", put_used, PROCESS, 0 },
	{ "memtrace_process_time_to_limit_seconds", GAUGE, "seconds",
	  "Time until a cgroup's limit or the host's memory is full, at the growth over a span.",
	  put_full, PROCESS, 0 },
	{ "memtrace_process_verdict", STATESET, "",
	  "What its resident memory over time looks like.", put_verdict, PROCESS, 0 },
	{ "memtrace_group_processes", GAUGE, "", "Traced processes of a unit, container or cgroup.",
	  put_nr, GROUP, 0 },
	{ "memtrace_group_rss_bytes", GAUGE, "bytes",
	  "Sum of its processes' resident memory: what they share counts for each.", put_bytes,
	  GROUP, FIGURE(rss) },
	{ "memtrace_group_resident_bytes", GAUGE, "bytes",
	  "Sum of its processes' resident memory in regions of a kind.", put_resident, GROUP, 0 },
	{ "memtrace_group_virtual_bytes", GAUGE, "bytes",
	  "Sum of its processes' mapped address space.", put_bytes, GROUP, FIGURE(virt) },
	{ "memtrace_group_swap_bytes", GAUGE, "bytes", "Sum of its processes' swapped memory.",
	  put_bytes, GROUP, FIGURE(swap) },
	{ "memtrace_group_growth_bytes_per_second", GAUGE, "bytes_per_second",
	  "Growth of its processes' resident memory over a span of time.", put_growth, GROUP, 0 },
	{ "memtrace_group_faults", COUNTER, "",
	  "Page faults of its processes since they were seen first.", put_faults, GROUP, 0 },
	{ "memtrace_group_stack_headroom_bytes", GAUGE, "bytes",
	  "Least room that a stack of its processes has left.", put_bytes, GROUP,
	  FIGURE(headroom) },
	{ "memtrace_group_limit_bytes", GAUGE, "bytes",
	  "The tightest limit of each kind among its processes.", put_limit, GROUP, 0 },
	{ "memtrace_group_limit_used_bytes", GAUGE, "bytes",
	  "What that limit counts as used, by everybody.", put_used, GROUP, 0 },
	{ "memtrace_group_time_to_limit_seconds", GAUGE, "seconds",
	  "Time until a cgroup's limit or the host's memory is full, at the group's growth over a span.",
	  put_full, GROUP, 0 },
	{ "memtrace_build", INFO, "", "The program, and the kernel's hooks that it uses.",
	  put_build, SELF, 0 },
	{ "memtrace_start_time_seconds", GAUGE, "seconds",
	  "When the daemon started, in seconds since 1970.", put_start, SELF, 0 },
	{ "memtrace_processes", GAUGE, "", "Processes that are traced.", put_traced, SELF, 0 },
	{ "memtrace_processes_max", GAUGE, "", "Processes that may be traced at a time.", put_count,
	  SELF, OWN(nr_max) },
	{ "memtrace_processes_beyond_limit", GAUGE, "",
	  "Processes that the rules choose, and that are not traced because there are too many.",
	  put_count, SELF, OWN(nr_beyond) },
	{ "memtrace_processes_by_verdict", GAUGE, "", "Traced processes by verdict.", put_verdicts,
	  SELF, 0 },
	{ "memtrace_groups", GAUGE, "", "Units, containers and cgroups with traced processes.",
	  put_groups, SELF, 0 },
	{ "memtrace_clients", GAUGE, "", "Clients of the socket.", put_count, SELF,
	  OWN(nr_clients) },
	{ "memtrace_events", COUNTER, "", "Events that were taken in.", put_count, SELF,
	  OWN(events) },
	{ "memtrace_lost_events", COUNTER, "", "Events that were lost, by kind.", put_lost, SELF,
	  0 },
	{ "memtrace_unseen_faults", COUNTER, "",
	  "Page faults that the kernel counted and no event showed.", put_count, SELF,
	  OWN(unseen) },
	{ "memtrace_faults", COUNTER, "",
	  "Page faults of all traced processes since they were seen first.", put_all_faults, SELF,
	  0 },
	{ "memtrace_bpf_seconds", COUNTER, "seconds",
	  "Run time of the BPF programs, estimated from 100 ms in every 5 s.", put_double, SELF,
	  OWN(bpf_s) },
	{ "memtrace_self_cpu_seconds", COUNTER, "seconds", "User and system time of the daemon.",
	  put_double, SELF, OWN(cpu_s) },
	{ "memtrace_self_resident_bytes", GAUGE, "bytes", "Resident memory of the daemon.",
	  put_count, SELF, OWN(rss) },
	{ "memtrace_ring_fill_ratio", GAUGE, "ratio",
	  "Highest fill of the ring of events in the last interval.", put_double, SELF,
	  OWN(ring_fill) },
	{ "memtrace_http_requests", COUNTER, "", "Requests that were answered, by status.",
	  put_http, SELF, 0 },
};

#define NR_FAMILIES (sizeof(families) / sizeof(*families))

/* How the older format calls it. */
static const char *plain_type(enum mtype type)
{
	return type == COUNTER ? "counter" : "gauge";
}

static void put_head(struct out *o)
{
	bool om = o->format == METRICS_OPENMETRICS;
	const struct family *f = o->f;
	const char *suffix = om ? "" : suffixes[f->type];
	const char *const lines[][2] = {
		{ "# HELP ", f->help },
		{ "# TYPE ", om ? type_names[f->type] : plain_type(f->type) },
		{ "# UNIT ", f->unit },
	};

	for (unsigned int i = 0; i < (om && *f->unit ? 3 : 2); i++) {
		line_raw(o->s, lines[i][0]);
		line_raw(o->s, f->name);
		line_raw(o->s, suffix);
		line_raw(o->s, " ");
		line_raw(o->s, lines[i][1]);
		line_raw(o->s, "\n");
	}
}

int metrics_put(struct sink *s, struct metrics_table *t, enum metrics_format format)
{
	struct out o = { .s = s, .t = t, .format = format };
	struct metrics_rows rows[2] = { 0 };
	int err = metrics_procs(t, &rows[PROCESS]);

	if (err)
		return err;
	err = metrics_groups(t, &rows[GROUP]);
	if (err) {
		free(rows[PROCESS].row);
		return err;
	}
	for (unsigned int i = 0; i < NR_FAMILIES; i++) {
		o.f = &families[i];
		put_head(&o);
		if (o.f->scope == SELF)
			o.f->put(&o, NULL);
		else
			for (unsigned int k = 0; k < rows[o.f->scope].nr; k++)
				o.f->put(&o, &rows[o.f->scope].row[k]);
	}
	if (format == METRICS_OPENMETRICS)
		line_raw(s, "# EOF\n");
	free(rows[PROCESS].row);
	free(rows[GROUP].row);
	return s->err;
}

bool metrics_family(unsigned int i, struct metrics_family *ret)
{
	if (i >= NR_FAMILIES)
		return false;
	snprintf(ret->name, sizeof(ret->name), "%s%s", families[i].name,
		 suffixes[families[i].type]);
	ret->type = type_names[families[i].type];
	ret->unit = families[i].unit;
	ret->help = families[i].help;
	return true;
}
