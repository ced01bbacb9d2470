// SPDX-License-Identifier: GPL-2.0
/*
 * Rows are built from high addresses to low: a region either goes into the row
 * above it or begins a new one. Whether it goes is decided by what the two are,
 * never by names: those may be missing.
 */
#include "analysis/layout.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/layout_int.h"

#define ARENA_SZ (64ull << 20)

/* Files up to this size that lie side by side (locales, caches) share a row. */
#define SMALL_FILE (1ll << 20)

void layout_init(struct layout *l)
{
	memset(l, 0, sizeof(*l));
}

void layout_fini(struct layout *l)
{
	free(l->row);
	layout_init(l);
}

static bool is_part(enum region_kind k)
{
	return k == RK_TEXT || k == RK_RODATA || k == RK_RELRO || k == RK_DATA || k == RK_BSS;
}

struct region *layout_module(struct region *r)
{
	/* bss has no file: it lies directly above its module's data */
	while (r && r->kind == RK_BSS)
		r = aspace_prev(r);
	return r && r->ino ? r : NULL;
}

static bool same_file(const struct region *a, const struct region *b)
{
	return a && b && a->ino && a->ino == b->ino && a->dev == b->dev;
}

/* What a row is about, while rows are built. */
struct building {
	struct layout *l;
	struct proc *p;
	const struct strtab *st;
	const struct region *exe; /* a part of the executable; NULL: not known */
	struct layout_row *row; /* the row being built; NULL: none */
	struct region *module; /* its file part, when the row is one of a module */
	struct region *last; /* region put into it last, the lowest */
};

static const struct region *find_exe(struct proc *p)
{
	struct region *r = p->start_code ? aspace_find(&p->aspace, p->start_code) : NULL;

	if (r && r->ino)
		return r;
	if (!p->exe)
		return NULL;
	aspace_for_each(r, &p->aspace)
		if (r->name == p->exe && r->kind == RK_TEXT)
			return r;
	return NULL;
}

static bool is_reserved(const struct region *r)
{
	return !(r->prot & MTR_P_RWX) && (r->kind == RK_ANON || r->kind == RK_ANON_NAMED);
}

static bool is_kernel_page(enum region_kind k)
{
	return k == RK_VDSO || k == RK_VVAR;
}

/* Does @r, directly below the row in address order, belong to it? */
static bool joins(const struct building *b, struct region *r)
{
	const struct layout_row *row = b->row;
	bool touches = r->end == b->last->start;

	if (row->module || (b->module && (is_part(r->kind) || same_file(b->module, r))))
		return b->module && (is_part(r->kind) || r->kind == RK_FILE) &&
		       !same_file(b->module, b->exe) && same_file(b->module, layout_module(r)) &&
		       /* a load ends with its first page: below it is another one of that file */
		       !(b->last->ino && !b->last->pgoff);
	if (is_kernel_page(row->kind) && is_kernel_page(r->kind))
		return touches;
	if (row->kind != r->kind || row->reserved != is_reserved(r))
		return false;
	switch (r->kind) {
	case RK_ANON:
		return true;
	case RK_ANON_NAMED:
	case RK_UNKNOWN:
		return row->name == r->name;
	case RK_STACK:
	case RK_HEAP:
	case RK_HUGETLB:
		return touches;
	case RK_ARENA:
		return touches && b->last->start % ARENA_SZ;
	case RK_FILE:
		return same_file(b->last, r) ||
		       (touches && row->virt < SMALL_FILE && (int64_t)region_size(r) < SMALL_FILE);
	case RK_SHM:
	case RK_MEMFD:
	case RK_SYSV:
	case RK_DEVICE:
		return same_file(b->last, r);
	case RK_THREAD_STACK:
	case RK_GUARD:
	case RK_TEXT:
	case RK_RODATA:
	case RK_DATA:
	case RK_BSS:
	case RK_RELRO:
	case RK_VDSO:
	case RK_VVAR:
	case RK_VSYSCALL:
	case RK_NR:
		return false;
	}
	return false;
}

static struct layout_row *new_row(struct building *b)
{
	struct layout *l = b->l;

	if (l->nr == l->cap) {
		unsigned int cap = l->cap ? l->cap * 2 : 64;
		struct layout_row *row = realloc(l->row, cap * sizeof(*row));

		if (!row)
			return NULL;
		l->row = row;
		l->cap = cap;
	}
	b->row = &l->row[l->nr++];
	memset(b->row, 0, sizeof(*b->row));
	return b->row;
}

static char grows(enum region_kind k)
{
	if (k == RK_STACK || k == RK_THREAD_STACK)
		return 'd';
	return k == RK_HEAP || k == RK_ARENA ? 'u' : 0;
}

static int begin_row(struct building *b, struct region *r)
{
	struct layout_row *row = new_row(b);
	struct region *module = is_part(r->kind) ? layout_module(r) : NULL;

	if (!row)
		return -ENOMEM;
	b->module = module;
	row->what = LAYOUT_REGIONS;
	row->end = r->end;
	row->kind = r->kind;
	row->name = module ? module->name : r->name;
	row->tid = r->tid;
	row->reserved = is_reserved(r);
	row->grows = grows(r->kind);
	row->res = -1;
	row->residency = RES_EXACT;
	return 0;
}

static void add_region(struct building *b, struct region *r)
{
	struct layout_row *row = b->row;
	int64_t res = region_resident(r);

	row->start = r->start;
	row->nr++;
	if (b->module && row->nr > 1) {
		row->module = true;
		row->kind = RK_TEXT;
	}
	if (is_kernel_page(r->kind) && row->nr > 1)
		row->kind = RK_VDSO;
	if (r->kind == RK_FILE && !row->module && row->name != r->name)
		row->name = 0; /* several files */
	row->virt += (int64_t)region_size(r);
	if (r->residency != RES_UNKNOWN)
		row->res = (row->res < 0 ? 0 : row->res) + res;
	row->swap += r->res[MTR_SWAP] > 0 ? r->res[MTR_SWAP] : 0;
	row->growth += res - r->base_res;
	row->vgrowth += (int64_t)region_size(r) - r->base_virt;
	row->rate += r->rate;
	row->fault_rate += r->fault_rate;
	row->minor += r->minor;
	row->major += r->major;
	row->grew |= r->grew;
	if (r->residency < row->residency)
		row->residency = r->residency;
	if (r->res_time_ns && (!row->res_time_ns || r->res_time_ns < row->res_time_ns))
		row->res_time_ns = r->res_time_ns;
	b->last = r;
}

static int add_gap(struct building *b, uint64_t start, uint64_t end)
{
	struct layout_row *row = new_row(b);

	if (!row)
		return -ENOMEM;
	row->what = LAYOUT_GAP;
	row->start = start;
	row->end = end;
	b->row = NULL;
	b->module = NULL;
	return 0;
}

static int add(struct building *b, struct region *r)
{
	int err = 0;

	if (b->last && b->last->start - r->end >= LAYOUT_GAP_MIN)
		err = add_gap(b, r->end, b->last->start);
	if (!err && (!b->row || !joins(b, r)))
		err = begin_row(b, r);
	if (!err)
		add_region(b, r);
	return err;
}

/* Arenas are numbered by address, from low to high: numbers stay when one is added above. */
static void finish(struct layout *l)
{
	unsigned int arena = 0;

	l->max_res = 0;
	for (unsigned int i = l->nr; i-- > 0;) {
		struct layout_row *row = &l->row[i];

		if (row->what != LAYOUT_REGIONS)
			continue;
		if (row->kind == RK_ARENA)
			row->arena = ++arena;
		if (row->res > l->max_res)
			l->max_res = row->res;
	}
}

int layout_build(struct layout *l, struct proc *p, const struct strtab *st)
{
	struct building b = { .l = l, .p = p, .st = st, .exe = find_exe(p) };
	int err = 0;

	l->nr = 0;
	for (struct region *r = aspace_last(&p->aspace); r && !err; r = aspace_prev(r))
		if (r->kind != RK_VSYSCALL) /* the kernel's, 128 TiB above the process */
			err = add(&b, r);
	if (err)
		l->nr = 0;
	finish(l);
	return err;
}
