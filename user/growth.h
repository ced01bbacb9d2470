/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who grew it: the ledgers of a session's processes, fed with its events. Call
 * stacks come as ids (event.callstack); names are asked for in the report only.
 *
 *	session ──event──► growth_event() ──path──► ledger
 *	                     │ callstack ──► path
 *	                     ▼
 *	               growth_tick(): series of RSS and of each path
 */
#ifndef GROWTH_H
#define GROWTH_H

#include "callpaths.h"
#include "analysis/ledger.h"
#include "analysis/verdict.h"
#include "event/modtab.h"
#include "event/stacktab.h"
#include "model/model.h"
#include "sym/sym.h"
#include "util/hash.h"

#define GROWTH_TIDS 8u
#define GROWTH_MARKS 64u
#define GROWTH_EXCESSES 64u
#define GROWTH_TICKS 1024u

/*
 * A call path: one stack. What is known by a part of its faults is a path of its own.
 * Rare ones may have become one, see growth_paths.h.
 */
struct growth_path {
	uint32_t stack; /* id in the stack table; 0: rare paths */
	unsigned int nr_merged; /* so many of them */
	unsigned int weight; /* bytes count so often: of faults, one in so many was told of */
	bool truncated; /* the outer frames were not in the copy */
	unsigned int nr_tids; /* at least */
	uint32_t tid[GROWTH_TIDS]; /* the first that went it */
	int64_t *series; /* net bytes at each tick; NULL: never worth keeping */
	unsigned int nr_series, cap_series; /* valid; ticks after that are not there yet */
};

/* A moment that was named. */
struct growth_moment {
	uint32_t name; /* string */
	uint64_t time_ns;
	int64_t rss; /* bytes then */
	int64_t *net; /* of each path then */
	uint32_t nr_paths;
};

/*
 * A count that found less than the ledger has. Events that were before it may still be in the
 * ring and say which pages went: it is kept for an interval, and brought up to date by what comes.
 */
struct growth_excess {
	uint64_t start, end; /* the region; no end: unused */
	int64_t present; /* bytes that are there now */
	uint8_t member;
	bool old; /* an interval has ended since */
	int64_t twice; /* bytes of faults during a count, which may be in it */
};

/* One address space. */
struct growth_proc {
	uint32_t as; /* key */
	uint32_t pid;
	struct proc *p; /* the model's */
	struct ledger ledger;
	struct syms *syms; /* names; the session's, unless own_syms */
	bool own_syms;
	uint64_t maps_gen; /* of the address space, when its files were told to syms */
	struct growth_path *path; /* number − LEDGER_FIRST */
	uint32_t nr_paths, cap_paths;
	uint32_t *by_stack; /* hash table: number of a path; 0: free */
	uint32_t nr_by_stack; /* places in it, a power of 2 */
	uint64_t from_ns;
	bool adopted; /* it was not watched from its beginning on: what it had then is 'before' */
	int64_t rss0; /* resident bytes then */
	int64_t settled_rss; /* of the latest tick */
	int64_t others; /* bytes that others brought, gross */
	uint64_t *tick_ns;
	int64_t *tick_rss;
	unsigned int nr_ticks, cap_ticks, keep_every, skipped; /* one in keep_every is kept */
	struct growth_excess excess[GROWTH_EXCESSES]; /* by address */
	struct growth_moment moment[GROWTH_MARKS]; /* the latest */
	unsigned int nr_moments;
	uint64_t nr_stacks, nr_truncated, nr_failed;
	UT_hash_handle hh;
};

struct growth {
	struct growth_proc *procs; /* uthash by as */
	struct model *model;
	struct callpaths *paths; /* the session's; NULL: from a file */
	struct modtab *mods; /* from a file: what was mapped, by build-id; else NULL */
	const struct stacktab *stacks; /* frames of the stream's call stacks */
	struct symfiles *files; /* from a file: shared by its processes; else NULL */
	bool here; /* without paths: its processes run on this machine, and so their files are found */
	unsigned int period; /* of faults at a known place, one in so many brings its stack */
	unsigned int most_period; /* the highest it has been */
	unsigned int max_ticks; /* points of a series: GROWTH_TICKS, or fewer for who follows many */
	unsigned int fault_period; /* one fault in so many is told of, by chance; 1: all */
};

/* growth_new() - @paths: the session's, which outlives it; NULL: memory is short */
struct growth *growth_new(struct model *m, struct callpaths *paths);
/* growth_of_file() - @stacks: the reader's, which outlives it; the same events come from a file */
struct growth *growth_of_file(struct model *m, const struct stacktab *stacks, bool debuginfod);
void growth_free(struct growth *g);

/* growth_adopt() - a process that was traced before: what it has is what was before attach. 0 or −ENOMEM */
int growth_adopt(struct growth *g, struct proc *p, uint64_t now_ns);

/* growth_rebase() - begin anew: what is there now is what was before, and known by its pages. 0 or −ENOMEM */
int growth_rebase(struct growth *g, uint64_t now_ns);

/* growth_event() - as event_sink_fn; @ctx is the struct growth; after the model was told */
int growth_event(void *ctx, const struct mtr_event *ev);

/* growth_tick() - an interval ended: keep a point of every series */
void growth_tick(struct growth *g, uint64_t now_ns);

/* growth_maps() - tell what is mapped now to those who name; before a report. 0 or −ENOMEM */
int growth_maps(struct growth *g, struct growth_proc *gp);

#endif
