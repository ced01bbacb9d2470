/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who is at the other end of the socket, as the kernel says, and what of it may be shown to them:
 * root and one group see all, a user only processes that run as that user and nobody else.
 */
#ifndef SERVE_PEER_H
#define SERVE_PEER_H

#include <stdbool.h>
#include <sys/types.h>

struct peer {
	uid_t uid;
	bool all; /* sees every process */
};

#define PEER_NO_GROUP ((gid_t)-1)

/* peer_of() - of a connected socket; @group: whose members see all. 0 or −errno */
int peer_of(int fd, gid_t group, struct peer *ret_p);

/* peer_group() - its number; PEER_NO_GROUP: there is no such group. Reads files: not after privileges are gone */
gid_t peer_group(const char *name);

/**
 * peer_may_see() - now, by what /proc says of it
 *
 * A user's own process is one whose real, effective, saved and file system ids are all theirs, and
 * that the kernel lets them read: not one that came by privileges, or that forbids it (PR_SET_DUMPABLE).
 *
 * Returns 1, 0, or −ESRCH: there is no such process any more.
 */
int peer_may_see(const struct peer *p, pid_t pid);

#endif
