// SPDX-License-Identifier: GPL-2.0
/*
 * The daemon's table as metrics. What a counter needs is added up here at every interval,
 * so that it never falls when a process ends or goes to another cgroup: counters of a
 * group and of all are sums of differences, not of what its processes have now.
 */
#include "serve/http_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include "util/clock.h"
#include "util/hash.h"

/* A unit, container or cgroup, as long as one of its processes is traced. */
struct group {
	struct metrics_group g;
	unsigned int nr; /* processes */
	unsigned int at; /* in the table under way */
	UT_hash_handle hh; /* by g.name */
};

/* Of a process, in its slot. */
struct member {
	struct group *group;
	int64_t minor, major; /* the kernel's counts at the last interval; −1: none yet */
	uint32_t as; /* whose unseen faults these are */
	uint64_t unseen;
	bool shown; /* had series of its own */
};

_Static_assert(METRICS_SPANS == SPAN_MAX, "each span of the table has its series");

struct http_metrics {
	struct serve *sv;
	struct group *groups;
	struct metrics_self self; /* the counters of it */
	uint64_t tick_ns;
};

struct http_metrics *http_metrics_new(struct serve *sv)
{
	struct http_metrics *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->sv = sv;
	m->self.start_s = (double)clock_ns(CLOCK_REALTIME) / NSEC_PER_SEC;
	m->tick_ns = serve_now(sv);
	return m;
}

/* The group of that name, which is made when there is none; NULL: memory is short */
static struct group *join(struct http_metrics *m, const struct served *p)
{
	char name[METRICS_GROUP_LEN];
	struct group *g;

	metrics_group_name(name, p->group, p->cgroup);
	HASH_FIND_STR(m->groups, name, g);
	if (!g) {
		g = calloc(1, sizeof(*g));
		if (!g)
			return NULL;
		strcpy(g->g.name, name);
		HASH_ADD_STR(m->groups, g.name, g);
		if (!g->hh.tbl) {
			free(g);
			return NULL;
		}
	}
	g->nr++;
	return g;
}

static void leave(struct http_metrics *m, struct group *g)
{
	if (--g->nr)
		return;
	HASH_DEL(m->groups, g);
	free(g);
}

void http_metrics_added(struct http_metrics *m, struct served *p)
{
	struct member *me = calloc(1, sizeof(*me));

	if (!me)
		return;
	me->minor = me->major = -1;
	me->group = join(m, p);
	if (me->group)
		p->part[SLOT_HTTP] = me;
	else
		free(me);
}

/* How far a count went since the last look; what it was at attach is the first. */
static uint64_t gain(int64_t *last, int64_t now, int64_t at_attach)
{
	int64_t from = *last >= 0 ? *last : at_attach;

	if (now < 0)
		return 0;
	*last = now;
	return from >= 0 && now > from ? (uint64_t)(now - from) : 0;
}

static void count(struct http_metrics *m, struct member *me, const struct proc *p)
{
	uint64_t minor = gain(&me->minor, p->k_minflt, p->k_minflt0);
	uint64_t major = gain(&me->major, p->k_majflt, p->k_majflt0);
	uint64_t unseen = proc_unseen(p);

	if (me->as != p->as)
		me->unseen = 0;
	me->as = p->as;
	m->self.unseen += unseen > me->unseen ? unseen - me->unseen : 0;
	if (unseen > me->unseen)
		me->unseen = unseen;
	m->self.minor += minor;
	m->self.major += major;
	me->group->g.minor += minor;
	me->group->g.major += major;
}

void http_metrics_gone(struct http_metrics *m, struct served *p)
{
	struct member *me = p->part[SLOT_HTTP];

	if (!me)
		return;
	leave(m, me->group);
	free(me);
	p->part[SLOT_HTTP] = NULL;
}

/* It was moved to another cgroup. */
static void follow(struct http_metrics *m, struct member *me, const struct served *p)
{
	char name[METRICS_GROUP_LEN];
	struct group *g;

	metrics_group_name(name, p->group, p->cgroup);
	if (!strcmp(name, me->group->g.name))
		return;
	g = join(m, p);
	if (!g)
		return;
	leave(m, me->group);
	me->group = g;
}

void http_metrics_tick(struct http_metrics *m)
{
	const struct mtr_cost *c = session_cost(serve_session(m->sv));
	uint64_t now = serve_now(m->sv);
	unsigned int nr;
	struct served **procs = serve_procs(m->sv, &nr);

	for (unsigned int i = 0; i < nr; i++) {
		struct member *me = procs[i]->part[SLOT_HTTP];

		if (!me || !procs[i]->sp)
			continue;
		follow(m, me, procs[i]);
		count(m, me, procs[i]->sp->p);
	}
	if (c->bpf_percent > 0 && now > m->tick_ns)
		m->self.bpf_s += c->bpf_percent / 100 * (double)(now - m->tick_ns) / NSEC_PER_SEC;
	m->tick_ns = now;
}

void http_metrics_free(struct http_metrics *m)
{
	struct group *g, *tmp;

	if (!m)
		return;
	/* every process has left them: none has a member any more */
	HASH_ITER(hh, m->groups, g, tmp) {
		HASH_DEL(m->groups, g);
		free(g);
	}
	free(m);
}

void http_metrics_answered(struct http_metrics *m, unsigned int code)
{
	for (unsigned int i = 0; i < METRICS_CODES; i++) {
		if (m->self.http[i].code && m->self.http[i].code != code)
			continue;
		m->self.http[i].code = code;
		m->self.http[i].nr++;
		return;
	}
}

static void fill_figures(const struct http_metrics *m, const struct served *s,
			 struct metrics_figures *f)
{
	const struct strtab *st = session_model(serve_session(m->sv))->st;
	struct proc *p = s->sp->p;
	struct kind_sum sum;

	proc_kinds(p, st);
	proc_kind_sum(p, &sum);
	f->nr = 1;
	f->rss = proc_rss(p);
	f->swap = p->rss[MTR_SWAP] > 0 ? p->rss[MTR_SWAP] : 0;
	for (unsigned int k = 0; k < RK_NR; k++) {
		f->resident[k] = sum.resident[k];
		f->virt += sum.virt[k];
	}
	if (p->k_virt >= 0)
		f->virt = p->k_virt;
	memcpy(f->known, s->known, sizeof(f->known));
	memcpy(f->rate, s->rate, sizeof(f->rate));
	f->faults_known = p->k_minflt >= 0 && p->k_majflt >= 0;
	f->minor = (uint64_t)p->k_minflt;
	f->major = (uint64_t)p->k_majflt;
	f->headroom = s->headroom;
	if (s->sp->limits_ns)
		metrics_limits(f, &s->sp->limits);
}

static void fill_procs(const struct http_metrics *m, struct metrics_table *t, struct served **procs,
		       unsigned int nr, struct member **members)
{
	const struct strtab *st = session_model(serve_session(m->sv))->st;

	for (unsigned int i = 0; i < nr; i++) {
		struct member *me = procs[i]->part[SLOT_HTTP];
		struct metrics_proc *p = &t->proc[t->nr_procs];

		if (!me || !procs[i]->sp || procs[i]->sp->p->death != DEATH_NONE)
			continue;
		members[t->nr_procs++] = me;
		p->pid = procs[i]->sp->p->pid;
		p->uid = procs[i]->uid;
		p->comm = strtab_str(st, procs[i]->sp->p->comm);
		p->cgroup = procs[i]->cgroup;
		p->group = me->group->at;
		p->verdict = procs[i]->verdict.kind;
		p->shown = me->shown;
		fill_figures(m, procs[i], &p->f);
	}
}

static void fill_self(const struct http_metrics *m, struct metrics_self *self)
{
	struct session *s = serve_session(m->sv);
	const struct mtr_cost *c = session_cost(s);
	const struct model *model = session_model(s);
	struct rusage ru = { 0 };
	struct serve_counts n;

	serve_counts(m->sv, &n);
	getrusage(RUSAGE_SELF, &ru);
	*self = m->self;
	self->version = MEMTRACE_VERSION;
	self->rung = session_rung(s);
	self->nr_max = serve_conf(m->sv)->max_procs;
	self->nr_beyond = n.nr_beyond;
	self->nr_clients = n.nr_clients;
	self->events = model->nr_events;
	memcpy(self->lost, model->lost, sizeof(self->lost));
	self->cpu_s = (double)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) +
		      (double)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6;
	self->rss = (int64_t)c->self_rss_bytes;
	self->ring_fill = c->ring_fill_percent / 100.0;
}

/* Those who were chosen are preferred the next time. */
static void remember(const struct metrics_table *t, struct member **members, struct http_metrics *m)
{
	struct group *g;

	for (unsigned int i = 0; i < t->nr_procs; i++)
		members[i]->shown = t->proc[i].shown;
	for (g = m->groups; g; g = g->hh.next)
		g->g.shown = t->group[g->at].shown;
}

static int put(struct metrics_table *t, enum metrics_format format, char **ret, size_t *len)
{
	struct sink s;
	int err = sink_open(&s, -1);

	if (!err)
		err = metrics_put(&s, t, format);
	if (!err) {
		*ret = s.buf;
		*len = s.len;
		s.buf = NULL;
	}
	sink_close(&s);
	return err;
}

int http_metrics_text(struct http_metrics *m, enum metrics_format format, char **ret, size_t *len)
{
	struct metrics_table t = { .top = serve_conf(m->sv)->top };
	unsigned int nr;
	struct served **procs = serve_procs(m->sv, &nr);
	struct member **members = calloc(nr + 1, sizeof(*members));
	struct group *g;
	int err = -ENOMEM;

	t.proc = calloc(nr + 1, sizeof(*t.proc));
	t.group = calloc(HASH_COUNT(m->groups) + 1, sizeof(*t.group));
	if (members && t.proc && t.group) {
		for (g = m->groups; g; g = g->hh.next) {
			g->at = t.nr_groups;
			t.group[t.nr_groups++] = g->g;
		}
		fill_procs(m, &t, procs, nr, members);
		fill_self(m, &t.self);
		err = put(&t, format, ret, len);
	}
	if (!err)
		remember(&t, members, m);
	free(members);
	free(t.proc);
	free(t.group);
	return err;
}
