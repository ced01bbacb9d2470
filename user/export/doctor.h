/* SPDX-License-Identifier: GPL-2.0 */
/* What doctor found, ready to be shown: filled by cmd_doctor.c, printed by either writer. */
#ifndef EXPORT_DOCTOR_H
#define EXPORT_DOCTOR_H

#include <stdbool.h>
#include <stdio.h>

enum doctor_mark {
	DOC_OK,
	DOC_NOTE, /* less than the best, or good to know */
	DOC_FAIL, /* stands in the way of tracing */
};

enum doctor_section { DOC_KERNEL, DOC_PRIVILEGES, DOC_SETTINGS, DOC_NR_SECTIONS };

struct doctor_check {
	enum doctor_section section;
	enum doctor_mark mark;
	const char *key; /* token in --json */
	const char *title;
	char value[120];
	const char *fix; /* NULL: nothing to be done */
};

struct doctor_event {
	enum doctor_mark mark;
	const char *key, *title;
	const char *rung; /* token */
	const char *hook, *why, *unseen, *fix; /* NULL: nothing to say */
};

#define DOCTOR_MAX_CHECKS 40
#define DOCTOR_MAX_EVENTS 16

struct doctor {
	const char *version;
	const char *release, *machine; /* of the kernel */
	bool can_trace;
	int exit_code; /* enum mtr_exit */
	const char *rung; /* token */
	const char *text; /* the verdict */
	const char *fix; /* what it takes; NULL: nothing */
	bool assumed; /* asked without privilege: rungs are what root may expect */
	struct doctor_check check[DOCTOR_MAX_CHECKS];
	unsigned int nr_checks;
	struct doctor_event event[DOCTOR_MAX_EVENTS];
	unsigned int nr_events;
};

/* doctor_text() - for people, in 80 columns */
void doctor_text(FILE *f, const struct doctor *d, bool color);
/* doctor_json() - one object of type "doctor" (docs/schema/doctor.schema.json). 0 or −ENOMEM, −EIO */
int doctor_json(FILE *f, const struct doctor *d);

/* doctor_fixes() - what to do, without repeats, most important first; returns how many */
unsigned int doctor_fixes(const struct doctor *d, const char **fixes, unsigned int max);

#endif
