/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A trace file as a stream of events, whatever became of it: chunks that are
 * damaged or cut off are noted and passed over, what lies behind them is found
 * again by its magic. How many events went with them is told as MTR_EV_LOST,
 * and the next keyframe (MTR_EV_STATE) puts the model right.
 *
 * The bytes come from the caller: a file, or memory in tests.
 */
#ifndef TRACE_READER_H
#define TRACE_READER_H

#include <stdbool.h>
#include <sys/types.h>
#include "event/event.h"
#include "event/stacktab.h"
#include "event/strtab.h"
#include "trace/facts.h"

struct trace_io {
	void *ctx;
	/* bytes read at @off, fewer at the end; −errno */
	ssize_t (*read_at)(void *ctx, void *buf, size_t n, uint64_t off);
	uint64_t size;
};

#define TRACE_DAMAGES 64 /* are kept; all are counted */

struct trace_damage {
	uint64_t off, len; /* bytes of the file; len 0: not known */
	const char *what;
};

struct trace_info {
	unsigned int version, min_reader;
	bool closed; /* it has its end: the recorder was not killed, and is not running */
	uint64_t begin_ns, end_ns; /* earliest and latest event, by the chunks' headers */
	uint64_t told; /* events of the process read so far */
	uint64_t by_kind[MTR_EV_MAX]; /* read so far; those of keyframes left out */
	uint64_t missing; /* events in damaged parts passed so far */
	uint64_t raw_bytes; /* read so far, decompressed */
	uint64_t nr_chunks, nr_keyframes; /* in the file */
	uint64_t nr_unknown; /* records and chunks that this reader does not know, so far */
	unsigned int nr_damages;
	struct trace_damage damage[TRACE_DAMAGES];
};

struct trace_reader;

/**
 * trace_reader_open() - header, facts, and where the chunks are
 * @io: is copied; what it points to must last
 * @st: takes the strings of the events
 *
 * Returns 0, −EPROTO: no trace file, −EPROTONOSUPPORT: made for a newer reader (see
 * ret_info), −ENOMEM, −errno of reading.
 */
int trace_reader_open(const struct trace_io *io, struct strtab *st, struct trace_reader **ret_r);
void trace_reader_close(struct trace_reader *r);

/*
 * trace_reader_next() - 1 with an event, 0 at the end, −ENOMEM, −errno of reading
 *
 * Where a call stack was recorded, the event's callstack is its id: trace_reader_stacks().
 */
int trace_reader_next(struct trace_reader *r, struct mtr_event *ev);

/**
 * trace_reader_seek() - go on reading at the last keyframe before @time_ns, or from the beginning
 *
 * The next events put the model into the state it had there. Returns 0 or −errno.
 */
int trace_reader_seek(struct trace_reader *r, uint64_t time_ns);

/*
 * trace_reader_all_keys() - give every keyframe, not only those that are needed: for who compares,
 * or writes them elsewhere. One is MTR_EV_STATEs, the first of MTR_ST_MODEL, and limits, modules, costs.
 */
void trace_reader_all_keys(struct trace_reader *r, bool on);
/* trace_reader_in_key() - the last event given was part of a keyframe */
bool trace_reader_in_key(const struct trace_reader *r);

/**
 * trace_reader_only() - pass over what is known to hold none of these
 * @kind: MTR_EV_MARK or MTR_EV_MODULE, 0: pass over nothing
 *
 * For who looks for something in all of a file: other events come still, but not all, and what is
 * missing between them is not told. Ends with a 0 and a seek.
 */
void trace_reader_only(struct trace_reader *r, unsigned int kind);

/* trace_reader_stacks() - the frames of the call stacks read so far; an id stays valid while the reader lives */
const struct stacktab *trace_reader_stacks(const struct trace_reader *r);

const struct trace_facts *trace_reader_facts(const struct trace_reader *r);
/* trace_reader_info() - what was found out so far: whole when trace_reader_next() said 0 */
const struct trace_info *trace_reader_info(const struct trace_reader *r);

#endif
