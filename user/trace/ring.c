// SPDX-License-Identifier: GPL-2.0
#include "trace/ring.h"

#include <errno.h>
#include <stdlib.h>

struct held {
	struct held *next;
	struct chunk_info ci;
	size_t len;
	uint8_t data[];
};

struct trace_ring {
	struct held *first, *last;
	uint64_t bytes, since_key;
	uint64_t max_bytes, max_ns;
	uint64_t end_ns; /* the newest event */
	uint64_t dropped; /* events */
	bool each; /* chunk by chunk */
};

struct trace_ring *trace_ring_new(uint64_t max_bytes, uint64_t max_ns)
{
	struct trace_ring *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->max_bytes = max_bytes;
	r->max_ns = max_ns;
	return r;
}

static void drop_first(struct trace_ring *r)
{
	struct held *h = r->first;

	r->first = h->next;
	if (!r->first)
		r->last = NULL;
	r->bytes -= sizeof(*h) + h->len;
	r->dropped += h->ci.nr_events;
	free(h);
}

void trace_ring_free(struct trace_ring *r)
{
	if (!r)
		return;
	while (r->first)
		drop_first(r);
	free(r);
}

static bool begins(const struct held *h)
{
	return h->ci.type == CHUNK_KEYFRAME && h->ci.flags & CHUNK_F_FIRST;
}

/* The keyframe behind the first one: where what is held could begin instead. */
static struct held *second_key(const struct trace_ring *r)
{
	struct held *h = r->first ? r->first->next : NULL;

	while (h && !begins(h))
		h = h->next;
	return h;
}

static bool too_old(const struct trace_ring *r, const struct held *key)
{
	return r->max_ns && key->ci.begin_ns + r->max_ns < r->end_ns;
}

static bool old_chunk(const struct trace_ring *r)
{
	return r->each && r->max_ns && r->first->ci.end_ns + r->max_ns < r->end_ns;
}

static void trim(struct trace_ring *r)
{
	struct held *key;

	while (!r->each && (key = second_key(r)) && (r->bytes > r->max_bytes || too_old(r, key)))
		while (r->first != key)
			drop_first(r);
	while (r->first != r->last && (r->bytes > r->max_bytes || old_chunk(r)))
		drop_first(r);
}

void trace_ring_each(struct trace_ring *r)
{
	r->each = true;
}

void trace_ring_limit(struct trace_ring *r, uint64_t max_bytes)
{
	r->max_bytes = max_bytes;
	trim(r);
}

int trace_ring_chunk(void *ctx, const struct chunk_info *ci, const uint8_t *data, size_t len)
{
	struct trace_ring *r = ctx;
	struct held *h = malloc(sizeof(*h) + len);

	if (!h)
		return -ENOMEM;
	h->next = NULL;
	h->ci = *ci;
	h->len = len;
	memcpy(h->data, data, len);
	if (r->last)
		r->last->next = h;
	else
		r->first = h;
	r->last = h;
	r->bytes += sizeof(*h) + len;
	r->since_key = ci->type == CHUNK_KEYFRAME ? 0 : r->since_key + len;
	if (ci->end_ns > r->end_ns)
		r->end_ns = ci->end_ns;
	trim(r);
	return 0;
}

int trace_ring_dump(struct trace_ring *r, trace_chunk_fn out, void *ctx)
{
	int err = 0;

	for (const struct held *h = r->first; h && !err; h = h->next)
		err = out(ctx, &h->ci, h->data, h->len);
	return err;
}

uint64_t trace_ring_bytes(const struct trace_ring *r)
{
	return r->bytes;
}

uint64_t trace_ring_since_key(const struct trace_ring *r)
{
	return r->since_key;
}

uint64_t trace_ring_dropped(const struct trace_ring *r)
{
	return r->dropped;
}

uint64_t trace_ring_begin_ns(const struct trace_ring *r)
{
	return r->first ? r->first->ci.begin_ns : 0;
}

uint64_t trace_ring_span_ns(const struct trace_ring *r)
{
	uint64_t begin = trace_ring_begin_ns(r);

	return r->end_ns > begin ? r->end_ns - begin : 0;
}
