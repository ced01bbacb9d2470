/* SPDX-License-Identifier: GPL-2.0 */
/* What a cgroup's path says of who its processes are. Pure functions. */
#ifndef SERVE_CGNAME_H
#define SERVE_CGNAME_H

#include <stdbool.h>
#include <stddef.h>

/**
 * cgname() - unit, container or pod by the path of a cgroup
 *
 *	/system.slice/nginx.service/worker           nginx.service
 *	/system.slice/docker-HEX64.scope             docker:HEX12
 *	/kubepods.slice/…-podUID.slice/cri-containerd-HEX64.scope   pod:UID/HEX12
 *	/lxc.payload.web/system.slice/ssh.service    lxc:web
 *
 * The outermost container counts: what runs in it is its own affair. "" when the path names none.
 * Fit to print. Returns @dst.
 */
char *cgname(char *dst, size_t sz, const char *path);

/**
 * cgname_matches() - does a rule name this cgroup or one above it?
 * @pattern: a path (with or without /sys/fs/cgroup), a unit, or a container as cgname() has it; a glob
 */
bool cgname_matches(const char *pattern, const char *path);

#endif
