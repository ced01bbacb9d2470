// SPDX-License-Identifier: GPL-2.0
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "analysis/layout.h"
#include "analysis/rows.h"

char *rows_perms(char buf[5], uint32_t prot)
{
	buf[0] = prot & MTR_P_READ ? 'r' : '-';
	buf[1] = prot & MTR_P_WRITE ? 'w' : '-';
	buf[2] = prot & MTR_P_EXEC ? 'x' : '-';
	buf[3] = prot & MTR_P_SHARED ? 's' : 'p';
	buf[4] = 0;
	return buf;
}

int stack_used_percent(const struct stack_info *si)
{
	int64_t used = si->high_water > si->depth ? si->high_water : si->depth;

	if (si->limit <= 0 || used < 0)
		return -1;
	return (int)(100.0 * (double)used / (double)si->limit);
}

bool rows_match(const char *filter, const char *text)
{
	char word[64];

	while (*filter) {
		size_t n = strcspn(filter, " ");
		bool neg = n && filter[0] == '!';

		if (n > (size_t)neg) {
			snprintf(word, sizeof(word), "%.*s", (int)(n - neg), filter + neg);
			if ((strcasestr(text, word) != NULL) == neg)
				return false;
		}
		filter += n;
		filter += strspn(filter, " ");
	}
	return true;
}

/* A filter that is an address: five hexadecimal digits or more, 0x or not. */
static bool filter_addr(const char *filter, uint64_t *ret_addr)
{
	const char *s = strncmp(filter, "0x", 2) ? filter : filter + 2;
	char *end;

	if (strspn(s, "0123456789abcdefABCDEF") < 5)
		return false;
	errno = 0;
	*ret_addr = strtoull(s, &end, 16);
	return !*end && !errno;
}

static bool region_fits(struct region *r, struct proc *p, const struct strtab *st,
			const char *filter)
{
	char text[640], name[512], perms[5];
	uint64_t addr;

	if (!*filter)
		return true;
	if (filter_addr(filter, &addr) && addr >= r->start && addr < r->end)
		return true;
	layout_region_name(name, sizeof(name), r, p, st, false);
	snprintf(text, sizeof(text), "%s %s %" PRIx64 "-%" PRIx64 " %s", region_kind_name(r->kind),
		 rows_perms(perms, r->prot), r->start, r->end, name);
	return rows_match(filter, text);
}

struct sort_ctx {
	int sort;
	bool reverse;
	struct proc *p;
	const struct strtab *st;
};

static double region_value(const struct region *r, enum region_sort sort)
{
	switch (sort) {
	case RSORT_VIRT:
		return (double)region_size(r);
	case RSORT_RES:
		return (double)region_resident(r);
	case RSORT_SWAP:
		return (double)r->res[MTR_SWAP];
	case RSORT_HUGE:
		return (double)r->huge;
	case RSORT_DIRTY:
		return (double)r->res[MTR_ANON];
	case RSORT_FAULTS:
		return (double)(r->minor + r->major);
	case RSORT_FAULT_RATE:
		return r->fault_rate;
	case RSORT_GROWTH:
		return (double)(region_resident(r) - r->base_res);
	case RSORT_RATE:
		return r->rate;
	case RSORT_PEAK:
		return (double)r->peak;
	case RSORT_ADDR:
	case RSORT_KIND:
	case RSORT_NAME:
	case RSORT_NR:
		break;
	}
	return 0;
}

static int region_cmp(const void *pa, const void *pb, void *arg)
{
	struct region *a = *(struct region *const *)pa, *b = *(struct region *const *)pb;
	const struct sort_ctx *c = arg;
	char na[256], nb[256];
	double va, vb;
	int d = 0;

	switch ((enum region_sort)c->sort) {
	case RSORT_ADDR:
		break;
	case RSORT_KIND:
		d = strcmp(region_kind_name(a->kind), region_kind_name(b->kind));
		break;
	case RSORT_NAME:
		layout_region_name(na, sizeof(na), a, c->p, c->st, true);
		layout_region_name(nb, sizeof(nb), b, c->p, c->st, true);
		/* nameless ones last: they are many */
		d = !*na != !*nb ? !*na - !*nb : strcasecmp(na, nb);
		break;
	case RSORT_VIRT:
	case RSORT_RES:
	case RSORT_SWAP:
	case RSORT_HUGE:
	case RSORT_DIRTY:
	case RSORT_FAULTS:
	case RSORT_FAULT_RATE:
	case RSORT_GROWTH:
	case RSORT_RATE:
	case RSORT_PEAK:
	case RSORT_NR:
		va = region_value(a, c->sort);
		vb = region_value(b, c->sort);
		d = va < vb ? 1 : va > vb ? -1 : 0;
		break;
	}
	if (!d)
		d = a->start < b->start ? 1 : -1;
	return c->reverse ? -d : d;
}

static int grow(void **arr, unsigned int *cap, unsigned int want, size_t elem)
{
	unsigned int n = *cap ? *cap : 64;
	void *p;

	if (want <= *cap)
		return 0;
	while (n < want)
		n *= 2;
	p = realloc(*arr, n * elem);
	if (!p)
		return -ENOMEM;
	*arr = p;
	*cap = n;
	return 0;
}

int rows_regions(struct region_rows *rows, struct proc *p, const struct strtab *st,
		 const char *filter, enum region_sort sort, bool reverse)
{
	struct sort_ctx c = { .sort = (int)sort, .reverse = reverse, .p = p, .st = st };
	struct region *r;

	rows->nr = rows->total = 0;
	if (grow((void **)&rows->row, &rows->cap, p->aspace.nr + 1, sizeof(struct region *)))
		return -ENOMEM;
	aspace_for_each(r, &p->aspace) {
		rows->total++;
		if (rows->nr < rows->cap && region_fits(r, p, st, filter))
			rows->row[rows->nr++] = r;
	}
	if (rows->nr > 1)
		qsort_r(rows->row, rows->nr, sizeof(struct region *), region_cmp, &c);
	return 0;
}

void rows_regions_fini(struct region_rows *rows)
{
	free(rows->row);
	memset(rows, 0, sizeof(*rows));
}

/* Unknown ones last, whatever the direction of the rest. */
static int cmp_known(int64_t a, int64_t b)
{
	return a < b ? 1 : a > b ? -1 : 0;
}

static int thread_cmp(const void *pa, const void *pb, void *arg)
{
	const struct thread_row *a = pa, *b = pb;
	const struct sort_ctx *c = arg;
	int d = 0;

	switch ((enum thread_sort)c->sort) {
	case TSORT_HEADROOM:
		if ((a->stack.headroom < 0) != (b->stack.headroom < 0))
			return a->stack.headroom < 0 ? 1 : -1;
		d = -cmp_known(a->stack.headroom, b->stack.headroom);
		break;
	case TSORT_TID:
	case TSORT_NR:
		break;
	case TSORT_NAME:
		d = strcasecmp(strtab_str(c->st, a->t->comm), strtab_str(c->st, b->t->comm));
		break;
	case TSORT_DEPTH:
		d = cmp_known(a->stack.depth, b->stack.depth);
		break;
	case TSORT_HIGH_WATER:
		d = cmp_known(a->stack.high_water, b->stack.high_water);
		break;
	case TSORT_GROWTH:
		d = a->t->nr_growth < b->t->nr_growth ? 1 :
		    a->t->nr_growth > b->t->nr_growth ? -1 :
							0;
		break;
	case TSORT_FAULTS:
		d = a->t->faults < b->t->faults ? 1 : a->t->faults > b->t->faults ? -1 : 0;
		break;
	}
	if (!d)
		d = a->t->tid < b->t->tid ? -1 : a->t->tid > b->t->tid;
	return c->reverse ? -d : d;
}

int rows_threads(struct thread_rows *rows, struct proc *p, const struct strtab *st,
		 const char *filter, enum thread_sort sort, bool reverse)
{
	struct sort_ctx c = { .sort = (int)sort, .reverse = reverse, .p = p, .st = st };
	struct thread *t;
	char text[320];

	rows->nr = rows->total = 0;
	if (grow((void **)&rows->row, &rows->cap, HASH_COUNT(p->threads) + 1,
		 sizeof(struct thread_row)))
		return -ENOMEM;
	for (t = p->threads; t; t = t->hh.next) {
		rows->total++;
		snprintf(text, sizeof(text), "%s#%u %c%s", strtab_str(st, t->comm), t->tid,
			 t->state ? t->state : '?', t->is_main ? " main" : "");
		if (*filter && !rows_match(filter, text))
			continue;
		rows->row[rows->nr].t = t;
		thread_stack_info(p, t, &rows->row[rows->nr].stack);
		rows->nr++;
	}
	if (rows->nr > 1)
		qsort_r(rows->row, rows->nr, sizeof(struct thread_row), thread_cmp, &c);
	return 0;
}

void rows_threads_fini(struct thread_rows *rows)
{
	free(rows->row);
	memset(rows, 0, sizeof(*rows));
}
