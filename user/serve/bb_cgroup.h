/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the cgroups of traced processes say of their memory: that they passed
 * memory.high, that they were refused memory. Of version 2 memory.events.local, of
 * version 1 memory.failcnt; of the cgroup itself and of those above it, since any of them
 * may have the limit. Files stay open: an interval costs one read(2) each.
 */
#ifndef SERVE_BB_CGROUP_H
#define SERVE_BB_CGROUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "serve/bb_when.h"

struct bb_cgroups;
struct bb_cgroup;

struct bb_cgroups *bb_cgroups_new(void);
void bb_cgroups_free(struct bb_cgroups *all); /* safe on NULL; all were put before */

/* bb_cgroup_get() - that of a process; NULL: none, or memory is short. To be put */
struct bb_cgroup *bb_cgroup_get(struct bb_cgroups *all, pid_t pid);
void bb_cgroup_put(struct bb_cgroups *all, struct bb_cgroup *c); /* safe on NULL */
const char *bb_cgroup_path(const struct bb_cgroup *c); /* raw bytes */
/* bb_cgroup_within() - is @c @of, or below it? */
bool bb_cgroup_within(const struct bb_cgroup *c, const struct bb_cgroup *of);
/* bb_cgroup_pause() - of its reports: a cgroup has many processes, of which one is reported */
struct bb_pause *bb_cgroup_pause(struct bb_cgroup *c);

typedef void (*bb_cgroup_fn)(void *ctx, struct bb_cgroup *c, enum bb_cause cause);
/* bb_cgroups_read() - tell of each that has counted more since the last reading */
void bb_cgroups_read(struct bb_cgroups *all, bb_cgroup_fn fn, void *ctx);

/* bb_cgroup_counts() - of memory.events: false when there is none of the two */
bool bb_cgroup_counts(const char *text, uint64_t *ret_high, uint64_t *ret_max);

#endif
