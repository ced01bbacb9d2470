/* SPDX-License-Identifier: GPL-2.0 */
/* A recording's growth by call path, as lines for flame graphs. */
#ifndef FOLDED_H
#define FOLDED_H

#include <stdio.h>
#include "player.h"

/**
 * folded_write() - what each process had at its end, or at the file's, as memtrace growth counts it
 * @debuginfod: programs that are not here may be fetched, for their functions' names
 *
 * Returns 0, −ENODATA when no call stacks were recorded, −ENOMEM, −errno of reading or writing.
 */
int folded_write(struct player *pl, bool debuginfod, FILE *f);

#endif
