// SPDX-License-Identifier: GPL-2.0
/* Threads and their stacks: depth, high water, limits, what is an overflow and what is not. */
#include <signal.h>

#include "attached.h"

/* ---- threads */

TEST_F(m, threads_come_and_go)
{
	struct mtr_event ev = { .kind = MTR_EV_COMM, .tid = 102 };

	thread(self, 102, 0, false);
	EXPECT_EQ(3, self->p->nr_threads);
	ev.thread.comm = strtab_intern_str(self->st, "worker");
	apply(self, ev);
	EXPECT_STREQ("worker", strtab_str(self->st, proc_thread(self->p, 102)->comm));
	thread(self, 102, 0, false); /* told of twice */
	EXPECT_EQ(3, self->p->nr_threads);
	exit_with(self, MTR_EV_THREAD_EXIT, 102, 0);
	exit_with(self, MTR_EV_THREAD_EXIT, 102, 0);
	EXPECT_EQ(2, self->p->nr_threads);
	EXPECT_EQ(NULL, proc_thread(self->p, 102));
	/* the main thread may end before the others: the process is still there */
	exit_with(self, MTR_EV_THREAD_EXIT, 100, 0);
	EXPECT_NE(NULL, proc_thread(self->p, 100));
	EXPECT_EQ(DEATH_NONE, self->p->death);
	ev.tid = 100;
	apply(self, ev);
	EXPECT_STREQ("worker", strtab_str(self->st, self->p->comm));
}

/* Kinds are decided again when a stack becomes known, not only when the map or the number of threads changed. */
TEST_F(m, kinds_follow_the_stacks)
{
	struct region *r;

	exit_with(self, MTR_EV_THREAD_EXIT, 101, 0);
	thread(self, 102, 0, false);
	proc_kinds(self->p, self->st);
	EXPECT_EQ(RK_ANON, at(self, STACK)->kind);
	sp(self, 102, STACK + 0x7000);
	proc_kinds(self->p, self->st);
	r = at(self, STACK);
	EXPECT_EQ(RK_THREAD_STACK, r->kind);
	EXPECT_EQ(102, r->tid);
	EXPECT_EQ(RK_GUARD, at(self, GUARD)->kind);
	/* one goes, another one comes: as many threads as before */
	exit_with(self, MTR_EV_THREAD_EXIT, 102, 0);
	thread(self, 103, STACK + 0x7000, false);
	proc_kinds(self->p, self->st);
	EXPECT_EQ(103, at(self, STACK)->tid);
	EXPECT_EQ(RK_STACK, at(self, MAIN)->kind);
}

/* ---- stacks */

TEST_F(m, depth_high_water_limit_headroom)
{
	struct stack_info si;

	kernel(self, 0, 0); /* RLIMIT_STACK 8M */
	thread(self, 102, STACK_END - 0x100, false);
	vma(self, MTR_EV_VMA, STACK, STACK_END, RW);
	fault(self, 102, STACK_END - 0x5008, STACK_END - 0x5010, PAGE, 0);
	sp(self, 102, STACK_END - 0x1000);
	si = stack(self, 102);
	EXPECT_EQ(0x1000, si.depth);
	EXPECT_EQ(0x6000, si.high_water); /* to the page */
	EXPECT_EQ(0x8000, si.limit);
	EXPECT_EQ(0x7000, si.headroom);
	si = stack(self, 100);
	EXPECT_EQ(0x1000, si.depth);
	EXPECT_EQ(0x1000, si.high_water);
	EXPECT_FALSE(si.high_water_exact); /* it was there before */
	EXPECT_EQ(8 << 20, si.limit);
	EXPECT_EQ((8 << 20) - 0x1000, si.headroom);
	si = stack(self, 103); /* nobody */
	EXPECT_EQ(-1, si.depth);
	EXPECT_EQ(-1, si.limit);
}

TEST_F(m, high_water_of_a_stack_used_before_is_a_bound)
{
	/* nobody has counted it yet, and it was there before memtrace */
	thread(self, 102, STACK + 0x7800, false);
	EXPECT_FALSE(stack(self, 102).high_water_exact);
	exit_with(self, MTR_EV_THREAD_EXIT, 102, 0);
	/* mapped before our eyes: nothing below its first stack pointer was touched */
	hole(self, STACK, STACK_END);
	vma(self, MTR_EV_VMA, STACK, STACK_END, RW);
	thread(self, 103, STACK + 0x7800, false);
	EXPECT_TRUE(stack(self, 103).high_water_exact);
	fault(self, 103, STACK + 0x2000, STACK + 0x2000, PAGE, 0);
	EXPECT_EQ(0x6000, stack(self, 103).high_water);
	exit_with(self, MTR_EV_THREAD_EXIT, 103, 0);
	/* glibc gives the same stack to the next one */
	thread(self, 104, STACK + 0x7800, false);
	EXPECT_FALSE(stack(self, 104).high_water_exact);
	EXPECT_EQ(0x6000, stack(self, 104).high_water);
}

TEST_F(m, a_huge_page_on_a_stack_is_a_bound)
{
	const uint64_t lo = 0x7e0000000000ull, hi = lo + (8 << 20);

	vma(self, MTR_EV_VMA, lo, hi, RW);
	thread(self, 102, hi - 0x100, false);
	EXPECT_TRUE(stack(self, 102).high_water_exact);
	fault(self, 102, hi - 0x108, hi - 0x100, 2 << 20, MTR_FAULT_F_WRITE);
	EXPECT_FALSE(stack(self, 102).high_water_exact);
	EXPECT_EQ(2 << 20, stack(self, 102).high_water);
	EXPECT_EQ(0x100, stack(self, 102).depth);
}

TEST_F(m, the_main_stack_expands)
{
	/* the kernel moves the region's start down and then takes the fault */
	vma(self, MTR_EV_VMA, MAIN - 0x2000, MAIN_END, RW | MTR_P_GROWSDOWN);
	fault(self, 100, MAIN - 0x1ff8, MAIN - 0x2000, PAGE, 0);
	EXPECT_EQ(1, proc_thread(self->p, 100)->nr_growth);
	EXPECT_EQ(0x6000, stack(self, 100).depth);
	EXPECT_EQ(0x6000, stack(self, 100).high_water);
	/* the next push makes it grow: the stack pointer stands below the region for a moment */
	sp(self, 100, MAIN - 0x2100);
	EXPECT_EQ(0x6100, stack(self, 100).depth);
}

/* A handler on an alternate stack, above: no gigabytes of high water. */
TEST_F(m, another_stack_for_a_while)
{
	const uint64_t alt = 0x7f1000000000ull;
	struct stack_info si;

	vma(self, MTR_EV_VMA, alt, alt + 0x4000, RW);
	fault(self, 101, STACK + 0x3000, STACK + 0x3000, PAGE, 0);
	EXPECT_EQ(0x5000, stack(self, 101).high_water);
	fault(self, 101, alt + 0x3800, alt + 0x3800, PAGE, 0);
	si = stack(self, 101);
	EXPECT_EQ(0x800, si.depth);
	EXPECT_EQ(0x1000, si.high_water);
	EXPECT_FALSE(si.high_water_exact);
	sp(self, 101, STACK + 0x7000);
	si = stack(self, 101);
	EXPECT_EQ(0x1000, si.depth);
	EXPECT_EQ(0x5000, si.high_water);
}

struct overflow {
	const char *what;
	uint32_t tid;
	int signo, code;
	uint64_t addr, sp;
	bool is;
};

TEST_F(m, overflows_and_other_ends)
{
	const struct overflow c[] = {
		{ "guard of a thread", 101, SIGSEGV, 2, STACK - 8, STACK + 8, true },
		{ "main, at its limit", 100, SIGSEGV, 1, MAIN - 8, MAIN + 0x10, true },
		{ "main, a large frame", 100, SIGSEGV, 1, MAIN - 0x80000, MAIN - 0x80010, true },
		{ "thread, a frame larger than the guard", 101, SIGSEGV, 1, GUARD - 0x30000,
		  GUARD - 0x30010, true },
		{ "no room for a handler's frame", 101, SIGSEGV, 0x80, 0, STACK - 0x10, true },
		{ "a null pointer", 101, SIGSEGV, 1, 0, STACK + 0x7000, false },
		{ "a wild pointer", 100, SIGSEGV, 1, HEAP + 0x20000, MAIN + 0x3000, false },
		{ "a write to what is read-only", 101, SIGSEGV, 2, STACK_END + 0x100,
		  STACK + 0x7000, false },
		{ "a general protection fault", 101, SIGSEGV, 0x80, 0, STACK + 0x7000, false },
		{ "kill(2)", 101, SIGSEGV, 0, STACK - 8, STACK + 8, false },
		{ "abort", 101, SIGABRT, -6, 0, STACK + 8, false },
	};

	kernel(self, 0, 0);
	for (unsigned int i = 0; i < sizeof(c) / sizeof(*c); i++) {
		struct crash *cr = &self->p->crash;

		crash(self, c[i].tid, c[i].signo, c[i].code, c[i].addr, c[i].sp);
		EXPECT_EQ(c[i].is, cr->stack_overflow)
		TH_LOG("%s", c[i].what);
		EXPECT_EQ(c[i].tid, cr->tid);
		EXPECT_EQ(c[i].addr, cr->addr);
		EXPECT_EQ(c[i].signo, cr->signo);
		if (!c[i].is)
			continue;
		EXPECT_EQ(c[i].tid == 100 ? MAIN_END : STACK_END, cr->stack_end)
		TH_LOG("%s", c[i].what);
		EXPECT_EQ(c[i].tid == 100 ? 8u << 20 : 0x8000u, cr->limit_bytes)
		TH_LOG("%s", c[i].what);
	}
}

TEST_F(m, a_signal_with_a_handler_is_no_end)
{
	struct mtr_event ev = { .kind = MTR_EV_SIGNAL, .tid = 101 };

	ev.signal = (struct mtr_ev_signal){
		.signo = SIGSEGV, .code = 1, .addr = STACK - 8, .sp = STACK + 8
	};
	apply(self, ev);
	EXPECT_EQ(0, self->p->crash.signo);
}

TEST_F(m, limits_come_and_go)
{
	EXPECT_EQ(-1, self->p->stack_limit);
	EXPECT_EQ(-1, stack(self, 100).limit);
	kernel(self, 0, 0);
	EXPECT_EQ(8 << 20, self->p->stack_limit);
	self->p->stack_limit = -1; /* unlimited now */
	EXPECT_EQ(-1, stack(self, 100).limit);
	EXPECT_EQ(-1, stack(self, 100).headroom);
	EXPECT_EQ(0x8000, stack(self, 101).limit); /* a thread's is its mapping */
}

TEST_HARNESS_MAIN
