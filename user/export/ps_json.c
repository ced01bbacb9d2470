// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include "export/jsonio.h"
#include "export/ps.h"

#define MAX_ROWS 1000000u

static const char *const span_keys[PS_SPANS] = { "1min_bytes_per_s", "10min_bytes_per_s",
						 "1h_bytes_per_s" };

/* ---- written */

static json_t *known(double v, bool is)
{
	return is ? json_real(v) : json_null();
}

static json_t *classes(const struct ps_row *r)
{
	json_t *o = json_object();

	for (unsigned int k = 0; o && k < HC_NR; k++)
		if (k != HC_SWAP)
			json_object_set_new(o, hist_class_name(k), json_integer(r->by_class[k]));
	return o;
}

static json_t *rates(const struct ps_row *r)
{
	json_t *o = json_object();

	for (unsigned int k = 0; o && k < PS_SPANS; k++)
		json_object_set_new(o, span_keys[k], known(r->rate[k], r->known[k]));
	return o;
}

static json_t *row(struct json_out *w, const struct ps_row *r)
{
	json_t *comm = json_text(w, r->comm), *exe = json_text(w, r->exe);
	json_t *cgroup = json_text(w, r->cgroup), *group = json_text(w, r->group);
	json_t *text = json_text(w, r->verdict_text);
	json_t *gap = r->gap_to_ns ? json_pack("{s:I, s:I}", "from_ns", (json_int_t)r->gap_from_ns,
					       "to_ns", (json_int_t)r->gap_to_ns) :
				     json_null();

	return json_pack(
		"{s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o,"
		" s:{s:s, s:o, s:o}, s:{s:o, s:o}, s:f, s:o}",
		"pid", (json_int_t)r->pid, "uid", json_when(r->uid != UINT32_MAX, r->uid), "comm",
		comm, "exe", exe, "cgroup", cgroup, "group", group, "start_time_ns",
		json_when(r->start_time_ns, (int64_t)r->start_time_ns), "since_ns",
		(json_int_t)r->since_ns, "resident_bytes", (json_int_t)r->rss, "anon_bytes",
		(json_int_t)r->anon, "file_bytes", (json_int_t)r->file, "shmem_bytes",
		(json_int_t)r->shmem, "swap_bytes", (json_int_t)r->swap, "virtual_bytes",
		(json_int_t)r->virt, "kinds", classes(r), "growth", rates(r), "verdict", "kind",
		r->verdict, "text", text, "full_s", known(r->full_s, r->full_s >= 0), "stack",
		"headroom_bytes", json_known(r->headroom), "tid",
		json_when(r->headroom_tid, r->headroom_tid), "faults_per_s", r->faults_per_s, "gap",
		gap);
}

static json_t *daemon_of(const struct ps_table *t)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:I}", "pid",
			 (json_int_t)t->pid, "since_ns", (json_int_t)t->since_ns, "seen",
			 (json_int_t)t->nr_seen, "ended", (json_int_t)t->nr_ended, "beyond",
			 (json_int_t)t->nr_beyond, "unfollowed", (json_int_t)t->nr_unfollowed,
			 "lost", (json_int_t)t->lost, "cpu_percent",
			 known(t->self_cpu_percent, t->self_cpu_percent >= 0), "bpf_percent",
			 known(t->bpf_percent, t->bpf_percent >= 0), "resident_bytes",
			 (json_int_t)t->self_rss);
}

int ps_json(FILE *f, const struct ps_table *t)
{
	struct json_out w;
	int err = json_begin(&w, f);

	if (err)
		return err;
	fputs("{\"schema\":1,\"type\":\"ps\"", f);
	json_put(&w, "time", json_rfc3339(t->now_real_ns));
	json_put(&w, "now_ns", json_integer((json_int_t)t->now_ns));
	json_put(&w, "daemon", daemon_of(t));
	fputs(",\"processes\":[", f);
	for (unsigned int i = 0; i < t->nr && !w.failed; i++) {
		if (i)
			fputc(',', f);
		json_put(&w, NULL, row(&w, &t->row[i]));
	}
	fputs("]}\n", f);
	return json_end(&w);
}

/* ---- read */

static int64_t int_of(const json_t *o, const char *key, int64_t other)
{
	const json_t *v = json_object_get(o, key);

	return json_is_integer(v) ? json_integer_value(v) : other;
}

static uint64_t count_of(const json_t *o, const char *key)
{
	int64_t v = int_of(o, key, 0);

	return v > 0 ? (uint64_t)v : 0;
}

static double real_of(const json_t *o, const char *key, double other)
{
	const json_t *v = json_object_get(o, key);

	return json_is_number(v) ? json_number_value(v) : other;
}

static void text_of(const json_t *o, const char *key, char *dst, size_t sz)
{
	const char *s = json_string_value(json_object_get(o, key));

	snprintf(dst, sz, "%s", s ? s : "");
}

static char *copy_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? strdup(s) : NULL;
}

static void parse_row(const json_t *o, struct ps_row *r)
{
	const json_t *kinds = json_object_get(o, "kinds"), *growth = json_object_get(o, "growth");
	const json_t *verdict = json_object_get(o, "verdict"), *stack = json_object_get(o, "stack");
	const json_t *gap = json_object_get(o, "gap");

	r->pid = (uint32_t)count_of(o, "pid");
	r->uid = (uint32_t)int_of(o, "uid", UINT32_MAX);
	text_of(o, "comm", r->comm, sizeof(r->comm));
	text_of(o, "group", r->group, sizeof(r->group));
	r->exe = copy_of(o, "exe");
	r->cgroup = copy_of(o, "cgroup");
	r->start_time_ns = count_of(o, "start_time_ns");
	r->since_ns = count_of(o, "since_ns");
	r->rss = int_of(o, "resident_bytes", 0);
	r->anon = int_of(o, "anon_bytes", 0);
	r->file = int_of(o, "file_bytes", 0);
	r->shmem = int_of(o, "shmem_bytes", 0);
	r->swap = int_of(o, "swap_bytes", 0);
	r->virt = int_of(o, "virtual_bytes", 0);
	for (unsigned int k = 0; k < HC_NR; k++)
		r->by_class[k] = int_of(kinds, hist_class_name(k), 0);
	for (unsigned int k = 0; k < PS_SPANS; k++) {
		r->known[k] = json_is_number(json_object_get(growth, span_keys[k]));
		r->rate[k] = real_of(growth, span_keys[k], 0);
	}
	text_of(verdict, "kind", r->verdict, sizeof(r->verdict));
	text_of(verdict, "text", r->verdict_text, sizeof(r->verdict_text));
	r->full_s = real_of(verdict, "full_s", -1);
	r->headroom = int_of(stack, "headroom_bytes", -1);
	r->headroom_tid = (uint32_t)count_of(stack, "tid");
	r->faults_per_s = real_of(o, "faults_per_s", 0);
	r->gap_from_ns = count_of(gap, "from_ns");
	r->gap_to_ns = count_of(gap, "to_ns");
}

static void parse_daemon(const json_t *o, struct ps_table *t)
{
	t->pid = (uint32_t)count_of(o, "pid");
	t->since_ns = count_of(o, "since_ns");
	t->nr_seen = count_of(o, "seen");
	t->nr_ended = count_of(o, "ended");
	t->nr_beyond = (unsigned int)count_of(o, "beyond");
	t->nr_unfollowed = count_of(o, "unfollowed");
	t->lost = count_of(o, "lost");
	t->self_cpu_percent = real_of(o, "cpu_percent", -1);
	t->bpf_percent = real_of(o, "bpf_percent", -1);
	t->self_rss = count_of(o, "resident_bytes");
}

int ps_parse(const char *text, size_t len, struct ps_table *ret_t)
{
	json_t *o = json_loadb(text, len, JSON_DISABLE_EOF_CHECK, NULL), *rows, *one;
	const char *type = json_string_value(json_object_get(o, "type"));
	size_t i;

	ps_init(ret_t);
	rows = json_object_get(o, "processes");
	if (!type || strcmp(type, "ps") || !json_is_array(rows) ||
	    json_array_size(rows) > MAX_ROWS) {
		json_decref(o);
		return -EINVAL;
	}
	ret_t->now_ns = count_of(o, "now_ns");
	parse_daemon(json_object_get(o, "daemon"), ret_t);
	json_array_foreach(rows, i, one) {
		struct ps_row *r = ps_add(ret_t);

		if (r)
			parse_row(one, r);
	}
	json_decref(o);
	return 0;
}
