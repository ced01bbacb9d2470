// SPDX-License-Identifier: GPL-2.0
#include "serve/peer.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

gid_t peer_group(const char *name)
{
	const struct group *g = name && *name ? getgrnam(name) : NULL;

	return g ? g->gr_gid : PEER_NO_GROUP;
}

/* Is it one of the peer's further groups? As they were when it connected. */
static bool has_group(int fd, gid_t group)
{
	socklen_t len = 0;
	gid_t *all;
	bool has = false;

	if (!getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &len) || errno != ERANGE)
		return false;
	all = malloc(len);
	if (all && !getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, all, &len))
		for (size_t i = 0; i < len / sizeof(*all); i++)
			has |= all[i] == group;
	free(all);
	return has;
}

int peer_of(int fd, gid_t group, struct peer *ret_p)
{
	struct ucred c;
	socklen_t len = sizeof(c);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c, &len))
		return -errno;
	ret_p->uid = c.uid;
	ret_p->all = !c.uid || (group != PEER_NO_GROUP && (c.gid == group || has_group(fd, group)));
	return 0;
}

/* All four ids in the "Uid:" line of its status. */
static bool runs_as(int fd, uid_t uid)
{
	unsigned int id[4];
	char buf[2048];
	const char *line;
	ssize_t n = read(fd, buf, sizeof(buf) - 1);

	if (n <= 0)
		return false;
	buf[n] = '\0';
	line = strstr(buf, "\nUid:");
	if (!line || sscanf(line, "\nUid: %u %u %u %u", &id[0], &id[1], &id[2], &id[3]) != 4)
		return false;
	return id[0] == uid && id[1] == uid && id[2] == uid && id[3] == uid;
}

int peer_may_see(const struct peer *p, pid_t pid)
{
	char path[32];
	struct stat st;
	int fd, ret;

	if (p->all)
		return 1;
	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT || errno == ESRCH ? -ESRCH : 0;
	/* the file is root's when it has privileges, or does not want to be read: whatever its ids are */
	ret = !fstat(fd, &st) && st.st_uid == p->uid && runs_as(fd, p->uid);
	close(fd);
	return ret;
}
