// SPDX-License-Identifier: GPL-2.0
/* Interned strings: the same bytes have the same id, and an id its bytes, for good. */
#include <stdio.h>
#include <stdlib.h>

#include "event/event.h"
#include "event/strtab.h"
#include "kselftest_harness.h"

FIXTURE(st)
{
	struct strtab *st;
};

FIXTURE_SETUP(st)
{
	self->st = strtab_new();
	ASSERT_NE(NULL, self->st);
}

FIXTURE_TEARDOWN(st)
{
	strtab_free(self->st);
}

TEST_F(st, nothing_is_id_0)
{
	EXPECT_EQ(1, strtab_count(self->st));
	EXPECT_EQ(0, strtab_intern_str(self->st, ""));
	EXPECT_EQ(0, strtab_intern(self->st, "abc", 0));
	EXPECT_EQ(0, strtab_intern(self->st, "\0abc", 4));
	EXPECT_STREQ("", strtab_str(self->st, 0));
	EXPECT_STREQ("", strtab_str(self->st, 1)); /* never given */
	EXPECT_STREQ("", strtab_str(self->st, UINT32_MAX));
	EXPECT_EQ(1, strtab_count(self->st));
}

TEST_F(st, same_bytes_same_id)
{
	uint32_t a = strtab_intern_str(self->st, "heap"), b = strtab_intern_str(self->st, "stack");

	EXPECT_NE(0, a);
	EXPECT_NE(a, b);
	EXPECT_EQ(a, strtab_intern_str(self->st, "heap"));
	EXPECT_EQ(a, strtab_intern(self->st, "heap[1234]", 4)); /* not terminated */
	EXPECT_EQ(a, strtab_intern(self->st, "heap\0junk", 9)); /* a NUL ends it */
	EXPECT_NE(a, strtab_intern_str(self->st, "Heap"));
	EXPECT_NE(a, strtab_intern_str(self->st, "hea"));
	EXPECT_STREQ("heap", strtab_str(self->st, a));
	EXPECT_STREQ("stack", strtab_str(self->st, b));
	EXPECT_EQ(5, strtab_count(self->st));
}

TEST_F(st, raw_bytes_stay_raw)
{
	const char evil[] = "\033]0;x\007\xff\xfe\n";

	EXPECT_STREQ(evil, strtab_str(self->st, strtab_intern_str(self->st, evil)));
}

TEST_F(st, long_strings_are_cut)
{
	char *s = malloc(10001);
	uint32_t id;

	memset(s, 'p', 10000);
	s[10000] = '\0';
	id = strtab_intern_str(self->st, s);
	EXPECT_EQ(4095, strlen(strtab_str(self->st, id)));
	EXPECT_EQ(id, strtab_intern(self->st, s, 4095));
	EXPECT_NE(id, strtab_intern(self->st, s, 4094));
	free(s);
}

/* Pointers handed out before must not move while the table grows. */
TEST_F(st, many)
{
	const unsigned int n = 100000;
	uint32_t first = strtab_intern_str(self->st, "first");
	const char *kept = strtab_str(self->st, first);
	unsigned int bad = 0;
	char s[32];

	for (unsigned int i = 0; i < n; i++) {
		snprintf(s, sizeof(s), "/lib/%u.so", i);
		bad += strtab_intern_str(self->st, s) != i + 2;
	}
	EXPECT_EQ(n + 2, strtab_count(self->st));
	for (unsigned int i = 0; i < n; i++) {
		snprintf(s, sizeof(s), "/lib/%u.so", i);
		bad += strcmp(s, strtab_str(self->st, i + 2)) != 0;
		bad += strtab_intern_str(self->st, s) != i + 2;
	}
	EXPECT_EQ(0, bad);
	EXPECT_EQ(kept, strtab_str(self->st, first));
	EXPECT_STREQ("first", kept);
}

TEST(free_of_nothing)
{
	strtab_free(NULL);
}

/* lost{} and --drop name kinds by these: each has one, no two the same. */
TEST(event_kinds_have_names)
{
	for (unsigned int i = 1; i < MTR_EV_MAX; i++) {
		if (i == MTR_EV_INVALIDATE + 1) /* the numbers between are not given yet */
			i = MTR_EV_STACK;
		if (i == MTR_EV_FRAME + 1)
			i = MTR_EV_TICK;
		EXPECT_STRNE("unknown", event_kind_name(i));
		for (unsigned int j = i + 1; j < MTR_EV_MAX; j++)
			EXPECT_STRNE(event_kind_name(i), event_kind_name(j));
	}
	EXPECT_STREQ("unknown", event_kind_name(0));
	EXPECT_STREQ("unknown", event_kind_name(MTR_EV_MAX));
	EXPECT_STREQ("unknown", event_kind_name(65535));
}

TEST_HARNESS_MAIN
