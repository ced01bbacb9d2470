/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A session whose events come from the daemon, not from hooks of its own: what views, recorders
 * and reports have of a session is the same.
 *
 *	daemon ──socket──► src_socket ──event──► model, tap        an interval ends when the
 *	                                  └ TICK ──► view          daemon's does
 */
#ifndef REMOTE_H
#define REMOTE_H

#include "growth.h"
#include "session.h"
#include "source/src_socket.h"

/* remote_path() - of the daemon's socket: MEMTRACE_SOCKET, or where it usually is */
const char *remote_path(void);

/**
 * remote_open() - let the daemon serve this session, if it runs and traces all that is asked for
 * @ret_used: whether it does
 *
 * Returns 0, or an exit status after one line on stderr: a daemon that refuses a user who could
 * not trace either is the answer.
 */
int remote_open(struct session *s, bool *ret_used);
void remote_close(struct session *s); /* nothing when it has none */

int remote_fd(const struct session *s);
/* remote_attach() - until the model is there. 0 or an exit status after one line on stderr */
int remote_attach(struct session *s);
/* remote_view() - who is told of intervals from now on */
void remote_view(struct session *s, const struct session_view *v, void *ctx);
/* remote_read() - all that has come. 0; what the view said; −errno */
int remote_read(struct session *s);
/* remote_failed() - one line on stderr about what remote_read() returned; an exit status */
int remote_failed(const struct session *s, int err);
/* remote_mark() - in the daemon, of each process shown. 0 or −errno */
int remote_mark(struct session *s, const char *name);
const char *remote_rung(const struct session *s);

/* remote_mark_pid() - by a connection of its own: 0; −ESRCH: no daemon that traces it; −EACCES; −errno */
int remote_mark_pid(pid_t pid, const char *name);

/* session_growth() - ledgers that go with the session's call stacks, wherever these come from; NULL: no memory */
struct growth *session_growth(struct session *s);

#endif
