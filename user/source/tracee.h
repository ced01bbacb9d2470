/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A process that is traced so that a thread can be held when it comes to a place
 * (src_at.h). Nobody is stopped by being traced, and memtrace's end lets all go
 * without a stop. Signals of the process are passed on as they come.
 */
#ifndef SOURCE_TRACEE_H
#define SOURCE_TRACEE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "event/stackcopy.h"

enum tracee_what {
	TRACEE_SIGNAL, /* tid is held, about to get signal sig */
	TRACEE_EXEC, /* it is held, in a new program */
	TRACEE_THREAD, /* a thread is held that has just begun, or goes on after a stop of all */
	TRACEE_ENDED, /* the process is gone, or its leader is to be waited for */
	TRACEE_NOTHING, /* nothing for now; nobody is held */
};

struct tracee_event {
	enum tracee_what what;
	pid_t tid;
	int sig;
};

/**
 * tracee_begin() - all threads of a process, and those to come
 * @with_us: it ends when memtrace is killed: for one that would not get over its breakpoints
 *
 * Returns 0, −ESRCH, −EPERM.
 */
int tracee_begin(pid_t pid, bool with_us);

/**
 * tracee_wait() - what happens next; what concerns nobody is dealt with
 * @wait: false: TRACEE_NOTHING when nothing has happened yet
 */
struct tracee_event tracee_wait(pid_t pid, bool wait);

/* tracee_go() - let a held thread go on, with signal @sig; 0: with none */
void tracee_go(pid_t tid, int sig);
/* tracee_step() - one instruction of a held thread. 0; −ESRCH; a signal that has come instead */
int tracee_step(pid_t tid);
/* tracee_regs() - of a held thread, and its thread pointer. 0 or −ESRCH */
int tracee_regs(pid_t tid, struct mtr_regs *ret, uint64_t *ret_tls);

/*
 * Breakpoints in the debug registers of one thread: they need no privilege, change no code, and
 * neither a thread nor a process that it makes has them.
 */
#define TRACEE_BREAKS 4

/* tracee_break() - these places and no others, for a held thread. 0, −ESRCH, −EOPNOTSUPP: no such registers */
int tracee_break(pid_t tid, const uint64_t *addr, unsigned int nr);
/* tracee_at_break() - is that what a thread is held for? It stands before the instruction, which has not run */
bool tracee_at_break(pid_t tid);

#endif
