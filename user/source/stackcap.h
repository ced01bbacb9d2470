/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Copies of threads' stacks, taken so that the process does not notice.
 *
 * A thread that does not run is left alone: its registers come from the kernel's
 * own stack (src_regs), its memory is read from outside, and both count only if
 * it has not been scheduled meanwhile. One that runs is looked at again, and
 * only then stopped with ptrace for as long as the copying takes. A stop
 * breaks off some system calls (epoll_wait, sigtimedwait, semtimedop, recv with
 * a timeout): should the thread have entered one in the very moment between the
 * look and the stop, the call is begun anew, as if it had not been. Where even
 * that would not be right the thread is skipped and the reason told.
 */
#ifndef SOURCE_STACKCAP_H
#define SOURCE_STACKCAP_H

#include <stdbool.h>
#include <sys/types.h>
#include "event/stackcopy.h"

struct stackcap;

enum stackcap_how {
	STACKCAP_ASLEEP, /* not stopped; all registers */
	STACKCAP_SYSCALL, /* not stopped; only what /proc shows: pc, sp, arguments */
	STACKCAP_STOPPED, /* stopped for stopped_ns */
	STACKCAP_SKIPPED, /* no copy; why tells */
};

struct stackcap_thread {
	pid_t tid;
	enum stackcap_how how;
	const char *why; /* static; SKIPPED only */
	uint64_t stopped_ns; /* how long it could not run, at most */
	uint64_t tls; /* thread pointer; 0: not known */
	uint64_t nr_switches; /* ASLEEP: times it had been switched away from */
	struct mtr_stack_copy copy;
};

/* Up to where the stack of a thread that stands at @sp is to be copied; @sp itself: not at all. */
typedef uint64_t (*stackcap_end_fn)(void *ctx, pid_t tid, uint64_t sp);

/* For stackcap_held() and _read() only: nothing is loaded into the kernel. */
#define STACKCAP_HELD 1u

/**
 * stackcap_open() - get ready to copy stacks of a process
 * @ret_why: what is worse than it might be, one line; NULL: nothing. Static
 *
 * Works without BPF, too. Returns 0, −ESRCH, −ENOMEM.
 */
int stackcap_open(pid_t pid, stackcap_end_fn end, void *ctx, unsigned int flags,
		  struct stackcap **ret_c, const char **ret_why);
void stackcap_close(struct stackcap *c);

/**
 * stackcap_take() - copies of these threads
 * @t: tid is set in each; the rest is filled in. Threads that have ended get tid 0
 * @nr: threads; the caller takes them in portions that fit into memory
 *
 * Returns 0, −ESRCH when the process is gone, −EACCES when it may not be read, −errno.
 */
int stackcap_take(struct stackcap *c, struct stackcap_thread *t, unsigned int nr);

/**
 * stackcap_more() - the same once more of one thread, with a second part from @addr on
 *
 * For a handler on an alternate stack. Returns 0; −EAGAIN: it has run meanwhile, the copy is as it was.
 */
int stackcap_more(struct stackcap *c, struct stackcap_thread *t, uint64_t addr);

/* stackcap_held() - the stack of a thread that the caller holds: tid, regs and tls are set. As take() returns */
int stackcap_held(struct stackcap *c, struct stackcap_thread *t);

/* stackcap_read() - memory of the process as it is now; false: not all of it can be read */
bool stackcap_read(struct stackcap *c, uint64_t addr, void *buf, size_t sz);

/* stackcap_free() - what take() has allocated of one thread */
void stackcap_free(struct stackcap_thread *t);

#endif
