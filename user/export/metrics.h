/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What Prometheus and its kin scrape: a table of processes and groups as OpenMetrics
 * text. Pure functions of numbers: whoever fills the table in did all the asking.
 *
 *	table ──metrics_rows──► rows: top processes, one of all others; the same of groups
 *	                          │
 *	                          └──families of metrics.c──► text
 *
 * How many series there are does not depend on the number of processes: only the first
 * @top have some of their own, and what the others have is added up.
 */
#ifndef EXPORT_METRICS_H
#define EXPORT_METRICS_H

#include <sys/types.h>
#include "analysis/verdict.h"
#include "event/event.h"
#include "export/sink.h"
#include "model/kind.h"

#define METRICS_SPANS 3u /* 1 min, 10 min, 1 h */
#define METRICS_GROUP_LEN 128u /* with the NUL */
#define METRICS_CODES 16u

enum metrics_format { METRICS_PROMETHEUS, METRICS_OPENMETRICS };

struct metrics_limit {
	int64_t limit, used; /* bytes; limit 0: none is known */
};

/* Of a process, of a group, or of all others together. */
struct metrics_figures {
	unsigned int nr; /* processes that it is about */
	int64_t rss, virt, swap; /* bytes */
	int64_t resident[RK_NR]; /* bytes */
	bool known[METRICS_SPANS];
	double rate[METRICS_SPANS]; /* growth of RSS, bytes/s; of those that are known */
	bool faults_known;
	uint64_t minor, major;
	int64_t headroom; /* least of the stacks', bytes; −1: not known */
	struct metrics_limit limit[MTR_LIM_HOST + 1]; /* by enum mtr_limit_kind: the tightest */
	double full_s[METRICS_SPANS]; /* until a limit at this rate, infinite when not growing; −1: not known */
};

struct metrics_proc {
	uint32_t pid;
	uid_t uid;
	const char *comm, *cgroup; /* raw bytes */
	unsigned int group; /* in the table */
	enum verdict_kind verdict;
	bool shown; /* has series of its own: the last time, and now */
	struct metrics_figures f; /* full_s is found by metrics_put() */
};

struct metrics_group {
	char name[METRICS_GROUP_LEN]; /* of metrics_group_name(); each once */
	uint64_t minor,
		major; /* faults of its processes since they were seen first, also of those that ended */
	bool shown; /* as above */
};

/* memtrace itself. Negative numbers: not known. */
struct metrics_self {
	const char *version, *rung;
	double start_s; /* CLOCK_REALTIME of the daemon's start */
	int64_t nr_max, nr_beyond; /* processes that may be traced; that would have been, too */
	int64_t nr_clients;
	uint64_t events, lost[MTR_EV_MAX], unseen, minor, major;
	double bpf_s, cpu_s; /* seconds so far */
	int64_t rss;
	double ring_fill; /* 0 to 1 */
	struct {
		unsigned int code; /* 0: unused */
		uint64_t nr;
	} http[METRICS_CODES];
};

struct metrics_table {
	struct metrics_proc *proc;
	unsigned int nr_procs;
	struct metrics_group *group;
	unsigned int nr_groups;
	unsigned int top; /* so many processes, and so many groups, have series of their own */
	struct metrics_self self;
};

/* metrics_group_name() - of a unit, container or pod, else of the cgroup's path; raw bytes to printable ones. Returns @dst */
char *metrics_group_name(char dst[METRICS_GROUP_LEN], const char *group, const char *cgroup);

/* metrics_limits() - the tightest of each kind */
void metrics_limits(struct metrics_figures *f, const struct mtr_limits *l);

/**
 * metrics_put() - the whole table, one record of @s that is not ended
 *
 * Sets the shown of processes and groups. Returns 0 or −errno.
 */
int metrics_put(struct sink *s, struct metrics_table *t, enum metrics_format format);

/* metrics_accept() - the format that an Accept header asks for; NULL: none was sent */
enum metrics_format metrics_accept(const char *accept);
/* metrics_type() - the Content-Type of a format */
const char *metrics_type(enum metrics_format format);

/* Of the list that docs/METRICS.md is. */
struct metrics_family {
	char name[80]; /* of its samples */
	const char *type, *unit; /* unit "": none */
	const char *help;
};

/* metrics_family() - number @i; false: there are not so many */
bool metrics_family(unsigned int i, struct metrics_family *ret);

#endif
