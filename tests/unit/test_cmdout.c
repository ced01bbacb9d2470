// SPDX-License-Identifier: GPL-2.0
/* The output of a traced command, line by line: what moves the cursor, what is dropped, what is kept. */
#include <stdlib.h>
#include <string.h>

#include "kselftest_harness.h"
#include "tui/ui.h"

FIXTURE(cmdout)
{
	struct cmdout *o;
};

FIXTURE_SETUP(cmdout)
{
	self->o = cmdout_new();
	ASSERT_NE(NULL, self->o);
}

FIXTURE_TEARDOWN(cmdout)
{
	cmdout_free(self->o);
}

#define ADD(text) cmdout_add(self->o, text, sizeof(text) - 1, 80)
#define LINE(n, text) EXPECT_STREQ(text, cmdout_line(self->o, n))

TEST_F(cmdout, lines)
{
	EXPECT_EQ(0, cmdout_total(self->o));
	LINE(0, "");
	ADD("one\r\ntwo\n\nunfin");
	EXPECT_EQ(4, cmdout_total(self->o));
	LINE(0, "one");
	LINE(1, "two");
	LINE(2, "");
	LINE(3, "unfin");
	ADD("ished\n");
	EXPECT_EQ(4, cmdout_total(self->o));
	LINE(3, "unfinished");
	LINE(4, "");
}

TEST_F(cmdout, moves)
{
	ADD(" 50%\r 60%\r100%\n");
	LINE(0, "100%");
	ADD("long line\rshort\033[K\n");
	LINE(1, "short");
	ADD("abc\b\bX\n");
	LINE(2, "aXc");
	ADD("a\tb\n");
	LINE(3, "a       b");
	ADD("\b\b\033[3Cx\033[2Dy\033[1Gz\n");
	LINE(4, "z yx");
	ADD("gone\033[2K\rnew\n");
	LINE(5, "new");
}

TEST_F(cmdout, sequences_are_dropped)
{
	ADD("\033[1;31mred\033[0m \033]0;title\007\033]8;;http://x\033\\link\033(B\033[?25l!\007\n");
	LINE(0, "red link!");
	ADD("\033P1$r0m\033\\a\033[38;5;1");
	ADD("96mb\n"); /* cut in two */
	LINE(1, "ab");
	ADD("\033[2J\033[H\033M\033cdone\n");
	LINE(2, "done");
	/* a string that never ends takes its line, not what follows */
	ADD("\033]0;no end\nnext\n");
	LINE(3, "next");
}

TEST_F(cmdout, nothing_harmful_is_left)
{
	ADD("\xe2\x80\xae"
	    "evil \xc2\x9b"
	    "31m \xff\x01\n");
	LINE(0, "\xef\xbf\xbd"
		"evil \xef\xbf\xbd"
		"31m \xef\xbf\xbd");
	ADD("\xc3");
	ADD("\xa4 \xe2\x9c\x93 \xf0\x9f\x99\x82\n");
	LINE(1, "\xc3\xa4 \xe2\x9c\x93 \xf0\x9f\x99\x82");
}

TEST_F(cmdout, long_lines_are_broken)
{
	char text[101];

	memset(text, 'x', 100);
	text[100] = '\n';
	cmdout_add(self->o, text, 101, 80);
	EXPECT_EQ(2, cmdout_total(self->o));
	EXPECT_EQ(80, strlen(cmdout_line(self->o, 0)));
	EXPECT_EQ(20, strlen(cmdout_line(self->o, 1)));
	/* exactly as wide as the screen: one line */
	cmdout_add(self->o, text, 80, 80);
	cmdout_add(self->o, "\r\n", 2, 80);
	EXPECT_EQ(3, cmdout_total(self->o));
	/* absurd widths */
	cmdout_add(self->o, text, 101, 0);
	EXPECT_EQ(8, cmdout_total(self->o));
	cmdout_add(self->o, text, 101, 100000);
	EXPECT_EQ(9, cmdout_total(self->o));
}

TEST_F(cmdout, the_last_lines_are_kept)
{
	char line[32];

	for (int i = 0; i < 5000; i++) {
		snprintf(line, sizeof(line), "line %d\n", i);
		cmdout_add(self->o, line, strlen(line), 80);
	}
	EXPECT_EQ(5000, cmdout_total(self->o));
	EXPECT_EQ(3000, cmdout_first(self->o));
	LINE(2999, "");
	LINE(3000, "line 3000");
	LINE(4999, "line 4999");
	LINE(5000, "");
}

TEST_F(cmdout, any_bytes)
{
	static const char set[] = "\033\033[[;0123456789CDGKm\r\n\t\b]\007xy\xc3\xa4\xff";
	char buf[997];

	srandom(1);
	for (int i = 0; i < 2000; i++) {
		for (size_t n = 0; n < sizeof(buf); n++)
			buf[n] = set[(size_t)random() % (sizeof(set) - 1)];
		cmdout_add(self->o, buf, sizeof(buf), (unsigned int)(random() % 600));
	}
	for (uint64_t i = cmdout_first(self->o); i < cmdout_total(self->o); i++)
		EXPECT_EQ(NULL, strpbrk(cmdout_line(self->o, i), "\033\r\n\t\b\007"));
}

TEST_HARNESS_MAIN
