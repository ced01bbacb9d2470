/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The daemon: one session that traces what rules choose, and parts that make
 * something of it.
 *
 *	rules ──pids──► session ──events──► parts: socket, http, blackbox
 *	                   │
 *	                interval ──► table of processes (struct served) ──► parts
 *
 * One thread, the session's epoll loop. A part never blocks: what it waits for
 * is a descriptor that it has watched.
 */
#ifndef SERVE_SERVE_H
#define SERVE_SERVE_H

#include <stdint.h>
#include <sys/types.h>
#include "analysis/verdict.h"
#include "growth.h"
#include "serve/conf.h"
#include "session.h"

struct serve;
struct serve_counts;

/* Growth of RSS is told over these. */
enum serve_span { SPAN_1MIN, SPAN_10MIN, SPAN_1H, SPAN_MAX };

#define SERVED_GROUP_LEN 96

/* What the daemon knows of a traced process beside the model. */
struct served {
	struct sess_proc *sp; /* of the session; sp->p is the model's */
	uint32_t as; /* address space that this is about: another one after an exec */
	uid_t uid; /* who may see it beside root; 0 when it runs with more than one user's rights; −1: not known: nobody */
	uint64_t since_ns; /* CLOCK_BOOTTIME: when the daemon saw it first */
	const char *cgroup; /* its path in the hierarchy, "/" at least; lives as long as this */
	char group[SERVED_GROUP_LEN]; /* unit, container or pod, by the cgroup's path; "" when none */
	bool known[SPAN_MAX]; /* the process was seen at least half as long as the span */
	double rate[SPAN_MAX]; /* growth of RSS, bytes/s; valid where known */
	struct verdict verdict; /* of its RSS */
	int64_t headroom; /* least of its stacks', bytes; −1: not known */
	uint32_t headroom_tid;
	double faults_per_s;
	uint64_t gap_from_ns,
		gap_to_ns; /* the daemon was not there meanwhile, and had traced it before; 0, 0: no gap */
	void *part[4]; /* each part may keep what it has of a process: see serve_part.slot */
};

/* What makes something of the session. All callbacks may be NULL. */
struct serve_part {
	const char *name;
	/* 0 or an exit status after one line on stderr */
	int (*init)(struct serve *sv, void **ret_ctx);
	/* every event, after the model was told; 0 or −errno, which ends the daemon: loss is counted, not returned */
	int (*event)(void *ctx, const struct mtr_event *ev);
	/* a process appeared (its map is known), or will be forgotten at once */
	void (*added)(void *ctx, struct served *p);
	void (*gone)(void *ctx, struct served *p);
	/* an interval ended: the table is new */
	void (*tick)(void *ctx);
	/* what it knows better of serve_counts() */
	void (*counts)(void *ctx, struct serve_counts *ret);
	/* SIGHUP: the configuration is another one; the old one is freed after this */
	void (*reload)(void *ctx, const struct conf *now);
	void (*fini)(void *ctx);
};

/* Of struct served.part[]. */
enum serve_slot { SLOT_SOCKET, SLOT_HTTP, SLOT_BLACKBOX, SLOT_CORE };

/* In the order of their start; NULL ends it. Each in a file of its own. */
extern const struct serve_part *const serve_parts[];

struct session *serve_session(struct serve *sv);
const struct conf *serve_conf(const struct serve *sv);
/* serve_growth() - the ledgers of all processes; never NULL */
struct growth *serve_growth(struct serve *sv);
/* serve_procs() - those traced now, in the order of their appearance */
struct served **serve_procs(struct serve *sv, unsigned int *ret_nr);
/* serve_find() - by pid; NULL: not traced */
struct served *serve_find(struct serve *sv, pid_t pid);
/* serve_find_as() - by address space, as events have it */
struct served *serve_find_as(struct serve *sv, uint32_t as);

/* What is beside the table. */
struct serve_counts {
	uint64_t nr_seen, nr_ended; /* processes, since the start */
	unsigned int nr_beyond; /* that match now and are not traced: max-processes are */
	uint64_t nr_unfollowed; /* children that were not followed for the same reason, since the start */
	uint64_t lost; /* events, since the start */
	int64_t nr_clients; /* of the socket; −1: it has none */
};
void serve_counts(struct serve *sv, struct serve_counts *ret);

uint64_t serve_now(const struct serve *sv); /* CLOCK_BOOTTIME of the last interval's end */

/* A descriptor of a part became ready; @events as of epoll. */
typedef void (*serve_ready_fn)(void *ctx, int fd, uint32_t events);

/* serve_watch() - call @fn when @fd is ready; again: with other @events. 0 or −errno */
int serve_watch(struct serve *sv, int fd, uint32_t events, serve_ready_fn fn, void *ctx);
/* serve_unwatch() - before @fd is closed */
void serve_unwatch(struct serve *sv, int fd);

#endif
