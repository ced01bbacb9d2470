// SPDX-License-Identifier: GPL-2.0
/* Whose call stack an event has: that of its place, of its thread, as long as the thread is there. */
#include "kselftest_harness.h"

#include "event/sites.h"

FIXTURE(s)
{
	struct sites *s;
};

FIXTURE_SETUP(s)
{
	self->s = sites_new();
	ASSERT_NE(NULL, self->s);
}

FIXTURE_TEARDOWN(s)
{
	sites_free(self->s);
}

static uint32_t give(struct sites *s, struct mtr_event ev)
{
	ev.callstack = 99;
	return sites_event(s, &ev) ? 1000 : ev.callstack;
}

static struct mtr_event event(uint16_t kind, uint32_t as, uint32_t tid)
{
	return (struct mtr_event){ .kind = kind, .as = as, .tid = tid };
}

static uint32_t stack(struct sites *s, uint32_t tid, uint64_t ip, uint8_t why, uint32_t id)
{
	struct mtr_event ev = event(MTR_EV_STACK, 1, tid);

	ev.stack = (struct mtr_ev_stack){ .ip = ip, .sp = 8, .why = why, .stack = id };
	return give(s, ev);
}

static uint32_t fault(struct sites *s, uint32_t as, uint32_t tid, uint64_t ip, uint64_t sp)
{
	struct mtr_event ev = event(MTR_EV_FAULT, as, tid);

	ev.fault.ip = ip;
	ev.fault.sp = sp;
	return give(s, ev);
}

TEST_F(s, of_a_place)
{
	EXPECT_EQ(0, fault(self->s, 1, 7, 100, 8));
	EXPECT_EQ(5, stack(self->s, 7, 100, MTR_STACK_WHY_FAULT, 5));
	EXPECT_EQ(5, fault(self->s, 1, 7, 100, 8));
	EXPECT_EQ(5, fault(self->s, 1, 7, 100, 8));
	/* another place, stack pointer, thread, process */
	EXPECT_EQ(0, fault(self->s, 1, 7, 101, 8));
	EXPECT_EQ(0, fault(self->s, 1, 7, 100, 16));
	EXPECT_EQ(0, fault(self->s, 1, 8, 100, 8));
	EXPECT_EQ(0, fault(self->s, 2, 7, 100, 8));
	/* the latest counts */
	stack(self->s, 7, 100, MTR_STACK_WHY_FAULT, 6);
	EXPECT_EQ(6, fault(self->s, 1, 7, 100, 8));
	EXPECT_EQ(1, sites_nr(self->s));
}

TEST_F(s, of_a_system_call)
{
	struct mtr_event ev = event(MTR_EV_RSS, 1, 7);

	stack(self->s, 7, 100, MTR_STACK_WHY_RSS, 5);
	EXPECT_EQ(0, give(self->s, ev));
	ev.rss.ip = 100;
	ev.rss.sp = 8;
	EXPECT_EQ(5, give(self->s, ev));
}

/* That of a mapping and of a thread's start are for one event. */
TEST_F(s, taken_for_one)
{
	struct mtr_event vma = event(MTR_EV_VMA, 1, 7), child = event(MTR_EV_THREAD, 1, 8);

	stack(self->s, 7, 100, MTR_STACK_WHY_MAP, 5);
	stack(self->s, 7, 200, MTR_STACK_WHY_THREAD, 6);
	child.thread.parent_tid = 7;
	EXPECT_EQ(5, give(self->s, vma));
	EXPECT_EQ(0, give(self->s, vma));
	EXPECT_EQ(6, give(self->s, child));
	EXPECT_EQ(0, give(self->s, child));
	stack(self->s, 7, 100, MTR_STACK_WHY_MAP, 5);
	vma.tid = 0;
	EXPECT_EQ(0, give(self->s, vma));
}

TEST_F(s, gone_with_its_thread)
{
	struct mtr_event model = event(MTR_EV_STATE, 0, 0);

	stack(self->s, 7, 100, MTR_STACK_WHY_FAULT, 5);
	stack(self->s, 8, 100, MTR_STACK_WHY_FAULT, 6);
	give(self->s, event(MTR_EV_THREAD_EXIT, 1, 7));
	EXPECT_EQ(0, fault(self->s, 1, 7, 100, 8));
	EXPECT_EQ(6, fault(self->s, 1, 8, 100, 8));
	give(self->s, event(MTR_EV_EXIT, 2, 8));
	EXPECT_EQ(6, fault(self->s, 1, 8, 100, 8));
	give(self->s, event(MTR_EV_DROP, 1, 0));
	EXPECT_EQ(0, fault(self->s, 1, 8, 100, 8));
	stack(self->s, 8, 100, MTR_STACK_WHY_FAULT, 6);
	model.state.what = MTR_ST_PROC;
	give(self->s, model);
	EXPECT_EQ(6, fault(self->s, 1, 8, 100, 8));
	model.state.what = MTR_ST_MODEL;
	give(self->s, model);
	EXPECT_EQ(0, fault(self->s, 1, 8, 100, 8));
	EXPECT_EQ(0, sites_nr(self->s));
}

static int into(void *ctx, const struct mtr_event *ev)
{
	struct mtr_event copy = *ev;

	return sites_event(ctx, &copy);
}

/* Who is told all that is known knows the same. */
TEST_F(s, told)
{
	struct sites *other = sites_new();

	for (uint32_t i = 1; i < 500; i++)
		stack(self->s, i % 11, 100 + i, MTR_STACK_WHY_FAULT, i);
	ASSERT_EQ(0, sites_tell(self->s, 1, into, other));
	EXPECT_EQ(sites_nr(self->s), sites_nr(other));
	for (uint32_t i = 1; i < 500; i++)
		EXPECT_EQ(i, fault(other, 1, i % 11, 100 + i, 8));
	sites_free(other);
}

/* However many there are, memory is bounded: all are forgotten, and come back. */
TEST_F(s, very_many)
{
	for (uint32_t i = 1; i < 200000; i++)
		stack(self->s, 7, i, MTR_STACK_WHY_FAULT, i);
	EXPECT_LE(sites_nr(self->s), 65536);
	EXPECT_EQ(199999, fault(self->s, 1, 7, 199999, 8));
}

/* Where nothing happens any more goes at the second time; a stack that a place has is held. */
TEST_F(s, places_without_events_go)
{
	struct stacktab *t = stacktab_new();
	const uint64_t pc[] = { 1, 2 };
	uint32_t a, b;

	ASSERT_NE(NULL, t);
	a = stacktab_intern(t, pc, 2);
	b = stacktab_intern(t, pc, 1);
	stack(self->s, 7, 100, MTR_STACK_WHY_FAULT, a);
	stack(self->s, 7, 200, MTR_STACK_WHY_FAULT, b);
	sites_trim(self->s);
	EXPECT_EQ(2u, sites_nr(self->s));
	EXPECT_EQ(a, fault(self->s, 1, 7, 100, 8));
	sites_trim(self->s);
	EXPECT_EQ(1u, sites_nr(self->s));
	EXPECT_EQ(a, fault(self->s, 1, 7, 100, 8));
	EXPECT_EQ(0u, fault(self->s, 1, 7, 200, 8));
	sites_mark(self->s, t);
	stacktab_sweep(t);
	EXPECT_EQ(2u, stacktab_frames(t, a, NULL, 0));
	EXPECT_EQ(0u, stacktab_frames(t, b, NULL, 0));
	stacktab_free(t);
}

TEST_HARNESS_MAIN
