/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Variables and parameters of a frame as DWARF describes them: name, type as
 * it is written in the language, size, place and value. Memory is read through
 * the caller, who has the copy of the stack and decides what else may be read.
 */
#ifndef SYM_VARS_H
#define SYM_VARS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "event/stackcopy.h"
#include "sym/sym.h"
#include "sym/unwind.h"

typedef bool (*vars_read_fn)(void *ctx, uint64_t addr, void *buf, size_t sz);

#define SYM_VAR_VALUE 240

enum sym_var_place {
	VAR_MEMORY, /* at addr */
	VAR_REGISTER, /* in registers or computed: it has no address */
	VAR_GONE, /* optimised out here, or not described */
};

struct sym_var {
	char *name; /* as in the source */
	char *type;
	uint64_t size; /* bytes; 0: not known */
	uint64_t addr; /* VAR_MEMORY */
	enum sym_var_place place;
	bool param;
	bool inner; /* a pointer inside of the last one that is not: name is the path to it, ".next" */
	unsigned int level; /* of inlined calls: index into sym_addr.name */
	char *value; /* NULL: none, or not asked for */
	/* what it points to: a pointer, or the parts of a string, vector or box */
	bool points;
	uint64_t target; /* address */
	int64_t used, room; /* bytes used and reserved there; −1: not known */
};

struct sym_vars {
	struct sym_var *var;
	unsigned int nr;
};

struct vars_env {
	struct syms *s;
	vars_read_fn read;
	void *ctx;
	bool values; /* false: no value is read but what pointers point to */
};

/**
 * syms_vars() - the variables in scope at a frame, those of inlined calls last
 *
 * Behind each those pointers, strings and the like that it has inside.
 *
 * @f, @regs: the frame and its registers from unwind(), and behind them those of its callers
 * @nr: how many there are
 *
 * Returns 0, also when nothing is described, or −ENOMEM.
 */
int syms_vars(const struct vars_env *env, const struct unwind_frame *f, const struct mtr_regs *regs,
	      unsigned int nr, struct sym_vars *ret);
void syms_vars_free(struct sym_vars *v);

#endif
