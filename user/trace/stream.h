/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A trace as it comes, in pieces of any length: what a socket gives. The bytes are those of a
 * file (header, chunks) without an end; each chunk is taken in when it is whole.
 *
 *	bytes ──► [header][facts][keyframe][events][events]…   one chunk is held at most
 *	                     │ each event, in order ──► sink
 *	                     └ chunks of types that a file does not have ──► other
 *
 * What its sender left out it says by the next chunk's count: it comes as MTR_EV_LOST, and the
 * keyframe behind it is given. Damage is no normal thing on a socket: it ends the stream.
 */
#ifndef TRACE_STREAM_H
#define TRACE_STREAM_H

#include <stdbool.h>
#include "event/event.h"
#include "event/sites.h"
#include "event/stacktab.h"
#include "event/strtab.h"
#include "trace/facts.h"
#include "trace/format.h"

struct trace_stream;

/* trace_stream_new() - @st takes the strings of the events; NULL with errno set when out of memory */
struct trace_stream *trace_stream_new(struct strtab *st);
void trace_stream_free(struct trace_stream *ts); /* safe on NULL */

/* A chunk of a type from CHUNK_TALK on: its bytes, as they are. Not 0 ends trace_stream_take(). */
typedef int (*trace_other_fn)(void *ctx, const struct chunk_info *ci, const uint8_t *data,
			      size_t len);

/**
 * trace_stream_take() - the next @n bytes
 *
 * Returns 0; −EPROTO: no trace, or a damaged one; −EPROTONOSUPPORT: of a newer memtrace; −ENOMEM;
 * or what @sink or @other returned. After anything but 0 the stream is at its end.
 */
int trace_stream_take(struct trace_stream *ts, const void *data, size_t n, event_sink_fn sink,
		      trace_other_fn other, void *ctx);

/*
 * trace_stream_want() - how many bytes the next piece lacks; never 0
 *
 * Who takes no more than that at a time can stop between two chunks, and leave the rest where it is.
 */
size_t trace_stream_want(const struct trace_stream *ts);

/* trace_stream_in_key() - the event given now, or last, is part of a keyframe */
bool trace_stream_in_key(const struct trace_stream *ts);
/* trace_stream_keys() - keyframes that were taken whole so far */
uint64_t trace_stream_keys(const struct trace_stream *ts);
/* trace_stream_missing() - events that the sender left out so far */
uint64_t trace_stream_missing(const struct trace_stream *ts);
const struct trace_facts *trace_stream_facts(const struct trace_stream *ts);
/* Of the events' call stacks, as trace_reader_stacks(); and where they hold */
struct stacktab *trace_stream_stacks(struct trace_stream *ts);
struct sites *trace_stream_sites(struct trace_stream *ts);

#endif
