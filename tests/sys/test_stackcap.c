// SPDX-License-Identifier: GPL-2.0
/*
 * The stop itself, on threads that sleep: what memtrace never does on purpose
 * but what may happen when a thread falls asleep between the last look and the
 * stop. Calls that a stop breaks off must go on as if nothing had been.
 */
// timeout: 120
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "source/stackcap_int.h"

#define MAX_TIDS 32

static uint64_t to_the_end(void *ctx, pid_t tid, uint64_t sp)
{
	(void)ctx;
	(void)tid;
	return sp + 4096;
}

FIXTURE(patience)
{
	pid_t pid;
	int in[2], out[2];
	FILE *said;
	struct stackcap *c;
	pid_t tid[MAX_TIDS];
	int nr;
};

static void child(int in, int out)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* by way of high numbers, lest one overwrites the other */
	in = fcntl(in, F_DUPFD, 100);
	out = fcntl(out, F_DUPFD, 100);
	dup2(in, 3);
	dup2(out, 4);
	setenv("TARGET_SYNC", "1", 1);
	execl("build/tests/targets/patience", "patience", "--wait-ms", "50", NULL);
	_exit(127);
}

static int list_tids(pid_t pid, pid_t *tid)
{
	struct dirent *e;
	char path[64];
	int nr = 0;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	d = opendir(path);
	while (d && (e = readdir(d)) && nr < MAX_TIDS)
		if (e->d_name[0] != '.' && atoi(e->d_name) != pid)
			tid[nr++] = atoi(e->d_name);
	if (d)
		closedir(d);
	return nr;
}

FIXTURE_SETUP(patience)
{
	char line[512];
	const char *why;

	if (geteuid())
		SKIP(return, "not root");
	ASSERT_EQ(0, pipe(self->in));
	ASSERT_EQ(0, pipe(self->out));
	self->pid = fork();
	if (!self->pid)
		child(self->in[0], self->out[1]);
	close(self->in[0]);
	close(self->out[1]);
	self->said = fdopen(self->out[0], "r");
	ASSERT_NE(NULL, fgets(line, sizeof(line), self->said));
	ASSERT_EQ(0, stackcap_open(self->pid, to_the_end, NULL, 0, &self->c, &why));
	self->nr = list_tids(self->pid, self->tid);
	ASSERT_EQ(5, self->nr);
}

FIXTURE_TEARDOWN(patience)
{
	if (self->pid > 0) {
		kill(self->pid, SIGKILL);
		waitpid(self->pid, NULL, 0);
	}
	stackcap_close(self->c);
}

static bool held(pid_t pid, pid_t tid)
{
	char path[64], line[256];
	bool ret = true;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/status", pid, tid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, "TracerPid:", 10))
			ret = atoi(line + 10) != 0;
	if (f)
		fclose(f);
	return ret;
}

/* What the program says at its end: no call was broken off, none returned too early. */
static void nobody_noticed(struct __test_metadata *_metadata, FIXTURE_DATA(patience) * self)
{
	unsigned int kinds = 0, calls = 0;
	char line[512];

	ASSERT_EQ(1, write(self->in[1], "x", 1));
	while (fgets(line, sizeof(line), self->said)) {
		unsigned int made, interrupted, early;
		char kind[32];

		if (sscanf(line, "PATIENCE kind=%31s calls=%u interrupted=%u early=%u", kind, &made,
			   &interrupted, &early) != 4)
			continue;
		kinds++;
		calls += made;
		EXPECT_EQ(0, interrupted)
		TH_LOG("%s", kind);
		EXPECT_EQ(0, early)
		TH_LOG("%s", kind);
	}
	TH_LOG("%u calls", calls);
	EXPECT_EQ(5, kinds);
	EXPECT_LT(0, calls);
}

TEST_F(patience, stopped_while_asleep)
{
	unsigned int stopped = 0;

	for (int round = 0; round < 200; round++) {
		for (int i = 0; i < self->nr; i++) {
			struct stackcap_thread t = { .tid = self->tid[i] };

			ASSERT_EQ(0, stackcap_stop(self->c, &t));
			stopped += t.how == STACKCAP_STOPPED;
			if (t.how == STACKCAP_STOPPED) {
				EXPECT_NE(0, t.stopped_ns);
				EXPECT_EQ(t.copy.regs.r[MTR_REG_SP] - 128, t.copy.part[0].addr);
			}
			stackcap_free(&t);
			EXPECT_FALSE(held(self->pid, self->tid[i]));
		}
		usleep(round % 7 * 1000);
	}
	EXPECT_EQ(200u * 5, stopped);
	nobody_noticed(_metadata, self);
	TH_LOG("%u stops", stopped);
}

/* MEMTRACE_TEST_LONG: 10,000 snapshots of each. */
TEST_F(patience, looked_at_while_asleep)
{
	int rounds = getenv("MEMTRACE_TEST_LONG") ? 10000 : 300, asleep = 0;

	for (int round = 0; round < rounds; round++) {
		struct stackcap_thread t[5] = { 0 };

		for (int i = 0; i < self->nr; i++)
			t[i].tid = self->tid[i];
		ASSERT_EQ(0, stackcap_take(self->c, t, 5));
		for (int i = 0; i < self->nr; i++) {
			asleep += t[i].how == STACKCAP_ASLEEP;
			stackcap_free(&t[i]);
		}
	}
	EXPECT_LT(rounds * 4, asleep);
	nobody_noticed(_metadata, self);
	TH_LOG("%d snapshots of 5 threads, %d found asleep", rounds, asleep);
}

TEST_HARNESS_MAIN
