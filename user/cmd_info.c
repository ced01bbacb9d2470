// SPDX-License-Identifier: GPL-2.0
/* `memtrace info FILE`: what is in a recording, and what of it is damaged. All of it is read. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "export/trace_json.h"
#include "opts.h"
#include "output.h"
#include "player.h"
#include "util/log.h"
#include "util/rfc3339.h"
#include "util/text.h"
#include "util/units.h"

#define MAX_SHOWN 4096 /* processes and modules */

struct info {
	const struct opts *o;
	struct player *pl;
	struct info_summary sum;
	struct info_proc *procs;
	struct info_module *modules;
	uint64_t lost;
};

static int same_module(const struct info_module *m, const char *path, const char *id)
{
	return !strcmp(m->path, path) && !strcmp(m->build_id, id);
}

static void add_module(struct info *in, const struct mtr_ev_module *e)
{
	const struct strtab *st = player_model(in->pl)->st;
	const char *path = strtab_str(st, e->path), *id = strtab_str(st, e->build_id);

	for (unsigned int i = 0; i < in->sum.nr_modules; i++)
		if (same_module(&in->modules[i], path, id))
			return;
	if (in->sum.nr_modules < MAX_SHOWN)
		in->modules[in->sum.nr_modules++] =
			(struct info_module){ .path = path, .build_id = id };
}

static struct info_proc *proc_of(struct info *in, uint32_t as)
{
	for (unsigned int i = in->sum.nr_procs; i-- > 0;)
		if (in->procs[i].as == as)
			return &in->procs[i];
	return NULL;
}

/* A process that was replaced by an exec is the same one. */
static void add_proc(struct info *in, uint32_t as)
{
	const struct proc *p = model_proc(player_model(in->pl), as);
	const struct strtab *st = player_model(in->pl)->st;
	struct info_proc *ip = NULL;

	if (!p)
		return;
	for (unsigned int i = in->sum.nr_procs; i-- > 0 && !ip;)
		if (in->procs[i].pid == p->pid && !in->procs[i].ended)
			ip = &in->procs[i];
	if (!ip && in->sum.nr_procs < MAX_SHOWN)
		ip = &in->procs[in->sum.nr_procs++];
	if (!ip)
		return;
	*ip = (struct info_proc){ .pid = p->pid,
				  .as = as,
				  .comm = strtab_str(st, p->comm),
				  .exe = strtab_str(st, p->exe) };
}

static int on_event(void *ctx, const struct mtr_event *ev)
{
	struct info *in = ctx;
	struct info_proc *ip;

	switch ((int)ev->kind) {
	case MTR_EV_ATTACH:
	case MTR_EV_EXEC:
		add_proc(in, ev->as);
		break;
	case MTR_EV_STATE:
		if (ev->state.what == MTR_ST_DONE && !proc_of(in, ev->as) &&
		    !model_proc(player_model(in->pl), ev->as)->replaced_by)
			add_proc(in, ev->as);
		break;
	case MTR_EV_EXIT:
		ip = proc_of(in, ev->as);
		if (ip)
			ip->ended = true;
		break;
	case MTR_EV_MODULE:
		add_module(in, &ev->module);
		break;
	case MTR_EV_LOST:
		in->lost += ev->lost.count;
		break;
	}
	return 0;
}

static const char *fact(const void *ctx, unsigned int i, const char **ret_name)
{
	const struct trace_facts *f = ctx;

	*ret_name = f->f[i].name;
	return f->f[i].value;
}

_Static_assert(INFO_PLACES == TRACE_DAMAGES, "all that is known is shown");

static void fill(struct info *in)
{
	const struct trace_info *ti = player_info(in->pl);
	const struct trace_facts *f = player_facts(in->pl);
	uint64_t real0 = facts_u64(f, "start.realtime_ns"),
		 boot0 = facts_u64(f, "start.boottime_ns");
	struct info_summary *s = &in->sum;

	s->path = in->o->files[0];
	s->size = player_size(in->pl);
	s->duration_ns = ti->end_ns - ti->begin_ns;
	if (real0 && ti->begin_ns) {
		s->begin_real_ns = real0 + ti->begin_ns - boot0;
		s->end_real_ns = real0 + ti->end_ns - boot0;
	}
	s->version = ti->version;
	s->min_reader = ti->min_reader;
	s->closed = ti->closed;
	s->events = ti->told;
	/* what was lost on the way into the file; what is missing in it is another matter */
	s->lost = in->lost - ti->missing;
	s->missing = ti->missing;
	s->unknown = ti->nr_unknown;
	s->chunks = ti->nr_chunks;
	s->keyframes = ti->nr_keyframes;
	s->raw_bytes = ti->raw_bytes;
	s->by_kind = ti->by_kind;
	s->nr_damages = ti->nr_damages;
	for (unsigned int i = 0; i < ti->nr_damages && i < INFO_PLACES; i++) {
		s->damage[i].off = ti->damage[i].off;
		s->damage[i].len = ti->damage[i].len;
		s->damage[i].what = ti->damage[i].what;
	}
	s->fact = fact;
	s->fact_ctx = f;
	s->nr_facts = f->nr;
	s->procs = in->procs;
	s->modules = in->modules;
}

/* ---- as text */

static const char *clean(const char *raw, const struct opts *o)
{
	static char buf[4][512];
	static unsigned int at;

	at = (at + 1) % 4;
	return text_clean(buf[at], sizeof(buf[0]), raw, o->ascii);
}

static char *size_of(const struct opts *o, char buf[UNITS_LEN], uint64_t bytes)
{
	if (!o->bytes)
		return fmt_size(buf, (int64_t)bytes);
	snprintf(buf, UNITS_LEN, "%llu", (unsigned long long)bytes);
	return buf;
}

static void text_kinds(FILE *out, const struct info_summary *s)
{
	for (unsigned int k = 1; k < MTR_EV_MAX; k++)
		if (s->by_kind[k] && event_is_told(k))
			fprintf(out, "  %-12s %12llu\n", event_kind_name(k),
				(unsigned long long)s->by_kind[k]);
}

static void text_contents(FILE *out, const struct info *in)
{
	const struct info_summary *s = &in->sum;

	for (unsigned int i = 0; i < s->nr_facts; i++) {
		const char *name, *value = s->fact(s->fact_ctx, i, &name);

		fprintf(out, "  %-18s %s\n", clean(name, in->o), clean(value, in->o));
	}
	fprintf(out, "processes %u\n", s->nr_procs);
	for (unsigned int i = 0; i < s->nr_procs; i++)
		fprintf(out, "  %-7u %s %s%s\n", s->procs[i].pid, clean(s->procs[i].comm, in->o),
			clean(s->procs[i].exe, in->o), s->procs[i].ended ? " (ended)" : "");
	fprintf(out, "modules %u\n", s->nr_modules);
	for (unsigned int i = 0; i < s->nr_modules; i++)
		fprintf(out, "  %-40s %s\n",
			*s->modules[i].build_id ? clean(s->modules[i].build_id, in->o) :
						  "no build-id",
			clean(s->modules[i].path, in->o));
}

static int info_text(FILE *out, const struct info *in)
{
	const struct info_summary *s = &in->sum;
	char a[UNITS_LEN], b[UNITS_LEN], from[RFC3339_LEN], to[RFC3339_LEN];

	fprintf(out, "%s: memtrace recording, version %u, %s\n", clean(s->path, in->o), s->version,
		s->closed ? "complete" : "NOT CLOSED");
	if (s->begin_real_ns)
		fprintf(out, "from      %s to %s\n", fmt_rfc3339(from, s->begin_real_ns),
			fmt_rfc3339(to, s->end_real_ns));
	fprintf(out, "duration  %s\n", fmt_duration(a, s->duration_ns));
	fprintf(out, "size      %s, %s uncompressed, %llu chunks, %llu keyframes\n",
		size_of(in->o, a, s->size), size_of(in->o, b, s->raw_bytes),
		(unsigned long long)s->chunks, (unsigned long long)s->keyframes);
	fprintf(out, "events    %llu", (unsigned long long)s->events);
	if (s->events)
		fprintf(out, ", %.1f bytes each", (double)s->size / (double)s->events);
	fprintf(out, ", lost %llu\n", (unsigned long long)s->lost);
	text_kinds(out, s);
	if (s->unknown)
		fprintf(out, "unknown   %llu records of kinds that this memtrace does not know\n",
			(unsigned long long)s->unknown);
	if (s->nr_damages)
		fprintf(out, "DAMAGED   %u places, %llu events missing\n", s->nr_damages,
			(unsigned long long)s->missing);
	for (unsigned int i = 0; i < s->nr_damages && i < INFO_PLACES; i++)
		fprintf(out, "  byte %llu%s%s: %s\n", (unsigned long long)s->damage[i].off,
			s->damage[i].len ? ", " : "",
			s->damage[i].len ? size_of(in->o, a, s->damage[i].len) : "",
			s->damage[i].what);
	fprintf(out, "facts\n");
	text_contents(out, in);
	return ferror(out) || fflush(out) ? -EIO : 0;
}

/* ---- */

static int say(struct info *in)
{
	FILE *out = output_open(in->o->output);
	int err;

	if (!out)
		return EX_FAILED;
	err = in->o->json ? info_json(out, &in->sum) : info_text(out, in);
	if (out != stdout && fclose(out) && !err)
		err = -errno;
	return err ? output_failed(in->o->output, -err) : 0;
}

static int read_all(struct info *in)
{
	int err;

	player_tap(in->pl, on_event, in);
	player_all_keys(in->pl);
	do {
		err = player_next(in->pl);
	} while (err > 0);
	if (err)
		return log_error(EX_FAILED, NULL, "cannot read %s: %s", in->o->files[0],
				 strerror(-err));
	fill(in);
	return 0;
}

int cmd_info(struct opts *o, int argc, char **argv)
{
	static struct info in;
	int ret;

	(void)argc;
	(void)argv;
	in.o = o;
	ret = player_open(o->files[0], &in.pl);
	if (ret)
		return ret;
	in.procs = calloc(MAX_SHOWN, sizeof(*in.procs));
	in.modules = calloc(MAX_SHOWN, sizeof(*in.modules));
	if (!in.procs || !in.modules)
		ret = log_error(EX_FAILED, NULL, "out of memory");
	if (!ret)
		ret = read_all(&in);
	if (!ret)
		ret = say(&in);
	if (!ret)
		ret = player_status(in.pl);
	player_close(in.pl);
	free(in.procs);
	free(in.modules);
	return ret;
}
