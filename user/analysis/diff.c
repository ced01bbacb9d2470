// SPDX-License-Identifier: GPL-2.0
#include "analysis/diff.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A region of one of the sides. */
struct piece {
	struct diff_row key; /* kind, name, owner, tid, start, end */
	int64_t res, virt;
	unsigned int side;
};

const char *diff_what_name(enum diff_what w)
{
	static const char *const names[] = { "same", "grew", "shrank", "appeared", "vanished" };

	return names[w];
}

static const char *base_name(const char *path)
{
	const char *slash = *path == '/' ? strrchr(path, '/') : NULL;

	return slash ? slash + 1 : path;
}

static void add_piece(struct piece *pc, const struct diff_side *s, struct region *r,
		      unsigned int side, bool same_space)
{
	const struct thread *t = r->tid ? proc_thread(s->p, r->tid) : NULL;
	const char *name = strtab_str(s->st, r->name);

	*pc = (struct piece){
		.key = { .kind = r->kind,
			 .name = same_space ? name : base_name(name),
			 .owner = t ? strtab_str(s->st, t->comm) : "",
			 .tid = r->tid,
			 .start = r->start,
			 .end = r->end },
		.res = region_resident(r),
		.virt = (int64_t)region_size(r),
		.side = side,
	};
}

static int cmp_key(const struct diff_row *a, const struct diff_row *b, bool same_space)
{
	int d;

	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	d = strcmp(a->name, b->name);
	if (d)
		return d;
	if (!same_space)
		return strcmp(a->owner, b->owner);
	return (a->tid > b->tid) - (a->tid < b->tid);
}

static int cmp_same_space(const void *pa, const void *pb)
{
	const struct piece *a = pa, *b = pb;
	int d = cmp_key(&a->key, &b->key, true);

	return d ? d : (a->key.start > b->key.start) - (a->key.start < b->key.start);
}

static int cmp_other_space(const void *pa, const void *pb)
{
	const struct piece *a = pa, *b = pb;
	int d = cmp_key(&a->key, &b->key, false);

	return d ? d : (a->key.start > b->key.start) - (a->key.start < b->key.start);
}

static int cmp_rows(const void *pa, const void *pb)
{
	const struct diff_row *a = pa, *b = pb;
	int64_t da = llabs(a->res[1] - a->res[0]), db = llabs(b->res[1] - b->res[0]);

	if (da != db)
		return da > db ? -1 : 1;
	da = llabs(a->virt[1] - a->virt[0]);
	db = llabs(b->virt[1] - b->virt[0]);
	if (da != db)
		return da > db ? -1 : 1;
	return (a->start < b->start) - (a->start > b->start);
}

static enum diff_what what_of(const struct diff_row *r)
{
	int64_t d = r->res[1] - r->res[0];

	if (!r->nr[0])
		return DIFF_APPEARED;
	if (!r->nr[1])
		return DIFF_VANISHED;
	if (!d)
		d = r->virt[1] - r->virt[0];
	return d > 0 ? DIFF_GREW : d < 0 ? DIFF_SHRANK : DIFF_SAME;
}

static void take(struct diff_row *row, const struct piece *pc)
{
	row->nr[pc->side]++;
	row->res[pc->side] += pc->res;
	row->virt[pc->side] += pc->virt;
	if (pc->key.start < row->start)
		row->start = pc->key.start;
	if (pc->key.end > row->end)
		row->end = pc->key.end;
	if (pc->key.tid != row->tid)
		row->tid = 0;
}

/* Sorted by key, then by address: what belongs together is a run. */
static void sweep(struct diff *d, const struct piece *pc, unsigned int nr, bool same_space)
{
	struct diff_row *row = NULL;

	for (unsigned int i = 0; i < nr; i++) {
		bool joins = row && !cmp_key(row, &pc[i].key, same_space) &&
			     (!same_space || pc[i].key.start <= row->end);

		if (!joins) {
			row = &d->row[d->nr++];
			*row = pc[i].key;
		}
		take(row, &pc[i]);
	}
	for (unsigned int i = 0; i < d->nr; i++)
		d->row[i].what = what_of(&d->row[i]);
}

int diff_make(struct diff *d, const struct diff_side side[2], bool same_space)
{
	unsigned int nr = 0, max = 1;
	struct piece *pc;
	struct region *r;

	*d = (struct diff){};
	for (unsigned int s = 0; s < 2; s++)
		max += side[s].p ? side[s].p->aspace.nr : 0;
	pc = calloc(max, sizeof(*pc));
	d->row = calloc(max, sizeof(*d->row));
	if (!pc || !d->row) {
		free(pc);
		diff_fini(d);
		return -ENOMEM;
	}
	for (unsigned int s = 0; s < 2; s++) {
		if (!side[s].p)
			continue;
		aspace_for_each(r, &side[s].p->aspace)
			if (r->kind != RK_VSYSCALL)
				add_piece(&pc[nr++], &side[s], r, s, same_space);
	}
	qsort(pc, nr, sizeof(*pc), same_space ? cmp_same_space : cmp_other_space);
	sweep(d, pc, nr, same_space);
	free(pc);
	qsort(d->row, d->nr, sizeof(*d->row), cmp_rows);
	return 0;
}

void diff_fini(struct diff *d)
{
	free(d->row);
	*d = (struct diff){};
}
