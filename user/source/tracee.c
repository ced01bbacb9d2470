// SPDX-License-Identifier: GPL-2.0
#include "source/tracee.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "source/stackcap_int.h"

#define DEBUG_CONTROL 7 /* of the debug registers */
#define OPTIONS (PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC)

static bool is_thread_of(pid_t pid, pid_t tid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task/%d", pid, tid);
	return !access(path, F_OK);
}

/* Threads that were not traced yet; −errno when not one of them may be. */
static int seize_new(DIR *dir, unsigned long options, unsigned int *ret_new)
{
	struct dirent *e;
	int err = 0;

	rewinddir(dir);
	*ret_new = 0;
	while ((e = readdir(dir))) {
		pid_t tid = (pid_t)strtol(e->d_name, NULL, 10);

		if (tid <= 0)
			continue;
		if (!ptrace(PTRACE_SEIZE, tid, NULL, (void *)options))
			(*ret_new)++;
		else if (errno == EPERM)
			err = -EPERM; /* also those that we have already */
	}
	return err;
}

int tracee_begin(pid_t pid, bool with_us)
{
	unsigned long options = OPTIONS | (with_us ? PTRACE_O_EXITKILL : 0);
	char path[64];
	unsigned int found, all = 0;
	int err = -ESRCH;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	if (!dir)
		return -ESRCH;
	/* one that is being born meanwhile is found the next time */
	do {
		err = seize_new(dir, options, &found);
		all += found;
	} while (found);
	closedir(dir);
	return all ? 0 : err ? err : -ESRCH;
}

void tracee_go(pid_t tid, int sig)
{
	ptrace(PTRACE_CONT, tid, NULL, (void *)(long)sig);
}

int tracee_regs(pid_t tid, struct mtr_regs *ret, uint64_t *ret_tls)
{
	struct user_regs_struct u;

	if (ptrace(PTRACE_GETREGS, tid, NULL, &u))
		return -ESRCH;
	stackcap_regs(&u, ret);
	*ret_tls = u.fs_base;
	return 0;
}

static int poke_debug(pid_t tid, unsigned int reg, uint64_t val)
{
	size_t at = offsetof(struct user, u_debugreg) +
		    reg * sizeof(((struct user *)NULL)->u_debugreg[0]);

	if (!ptrace(PTRACE_POKEUSER, tid, (void *)at, (void *)val))
		return 0;
	return errno == ESRCH ? -ESRCH : -EOPNOTSUPP;
}

int tracee_break(pid_t tid, const uint64_t *addr, unsigned int nr)
{
	uint64_t on = 0;
	int err = poke_debug(tid, DEBUG_CONTROL, 0);

	for (unsigned int i = 0; i < nr && !err; i++) {
		err = poke_debug(tid, i, addr[i]);
		on |= 1u << i * 2; /* its own, to be executed */
	}
	return err || !nr ? err : poke_debug(tid, DEBUG_CONTROL, on);
}

bool tracee_at_break(pid_t tid)
{
	siginfo_t si;

	return !ptrace(PTRACE_GETSIGINFO, tid, NULL, &si) && si.si_signo == SIGTRAP &&
	       si.si_code == TRAP_HWBKPT;
}

int tracee_step(pid_t tid)
{
	int status;

	if (ptrace(PTRACE_SINGLESTEP, tid, NULL, NULL) || waitpid(tid, &status, __WALL) != tid ||
	    !WIFSTOPPED(status))
		return -ESRCH;
	return WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status);
}

/* A stop that is nobody's concern: that of who makes a thread, a stop of the whole process. */
static bool dealt_with(pid_t pid, pid_t tid, int status)
{
	int event = status >> 16, sig = WSTOPSIG(status);

	if (event == PTRACE_EVENT_CLONE) {
		tracee_go(tid, 0);
		return true;
	}
	if (event != PTRACE_EVENT_STOP)
		return false;
	if (!is_thread_of(pid, tid)) { /* a process, made as threads are */
		ptrace(PTRACE_DETACH, tid, NULL, NULL);
		return true;
	}
	if (sig == SIGSTOP || sig == SIGTSTP || sig == SIGTTIN || sig == SIGTTOU) {
		ptrace(PTRACE_LISTEN, tid, NULL, NULL);
		return true;
	}
	return false;
}

struct tracee_event tracee_wait(pid_t pid, bool wait)
{
	struct tracee_event ev = { .what = TRACEE_ENDED };
	int status, flags = WEXITED | WSTOPPED | __WALL | (wait ? 0 : WNOHANG);

	for (;;) {
		siginfo_t si = { .si_pid = 0 };

		/* the leader's end is left for who has started it */
		if (waitid(P_ALL, 0, &si, flags | WNOWAIT)) {
			if (errno == EINTR)
				ev.what = TRACEE_NOTHING;
			return ev;
		}
		if (!si.si_pid) {
			ev.what = TRACEE_NOTHING;
			return ev;
		}
		if (si.si_pid == pid && (si.si_code == CLD_EXITED || si.si_code == CLD_KILLED ||
					 si.si_code == CLD_DUMPED))
			return ev;
		if (waitpid(si.si_pid, &status, __WALL) != si.si_pid || !WIFSTOPPED(status) ||
		    dealt_with(pid, si.si_pid, status))
			continue;
		ev.tid = si.si_pid;
		ev.sig = status >> 16 ? 0 : WSTOPSIG(status);
		ev.what = status >> 16 == PTRACE_EVENT_EXEC ? TRACEE_EXEC :
			  status >> 16 == PTRACE_EVENT_STOP ? TRACEE_THREAD :
							      TRACEE_SIGNAL;
		return ev;
	}
}
