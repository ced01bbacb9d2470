/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A thread at one moment, as plain bytes: its registers and a copy of its
 * stack. What takes one (source/) and what makes frames of it (sym/) share
 * nothing else: neither looks at the thread again. No functions.
 */
#ifndef EVENT_STACKCOPY_H
#define EVENT_STACKCOPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Numbered as in DWARF for x86-64: 0 rax 1 rdx 2 rcx 3 rbx 4 rsi 5 rdi 6 rbp 7 rsp 8–15 r8–r15 16 pc */
#define MTR_REG_BP 6
#define MTR_REG_SP 7
#define MTR_REG_PC 16
#define MTR_NR_REGS 17

struct mtr_regs {
	uint64_t r[MTR_NR_REGS];
	uint32_t valid; /* bit n: r[n] is known */
};

/* The second part is for a handler on an alternate stack: what was interrupted is elsewhere. */
#define MTR_STACK_PARTS 2

struct mtr_stack_part {
	uint64_t addr; /* where data[0] was */
	size_t size; /* bytes */
	uint8_t *data;
};

struct mtr_stack_copy {
	struct mtr_regs regs;
	struct mtr_stack_part part[MTR_STACK_PARTS]; /* by use; size 0: none */
};

#endif
