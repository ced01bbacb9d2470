/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The ledger of an address space: which call path brought each resident page.
 *
 *	1000        3000    4000              8000
 *	├── path 7 ──┤       ├──── path 9 ─────┤     dense: every page is there
 *	                                  9000              d000
 *	                                   ├─ before attach ─┤  sparse: 8K of these 16K are
 *
 * Extents do not overlap and stand in a tree by address. A fault puts its pages
 * in; what unmaps or discards a range takes them out; a mremap takes them along.
 * Where it is known that pages went, but not which, all in the range lose in
 * proportion. A count of the page tables is the last word: what is too much goes,
 * what is missing is there without a path.
 *
 * Paths are numbers that the caller gives. Pure: no I/O, no names, no model.
 */
#ifndef ANALYSIS_LEDGER_H
#define ANALYSIS_LEDGER_H

#include "event/event.h"
#include "util/rbtree.h"

#define LEDGER_BEFORE 0u /* was there before memtrace */
#define LEDGER_NO_PATH 1u /* came since; nobody knows by which path */
#define LEDGER_FIRST 2u /* the first number that the caller gives */

#define LEDGER_CREDITS 64u

struct ledger_path {
	int64_t net; /* bytes there now: gross − released */
	int64_t gross; /* bytes it has brought */
	int64_t released; /* of those, went again */
	uint64_t nr; /* events that brought them */
	double squares; /* of the bytes of each fault among them */
};

struct ledger_extent {
	RBT_ENTRY(ledger_extent) node;
	uint64_t start, end; /* page aligned */
	int64_t bytes; /* less than the span: not all is there; more: what a file fault brought around it */
	uint32_t path;
	uint8_t member; /* enum mtr_rss */
	bool guess; /* of a range that was sparse when it was counted: which pages are there is not known */
};

RBT_HEAD(ledger_tree, ledger_extent);

/* Bytes taken off already of which the counters have not told yet, or the other way round. */
struct ledger_credit {
	uint32_t tid; /* whose call it is; 0: a count of the page tables */
	uint64_t start, end;
	int64_t bytes;
};

struct ledger {
	struct ledger_tree tree;
	unsigned int nr; /* extents */
	struct ledger_path *path;
	uint32_t nr_paths, cap_paths;
	struct ledger_credit credit[LEDGER_CREDITS]; /* by tid */
	struct ledger_credit counted; /* taken off by the latest count */
	struct {
		uint32_t tid; /* 0: none */
		struct mtr_ev_move to;
	} move; /* may have happened: its HOLE will tell */
	int64_t given_back; /* bytes that the process gave back by a call: munmap, madvise, brk */
};

int ledger_init(struct ledger *l); /* 0 or −ENOMEM */
void ledger_fini(struct ledger *l);

/**
 * ledger_apply() - what an event changes
 * @ev: FAULT, RSS, HOLE and MOVE count, others are ignored
 * @path: that brought what it brings; LEDGER_NO_PATH when not known
 * @counted: a count of these page tables has it in it already
 *
 * Returns 0 or −ENOMEM.
 */
int ledger_apply(struct ledger *l, const struct mtr_event *ev, uint32_t path, bool counted);

/**
 * ledger_count() - so many bytes of [start, end) are there, by the page tables
 * @path: LEDGER_BEFORE or LEDGER_NO_PATH, for what no event has told of
 */
int ledger_count(struct ledger *l, uint64_t start, uint64_t end, int64_t present, uint8_t member,
		 uint32_t path);

/* ledger_add() - bytes came somewhere in [start, end): into its gaps */
int ledger_add(struct ledger *l, uint64_t start, uint64_t end, int64_t bytes, uint8_t member,
	       uint32_t path);

/* ledger_from_count() - is what lies at @addr all there, and known by a count only? */
bool ledger_from_count(const struct ledger *l, uint64_t addr);
/**
 * ledger_uncount() - bytes of [start, end) that a count found belong to events that were told of, too
 *
 * Nothing went. Returns what was not found.
 */
int64_t ledger_uncount(struct ledger *l, uint64_t start, uint64_t end, int64_t bytes);

/* ledger_rebase() - whoever brought what is there now, from now on it was there before. 0 or −ENOMEM */
int ledger_rebase(struct ledger *l);

/**
 * ledger_renumber() - paths get other numbers; those that get the same one are one from now on
 * @to: number of each path there is, ledger.nr_paths of them
 * @nr_to: more than the highest of the new numbers
 *
 * Returns 0, or −ENOMEM with nothing changed.
 */
int ledger_renumber(struct ledger *l, const uint32_t *to, uint32_t nr_to);

/* ledger_path() - the figures of a path; zeros for one that never brought anything */
struct ledger_path ledger_path(const struct ledger *l, uint32_t path);
/* ledger_sum() - bytes in [start, end) of all paths */
int64_t ledger_sum(const struct ledger *l, uint64_t start, uint64_t end);
/* ledger_total() - bytes of all paths but LEDGER_BEFORE and LEDGER_NO_PATH */
int64_t ledger_total(const struct ledger *l);

struct ledger_extent *ledger_first(const struct ledger *l);
struct ledger_extent *ledger_next(struct ledger_extent *e);

#endif
