/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SOURCE_DECODE_H
#define SOURCE_DECODE_H

#include <stddef.h>
#include "event/event.h"
#include "event/strtab.h"

/**
 * decode_record() - one record of the BPF ring → one event
 * @data, @sz: the record; anything may be in it, nothing outside it is read
 * @st: comms and names are interned here
 *
 * Pure. Returns 1 when @ret_ev was filled, 0 for a kind this build does not
 * know (to be skipped) and for faults, which are several to a record, −EBADMSG for a record too short for its kind.
 */
int decode_record(const void *data, size_t sz, struct strtab *st, struct mtr_event *ret_ev);

/**
 * decode_faults() - how many faults a record holds
 * @ret_seq: number of its first one among its thread's faults
 *
 * Returns −EBADMSG when it is too short for what it says; 0 for another kind of record.
 */
int decode_faults(const void *data, size_t sz, uint32_t *ret_seq);
/* decode_fault() - the @i-th fault of a record that decode_faults() took */
void decode_fault(const void *data, unsigned int i, uint32_t epoch, struct mtr_event *ret_ev);

/* decode_kind() - the event kind of a wire kind; 0 for none */
unsigned int decode_kind(unsigned int wire_kind);

/**
 * decode_stack() - a record that is a call stack; others give 0
 * @copy: filled; its bytes are those of @data, which is not changed through it
 * @ev: filled, and refers to @copy
 *
 * Returns 1, 0 for another kind, −EBADMSG.
 */
int decode_stack(const void *data, size_t sz, struct mtr_stack_copy *copy, struct mtr_event *ev);

/* decode_regs() - from the kernel's order (MTR_STACK_REGS of them) to DWARF's */
void decode_regs(const unsigned long long *wire, struct mtr_regs *ret);

#endif
