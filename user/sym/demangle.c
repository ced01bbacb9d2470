// SPDX-License-Identifier: GPL-2.0
/* C++ and Rust names, by libiberty, which keeps its own limit on nesting. */
#include "sym/sym.h"

#include <libiberty/demangle.h>
#include <string.h>

/* Longer ones are made to hurt: shown as they are. */
#define MANGLED_MAX 8192

char *sym_demangle(const char *name)
{
	if (name[0] != '_' || (name[1] != 'Z' && name[1] != 'R') ||
	    strnlen(name, MANGLED_MAX) == MANGLED_MAX)
		return NULL;
	return cplus_demangle(name, DMGL_AUTO | DMGL_ANSI);
}
