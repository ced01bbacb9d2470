// SPDX-License-Identifier: GPL-2.0
/*
 * Once an interval /proc is listed. Only who was not there at the last listing
 * is looked at: a number that /proc gives another inode is another process. Who
 * is young may be about to exec, to become another user or to be moved to
 * another cgroup: it is looked at some intervals later, too. After that each
 * has its turn once in a long while.
 *
 *	/proc ──new──► rules_read() ──► rules_match() ──► session_attach_some()
 *	        known: nothing               │ no room: BEYOND, looked at again when there is
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "serve/rules.h"
#include "serve/serve_int.h"
#include "util/log.h"

#define BATCH 64u /* attached at once: the ring is drained in between */

/* Intervals after which one that did not match is looked at again: 1, 2, 4 … */
#define AGAIN_MAX 64u

enum state { JUDGED, BEYOND };

struct seen {
	int pid;
	ino_t ino;
	enum state state;
	unsigned int round;
	unsigned int wait, next; /* rounds until it is looked at again, and the one when it is */
	UT_hash_handle hh;
};

struct finder {
	struct seen *seen; /* uthash by pid */
	unsigned int round, nr_beyond;
	pid_t *found; /* of this round */
	unsigned int nr_found, cap_found;
};

struct finder *finder_new(void)
{
	return calloc(1, sizeof(struct finder));
}

void finder_again(struct finder *f)
{
	struct seen *s, *tmp;

	HASH_ITER(hh, f->seen, s, tmp) {
		HASH_DEL(f->seen, s);
		free(s);
	}
	f->nr_beyond = 0;
}

void finder_free(struct finder *f)
{
	if (!f)
		return;
	finder_again(f);
	free(f->found);
	free(f);
}

unsigned int finder_beyond(const struct finder *f)
{
	return f->nr_beyond;
}

static int add_found(struct finder *f, pid_t pid)
{
	if (f->nr_found == f->cap_found) {
		unsigned int cap = f->cap_found ? 2 * f->cap_found : 64;
		pid_t *found = reallocarray(f->found, cap, sizeof(*found));

		if (!found)
			return -ENOMEM;
		f->found = found;
		f->cap_found = cap;
	}
	f->found[f->nr_found++] = pid;
	return 0;
}

static bool wanted(const struct conf *c, pid_t pid)
{
	struct rules_facts facts = { .pid = pid };
	struct rules_proc p;
	bool uid, cgroup;

	rules_need(c, &uid, &cgroup);
	if (pid == getpid() || rules_read(pid, uid, cgroup, &p) || p.kthread)
		return false;
	facts.comm = p.comm;
	facts.uid = p.uid;
	facts.cgroup = p.cgroup;
	return rules_match(c, &facts);
}

/* How many may be traced besides. */
static unsigned int room(const struct serve *sv)
{
	unsigned int traced = HASH_CNT(by_pid, sv->table.by_pid);

	return sv->o.max_targets > traced ? sv->o.max_targets - traced : 0;
}

static int judge(struct serve *sv, struct seen *s)
{
	struct finder *f = sv->finder;

	s->state = JUDGED;
	if (serve_find(sv, s->pid) || !wanted(sv->conf, s->pid))
		return 0;
	if (f->nr_found < room(sv))
		return add_found(f, s->pid);
	s->state = BEYOND;
	f->nr_beyond++;
	return 0;
}

static int look_at(struct serve *sv, int pid, ino_t ino)
{
	struct finder *f = sv->finder;
	struct seen *s;
	bool anew;

	HASH_FIND_INT(f->seen, &pid, s);
	anew = !s || s->ino != ino || s->state == BEYOND || s->next == f->round;
	if (!s) {
		s = calloc(1, sizeof(*s));
		if (!s)
			return -ENOMEM;
		s->pid = pid;
		HASH_ADD_INT(f->seen, pid, s);
		if (!s->hh.tbl) {
			free(s);
			return -ENOMEM;
		}
	}
	if (s->ino != ino)
		s->wait = 0;
	s->ino = ino;
	s->round = f->round;
	if (!anew)
		return 0;
	s->wait = s->wait ? s->wait * 2 : 1;
	if (s->wait > AGAIN_MAX)
		s->wait = AGAIN_MAX;
	s->next = f->round + s->wait;
	return judge(sv, s);
}

/* Those that have gone. */
static void forget(struct finder *f)
{
	struct seen *s, *tmp;

	HASH_ITER(hh, f->seen, s, tmp) {
		if (s->round == f->round)
			continue;
		HASH_DEL(f->seen, s);
		free(s);
	}
}

static int attach_found(struct serve *sv)
{
	struct finder *f = sv->finder;
	int err = 0;

	for (unsigned int i = 0; !err && i < f->nr_found; i += BATCH) {
		unsigned int nr = f->nr_found - i < BATCH ? f->nr_found - i : BATCH;

		err = session_attach_some(sv->s, f->found + i, nr);
		if (err > 0)
			err = 0;
		table_look(sv);
		/* where forks are fast many have ended by now */
		if (!err && table_sweep(sv))
			err = session_forget(sv->s);
	}
	if (err)
		log_warn("%u processes could not be attached: %s", f->nr_found, strerror(-err));
	return err == -ENOMEM ? err : 0;
}

int finder_scan(struct serve *sv)
{
	struct finder *f = sv->finder;
	DIR *d = opendir("/proc");
	struct dirent *e;
	int err = 0;

	if (!d)
		return -errno;
	f->round++;
	f->nr_found = f->nr_beyond = 0;
	while (!err && (e = readdir(d))) {
		char *end;
		long pid = strtol(e->d_name, &end, 10);

		if (e->d_name[0] >= '1' && e->d_name[0] <= '9' && !*end && pid <= INT_MAX)
			err = look_at(sv, (int)pid, e->d_ino);
	}
	closedir(d);
	forget(f);
	return err ? err : attach_found(sv);
}
