/* SPDX-License-Identifier: GPL-2.0 */
/* The daemon's socket in the file system. */
#ifndef SERVE_LISTEN_H
#define SERVE_LISTEN_H

/**
 * listen_at() - a listening socket, open to all: who may see what is asked of each peer
 *
 * Its folder is made when it is missing. What a daemon left behind that was killed is replaced;
 * one that listens is not. Returns a descriptor, or −EADDRINUSE: another daemon is there; −EEXIST:
 * something else has that name; −ENAMETOOLONG, −errno.
 */
int listen_at(const char *path);

#endif
