// SPDX-License-Identifier: GPL-2.0
/* The black box without a daemon: the names and the keeping of reports, and when there is to be one. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "serve/bb_cgroup.h"
#include "serve/bb_store.h"
#include "serve/bb_when.h"
#include "util/clock.h"

#define S NSEC_PER_SEC
#define MIB (1ll << 20)
#define DAY (86400 * S)
#define NOW (1795000000ull * S) /* of the wall clock */

/* ---- the folder */

FIXTURE(folder)
{
	char top[64], dir[96];
	struct bb_store *st;
};

FIXTURE_SETUP(folder)
{
	snprintf(self->top, sizeof(self->top), "/tmp/memtrace-blackbox.XXXXXX");
	ASSERT_NE(NULL, mkdtemp(self->top));
	snprintf(self->dir, sizeof(self->dir), "%s/reports", self->top);
	ASSERT_EQ(0, bb_store_open(self->dir, &self->st));
}

FIXTURE_TEARDOWN(folder)
{
	char cmd[128];

	bb_store_close(self->st);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", self->top);
	EXPECT_EQ(0, system(cmd));
}

static int put(const char *dir, const char *name, size_t len)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0600);
	if (fd < 0 || ftruncate(fd, (off_t)len))
		return -1;
	return close(fd);
}

static bool there(const char *dir, const char *name)
{
	char path[512];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return !lstat(path, &st);
}

TEST_F(folder, made_private)
{
	struct stat st;

	ASSERT_EQ(0, stat(self->dir, &st));
	EXPECT_EQ(0700, st.st_mode & 07777);
}

TEST_F(folder, refused)
{
	char link[128], file[128], open_to_all[128];
	struct bb_store *st = NULL;

	snprintf(link, sizeof(link), "%s/link", self->top);
	ASSERT_EQ(0, symlink(self->dir, link));
	EXPECT_NE(0, bb_store_open(link, &st));
	snprintf(file, sizeof(file), "%s/file", self->top);
	ASSERT_EQ(0, put(self->top, "file", 1));
	EXPECT_EQ(-ENOTDIR, bb_store_open(file, &st));
	snprintf(open_to_all, sizeof(open_to_all), "%s/open", self->top);
	ASSERT_EQ(0, mkdir(open_to_all, 0700));
	ASSERT_EQ(0, chmod(open_to_all, 0777));
	EXPECT_EQ(-EPERM, bb_store_open(open_to_all, &st));
	EXPECT_EQ(NULL, st);
	/* and who has one keeps it */
	EXPECT_NE(0, bb_store_move(self->st, link));
	EXPECT_LE(0, bb_store_create(self->st, "x", "txt"));
	EXPECT_TRUE(there(self->dir, ".x.txt.tmp"));
}

/* Whatever a process calls itself, its report is a plain name in the folder, and is known again as one. */
TEST_F(folder, hostile_names)
{
	static const char *const comms[] = { "redis-server",
					     "../../etc/cron",
					     "a/b",
					     "..",
					     ".",
					     "",
					     "-rf",
					     "a b\nc",
					     "\033[2J",
					     "x-1-oom",
					     "\xff\xfe\xc3\x28",
					     "20261121T224001Z",
					     "%s%n",
					     "a.mtr",
					     ".tmp",
					     "0123456789012345678901234567890123456789" };
	char base[BB_BASE], file[BB_BASE + 8];
	uint64_t made;
	size_t len;

	for (unsigned int i = 0; i < sizeof(comms) / sizeof(*comms); i++) {
		for (unsigned int c = 0; c < BB_NR; c++) {
			bb_store_name(self->st, base, NOW, comms[i], 4123, (enum bb_cause)c);
			EXPECT_EQ(strlen(base),
				  strspn(base,
					 "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					 "0123456789._+-"));
			EXPECT_NE('.', base[0]);
			snprintf(file, sizeof(file), "%s.mtr", base);
			ASSERT_TRUE(bb_store_ours(file, &len, &made));
			EXPECT_EQ(strlen(base), len);
			EXPECT_EQ(NOW, made);
		}
	}
	bb_store_name(self->st, base, NOW, "redis-server", 4123, BB_OOM);
	EXPECT_STREQ("20261118T110640Z-redis-server-4123-oom", base);
}

/* One more of the same second does not replace the one before. */
TEST_F(folder, same_second)
{
	char a[BB_BASE], b[BB_BASE], file[BB_BASE + 8];
	uint64_t made;
	size_t len;
	int fd;

	bb_store_name(self->st, a, NOW, "x", 1, BB_STEP);
	fd = bb_store_create(self->st, a, "txt");
	ASSERT_LE(0, fd);
	EXPECT_FALSE(there(self->dir, "20261118T110640Z-x-1-rss-step.txt"));
	ASSERT_EQ(0, bb_store_commit(self->st, a, "txt", fd));
	close(fd);
	EXPECT_TRUE(there(self->dir, "20261118T110640Z-x-1-rss-step.txt"));
	bb_store_name(self->st, b, NOW, "x", 1, BB_STEP);
	EXPECT_STRNE(a, b);
	snprintf(file, sizeof(file), "%s.txt", b);
	EXPECT_TRUE(bb_store_ours(file, &len, &made));
}

TEST_F(folder, not_ours)
{
	static const char *const names[] = { "20261121T224001Z-x-1-oom",
					     "20261121T224001Z-x-1-oom.gz",
					     "20261121T224001Z-x-1-other.txt",
					     "20261121T224001Z-x--oom.txt",
					     "20261121T224001Z-1-oom.txt",
					     "x-1-oom.txt",
					     ".mtr",
					     "",
					     "20261121T224001Z-x-1-oom.txt.tmp",
					     ".20261121T224001Z-x-1-oom.txt.tmp",
					     "20261321T224001Z-x-1-oom.txt",
					     "2026112 T224001Z-x-1-oom.txt",
					     "20261121T224001Z-x y-1-oom.txt",
					     "20261121T224001Z-x-1-oom-.txt",
					     "README.txt",
					     "20261121T224001Z-x/y-1-oom.mtr" };
	uint64_t made;
	size_t len;

	for (unsigned int i = 0; i < sizeof(names) / sizeof(*names); i++) {
		EXPECT_FALSE(bb_store_ours(names[i], &len, &made))
		{
			TH_LOG("%s", names[i]);
		}
	}
}

/* Oldest first; what is not a report is not even counted, and a link's end is not touched. */
TEST_F(folder, trim)
{
	char path[256], outside[128];

	ASSERT_EQ(0, put(self->dir, "20261101T000000Z-a-1-oom.mtr", 1000));
	ASSERT_EQ(0, put(self->dir, "20261101T000000Z-a-1-oom.txt", 100));
	ASSERT_EQ(0, put(self->dir, "20261102T000000Z-b-2-sigsegv.mtr", 1000));
	ASSERT_EQ(0, put(self->dir, "20261103T000000Z-c-3-rss-step.mtr", 1000));
	ASSERT_EQ(0, put(self->dir, "20261103T000000Z-c-3-rss-step.txt", 100));
	ASSERT_EQ(0, put(self->dir, "notes.txt", 100000));
	snprintf(outside, sizeof(outside), "%s/outside", self->top);
	ASSERT_EQ(0, put(self->top, "outside", 5000));
	snprintf(path, sizeof(path), "%s/20261001T000000Z-l-9-oom.txt", self->dir);
	ASSERT_EQ(0, symlink(outside, path));
	snprintf(path, sizeof(path), "%s/20261001T000000Z-d-9-oom.txt", self->dir);
	ASSERT_EQ(0, mkdir(path, 0700));

	EXPECT_EQ(0, bb_store_trim(self->st, 3200, 0, NOW));
	EXPECT_EQ(2, bb_store_trim(self->st, 2100, 0, NOW));
	EXPECT_FALSE(there(self->dir, "20261101T000000Z-a-1-oom.mtr"));
	EXPECT_FALSE(there(self->dir, "20261101T000000Z-a-1-oom.txt"));
	EXPECT_TRUE(there(self->dir, "20261102T000000Z-b-2-sigsegv.mtr"));
	/* the newest stays */
	EXPECT_EQ(1, bb_store_trim(self->st, 1, 0, NOW));
	EXPECT_TRUE(there(self->dir, "20261103T000000Z-c-3-rss-step.mtr"));
	EXPECT_TRUE(there(self->dir, "20261103T000000Z-c-3-rss-step.txt"));
	EXPECT_TRUE(there(self->dir, "notes.txt"));
	EXPECT_TRUE(there(self->dir, "20261001T000000Z-l-9-oom.txt"));
	EXPECT_TRUE(there(self->dir, "20261001T000000Z-d-9-oom.txt"));
	EXPECT_TRUE(there(self->top, "outside"));
}

TEST_F(folder, trim_by_age)
{
	char base[BB_BASE], file[BB_BASE + 8];

	for (unsigned int day = 0; day < 10; day++) {
		bb_store_name(self->st, base, NOW - day * DAY, "x", 1, BB_OOM);
		snprintf(file, sizeof(file), "%s.txt", base);
		ASSERT_EQ(0, put(self->dir, file, 10));
	}
	/* those of 8 and 9 days */
	EXPECT_EQ(2, bb_store_trim(self->st, 1000, 7 * DAY, NOW));
	EXPECT_EQ(0, bb_store_trim(self->st, 1000, 7 * DAY, NOW));
	/* a clock that went back removes nothing */
	EXPECT_EQ(0, bb_store_trim(self->st, 1000, 7 * DAY, NOW - 30 * DAY));
	/* all of them have their day */
	EXPECT_EQ(8, bb_store_trim(self->st, 1000, 7 * DAY, NOW + 30 * DAY));
}

/* What a killed daemon left goes, of our pattern only. */
TEST_F(folder, sweep)
{
	int fd = bb_store_create(self->st, "20261121T224001Z-x-1-oom", "mtr");

	ASSERT_LE(0, fd);
	close(fd);
	/* nobody else may be writing there: not even we */
	EXPECT_EQ(-EEXIST, bb_store_create(self->st, "20261121T224001Z-x-1-oom", "mtr"));
	ASSERT_EQ(0, put(self->dir, ".swp.tmp", 1));
	ASSERT_EQ(0, put(self->dir, "20261121T224001Z-x-1-oom.txt", 1));
	EXPECT_EQ(1, bb_store_sweep(self->st));
	EXPECT_FALSE(there(self->dir, ".20261121T224001Z-x-1-oom.mtr.tmp"));
	EXPECT_TRUE(there(self->dir, ".swp.tmp"));
	EXPECT_TRUE(there(self->dir, "20261121T224001Z-x-1-oom.txt"));
}

/* ---- when */

#define SPAN (60 * S)

static int64_t add_every_second(struct bb_step *s, uint64_t *now, unsigned int secs, int64_t rss)
{
	int64_t got = 0;

	for (unsigned int i = 0; i < secs && !got; i++) {
		*now += S;
		got = bb_step_add(s, rss, *now, 25, SPAN);
	}
	return got;
}

TEST(step)
{
	struct bb_step s = {};
	uint64_t now = 1000 * S;

	/* what it needs to get going is none */
	EXPECT_EQ(0, add_every_second(&s, &now, 1, 10 * MIB));
	EXPECT_EQ(0, add_every_second(&s, &now, 20, 400 * MIB));
	EXPECT_EQ(0, add_every_second(&s, &now, 100, 400 * MIB));
	/* under the quarter, and a little more */
	EXPECT_EQ(0, add_every_second(&s, &now, 10, 499 * MIB));
	EXPECT_EQ(101 * MIB, add_every_second(&s, &now, 10, 501 * MIB));
	bb_step_reset(&s);
	EXPECT_EQ(0, add_every_second(&s, &now, 300, 501 * MIB));
}

TEST(step_by_and_by)
{
	struct bb_step slow = {}, fast = {};
	uint64_t now = 1000 * S;
	int64_t got = 0;
	unsigned int i;

	/* 20 % a minute: never a quarter within one */
	for (i = 0; i < 600 && !got; i++)
		got = bb_step_add(&slow, 1000 * MIB + i * 1000 * MIB / 300, now + i * S, 25, SPAN);
	EXPECT_EQ(0, got);
	/* twice that */
	for (i = 0; i < 600 && !got; i++)
		got = bb_step_add(&fast, 1000 * MIB + i * 1000 * MIB / 120, now + i * S, 25, SPAN);
	EXPECT_LT(250 * MIB, got);
	EXPECT_GT(120u, i);
}

TEST(step_small)
{
	struct bb_step s = {};
	uint64_t now = 1000 * S;

	/* a multiple, but not much */
	EXPECT_EQ(0, add_every_second(&s, &now, 100, 1 * MIB));
	EXPECT_EQ(0, add_every_second(&s, &now, 10, 16 * MIB));
	EXPECT_EQ(16 * MIB, add_every_second(&s, &now, 10, 17 * MIB));
	/* switched off */
	EXPECT_EQ(0, bb_step_add(&s, 1000 * MIB, now, 0, SPAN));
	EXPECT_EQ(0, bb_step_add(&s, 1000 * MIB, now, 25, 0));
}

/* Nobody looked for long: what was before is too old to count. */
TEST(step_gap)
{
	struct bb_step s = {};
	uint64_t now = 1000 * S;

	EXPECT_EQ(0, add_every_second(&s, &now, 100, 100 * MIB));
	now += 1000 * S;
	EXPECT_EQ(0, add_every_second(&s, &now, 1, 500 * MIB));
	/* and a clock that goes back begins anew */
	now = 500 * S;
	EXPECT_EQ(0, add_every_second(&s, &now, 10, 900 * MIB));
}

TEST(pauses)
{
	struct bb_pause p = {};

	EXPECT_TRUE(bb_pause_ask(&p, BB_STEP, 100 * S, 600 * S));
	EXPECT_FALSE(bb_pause_ask(&p, BB_STEP, 101 * S, 600 * S));
	/* each cause has its own */
	EXPECT_TRUE(bb_pause_ask(&p, BB_OOM, 101 * S, 600 * S));
	EXPECT_FALSE(bb_pause_ask(&p, BB_STEP, 699 * S, 600 * S));
	EXPECT_TRUE(bb_pause_ask(&p, BB_STEP, 700 * S, 600 * S));
	EXPECT_FALSE(bb_pause_ask(&p, BB_STEP, 1299 * S, 600 * S));
	/* none */
	EXPECT_TRUE(bb_pause_ask(&p, BB_STEP, 1299 * S, 0));
}

TEST(low_stack)
{
	struct bb_low l = {};

	EXPECT_FALSE(bb_low_ask(&l, 7, 4 * MIB, 8 * MIB, 10));
	EXPECT_TRUE(bb_low_ask(&l, 7, MIB / 2, 8 * MIB, 10));
	EXPECT_FALSE(bb_low_ask(&l, 7, MIB / 4, 8 * MIB, 10));
	EXPECT_TRUE(bb_low_ask(&l, 8, MIB / 4, 8 * MIB, 10));
	/* a little room is not yet another story */
	EXPECT_FALSE(bb_low_ask(&l, 7, MIB, 8 * MIB, 10));
	EXPECT_FALSE(bb_low_ask(&l, 7, MIB / 4, 8 * MIB, 10));
	EXPECT_FALSE(bb_low_ask(&l, 7, 4 * MIB, 8 * MIB, 10));
	EXPECT_TRUE(bb_low_ask(&l, 7, MIB / 4, 8 * MIB, 10));
	/* not known */
	EXPECT_FALSE(bb_low_ask(&l, 9, -1, 8 * MIB, 10));
	EXPECT_FALSE(bb_low_ask(&l, 9, 0, -1, 10));
}

TEST(signals)
{
	EXPECT_EQ(BB_SIGSEGV, bb_cause_of_signal(SIGSEGV));
	EXPECT_EQ(BB_SIGBUS, bb_cause_of_signal(SIGBUS));
	EXPECT_EQ(BB_SIGABRT, bb_cause_of_signal(SIGABRT));
	EXPECT_EQ(BB_NR, bb_cause_of_signal(SIGKILL));
	EXPECT_EQ(BB_NR, bb_cause_of_signal(0));
}

TEST(cgroup_counts)
{
	uint64_t high, max;

	EXPECT_TRUE(bb_cgroup_counts("low 1\nhigh 22\nmax 333\noom 4\noom_kill 5\n", &high, &max));
	EXPECT_EQ(22, high);
	EXPECT_EQ(333, max);
	EXPECT_FALSE(bb_cgroup_counts("", &high, &max));
	EXPECT_FALSE(bb_cgroup_counts("highest 3\nmaximum 4\n", &high, &max));
	EXPECT_EQ(0, high);
}

TEST_HARNESS_MAIN
