/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Interned call stacks: one table a stream. An id each, frames linked to their
 * callers, so that a thousand paths through main() hold main() once.
 *
 *	main ◄── serve ◄── parse ◄── malloc     an id names a frame and with it all its callers
 *	             ▲──── reply ◄── malloc
 *
 * Frames are addresses to look up (of a call: one that lies in it, see
 * unwind()), no names: they mean something in the address space of the event that
 * has the stack. Ids stay valid for the table's life; 0 is no stack.
 */
#ifndef EVENT_STACKTAB_H
#define EVENT_STACKTAB_H

#include <stdint.h>

#define STACKTAB_MAX_FRAMES 256

struct stacktab;

/* stacktab_new() - an empty table; NULL with errno set when out of memory */
struct stacktab *stacktab_new(void);
void stacktab_free(struct stacktab *t);

/**
 * stacktab_intern() - the id of a call stack, which is added when new
 * @pc: innermost first
 * @nr: at most STACKTAB_MAX_FRAMES, the innermost, are kept
 *
 * Returns 0 for an empty stack and when out of memory.
 */
uint32_t stacktab_intern(struct stacktab *t, const uint64_t *pc, unsigned int nr);

/**
 * stacktab_call() - the id of a stack with one more frame on its inner end
 * @caller: id of the others; 0: this is the outermost
 *
 * Returns 0 when out of memory, and when there are STACKTAB_MAX_FRAMES already.
 */
uint32_t stacktab_call(struct stacktab *t, uint32_t caller, uint64_t pc);

/* stacktab_frames() - the frames of a stack, innermost first: how many there are, of which @max are filled in */
unsigned int stacktab_frames(const struct stacktab *t, uint32_t id, uint64_t *pc, unsigned int max);
/* stacktab_caller() - the id of a stack without its innermost frame; 0: there is none */
uint32_t stacktab_caller(const struct stacktab *t, uint32_t id);
/* stacktab_pc() - its innermost frame; 0: there is none */
uint64_t stacktab_pc(const struct stacktab *t, uint32_t id);
/* stacktab_depth() - how many frames it has */
unsigned int stacktab_depth(const struct stacktab *t, uint32_t id);
/* stacktab_nr() - frames that are held */
uint32_t stacktab_nr(const struct stacktab *t);

/*
 * For who runs for months: stacktab_keep() what is still in use, each with its callers, then
 * stacktab_sweep() takes the rest. Its ids have no frames from then on, and are never given again.
 */
void stacktab_keep(struct stacktab *t, uint32_t id);
void stacktab_sweep(struct stacktab *t);

#endif
