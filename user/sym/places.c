// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>

#include "sym/srclines.h"
#include "sym/symtab.h"
#include "sym/syms.h"

/* The first address behind the prologue, by the line table; else the function's own. */
static uint64_t body_of(struct elfmod *m, uint64_t entry)
{
	Dwarf_Addr bias, *at = NULL;
	struct srclines *lines = elfmod_lines(m, &bias);
	Dwarf_Die cu, fn;
	uint64_t body = entry;
	int nr;

	if (!lines || !srclines_function(lines, entry - bias, &cu, &fn))
		return entry;
	nr = dwarf_entry_breakpoints(&fn, &at);
	for (int i = 0; i < nr; i++)
		if (at[i] + bias >= entry && (body == entry || at[i] + bias < body))
			body = at[i] + bias;
	free(at);
	return body;
}

unsigned int syms_function(struct syms *s, const char *name, struct sym_place *ret,
			   unsigned int max)
{
	unsigned int nr = 0;

	for (unsigned int i = 0; i < s->nr; i++) {
		struct mapping *m = s->map[i].exec ? syms_mapping(s, s->map[i].start) : NULL;
		struct symtab *tab = m && m->placed ? elfmod_symtab(m->file->m) : NULL;
		unsigned int next = 0;
		uint64_t addr;

		while (tab && nr < max && symtab_named(tab, name, &next, &addr)) {
			/* a file may have several mappings that can be run */
			if (addr + m->bias < m->start || addr + m->bias >= m->end)
				continue;
			ret[nr].entry = addr + m->bias;
			ret[nr++].body = body_of(m->file->m, addr) + m->bias;
		}
	}
	return nr;
}
