// SPDX-License-Identifier: GPL-2.0
/* What a hostile comm or path may do to a terminal: nothing. */
#include <string.h>

#include "kselftest_harness.h"
#include "util/text.h"

#define FFFD "\xef\xbf\xbd"

static char buf[64];

#define CLEAN(s) text_clean(buf, sizeof(buf), s, 0)
#define ASCII(s) text_clean(buf, sizeof(buf), s, 1)
#define UTF8(s) text_utf8(buf, sizeof(buf), s)

TEST(plain_text_is_kept)
{
	EXPECT_STREQ("redis-server", CLEAN("redis-server"));
	EXPECT_STREQ("Prozeß ☃ \xf0\x9f\x98\x80", CLEAN("Prozeß ☃ \xf0\x9f\x98\x80"));
	EXPECT_STREQ("Proze? ?", ASCII("Prozeß ☃"));
	EXPECT_STREQ("anon x38 <4K ~", ASCII("anon ×38 ≤4K …"));
	EXPECT_STREQ("", CLEAN(""));
}

TEST(controls)
{
	EXPECT_STREQ(FFFD "]0;x" FFFD, CLEAN("\033]0;x\a"));
	EXPECT_STREQ("?[31m", ASCII("\033[31m"));
	EXPECT_STREQ("a" FFFD "b" FFFD "c", CLEAN("a\nb\tc"));
	EXPECT_STREQ("?", ASCII("\x7f"));
	EXPECT_STREQ(FFFD, CLEAN("\xc2\x9b")); /* C1: CSI */
	EXPECT_STREQ(FFFD "gpj.exe", CLEAN("\u202egpj.exe"));
	EXPECT_STREQ(FFFD FFFD, CLEAN("\u2066\u200f"));
	EXPECT_STREQ("a\nb\033", UTF8("a\nb\033"));
}

TEST(invalid_bytes)
{
	EXPECT_STREQ(FFFD, CLEAN("\x80"));
	EXPECT_STREQ(FFFD FFFD, CLEAN("\xc0\x80")); /* overlong NUL */
	EXPECT_STREQ(FFFD FFFD FFFD, UTF8("\xe0\x80\xaf")); /* overlong / */
	EXPECT_STREQ(FFFD FFFD FFFD, UTF8("\xed\xa0\x80")); /* surrogate */
	EXPECT_STREQ(FFFD FFFD FFFD FFFD, UTF8("\xf4\x90\x80\x80")); /* above U+10FFFF */
	EXPECT_STREQ(FFFD "a", UTF8("\xe2"
				    "a")); /* cut short, then text */
	EXPECT_STREQ(FFFD FFFD, UTF8("\xe2\x98")); /* cut short at the end */
	EXPECT_STREQ("????", ASCII("\xff\xfe\xf5\xc1"));
}

TEST(never_cuts_a_code_point)
{
	char b[5];

	EXPECT_STREQ("a☃", text_clean(b, sizeof(b), "a☃", 0));
	EXPECT_STREQ("ab", text_clean(b, sizeof(b), "ab☃", 0));
	EXPECT_STREQ("abcd", text_clean(b, sizeof(b), "abcdef", 0));
	b[0] = 'x';
	text_clean(b, 0, "abc", 0);
	EXPECT_EQ('x', b[0]);
	EXPECT_STREQ("", text_clean(b, 1, "abc", 0));
}

TEST_HARNESS_MAIN
