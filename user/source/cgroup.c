// SPDX-License-Identifier: GPL-2.0
/* What the memory of a process's cgroup is. Version 2 only: version 1 does not tell kernel memory apart. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "source/limits.h"

#define CGROUP_ROOT "/sys/fs/cgroup"

static FILE *open_in(const char *cgroup, const char *file)
{
	char path[PATH_MAX + 64];

	snprintf(path, sizeof(path), CGROUP_ROOT "%s/%s", cgroup, file);
	return fopen(path, "re");
}

static int own_cgroup(pid_t pid, char *ret, size_t sz)
{
	char file[64], line[PATH_MAX];
	int err = -ENOENT;
	FILE *f;

	snprintf(file, sizeof(file), "/proc/%d/cgroup", pid);
	f = fopen(file, "re");
	if (!f)
		return -errno;
	while (err && fgets(line, sizeof(line), f)) {
		if (strncmp(line, "0::/", 4))
			continue;
		line[strcspn(line, "\n")] = '\0';
		snprintf(ret, sz, "%s", line + 3);
		err = 0;
	}
	fclose(f);
	return err;
}

static void read_stat(FILE *f, struct mtr_cgroup *cg)
{
	char key[64];
	uint64_t v;

	while (fscanf(f, "%63s %" SCNu64, key, &v) == 2) {
		if (!strcmp(key, "anon"))
			cg->anon = v;
		else if (!strcmp(key, "file"))
			cg->file = v;
		else if (!strcmp(key, "shmem"))
			cg->shmem = v;
		else if (!strcmp(key, "kernel"))
			cg->kernel = v;
	}
	cg->file -= cg->shmem < cg->file ? cg->shmem : cg->file;
}

static unsigned int count_lines(FILE *f)
{
	unsigned int nr = 0;
	int c;

	while ((c = getc(f)) != EOF)
		nr += c == '\n';
	return nr;
}

int cgroup_read(pid_t pid, struct mtr_cgroup *ret)
{
	char name[PATH_MAX];
	int err = own_cgroup(pid, name, sizeof(name));
	FILE *f;

	if (err)
		return err;
	memset(ret, 0, sizeof(*ret));
	snprintf(ret->name, sizeof(ret->name), "%.255s", name);
	f = open_in(name, "memory.current");
	if (!f)
		return -ENOENT;
	if (fscanf(f, "%" SCNu64, &ret->current) != 1)
		err = -ENOENT;
	fclose(f);
	f = err ? NULL : open_in(name, "memory.stat");
	if (!f)
		return -ENOENT;
	read_stat(f, ret);
	fclose(f);
	f = open_in(name, "cgroup.procs");
	if (f) {
		ret->nr_procs = count_lines(f);
		fclose(f);
	}
	return 0;
}
