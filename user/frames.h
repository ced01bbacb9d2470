/* SPDX-License-Identifier: GPL-2.0 */
/* From unwound frames to what is shown of them: names, sizes, depths, what repeats. */
#ifndef FRAMES_H
#define FRAMES_H

#include "export/stacks.h"
#include "model/model.h"
#include "sym/sym.h"
#include "sym/unwind.h"

struct frames_span {
	uint64_t start, end; /* 0, 0: not known */
	bool grows; /* downwards: what was read of it may be old */
};

struct frames_in {
	struct syms *syms;
	struct proc *p;
	struct frames_span own; /* the thread's stack */
	const struct unwind_frame *at;
	unsigned int nr;
	bool unfolded; /* every turn of a recursion on its own */
};

/**
 * frames_own_stack() - the stack a thread was started with
 * @tls: its thread pointer: the C libraries put the thread's control block into the last page of
 *       the stack, and the kernel may have merged what lies above with it. 0: not known
 */
struct frames_span frames_own_stack(struct proc *p, const struct thread *t, uint64_t tls);

bool frames_inside(struct frames_span s, uint64_t addr);

/* frames_name() - fills frame, nr, run, nr_runs and hash of @t, for frames_free(); 0 or −ENOMEM */
int frames_name(const struct frames_in *in, struct stack_thread *t);
void frames_free(struct stack_thread *t); /* without variables: stackvars_free() */

#endif
