// SPDX-License-Identifier: GPL-2.0
/*
 * One process's part of what is held, as a file of its own:
 *
 *	ring ──► reader ──event──► of it? ──► writer ──► file
 *	                  state of it: a keyframe
 *
 * Strings and call stacks keep the ids of the daemon's tables, of which the child
 * that does this has a copy.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "context.h"
#include "serve/bb_trace_int.h"
#include "session_facts.h"
#include "trace/file.h"
#include "trace/reader.h"
#include "util/clock.h"

#define MODULES_MAX 1024u

struct pick {
	const struct bb_trace *t;
	const struct bb_want *want;
	struct strtab *st;
	struct stacktab *stacks; /* the session's; NULL: none are taken */
	struct sites *sites;
	struct trace_reader *r;
	struct trace_writer *w;
	struct trace_file *tf;
	struct mtr_event ev; /* the first of a state that becomes a keyframe */
	uint64_t from_ns, until_ns; /* of the half that is read */
	bool begun; /* of it */
	bool any; /* of one of them */
	struct bb_wrote wrote;
};

/* ---- what is held, as something to read from */

static ssize_t read_at(void *ctx, void *buf, size_t n, uint64_t off)
{
	const int *fd = ctx;
	ssize_t got = pread(*fd, buf, n, (off_t)off);

	return got < 0 ? -errno : got;
}

static int spill(struct bb_half_of *h, int fd)
{
	struct trace_facts facts = {};
	struct trace_file *tf = NULL;
	int err = trace_writer_flush(h->w);

	/* it begins in the middle: that is no loss */
	facts_set(&facts, "flight_recorder", "1");
	if (!err)
		err = trace_file_new(fd, &facts, &tf);
	if (!err)
		err = trace_ring_dump(h->ring, trace_file_chunk, tf);
	if (!err)
		err = trace_file_end(tf);
	trace_file_free(tf);
	return err;
}

/* ---- one event */

static void count(struct pick *p, const struct mtr_event *ev)
{
	if (!event_is_told(ev->kind))
		return;
	p->wrote.nr_events++;
	if (!p->wrote.begin_ns || ev->time_ns < p->wrote.begin_ns)
		p->wrote.begin_ns = ev->time_ns;
	if (ev->time_ns > p->wrote.end_ns)
		p->wrote.end_ns = ev->time_ns;
}

/* The reader has a table of call stacks of its own. */
static bool own_stack(struct pick *p, struct mtr_event *ev)
{
	uint64_t pc[STACKTAB_MAX_FRAMES];
	unsigned int nr;

	if (!p->stacks)
		return false;
	nr = stacktab_frames(trace_reader_stacks(p->r), ev->stack.stack, pc, STACKTAB_MAX_FRAMES);
	if (nr > STACKTAB_MAX_FRAMES)
		nr = STACKTAB_MAX_FRAMES;
	ev->stack.stack = stacktab_intern(p->stacks, pc, nr);
	return true;
}

static int put(struct pick *p, struct mtr_event *ev)
{
	if (ev->kind == MTR_EV_STACK && !own_stack(p, ev))
		return 0;
	if (ev->as)
		count(p, ev);
	return trace_writer_event(p->w, ev);
}

/* ---- keyframes */

static int tell_module(const struct pick *p, const struct region *r, uint64_t time_ns,
		       event_sink_fn sink, void *ctx)
{
	struct mtr_event ev = { .kind = MTR_EV_MODULE, .as = p->want->p->as, .time_ns = time_ns };
	struct sym_module m;
	char hex[2 * 64 + 1] = "";

	if (!syms_module(p->want->gp->syms, r->start, &m))
		return 0;
	for (unsigned int i = 0; i < m.build_id_sz && 2 * i + 2 < sizeof(hex); i++)
		snprintf(hex + 2 * i, 3, "%02x", m.build_id[i]);
	ev.module = (struct mtr_ev_module){ .ino = r->ino,
					    .dev = r->dev,
					    .path = strtab_intern_str(p->st, m.path),
					    .build_id = strtab_intern_str(p->st, hex) };
	return sink(ctx, &ev);
}

/* Names elsewhere need the build-ids. Of a process that is gone those files are open in which a stack was. */
static int tell_modules(const struct pick *p, uint64_t time_ns, event_sink_fn sink, void *ctx)
{
	struct {
		uint64_t ino;
		uint32_t dev;
	} *seen = calloc(MODULES_MAX, sizeof(*seen));
	unsigned int nr = 0, i;
	struct region *r;
	int err = seen ? 0 : -ENOMEM;

	for (r = aspace_first(&p->want->p->aspace); r && !err && nr < MODULES_MAX;
	     r = aspace_next(r)) {
		if (!r->ino || !(r->prot & MTR_P_EXEC))
			continue;
		for (i = 0; i < nr && (seen[i].ino != r->ino || seen[i].dev != r->dev); i++)
			;
		if (i < nr)
			continue;
		seen[nr].ino = r->ino;
		seen[nr++].dev = r->dev;
		err = tell_module(p, r, time_ns, sink, ctx);
	}
	free(seen);
	return err;
}

struct only {
	uint32_t as;
	event_sink_fn sink;
	void *ctx;
};

static int only_its(void *ctx, const struct mtr_event *ev)
{
	const struct only *o = ctx;

	return ev->as == o->as ? o->sink(o->ctx, ev) : 0;
}

/* Beside the model, as it is known now: of places of code that is what held there last. */
static int beside(struct pick *p, uint64_t time_ns, event_sink_fn sink, void *ctx)
{
	const struct bb_want *want = p->want;
	struct mtr_event ev = { .kind = MTR_EV_COST, .time_ns = time_ns };
	struct only only = { want->p->as, sink, ctx };
	int err = 0;

	if (want->limits)
		err = context_limits(want->limits, want->p->as, time_ns, p->st, sink, ctx);
	if (!err && want->gp && want->gp->syms)
		err = tell_modules(p, time_ns, sink, ctx);
	if (!err && p->sites)
		err = sites_tell(p->sites, time_ns, only_its, &only);
	ev.cost = *session_cost(p->t->s);
	return err ? err : sink(ctx, &ev);
}

static int put_model(const struct pick *p, uint64_t time_ns, event_sink_fn sink, void *ctx)
{
	const uint64_t v[] = { p->wrote.nr_events, time_ns };
	struct mtr_event ev = { .kind = MTR_EV_STATE, .time_ns = time_ns };

	ev.state = (struct mtr_ev_state){ .what = MTR_ST_MODEL, .nr = 2, .v = v };
	return sink(ctx, &ev);
}

/* From the state that has begun (p->ev) to its end; nothing else is in between. */
static int key_of_ring(void *ctx, event_sink_fn sink, void *sink_ctx)
{
	struct pick *p = ctx;
	uint64_t time_ns = p->ev.time_ns;
	int ret = put_model(p, time_ns, sink, sink_ctx);

	if (!ret)
		ret = sink(sink_ctx, &p->ev);
	while (!ret && p->ev.state.what != MTR_ST_DONE) {
		ret = trace_reader_next(p->r, &p->ev);
		if (ret <= 0 || p->ev.kind != MTR_EV_STATE)
			return ret < 0 ? ret : -EBADMSG;
		ret = sink(sink_ctx, &p->ev);
	}
	return ret ? ret : beside(p, time_ns, sink, sink_ctx);
}

static int key_of_model(void *ctx, event_sink_fn sink, void *sink_ctx)
{
	struct pick *p = ctx;
	uint64_t now = session_now(p->t->s);
	int err = put_model(p, now, sink, sink_ctx);

	if (!err)
		err = model_save_proc(session_model(p->t->s), p->want->p, now, sink, sink_ctx);
	return err ? err : beside(p, now, sink, sink_ctx);
}

/* ---- all of it */

static int take(struct pick *p)
{
	bool its = p->ev.as == p->want->p->as, first = p->ev.time_ns >= p->from_ns;

	if (p->ev.kind == MTR_EV_STATE) {
		if (!its || !first || p->ev.state.what != MTR_ST_PROC)
			return 0;
		p->begun = p->any = true;
		return trace_writer_keyframe(p->w, p->ev.time_ns, key_of_ring, p);
	}
	if (its && first && (p->ev.kind == MTR_EV_ATTACH || p->ev.kind == MTR_EV_EXEC))
		p->begun = p->any = true;
	/* the intervals go on when it has left */
	if (!p->ev.as && p->ev.time_ns >= p->until_ns)
		return 0;
	return p->begun && (its || !p->ev.as) ? put(p, &p->ev) : 0;
}

/* The end of an interval is the end of the file: what shows files goes by intervals. */
static int end(struct pick *p)
{
	struct mtr_event ev = { .kind = MTR_EV_TICK, .time_ns = boot_ns() };
	int err = 0;

	if (!p->any)
		err = trace_writer_keyframe(p->w, session_now(p->t->s), key_of_model, p);
	else /* who reads from the beginning on passes over keyframes that it does not need */
		err = beside(p, ev.time_ns, trace_writer_event, p->w);
	ev.tick.real_ns = clock_ns(CLOCK_REALTIME);
	if (!err)
		err = trace_writer_event(p->w, &ev);
	if (!err)
		err = trace_writer_flush(p->w);
	if (!err)
		err = trace_file_end(p->tf);
	p->wrote.bytes = trace_file_size(p->tf);
	return err;
}

static int read_all(struct pick *p)
{
	int ret = 0, err = 0;

	while (!err && (ret = trace_reader_next(p->r, &p->ev)) > 0)
		err = take(p);
	return err ? err : ret;
}

/* One half, from a moment to another. */
static int copy(struct pick *p, struct bb_half_of *h, uint64_t from_ns, uint64_t until_ns)
{
	int mem = memfd_create("memtrace-blackbox", MFD_CLOEXEC), err;
	struct trace_io io = { .ctx = &mem, .read_at = read_at };

	if (mem < 0)
		return -errno;
	p->from_ns = from_ns;
	p->until_ns = until_ns;
	p->begun = false;
	err = spill(h, mem);
	io.size = (uint64_t)lseek(mem, 0, SEEK_END);
	if (!err)
		err = trace_reader_open(&io, p->st, &p->r);
	if (!err)
		err = read_all(p);
	trace_reader_close(p->r);
	p->r = NULL;
	close(mem);
	return err;
}

/* Where it was before, if nothing is missing between that and what the half has in which it is now. */
static int copy_both(struct pick *p, struct bb_trace *t)
{
	const struct bb_want *want = p->want;
	struct bb_half_of *now = &t->half[want->half], *before = &t->half[!want->half];
	int err = trace_writer_flush(now->w);

	if (!err && want->moved_ns && trace_ring_begin_ns(now->ring) <= want->moved_ns)
		err = copy(p, before, want->before_ns, want->moved_ns);
	if (!err)
		err = copy(p, now, want->moved_ns, UINT64_MAX);
	return err ? err : end(p);
}

static int begin(struct pick *p, int fd)
{
	/* a flight recorder's, of one process */
	const struct opts o = { .stacks = p->stacks != NULL, .last_ns = p->t->max_ns };
	struct trace_facts facts = {};
	int err;

	session_facts(&facts, p->t->s, &o, 0);
	facts_set(&facts, "blackbox.cause", "%s", p->want->cause);
	err = trace_file_new(fd, &facts, &p->tf);
	if (err)
		return err;
	p->w = trace_writer_new(p->st, p->stacks, trace_file_chunk, p->tf);
	return p->w ? 0 : -ENOMEM;
}

int bb_trace_write(struct bb_trace *t, const struct bb_want *want, int fd,
		   struct bb_wrote *ret_wrote)
{
	struct callpaths *c = session_paths(t->s);
	struct pick p = { .t = t,
			  .want = want,
			  .st = session_model(t->s)->st,
			  .stacks = c ? callpaths_stacks(c) : NULL,
			  .sites = c ? callpaths_sites(c) : NULL };
	int err = begin(&p, fd);

	if (!err)
		err = copy_both(&p, t);
	*ret_wrote = p.wrote;
	trace_writer_free(p.w);
	trace_file_free(p.tf);
	return err;
}
