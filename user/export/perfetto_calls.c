// SPDX-License-Identifier: GPL-2.0
/*
 * System calls about memory.
 *
 * Where they were recorded each is a slice on its thread, from its beginning to its end, with what it
 * was asked for, what came of it, and the bytes that came or went within it. Where they were not, those
 * that moved pages without changing the map are told by the pages alone, as instants.
 */
#include <stdio.h>
#include <string.h>
#include "analysis/rows.h"
#include "event/call.h"
#include "export/perfetto_int.h"

/* ---- not recorded: by the pages that they move without changing the map (madvise, mlock …) */

/* mmap, munmap, brk, mremap …: what they did is among the changes of the map; exec, exit: so is that. */
static bool is_map_call(unsigned int call)
{
	static const unsigned int nrs[] = { 9, 11, 12, 25, 30, 59, 60, 67, 231, 322 };

	for (size_t i = 0; i < sizeof(nrs) / sizeof(*nrs); i++)
		if (nrs[i] + 1 == call)
			return true;
	return false;
}

static bool same_call(const struct mtr_event *a, const struct mtr_event *b)
{
	return a->kind && a->tid == b->tid && a->rss.call == b->rss.call &&
	       a->rss.ip == b->rss.ip && a->rss.sp == b->rss.sp && a->rss.start == b->rss.start &&
	       a->rss.end == b->rss.end;
}

/* The call that is waiting is over, as far as can be told: all its events came, one behind the other. */
static int end_of_call(struct pf *f, struct pf_proc *q)
{
	struct pf_call c = q->call;
	const struct mtr_ev_rss *v = &c.ev.rss;
	const char *known = mtr_call_name(v->call);
	struct pf_event e;
	char name[32];
	int err;

	q->call.ev.kind = 0;
	if (!c.ev.kind || !pf_each(&q->moving, 0, c.ev.time_ns, c.bytes))
		return 0;
	snprintf(name, sizeof(name), "system call %u", v->call - 1u);
	pf_event(&e, EV_INSTANT, pf_task_track(q, c.ev.tid), 0, C_PAGES);
	e.ev.name = known ? (char *)known : name;
	if (v->end > v->start) {
		pf_ptr(&e, A_ADDRESS, v->start);
		pf_uint(&e, A_SIZE, v->end - v->start);
	}
	pf_int(&e, A_BYTES, c.bytes);
	if (c.swap)
		pf_int(&e, A_SWAP_BYTES, c.swap);
	if (v->ip)
		pf_ptr(&e, A_PC, v->ip);
	if (v->sp)
		pf_ptr(&e, A_SP, v->sp);
	err = pf_stack(f, q, &e, &c.ev);
	return err ? err : pf_send(f, &e, c.ev.time_ns);
}

int pf_calls_over(struct pf *f, struct pf_proc *q)
{
	return end_of_call(f, q);
}

/* Its thread does something else. */
int pf_call_over(struct pf *f, struct pf_proc *q, const struct mtr_event *ev)
{
	if (!q->call.ev.kind || ev->tid != q->call.ev.tid || ev->kind == MTR_EV_RSS ||
	    ev->kind == MTR_EV_STACK)
		return 0;
	return end_of_call(f, q);
}

/* The call is told when it returns: until then its bytes wait. */
static void moved(struct pf_proc *q, const struct mtr_event *ev)
{
	const struct mtr_ev_rss *v = &ev->rss;
	struct pf_thread *t = pf_thread(q, ev->tid);

	if (!t)
		return;
	if (t->moved.call != v->call)
		t->moved = (struct pf_moved){ .call = v->call, .first_ns = ev->time_ns };
	if (v->member == MTR_SWAP)
		t->moved.swap += v->bytes;
	else
		t->moved.bytes += v->bytes;
}

/* A large range goes in many pieces, and each counter tells of its own. */
int pf_moving(struct pf *f, struct pf_proc *q, const struct mtr_event *ev)
{
	const struct mtr_ev_rss *v = &ev->rss;
	int err = 0;

	if (v->why != MTR_WHY_SYSCALL || !v->call)
		return 0;
	if (f->x->info.calls && mtr_call_name(v->call)) {
		moved(q, ev);
		return 0;
	}
	if (is_map_call(v->call))
		return 0;
	if (!same_call(&q->call.ev, ev)) {
		err = end_of_call(f, q);
		q->call = (struct pf_call){ .ev = *ev };
	}
	if (v->member == MTR_SWAP)
		q->call.swap += v->bytes;
	else
		q->call.bytes += v->bytes;
	return err;
}

/* ---- recorded */

static void put_text(struct pf_event *e, enum pf_arg a, const char *s)
{
	if (s && *s)
		pf_note(e, a)->string_value = (char *)s;
}

/* "private|anonymous" */
static const char *flags_text(char *buf, size_t sz, const struct mtr_call *c, uint32_t bits)
{
	size_t len = 0;

	*buf = '\0';
	for (; bits && c->tokens; bits &= bits - 1) {
		const char *token = c->tokens[__builtin_ctz(bits)];
		int n = token ? snprintf(buf + len, sz - len, "%s%s", len ? "|" : "", token) : 0;

		if (n < 0 || (size_t)n >= sz - len)
			break;
		len += (size_t)n;
	}
	return buf;
}

struct texts {
	char flags[192], prot[8], name[32];
};

static void put_args(struct pf_event *e, const struct mtr_ev_call *v, const struct mtr_call *c,
		     struct texts *t)
{
	uint64_t addr = mtr_call_arg(v, c->addr), advice, start, end;

	if (mtr_call_range(v, &start, &end))
		addr = start;
	if (c->addr && addr)
		pf_ptr(e, A_ADDRESS, addr);
	if (c->len)
		pf_uint(e, A_SIZE, mtr_call_arg(v, c->len));
	if (c->new_len)
		pf_uint(e, A_NEW_SIZE, mtr_call_arg(v, c->new_len));
	if (c->prot && c->flags) {
		pf_prot(e, A_PROTECTION, mtr_call_prot(v));
	} else if (c->prot) {
		rows_perms(t->prot, mtr_call_prot(v));
		t->prot[3] = '\0'; /* whether it is shared is not said */
		put_text(e, A_PROTECTION, t->prot);
	}
	put_text(e, A_FLAGS, flags_text(t->flags, sizeof(t->flags), c, mtr_call_flags(v)));
	if (!c->advice)
		return;
	advice = mtr_call_arg(v, c->advice);
	if (mtr_advice_name(advice))
		put_text(e, A_ADVICE, mtr_advice_name(advice));
	else
		pf_uint(e, A_ADVICE, advice);
}

static void put_result(struct pf_event *e, const struct mtr_ev_call *v, const struct mtr_call *c)
{
	if (c && c->gives_address && v->result > 0)
		pf_ptr(e, A_RESULT, (uint64_t)v->result);
	else
		pf_int(e, A_RESULT, v->result);
	put_text(e, A_ERROR, mtr_call_error_name(v));
}

/* What came and went since the call began. */
static void put_moved(struct pf_event *e, struct pf_thread *t, const struct mtr_event *ev)
{
	struct pf_moved *m = &t->moved;

	if (m->call == ev->call.nr + 1u && m->first_ns + ev->call.took_ns >= ev->time_ns) {
		if (m->bytes)
			pf_int(e, A_BYTES, m->bytes);
		if (m->swap)
			pf_int(e, A_SWAP_BYTES, m->swap);
	}
	*m = (struct pf_moved){ .call = 0 };
}

/* @q may be NULL. One whose beginning nobody saw, or whose thread nobody knows, has no length. */
int pf_call(struct pf *f, struct pf_proc *q, const struct mtr_event *ev)
{
	const struct mtr_ev_call *v = &ev->call;
	const struct mtr_call *c = mtr_call_find(v->nr);
	struct pf_thread *t = pf_thread(q, ev->tid);
	bool slice = t && v->took_ns && v->took_ns < ev->time_ns;
	struct pf_event e;
	struct texts texts;
	int err;

	if (q && !pf_each(&q->calls, mtr_call_error(v) != 0, ev->time_ns, 0)) {
		if (t)
			t->moved.call = 0;
		return 0;
	}
	pf_event(&e, slice ? EV_BEGIN : EV_INSTANT, pf_task_track(q, ev->tid),
		 c ? N_CALLS + c->nr : 0, ev->kind);
	snprintf(texts.name, sizeof(texts.name), "system call %u", v->nr);
	if (c)
		put_args(&e, v, c, &texts);
	else
		e.ev.name = texts.name;
	put_result(&e, v, c);
	if (t)
		put_moved(&e, t, ev);
	if (v->ip)
		pf_ptr(&e, A_PC, v->ip);
	err = pf_stack(f, q, &e, ev);
	if (err)
		return err;
	if (!slice)
		return pf_send(f, &e, ev->time_ns);
	return pf_slice(f, &e, ev->time_ns - v->took_ns, ev->time_ns, &t->call_end_ns);
}
