// SPDX-License-Identifier: GPL-2.0
#include "remote.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "context.h"
#include "modules.h"
#include "session_int.h"
#include "util/clock.h"
#include "util/log.h"

#define SOCKET_PATH "/run/memtrace/memtrace.sock"
#define KEY_PATIENCE \
	(30 * NSEC_PER_SEC) /* for the first keyframe of a daemon that has much to do */
#define KEEP_ENDED 32u /* the daemon forgets them at once, who looks at them does not */

struct remote {
	struct src_socket *sock;
	struct modules *modules; /* all that were told */
	const struct session_view *view; /* NULL: nobody is told of intervals yet */
	void *view_ctx;
	int said; /* by the view, not 0: the end */
	uint64_t interval_ns; /* the daemon's */
	uint64_t shown_ns; /* the interval that the view was told of last */
	unsigned int nr_ended; /* kept though the daemon has dropped them */
	bool in_key; /* the last event was of a keyframe */
	bool ending; /* it has said that it ends */
};

const char *remote_path(void)
{
	const char *path = secure_getenv("MEMTRACE_SOCKET");

	return path && *path ? path : SOCKET_PATH;
}

/* ---- processes, in the order in which the daemon has them */

static struct sess_proc *find(struct session *s, uint32_t as)
{
	for (unsigned int i = s->nr_procs; i-- > 0;)
		if (s->procs[i]->p && s->procs[i]->p->as == as)
			return s->procs[i];
	return NULL;
}

static int add_proc(struct session *s, struct proc *p)
{
	struct sess_proc *sp, **procs;

	if (!p || find(s, p->as))
		return 0;
	if (s->nr_procs == s->cap_procs) {
		unsigned int cap = s->cap_procs ? s->cap_procs * 2 : 16;

		procs = reallocarray(s->procs, cap, sizeof(*procs));
		if (!procs)
			return -ENOMEM;
		s->procs = procs;
		s->cap_procs = cap;
	}
	sp = calloc(1, sizeof(*sp));
	if (!sp)
		return -ENOMEM;
	sp->p = p;
	s->procs[s->nr_procs++] = sp;
	return 0;
}

static void del_proc(struct session *s, uint32_t as)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < s->nr_procs; i++) {
		if (s->procs[i]->p->as == as)
			free(s->procs[i]);
		else
			s->procs[n++] = s->procs[i];
	}
	s->nr_procs = n;
}

static int on_exec(struct session *s, const struct mtr_event *ev)
{
	struct sess_proc *sp = find(s, ev->proc.prev_as);
	struct proc *p = model_proc(&s->model, ev->as);

	if (!sp || !p || sp->p->pid != p->pid)
		return add_proc(s, p);
	*sp = (struct sess_proc){ .p = p };
	return 0;
}

/* ---- events */

static int apply(struct session *s, const struct mtr_event *ev)
{
	int err = model_apply(&s->model, ev);

	return err || !s->tap ? err : s->tap(s->tap_ctx, ev);
}

/* The first one that has ended is what is forgotten when there are too many. */
static int forget_one(struct session *s, uint64_t now_ns)
{
	struct mtr_event ev = { .kind = MTR_EV_DROP, .time_ns = now_ns };

	for (unsigned int i = 0; i < s->nr_procs; i++) {
		if (s->procs[i]->p->death == DEATH_NONE)
			continue;
		ev.as = s->procs[i]->p->as;
		del_proc(s, ev.as);
		s->remote->nr_ended--;
		return apply(s, &ev);
	}
	return 0;
}

/* One that ended stays, as in a session with hooks of its own; what an exec replaced goes. */
static int on_drop(struct session *s, const struct mtr_event *ev)
{
	struct sess_proc *sp = find(s, ev->as);

	if (!sp || sp->p->death == DEATH_NONE) {
		del_proc(s, ev->as);
		return apply(s, ev);
	}
	return ++s->remote->nr_ended > KEEP_ENDED ? forget_one(s, ev->time_ns) : 0;
}

static void clear_procs(struct session *s)
{
	for (unsigned int i = 0; i < s->nr_procs; i++)
		free(s->procs[i]);
	s->nr_procs = 0;
	s->remote->nr_ended = 0;
}

static int on_state(struct session *s, const struct mtr_event *ev)
{
	struct proc *p;

	if (ev->state.what == MTR_ST_MODEL) {
		/* the daemon has lost nothing of what this client has */
		s->model.lost[0] += trace_stream_missing(src_socket_stream(s->remote->sock));
		s->now_ns = ev->time_ns;
		return 0;
	}
	p = ev->state.what == MTR_ST_PROC ? model_proc(&s->model, ev->as) : NULL;
	return p && !p->replaced_by ? add_proc(s, p) : 0;
}

static void on_limits(struct session *s, const struct mtr_event *ev)
{
	struct sess_proc *sp = find(s, ev->as);

	if (!sp)
		return;
	context_take_limit(&sp->limits, ev, s->st);
	sp->limits_ns = ev->time_ns ? ev->time_ns : 1;
}

/* An interval of the daemon's has ended; the view may want longer ones. */
static int on_tick(struct session *s, const struct mtr_event *ev)
{
	struct remote *r = s->remote;

	s->now_ns = ev->time_ns;
	if (!r->view || s->now_ns - r->shown_ns + r->interval_ns / 2 < s->o->interval_ns)
		return 0;
	r->shown_ns = s->now_ns;
	r->said = r->view->tick(r->view_ctx, s);
	return r->said ? -ECANCELED : 0;
}

/* What is beside the model, as a player has it (player.c). */
static int beside(struct session *s, const struct mtr_event *ev)
{
	switch ((int)ev->kind) {
	case MTR_EV_ATTACH:
		return add_proc(s, model_proc(&s->model, ev->as));
	case MTR_EV_EXEC:
		return on_exec(s, ev);
	case MTR_EV_STATE:
		return on_state(s, ev);
	case MTR_EV_LIMITS:
	case MTR_EV_LIMIT:
		on_limits(s, ev);
		return 0;
	case MTR_EV_COST:
		s->cost_now = ev->cost;
		s->cost_now.lost += trace_stream_missing(src_socket_stream(s->remote->sock));
		return 0;
	case MTR_EV_MODULE:
		return modules_take(s->remote->modules, ev);
	case MTR_EV_TICK:
		return ev->as ? 0 : on_tick(s, ev);
	}
	return 0;
}

/* As event_sink_fn */
static int on_event(void *ctx, const struct mtr_event *ev)
{
	struct session *s = ctx;
	int err;

	if (trace_stream_in_key(src_socket_stream(s->remote->sock))) {
		s->remote->in_key = true;
	} else if (s->remote->in_key) {
		s->remote->in_key = false;
		err = s->tap_key ? s->tap_key(s->tap_ctx) : 0;
		if (err)
			return err;
	}
	if (ev->kind == MTR_EV_DROP)
		return on_drop(s, ev);
	/* a keyframe: the model forgets all processes, and with them goes who points at them */
	if (ev->kind == MTR_EV_STATE && ev->state.what == MTR_ST_MODEL)
		clear_procs(s);
	err = apply(s, ev);
	return err ? err : beside(s, ev);
}

/* ---- what the daemon says beside */

static void take_notices(struct session *s)
{
	struct proto_answer a;

	while (src_socket_notice(s->remote->sock, &a)) {
		if (a.status == PROTO_ENDING)
			s->remote->ending = true;
		else if (a.status != PROTO_OK)
			log_warn("the daemon: %s", a.text);
	}
}

int remote_failed(const struct session *s, int err)
{
	if (err == -ECONNRESET)
		return log_error(EX_FAILED, "start it again, or trace without it: --no-daemon",
				 s->remote->ending ?
					 "the daemon was ended" :
					 "the daemon is gone: it was killed, or crashed");
	if (err == -EPROTO || err == -EPROTONOSUPPORT)
		return log_error(EX_FAILED, "are both of the same version? Without it: --no-daemon",
				 "what the daemon at %s says cannot be understood", remote_path());
	return log_error(EX_FAILED, "without it: --no-daemon", "the daemon at %s: %s",
			 remote_path(), strerror(-err));
}

int remote_read(struct session *s)
{
	int ret = src_socket_read(s->remote->sock, on_event, s);

	take_notices(s);
	if (ret == -ECANCELED && s->remote->said)
		return s->remote->said;
	return ret < 0 ? ret : 0;
}

/* ---- beginning and end */

int remote_fd(const struct session *s)
{
	return src_socket_fd(s->remote->sock);
}

void remote_close(struct session *s)
{
	if (!s->remote)
		return;
	src_socket_close(s->remote->sock);
	modules_free(s->remote->modules);
	free(s->remote);
	s->remote = NULL;
}

/* What only hooks of one's own can do, or what is asked for does not say who. */
static bool wanted(const struct opts *o)
{
	return !o->no_daemon && !o->daemon && !o->cmd && o->nr_pids && o->nr_pids <= PROTO_MAX_PIDS;
}

static int subscribe(struct session *s, struct proto_answer *a)
{
	const struct opts *o = s->o;
	struct proto_request rq = { .verb = PROTO_SUBSCRIBE, .nr_pids = o->nr_pids };

	rq.flags = (o->stacks ? PROTO_F_STACKS : 0) | (o->follow ? PROTO_F_FOLLOW : 0);
	for (unsigned int i = 0; i < o->nr_pids; i++)
		rq.pid[i] = (uint32_t)o->pids[i];
	return src_socket_ask(s->remote->sock, &rq, a, NULL, NULL);
}

/* Whoever may trace without the daemon does; others learn why not. */
static int refused(const struct proto_answer *a)
{
	if (!geteuid() || a->status == PROTO_NOT_TRACED) {
		log_verbose("without the daemon: %s", a->text);
		return 0;
	}
	if (a->status == PROTO_DENIED)
		return log_error(
			EX_PRIVILEGE,
			"choose a process of your own, run as root, or join the group that "
			"may see all",
			"%s", a->text);
	return log_error(EX_FAILED, "try again later", "the daemon: %s", a->text);
}

static int open_remote(struct session *s, struct proto_answer *a)
{
	struct remote *r = s->remote = calloc(1, sizeof(*r));
	int err = r ? src_socket_open(remote_path(), s->st, &r->sock) : -ENOMEM;
	const struct trace_facts *f;

	if (err)
		return err;
	r->modules = modules_new(s->st);
	if (!r->modules)
		return -ENOMEM;
	f = trace_stream_facts(src_socket_stream(r->sock));
	r->interval_ns = facts_u64(f, "interval_ns");
	/* -i says how fine a picture is wanted */
	if (s->o->repeat && s->o->interval_ns < r->interval_ns)
		return -ERANGE;
	return subscribe(s, a);
}

int remote_open(struct session *s, bool *ret_used)
{
	struct proto_answer a = { 0 };
	int err = wanted(s->o) ? open_remote(s, &a) : -ENOENT, ret = 0;

	*ret_used = !err && a.status == PROTO_OK;
	if (*ret_used) {
		log_verbose("served by the daemon at %s", remote_path());
		return 0;
	}
	if (!err)
		ret = refused(&a);
	else if (err != -ENOENT && err != -ECONNREFUSED)
		log_verbose("without the daemon at %s: %s", remote_path(), strerror(-err));
	remote_close(s);
	return ret;
}

int remote_attach(struct session *s)
{
	struct trace_stream *ts = src_socket_stream(s->remote->sock);
	uint64_t until = boot_ns() + KEY_PATIENCE;
	int err = 0;

	while (!err && !trace_stream_keys(ts)) {
		err = src_socket_wait(s->remote->sock, 200);
		if (err == -ETIMEDOUT && boot_ns() < until)
			err = 0;
		if (!err)
			err = remote_read(s);
	}
	if (err == -EINTR)
		return 0; /* a signal that ends the session ends it in its loop */
	return err ? remote_failed(s, err) : 0;
}

void remote_view(struct session *s, const struct session_view *v, void *ctx)
{
	s->remote->view = v;
	s->remote->view_ctx = ctx;
	s->remote->shown_ns = s->now_ns;
}

const char *remote_rung(const struct session *s)
{
	const char *rung =
		facts_get(trace_stream_facts(src_socket_stream(s->remote->sock)), "rung");

	return rung ? rung : "proc";
}

/* ---- marks */

static struct proto_request mark_of(uint32_t pid, const char *name)
{
	struct proto_request rq = { .verb = PROTO_MARK, .nr_pids = 1, .pid = { pid } };

	snprintf(rq.name, sizeof(rq.name), "%s", name);
	return rq;
}

int remote_mark(struct session *s, const char *name)
{
	char numbered[32];
	int err = 0;

	snprintf(numbered, sizeof(numbered), "mark%u", ++s->nr_marks);
	for (unsigned int i = 0; i < s->nr_procs && !err; i++) {
		struct proto_request rq = mark_of(s->procs[i]->p->pid, name ? name : numbered);

		if (s->procs[i]->p->death == DEATH_NONE)
			err = src_socket_send(s->remote->sock, &rq);
	}
	return err;
}

int remote_mark_pid(pid_t pid, const char *name)
{
	const struct proto_request rq = mark_of((uint32_t)pid, name);
	struct strtab *st = strtab_new();
	struct src_socket *ss = NULL;
	struct proto_answer a;
	int err = st ? src_socket_open(remote_path(), st, &ss) : -ENOMEM;

	if (err == -ENOENT || err == -ECONNREFUSED)
		err = -ESRCH;
	if (!err)
		err = src_socket_ask(ss, &rq, &a, NULL, NULL);
	if (!err && a.status != PROTO_OK)
		err = a.status == PROTO_DENIED	   ? -EACCES :
		      a.status == PROTO_NOT_TRACED ? -ESRCH :
		      a.status == PROTO_BUSY	   ? -EBUSY :
						     -EPROTO;
	src_socket_close(ss);
	strtab_free(st);
	return err;
}

/* ---- what goes with its events */

bool session_in_key(const struct session *s)
{
	return s->remote && trace_stream_in_key(src_socket_stream(s->remote->sock));
}

uint64_t session_keys(const struct session *s)
{
	return s->remote ? trace_stream_keys(src_socket_stream(s->remote->sock)) : 0;
}

struct modules *session_modules(struct session *s)
{
	return s->remote ? s->remote->modules : NULL;
}

struct stacktab *session_stacktab(struct session *s)
{
	if (s->remote)
		return trace_stream_stacks(src_socket_stream(s->remote->sock));
	return s->paths ? callpaths_stacks(s->paths) : NULL;
}

const struct sites *session_sites(struct session *s)
{
	if (s->remote)
		return trace_stream_sites(src_socket_stream(s->remote->sock));
	return s->paths ? callpaths_sites(s->paths) : NULL;
}

struct growth *session_growth(struct session *s)
{
	struct growth *g;

	if (!s->remote)
		return growth_new(&s->model, s->paths);
	g = growth_of_file(&s->model, session_stacktab(s), false);
	if (g)
		g->here = true;
	/* those told before it listens */
	if (g && modules_tell(s->remote->modules, s->now_ns, growth_event, g)) {
		growth_free(g);
		return NULL;
	}
	return g;
}
