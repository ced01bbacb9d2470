// SPDX-License-Identifier: GPL-2.0
/*
 * The map and the threads from /proc into a model, copies of the stacks, and
 * then, with the process left alone, frames and names.
 */
#include "stacks_run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "export/stacks.h"
#include "export/symmaps.h"
#include "frames.h"
#include "output.h"
#include "snap.h"
#include "source/stackcap.h"
#include "stackvars.h"
#include "target.h"
#include "util/clock.h"
#include "util/log.h"

/* Threads that are copied at a time: 64 stacks of 8 MiB fit into memory. */
#define PORTION 64
/* Of a stack that nobody is known to own, no more than this is copied. */
#define UNKNOWN_STACK (1ull << 20)
#define MAX_FRAMES (1u << 19)

struct run {
	const struct opts *o;
	struct snap snap;
	struct proc *p;
	struct syms *syms;
	struct stackcap *cap;
	struct stacks_report rep;
	/* MAX_FRAMES of each; pages that no stack needs are never touched */
	struct unwind_frame *scratch;
	struct mtr_regs *regs; /* NULL: not wanted */
	struct stacks_held *held; /* NULL: of all threads */
};

static uint64_t copy_end(void *ctx, pid_t tid, uint64_t sp)
{
	const struct run *run = ctx;
	struct region *r = aspace_find(&run->p->aspace, sp);

	(void)tid;
	/* the main stack may have grown since the map was read */
	if (!r) {
		r = aspace_ceil(&run->p->aspace, sp);
		if (!r || !(r->prot & MTR_P_GROWSDOWN) || r->start - sp > (1u << 20))
			return sp;
	}
	if (r->kind == RK_STACK || r->kind == RK_THREAD_STACK || r->end - sp <= UNKNOWN_STACK)
		return r->end;
	return sp + UNKNOWN_STACK;
}

/* Of a recursion the first turn stands for all. */
static int find_vars(struct run *run, const struct stackcap_thread *c, struct stack_thread *t,
		     unsigned int skip)
{
	struct stackvars sv = { .syms = run->syms,
				.cap = run->cap,
				.p = run->p,
				.st = run->snap.st,
				.copy = &c->copy,
				.t = t,
				.unwound = run->scratch + skip,
				.regs = run->regs + skip,
				.values = !run->o->no_values };
	int err = 0;

	for (unsigned int i = 0; i < t->nr_runs && !err; i++)
		for (unsigned int j = 0; j < t->run[i].len && !err; j++)
			err = stackvars_frame(&sv, t, t->run[i].first + j);
	return err;
}

/* As if the thread had not gone further than that: its depth is told with the stack. */
static int stands_at(struct run *run, pid_t tid, uint64_t sp)
{
	struct mtr_event ev = {
		.kind = MTR_EV_SP, .as = run->p->as, .tid = (uint32_t)tid, .time_ns = boot_ns()
	};

	ev.thread.sp = sp;
	return model_apply(&run->snap.model, &ev);
}

static int unwind_one(struct run *run, struct stackcap_thread *c, struct stack_thread *t)
{
	struct frames_span own = frames_own_stack(run->p, t->model, c->tls);
	struct frames_in in = { .syms = run->syms,
				.p = run->p,
				.own = own,
				.at = run->scratch,
				.unfolded = run->o->no_fold };
	struct unwind_result u = { .nr = 0 };
	unsigned int skip = 0;
	int err;

	t->tid = (uint32_t)c->tid;
	t->stopped_ns = (int64_t)c->stopped_ns;
	t->partial = c->how == STACKCAP_SYSCALL;
	if (c->how == STACKCAP_SKIPPED) {
		t->skipped = c->why;
		return 0;
	}
	unwind(run->syms, &c->copy, run->scratch, run->regs, MAX_FRAMES, &u);
	if (run->held && u.nr > run->held->skip + 1) {
		run->held->caller_pc = run->scratch[1].pc;
		run->held->caller_sp = run->scratch[1].sp;
		skip = run->held->skip;
	}
	/* a handler on a stack of its own: what it interrupted is elsewhere */
	if (u.end == UNWIND_OUTSIDE && !c->copy.part[1].size && !stackcap_more(run->cap, c, u.want))
		unwind(run->syms, &c->copy, run->scratch, run->regs, MAX_FRAMES, &u);
	t->end = u.end;
	t->custom = !frames_inside(own, c->copy.regs.r[MTR_REG_SP]);
	in.at += skip;
	in.nr = u.nr - skip;
	err = skip ? stands_at(run, c->tid, in.at->sp) : 0;
	if (!err)
		err = frames_name(&in, t);
	return err || !run->regs ? err : find_vars(run, c, t, skip);
}

/* Where the threads stand now, not when they were listed: of one that ran nothing was known then. */
static int tell_model(struct run *run, const struct stackcap_thread *c, unsigned int nr)
{
	int err = 0;

	for (unsigned int i = 0; i < nr && !err; i++) {
		struct mtr_event ev = { .kind = MTR_EV_SP,
					.as = run->p->as,
					.tid = (uint32_t)c[i].tid,
					.time_ns = boot_ns() };

		if (!c[i].tid || c[i].how == STACKCAP_SKIPPED)
			continue;
		if (c[i].tls) {
			ev.kind = MTR_EV_THREAD;
			ev.thread.tls = c[i].tls;
			ev.thread.at_attach = true;
			ev.thread.sp = c[i].copy.regs.r[MTR_REG_SP];
			err = model_apply(&run->snap.model, &ev);
			if (err)
				return err;
			ev.kind = MTR_EV_SP;
		}
		ev.thread.sp = c[i].copy.regs.r[MTR_REG_SP];
		ev.thread.syscall_sp = c[i].how != STACKCAP_STOPPED;
		err = model_apply(&run->snap.model, &ev);
	}
	return err ? err : snap_locate(&run->snap, run->p);
}

/* From copies to what is told; @err: of the copying. */
static int taken(struct run *run, struct stackcap_thread *c, unsigned int nr, int err)
{
	if (!err)
		err = tell_model(run, c, nr);
	for (unsigned int i = 0; i < nr; i++) {
		struct thread *model = c[i].tid ? proc_thread(run->p, (uint32_t)c[i].tid) : NULL;
		struct stack_thread *t = &run->rep.thread[run->rep.nr];

		if (!err && model) {
			t->model = model;
			err = unwind_one(run, &c[i], t);
			run->rep.nr++;
		}
		stackcap_free(&c[i]);
	}
	return err;
}

static int portion(struct run *run, struct stackcap_thread *c, unsigned int nr)
{
	return taken(run, c, nr, stackcap_take(run->cap, c, nr));
}

/* The one that the caller holds. */
static int take_held(struct run *run)
{
	struct stackcap_thread c = { .tid = run->held->tid, .tls = run->held->tls };

	c.copy.regs = run->held->regs;
	return taken(run, &c, 1, stackcap_held(run->cap, &c));
}

static int by_tid(const void *pa, const void *pb)
{
	const struct stackcap_thread *a = pa, *b = pb;

	return a->tid < b->tid ? -1 : a->tid > b->tid;
}

static int room(struct run *run)
{
	run->rep.thread = calloc(run->p->nr_threads + 1, sizeof(*run->rep.thread));
	run->scratch = malloc(MAX_FRAMES * sizeof(*run->scratch));
	if (run->o->vars)
		run->regs = malloc(MAX_FRAMES * sizeof(*run->regs));
	return !run->rep.thread || !run->scratch || (run->o->vars && !run->regs) ? -ENOMEM : 0;
}

static int take_all(struct run *run)
{
	struct stackcap_thread *c = calloc(run->p->nr_threads + 1, sizeof(*c));
	unsigned int nr = 0;
	int err = 0;

	if (!c)
		return -ENOMEM;
	for (struct thread *t = run->p->threads; t; t = t->hh.next)
		if (!run->o->tid || t->tid == (uint32_t)run->o->tid)
			c[nr++].tid = (pid_t)t->tid;
	qsort(c, nr, sizeof(*c), by_tid);
	for (unsigned int i = 0; i < nr && !err; i += PORTION)
		err = portion(run, c + i, nr - i < PORTION ? nr - i : PORTION);
	free(c);
	return err;
}

static int report(struct run *run, FILE *out)
{
	const struct opts *o = run->o;
	struct report_style style = { .ascii = o->ascii, .bytes = o->bytes, .width = o->width };
	struct winsize ws;

	if (isatty(fileno(out))) {
		style.width = ioctl(fileno(out), TIOCGWINSZ, &ws) ? 0 : ws.ws_col;
		style.color = o->color >= 0;
	}
	style.color |= o->color > 0;
	run->rep.p = run->p;
	run->rep.model = &run->snap.model;
	run->rep.vars = o->vars;
	run->rep.at = run->held ? &run->held->at : NULL;
	run->rep.now_ns = boot_ns();
	run->rep.now_real_ns = clock_ns(CLOCK_REALTIME);
	if (o->json)
		return stacks_json(out, &run->rep);
	if (o->folded)
		return stacks_folded(out, &run->rep);
	if (o->largest)
		return stacks_largest(out, &run->rep, &style);
	return stacks_text(out, &run->rep, &style);
}

/* Whom nothing could be told of, because it was forbidden: that is a failure. */
static int verdict(const struct run *run, pid_t pid)
{
	const struct opts *o = run->o;

	if (o->tid && !run->rep.nr)
		return log_error(EX_NO_TARGET, NULL, "process %d has no thread %d", pid, o->tid);
	for (unsigned int i = 0; i < run->rep.nr; i++)
		if (!run->rep.thread[i].skipped)
			return EX_DONE;
	return run->rep.nr ?
		       log_error(EX_PRIVILEGE, NULL, "no stack of %d could be taken: %s", pid,
				 run->rep.thread[0].skipped) :
		       log_error(EX_NO_TARGET, NULL, "process %d ended while it was read", pid);
}

static void release(struct run *run)
{
	for (unsigned int i = 0; i < run->rep.nr; i++) {
		struct stack_thread *t = &run->rep.thread[i];

		for (unsigned int j = 0; j < t->nr; j++)
			stackvars_free(&t->frame[j]);
		frames_free(t);
	}
	free(run->rep.thread);
	free(run->scratch);
	free(run->regs);
	stackcap_close(run->cap);
	if (!run->held || run->syms != run->held->syms)
		syms_free(run->syms);
	snap_release(&run->snap);
}

int stacks_run(pid_t pid, uint32_t as, const struct opts *o, FILE *out, struct stacks_held *held,
	       const struct when *when)
{
	struct run run = { .o = o, .held = held };
	int ret, err;

	ret = snap_take(&run.snap, pid, as, true, &run.p);
	if (ret)
		return ret;
	run.syms = held && held->syms ? held->syms : syms_new(pid, o->debuginfod);
	err = run.syms ? symmaps_set(run.syms, &run.p->aspace, run.snap.st, NULL, false) : -ENOMEM;
	if (!err)
		err = stackcap_open(pid, copy_end, &run, held ? STACKCAP_HELD : 0, &run.cap,
				    &run.rep.note);
	if (!err)
		err = room(&run);
	if (!err)
		err = held ? take_held(&run) : take_all(&run);
	if (err) {
		ret = err == -ESRCH ? log_error(EX_NO_TARGET, NULL,
						"process %d ended while it was read", pid) :
				      target_error(pid, err);
	} else if (when && !when_holds(when, run.p)) {
		ret = STACKS_NOT_YET;
	} else {
		ret = verdict(&run, pid);
		if (!ret && report(&run, out))
			ret = output_failed(o->output, errno ? errno : EIO);
	}
	release(&run);
	return ret;
}

char *stacks_of_thread(pid_t pid, pid_t tid, bool ascii, unsigned int width)
{
	const struct opts o = {
		.tid = tid, .vars = true, .ascii = ascii, .color = -1, .width = width
	};
	char *text = NULL, *frames;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	int ret;

	if (!f)
		return NULL;
	ret = stacks_run(pid, 1, &o, f, NULL, NULL);
	if (fclose(f) || ret) {
		free(text);
		return NULL;
	}
	/* what is said of the thread itself the view has already */
	frames = strstr(text, "\n STACK ");
	if (frames)
		memmove(text, frames + 1, strlen(frames + 1) + 1);
	return text;
}
