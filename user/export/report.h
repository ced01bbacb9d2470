/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One process at one moment, for those who cannot see the screen: as a JSON
 * object (ux contract: `snapshot`) or as plain text. Used by `snapshot` and by
 * the live view when it is piped.
 */
#ifndef EXPORT_REPORT_H
#define EXPORT_REPORT_H

#include <stdbool.h>
#include <stdio.h>
#include "event/status.h"
#include "model/model.h"
#include "util/units.h"

/* Pointers are borrowed for the call. */
struct report {
	struct proc *p;
	const struct model *model; /* strings, losses, events so far */
	const struct mtr_limits *limits; /* NULL: not read */
	const struct mtr_cost *cost; /* NULL: nothing runs in the kernel */
	const char *rung; /* "fentry", "tracepoint", "proc" */
	bool live; /* events came since attach: faults, growth and rates mean something */
	uint64_t now_ns; /* CLOCK_BOOTTIME */
	uint64_t now_real_ns; /* CLOCK_REALTIME of the same moment */
};

struct report_style {
	bool ascii; /* no characters beyond ASCII */
	bool bytes; /* exact bytes instead of K, M, G */
	bool color; /* where there are colours: stacks */
	unsigned int width; /* of the terminal; 0: none, 80 */
};

/* style_size(), style_growth() - bytes as the style has them, the latter with a sign; @buf */
const char *style_size(const struct report_style *s, char buf[UNITS_LEN], int64_t bytes);
const char *style_growth(const struct report_style *s, char buf[UNITS_LEN], int64_t bytes);
/* style_words() - clean words in lines of 79 columns, the first behind @head, the others below it */
void style_words(FILE *f, const char *head, const char *words);
/* style_put() - a name of the target's, so that no byte of it reaches a terminal as it was */
void style_put(FILE *f, const struct report_style *s, const char *raw);

/**
 * report_json() - the `snapshot` object on one line, with its newline
 *
 * proc_kinds() must have been called. Written piece by piece: 20,000 regions
 * take no more memory than one. Returns 0, −EIO when @f cannot be written, −ENOMEM.
 */
int report_json(FILE *f, const struct report *r);

/* report_text() - header lines, regions as in the Layout view, threads with their stacks; 0, −EIO or −ENOMEM */
int report_text(FILE *f, const struct report *r, const struct report_style *style);

#endif
