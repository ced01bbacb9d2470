// SPDX-License-Identifier: GPL-2.0
/*
 * Pointers inside of structs, arrays and Rust's enums: what a struct leads to is
 * what its members lead to. Which member of a union is the one that counts
 * nobody knows: there is nothing looked for in these.
 */
#include <dwarf.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "sym/types.h"
#include "sym/vars_int.h"

#define MAX_INNER 24 /* of one variable */
#define MAX_DEPTH 4
#define MAX_ELEMENTS 8
#define PATH_SZ 128

struct inner {
	struct look *l;
	unsigned int of, nr;
	const uint8_t *data; /* of the variable */
};

/* A part of the variable; path has its own end. */
struct part {
	Dwarf_Die type;
	uint64_t off, size;
	char path[PATH_SZ];
	int depth;
};

static void walk(struct inner *in, struct part *p);

/* Adds the part as it is, if it leads anywhere. */
static bool emit(struct inner *in, struct part *p)
{
	struct look *l = in->l;
	struct sym_var *v = look_add(l, p->path, &p->type), *whole;

	if (!v)
		return true;
	whole = &l->out->var[in->of];
	v->inner = true;
	v->level = whole->level;
	v->size = p->size;
	v->place = whole->place;
	v->addr = whole->place == VAR_MEMORY ? whole->addr + p->off : 0;
	look_describe(l, &p->type, in->data + p->off, p->size, v);
	in->nr += v->points;
	if (v->points)
		return true;
	look_drop(l);
	return false;
}

/* A part of a part: @name is put behind its path. */
static void go_into(struct inner *in, struct part *p, Dwarf_Die *type, uint64_t off,
		    const char *name)
{
	struct part to = { .type = *type, .size = type_size(type), .depth = p->depth + 1 };

	if (off > p->size || !to.size || to.size > p->size - off || to.depth > MAX_DEPTH ||
	    in->nr >= MAX_INNER)
		return;
	to.off = p->off + off;
	if ((size_t)snprintf(to.path, sizeof(to.path), "%s%s", p->path, name) < sizeof(to.path))
		walk(in, &to);
}

static void members(struct inner *in, struct part *p, Dwarf_Die *type)
{
	Dwarf_Die m, t;

	if (dwarf_child(type, &m))
		return;
	do {
		const char *name = dwarf_diename(&m);
		char step[PATH_SZ] = "";
		uint64_t off;

		if ((dwarf_tag(&m) != DW_TAG_member && dwarf_tag(&m) != DW_TAG_inheritance) ||
		    !member_offset(&m, &off) || !type_of(&m, &t))
			continue;
		/* a member of a Rust tuple is called __0; a base class and a struct without a name are passed by */
		if (name && dwarf_tag(&m) == DW_TAG_member)
			snprintf(step, sizeof(step), ".%s",
				 strncmp(name, "__", 2) ? name : name + 2);
		go_into(in, p, &t, off, step);
	} while (!dwarf_siblingof(&m, &m));
}

static void elements(struct inner *in, struct part *p, Dwarf_Die *type)
{
	Dwarf_Die elem;
	uint64_t size;
	char step[16];

	if (!type_of(type, &elem) || !(size = type_size(&elem)))
		return;
	for (unsigned int i = 0; i < MAX_ELEMENTS && (i + 1) * size <= p->size; i++) {
		snprintf(step, sizeof(step), "[%u]", i);
		go_into(in, p, &elem, i * size, step);
	}
}

static void walk(struct inner *in, struct part *p)
{
	Dwarf_Die t, variant, m;
	uint64_t off;

	if (!type_peel(&p->type, &t))
		return;
	switch (dwarf_tag(&t)) {
	case DW_TAG_pointer_type:
	case DW_TAG_reference_type:
	case DW_TAG_rvalue_reference_type:
		if (p->depth)
			emit(in, p);
		return;
	case DW_TAG_array_type:
		elements(in, p, &t);
		return;
	case DW_TAG_structure_type:
	case DW_TAG_class_type:
		break;
	default:
		return;
	}
	if (p->depth && parts_known(&t) && emit(in, p))
		return;
	if (!variant_of(&t, in->data + p->off, p->size, &variant))
		members(in, p, &t);
	else if (!dwarf_child(&variant, &m) && member_offset(&m, &off) && type_of(&m, &t))
		go_into(in, p, &t, off, "");
}

void inner_find(struct look *l, Dwarf_Die *type, const uint8_t *data, size_t sz, unsigned int of)
{
	struct inner in = { .l = l, .of = of, .data = data };
	struct part all = { .type = *type, .size = sz };

	/* a string or vector is its pointer */
	if (!l->out->var[of].points)
		walk(&in, &all);
}
