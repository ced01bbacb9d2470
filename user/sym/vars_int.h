/* SPDX-License-Identifier: GPL-2.0 */
/* Shared by vars.c and entry.c. */
#ifndef SYM_VARS_INT_H
#define SYM_VARS_INT_H

#include <elfutils/libdw.h>
#include "sym/expr.h"
#include "sym/vars.h"

/* One frame being looked at. */
struct look {
	const struct vars_env *env;
	const struct unwind_frame *f; /* f[1] is its caller, if nr > 1 */
	const struct mtr_regs *regs; /* likewise */
	unsigned int nr;
	uint64_t bias; /* address − address in the debug file */
	uint64_t pc; /* to look up, as in the debug file */
	Dwarf_Die cu, fn;
	int depth; /* of calls that were followed outwards for entry values */
	struct sym_vars *out;
	unsigned int room;
	bool no_memory;
};

/* look_at() - find the function of @l->f; false: DWARF does not describe it */
bool look_at(struct look *l);
/* look_env() - what expressions in that frame are run with */
struct expr_env look_env(struct look *l, Dwarf_Attribute *attr);

/* look_add() - one more variable, so far nowhere; NULL: no room, or no @name */
struct sym_var *look_add(struct look *l, const char *name, Dwarf_Die *type);
void look_drop(struct look *l); /* the last one again */
/* look_describe() - value and target of one from its bytes */
void look_describe(struct look *l, Dwarf_Die *type, const uint8_t *data, size_t sz,
		   struct sym_var *v);
/* inner_find() - the pointers inside of variable number @of, added behind it */
void inner_find(struct look *l, Dwarf_Die *type, const uint8_t *data, size_t sz, unsigned int of);

/*
 * entry_reg() - what a register was when the function of @ctx was called, as expr_env has it
 *
 * A parameter that is not needed any more is in no register; but the caller may
 * still know what it passed, and its DWARF says how.
 */
bool entry_reg(void *ctx, unsigned int reg, uint64_t *ret);

#endif
