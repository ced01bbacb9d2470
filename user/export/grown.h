/* SPDX-License-Identifier: GPL-2.0 */
/* What `memtrace growth` found, named and ranked, for those who print it. */
#ifndef EXPORT_GROWN_H
#define EXPORT_GROWN_H

#include "analysis/arenas.h"
#include "analysis/verdict.h"
#include "event/status.h"
#include "export/report.h"
#include "sym/sym.h"

/* A function at one place of a path; strings are borrowed from sym. */
struct growth_frame {
	uint64_t pc; /* in the process; within the call for all but the innermost */
	const char *function, *file, *module; /* NULL: not known */
	unsigned int line; /* 0: not known */
	uint64_t offset; /* in the module; without one: the address */
	bool inlined;
};

#define GROWTH_PLACES 8u

/* Where a row's bytes are: a region, as it is now. */
struct growth_place {
	uint64_t start, end;
	enum region_kind kind;
	int64_t bytes;
};

/* Paths through the same functions, as one. */
struct growth_row {
	int64_t net, gross, released; /* bytes */
	int64_t net_low, net_high; /* where net is an estimate: its 95 % confidence interval */
	enum region_kind kind; /* where most of it is; RK_NR: nothing is left */
	unsigned int nr_tids; /* threads that went it, at least */
	bool many_tids; /* more than were counted */
	bool truncated; /* the outer frames are not known */
	struct verdict verdict;
	struct growth_frame *frame; /* innermost first, of the path with most in it */
	unsigned int nr_frames;
	struct growth_place place[GROWTH_PLACES]; /* by address, the first that were found */
	unsigned int nr_places;
	bool many_places; /* more than these */
	uint32_t tid[GROWTH_PLACES]; /* of its threads */
	uint64_t nr_faults; /* events that brought it */
	unsigned int
		nr_merged; /* so many rare paths as one, told apart no more; its frame only says that */
	int64_t *series; /* net bytes at each of the report's ticks */
	int64_t *at_mark; /* net bytes at each of its marks */
	unsigned int top; /* first frame that is not the C library's or an allocator's */
};

struct growth_mark {
	const char *name; /* as it was given */
	uint64_t time_ns; /* CLOCK_BOOTTIME */
	int64_t rss; /* bytes then */
};

struct growth_report {
	struct proc *p;
	const struct model *model;
	const struct mtr_limits *limits; /* NULL: not read */
	const struct mtr_cgroup *cgroup; /* NULL: not known */
	int64_t cgroup_delta; /* its growth in the window */
	uint64_t from_ns, to_ns; /* CLOCK_BOOTTIME */
	uint64_t to_real_ns; /* CLOCK_REALTIME of to_ns */
	int64_t rss, delta, attributed, before,
		no_path; /* bytes; delta = attributed + before + residual */
	int64_t no_path_by_kind[RK_NR]; /* of no_path, what is known of where it is: bytes */
	int64_t others; /* of no_path: brought by the kernel (huge pages filled up) or another process */
	struct verdict verdict; /* of the process */
	enum verdict_more more; /* what would tell more, while it lives */
	const struct arenas *arenas; /* NULL: nobody asked */
	const struct mtr_limit *limit; /* that is full first; NULL: none */
	struct growth_row *row; /* by net bytes, most first */
	unsigned int nr;
	unsigned int period; /* of faults at a known place, one in so many brought its stack */
	uint64_t nr_stacks, nr_truncated, nr_failed;
	uint64_t nr_known; /* of the stacks, recognised without unwinding */
	uint64_t unwind_ns; /* spent on the others */
	unsigned int
		fault_period; /* one fault in so many was seen: bytes of paths are estimates; 1: all */
	int64_t attributed_low,
		attributed_high; /* where it is an estimate: its 95 % confidence interval */
	bool recorded; /* from a file: these two are not known */
	const char *rung;
	const uint64_t *tick_ns; /* CLOCK_BOOTTIME of the points of all series */
	const int64_t *tick_rss; /* bytes */
	int64_t *no_series; /* what rows have that had little at any time: zeros */
	unsigned int nr_ticks;
	struct growth_mark *mark;
	unsigned int nr_marks;
	struct syms *syms; /* whose strings the frames borrow */
};

static inline int64_t growth_residual(const struct growth_report *r)
{
	return r->delta - r->attributed - r->before;
}

/*
 * What grew between a mark and the next: number @i of nr_marks + 1, the first from the beginning
 * on, the last until now.
 */
struct growth_between {
	const char *from, *to; /* NULL: the beginning, the end */
	uint64_t from_ns, to_ns;
	int64_t delta; /* of RSS, bytes */
};
struct growth_between growth_between(const struct growth_report *r, unsigned int i);
/* growth_between_row() - bytes that a row gained in it */
int64_t growth_between_row(const struct growth_report *r, const struct growth_row *row,
			   unsigned int i);

#define GROWTH_TOP 3u

/* growth_between_top() - the rows that gained most in it, into @top; how many gained at all, up to GROWTH_TOP */
unsigned int growth_between_top(const struct growth_report *r, unsigned int i,
				unsigned int top[GROWTH_TOP]);

/* grown_json() - the `growth` object on a line; 0, −EIO or −ENOMEM */
int grown_json(FILE *f, const struct growth_report *r);
/* grown_folded() - lines for flame graphs: net bytes behind the path to them; 0 or −EIO */
int grown_folded(FILE *f, const struct growth_report *r);
/* grown_pprof() - gzipped profile.proto; 0, −EIO or −ENOMEM */
int grown_pprof(FILE *f, const struct growth_report *r);

/* Several processes in one profile of one value: labels tell them apart: pid, and process with its name. */
struct grown_profile;

/* A moment from which growth counts, when that is not the report's beginning. */
struct grown_since {
	unsigned int mark; /* of the report */
	int64_t rss, before; /* bytes then, as in the report */
};

/* grown_profile_new() - of @growth over @duration_ns, or of what is resident; NULL: memory is short */
struct grown_profile *grown_profile_new(bool growth, uint64_t to_real_ns, uint64_t duration_ns);
void grown_profile_free(struct grown_profile *gp); /* safe on NULL */
/* grown_profile_add() - @since NULL: from the report's beginning; @r is not needed after this. 0 or −ENOMEM */
int grown_profile_add(struct grown_profile *gp, const struct growth_report *r,
		      const struct grown_since *since);
/* grown_profile_put() - gzipped profile.proto; 0, −EIO or −ENOMEM */
int grown_profile_put(FILE *f, const struct grown_profile *gp);

/* grown_html() - one page that needs nothing else: flame graph and timeline; 0, −EIO or −ENOMEM */
int grown_html(FILE *f, const struct growth_report *r);
/* growth_frame_text() - "parse parse.c:12", "malloc libc.so.6+0x9a1b2": names cleaned. Returns @dst */
char *growth_frame_text(char *dst, size_t sz, const struct growth_frame *f, bool ascii);
int grown_text(FILE *f, const struct growth_report *r, const struct report_style *style);

#endif
