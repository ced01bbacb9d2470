/* SPDX-License-Identifier: GPL-2.0 */
/* The passes of kind_classify(). */
#ifndef MODEL_KIND_INT_H
#define MODEL_KIND_INT_H

#include "event/strtab.h"
#include "model/proc.h"

/* kind_self() - what each region says of itself; the rest is RK_FILE or RK_ANON */
void kind_self(struct proc *p, const struct strtab *st);

/* kind_filesystem() - files that nobody said a path of: what their filesystem makes of them */
void kind_filesystem(struct proc *p, const struct strtab *st);

/* kind_modules() - parts of files that are mapped to be executed, and their bss */
void kind_modules(struct proc *p);

#endif
