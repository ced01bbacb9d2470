// SPDX-License-Identifier: GPL-2.0
/* Recursion in a stack: what is folded, what is not, and that nothing is lost. */
#include <string.h>

#include "analysis/stackfold.h"
#include "kselftest_harness.h"

static struct fold_frame f[1000];
static struct fold_run run[1000];

/* One letter a function; frames of one function have one pc, a capital another one. */
static unsigned int fold(const char *s)
{
	unsigned int nr = (unsigned int)strlen(s);

	for (unsigned int i = 0; i < nr; i++)
		f[i] = (struct fold_frame){ (uint64_t)(s[i] | 0x20), (uint64_t)s[i] };
	return stackfold(f, nr, run);
}

/* The runs as text, "a b*3 (cd)*4". */
static const char *text(const char *s)
{
	static char out[4096];
	unsigned int nr = fold(s), at = 0;
	char *o = out;

	*o = '\0';
	for (unsigned int i = 0; i < nr; i++) {
		if (run[i].first != at)
			return "a gap";
		o += sprintf(o, "%s%.*s", i ? " " : "", (int)run[i].len, s + run[i].first);
		if (run[i].repeat > 1)
			o += sprintf(o, "*%u", run[i].repeat);
		at += run[i].len * run[i].repeat;
	}
	return at == strlen(s) ? out : "frames are missing";
}

TEST(what_is_folded)
{
	EXPECT_STREQ("a b c", text("abc"));
	EXPECT_STREQ("", text(""));
	EXPECT_STREQ("a b b c", text("abbc")); /* twice is no recursion to speak of */
	EXPECT_STREQ("a b*3 c", text("abbbc"));
	EXPECT_STREQ("x ab*4 y", text("xababababy"));
	EXPECT_STREQ("abc*3", text("abcabcabc"));
	EXPECT_STREQ("aab*3 a a c", text("aabaabaabaac"));
	EXPECT_STREQ("a*5", text("aaaaa"));
	EXPECT_STREQ("a*3 b*3", text("aaabbb"));
}

TEST(where_the_innermost_turn_stands)
{
	/* it has called something else than the turns behind it */
	EXPECT_STREQ("x A a*4 m", text("xAaaaam"));
	EXPECT_STREQ("x A ba*4 m", text("xAbabababam"));
	/* a tree: the same function from two places, in no order */
	EXPECT_EQ(4, fold("xaAAaAaaAaAAm"));
}

TEST(long_ones)
{
	char s[900];

	memset(s, 'a', sizeof(s) - 1);
	s[sizeof(s) - 1] = '\0';
	EXPECT_STREQ("a*899", text(s));
	/* a cycle of 60 functions */
	for (unsigned int i = 0; i < sizeof(s) - 1; i++)
		s[i] = (char)(' ' + 1 + i % 60);
	for (unsigned int i = 0; i < sizeof(s) - 1; i++)
		f[i] = (struct fold_frame){ (uint64_t)s[i], (uint64_t)s[i] };
	EXPECT_EQ(1 + 59, stackfold(f, sizeof(s) - 1, run));
	EXPECT_EQ(60, run[0].len);
	EXPECT_EQ(14, run[0].repeat);
}

TEST(hashes_differ)
{
	const uint64_t a[] = { 1, 2, 3 }, b[] = { 3, 2, 1 };

	EXPECT_NE(stack_hash(a, sizeof(*a), 3), stack_hash(b, sizeof(*b), 3));
	EXPECT_NE(stack_hash(a, sizeof(*a), 3), stack_hash(a, sizeof(*a), 2));
	EXPECT_EQ(stack_hash(a, sizeof(*a), 3), stack_hash(a, sizeof(*a), 3));
}

TEST_HARNESS_MAIN
