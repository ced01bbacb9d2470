// SPDX-License-Identifier: GPL-2.0
#include "serve/bb_trace.h"

#include <errno.h>
#include <stdlib.h>

#include "serve/bb_trace_int.h"
#include "util/clock.h"

/* What a writer takes: its buffers and those of zstd. Measured: 1.15 MiB */
#define WRITER_SZ (5u << 18)
#define LEAST (1u << 20) /* a ring that holds less tells nothing */
#define EVENT_SZ 8.0 /* bytes of an event in the ring, as long as none is known */

static int open_half(struct bb_trace *t, struct bb_half_of *h, uint64_t bytes, uint64_t max_ns)
{
	struct callpaths *c = session_paths(t->s);

	h->ring = trace_ring_new(bytes, max_ns);
	if (!h->ring)
		return -ENOMEM;
	trace_ring_each(h->ring);
	h->w = trace_writer_new(session_model(t->s)->st, c ? callpaths_stacks(c) : NULL,
				trace_ring_chunk, h->ring);
	return h->w ? 0 : -ENOMEM;
}

struct bb_trace *bb_trace_new(struct session *s, uint64_t memory, uint64_t max_ns)
{
	struct bb_trace *t = calloc(1, sizeof(*t));
	int err = 0;

	if (!t)
		return NULL;
	t->s = s;
	t->max_ns = max_ns;
	t->memory = memory > BB_HALVES * WRITER_SZ + LEAST ? memory - BB_HALVES * WRITER_SZ : LEAST;
	for (unsigned int i = 0; i < BB_HALVES && !err; i++)
		err = open_half(t, &t->half[i], t->memory / BB_HALVES, max_ns);
	if (!err)
		return t;
	bb_trace_free(t);
	errno = -err;
	return NULL;
}

void bb_trace_free(struct bb_trace *t)
{
	if (!t)
		return;
	for (unsigned int i = 0; i < BB_HALVES; i++) {
		trace_writer_free(t->half[i].w);
		trace_ring_free(t->half[i].ring);
	}
	free(t);
}

/* A writer keeps its first error for good: it is replaced, and what it had not handed on is gone. */
static void renew(struct bb_trace *t, struct bb_half_of *h)
{
	struct callpaths *c = session_paths(t->s);
	struct trace_writer *w = trace_writer_new(
		session_model(t->s)->st, c ? callpaths_stacks(c) : NULL, trace_ring_chunk, h->ring);

	if (!w)
		return;
	if (h == &t->half[BB_QUIET])
		t->quiet_bytes = 0;
	trace_writer_free(h->w);
	h->w = w;
	h->broken = false;
}

static void keep(struct bb_trace *t, struct bb_half_of *h, const struct mtr_event *ev)
{
	if (h->broken || trace_writer_event(h->w, ev)) {
		h->broken = true;
		t->failed++;
	}
}

void bb_trace_event(struct bb_trace *t, enum bb_half h, const struct mtr_event *ev)
{
	if (ev->as) {
		keep(t, &t->half[h], ev);
		return;
	}
	for (unsigned int i = 0; i < BB_HALVES; i++)
		keep(t, &t->half[i], ev);
}

static int keep_state(void *ctx, const struct mtr_event *ev)
{
	return trace_writer_event(ctx, ev);
}

void bb_trace_key(struct bb_trace *t, enum bb_half h, struct proc *p)
{
	struct bb_half_of *half = &t->half[h];

	if (half->broken ||
	    model_save_proc(session_model(t->s), p, session_now(t->s), keep_state, half->w)) {
		half->broken = true;
		t->failed++;
	}
}

void bb_trace_tick(struct bb_trace *t)
{
	uint64_t quiet = trace_ring_bytes(t->half[BB_QUIET].ring);

	for (unsigned int i = 0; i < BB_HALVES; i++)
		if (t->half[i].broken)
			renew(t, &t->half[i]);
	t->quiet_more = trace_writer_stats(t->half[BB_QUIET].w)->bytes - t->quiet_bytes;
	t->quiet_bytes += t->quiet_more;
	trace_ring_limit(t->half[BB_LOUD].ring, quiet < t->memory ? t->memory - quiet : 0);
}

double bb_trace_rate(const struct bb_trace *t)
{
	const struct trace_stats *st = trace_writer_stats(t->half[BB_QUIET].w);
	double secs = (double)t->max_ns / (double)NSEC_PER_SEC;
	double room = (double)t->memory / BB_HALVES;
	double each = st->told > 10000 ? (double)st->bytes / (double)st->told : EVENT_SZ;

	return room / each / (secs > 1 ? secs : 1);
}

uint64_t bb_trace_turn(const struct bb_trace *t, enum bb_half h)
{
	return trace_writer_stats(t->half[h].w)->bytes / (t->memory / BB_HALVES / BB_KEYS);
}

bool bb_trace_full(const struct bb_trace *t)
{
	uint64_t half = t->memory / BB_HALVES, soon = 3 * t->quiet_more;

	return trace_ring_bytes(t->half[BB_QUIET].ring) + soon > half - half / 8;
}

struct bb_trace_stats bb_trace_stats(const struct bb_trace *t, enum bb_half h)
{
	struct bb_trace_stats st = { .failed = t->failed,
				     .span_ns = trace_ring_span_ns(t->half[h].ring),
				     .dropped = trace_ring_dropped(t->half[h].ring) };

	for (unsigned int i = 0; i < BB_HALVES; i++)
		st.bytes += trace_ring_bytes(t->half[i].ring);
	return st;
}
