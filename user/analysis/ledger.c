// SPDX-License-Identifier: GPL-2.0
#include "analysis/ledger.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_SZ 4096ull

static int by_start(const struct ledger_extent *a, const struct ledger_extent *b)
{
	return a->start < b->start ? -1 : a->start > b->start;
}

RBT_GENERATE_STATIC(ledger_tree, ledger_extent, node, by_start)

int ledger_init(struct ledger *l)
{
	memset(l, 0, sizeof(*l));
	RB_INIT(&l->tree);
	l->cap_paths = 64;
	l->path = calloc(l->cap_paths, sizeof(*l->path));
	return l->path ? 0 : -ENOMEM;
}

void ledger_fini(struct ledger *l)
{
	struct ledger_extent *e;

	while ((e = RB_ROOT(&l->tree))) {
		RB_REMOVE(ledger_tree, &l->tree, e);
		free(e);
	}
	free(l->path);
	memset(l, 0, sizeof(*l));
}

struct ledger_extent *ledger_first(const struct ledger *l)
{
	return RB_MIN(ledger_tree, (struct ledger_tree *)&l->tree);
}

struct ledger_extent *ledger_next(struct ledger_extent *e)
{
	return RB_NEXT(ledger_tree, NULL, e);
}

static uint64_t span(const struct ledger_extent *e)
{
	return e->end - e->start;
}

static bool dense(const struct ledger_extent *e)
{
	return !e->guess && e->bytes >= (int64_t)span(e);
}

/* The first extent that ends above @addr. */
static struct ledger_extent *ceil_of(const struct ledger *l, uint64_t addr)
{
	struct ledger_extent *e = RB_ROOT(&l->tree), *best = NULL;

	while (e) {
		if (e->end > addr) {
			best = e;
			e = RB_LEFT(e, node);
		} else {
			e = RB_RIGHT(e, node);
		}
	}
	return best;
}

static int want_path(struct ledger *l, uint32_t path)
{
	uint32_t cap = l->cap_paths;
	struct ledger_path *p;

	if (path >= cap) {
		while (cap <= path)
			cap *= 2;
		p = reallocarray(l->path, cap, sizeof(*p));
		if (!p)
			return -ENOMEM;
		memset(p + l->cap_paths, 0, (cap - l->cap_paths) * sizeof(*p));
		l->path = p;
		l->cap_paths = cap;
	}
	if (path >= l->nr_paths)
		l->nr_paths = path + 1;
	return 0;
}

static void brought(struct ledger *l, uint32_t path, int64_t bytes)
{
	struct ledger_path *p = &l->path[path];

	p->gross += bytes;
	p->net += bytes;
}

static void drop(struct ledger *l, struct ledger_extent *e)
{
	RB_REMOVE(ledger_tree, &l->tree, e);
	l->nr--;
	free(e);
}

/* Some of an extent's bytes went. It goes itself when nothing is left. */
static void release(struct ledger *l, struct ledger_extent *e, int64_t bytes)
{
	struct ledger_path *p = &l->path[e->path];

	p->released += bytes;
	p->net -= bytes;
	e->bytes -= bytes;
	if (e->bytes <= 0)
		drop(l, e);
}

static struct ledger_extent *new_extent(struct ledger *l, uint64_t start, uint64_t end,
					int64_t bytes, uint8_t member, uint32_t path)
{
	struct ledger_extent *e = malloc(sizeof(*e));

	if (!e)
		return NULL;
	e->start = start;
	e->end = end;
	e->bytes = bytes;
	e->path = path;
	e->member = member;
	e->guess = bytes < (int64_t)(end - start);
	RB_INSERT(ledger_tree, &l->tree, e);
	l->nr++;
	return e;
}

/* The part of an extent's bytes that @part of its span has, in whole pages. */
static int64_t share(const struct ledger_extent *e, uint64_t part)
{
	int64_t bytes;

	if (e->bytes == (int64_t)span(e))
		return (int64_t)part;
	bytes = (int64_t)((double)e->bytes * ((double)part / (double)span(e)));
	return bytes - bytes % (int64_t)PAGE_SZ;
}

/* An extent becomes two. Not accounted: nothing came or went. */
static int split(struct ledger *l, struct ledger_extent *e, uint64_t at)
{
	int64_t left = share(e, at - e->start), right = e->bytes - left;
	uint64_t end = e->end;

	/* a sparse one's upper part cannot hold more than its span */
	if (!dense(e) && right > (int64_t)(end - at)) {
		left += right - (int64_t)(end - at);
		right = (int64_t)(end - at);
	}
	if (right > 0) {
		struct ledger_extent *more;

		e->end = at;
		more = new_extent(l, at, end, right, e->member, e->path);
		if (!more) {
			e->end = end;
			return -ENOMEM;
		}
		more->guess = e->guess;
	} else {
		e->end = at;
	}
	e->bytes = left;
	if (left <= 0)
		drop(l, e);
	return 0;
}

/* No extent reaches across @at any more. */
static int cut_at(struct ledger *l, uint64_t at)
{
	struct ledger_extent *e = ceil_of(l, at);

	return e && e->start < at ? split(l, e, at) : 0;
}

/* Nothing is left of [start, end). Returns the bytes that went, or −ENOMEM. */
static int64_t clear(struct ledger *l, uint64_t start, uint64_t end)
{
	struct ledger_extent *e, *next;
	int64_t gone = 0;

	if (start >= end)
		return 0;
	if (cut_at(l, start) || cut_at(l, end))
		return -ENOMEM;
	for (e = ceil_of(l, start); e && e->start < end; e = next) {
		next = ledger_next(e);
		gone += e->bytes;
		release(l, e, e->bytes);
	}
	return gone;
}

static bool joins(const struct ledger_extent *a, const struct ledger_extent *b)
{
	return a && b && a->end == b->start && a->path == b->path && a->member == b->member &&
	       !a->guess && !b->guess && a->bytes == (int64_t)span(a) &&
	       b->bytes == (int64_t)span(b);
}

static void join(struct ledger *l, struct ledger_extent *a, struct ledger_extent *b)
{
	if (!joins(a, b))
		return;
	a->end = b->end;
	a->bytes += b->bytes;
	drop(l, b);
}

/* Into a range that is empty. */
static int insert(struct ledger *l, uint64_t start, uint64_t end, int64_t bytes, uint8_t member,
		  uint32_t path)
{
	struct ledger_extent *e = new_extent(l, start, end, bytes, member, path);
	struct ledger_extent *prev;

	if (!e)
		return -ENOMEM;
	brought(l, path, bytes);
	join(l, e, ledger_next(e));
	prev = RB_PREV(ledger_tree, &l->tree, e);
	join(l, prev, e);
	return 0;
}

static bool overlaps(const struct ledger_credit *c, uint64_t start, uint64_t end)
{
	return c->bytes > 0 && c->start < end && start < c->end;
}

static void credit_put(struct ledger *l, uint32_t tid, uint64_t start, uint64_t end, int64_t bytes)
{
	struct ledger_credit *c = &l->credit[tid % LEDGER_CREDITS];

	if (c->tid == tid && overlaps(c, start, end)) {
		c->start = start < c->start ? start : c->start;
		c->end = end > c->end ? end : c->end;
		c->bytes += bytes;
		return;
	}
	*c = (struct ledger_credit){ tid, start, end, bytes };
}

/* What of @bytes was not taken off in advance. */
static int64_t credit_take(struct ledger_credit *c, uint32_t tid, uint64_t start, uint64_t end,
			   int64_t bytes)
{
	int64_t part;

	if (c->tid != tid || !overlaps(c, start, end))
		return bytes;
	part = c->bytes < bytes ? c->bytes : bytes;
	c->bytes -= part;
	return bytes - part;
}

#define AROUND (8ull << 20) /* how far from a page what was counted with it is looked for */
#define AROUND_NR 1024u

/* What is thought to be in @e into the room of @to, which was counted with it. */
static void shift_to(const struct ledger_extent *e, struct ledger_extent *to, int64_t *left)
{
	int64_t room = (int64_t)span(to) - to->bytes, part = room < *left ? room : *left;

	if (to->path != e->path || to->member != e->member || !to->guess || part <= 0)
		return;
	to->bytes += part;
	*left -= part;
}

/* A page comes to where some of a sparse range was thought to be: that is beside it. */
static void push_aside(struct ledger *l, struct ledger_extent *e)
{
	struct ledger_extent *lo = RB_PREV(ledger_tree, &l->tree, e), *hi = ledger_next(e);
	int64_t left = e->bytes;

	for (unsigned int i = 0; left > 0 && (lo || hi) && i < AROUND_NR; i++) {
		if (lo)
			shift_to(e, lo, &left);
		if (hi)
			shift_to(e, hi, &left);
		lo = lo && e->start - lo->start < AROUND ? RB_PREV(ledger_tree, &l->tree, lo) :
							   NULL;
		hi = hi && hi->end - e->end < AROUND ? ledger_next(hi) : NULL;
	}
	e->bytes = left;
	if (left > 0)
		release(l, e, left);
	else
		drop(l, e);
}

/* Room for pages that come to [start, end): what was thought to be there is not. */
static int make_room(struct ledger *l, uint32_t tid, uint64_t start, uint64_t end)
{
	struct ledger_extent *e, *next;

	if (cut_at(l, start) || cut_at(l, end))
		return -ENOMEM;
	for (e = ceil_of(l, start); e && e->start < end; e = next) {
		next = ledger_next(e);
		if (dense(e)) {
			/* a private copy takes a file page's place: the counters will tell that this went */
			credit_put(l, tid, start, end, e->bytes);
			release(l, e, e->bytes);
			continue;
		}
		push_aside(l, e);
	}
	return 0;
}

/* Pages of one fault: a block of its size around the address; of a file, at the address. */
static void block_of(const struct mtr_ev_fault *f, uint64_t *ret_start, uint64_t *ret_end)
{
	uint64_t sz = (uint64_t)f->bytes;

	if (f->member == MTR_FILE || sz & (sz - 1) || sz < PAGE_SZ)
		sz = PAGE_SZ;
	*ret_start = f->addr & ~(sz - 1);
	*ret_end = *ret_start + sz;
}

/* Takes @bytes off the extents in a range in proportion; of one member, or of any. Returns what is left. */
static int64_t take_off(struct ledger *l, uint64_t start, uint64_t end, int64_t bytes, int member)
{
	struct ledger_extent *e, *next;
	int64_t total = 0, left = bytes;

	for (e = ceil_of(l, start); e && e->start < end; e = ledger_next(e))
		if (member < 0 || e->member == member)
			total += share(e, (e->end < end ? e->end : end) -
						  (e->start > start ? e->start : start));
	if (bytes > total)
		bytes = total;
	for (e = ceil_of(l, start); e && e->start < end && bytes > 0; e = next) {
		uint64_t part =
			(e->end < end ? e->end : end) - (e->start > start ? e->start : start);
		int64_t has = share(e, part), take;

		next = ledger_next(e);
		if ((member >= 0 && e->member != member) || has <= 0)
			continue;
		take = (int64_t)((double)bytes * ((double)has / (double)total));
		take = (take + (int64_t)PAGE_SZ - 1) / (int64_t)PAGE_SZ * (int64_t)PAGE_SZ;
		if (take > has)
			take = has;
		if (take > bytes)
			take = bytes;
		total -= has;
		bytes -= take;
		left -= take;
		release(l, e, take);
	}
	return left;
}

/* A private copy took the place of a page in a range of which it was not known which pages are there. */
static void take_beside(struct ledger *l, uint64_t start, uint64_t end, int64_t bytes,
			uint8_t member)
{
	struct ledger_extent *right = ceil_of(l, end), *left;

	left = right ? RB_PREV(ledger_tree, &l->tree, right) : RB_MAX(ledger_tree, &l->tree);
	if (left && left->end > start)
		left = RB_PREV(ledger_tree, &l->tree, left);
	if (left && left->end == start && left->member == member && !dense(left))
		release(l, left, bytes < left->bytes ? bytes : left->bytes);
	else if (right && right->start == end && right->member == member && !dense(right))
		release(l, right, bytes < right->bytes ? bytes : right->bytes);
}

static int went(struct ledger *l, const struct mtr_event *ev, bool counted)
{
	const struct mtr_ev_rss *r = &ev->rss;
	int64_t left = -r->bytes, gone;

	if (r->why == MTR_WHY_SYSCALL)
		l->given_back += left;
	if (r->end <= r->start)
		return 0; /* somewhere: a count of the page tables will find out */
	left = credit_take(&l->credit[ev->tid % LEDGER_CREDITS], ev->tid, r->start, r->end, left);
	if (counted && left)
		left = credit_take(&l->counted, 0, r->start, r->end, left);
	if (r->whole) {
		gone = clear(l, r->start, r->end);
		if (gone < 0)
			return (int)gone;
		if (gone > left)
			credit_put(l, ev->tid, r->start, r->end, gone - left);
		return 0;
	}
	if (left)
		left = take_off(l, r->start, r->end, left, r->member);
	if (left && r->why != MTR_WHY_FAULT)
		left = take_off(l, r->start, r->end, left, -1);
	if (left && r->why == MTR_WHY_FAULT)
		take_beside(l, r->start, r->end, left, r->member);
	return 0;
}

int64_t ledger_uncount(struct ledger *l, uint64_t start, uint64_t end, int64_t bytes)
{
	static const uint32_t from[] = { LEDGER_NO_PATH, LEDGER_BEFORE };

	for (unsigned int i = 0; i < 2; i++) {
		struct ledger_extent *e, *next;

		for (e = ceil_of(l, start); e && e->start < end && bytes > 0; e = next) {
			int64_t part = e->bytes < bytes ? e->bytes : bytes;

			next = ledger_next(e);
			if (e->path != from[i])
				continue;
			l->path[e->path].gross -= part;
			l->path[e->path].released -= part;
			release(l, e, part);
			bytes -= part;
		}
	}
	return bytes;
}

bool ledger_from_count(const struct ledger *l, uint64_t addr)
{
	const struct ledger_extent *e = ceil_of(l, addr);

	return e && e->start <= addr && e->path < LEDGER_FIRST && dense(e);
}

static int fault(struct ledger *l, const struct mtr_event *ev, uint32_t path, bool counted)
{
	const struct mtr_ev_fault *f = &ev->fault;
	uint64_t start, end;
	int64_t left = counted ? f->bytes : 0;

	if (f->bytes <= 0 || f->member == MTR_SWAP)
		return 0;
	block_of(f, &start, &end);
	if (cut_at(l, start) || cut_at(l, end))
		return -ENOMEM;
	/* the very pages, before they look like some that went */
	if (left)
		left = ledger_uncount(l, start, end, left);
	if (make_room(l, ev->tid, start, end))
		return -ENOMEM;
	if (left)
		ledger_uncount(l, start > AROUND ? start - AROUND : 0, end + AROUND, left);
	l->path[path].nr++;
	l->path[path].squares += (double)f->bytes * (double)f->bytes;
	return insert(l, start, end, f->bytes, f->member, path);
}

/* Extents of [from, from + len) go to @to: not accounted. */
static int take_along(struct ledger *l, uint64_t from, uint64_t to, uint64_t len)
{
	struct ledger_extent *e, *next;
	int64_t err = clear(l, to, to + len);

	if (err < 0 || cut_at(l, from) || cut_at(l, from + len))
		return -ENOMEM;
	for (e = ceil_of(l, from); e && e->start < from + len; e = next) {
		next = ledger_next(e);
		RB_REMOVE(ledger_tree, &l->tree, e);
		e->start = e->start - from + to;
		e->end = e->end - from + to;
		RB_INSERT(ledger_tree, &l->tree, e);
	}
	return 0;
}

static int moved(struct ledger *l, const struct mtr_event *ev)
{
	if (ev->move.stays)
		return take_along(l, ev->move.from, ev->move.to, ev->move.len);
	l->move.tid = ev->tid;
	l->move.to = ev->move;
	return 0;
}

static int hole(struct ledger *l, const struct mtr_event *ev)
{
	const struct mtr_ev_range *r = &ev->range;
	const struct mtr_ev_move *m = &l->move.to;
	int64_t gone;
	int err;

	if (l->move.tid && l->move.tid == ev->tid && r->start <= m->from && m->from < r->end) {
		l->move.tid = 0;
		err = take_along(l, m->from, m->to, m->len);
		if (err)
			return err;
	}
	gone = clear(l, r->start, r->end);
	if (gone < 0)
		return (int)gone;
	if (gone)
		credit_put(l, ev->tid, r->start, r->end, gone);
	return 0;
}

int ledger_apply(struct ledger *l, const struct mtr_event *ev, uint32_t path, bool counted)
{
	const struct mtr_ev_rss *r = &ev->rss;

	if (want_path(l, path) || want_path(l, LEDGER_NO_PATH))
		return -ENOMEM;
	if (ev->kind == MTR_EV_FAULT)
		return fault(l, ev, path, counted);
	if (ev->kind == MTR_EV_HOLE)
		return hole(l, ev);
	if (ev->kind == MTR_EV_MOVE)
		return moved(l, ev);
	if (ev->kind != MTR_EV_RSS || r->member == MTR_SWAP || r->why == MTR_WHY_ATTACH)
		return 0;
	if (r->bytes < 0)
		return went(l, ev, counted);
	if (r->end <= r->start)
		return 0;
	if (counted)
		ledger_uncount(l, r->start, r->end, r->bytes);
	return ledger_add(l, r->start, r->end, r->bytes, r->member, path);
}

int ledger_add(struct ledger *l, uint64_t start, uint64_t end, int64_t bytes, uint8_t member,
	       uint32_t path)
{
	uint64_t at = start;
	struct ledger_extent *e;
	int err = 0;

	if (want_path(l, path))
		return -ENOMEM;
	if (bytes > 0)
		l->path[path].nr++;
	for (e = ceil_of(l, start); e && e->start < end && bytes > 0; e = ledger_next(e)) {
		int64_t room = (int64_t)span(e) - e->bytes, part = room < bytes ? room : bytes;

		if (e->path != path || e->member != member || part <= 0)
			continue;
		e->bytes += part;
		brought(l, path, part);
		bytes -= part;
	}
	while (!err && bytes > 0 && at < end) {
		uint64_t to = end;
		int64_t part;

		e = ceil_of(l, at);
		if (e && e->start <= at) {
			at = e->end;
			continue;
		}
		if (e && e->start < end)
			to = e->start;
		part = bytes < (int64_t)(to - at) ? bytes : (int64_t)(to - at);
		err = insert(l, at, to, part, member, path);
		bytes -= part;
		at = to;
	}
	return err;
}

int ledger_count(struct ledger *l, uint64_t start, uint64_t end, int64_t present, uint8_t member,
		 uint32_t path)
{
	int64_t sum = ledger_sum(l, start, end);

	if (want_path(l, LEDGER_NO_PATH))
		return -ENOMEM;
	if (sum > present) {
		take_off(l, start, end, sum - present, -1);
		l->counted = (struct ledger_credit){ 0, start, end, sum - present };
		return 0;
	}
	return sum < present ? ledger_add(l, start, end, present - sum, member, path) : 0;
}

int ledger_rebase(struct ledger *l)
{
	struct ledger_extent *e;

	if (want_path(l, LEDGER_BEFORE))
		return -ENOMEM;
	memset(l->path, 0, l->nr_paths * sizeof(*l->path));
	for (e = ledger_first(l); e; e = ledger_next(e)) {
		e->path = LEDGER_BEFORE;
		brought(l, LEDGER_BEFORE, e->bytes);
	}
	l->given_back = 0;
	return 0;
}

/* Neighbours may be one path's by now. */
static void join_neighbours(struct ledger *l)
{
	struct ledger_extent *e = ledger_first(l), *next;

	while (e) {
		next = ledger_next(e);
		if (joins(e, next))
			join(l, e, next);
		else
			e = next;
	}
}

int ledger_renumber(struct ledger *l, const uint32_t *to, uint32_t nr_to)
{
	struct ledger_path *path = calloc(nr_to, sizeof(*path));
	struct ledger_extent *e;

	if (!path)
		return -ENOMEM;
	for (uint32_t i = 0; i < l->nr_paths; i++) {
		struct ledger_path *p = &path[to[i]];

		p->net += l->path[i].net;
		p->gross += l->path[i].gross;
		p->released += l->path[i].released;
		p->nr += l->path[i].nr;
		p->squares += l->path[i].squares;
	}
	for (e = ledger_first(l); e; e = ledger_next(e))
		e->path = to[e->path];
	free(l->path);
	l->path = path;
	l->nr_paths = l->cap_paths = nr_to;
	join_neighbours(l);
	return 0;
}

struct ledger_path ledger_path(const struct ledger *l, uint32_t path)
{
	return path < l->nr_paths ? l->path[path] : (struct ledger_path){ 0 };
}

int64_t ledger_sum(const struct ledger *l, uint64_t start, uint64_t end)
{
	struct ledger_extent *e;
	int64_t sum = 0;

	for (e = ceil_of(l, start); e && e->start < end; e = ledger_next(e))
		sum += share(e,
			     (e->end < end ? e->end : end) - (e->start > start ? e->start : start));
	return sum;
}

int64_t ledger_total(const struct ledger *l)
{
	int64_t sum = 0;

	for (uint32_t i = LEDGER_FIRST; i < l->nr_paths; i++)
		sum += l->path[i].net;
	return sum;
}
