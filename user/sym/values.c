// SPDX-License-Identifier: GPL-2.0
/* Values as text: cut after some members and elements, cycles end with the depth. */
#include <dwarf.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sym/types.h"

#define MAX_DEPTH 4
#define MAX_MEMBERS 8
#define MAX_ELEMENTS 8
#define MAX_STRING 40

uint64_t bytes_uint(const uint8_t *data, size_t sz)
{
	uint64_t v = 0;

	memcpy(&v, data, sz < 8 ? sz : 8);
	return v;
}

static int64_t bytes_int(const uint8_t *data, size_t sz)
{
	uint64_t v = bytes_uint(data, sz);
	unsigned int shift = sz < 8 ? 64 - 8 * (unsigned int)sz : 0;

	return (int64_t)(v << shift) >> shift;
}

static unsigned int encoding(Dwarf_Die *type)
{
	Dwarf_Attribute a;
	Dwarf_Word v;

	return dwarf_attr_integrate(type, DW_AT_encoding, &a) && !dwarf_formudata(&a, &v) ?
		       (unsigned int)v :
		       0;
}

static void add_char(struct textbuf *b, unsigned int c)
{
	if (c == '\'' || c == '\\')
		textbuf_add(b, "'\\%c'", c);
	else if (c >= ' ' && c < 0x7f)
		textbuf_add(b, "'%c'", c);
	else
		textbuf_add(b, "'\\x%02x'", c);
}

/* A character of Unicode, which Rust and C++ have as a type. */
static void add_utf(struct textbuf *b, unsigned int c)
{
	if (c < 0x80)
		add_char(b, c);
	else if (c < 0x800)
		textbuf_add(b, "'%c%c'", 0xc0 | c >> 6, 0x80 | (c & 0x3f));
	else if (c < 0x10000)
		textbuf_add(b, "'%c%c%c'", 0xe0 | c >> 12, 0x80 | (c >> 6 & 0x3f),
			    0x80 | (c & 0x3f));
	else
		textbuf_add(b, "'%c%c%c%c'", 0xf0 | (c >> 18 & 7), 0x80 | (c >> 12 & 0x3f),
			    0x80 | (c >> 6 & 0x3f), 0x80 | (c & 0x3f));
}

static void add_quoted(struct textbuf *b, const uint8_t *s, size_t sz, bool more)
{
	textbuf_add(b, "\"");
	for (size_t i = 0; i < sz; i++) {
		if (s[i] == '"' || s[i] == '\\')
			textbuf_add(b, "\\%c", s[i]);
		else if (s[i] == '\n')
			textbuf_add(b, "\\n");
		else if (s[i] >= ' ' && s[i] != 0x7f)
			textbuf_add(b, "%c", s[i]);
		else
			textbuf_add(b, "\\x%02x", s[i]);
	}
	textbuf_add(b, more ? "\"…" : "\"");
}

static void add_float(struct textbuf *b, const uint8_t *data, size_t sz)
{
	long double l = 0;
	double d;
	float f;

	if (sz == 4) {
		memcpy(&f, data, 4);
		textbuf_add(b, "%.9g", (double)f);
	} else if (sz == 8) {
		memcpy(&d, data, 8);
		textbuf_add(b, "%.17g", d);
	} else {
		memcpy(&l, data, sz < sizeof(l) ? sz : sizeof(l));
		textbuf_add(b, "%.18Lg", l);
	}
}

static void add_base(struct textbuf *b, Dwarf_Die *type, const uint8_t *data, size_t sz)
{
	switch (encoding(type)) {
	case DW_ATE_boolean:
		textbuf_add(b, bytes_uint(data, sz) ? "true" : "false");
		return;
	case DW_ATE_float:
		add_float(b, data, sz);
		return;
	case DW_ATE_signed_char:
		textbuf_add(b, "%" PRId64 " ", bytes_int(data, sz));
		add_char(b, data[0]);
		return;
	case DW_ATE_UTF:
		add_utf(b, (unsigned int)bytes_uint(data, sz));
		return;
	case DW_ATE_signed:
		textbuf_add(b, "%" PRId64, bytes_int(data, sz));
		return;
	}
	if (sz > 8)
		textbuf_add(b, "0x%" PRIx64 "%016" PRIx64, bytes_uint(data + 8, sz - 8),
			    bytes_uint(data, 8));
	else
		textbuf_add(b, "%" PRIu64, bytes_uint(data, sz));
}

static bool is_char(Dwarf_Die *type)
{
	Dwarf_Die t;
	unsigned int e;

	if (!type_peel(type, &t) || dwarf_tag(&t) != DW_TAG_base_type || type_size(&t) != 1)
		return false;
	e = encoding(&t);
	return e == DW_ATE_signed_char || e == DW_ATE_unsigned_char;
}

/* What a char * points to, if that can be read. */
static void add_string(const struct vars_env *env, struct textbuf *b, uint64_t addr)
{
	uint8_t s[MAX_STRING];
	size_t got = 0, len;

	/* byte by byte over the end of what is mapped */
	while (got < sizeof(s) && env->read(env->ctx, addr + got, s + got, 1) && s[got])
		got++;
	len = got;
	if (!len && !env->read(env->ctx, addr, s, 1))
		return;
	textbuf_add(b, " ");
	add_quoted(b, s, len, len == sizeof(s));
}

static void add_pointer(const struct vars_env *env, struct textbuf *b, Dwarf_Die *type,
			const uint8_t *data, size_t sz)
{
	uint64_t v = bytes_uint(data, sz);
	Dwarf_Die to;

	textbuf_add(b, "0x%" PRIx64, v);
	if (v && type_of(type, &to) && is_char(&to))
		add_string(env, b, v);
}

static void add_enum(struct textbuf *b, Dwarf_Die *type, const uint8_t *data, size_t sz)
{
	int64_t v = bytes_int(data, sz);
	Dwarf_Die e;

	if (!dwarf_child(type, &e)) {
		do {
			Dwarf_Attribute a;
			Dwarf_Sword n;

			if (dwarf_tag(&e) != DW_TAG_enumerator ||
			    !dwarf_attr(&e, DW_AT_const_value, &a) || dwarf_formsdata(&a, &n) ||
			    bytes_uint((const uint8_t *)&n, sz) != bytes_uint(data, sz))
				continue;
			textbuf_add(b, "%s", dwarf_diename(&e) ? dwarf_diename(&e) : "?");
			return;
		} while (!dwarf_siblingof(&e, &e));
	}
	textbuf_add(b, "%" PRId64, v);
}

static void add_array(const struct vars_env *env, struct textbuf *b, Dwarf_Die *type,
		      const uint8_t *data, size_t sz, int depth)
{
	uint64_t size, whole = type_size(type), nr;
	Dwarf_Die elem;

	if (!type_of(type, &elem) || !(size = type_size(&elem)))
		return;
	if (is_char(&elem)) {
		size_t len = strnlen((const char *)data, sz);

		add_quoted(b, data, len < MAX_STRING ? len : MAX_STRING, len > MAX_STRING);
		return;
	}
	nr = whole / size;
	textbuf_add(b, "[");
	for (uint64_t i = 0; i < nr && (i + 1) * size <= sz; i++) {
		if (i == MAX_ELEMENTS)
			break;
		textbuf_add(b, i ? ", " : "");
		value_add(env, b, &elem, data + i * size, size, depth + 1);
	}
	textbuf_add(b, nr > MAX_ELEMENTS ? ", …]" : "]");
}

static void add_members(const struct vars_env *env, struct textbuf *b, Dwarf_Die *type,
			const uint8_t *data, size_t sz, int depth)
{
	unsigned int nr = 0;
	Dwarf_Die m;

	textbuf_add(b, "{");
	if (!dwarf_child(type, &m)) {
		do {
			const char *name = dwarf_diename(&m);
			uint64_t off, size;
			Dwarf_Die t;

			if ((dwarf_tag(&m) != DW_TAG_member &&
			     dwarf_tag(&m) != DW_TAG_inheritance) ||
			    !member_offset(&m, &off) || !type_of(&m, &t))
				continue;
			size = type_size(&t);
			if (off > sz || size > sz - off || (!size && name))
				continue;
			if (nr++ == MAX_MEMBERS) {
				textbuf_add(b, ", …");
				break;
			}
			textbuf_add(b, nr > 1 ? ", " : "");
			if (name && strncmp(name, "__", 2) != 0)
				textbuf_add(b, "%s = ", name);
			value_add(env, b, &t, data + off, size, depth + 1);
		} while (!dwarf_siblingof(&m, &m));
	}
	textbuf_add(b, "}");
}

bool variant_of(Dwarf_Die *type, const uint8_t *data, size_t sz, Dwarf_Die *ret)
{
	Dwarf_Die part, v, tag;
	Dwarf_Attribute a;
	uint64_t off, tag_val = 0, tag_sz = 0;
	bool found = false;

	if (dwarf_child(type, &part))
		return false;
	while (dwarf_tag(&part) != DW_TAG_variant_part)
		if (dwarf_siblingof(&part, &part))
			return false;
	if (dwarf_attr(&part, DW_AT_discr, &a) && dwarf_formref_die(&a, &tag) &&
	    member_offset(&tag, &off) && type_of(&tag, &v)) {
		tag_sz = type_size(&v);
		if (tag_sz > 8 || off > sz || tag_sz > sz - off)
			return false;
		tag_val = bytes_uint(data + off, tag_sz);
	}
	if (dwarf_child(&part, &v))
		return false;
	do {
		Dwarf_Sword n;

		if (dwarf_tag(&v) != DW_TAG_variant)
			continue;
		if (!dwarf_attr(&v, DW_AT_discr_value, &a)) { /* for all other tags */
			*ret = v;
			found = true;
		} else if (!dwarf_formsdata(&a, &n) &&
			   bytes_uint((const uint8_t *)&n, tag_sz) == tag_val) {
			*ret = v;
			return true;
		}
	} while (!dwarf_siblingof(&v, &v));
	return found;
}

static void add_variant(const struct vars_env *env, struct textbuf *b, Dwarf_Die *variant,
			const uint8_t *data, size_t sz, int depth)
{
	Dwarf_Die m, t, inner;
	uint64_t off, size;
	const char *name;

	if (dwarf_child(variant, &m) || !member_offset(&m, &off) || !type_of(&m, &t))
		return;
	name = dwarf_diename(&m);
	textbuf_add(b, "%s", name ? name : "?");
	size = type_size(&t);
	if (off > sz || size > sz - off || dwarf_child(&t, &inner))
		return;
	/* a variant without fields is its name */
	do {
		if (dwarf_tag(&inner) != DW_TAG_member)
			continue;
		value_add(env, b, &t, data + off, size, depth + 1);
		return;
	} while (!dwarf_siblingof(&inner, &inner));
}

void value_add(const struct vars_env *env, struct textbuf *b, Dwarf_Die *type, const uint8_t *data,
	       size_t sz, int depth)
{
	struct sym_var parts = { .used = -1, .room = -1 };
	Dwarf_Die t, variant;

	if (depth > MAX_DEPTH || !type_peel(type, &t) || b->len + 1 >= b->room) {
		textbuf_add(b, "…");
		return;
	}
	if (!sz && dwarf_tag(&t) != DW_TAG_structure_type)
		return;
	switch (dwarf_tag(&t)) {
	case DW_TAG_base_type:
		add_base(b, &t, data, sz);
		return;
	case DW_TAG_pointer_type:
	case DW_TAG_reference_type:
	case DW_TAG_rvalue_reference_type:
		add_pointer(env, b, &t, data, sz);
		return;
	case DW_TAG_enumeration_type:
		add_enum(b, &t, data, sz);
		return;
	case DW_TAG_array_type:
		add_array(env, b, &t, data, sz, depth);
		return;
	case DW_TAG_structure_type:
	case DW_TAG_class_type:
	case DW_TAG_union_type:
		break;
	default:
		textbuf_add(b, "…");
		return;
	}
	if (variant_of(&t, data, sz, &variant)) {
		add_variant(env, b, &variant, data, sz, depth);
		return;
	}
	if (depth)
		parts_find(env, &t, data, sz, &parts, b);
	if (!parts.points)
		add_members(env, b, &t, data, sz, depth);
}
