// SPDX-License-Identifier: GPL-2.0
/*
 * The table of processes: an entry for each process of the session, made when
 * its map is known, gone as soon as its end was told, since forks may come by
 * the thousand a second. Everything that an entry has is bounded.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "serve/cgname.h"
#include "serve/rules.h"
#include "serve/serve_int.h"
#include "util/clock.h"
#include "util/log.h"

#define QUIET_EVERY 8 /* intervals: rates of those that do nothing */
#define CGROUP_EVERY (120 * NSEC_PER_SEC) /* it may be moved to another */

/* sess_proc.user of one that has ended and that the session has not dropped yet. */
static struct served swept;

static struct served_entry *entry(struct served *p)
{
	return (struct served_entry *)p;
}

/* Its owner and its cgroup, which both may be others after a while. */
static void read_owner(struct served_entry *e, uint64_t now)
{
	struct rules_proc p;
	char *cgroup;

	e->cgroup_ns = now;
	e->execs = e->pub.sp->p->exec_nr;
	if (rules_read((pid_t)e->pid, true, true, &p))
		return;
	e->pub.uid = p.owner;
	if (!strcmp(p.cgroup, e->cgroup))
		return;
	cgroup = strdup(p.cgroup);
	if (!cgroup)
		return;
	free(e->cgroup);
	e->cgroup = cgroup;
	e->pub.cgroup = cgroup;
	cgname(e->pub.group, sizeof(e->pub.group), cgroup);
}

static struct served_entry *new_entry(struct serve *sv, struct sess_proc *sp)
{
	struct served_entry *e = calloc(1, sizeof(*e));
	uint64_t now = boot_ns();

	if (!e)
		return NULL;
	e->pub.sp = sp;
	e->pub.as = sp->p->as;
	e->pub.uid = (uid_t)-1;
	e->pub.since_ns = sp->p->attach_ns ? sp->p->attach_ns : now;
	e->pub.headroom = -1;
	e->pid = sp->p->pid;
	e->cgroup = strdup("/");
	e->pub.cgroup = e->cgroup;
	if (!e->cgroup) {
		free(e);
		return NULL;
	}
	read_owner(e, now);
	spans_add(&e->spans, now, proc_rss(sp->p));
	HASH_ADD(by_as, sv->table.by_as, pub.as, sizeof(e->pub.as), e);
	return e;
}

static int append(struct table *t, struct served *p)
{
	if (t->nr == t->cap) {
		unsigned int cap = t->cap ? 2 * t->cap : 64;
		struct served **procs = reallocarray(t->procs, cap, sizeof(*procs));

		if (!procs)
			return -ENOMEM;
		t->procs = procs;
		t->cap = cap;
	}
	t->procs[t->nr++] = p;
	return 0;
}

/* Its pid may belong to another one by now. */
static void out_of_pids(struct table *t, struct served_entry *e)
{
	if (!e->by_pid.tbl)
		return;
	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): uthash's own */
	HASH_DELETE(by_pid, t->by_pid, e);
	e->by_pid.tbl = NULL;
}

static void add(struct serve *sv, struct sess_proc *sp)
{
	struct table *t = &sv->table;
	struct served_entry *e = new_entry(sv, sp), *old;

	if (!e || append(t, &e->pub)) {
		sv->failed = -ENOMEM;
		return; /* the daemon ends: nothing is to be tidied up */
	}
	sp->user = &e->pub;
	HASH_FIND(by_pid, t->by_pid, &e->pid, sizeof(e->pid), old);
	if (old)
		out_of_pids(t, old);
	HASH_ADD(by_pid, t->by_pid, pid, sizeof(e->pid), e);
	t->nr_seen++;
	serve_added(sv, &e->pub);
}

void table_look(struct serve *sv)
{
	unsigned int nr, i;
	struct sess_proc **procs = session_procs(sv->s, &nr);

	/* new ones are at the end */
	for (i = nr; i > 0 && !procs[i - 1]->user; i--)
		;
	for (; i < nr && !sv->failed; i++)
		add(sv, procs[i]);
}

static struct served_entry *find_as(struct table *t, uint32_t as)
{
	struct served_entry *e;

	HASH_FIND(by_as, t->by_as, &as, sizeof(as), e);
	return e;
}

void table_event(struct serve *sv, const struct mtr_event *ev)
{
	struct table *t = &sv->table;
	struct served_entry *e;

	if (ev->kind == MTR_EV_EXEC) {
		e = find_as(t, ev->proc.prev_as);
		if (!e || e->pid != ev->proc.pid)
			return;
		HASH_DELETE(by_as, t->by_as, e);
		e->pub.as = ev->as;
		HASH_ADD(by_as, t->by_as, pub.as, sizeof(e->pub.as), e);
	} else if (ev->kind == MTR_EV_SNAP_END && ev->snap.what == MTR_SNAP_MAPS &&
		   !find_as(t, ev->as)) {
		table_look(sv); /* its map is known now */
	} else if (ev->kind == MTR_EV_EXIT) {
		e = find_as(t, ev->as);
		if (e)
			out_of_pids(t, e);
		t->nr_exited++;
	}
}

static void headroom(struct served *p)
{
	struct thread *t;

	p->headroom = -1;
	p->headroom_tid = 0;
	for (t = p->sp->p->threads; t; t = t->hh.next) {
		struct stack_info si;

		thread_stack_info(p->sp->p, t, &si);
		if (si.headroom < 0 || (p->headroom >= 0 && si.headroom >= p->headroom))
			continue;
		p->headroom = si.headroom;
		p->headroom_tid = t->tid;
	}
}

/* Bytes until the nearest limit; −1: none */
static int64_t limit_left(const struct sess_proc *sp)
{
	int64_t left = -1;

	for (unsigned int i = 0; sp->limits_ns && i < sp->limits.nr; i++) {
		const struct mtr_limit *l = &sp->limits.lim[i];
		int64_t here = l->limit_bytes > l->used_bytes ?
				       (int64_t)(l->limit_bytes - l->used_bytes) :
				       0;

		if (left < 0 || here < left)
			left = here;
	}
	return left;
}

static void update(struct serve *sv, struct served *p, bool turn)
{
	struct served_entry *e = entry(p);
	struct proc *m = p->sp->p;
	uint64_t now = session_now(sv->s);

	if (m->death == DEATH_NONE && m->state != 'X' &&
	    (now - e->cgroup_ns >= CGROUP_EVERY || e->execs != m->exec_nr))
		read_owner(e, now);
	spans_add(&e->spans, now, proc_rss(m));
	if (!p->sp->active && !turn)
		return; /* as it was */
	for (unsigned int k = 0; k < SPANS_NR; k++)
		p->known[k] = spans_rate(&e->spans, k, &p->rate[k]);
	spans_verdict(&e->spans, limit_left(p->sp), &p->verdict);
	p->faults_per_s = p->sp->active ? m->minor_rate + m->major_rate : 0;
	headroom(p);
}

void table_update(struct serve *sv)
{
	table_look(sv);
	for (unsigned int i = 0; i < sv->table.nr; i++)
		update(sv, sv->table.procs[i], (i + sv->table.nr_updates) % QUIET_EVERY == 0);
	sv->table.nr_updates++;
}

static void free_entry(struct table *t, struct served_entry *e)
{
	out_of_pids(t, e);
	if (e->by_as.tbl)
		/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): uthash's own */
		HASH_DELETE(by_as, t->by_as, e);
	e->pub.sp->user = &swept;
	free(e->cgroup);
	free(e);
}

bool table_sweep(struct serve *sv)
{
	struct table *t = &sv->table;
	unsigned int n = 0;

	if (!t->nr_exited)
		return false;
	t->nr_exited = 0;
	for (unsigned int i = 0; i < t->nr; i++) {
		struct served *p = t->procs[i];

		if (p->sp->p->state != 'X') {
			t->procs[n++] = p;
			continue;
		}
		serve_gone(sv, p);
		t->nr_ended++;
		free_entry(t, entry(p));
	}
	t->nr = n;
	return true;
}

void table_fini(struct serve *sv)
{
	struct table *t = &sv->table;

	for (unsigned int i = 0; i < t->nr; i++)
		serve_gone(sv, t->procs[i]);
	for (unsigned int i = 0; i < t->nr; i++)
		free_entry(t, entry(t->procs[i]));
	free(t->procs);
	*t = (struct table){};
}

struct served **serve_procs(struct serve *sv, unsigned int *ret_nr)
{
	*ret_nr = sv->table.nr;
	return sv->table.procs;
}

struct served *serve_find(struct serve *sv, pid_t pid)
{
	const uint32_t key = (uint32_t)pid;
	struct served_entry *e;

	HASH_FIND(by_pid, sv->table.by_pid, &key, sizeof(key), e);
	return e ? &e->pub : NULL;
}

struct served *serve_find_as(struct serve *sv, uint32_t as)
{
	struct served_entry *e = find_as(&sv->table, as);

	return e ? &e->pub : NULL;
}

void serve_counts(struct serve *sv, struct serve_counts *ret)
{
	*ret = (struct serve_counts){ .nr_seen = sv->table.nr_seen,
				      .nr_ended = sv->table.nr_ended,
				      .nr_beyond = finder_beyond(sv->finder),
				      .nr_unfollowed = session_unfollowed(sv->s),
				      .lost = model_lost(session_model(sv->s)),
				      .nr_clients = -1 };
	for (unsigned int i = 0; i < sv->nr_parts; i++)
		if (serve_parts[i]->counts)
			serve_parts[i]->counts(sv->ctx[i], ret);
}
