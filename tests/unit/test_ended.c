// SPDX-License-Identifier: GPL-2.0
/* How a process ended, in words; and a process kept as it was while the model goes on. */
#include <string.h>

#include "analysis/ended.h"
#include "fake_model.h"
#include "kselftest_harness.h"

FIXTURE(ended)
{
	struct fake fake;
	struct proc *p;
	char buf[256];
};

FIXTURE_SETUP(ended)
{
	const struct fake_opts o = { .nr_procs = 1 };

	ASSERT_EQ(0, fake_init(&self->fake, &o));
	fake_tick(&self->fake);
	self->p = fake_proc(&self->fake, 0);
}

FIXTURE_TEARDOWN(ended)
{
	fake_fini(&self->fake);
}

#define SAYS(text) \
	EXPECT_STREQ(text, ended_text(self->buf, sizeof(self->buf), self->p, self->fake.st, false))

TEST_F(ended, alive)
{
	SAYS("");
	EXPECT_FALSE(ended_well(self->p));
}

TEST_F(ended, by_itself)
{
	fake_exit(&self->fake, 0);
	SAYS("ended by itself, exit status 0");
	EXPECT_TRUE(ended_well(self->p));
}

TEST_F(ended, with_a_status)
{
	fake_exit(&self->fake, 3 << 8);
	SAYS("ended by itself, exit status 3");
	EXPECT_FALSE(ended_well(self->p));
}

TEST_F(ended, unseen)
{
	fake_exit(&self->fake, 0);
	self->p->exit_code = -1;
	SAYS("how is not known");
	EXPECT_FALSE(ended_well(self->p));
}

TEST_F(ended, by_a_signal)
{
	fake_exit(&self->fake, 9);
	SAYS("killed by SIGKILL");
	self->p->exit_code = 40; /* a real-time signal has no name */
	SAYS("killed by signal 40");
	self->p->exit_code = 11 | 0x80; /* with a core */
	SAYS("killed by SIGSEGV");
}

TEST_F(ended, by_its_own_fault)
{
	fake_exit(&self->fake, 11);
	self->p->crash = (struct crash){ .signo = 11, .tid = 4125, .addr = 0x10 };
	self->p->crash.comm = strtab_intern_str(self->fake.st, "bio_aof");
	SAYS("killed by SIGSEGV in bio_aof#4125 at 10");
	self->p->crash.tid = FAKE_PID;
	SAYS("killed by SIGSEGV in main thread at 10");
	self->p->crash.tid = 999;
	self->p->crash.comm = 0; /* not known */
	self->p->crash.addr = 0;
	SAYS("killed by SIGSEGV in thread #999");
	self->p->crash.signo = 6; /* another signal than the one it died of */
	SAYS("killed by SIGSEGV");
}

TEST_F(ended, by_stack_overflow)
{
	fake_exit(&self->fake, 11);
	self->p->crash = (struct crash){ .signo = 11,
					 .tid = 4125,
					 .addr = 0x7fc91b9feff8,
					 .sp = 0x7fc91b9ff000,
					 .stack_overflow = true,
					 .stack_start = 0x7fc91b9ff000,
					 .stack_end = 0x7fc91c1ff000,
					 .limit_bytes = 8 << 20,
					 .comm = strtab_intern_str(self->fake.st, "bio_aof") };
	SAYS("STACK OVERFLOW in bio_aof#4125: 8.0M deep of 8.0M, SIGSEGV at 7fc91b9feff8");
	/* no limit: ulimit -s unlimited */
	self->p->crash.limit_bytes = 0;
	SAYS("STACK OVERFLOW in bio_aof#4125: 8.0M deep, SIGSEGV at 7fc91b9feff8");
	/* one large frame, and its first touch at the lower end */
	self->p->crash.limit_bytes = 8 << 20;
	self->p->crash.addr = self->p->crash.stack_end - (12 << 20);
	SAYS("STACK OVERFLOW in bio_aof#4125: 12M deep of 8.0M, SIGSEGV at 7fc91b5ff000");
	EXPECT_STREQ(
		"STACK OVERFLOW in bio_aof#4125: 12582912 deep of 8388608, SIGSEGV at 7fc91b5ff000",
		ended_text(self->buf, sizeof(self->buf), self->p, self->fake.st, true));
}

TEST_F(ended, by_the_oom_killer)
{
	fake_oom(&self->fake);
	SAYS("killed by the kernel: out of memory");
	EXPECT_FALSE(ended_well(self->p));
}

TEST_F(ended, frozen_stays_as_it_was)
{
	struct proc *kept = proc_freeze(self->p);
	int64_t rss = proc_rss(self->p);
	unsigned int nr = self->p->aspace.nr, threads = self->p->nr_threads;
	struct region *a, *b;

	ASSERT_NE(NULL, kept);
	for (int i = 0; i < 20; i++)
		fake_tick(&self->fake);
	EXPECT_NE(rss, proc_rss(self->p));
	EXPECT_EQ(rss, proc_rss(kept));
	EXPECT_EQ(nr, kept->aspace.nr);
	EXPECT_EQ(threads, kept->nr_threads);
	EXPECT_NE(NULL, proc_thread(kept, 4125));
	EXPECT_NE(proc_thread(self->p, 4125), proc_thread(kept, 4125));
	a = aspace_first(&self->p->aspace);
	b = aspace_first(&kept->aspace);
	EXPECT_NE(a, b);
	EXPECT_EQ(a->start, b->start);
	EXPECT_LT(kept->history.nr, self->p->history.nr);
	proc_free(kept);
	EXPECT_NE(NULL, proc_thread(self->p, 4125));
}

TEST_HARNESS_MAIN
