// SPDX-License-Identifier: GPL-2.0
/*
 * Threads of a process and their stack pointers. A thread that ends between the
 * listing and its reading is left out: its end is an event of its own.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "source/proc_int.h"
#include "util/clock.h"

struct each {
	uint32_t as;
	struct strtab *st;
	event_sink_fn sink;
	void *ctx;
};

typedef int (*thread_fn)(const struct each *e, int task, const char *tid);

static int for_each_thread(struct src_proc *sp, const struct each *each, thread_fn fn)
{
	int fd = openat(sp->dir, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC), ret = 0;
	struct dirent *e;
	bool any = false;
	DIR *d;

	d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		ret = proc_errno(errno);
		if (fd >= 0)
			close(fd);
		return ret;
	}
	while (!ret && (e = readdir(d))) {
		if (e->d_name[0] < '1' || e->d_name[0] > '9')
			continue;
		ret = fn(each, fd, e->d_name);
		if (!ret)
			any = true;
		else if (ret == -ESRCH)
			ret = 0;
	}
	closedir(d);
	return ret || any ? ret : -ESRCH;
}

static int read_thread_stat(int task, const char *tid, struct stat_line *ret)
{
	char name[64], buf[2048];
	ssize_t n;

	snprintf(name, sizeof(name), "%.16s/stat", tid);
	n = proc_read(task, name, buf, sizeof(buf));
	if (n <= 0)
		return n ? (int)n : -ESRCH;
	return stat_parse(buf, (size_t)n, ret);
}

static int emit_thread(const struct each *e, int task, const char *tid)
{
	struct mtr_event ev = { .kind = MTR_EV_THREAD, .as = e->as };
	struct stat_line s;
	int err = read_thread_stat(task, tid, &s);

	if (err)
		return err;
	/* A main thread that ended before the others stays listed: it is not one to show. */
	ev.tid = (uint32_t)strtoul(tid, NULL, 10);
	ev.time_ns = boot_ns();
	ev.thread.start_time_ns = proc_ticks_ns(s.start_ticks);
	ev.thread.at_attach = true;
	ev.thread.comm = strtab_intern_str(e->st, s.comm);
	ev.thread.state = s.state;
	return e->sink(e->ctx, &ev);
}

int src_proc_threads(struct src_proc *sp, uint32_t as, struct strtab *st, event_sink_fn sink,
		     void *ctx)
{
	const struct each e = { as, st, sink, ctx };

	return for_each_thread(sp, &e, emit_thread);
}

/*
 * syscall needs PTRACE_MODE_ATTACH, more than maps does: without it the stack
 * pointer stays unknown and the rest is told.
 */
static int emit_sp(const struct each *e, int task, const char *tid)
{
	struct mtr_event ev = { .kind = MTR_EV_SP, .as = e->as };
	char name[64], buf[256];
	struct stat_line s;
	int how = -EACCES;
	ssize_t n;

	snprintf(name, sizeof(name), "%.16s/syscall", tid);
	n = proc_read(task, name, buf, sizeof(buf));
	if (n == -ESRCH)
		return -ESRCH;
	if (n > 0)
		how = syscall_parse(buf, &ev.thread.sp);
	if (how == SYSCALL_RUNNING) {
		ev.thread.state = 'R'; /* nothing more can be learned of it without stopping it */
	} else {
		int err = read_thread_stat(task, tid, &s);

		if (err)
			return err;
		ev.thread.state = s.state;
	}
	ev.thread.syscall_sp = how == SYSCALL_IN_CALL;
	ev.tid = (uint32_t)strtoul(tid, NULL, 10);
	ev.time_ns = boot_ns();
	return e->sink(e->ctx, &ev);
}

int src_proc_sps(struct src_proc *sp, uint32_t as, struct strtab *st, event_sink_fn sink, void *ctx)
{
	const struct each e = { as, st, sink, ctx };

	return for_each_thread(sp, &e, emit_sp);
}
