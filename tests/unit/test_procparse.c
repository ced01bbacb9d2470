// SPDX-License-Identifier: GPL-2.0
/* The text of /proc, lines as kernels write them, hostile names and broken lines. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event/event.h"
#include "kselftest_harness.h"
#include "source/proc_parse.h"

static struct maps_line m;
static char line[512];

static int maps(const char *s)
{
	snprintf(line, sizeof(line), "%s", s);
	return maps_parse_line(line, strlen(line), &m);
}

static const char *name(void)
{
	static char buf[512];

	snprintf(buf, sizeof(buf), "%.*s", (int)m.name_len, m.name);
	return buf;
}

TEST(maps_file)
{
	ASSERT_EQ(
		0,
		maps("7f5e8c028000-7f5e8c1bd000 r-xp 00028000 fe:01 1836                       /usr/lib/x86_64-linux-gnu/libc.so.6"));
	EXPECT_EQ(0x7f5e8c028000, m.start);
	EXPECT_EQ(0x7f5e8c1bd000, m.end);
	EXPECT_EQ(MTR_P_READ | MTR_P_EXEC, m.prot);
	EXPECT_EQ(0x28000, m.pgoff);
	EXPECT_EQ(0xfe << 20 | 1, m.dev);
	EXPECT_EQ(1836, m.ino);
	EXPECT_STREQ("/usr/lib/x86_64-linux-gnu/libc.so.6", name());
}

TEST(maps_anonymous)
{
	ASSERT_EQ(0, maps("7f5e8c1bd000-7f5e8c1be000 ---p 00000000 00:00 0 "));
	EXPECT_EQ(0, m.prot);
	EXPECT_EQ(0, m.name_len);
	EXPECT_EQ(0, m.ino);
	ASSERT_EQ(
		0,
		maps("ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]"));
	EXPECT_EQ(MTR_P_EXEC | MTR_P_SPECIAL, m.prot);
	ASSERT_EQ(0,
		  maps("7ffc-7ffd r--p 00000000 00:00 0                          [vvar_vclock]"));
	EXPECT_TRUE(m.prot & MTR_P_SPECIAL);
	ASSERT_EQ(0, maps("1000-2000 rw-s 00000000 00:01 2050 /anon_hugepage (deleted)"));
	EXPECT_EQ(MTR_P_READ | MTR_P_WRITE | MTR_P_SHARED | MTR_P_HUGETLB, m.prot);
	ASSERT_EQ(0, maps("1000-2000 rw-s 00000000 00:01 2050 [anon_shmem:my name]"));
	EXPECT_STREQ("[anon_shmem:my name]", name());
}

TEST(maps_hostile_names)
{
	ASSERT_EQ(0, maps("1000-2000 r--p 00000000 08:01 7    /tmp/a b  c (deleted)"));
	EXPECT_STREQ("/tmp/a b  c (deleted)", name());
	ASSERT_EQ(0, maps("1000-2000 r--p 00000000 08:01 7    /tmp/x\\0127fff-8000 rwxp [heap]"));
	EXPECT_STREQ("/tmp/x\n7fff-8000 rwxp [heap]", name());
	/* the kernel does not escape the backslash: this is the file's name */
	ASSERT_EQ(0, maps("1000-2000 r--p 00000000 08:01 7    /tmp/\\134\\040"));
	EXPECT_STREQ("/tmp/\\134\\040", name());
	ASSERT_EQ(0, maps("1000-2000 r--p 00000000 08:01 7    /tmp/\033]0;x\a\xff"));
	EXPECT_STREQ("/tmp/\033]0;x\a\xff", name());
	ASSERT_EQ(0, maps("1000-2000 r--p 00000000 08:01 7    /tmp/cut\\01"));
	EXPECT_STREQ("/tmp/cut\\01", name());
}

TEST(maps_broken)
{
	static const char *const bad[] = {
		"",
		"1000",
		"1000-2000",
		"1000-2000 ",
		"1000-2000 r-xp",
		"zzzz-2000 r-xp 0 0:0 0",
		"2000-1000 r-xp 00000000 00:00 0",
		"1000-1000 r-xp 00000000 00:00 0",
		"1000-2000 rqxp 00000000 00:00 0",
		"1000-2000 r-x 00000000 00:00 0",
		"1000-2000 r-xp 00000000 0000 0",
		"1000-2000 r-xp 00000000 00:00 x",
		"1000-2000 r-xp 00000000 00:00 7x",
		"-1000-2000 r-xp 00000000 00:00 0",
		"10000000000000000-20000000000000000 r-xp 00000000 00:00 0",
		"1000-2000 r-xp 00000000 1000:00 0",
		"1000-2000 r-xp 00000000 00:100000 0",
		"1000-2000  r-xp 00000000 00:00 0",
		" 1000-2000 r-xp 00000000 00:00 0",
	};
	unsigned int i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		EXPECT_EQ(-EINVAL, maps(bad[i]))
		{
			TH_LOG("%s", bad[i]);
		}
	}
}

/* Any cut of a good line is refused or parsed, never read past (ASan looks on). */
TEST(maps_every_cut)
{
	static const char good[] = "1000-2000 rw-s 00000000 00:01 2050 /x\\012y (deleted)";

	for (size_t n = 0; n < sizeof(good); n++) {
		char *exact = malloc(n ? n : 1);

		memcpy(exact, good, n);
		maps_parse_line(exact, n, &m);
		free(exact);
	}
}

/* Fields 4… of a real line (cat, 6.1), with the comm put in. */
#define STAT_REST                                                                                  \
	" S 4123 99 99 34816 99 4194304 112 5 6 7 1 2 3 4 20 0 3 0 8812345 5726208 463 "           \
	"18446744073709551615 94016166158336 94016166177937 140726411293248 0 0 0 0 0 0 0 0 0 17 " \
	"1 0 0 0 0 0 94016166192560 94016166194176 94016186920960 140726411296981 "                \
	"140726411297001 140726411297001 140726411300841 0\n"

static struct stat_line st;

static int stat_of(const char *s)
{
	return stat_parse(s, strlen(s), &st);
}

TEST(stat_line)
{
	ASSERT_EQ(0, stat_of("99 (cat)" STAT_REST));
	EXPECT_STREQ("cat", st.comm);
	EXPECT_EQ('S', st.state);
	EXPECT_EQ(4123, st.ppid);
	EXPECT_EQ(112, st.minflt);
	EXPECT_EQ(6, st.majflt);
	EXPECT_EQ(3, st.nr_threads);
	EXPECT_EQ(8812345, st.start_ticks);
	EXPECT_EQ(94016166158336, st.start_code);
	EXPECT_EQ(94016166177937, st.end_code);
	EXPECT_EQ(140726411293248, st.start_stack);
	EXPECT_EQ(94016166192560, st.start_data);
	EXPECT_EQ(94016166194176, st.end_data);
	EXPECT_EQ(94016186920960, st.start_brk);
	EXPECT_FALSE(st.kthread);
}

TEST(stat_hostile_comm)
{
	ASSERT_EQ(0, stat_of("99 (a) R 1 1 (b)" STAT_REST));
	EXPECT_STREQ("a) R 1 1 (b", st.comm);
	EXPECT_EQ(4123, st.ppid);
	ASSERT_EQ(0, stat_of("99 (x\ny\033[m)" STAT_REST));
	EXPECT_STREQ("x\ny\033[m", st.comm);
	ASSERT_EQ(0, stat_of("99 ()" STAT_REST));
	EXPECT_STREQ("", st.comm);
	ASSERT_EQ(0, stat_of("99 ()))" STAT_REST));
	EXPECT_STREQ("))", st.comm);
}

TEST(stat_broken)
{
	EXPECT_EQ(-EINVAL, stat_of(""));
	EXPECT_EQ(-EINVAL, stat_of("99 (cat"));
	EXPECT_EQ(-EINVAL, stat_of("99 cat)"));
	EXPECT_EQ(-EINVAL, stat_of(")("));
	EXPECT_EQ(-EINVAL, stat_of("99 (cat)"));
	EXPECT_EQ(-EINVAL, stat_of("99 (cat) S"));
	EXPECT_EQ(-EINVAL, stat_of("99 (cat) S 1 2 3"));
	EXPECT_EQ(-EINVAL, stat_of("99 (cat) S x" STAT_REST));
}

TEST(kernel_thread)
{
	ASSERT_EQ(0, stat_of("2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 4 0 0 20 0 1 0 9 0 0 "
			     "18446744073709551615 0 0 0 0 0 0 0 2147483647 0 1 0 0 0 0 0 0 0 0 0 "
			     "0 0 0 0 0 0 0\n"));
	EXPECT_TRUE(st.kthread);
	EXPECT_EQ(0, st.start_stack);
}

TEST(small_files)
{
	static const char status[] =
		"Name:\tRssAnon:\t1 kB\nVmRSS:\t    1852 kB\n"
		"RssAnon:\t     100 kB\nRssFile:\t    1752 kB\nVmSwap:\t 0 kB\n"
		"Bad:\t12\n";
	static const char limits[] =
		"Limit                     Soft Limit           Hard Limit           Units     \n"
		"Max stack size            8388608              unlimited            bytes     \n";
	uint64_t a = 0, b = 0;

	EXPECT_EQ(0, statm_parse("1398 463 438 5 0 114 0\n", &a, &b));
	EXPECT_EQ(1398, a);
	EXPECT_EQ(463, b);
	EXPECT_EQ(-EINVAL, statm_parse("12\n", &a, &b));
	EXPECT_EQ(102400, status_kb(status, "RssAnon"));
	EXPECT_EQ(0, status_kb(status, "VmSwap"));
	EXPECT_EQ(-1, status_kb(status, "RssShmem"));
	EXPECT_EQ(-1, status_kb(status, "Bad"));
	EXPECT_EQ(8388608, limits_stack(limits));
	EXPECT_EQ(-1, limits_stack("Max stack size            unlimited "));
	EXPECT_EQ(-1, limits_stack("Max core 1"));
}

TEST(syscall_line)
{
	uint64_t sp = 7;

	EXPECT_EQ(SYSCALL_RUNNING, syscall_parse("running\n", &sp));
	EXPECT_EQ(7, sp);
	EXPECT_EQ(SYSCALL_IN_CALL,
		  syscall_parse("0 0x3 0x7f11 0x20000 0x22 0x0 0x0 0x7ffd93f8d2b8 0x7f5c1\n", &sp));
	EXPECT_EQ(0x7ffd93f8d2b8, sp);
	EXPECT_EQ(SYSCALL_BLOCKED, syscall_parse("-1 0x7ffd93f8d000 0x7f5c1\n", &sp));
	EXPECT_EQ(0x7ffd93f8d000, sp);
	EXPECT_EQ(-EINVAL, syscall_parse("", &sp));
	EXPECT_EQ(-EINVAL, syscall_parse("0 0x3\n", &sp));
	EXPECT_EQ(-EINVAL, syscall_parse("-1 0x3 0x4 0x5\n", &sp));
	EXPECT_EQ(-EINVAL, syscall_parse("0 3 4 5 6 7 8 9 10\n", &sp));
}

TEST_HARNESS_MAIN
