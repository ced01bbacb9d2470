// SPDX-License-Identifier: GPL-2.0
/*
 * A fault's first byte says what is as in its thread's last fault:
 *
 *   1 thread addr ip sp what 0 0
 *     │      │    │  │  └ bytes, member, flags, cpu and epoch
 *     │      │    └──┴ instruction, stack pointer
 *     │      └ one step further on, as far as the last step was
 *     └ the thread is that of the last fault of all
 *
 * What is not the same follows, in this order: the thread, the time (always: as
 * a difference to the thread's last), addr, ip, sp, what. A loop over an array
 * takes one byte and two or three of time; zstd makes less of it.
 */
#include "trace/codec.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "trace/varint.h"

#define HOT_FAULT 0x80u
#define HOT_SAME_THREAD 0x40u
#define HOT_NEXT_ADDR 0x20u
#define HOT_SAME_IP 0x10u
#define HOT_SAME_SP 0x08u
#define HOT_SAME_WHAT 0x04u
#define HOT_RESERVED 0x03u

#define MAX_STRING 4095u

int codec_init(struct codec *c, struct strtab *st, struct stacktab *stacks)
{
	memset(c, 0, sizeof(*c));
	c->st = st;
	c->stacks = stacks;
	codec_reset(c);
	return 0;
}

static void free_names(struct codec_names *n)
{
	free(n->ids);
	free(n->gens);
	n->ids = n->gens = NULL;
}

void codec_fini(struct codec *c)
{
	free_names(&c->strings);
	free_names(&c->frames);
}

void codec_reset(struct codec *c)
{
	c->strings.nr = c->frames.nr = 0;
	c->pc = 0;
	c->gen++;
	c->time_ns = 0;
	c->as = c->tid = 0;
	c->hot_at = 0;
	memset(c->last, 0, sizeof(c->last));
	memset(c->state, 0, sizeof(c->state));
	memset(c->hot, 0, sizeof(c->hot));
}

/* Room for number @n. */
static int grow(struct codec_names *c, uint32_t n, bool with_gens)
{
	uint32_t cap = c->cap ? c->cap : 64, *p;

	if (n < c->cap)
		return 0;
	if (n > UINT32_MAX / 4)
		return -ENOMEM; /* no table gives such a number */
	while (cap <= n)
		cap *= 2;
	p = reallocarray(c->ids, cap, sizeof(*p));
	if (!p)
		return -ENOMEM;
	c->ids = p;
	if (with_gens) {
		p = reallocarray(c->gens, cap, sizeof(*p));
		if (!p)
			return -ENOMEM;
		memset(p + c->cap, 0, (cap - c->cap) * sizeof(*p));
		c->gens = p;
	}
	c->cap = cap;
	return 0;
}

/*
 * A field has one, two, four or eight bytes. A copy whose length is known when compiling is one
 * instruction; of any other length it would take most of the time that an event takes.
 */
static uint64_t load(const struct mtr_event *ev, const struct field *f)
{
	const char *at = (const char *)ev + f->off;
	uint64_t all;
	uint32_t half;
	uint16_t quarter;

	switch (f->sz) {
	case sizeof(all):
		memcpy(&all, at, sizeof(all));
		return all;
	case sizeof(half):
		memcpy(&half, at, sizeof(half));
		return half;
	case sizeof(quarter):
		memcpy(&quarter, at, sizeof(quarter));
		return quarter;
	}
	return *(const uint8_t *)at;
}

static void store(struct mtr_event *ev, const struct field *f, uint64_t v)
{
	char *at = (char *)ev + f->off;
	uint32_t half = (uint32_t)v;
	uint16_t quarter = (uint16_t)v;

	switch (f->sz) {
	case sizeof(v):
		memcpy(at, &v, sizeof(v));
		return;
	case sizeof(half):
		memcpy(at, &half, sizeof(half));
		return;
	case sizeof(quarter):
		memcpy(at, &quarter, sizeof(quarter));
		return;
	}
	*(uint8_t *)at = (uint8_t)v;
}

static bool has_stack(unsigned int kind)
{
	return kind == MTR_EV_STACK || kind == MTR_EV_SITE;
}

/* ---- encode */

/* A string's number in this chunk; at its first use it is written before the event. */
static int encode_string(struct codec *c, uint8_t **out, uint32_t id, uint64_t *ret_nr)
{
	struct codec_names *n = &c->strings;
	const char *s;
	size_t len;

	*ret_nr = 0;
	if (!id)
		return 0;
	if (grow(n, id, true))
		return -ENOMEM;
	if (n->gens[id] != c->gen) {
		s = strtab_str(c->st, id);
		len = strlen(s);
		len = len > MAX_STRING ? MAX_STRING : len;
		*(*out)++ = CODEC_KIND_STRING;
		*out = varint_put(*out, len);
		memcpy(*out, s, len);
		*out += len;
		n->gens[id] = c->gen;
		n->ids[id] = ++n->nr;
	}
	*ret_nr = n->ids[id];
	return 0;
}

static uint8_t *put_diff(uint8_t *p, uint64_t now, uint64_t before)
{
	return varint_put(p, zigzag(now - before));
}

static uint8_t *encode_state(struct codec *c, uint8_t *p, const struct mtr_ev_state *e)
{
	uint64_t *last = c->state[e->what < MTR_ST_MAX ? e->what : 0];

	for (unsigned int i = 0; i < e->nr && i < MTR_STATE_LEN; i++) {
		p = put_diff(p, e->v[i], last[i]);
		last[i] = e->v[i];
	}
	return p;
}

/*
 * A call stack: the longest outer part of it that is in this chunk already, by its
 * number, and the frames inside of that, outermost first, each of which gets the next number.
 */
static int encode_stack(struct codec *c, uint8_t **p, uint32_t id)
{
	struct codec_names *n = &c->frames;
	uint32_t fresh[STACKTAB_MAX_FRAMES];
	unsigned int nr = 0;

	if (grow(n, c->stacks ? stacktab_end(c->stacks) : id, true))
		return -ENOMEM;
	if (c->stacks && c->stacks_gen != stacktab_gen(c->stacks)) {
		/* ids may be other stacks' by now: all are written anew */
		c->stacks_gen = stacktab_gen(c->stacks);
		c->gen++;
	}
	for (; id && n->gens[id] != c->gen && nr < STACKTAB_MAX_FRAMES;
	     id = stacktab_caller(c->stacks, id))
		fresh[nr++] = id;
	*p = varint_put(*p, id && n->gens[id] == c->gen ? n->ids[id] : 0);
	*p = varint_put(*p, nr);
	while (nr--) {
		uint64_t pc = stacktab_pc(c->stacks, fresh[nr]);

		*p = put_diff(*p, pc, c->pc);
		c->pc = pc;
		n->gens[fresh[nr]] = c->gen;
		n->ids[fresh[nr]] = ++n->nr;
	}
	return 0;
}

static ssize_t encode_event(struct codec *c, uint8_t *out, const struct mtr_event *ev)
{
	uint8_t body[(STACKTAB_MAX_FRAMES + 40) * VARINT_MAX], *p = body, *o = out;
	struct mtr_event *last = &c->last[ev->kind];
	unsigned int nr;
	const struct field *f = codec_fields(ev->kind, &nr);

	p = put_diff(p, ev->time_ns, c->time_ns);
	p = put_diff(p, ev->as, c->as);
	p = put_diff(p, ev->tid, c->tid);
	p = varint_put(p, ev->cpu);
	c->time_ns = ev->time_ns;
	c->as = ev->as;
	c->tid = ev->tid;
	for (unsigned int i = 0; i < nr; i++) {
		uint64_t v = load(ev, &f[i]);

		if (f[i].holds == FIELD_STRING && encode_string(c, &o, (uint32_t)v, &v))
			return -ENOMEM;
		if (f[i].holds == FIELD_STRING)
			p = varint_put(p, v);
		else
			p = put_diff(p, v, load(last, &f[i]));
	}
	if (ev->kind == MTR_EV_STATE)
		p = encode_state(c, p, &ev->state);
	if (has_stack(ev->kind) && encode_stack(c, &p, ev->stack.stack))
		return -ENOMEM;
	*last = *ev;
	*o++ = (uint8_t)ev->kind;
	o = varint_put(o, (uint64_t)(p - body));
	memcpy(o, body, (size_t)(p - body));
	return o + (p - body) - out;
}

static struct hot *hot_of(struct codec *c, uint32_t tid, uint32_t as)
{
	struct hot *h = &c->hot[tid % CODEC_HOT];

	return h->used && h->tid == tid && h->as == as ? h : NULL;
}

/* A thread that is not remembered begins with nothing known but the time. */
static struct hot *hot_new(struct codec *c, uint32_t tid, uint32_t as)
{
	struct hot *h = &c->hot[tid % CODEC_HOT];

	*h = (struct hot){ .tid = tid, .as = as, .used = true, .time_ns = c->time_ns };
	return h;
}

static uint8_t *encode_thread(uint8_t *p, const struct mtr_event *ev, bool known)
{
	if (known)
		return varint_put(p, (uint64_t)(ev->tid % CODEC_HOT) << 1);
	p = varint_put(p, 1);
	p = varint_put(p, ev->tid);
	return varint_put(p, ev->as);
}

static ssize_t encode_fault(struct codec *c, uint8_t *out, const struct mtr_event *ev)
{
	const struct mtr_ev_fault *e = &ev->fault;
	struct hot *h = hot_of(c, ev->tid, ev->as);
	uint8_t *p = out + 1, first = HOT_FAULT;

	if (h && h == &c->hot[c->hot_at])
		first |= HOT_SAME_THREAD;
	else
		p = encode_thread(p, ev, h);
	if (!h)
		h = hot_new(c, ev->tid, ev->as);
	c->hot_at = ev->tid % CODEC_HOT;
	p = put_diff(p, ev->time_ns, h->time_ns);
	if (e->addr == h->addr + h->stride)
		first |= HOT_NEXT_ADDR;
	else
		p = put_diff(p, e->addr, h->addr);
	if (e->ip == h->ip)
		first |= HOT_SAME_IP;
	else
		p = put_diff(p, e->ip, h->ip);
	if (e->sp == h->sp)
		first |= HOT_SAME_SP;
	else
		p = put_diff(p, e->sp, h->sp);
	if (e->bytes == h->bytes && e->member == h->member && e->flags == h->flags &&
	    ev->cpu == h->cpu && ev->epoch == h->epoch) {
		first |= HOT_SAME_WHAT;
	} else {
		p = varint_put(p, zigzag((uint64_t)e->bytes));
		*p++ = e->member;
		*p++ = e->flags;
		p = varint_put(p, ev->cpu);
		p = put_diff(p, ev->epoch, h->epoch);
	}
	*out = first;
	h->time_ns = ev->time_ns;
	h->stride = e->addr - h->addr;
	h->addr = e->addr;
	h->ip = e->ip;
	h->sp = e->sp;
	h->bytes = e->bytes;
	h->member = e->member;
	h->flags = e->flags;
	h->cpu = ev->cpu;
	h->epoch = ev->epoch;
	return p - out;
}

ssize_t codec_encode(struct codec *c, uint8_t *out, const struct mtr_event *ev)
{
	unsigned int nr;

	if (ev->kind == MTR_EV_FAULT)
		return encode_fault(c, out, ev);
	/* a kind that this program has no table for would not be read either */
	return codec_fields(ev->kind, &nr) ? encode_event(c, out, ev) : 0;
}

/* ---- decode */

static int decode_string(struct codec *c, const uint8_t **p, const uint8_t *end)
{
	uint64_t len;

	if (!varint_get(p, end, &len) || len > MAX_STRING || len > (uint64_t)(end - *p))
		return -EBADMSG;
	if (grow(&c->strings, c->strings.nr + 1, false))
		return -ENOMEM;
	c->strings.ids[++c->strings.nr] = strtab_intern(c->st, (const char *)*p, len);
	*p += len;
	return 0;
}

static bool get_diff(const uint8_t **p, const uint8_t *end, uint64_t *v)
{
	uint64_t d;

	if (!varint_get(p, end, &d))
		return false;
	*v += unzigzag(d);
	return true;
}

/* What a damaged file may hold must not be taken for an index, or for a bool that is neither. */
static bool decode_field(struct codec *c, const struct field *f, const uint8_t **p,
			 const uint8_t *end, const struct mtr_event *last, struct mtr_event *ev)
{
	uint64_t v = f->holds == FIELD_STRING ? 0 : load(last, f);

	if (f->holds == FIELD_STRING) {
		if (!varint_get(p, end, &v) || v > c->strings.nr)
			return false;
		v = v ? c->strings.ids[v] : 0;
	} else if (!get_diff(p, end, &v)) {
		return false;
	}
	if (f->holds == FIELD_BOOL)
		v &= 1;
	if (f->holds == FIELD_MEMBER && v >= MTR_NR_RSS)
		return false;
	if (f->holds == FIELD_REAL) {
		double d;

		memcpy(&d, &v, sizeof(d));
		v = isfinite(d) ? v : 0;
	}
	store(ev, f, v);
	return true;
}

static bool decode_state(struct codec *c, const uint8_t **p, const uint8_t *end,
			 struct mtr_ev_state *e)
{
	uint64_t *last = c->state[e->what < MTR_ST_MAX ? e->what : 0];

	if (e->nr > MTR_STATE_LEN)
		return false;
	for (unsigned int i = 0; i < e->nr; i++) {
		if (!get_diff(p, end, &last[i]))
			return false;
		c->v[i] = last[i];
	}
	e->v = c->v;
	return true;
}

/* Frames that a chunk may have: what is written of one is full long before. */
#define MAX_FRAMES (1u << 20)

static int decode_stack(struct codec *c, const uint8_t **p, const uint8_t *end, uint32_t *ret_id)
{
	struct codec_names *n = &c->frames;
	uint64_t outer, nr;
	uint32_t id;

	if (!varint_get(p, end, &outer) || !varint_get(p, end, &nr) || outer > n->nr)
		return -EBADMSG;
	id = outer ? n->ids[outer] : 0;
	if (nr > STACKTAB_MAX_FRAMES - stacktab_depth(c->stacks, id) || n->nr + nr > MAX_FRAMES)
		return -EBADMSG;
	if (grow(n, n->nr + (uint32_t)nr, false))
		return -ENOMEM;
	while (nr--) {
		if (!get_diff(p, end, &c->pc))
			return -EBADMSG;
		id = stacktab_call(c->stacks, id, c->pc);
		if (!id)
			return -ENOMEM;
		n->ids[++n->nr] = id;
	}
	*ret_id = id;
	return 0;
}

static bool decode_head(struct codec *c, const uint8_t **p, const uint8_t *end,
			struct mtr_event *ev)
{
	uint64_t as = c->as, tid = c->tid, cpu;

	if (!get_diff(p, end, &c->time_ns) || !get_diff(p, end, &as) || !get_diff(p, end, &tid) ||
	    !varint_get(p, end, &cpu))
		return false;
	ev->time_ns = c->time_ns;
	ev->as = c->as = (uint32_t)as;
	ev->tid = c->tid = (uint32_t)tid;
	ev->cpu = (uint16_t)cpu;
	return true;
}

static int decode_event(struct codec *c, unsigned int kind, const uint8_t **p, const uint8_t *end,
			struct mtr_event *ev)
{
	const struct field *f;
	const uint8_t *at;
	unsigned int nr;
	uint64_t len;
	int err;

	if (!varint_get(p, end, &len) || len > (uint64_t)(end - *p))
		return -EBADMSG;
	at = *p;
	end = at + len;
	*p = end;
	memset(ev, 0, sizeof(*ev));
	ev->kind = (uint16_t)kind;
	if (!decode_head(c, &at, end, ev))
		return -EBADMSG;
	f = codec_fields(kind, &nr);
	if (!f) {
		c->nr_unknown++;
		return 0;
	}
	/* a shorter one is from an older writer, a longer one from a newer */
	for (unsigned int i = 0; i < nr && at < end; i++)
		if (!decode_field(c, &f[i], &at, end, &c->last[kind], ev))
			return -EBADMSG;
	if (kind == MTR_EV_STATE && !decode_state(c, &at, end, &ev->state))
		return -EBADMSG;
	c->last[kind] = *ev;
	if (!has_stack(kind))
		return 1;
	err = decode_stack(c, &at, end, &ev->stack.stack);
	return err ? err : 1;
}

static struct hot *decode_thread(struct codec *c, const uint8_t **p, const uint8_t *end)
{
	uint64_t slot, tid, as;

	if (!varint_get(p, end, &slot))
		return NULL;
	if (!(slot & 1))
		return slot >> 1 < CODEC_HOT && c->hot[slot >> 1].used ? &c->hot[slot >> 1] : NULL;
	if (!varint_get(p, end, &tid) || !varint_get(p, end, &as))
		return NULL;
	return hot_new(c, (uint32_t)tid, (uint32_t)as);
}

static bool decode_what(struct hot *h, const uint8_t **p, const uint8_t *end)
{
	uint64_t v;

	if (!varint_get(p, end, &v) || end - *p < 2)
		return false;
	h->bytes = (int64_t)unzigzag(v);
	h->member = *(*p)++;
	h->flags = *(*p)++;
	if (!varint_get(p, end, &v))
		return false;
	h->cpu = (uint16_t)v;
	v = h->epoch;
	if (!get_diff(p, end, &v))
		return false;
	h->epoch = (uint32_t)v;
	return h->member < MTR_NR_RSS;
}

static int decode_fault(struct codec *c, unsigned int first, const uint8_t **p, const uint8_t *end,
			struct mtr_event *ev)
{
	struct hot *h = first & HOT_SAME_THREAD ? &c->hot[c->hot_at] : decode_thread(c, p, end);
	uint64_t addr;

	if (!h || !h->used || first & HOT_RESERVED)
		return -EBADMSG;
	c->hot_at = (unsigned int)(h - c->hot);
	addr = first & HOT_NEXT_ADDR ? h->addr + h->stride : h->addr;
	if (!get_diff(p, end, &h->time_ns) ||
	    (!(first & HOT_NEXT_ADDR) && !get_diff(p, end, &addr)) ||
	    (!(first & HOT_SAME_IP) && !get_diff(p, end, &h->ip)) ||
	    (!(first & HOT_SAME_SP) && !get_diff(p, end, &h->sp)) ||
	    (!(first & HOT_SAME_WHAT) && !decode_what(h, p, end)))
		return -EBADMSG;
	h->stride = addr - h->addr;
	h->addr = addr;
	ev->kind = MTR_EV_FAULT;
	ev->cpu = h->cpu;
	ev->as = h->as;
	ev->tid = h->tid;
	ev->epoch = h->epoch;
	ev->callstack = 0;
	ev->time_ns = h->time_ns;
	ev->fault = (struct mtr_ev_fault){ .addr = addr,
					   .ip = h->ip,
					   .sp = h->sp,
					   .bytes = h->bytes,
					   .member = h->member,
					   .flags = h->flags };
	return 1;
}

int codec_decode(struct codec *c, const uint8_t **p, const uint8_t *end, struct mtr_event *ev)
{
	unsigned int first;

	if (*p >= end)
		return -EBADMSG;
	first = *(*p)++;
	if (first & HOT_FAULT)
		return decode_fault(c, first, p, end, ev);
	if (first == CODEC_KIND_STRING)
		return decode_string(c, p, end);
	if (!first)
		return -EBADMSG;
	return decode_event(c, first, p, end, ev);
}
