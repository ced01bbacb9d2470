// SPDX-License-Identifier: GPL-2.0
/*
 * Strings, vectors and boxes of Rust and C++ as their parts. The standard
 * libraries wrap a pointer in many structs, differently in each release; what
 * stays is what the innermost members are called, and so they are looked for.
 */
#include <dwarf.h>
#include <inttypes.h>
#include <string.h>

#include "sym/types.h"

#define MAX_DEPTH 8
#define MAX_MEMBERS 24
#define MAX_ELEMENTS 8
#define MAX_STRING 40

enum shape { SHAPE_NONE, SHAPE_STRING, SHAPE_VECTOR, SHAPE_BOX, SHAPE_COUNTED };

struct parts {
	bool has_ptr, has_elem;
	uint64_t ptr, ptr_off; /* where in the object the pointer is */
	Dwarf_Die elem; /* what it points to */
	int64_t len, cap; /* elements; −1: not found */
	uint64_t finish, end; /* C++ vectors; 0: not found */
};

static bool begins(const char *s, const char *with)
{
	return !strncmp(s, with, strlen(with));
}

static enum shape shape_of(const char *name)
{
	static const struct {
		const char *begins;
		enum shape shape;
	} table[] = {
		{ "basic_string<", SHAPE_STRING }, { "&str", SHAPE_STRING },
		{ "&mut str", SHAPE_STRING },	   { "vector<", SHAPE_VECTOR },
		{ "Vec<", SHAPE_VECTOR },	   { "&[", SHAPE_VECTOR },
		{ "&mut [", SHAPE_VECTOR },	   { "Box<", SHAPE_BOX },
		{ "unique_ptr<", SHAPE_BOX },	   { "shared_ptr<", SHAPE_BOX },
		{ "Rc<", SHAPE_COUNTED },	   { "Arc<", SHAPE_COUNTED },
	};

	if (!name)
		return SHAPE_NONE;
	if (!strcmp(name, "String"))
		return SHAPE_STRING;
	for (unsigned int i = 0; i < sizeof(table) / sizeof(*table); i++)
		if (begins(name, table[i].begins))
			return table[i].shape;
	return SHAPE_NONE;
}

static bool is_one_of(const char *name, const char *const *list)
{
	for (; name && *list; list++)
		if (!strcmp(name, *list))
			return true;
	return false;
}

static const char *const ptr_names[] = { "data_ptr", "pointer",	     "ptr",    "_M_p",
					 "_M_start", "_M_head_impl", "_M_ptr", NULL };

/* One member that is no struct, called @name; @as is the name of the struct around it. */
static void leaf(struct parts *p, const char *name, const char *as, Dwarf_Die *type,
		 const uint8_t *data, size_t sz, uint64_t at)
{
	uint64_t v = bytes_uint(data, sz);
	bool is_ptr = type_is_pointer(type);

	if (is_ptr && !p->has_ptr && is_one_of(name, ptr_names)) {
		p->has_ptr = true;
		p->ptr = v;
		p->ptr_off = at;
		p->has_elem = type_of(type, &p->elem);
	} else if (is_ptr && name && !strcmp(name, "_M_finish")) {
		p->finish = v;
	} else if (is_ptr && name && !strcmp(name, "_M_end_of_storage")) {
		p->end = v;
	} else if (!is_ptr && name &&
		   (!strcmp(name, "len") || !strcmp(name, "length") ||
		    !strcmp(name, "_M_string_length"))) {
		p->len = (int64_t)v;
	} else if (!is_ptr && p->cap < 0 &&
		   ((name && (!strcmp(name, "cap") || !strcmp(name, "_M_allocated_capacity"))) ||
		    (as && !strcmp(as, "cap")))) {
		p->cap = (int64_t)v;
	}
}

static void collect(struct parts *p, Dwarf_Die *type, const char *as, const uint8_t *data,
		    size_t sz, uint64_t at, int depth)
{
	unsigned int nr = 0;
	Dwarf_Die m;

	if (depth > MAX_DEPTH || dwarf_child(type, &m))
		return;
	do {
		uint64_t off, size;
		Dwarf_Die t, inner;

		if ((dwarf_tag(&m) != DW_TAG_member && dwarf_tag(&m) != DW_TAG_inheritance) ||
		    !member_offset(&m, &off) || !type_of(&m, &t) || !type_peel(&t, &inner))
			continue;
		size = type_size(&inner);
		if (nr++ > MAX_MEMBERS || off > sz || size > sz - off || !size)
			continue;
		if (dwarf_tag(&inner) == DW_TAG_structure_type ||
		    dwarf_tag(&inner) == DW_TAG_class_type ||
		    dwarf_tag(&inner) == DW_TAG_union_type)
			collect(p, &inner, dwarf_diename(&m), data + off, size, at + off,
				depth + 1);
		else if (size <= 8)
			leaf(p, dwarf_diename(&m), as, &inner, data + off, size, at + off);
	} while (!dwarf_siblingof(&m, &m));
}

/* T of Vec<T>: where Rust keeps the elements it has forgotten what they are. */
static bool template_arg(Dwarf_Die *type, Dwarf_Die *ret)
{
	Dwarf_Die c;

	if (dwarf_child(type, &c))
		return false;
	do {
		if (dwarf_tag(&c) == DW_TAG_template_type_parameter)
			return type_of(&c, ret);
	} while (!dwarf_siblingof(&c, &c));
	return false;
}

static void add_text(const struct vars_env *env, struct textbuf *b, const struct parts *p)
{
	uint8_t s[MAX_STRING];
	size_t len = p->len < MAX_STRING ? (size_t)p->len : MAX_STRING;

	if (len && !env->read(env->ctx, p->ptr, s, len))
		return;
	textbuf_add(b, "\"");
	for (size_t i = 0; i < len; i++) {
		if (s[i] < ' ' || s[i] == 0x7f)
			textbuf_add(b, "\\x%02x", s[i]);
		else
			textbuf_add(b, "%c", s[i]);
	}
	textbuf_add(b, p->len > MAX_STRING ? "\"…" : "\"");
}

static void add_elements(const struct vars_env *env, struct textbuf *b, struct parts *p,
			 uint64_t size, int64_t nr)
{
	uint8_t data[256];

	textbuf_add(b, "[");
	for (int64_t i = 0; i < nr && i < MAX_ELEMENTS; i++) {
		if (!size || size > sizeof(data) ||
		    !env->read(env->ctx, p->ptr + (uint64_t)i * size, data, size))
			break;
		textbuf_add(b, i ? ", " : "");
		value_add(env, b, &p->elem, data, size, 2);
	}
	textbuf_add(b, nr > MAX_ELEMENTS ? ", …]" : "]");
}

static void add_counted(const struct vars_env *env, struct textbuf *b, const struct parts *p)
{
	uint64_t count[2];

	/* the strong owners hold one weak reference together */
	if (env->read(env->ctx, p->ptr, count, sizeof(count)))
		textbuf_add(b, "strong %" PRIu64 ", weak %" PRIu64, count[0],
			    count[1] ? count[1] - 1 : 0);
}

static void string_parts(const struct vars_env *env, struct parts *p, struct sym_var *v,
			 struct textbuf *value)
{
	v->used = p->len;
	v->room = p->cap;
	/* std::string keeps short ones in itself */
	if (v->addr && p->ptr - v->addr < 32)
		v->room = 15;
	if (env->values && p->len >= 0)
		add_text(env, value, p);
}

static void vector_parts(const struct vars_env *env, struct parts *p, struct sym_var *v,
			 struct textbuf *value)
{
	uint64_t size = p->has_elem ? type_size(&p->elem) : 0;

	if (p->end) {
		v->used = (int64_t)(p->finish - p->ptr);
		v->room = (int64_t)(p->end - p->ptr);
	} else {
		v->used = p->len < 0 || !size || p->len > INT64_MAX / (int64_t)size ?
				  -1 :
				  p->len * (int64_t)size;
		v->room = p->cap < 0 || !size || p->cap > INT64_MAX / (int64_t)size ?
				  -1 :
				  p->cap * (int64_t)size;
	}
	if (env->values && v->used >= 0 && size)
		add_elements(env, value, p, size, v->used / (int64_t)size);
}

bool parts_known(Dwarf_Die *type)
{
	return shape_of(dwarf_diename(type)) != SHAPE_NONE;
}

void parts_find(const struct vars_env *env, Dwarf_Die *type, const uint8_t *data, size_t sz,
		struct sym_var *v, struct textbuf *value)
{
	enum shape shape = shape_of(dwarf_diename(type));
	struct parts p = { .len = -1, .cap = -1 };
	Dwarf_Die arg;

	if (shape == SHAPE_NONE)
		return;
	collect(&p, type, NULL, data, sz, 0, 0);
	if (!p.has_ptr)
		return;
	v->points = true;
	v->target = p.ptr;
	if (shape == SHAPE_VECTOR && !p.end && template_arg(type, &arg)) {
		p.elem = arg;
		p.has_elem = true;
	}
	switch (shape) {
	case SHAPE_STRING:
		string_parts(env, &p, v, value);
		break;
	case SHAPE_VECTOR:
		vector_parts(env, &p, v, value);
		break;
	case SHAPE_COUNTED:
		if (env->values)
			add_counted(env, value, &p);
		__attribute__((fallthrough));
	case SHAPE_BOX:
		if (p.has_elem)
			v->used = (int64_t)type_size(&p.elem);
		if (shape == SHAPE_BOX)
			textbuf_add(value, "0x%" PRIx64, p.ptr);
		break;
	case SHAPE_NONE:
		break;
	}
}
