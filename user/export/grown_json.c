// SPDX-License-Identifier: GPL-2.0
/* The `growth` object (docs/schema/growth.schema.json), written path by path. */
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "export/grown.h"
#include "export/jsonio.h"

static json_t *frame(struct json_out *w, const struct growth_frame *f)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:b}", "function", json_text(w, f->function),
			 "file", json_text(w, f->file), "line", json_when(f->line, f->line),
			 "module", json_text(w, f->module), "offset", json_addr(f->offset),
			 "inlined", (int)f->inlined);
}

static void put_path(struct json_out *w, const struct growth_row *r, bool estimated)
{
	json_t *frames = json_array();

	for (unsigned int i = 0; frames && i < r->nr_frames; i++)
		json_array_append_new(frames, frame(w, &r->frame[i]));
	json_put(w, NULL,
		 json_pack("{s:I, s:o, s:o, s:I, s:I, s:o, s:I, s:s, s:b, s:I, s:o}", "net_bytes",
			   (json_int_t)r->net, "net_low_bytes", json_when(estimated, r->net_low),
			   "net_high_bytes", json_when(estimated, r->net_high), "gross_bytes",
			   (json_int_t)r->gross, "released_bytes", (json_int_t)r->released,
			   "region_kind",
			   r->kind == RK_NR ? json_null() : json_string(region_kind_name(r->kind)),
			   "threads", (json_int_t)r->nr_tids, "verdict",
			   verdict_name(r->verdict.kind), "truncated", (int)r->truncated,
			   "merged_paths", (json_int_t)r->nr_merged, "frames",
			   frames ? frames : json_null()));
}

static json_t *verdict(struct json_out *w, const struct growth_report *r)
{
	const struct verdict *v = &r->verdict;
	char text[512];

	return json_pack("{s:s, s:o, s:f, s:f, s:f, s:f, s:f, s:o, s:o}", "kind",
			 verdict_name(v->kind), "text",
			 json_text(w, verdict_text(text, sizeof(text), v, false)),
			 "slope_bytes_per_s", v->slope, "r2", v->r2, "rate_bytes_per_s", v->rate,
			 "rate_low_bytes_per_s", v->rate_lo, "rate_high_bytes_per_s", v->rate_hi,
			 "given_back", v->given_back < 0 ? json_null() : json_real(v->given_back),
			 "limit_in_s", v->full_s < 0 ? json_null() : json_real(v->full_s));
}

static json_t *cgroup(struct json_out *w, const struct growth_report *r)
{
	const struct mtr_cgroup *c = r->cgroup;

	if (!c)
		return json_null();
	return json_pack("{s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "name", json_text(w, c->name),
			 "current_bytes", (json_int_t)c->current, "growth_bytes",
			 (json_int_t)r->cgroup_delta, "anon_bytes", (json_int_t)c->anon,
			 "file_bytes", (json_int_t)c->file, "shmem_bytes", (json_int_t)c->shmem,
			 "kernel_bytes", (json_int_t)c->kernel, "processes",
			 (json_int_t)c->nr_procs);
}

static json_t *arenas(const struct arenas *a)
{
	if (!a)
		return json_null();
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "heaps",
			 (json_int_t)a->nr, "heaps_unknown", (json_int_t)a->nr_unknown,
			 "used_chunks", (json_int_t)a->nr_used, "free_chunks",
			 (json_int_t)a->nr_free, "resident_bytes", (json_int_t)a->resident,
			 "in_use_bytes", (json_int_t)a->in_use, "cached_bytes",
			 (json_int_t)a->cached, "free_bytes", (json_int_t)a->free, "top_bytes",
			 (json_int_t)a->top, "largest_free_bytes", (json_int_t)a->largest_free);
}

static json_t *limits(struct json_out *w, const struct mtr_limits *l)
{
	static const char *const kinds[] = { "", "cgroup", "as", "data", "host" };
	json_t *all = l ? json_array() : json_null();

	for (unsigned int i = 0; l && i < l->nr; i++)
		json_array_append_new(
			all, json_pack("{s:s, s:o, s:I, s:I}", "kind", kinds[l->lim[i].kind],
				       "name", json_text(w, l->lim[i].name), "limit_bytes",
				       (json_int_t)l->lim[i].limit_bytes, "used_bytes",
				       (json_int_t)l->lim[i].used_bytes));
	return all;
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

/* What grew between the marks; paths by their place in the list. */
static json_t *between(struct json_out *w, const struct growth_report *r)
{
	json_t *all = json_array();

	for (unsigned int i = 0; all && r->nr_marks && i <= r->nr_marks; i++) {
		struct growth_between b = growth_between(r, i);
		json_t *paths = json_array();

		for (unsigned int k = 0; paths && k < r->nr; k++) {
			int64_t gained = growth_between_row(r, &r->row[k], i);

			if (gained)
				json_array_append_new(
					paths, json_pack("{s:I, s:I}", "path", (json_int_t)k,
							 "growth_bytes", (json_int_t)gained));
		}
		json_array_append_new(all, json_pack("{s:o, s:o, s:I, s:I, s:I, s:o}", "from",
						     json_text(w, b.from), "to", json_text(w, b.to),
						     "from_ns", (json_int_t)b.from_ns, "to_ns",
						     (json_int_t)b.to_ns, "delta_bytes",
						     (json_int_t)b.delta, "paths",
						     paths ? paths : json_null()));
	}
	return all;
}

static json_t *no_path_by_kind(const struct growth_report *r)
{
	json_t *all = json_array();

	for (unsigned int k = 0; all && k < RK_NR; k++)
		if (r->no_path_by_kind[k])
			json_array_append_new(all, json_pack("{s:s, s:I}", "region_kind",
							     region_kind_name((enum region_kind)k),
							     "net_bytes",
							     (json_int_t)r->no_path_by_kind[k]));
	return all;
}

int grown_json(FILE *f, const struct growth_report *r)
{
	bool estimated = r->fault_period > 1;
	struct json_out w;
	int err = json_begin(&w, f);

	if (err)
		return err;
	fputs("{\"schema\":1,\"type\":\"growth\"", f);
	json_put(&w, "time", json_rfc3339(r->to_real_ns));
	json_put(&w, "rung", json_string(r->rung));
	json_put(&w, "process",
		 json_pack("{s:I, s:o, s:o}", "pid", (json_int_t)r->p->pid, "comm",
			   json_text(&w, strtab_str(r->model->st, r->p->comm)), "exe",
			   json_text(&w, strtab_str(r->model->st, r->p->exe))));
	json_put(&w, "window",
		 json_pack("{s:I, s:I}", "from_ns", (json_int_t)r->from_ns, "to_ns",
			   (json_int_t)r->to_ns));
	json_put(&w, "rss",
		 json_pack("{s:I, s:I, s:I, s:o, s:o, s:I, s:I, s:I, s:I}", "resident_bytes",
			   (json_int_t)r->rss, "delta_bytes", (json_int_t)r->delta,
			   "attributed_bytes", (json_int_t)r->attributed, "attributed_low_bytes",
			   json_when(estimated, r->attributed_low), "attributed_high_bytes",
			   json_when(estimated, r->attributed_high), "before_attach_bytes",
			   (json_int_t)r->before, "residual_bytes", (json_int_t)growth_residual(r),
			   "no_path_bytes", (json_int_t)r->no_path, "others_bytes",
			   (json_int_t)r->others));
	json_put(&w, "verdict", verdict(&w, r));
	json_put(&w, "cgroup", cgroup(&w, r));
	json_put(&w, "malloc", arenas(r->arenas));
	fputs(",\"paths\":[", f);
	for (unsigned int i = 0; i < r->nr; i++) {
		if (i)
			fputc(',', f);
		put_path(&w, &r->row[i], estimated);
	}
	fputc(']', f);
	json_put(&w, "no_path_by_kind", no_path_by_kind(r));
	json_put(&w, "between_marks", between(&w, r));
	json_put(&w, "limits", limits(&w, r->limits));
	json_put(&w, "lost", lost(r->model));
	json_put(&w, "sampling",
		 json_pack("{s:b, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:b}", "estimated",
			   (int)estimated, "fault_period", (json_int_t)r->fault_period, "period",
			   (json_int_t)r->period, "stacks", (json_int_t)r->nr_stacks, "truncated",
			   (json_int_t)r->nr_truncated, "failed", (json_int_t)r->nr_failed, "known",
			   json_when(!r->recorded, r->nr_known), "unwind_ns",
			   json_when(!r->recorded, r->unwind_ns), "faults_complete",
			   !r->model->lost[MTR_EV_FAULT] && !estimated));
	fputs("}\n", f);
	return json_end(&w);
}
