/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The beginning of an endless recursion whose middle was not copied.
 *
 *   high │ main, and what it called │ part[1] of the copy
 *        │ turn                     │
 *        ├──────────────────────────┤
 *        │ turn, turn, turn …       │ not copied
 *        ├──────────────────────────┤
 *        │ turn                     │ part[0]
 *        │ turn                     │
 *   sp   │ where it ended           │
 *
 * When the last turns in part[0] have one size and one order of calls, and a
 * frame so many turns further up, in part[1], is the same in turn and leads to
 * the outermost frame, then what is between can only be turns of that kind:
 * their number is reckoned, and their frames are filled in.
 */
#ifndef SYM_TURNS_H
#define SYM_TURNS_H

#include "sym/unwind.h"

/**
 * turns_across() - go on beyond the hole in a copy
 * @frame, @regs: as unwind() gave them, with room for @max
 * @ret: unwind()'s result, UNWIND_OUTSIDE; changed when it could be done
 *
 * Returns how many frames were filled in without having been seen; 0: it could not be done.
 */
unsigned int turns_across(struct syms *s, const struct mtr_stack_copy *copy,
			  struct unwind_frame *frame, struct mtr_regs *regs, unsigned int max,
			  struct unwind_result *ret);

#endif
