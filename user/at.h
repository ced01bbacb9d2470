/* SPDX-License-Identifier: GPL-2.0 */
/* `stacks --at FUNCTION`: pictures of a stack at the calls of a function. */
#ifndef AT_H
#define AT_H

#include <stdio.h>
#include "opts.h"

/**
 * at_run() - of o->count calls of o->at, in o->pids[0] or in o->cmd
 *
 * Returns an exit status after one line on stderr; that of the command if there is one.
 */
int at_run(const struct opts *o, FILE *out);

#endif
