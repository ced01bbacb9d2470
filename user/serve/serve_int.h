/* SPDX-License-Identifier: GPL-2.0 */
/* Between the files that make up the daemon's core; its parts do not include this. */
#ifndef SERVE_SERVE_INT_H
#define SERVE_SERVE_INT_H

#include "analysis/spans.h"
#include "opts.h"
#include "serve/serve.h"
#include "util/hash.h"

#define SERVE_PARTS 8

struct served_entry {
	struct served pub; /* first: what the parts have is this */
	uint32_t pid;
	char *cgroup; /* pub.cgroup */
	uint64_t cgroup_ns; /* when it was read */
	struct spans spans;
	unsigned int execs; /* of the process, when its owner was read */
	UT_hash_handle by_pid, by_as;
};

struct table {
	struct served **procs; /* in the order of their appearance */
	unsigned int nr, cap;
	struct served_entry *by_pid, *by_as; /* uthash; by_pid: those that have not ended */
	uint64_t nr_seen, nr_ended;
	uint64_t nr_updates;
	unsigned int nr_exited; /* told since the last sweep */
};

struct serve {
	const struct opts *cmdline;
	struct opts o; /* the session's */
	struct conf *conf;
	struct session *s;
	struct growth *g;
	struct table table;
	struct finder *finder;
	struct loop *loop;
	struct traced *traced; /* the list for a restart; NULL: it cannot be kept */
	void *ctx[SERVE_PARTS];
	unsigned int nr_parts; /* whose init() was called */
	uint64_t since_ns; /* CLOCK_BOOTTIME of its start */
	uint64_t tidied; /* table.nr_ended when it was tidied up last */
	int failed; /* −errno that ends it */
};

/* table.c */

/* table_look() - take in the session's processes that are new */
void table_look(struct serve *sv);
/* table_event() - before the parts: an exec gives a process another address space */
void table_event(struct serve *sv, const struct mtr_event *ev);
/* table_update() - an interval ended: rates, verdicts, headrooms */
void table_update(struct serve *sv);
/* table_sweep() - those that ended go, after the parts were told; false: there was none */
bool table_sweep(struct serve *sv);
void table_fini(struct serve *sv);

/* serve.c: tell all parts */
void serve_added(struct serve *sv, struct served *p);
void serve_gone(struct serve *sv, struct served *p);

/* finder.c: who is to be traced? */
struct finder *finder_new(void);
void finder_free(struct finder *f); /* safe on NULL */
/* finder_scan() - look at those that are new in /proc, and trace who matches. 0 or −errno */
int finder_scan(struct serve *sv);
/* finder_again() - the rules are others: look at everybody once more */
void finder_again(struct finder *f);
/* finder_beyond() - that match and found no room at the last look */
unsigned int finder_beyond(const struct finder *f);

/* loop.c: descriptors of the parts */
struct loop *loop_new(void);
void loop_free(struct loop *l); /* safe on NULL */
int loop_fd(const struct loop *l);
void loop_run(struct loop *l); /* what is ready now; never blocks */
int loop_watch(struct loop *l, int fd, uint32_t events, serve_ready_fn fn, void *ctx);
void loop_unwatch(struct loop *l, int fd);

#endif
