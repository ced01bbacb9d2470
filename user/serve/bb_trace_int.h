/* SPDX-License-Identifier: GPL-2.0 */
/* Between bb_trace.c and bb_pick.c. */
#ifndef SERVE_BB_TRACE_INT_H
#define SERVE_BB_TRACE_INT_H

#include "serve/bb_trace.h"
#include "trace/ring.h"

struct bb_half_of {
	struct trace_writer *w;
	struct trace_ring *ring;
	bool broken; /* memory was short: a new writer at the next interval */
};

struct bb_trace {
	struct session *s;
	uint64_t memory, max_ns;
	uint64_t failed;
	uint64_t quiet_bytes, quiet_more; /* of the quiet half, ever; in the last interval */
	struct bb_half_of half[BB_HALVES];
};

#endif
