// SPDX-License-Identifier: GPL-2.0
/* The `stacks` object (docs/schema/stacks.schema.json), written thread by thread. */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "export/jsonio.h"
#include "export/stacks_int.h"

static json_t *points_to(struct json_out *w, const struct stack_var *v)
{
	if (!v->kind || !strcmp(v->kind, "null"))
		return json_null();
	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "kind", v->kind,
			 "address", json_addr(v->v.target), "region", json_text(w, v->region),
			 "symbol", json_text(w, v->symbol), "bytes", json_known(v->v.used),
			 "reserved_bytes", json_known(v->v.room), "frame", json_known(v->frame),
			 "chunk_bytes", json_known(v->chunk_bytes), "chunk_free",
			 v->chunk_bytes < 0 ? json_null() : json_boolean(v->chunk_free));
}

/* What is inside of variable number @i: they follow it. */
static json_t *pointers(struct json_out *w, const struct stack_frame *f, unsigned int i)
{
	json_t *all = json_array();

	while (++i < f->nr_vars && f->var[i].v.inner)
		json_array_append_new(all, json_pack("{s:o, s:o, s:o}", "path",
						     json_text(w, f->var[i].v.name), "type",
						     json_text(w, f->var[i].v.type), "points_to",
						     points_to(w, &f->var[i])));
	return all;
}

/* Those of one inlined call, or of the function itself. */
static json_t *vars(struct json_out *w, const struct stack_frame *f, unsigned int level)
{
	json_t *all = json_array();

	for (unsigned int i = 0; i < f->nr_vars; i++) {
		const struct stack_var *v = &f->var[i];
		bool mem = v->v.place == VAR_MEMORY;

		if (v->v.level != level || v->v.inner)
			continue;
		json_array_append_new(
			all,
			json_pack("{s:o, s:o, s:o, s:o, s:b, s:b, s:o, s:o, s:o}", "name",
				  json_text(w, v->v.name), "type", json_text(w, v->v.type),
				  "size_bytes", json_when(v->v.size, (int64_t)v->v.size), "address",
				  mem ? json_addr(v->v.addr) : json_null(), "parameter",
				  (int)v->v.param, "optimized_out", (int)(v->v.place == VAR_GONE),
				  "value", json_text(w, v->v.value), "points_to", points_to(w, v),
				  "pointers", pointers(w, f, i)));
	}
	return all;
}

static json_t *frame(struct json_out *w, const struct stack_frame *f, unsigned int i,
		     const struct fold_run *run, bool with_vars)
{
	const struct sym_addr *a = f->name;
	const struct sym_name *n = &a->name[i];

	return json_pack(
		"{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:b, s:o, s:o}",
		"function", json_text(w, n->function), "file", json_text(w, n->file), "line",
		json_when(n->line, n->line), "module", json_text(w, a->module), "offset",
		json_addr(stacks_offset(f)), "pc", json_addr(f->at.pc), "cfa",
		f->at.cfa && !n->inlined ? json_addr(f->at.cfa) : json_null(), "size_bytes",
		json_known(n->inlined ? -1 : f->size), "depth_bytes",
		json_known(n->inlined ? -1 : f->depth), "repeat",
		json_integer((json_int_t)run->repeat), "cycle", json_integer((json_int_t)run->len),
		"inlined", (int)n->inlined, "signal", (int)f->at.signal, "variables_bytes",
		with_vars && !n->inlined ? json_integer((json_int_t)f->vars_bytes) : json_null(),
		"vars", with_vars ? vars(w, f, i) : json_null());
}

static void put_frames(struct json_out *w, bool with_vars, const struct stack_thread *t)
{
	const char *sep = "";

	for (unsigned int i = 0; i < t->nr_runs; i++) {
		const struct fold_run *run = &t->run[i];

		for (unsigned int j = 0; j < run->len; j++) {
			const struct stack_frame *f = &t->frame[run->first + j];

			for (unsigned int n = 0; n < f->name->nr; n++) {
				if (ferror(w->f))
					return;
				fputs(sep, w->f);
				json_put(w, NULL, frame(w, f, n, run, with_vars));
				sep = ",";
			}
		}
	}
}

static const char *how(const struct stack_thread *t)
{
	return t->skipped ? "skipped" : t->stopped_ns ? "stopped" : "asleep";
}

static void put_thread(struct json_out *w, const struct stacks_report *r,
		       const struct stack_thread *t)
{
	fprintf(w->f, "{\"tid\":%" PRIu32, t->tid);
	json_put(w, "comm", json_text(w, strtab_str(r->model->st, t->model->comm)));
	json_put(w, "stack", t->custom ? json_null() : json_stack(r->p, t->model));
	json_put(w, "custom_stack", json_boolean(t->custom));
	json_put(w, "taken", json_string(how(t)));
	json_put(w, "skipped", json_text(w, t->skipped));
	json_put(w, "stopped_ns", json_integer((json_int_t)t->stopped_ns));
	json_put(w, "end", t->skipped ? json_null() : json_string(unwind_end_name(t->end)));
	json_put(w, "frame_count", json_integer((json_int_t)t->nr));
	fputs(",\"frames\":[", w->f);
	put_frames(w, r->vars, t);
	fputs("]}", w->f);
}

static json_t *at(struct json_out *w, const struct stacks_at *at)
{
	return at ? json_pack("{s:o, s:s, s:I}", "function", json_text(w, at->function), "what",
			      at->what, "call", (json_int_t)at->call) :
		    json_null();
}

int stacks_json(FILE *f, const struct stacks_report *r)
{
	struct json_out w;

	if (json_begin(&w, f))
		return -ENOMEM;
	fputs("{\"schema\":1,\"type\":\"stacks\"", f);
	json_put(&w, "time", json_rfc3339(r->now_real_ns));
	json_put(&w, "time_ns", json_integer((json_int_t)r->now_ns));
	json_put(&w, "pid", json_integer((json_int_t)r->p->pid));
	json_put(&w, "comm", json_text(&w, strtab_str(r->model->st, r->p->comm)));
	json_put(&w, "note", json_text(&w, r->note));
	json_put(&w, "at", at(&w, r->at));
	fputs(",\"threads\":[", f);
	for (unsigned int i = 0; i < r->nr && !ferror(f); i++) {
		fputs(i ? "," : "", f);
		put_thread(&w, r, &r->thread[i]);
	}
	fputs("]}\n", f);
	return json_end(&w);
}
