// SPDX-License-Identifier: GPL-2.0
#include "frames.h"

#include <errno.h>
#include <stdlib.h>

struct frames_span frames_own_stack(struct proc *p, const struct thread *t, uint64_t tls)
{
	struct region *r = aspace_find(&p->aspace, t->is_main ? p->start_stack : tls);

	if (!t->is_main && !tls)
		return (struct frames_span){ t->stack_start, t->stack_end, false };
	if (!r)
		return (struct frames_span){ .end = 0 };
	return (struct frames_span){ r->start, t->is_main ? r->end : (tls & ~4095ull) + 4096,
				     t->is_main };
}

bool frames_inside(struct frames_span s, uint64_t addr)
{
	return addr < s.end && addr + (s.grows ? 1u << 20 : 0) >= s.start;
}

static bool other_stack(struct proc *p, uint64_t a, uint64_t b)
{
	return b < a || aspace_find(&p->aspace, a) != aspace_find(&p->aspace, b);
}

static unsigned int each_alone(struct fold_run *run, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++)
		run[i] = (struct fold_run){ i, 1, 1 };
	return nr;
}

static int name_one(const struct frames_in *in, unsigned int i, struct stack_frame *f)
{
	const struct unwind_frame *u = &in->at[i];

	f->at = *u;
	f->name = syms_addr(in->syms, unwind_lookup(u));
	if (!f->name)
		return -ENOMEM;
	f->size = u->cfa ? (int64_t)(u->cfa - u->sp) : -1;
	/* what a handler on an alternate stack has interrupted is elsewhere */
	if (u->signal && i + 1 < in->nr && other_stack(in->p, u->sp, in->at[i + 1].sp))
		f->size = -1;
	f->depth = frames_inside(in->own, u->sp) ? (int64_t)(in->own.end - u->sp) : -1;
	return 0;
}

/* Frames of a handler whose alternate stack lies within the thread's own: what is below is not theirs. */
static unsigned int on_alternate(const struct frames_in *in)
{
	for (unsigned int i = in->nr > 1 ? in->nr - 1 : 0; i-- > 0;)
		if (in->at[i].signal && frames_inside(in->own, in->at[i].sp) &&
		    in->at[i + 1].sp < in->at[i].sp)
			return i + 1;
	return 0;
}

int frames_name(const struct frames_in *in, struct stack_thread *t)
{
	struct fold_frame *fold = calloc(in->nr + 1, sizeof(*fold));
	unsigned int away = on_alternate(in);
	int err = -ENOMEM;

	t->frame = calloc(in->nr + 1, sizeof(*t->frame));
	t->run = calloc(in->nr + 1, sizeof(*t->run));
	if (!fold || !t->frame || !t->run)
		goto out;
	for (unsigned int i = 0; i < in->nr; i++) {
		struct stack_frame *f = &t->frame[i];

		err = name_one(in, i, f);
		if (err)
			goto out;
		if (i < away)
			f->depth = -1;
		fold[i] = (struct fold_frame){ f->name->func ? f->name->func : f->at.pc, f->at.pc };
	}
	t->nr = in->nr;
	t->custom |= away > 0;
	t->nr_runs = in->unfolded ? each_alone(t->run, in->nr) : stackfold(fold, in->nr, t->run);
	t->hash = in->nr ? stack_hash(&t->frame[0].at.pc, sizeof(*t->frame), in->nr) : 0;
	err = 0;
out:
	free(fold);
	return err;
}

void frames_free(struct stack_thread *t)
{
	free(t->frame);
	free(t->run);
	t->frame = NULL;
	t->run = NULL;
}
