// SPDX-License-Identifier: GPL-2.0
#include "serve/rules.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "serve/cgname.h"
#include "source/proc_parse.h"

#define COMM_LEN 15 /* the kernel cuts a comm there */

bool rules_any(const struct conf *c)
{
	return c->all || c->pids.nr || c->names.nr || c->users.nr || c->cgroups.nr;
}

void rules_need(const struct conf *c, bool *ret_uid, bool *ret_cgroup)
{
	*ret_uid = !c->all && c->users.nr;
	*ret_cgroup = !c->all && c->cgroups.nr;
}

/* A name that is longer than a comm can be is cut as the kernel cuts it. */
static bool name_matches(const char *pattern, const char *comm)
{
	if (!strpbrk(pattern, "*?[\\"))
		return !strncmp(comm, pattern, COMM_LEN) &&
		       strlen(comm) == strnlen(pattern, COMM_LEN);
	return !fnmatch(pattern, comm, 0);
}

bool rules_match(const struct conf *c, const struct rules_facts *f)
{
	if (c->all)
		return true;
	for (unsigned int i = 0; i < c->pids.nr; i++)
		if (strtol(c->pids.item[i], NULL, 10) == f->pid)
			return true;
	for (unsigned int i = 0; i < c->names.nr; i++)
		if (name_matches(c->names.item[i], f->comm))
			return true;
	for (unsigned int i = 0; i < c->users.nr; i++)
		if (c->uids[i] == f->uid)
			return true;
	for (unsigned int i = 0; i < c->cgroups.nr; i++)
		if (cgname_matches(c->cgroups.item[i], f->cgroup))
			return true;
	return false;
}

static ssize_t read_file(pid_t pid, const char *name, char *buf, size_t sz)
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	n = read(fd, buf, sz - 1);
	if (n < 0)
		n = -errno;
	else
		buf[n] = '\0';
	close(fd);
	return n;
}

/* "Uid:\treal\teffective\tsaved\tfs" */
static int read_uid(pid_t pid, struct rules_proc *ret)
{
	char buf[4096];
	unsigned int real, effective, saved;
	ssize_t n = read_file(pid, "status", buf, sizeof(buf));
	const char *at = n > 0 ? strstr(buf, "\nUid:") : NULL;

	if (!at || sscanf(at + 5, "%u %u %u", &real, &effective, &saved) != 3)
		return n < 0 ? (int)n : -ESRCH;
	ret->uid = real;
	ret->owner = real == effective && real == saved ? real : 0;
	return 0;
}

/* Which hierarchy says most: where its memory is counted, else version 2, else that of systemd. */
static unsigned int worth(const char *controllers, const char *path)
{
	if (!strcmp(path, "/"))
		return 1;
	if (strstr(controllers, "memory"))
		return 4;
	return !*controllers ? 3 : !strcmp(controllers, "name=systemd") ? 2 : 0;
}

/* Lines "ID:CONTROLLERS:PATH" */
static int read_cgroup(pid_t pid, char *dst, size_t sz)
{
	char buf[8192], *line, *save;
	ssize_t n = read_file(pid, "cgroup", buf, sizeof(buf));
	unsigned int best = 1;

	if (n < 0)
		return (int)n;
	snprintf(dst, sz, "/");
	for (line = strtok_r(buf, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *controllers = strchr(line, ':'), *path;

		path = controllers ? strchr(controllers + 1, ':') : NULL;
		if (!path)
			continue;
		*path++ = '\0';
		controllers++;
		if (worth(controllers, path) <= best)
			continue;
		best = worth(controllers, path);
		snprintf(dst, sz, "%s", path);
	}
	return 0;
}

int rules_read(pid_t pid, bool uid, bool cgroup, struct rules_proc *ret)
{
	char buf[2048];
	struct stat_line st;
	ssize_t n = read_file(pid, "stat", buf, sizeof(buf));
	int err = 0;

	if (n < 0)
		return (int)n;
	if (stat_parse(buf, (size_t)n, &st) || st.state == 'Z' || st.state == 'X')
		return -ESRCH;
	snprintf(ret->comm, sizeof(ret->comm), "%s", st.comm);
	ret->kthread = st.kthread;
	ret->start_ticks = st.start_ticks;
	ret->uid = ret->owner = (uid_t)-1;
	snprintf(ret->cgroup, sizeof(ret->cgroup), "/");
	if (uid)
		err = read_uid(pid, ret);
	if (!err && cgroup)
		err = read_cgroup(pid, ret->cgroup, sizeof(ret->cgroup));
	return err;
}
