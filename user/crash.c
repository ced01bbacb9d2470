// SPDX-License-Identifier: GPL-2.0
/*
 * The stack of a thread that dies becomes frames at once, while the files of its
 * process can be found. From then on they are events as any other: views
 * and recordings have them, and nothing of the stack's contents.
 */
#include <errno.h>
#include <stdlib.h>

#include "export/symmaps.h"
#include "frames.h"
#include "session_int.h"
#include "sym/turns.h"

#define MAX_FRAMES (1u << 20) /* 8 MiB in turns of 16 bytes, and half as many again */
/* Told of a stack at most CRASH_FRAMES rows: the middle of more is left out. */
#define INNER (CRASH_FRAMES * 3 / 4)

struct dying {
	struct session *s;
	struct proc *p;
	const struct mtr_event *ev;
	struct syms *syms;
	struct unwind_frame *at;
	struct mtr_regs *regs;
	struct unwind_result u;
	unsigned int filled; /* frames that were reckoned, not copied */
	struct stack_thread t;
	unsigned int row, nr_rows;
};

static uint32_t string(struct dying *d, const char *s)
{
	return s ? strtab_intern_str(d->s->st, s) : 0;
}

static unsigned int count_rows(const struct stack_thread *t)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < t->nr_runs; i++)
		for (unsigned int j = 0; j < t->run[i].len; j++)
			n += t->frame[t->run[i].first + j].name->nr;
	return n;
}

static uint32_t flags(const struct dying *d, const struct stack_frame *f, const struct sym_name *n,
		      const struct fold_run *run)
{
	uint32_t fl = n->inlined ? MTR_FRAME_INLINED : 0;

	if (f->at.signal)
		fl |= MTR_FRAME_SIGNAL;
	if (d->filled && run->repeat > 1 && run->repeat * run->len > d->filled)
		fl |= MTR_FRAME_RECKONED;
	if (d->row + 1 == d->nr_rows)
		fl |= MTR_FRAME_LAST | (d->t.end == UNWIND_DONE ? MTR_FRAME_WHOLE : 0);
	return fl;
}

static int tell(struct dying *d, unsigned int nr, const struct fold_run *run, unsigned int level)
{
	const struct stack_frame *f = &d->t.frame[nr];
	const struct sym_name *n = &f->name->name[level];
	struct mtr_event ev = {
		.kind = MTR_EV_FRAME, .as = d->ev->as, .tid = d->ev->tid, .time_ns = d->ev->time_ns
	};

	ev.frame = (struct mtr_ev_frame){
		.nr = d->row ? nr : 0,
		.function = string(d, n->function),
		.file = string(d, n->file),
		.module = string(d, f->name->module),
		.line = n->line,
		.repeat = run->repeat,
		.cycle = run->len,
		.flags = flags(d, f, n, run),
		.pc = f->at.pc,
		.offset = f->name->offset + !f->at.exact,
		.size = n->inlined ? -1 : f->size,
		.depth = n->inlined ? -1 : f->depth,
		.turn = run->repeat > 1 ? stacks_turn_bytes(&d->t, run) : -1,
	};
	return session_apply(d->s, &ev);
}

static int tell_all(struct dying *d)
{
	unsigned int left_out = d->nr_rows > CRASH_FRAMES ? d->nr_rows - CRASH_FRAMES : 0;
	int err = 0;

	for (unsigned int i = 0; i < d->t.nr_runs; i++) {
		const struct fold_run *run = &d->t.run[i];

		for (unsigned int j = 0; j < run->len; j++) {
			unsigned int nr = run->first + j;

			for (unsigned int k = 0; k < d->t.frame[nr].name->nr; k++, d->row++) {
				if (d->row >= INNER && d->row < INNER + left_out)
					continue;
				err = err ? err : tell(d, nr, run, k);
			}
		}
	}
	return err;
}

static int find_frames(struct dying *d)
{
	const struct mtr_stack_copy *copy = d->ev->stack.copy;
	struct thread *th = proc_thread(d->p, d->ev->tid);
	struct frames_in in = { .syms = d->syms, .p = d->p, .at = d->at };
	int err = symmaps_set(d->syms, &d->p->aspace, d->s->st, NULL, true);

	if (err)
		return err;
	unwind(d->syms, copy, d->at, d->regs, MAX_FRAMES, &d->u);
	if (d->u.end == UNWIND_OUTSIDE)
		d->filled = turns_across(d->syms, copy, d->at, d->regs, MAX_FRAMES, &d->u);
	if (th) /* its end is what memtrace has known of it while it lived */
		in.own = (struct frames_span){ 0, th->stack_end, false };
	in.nr = d->u.nr;
	d->t.end = d->u.end;
	return frames_name(&in, &d->t);
}

int crash_frames(struct session *s, const struct mtr_event *ev)
{
	struct dying d = { .s = s, .ev = ev, .p = model_proc(&s->model, ev->as) };
	int err = -ENOMEM;

	if (!d.p)
		return 0;
	d.syms = syms_new((pid_t)d.p->pid, false);
	d.at = malloc(MAX_FRAMES * sizeof(*d.at));
	d.regs = malloc(MAX_FRAMES * sizeof(*d.regs));
	if (d.syms && d.at && d.regs)
		err = find_frames(&d);
	if (!err) {
		d.nr_rows = count_rows(&d.t);
		err = tell_all(&d);
	}
	frames_free(&d.t);
	free(d.at);
	free(d.regs);
	syms_free(d.syms);
	return err;
}
