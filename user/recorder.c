// SPDX-License-Identifier: GPL-2.0
#include "recorder.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "context.h"
#include "export/exporter.h"
#include "modules.h"
#include "session_facts.h"
#include "trace/file.h"
#include "trace/ring.h"
#include "util/clock.h"

/* At least this often all that is known is in the file: a recorder that is killed loses no more. */
#define FLUSH_NS (NSEC_PER_SEC - 50 * NSEC_PER_MSEC)

/* Held in memory in so many parts: the oldest is dropped as a whole. */
#define RING_PARTS 8
#define RING_BYTES (256ull << 20) /* when only a time is wanted */

struct recorder {
	struct session *s;
	const struct opts *o;
	struct trace_writer *w;
	struct trace_file *tf; /* one of the two */
	struct trace_ring *ring;
	struct exporter *x; /* --format perfetto: instead of all that */
	struct trace_stats x_stats;
	struct modules *modules;
	struct trace_facts facts;
	uint64_t flushed_ns;
	uint64_t ring_max, last_ns;
	uint64_t keys; /* of the daemon's that there were when its own was written last */
	int err;
};

/* As callpaths_roots_fn: after a sweep the file gets all frames anew. */
static void holds_none(void *ctx, struct stacktab *t, bool squeeze)
{
	(void)ctx;
	(void)t;
	(void)squeeze;
}

/* ---- events */

static uint32_t pid_of(void *ctx, uint32_t as)
{
	struct recorder *r = ctx;
	struct proc *p = model_proc(session_model(r->s), as);

	return p && p->death == DEATH_NONE ? p->pid : 0;
}

static int resolve_modules(struct recorder *r)
{
	return modules_resolve(r->modules, pid_of, r, r->x ? exporter_feed : trace_writer_event,
			       r->x ? (void *)r->x : r->w);
}

static int export_event(struct recorder *r, const struct mtr_event *ev)
{
	int err = modules_see(r->modules, ev);

	/* of what a call stack leads through the build-ids are told with it, and once only */
	if (!err && ev->kind == MTR_EV_STACK)
		err = resolve_modules(r);
	if (!err)
		err = exporter_feed(r->x, ev);
	r->x_stats.told = r->x->nr;
	r->x_stats.lost = r->x->nr_lost;
	r->x_stats.by_kind[ev->kind < MTR_EV_MAX ? ev->kind : 0]++;
	return err;
}

static int on_event(void *ctx, const struct mtr_event *ev)
{
	struct recorder *r = ctx;

	/* an error ends the session at the next turn, with what went wrong */
	if (r->x) {
		r->err = export_event(r, ev);
		return 0;
	}
	/* the daemon's keyframe is in the model: the file gets one of that, begin_anew() */
	if (session_in_key(r->s))
		return 0;
	if (!r->err)
		r->err = trace_writer_event(r->w, ev);
	if (!r->err && !session_modules(r->s))
		r->err = modules_see(r->modules, ev);
	return 0;
}

/* ---- keyframes */

/*
 * What belongs to a keyframe: the model, and the facts that travel beside it. Its time is that of the
 * interval's end before it: who seeks to a moment takes the last keyframe before the end of the moment's
 * interval, and has the least to go through up to there.
 */
static int fill(void *ctx, event_sink_fn sink, void *sink_ctx)
{
	struct recorder *r = ctx;
	struct mtr_event ev = { .kind = MTR_EV_COST, .time_ns = session_now(r->s) };
	struct modules *told = session_modules(r->s); /* by the daemon */
	struct model *m = session_model(r->s);
	unsigned int nr;
	struct sess_proc **procs = session_procs(r->s, &nr);
	int err = model_save(m, ev.time_ns, sink, sink_ctx);

	for (unsigned int i = 0; i < nr && !err; i++)
		if (procs[i]->limits_ns)
			err = context_limits(&procs[i]->limits, procs[i]->p->as, ev.time_ns, m->st,
					     sink, sink_ctx);
	if (!err)
		err = modules_tell(told ? told : r->modules, ev.time_ns, sink, sink_ctx);
	if (!err && session_sites(r->s))
		err = sites_tell(session_sites(r->s), ev.time_ns, sink, sink_ctx);
	ev.cost = *session_cost(r->s);
	return err ? err : sink(sink_ctx, &ev);
}

/* Before the first event behind a keyframe of the daemon's: what comes builds on that. */
static int begin_anew(void *ctx)
{
	struct recorder *r = ctx;

	r->keys = session_keys(r->s);
	if (!r->err)
		r->err = trace_writer_keyframe(r->w, boot_ns(), fill, r);
	return 0;
}

static bool key_due(const struct recorder *r, uint64_t now)
{
	const struct trace_stats *st = trace_writer_stats(r->w);
	uint64_t since = st->raw_bytes - st->key_raw;
	bool old;

	if (r->ring) {
		old = r->last_ns && now - st->key_ns >= r->last_ns / RING_PARTS;
		return since >= st->key_sz &&
		       (trace_ring_since_key(r->ring) >= r->ring_max / RING_PARTS || old);
	}
	if (r->o->key_bytes)
		return since >= r->o->key_bytes;
	return trace_writer_key_due(r->w, now);
}

int recorder_tick(struct recorder *r)
{
	uint64_t now = boot_ns();

	if (r->x)
		return r->err;
	/* for tests: however little there is */
	if (!r->err && r->o->key_bytes)
		r->err = trace_writer_flush(r->w);
	if (!r->err && key_due(r, now))
		r->err = trace_writer_keyframe(r->w, now, fill, r);
	return r->err;
}

int recorder_turn(struct recorder *r)
{
	uint64_t now = boot_ns();

	if (!r->err && !session_modules(r->s))
		r->err = resolve_modules(r);
	if (!r->x && session_keys(r->s) > r->keys)
		begin_anew(r);
	if (r->x)
		return r->err;
	if (!r->err && now - r->flushed_ns >= FLUSH_NS) {
		r->err = trace_writer_flush(r->w);
		r->flushed_ns = now;
	}
	/* neither a bound of memory nor many events wait for an interval to end */
	return recorder_tick(r);
}

int recorder_end(struct recorder *r)
{
	if (r->x)
		return exporter_finish(r->x);
	recorder_turn(r);
	if (!r->err)
		r->err = trace_writer_flush(r->w);
	if (r->tf && !r->err)
		r->err = trace_file_end(r->tf);
	return r->err;
}

int recorder_dump(struct recorder *r, int fd)
{
	struct trace_file *tf = NULL;
	int err = recorder_turn(r);

	if (!err)
		err = r->err = trace_writer_flush(r->w);
	if (!err)
		err = trace_file_new(fd, &r->facts, &tf);
	if (!err)
		err = trace_ring_dump(r->ring, trace_file_chunk, tf);
	if (!err)
		err = trace_file_end(tf);
	trace_file_free(tf);
	return err;
}

/* ---- */

static int open_ring(struct recorder *r)
{
	r->ring_max = r->o->last_size ? r->o->last_size : RING_BYTES;
	r->last_ns = r->o->last_ns;
	r->ring = trace_ring_new(r->ring_max, r->last_ns);
	return r->ring ? 0 : -ENOMEM;
}

static struct syms *files_of(void *ctx, uint32_t as)
{
	return callpaths_syms(ctx, as);
}

/* Straight into somebody else's format: an exporter takes the events. */
static int open_exporter(struct recorder *r, const struct export_ops *ops, struct strtab *st,
			 int fd)
{
	struct export_info info = {
		.clocks = { .boot_ns = facts_u64(&r->facts, "start.boottime_ns"),
			    .mono_ns = facts_u64(&r->facts, "start.monotonic_ns"),
			    .real_ns = facts_u64(&r->facts, "start.realtime_ns") },
		.rung = facts_get(&r->facts, "rung"),
		.sysname = "Linux",
		.release = facts_get(&r->facts, "kernel.release"),
		.version = facts_get(&r->facts, "kernel.version"),
		.machine = facts_get(&r->facts, "machine"),
		.stacks = session_stacktab(r->s),
		.syms_of = session_paths(r->s) ? files_of : NULL,
		.syms_ctx = session_paths(r->s),
		.live = true,
		.calls = session_calls(r->s),
	};

	return exporter_new(ops, &info, st, fd, &r->x);
}

struct recorder *recorder_new(struct session *s, const struct opts *o, pid_t cmd_pid, int fd)
{
	struct recorder *r = calloc(1, sizeof(*r));
	const struct export_ops *ops = o->format ? exporter_ops(o->format) : NULL;
	struct strtab *st = session_model(s)->st;
	int err;

	if (!r)
		return NULL;
	r->s = s;
	r->o = o;
	r->flushed_ns = boot_ns();
	session_facts(&r->facts, s, o, cmd_pid);
	if (ops)
		err = open_exporter(r, ops, st, fd);
	else
		err = fd < 0 ? open_ring(r) : trace_file_new(fd, &r->facts, &r->tf);
	if (err)
		goto out_free;
	r->modules = modules_new(st);
	if (ops && r->modules)
		goto out;
	if (r->ring)
		r->w = trace_writer_new(st, session_stacktab(s), trace_ring_chunk, r->ring);
	else
		r->w = trace_writer_new(st, session_stacktab(s), trace_file_chunk, r->tf);
	if (!r->w || !r->modules) {
		err = -ENOMEM;
		goto out_free;
	}
	if (session_paths(s))
		callpaths_roots(session_paths(s), holds_none, NULL);
out:
	session_tap(s, on_event, r);
	if (!r->x)
		session_tap_key(s, begin_anew);
	return r;

out_free:
	recorder_free(r);
	errno = -err;
	return NULL;
}

void recorder_free(struct recorder *r)
{
	if (!r)
		return;
	session_tap(r->s, NULL, NULL);
	if (session_paths(r->s))
		callpaths_roots(session_paths(r->s), NULL, NULL);
	exporter_free(r->x);
	trace_writer_free(r->w);
	trace_file_free(r->tf);
	trace_ring_free(r->ring);
	modules_free(r->modules);
	free(r);
}

const struct trace_stats *recorder_stats(const struct recorder *r)
{
	return r->x ? &r->x_stats : trace_writer_stats(r->w);
}

uint64_t recorder_bytes(const struct recorder *r)
{
	if (r->x)
		return r->x->out.written;
	return r->tf ? trace_file_size(r->tf) : trace_ring_bytes(r->ring);
}

uint64_t recorder_span_ns(const struct recorder *r)
{
	return r->ring ? trace_ring_span_ns(r->ring) : 0;
}
