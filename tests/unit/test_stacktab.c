// SPDX-License-Identifier: GPL-2.0
#include "kselftest_harness.h"

#include "event/stacktab.h"

FIXTURE(tab)
{
	struct stacktab *t;
};

FIXTURE_SETUP(tab)
{
	self->t = stacktab_new();
	ASSERT_NE(NULL, self->t);
}

FIXTURE_TEARDOWN(tab)
{
	stacktab_free(self->t);
}

TEST_F(tab, same_stack_same_id)
{
	const uint64_t a[] = { 3, 2, 1 }, b[] = { 4, 2, 1 }, c[] = { 3, 2, 5 };
	uint32_t id = stacktab_intern(self->t, a, 3);

	EXPECT_NE(0u, id);
	EXPECT_EQ(id, stacktab_intern(self->t, a, 3));
	EXPECT_NE(id, stacktab_intern(self->t, b, 3));
	EXPECT_NE(id, stacktab_intern(self->t, c, 3));
	EXPECT_NE(id, stacktab_intern(self->t, a, 2));
	EXPECT_EQ(0u, stacktab_intern(self->t, a, 0));
}

TEST_F(tab, callers_are_shared)
{
	const uint64_t a[] = { 3, 2, 1 }, b[] = { 4, 2, 1 };
	uint32_t ia = stacktab_intern(self->t, a, 3), ib = stacktab_intern(self->t, b, 3);

	EXPECT_EQ(4u, stacktab_nr(self->t));
	EXPECT_EQ(stacktab_caller(self->t, ia), stacktab_caller(self->t, ib));
	EXPECT_EQ(0u, stacktab_caller(self->t, 0));
	EXPECT_EQ(0u, stacktab_caller(self->t, 1000));
}

TEST_F(tab, frames_come_back_in_order)
{
	uint64_t a[300], out[300] = { 0 };
	uint32_t id;

	for (unsigned int i = 0; i < 300; i++)
		a[i] = 1000 + i;
	id = stacktab_intern(self->t, a, 40);
	EXPECT_EQ(40u, stacktab_frames(self->t, id, out, 300));
	for (unsigned int i = 0; i < 40; i++)
		EXPECT_EQ(a[i], out[i]);
	EXPECT_EQ(40u, stacktab_frames(self->t, id, out, 3));
	EXPECT_EQ(0u, stacktab_frames(self->t, 0, out, 3));
	/* the innermost are kept */
	id = stacktab_intern(self->t, a, 300);
	EXPECT_EQ((unsigned int)STACKTAB_MAX_FRAMES, stacktab_frames(self->t, id, out, 300));
	EXPECT_EQ(a[0], out[0]);
}

TEST_F(tab, many)
{
	uint64_t s[3] = { 0, 7, 8 }, out[3];
	uint32_t id[5000];

	for (unsigned int i = 0; i < 5000; i++) {
		s[0] = 100000 + i;
		id[i] = stacktab_intern(self->t, s, 3);
	}
	for (unsigned int i = 0; i < 5000; i++) {
		ASSERT_EQ(3u, stacktab_frames(self->t, id[i], out, 3));
		ASSERT_EQ(100000u + i, out[0]);
		ASSERT_EQ(8u, out[2]);
	}
}

TEST(swept)
{
	struct stacktab *t = stacktab_new();
	const uint64_t kept[] = { 3, 2, 1 }, gone[] = { 5, 4, 2, 1 };
	uint64_t pc[8];
	uint32_t k, g, first;

	ASSERT_NE(NULL, t);
	EXPECT_EQ(0, stacktab_frames(t, 0, pc, 8)); /* empty */
	EXPECT_EQ(0, stacktab_depth(t, 1));
	stacktab_keep(t, 0);
	stacktab_sweep(t);
	k = stacktab_intern(t, kept, 3);
	g = stacktab_intern(t, gone, 4);
	/* enough of them that whole chunks go */
	for (uint64_t i = 0; i < 5000; i++)
		ASSERT_NE(0, stacktab_call(t, g, 1000 + i));
	first = stacktab_call(t, 0, 77);
	stacktab_keep(t, k);
	stacktab_keep(t, 0);
	stacktab_keep(t, 99999999);
	stacktab_sweep(t);
	EXPECT_EQ(3, stacktab_nr(t));
	ASSERT_EQ(3, stacktab_frames(t, k, pc, 8));
	EXPECT_EQ(0, memcmp(pc, kept, sizeof(kept)));
	EXPECT_EQ(0, stacktab_frames(t, g, pc, 8));
	EXPECT_EQ(0, stacktab_depth(t, g));
	EXPECT_EQ(0, stacktab_pc(t, first));
	EXPECT_EQ(0, stacktab_caller(t, first));
	EXPECT_EQ(k, stacktab_intern(t, kept, 3));
	/* the same stack is another id from now on */
	EXPECT_LT(first, stacktab_intern(t, gone, 4));
	for (uint64_t i = 0; i < 3000; i++)
		ASSERT_NE(0, stacktab_call(t, k, 1000 + i));
	stacktab_sweep(t);
	EXPECT_EQ(0, stacktab_nr(t));
	EXPECT_NE(0, stacktab_intern(t, kept, 3));
	stacktab_free(t);
}

TEST_HARNESS_MAIN
