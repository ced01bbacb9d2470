/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Call stacks of one process, as text, as JSON (ux contract: `stacks`), folded for
 * flame graphs, or as a list of what takes most.
 */
#ifndef EXPORT_STACKS_H
#define EXPORT_STACKS_H

#include <stdio.h>
#include "analysis/stackfold.h"
#include "export/report.h"
#include "model/model.h"
#include "sym/sym.h"
#include "sym/unwind.h"
#include "sym/vars.h"

/* A variable and, if it is a pointer or has one in it, what that leads to. */
struct stack_var {
	struct sym_var v;
	const char *kind; /* region_kind_name(), "unmapped" or "null"; NULL: it is no pointer */
	char region[64]; /* "thread 12", file name; "": none */
	char symbol[128]; /* "" : none */
	int frame; /* of this stack; −1: another place */
	int64_t chunk_bytes; /* of malloc's chunk there; −1: not known */
	bool chunk_free; /* valid with chunk_bytes */
};

/* One frame; size and depth in bytes, −1: not known. */
struct stack_frame {
	struct unwind_frame at;
	const struct sym_addr *name; /* owned by syms */
	int64_t size; /* of this frame */
	int64_t depth; /* from its low end to the end of the stack */
	struct stack_var *var; /* NULL: none, or not asked for */
	unsigned int nr_vars;
	int64_t vars_bytes; /* of this frame that variables take */
};

struct stack_thread {
	uint32_t tid;
	const struct thread *model; /* name and stack; never NULL */
	const char *skipped; /* why there are no frames; NULL: there are */
	bool custom; /* it stands on a stack that is not the one it was started with */
	bool partial; /* not all registers were known: it may end early */
	int64_t stopped_ns; /* 0: was not stopped */
	enum unwind_end end;
	struct stack_frame *frame; /* innermost first */
	unsigned int nr;
	struct fold_run *run; /* covers all frames */
	unsigned int nr_runs;
	uint64_t hash; /* of the pcs */
};

/* --at: why the report was made. */
struct stacks_at {
	const char *function; /* NULL: not for that */
	const char *what; /* "call", "entry", "return" */
	unsigned int call; /* number of the call, from 1 */
};

struct stacks_report {
	struct proc *p;
	const struct model *model;
	struct stack_thread *thread; /* by tid */
	unsigned int nr;
	bool vars; /* variables were asked for */
	const struct stacks_at *at; /* NULL: not at a call of a function */
	const char *note; /* what is worse than it might be; NULL: nothing */
	uint64_t now_ns; /* CLOCK_BOOTTIME */
	uint64_t now_real_ns;
};

/* Each returns 0, −EIO when @f cannot be written, −ENOMEM. */
int stacks_json(FILE *f, const struct stacks_report *r);
int stacks_text(FILE *f, const struct stacks_report *r, const struct report_style *style);
/* stacks_largest() - frames that take most, over all threads */
int stacks_largest(FILE *f, const struct stacks_report *r, const struct report_style *style);
/* stacks_folded() - "THREAD;outermost;…;innermost BYTES" a line: each frame's own bytes */
int stacks_folded(FILE *f, const struct stacks_report *r);

/* stacks_turn_bytes() - of one turn; −1: not known, or not the same in every turn */
int64_t stacks_turn_bytes(const struct stack_thread *t, const struct fold_run *run);

#endif
