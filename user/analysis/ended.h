/* SPDX-License-Identifier: GPL-2.0 */
/* How a process ended, in words: the same for the view, the reports and the last line on stderr. */
#ifndef ANALYSIS_ENDED_H
#define ANALYSIS_ENDED_H

#include <stdbool.h>
#include <stddef.h>
#include "event/strtab.h"
#include "model/proc.h"

/**
 * ended_text() - "STACK OVERFLOW in worker#4126: 8.0M deep of 8.0M, SIGSEGV at 7fc91b9feff8"
 * @bytes: exact bytes instead of K, M, G
 *
 * "" while it lives. Raw bytes of the target are in it. Returns @dst.
 */
char *ended_text(char *dst, size_t sz, const struct proc *p, const struct strtab *st, bool bytes);

/* ended_well() - by itself, with status 0 */
bool ended_well(const struct proc *p);

#endif
