// SPDX-License-Identifier: GPL-2.0
/*
 * A process in /proc. All is read below a descriptor of its directory: when the
 * process ends, reads fail with ESRCH; when its pid is given to another, they
 * fail just the same.
 */
#include "source/src_proc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "source/proc_int.h"
#include "util/clock.h"

int proc_errno(int err)
{
	if (err == ENOENT || err == ENOTDIR || err == ESRCH)
		return -ESRCH;
	if (err == EPERM || err == EACCES)
		return -EACCES;
	return -err;
}

ssize_t proc_read(int dir, const char *name, char *buf, size_t sz)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n;

	if (fd < 0)
		return proc_errno(errno);
	do {
		n = read(fd, buf + len, sz - 1 - len);
		if (n > 0)
			len += (size_t)n;
	} while (n > 0 && len < sz - 1);
	if (n < 0)
		n = proc_errno(errno);
	close(fd);
	buf[len] = '\0';
	return n < 0 ? n : (ssize_t)len;
}

uint64_t proc_ticks_ns(uint64_t ticks)
{
	uint64_t hz = (uint64_t)sysconf(_SC_CLK_TCK);

	return ticks / hz * NSEC_PER_SEC + ticks % hz * NSEC_PER_SEC / hz;
}

/* Long enough for a stat with every field at its longest. */
#define STAT_SZ 2048

static int read_stat(int dir, const char *name, struct stat_line *ret)
{
	char buf[STAT_SZ];
	ssize_t n = proc_read(dir, name, buf, sizeof(buf));

	if (n < 0)
		return (int)n;
	return n ? stat_parse(buf, (size_t)n, ret) : -ESRCH;
}

int proc_stat(struct src_proc *sp, struct stat_line *ret)
{
	struct stat_line st;
	int err = read_stat(sp->dir, "stat", &st);

	if (err)
		return err;
	if (sp->start_ticks && st.start_ticks != sp->start_ticks)
		return -ESRCH;
	*ret = st;
	return 0;
}

int proc_open(struct src_proc *sp, const char *name)
{
	int fd = openat(sp->mm_dir, name, O_RDONLY | O_CLOEXEC), err;
	struct stat_line st;

	if (fd >= 0)
		return fd;
	err = proc_errno(errno);
	/* A process without an mm belongs to root: forbidden may mean gone. */
	if (err == -EACCES && (proc_stat(sp, &st) || st.state == 'Z' || st.state == 'X'))
		err = -ESRCH;
	return err;
}

static bool is_tid(const char *s)
{
	return *s >= '1' && *s <= '9';
}

/*
 * A main thread that has ended (pthread_exit) has no mm any more; its process
 * may live on in other threads. Their directories show the same map.
 */
static int find_living(struct src_proc *sp)
{
	int fd = openat(sp->dir, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat_line st;
	struct dirent *e;
	char name[64];
	DIR *d;

	d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		int err = proc_errno(errno);

		if (fd >= 0)
			close(fd);
		return err;
	}
	while ((e = readdir(d))) {
		if (!is_tid(e->d_name) || atoi(e->d_name) == sp->pid)
			continue;
		snprintf(name, sizeof(name), "%.16s/stat", e->d_name);
		if (read_stat(fd, name, &st) || st.state == 'Z' || st.state == 'X')
			continue;
		sp->mm_dir = openat(fd, e->d_name, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (sp->mm_dir >= 0)
			break;
	}
	closedir(d);
	return sp->mm_dir >= 0 ? 0 : -ESRCH;
}

/* May its map be read? Better known now than after half an attach. */
static int check_access(struct src_proc *sp)
{
	int fd = proc_open(sp, "maps");

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

int src_proc_open(pid_t pid, struct src_proc **ret_sp)
{
	struct src_proc *sp = calloc(1, sizeof(*sp));
	struct stat_line st;
	char path[32];
	int err;

	if (!sp)
		return -ENOMEM;
	sp->pid = pid;
	sp->mm_dir = sp->pagemap = -1;
	snprintf(path, sizeof(path), "/proc/%d", pid);
	sp->dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (sp->dir < 0) {
		err = proc_errno(errno);
		goto out_close;
	}
	err = proc_stat(sp, &st);
	if (err)
		goto out_close;
	sp->start_ticks = st.start_ticks;
	if (st.kthread) {
		err = -EINVAL;
		goto out_close;
	}
	if (st.state == 'Z' || st.state == 'X') {
		err = find_living(sp);
		if (err)
			goto out_close;
	} else {
		sp->mm_dir = sp->dir;
	}
	err = check_access(sp);
	if (err)
		goto out_close;
	*ret_sp = sp;
	return 0;

out_close:
	src_proc_close(sp);
	return err;
}

void src_proc_close(struct src_proc *sp)
{
	if (!sp)
		return;
	if (sp->pagemap >= 0)
		close(sp->pagemap);
	if (sp->mm_dir >= 0 && sp->mm_dir != sp->dir)
		close(sp->mm_dir);
	if (sp->dir >= 0)
		close(sp->dir);
	free(sp->maps_buf);
	free(sp->vec);
	free(sp);
}

pid_t src_proc_pid(const struct src_proc *sp)
{
	return sp->pid;
}

uint64_t src_proc_lock_ns(const struct src_proc *sp)
{
	return sp->lock_ns;
}

int src_proc_file_path(struct src_proc *sp, uint64_t start, uint64_t end, char *buf, size_t sz)
{
	char name[64];
	ssize_t n;

	if (!sz)
		return -EINVAL;
	snprintf(name, sizeof(name), "map_files/%llx-%llx", (unsigned long long)start,
		 (unsigned long long)end);
	n = readlinkat(sp->mm_dir, name, buf, sz - 1);
	if (n < 0)
		return -errno;
	buf[n] = '\0';
	return 0;
}

/* The counters by kind. −1 in status becomes 0: a kernel without that line has no such pages. */
static void read_rss(struct src_proc *sp, int64_t rss[MTR_NR_RSS])
{
	static const char *const key[MTR_NR_RSS] = {
		[MTR_FILE] = "RssFile",
		[MTR_ANON] = "RssAnon",
		[MTR_SWAP] = "VmSwap",
		[MTR_SHMEM] = "RssShmem",
	};
	char buf[8192];

	if (proc_read(sp->mm_dir, "status", buf, sizeof(buf)) < 0)
		buf[0] = '\0';
	for (unsigned int i = 0; i < MTR_NR_RSS; i++) {
		int64_t v = status_kb(buf, key[i]);

		rss[i] = v > 0 ? v : 0;
	}
}

uint32_t src_proc_exe(pid_t pid, struct strtab *st)
{
	char path[64], exe[PATH_MAX];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	n = readlink(path, exe, sizeof(exe));
	return n > 0 ? strtab_intern(st, exe, (size_t)n) : 0;
}

int src_proc_attach(struct src_proc *sp, uint32_t as, struct strtab *st, event_sink_fn sink,
		    void *ctx)
{
	struct mtr_event ev = { .kind = MTR_EV_ATTACH, .as = as };
	char exe[PATH_MAX];
	struct stat_line s;
	ssize_t n;
	int err = proc_stat(sp, &s);

	if (err)
		return err;
	ev.tid = (uint32_t)sp->pid;
	ev.time_ns = boot_ns();
	ev.proc.pid = (uint32_t)sp->pid;
	ev.proc.ppid = (uint32_t)s.ppid;
	ev.proc.start_time_ns = proc_ticks_ns(s.start_ticks);
	ev.proc.start_code = s.start_code;
	ev.proc.end_code = s.end_code;
	ev.proc.start_data = s.start_data;
	ev.proc.end_data = s.end_data;
	ev.proc.start_brk = s.start_brk;
	ev.proc.start_stack = s.start_stack;
	ev.proc.comm = strtab_intern_str(st, s.comm);
	n = readlinkat(sp->mm_dir, "exe", exe, sizeof(exe));
	if (n > 0)
		ev.proc.exe = strtab_intern(st, exe, (size_t)n);
	read_rss(sp, ev.proc.rss_bytes);
	return sink(ctx, &ev);
}

int src_proc_kernel(struct src_proc *sp, uint32_t as, event_sink_fn sink, void *ctx)
{
	struct mtr_event ev = { .kind = MTR_EV_KERNEL, .as = as };
	int64_t page = sysconf(_SC_PAGESIZE);
	uint64_t size, resident;
	struct stat_line s;
	char buf[4096];
	int err = proc_stat(sp, &s);

	if (err)
		return err;
	ev.kernel.virt_bytes = ev.kernel.rss_bytes = ev.kernel.stack_limit_bytes = -1;
	ev.kernel.minflt = (int64_t)s.minflt;
	ev.kernel.majflt = (int64_t)s.majflt;
	ev.kernel.nr_threads = s.nr_threads;
	ev.kernel.state = s.state;
	if (proc_read(sp->mm_dir, "statm", buf, sizeof(buf)) > 0 &&
	    !statm_parse(buf, &size, &resident)) {
		ev.kernel.virt_bytes = (int64_t)size * page;
		ev.kernel.rss_bytes = (int64_t)resident * page;
	}
	if (proc_read(sp->dir, "limits", buf, sizeof(buf)) > 0)
		ev.kernel.stack_limit_bytes = limits_stack(buf);
	ev.time_ns = boot_ns();
	return sink(ctx, &ev);
}

bool src_proc_memory(pid_t pid, uint64_t addr, void *buf, size_t sz)
{
	struct iovec local = { .iov_base = buf, .iov_len = sz };
	struct iovec remote = { .iov_base = (void *)addr, .iov_len = sz };

	return process_vm_readv(pid, &local, 1, &remote, 1, 0) == (ssize_t)sz;
}
