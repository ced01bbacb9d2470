// SPDX-License-Identifier: GPL-2.0
#include "event/sites.h"

#include <errno.h>
#include <stdlib.h>
#include "event/stacktab.h"
#include "util/hash.h"

#define MAX_SITES 65536u /* then all are forgotten: the next stack of each brings it back */

struct site {
	struct {
		uint64_t ip, sp;
	} key;
	struct mtr_ev_stack stack; /* the latest there, without its copy */
	UT_hash_handle hh;
};

struct site_thread {
	struct {
		uint32_t as, tid;
	} key;
	struct site *sites;
	uint32_t map, child; /* stacks that wait for the event that they were taken for */
	UT_hash_handle hh;
};

struct sites {
	struct site_thread *threads;
	struct site_thread *last; /* looked up last */
	unsigned int nr;
};

struct sites *sites_new(void)
{
	return calloc(1, sizeof(struct sites));
}

static void drop_thread(struct sites *s, struct site_thread *t)
{
	struct site *p, *tmp;

	HASH_ITER(hh, t->sites, p, tmp) {
		HASH_DEL(t->sites, p);
		free(p);
		s->nr--;
	}
	HASH_DEL(s->threads, t);
	if (s->last == t)
		s->last = NULL;
	free(t);
}

/* Of one address space; ~0: of all. */
static void drop(struct sites *s, uint32_t as)
{
	struct site_thread *t, *tmp;

	HASH_ITER(hh, s->threads, t, tmp)
		if (as == ~0u || t->key.as == as)
			drop_thread(s, t);
}

void sites_free(struct sites *s)
{
	if (s)
		drop(s, ~0u);
	free(s);
}

static struct site_thread *find_thread(struct sites *s, uint32_t as, uint32_t tid)
{
	struct site_thread *t = s->last, probe = { .key = { .as = as, .tid = tid } };

	if (t && t->key.as == as && t->key.tid == tid)
		return t;
	HASH_FIND(hh, s->threads, &probe.key, sizeof(probe.key), t);
	if (t)
		s->last = t;
	return t;
}

static struct site_thread *thread(struct sites *s, uint32_t as, uint32_t tid)
{
	struct site_thread *t = find_thread(s, as, tid);

	if (t)
		return t;
	t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	t->key.as = as;
	t->key.tid = tid;
	HASH_ADD(hh, s->threads, key, sizeof(t->key), t);
	if (t->hh.tbl)
		return t;
	free(t);
	return NULL;
}

static struct site *find(struct site_thread *t, uint64_t ip, uint64_t sp)
{
	struct site *p, probe = { .key = { .ip = ip, .sp = sp } };

	HASH_FIND(hh, t->sites, &probe.key, sizeof(probe.key), p);
	return p;
}

static int remember(struct sites *s, const struct mtr_event *ev)
{
	const struct mtr_ev_stack *e = &ev->stack;
	struct site_thread *t;
	struct site *p;

	if (s->nr >= MAX_SITES)
		drop(s, ~0u);
	t = thread(s, ev->as, ev->tid);
	if (!t)
		return -ENOMEM;
	if (ev->kind == MTR_EV_STACK && e->why == MTR_STACK_WHY_MAP)
		t->map = e->stack;
	if (ev->kind == MTR_EV_STACK && e->why == MTR_STACK_WHY_THREAD)
		t->child = e->stack;
	p = find(t, e->ip, e->sp);
	if (!p) {
		p = calloc(1, sizeof(*p));
		if (!p)
			return -ENOMEM;
		p->key.ip = e->ip;
		p->key.sp = e->sp;
		HASH_ADD(hh, t->sites, key, sizeof(p->key), p);
		if (!p->hh.tbl) {
			free(p);
			return -ENOMEM;
		}
		s->nr++;
	}
	p->stack = *e;
	p->stack.copy = NULL;
	return 0;
}

static uint32_t at(struct sites *s, const struct mtr_event *ev, uint64_t ip, uint64_t sp)
{
	struct site_thread *t = ip ? find_thread(s, ev->as, ev->tid) : NULL;
	struct site *p = t ? find(t, ip, sp) : NULL;

	return p ? p->stack.stack : 0;
}

/* It was taken for one event. */
static uint32_t once(uint32_t *stack)
{
	uint32_t id = *stack;

	*stack = 0;
	return id;
}

static void gone(struct sites *s, const struct mtr_event *ev)
{
	struct site_thread *t;

	if (ev->kind == MTR_EV_THREAD_EXIT) {
		t = find_thread(s, ev->as, ev->tid);
		if (t)
			drop_thread(s, t);
	} else if (ev->kind != MTR_EV_STATE) {
		drop(s, ev->as);
	} else if (ev->state.what == MTR_ST_MODEL) {
		drop(s, ~0u);
	}
}

int sites_event(struct sites *s, struct mtr_event *ev)
{
	struct site_thread *t;

	ev->callstack = 0;
	if (ev->kind == MTR_EV_STACK || ev->kind == MTR_EV_SITE) {
		ev->callstack = ev->stack.stack;
		return remember(s, ev);
	}
	/* without call stacks this costs nothing */
	if (!s->threads)
		return 0;
	switch ((int)ev->kind) {
	case MTR_EV_FAULT:
		ev->callstack = at(s, ev, ev->fault.ip, ev->fault.sp);
		break;
	case MTR_EV_RSS:
		ev->callstack = at(s, ev, ev->rss.ip, ev->rss.sp);
		break;
	case MTR_EV_VMA:
		t = find_thread(s, ev->as, ev->tid);
		ev->callstack = t ? once(&t->map) : 0;
		break;
	case MTR_EV_THREAD:
		t = find_thread(s, ev->as, ev->thread.parent_tid);
		ev->callstack = t ? once(&t->child) : 0;
		break;
	case MTR_EV_THREAD_EXIT:
	case MTR_EV_EXIT:
	case MTR_EV_DROP:
	case MTR_EV_STATE:
		gone(s, ev);
	}
	return 0;
}

int sites_tell(const struct sites *s, uint64_t time_ns, event_sink_fn sink, void *ctx)
{
	const struct site_thread *t;
	const struct site *p;
	int err = 0;

	for (t = s->threads; !err && t; t = t->hh.next) {
		for (p = t->sites; !err && p; p = p->hh.next) {
			struct mtr_event ev = { .kind = MTR_EV_SITE,
						.as = t->key.as,
						.tid = t->key.tid,
						.time_ns = time_ns };

			ev.stack = p->stack;
			err = sink(ctx, &ev);
		}
	}
	return err;
}

void sites_keep(const struct sites *s, struct stacktab *st)
{
	const struct site_thread *t;
	const struct site *p;

	for (t = s->threads; t; t = t->hh.next) {
		stacktab_keep(st, t->map);
		stacktab_keep(st, t->child);
		for (p = t->sites; p; p = p->hh.next)
			stacktab_keep(st, p->stack.stack);
	}
}

unsigned int sites_nr(const struct sites *s)
{
	return s->nr;
}
