// SPDX-License-Identifier: GPL-2.0
/* Formatting and parsing of sizes, times, rates and counts. */
#include <errno.h>
#include <string.h>

#include "kselftest_harness.h"
#include "util/units.h"

#define EXPECT_FMT(fn, arg, want)                \
	do {                                     \
		char b_[UNITS_LEN];              \
		EXPECT_STREQ(want, fn(b_, arg)); \
	} while (0)

TEST(size)
{
	EXPECT_FMT(fmt_size, 0, "0");
	EXPECT_FMT(fmt_size, 1, "1B");
	EXPECT_FMT(fmt_size, 999, "999B");
	EXPECT_FMT(fmt_size, 1000, "1.0K"); /* never four digits */
	EXPECT_FMT(fmt_size, 1024, "1.0K");
	EXPECT_FMT(fmt_size, 4096, "4.0K");
	EXPECT_FMT(fmt_size, 10188, "9.9K"); /* 9.949 */
	EXPECT_FMT(fmt_size, 10199, "10K"); /* 9.960: not "10.0K" */
	EXPECT_FMT(fmt_size, 132 << 10, "132K");
	EXPECT_FMT(fmt_size, 1000 << 10, "1.0M");
	EXPECT_FMT(fmt_size, 64 << 20, "64M");
	EXPECT_FMT(fmt_size, 512ll << 20, "512M");
	EXPECT_FMT(fmt_size, 1524713390ll, "1.42G");
	EXPECT_FMT(fmt_size, 2ll << 30, "2.00G");
	EXPECT_FMT(fmt_size, 42ll << 40, "42.0T");
	EXPECT_FMT(fmt_size, 209ll << 30, "209G");
	EXPECT_FMT(fmt_size, -(300ll << 10), "-300K");
	EXPECT_FMT(fmt_size, INT64_MAX, "8.00E");
	EXPECT_FMT(fmt_size, INT64_MIN, "-8.00E");
}

TEST(growth_and_rate)
{
	EXPECT_FMT(fmt_growth, 412ll << 20, "+412M");
	EXPECT_FMT(fmt_growth, -4096, "-4.0K");
	EXPECT_FMT(fmt_growth, 0, "0");
	EXPECT_FMT(fmt_rate, 2.8 * (1 << 20), "+2.8M/s");
	EXPECT_FMT(fmt_rate, -4096., "-4.0K/s");
	EXPECT_FMT(fmt_rate, 0.3, "0");
	EXPECT_FMT(fmt_rate, 0. / 0., "0");
}

TEST(count)
{
	EXPECT_FMT(fmt_count, 0, "0");
	EXPECT_FMT(fmt_count, 0.25, "0.2");
	EXPECT_FMT(fmt_count, 7, "7");
	EXPECT_FMT(fmt_count, 794, "794");
	EXPECT_FMT(fmt_count, 12345, "12.3k");
	EXPECT_FMT(fmt_count, 4.1e6, "4.1M");
	EXPECT_FMT(fmt_count, 999999, "1.0M");
	EXPECT_FMT(fmt_count, 200000, "200k");
}

TEST(duration)
{
	EXPECT_FMT(fmt_duration, 0, "0s");
	EXPECT_FMT(fmt_duration, 1500, "1us");
	EXPECT_FMT(fmt_duration, 180000000, "180ms");
	EXPECT_FMT(fmt_duration, 999600000, "1.0s");
	EXPECT_FMT(fmt_duration, 1200000000, "1.2s");
	EXPECT_FMT(fmt_duration, 9960000000, "9s");
	EXPECT_FMT(fmt_duration, 59999999999, "59s");
	EXPECT_FMT(fmt_duration, 155000000000, "2m35s");
	EXPECT_FMT(fmt_duration, 3661000000000, "1h01m");
	EXPECT_FMT(fmt_duration, (3 * 86400 + 4 * 3600) * 1000000000ull, "3d04h");
}

TEST(reads_times)
{
	static const struct {
		const char *s;
		uint64_t ns;
	} good[] = {
		{ "500ms", 500000000 },	 { "30s", 30000000000 },    { "10min", 600000000000 },
		{ "2h", 7200000000000 }, { "1", 1000000000 },	    { "0.25", 250000000 },
		{ ".5s", 500000000 },	 { "1.5h", 5400000000000 }, { "0", 0 },
	};
	static const char *const bad[] = { "",	  "m",	  "5m",	  "1e3", "0x10",
					   "-1",  " 1",	  "1 ",	  "1,5", "nan",
					   "inf", "5sec", "1..2", ".",	 "99999999999999999999" };
	uint64_t ns;

	for (unsigned int i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		ASSERT_EQ(0, parse_time(good[i].s, &ns));
		EXPECT_EQ(good[i].ns, ns);
	}
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ns = 77;
		EXPECT_EQ(-EINVAL, parse_time(bad[i], &ns));
		EXPECT_EQ(77, ns);
	}
}

TEST(reads_sizes)
{
	uint64_t v;

	EXPECT_EQ(0, parse_size("64K", &v));
	EXPECT_EQ(65536, v);
	EXPECT_EQ(0, parse_size("1.5G", &v));
	EXPECT_EQ(1610612736, v);
	EXPECT_EQ(0, parse_size("4096", &v));
	EXPECT_EQ(4096, v);
	EXPECT_EQ(0, parse_size("2m", &v));
	EXPECT_EQ(2097152, v);
	EXPECT_EQ(-EINVAL, parse_size("", &v));
	EXPECT_EQ(-EINVAL, parse_size("-1", &v));
	EXPECT_EQ(-EINVAL, parse_size("1Q", &v));
	EXPECT_EQ(-EINVAL, parse_size("1KB", &v));
	EXPECT_EQ(-ERANGE, parse_size("8E", &v));
	EXPECT_EQ(-ERANGE, parse_size("99999999999999999999999", &v));
}

TEST_HARNESS_MAIN
