// SPDX-License-Identifier: GPL-2.0
/* The tracepoints: each kind of invalidation once, read through tracefs, with its exact range. */
#include <sched.h>
#include <sys/stat.h>

#include "kmod.h"
#include "kselftest_harness.h"

#define INSTANCE "/sys/kernel/tracing/instances/memtrace"
#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif

struct line {
	char name[24];
	unsigned long long id, start, end, seq;
	unsigned int tgid, event, why, flags;
	int current;
};

FIXTURE(trace)
{
	int fd;
	uint64_t id;
	char *m;
};

/* Another test's process is another address space: lines of it are told apart by the id. */
FIXTURE_SETUP(trace)
{
	ASSERT_EQ(0, kmod_load());
	self->fd = kmod_open();
	ASSERT_EQ(0, kmod_attach(self->fd, 0, &self->id));
	mkdir(INSTANCE, 0700);
	ASSERT_EQ(0, put_word(INSTANCE "/trace", ""));
	ASSERT_EQ(0, put_word(INSTANCE "/buffer_size_kb", "4096"));
	self->m = map_anon(600 * PAGE);
	madvise(self->m, 600 * PAGE, MADV_NOHUGEPAGE);
	touch(self->m, 600);
	ASSERT_EQ(0, put_word(INSTANCE "/events/memtrace/enable", "1"));
}

FIXTURE_TEARDOWN(trace)
{
	put_word(INSTANCE "/events/memtrace/enable", "0");
	close(self->fd);
}

/* The lines of one id, up to max. The trace is read whole: it was emptied at the test's begin. */
static int lines_of(uint64_t id, struct line *l, int max)
{
	char text[512];
	int n = 0;
	FILE *f = fopen(INSTANCE "/trace", "re");

	while (n < max && fgets(text, sizeof(text), f)) {
		char *at = strstr(text, ": mm_"), *bar = strchr(text, '[');

		if (!at || text[0] == '#')
			continue;
		memset(&l[n], 0, sizeof(l[n]));
		while (bar > text && *bar != '-')
			bar--;
		l[n].current = atoi(bar + 1);
		sscanf(at + 2, "%23[^:]", l[n].name);
		at = strstr(at, "id=");
		if (!strcmp(l[n].name, "mm_invalidate"))
			sscanf(at,
			       "id=%llu tgid=%u range=%llx-%llx event=%u why=%u flags=%x seq=%llu",
			       &l[n].id, &l[n].tgid, &l[n].start, &l[n].end, &l[n].event, &l[n].why,
			       &l[n].flags, &l[n].seq);
		else
			sscanf(at, "id=%llu tgid=%u seq=%llu", &l[n].id, &l[n].tgid, &l[n].seq);
		n += l[n].id == id;
	}
	fclose(f);
	return n;
}

/* A border of a region inside a huge page's range: the kernel splits it, were it huge or not. */
static bool is_split(const struct line *l)
{
	return l->event == MEMTRACE_EV_CLEAR && l->why == MEMTRACE_WHY_COLLAPSED &&
	       l->end - l->start == HUGE_PAGE && l->start % HUGE_PAGE == 0;
}

/*
 * Exactly one pair of start and end with this range, of this process by this process, and how it is
 * called. Other ranges (the test's own memory) do not matter.
 */
static bool one_pair(uint64_t id, void *m, size_t len, unsigned int event, unsigned int why)
{
	static struct line l[4096];
	int n = lines_of(id, l, 4096), start = 0, end = 0, bad = 0;

	put_word(INSTANCE "/events/memtrace/enable", "0");
	for (int i = 0; i < n; i++) {
		if (l[i].end <= (unsigned long)m || l[i].start >= (unsigned long)m + len ||
		    is_split(&l[i]))
			continue;
		if (l[i].start != (unsigned long)m || l[i].end != (unsigned long)m + len ||
		    l[i].event != event || l[i].why != why || l[i].tgid != (unsigned int)getpid() ||
		    l[i].current != getpid() || strcmp(l[i].name, "mm_invalidate"))
			bad++;
		if (l[i].flags & MEMTRACE_TP_END)
			end++;
		else
			start++;
		if (end > start)
			bad++;
	}
	if (start == 1 && end == 1 && !bad)
		return true;
	dprintf(1, "# wanted one pair %lx-%lx event %u why %u of %d, got of %d lines:\n",
		(unsigned long)m, (unsigned long)m + len, event, why, getpid(), n);
	for (int i = 0; i < n; i++)
		dprintf(1, "# %s by %d tgid %u %llx-%llx event %u why %u flags %x seq %llu\n",
			l[i].name, l[i].current, l[i].tgid, l[i].start, l[i].end, l[i].event,
			l[i].why, l[i].flags, l[i].seq);
	return false;
}

TEST_F(trace, munmap)
{
	munmap(self->m + 100 * PAGE, 200 * PAGE);
	EXPECT_TRUE(one_pair(self->id, self->m + 100 * PAGE, 200 * PAGE, MEMTRACE_EV_UNMAP,
			     MEMTRACE_WHY_UNMAPPED));
}

TEST_F(trace, dontneed)
{
	madvise(self->m + 10 * PAGE, 3 * PAGE, MADV_DONTNEED);
	EXPECT_TRUE(one_pair(self->id, self->m + 10 * PAGE, 3 * PAGE, MEMTRACE_EV_CLEAR,
			     MEMTRACE_WHY_DROPPED));
}

TEST_F(trace, lazyfree)
{
	madvise(self->m + 20 * PAGE, 5 * PAGE, MADV_FREE);
	EXPECT_TRUE(one_pair(self->id, self->m + 20 * PAGE, 5 * PAGE, MEMTRACE_EV_CLEAR,
			     MEMTRACE_WHY_DROPPED));
}

TEST_F(trace, mprotect)
{
	mprotect(self->m + 30 * PAGE, 7 * PAGE, PROT_READ);
	EXPECT_TRUE(one_pair(self->id, self->m + 30 * PAGE, 7 * PAGE, MEMTRACE_EV_PROT_VMA,
			     MEMTRACE_WHY_PROTECTED));
}

TEST_F(trace, mremap)
{
	char *to = map_anon(50 * PAGE);

	put_word(INSTANCE "/trace", "");
	ASSERT_EQ(to, mremap(self->m + 100 * PAGE, 50 * PAGE, 50 * PAGE,
			     MREMAP_MAYMOVE | MREMAP_FIXED, to));
	/* The old place: moved from, and then unmapped, empty. */
	EXPECT_EQ(0, kernel_complaints());
	{
		static struct line l[256];
		int n = lines_of(self->id, l, 256), from = 0;

		for (int i = 0; i < n; i++)
			from += l[i].start == (unsigned long)self->m + 100 * PAGE &&
				l[i].end == (unsigned long)self->m + 150 * PAGE &&
				l[i].event == MEMTRACE_EV_UNMAP &&
				l[i].why == MEMTRACE_WHY_UNMAPPED;
		EXPECT_GE(from, 2);
		EXPECT_EQ(0, from % 2);
	}
}

TEST_F(trace, fork_and_write)
{
	static struct line l[4096];
	unsigned long at = (unsigned long)self->m + 77 * PAGE;
	int n, protect = 0, copy = 0, foreign = 0;
	pid_t pid = fork();

	if (!pid) {
		touch(self->m, 1); /* the child's own: not watched */
		pause();
		_exit(0);
	}
	usleep(200000);
	((volatile char *)self->m)[77 * PAGE] = 2;
	n = lines_of(self->id, l, 4096);
	for (int i = 0; i < n; i++) {
		protect += l[i].event == MEMTRACE_EV_PROT_PAGE && l[i].start <= at && l[i].end > at;
		copy += l[i].event == MEMTRACE_EV_CLEAR && l[i].start == at &&
			l[i].end == at + PAGE;
		foreign += l[i].current == pid;
	}
	EXPECT_EQ(2, protect);
	EXPECT_EQ(2, copy);
	EXPECT_EQ(0, foreign);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

TEST_F(trace, another_process_does_it)
{
	static struct line l[4096];
	int n, ours = 0, status;
	struct {
		void *at;
		size_t len;
	} vec = { self->m, 10 * PAGE };
	pid_t self_pid = getpid(), pid = fork();

	if (!pid) {
		int pidfd = syscall(SYS_pidfd_open, self_pid, 0);

		_exit(syscall(SYS_process_madvise, pidfd, &vec, 1, MADV_PAGEOUT, 0) < 0);
	}
	waitpid(pid, &status, 0);
	if (WEXITSTATUS(status))
		SKIP(return, "no process_madvise");
	/* Nothing need be written out, but huge pages may be split and PTEs aged: no more is known. */
	n = lines_of(self->id, l, 4096);
	for (int i = 0; i < n; i++)
		if (l[i].current == pid) {
			ours++;
			EXPECT_EQ((unsigned int)getpid(), l[i].tgid);
			EXPECT_EQ((unsigned int)MEMTRACE_WHY_RECLAIMED, l[i].why);
		}
	TH_LOG("%d lines by the other process", ours);
}

/* seq counts every event of the address space: no gap, no repeat, and STATS knows the last. */
TEST_F(trace, numbers_are_dense)
{
	static struct line l[4096];
	unsigned long long lowest = ~0ull, highest = 0;
	int n;

	for (int i = 0; i < 100; i++)
		madvise(self->m + i * PAGE, PAGE, MADV_DONTNEED);
	put_word(INSTANCE "/events/memtrace/enable", "0");
	n = lines_of(self->id, l, 4096);
	for (int i = 0; i < n; i++) {
		lowest = l[i].seq < lowest ? l[i].seq : lowest;
		highest = l[i].seq > highest ? l[i].seq : highest;
		if (i)
			EXPECT_EQ(l[i - 1].seq + 1, l[i].seq);
	}
	EXPECT_GE(n, 200);
	EXPECT_EQ((unsigned long long)n, highest - lowest + 1);
	EXPECT_GE(kmod_stats(self->fd).seq, highest);
}

TEST_F(trace, release)
{
	static struct line l[4096];
	uint64_t id = 0;
	int n, seen = 0, fd = kmod_open(), p[2];
	pid_t pid;
	char c;

	ASSERT_EQ(0, pipe(p));
	pid = fork();
	if (!pid) {
		close(p[1]);
		_exit(read(p[0], &c, 1));
	}
	close(p[0]);
	ASSERT_EQ(0, kmod_attach(fd, pid, &id));
	close(p[1]);
	waitpid(pid, NULL, 0);
	for (int i = 0; i < 50 && !(kmod_stats(fd).flags & MEMTRACE_ST_RELEASED); i++)
		usleep(20000);
	n = lines_of(id, l, 4096);
	for (int i = 0; i < n; i++) {
		if (strcmp(l[i].name, "mm_release"))
			continue;
		seen++;
		EXPECT_EQ((unsigned int)pid, l[i].tgid);
		EXPECT_EQ(n - 1, i); /* nothing after it */
	}
	EXPECT_EQ(1, seen);
	close(fd);
}

/* Two attachments, one line each. */
TEST_F(trace, once_for_two)
{
	int other = kmod_watch(0);

	put_word(INSTANCE "/trace", "");
	madvise(self->m + 10 * PAGE, 3 * PAGE, MADV_DONTNEED);
	EXPECT_TRUE(one_pair(self->id, self->m + 10 * PAGE, 3 * PAGE, MEMTRACE_EV_CLEAR,
			     MEMTRACE_WHY_DROPPED));
	close(other);
}

TEST_F(trace, kernel_is_content)
{
	EXPECT_EQ(0, kernel_complaints());
}

TEST_HARNESS_MAIN
