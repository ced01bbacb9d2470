/* SPDX-License-Identifier: GPL-2.0 */
/* What `memtrace serve` calls. */
#ifndef SERVE_SERVE_RUN_H
#define SERVE_SERVE_RUN_H

#include "opts.h"

/**
 * serve_check() - is the configuration a good one, also with what the command line adds?
 * Returns 0 or an exit status after one line on stderr.
 */
int serve_check(const struct opts *o);

/* serve_run() - until a signal ends it. Returns an exit status. */
int serve_run(const struct opts *o);

#endif
