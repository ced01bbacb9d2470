// SPDX-License-Identifier: GPL-2.0
#include "sym/types.h"

#include <dwarf.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MAX_DEPTH 12

void textbuf_add(struct textbuf *b, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (b->len + 1 >= b->room)
		return;
	va_start(ap, fmt);
	n = vsnprintf(b->s + b->len, b->room - b->len, fmt, ap);
	va_end(ap);
	if (n > 0)
		b->len = b->len + (size_t)n < b->room ? b->len + (size_t)n : b->room - 1;
}

bool type_of(Dwarf_Die *die, Dwarf_Die *ret)
{
	Dwarf_Attribute a;

	return dwarf_attr_integrate(die, DW_AT_type, &a) && dwarf_formref_die(&a, ret);
}

bool type_peel(Dwarf_Die *type, Dwarf_Die *ret)
{
	return !dwarf_peel_type(type, ret);
}

uint64_t type_size(Dwarf_Die *type)
{
	Dwarf_Word size;

	return dwarf_aggregate_size(type, &size) ? 0 : size;
}

bool type_is_pointer(Dwarf_Die *peeled)
{
	int tag = dwarf_tag(peeled);

	return tag == DW_TAG_pointer_type || tag == DW_TAG_reference_type ||
	       tag == DW_TAG_rvalue_reference_type;
}

bool member_offset(Dwarf_Die *member, uint64_t *ret)
{
	Dwarf_Attribute a;
	Dwarf_Word off = 0;

	if (dwarf_hasattr(member, DW_AT_external) || dwarf_hasattr(member, DW_AT_bit_size))
		return false;
	if (dwarf_attr(member, DW_AT_data_member_location, &a) && dwarf_formudata(&a, &off))
		return false;
	*ret = off;
	return true;
}

static bool is_rust(Dwarf_Die *die)
{
	Dwarf_Die cu;

	return dwarf_diecu(die, &cu, NULL, NULL) && dwarf_srclang(&cu) == DW_LANG_Rust;
}

/* Where Rust names its default allocator nobody writes it. */
static void add_plain(struct textbuf *b, const char *name)
{
	static const char *const noise[] = {
		", alloc::alloc::Global", "alloc::string::", "alloc::vec::",
		"alloc::boxed::",	  "alloc::rc::",     "alloc::sync::",
		"core::option::"
	};

	while (*name) {
		size_t skip = 0;

		for (size_t i = 0; i < sizeof(noise) / sizeof(*noise) && !skip; i++)
			if (!strncmp(name, noise[i], strlen(noise[i])))
				skip = strlen(noise[i]);
		if (!skip)
			textbuf_add(b, "%c", *name);
		name += skip ? skip : 1;
	}
}

static void add_named(struct textbuf *b, Dwarf_Die *type)
{
	const char *name = dwarf_diename(type), *word = "";
	bool c;
	Dwarf_Die cu;
	int lang = dwarf_diecu(type, &cu, NULL, NULL) ? dwarf_srclang(&cu) : -1;

	c = lang == DW_LANG_C99 || lang == DW_LANG_C11 || lang == DW_LANG_C89 || lang == DW_LANG_C;
	switch (dwarf_tag(type)) {
	case DW_TAG_structure_type:
		word = "struct ";
		break;
	case DW_TAG_union_type:
		word = "union ";
		break;
	case DW_TAG_enumeration_type:
		word = "enum ";
		break;
	}
	if (c || !name)
		textbuf_add(b, "%s", word);
	if (!name)
		textbuf_add(b, "{…}");
	else if (is_rust(type))
		add_plain(b, name);
	else
		textbuf_add(b, "%s", name);
}

static void add_array(struct textbuf *b, Dwarf_Die *type, int depth)
{
	bool rust = is_rust(type);
	Dwarf_Die elem, dim;

	if (rust)
		textbuf_add(b, "[");
	type_name(b, type_of(type, &elem) ? &elem : NULL, depth + 1);
	if (dwarf_child(type, &dim))
		return;
	do {
		Dwarf_Attribute a;
		Dwarf_Word n = 0;
		bool known = false;

		if (dwarf_tag(&dim) != DW_TAG_subrange_type)
			continue;
		if (dwarf_attr(&dim, DW_AT_count, &a)) {
			known = !dwarf_formudata(&a, &n);
		} else if (dwarf_attr(&dim, DW_AT_upper_bound, &a)) {
			known = !dwarf_formudata(&a, &n);
			n++;
		}
		textbuf_add(b, rust ? "; " : "[");
		if (known)
			textbuf_add(b, "%llu", (unsigned long long)n);
		textbuf_add(b, "]");
	} while (!dwarf_siblingof(&dim, &dim));
}

static void add_function(struct textbuf *b, Dwarf_Die *type, int depth)
{
	const char *sep = "";
	Dwarf_Die ret, arg;

	type_name(b, type_of(type, &ret) ? &ret : NULL, depth + 1);
	textbuf_add(b, " (*)(");
	if (!dwarf_child(type, &arg)) {
		do {
			Dwarf_Die t;

			if (dwarf_tag(&arg) != DW_TAG_formal_parameter)
				continue;
			textbuf_add(b, "%s", sep);
			type_name(b, type_of(&arg, &t) ? &t : NULL, depth + 1);
			sep = ", ";
		} while (!dwarf_siblingof(&arg, &arg));
	}
	textbuf_add(b, ")");
}

static void add_pointer(struct textbuf *b, Dwarf_Die *type, int depth)
{
	const char *name = dwarf_diename(type);
	Dwarf_Die to;
	bool some;

	if (name) { /* Rust names its pointers: "&mut i32", "*const u8" */
		add_plain(b, name);
		return;
	}
	some = type_of(type, &to);
	if (some && dwarf_tag(&to) == DW_TAG_subroutine_type) {
		add_function(b, &to, depth);
		return;
	}
	type_name(b, some ? &to : NULL, depth + 1);
	/* "char **", not "char * *" */
	if (b->len && b->s[b->len - 1] != '*')
		textbuf_add(b, " ");
	textbuf_add(b, dwarf_tag(type) == DW_TAG_pointer_type	? "*" :
		       dwarf_tag(type) == DW_TAG_reference_type ? "&" :
								  "&&");
}

static void add_qualified(struct textbuf *b, const char *word, Dwarf_Die *type, int depth)
{
	Dwarf_Die to;
	bool some = type_of(type, &to), behind = some && type_is_pointer(&to);

	if (!behind)
		textbuf_add(b, "%s ", word);
	type_name(b, some ? &to : NULL, depth + 1);
	if (behind)
		textbuf_add(b, " %s", word);
}

void type_name(struct textbuf *b, Dwarf_Die *type, int depth)
{
	if (!type) {
		textbuf_add(b, "void");
		return;
	}
	if (depth > MAX_DEPTH) {
		textbuf_add(b, "…");
		return;
	}
	switch (dwarf_tag(type)) {
	case DW_TAG_pointer_type:
	case DW_TAG_reference_type:
	case DW_TAG_rvalue_reference_type:
		add_pointer(b, type, depth);
		return;
	case DW_TAG_const_type:
		add_qualified(b, "const", type, depth);
		return;
	case DW_TAG_volatile_type:
		add_qualified(b, "volatile", type, depth);
		return;
	case DW_TAG_restrict_type:
		add_qualified(b, "restrict", type, depth);
		return;
	case DW_TAG_array_type:
		add_array(b, type, depth);
		return;
	case DW_TAG_subroutine_type:
		add_function(b, type, depth);
		return;
	}
	add_named(b, type);
}
