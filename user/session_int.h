/* SPDX-License-Identifier: GPL-2.0 */
/* Between session.c and reconcile.c. */
#ifndef SESSION_INT_H
#define SESSION_INT_H

#include "session.h"
#include "source/cost.h"
#include "source/src_bpf.h"

/* A process between the opening of its handle and its MTR_EV_ATTACH. */
struct opening {
	struct src_proc *sp; /* NULL: it is there, or never came */
	struct mtr_event kernel0; /* its counters before the hooks saw it; kind 0: not known */
};

struct session {
	const struct opts *o;
	struct strtab *st;
	struct model model;
	struct src_bpf *bpf;
	struct callpaths *paths; /* NULL: no call stacks are taken */
	bool stacks_on; /* false with paths: not now */
	bool stacks_used; /* they were on at some time: what is kept of them must hear of every event */
	struct cost_meter *cost;
	struct remote *remote; /* the daemon's socket instead of hooks; NULL: hooks of its own */
	struct control *control; /* NULL: not root */
	unsigned int nr_marks;
	struct mtr_cost cost_now;
	struct sess_proc **procs;
	unsigned int nr_procs, cap_procs;
	struct opening *opening; /* processes whose ATTACH is awaited */
	unsigned int nr_opening;
	int epfd, timer_fd, signal_fd;
	int signal; /* that ended the run; 0: none */
	uint64_t nr_ticks; /* intervals that ended */
	uint64_t now_ns, tick_events, tick_lock_ns, lock_ns_gone;
	event_sink_fn tap; /* NULL: none */
	int (*tap_key)(void *ctx); /* with it; NULL: none */
	void *tap_ctx;
	bool maps_lost; /* map events were lost: every map is read again */
};

/* reconcile.c: bring a process's model and the kernel's truth together, within a budget */
int reconcile_maps(struct session *s, struct sess_proc *sp);
int reconcile_residency(struct session *s, struct sess_proc *sp, uint64_t budget_ns);
int reconcile_tick(struct session *s, struct sess_proc *sp, uint64_t budget_ns);

/* session_apply() - an event as it is, to the model and to whom session_tap() named */
int session_apply(struct session *s, const struct mtr_event *ev);
/* crash.c: MTR_EV_FRAMEs of the stack with which a thread died; 0 or −errno */
int crash_frames(struct session *s, const struct mtr_event *ev);
/* watch.c: memtrace.ko */
void watch_begin(struct session *s, struct sess_proc *sp); /* for the address space it has now */
void watch_end(struct sess_proc *sp);
void watch_numbers(struct session *s); /* before the ring is drained */
int watch_check(struct session *s, struct sess_proc *sp); /* after: did all of them come? */

int session_sink(void *ctx, const struct mtr_event *ev);
/* session_attach.c: handle of a process that is being attached, and its counters before that */
struct src_proc *session_opened(struct session *s, pid_t pid, struct mtr_event *ret_kernel0);
void session_opening_end(struct session *s);

#endif
