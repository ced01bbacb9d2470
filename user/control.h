/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A session's door to the outside: a socket in /run/memtrace by which `memtrace mark`
 * finds who traces a process.
 *
 *	memtrace mark ──► /run/memtrace/session-PID.sock ──► "mark 4123 NAME"
 *		      ◄── "ok", or "no": it does not trace that one
 */
#ifndef CONTROL_H
#define CONTROL_H

#include <sys/types.h>

#define CONTROL_NAME_LEN 128 /* of a mark's name, with its end */

struct control;

/* control_mark_fn - asked to mark: 0; −ESRCH: that process is not traced here */
typedef int (*control_mark_fn)(void *ctx, pid_t pid, const char *name);

/**
 * control_open() - the door of this process
 *
 * Its folder and the socket are root's; under sudo the socket is the user's who called it.
 * Returns 0 or −errno: who is not root has none.
 */
int control_open(struct control **ret_c);
void control_close(struct control *c); /* safe on NULL */

/* control_fd() - readable when control_serve() has something to do */
int control_fd(const struct control *c);

/* control_serve() - answer who has asked; never blocks */
void control_serve(struct control *c, control_mark_fn mark, void *ctx);

/**
 * control_mark() - ask every session there is to mark
 *
 * Returns how many did; −ESRCH: none traces @pid; −EACCES: there are some that this user may not ask; −errno.
 */
int control_mark(pid_t pid, const char *name);

#endif
