// SPDX-License-Identifier: GPL-2.0
/* Why a stack ran over: from frames to a cause, through a keyframe; and copies that come page by page. */
#include <errno.h>
#include <linux/types.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/overflow.h"
#include "fake_model.h"
#include "kselftest_harness.h"
#include "mtr_wire.h"
#include "source/crashcopy.h"

#define TOP 0x7ffff0000000ull
#define MIB (1ull << 20)

FIXTURE(o)
{
	struct fake fake;
	struct proc *p;
	char buf[512];
};

FIXTURE_SETUP(o)
{
	const struct fake_opts opts = { .nr_procs = 1 };

	ASSERT_EQ(0, fake_init(&self->fake, &opts));
	self->p = fake_proc(&self->fake, 0);
	self->p->crash = (struct crash){ .signo = 11,
					 .tid = 7,
					 .addr = TOP - 8 * MIB,
					 .sp = TOP - 8 * MIB + 64,
					 .stack_overflow = true,
					 .stack_end = TOP };
}

FIXTURE_TEARDOWN(o)
{
	fake_fini(&self->fake);
}

static void frame(FIXTURE_DATA(o) * self, unsigned int nr, const char *fn, unsigned int repeat,
		  unsigned int cycle, int64_t size, int64_t turn)
{
	struct mtr_event ev = { .kind = MTR_EV_FRAME, .as = self->p->as, .tid = 7 };

	ev.frame = (struct mtr_ev_frame){ .nr = nr,
					  .function = strtab_intern_str(self->fake.st, fn),
					  .repeat = repeat,
					  .cycle = cycle,
					  .size = size,
					  .depth = 1,
					  .turn = turn };
	model_apply(&self->fake.model, &ev);
}

static const char *text(FIXTURE_DATA(o) * self)
{
	return overflow_text(self->buf, sizeof(self->buf), self->p, self->fake.st, true);
}

TEST_F(o, nothing_known)
{
	EXPECT_EQ(OVERFLOW_UNKNOWN, overflow_cause(self->p).kind);
	EXPECT_STREQ("", text(self));
}

/* What is for others to show must not be taken for one. */
TEST_F(o, only_frames_are_frames)
{
	static const uint16_t kinds[] = { MTR_EV_LIMIT, MTR_EV_COST, MTR_EV_MODULE, MTR_EV_MARK };

	for (unsigned int i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		struct mtr_event ev = { .kind = kinds[i], .as = self->p->as };

		ASSERT_EQ(0, model_apply(&self->fake.model, &ev));
	}
	EXPECT_EQ(0, self->p->nr_frames);
}

TEST_F(o, a_cycle)
{
	frame(self, 0, "even", 1, 1, 64, -1);
	frame(self, 1, "odd", 100000, 2, 32, 80);
	frame(self, 2, "even", 100000, 2, 48, 80);
	frame(self, 200001, "main", 1, 1, 16, -1);
	EXPECT_EQ(OVERFLOW_RECURSION, overflow_cause(self->p).kind);
	EXPECT_EQ(1, overflow_cause(self->p).at);
	EXPECT_EQ(8000000, overflow_cause(self->p).bytes);
	EXPECT_STREQ("endless recursion: even -> odd -> even, 100000 turns of 80 B each (7.6M)",
		     text(self));
}

/* A small recursion on the way to a large frame is not the reason. */
TEST_F(o, a_large_frame)
{
	frame(self, 0, "memset", 1, 1, 8, -1);
	frame(self, 1, "big", 1, 1, 8 * MIB, -1);
	frame(self, 2, "walk", 20, 1, 64, 64);
	frame(self, 22, "main", 1, 1, 16, -1);
	EXPECT_EQ(OVERFLOW_FRAME, overflow_cause(self->p).kind);
	EXPECT_EQ(1, overflow_cause(self->p).at);
	EXPECT_STREQ("one frame too large: big takes 8388608 B (8.0M)", text(self));
}

TEST_F(o, neither)
{
	frame(self, 0, "leaf", 1, 1, 64, -1);
	frame(self, 1, "main", 1, 1, 4096, -1);
	EXPECT_EQ(OVERFLOW_UNKNOWN, overflow_cause(self->p).kind);
	/* frames of another thread are not this crash's */
	self->p->crash.tid = 8;
	EXPECT_EQ(0, overflow_nr_frames(self->p));
}

TEST_F(o, a_new_stack_begins_anew)
{
	frame(self, 0, "a", 1, 1, 8, -1);
	frame(self, 1, "b", 1, 1, 8, -1);
	frame(self, 0, "c", 1, 1, 8, -1);
	EXPECT_EQ(1, overflow_nr_frames(self->p));
	for (unsigned int i = 1; i < 2 * CRASH_FRAMES; i++)
		frame(self, i, "d", 1, 1, 8, -1);
	EXPECT_EQ(CRASH_FRAMES, overflow_nr_frames(self->p));
}

struct second {
	struct model m;
	struct strtab *st;
};

static int load(void *ctx, const struct mtr_event *ev)
{
	return model_apply(&((struct second *)ctx)->m, ev);
}

TEST_F(o, kept_in_a_keyframe_and_when_frozen)
{
	struct second two = { .st = self->fake.st };
	struct proc *p, *frozen;

	frame(self, 0, "even", 1, 1, 64, -1);
	frame(self, 1, "odd", 100000, 1, 80, 80);
	self->p->handled = self->p->crash;
	self->p->handled.addr = 0x42000;
	self->p->crash.by = 7;
	model_init(&two.m, two.st);
	ASSERT_EQ(0, model_save(&self->fake.model, 1, load, &two));
	p = model_proc(&two.m, self->p->as);
	ASSERT_NE(NULL, p);
	EXPECT_EQ(2, overflow_nr_frames(p));
	EXPECT_EQ(0, memcmp(p->frames, self->p->frames, 2 * sizeof(*p->frames)));
	EXPECT_EQ(0x42000, p->handled.addr);
	EXPECT_EQ(7, p->crash.by);
	frozen = proc_freeze(p);
	model_fini(&two.m);
	ASSERT_NE(NULL, frozen);
	EXPECT_EQ(0, memcmp(frozen->frames, self->p->frames, 2 * sizeof(*p->frames)));
	proc_free(frozen);
}

/* ---- copies */

static union {
	struct mtr_w_crash w;
	uint8_t bytes[sizeof(struct mtr_w_crash) + 4096];
} page;

static int add(struct crashcopy **list, uint32_t tid, uint64_t addr, uint32_t size, uint32_t part)
{
	page.w.h = (struct mtr_w_hdr){ .kind = MTR_W_CRASH, .as = 1, .tid = tid };
	page.w.addr = addr;
	page.w.size = size;
	page.w.part = part;
	page.w.regs[MTR_STACK_SP] = 0x1234;
	memset(page.w.data, 0xab, 4096);
	return crashcopy_add(list, &page, sizeof(page.w) + (size < 4096 ? size : 4096));
}

TEST(pages_make_a_stack)
{
	struct crashcopy *list = NULL, *c;

	EXPECT_EQ(0, add(&list, 5, 0x1f00, 0x100, 0));
	EXPECT_EQ(0, add(&list, 6, 0x9000, 0x1000, 1));
	EXPECT_EQ(0, add(&list, 5, 0x2000, 0x1000, 0));
	EXPECT_EQ(0, add(&list, 5, 0x5000, 0x1000, 0)); /* 0x3000 was never touched */
	EXPECT_EQ(0, add(&list, 5, 0x100000, 0x1000, 1));
	EXPECT_EQ(NULL, crashcopy_take(&list, 2, 5));
	c = crashcopy_take(&list, 1, 5);
	ASSERT_NE(NULL, c);
	EXPECT_EQ(0x1234, c->copy.regs.r[MTR_REG_SP]);
	EXPECT_EQ(0x1f00, c->copy.part[0].addr);
	ASSERT_EQ(0x4100, c->copy.part[0].size);
	EXPECT_EQ(0xab, c->copy.part[0].data[0x10ff]);
	EXPECT_EQ(0, c->copy.part[0].data[0x1100]);
	EXPECT_EQ(0, c->copy.part[0].data[0x30ff]);
	EXPECT_EQ(0xab, c->copy.part[0].data[0x3100]);
	EXPECT_EQ(0x1000, c->copy.part[1].size);
	crashcopy_free(c);
	crashcopy_free_all(&list);
	EXPECT_EQ(NULL, list);
}

TEST(pages_that_make_no_sense)
{
	struct crashcopy *list = NULL, *c;

	EXPECT_EQ(-EBADMSG, add(&list, 5, 0x1000, 0, 0));
	EXPECT_EQ(-EBADMSG, add(&list, 5, 0x1000, 0xffffffff, 0));
	EXPECT_EQ(0, add(&list, 5, 0x7000, 0x1000, 0));
	EXPECT_EQ(0, add(&list, 5, 0x1000, 0x1000, 0)); /* back */
	EXPECT_EQ(0, add(&list, 5, ~0ull - 5, 0x1000, 0)); /* far away */
	c = crashcopy_take(&list, 1, 5);
	ASSERT_NE(NULL, c);
	EXPECT_EQ(0x1000, c->copy.part[0].size);
	crashcopy_free(c);
	/* threads whose signal was lost do not fill the memory */
	for (uint32_t i = 1; i < 1000; i++)
		EXPECT_EQ(0, add(&list, i, 0x1000, 0x1000, 0));
	EXPECT_EQ(NULL, crashcopy_take(&list, 1, 900));
	c = crashcopy_take(&list, 1, 999);
	EXPECT_NE(NULL, c);
	crashcopy_free(c);
	crashcopy_free_all(&list);
}

TEST_HARNESS_MAIN
