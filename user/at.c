// SPDX-License-Identifier: GPL-2.0
/*
 * Pictures at the calls of a function. Three of each:
 *
 *   call     the caller, as it stands before the call
 *   entry    the function on top of it, behind its prologue: its parameters are there
 *   return   the caller again, when the statement with the call is done: it has the result
 *
 * A uprobe tells when a thread comes to the function, and another one, planted then, when it
 * is back. Where there can be none, as without privileges, the debug registers of its threads
 * do the same for a command of our own. The program runs at full speed in between. Only the
 * thread that came there is held, and only while its picture is taken. A call that is left
 * otherwise (longjmp, an exception) has no third picture, unless that leads to the very
 * instruction behind the call. The few instructions from the return to the end of the statement
 * are stepped.
 */
#include "at.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "child.h"
#include "export/symmaps.h"
#include "frames.h"
#include "snap.h"
#include "source/src_at.h"
#include "source/tracee.h"
#include "stacks_run.h"
#include "target.h"
#include "util/log.h"

#define MAX_PLACES 48
#define MAX_FUNCTIONS 16 /* of one name */
#define MAX_CALLS 256 /* that have not returned yet */
#define MAX_STEPS 64

struct place {
	uint64_t addr;
	enum { AT_START, AT_FUNCTION, AT_RETURN } kind;
};

struct call {
	pid_t tid;
	uint64_t sp; /* of the caller, when it is back */
	uint64_t pc; /* to which it comes back */
	unsigned int nr;
};

struct at {
	const struct opts *o;
	FILE *out;
	pid_t pid;
	struct child child;
	struct src_at *sa; /* NULL: by debug registers */
	struct syms *syms; /* of the program as it was when the function was found */
	struct place place[MAX_PLACES];
	unsigned int nr_places;
	struct call call[MAX_CALLS];
	unsigned int nr_calls, called;
	uint32_t as;
	bool found, done;
	int err; /* exit status of the first failure */
};

static unsigned int wanted(const struct at *a)
{
	return a->o->count ? a->o->count : 1;
}

static int plant(struct at *a, const char *path, uint64_t offset, uint64_t addr, int kind)
{
	int err;

	for (unsigned int i = 0; i < a->nr_places; i++)
		if (a->place[i].addr == addr)
			return 0;
	if (a->nr_places == MAX_PLACES)
		return -E2BIG;
	err = a->sa ? src_at_plant(a->sa, a->pid, path, offset) : 0;
	if (err)
		return log_error(EX_FAILED, NULL, "no probe can be set at %" PRIx64 " of %d: %s",
				 addr, a->pid, strerror(-err)),
		       err;
	a->place[a->nr_places].addr = addr;
	a->place[a->nr_places++].kind = kind;
	return 0;
}

static int plant_in(struct at *a, struct proc *p, uint64_t addr, int kind)
{
	struct region *r = aspace_find(&p->aspace, addr);
	char path[96];

	if (!a->sa)
		return plant(a, NULL, 0, addr, kind);
	if (!r || !r->ino)
		return -ENOENT;
	snprintf(path, sizeof(path), "/proc/%d/map_files/%" PRIx64 "-%" PRIx64, a->pid, r->start,
		 r->end);
	return plant(a, path, addr - r->start + r->pgoff, addr, kind);
}

static bool has(const uint64_t *addr, unsigned int nr, uint64_t val)
{
	for (unsigned int i = 0; i < nr; i++)
		if (addr[i] == val)
			return true;
	return false;
}

/*
 * Without uprobes: where a held thread is to stop from now on. Its innermost calls are what
 * comes back first: of these as many as there are registers left. A thread that sleeps cannot
 * be told that all is done; it is when it comes to a place once more.
 */
static int arm(struct at *a, pid_t tid)
{
	uint64_t addr[TRACEE_BREAKS];
	unsigned int nr = 0;
	int err;

	for (unsigned int i = 0; !a->done && i < a->nr_places; i++)
		if (a->place[i].kind == AT_START || a->called < wanted(a))
			addr[nr++] = a->place[i].addr;
	for (unsigned int i = a->nr_calls; !a->done && i-- > 0 && nr < TRACEE_BREAKS;)
		if (a->call[i].tid == tid && !has(addr, nr, a->call[i].pc))
			addr[nr++] = a->call[i].pc;
	err = tracee_break(tid, addr, nr);
	if (!err || err == -ESRCH || a->err)
		return 0;
	return log_error(EX_KERNEL, "run as root: sudo memtrace …",
			 "this machine has no debug registers for --at without root");
}

/* Does something with the process as it is now; the snapshot is gone afterwards. */
static int with_map(struct at *a, int (*fn)(struct at *, struct snap *, struct proc *, uint64_t),
		    uint64_t arg)
{
	struct snap snap;
	struct proc *p;
	int ret = snap_take(&snap, a->pid, ++a->as, true, &p);

	if (ret)
		return ret;
	ret = fn(a, &snap, p, arg);
	snap_release(&snap);
	return ret;
}

static int find_function(struct at *a, struct snap *snap, struct proc *p, uint64_t arg)
{
	struct sym_place f[MAX_FUNCTIONS];
	unsigned int nr;

	(void)arg;
	syms_free(a->syms);
	a->syms = syms_new(a->pid, a->o->debuginfod);
	if (!a->syms || symmaps_set(a->syms, &p->aspace, snap->st, NULL, false))
		return log_error(EX_FAILED, NULL, "out of memory");
	nr = syms_function(a->syms, a->o->at, f, MAX_FUNCTIONS);
	if (!a->sa) {
		a->nr_places = 0; /* the start is over */
		if (nr >= TRACEE_BREAKS)
			return log_error(EX_FAILED, "run as root, or name one with its scope",
					 "%u functions are called %s: too many without root", nr,
					 a->o->at);
	}
	for (unsigned int i = 0; i < nr; i++) {
		if (plant_in(a, p, f[i].body, AT_FUNCTION))
			return EX_FAILED;
		a->found = true;
	}
	return 0;
}

static int plant_return(struct at *a, struct snap *snap, struct proc *p, uint64_t addr)
{
	(void)snap;
	/* code without a file: who called will not be seen again */
	return plant_in(a, p, addr, AT_RETURN) == -E2BIG ? EX_FAILED : 0;
}

/* ---- pictures */

static int picture(struct at *a, struct stacks_held *h, const char *what, unsigned int nr,
		   unsigned int skip)
{
	int ret;

	h->skip = skip;
	h->at = (struct stacks_at){ .function = a->o->at, .what = what, .call = nr };
	if (a->as && !a->o->json && (nr > 1 || strcmp(what, "call") != 0))
		fputs("\n", a->out);
	ret = stacks_run(a->pid, ++a->as, a->o, a->out, h, NULL);
	fflush(a->out);
	return ret;
}

/* A held thread with the registers that it had at @regs. */
static int hold(struct at *a, pid_t tid, const struct mtr_regs *regs, struct stacks_held *h)
{
	int err;

	*h = (struct stacks_held){ .tid = tid, .syms = a->syms };
	err = tracee_regs(tid, &h->regs, &h->tls);
	h->regs = *regs;
	return err;
}

/* Calls of a thread that has gone back further than to where they would return: longjmp, an exception. */
static void forget_calls(struct at *a, pid_t tid, uint64_t sp)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < a->nr_calls; i++)
		if (a->call[i].tid != tid || a->call[i].sp >= sp)
			a->call[n++] = a->call[i];
	a->nr_calls = n;
}

static int on_call(struct at *a, pid_t tid, const struct mtr_regs *hit)
{
	struct stacks_held h;
	int ret;

	forget_calls(a, tid, hit->r[MTR_REG_SP]);
	if (a->called == wanted(a) || (a->o->tid && a->o->tid != tid) || a->nr_calls == MAX_CALLS ||
	    hold(a, tid, hit, &h))
		return 0;
	a->called++;
	ret = picture(a, &h, "call", a->called, 1);
	if (!ret)
		ret = picture(a, &h, "entry", a->called, 0);
	if (ret || !h.caller_pc)
		return ret;
	/* the same frame calls again: what it called before is over */
	forget_calls(a, tid, h.caller_sp + 1);
	a->call[a->nr_calls++] = (struct call){ tid, h.caller_sp, h.caller_pc, a->called };
	return a->sa ? with_map(a, plant_return, h.caller_pc) : 0;
}

/* A call or a system call ends what is stepped: the thread must not be followed into them. */
static bool is_call(pid_t pid, uint64_t pc)
{
	uint8_t b[4] = { 0 };
	struct iovec to = { b, sizeof(b) }, from = { (void *)pc, sizeof(b) };
	unsigned int at = 0;

	if (process_vm_readv(pid, &to, 1, &from, 1, 0) != (ssize_t)sizeof(b))
		return true;
	if ((b[0] & 0xf0) == 0x40) /* REX */
		at = 1;
	return b[at] == 0xe8 || (b[at] == 0xff && (b[at + 1] & 0x38) == 0x10) || b[0] == 0x0f;
}

static bool same_line(struct at *a, uint64_t pc, uint64_t call)
{
	const struct sym_addr *here = syms_addr(a->syms, pc), *there = syms_addr(a->syms, call);

	/* code without a line of its own belongs to the one around it */
	return here && there && here->func == there->func && there->name[0].line &&
	       (!here->name[0].line || here->name[0].line == there->name[0].line);
}

/* Until the statement with the call is done; a signal that came meanwhile is to be passed on. */
static int finish_line(struct at *a, const struct call *c, struct mtr_regs *regs)
{
	struct mtr_regs now;
	uint64_t tls;
	int sig = 0;

	for (unsigned int i = 0; i < MAX_STEPS && !sig; i++) {
		/* where it came back to, another call was made already */
		if (tracee_regs(c->tid, &now, &tls) || now.r[MTR_REG_SP] < c->sp)
			break;
		*regs = now;
		if (!same_line(a, now.r[MTR_REG_PC], c->pc - 1) ||
		    is_call(a->pid, now.r[MTR_REG_PC]))
			break;
		sig = tracee_step(c->tid);
	}
	return sig > 0 ? sig : 0;
}

static int on_return(struct at *a, pid_t tid, struct mtr_regs *hit, int *ret_sig)
{
	uint64_t ip = hit->r[MTR_REG_PC], sp = hit->r[MTR_REG_SP];
	struct stacks_held h;
	struct call c;

	forget_calls(a, tid, sp);
	for (unsigned int i = 0; i < a->nr_calls; i++) {
		if (a->call[i].tid != tid || a->call[i].sp != sp || a->call[i].pc != ip)
			continue;
		c = a->call[i];
		memmove(&a->call[i], &a->call[i + 1], (--a->nr_calls - i) * sizeof(a->call[0]));
		*ret_sig = finish_line(a, &c, hit);
		return hold(a, tid, hit, &h) ? 0 : picture(a, &h, "return", c.nr, 0);
	}
	return 0;
}

static int on_place(struct at *a, pid_t tid, struct mtr_regs *hit, int *ret_sig)
{
	for (unsigned int i = 0; i < a->nr_places; i++) {
		if (a->place[i].addr != hit->r[MTR_REG_PC])
			continue;
		switch (a->place[i].kind) {
		case AT_START:
			return with_map(a, find_function, 0);
		case AT_FUNCTION:
			return on_call(a, tid, hit);
		case AT_RETURN:
			return on_return(a, tid, hit, ret_sig);
		}
	}
	return a->sa ? 0 : on_return(a, tid, hit, ret_sig);
}

/* Is a place what the thread is held for? Then, and with its registers there. */
static bool at_place(struct at *a, const struct tracee_event *ev, struct mtr_regs *ret_hit)
{
	uint64_t tls;

	if (a->sa)
		return ev->sig == SRC_AT_SIGNAL && src_at_hit(a->sa, ev->tid, ret_hit);
	return ev->sig == SIGTRAP && tracee_at_break(ev->tid) &&
	       !tracee_regs(ev->tid, ret_hit, &tls);
}

/* ---- what happens */

/* A new program: at its entry point its libraries are there, and none of its code has run. */
static int on_exec(struct at *a)
{
	char path[64];
	Elf64_auxv_t v;
	uint64_t entry = 0;
	struct snap snap;
	struct proc *p;
	int fd, ret;

	if (a->sa)
		src_at_clear(a->sa);
	a->nr_places = a->nr_calls = 0;
	snprintf(path, sizeof(path), "/proc/%d/auxv", a->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && read(fd, &v, sizeof(v)) == (ssize_t)sizeof(v))
		if (v.a_type == AT_ENTRY)
			entry = v.a_un.a_val;
	if (fd >= 0)
		close(fd);
	ret = snap_take(&snap, a->pid, ++a->as, true, &p);
	if (ret)
		return ret;
	ret = entry && !plant_in(a, p, entry, AT_START) ? 0 : EX_FAILED;
	snap_release(&snap);
	return ret;
}

static void on_event(struct at *a, const struct tracee_event *ev)
{
	struct mtr_regs hit;
	int sig = ev->sig, ret = 0;

	if (ev->what == TRACEE_EXEC) {
		ret = on_exec(a);
		sig = 0;
	} else if (ev->what == TRACEE_SIGNAL && at_place(a, ev, &hit)) {
		sig = 0;
		ret = on_place(a, ev->tid, &hit, &sig);
	}
	if (ret && !a->err)
		a->err = ret;
	a->done = a->err || (a->called == wanted(a) && !a->nr_calls);
	if (!a->sa && arm(a, ev->tid) && !a->err)
		a->err = EX_KERNEL;
	tracee_go(ev->tid, sig);
}

/* The command runs on to its end; a process is let go when memtrace ends. */
static void watch(struct at *a)
{
	bool cleared = false;

	for (;;) {
		struct tracee_event ev;

		if (a->done && !cleared) {
			if (a->sa)
				src_at_clear(a->sa);
			a->nr_places = 0;
			cleared = true;
		}
		ev = tracee_wait(a->pid, a->o->cmd || !a->done);
		if (ev.what == TRACEE_ENDED || (ev.what == TRACEE_NOTHING && a->done && !a->o->cmd))
			return;
		if (ev.what != TRACEE_NOTHING)
			on_event(a, &ev);
	}
}

static int attach(struct at *a)
{
	int err = tracee_begin(a->pid, !a->sa);

	if (err == -EPERM)
		return log_error(EX_PRIVILEGE,
				 "end the other debugger or tracer, or see: memtrace doctor",
				 "process %d cannot be traced: it is already, or it is forbidden",
				 a->pid);
	return err ? target_error(a->pid, err) : 0;
}

static int not_found(const struct at *a)
{
	return log_error(EX_FAILED, "names are those of: nm -C PROGRAM",
			 "there is no function %s in the program or its libraries", a->o->at);
}

static int run_command(struct at *a)
{
	int ret = child_start(&a->child, a->o->cmd, a->o->user, false, 0, 0), status;

	a->pid = a->child.pid;
	if (!ret)
		ret = attach(a);
	/* the exec is what it waits for: it cannot be waited for here */
	if (!ret)
		ret = child_go_on(&a->child);
	if (!ret)
		watch(a);
	if (!ret)
		ret = child_ran(&a->child, a->o->cmd[0]);
	status = child_end(&a->child, ret ? SIGKILL : 0);
	if (!ret && !a->err && !a->found)
		a->err = not_found(a);
	else if (!ret && !a->err && !a->called)
		log_warn("%s was not called", a->o->at);
	return ret ? (ret < 126 ? EX_CMD_FAILED : ret) : a->err ? EX_CMD_FAILED : status;
}

static int run_process(struct at *a)
{
	int ret;

	a->pid = a->o->pids[0];
	ret = attach(a);
	if (!ret)
		ret = with_map(a, find_function, 0);
	if (!ret && !a->found)
		ret = not_found(a);
	if (ret)
		return ret;
	watch(a);
	return a->err;
}

int at_run(const struct opts *o, FILE *out)
{
	static struct at a;
	int err, ret;

	a = (struct at){ .o = o, .out = out };
	err = src_at_open(&a.sa);
	if (err && o->cmd)
		a.sa = NULL;
	else if (err == -EPERM)
		return log_error(EX_PRIVILEGE,
				 "run as root, or let memtrace start it: … --at FUNCTION -- CMD",
				 "--at with a process needs BPF (CAP_BPF and CAP_PERFMON)");
	else if (err)
		return log_error(
			EX_KERNEL, "see: memtrace doctor",
			"--at needs uprobes with BPF, which this kernel does not allow: %s",
			strerror(-err));
	ret = o->cmd ? run_command(&a) : run_process(&a);
	src_at_close(a.sa);
	syms_free(a.syms);
	return ret;
}
