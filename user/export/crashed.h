/* SPDX-License-Identifier: GPL-2.0 */
/* The stack with which a thread died, for people and as part of the `snapshot` object. */
#ifndef EXPORT_CRASHED_H
#define EXPORT_CRASHED_H

#include <jansson.h>

#include "export/jsonio.h"
#include "export/report.h"

/* crashed_text() - why it ran over, and the frames; nothing when they are not known. 0 or −EIO */
int crashed_text(FILE *f, const struct proc *p, const struct strtab *st,
		 const struct report_style *style);

/* crashed_cause() - {kind, text, …}; null when it was no overflow */
json_t *crashed_cause(struct json_out *w, const struct proc *p, const struct strtab *st);
/* crashed_frames() - an array; null when they are not known */
json_t *crashed_frames(struct json_out *w, const struct proc *p, const struct strtab *st);

#endif
