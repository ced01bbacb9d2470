// SPDX-License-Identifier: GPL-2.0
/* The module's set of marked ranges against a bitmap, over random operations. */
#include <stdbool.h>
#include <stdlib.h>

#include "kselftest_harness.h"

#include "../../kmod/marks.c"

#define SPAN 4096u

/* What must be in the set; joining adds gaps to what is. */
struct oracle {
	bool must[SPAN];
};

static bool sound(const struct memtrace_marks *m)
{
	for (unsigned int i = 0; i < m->nr; i++)
		if (m->r[i].start >= m->r[i].end || (i && m->r[i - 1].end >= m->r[i].start))
			return false;
	return m->nr <= m->max;
}

static bool agrees(const struct memtrace_marks *m, const struct oracle *o, bool exact)
{
	for (unsigned int a = 0; a < SPAN; a++) {
		bool in = memtrace_marks_any(m, a, a + 1);

		if ((o->must[a] && !in) || (exact && in != o->must[a]))
			return false;
	}
	return true;
}

static bool play(unsigned int max, unsigned int seed, unsigned int steps, bool exact)
{
	struct memtrace_range slots[4096 + 2];
	static struct oracle o;
	struct memtrace_marks m;

	memset(&o, 0, sizeof(o));
	memset(slots, 0x5a, sizeof(slots));
	memtrace_marks_init(&m, slots, max);
	srand(seed);
	for (unsigned int i = 0; i < steps; i++) {
		unsigned int from = rand() % SPAN, len = rand() % (rand() % 8 ? 20 : 600);
		unsigned int to = from + len < SPAN ? from + len : SPAN;
		bool add = rand() % 3, any = false;

		for (unsigned int a = from; a < to; a++)
			any |= o.must[a];
		if ((any && !memtrace_marks_any(&m, from, to)) ||
		    (exact && any != memtrace_marks_any(&m, from, to)))
			return false;
		if (add)
			memtrace_marks_add(&m, from, to);
		else
			memtrace_marks_del(&m, from, to);
		for (unsigned int a = from; a < to; a++)
			o.must[a] = add;
		if (!sound(&m) || (i % 16 == 0 && !agrees(&m, &o, exact)))
			return false;
	}
	/* Nothing was written behind the slots. */
	return slots[max].start == 0x5a5a5a5a5a5a5a5aul;
}

TEST(exact_while_there_are_slots)
{
	for (unsigned int seed = 1; seed <= 20; seed++)
		EXPECT_TRUE(play(4096, seed, 3000, true));
}

TEST(never_less_when_there_are_few)
{
	for (unsigned int max = 2; max <= 40; max++)
		EXPECT_TRUE(play(max, max, 3000, false));
}

TEST(borders)
{
	struct memtrace_range slots[4];
	struct memtrace_marks m;

	memtrace_marks_init(&m, slots, 4);
	memtrace_marks_add(&m, 0, 10);
	memtrace_marks_add(&m, 10, 20); /* touches: one */
	EXPECT_EQ(1u, m.nr);
	memtrace_marks_add(&m, ~0ul - 5, ~0ul);
	EXPECT_EQ(2u, m.nr);
	memtrace_marks_add(&m, 30, 30); /* empty */
	EXPECT_EQ(2u, m.nr);
	EXPECT_FALSE(memtrace_marks_any(&m, 20, 30));
	memtrace_marks_add(&m, 0, ~0ul);
	EXPECT_EQ(1u, m.nr);
	EXPECT_EQ(0ull, m.nr_merged);
	memtrace_marks_del(&m, 0, ~0ul);
	EXPECT_EQ(0u, m.nr);
}

/* No slot: the nearer neighbour grows over the gap, and it is counted. */
TEST(joins_the_nearest)
{
	struct memtrace_range slots[3];
	struct memtrace_marks m;

	memtrace_marks_init(&m, slots, 2);
	memtrace_marks_add(&m, 0, 10);
	memtrace_marks_add(&m, 100, 110);
	memtrace_marks_add(&m, 20, 21);
	EXPECT_EQ(1ull, m.nr_merged);
	EXPECT_EQ(2u, m.nr);
	EXPECT_EQ(21ul, m.r[0].end);
	memtrace_marks_add(&m, 90, 91);
	EXPECT_EQ(90ul, m.r[1].start);
	/* A cut that would need a third stays undone. */
	memtrace_marks_del(&m, 5, 6);
	EXPECT_TRUE(memtrace_marks_any(&m, 5, 6));
}

TEST_HARNESS_MAIN
