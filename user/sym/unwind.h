/* SPDX-License-Identifier: GPL-2.0 */
/*
 * From registers and a copy of the stack to frames. No frame pointers are
 * assumed: each step is what .eh_frame or .debug_frame says of that pc.
 *
 *   high   ┌──────────────┐
 *          │ main         │
 *   cfa[1] ├──────────────┤ ◄─ what the caller's stack pointer was before the call
 *          │ return addr. │
 *          │ f            │    size of f's frame: cfa[1] − cfa[0]
 *   cfa[0] ├──────────────┤
 *          │ g            │    the innermost: cfa[0] − sp
 *   sp     └──────────────┘
 *   low
 *
 * Memory is read from the copy, and constants from the files that are mapped;
 * from nowhere else. Every step must go up the stack, only a signal frame may
 * lead elsewhere: so a stack that was overwritten ends, too.
 */
#ifndef SYM_UNWIND_H
#define SYM_UNWIND_H

#include "event/stackcopy.h"
#include "sym/sym.h"

enum unwind_end {
	UNWIND_DONE, /* the outermost frame was reached */
	UNWIND_NO_CFI, /* nothing tells how this frame was built */
	UNWIND_OUTSIDE, /* the next frame is not in the copy: its address is in want */
	UNWIND_BROKEN, /* what the stack says cannot be */
	UNWIND_LIMIT, /* more frames than asked for */
};

/* unwind_end_name() - token as in --json: complete, no_cfi, truncated, broken, limit */
const char *unwind_end_name(enum unwind_end end);

struct unwind_frame {
	uint64_t pc;
	uint64_t sp; /* the stack pointer in this frame: its low end */
	uint64_t cfa; /* its high end; 0: not known, and then it is the last frame */
	bool activation; /* pc is where it runs, not where a call returns to */
	bool exact; /* pc itself belongs to the function; else look up pc − 1, the call before it */
	bool signal; /* a signal was delivered here: the frames above it are what was interrupted */
};

/* unwind_lookup() - the address by which a frame is named */
static inline uint64_t unwind_lookup(const struct unwind_frame *f)
{
	return f->pc - !f->exact;
}

struct unwind_result {
	unsigned int nr; /* frames */
	enum unwind_end end;
	uint64_t want; /* UNWIND_OUTSIDE: the address that is missing */
};

/**
 * unwind() - frames of a stack, innermost first
 * @regs: if not NULL, the registers in each frame go there: @max of them
 *
 * Takes no longer than @max steps. Cached per address: some 10 µs for a stack
 * whose addresses are new, a fraction of that later.
 */
void unwind(struct syms *s, const struct mtr_stack_copy *copy, struct unwind_frame *frame,
	    struct mtr_regs *regs, unsigned int max, struct unwind_result *ret);

#endif
