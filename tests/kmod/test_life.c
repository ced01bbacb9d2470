// SPDX-License-Identifier: GPL-2.0
/* Lifetimes: of the target, of the watcher, of the module, in every order. */
#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include "kmod.h"
#include "kselftest_harness.h"

FIXTURE(life){};

FIXTURE_SETUP(life)
{
	ASSERT_EQ(0, kmod_load());
}

FIXTURE_TEARDOWN(life)
{
}

/* A child that touches memory until it is killed; exec: becomes sleep(1) when it gets SIGUSR1. */
static void be_busy(unsigned int pause_us)
{
	char *m = map_anon(256 * PAGE);

	for (;;) {
		touch(m, 256);
		madvise(m, 256 * PAGE, MADV_DONTNEED);
		if (pause_us)
			usleep(pause_us);
	}
}

static void becomes_sleep(int sig)
{
	(void)sig;
	execl("/bin/sleep", "sleep", "1000", NULL);
	_exit(127);
}

static pid_t start_busy(void)
{
	pid_t pid = fork();

	if (!pid) {
		signal(SIGUSR1, becomes_sleep);
		be_busy(0);
	}
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static bool gone_within(int fd, int ms)
{
	for (int i = 0; i < ms / 10; i++) {
		if (kmod_stats(fd).flags & MEMTRACE_ST_RELEASED)
			return true;
		usleep(10000);
	}
	return false;
}

static int snapshot_error(int fd)
{
	static struct memtrace_region r[4096];
	struct memtrace_snapshot s = {};
	int n = kmod_snapshot(fd, &s, r, 4096);

	return n < 0 ? n : 0;
}

TEST_F(life, exit_while_attached)
{
	pid_t pid = start_busy();
	int fd = kmod_watch(pid);

	ASSERT_GE(fd, 0);
	usleep(100000);
	EXPECT_EQ(0, snapshot_error(fd));
	EXPECT_GT(kmod_stats(fd).nr_start, 0u);
	end(pid);
	EXPECT_TRUE(gone_within(fd, 5000));
	EXPECT_EQ(-ESRCH, snapshot_error(fd));
	EXPECT_EQ(0u, kmod_stats(fd).nr_running);
	close(fd);
}

TEST_F(life, exec_ends_it)
{
	pid_t pid = start_busy();
	int fd = kmod_watch(pid), again;
	uint64_t id = kmod_stats(fd).id;

	ASSERT_GE(fd, 0);
	usleep(50000);
	kill(pid, SIGUSR1);
	EXPECT_TRUE(gone_within(fd, 5000));
	EXPECT_EQ(-ESRCH, snapshot_error(fd));
	again = kmod_watch(pid); /* the new one, under another id */
	ASSERT_GE(again, 0);
	EXPECT_NE(id, kmod_stats(again).id);
	EXPECT_EQ(0, snapshot_error(again));
	end(pid);
	close(fd);
	close(again);
}

TEST_F(life, child_is_not_watched)
{
	int fd = kmod_watch(0), status;
	uint64_t before, after;
	pid_t pid = fork();

	if (!pid) {
		char *m = map_anon(100 * PAGE);

		for (int i = 0; i < 1000; i++) {
			touch(m, 1);
			madvise(m, PAGE, MADV_DONTNEED);
		}
		_exit(0);
	}
	before = kmod_stats(fd).nr_start;
	waitpid(pid, &status, 0);
	after = kmod_stats(fd).nr_start;
	EXPECT_LT(after - before, 500u); /* our own few */
	EXPECT_EQ(0u, kmod_stats(fd).flags & MEMTRACE_ST_RELEASED);
	close(fd);
}

TEST_F(life, unload_is_refused_while_open)
{
	int fd = kmod_open(), other;

	EXPECT_EQ(-EWOULDBLOCK, kmod_unload());
	close(fd);
	EXPECT_EQ(0, kmod_unload());
	ASSERT_EQ(0, kmod_load());
	fd = kmod_watch(0);
	other = dup(fd);
	close(fd);
	EXPECT_EQ(-EWOULDBLOCK, kmod_unload());
	close(other);
	EXPECT_EQ(0, kmod_unload());
	EXPECT_EQ(-1, access("/dev/memtrace", F_OK));
}

static void run_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

/* The frees of the last closes may still be waiting for their grace period, each on its own CPU. */
TEST_F_TIMEOUT(life, unload_right_after_close, 120)
{
	pid_t pid = start_busy();

	for (int i = 0; i < 25; i++) {
		int fd[4];

		ASSERT_EQ(0, kmod_load());
		for (int j = 0; j < 4; j++) {
			fd[j] = kmod_watch(j % 2 ? pid : 0);
			ASSERT_GE(fd[j], 0);
		}
		for (int j = 0; j < 4; j++) {
			run_on(j % 2);
			close(fd[j]);
		}
		run_on(i % 2);
		ASSERT_EQ(0, kmod_unload());
	}
	end(pid);
}

TEST_F(life, attach_again_and_again)
{
	pid_t pid = start_busy();

	for (int i = 0; i < 200; i++) {
		int fd = kmod_watch(pid);

		ASSERT_GE(fd, 0);
		if (i % 8 == 0)
			EXPECT_EQ(0, snapshot_error(fd));
		close(fd);
	}
	end(pid);
}

/* A group of 100 processes: each attached, all killed at once, by one signal. */
TEST_F_TIMEOUT(life, hundred_killed_at_once, 240)
{
	int fd[100], gone = 0;
	pid_t leader = 0, pid[100];

	for (int i = 0; i < 100; i++) {
		pid[i] = fork();
		if (!pid[i]) {
			setpgid(0, leader);
			be_busy(200000);
		}
		setpgid(pid[i], leader);
		leader = leader ? leader : pid[i];
	}
	for (int i = 0; i < 100; i++) {
		fd[i] = kmod_watch(pid[i]);
		ASSERT_GE(fd[i], 0);
	}
	EXPECT_EQ(100, objects("memtrace_file"));
	for (int i = 0; i < 100; i += 10)
		EXPECT_EQ(0, snapshot_error(fd[i]));
	EXPECT_EQ(0, kill(-leader, SIGKILL));
	for (int i = 0; i < 100; i++)
		waitpid(pid[i], NULL, 0);
	for (int i = 0; i < 100; i++) {
		gone += gone_within(fd[i], 2000);
		EXPECT_EQ(-ESRCH, snapshot_error(fd[i]));
		EXPECT_EQ(0u, kmod_stats(fd[i]).nr_running);
	}
	EXPECT_EQ(100, gone);
	for (int i = 0; i < 100; i++)
		close(fd[i]);
	EXPECT_EQ(0, kmod_unload());
	ASSERT_EQ(0, kmod_load());
	EXPECT_EQ(0, objects("memtrace_file"));
	EXPECT_EQ(0, objects("memtrace_watch"));
}

/* The watcher dies, attached to processes that live on and go on. */
TEST_F(life, watcher_is_killed)
{
	pid_t target = start_busy(), watcher = fork();

	if (!watcher) {
		for (int i = 0; i < 20; i++)
			kmod_watch(target);
		for (;;)
			snapshot_error(kmod_watch(target));
	}
	usleep(500000);
	end(watcher);
	EXPECT_EQ(0, kill(target, 0));
	EXPECT_EQ(0, kmod_unload());
	end(target);
}

/* A watcher that watches itself and exits without closing. */
TEST_F(life, own_process)
{
	for (int i = 0; i < 20; i++) {
		pid_t pid = fork();

		if (!pid) {
			int fd = kmod_watch(0);

			_exit(snapshot_error(fd) ? 1 : 0);
		} else {
			int status;

			waitpid(pid, &status, 0);
			EXPECT_EQ(0, status);
		}
	}
	EXPECT_EQ(0, kmod_unload());
}

static volatile bool stop;

static void *map_and_unmap(void *arg)
{
	(void)arg;
	while (!stop) {
		char *m = mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			       -1, 0);

		touch(m, 64);
		mprotect(m, 8 * PAGE, PROT_READ);
		munmap(m, 64 * PAGE);
	}
	return NULL;
}

/* Attach, count and detach of a process whose threads change its map all the time. */
TEST_F(life, threads_go_on)
{
	pid_t pid = fork();

	if (!pid) {
		pthread_t t[4];

		for (int i = 0; i < 4; i++)
			pthread_create(&t[i], NULL, map_and_unmap, NULL);
		pause();
	}
	for (int i = 0; i < 60; i++) {
		int fd = kmod_watch(pid), fd2 = kmod_watch(pid);

		ASSERT_GE(fd, 0);
		EXPECT_EQ(0, snapshot_error(fd));
		EXPECT_EQ(0, snapshot_error(fd2));
		close(fd);
		close(fd2);
	}
	end(pid);
}

TEST_F(life, nothing_is_left)
{
	EXPECT_EQ(0, kmod_unload());
	EXPECT_EQ(0, kernel_complaints());
}

TEST_HARNESS_MAIN
