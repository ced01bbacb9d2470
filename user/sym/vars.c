// SPDX-License-Identifier: GPL-2.0
#include "sym/vars.h"

#include <dwarf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sym/srclines.h"
#include "sym/syms.h"
#include "sym/types.h"
#include "sym/vars_int.h"

#define MAX_VARS 500
#define MAX_DEPTH 64
/* Of a large object only its beginning is read. */
#define MAX_BYTES 4096
#define TYPE_SZ 256

void syms_vars_free(struct sym_vars *v)
{
	for (unsigned int i = 0; i < v->nr; i++) {
		free(v->var[i].name);
		free(v->var[i].type);
		free(v->var[i].value);
	}
	free(v->var);
	*v = (struct sym_vars){ .nr = 0 };
}

static bool read_mem(void *ctx, uint64_t addr, void *buf, size_t sz)
{
	const struct look *l = ctx;

	return l->env->read(l->env->ctx, addr, buf, sz);
}

static bool frame_base(void *ctx, uint64_t *ret)
{
	struct look *l = ctx;
	struct expr_env e;
	struct expr_result r;
	Dwarf_Attribute a;
	Dwarf_Op *ops;
	size_t nr;

	if (!dwarf_attr_integrate(&l->fn, DW_AT_frame_base, &a) ||
	    dwarf_getlocation_addr(&a, l->pc, &ops, &nr, 1) != 1)
		return false;
	e = look_env(l, &a);
	e.frame_base = NULL; /* which this is */
	if (expr_run(&e, ops, nr, &r) || r.nr != 1)
		return false;
	*ret = r.piece[0].value;
	if (r.piece[0].kind != EXPR_IN_REG)
		return r.piece[0].kind == EXPR_ADDRESS;
	if (*ret >= MTR_NR_REGS || !(l->regs->valid >> *ret & 1))
		return false;
	*ret = l->regs->r[*ret];
	return true;
}

struct expr_env look_env(struct look *l, Dwarf_Attribute *attr)
{
	return (struct expr_env){ .regs = l->regs,
				  .cfa = l->f->cfa,
				  .cfa_known = l->f->cfa,
				  .bias = l->bias,
				  .read = read_mem,
				  .frame_base = frame_base,
				  .entry_reg = entry_reg,
				  .attr = attr,
				  .ctx = l };
}

bool look_at(struct look *l)
{
	uint64_t pc = unwind_lookup(l->f);
	struct mapping *m = syms_mapping(l->env->s, pc);
	Dwarf_Addr bias = 0;

	if (!m || !m->placed || !elfmod_dwarf(m->file->m, &bias) || !m->file->m->lines)
		return false;
	l->bias = m->bias + bias;
	l->pc = pc - l->bias;
	return srclines_function(m->file->m->lines, l->pc, &l->cu, &l->fn);
}

/* The bytes of one piece; how many, −1: gone. */
static ssize_t piece_bytes(struct look *l, const struct expr_piece *p, size_t want, uint8_t *to)
{
	uint64_t v = p->value;

	switch (p->kind) {
	case EXPR_ADDRESS:
		return l->env->read(l->env->ctx, v, to, want) ? (ssize_t)want : -1;
	case EXPR_IN_REG:
		if (v >= MTR_NR_REGS || !(l->regs->valid >> v & 1))
			return -1;
		v = l->regs->r[v];
		break;
	case EXPR_VALUE:
		break;
	case EXPR_BYTES:
		if (want > p->nr_bytes)
			want = p->nr_bytes;
		memcpy(to, p->bytes, want);
		return (ssize_t)want;
	case EXPR_GONE:
		return -1;
	}
	if (want > sizeof(v))
		return -1;
	memcpy(to, &v, want);
	return (ssize_t)want;
}

/* All bytes of an object, put together from its pieces; −1: not all are there. */
static ssize_t gather(struct look *l, const struct expr_result *r, uint64_t size, uint8_t *to)
{
	size_t at = 0;

	if (size > MAX_BYTES)
		size = MAX_BYTES;
	for (unsigned int i = 0; i < r->nr && at < size; i++) {
		size_t want = r->piece[i].size ? r->piece[i].size : size;
		ssize_t n;

		if (want > size - at)
			want = size - at;
		n = piece_bytes(l, &r->piece[i], want, to + at);
		if (n < 0)
			return -1;
		at += (size_t)n;
	}
	return (ssize_t)at;
}

/* Where it is; false: nowhere. */
static bool locate(struct look *l, Dwarf_Die *die, struct expr_result *r)
{
	struct expr_env e;
	Dwarf_Attribute a;
	Dwarf_Op *ops;
	size_t nr;

	if (!dwarf_attr_integrate(die, DW_AT_location, &a) ||
	    dwarf_getlocation_addr(&a, l->pc, &ops, &nr, 1) != 1)
		return false;
	e = look_env(l, &a);
	return !expr_run(&e, ops, nr, r);
}

/* An object that the compiler has replaced by its value. */
static ssize_t const_bytes(Dwarf_Die *die, uint64_t size, uint8_t *to)
{
	Dwarf_Attribute a;
	Dwarf_Sword v;

	if (!dwarf_attr_integrate(die, DW_AT_const_value, &a) || dwarf_formsdata(&a, &v) ||
	    size > 8)
		return -1;
	memcpy(to, &v, size);
	return (ssize_t)size;
}

void look_describe(struct look *l, Dwarf_Die *type, const uint8_t *data, size_t sz,
		   struct sym_var *v)
{
	char text[SYM_VAR_VALUE];
	struct textbuf b = { .s = text, .room = sizeof(text) };
	Dwarf_Die t, to;

	text[0] = '\0';
	if (!type_peel(type, &t))
		return;
	if (type_is_pointer(&t) && sz == 8) {
		v->points = true;
		v->target = bytes_uint(data, sz);
		/* a function has no size of its own here, nor has void */
		v->used = type_of(&t, &to) && type_size(&to) ? (int64_t)type_size(&to) : -1;
	} else {
		parts_find(l->env, &t, data, sz, v, &b);
	}
	if (!l->env->values)
		return;
	if (!b.len)
		value_add(l->env, &b, type, data, sz, 0);
	v->value = strdup(text);
}

struct sym_var *look_add(struct look *l, const char *name, Dwarf_Die *type)
{
	char text[TYPE_SZ] = "";
	struct textbuf b = { .s = text, .room = sizeof(text) };
	struct sym_var *v;

	if (l->out->nr >= MAX_VARS)
		return NULL;
	if (l->out->nr == l->room) {
		unsigned int room = l->room ? l->room * 2 : 16;

		v = realloc(l->out->var, room * sizeof(*v));
		if (!v) {
			l->no_memory = true;
			return NULL;
		}
		l->out->var = v;
		l->room = room;
	}
	type_name(&b, type, 0);
	v = &l->out->var[l->out->nr];
	*v = (struct sym_var){ .used = -1,
			       .room = -1,
			       .place = VAR_GONE,
			       .name = name ? strdup(name) : NULL,
			       .type = strdup(text) };
	if (!name || !v->name || !v->type) {
		free(v->name);
		free(v->type);
		return NULL;
	}
	l->out->nr++;
	return v;
}

void look_drop(struct look *l)
{
	struct sym_var *v = &l->out->var[--l->out->nr];

	free(v->name);
	free(v->type);
	free(v->value);
}

static void one(struct look *l, Dwarf_Die *die, unsigned int level)
{
	uint8_t data[MAX_BYTES];
	struct expr_result r = { .nr = 0 };
	struct sym_var *v;
	Dwarf_Attribute a;
	Dwarf_Die type;
	ssize_t n = -1;

	if (!type_of(die, &type))
		return;
	v = look_add(l, dwarf_attr_integrate(die, DW_AT_name, &a) ? dwarf_formstring(&a) : NULL,
		     &type);
	if (!v)
		return;
	v->level = level;
	v->param = dwarf_tag(die) == DW_TAG_formal_parameter;
	v->size = type_size(&type);
	if (locate(l, die, &r)) {
		n = gather(l, &r, v->size, data);
		if (r.nr == 1 && r.piece[0].kind == EXPR_ADDRESS)
			v->addr = r.piece[0].value;
	} else {
		n = const_bytes(die, v->size, data);
	}
	if (n < 0 || (!n && v->size))
		return;
	v->place = v->addr ? VAR_MEMORY : VAR_REGISTER;
	look_describe(l, &type, data, (size_t)n, v);
	inner_find(l, &type, data, (size_t)n, l->out->nr - 1);
}

/* Variables of @die and of the blocks in it that the pc is in; inlined calls are passed to the caller. */
static void scope(struct look *l, Dwarf_Die *die, unsigned int level, int depth, Dwarf_Die *inl,
		  unsigned int *nr_inl)
{
	Dwarf_Die c;

	if (depth > MAX_DEPTH || dwarf_child(die, &c))
		return;
	do {
		switch (dwarf_tag(&c)) {
		case DW_TAG_variable:
			/* one that is static or declared elsewhere has no place in a frame */
			if (!dwarf_hasattr(&c, DW_AT_external) &&
			    !dwarf_hasattr(&c, DW_AT_declaration))
				one(l, &c, level);
			break;
		case DW_TAG_formal_parameter:
			one(l, &c, level);
			break;
		case DW_TAG_lexical_block:
			if (dwarf_haspc(&c, l->pc) > 0)
				scope(l, &c, level, depth + 1, inl, nr_inl);
			break;
		case DW_TAG_inlined_subroutine:
			if (dwarf_haspc(&c, l->pc) > 0 && *nr_inl < SYM_MAX_INLINED) {
				*inl = c;
				++*nr_inl;
			}
			break;
		}
	} while (!dwarf_siblingof(&c, &c));
}

/* From the function inwards; levels count from the innermost inlined call. */
static void scopes(struct look *l, unsigned int nr_names)
{
	Dwarf_Die at = l->fn;
	unsigned int level = nr_names ? nr_names - 1 : 0;

	for (int depth = 0; depth < SYM_MAX_INLINED; depth++) {
		unsigned int nr = 0;
		Dwarf_Die inl;

		scope(l, &at, level, 0, &inl, &nr);
		if (!nr)
			return;
		at = inl;
		level -= level > 0;
	}
}

int syms_vars(const struct vars_env *env, const struct unwind_frame *f, const struct mtr_regs *regs,
	      unsigned int nr, struct sym_vars *ret)
{
	struct look l = { .env = env, .f = f, .regs = regs, .nr = nr, .out = ret };
	const struct sym_addr *name = syms_addr(env->s, unwind_lookup(f));

	*ret = (struct sym_vars){ .nr = 0 };
	if (!name)
		return -ENOMEM;
	if (look_at(&l))
		scopes(&l, name->nr);
	return l.no_memory ? -ENOMEM : 0;
}
