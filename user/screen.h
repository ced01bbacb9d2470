/* SPDX-License-Identifier: GPL-2.0 */
/* The live view on a terminal: a session's full screen, and the output of the command it traces. */
#ifndef SCREEN_H
#define SCREEN_H

#include "child.h"
#include "session.h"

struct screen;

/**
 * screen_open() - take the terminal; messages are held back until screen_close()
 * @child: the traced command, whose terminal is read; NULL: none
 *
 * Returns 0 or an exit status after one line on stderr.
 */
int screen_open(const struct opts *o, struct child *child, struct screen **ret_sc);

/* screen_run() - until the user, a signal or -d ends it; as session_run() */
int screen_run(struct screen *sc, struct session *s);

/* screen_quit() - the user left, with targets perhaps alive */
bool screen_quit(const struct screen *sc);

/* screen_close() - give the terminal back, and on it the last of the command's output; safe on NULL */
void screen_close(struct screen *sc);

#endif
