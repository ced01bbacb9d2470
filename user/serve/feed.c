// SPDX-License-Identifier: GPL-2.0
#include "serve/feed.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "context.h"
#include "modules.h"
#include "trace/writer.h"
#include "util/clock.h"
#include "util/hash.h"
#include "util/log.h"

/*
 * Each set costs what an event costs to write, in the thread that empties the ring: a user who is
 * not trusted has so many. Clients that ask for the same set cost nothing more.
 */
#define SETS_OF_USER 8u
#define KEY_MOST (64u << 20) /* of a keyframe, whatever a client's queue is */

/* An address space of a feed. */
struct member {
	uint32_t as, pid;
	bool asked; /* for its pid, not as a child of one */
};

struct feed {
	struct feeds *all;
	struct feed *next;
	struct peer peer; /* on whose behalf; uid 0 when all is seen */
	uint32_t flags; /* PROTO_F_* */
	uint32_t *pid; /* sorted, each once */
	unsigned int nr_pids;
	struct member *member;
	unsigned int nr_members, cap_members;
	struct trace_writer *w;
	struct modules *modules;
	struct client *clients;
	uint64_t nr_keys;
	bool failed; /* memory was short: its clients are sent away */
};

/* Which feeds an address space's events go to. */
struct route {
	uint32_t as; /* key */
	unsigned int nr, cap;
	struct feed **feed;
	UT_hash_handle hh;
};

struct feeds {
	struct serve *sv;
	struct feed *first;
	unsigned int nr;
	struct route *routes, *last; /* looked up last */
};

struct feeds *feeds_new(struct serve *sv)
{
	struct feeds *fs = calloc(1, sizeof(*fs));

	if (fs)
		fs->sv = sv;
	return fs;
}

unsigned int feeds_nr(const struct feeds *fs)
{
	return fs->nr;
}

/* ---- routes */

static struct route *find_route(struct feeds *fs, uint32_t as)
{
	struct route *r = fs->last;

	if (r && r->as == as)
		return r;
	HASH_FIND(hh, fs->routes, &as, sizeof(as), r);
	if (r)
		fs->last = r;
	return r;
}

static struct route *add_route(struct feeds *fs, uint32_t as)
{
	struct route *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->as = as;
	HASH_ADD(hh, fs->routes, as, sizeof(r->as), r);
	if (r->hh.tbl)
		return r;
	free(r);
	return NULL;
}

static int route_to(struct feeds *fs, uint32_t as, struct feed *f)
{
	struct route *r = find_route(fs, as);
	struct feed **feed;
	unsigned int cap;

	if (!r)
		r = add_route(fs, as);
	if (!r)
		return -ENOMEM;
	if (r->nr == r->cap) {
		cap = r->cap ? 2 * r->cap : 2;
		feed = reallocarray(r->feed, cap, sizeof(*feed));
		if (!feed)
			return -ENOMEM;
		r->feed = feed;
		r->cap = cap;
	}
	r->feed[r->nr++] = f;
	return 0;
}

static void unroute(struct feeds *fs, uint32_t as, const struct feed *f)
{
	struct route *r = find_route(fs, as);
	unsigned int n = 0;

	if (!r)
		return;
	for (unsigned int i = 0; i < r->nr; i++)
		if (r->feed[i] != f)
			r->feed[n++] = r->feed[i];
	r->nr = n;
	if (n)
		return;
	fs->last = NULL;
	HASH_DEL(fs->routes, r);
	free(r->feed);
	free(r);
}

/* ---- members */

static struct member *find_member(const struct feed *f, uint32_t as)
{
	for (unsigned int i = 0; i < f->nr_members; i++)
		if (f->member[i].as == as)
			return &f->member[i];
	return NULL;
}

static int add_member(struct feed *f, uint32_t as, uint32_t pid, bool asked)
{
	struct member *m;
	unsigned int cap;

	if (find_member(f, as))
		return 0;
	if (f->nr_members == f->cap_members) {
		cap = f->cap_members ? 2 * f->cap_members : 8;
		m = reallocarray(f->member, cap, sizeof(*m));
		if (!m)
			return -ENOMEM;
		f->member = m;
		f->cap_members = cap;
	}
	if (route_to(f->all, as, f))
		return -ENOMEM;
	f->member[f->nr_members++] = (struct member){ .as = as, .pid = pid, .asked = asked };
	return 0;
}

static void del_member(struct feed *f, uint32_t as)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < f->nr_members; i++)
		if (f->member[i].as != as)
			f->member[n++] = f->member[i];
	f->nr_members = n;
	unroute(f->all, as, f);
}

/* ---- what is written */

static void lose(struct client *c, const struct chunk_info *ci)
{
	if (!c->lost_chunks)
		log_verbose("a client of uid %u is behind: it loses data of its own", c->peer.uid);
	c->lost_chunks++;
	c->lost_events += ci ? ci->nr_events : 0;
	c->synced = c->taking = false;
	c->want_key = true;
}

/* As trace_chunk_fn: to each client what it can make something of. */
static int on_chunk(void *ctx, const struct chunk_info *ci, const uint8_t *data, size_t len)
{
	struct feed *f = ctx;
	struct piece *p = piece_new(data, len);
	bool key = ci->type == CHUNK_KEYFRAME;

	for (struct client *c = f->clients; c; c = c->next_of_feed) {
		if (key ? !c->taking : !c->synced)
			continue;
		if (!p || !client_offer(c, p, c->max_queue + (key ? KEY_MOST : 0)))
			lose(c, ci);
	}
	piece_put(p);
	return 0;
}

static void write_event(struct feed *f, const struct mtr_event *ev)
{
	if (ev->kind == MTR_EV_STACK && !(f->flags & PROTO_F_STACKS))
		return;
	if (!f->failed && trace_writer_event(f->w, ev))
		f->failed = true;
	if (!f->failed && modules_see(f->modules, ev))
		f->failed = true;
}

static uint32_t pid_of(void *ctx, uint32_t as)
{
	struct feed *f = ctx;
	struct proc *p = model_proc(session_model(serve_session(f->all->sv)), as);

	return p && p->death == DEATH_NONE ? p->pid : 0;
}

static void resolve_modules(struct feed *f)
{
	if (!f->failed && modules_resolve(f->modules, pid_of, f, trace_writer_event, f->w))
		f->failed = true;
}

/* The files that it has mapped by now were seen when nobody listened. */
static void see_modules(struct feed *f, struct proc *p)
{
	struct mtr_event ev = { .kind = MTR_EV_SNAP_VMA, .as = p->as };
	struct region *r;

	aspace_for_each(r, &p->aspace) {
		ev.vma = (struct mtr_ev_vma){ .start = r->start,
					      .end = r->end,
					      .prot = r->prot,
					      .dev = r->dev,
					      .ino = r->ino,
					      .name = r->name };
		if (modules_see(f->modules, &ev))
			f->failed = true;
	}
}

/* ---- keyframes */

struct filler {
	struct feed *f;
	event_sink_fn sink;
	void *ctx;
};

static bool is_member(void *ctx, const struct proc *p)
{
	return find_member(ctx, p->as);
}

/* As event_sink_fn: of all call stacks those of the feed. */
static int own_site(void *ctx, const struct mtr_event *ev)
{
	struct filler *fi = ctx;

	return find_member(fi->f, ev->as) ? fi->sink(fi->ctx, ev) : 0;
}

static int fill_limits(struct filler *fi, uint64_t now)
{
	struct session *s = serve_session(fi->f->all->sv);
	unsigned int nr;
	struct sess_proc **procs = session_procs(s, &nr);
	int err = 0;

	for (unsigned int i = 0; i < nr && !err; i++)
		if (procs[i]->limits_ns && find_member(fi->f, procs[i]->p->as))
			err = context_limits(&procs[i]->limits, procs[i]->p->as, now,
					     session_model(s)->st, fi->sink, fi->ctx);
	return err;
}

/* As in a recording (recorder.c): the model, and what travels beside it. */
static int fill(void *ctx, event_sink_fn sink, void *sink_ctx)
{
	struct feed *f = ctx;
	struct filler fi = { .f = f, .sink = sink, .ctx = sink_ctx };
	struct session *s = serve_session(f->all->sv);
	struct mtr_event ev = { .kind = MTR_EV_COST, .time_ns = session_now(s) };
	int err = model_save_some(session_model(s), ev.time_ns, is_member, f, sink, sink_ctx);

	if (!err)
		err = fill_limits(&fi, ev.time_ns);
	if (!err)
		err = modules_tell(f->modules, ev.time_ns, sink, sink_ctx);
	if (!err && f->flags & PROTO_F_STACKS && session_paths(s))
		err = sites_tell(callpaths_sites(session_paths(s)), ev.time_ns, own_site, &fi);
	ev.cost = *session_cost(s);
	return err ? err : sink(sink_ctx, &ev);
}

/* Who was behind gets one when it has caught up by half, lest it is behind again with it. */
static bool is_ready(const struct client *c)
{
	return c->want_key && !c->dead && !c->closing && c->out.bytes <= c->max_queue / 2;
}

static bool write_key(struct feed *f)
{
	bool any = false;

	for (struct client *c = f->clients; c; c = c->next_of_feed)
		any |= c->taking = is_ready(c);
	if (!any || f->failed)
		return false;
	if (trace_writer_keyframe(f->w, boot_ns(), fill, f))
		f->failed = true;
	f->nr_keys++;
	for (struct client *c = f->clients; c; c = c->next_of_feed) {
		if (!c->taking)
			continue;
		c->taking = c->want_key = false;
		c->synced = true;
	}
	return true;
}

uint64_t feeds_keys(struct feeds *fs, uint64_t budget_ns)
{
	uint64_t begun = boot_ns(), took = 0;
	struct feed *f = fs->first, **last;

	while (f && took < budget_ns) {
		struct feed *next = f->next;

		if (write_key(f) && next) {
			/* behind all others: when the budget ends here, the next time begins with them */
			for (last = &fs->first; *last != f;)
				last = &(*last)->next;
			*last = next;
			while (*last)
				last = &(*last)->next;
			f->next = NULL;
			*last = f;
		}
		took = boot_ns() - begun;
		f = next;
	}
	return took < budget_ns ? budget_ns - took : 0;
}

/* ---- who gets what */

static int by_number(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void free_feed(struct feed *f)
{
	while (f->nr_members)
		del_member(f, f->member[f->nr_members - 1].as);
	trace_writer_free(f->w);
	modules_free(f->modules);
	free(f->member);
	free(f->pid);
	free(f);
}

/* Children of members, and theirs, as the model has them. */
static int add_children(struct feed *f)
{
	unsigned int nr, before;
	struct served **procs = serve_procs(f->all->sv, &nr);

	do {
		before = f->nr_members;
		for (unsigned int i = 0; i < nr; i++) {
			struct proc *p = procs[i]->sp->p;
			bool child = false;

			for (unsigned int k = 0; k < f->nr_members; k++)
				child |= f->member[k].pid == p->ppid;
			if (!child || find_member(f, p->as) ||
			    peer_may_see(&f->peer, (pid_t)p->pid) <= 0)
				continue;
			if (add_member(f, p->as, p->pid, false))
				return -ENOMEM;
			see_modules(f, p);
		}
	} while (f->nr_members > before);
	return 0;
}

static int fill_members(struct feed *f)
{
	for (unsigned int i = 0; i < f->nr_pids; i++) {
		struct served *sv = serve_find(f->all->sv, (pid_t)f->pid[i]);

		if (!sv)
			continue;
		if (add_member(f, sv->sp->p->as, f->pid[i], true))
			return -ENOMEM;
		see_modules(f, sv->sp->p);
	}
	return f->flags & PROTO_F_FOLLOW ? add_children(f) : 0;
}

static struct feed *new_feed(struct feeds *fs, const struct feed *like)
{
	struct session *s = serve_session(fs->sv);
	struct callpaths *paths = session_paths(s);
	struct strtab *st = session_model(s)->st;
	struct feed *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->all = fs;
	f->peer = like->peer;
	f->flags = like->flags;
	f->nr_pids = like->nr_pids;
	f->pid = calloc(like->nr_pids, sizeof(*f->pid));
	f->w = trace_writer_new(st, paths ? callpaths_stacks(paths) : NULL, on_chunk, f);
	f->modules = modules_new(st);
	if (f->pid)
		memcpy(f->pid, like->pid, like->nr_pids * sizeof(*f->pid));
	if (!f->pid || !f->w || !f->modules || fill_members(f)) {
		free_feed(f);
		return NULL;
	}
	resolve_modules(f);
	f->next = fs->first;
	fs->first = f;
	fs->nr++;
	return f;
}

static bool same_peer(const struct peer *a, const struct peer *b)
{
	return a->all == b->all && (a->all || a->uid == b->uid);
}

static bool same_set(const struct feed *a, const struct feed *b)
{
	return same_peer(&a->peer, &b->peer) && a->flags == b->flags && a->nr_pids == b->nr_pids &&
	       !memcmp(a->pid, b->pid, a->nr_pids * sizeof(*a->pid));
}

/* Those asked for may have ended since; a new one must not find them still there. */
static bool is_whole(const struct feed *f)
{
	for (unsigned int i = 0; i < f->nr_pids; i++) {
		struct served *sv = serve_find(f->all->sv, (pid_t)f->pid[i]);

		if (!sv || !find_member(f, sv->sp->p->as))
			return false;
	}
	return true;
}

int feeds_join(struct feeds *fs, struct client *c, const struct proto_request *rq)
{
	uint32_t pid[PROTO_MAX_PIDS];
	struct feed like = { .peer = c->peer, .flags = rq->flags, .pid = pid }, *f;
	unsigned int nr_own = 0;

	memcpy(pid, rq->pid, rq->nr_pids * sizeof(*pid));
	qsort(pid, rq->nr_pids, sizeof(*pid), by_number);
	for (unsigned int i = 0; i < rq->nr_pids; i++)
		if (!like.nr_pids || pid[like.nr_pids - 1] != pid[i])
			pid[like.nr_pids++] = pid[i];
	for (f = fs->first; f; f = f->next) {
		if (!f->failed && same_set(f, &like) && is_whole(f))
			break;
		nr_own += same_peer(&f->peer, &like.peer);
	}
	if (!f && !c->peer.all && nr_own >= SETS_OF_USER)
		return -EBUSY;
	if (!f)
		f = new_feed(fs, &like);
	if (!f)
		return -ENOMEM;
	c->feed = f;
	c->want_key = true;
	c->synced = c->taking = false;
	c->next_of_feed = f->clients;
	f->clients = c;
	return 0;
}

static void drop_feed(struct feeds *fs, struct feed *f)
{
	struct feed **at = &fs->first;

	while (*at != f)
		at = &(*at)->next;
	*at = f->next;
	fs->nr--;
	free_feed(f);
}

void feeds_leave(struct feeds *fs, struct client *c)
{
	struct feed *f = c->feed;
	struct client **at;

	if (!f)
		return;
	for (at = &f->clients; *at != c;)
		at = &(*at)->next_of_feed;
	*at = c->next_of_feed;
	c->feed = NULL;
	c->next_of_feed = NULL;
	if (!f->clients)
		drop_feed(fs, f);
}

void feeds_free(struct feeds *fs)
{
	if (!fs)
		return;
	while (fs->first)
		drop_feed(fs, fs->first);
	free(fs);
}

/* ---- events */

/* An address space is not, or no longer, for the feed's clients: they forget it. */
static void deny(struct feed *f, struct member m, uint64_t now_ns)
{
	const struct mtr_event gone = { .kind = MTR_EV_DROP, .as = m.as, .time_ns = now_ns };
	struct proto_answer a = { .status = PROTO_DENIED, .pid = m.pid };

	write_event(f, &gone);
	del_member(f, m.as);
	if (!m.asked)
		return;
	/* before the word about it, what is known of it */
	if (!f->failed && trace_writer_flush(f->w))
		f->failed = true;
	snprintf(a.text, sizeof(a.text), "PID %u runs with other rights now", m.pid);
	for (struct client *c = f->clients; c; c = c->next_of_feed) {
		client_answer(c, &a);
		c->closing |= !f->nr_members;
	}
}

/* An exec by a member, or a child of one. */
static void take_in(struct feed *f, const struct mtr_event *ev)
{
	struct member *prev = find_member(f, ev->proc.prev_as);
	bool same = prev && ev->kind == MTR_EV_EXEC && prev->pid == ev->proc.pid;
	bool asked = same && prev->asked;

	if (!prev || (!same && !(f->flags & PROTO_F_FOLLOW)))
		return;
	if (peer_may_see(&f->peer, (pid_t)ev->proc.pid) <= 0) {
		if (same)
			deny(f, *prev, ev->time_ns);
		return;
	}
	if (add_member(f, ev->as, ev->proc.pid, asked))
		f->failed = true;
}

static void to_all(struct feeds *fs, const struct mtr_event *ev)
{
	/* a mark without a process is somebody's own */
	if (ev->kind == MTR_EV_MARK)
		return;
	for (struct feed *f = fs->first; f; f = f->next)
		write_event(f, ev);
}

void feeds_event(struct feeds *fs, const struct mtr_event *ev)
{
	struct route *r;

	if (!fs->nr)
		return;
	if (!ev->as) {
		to_all(fs, ev);
		return;
	}
	if (ev->kind == MTR_EV_ATTACH || ev->kind == MTR_EV_EXEC)
		for (struct feed *f = fs->first; f; f = f->next)
			take_in(f, ev);
	r = find_route(fs, ev->as);
	for (unsigned int i = 0; r && i < r->nr; i++)
		write_event(r->feed[i], ev);
	while (ev->kind == MTR_EV_DROP && (r = find_route(fs, ev->as)))
		del_member(r->feed[0], ev->as);
}

/* ---- intervals */

/* A process may have taken other rights without an exec. */
static void look_again(struct feed *f, uint64_t now_ns)
{
	for (unsigned int i = f->nr_members; !f->peer.all && i-- > 0;)
		if (!peer_may_see(&f->peer, (pid_t)f->member[i].pid))
			deny(f, f->member[i], now_ns);
}

static void send_away(struct feed *f)
{
	const struct proto_answer a = { .status = PROTO_FAILED,
					.text = "the daemon is out of memory" };

	for (struct client *c = f->clients; c; c = c->next_of_feed) {
		if (!c->closing)
			client_answer(c, &a);
		c->closing = true;
	}
}

void feeds_tick(struct feeds *fs)
{
	uint64_t now_ns = serve_now(fs->sv);

	for (struct feed *f = fs->first; f; f = f->next) {
		look_again(f, now_ns);
		resolve_modules(f);
		if (!f->failed && trace_writer_flush(f->w))
			f->failed = true;
		if (f->failed)
			send_away(f);
	}
}
