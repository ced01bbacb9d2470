/* SPDX-License-Identifier: GPL-2.0 */
/* The pure half of limits.c: text in, numbers out. For it and its unit test only. */
#ifndef SOURCE_LIMITS_PARSE_H
#define SOURCE_LIMITS_PARSE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LIMITS_NONE UINT64_MAX /* "max", "unlimited", v1's LONG_MAX rounded down to a page */

/* A mounted cgroup hierarchy that may hold the memory controller. */
struct limits_mount {
	bool v2;
	char root[PATH_MAX]; /* which cgroup is mounted, seen from our cgroup namespace */
	char dir[PATH_MAX]; /* where */
};

/* limits_parse_mount() - a line of mountinfo; false when it is no such mount */
bool limits_parse_mount(const char *line, struct limits_mount *ret);

/**
 * limits_parse_cgroup() - a line of /proc/PID/cgroup
 * @ret_path: PATH_MAX bytes; without the " (deleted)" of a removed cgroup
 *
 * True for v2's line and for the v1 hierarchy that has the memory controller.
 */
bool limits_parse_cgroup(const char *line, bool *ret_v2, char *ret_path);

/**
 * limits_below() - a cgroup's path below a mount's root
 *
 * Both are relative to our cgroup namespace and may climb out of it with "/..":
 *
 *   root "/"        path "/a/b"      → "/a/b"
 *   root "/docker/x" path "/docker/x/y" → "/y"
 *   root "/../.."   path "/../../c"  → "/c"
 *   root "/.."      path "/a"        → ""    the directory names between are not known to us:
 *                                            only the mount's root is surely an ancestor
 *   root "/a"       path "/b"        → NULL  not below it
 *
 * Returns a pointer into @path (or to ""), or NULL.
 */
const char *limits_below(const char *root, const char *path);

/* limits_parse_bytes() - contents of memory.max, memory.current, memory.limit_in_bytes. 0 or −EINVAL */
int limits_parse_bytes(const char *text, uint64_t *ret);

/* limits_parse_rlimit() - soft limit of a line of /proc/PID/limits ("Max data size"). 0, −ENOENT, −EINVAL */
int limits_parse_rlimit(const char *text, const char *name, uint64_t *ret);

/* limits_parse_kb() - a "Key:  123 kB" line of status or meminfo, in bytes. 0, −ENOENT, −EINVAL */
int limits_parse_kb(const char *text, const char *key, uint64_t *ret);

#endif
