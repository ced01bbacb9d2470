// SPDX-License-Identifier: GPL-2.0
#include "sym/unwind.h"

#include <errno.h>
#include <string.h>
#include "sym/expr.h"
#include "sym/syms.h"

struct step {
	struct syms *s;
	const struct mtr_stack_copy *copy;
	struct mtr_regs regs; /* of the frame at hand */
	uint64_t missed; /* last address that could not be read; 0: none */
};

const char *unwind_end_name(enum unwind_end end)
{
	switch (end) {
	case UNWIND_DONE:
		return "complete";
	case UNWIND_NO_CFI:
		return "no_cfi";
	case UNWIND_OUTSIDE:
		return "truncated";
	case UNWIND_BROKEN:
		return "broken";
	case UNWIND_LIMIT:
		return "limit";
	}
	return "unknown";
}

static const struct mtr_stack_part *part_of(const struct mtr_stack_copy *c, uint64_t addr,
					    size_t sz)
{
	for (unsigned int i = 0; i < MTR_STACK_PARTS; i++) {
		const struct mtr_stack_part *p = &c->part[i];

		if (addr >= p->addr && addr - p->addr < p->size && sz <= p->size - (addr - p->addr))
			return p;
	}
	return NULL;
}

static bool read_mem(void *ctx, uint64_t addr, void *buf, size_t sz)
{
	struct step *st = ctx;
	const struct mtr_stack_part *p = part_of(st->copy, addr, sz);
	struct mapping *m;

	if (p) {
		memcpy(buf, p->data + (addr - p->addr), sz);
		return true;
	}
	m = syms_mapping(st->s, addr);
	if (m && m->placed && elfmod_read(m->file->m, addr - m->bias, buf, sz))
		return true;
	st->missed = addr;
	return false;
}

/* A register's value before and after; also the CFA itself when it is an expression. */
static int run(struct step *st, const Dwarf_Op *ops, size_t nr, uint64_t cfa, bool cfa_known,
	       uint64_t *ret)
{
	const struct expr_env env = {
		.regs = &st->regs, .cfa = cfa, .cfa_known = cfa_known, .read = read_mem, .ctx = st
	};
	struct expr_result res;
	const struct expr_piece *p = &res.piece[0];
	int err = expr_run(&env, ops, nr, &res);

	if (err)
		return err;
	if (res.nr != 1)
		return -EINVAL;
	*ret = p->value;
	if (p->kind == EXPR_VALUE || !cfa_known)
		return 0;
	if (p->kind == EXPR_ADDRESS)
		return read_mem(st, p->value, ret, sizeof(*ret)) ? 0 : -EFAULT;
	return -EINVAL;
}

static int find_cfa(struct step *st, const struct cfi_row *row, uint64_t *ret)
{
	Dwarf_Op *ops;
	size_t nr;

	if (row->cfa_expr) {
		if (dwarf_frame_cfa(row->frame, &ops, &nr) || !nr)
			return -EINVAL;
		return run(st, ops, nr, 0, false, ret);
	}
	if (!(st->regs.valid >> row->cfa_reg & 1))
		return -ENODATA;
	*ret = st->regs.r[row->cfa_reg] + (uint64_t)(int64_t)row->cfa_off;
	return 0;
}

static int run_rule(struct step *st, const struct cfi_row *row, int reg, uint64_t cfa,
		    uint64_t *ret)
{
	Dwarf_Op mem[3], *ops;
	size_t nr;

	if (dwarf_frame_register(row->frame, reg, mem, &ops, &nr) || !nr)
		return -ENODATA;
	return run(st, ops, nr, cfa, true, ret);
}

/* What register @i was in the caller. −ENODATA: lost. */
static int caller_reg(struct step *st, const struct cfi_row *row, int i, uint64_t cfa,
		      uint64_t *ret)
{
	const struct cfi_rule *rule = &row->reg[i];
	uint64_t at = cfa + (uint64_t)(int64_t)rule->off;

	switch ((enum cfi_how)rule->how) {
	case CFI_SAME:
		/* a same return address would be this frame over again */
		if (i == row->ra || !(st->regs.valid >> i & 1))
			return -ENODATA;
		*ret = st->regs.r[i];
		return 0;
	case CFI_UNDEF:
		return -ENODATA;
	case CFI_AT_CFA:
		return read_mem(st, at, ret, sizeof(*ret)) ? 0 : -EFAULT;
	case CFI_CFA:
		*ret = at;
		return 0;
	case CFI_REG:
		if (!(st->regs.valid >> rule->off & 1))
			return -ENODATA;
		*ret = st->regs.r[rule->off];
		return 0;
	case CFI_EXPR:
		return run_rule(st, row, i, cfa, ret);
	}
	return -EINVAL;
}

/* All registers as they were in the caller; 0, or why the return address is not known. */
static int to_caller(struct step *st, const struct cfi_row *row, uint64_t cfa)
{
	struct mtr_regs next = { .valid = 0 };
	uint64_t missed;
	int err, ret;

	st->missed = 0;
	ret = caller_reg(st, row, row->ra, cfa, &next.r[MTR_REG_PC]);
	missed = st->missed;
	if (!ret)
		next.valid |= 1u << MTR_REG_PC;
	for (int i = 0; i < MTR_REG_PC; i++) {
		err = caller_reg(st, row, i, cfa, &next.r[i]);
		if (!err)
			next.valid |= 1u << i;
	}
	st->missed = missed;
	if (!ret)
		st->regs = next;
	return ret;
}

static const struct cfi_row *row_of(struct step *st, uint64_t pc)
{
	struct mapping *m = syms_mapping(st->s, pc);

	return m && m->placed ? elfmod_cfi(m->file->m, pc - m->bias) : NULL;
}

/*
 * Where a frame was not called but made, its pc is the beginning of a function, so
 * that pc − 1 belongs to another one or to nobody: the trampoline that a
 * handler returns to, and where the context of a coroutine ends.
 */
static const struct cfi_row *row_at(struct step *st, struct unwind_frame *f)
{
	const struct cfi_row *row, *here;

	f->exact = f->activation;
	row = row_of(st, unwind_lookup(f));
	if (f->activation || (row && row->signal))
		return row;
	here = row_of(st, f->pc);
	if (!here || (row && !here->signal))
		return row;
	f->exact = true;
	return here;
}

/* What is missing begins with the frame itself: registers may be saved anywhere in it. */
#define RED_ZONE 128

static enum unwind_end ended(const struct step *st, const struct unwind_frame *f, int err,
			     uint64_t *want)
{
	if (err == -EFAULT && st->missed) {
		bool in_frame = st->missed >= f->sp && !part_of(st->copy, f->sp, 8);

		*want = in_frame && f->sp > RED_ZONE ? f->sp - RED_ZONE : st->missed;
		return UNWIND_OUTSIDE;
	}
	return err == -ENODATA ? UNWIND_DONE : UNWIND_BROKEN;
}

/* One frame, and on to its caller. Returns false when there is none; ret->end says why. */
static bool one(struct step *st, struct unwind_frame *f, struct unwind_result *ret)
{
	const struct cfi_row *row = row_at(st, f);
	uint64_t cfa;
	int err;

	if (!row) {
		ret->end = UNWIND_NO_CFI;
		return false;
	}
	f->signal = row->signal;
	st->missed = 0;
	err = find_cfa(st, row, &cfa);
	if (err) {
		ret->end = err == -ENODATA ? UNWIND_BROKEN : ended(st, f, err, &ret->want);
		return false;
	}
	if (cfa < f->sp && !row->signal) {
		ret->end = UNWIND_BROKEN;
		return false;
	}
	f->cfa = cfa;
	err = to_caller(st, row, cfa);
	if (!err && st->regs.r[MTR_REG_PC] >> 12)
		return true;
	/* a return address of nothing is how old code marks its end */
	ret->end = err ? ended(st, f, err, &ret->want) : UNWIND_DONE;
	return false;
}

static bool goes_up(const struct step *st, const struct unwind_frame *f)
{
	uint64_t sp = st->regs.r[MTR_REG_SP];

	if (!(st->regs.valid >> MTR_REG_SP & 1))
		return false;
	return f->signal || sp > f->sp;
}

static void trim(struct syms *s)
{
	for (struct symfile *f = s->files; f; f = f->hh.next)
		if (f->m && f->m->cfi.nr > CFI_MAX_ROWS)
			cfi_fini(&f->m->cfi);
}

void unwind(struct syms *s, const struct mtr_stack_copy *copy, struct unwind_frame *frame,
	    struct mtr_regs *regs, unsigned int max, struct unwind_result *ret)
{
	struct step st = { .s = s, .copy = copy, .regs = copy->regs };
	const uint32_t need = 1u << MTR_REG_PC | 1u << MTR_REG_SP;
	bool activation = true;

	trim(s);
	*ret = (struct unwind_result){ .end = UNWIND_LIMIT };
	if ((st.regs.valid & need) != need) {
		ret->end = UNWIND_BROKEN;
		return;
	}
	while (ret->nr < max) {
		struct unwind_frame *f = &frame[ret->nr];

		*f = (struct unwind_frame){ .pc = st.regs.r[MTR_REG_PC],
					    .sp = st.regs.r[MTR_REG_SP],
					    .activation = activation };
		if (regs)
			regs[ret->nr] = st.regs;
		ret->nr++;
		if (!one(&st, f, ret))
			return;
		if (!goes_up(&st, f)) {
			ret->end = UNWIND_BROKEN;
			return;
		}
		activation = f->signal;
	}
}
