/* SPDX-License-Identifier: GPL-2.0 */
/* What the model knows of an address space, told to those who name addresses in it. */
#ifndef EXPORT_SYMMAPS_H
#define EXPORT_SYMMAPS_H

#include "event/modtab.h"
#include "event/strtab.h"
#include "model/aspace.h"
#include "sym/sym.h"

/**
 * symmaps_set() - what is mapped now
 * @mods: paths and build-ids of a recording's modules; NULL: the process itself is here
 * @code: only what code can be in or come from, for who names no data
 *
 * Returns 0 or −ENOMEM.
 */
int symmaps_set(struct syms *s, struct aspace *as, const struct strtab *st,
		const struct modtab *mods, bool code);

#endif
