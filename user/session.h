/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A live session: sources on one side, the model on the other, a view on top.
 * One thread, one epoll loop. Views are told of intervals; they read the model.
 */
#ifndef SESSION_H
#define SESSION_H

#include "callpaths.h"
#include "event/status.h"
#include "model/model.h"
#include "opts.h"
#include "source/src_proc.h"

struct session;
struct modules;

/* A process of the session, in the order of attaching. */
struct sess_proc {
	struct proc *p; /* in the model */
	struct src_proc *sp; /* NULL: gone, or never to be read */
	struct src_kmod *kmod; /* its attachment to memtrace.ko; NULL: none */
	uint64_t inv_seq; /* number of its last event before the ring was drained */
	bool inv_short; /* fewer had come at the last interval */
	struct mtr_limits limits;
	uint64_t limits_ns; /* when they were read; 0: never */
	uint64_t sweep_at; /* next address to count when nothing is known to be dirty */
	int64_t residual; /* what the last whole sweep left on no region, bytes */
	unsigned int virt_off; /* intervals in which the kernel's virtual size was not the model's */
	unsigned int gone; /* intervals in which there was no such process */
	bool ended; /* at the interval before this one already */
	bool left; /* told to the user that it ended */
	void *user; /* the daemon's */
	bool unfinished; /* not all pages that were to be counted could be in the time there was */
	bool active; /* its interval ended with the session's; false: nothing happened in it (daemon) */
};

struct session_view {
	/* An interval ended: rates are new. Not 0 ends the session with that (negative: −errno). */
	int (*tick)(void *ctx, struct session *s);
	/* @fd became readable */
	int (*input)(void *ctx, struct session *s);
	int fd; /* −1: none */
	/* The terminal's size changed */
	void (*resize)(void *ctx, struct session *s);
	/* The view's second descriptor: output of a traced command */
	int (*output)(void *ctx, struct session *s);
	int output_fd; /* −1: none */
	/* Every turn of the loop, ten a second at least: what was put off is done here; may be NULL */
	void (*turn)(void *ctx, struct session *s);
	bool stay; /* keep on when every target has ended: intervals stop, keys work */
	/* SIGHUP, with opts.daemon: else it ends the session */
	void (*hangup)(void *ctx, struct session *s);
};

/**
 * session_open() - hooks on, nobody traced
 * Returns 0 or an exit status after one line on stderr.
 */
int session_open(const struct opts *o, struct session **ret_s);
void session_close(struct session *s); /* safe on NULL */

/* session_attach() - trace these from now on; 0 or an exit status after one line on stderr */
int session_attach(struct session *s, const pid_t *pids, unsigned int nr);

/**
 * session_attach_some() - trace those of these that there are, at any time
 * @pids: none is traced yet; of what cannot be traced nothing is said
 *
 * With none it makes following possible before anybody is traced. Returns how many are traced by now; −errno.
 */
int session_attach_some(struct session *s, const pid_t *pids, unsigned int nr);

/**
 * session_run() - until the targets have ended, the time is over, a signal came or the view wants to end
 * Returns 0 or an exit status.
 */
int session_run(struct session *s, const struct session_view *v, void *ctx);

/* session_settle() - take in all events that there are now and end an interval */
int session_settle(struct session *s);

/* session_paths() - its call stacks; NULL unless opts.stacks */
struct callpaths *session_paths(struct session *s);
/* session_stacks() - are call stacks taken from now on? With opts.stacks only; at first they are */
void session_stacks(struct session *s, bool on);
/* session_forget() - drop those that have ended; a daemon's, which need not be known until the interval ends. 0 or −errno */
int session_forget(struct session *s);
/* session_rearm() - opts.interval_ns is another one; 0 or −errno */
int session_rearm(struct session *s);
/* session_unfollowed() - children that could not be followed: opts.max_targets were traced */
uint64_t session_unfollowed(const struct session *s);
/* session_unwatch() - the view's descriptor ended: do not wait for it any more. Returns 0. */
int session_unwatch(struct session *s, int fd);

/*
 * session_tap() - a second taker of every event that the model gets, in the same order: who
 * replays what it was given has the same model. Not 0 from it ends the session.
 */
void session_tap(struct session *s, event_sink_fn fn, void *ctx);

/*
 * What goes with its events: the table of their call stacks and where these hold (NULL: none are taken),
 * and, when the events come from the daemon, the modules they were told with (else NULL).
 */
struct stacktab *session_stacktab(struct session *s);
const struct sites *session_sites(struct session *s);
struct modules *session_modules(struct session *s);
/* session_in_key() - the event that the tap is given now is part of a keyframe of the daemon's */
bool session_in_key(const struct session *s);
/* session_keys() - keyframes of the daemon's that the model was given whole */
uint64_t session_keys(const struct session *s);
/*
 * session_tap_key() - beside the tap: called before the event that follows a keyframe of the daemon's,
 * when the model is as that says. As the tap returns.
 */
void session_tap_key(struct session *s, int (*fn)(void *ctx));

struct model *session_model(struct session *s);
/* session_procs() - processes that have not been replaced by an exec */
struct sess_proc **session_procs(struct session *s, unsigned int *ret_nr);
const struct mtr_cost *session_cost(const struct session *s);
const char *session_rung(const struct session *s);
bool session_calls(const struct session *s); /* system calls are told of (opts.calls) */
uint64_t session_now(const struct session *s); /* CLOCK_BOOTTIME of the last interval's end */
/* session_interrupted() - the signal that ended session_run(), 0 for none */
int session_interrupted(const struct session *s);
/**
 * session_mark() - a moment the user named; kept with the events
 * @name: NULL: the next of mark1, mark2, …
 *
 * What happened before is taken in before. Returns 0 or −ENOMEM.
 */
int session_mark(struct session *s, const char *name);
/* session_mark_proc() - the same, of one process: to nobody else's past it belongs. −ESRCH: it is not traced */
int session_mark_proc(struct session *s, pid_t pid, const char *name);
/* session_marks() - how many were set */
unsigned int session_marks(const struct session *s);

#endif
