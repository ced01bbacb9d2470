// SPDX-License-Identifier: GPL-2.0
#include "source/stackcap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "source/proc_int.h"
#include "source/stackcap_int.h"

/* Below the stack pointer a leaf function may keep what it likes. */
#define RED_ZONE 128
#define MAX_COPY (64ull << 20)
/* How often a thread that was on its way is looked at again before it is stopped. */
#define LOOKS 3

int stackcap_open(pid_t pid, stackcap_end_fn end, void *ctx, unsigned int flags,
		  struct stackcap **ret_c, const char **ret_why)
{
	struct stackcap *c = calloc(1, sizeof(*c));
	char path[48];
	int err;

	if (!c)
		return -ENOMEM;
	c->pid = pid;
	c->end = end;
	c->ctx = ctx;
	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	c->task = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (c->task < 0) {
		free(c);
		return -ESRCH;
	}
	err = flags & STACKCAP_HELD ? 0 : src_regs_open(&c->sr);
	*ret_why = !err ? NULL :
		   err == -EPERM ?
			  "not all registers of sleeping threads can be read without CAP_BPF and "
			  "CAP_PERFMON: some stacks may end early" :
			  "this kernel does not let BPF read the registers of sleeping threads: "
			  "some stacks may end early";
	*ret_c = c;
	return 0;
}

void stackcap_close(struct stackcap *c)
{
	if (!c)
		return;
	src_regs_close(c->sr);
	close(c->task);
	free(c);
}

void stackcap_free(struct stackcap_thread *t)
{
	for (unsigned int i = 0; i < MTR_STACK_PARTS; i++)
		free(t->copy.part[i].data);
	memset(&t->copy, 0, sizeof(t->copy));
}

void stackcap_skip(struct stackcap_thread *t, const char *why)
{
	stackcap_free(t);
	t->how = STACKCAP_SKIPPED;
	t->why = why;
}

/* What can be read of [start, end): a part that begins where it should, maybe a shorter one. */
static int read_part(pid_t pid, uint64_t start, uint64_t end, struct mtr_stack_part *ret)
{
	size_t want = end - start, room;
	struct iovec local, remote = { .iov_base = (void *)start, .iov_len = want };
	uint8_t *data;
	ssize_t n;

	/* a page more than asked for never hurts, and a size of nothing is no allocation */
	room = want + 1;
	data = malloc(room);
	if (!data)
		return -ENOMEM;
	local = (struct iovec){ .iov_base = data, .iov_len = want };
	n = process_vm_readv(pid, &local, 1, &remote, 1, 0);
	if (n <= 0) {
		int err = n ? -errno : -EFAULT;

		free(data);
		return err;
	}
	free(ret->data);
	*ret = (struct mtr_stack_part){ .addr = start, .size = (size_t)n, .data = data };
	return 0;
}

bool stackcap_read(struct stackcap *c, uint64_t addr, void *buf, size_t sz)
{
	return src_proc_memory(c->pid, addr, buf, sz);
}

static uint64_t clamp_end(struct stackcap *c, pid_t tid, uint64_t sp)
{
	uint64_t end = c->end(c->ctx, tid, sp);

	return end - sp > MAX_COPY ? sp + MAX_COPY : end;
}

int stackcap_copy(struct stackcap *c, struct stackcap_thread *t)
{
	uint64_t sp = t->copy.regs.r[MTR_REG_SP], end;
	int err;

	end = clamp_end(c, t->tid, sp);
	if (end <= sp || sp < RED_ZONE)
		return -EFAULT;
	err = read_part(c->pid, sp - RED_ZONE, end, &t->copy.part[0]);
	/* the red zone may lie in a guard page */
	return err == -EFAULT ? read_part(c->pid, sp, end, &t->copy.part[0]) : err;
}

/* ---- threads that sleep, by BPF */

static const struct task_regs *find(const struct task_regs *all, int nr, pid_t tid)
{
	int lo = 0, hi = nr - 1;

	while (lo <= hi) {
		int mid = lo + (hi - lo) / 2;

		if (all[mid].tid == tid)
			return &all[mid];
		if (all[mid].tid < tid)
			lo = mid + 1;
		else
			hi = mid - 1;
	}
	return NULL;
}

/* −EAGAIN: it runs, or has run. −ESRCH: it is gone. */
static int judge(struct stackcap_thread *t, const struct task_regs *before,
		 const struct task_regs *after)
{
	if (!after)
		return -ESRCH;
	if (before && task_regs_same(before, after))
		return 0;
	stackcap_free(t);
	return -EAGAIN;
}

static int copy_asleep(struct stackcap *c, struct stackcap_thread *t, const struct task_regs *r)
{
	if (!r || r->on_cpu)
		return -EAGAIN;
	t->how = STACKCAP_ASLEEP;
	t->copy.regs = r->regs;
	t->tls = r->tls;
	t->nr_switches = r->nr_switches;
	return stackcap_copy(c, t);
}

/* One thread, looked at anew. */
static int asleep_one(struct stackcap *c, struct stackcap_thread *t)
{
	struct task_regs *before = NULL, *after = NULL;
	int nr, err;

	nr = src_regs_read(c->sr, c->pid, t->tid, &before);
	if (nr < 0)
		return nr;
	err = copy_asleep(c, t, find(before, nr, t->tid));
	if (err != -EAGAIN && err != -ENOMEM) {
		int nr2 = src_regs_read(c->sr, c->pid, t->tid, &after), same;

		same = nr2 < 0 ? nr2 : judge(t, find(before, nr, t->tid), find(after, nr2, t->tid));
		err = same ? same : err;
	}
	free(before);
	free(after);
	return err;
}

/* ---- threads that sleep, without BPF */

static int read_switches(struct stackcap *c, pid_t tid, uint64_t *ret, char *ret_state)
{
	const char *v, *n, *st;
	char name[40], buf[8192];

	snprintf(name, sizeof(name), "%d/status", tid);
	if (proc_read(c->task, name, buf, sizeof(buf)) <= 0)
		return -ESRCH;
	st = strstr(buf, "\nState:\t");
	v = strstr(buf, "\nvoluntary_ctxt_switches:");
	n = strstr(buf, "\nnonvoluntary_ctxt_switches:");
	if (!st || !v || !n)
		return -ESRCH;
	*ret_state = st[8];
	*ret = strtoull(strchr(v, ':') + 1, NULL, 10) + strtoull(strchr(n, ':') + 1, NULL, 10);
	return 0;
}

/* "NR ARG… SP PC", "-1 SP PC" or "running" */
static int read_syscall(struct stackcap *c, pid_t tid, struct mtr_regs *ret)
{
	/* rdi rsi rdx r10 r8 r9 in DWARF's numbers */
	static const uint8_t args[6] = { 5, 4, 1, 10, 8, 9 };
	char name[40], buf[512], *at;
	uint64_t v[9];
	int nr = 0;
	ssize_t n;

	snprintf(name, sizeof(name), "%d/syscall", tid);
	n = proc_read(c->task, name, buf, sizeof(buf));
	if (n <= 0)
		return n ? (int)n : -ESRCH;
	if (buf[0] == 'r')
		return -EAGAIN;
	for (at = buf; nr < 9; nr++) {
		char *end;

		v[nr] = strtoull(at, &end, 0);
		if (end == at)
			break;
		at = end;
	}
	if (nr != 9 && nr != 3)
		return -EAGAIN;
	*ret = (struct mtr_regs){ .valid = 1u << MTR_REG_SP | 1u << MTR_REG_PC };
	ret->r[MTR_REG_SP] = v[nr - 2];
	ret->r[MTR_REG_PC] = v[nr - 1];
	for (int i = 0; nr == 9 && i < 6; i++) {
		ret->r[args[i]] = v[i + 1];
		ret->valid |= 1u << args[i];
	}
	return 0;
}

static int syscall_one(struct stackcap *c, struct stackcap_thread *t)
{
	uint64_t before, after;
	char state;
	int err;

	err = read_switches(c, t->tid, &before, &state);
	if (!err)
		err = read_syscall(c, t->tid, &t->copy.regs);
	if (err)
		return err;
	t->how = STACKCAP_SYSCALL;
	err = stackcap_copy(c, t);
	if (read_switches(c, t->tid, &after, &state))
		return -ESRCH;
	if (before == after && state != 'R')
		return err;
	stackcap_free(t);
	return -EAGAIN;
}

/* ---- one after the other */

static int look(struct stackcap *c, struct stackcap_thread *t)
{
	return c->sr ? asleep_one(c, t) : syscall_one(c, t);
}

static int take_one(struct stackcap *c, struct stackcap_thread *t)
{
	int err = -EAGAIN;

	for (int i = 0; i < LOOKS && err == -EAGAIN; i++)
		err = look(c, t);
	return err == -EAGAIN ? stackcap_stop(c, t) : err;
}

static int settle(struct stackcap_thread *t, int err)
{
	if (err == -ESRCH) {
		stackcap_free(t);
		t->tid = 0;
		return 0;
	}
	if (err == -EFAULT) {
		stackcap_skip(t, "its stack cannot be read");
		return 0;
	}
	return err == -EPERM ? -EACCES : err;
}

int stackcap_take(struct stackcap *c, struct stackcap_thread *t, unsigned int nr)
{
	struct task_regs *before = NULL, *after = NULL;
	int n = 0, n2 = 0, err = 0;
	int *got = calloc(nr + 1, sizeof(*got));

	if (!got)
		return -ENOMEM;
	/* all at once: most sleep, and two readings do for all of them */
	if (c->sr)
		n = src_regs_read(c->sr, c->pid, 0, &before);
	for (unsigned int i = 0; i < nr; i++)
		got[i] = n > 0 ? copy_asleep(c, &t[i], find(before, n, t[i].tid)) : -EAGAIN;
	if (n > 0)
		n2 = src_regs_read(c->sr, c->pid, 0, &after);
	for (unsigned int i = 0; i < nr && !err; i++) {
		if (n > 0 && got[i] != -EAGAIN) {
			int same = judge(&t[i], find(before, n, t[i].tid),
					 n2 > 0 ? find(after, n2, t[i].tid) : NULL);

			got[i] = same ? same : got[i];
		}
		if (got[i] == -EAGAIN)
			got[i] = take_one(c, &t[i]);
		err = settle(&t[i], got[i]);
	}
	free(got);
	free(before);
	free(after);
	return err;
}

int stackcap_held(struct stackcap *c, struct stackcap_thread *t)
{
	t->how = STACKCAP_STOPPED;
	return settle(t, stackcap_copy(c, t));
}

int stackcap_more(struct stackcap *c, struct stackcap_thread *t, uint64_t addr)
{
	uint64_t end = clamp_end(c, 0, addr);
	struct task_regs *now = NULL;
	bool same;
	int nr;

	/* only of one that can be proved not to have moved since */
	if (t->how != STACKCAP_ASLEEP || end <= addr)
		return -EAGAIN;
	if (read_part(c->pid, addr, end, &t->copy.part[1]))
		return -EAGAIN;
	nr = src_regs_read(c->sr, c->pid, t->tid, &now);
	same = nr == 1 && !now->on_cpu && now->nr_switches == t->nr_switches;
	if (nr > 0)
		free(now);
	if (same)
		return 0;
	free(t->copy.part[1].data);
	t->copy.part[1] = (struct mtr_stack_part){ .size = 0 };
	return -EAGAIN;
}
