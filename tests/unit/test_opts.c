// SPDX-License-Identifier: GPL-2.0
/* The command line: what is taken, what is refused, and with which status. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "opts.h"
#include "util/log.h"

static struct opts o;

static const struct command live = { "", "", NULL, "live help\n",
				     OPT_TARGET | OPT_LIVE | OPT_VIEW };
static const struct command snap = { "snapshot", "", NULL, "snap help\n", OPT_TARGET };
static const struct command rec = { "record", "", NULL, "",
				    OPT_TARGET | OPT_LIVE | OPT_RECORD | OPT_WHEN | OPT_FORMAT };
static const struct command replay = { "replay", "", NULL, "", OPT_FILE | OPT_VIEW | OPT_SEEK };
static const struct command diff = { "diff", "", NULL, "", OPT_FILE | OPT_FILES | OPT_DIFF };
static const struct command grow = {
	"growth", "", NULL, "", OPT_TARGET | OPT_LIVE | OPT_FORMAT | OPT_GROWTH | OPT_OR_FILE
};
static const struct command doctor = { "doctor", "", NULL, "doctor help\n", 0 };

/* Splits at spaces; stderr is of no interest here. */
static int parse(const struct command *c, const char *line)
{
	static char buf[256];
	static char *argv[32];
	int argc = 0, keep = dup(2), ret;

	snprintf(buf, sizeof(buf), "%s", line);
	argv[argc++] = (char *)"memtrace";
	for (char *s = strtok(buf, " "); s && argc < 31; s = strtok(NULL, " "))
		argv[argc++] = s;
	argv[argc] = NULL;
	if (!freopen("/dev/null", "w", stderr))
		return -1;
	ret = opts_parse(c, &o, argc, argv);
	fflush(stderr);
	dup2(keep, 2);
	close(keep);
	return ret;
}

TEST(target)
{
	ASSERT_EQ(0, parse(&live, "-p 1 -p 2,3 -p 2"));
	ASSERT_EQ(3, o.nr_pids);
	EXPECT_EQ(1, o.pids[0]);
	EXPECT_EQ(3, o.pids[2]);
	ASSERT_EQ(0, parse(&live, "-f -i 500ms -- ls -l --json"));
	EXPECT_STREQ("ls", o.cmd[0]);
	EXPECT_STREQ("--json", o.cmd[2]);
	EXPECT_FALSE(o.json);
	EXPECT_TRUE(o.follow);
	EXPECT_EQ(500000000, o.interval_ns);
	EXPECT_EQ(0, parse(&doctor, "--json"));
	EXPECT_TRUE(o.json);
}

TEST(defaults)
{
	ASSERT_EQ(0, parse(&live, "-p 1"));
	EXPECT_EQ(1000000000, o.interval_ns);
	EXPECT_EQ(0, o.duration_ns);
	EXPECT_STREQ("auto", o.rung);
	EXPECT_FALSE(o.no_reconcile);
}

TEST(for_tests)
{
	ASSERT_EQ(0, parse(&live, "-p 1 --rung tracepoint --reconcile=off --drop vma --ring 4M"));
	EXPECT_STREQ("tracepoint", o.rung);
	EXPECT_TRUE(o.no_reconcile);
	EXPECT_STREQ("vma", o.drop);
	EXPECT_EQ(4 << 20, o.ring_bytes);
}

TEST(refused)
{
	static const char *const bad[] = {
		"-p",
		"-p 0",
		"-p x",
		"-p 1,",
		"-p 99999999999",
		"-p -1",
		"-p 1 -i 5m",
		"-p 1 -i 0",
		"-p 1 -i -1",
		"-p 1 ls",
		"-p 1 -- ls",
		"--",
		"-f --",
		"-Z",
		"--jsom",
		"--plain=3",
		"--color=blue -p 1",
		"-p 1 --rung x",
		"-p 1 -u root",
		"-p 1 --max-overhead nan",
		"-p 1 --ring 5Q",
	};

	unsigned int i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		EXPECT_EQ(OPTS_EXIT + EX_USAGE_ERR, parse(&live, bad[i]))
		{
			TH_LOG("%s", bad[i]);
		}
	}
	EXPECT_EQ(OPTS_EXIT + EX_USAGE_ERR, parse(&snap, ""));
	EXPECT_EQ(OPTS_EXIT + EX_USAGE_ERR, parse(&snap, "-p 1 -f"));
	EXPECT_EQ(OPTS_EXIT + EX_USAGE_ERR, parse(&snap, "-- ls"));
	EXPECT_EQ(OPTS_EXIT + EX_USAGE_ERR, parse(&doctor, "-p 1"));
	EXPECT_EQ(OPTS_EXIT + EX_NO_TARGET, parse(&snap, "-n no-such-process-anywhere"));
	EXPECT_EQ(OPTS_EXIT + EX_NO_TARGET, parse(&snap, "--cgroup no.such.unit"));
}

TEST(files)
{
	ASSERT_EQ(0, parse(&replay, "x.mtr --json --seek +30s --speed 2.5"));
	EXPECT_EQ(1, o.nr_files);
	EXPECT_STREQ("x.mtr", o.files[0]);
	EXPECT_TRUE(o.json);
	EXPECT_STREQ("+30s", o.seek);
	EXPECT_EQ(25, (int)(o.speed * 10));
	ASSERT_EQ(0, parse(&diff, "--exit-code a b@-1s"));
	EXPECT_STREQ("b@-1s", o.files[1]);
	EXPECT_TRUE(o.exit_code);
	EXPECT_EQ(OPTS_EXIT + EX_USAGE_ERR, parse(&replay, ""));
	EXPECT_EQ(OPTS_EXIT + EX_USAGE_ERR, parse(&replay, "a b"));
	EXPECT_EQ(OPTS_EXIT + EX_USAGE_ERR, parse(&diff, "a"));
	EXPECT_EQ(OPTS_EXIT + EX_USAGE_ERR, parse(&diff, "a b c"));
	EXPECT_EQ(OPTS_EXIT + EX_USAGE_ERR, parse(&replay, "a --speed 0"));
	EXPECT_EQ(OPTS_EXIT + EX_USAGE_ERR, parse(&replay, "a -p 1"));
	EXPECT_EQ(OPTS_EXIT + EX_USAGE_ERR, parse(&replay, "a --exit-code"));
}

TEST(file_or_target)
{
	static const char *const bad[] = { "x.mtr y.mtr",
					   "x.mtr -- ls",
					   "x.mtr -d 3",
					   "-f x.mtr",
					   "x.mtr --sample 2",
					   "x.mtr --arenas",
					   "-p 1 --from +1s",
					   "--to +1s -- ls",
					   "--from +1s",
					   "x.mtr --from",
					   "-- ",
					   "" };

	ASSERT_EQ(0, parse(&grow, "x.mtr --from +3s --json --to end -p 7"));
	EXPECT_EQ(1, o.nr_files);
	EXPECT_STREQ("x.mtr", o.files[0]);
	EXPECT_STREQ("+3s", o.from);
	EXPECT_STREQ("end", o.to);
	EXPECT_EQ(7, o.pids[0]);
	EXPECT_TRUE(o.json);
	ASSERT_EQ(0, parse(&grow, "--fail-on leak_like -d 3 -- ls x.mtr --json"));
	EXPECT_EQ(0, o.nr_files);
	EXPECT_STREQ("x.mtr", o.cmd[1]);
	EXPECT_FALSE(o.json);
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		EXPECT_EQ(OPTS_EXIT + EX_USAGE_ERR, parse(&grow, bad[i]))
		{
			TH_LOG("%s", bad[i]);
		}
	}
}

TEST(recording)
{
	ASSERT_EQ(0, parse(&rec, "-p 1 -o x --last-size 16M --last-time 2h --when rss>1"));
	EXPECT_EQ(16 << 20, o.last_size);
	EXPECT_EQ(7200 * 1000000000ull, o.last_ns);
	EXPECT_STREQ("rss>1", o.when);
	EXPECT_EQ(OPTS_EXIT + EX_USAGE_ERR, parse(&rec, "-p 1 --last-size 1000"));
	EXPECT_EQ(OPTS_EXIT + EX_USAGE_ERR, parse(&rec, "-p 1 --last-time 5m"));
	EXPECT_EQ(OPTS_EXIT + EX_USAGE_ERR, parse(&rec, "-p 1 --plain"));
	EXPECT_EQ(OPTS_EXIT + EX_USAGE_ERR, parse(&rec, "-p 1 x.mtr"));
	EXPECT_EQ(OPTS_EXIT + EX_USAGE_ERR, parse(&live, "-p 1 --last-size 16M"));
}

TEST(calls_are_recorded_when_asked_for)
{
	ASSERT_EQ(0, parse(&rec, "-p 1"));
	EXPECT_FALSE(o.calls);
	ASSERT_EQ(0, parse(&rec, "-p 1 --calls"));
	EXPECT_TRUE(o.calls);
	ASSERT_EQ(0, parse(&rec, "-p 1 --calls --no-calls"));
	EXPECT_FALSE(o.calls);
	EXPECT_EQ(OPTS_EXIT + EX_USAGE_ERR, parse(&live, "-p 1 --calls"));
}

TEST(verbs)
{
	const struct command all[] = { snap, doctor };
	char *a[] = { (char *)"memtrace", (char *)"doctor", NULL };
	char *b[] = { (char *)"memtrace", (char *)"snapsht", NULL };
	char *c[] = { (char *)"memtrace", (char *)"-p", NULL };

	EXPECT_EQ(&all[1], opts_verb(all, 2, &live, 2, a));
	EXPECT_EQ(NULL, opts_verb(all, 2, &live, 2, b));
	EXPECT_EQ(&live, opts_verb(all, 2, &live, 2, c));
	EXPECT_EQ(&live, opts_verb(all, 2, &live, 1, c));
}

TEST_HARNESS_MAIN
