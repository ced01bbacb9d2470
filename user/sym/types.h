/* SPDX-License-Identifier: GPL-2.0 */
/* Types as they are written, and values of them as text. Inside sym/ only. */
#ifndef SYM_TYPES_H
#define SYM_TYPES_H

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "sym/vars.h"

/* Text of bounded length; what does not fit is cut. */
struct textbuf {
	char *s;
	size_t room, len;
};

void textbuf_add(struct textbuf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* type_of() - DW_AT_type of a DIE; false: none, which in C is void */
bool type_of(Dwarf_Die *die, Dwarf_Die *ret);
/* type_peel() - without typedefs, const and the like; false: broken */
bool type_peel(Dwarf_Die *type, Dwarf_Die *ret);
/* type_size() - bytes; 0: not known */
uint64_t type_size(Dwarf_Die *type);
/* type_name() - as written; NULL type: void */
void type_name(struct textbuf *b, Dwarf_Die *type, int depth);
bool type_is_pointer(Dwarf_Die *peeled);

/* A member by its offset in the struct; false for bit fields and static ones. */
bool member_offset(Dwarf_Die *member, uint64_t *ret);

/* value_add() - a value from its bytes; @sz of them are there, maybe fewer than the type has */
void value_add(const struct vars_env *env, struct textbuf *b, Dwarf_Die *type, const uint8_t *data,
	       size_t sz, int depth);

/* variant_of() - the variant of a Rust enum that its tag says; false: there is no variant part */
bool variant_of(Dwarf_Die *type, const uint8_t *data, size_t sz, Dwarf_Die *ret);

/* parts_known() - is it one of those, by its name? */
bool parts_known(Dwarf_Die *type);
/* parts_find() - pointer, used and reserved bytes of what is one, however it is wrapped */
void parts_find(const struct vars_env *env, Dwarf_Die *type, const uint8_t *data, size_t sz,
		struct sym_var *v, struct textbuf *value);

uint64_t bytes_uint(const uint8_t *data, size_t sz);

#endif
