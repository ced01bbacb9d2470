// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>

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

/* Ever new stacks, of which few are held: those stay as they are, and the room is used again. */
TEST_F(tab, what_nobody_holds_goes)
{
	uint64_t pc[20], held[50][20], out[20];
	uint32_t id[50], end = 0;

	srand(7);
	for (unsigned int round = 0; round < 100; round++) {
		for (unsigned int i = 0; i < 2000; i++) {
			unsigned int nr = 1 + (unsigned int)rand() % 20;
			uint32_t got;

			for (unsigned int k = 0; k < 20; k++)
				pc[k] = 1 + (uint64_t)rand() % 1000;
			got = stacktab_intern(self->t, pc, nr);
			ASSERT_NE(0u, got);
			if (!round && i < 50) {
				id[i] = stacktab_intern(self->t, pc, 20);
				memcpy(held[i], pc, sizeof(pc));
			}
		}
		for (unsigned int i = 0; i < 50; i++)
			stacktab_mark(self->t, id[i]);
		stacktab_sweep(self->t);
		EXPECT_EQ(round + 1, stacktab_gen(self->t));
		EXPECT_GE(50u * 20, stacktab_nr(self->t));
		if (round == 10)
			end = stacktab_end(self->t);
		for (unsigned int i = 0; i < 50; i++) {
			EXPECT_EQ(20u, stacktab_frames(self->t, id[i], out, 20));
			EXPECT_EQ(0, memcmp(out, held[i], sizeof(out)));
			EXPECT_EQ(id[i], stacktab_intern(self->t, held[i], 20));
		}
	}
	/* some rounds are a little longer than the first were */
	EXPECT_GE(end + end / 4, stacktab_end(self->t));
	stacktab_sweep(self->t);
	EXPECT_EQ(0u, stacktab_nr(self->t));
	EXPECT_EQ(0u, stacktab_depth(self->t, id[0]));
	EXPECT_EQ(0u, stacktab_frames(self->t, id[0], out, 20));
}

TEST_HARNESS_MAIN
