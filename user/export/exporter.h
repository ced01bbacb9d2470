/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Exporters: consumers of the stream of events that write it down in a format
 * of somebody else's. The same code serves a live session (`record --format`)
 * and a file (`export`); memory is bounded by what is traced, never by how long.
 *
 *     exporter_new()
 *     exporter_feed() each event of the stream, the session's own (MTR_EV_TICK …) too
 *     exporter_finish(); exporter_free();
 *
 * An exporter keeps a model of its own, from the events that it is given. A format
 * is told of an event before that model is, so that it can say what the event
 * changes: what was there is still to be found.
 */
#ifndef EXPORT_EXPORTER_H
#define EXPORT_EXPORTER_H

#include <stdbool.h>
#include <stdint.h>
#include "event/modtab.h"
#include "event/stacktab.h"
#include "export/sink.h"
#include "model/model.h"
#include "sym/sym.h"

/* The clocks at one moment, ns. */
struct export_clocks {
	uint64_t boot_ns;
	uint64_t mono_ns; /* 0: not known */
	uint64_t real_ns;
};

/* Of the stream. Strings are borrowed for the exporter's life; NULL: not known. */
struct export_info {
	struct export_clocks clocks; /* at or before the first event */
	const char *rung; /* "fentry", "tracepoint" */
	const char *sysname, *release, *version, *machine; /* of the kernel that was traced */
	const struct stacktab
		*stacks; /* frames of the call stacks that events have; NULL: none have */
	/* Live: the files of an address space, open already; NULL: they are looked for by path and build-id */
	struct syms *(*syms_of)(void *ctx, uint32_t as);
	void *syms_ctx;
	bool debuginfod; /* else: files may be fetched */
	bool live; /* an interval's packets leave at its end */
	bool calls; /* system calls about memory are among the events, each with its result */
};

struct exporter;

struct export_ops {
	const char *name; /* as --format has it */
	size_t state_sz; /* of what begin() sets up; zeroed */
	int (*begin)(struct exporter *x);
	int (*event)(struct exporter *x, const struct mtr_event *ev);
	int (*lost)(struct exporter *x, const struct mtr_event *ev);
	/* What is so, as the event that would say it, where none did: the file begins here; may be NULL */
	int (*state)(struct exporter *x, const struct mtr_event *ev);
	/* The session's interval ended, and those of its processes; may be NULL */
	int (*tick)(struct exporter *x, const struct export_clocks *now);
	int (*finish)(struct exporter *x); /* what is held back, then what ends the file */
	void (*release)(struct exporter *x); /* may be NULL */
};

struct exporter {
	const struct export_ops *ops;
	struct export_info info;
	struct model model; /* as of before the event under way; a format only reads it */
	const struct strtab *st; /* the stream's */
	struct modtab *mods; /* programs and libraries, by build-id */
	struct sink out;
	uint64_t counts[MTR_EV_MAX]; /* events given in, by kind */
	uint64_t nr; /* all of them */
	uint64_t nr_lost; /* that LOST events told of */
	uint64_t last_ns; /* latest time of an event or interval */
	int err; /* the first failure: nothing is written after it */
	void *state;
};

/* exporter_ops() - by the name of its format; NULL if there is none */
const struct export_ops *exporter_ops(const char *name);
/* exporter_names() - of all formats there are, for messages: "folded" is not an exporter of events */
const char *exporter_names(void);

/**
 * exporter_new() - begin an export
 * @st: strings of the events; borrowed
 * @fd: where to; borrowed, written from where it stands
 *
 * Returns 0, −ENOMEM or what the first write failed with.
 */
int exporter_new(const struct export_ops *ops, const struct export_info *info, struct strtab *st,
		 int fd, struct exporter **ret_x);

/* exporter_feed() - the next event of the stream; as event_sink_fn: @ctx is the exporter. 0 or −errno */
int exporter_feed(void *ctx, const struct mtr_event *ev);

/**
 * exporter_finish() - the last interval has been told of: write what ends the file
 *
 * Returns 0, −errno, −ENODATA when there was no event at all: an empty export is none.
 */
int exporter_finish(struct exporter *x);
void exporter_free(struct exporter *x); /* safe on NULL */

/* restate() - all that the model knows of a process, as events, to ops->state(); 0 or −errno. In restate.c */
int restate(struct exporter *x, struct proc *p, uint64_t time_ns);

/* exporter_pid() - process of an event, also when the model does not know it yet; 0: of none */
uint32_t exporter_pid(struct exporter *x, const struct mtr_event *ev);

extern const struct export_ops export_perfetto, export_json, export_csv;

#endif
