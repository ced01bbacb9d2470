/* SPDX-License-Identifier: GPL-2.0 */
/* Variables of the frames of a stack, and what each pointer among them leads to. */
#ifndef STACKVARS_H
#define STACKVARS_H

#include "export/stacks.h"
#include "source/stackcap.h"
#include "sym/vars.h"

struct stackvars {
	struct syms *syms;
	struct stackcap *cap;
	struct proc *p;
	const struct strtab *st;
	const struct mtr_stack_copy *copy; /* of the thread at hand */
	const struct stack_thread *t;
	/* as unwind() gave them: all frames of that thread and their registers */
	const struct unwind_frame *unwound;
	const struct mtr_regs *regs;
	bool values;
};

/**
 * stackvars_frame() - fill in the variables of frame number @at of @t
 *
 * Memory comes from the copy; what lies elsewhere is read from the process, if it is mapped
 * there and may be read. Returns 0 or −ENOMEM.
 */
int stackvars_frame(struct stackvars *sv, const struct stack_thread *t, unsigned int at);
void stackvars_free(struct stack_frame *f);

#endif
