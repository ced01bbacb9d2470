/* SPDX-License-Identifier: GPL-2.0 */
/* Which processes are to be traced. */
#ifndef SERVE_RULES_H
#define SERVE_RULES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "serve/conf.h"

/* What rules look at. */
struct rules_facts {
	pid_t pid;
	const char *comm;
	uid_t uid; /* real */
	const char *cgroup; /* path */
};

/* rules_any() - is anybody chosen at all? */
bool rules_any(const struct conf *c);
/* rules_need() - must a process's owner, its cgroup be known? */
void rules_need(const struct conf *c, bool *ret_uid, bool *ret_cgroup);
/* rules_match() - pure */
bool rules_match(const struct conf *c, const struct rules_facts *f);

/* What /proc tells of a process. */
struct rules_proc {
	char comm[64];
	bool kthread;
	uint64_t start_ticks; /* of the clock, since boot */
	uid_t uid; /* real */
	uid_t owner; /* who may look into it: root when it runs with more than one user's rights */
	char cgroup[4096];
};

/* rules_read() - from /proc; @uid, @cgroup: are they wanted? 0, −ESRCH or −errno */
int rules_read(pid_t pid, bool uid, bool cgroup, struct rules_proc *ret);

#endif
