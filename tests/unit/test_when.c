// SPDX-License-Identifier: GPL-2.0
/* Conditions: what is taken, what is refused, when they hold. And moments of the wall clock. */
#include <string.h>

#include "analysis/when.h"
#include "attached.h"
#include "util/rfc3339.h"

static int parse(const char *text)
{
	struct when *w = NULL;
	char why[256] = "";
	int err = when_parse(text, &w, why, sizeof(why));

	when_free(w);
	/* who is refused is told why */
	return err && !why[0] ? 1 : err;
}

/* 1, 0; −1: refused */
static int holds(M *m, const char *text)
{
	struct when *w;
	char why[256];
	int ret;

	if (when_parse(text, &w, why, sizeof(why)))
		return -1;
	ret = when_holds(w, m->p);
	when_free(w);
	return ret;
}

TEST(taken)
{
	EXPECT_EQ(0, parse("rss > 2G"));
	EXPECT_EQ(0, parse("rss>2G"));
	EXPECT_EQ(0, parse("  heap >= 1.5G  "));
	EXPECT_EQ(0, parse("growth > 1M/s"));
	EXPECT_EQ(0, parse("growth > 60M/min or growth > 1G/h"));
	EXPECT_EQ(0, parse("headroom < 20%"));
	EXPECT_EQ(0, parse("headroom < 64K"));
	EXPECT_EQ(0, parse("thread_stack > 1M && !(anon < 3 || swap > 0)"));
	EXPECT_EQ(0, parse("not not rss < 4096"));
	EXPECT_EQ(0, parse("((((rss > 1))))"));
}

TEST(refused)
{
	static const char *const bad[] = {
		"",
		" ",
		"rss",
		"rss >",
		"rss 2G",
		"> 2G",
		"rss = 2G",
		"rss > 2X",
		"rss > 2G x",
		"rss > 2G and",
		"or rss > 2G",
		"(rss > 2G",
		"rss > 2G)",
		"foo > 2G",
		"heaps > 2G",
		"rss > 20%",
		"headroom < 120%",
		"headroom < %",
		"growth > 1M",
		"rss > 1K/s",
		"growth > 1M/d",
		"rss > -5",
		"rss > 1K/",
		"not",
		"rss > 2Gand rss > 1",
		"((((((((((((((((((((rss > 1))))))))))))))))))))",
	};
	char many[4096] = "rss > 1";

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		EXPECT_EQ(-22, parse(bad[i]))
		{
			TH_LOG("'%s'", bad[i]);
		}
	}
	for (unsigned int i = 0; i < 100; i++)
		strcat(many, " or rss > 1");
	EXPECT_EQ(-22, parse(many));
}

TEST_F(m, rss_and_operators)
{
	EXPECT_EQ(1, holds(self, "rss > 159K"));
	EXPECT_EQ(0, holds(self, "rss > 160K"));
	EXPECT_EQ(1, holds(self, "rss >= 160K"));
	EXPECT_EQ(1, holds(self, "rss <= 160K"));
	EXPECT_EQ(0, holds(self, "rss < 160K"));
	EXPECT_EQ(1, holds(self, "rss < 160.5K"));
}

TEST_F(m, and_or_not)
{
	EXPECT_EQ(1, holds(self, "rss > 1K and rss < 1G"));
	EXPECT_EQ(0, holds(self, "rss > 1K and rss > 1G"));
	EXPECT_EQ(1, holds(self, "rss > 1G or rss > 1K"));
	/* and binds tighter */
	EXPECT_EQ(1, holds(self, "rss > 1K or rss > 1G and rss > 1G"));
	EXPECT_EQ(0, holds(self, "(rss > 1K or rss > 1G) and rss > 1G"));
	EXPECT_EQ(0, holds(self, "not rss > 1K"));
	EXPECT_EQ(1, holds(self, "not (rss > 1K and rss > 1G)"));
}

TEST_F(m, a_kind_of_region)
{
	proc_kinds(self->p, self->st);
	EXPECT_EQ(0, holds(self, "heap > 0"));
	fault(self, 100, HEAP + PAGE, MAIN_END - 64, PAGE, 0);
	fault(self, 100, HEAP + 2 * PAGE, MAIN_END - 64, PAGE, 0);
	EXPECT_EQ(1, holds(self, "heap >= 8K and heap <= 8K"));
	EXPECT_EQ(0, holds(self, "anon > 0"));
}

/* Of the last interval; before one has ended nothing is known, and neither side of it holds. */
TEST_F(m, growth)
{
	EXPECT_EQ(0, holds(self, "growth > 0/s or growth <= 0/s"));
	proc_tick(self->p, 101 * S, self->st);
	fault(self, 100, HEAP + PAGE, MAIN_END - 64, 2 << 20, 0);
	proc_tick(self->p, 102 * S, self->st);
	EXPECT_EQ(1, holds(self, "growth >= 2M/s and growth <= 2M/s"));
	EXPECT_EQ(1, holds(self, "growth >= 120M/min and growth < 121M/min"));
	EXPECT_EQ(0, holds(self, "growth > 7300M/h"));
}

/* The stack with the least room: thread 101 comes to have 8K of 32K left, a quarter. */
TEST_F(m, headroom)
{
	EXPECT_EQ(1, holds(self, "headroom > 93% and headroom < 94%"));
	sp(self, 101, STACK_END - 6 * PAGE);
	EXPECT_EQ(1, holds(self, "headroom < 26%"));
	EXPECT_EQ(0, holds(self, "headroom < 25%"));
	EXPECT_EQ(1, holds(self, "headroom <= 8K and headroom > 4K"));
	/* of none it is known: neither side holds */
	exit_with(self, MTR_EV_THREAD_EXIT, 101, 0);
	EXPECT_EQ(0, holds(self, "headroom < 100% or headroom >= 0%"));
}

TEST(rfc3339)
{
	char buf[RFC3339_LEN];
	uint64_t ns = 0;

	EXPECT_STREQ("1970-01-01T00:00:01.500Z", fmt_rfc3339(buf, 1500 * 1000000ull));
	EXPECT_EQ(0, parse_rfc3339("1970-01-01T00:00:01.500Z", &ns));
	EXPECT_EQ(1500 * 1000000ull, ns);
	EXPECT_EQ(0, parse_rfc3339("2026-11-21T16:02:41+02:00", &ns));
	EXPECT_STREQ("2026-11-21T14:02:41.000Z", fmt_rfc3339(buf, ns));
	EXPECT_EQ(0, parse_rfc3339("2026-11-21 16:02:41.25Z", &ns));
	EXPECT_STREQ("2026-11-21T16:02:41.250Z", fmt_rfc3339(buf, ns));
	EXPECT_EQ(-22, parse_rfc3339("2026-11-21T16:02:41", &ns));
	EXPECT_EQ(-22, parse_rfc3339("2026-11-21", &ns));
	EXPECT_EQ(-22, parse_rfc3339("16:02:41Z", &ns));
	EXPECT_EQ(-22, parse_rfc3339("2026-11-21T16:02:41Zx", &ns));
	EXPECT_EQ(-22, parse_rfc3339("now", &ns));
}

TEST_HARNESS_MAIN
