// SPDX-License-Identifier: GPL-2.0
/* A process as it is now, kept: what a paused view looks at while the model goes on. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "model/model_int.h"

static int copy_regions(struct aspace *to, struct aspace *from)
{
	struct region *r;
	int err;

	aspace_init(to);
	aspace_for_each(r, from) {
		err = aspace_add_copy(to, r);
		if (err)
			return err;
	}
	to->gen = from->gen;
	to->kind_gen = from->kind_gen;
	return 0;
}

static int copy_threads(struct proc *to, const struct proc *from)
{
	for (const struct thread *t = from->threads; t; t = t->hh.next) {
		struct thread *n = malloc(sizeof(*n));

		if (!n)
			return -ENOMEM;
		*n = *t;
		HASH_ADD(hh, to->threads, tid, sizeof(n->tid), n);
		if (!n->hh.tbl) {
			free(n);
			return -ENOMEM;
		}
		to->nr_threads++;
	}
	return 0;
}

static int copy_history(struct history *to, const struct history *from)
{
	*to = *from;
	to->s = calloc(from->nr + 1, sizeof(*to->s));
	to->cap = to->s ? from->nr + 1 : 0;
	if (!to->s) {
		to->nr = 0;
		return -ENOMEM;
	}
	if (from->nr)
		memcpy(to->s, from->s, from->nr * sizeof(*to->s));
	return 0;
}

static int copy_frames(struct proc *to, const struct proc *from)
{
	if (!from->frames)
		return 0;
	to->frames = calloc(CRASH_FRAMES, sizeof(*to->frames));
	if (!to->frames)
		return -ENOMEM;
	memcpy(to->frames, from->frames, from->nr_frames * sizeof(*to->frames));
	return 0;
}

struct proc *proc_freeze(struct proc *p)
{
	struct proc *n = malloc(sizeof(*n));
	int err;

	if (!n)
		return NULL;
	*n = *p;
	aspace_init(&n->doubts);
	n->threads = n->last_thread = NULL;
	n->files = NULL;
	n->frames = NULL;
	n->nr_threads = 0;
	memset(&n->hh, 0, sizeof(n->hh));
	/* all of them in any case: nothing may be left that belongs to @p */
	err = copy_regions(&n->aspace, &p->aspace);
	if (copy_history(&n->history, &p->history) || copy_threads(n, p) || copy_frames(n, p) ||
	    err) {
		proc_free(n);
		return NULL;
	}
	return n;
}
