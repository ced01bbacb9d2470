// SPDX-License-Identifier: GPL-2.0
#include "stackvars.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chunk.h"

#define RED_ZONE 128

static bool in_copy(const struct mtr_stack_copy *c, uint64_t addr, void *buf, size_t sz)
{
	for (unsigned int i = 0; i < MTR_STACK_PARTS; i++) {
		const struct mtr_stack_part *p = &c->part[i];

		if (addr < p->addr || addr - p->addr >= p->size || sz > p->size - (addr - p->addr))
			continue;
		memcpy(buf, p->data + (addr - p->addr), sz);
		return true;
	}
	return false;
}

/* A device's registers may do something when they are read. */
static bool readable(const struct region *r)
{
	return r && (r->prot & MTR_P_READ) && !(r->prot & MTR_P_IO) && r->kind != RK_DEVICE &&
	       r->kind != RK_VVAR;
}

static bool read_any(void *ctx, uint64_t addr, void *buf, size_t sz)
{
	struct stackvars *sv = ctx;
	struct region *r;

	if (in_copy(sv->copy, addr, buf, sz))
		return true;
	/* an array may lie in .data and .bss, which are two regions */
	for (uint64_t at = addr; at - addr < sz; at = r->end) {
		r = aspace_find(&sv->p->aspace, at);
		if (!readable(r))
			return false;
	}
	return stackcap_read(sv->cap, addr, buf, sz);
}

static void name_region(struct stackvars *sv, const struct region *r, struct stack_var *v)
{
	const char *name = strtab_str(sv->st, r->name), *base = strrchr(name, '/');

	if (r->kind == RK_STACK || r->kind == RK_THREAD_STACK)
		snprintf(v->region, sizeof(v->region), "thread %" PRIu32, r->tid);
	else
		snprintf(v->region, sizeof(v->region), "%s", base && base[1] ? base + 1 : name);
	if (r->tid != sv->t->tid)
		return;
	for (unsigned int i = 0; i < sv->t->nr; i++) {
		const struct unwind_frame *u = &sv->t->frame[i].at;

		if (u->cfa && v->v.target >= u->sp && v->v.target < u->cfa)
			v->frame = (int)i;
	}
}

static void name_symbol(struct stackvars *sv, const struct region *r, struct stack_var *v)
{
	const char *name = NULL;
	uint64_t off = 0;

	if (r->prot & MTR_P_EXEC) {
		const struct sym_addr *a = syms_addr(sv->syms, v->v.target);

		name = a ? a->name[a->nr - 1].function : NULL;
		off = a && a->func ? v->v.target - a->func : 0;
	} else if (r->kind == RK_RODATA || r->kind == RK_DATA || r->kind == RK_BSS ||
		   r->kind == RK_RELRO) {
		name = syms_data(sv->syms, v->v.target, &off);
	}
	if (name && off)
		snprintf(v->symbol, sizeof(v->symbol), "%s+0x%" PRIx64, name, off);
	else if (name)
		snprintf(v->symbol, sizeof(v->symbol), "%s", name);
}

static void follow(struct stackvars *sv, struct stack_var *v)
{
	struct chunk chunk;
	struct region *r;

	v->frame = -1;
	v->chunk_bytes = -1;
	if (!v->v.points)
		return;
	if (!v->v.target) {
		v->kind = "null";
		return;
	}
	r = aspace_find(&sv->p->aspace, v->v.target);
	if (!r) {
		/* Rust's empty vectors point to their alignment */
		v->kind = v->v.target < 4096 && !v->v.room ? "null" : "unmapped";
		return;
	}
	v->kind = region_kind_name(r->kind);
	name_region(sv, r, v);
	name_symbol(sv, r, v);
	if (chunk_find(sv->p, read_any, sv, v->v.target, &chunk)) {
		v->chunk_bytes = (int64_t)chunk.size;
		v->chunk_free = chunk.free;
	}
}

/* Bytes of the frame that variables take, each byte once. */
static int64_t bytes_in_frame(const struct stack_frame *f)
{
	/* a function that calls nobody keeps its variables below the stack pointer */
	uint64_t low = f->at.activation && f->at.sp > RED_ZONE ? f->at.sp - RED_ZONE : f->at.sp;
	int64_t sum = 0;

	for (unsigned int i = 0; i < f->nr_vars; i++) {
		const struct sym_var *v = &f->var[i].v;
		bool twice = false;

		if (v->inner || v->place != VAR_MEMORY || v->addr < low || v->addr >= f->at.cfa)
			continue;
		/* an inlined call's parameter is often the caller's variable */
		for (unsigned int j = 0; j < i && !twice; j++)
			twice = f->var[j].v.place == VAR_MEMORY && v->addr >= f->var[j].v.addr &&
				v->addr < f->var[j].v.addr + f->var[j].v.size;
		if (!twice)
			sum += (int64_t)v->size;
	}
	return sum;
}

int stackvars_frame(struct stackvars *sv, const struct stack_thread *t, unsigned int at)
{
	struct stack_frame *f = &t->frame[at];
	const struct vars_env env = {
		.s = sv->syms, .read = read_any, .ctx = sv, .values = sv->values
	};
	struct sym_vars vars;
	int err = syms_vars(&env, sv->unwound + at, sv->regs + at, t->nr - at, &vars);

	if (!err && vars.nr) {
		f->var = calloc(vars.nr, sizeof(*f->var));
		if (!f->var)
			err = -ENOMEM;
	}
	if (err || !vars.nr) {
		syms_vars_free(&vars);
		return err;
	}
	for (unsigned int i = 0; i < vars.nr; i++) {
		f->var[i].v = vars.var[i];
		follow(sv, &f->var[i]);
	}
	f->nr_vars = vars.nr;
	free(vars.var); /* the strings are f's now */
	f->vars_bytes = bytes_in_frame(f);
	return 0;
}

void stackvars_free(struct stack_frame *f)
{
	for (unsigned int i = 0; i < f->nr_vars; i++) {
		free(f->var[i].v.name);
		free(f->var[i].v.type);
		free(f->var[i].v.value);
	}
	free(f->var);
}
