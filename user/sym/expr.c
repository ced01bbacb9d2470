// SPDX-License-Identifier: GPL-2.0
#include "sym/expr.h"

#include <dwarf.h>
#include <errno.h>
#include <string.h>

#define DEPTH 64
#define MAX_STEPS 10000

struct run {
	const struct expr_env *env;
	uint64_t st[DEPTH];
	unsigned int nr; /* on the stack */
	enum expr_kind kind; /* of what the stack's top says, as far as it is run */
	const void *bytes;
	size_t nr_bytes;
	struct expr_result *out;
};

static int push(struct run *r, uint64_t v)
{
	if (r->nr == DEPTH)
		return -EINVAL;
	r->st[r->nr++] = v;
	return 0;
}

static int reg(const struct run *r, uint64_t no, uint64_t *ret)
{
	if (no >= MTR_NR_REGS || !(r->env->regs->valid >> no & 1))
		return -ENODATA;
	*ret = r->env->regs->r[no];
	return 0;
}

static int push_reg(struct run *r, uint64_t no, uint64_t off)
{
	uint64_t v;
	int err = reg(r, no, &v);

	return err ? err : push(r, v + off);
}

static int deref(struct run *r, size_t sz)
{
	uint64_t v = 0;

	if (!r->nr || !sz || sz > 8)
		return -EINVAL;
	if (!r->env->read || !r->env->read(r->env->ctx, r->st[r->nr - 1], &v, sz))
		return -EFAULT;
	r->st[r->nr - 1] = v;
	return 0;
}

static int unary(struct run *r, const Dwarf_Op *op)
{
	uint64_t *top;

	if (!r->nr)
		return -EINVAL;
	top = &r->st[r->nr - 1];
	switch (op->atom) {
	case DW_OP_abs:
		*top = (int64_t)*top < 0 ? 0 - *top : *top;
		return 0;
	case DW_OP_neg:
		*top = 0 - *top;
		return 0;
	case DW_OP_not:
		*top = ~*top;
		return 0;
	case DW_OP_plus_uconst:
		*top += op->number;
		return 0;
	}
	return -ENOTSUP;
}

static int divide(uint8_t atom, uint64_t a, uint64_t b, uint64_t *ret)
{
	if (!b)
		return -EINVAL;
	if (atom == DW_OP_mod)
		*ret = a % b;
	else if ((int64_t)b == -1)
		*ret = 0 - a;
	else
		*ret = (uint64_t)((int64_t)a / (int64_t)b);
	return 0;
}

static bool compare(uint8_t atom, int64_t a, int64_t b)
{
	switch (atom) {
	case DW_OP_le:
		return a <= b;
	case DW_OP_ge:
		return a >= b;
	case DW_OP_eq:
		return a == b;
	case DW_OP_lt:
		return a < b;
	case DW_OP_gt:
		return a > b;
	}
	return a != b;
}

static int binary(struct run *r, uint8_t atom)
{
	uint64_t a, b, *to;

	if (r->nr < 2)
		return -EINVAL;
	b = r->st[--r->nr];
	to = &r->st[r->nr - 1];
	a = *to;
	switch (atom) {
	case DW_OP_and:
		*to = a & b;
		return 0;
	case DW_OP_or:
		*to = a | b;
		return 0;
	case DW_OP_xor:
		*to = a ^ b;
		return 0;
	case DW_OP_plus:
		*to = a + b;
		return 0;
	case DW_OP_minus:
		*to = a - b;
		return 0;
	case DW_OP_mul:
		*to = a * b;
		return 0;
	case DW_OP_div:
	case DW_OP_mod:
		return divide(atom, a, b, to);
	case DW_OP_shl:
		*to = b < 64 ? a << b : 0;
		return 0;
	case DW_OP_shr:
		*to = b < 64 ? a >> b : 0;
		return 0;
	case DW_OP_shra:
		*to = (uint64_t)((int64_t)a >> (b < 63 ? b : 63));
		return 0;
	}
	*to = compare(atom, (int64_t)a, (int64_t)b);
	return 0;
}

static int shuffle(struct run *r, const Dwarf_Op *op)
{
	uint64_t n = op->number, *top = &r->st[r->nr], t;

	switch (op->atom) {
	case DW_OP_dup:
		return r->nr ? push(r, top[-1]) : -EINVAL;
	case DW_OP_drop:
		if (!r->nr)
			return -EINVAL;
		r->nr--;
		return 0;
	case DW_OP_over:
		return r->nr > 1 ? push(r, top[-2]) : -EINVAL;
	case DW_OP_pick:
		return n < r->nr ? push(r, top[-1 - (int64_t)n]) : -EINVAL;
	case DW_OP_swap:
		if (r->nr < 2)
			return -EINVAL;
		t = top[-1];
		top[-1] = top[-2];
		top[-2] = t;
		return 0;
	}
	/* DW_OP_rot */
	if (r->nr < 3)
		return -EINVAL;
	t = top[-1];
	top[-1] = top[-2];
	top[-2] = top[-3];
	top[-3] = t;
	return 0;
}

/* DW_OP_entry_value: only that of a register can be told. */
static int entry_value(struct run *r, const Dwarf_Op *op)
{
	const struct expr_env *e = r->env;
	Dwarf_Attribute inner;
	Dwarf_Op *ops;
	uint64_t v;
	size_t nr;

	if (!e->attr || !e->entry_reg || dwarf_getlocation_attr(e->attr, op, &inner) ||
	    dwarf_getlocation(&inner, &ops, &nr) || nr != 1)
		return -ENODATA;
	if (ops->atom < DW_OP_reg0 || ops->atom > DW_OP_reg31 ||
	    !e->entry_reg(e->ctx, ops->atom - DW_OP_reg0, &v))
		return -ENODATA;
	return push(r, v);
}

static int frame_ops(struct run *r, const Dwarf_Op *op)
{
	const struct expr_env *e = r->env;
	uint64_t v;

	switch (op->atom) {
	case DW_OP_fbreg:
		if (!e->frame_base || !e->frame_base(e->ctx, &v))
			return -ENODATA;
		return push(r, v + op->number);
	case DW_OP_call_frame_cfa:
		return e->cfa_known ? push(r, e->cfa) : -ENODATA;
	case DW_OP_form_tls_address:
	case DW_OP_GNU_push_tls_address:
		if (!r->nr || !e->tls || !e->tls(e->ctx, r->st[r->nr - 1], &v))
			return -ENODATA;
		r->st[r->nr - 1] = v;
		return 0;
	}
	return entry_value(r, op);
}

/* Operations that end a location, or one piece of it. */
static int describe(struct run *r, const Dwarf_Op *op)
{
	Dwarf_Block block;

	if (op->atom >= DW_OP_reg0 && op->atom <= DW_OP_reg31) {
		r->kind = EXPR_IN_REG;
		return push(r, op->atom - DW_OP_reg0);
	}
	switch (op->atom) {
	case DW_OP_regx:
		r->kind = EXPR_IN_REG;
		return push(r, op->number);
	case DW_OP_stack_value:
		r->kind = EXPR_VALUE;
		return 0;
	case DW_OP_implicit_value:
		if (!r->env->attr || dwarf_getlocation_implicit_value(r->env->attr, op, &block))
			return -EINVAL;
		r->kind = EXPR_BYTES;
		r->bytes = block.data;
		r->nr_bytes = block.length;
		return push(r, 0);
	}
	return -ENOTSUP; /* implicit pointers */
}

static int end_piece(struct run *r, size_t size)
{
	struct expr_piece *p = &r->out->piece[r->out->nr];

	if (r->out->nr == EXPR_MAX_PIECES)
		return -EINVAL;
	r->out->nr++;
	*p = (struct expr_piece){ .kind = r->kind, .size = size };
	if (!r->nr) {
		p->kind = EXPR_GONE;
		return 0;
	}
	p->value = r->st[--r->nr];
	p->bytes = r->bytes;
	p->nr_bytes = r->nr_bytes;
	r->kind = EXPR_ADDRESS;
	return 0;
}

static int piece(struct run *r, const Dwarf_Op *op)
{
	if (op->atom == DW_OP_piece)
		return op->number && op->number < 1 << 20 ? end_piece(r, op->number) : -EINVAL;
	/* whole bytes from the beginning of what is described */
	if (op->number % 8 || op->number2 || !op->number || op->number > 8 << 20)
		return -ENOTSUP;
	return end_piece(r, op->number / 8);
}

static int constants(struct run *r, const Dwarf_Op *op)
{
	if (op->atom >= DW_OP_lit0 && op->atom <= DW_OP_lit31)
		return push(r, op->atom - DW_OP_lit0);
	switch (op->atom) {
	case DW_OP_addr:
		return push(r, op->number + r->env->bias);
	case DW_OP_const1u:
	case DW_OP_const2u:
	case DW_OP_const4u:
	case DW_OP_const8u:
	case DW_OP_constu:
	case DW_OP_const1s:
	case DW_OP_const2s:
	case DW_OP_const4s:
	case DW_OP_const8s:
	case DW_OP_consts:
		return push(r, op->number);
	case DW_OP_addrx:
	case DW_OP_GNU_addr_index: {
		Dwarf_Attribute a;
		Dwarf_Addr v;

		if (!r->env->attr || dwarf_getlocation_attr(r->env->attr, op, &a) ||
		    dwarf_formaddr(&a, &v))
			return -ENODATA;
		return push(r, v + r->env->bias);
	}
	case DW_OP_constx:
	case DW_OP_GNU_const_index: {
		Dwarf_Attribute a;
		Dwarf_Word v;

		if (!r->env->attr || dwarf_getlocation_attr(r->env->attr, op, &a) ||
		    dwarf_formudata(&a, &v))
			return -ENODATA;
		return push(r, v);
	}
	}
	return describe(r, op);
}

/* Typed operations, as compilers use them for plain integers. */
static int typed(struct run *r, const Dwarf_Op *op)
{
	switch (op->atom) {
	case DW_OP_deref_type:
	case DW_OP_GNU_deref_type:
		return deref(r, op->number);
	case DW_OP_regval_type:
	case DW_OP_GNU_regval_type:
		return push_reg(r, op->number, 0);
	case DW_OP_convert:
	case DW_OP_GNU_convert:
	case DW_OP_reinterpret:
	case DW_OP_GNU_reinterpret:
		return -ENOTSUP;
	}
	return constants(r, op);
}

static int one(struct run *r, const Dwarf_Op *op)
{
	if (op->atom >= DW_OP_breg0 && op->atom <= DW_OP_breg31)
		return push_reg(r, op->atom - DW_OP_breg0, op->number);
	switch (op->atom) {
	case DW_OP_nop:
		return 0;
	case DW_OP_bregx:
		return push_reg(r, op->number, op->number2);
	case DW_OP_deref:
		return deref(r, 8);
	case DW_OP_deref_size:
		return deref(r, op->number);
	case DW_OP_dup:
	case DW_OP_drop:
	case DW_OP_over:
	case DW_OP_pick:
	case DW_OP_swap:
	case DW_OP_rot:
		return shuffle(r, op);
	case DW_OP_abs:
	case DW_OP_neg:
	case DW_OP_not:
	case DW_OP_plus_uconst:
		return unary(r, op);
	case DW_OP_fbreg:
	case DW_OP_call_frame_cfa:
	case DW_OP_form_tls_address:
	case DW_OP_GNU_push_tls_address:
	case DW_OP_entry_value:
	case DW_OP_GNU_entry_value:
		return frame_ops(r, op);
	case DW_OP_piece:
	case DW_OP_bit_piece:
		return piece(r, op);
	}
	if (op->atom >= DW_OP_and && op->atom <= DW_OP_xor)
		return binary(r, op->atom);
	if (op->atom >= DW_OP_eq && op->atom <= DW_OP_ne)
		return binary(r, op->atom);
	return typed(r, op);
}

/* Where a jump goes: the operation at a byte offset. */
static int jump(const Dwarf_Op *ops, size_t nr, const Dwarf_Op *from, size_t *ret_i)
{
	/* offsets count from behind the jump, which is three bytes long */
	uint64_t to = from->offset + 3 + (uint64_t)(int16_t)from->number;

	for (size_t i = 0; i < nr; i++) {
		if (ops[i].offset != to)
			continue;
		*ret_i = i;
		return 0;
	}
	*ret_i = nr; /* to its end */
	return to > ops[nr - 1].offset ? 0 : -EINVAL;
}

int expr_run(const struct expr_env *env, const Dwarf_Op *ops, size_t nr_ops,
	     struct expr_result *ret)
{
	struct run r = { .env = env, .out = ret, .kind = EXPR_ADDRESS };
	int err;

	ret->nr = 0;
	for (size_t i = 0, steps = 0; i < nr_ops; steps++) {
		const Dwarf_Op *op = &ops[i++];
		bool taken = op->atom == DW_OP_skip;

		if (steps > MAX_STEPS)
			return -EINVAL;
		if (op->atom == DW_OP_bra) {
			if (!r.nr)
				return -EINVAL;
			taken = r.st[--r.nr];
		}
		if (op->atom == DW_OP_bra || op->atom == DW_OP_skip)
			err = taken ? jump(ops, nr_ops, op, &i) : 0;
		else
			err = one(&r, op);
		if (err)
			return err;
	}
	if (ret->nr)
		return 0;
	return end_piece(&r, 0);
}
