/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Source lines and inlined calls from DWARF. Compilation units are found by a
 * table of their address ranges, functions by one for each unit, made when an
 * address in that unit is first asked for. Inside sym/ only.
 */
#ifndef SYM_SRCLINES_H
#define SYM_SRCLINES_H

#include <elfutils/libdw.h>
#include <stdint.h>
#include "sym/sym.h"

struct elfmod;
struct srclines;

struct srclines *srclines_new(Dwarf *dw);
void srclines_free(struct srclines *l);

/**
 * srclines_find() - names of one address, innermost first
 * @addr: as in the debug file
 * @outer: what the symbol table says of it: the name of the outermost function; NULL: nothing
 *
 * Returns how many names were written: 0 when DWARF says nothing.
 */
unsigned int srclines_find(struct srclines *l, uint64_t addr, const char *outer,
			   struct sym_name name[SYM_MAX_INLINED]);

/* srclines_function() - the subprogram at @addr and its unit. false: DWARF says nothing */
bool srclines_function(struct srclines *l, uint64_t addr, Dwarf_Die *ret_cu, Dwarf_Die *ret_fn);

#endif
