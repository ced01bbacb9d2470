// SPDX-License-Identifier: GPL-2.0
#include "serve/bb_cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "source/limits_parse.h"
#include "util/hash.h"

#define DEEPEST 32u

struct bb_cgroup {
	struct bb_cgroup *parent; /* of which it holds one */
	unsigned int refs;
	int fd; /* −1: it has no such file */
	bool v2;
	bool known; /* the counts were read once */
	uint64_t high, max;
	struct bb_pause pause;
	size_t root; /* length of what is before its path */
	UT_hash_handle hh;
	char dir[];
};

struct bb_cgroups {
	struct bb_cgroup *all; /* uthash by dir */
	struct limits_mount mount; /* of the hierarchy that has the memory controller */
	bool mounted;
};

/* ---- where */

static bool has_memory(const struct limits_mount *m)
{
	char path[PATH_MAX + 32], line[512] = "";
	FILE *f;

	if (!m->v2)
		return true;
	snprintf(path, sizeof(path), "%s/cgroup.controllers", m->dir);
	f = fopen(path, "re");
	if (!f)
		return false;
	if (!fgets(line, sizeof(line), f))
		line[0] = '\0';
	fclose(f);
	return strstr(line, "memory");
}

struct bb_cgroups *bb_cgroups_new(void)
{
	struct bb_cgroups *all = calloc(1, sizeof(*all));
	FILE *f = all ? fopen("/proc/self/mountinfo", "re") : NULL;
	char line[2 * PATH_MAX + 512];

	if (!f)
		return all;
	while (!all->mounted && fgets(line, sizeof(line), f))
		all->mounted = limits_parse_mount(line, &all->mount) && has_memory(&all->mount);
	fclose(f);
	return all;
}

void bb_cgroups_free(struct bb_cgroups *all)
{
	free(all);
}

static int open_counts(const struct bb_cgroups *all, const char *dir)
{
	static const char *const v2[] = { "memory.events.local", "memory.events" };
	char path[2 * PATH_MAX + 32];
	int fd = -1;

	if (!all->mount.v2) {
		snprintf(path, sizeof(path), "%s/memory.failcnt", dir);
		return open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	}
	for (unsigned int i = 0; i < 2 && fd < 0; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, v2[i]);
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	}
	return fd;
}

/* ---- those that are known */

static void read_one(struct bb_cgroup *c, bb_cgroup_fn fn, void *ctx);

/* The first reading says where counting begins. */
static void nobody(void *ctx, struct bb_cgroup *c, enum bb_cause cause)
{
	(void)ctx;
	(void)c;
	(void)cause;
}

static struct bb_cgroup *find(struct bb_cgroups *all, const char *dir, unsigned int depth)
{
	size_t root = strlen(all->mount.dir), len = strlen(dir);
	char above[2 * PATH_MAX];
	struct bb_cgroup *c;
	char *slash;

	HASH_FIND(hh, all->all, dir, len, c);
	if (c) {
		c->refs++;
		return c;
	}
	c = calloc(1, sizeof(*c) + len + 1);
	if (!c)
		return NULL;
	memcpy(c->dir, dir, len);
	c->refs = 1;
	c->root = root;
	c->v2 = all->mount.v2;
	HASH_ADD_KEYPTR(hh, all->all, c->dir, len, c);
	if (!c->hh.tbl) {
		free(c);
		return NULL;
	}
	c->fd = open_counts(all, dir);
	read_one(c, nobody, NULL);
	snprintf(above, sizeof(above), "%s", dir);
	slash = strrchr(above, '/');
	if (len > root && slash && (size_t)(slash - above) >= root && depth < DEEPEST) {
		*slash = '\0';
		c->parent = find(all, above, depth + 1);
	}
	return c;
}

struct bb_cgroup *bb_cgroup_get(struct bb_cgroups *all, pid_t pid)
{
	char file[64], line[PATH_MAX + 256], path[PATH_MAX], dir[2 * PATH_MAX];
	struct bb_cgroup *c = NULL;
	FILE *f;

	if (!all->mounted)
		return NULL;
	snprintf(file, sizeof(file), "/proc/%d/cgroup", (int)pid);
	f = fopen(file, "re");
	while (f && !c && fgets(line, sizeof(line), f)) {
		const char *below;
		bool v2;

		if (!limits_parse_cgroup(line, &v2, path) || v2 != all->mount.v2)
			continue;
		below = limits_below(all->mount.root, path);
		/* a path that climbs out of ours names a folder that we do not see */
		if (!below || strstr(below, "/.."))
			break;
		if (!strcmp(below, "/"))
			below = "";
		snprintf(dir, sizeof(dir), "%s%s", all->mount.dir, below);
		c = find(all, dir, 0);
	}
	if (f)
		fclose(f);
	return c;
}

void bb_cgroup_put(struct bb_cgroups *all, struct bb_cgroup *c)
{
	while (c && !--c->refs) {
		struct bb_cgroup *parent = c->parent;

		/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): uthash's own */
		HASH_DEL(all->all, c);
		if (c->fd >= 0)
			close(c->fd);
		free(c);
		c = parent;
	}
}

const char *bb_cgroup_path(const struct bb_cgroup *c)
{
	return c->dir[c->root] ? c->dir + c->root : "/";
}

bool bb_cgroup_within(const struct bb_cgroup *c, const struct bb_cgroup *of)
{
	while (c && c != of)
		c = c->parent;
	return c;
}

struct bb_pause *bb_cgroup_pause(struct bb_cgroup *c)
{
	return &c->pause;
}

/* ---- what they count */

bool bb_cgroup_counts(const char *text, uint64_t *ret_high, uint64_t *ret_max)
{
	bool any = false;

	*ret_high = *ret_max = 0;
	for (const char *s = text; s && *s; s = strchr(s, '\n'), s += s != NULL) {
		if (!strncmp(s, "high ", 5))
			*ret_high = strtoull(s + 5, NULL, 10);
		else if (!strncmp(s, "max ", 4))
			*ret_max = strtoull(s + 4, NULL, 10);
		else
			continue;
		any = true;
	}
	return any;
}

static void read_one(struct bb_cgroup *c, bb_cgroup_fn fn, void *ctx)
{
	char text[512];
	uint64_t high = 0, max = 0;
	ssize_t n = c->fd >= 0 ? pread(c->fd, text, sizeof(text) - 1, 0) : -1;

	if (n <= 0)
		return;
	text[n] = '\0';
	if (!c->v2)
		max = strtoull(text, NULL, 10);
	else if (!bb_cgroup_counts(text, &high, &max))
		return;
	if (c->known && max > c->max)
		fn(ctx, c, BB_MAX);
	else if (c->known && high > c->high)
		fn(ctx, c, BB_HIGH);
	c->known = true;
	c->high = high;
	c->max = max;
}

void bb_cgroups_read(struct bb_cgroups *all, bb_cgroup_fn fn, void *ctx)
{
	for (struct bb_cgroup *c = all->all; c; c = c->hh.next)
		read_one(c, fn, ctx);
}
