/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The daemon's table of processes: `memtrace ps`. The daemon writes it as a
 * JSON object (docs/schema/ps.schema.json), who asks reads that and shows it.
 */
#ifndef EXPORT_PS_H
#define EXPORT_PS_H

#include <stddef.h>
#include <stdio.h>
#include "analysis/ps.h"
#include "export/report.h"

/* ps_json() - the object on one line, with its newline. 0, −EIO or −ENOMEM */
int ps_json(FILE *f, const struct ps_table *t);

/**
 * ps_parse() - what ps_json() wrote
 *
 * What is missing stays unknown; numbers out of range and strings too long are cut. @ret_t is for ps_fini().
 * Returns 0 or −EINVAL: it is no such object.
 */
int ps_parse(const char *text, size_t len, struct ps_table *ret_t);

/* ps_text() - a table as plain text. 0 or −EIO */
int ps_text(FILE *f, const struct ps_table *t, const struct report_style *style);

#endif
