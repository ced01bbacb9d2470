/* SPDX-License-Identifier: GPL-2.0 */
/* Why a stack ran over, from the frames that the thread had then. */
#ifndef ANALYSIS_OVERFLOW_H
#define ANALYSIS_OVERFLOW_H

#include "event/strtab.h"
#include "model/proc.h"

enum overflow_kind {
	OVERFLOW_UNKNOWN, /* no frames, or none of them stands out */
	OVERFLOW_RECURSION, /* turns of a cycle take most of it */
	OVERFLOW_FRAME, /* one frame does */
};

struct overflow {
	enum overflow_kind kind;
	unsigned int at; /* index into frames: the cycle's first, or the large one */
	int64_t bytes; /* that it takes; −1: not known */
};

/* overflow_kind_name() - token as in --json: unknown, recursion, large_frame */
const char *overflow_kind_name(enum overflow_kind kind);

/* crash_frames_of() - frames of p->crash: their number, 0 when they are not known */
unsigned int overflow_nr_frames(const struct proc *p);

/* overflow_cause() - of p->crash, when that is an overflow. Pure */
struct overflow overflow_cause(const struct proc *p);

/**
 * overflow_text() - "endless recursion: parse → list → parse, 8110 turns of 1032 B (8.0M)"
 *
 * "" when the cause is not known. Raw bytes of the target are in it. Returns @dst.
 */
char *overflow_text(char *dst, size_t sz, const struct proc *p, const struct strtab *st,
		    bool ascii);

#endif
