/* SPDX-License-Identifier: GPL-2.0 */
/* Recursion as a count instead of as a thousand lines: pure functions over frames' identities. */
#ifndef ANALYSIS_STACKFOLD_H
#define ANALYSIS_STACKFOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What one frame is to this: two of the same function have the same key. */
struct fold_frame {
	uint64_t func; /* of several call sites in one function the same */
	uint64_t pc;
};

/* Frames [first, first + len) come @repeat times in a row: @first + len * repeat is the next. */
struct fold_run {
	unsigned int first;
	unsigned int len; /* functions in the cycle; 1 for a frame on its own */
	unsigned int repeat; /* 1: no recursion */
};

/* The longest cycle that is looked for, and what it takes to be one. */
#define FOLD_MAX_CYCLE 64
#define FOLD_MIN_REPEAT 3

/**
 * stackfold() - the runs of a stack, innermost first
 * @run: room for @nr of them
 *
 * Returns how many. Each takes at most FOLD_MAX_CYCLE looks at each frame.
 */
unsigned int stackfold(const struct fold_frame *f, unsigned int nr, struct fold_run *run);

/* stack_hash() - of a whole stack, to put same ones together */
uint64_t stack_hash(const uint64_t *pc, size_t stride, unsigned int nr);

#endif
