/* SPDX-License-Identifier: GPL-2.0 */
/* Symbols of one file, sorted: asking libdwfl for each address would take 100 µs and more. Inside sym/ only. */
#ifndef SYM_SYMTAB_H
#define SYM_SYMTAB_H

#include <stdbool.h>
#include <stdint.h>

struct elfmod;
struct symtab;

/* symtab_new() - .symtab of the file or of its debug file, .dynsym, .gnu_debugdata; NULL: memory is short */
struct symtab *symtab_new(struct elfmod *m);
void symtab_free(struct symtab *t);

/* symtab_find() - the function, or else the variable, at an address of the file; NULL: none */
const char *symtab_find(struct symtab *t, uint64_t addr, bool data, uint64_t *ret_offset);

/**
 * symtab_named() - where the functions begin that people would call @name
 * @next: 0 at first; moved on behind the one that was found
 *
 * As in the file, as shown (demangled, without arguments), or only the last part of that. false: no more
 */
bool symtab_named(struct symtab *t, const char *name, unsigned int *next, uint64_t *ret_addr);

/* symtab_addr() - where the function @name begins; false: there is none */
bool symtab_addr(const struct symtab *t, const char *name, uint64_t *ret_addr);

#endif
