/* SPDX-License-Identifier: GPL-2.0 */
/* `memtrace growth FILE`: who grew it, of a recording. */
#ifndef GROWTH_FILE_H
#define GROWTH_FILE_H

#include "opts.h"

/* growth_file() - an exit status, after one line on stderr when it is none of success */
int growth_file(const struct opts *o);

#endif
