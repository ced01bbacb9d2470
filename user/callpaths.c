// SPDX-License-Identifier: GPL-2.0
#include "callpaths.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "export/symmaps.h"
#include "sym/unwind.h"
#include "util/clock.h"
#include "util/hash.h"

#define MAX_FRAMES 128u
#define SITE_STACKS 4u /* paths that meet at one (ip, sp) and are known again */
#define SITES_SZ (8u << 20) /* for what is known of places: then all of it is forgotten */
#define KEEP_FILES 16u /* that no process has mapped any more */
#define STACKS_HELD 65536u /* frames in the table from which on it is cleaned up: about 7 MiB */
#define STACK_COST_NS \
	4000.0 /* of one call stack, taken and copied: what the governor reckons with */
#define HURRY_NS (50 * NSEC_PER_MSEC) /* over which a rate can be told */
#define SHORT_COPY 2048u
#define LONG_COPY 8192u

/* A path as it lies on the stack: it is the same as long as the same return addresses are in the same places. */
struct known {
	uint32_t stack; /* 0: unused */
	uint8_t end;
	uint16_t nr, room; /* of ret */
	struct {
		uint32_t off; /* from sp */
		uint64_t pc; /* return address there */
	} * ret;
};

struct site {
	struct {
		uint64_t tid, ip, sp;
	} key;
	unsigned int next;
	struct known known[SITE_STACKS];
	UT_hash_handle hh;
};

/* One address space. */
struct space {
	uint32_t as;
	struct syms *syms;
	uint64_t maps_gen; /* of the address space, when its files were told to syms */
	bool admitted; /* its files may be opened */
	struct site *sites; /* uthash by (tid, ip, sp) */
	uint64_t nr_known, unwind_ns; /* stacks that were known; spent on the others */
	UT_hash_handle hh;
};

struct callpaths {
	struct model *model;
	struct stacktab *stacks;
	struct sites *sites;
	struct space *spaces; /* uthash by as */
	struct symfiles *files; /* of all of them */
	size_t sites_sz; /* bytes that their sites take */
	callpaths_roots_fn roots; /* NULL: stacks are never forgotten */
	void *roots_ctx;
	uint32_t most_stacks; /* frames from which on they are */
	bool fixed; /* the period is the user's */
	unsigned int period, bytes;
	double max_overhead;
	unsigned int max_new,
		nr_new; /* processes whose files are opened, an interval; 0: no bound */
	uint64_t nr, nr_cut; /* stacks that were taken since the last interval */
	uint64_t tick_ns;
};

struct callpaths *callpaths_new(struct model *m, unsigned int period, double max_overhead)
{
	struct callpaths *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->model = m;
	c->fixed = period > 0;
	c->period = period ? period : 1;
	c->bytes = SHORT_COPY;
	c->max_overhead = max_overhead;
	c->most_stacks = STACKS_HELD;
	c->stacks = stacktab_new();
	c->sites = sites_new();
	c->files = symfiles_new(KEEP_FILES, false);
	if (c->stacks && c->sites && c->files)
		return c;
	callpaths_free(c);
	errno = ENOMEM;
	return NULL;
}

static void forget(struct callpaths *c, struct known *k)
{
	c->sites_sz -= k->room * sizeof(*k->ret);
	free(k->ret);
	*k = (struct known){ .stack = 0 };
}

static void free_sites(struct callpaths *c, struct space *sp)
{
	struct site *s, *tmp;

	HASH_ITER(hh, sp->sites, s, tmp) {
		HASH_DEL(sp->sites, s);
		for (unsigned int i = 0; i < SITE_STACKS; i++)
			forget(c, &s->known[i]);
		c->sites_sz -= sizeof(*s);
		free(s);
	}
}

/* The next stack of each brings it back. */
static void forget_sites(struct callpaths *c)
{
	for (struct space *sp = c->spaces; sp; sp = sp->hh.next)
		free_sites(c, sp);
}

static struct space *find_space(const struct callpaths *c, uint32_t as)
{
	struct space *sp;

	HASH_FIND(hh, c->spaces, &as, sizeof(as), sp);
	return sp;
}

static void drop_space(struct callpaths *c, uint32_t as)
{
	struct space *sp = find_space(c, as);

	if (!sp)
		return;
	HASH_DEL(c->spaces, sp);
	free_sites(c, sp);
	syms_free(sp->syms);
	free(sp);
}

/* Its process ended: no stack comes any more, only its files are wanted. */
static void end_space(struct callpaths *c, uint32_t as)
{
	struct space *sp = find_space(c, as);

	if (sp)
		free_sites(c, sp);
}

void callpaths_free(struct callpaths *c)
{
	struct space *sp, *tmp;

	if (!c)
		return;
	HASH_ITER(hh, c->spaces, sp, tmp)
		drop_space(c, sp->as);
	stacktab_free(c->stacks);
	sites_free(c->sites);
	symfiles_free(c->files);
	free(c);
}

static struct space *space_of(struct callpaths *c, const struct proc *p)
{
	struct space *sp = find_space(c, p->as);

	if (sp)
		return sp;
	sp = calloc(1, sizeof(*sp));
	if (!sp)
		return NULL;
	sp->as = p->as;
	sp->syms = syms_new_sharing((pid_t)p->pid, c->files);
	if (sp->syms)
		HASH_ADD(hh, c->spaces, as, sizeof(sp->as), sp);
	if (sp->hh.tbl)
		return sp;
	syms_free(sp->syms);
	free(sp);
	return NULL;
}

static struct site *site_of(struct callpaths *c, struct space *sp, uint32_t tid, uint64_t ip,
			    uint64_t at)
{
	struct site *s, probe = { .key = { tid, ip, at } };

	HASH_FIND(hh, sp->sites, &probe.key, sizeof(probe.key), s);
	if (s)
		return s;
	if (c->sites_sz >= SITES_SZ)
		forget_sites(c);
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->key = probe.key;
	HASH_ADD(hh, sp->sites, key, sizeof(s->key), s);
	if (!s->hh.tbl) {
		free(s);
		return NULL;
	}
	c->sites_sz += sizeof(*s);
	return s;
}

/* ---- what is known already */

static bool word_at(const struct mtr_stack_copy *c, uint64_t addr, uint64_t *ret)
{
	const struct mtr_stack_part *p = &c->part[0];

	if (addr < p->addr || addr - p->addr > p->size || p->size - (addr - p->addr) < sizeof(*ret))
		return false;
	memcpy(ret, p->data + (addr - p->addr), sizeof(*ret));
	return true;
}

static bool is_known(const struct known *k, const struct mtr_stack_copy *c)
{
	uint64_t sp = c->regs.r[MTR_REG_SP], word;

	if (!k->stack)
		return false;
	for (unsigned int i = 0; i < k->nr; i++)
		if (!word_at(c, sp + k->ret[i].off, &word) || word != k->ret[i].pc)
			return false;
	return true;
}

/* Keep where the return addresses of an unwound stack lie. A stack with a signal frame is not kept. */
static void remember(struct callpaths *paths, struct site *s, const struct unwind_frame *f,
		     unsigned int nr, const struct mtr_ev_stack *e)
{
	struct known *k = &s->known[s->next++ % SITE_STACKS];
	const struct mtr_stack_copy *c = e->copy;
	uint64_t sp = c->regs.r[MTR_REG_SP], word;

	forget(paths, k);
	k->ret = nr > 1 ? calloc(nr, sizeof(*k->ret)) : NULL;
	if (!k->ret)
		return;
	k->room = (uint16_t)nr;
	paths->sites_sz += nr * sizeof(*k->ret);
	for (unsigned int i = 0; i + 1 < nr; i++) {
		if (f[i].signal || !word_at(c, f[i].cfa - 8, &word) || word != f[i + 1].pc)
			return;
		k->ret[k->nr].off = (uint32_t)(f[i].cfa - 8 - sp);
		k->ret[k->nr++].pc = word;
	}
	k->stack = e->stack;
	k->end = e->end;
}

/* ---- what is held */

void callpaths_roots(struct callpaths *c, callpaths_roots_fn fn, void *ctx)
{
	c->roots = fn;
	c->roots_ctx = ctx;
}

static void sweep(struct callpaths *c, bool squeeze)
{
	if (squeeze)
		sites_trim(c->sites);
	sites_mark(c->sites, c->stacks);
	c->roots(c->roots_ctx, c->stacks, squeeze);
	stacktab_sweep(c->stacks);
}

/*
 * Ids of stacks are in three places: with the sites here, with those of event/sites, and with who
 * takes the stream. The first are forgotten, the others asked.
 */
static void clean_up(struct callpaths *c)
{
	if (!c->roots || stacktab_nr(c->stacks) < c->most_stacks)
		return;
	forget_sites(c);
	sweep(c, false);
	if (stacktab_nr(c->stacks) > STACKS_HELD / 2)
		sweep(c, true);
	c->most_stacks = 2 * stacktab_nr(c->stacks);
	if (c->most_stacks < STACKS_HELD)
		c->most_stacks = STACKS_HELD;
}

/* ---- frames */

static uint8_t end_of(enum unwind_end end)
{
	switch (end) {
	case UNWIND_DONE:
		break;
	case UNWIND_OUTSIDE:
	case UNWIND_LIMIT:
		return MTR_STACK_CUT;
	case UNWIND_NO_CFI:
	case UNWIND_BROKEN:
		return MTR_STACK_LOST;
	}
	return MTR_STACK_WHOLE;
}

/* What is no address of code could be anything: a value, a secret. Such a frame ends the stack. */
static unsigned int code_only(struct proc *p, const uint64_t *pc, unsigned int nr)
{
	unsigned int i = 0;

	for (; i < nr; i++) {
		const struct region *r = aspace_find(&p->aspace, pc[i]);

		if (!r || !(r->prot & MTR_P_EXEC))
			break;
	}
	return i;
}

static int unwind_stack(struct callpaths *c, struct space *sp, struct proc *p, struct site *s,
			struct mtr_ev_stack *e)
{
	struct unwind_frame f[MAX_FRAMES];
	struct unwind_result res;
	uint64_t pc[MAX_FRAMES];
	uint64_t begun = boot_ns();
	unsigned int nr;

	unwind(sp->syms, e->copy, f, NULL, MAX_FRAMES, &res);
	if (res.end == UNWIND_NO_CFI && sp->maps_gen != p->aspace.gen) {
		if (symmaps_set(sp->syms, &p->aspace, c->model->st, NULL, true))
			return -ENOMEM;
		sp->maps_gen = p->aspace.gen;
		unwind(sp->syms, e->copy, f, NULL, MAX_FRAMES, &res);
	}
	for (unsigned int i = 0; i < res.nr; i++)
		pc[i] = unwind_lookup(&f[i]);
	nr = code_only(p, pc, res.nr);
	e->stack = stacktab_intern(c->stacks, pc, nr);
	e->end = nr < res.nr ? MTR_STACK_LOST : end_of(res.end);
	remember(c, s, f, res.nr, e);
	sp->unwind_ns += boot_ns() - begun;
	return 0;
}

void callpaths_bound(struct callpaths *c, unsigned int max_new)
{
	c->max_new = max_new;
}

/* A storm of forks is not worth the files of each child. */
static bool admit(struct callpaths *c, struct space *sp)
{
	if (!sp->admitted && c->max_new && c->nr_new >= c->max_new)
		return false;
	c->nr_new += !sp->admitted;
	sp->admitted = true;
	return true;
}

static int take_stack(struct callpaths *c, struct mtr_event *ev)
{
	struct mtr_ev_stack *e = &ev->stack;
	struct proc *p = model_proc(c->model, ev->as);
	struct space *sp = p ? space_of(c, p) : NULL;
	struct site *s;
	int err = 0;
	bool now;

	clean_up(c);
	e->stack = 0;
	e->end = MTR_STACK_LOST;
	if (!p || (sp && !admit(c, sp)))
		return 0;
	s = sp ? site_of(c, sp, ev->tid, e->ip, e->sp) : NULL;
	if (!s)
		return -ENOMEM;
	now = ev->time_ns >= c->tick_ns; /* what waited in the ring is of an older rate */
	c->nr += now;
	for (unsigned int i = 0; i < SITE_STACKS && !e->stack; i++) {
		if (!is_known(&s->known[i], e->copy))
			continue;
		e->stack = s->known[i].stack;
		e->end = s->known[i].end;
		sp->nr_known++;
	}
	if (!e->stack)
		err = unwind_stack(c, sp, p, s, e);
	c->nr_cut += now && e->end == MTR_STACK_CUT;
	return err;
}

int callpaths_event(struct callpaths *c, struct mtr_event *ev)
{
	int err = 0;

	if (ev->kind < 64 && c->model->drop_kinds & 1ull << ev->kind)
		return 0; /* --drop: nobody learns of it */
	switch ((int)ev->kind) {
	case MTR_EV_STACK:
		if (ev->stack.why == MTR_STACK_WHY_CRASH)
			return 0; /* no place: the session makes frames of its copy */
		if (ev->stack.copy)
			err = take_stack(c, ev);
		ev->stack.copy = NULL;
		break;
	case MTR_EV_EXIT:
		end_space(c, ev->as);
		break;
	case MTR_EV_DROP:
		drop_space(c, ev->as);
		break;
	}
	return err ? err : sites_event(c->sites, ev);
}

/* Stacks a second that the allowed part of a CPU pays for. */
static double allowed_rate(const struct callpaths *c)
{
	return c->max_overhead / 100 * 1e9 / STACK_COST_NS;
}

bool callpaths_due(const struct callpaths *c, uint64_t now_ns)
{
	return !c->fixed && (double)c->nr > allowed_rate(c) / 2 && now_ns - c->tick_ns > HURRY_NS;
}

/* More stacks than the allowed part of a CPU pays for, and fewer are taken; and the other way round. */
bool callpaths_tick(struct callpaths *c, uint64_t now_ns)
{
	double secs = c->tick_ns ? (double)(now_ns - c->tick_ns) / (double)NSEC_PER_SEC : 0;
	double allowed = allowed_rate(c);
	double rate = now_ns - c->tick_ns > HURRY_NS && secs > 0 ? (double)c->nr / secs : 0;
	unsigned int period = c->period, bytes = c->bytes;

	if (!c->fixed && rate > allowed)
		c->period = (unsigned int)((double)c->period * (rate / allowed) + 1);
	else if (!c->fixed && rate < allowed / 4 && c->period > 1)
		c->period = (c->period + 1) / 2;
	if (c->period > 1u << 20)
		c->period = 1u << 20;
	if (c->nr_cut * 20 > c->nr && c->nr > 20)
		c->bytes = LONG_COPY;
	c->nr = c->nr_cut = 0;
	c->nr_new = 0;
	c->tick_ns = now_ns;
	return period != c->period || bytes != c->bytes;
}

unsigned int callpaths_period(const struct callpaths *c)
{
	return c->period;
}

unsigned int callpaths_bytes(const struct callpaths *c)
{
	return c->bytes;
}

struct syms *callpaths_syms(struct callpaths *c, uint32_t as)
{
	struct proc *p = model_proc(c->model, as);
	struct space *sp = p ? space_of(c, p) : NULL;

	return sp ? sp->syms : NULL;
}

void callpaths_work(const struct callpaths *c, uint32_t as, uint64_t *ret_known,
		    uint64_t *ret_unwind_ns)
{
	const struct space *sp = find_space(c, as);

	*ret_known = sp ? sp->nr_known : 0;
	*ret_unwind_ns = sp ? sp->unwind_ns : 0;
}

struct stacktab *callpaths_stacks(struct callpaths *c)
{
	return c->stacks;
}

struct sites *callpaths_sites(struct callpaths *c)
{
	return c->sites;
}
