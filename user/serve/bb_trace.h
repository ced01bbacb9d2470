/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The last minutes of all processes' events, within a bound of memory, and what
 * of it is one process's as a trace file.
 *
 *	quiet  │chunk│chunk│ … │chunk│ now        many processes
 *	loud   │chunk│ … │chunk│ now              those that would drive the others out
 *
 * There is no writer for each process: one takes more than a megabyte. A
 * process's state is put between the events now and then (MTR_EV_STATE, without
 * MTR_ST_MODEL); when its events are picked out, each such state becomes a keyframe,
 * and what is before the first of them is left out. Who goes from one half to the other
 * begins there with a state.
 */
#ifndef SERVE_BB_TRACE_H
#define SERVE_BB_TRACE_H

#include "growth.h"
#include "session.h"

struct bb_trace;

enum bb_half { BB_QUIET, BB_LOUD, BB_HALVES };

/* bb_trace_new() - @memory: bytes for all of it. NULL with errno set */
struct bb_trace *bb_trace_new(struct session *s, uint64_t memory, uint64_t max_ns);
void bb_trace_free(struct bb_trace *t); /* safe on NULL */

/* bb_trace_event() - keep it; of no process (as 0): in both halves. What cannot be kept is counted */
void bb_trace_event(struct bb_trace *t, enum bb_half h, const struct mtr_event *ev);
/* bb_trace_key() - the state of a process, as of the session's last interval */
void bb_trace_key(struct bb_trace *t, enum bb_half h, struct proc *p);
/* bb_trace_tick() - the loud half has what the quiet one leaves */
void bb_trace_tick(struct bb_trace *t);
/* bb_trace_rate() - events/s at which the quiet half just holds its time */
double bb_trace_rate(const struct bb_trace *t);
/* bb_trace_turn() - +1 each time that so many parts of a half as BB_KEYS were written */
#define BB_KEYS 4 /* states of a process within what is kept */
uint64_t bb_trace_turn(const struct bb_trace *t, enum bb_half h);
/* bb_trace_full() - the quiet half drops what is not old yet, or soon has to */
bool bb_trace_full(const struct bb_trace *t);

struct bb_trace_stats {
	uint64_t bytes; /* held */
	uint64_t span_ns; /* of the half that was asked for */
	uint64_t dropped; /* its events that went */
	uint64_t failed; /* events that could not be kept: memory was short */
};
struct bb_trace_stats bb_trace_stats(const struct bb_trace *t, enum bb_half h);

/* What is to be written, and what of it is known beside the events. */
struct bb_want {
	enum bb_half half; /* it is in */
	uint64_t moved_ns,
		before_ns; /* since when, and since when it was in the other one; 0: never moved */
	struct growth *g;
	struct growth_proc *gp; /* whose files names are found in; NULL: none */
	struct proc *p;
	const struct mtr_limits *limits; /* NULL: never read */
	const char *cause; /* token */
};

struct bb_wrote {
	uint64_t nr_events; /* of the process */
	uint64_t begin_ns, end_ns; /* of them */
	uint64_t bytes;
};

/* bb_trace_write() - for a process that may take its time: it reads all that is held. 0 or −errno */
int bb_trace_write(struct bb_trace *t, const struct bb_want *want, int fd,
		   struct bb_wrote *ret_wrote);

#endif
