/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A fixture: process 100, attached, its map read, and short words for events.
 *
 *   0x555500000000  heap     16 pages   as 1, pid 100
 *   0x7f0000001000  stack of thread 101, 8 pages, a guard page below
 *   0x7ffc00000000  main stack, 4 pages, ends at MAIN_END
 */
#ifndef ATTACHED_H
#define ATTACHED_H

#include "kselftest_harness.h"
#include "model/model.h"

#define PAGE 4096ll
#define S 1000000000ull
#define RW (MTR_P_READ | MTR_P_WRITE)
#define HEAP 0x555500000000ull
#define GUARD 0x7f0000000000ull
#define STACK (GUARD + 0x1000)
#define STACK_END (STACK + 0x8000)
#define MAIN 0x7ffc00000000ull
#define MAIN_END (MAIN + 0x4000)

FIXTURE(m)
{
	struct model model;
	struct strtab *st;
	struct proc *p;
	uint64_t now;
};

typedef FIXTURE_DATA(m) M;

static inline int apply(M *m, struct mtr_event ev)
{
	if (!ev.as)
		ev.as = 1;
	if (!ev.time_ns)
		ev.time_ns = ++m->now;
	return model_apply(&m->model, &ev);
}

static inline struct mtr_event attach_ev(uint32_t as, uint32_t pid, int64_t anon)
{
	struct mtr_event ev = { .kind = MTR_EV_ATTACH, .as = as };

	ev.proc.pid = pid;
	ev.proc.rss_bytes[MTR_ANON] = anon;
	ev.proc.min_flt = ev.proc.maj_flt = -1;
	ev.proc.start_brk = HEAP;
	ev.proc.start_stack = MAIN_END - 64;
	return ev;
}

static inline void vma(M *m, uint16_t kind, uint64_t start, uint64_t end, uint32_t prot)
{
	struct mtr_event ev = { .kind = kind };

	ev.vma = (struct mtr_ev_vma){ .start = start, .end = end, .prot = prot };
	apply(m, ev);
}

static inline void hole(M *m, uint64_t start, uint64_t end)
{
	struct mtr_event ev = { .kind = MTR_EV_HOLE };

	ev.range = (struct mtr_ev_range){ .start = start, .end = end };
	apply(m, ev);
}

static inline void snap(M *m, uint16_t kind, bool complete)
{
	struct mtr_event ev = { .kind = kind };

	ev.snap = (struct mtr_ev_snap){
		.what = MTR_SNAP_MAPS, .complete = complete, .begin_ns = m->now, .end_ns = m->now
	};
	apply(m, ev);
}

static inline void thread(M *m, uint32_t tid, uint64_t sp, bool at_attach)
{
	struct mtr_event ev = { .kind = MTR_EV_THREAD, .tid = tid };

	ev.thread.sp = sp;
	ev.thread.at_attach = at_attach;
	apply(m, ev);
}

static inline void sp(M *m, uint32_t tid, uint64_t at)
{
	struct mtr_event ev = { .kind = MTR_EV_SP, .tid = tid };

	ev.thread.sp = at;
	ev.thread.state = 'S';
	apply(m, ev);
}

static inline void fault(M *m, uint32_t tid, uint64_t addr, uint64_t at_sp, int64_t bytes,
			 unsigned int flags)
{
	struct mtr_event ev = { .kind = MTR_EV_FAULT, .tid = tid };

	ev.fault = (struct mtr_ev_fault){ .addr = addr,
					  .sp = at_sp,
					  .bytes = bytes,
					  .member = MTR_ANON,
					  .flags = (uint8_t)flags };
	apply(m, ev);
}

static inline void rss(M *m, int64_t bytes, unsigned int why, uint64_t start, uint64_t end)
{
	struct mtr_event ev = { .kind = MTR_EV_RSS };

	ev.rss = (struct mtr_ev_rss){
		.bytes = bytes, .member = MTR_ANON, .why = (uint8_t)why, .start = start, .end = end
	};
	apply(m, ev);
}

static inline void residency(M *m, uint64_t start, uint64_t end, int64_t pages, uint64_t begin_ns)
{
	struct mtr_event ev = { .kind = MTR_EV_RESIDENCY };

	ev.residency = (struct mtr_ev_residency){ .start = start,
						  .end = end,
						  .present = pages * PAGE,
						  .anon = pages * PAGE,
						  .begin_ns = begin_ns };
	apply(m, ev);
}

static inline void kernel(M *m, int64_t minflt, int64_t majflt)
{
	struct mtr_event ev = { .kind = MTR_EV_KERNEL };

	ev.kernel = (struct mtr_ev_kernel){ .minflt = minflt,
					    .majflt = majflt,
					    .virt_bytes = -1,
					    .rss_bytes = -1,
					    .stack_limit_bytes = 8 << 20,
					    .state = 'S' };
	apply(m, ev);
}

static inline void exit_with(M *m, uint16_t kind, uint32_t tid, int code)
{
	struct mtr_event ev = { .kind = kind, .tid = tid };

	ev.exit.code = code;
	apply(m, ev);
}

static inline void crash(M *m, uint32_t tid, int signo, int code, uint64_t addr, uint64_t at_sp)
{
	struct mtr_event ev = { .kind = MTR_EV_SIGNAL, .tid = tid };

	ev.signal = (struct mtr_ev_signal){
		.signo = signo, .code = code, .fatal = true, .addr = addr, .sp = at_sp
	};
	apply(m, ev);
}

static inline void read_map(M *m)
{
	snap(m, MTR_EV_SNAP_BEGIN, false);
	vma(m, MTR_EV_SNAP_VMA, HEAP, HEAP + 0x10000, RW);
	vma(m, MTR_EV_SNAP_VMA, GUARD, STACK, 0);
	vma(m, MTR_EV_SNAP_VMA, STACK, STACK_END, RW);
	vma(m, MTR_EV_SNAP_VMA, MAIN, MAIN_END, RW | MTR_P_GROWSDOWN);
	snap(m, MTR_EV_SNAP_END, true);
}

static inline struct region *at(M *m, uint64_t addr)
{
	static struct region none = { .kind = RK_NR };
	struct region *r = aspace_find(&m->p->aspace, addr);

	return r ? r : &none;
}

static inline struct stack_info stack(M *m, uint32_t tid)
{
	static struct thread none;
	struct thread *t = proc_thread(m->p, tid);
	struct stack_info si;

	thread_stack_info(m->p, t ? t : &none, &si);
	return si;
}

FIXTURE_SETUP(m)
{
	self->st = strtab_new();
	model_init(&self->model, self->st);
	self->now = 100 * S;
	apply(self, attach_ev(1, 100, 40 * PAGE));
	self->p = model_proc(&self->model, 1);
	read_map(self);
	thread(self, 100, MAIN + 0x3000, true);
	thread(self, 101, STACK + 0x7800, true);
}

FIXTURE_TEARDOWN(m)
{
	model_fini(&self->model);
	strtab_free(self->st);
}

#endif
