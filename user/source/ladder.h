/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The ladder: for each kind of event the best hook that this kernel allows.
 * A pure function of the probe, so that every kernel can be tried in a test.
 */
#ifndef SOURCE_LADDER_H
#define SOURCE_LADDER_H

#include "source/probe.h"

enum ladder_rung {
	RUNG_NONE, /* cannot be seen here */
	RUNG_PROC, /* read from /proc now and then */
	RUNG_TRACEPOINT, /* BTF tracepoints, perf events: a hardened kernel has these */
	RUNG_FENTRY, /* kernel functions, too */
	RUNG_MODULE, /* memtrace.ko */
};

enum ladder_event {
	LAD_MAP, /* region created, grown, split, moved to */
	LAD_PROTECT, /* re-protected in place */
	LAD_UNMAP, /* removed */
	LAD_FAULT,
	LAD_RSS, /* bytes that became resident or left */
	LAD_STACK, /* stack expansion */
	LAD_INVALIDATE, /* residency lost or moved: reclaim, MADV_*, THP, migration */
	LAD_RESIDENCY, /* what is resident, counted */
	LAD_SP, /* a thread's stack pointer */
	LAD_PROCESS, /* fork, exec, exit, threads, names */
	LAD_DEATH, /* fatal signals, OOM */
	LAD_NR
};

/* All strings are static; NULL: nothing to say. */
struct ladder_row {
	enum ladder_rung rung;
	const char *hook; /* where it is taken from */
	const char *why; /* what was decisive; NULL on the best rung */
	const char *unseen; /* what this rung does not show */
	const char *fix; /* what would lift it to a better one */
};

enum ladder_can {
	LAD_CAN, /* memtrace can trace here */
	LAD_NO_PRIVILEGE, /* not this user; the kernel could, as far as can be told */
	LAD_NO_KERNEL, /* not on this kernel */
};

struct ladder {
	enum ladder_can can;
	const char *text; /* one line: why (not) */
	const char *fix; /* a command or what to do; NULL: nothing needed, or nothing can be done */
	enum ladder_rung rung; /* RUNG_FENTRY, RUNG_TRACEPOINT, or RUNG_NONE */
	bool assumed; /* without privilege: what may be loaded could not be tried */
	struct ladder_row row[LAD_NR];
};

void ladder_choose(const struct probe *p, struct ladder *ret_ladder);

/* Tokens, as --json has them, and titles for people; static storage. */
const char *ladder_rung_name(enum ladder_rung rung);
const char *ladder_event_name(enum ladder_event ev);
const char *ladder_event_title(enum ladder_event ev);

#endif
