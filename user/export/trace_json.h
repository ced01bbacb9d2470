/* SPDX-License-Identifier: GPL-2.0 */
/* JSON of record, info, report and diff (docs/schema/). Each is one line. 0, −EIO or −ENOMEM. */
#ifndef EXPORT_TRACE_JSON_H
#define EXPORT_TRACE_JSON_H

#include <stdbool.h>
#include <stdio.h>
#include "event/event.h"

struct record_summary {
	const char *path; /* NULL: nothing was written */
	uint64_t bytes, events, lost, duration_ns;
	const uint64_t *by_kind; /* MTR_EV_MAX */
	unsigned int nr_dumps;
	bool flight;
};

int record_json(FILE *f, const struct record_summary *s);

#define INFO_PLACES 64

/* What `info` says, filled in by the verb. */
struct info_summary {
	const char *path;
	uint64_t size, duration_ns, begin_real_ns, end_real_ns; /* real: 0: not known */
	unsigned int version, min_reader;
	bool closed;
	uint64_t events, lost, missing, unknown, chunks, keyframes, raw_bytes;
	const uint64_t *by_kind; /* MTR_EV_MAX */
	struct {
		uint64_t off, len;
		const char *what;
	} damage[INFO_PLACES];
	unsigned int nr_damages; /* more than there is room for are counted only */
	/* names and values, one after the other */
	const char *(*fact)(const void *ctx, unsigned int i, const char **ret_name);
	const void *fact_ctx;
	unsigned int nr_facts;
	const struct info_proc {
		uint32_t pid, as;
		const char *comm, *exe; /* raw; "" unknown */
		bool ended;
	} * procs;
	unsigned int nr_procs;
	const struct info_module {
		const char *path, *build_id; /* raw; "" unknown */
	} * modules;
	unsigned int nr_modules;
};

int info_json(FILE *f, const struct info_summary *s);

#endif
