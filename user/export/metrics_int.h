/* SPDX-License-Identifier: GPL-2.0 */
/* Between metrics.c and metrics_rows.c. */
#ifndef EXPORT_METRICS_INT_H
#define EXPORT_METRICS_INT_H

#include "export/metrics.h"

#define METRICS_LABELS 1024u

/* What has series: a process, a group, or those that have none of their own. */
struct metrics_row {
	char labels[METRICS_LABELS]; /* name="value",…: escaped */
	struct metrics_figures f;
	const struct metrics_proc *p; /* NULL: not one process */
};

struct metrics_rows {
	struct metrics_row *row;
	unsigned int nr;
};

/* metrics_label() - adds name="value" to the list in @dst, or, when it could not hold the longest, nothing */
void metrics_label(char *dst, size_t sz, const char *name, const char *raw);

/* metrics_procs(), metrics_groups() - chosen and added up; the caller frees .row. 0 or −ENOMEM */
int metrics_procs(struct metrics_table *t, struct metrics_rows *ret);
int metrics_groups(struct metrics_table *t, struct metrics_rows *ret);

#endif
