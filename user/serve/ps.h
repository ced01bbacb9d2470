/* SPDX-License-Identifier: GPL-2.0 */
/* The table of processes for those who ask: what `memtrace ps` shows. */
#ifndef SERVE_PS_H
#define SERVE_PS_H

#include <stdbool.h>
#include <stddef.h>
#include "export/ps.h"
#include "serve/serve.h"

/**
 * serve_ps() - the table as of the last interval
 * @all: of everybody; else of @uid's processes only
 *
 * @ret_t is for ps_fini(). 0 or −ENOMEM.
 */
int serve_ps(struct serve *sv, bool all, uid_t uid, struct ps_table *ret_t);

/* serve_ps_json() - the same as ps_json() writes it; the caller frees it. NULL: out of memory */
char *serve_ps_json(struct serve *sv, bool all, uid_t uid, size_t *ret_len);

#endif
