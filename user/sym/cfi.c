// SPDX-License-Identifier: GPL-2.0
#include "sym/cfi.h"

#include <dwarf.h>
#include <limits.h>
#include <stdlib.h>
#include "sym/elfmod.h"

/* DWARF's numbers of x86-64 */
#define REG_RAX 0
#define REG_RBX 3

void cfi_fini(struct cfi_cache *c)
{
	struct cfi_row *r, *tmp;

	HASH_ITER(hh, c->rows, r, tmp) {
		HASH_DEL(c->rows, r);
		free(r->frame);
		free(r);
	}
	c->nr = 0;
}

static bool fits(Dwarf_Sword v)
{
	return v >= INT_MIN && v <= INT_MAX;
}

/* The shapes that compilers write; all others stay expressions. */
static bool simple_cfa(const Dwarf_Op *ops, size_t nr, struct cfi_row *row)
{
	if (nr != 1 || !fits((Dwarf_Sword)ops->number))
		return false;
	if (ops->atom == DW_OP_bregx && ops->number < MTR_NR_REGS &&
	    fits((Dwarf_Sword)ops->number2)) {
		row->cfa_reg = (uint8_t)ops->number;
		row->cfa_off = (int32_t)ops->number2;
		return true;
	}
	if (ops->atom < DW_OP_breg0 || ops->atom >= DW_OP_breg0 + MTR_NR_REGS)
		return false;
	row->cfa_reg = (uint8_t)(ops->atom - DW_OP_breg0);
	row->cfa_off = (int32_t)ops->number;
	return true;
}

static struct cfi_rule simple_rule(const Dwarf_Op *ops, size_t nr)
{
	struct cfi_rule rule = { .how = CFI_EXPR };
	size_t i = 1;

	if (nr == 1 && ops->atom == DW_OP_regx && ops->number < MTR_NR_REGS)
		return (struct cfi_rule){ CFI_REG, (int32_t)ops->number };
	if (nr == 1 && ops->atom >= DW_OP_reg0 && ops->atom < DW_OP_reg0 + MTR_NR_REGS)
		return (struct cfi_rule){ CFI_REG, ops->atom - DW_OP_reg0 };
	if (!nr || ops->atom != DW_OP_call_frame_cfa)
		return rule;
	if (i < nr && ops[i].atom == DW_OP_plus_uconst) {
		/* an offset below the CFA comes as a number that wraps */
		if (!fits((Dwarf_Sword)ops[i].number))
			return rule;
		rule.off = (int32_t)ops[i++].number;
	}
	if (i == nr)
		rule.how = CFI_AT_CFA;
	else if (i + 1 == nr && ops[i].atom == DW_OP_stack_value)
		rule.how = CFI_CFA;
	return rule;
}

static struct cfi_rule rule_of(Dwarf_Frame *frame, int reg)
{
	struct cfi_rule rule = { .how = CFI_UNDEF };
	Dwarf_Op mem[3], *ops;
	size_t nr;

	if (dwarf_frame_register(frame, reg, mem, &ops, &nr))
		return rule;
	if (nr)
		return simple_rule(ops, nr);
	if (!ops)
		rule.how = CFI_SAME;
	return rule;
}

static void fill(struct cfi_row *row, Dwarf_Frame *frame)
{
	bool keep = false;
	Dwarf_Op *ops;
	size_t nr;
	int ra;

	ra = dwarf_frame_info(frame, NULL, NULL, &row->signal);
	if (ra < 0 || ra >= MTR_NR_REGS || dwarf_frame_cfa(frame, &ops, &nr) || !nr) {
		free(frame);
		return;
	}
	row->ra = (uint8_t)ra;
	row->cfa_expr = !simple_cfa(ops, nr, row);
	keep = row->cfa_expr;
	for (int i = 0; i < MTR_NR_REGS; i++) {
		row->reg[i] = rule_of(frame, i);
		keep |= row->reg[i].how == CFI_EXPR;
	}
	/*
	 * What CFI is silent about follows from the ABI: rbx is kept by who is called, rax is
	 * not. elfutils has it the other way round (0 and 3 mixed up, seen in 0.188).
	 */
	if (row->reg[REG_RBX].how == CFI_UNDEF)
		row->reg[REG_RBX].how = CFI_SAME;
	if (row->reg[REG_RAX].how == CFI_SAME)
		row->reg[REG_RAX].how = CFI_UNDEF;
	row->known = true;
	if (keep)
		row->frame = frame;
	else
		free(frame);
}

static Dwarf_Frame *find(struct elfmod *m, uint64_t addr)
{
	struct cfi_cache *c = &m->cfi;
	Dwarf_Frame *frame;

	if (!c->tried_eh) {
		c->tried_eh = true;
		c->eh = dwfl_module_eh_cfi(m->mod, &c->eh_bias);
	}
	if (c->eh && !dwarf_cfi_addrframe(c->eh, addr - c->eh_bias, &frame))
		return frame;
	/* looks for a debug file: only when .eh_frame does not know */
	if (!c->tried_debug) {
		c->tried_debug = true;
		if (elfmod_dwarf(m, &c->debug_bias))
			c->debug = dwfl_module_dwarf_cfi(m->mod, &c->debug_bias);
	}
	if (c->debug && !dwarf_cfi_addrframe(c->debug, addr - c->debug_bias, &frame))
		return frame;
	return NULL;
}

const struct cfi_row *elfmod_cfi(struct elfmod *m, uint64_t addr)
{
	struct cfi_cache *c = &m->cfi;
	Dwarf_Frame *frame;
	struct cfi_row *row;

	HASH_FIND(hh, c->rows, &addr, sizeof(addr), row);
	if (row)
		return row->known ? row : NULL;
	row = calloc(1, sizeof(*row));
	if (!row)
		return NULL;
	row->addr = addr;
	frame = find(m, addr);
	if (frame)
		fill(row, frame);
	HASH_ADD(hh, c->rows, addr, sizeof(addr), row);
	if (!row->hh.tbl) {
		free(row->frame);
		free(row);
		return NULL;
	}
	c->nr++;
	return row->known ? row : NULL;
}
