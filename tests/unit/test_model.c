// SPDX-License-Identifier: GPL-2.0
/* Events in, model out: sequences written by hand, as a kernel sends them. */
#include <signal.h>

#include "attached.h"

/* ---- attach, snapshots, drift */

TEST_F(m, attach_knows_the_map_and_counts_nothing_as_growth)
{
	struct proc *p = self->p;

	EXPECT_EQ(4, p->aspace.nr);
	EXPECT_EQ(40 * PAGE, proc_rss(p));
	EXPECT_EQ(40 * PAGE, p->base_rss);
	EXPECT_EQ(0, p->nr_drift);
	EXPECT_FALSE(p->want_maps);
	EXPECT_EQ(RES_UNKNOWN, at(self, HEAP)->residency);
	EXPECT_TRUE(at(self, HEAP)->dirty);
	EXPECT_EQ(0x10000, at(self, HEAP)->base_virt);
	residency(self, HEAP, HEAP + 0x10000, 12, self->now);
	EXPECT_EQ(12 * PAGE, at(self, HEAP)->base_res);
	EXPECT_EQ(12 * PAGE, region_resident(at(self, HEAP)));
	EXPECT_EQ(RES_RECONCILED, at(self, HEAP)->residency);
	EXPECT_FALSE(at(self, HEAP)->dirty);
}

TEST_F(m, unannounced_address_spaces_concern_nobody)
{
	struct mtr_event ev = { .kind = MTR_EV_VMA, .as = 9 };

	ev.vma = (struct mtr_ev_vma){ .start = HEAP, .end = HEAP + 0x1000, .prot = RW };
	EXPECT_EQ(0, apply(self, ev));
	EXPECT_EQ(NULL, model_proc(&self->model, 9));
	EXPECT_EQ(4, self->p->aspace.nr);
}

/* A growth that a reading saw half: the events since its beginning put it right, once or twice. */
TEST_F(m, replay_heals_a_torn_snapshot)
{
	for (unsigned int twice = 0; twice < 2; twice++) {
		/* the reading met the low half of a region that was just being moved */
		snap(self, MTR_EV_SNAP_BEGIN, false);
		vma(self, MTR_EV_SNAP_VMA, HEAP, HEAP + 0x8000, RW);
		vma(self, MTR_EV_SNAP_VMA, HEAP + 0x9000, HEAP + 0xa000, MTR_P_READ);
		vma(self, MTR_EV_SNAP_VMA, GUARD, STACK, 0);
		vma(self, MTR_EV_SNAP_VMA, STACK, STACK_END, RW);
		vma(self, MTR_EV_SNAP_VMA, MAIN, MAIN_END, RW);
		snap(self, MTR_EV_SNAP_END, true);
		for (unsigned int i = 0; i <= twice; i++) {
			vma(self, MTR_EV_VMA, HEAP, HEAP + 0x20000, RW);
			hole(self, HEAP + 0x18000, HEAP + 0x20000);
		}
		EXPECT_EQ(4, self->p->aspace.nr);
		EXPECT_EQ(HEAP + 0x18000, at(self, HEAP)->end);
		EXPECT_EQ(RW, at(self, HEAP)->prot);
	}
}

TEST_F(m, a_reading_that_broke_off_sweeps_nothing)
{
	snap(self, MTR_EV_SNAP_BEGIN, false);
	vma(self, MTR_EV_SNAP_VMA, HEAP, HEAP + 0x10000, RW);
	snap(self, MTR_EV_SNAP_END, false);
	EXPECT_EQ(4, self->p->aspace.nr);
	EXPECT_EQ(0, self->p->nr_resync);
}

/* What a later reading finds otherwise, and no event explains by the interval after it, is drift. */
TEST_F(m, drift_is_counted_and_swept)
{
	vma(self, MTR_EV_VMA, HEAP + 0x100000, HEAP + 0x101000,
	    RW); /* it went, and nobody said so */
	vma(self, MTR_EV_VMA, GUARD, STACK, MTR_P_READ); /* its protection is another one */
	EXPECT_EQ(5, self->p->aspace.nr);
	read_map(self);
	EXPECT_EQ(4, self->p->aspace.nr);
	EXPECT_EQ(0, at(self, GUARD)->prot);
	EXPECT_EQ(1, self->p->nr_resync);
	proc_tick(self->p, self->now += S, self->st);
	proc_tick(self->p, self->now += S, self->st);
	EXPECT_EQ(2, self->p->nr_drift);
	/* and the same once more is none */
	read_map(self);
	proc_tick(self->p, self->now += S, self->st);
	proc_tick(self->p, self->now += S, self->st);
	EXPECT_EQ(2, self->p->nr_drift);
	/* what maps does not tell stays as it is known */
	EXPECT_EQ(RW | MTR_P_GROWSDOWN, at(self, MAIN)->prot);
}

TEST_F(m, resync_asks_for_a_reading)
{
	struct mtr_event ev = { .kind = MTR_EV_RESYNC };

	apply(self, ev);
	EXPECT_TRUE(self->p->want_maps);
	read_map(self);
	EXPECT_FALSE(self->p->want_maps);
}

/* ---- exec, fork, exit */

TEST_F(m, exec_is_a_new_address_space_of_the_same_process)
{
	struct mtr_event ev = attach_ev(2, 100, 5 * PAGE);
	struct proc *p;

	kernel(self, 10, 0);
	ev.kind = MTR_EV_EXEC;
	ev.proc.prev_as = 1;
	ev.proc.min_flt = 30;
	ev.proc.maj_flt = 2;
	ev.proc.comm = strtab_intern_str(self->st, "new");
	apply(self, ev);
	p = model_proc(&self->model, 2);
	ASSERT_NE(NULL, p);
	EXPECT_EQ(2, self->p->replaced_by);
	EXPECT_EQ(p, model_proc_by_pid(&self->model, 100));
	EXPECT_EQ(1, p->exec_nr);
	EXPECT_EQ(8 << 20, p->stack_limit); /* limits survive an exec */
	EXPECT_EQ(0, p->aspace.nr);
	EXPECT_EQ(0, p->nr_threads);
	EXPECT_TRUE(p->from_start);
	EXPECT_STREQ("new", strtab_str(self->st, p->comm));
	/* counted from the exec on */
	ev = (struct mtr_event){ .kind = MTR_EV_KERNEL, .as = 2 };
	ev.kernel.minflt = 37;
	ev.kernel.majflt = 3;
	apply(self, ev);
	EXPECT_EQ(8, proc_unseen(p));
}

/* A vfork child ran on its parent's memory: the parent goes on where it is. */
TEST_F(m, exec_of_a_vfork_child_leaves_the_parent)
{
	struct mtr_event ev = attach_ev(2, 200, 5 * PAGE);

	kernel(self, 10, 0);
	ev.kind = MTR_EV_EXEC;
	ev.proc.prev_as = 1;
	apply(self, ev);
	EXPECT_EQ(0, self->p->replaced_by);
	EXPECT_EQ(self->p, model_proc_by_pid(&self->model, 100));
	EXPECT_EQ(8 << 20, model_proc(&self->model, 2)->stack_limit);
	EXPECT_EQ(0, model_proc(&self->model, 2)->exec_nr);
}

/* What a child got from its parent was there before it was traced: no growth. */
TEST_F(m, a_forked_child_begins_with_its_parents_pages)
{
	struct mtr_event ev = attach_ev(3, 300, 6 * PAGE);
	struct proc *child;

	ev.proc.forked = true;
	ev.proc.prev_as = 1;
	ev.proc.min_flt = ev.proc.maj_flt = 0;
	apply(self, ev);
	child = model_proc(&self->model, 3);
	ASSERT_NE(NULL, child);
	EXPECT_TRUE(child->from_start);
	EXPECT_EQ(0, self->p->replaced_by);
	EXPECT_EQ(self->p, model_proc_by_pid(&self->model, 100));
	self->p = child;
	ev = (struct mtr_event){ .kind = MTR_EV_SNAP_BEGIN, .as = 3 };
	ev.snap.what = MTR_SNAP_MAPS;
	apply(self, ev);
	ev = (struct mtr_event){ .kind = MTR_EV_SNAP_VMA, .as = 3 };
	ev.vma = (struct mtr_ev_vma){ .start = HEAP, .end = HEAP + 0x10000, .prot = RW };
	apply(self, ev);
	ev = (struct mtr_event){ .kind = MTR_EV_SNAP_END, .as = 3 };
	ev.snap.what = MTR_SNAP_MAPS;
	ev.snap.complete = true;
	apply(self, ev);
	ev = (struct mtr_event){ .kind = MTR_EV_RESIDENCY, .as = 3, .time_ns = self->now };
	ev.residency = (struct mtr_ev_residency){ .start = HEAP,
						  .end = HEAP + 0x10000,
						  .present = 6 * PAGE,
						  .anon = 6 * PAGE,
						  .begin_ns = self->now };
	apply(self, ev);
	EXPECT_EQ(6 * PAGE, at(self, HEAP)->base_res);
	proc_tick(child, self->now += S, self->st);
	EXPECT_EQ(6 * PAGE, child->before_attach);
	EXPECT_EQ(0, child->residual);
}

TEST_F(m, how_it_ended)
{
	exit_with(self, MTR_EV_EXIT, 100, 3 << 8);
	EXPECT_EQ(DEATH_EXIT, self->p->death);
	EXPECT_EQ('X', self->p->state);
	EXPECT_EQ(3 << 8, self->p->exit_code);
	EXPECT_EQ(self->p,
		  model_proc_by_pid(&self->model, 100)); /* none that lives: the last one */
	self->p->death = DEATH_NONE;
	exit_with(self, MTR_EV_EXIT, 100, SIGKILL);
	EXPECT_EQ(DEATH_SIGNAL, self->p->death);
	self->p->death = DEATH_NONE;
	apply(self, (struct mtr_event){ .kind = MTR_EV_OOM });
	exit_with(self, MTR_EV_EXIT, 100, SIGKILL);
	EXPECT_EQ(DEATH_OOM, self->p->death);
}

/* Its end was lost, and its absence noticed. */
TEST_F(m, an_end_that_nobody_saw)
{
	exit_with(self, MTR_EV_EXIT, 0, -1);
	EXPECT_EQ(DEATH_EXIT, self->p->death);
	EXPECT_EQ(-1, self->p->exit_code);
	self->p->death = DEATH_NONE;
	crash(self, 100, SIGSEGV, 1, 8, MAIN + 0x3000);
	exit_with(self, MTR_EV_EXIT, 0, -1);
	EXPECT_EQ(DEATH_SIGNAL, self->p->death);
	EXPECT_EQ(SIGSEGV, self->p->exit_code);
}

TEST_F(m, a_pid_used_again)
{
	exit_with(self, MTR_EV_EXIT, 100, 0);
	apply(self, attach_ev(7, 100, 0));
	EXPECT_EQ(7, model_proc_by_pid(&self->model, 100)->as);
	EXPECT_EQ(NULL, model_proc_by_pid(&self->model, 4711));
}

/* ---- faults and bytes */

TEST_F(m, faults_with_and_without_bytes)
{
	struct region *r = at(self, HEAP);

	fault(self, 100, HEAP + 0x3008, 0, PAGE, MTR_FAULT_F_WRITE | MTR_FAULT_F_USER);
	fault(self, 100, HEAP + 0x5000, 0, 0, MTR_FAULT_F_USER); /* the zero page */
	fault(self, 100, HEAP + 0x7000, 0, 3 * PAGE, MTR_FAULT_F_MAJOR);
	EXPECT_EQ(2, r->minor);
	EXPECT_EQ(1, r->major);
	EXPECT_EQ(4 * PAGE, r->res[MTR_ANON]);
	EXPECT_EQ(HEAP + 0x3000, r->lowest);
	EXPECT_EQ(44 * PAGE, proc_rss(self->p));
	EXPECT_EQ(3, proc_seen(self->p));
	EXPECT_EQ(2, self->p->nr_minor);
	EXPECT_EQ(1, self->p->nr_major);
	EXPECT_EQ(1, self->p->nr_nobytes);
	EXPECT_EQ(3, proc_thread(self->p, 100)->faults);
	/* an address that is in no region: counted, on no region */
	fault(self, 100, HEAP - 0x10000, 0, PAGE, 0);
	EXPECT_EQ(4, proc_seen(self->p));
	EXPECT_EQ((uint64_t)PAGE, self->p->unplaced);
	EXPECT_EQ(45 * PAGE, proc_rss(self->p));
}

TEST_F(m, faults_the_kernel_does_not_count)
{
	struct region *r = at(self, HEAP);

	fault(self, 100, HEAP, 0, 0, MTR_FAULT_F_FAILED);
	fault(self, 100, HEAP, 0, PAGE, MTR_FAULT_F_FOREIGN);
	EXPECT_EQ(0, proc_seen(self->p));
	EXPECT_EQ(1, self->p->nr_failed);
	EXPECT_EQ(0, r->minor + r->major);
	EXPECT_EQ(PAGE, r->res[MTR_ANON]); /* but the pages are this process's */
	EXPECT_EQ(41 * PAGE, proc_rss(self->p));
}

/* Whether a fault was major is known when the thread's next one begins. */
TEST_F(m, the_fault_before_was_major)
{
	fault(self, 100, HEAP, 0, PAGE, 0);
	fault(self, 101, STACK + 0x6000, 0, PAGE, 0); /* another thread's in between */
	fault(self, 100, STACK + 0x5000, 0, PAGE, MTR_FAULT_F_PREV_MAJOR);
	EXPECT_EQ(0, at(self, HEAP)->minor);
	EXPECT_EQ(1, at(self, HEAP)->major);
	EXPECT_EQ(2, at(self, STACK)->minor);
	EXPECT_EQ(2, self->p->nr_minor);
	EXPECT_EQ(1, self->p->nr_major);
	EXPECT_EQ(3, proc_seen(self->p));
	/* a thread whose first fault is seen now has none before it */
	thread(self, 102, 0, true);
	fault(self, 102, HEAP, 0, 0, MTR_FAULT_F_PREV_MAJOR);
	EXPECT_EQ(1, self->p->nr_major);
}

TEST_F(m, unseen_is_what_the_kernel_counts_besides)
{
	EXPECT_EQ(0, proc_unseen(self->p)); /* not known yet */
	kernel(self, 1000, 50);
	EXPECT_EQ(0, proc_unseen(self->p));
	fault(self, 100, HEAP, 0, PAGE, 0);
	kernel(self, 1011, 52);
	EXPECT_EQ(12, proc_unseen(self->p));
	kernel(self, -1, -1); /* could not be read */
	EXPECT_EQ(12, proc_unseen(self->p));
	kernel(self, 1000, 50); /* read before the fault was counted: never less than none */
	EXPECT_EQ(0, proc_unseen(self->p));
}

TEST_F(m, counter_changes_in_one_region)
{
	rss(self, 5 * PAGE, MTR_WHY_SYSCALL, HEAP, HEAP + 0x8000);
	EXPECT_EQ(5 * PAGE, at(self, HEAP)->res[MTR_ANON]);
	EXPECT_TRUE(at(self, HEAP)->dirty);
	EXPECT_EQ(5 * PAGE, at(self, HEAP)->peak);
	rss(self, -2 * PAGE, MTR_WHY_SYSCALL, HEAP, HEAP + 0x8000);
	EXPECT_EQ(3 * PAGE, at(self, HEAP)->res[MTR_ANON]);
	EXPECT_EQ(5 * PAGE, at(self, HEAP)->peak);
	EXPECT_EQ(43 * PAGE, proc_rss(self->p));
	EXPECT_EQ(0, self->p->unplaced);
}

TEST_F(m, counter_changes_over_several_regions)
{
	int64_t before = proc_rss(self->p);
	struct region *g, *s;

	vma(self, MTR_EV_VMA, STACK_END, STACK_END + 0x8000, RW | MTR_P_SHARED);
	g = at(self, STACK);
	s = at(self, STACK_END);
	rss(self, 8 * PAGE, MTR_WHY_SYSCALL, STACK, STACK_END + 0x8000);
	EXPECT_EQ(8 * PAGE, g->res[MTR_ANON] + s->res[MTR_ANON]);
	EXPECT_EQ(4 * PAGE, g->res[MTR_ANON]); /* as much room in the one as in the other */
	EXPECT_TRUE(g->dirty && s->dirty);
	g->res[MTR_ANON] = 6 * PAGE;
	s->res[MTR_ANON] = 2 * PAGE;
	rss(self, -4 * PAGE, MTR_WHY_SYSCALL, STACK, STACK_END + 0x8000);
	EXPECT_EQ(3 * PAGE, g->res[MTR_ANON]); /* who had more gives more */
	EXPECT_EQ(1 * PAGE, s->res[MTR_ANON]);
	EXPECT_EQ(before + 4 * PAGE, proc_rss(self->p));
	/* more than there is, and no way to share it: the sum stays right all the same */
	rss(self, -9 * PAGE, MTR_WHY_SYSCALL, STACK, STACK_END + 0x8000);
	EXPECT_EQ(-5 * PAGE, g->res[MTR_ANON] + s->res[MTR_ANON]);
}

TEST_F(m, counter_changes_nowhere)
{
	/* kswapd: no range */
	rss(self, -7 * PAGE, MTR_WHY_FOREIGN, 0, 0);
	EXPECT_EQ((uint64_t)(7 * PAGE), self->p->unplaced);
	EXPECT_EQ(33 * PAGE, proc_rss(self->p));
	/* a range with nothing in it takes pages: strange, to be looked for */
	rss(self, 2 * PAGE, MTR_WHY_SYSCALL, HEAP - 0x2000, HEAP - 0x1000);
	EXPECT_EQ((uint64_t)(9 * PAGE), self->p->unplaced);
	/* munmap: the region went first and took its pages along */
	rss(self, -2 * PAGE, MTR_WHY_SYSCALL, HEAP - 0x2000, HEAP - 0x1000);
	EXPECT_EQ((uint64_t)(9 * PAGE), self->p->unplaced);
	/* the zero page, a fault in no region */
	rss(self, PAGE, MTR_WHY_FAULT, HEAP - 0x2000, HEAP - 0x1000);
	EXPECT_EQ((uint64_t)(10 * PAGE), self->p->unplaced);
}

TEST_F(m, what_was_there_at_attach_is_no_change)
{
	rss(self, 3 * PAGE, MTR_WHY_ATTACH, 0, 0);
	EXPECT_EQ(43 * PAGE, proc_rss(self->p));
	EXPECT_EQ(43 * PAGE, self->p->base_rss);
	EXPECT_EQ(43 * PAGE, self->p->rss_attach[MTR_ANON]);
	EXPECT_EQ(0, self->p->unplaced);
}

TEST_F(m, swap_is_not_resident)
{
	struct mtr_event ev = { .kind = MTR_EV_RSS };

	ev.rss = (struct mtr_ev_rss){ .bytes = 4 * PAGE,
				      .member = MTR_SWAP,
				      .why = MTR_WHY_FOREIGN };
	apply(self, ev);
	EXPECT_EQ(40 * PAGE, proc_rss(self->p));
	EXPECT_EQ(4 * PAGE, self->p->rss[MTR_SWAP]);
}

/* ---- counts from the page tables */

TEST_F(m, a_count_outdoes_what_is_older)
{
	uint64_t counted = self->now + 1000;
	struct mtr_event ev = { .kind = MTR_EV_FAULT, .tid = 100 };

	residency(self, HEAP, HEAP + 0x10000, 10, counted);
	at(self, HEAP)->res_epoch = 5;
	at(self, HEAP)->res_end_epoch = 6;
	ev.fault = (struct mtr_ev_fault){ .addr = HEAP, .bytes = PAGE, .member = MTR_ANON };
	ev.epoch = 4;
	ev.time_ns = counted + 1; /* the clock has no say in it */
	apply(self, ev);
	EXPECT_EQ(10 * PAGE, region_resident(at(self, HEAP))); /* it is in the count */
	EXPECT_EQ(1, at(self, HEAP)->minor); /* but it was a fault */
	EXPECT_EQ(41 * PAGE, proc_rss(self->p));
	EXPECT_EQ(RES_RECONCILED, at(self, HEAP)->residency);
	ev.epoch = 6;
	apply(self, ev);
	EXPECT_EQ(11 * PAGE, region_resident(at(self, HEAP)));
	EXPECT_EQ(RES_ESTIMATED, at(self, HEAP)->residency);
	EXPECT_EQ(10 * PAGE, at(self, HEAP)->base_res);
}

/* While it was counted pages came: when they are more than a few it is counted again. */
TEST_F(m, a_count_amid_changes_is_repeated)
{
	struct mtr_event ev = { .kind = MTR_EV_FAULT, .tid = 100, .epoch = UINT32_MAX };

	residency(self, HEAP, HEAP + 0x10000, 10, self->now);
	at(self, HEAP)->res_epoch = UINT32_MAX; /* the number wraps */
	at(self, HEAP)->res_end_epoch = 0;
	ev.fault = (struct mtr_ev_fault){ .addr = HEAP, .bytes = PAGE, .member = MTR_ANON };
	for (int i = 0; i < 4; i++)
		apply(self, ev);
	EXPECT_FALSE(at(self, HEAP)->dirty);
	ev.epoch = 0;
	apply(self, ev); /* surely after it */
	EXPECT_FALSE(at(self, HEAP)->dirty);
	ev.epoch = UINT32_MAX;
	apply(self, ev);
	EXPECT_TRUE(at(self, HEAP)->dirty);
	EXPECT_EQ(16 * PAGE, region_resident(at(self, HEAP)));
	residency(self, HEAP, HEAP + 0x10000, 16, self->now);
	EXPECT_FALSE(at(self, HEAP)->dirty);
	EXPECT_EQ(0, at(self, HEAP)->unsure);
}

/* What events brought before the first count is growth, what the count finds besides was there. */
TEST_F(m, the_first_count_is_the_baseline)
{
	fault(self, 100, HEAP, 0, 2 * PAGE, 0);
	/* it grows before anybody has counted: still not counted, still with a past */
	vma(self, MTR_EV_VMA, HEAP, HEAP + 0x20000, RW);
	EXPECT_EQ(RES_UNKNOWN, at(self, HEAP)->residency);
	EXPECT_EQ(0x10000, at(self, HEAP)->base_virt);
	residency(self, HEAP, HEAP + 0x20000, 14, self->now);
	EXPECT_EQ(12 * PAGE, at(self, HEAP)->base_res);
	EXPECT_EQ(14 * PAGE, region_resident(at(self, HEAP)));
	residency(self, HEAP, HEAP + 0x20000, 20, self->now);
	EXPECT_EQ(12 * PAGE, at(self, HEAP)->base_res);
	EXPECT_EQ(20 * PAGE, at(self, HEAP)->peak);
	/* a region that was not there at attach has no past */
	vma(self, MTR_EV_VMA, HEAP + 0x100000, HEAP + 0x104000, RW);
	residency(self, HEAP + 0x100000, HEAP + 0x104000, 4, self->now);
	EXPECT_EQ(0, at(self, HEAP + 0x100000)->base_res);
}

TEST_F(m, a_count_of_another_region_is_dropped)
{
	residency(self, HEAP, HEAP + 0x8000, 8, self->now);
	residency(self, HEAP + 0x1000, HEAP + 0x10000, 8, self->now);
	EXPECT_EQ(RES_UNKNOWN, at(self, HEAP)->residency);
	EXPECT_TRUE(at(self, HEAP)->dirty);
}

/* ---- intervals and the baseline */

TEST_F(m, rates_over_an_interval)
{
	proc_tick(self->p, self->now += S, self->st);
	fault(self, 100, HEAP, 0, 8 * PAGE, 0);
	fault(self, 100, HEAP + 0x8000, 0, 2 * PAGE, MTR_FAULT_F_MAJOR);
	proc_tick(self->p, self->p->tick_ns + 2 * S, self->st);
	EXPECT_EQ(5 * PAGE, (int64_t)self->p->rss_rate);
	EXPECT_EQ(5 * PAGE, (int64_t)at(self, HEAP)->rate);
	EXPECT_EQ(1, (int64_t)at(self, HEAP)->fault_rate);
	EXPECT_TRUE(at(self, HEAP)->grew);
	EXPECT_FALSE(at(self, STACK)->grew);
	EXPECT_EQ(0.5, self->p->minor_rate);
	EXPECT_EQ(0.5, self->p->major_rate);
	proc_tick(self->p, self->p->tick_ns + S, self->st);
	EXPECT_EQ(0, self->p->rss_rate);
	EXPECT_FALSE(at(self, HEAP)->grew);
	EXPECT_EQ(3, self->p->history.nr);
}

/* 1.2 MB in a millisecond is no 1.2 GB/s. */
TEST_F(m, an_instant_has_no_rate)
{
	uint64_t t0;

	fault(self, 100, HEAP, 0, 8 * PAGE, 0);
	t0 = self->p->tick_ns + S / 1000;
	proc_tick(self->p, t0, self->st);
	EXPECT_EQ(0, self->p->rss_rate);
	EXPECT_EQ(0, self->p->minor_rate);
	fault(self, 100, HEAP, 0, 4 * PAGE, 0);
	proc_tick(self->p, t0 + S / 1000, self->st);
	EXPECT_EQ(0, self->p->rss_rate);
	EXPECT_EQ(0, at(self, HEAP)->rate);
	/* it counts from where the interval began */
	proc_tick(self->p, t0 + S, self->st);
	EXPECT_EQ(4 * PAGE, (int64_t)self->p->rss_rate);
	EXPECT_EQ(4 * PAGE, (int64_t)at(self, HEAP)->rate);
	/* the last look, right after an interval, leaves its rates */
	proc_tick(self->p, t0 + S + S / 1000, self->st);
	EXPECT_EQ(4 * PAGE, (int64_t)self->p->rss_rate);
	EXPECT_TRUE(at(self, HEAP)->grew);
}

TEST_F(m, a_fault_taken_back_is_no_negative_rate)
{
	fault(self, 100, HEAP, 0, PAGE, 0);
	proc_tick(self->p, self->now += S, self->st);
	fault(self, 100, HEAP + 0x1000, 0, PAGE, MTR_FAULT_F_PREV_MAJOR | MTR_FAULT_F_MAJOR);
	proc_tick(self->p, self->p->tick_ns + S, self->st);
	EXPECT_EQ(0, self->p->minor_rate);
	EXPECT_EQ(2, self->p->major_rate);
	EXPECT_EQ(1, at(self, HEAP)->fault_rate);
}

TEST_F(m, growth_since_a_new_baseline)
{
	fault(self, 100, HEAP, 0, 8 * PAGE, 0);
	proc_baseline(self->p, self->now);
	EXPECT_EQ(48 * PAGE, self->p->base_rss);
	EXPECT_EQ(8 * PAGE, at(self, HEAP)->base_res);
	EXPECT_EQ(0x10000, at(self, HEAP)->base_virt);
	EXPECT_EQ(self->now, self->p->base_ns);
	/* the first count comes later: what it finds besides was there then, too */
	fault(self, 100, HEAP + 0x9000, 0, PAGE, 0);
	residency(self, HEAP, HEAP + 0x10000, 13, self->now);
	EXPECT_EQ(12 * PAGE, at(self, HEAP)->base_res);
}

/* Change of RSS = what regions gained + residual; huge TLB pages are memory, but not in RSS. */
TEST_F(m, residual_is_what_is_on_no_region)
{
	residency(self, HEAP, HEAP + 0x10000, 10, self->now);
	residency(self, MAIN, MAIN_END, 3, self->now);
	vma(self, MTR_EV_VMA, 0x7e0000000000ull, 0x7e0000400000ull, RW | MTR_P_HUGETLB);
	residency(self, 0x7e0000000000ull, 0x7e0000400000ull, 1024, self->now);
	proc_tick(self->p, self->now += S, self->st);
	EXPECT_EQ(RK_HUGETLB, at(self, 0x7e0000000000ull)->kind);
	EXPECT_EQ(13 * PAGE, self->p->regions_res);
	EXPECT_EQ(27 * PAGE, self->p->residual);
	EXPECT_EQ(4 << 20, region_resident(at(self, 0x7e0000000000ull)));
	EXPECT_EQ(0, self->p->history.s[0].bytes[HC_ANON]);
	EXPECT_EQ(10 * PAGE, self->p->history.s[0].bytes[HC_HEAP]);
	EXPECT_EQ(3 * PAGE, self->p->history.s[0].bytes[HC_STACK]);
}

/* ---- losses */

TEST_F(m, losses_are_kept_by_kind)
{
	struct mtr_event ev = { .kind = MTR_EV_LOST };

	ev.lost = (struct mtr_ev_lost){ .what = MTR_EV_FAULT, .count = 3 };
	apply(self, ev);
	apply(self, ev);
	ev.lost = (struct mtr_ev_lost){ .what = 1000, .count = 5 };
	apply(self, ev);
	EXPECT_EQ(6, self->model.lost[MTR_EV_FAULT]);
	EXPECT_EQ(5, self->model.lost[0]);
	EXPECT_EQ(11, model_lost(&self->model));
}

TEST_F(m, kinds_and_hooks_dropped_for_tests)
{
	struct mtr_event ev = { .kind = MTR_EV_VMA };

	self->model.drop_kinds = 1ull << MTR_EV_FAULT;
	fault(self, 100, HEAP, 0, PAGE, 0);
	EXPECT_EQ(0, proc_seen(self->p));
	self->model.drop_srcs = 1u << 2;
	ev.vma = (struct mtr_ev_vma){ .start = HEAP, .end = HEAP + 0x20000, .prot = RW, .src = 2 };
	apply(self, ev);
	EXPECT_EQ(HEAP + 0x10000, at(self, HEAP)->end);
	ev.vma.src = 1;
	apply(self, ev);
	EXPECT_EQ(HEAP + 0x20000, at(self, HEAP)->end);
}

/* ---- files that only BPF told of */

static void bpf_file(M *m, uint64_t start, uint64_t ino, uint32_t magic, const char *name,
		     uint32_t prot)
{
	struct mtr_event ev = { .kind = MTR_EV_FILE };

	ev.file = (struct mtr_ev_file){ .ino = ino, .dev = 5, .fs_magic = magic };
	ev.file.name = strtab_intern_str(m->st, name);
	apply(m, ev);
	ev = (struct mtr_event){ .kind = MTR_EV_VMA };
	ev.vma = (struct mtr_ev_vma){
		.start = start, .end = start + 0x1000, .prot = prot, .dev = 5, .ino = ino
	};
	apply(m, ev);
}

TEST_F(m, files_by_their_filesystem)
{
	const uint64_t base = 0x7d0000000000ull;

	bpf_file(self, base, 1, 0x01021994, "ring", RW | MTR_P_SHARED);
	bpf_file(self, base + 0x2000, 2, 0x958458f6, "pool", RW | MTR_P_SHARED);
	bpf_file(self, base + 0x4000, 3, 0xef53, "data", RW | MTR_P_SHARED);
	bpf_file(self, base + 0x6000, 4, 0x01021994, "memfd:x", RW | MTR_P_SHARED);
	bpf_file(self, base + 0x8000, 5, 0x01021994, "prog", MTR_P_READ | MTR_P_EXEC);
	proc_kinds(self->p, self->st);
	EXPECT_EQ(RK_SHM, at(self, base)->kind);
	EXPECT_EQ(RK_HUGETLB, at(self, base + 0x2000)->kind);
	EXPECT_EQ(RK_FILE, at(self, base + 0x4000)->kind);
	EXPECT_EQ(RK_MEMFD, at(self, base + 0x6000)->kind);
	EXPECT_EQ(RK_TEXT, at(self, base + 0x8000)->kind);
	EXPECT_STREQ("ring", strtab_str(self->st, at(self, base)->name));
}

/* A path that is known says more than a last component, and decides. */
TEST_F(m, a_path_is_kept)
{
	const uint64_t base = 0x7d0000000000ull;
	struct mtr_event ev = { .kind = MTR_EV_SNAP_VMA };

	snap(self, MTR_EV_SNAP_BEGIN, false);
	ev.vma = (struct mtr_ev_vma){
		.start = base, .end = base + 0x1000, .prot = RW, .dev = 5, .ino = 1
	};
	ev.vma.name = strtab_intern_str(self->st, "/tmp/ring (deleted)");
	apply(self, ev);
	snap(self, MTR_EV_SNAP_END, false);
	bpf_file(self, base + 0x2000, 1, 0x01021994, "ring", RW);
	EXPECT_STREQ("/tmp/ring (deleted)", strtab_str(self->st, at(self, base + 0x2000)->name));
	proc_kinds(self->p, self->st);
	EXPECT_EQ(RK_FILE, at(self, base + 0x2000)->kind);
	/* the inode's number was given to another file */
	bpf_file(self, base + 0x4000, 1, 0xef53, "other", RW);
	EXPECT_STREQ("other", strtab_str(self->st, at(self, base + 0x4000)->name));
}

TEST_HARNESS_MAIN
