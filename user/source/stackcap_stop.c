// SPDX-License-Identifier: GPL-2.0
/*
 * Stopping a running thread. PTRACE_SEIZE sends no signal and PTRACE_INTERRUPT
 * stops it at the edge to user space, so that user code is not aware of it. Only
 * a system call that was entered in between is: most are restarted by the kernel,
 * those that return EINTR we restart. That is only right when no signal is on
 * its way, which would have broken the call off anyhow.
 */
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "source/proc_int.h"
#include "source/stackcap_int.h"
#include "util/clock.h"

/* A thread that does not come to its stop by then waits in the kernel for a device. */
#define STOP_TIMEOUT (2 * NSEC_PER_SEC)

/* Waits for the ptrace stop. 0, −ESRCH, −ETIMEDOUT; @ret_sig: a signal that is held back by it */
static int wait_stop(pid_t tid, int *ret_sig)
{
	uint64_t until = boot_ns() + STOP_TIMEOUT;
	struct timespec pause = { .tv_nsec = 20000 };
	int status;
	pid_t got;

	for (unsigned int i = 0;; i++) {
		got = waitpid(tid, &status, __WALL | WNOHANG);
		if (got == tid)
			break;
		if (got < 0 && errno != EINTR)
			return -ESRCH;
		if (boot_ns() > until)
			return -ETIMEDOUT;
		if (i > 100)
			nanosleep(&pause, NULL);
	}
	if (!WIFSTOPPED(status))
		return -ESRCH;
	/* PTRACE_EVENT_STOP is ours; another stop is that of a signal which must go on */
	*ret_sig = status >> 16 == PTRACE_EVENT_STOP ? 0 : WSTOPSIG(status);
	return 0;
}

void stackcap_regs(const struct user_regs_struct *u, struct mtr_regs *r)
{
	const unsigned long long order[MTR_NR_REGS] = {
		u->rax, u->rdx, u->rcx, u->rbx, u->rsi, u->rdi, u->rbp, u->rsp, u->r8,
		u->r9,	u->r10, u->r11, u->r12, u->r13, u->r14, u->r15, u->rip,
	};

	for (unsigned int i = 0; i < MTR_NR_REGS; i++)
		r->r[i] = order[i];
	r->valid = (1u << MTR_NR_REGS) - 1;
}

static uint64_t mask(const char *status, const char *key)
{
	const char *at = strstr(status, key);

	return at ? strtoull(at + strlen(key), NULL, 16) : 0;
}

/* Is there a signal that the thread would take? */
static bool signal_waits(const struct stackcap *c, pid_t tid)
{
	char name[32], buf[8192];

	snprintf(name, sizeof(name), "%d/status", tid);
	if (proc_read(c->task, name, buf, sizeof(buf)) <= 0)
		return true;
	return (mask(buf, "\nSigPnd:") | mask(buf, "\nShdPnd:")) & ~mask(buf, "\nSigBlk:");
}

/* Begin a broken off system call anew. */
static int restart(struct stackcap *c, pid_t tid, struct user_regs_struct *u)
{
	if ((long long)u->orig_rax < 0 || (long long)u->rax != -EINTR || signal_waits(c, tid))
		return 0;
	u->rax = u->orig_rax;
	u->rip -= 2; /* the length of `syscall` */
	u->orig_rax = ~0ull;
	return ptrace(PTRACE_SETREGS, tid, NULL, u) ? -errno : 0;
}

static int while_stopped(struct stackcap *c, struct stackcap_thread *t, int sig)
{
	struct user_regs_struct u;

	if (ptrace(PTRACE_GETREGS, t->tid, NULL, &u))
		return errno == ESRCH ? -ESRCH : -errno;
	stackcap_regs(&u, &t->copy.regs);
	t->tls = u.fs_base;
	if (stackcap_copy(c, t))
		stackcap_skip(t, "its stack cannot be read");
	return sig ? 0 : restart(c, t->tid, &u);
}

int stackcap_stop(struct stackcap *c, struct stackcap_thread *t)
{
	uint64_t from = boot_ns();
	int err, sig = 0;

	t->how = STACKCAP_STOPPED;
	if (ptrace(PTRACE_SEIZE, t->tid, NULL, NULL)) {
		if (errno == ESRCH)
			return -ESRCH;
		stackcap_skip(
			t,
			"it runs and may not be stopped: another debugger or tracer has it, or it "
			"belongs to somebody else");
		return 0;
	}
	err = ptrace(PTRACE_INTERRUPT, t->tid, NULL, NULL) ? -errno : wait_stop(t->tid, &sig);
	if (err) {
		/* not stopped: it cannot be let go, and is when memtrace ends */
		if (err != -ESRCH)
			stackcap_skip(t, "it did not come to a stop");
		return err == -ESRCH ? -ESRCH : 0;
	}
	err = while_stopped(c, t, sig);
	ptrace(PTRACE_DETACH, t->tid, NULL, (void *)(long)sig);
	t->stopped_ns = boot_ns() - from;
	if (err == -ESRCH)
		return -ESRCH;
	if (err)
		stackcap_skip(t, "its registers cannot be read");
	return 0;
}
