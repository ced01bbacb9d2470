/* SPDX-License-Identifier: GPL-2.0 */
/* DWARF expressions, of CFI and of variables' locations: bounded, and on a copy. Inside sym/ only. */
#ifndef SYM_EXPR_H
#define SYM_EXPR_H

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "event/stackcopy.h"

typedef bool (*expr_read_fn)(void *ctx, uint64_t addr, void *buf, size_t sz);

struct expr_env {
	const struct mtr_regs *regs; /* of the frame the expression is about */
	uint64_t cfa; /* of that frame */
	bool cfa_known;
	uint64_t bias; /* of the module: added to addresses in the expression */
	expr_read_fn read;
	void *ctx;
	/* DW_OP_fbreg: the frame's base; false: not known. NULL: there is none */
	bool (*frame_base)(void *ctx, uint64_t *ret);
	/* DW_OP_entry_value of a register: what it was when the function was called. NULL: never known */
	bool (*entry_reg)(void *ctx, unsigned int reg, uint64_t *ret);
	/* DW_OP_form_tls_address, DW_OP_GNU_push_tls_address. NULL: not known */
	bool (*tls)(void *ctx, uint64_t offset, uint64_t *ret);
	Dwarf_Attribute *attr; /* where the expression comes from; NULL: CFI */
};

enum expr_kind {
	EXPR_ADDRESS, /* the object lies at value */
	EXPR_VALUE, /* the object is value: it has no address */
	EXPR_IN_REG, /* the object is in register value */
	EXPR_BYTES, /* the object is these bytes */
	EXPR_GONE, /* optimised out */
};

struct expr_piece {
	enum expr_kind kind;
	uint64_t value;
	const void *bytes; /* EXPR_BYTES: nr_bytes of them; as long as the attribute */
	size_t nr_bytes;
	size_t size; /* bytes of the object that this piece is; 0: all of it */
};

#define EXPR_MAX_PIECES 16

struct expr_result {
	struct expr_piece piece[EXPR_MAX_PIECES];
	unsigned int nr; /* at least 1 */
};

/**
 * expr_run() - what an expression says
 *
 * Returns 0; −EFAULT for memory that cannot be read, −ENODATA for what is not
 * known (a lost register, an entry value), −EINVAL for an expression that is
 * wrong or too long, −ENOTSUP for operations that are not understood.
 */
int expr_run(const struct expr_env *env, const Dwarf_Op *ops, size_t nr_ops,
	     struct expr_result *ret);

#endif
