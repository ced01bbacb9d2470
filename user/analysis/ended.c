// SPDX-License-Identifier: GPL-2.0
#include "analysis/ended.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include "util/units.h"

/* "SIGSEGV"; "signal 99" for one that has no name */
static void signal_name(char *buf, size_t sz, int signo)
{
	const char *abbrev = sigabbrev_np(signo);

	if (abbrev)
		snprintf(buf, sz, "SIG%s", abbrev);
	else
		snprintf(buf, sz, "signal %d", signo);
}

/* Threads end before the process does: the name is the crash's own. */
static void thread_name(char *buf, size_t sz, const struct proc *p, const struct strtab *st)
{
	const struct crash *c = &p->crash;

	if (c->tid == p->pid)
		snprintf(buf, sz, "main thread");
	else
		snprintf(buf, sz, "%s#%" PRIu32, c->comm ? strtab_str(st, c->comm) : "thread ",
			 c->tid);
}

static const char *size(char buf[UNITS_LEN], uint64_t v, bool bytes)
{
	if (!bytes)
		return fmt_size(buf, (int64_t)v);
	snprintf(buf, UNITS_LEN, "%" PRIu64, v);
	return buf;
}

static void crash_text(char *dst, size_t sz, const struct proc *p, const struct strtab *st,
		       bool bytes)
{
	const struct crash *c = &p->crash;
	char sig[80], who[80], deep[UNITS_LEN], limit[UNITS_LEN];
	uint64_t low = c->sp && c->sp < c->addr ? c->sp : c->addr;

	signal_name(sig, sizeof(sig), c->by ? c->by : c->signo);
	thread_name(who, sizeof(who), p, st);
	if (!c->stack_overflow && c->addr)
		snprintf(dst, sz, "killed by %s in %s at %" PRIx64, sig, who, c->addr);
	else if (!c->stack_overflow)
		snprintf(dst, sz, "killed by %s in %s", sig, who);
	else if (low >= c->stack_end)
		snprintf(dst, sz, "STACK OVERFLOW in %s: %s at %" PRIx64, who, sig, c->addr);
	else
		snprintf(dst, sz, "STACK OVERFLOW in %s: %s deep%s%s, %s at %" PRIx64, who,
			 size(deep, c->stack_end - low, bytes), c->limit_bytes ? " of " : "",
			 c->limit_bytes ? size(limit, c->limit_bytes, bytes) : "", sig, c->addr);
	if (c->by) {
		signal_name(sig, sizeof(sig), c->signo);
		snprintf(dst + strlen(dst), sz - strlen(dst), ", its handler ended it with %s",
			 sig);
	}
}

char *ended_text(char *dst, size_t sz, const struct proc *p, const struct strtab *st, bool bytes)
{
	int signo = WTERMSIG(p->exit_code);
	char sig[32];

	dst[0] = '\0';
	switch (p->death) {
	case DEATH_NONE:
		break;
	case DEATH_EXIT:
		if (p->exit_code < 0)
			snprintf(dst, sz, "how is not known");
		else
			snprintf(dst, sz, "ended by itself, exit status %d",
				 WEXITSTATUS(p->exit_code));
		break;
	case DEATH_SIGNAL:
		/* another signal than the last one seen: sent from outside */
		if (p->crash.signo && p->crash.signo == signo) {
			crash_text(dst, sz, p, st, bytes);
			break;
		}
		signal_name(sig, sizeof(sig), signo);
		snprintf(dst, sz, "killed by %s", sig);
		break;
	case DEATH_OOM:
		snprintf(dst, sz, "killed by the kernel: out of memory");
		break;
	}
	return dst;
}

bool ended_well(const struct proc *p)
{
	return p->death == DEATH_EXIT && !p->exit_code;
}
