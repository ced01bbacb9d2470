// SPDX-License-Identifier: GPL-2.0
/*
 * What stops a process from growing, read from /proc and the cgroup files.
 *
 * The path in /proc/PID/cgroup and the root of each cgroup mount are both
 * told relative to *our* cgroup namespace, so they can be matched, whichever
 * namespaces the process is in (limits_below()). From its directory up to the
 * mount's root every cgroup may limit it:
 *
 *   /sys/fs/cgroup            mount root: memory.max absent or "max"
 *   └─ redis.slice            2.0G  ← the process is charged here, too
 *      └─ redis.service       max
 *
 * A hybrid machine has both hierarchies; memory is in one of them, and in the
 * other the files are absent: no need to know which.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "source/limits.h"
#include "source/limits_parse.h"

/* What a hierarchy calls its files. */
static const struct {
	const char *limit, *used;
} cg_files[] = {
	[false] = { "memory.limit_in_bytes", "memory.usage_in_bytes" },
	[true] = { "memory.max", "memory.current" },
};

/* The three that are not cgroups must always fit. */
#define MAX_CGROUPS (MTR_MAX_LIMITS - 3)

static int read_text(int dirfd, const char *path, char *buf, size_t sz)
{
	int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	while ((n = read(fd, buf + len, sz - 1 - len)) > 0)
		len += (size_t)n;
	buf[len] = '\0';
	n = n < 0 ? -errno : 0;
	close(fd);
	return (int)n;
}

static int read_cg(int dirfd, const char *file, uint64_t *ret)
{
	char buf[64];
	int err = read_text(dirfd, file, buf, sizeof(buf));

	return err ? err : limits_parse_bytes(buf, ret);
}

static void add(struct mtr_limits *l, enum mtr_limit_kind kind, uint64_t limit, uint64_t used,
		const char *name)
{
	struct mtr_limit *lim = &l->lim[l->nr];

	if (limit == LIMITS_NONE || l->nr == MTR_MAX_LIMITS)
		return;
	lim->kind = kind;
	lim->limit_bytes = limit;
	lim->used_bytes = used;
	snprintf(lim->name, sizeof(lim->name), "%.255s", name);
	l->nr++;
}

/* One cgroup; @own: the process is in it, not below. */
static void add_cgroup(struct mtr_limits *l, bool v2, int dirfd, const char *name, bool own)
{
	uint64_t limit, used, inherits;

	/* v1 before 5.11: without use_hierarchy a parent does not count its children. */
	if (!v2 && !own && !read_cg(dirfd, "memory.use_hierarchy", &inherits) && !inherits)
		return;
	if (read_cg(dirfd, cg_files[v2].limit, &limit) || read_cg(dirfd, cg_files[v2].used, &used))
		return;
	if (l->nr < MAX_CGROUPS)
		add(l, MTR_LIM_CGROUP, limit, used, name);
}

/* The cgroup at @below and all above it, up to the mount's root. */
static void add_ancestors(struct mtr_limits *l, const struct limits_mount *m, const char *below)
{
	const char *root = strcmp(m->root, "/") ? m->root : "";
	char rest[PATH_MAX], dir[2 * PATH_MAX], name[2 * PATH_MAX];
	bool own = true;
	char *slash;
	int fd;

	snprintf(rest, sizeof(rest), "%s", below);
	for (;;) {
		snprintf(dir, sizeof(dir), "%s%s", m->dir, rest);
		snprintf(name, sizeof(name), "%s%s", root, rest);
		/* A cgroup that was removed has no directory; its parents still have. */
		fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0) {
			add_cgroup(l, m->v2, fd, name[0] ? name : "/", own);
			close(fd);
		}
		slash = strrchr(rest, '/');
		if (!slash)
			break;
		*slash = '\0';
		own = false;
	}
}

/* The mount of this hierarchy that shows most of the ancestors of @path. */
static const char *find_mount(bool v2, const char *path, struct limits_mount *ret)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	struct limits_mount m;
	const char *best = NULL;
	char *line = NULL;
	size_t sz = 0;

	while (f && getline(&line, &sz, f) > 0) {
		const char *below;

		if (!limits_parse_mount(line, &m) || m.v2 != v2)
			continue;
		below = limits_below(m.root, path);
		if (below && (!best || strlen(below) > strlen(best))) {
			best = below;
			*ret = m;
		}
	}
	free(line);
	if (f)
		fclose(f);
	return best;
}

static int read_cgroups(pid_t pid, struct mtr_limits *l)
{
	char file[64], path[PATH_MAX];
	struct limits_mount m;
	char *line = NULL;
	size_t sz = 0;
	FILE *f;

	snprintf(file, sizeof(file), "/proc/%d/cgroup", pid);
	f = fopen(file, "re");
	if (!f)
		return errno == ENOENT && access("/proc/self/cgroup", F_OK) ? 0 : -errno;
	while (getline(&line, &sz, f) > 0) {
		const char *below;
		bool v2;

		if (!limits_parse_cgroup(line, &v2, path))
			continue;
		below = find_mount(v2, path, &m);
		if (below)
			add_ancestors(l, &m, below);
	}
	free(line);
	fclose(f);
	return 0;
}

static int read_rlimits(pid_t pid, struct mtr_limits *l)
{
	uint64_t as = LIMITS_NONE, data = LIMITS_NONE, stack = LIMITS_NONE;
	uint64_t vm_size = 0, vm_data = 0;
	char file[64], buf[4096];
	int err;

	snprintf(file, sizeof(file), "/proc/%d/limits", pid);
	err = read_text(AT_FDCWD, file, buf, sizeof(buf));
	if (err)
		return err;
	limits_parse_rlimit(buf, "Max address space", &as);
	limits_parse_rlimit(buf, "Max data size", &data);
	limits_parse_rlimit(buf, "Max stack size", &stack);
	l->stack_limit_bytes = stack;
	if (as == LIMITS_NONE && data == LIMITS_NONE)
		return 0;

	/* VmSize and VmData are total_vm and data_vm: what the kernel holds against them. */
	snprintf(file, sizeof(file), "/proc/%d/status", pid);
	err = read_text(AT_FDCWD, file, buf, sizeof(buf));
	if (err)
		return err;
	if (!limits_parse_kb(buf, "VmSize", &vm_size))
		add(l, MTR_LIM_AS, as, vm_size, "");
	if (!limits_parse_kb(buf, "VmData", &vm_data))
		add(l, MTR_LIM_DATA, data, vm_data, "");
	return 0;
}

static void read_host(struct mtr_limits *l)
{
	uint64_t total, avail;
	char buf[8192];

	if (!read_text(AT_FDCWD, "/proc/meminfo", buf, sizeof(buf)) &&
	    !limits_parse_kb(buf, "MemTotal", &total) &&
	    !limits_parse_kb(buf, "MemAvailable", &avail))
		add(l, MTR_LIM_HOST, total, total > avail ? total - avail : 0, "");
	if (!read_text(AT_FDCWD, "/proc/sys/vm/max_map_count", buf, sizeof(buf)))
		limits_parse_bytes(buf, &l->max_map_count);
}

int limits_read(pid_t pid, struct mtr_limits *ret_limits)
{
	struct mtr_limits l = { .stack_limit_bytes = LIMITS_NONE };
	int err;

	err = read_cgroups(pid, &l);
	if (!err)
		err = read_rlimits(pid, &l);
	/* A process that ends under the reader gives ENOENT or ESRCH; hidepid gives ENOENT. */
	if (err)
		return -ESRCH;
	read_host(&l);
	*ret_limits = l;
	return 0;
}
