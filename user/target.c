// SPDX-License-Identifier: GPL-2.0
#include "target.h"

#include <dirent.h>
#include <errno.h>
#include <fts.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "util/log.h"

#define CGROUP_ROOT "/sys/fs/cgroup"
#define COMM_LEN 15 /* the kernel cuts a comm there */

static bool comm_is(pid_t pid, const char *name)
{
	char path[64], comm[64];
	ssize_t n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	f = fopen(path, "re");
	if (!f)
		return false;
	n = (ssize_t)fread(comm, 1, sizeof(comm) - 1, f);
	fclose(f);
	if (n > 0 && comm[n - 1] == '\n')
		n--;
	comm[n] = '\0';
	return n && !strncmp(comm, name, COMM_LEN) && strlen(comm) == strnlen(name, COMM_LEN);
}

static bool exe_is(pid_t pid, const char *name)
{
	char path[64], exe[PATH_MAX];
	const char *base;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	n = readlink(path, exe, sizeof(exe) - 1);
	if (n <= 0)
		return false;
	exe[n] = '\0';
	base = strrchr(exe, '/');
	return base && !strcmp(base + 1, name);
}

/* A kernel thread has no executable and no command line. */
static bool is_kthread(pid_t pid)
{
	char path[64], c;
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	f = fopen(path, "re");
	if (!f)
		return true;
	n = fread(&c, 1, 1, f);
	fclose(f);
	return n == 0;
}

int target_by_name(const char *name, target_fn fn, void *ctx)
{
	DIR *d = opendir("/proc");
	bool any = false;
	struct dirent *e;
	int ret = 0;

	if (!d)
		return -errno;
	while (!ret && (e = readdir(d))) {
		char *end;
		long pid = strtol(e->d_name, &end, 10);

		if (*end || pid <= 0 || pid > INT_MAX || pid == getpid())
			continue;
		if (!(comm_is((pid_t)pid, name) || exe_is((pid_t)pid, name)) ||
		    is_kthread((pid_t)pid))
			continue;
		any = true;
		ret = fn(ctx, (pid_t)pid);
	}
	closedir(d);
	return ret || any ? ret : -ESRCH;
}

static int each_of_procs(const char *path, target_fn fn, void *ctx, bool *any)
{
	FILE *f = fopen(path, "re");
	int ret = 0, pid;

	if (!f)
		return errno == ENOENT ? 0 : -errno;
	/* pid 0: a process of another pid namespace, which cannot be named from here */
	while (!ret && fscanf(f, "%d", &pid) == 1) {
		if (pid <= 0 || pid == getpid())
			continue;
		*any = true;
		ret = fn(ctx, pid);
	}
	fclose(f);
	return ret;
}

/* Walks @root; processes of each directory below one named @unit, or of all when it is NULL. */
static int walk(const char *root, const char *unit, target_fn fn, void *ctx, bool *any, bool *seen)
{
	char *const roots[] = { (char *)root, NULL };
	int ret = 0, inside = unit ? -1 : 0; /* level of the unit's directory; −1: not in it */
	FTSENT *e;
	FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOSTAT | FTS_NOCHDIR, NULL);

	if (!fts)
		return -errno;
	while (!ret && (e = fts_read(fts))) {
		if (e->fts_info == FTS_DP && inside == e->fts_level && unit)
			inside = -1;
		if (e->fts_info == FTS_D && inside < 0 && !strcmp(e->fts_name, unit))
			inside = e->fts_level;
		if (e->fts_info != FTS_NSOK && e->fts_info != FTS_F)
			continue;
		if (inside < 0 || strcmp(e->fts_name, "cgroup.procs"))
			continue;
		*seen = true;
		ret = each_of_procs(e->fts_path, fn, ctx, any);
	}
	fts_close(fts);
	return ret;
}

int target_by_cgroup(const char *name, target_fn fn, void *ctx)
{
	bool any = false, seen = false;
	char path[PATH_MAX];
	int ret;

	if (!strncmp(name, CGROUP_ROOT "/", sizeof(CGROUP_ROOT)))
		snprintf(path, sizeof(path), "%s", name);
	else
		snprintf(path, sizeof(path), "%s/%s", CGROUP_ROOT, name + strspn(name, "/"));
	ret = walk(path, NULL, fn, ctx, &any, &seen);
	if (!ret && !seen && !strchr(name, '/'))
		ret = walk(CGROUP_ROOT, name, fn, ctx, &any, &seen);
	if (ret)
		return ret;
	return any ? 0 : seen ? -ESRCH : -ENOENT;
}

int target_error(pid_t pid, int err)
{
	if (err == -ESRCH)
		return log_error(EX_NO_TARGET, "look it up with: pgrep -a NAME",
				 "no process has the PID %d", pid);
	if (err == -EINVAL)
		return log_error(EX_NO_TARGET, "choose a process of user space",
				 "PID %d is a kernel thread: it has no memory of its own", pid);
	if (err == -EACCES || err == -EPERM)
		return log_error(
			EX_PRIVILEGE, "run it with sudo, or give it CAP_SYS_PTRACE",
			"PID %d may not be read: it belongs to somebody else, has privileges, or forbids it "
			"(PR_SET_DUMPABLE)",
			pid);
	return log_error(EX_FAILED, NULL, "cannot read PID %d: %s", pid, strerror(-err));
}
