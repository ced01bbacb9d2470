/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A command that memtrace starts: held before its exec until the hooks see it,
 * run as the invoking user under sudo, on a pty of its own where a view owns
 * the terminal.
 */
#ifndef CHILD_H
#define CHILD_H

#include <stdbool.h>
#include <sys/types.h>

struct child {
	pid_t pid; /* 0: none */
	int go_fd; /* writing lets it exec */
	int err_fd; /* its errno, when the exec fails */
	int pty; /* master side; −1: it has memtrace's own descriptors */
};

/**
 * child_start() - fork, become @user, wait to be let go
 * @user: NULL: SUDO_USER under sudo, else nobody else
 * @pty: give it a terminal of its own, of @rows × @cols
 *
 * Returns 0 or an exit status after one line on stderr.
 */
int child_start(struct child *c, char **cmd, const char *user, bool pty, int rows, int cols);

/* child_go() - exec now. Returns 0, or the status env(1) would give: 126, 127, after one line on stderr */
int child_go(struct child *c, const char *name);

/* child_go_on() - the same without waiting for the exec: it may have to be let through. 0 or EX_CMD_FAILED */
int child_go_on(struct child *c);
/* child_ran() - after that, and before child_end(): what child_go() returns */
int child_ran(struct child *c, const char *name);

/* child_resize() - the size of its terminal changed */
void child_resize(struct child *c, int rows, int cols);

/**
 * child_end() - collect it
 * @signo: passed on to it first when not 0; SIGKILL follows when it is still there after 2 s
 *
 * Returns its exit status, 128 + N when signal N ended it.
 */
int child_end(struct child *c, int signo);

#endif
