// SPDX-License-Identifier: GPL-2.0
/*
 * The map of a process, from absolute events and from snapshots of /proc.
 *
 * A snapshot is torn: the process runs on while it is read. That heals, because
 * every event since its beginning is replayed over it. The first one fills the
 * map; a later one is compared with it, and what differs is drift, unless an
 * event that was still on its way tells of the same range: then the process
 * was just faster than the reading. What differs is a range that is another
 * mapping, or none, or an edge:
 *
 *	model     |──────────────── A ────────────────|
 *	snapshot  |────── A ──────|                          munmap of the rest
 *	doubts                    ▴ edge ░░ range ░░░░
 *
 * The event is that of the range only: of what is left nobody tells. It explains
 * the edges that it touches.
 */
#include "model/model_int.h"
#include "util/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* BPF sees a (dev, ino); its name comes from a snapshot (path) or a FILE event (last component). */
struct file_name {
	struct {
		uint64_t ino;
		uint64_t dev;
	} key;
	uint32_t name; /* string; 0: none known */
	uint32_t fs_magic; /* of its filesystem; 0: only /proc told of it, which does not say */
	UT_hash_handle hh;
};

static struct file_name *find_file(const struct proc *p, uint32_t dev, uint64_t ino)
{
	struct file_name *f, probe = { .key = { .ino = ino, .dev = dev } };

	HASH_FIND(hh, p->files, &probe.key, sizeof(probe.key), f);
	return f;
}

static struct file_name *add_file(struct proc *p, uint32_t dev, uint64_t ino)
{
	struct file_name *f = find_file(p, dev, ino);

	if (f)
		return f;
	f = calloc(1, sizeof(*f));
	if (!f)
		return NULL;
	f->key.ino = ino;
	f->key.dev = dev;
	HASH_ADD(hh, p->files, key, sizeof(f->key), f);
	if (!f->hh.tbl) {
		free(f);
		return NULL;
	}
	return f;
}

uint32_t map_fs_magic(const struct proc *p, uint32_t dev, uint64_t ino)
{
	struct file_name *f = ino ? find_file(p, dev, ino) : NULL;

	return f ? f->fs_magic : 0;
}

void map_free_files(struct proc *p)
{
	struct file_name *f, *tmp;

	HASH_ITER(hh, p->files, f, tmp) {
		HASH_DEL(p->files, f);
		free(f);
	}
}

int map_each_file(const struct proc *p,
		  int (*fn)(void *ctx, uint32_t dev, uint64_t ino, uint32_t fs_magic,
			    uint32_t name),
		  void *ctx)
{
	int err = 0;

	for (const struct file_name *f = p->files; f && !err; f = f->hh.next)
		err = fn(ctx, (uint32_t)f->key.dev, f->key.ino, f->fs_magic, f->name);
	return err;
}

int map_load_file(struct proc *p, uint32_t dev, uint64_t ino, uint32_t fs_magic, uint32_t name)
{
	struct file_name *f = add_file(p, dev, ino);

	if (!f)
		return -ENOMEM;
	f->fs_magic = fs_magic;
	f->name = name;
	return 0;
}

/* "/a/b/libx.so (deleted)" has the last component "libx.so". */
static int same_last_component(const char *path, const char *last)
{
	const char *base = strrchr(path, '/');
	size_t len = strlen(last);

	base = base ? base + 1 : path;
	return !strncmp(base, last, len) && (!base[len] || !strcmp(base + len, " (deleted)"));
}

int map_apply_file(struct proc *p, const struct mtr_event *ev, struct strtab *st)
{
	const struct mtr_ev_file *e = &ev->file;
	struct file_name *f = add_file(p, e->dev, e->ino);

	if (!f)
		return -ENOMEM;
	f->fs_magic = e->fs_magic;
	/* A known path says more than its last component, unless the inode was given to another file. */
	if (!f->name || !same_last_component(strtab_str(st, f->name), strtab_str(st, e->name)))
		f->name = e->name;
	return 0;
}

/* An edge is a page in the doubts, where no address is. */
#define EDGE (1ull << 62)
#define PAGE 4096ull

/* A difference in [start, end): drift, if no event explains it until the next interval. */
static int differs(struct proc *p, uint64_t start, uint64_t end)
{
	const struct mtr_ev_vma v = { .start = start, .end = end };

	return p->maps_known && aspace_set(&p->doubts, &v) == -ENOMEM ? -ENOMEM : 0;
}

static int edge_differs(struct proc *p, uint64_t at)
{
	return differs(p, EDGE | at, (EDGE | at) + PAGE);
}

static void clear_doubts(struct proc *p, uint64_t start, uint64_t end)
{
	struct region *r;

	while ((r = aspace_ceil(&p->doubts, start)) && r->start < end)
		aspace_clear(&p->doubts, r->start, r->end);
}

static void explains(struct proc *p, uint64_t start, uint64_t end)
{
	clear_doubts(p, start, end);
	clear_doubts(p, EDGE | start, (EDGE | end) + PAGE);
}

/* A thread that is put off between the change and its event has it told late. */
#define SETTLED_AFTER NSEC_PER_SEC

void map_settle(struct proc *p, uint64_t now_ns)
{
	/* in the interval of the snapshot itself, its events are still to come */
	if (!p->doubts_old) {
		p->doubts_old = true;
		return;
	}
	if (now_ns < p->maps_time_ns + SETTLED_AFTER)
		return;
	p->nr_drift += p->doubts.nr;
	clear_doubts(p, 0, UINT64_MAX);
}

/* Is what the model has there a part of @v? */
static bool same_mapping(const struct region *r, const struct mtr_ev_vma *v)
{
	const uint32_t shown = MTR_P_RWX | MTR_P_SHARED;

	return r->ino == v->ino && r->dev == v->dev && !((r->prot ^ v->prot) & shown) &&
	       (!v->ino || r->pgoff - r->start == v->pgoff - v->start);
}

static bool same_line(const struct region *r, const struct mtr_ev_vma *v)
{
	return r && r->start == v->start && r->end == v->end && same_mapping(r, v);
}

#define HIDDEN (MTR_P_GROWSDOWN | MTR_P_IO | MTR_P_LOCKED | MTR_P_HUGETLB) /* maps does not tell */

/*
 * What was told before the latest reading began is in it, and replaying it could undo what came
 * after it: at an attach threads are taken one after the other, and what those that were not yet
 * taken did to the same range nobody has told.
 */
static bool in_reading(const struct proc *p, const struct mtr_event *ev)
{
	return p->maps_known && ev->time_ns && ev->time_ns < p->snap_begin_ns;
}

int map_apply_vma(struct proc *p, const struct mtr_event *ev, struct strtab *st)
{
	struct mtr_ev_vma v = ev->vma;
	struct file_name *f;
	struct region *r;

	(void)st;
	if (p->doubts.nr)
		explains(p, v.start, v.end);
	if (in_reading(p, ev)) {
		r = aspace_find(&p->aspace, v.start);
		if (same_line(r, &v))
			r->prot |= v.prot & HIDDEN;
		return 0;
	}
	if (v.ino && !v.name) {
		f = find_file(p, v.dev, v.ino);
		if (f)
			v.name = f->name;
	}
	if (aspace_set(&p->aspace, &v) == -ENOMEM)
		return -ENOMEM;
	/* what a mremap took along, or what joined it, nobody has counted here */
	watch_range(p, v.start, v.end, NULL);
	return 0;
}

int map_apply_hole(struct proc *p, const struct mtr_event *ev)
{
	if (p->doubts.nr)
		explains(p, ev->range.start, ev->range.end);
	if (in_reading(p, ev))
		return 0;
	return aspace_clear(&p->aspace, ev->range.start, ev->range.end) == -ENOMEM ? -ENOMEM : 0;
}

int map_apply_name(struct proc *p, const struct mtr_event *ev)
{
	const struct mtr_ev_name *e = &ev->name;

	return aspace_rename(&p->aspace, e->start, e->end, e->name) == -ENOMEM ? -ENOMEM : 0;
}

/* A region of the model that meets the line @v, which is not the same: where do they differ? */
static int compare_part(struct proc *p, const struct region *r, const struct mtr_ev_vma *v)
{
	int err;

	if (!same_mapping(r, v))
		return differs(p, r->start > v->start ? r->start : v->start,
			       r->end < v->end ? r->end : v->end);
	err = r->start != v->start ? edge_differs(p, r->start > v->start ? r->start : v->start) : 0;
	if (!err && r->end != v->end)
		err = edge_differs(p, r->end < v->end ? r->end : v->end);
	return err;
}

static int compare_line(struct proc *p, const struct mtr_ev_vma *v)
{
	uint64_t at = v->start;
	struct region *r;
	int err = 0;

	for (r = aspace_ceil(&p->aspace, at); !err && r && r->start < v->end; r = aspace_next(r)) {
		if (r->start > at)
			err = differs(p, at, r->start);
		if (!err)
			err = compare_part(p, r, v);
		at = r->end;
	}
	return err || at >= v->end ? err : differs(p, at, v->end);
}

static int snap_vma(struct proc *p, const struct mtr_ev_vma *e)
{
	struct region *r = aspace_find(&p->aspace, e->start);
	struct mtr_ev_vma v = *e;
	struct file_name *f;
	bool changed = false;
	int err;

	if (v.ino && v.name) {
		f = add_file(p, v.dev, v.ino);
		if (!f)
			return -ENOMEM;
		f->name = v.name;
	}
	if (!same_line(r, &v)) {
		if (p->maps_known && compare_line(p, &v))
			return -ENOMEM;
		changed = true;
	} else {
		v.prot |= r->prot & HIDDEN;
	}
	err = aspace_set(&p->aspace, &v);
	r = aspace_find(&p->aspace, v.start);
	if (err || !r)
		return err == -ENOMEM ? -ENOMEM : 0;
	r->seen = p->snap_gen;
	if (changed)
		watch_range(p, v.start, v.end, NULL);
	if (!p->maps_known && (!p->from_start || p->copied)) {
		r->residency = RES_UNKNOWN;
		r->dirty = true;
		r->base_virt = (int64_t)region_size(r);
	}
	return 0;
}

/* What the snapshot did not show is not there. */
static int sweep(struct proc *p, uint64_t start, uint64_t end)
{
	struct region *r, *next;

	for (r = aspace_ceil(&p->aspace, start); r && r->start < end; r = next) {
		next = aspace_next(r);
		if (r->seen == p->snap_gen)
			continue;
		if (differs(p, r->start, r->end))
			return -ENOMEM;
		aspace_clear(&p->aspace, r->start, r->end);
	}
	return 0;
}

int map_apply_snap(struct proc *p, const struct mtr_event *ev, struct strtab *st)
{
	if (ev->kind == MTR_EV_SNAP_VMA)
		return p->in_snap ? snap_vma(p, &ev->vma) : 0;
	/* what is counted as file or as shared memory depends on the kind */
	if (ev->kind == MTR_EV_SNAP_BEGIN && ev->snap.what == MTR_SNAP_RESIDENCY)
		proc_kinds(p, st);
	if (ev->snap.what != MTR_SNAP_MAPS) {
		if (ev->kind == MTR_EV_SNAP_END && ev->snap.complete && !ev->snap.start &&
		    ev->snap.end == UINT64_MAX)
			p->unplaced = 0; /* a whole round was made: what had no place has one now */
		return 0;
	}
	if (ev->kind == MTR_EV_SNAP_BEGIN) {
		p->doubts_old = false;
		p->snap_gen++;
		p->in_snap = true;
		return 0;
	}
	p->in_snap = false;
	if (!ev->snap.complete)
		return 0;
	if (sweep(p, ev->snap.start, ev->snap.end ? ev->snap.end : UINT64_MAX))
		return -ENOMEM;
	p->nr_resync += p->maps_known;
	p->maps_known = true;
	p->want_maps = false;
	p->snap_begin_ns = ev->snap.begin_ns;
	p->maps_time_ns = ev->snap.end_ns;
	return 0;
}
