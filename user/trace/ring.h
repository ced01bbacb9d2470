/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A flight recorder's memory: the last chunks of a recording.
 *
 *   [key … … …][key … …][key … … … …][key … now
 *    dropped as a whole: what is left begins with a keyframe
 *
 * The bound holds in any case: when one stretch alone is too long for it, its
 * first chunks go, and the reader finds its feet at the next keyframe. Who can begin
 * at any chunk has trace_ring_each(): they go one by one.
 */
#ifndef TRACE_RING_H
#define TRACE_RING_H

#include "trace/writer.h"

struct trace_ring;

/* trace_ring_new() - @max_ns 0: however old. NULL with errno set when out of memory */
struct trace_ring *trace_ring_new(uint64_t max_bytes, uint64_t max_ns);
void trace_ring_free(struct trace_ring *r);
/* trace_ring_chunk() - a trace_chunk_fn that keeps a copy */
int trace_ring_chunk(void *r, const struct chunk_info *ci, const uint8_t *data, size_t len);
/* trace_ring_each() - keyframes play no part: what is too much or too old goes chunk by chunk */
void trace_ring_each(struct trace_ring *r);
/* trace_ring_limit() - another bound from now on */
void trace_ring_limit(struct trace_ring *r, uint64_t max_bytes);
/* trace_ring_dump() - what is held, oldest first */
int trace_ring_dump(struct trace_ring *r, trace_chunk_fn out, void *ctx);

uint64_t trace_ring_bytes(const struct trace_ring *r);
/* trace_ring_since() - since the last keyframe: bytes held */
uint64_t trace_ring_since_key(const struct trace_ring *r);
/* trace_ring_begin_ns() - the oldest event held; 0: none is */
uint64_t trace_ring_begin_ns(const struct trace_ring *r);
/* trace_ring_dropped() - events of the chunks that went */
uint64_t trace_ring_dropped(const struct trace_ring *r);
/* trace_ring_span_ns() - from the oldest event held to the newest */
uint64_t trace_ring_span_ns(const struct trace_ring *r);

#endif
