/* SPDX-License-Identifier: GPL-2.0 */
/* Between bb_page.c and bb_paths.c. */
#ifndef SERVE_BB_PAGE_INT_H
#define SERVE_BB_PAGE_INT_H

#include "export/grown.h"
#include "export/report.h"
#include "serve/bb_page.h"

#define BB_SPANS 3u

extern const uint64_t bb_spans[BB_SPANS]; /* growth is told over these */
extern const struct report_style bb_style;

/* bb_clean() - a name of the target's, made fit to print. Returns @buf */
const char *bb_clean(char *buf, size_t sz, const char *raw);
/* bb_growth() - with a sign; "-" when it is not @known */
const char *bb_growth(char b[UNITS_LEN], bool known, int64_t bytes);

/* bb_page_crash() - the stack with which a thread died, its innermost part; 0 or −ENOMEM */
int bb_page_crash(FILE *f, const struct bb_page *pg);
/* bb_page_paths() - who brought it. @few: other things take room */
void bb_page_paths(FILE *f, const struct growth_report *r, bool few);

#endif
