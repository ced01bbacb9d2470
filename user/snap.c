// SPDX-License-Identifier: GPL-2.0
#include "snap.h"

#include <errno.h>
#include <stdlib.h>

#include "target.h"
#include "util/clock.h"
#include "util/log.h"

/* A residency count that takes longer than this is given up: the rest is shown as unknown. */
#define RESIDENCY_BUDGET (10 * NSEC_PER_SEC)

static bool wanted(const struct region *r, bool stacks_only)
{
	if (stacks_only)
		return (r->kind == RK_STACK || r->kind == RK_THREAD_STACK) &&
		       r->residency == RES_UNKNOWN;
	return region_kind_has_pages(r->kind);
}

static unsigned int ranges(struct proc *p, bool stacks_only, struct src_range *range)
{
	unsigned int nr = 0;
	struct region *r;

	aspace_for_each(r, &p->aspace)
		if (wanted(r, stacks_only))
			range[nr++] = (struct src_range){ r->start, r->end };
	return nr;
}

static int read_residency(struct snap *s, struct proc *p, bool stacks_only)
{
	struct src_range *range = calloc(p->aspace.nr + 1, sizeof(*range));
	unsigned int done = 0, nr;
	int err;

	if (!range)
		return -ENOMEM;
	nr = ranges(p, stacks_only, range);
	if (!nr) {
		free(range);
		return 0;
	}
	err = src_proc_residency(s->sp, s->as, range, nr, RESIDENCY_BUDGET, model_apply, &s->model,
				 &done);
	free(range);
	/* pagemap may be forbidden where maps is not: then residency is not known, and says so. */
	if (err == -EACCES) {
		log_warn("resident pages of %d are not shown: /proc/%d/pagemap may not be read",
			 s->pid, s->pid);
		return 0;
	}
	if (!err && done < nr)
		log_warn("counting the pages of %d took too long: %u of %u regions are not known",
			 s->pid, nr - done, nr);
	return err;
}

static int read_all(struct snap *s, bool stacks_only, struct proc **ret_p)
{
	struct proc *p;
	int err;

	err = src_proc_attach(s->sp, s->as, s->st, model_apply, &s->model);
	if (!err)
		err = src_proc_maps(s->sp, s->as, s->st, model_apply, &s->model);
	if (!err)
		err = src_proc_threads(s->sp, s->as, s->st, model_apply, &s->model);
	if (!err)
		err = src_proc_sps(s->sp, s->as, s->st, model_apply, &s->model);
	if (!err)
		err = src_proc_kernel(s->sp, s->as, model_apply, &s->model);
	if (err)
		return err;
	p = model_proc(&s->model, s->as);
	if (!p)
		return -ENOMEM;
	/* Before residency: what kind a region is says which counter its pages are in. */
	proc_kinds(p, s->st);
	err = read_residency(s, p, stacks_only);
	if (err)
		return err;
	proc_kinds(p, s->st);
	*ret_p = p;
	return 0;
}

int snap_take(struct snap *s, pid_t pid, uint32_t as, bool stacks_only, struct proc **ret_p)
{
	int err;

	*s = (struct snap){ .pid = pid, .as = as };
	err = src_proc_open(pid, &s->sp);
	if (err)
		return target_error(pid, err);
	s->st = strtab_new();
	if (!s->st) {
		src_proc_close(s->sp);
		return target_error(pid, -ENOMEM);
	}
	model_init(&s->model, s->st);
	err = read_all(s, stacks_only, ret_p);
	if (!err)
		return 0;
	snap_release(s);
	return err == -ESRCH ?
		       log_error(EX_NO_TARGET, NULL, "process %d ended while it was read", pid) :
		       target_error(pid, err);
}

int snap_locate(struct snap *s, struct proc *p)
{
	int err;

	proc_kinds(p, s->st);
	err = read_residency(s, p, true);
	if (!err)
		proc_kinds(p, s->st);
	return err;
}

void snap_release(struct snap *s)
{
	model_fini(&s->model);
	strtab_free(s->st);
	src_proc_close(s->sp);
}
