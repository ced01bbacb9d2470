/* SPDX-License-Identifier: GPL-2.0 */
/* `report` and `diff` of one process, as text and as JSON (docs/schema/). 0, −EIO or −ENOMEM. */
#ifndef EXPORT_GROWTH_OUT_H
#define EXPORT_GROWTH_OUT_H

#include <stdio.h>
#include "analysis/diff.h"
#include "analysis/series.h"
#include "export/report.h"

/* Of the whole recording. */
struct series_out {
	const struct series *s; /* sorted */
	const struct strtab *st;
	const struct proc *p;
	const char *path;
	uint64_t lost;
	int64_t boot_to_real_ns; /* CLOCK_REALTIME − CLOCK_BOOTTIME */
};

int series_text(FILE *f, const struct series_out *o, const struct report_style *style);
int series_json(FILE *f, const struct series_out *o);

struct diff_out {
	const struct diff *d;
	struct diff_side side[2];
	const char *path[2];
	uint64_t now_ns[2], real_ns[2]; /* of the two moments */
	bool same_space;
};

int diff_text(FILE *f, const struct diff_out *o, const struct report_style *style);
int diff_json(FILE *f, const struct diff_out *o);

#endif
