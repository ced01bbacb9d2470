/* SPDX-License-Identifier: GPL-2.0 */
/* A growth report in the format that was asked for: of what lives, and of a recording. */
#ifndef GROWTH_PUT_H
#define GROWTH_PUT_H

#include <stdio.h>

#include "export/grown.h"
#include "opts.h"

/* What --format names besides text. */
struct growth_format {
	const char *name;
	int (*put)(FILE *f, const struct growth_report *r);
	bool one; /* a file holds one process */
};

/* growth_format() - NULL: text or JSON */
const struct growth_format *growth_format(const struct opts *o);
/* growth_format_check() - 0 or an exit status after one line on stderr */
int growth_format_check(const struct opts *o);
/* growth_put() - 0 or −errno */
int growth_put(FILE *f, const struct opts *o, const struct growth_report *r);

#endif
