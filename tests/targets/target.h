/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What every test target shares: options, checkpoints and the clock.
 *
 * With TARGET_SYNC=1 a target talks to its harness:
 *
 *	fd 4  target → harness   truth lines (REGION …, THREAD …), then
 *				 "CHECKPOINT <n> <CLOCK_BOOTTIME ns> key=value …", last "DONE …"
 *	fd 3  harness → target   one byte lets the target go on; end of file ends it
 *
 * At a checkpoint every other thread of the target is asleep: checked, not assumed. With
 * TARGET_SYNC=print the same lines go to stdout and nothing blocks; without it checkpoints are
 * no-ops and only truth lines and DONE are printed, to stdout.
 *
 * Nothing here calls malloc: some targets own the brk.
 */
#ifndef TARGET_H
#define TARGET_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#define TARGET_IN 3
#define TARGET_OUT 4
#define TARGET_UNUSED __attribute__((unused))

typedef uint64_t u64;
typedef uint32_t u32;

enum target_mode { TARGET_QUIET, TARGET_SYNCED, TARGET_PRINT };

enum target_opt_type { OPT_U64, OPT_STR, OPT_FLAG };

/* One --name VALUE; @val points to a u64, a const char * or a bool. */
struct target_opt {
	const char *name;
	enum target_opt_type type;
	void *val;
};

static enum target_mode target_mode;
static unsigned int target_nr; /* number of the next checkpoint */
static size_t page_sz;

TARGET_UNUSED static u64 target_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (u64)ts.tv_sec * 1000000000 + (u64)ts.tv_nsec;
}

static void target_write(int fd, const char *buf, size_t len)
{
	while (len) {
		ssize_t n = write(fd, buf, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			_exit(3);
		buf += n;
		len -= (size_t)n;
	}
}

static void target_vline(const char *head, const char *fmt, va_list ap)
{
	char buf[1024];
	int n = snprintf(buf, sizeof(buf), "%s", head);
	int m = vsnprintf(buf + n, sizeof(buf) - (size_t)n - 1, fmt, ap);
	size_t len = (size_t)n + (size_t)m;

	if (len > sizeof(buf) - 2)
		len = sizeof(buf) - 2;
	buf[len++] = '\n';
	target_write(target_mode == TARGET_SYNCED ? TARGET_OUT : 1, buf, len);
}

/* A line of truth: to the harness when there is one, else to stdout. */
__attribute__((format(printf, 1, 2))) TARGET_UNUSED static void target_say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	target_vline("", fmt, ap);
	va_end(ap);
}

__attribute__((format(printf, 1, 2), noreturn)) TARGET_UNUSED static void
target_die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	_exit(1);
}

/* Reads a whole small /proc file; returns its length or −errno. */
TARGET_UNUSED static ssize_t target_slurp(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	while (len < size - 1 && (n = read(fd, buf + len, size - 1 - len)) > 0)
		len += (size_t)n;
	close(fd);
	buf[len] = 0;
	return (ssize_t)len;
}

static bool target_task_sleeps(const char *tid)
{
	char path[64], stat[512], *state;

	snprintf(path, sizeof(path), "/proc/self/task/%s/stat", tid);
	if (target_slurp(path, stat, sizeof(stat)) <= 0)
		return true; /* gone */
	state = strrchr(stat, ')');
	return state && strchr("StTZX", state[2]);
}

struct target_dirent {
	u64 ino;
	int64_t off;
	unsigned short reclen;
	unsigned char type;
	char name[];
};

/* True when every task of this process but the caller is asleep. */
static bool target_all_sleep(void)
{
	int fd = open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_Alignas(8) char buf[4096];
	pid_t self = (pid_t)syscall(SYS_gettid);
	bool all = true;
	long n;

	if (fd < 0)
		return true; /* no /proc */
	while (all && (n = syscall(SYS_getdents64, fd, buf, sizeof(buf))) > 0) {
		for (long i = 0; i < n;) {
			struct target_dirent *d = (void *)(buf + i);

			i += d->reclen;
			if (d->name[0] == '.' || atoi(d->name) == self)
				continue;
			all = all && target_task_sleeps(d->name);
		}
	}
	close(fd);
	return all;
}

/* Reports a checkpoint and blocks until the harness lets go. */
__attribute__((format(printf, 1, 2))) TARGET_UNUSED static void target_checkpoint(const char *fmt,
										  ...)
{
	char head[80], byte;
	va_list ap;

	if (target_mode == TARGET_SYNCED)
		while (!target_all_sleep())
			usleep(200);
	snprintf(head, sizeof(head), "CHECKPOINT %u %llu ", target_nr++,
		 (unsigned long long)target_now_ns());
	if (target_mode == TARGET_QUIET)
		return;
	va_start(ap, fmt);
	target_vline(head, fmt, ap);
	va_end(ap);
	if (target_mode != TARGET_SYNCED)
		return;
	for (;;) {
		ssize_t n = read(TARGET_IN, &byte, 1);

		if (n == 1)
			return;
		if (n == 0 || errno != EINTR)
			_exit(3);
	}
}

static void target_usage(const char *prog, const struct target_opt *opts)
{
	fprintf(stderr, "usage: %s [--wait]", prog);
	for (; opts->name; opts++)
		fprintf(stderr, " [--%s%s]", opts->name,
			opts->type == OPT_FLAG ? "" :
			opts->type == OPT_U64  ? " N" :
						 " STRING");
	fputc('\n', stderr);
	exit(2);
}

static const struct target_opt *target_find_opt(const struct target_opt *opts, const char *arg)
{
	if (strncmp(arg, "--", 2))
		return NULL;
	for (; opts->name; opts++)
		if (!strcmp(opts->name, arg + 2))
			return opts;
	return NULL;
}

/* Parses the command line, chooses the mode; --wait stops the process until SIGCONT. */
TARGET_UNUSED static void target_init(int argc, char **argv, const struct target_opt *opts)
{
	const char *sync = getenv("TARGET_SYNC");
	bool wait = getenv("TARGET_WAIT") != NULL;

	page_sz = (size_t)sysconf(_SC_PAGESIZE);
	if (sync && !strcmp(sync, "1"))
		target_mode = TARGET_SYNCED;
	else if (sync && !strcmp(sync, "print"))
		target_mode = TARGET_PRINT;
	for (int i = 1; i < argc; i++) {
		const struct target_opt *o = target_find_opt(opts, argv[i]);

		if (!strcmp(argv[i], "--wait")) {
			wait = true;
			continue;
		}
		if (!o || (o->type != OPT_FLAG && i + 1 == argc))
			target_usage(argv[0], opts);
		if (o->type == OPT_FLAG)
			*(bool *)o->val = true;
		else if (o->type == OPT_STR)
			*(const char **)o->val = argv[++i];
		else
			*(u64 *)o->val = strtoull(argv[++i], NULL, 0);
	}
	if (wait) {
		fprintf(stderr, "%s: pid %d waits for SIGCONT\n", argv[0], (int)getpid());
		raise(SIGSTOP);
	}
}

/* Page faults of the whole process so far, from the kernel's own counters. */
struct target_faults {
	long minor, major;
};

TARGET_UNUSED static struct target_faults target_count_faults(int who)
{
	struct rusage ru;

	getrusage(who, &ru);
	return (struct target_faults){ ru.ru_minflt, ru.ru_majflt };
}

#endif /* TARGET_H */
