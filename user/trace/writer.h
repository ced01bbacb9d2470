/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Events become chunks. Where these go is another's business: a file (file.h),
 * or memory that holds the last part of a recording (ring.h).
 *
 * Nothing is allocated per event: they are encoded into one buffer, which is
 * compressed and handed on when it is full or trace_writer_flush() wants it.
 */
#ifndef TRACE_WRITER_H
#define TRACE_WRITER_H

#include <stdbool.h>
#include "event/event.h"
#include "event/stacktab.h"
#include "event/strtab.h"
#include "trace/facts.h"
#include "trace/format.h"

/* Takes a chunk with its header. 0 or −errno. */
typedef int (*trace_chunk_fn)(void *ctx, const struct chunk_info *ci, const uint8_t *data,
			      size_t len);

struct trace_stats {
	uint64_t told; /* events of the process, without memtrace's own */
	uint64_t by_kind[MTR_EV_MAX]; /* all but those within keyframes */
	uint64_t lost; /* that sources said were lost */
	uint64_t raw_bytes; /* before compression */
	uint64_t bytes; /* handed on */
	uint64_t nr_chunks, nr_keyframes;
	uint64_t key_ns; /* when the last keyframe was made; 0: never */
	uint64_t key_raw; /* raw_bytes then, itself included */
	uint64_t key_sz; /* how many of those were its own */
	uint64_t key_told; /* told then */
};

struct trace_writer;

/* trace_writer_new() - the tables are those of the events (@stacks may be NULL when none has a call stack); NULL with errno set when out of memory */
struct trace_writer *trace_writer_new(struct strtab *st, struct stacktab *stacks,
				      trace_chunk_fn out, void *ctx);
void trace_writer_free(struct trace_writer *w);

/* trace_writer_event() - as event_sink_fn. 0, −ENOMEM, or what the chunk's taker returned: from then on always */
int trace_writer_event(void *w, const struct mtr_event *ev);

/* trace_writer_flush() - what was written so far can be read from now on */
int trace_writer_flush(struct trace_writer *w);

/**
 * trace_writer_keyframe() - all that somebody who begins to read here must know
 * @fill: gives MTR_EV_STATE events (model_save()) and what belongs to them to the sink
 */
int trace_writer_keyframe(struct trace_writer *w, uint64_t time_ns,
			  int (*fill)(void *ctx, event_sink_fn sink, void *sink_ctx), void *ctx);

/*
 * trace_writer_key_due() - is so much behind the last keyframe that a reader should not have to go through
 * more? Never when keyframes would become more than about half of what is written.
 */
bool trace_writer_key_due(const struct trace_writer *w, uint64_t now_ns);

const struct trace_stats *trace_writer_stats(const struct trace_writer *w);

/* trace_facts_chunk() - facts as a chunk; @out holds FACTS_CHUNK_MAX. Returns its length. */
#define FACTS_CHUNK_MAX (CHUNK_HEADER_SZ + FACTS_MAX_BYTES)
size_t trace_facts_chunk(const struct trace_facts *f, struct chunk_info *ci, uint8_t *out);

#endif
