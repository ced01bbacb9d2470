// SPDX-License-Identifier: GPL-2.0
/*
 * src_proc against a child with known memory: residency against smaps, which is
 * the kernel's own answer; the map against maps; threads, counters, ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "source/proc_int.h"
#include "util/clock.h"

#define PAGE 4096ul
#define MIB (1ul << 20)
#define MAX_REGIONS 512

struct smap {
	uint64_t start, end;
	int64_t rss, anon, swap, huge;
	char name[128];
};

FIXTURE(child)
{
	pid_t pid;
	int go; /* write end: the child ends when it closes */
	struct src_proc *sp;
	struct strtab *st;
};

static struct mtr_ev_vma vma[MAX_REGIONS];
static struct mtr_ev_residency res[MAX_REGIONS];
static struct mtr_ev_thread thread[64];
static struct mtr_ev_proc attached;
static struct mtr_ev_kernel kernel;
static unsigned int nr_vma, nr_res, nr_thread, nr_begin, nr_end;
static bool complete;

static int sink(void *ctx, const struct mtr_event *ev)
{
	(void)ctx;
	if (ev->kind == MTR_EV_SNAP_VMA && nr_vma < MAX_REGIONS)
		vma[nr_vma++] = ev->vma;
	if (ev->kind == MTR_EV_RESIDENCY && nr_res < MAX_REGIONS)
		res[nr_res++] = ev->residency;
	if ((ev->kind == MTR_EV_THREAD || ev->kind == MTR_EV_SP) && nr_thread < 64)
		thread[nr_thread++] = ev->thread;
	if (ev->kind == MTR_EV_ATTACH)
		attached = ev->proc;
	if (ev->kind == MTR_EV_KERNEL)
		kernel = ev->kernel;
	nr_begin += ev->kind == MTR_EV_SNAP_BEGIN;
	nr_end += ev->kind == MTR_EV_SNAP_END;
	if (ev->kind == MTR_EV_SNAP_END)
		complete = ev->snap.complete;
	return ev->as == 7 ? 0 : -EPROTO;
}

static void reset(void)
{
	nr_vma = nr_res = nr_thread = nr_begin = nr_end = 0;
	complete = false;
}

static char *map(size_t sz, int prot, int flags, int fd)
{
	char *p = mmap(NULL, sz, prot, flags | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);

	if (p == MAP_FAILED)
		_exit(9);
	return p;
}

static char sum;

static void read_pages(const char *p, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++)
		sum += *(const volatile char *)(p + i * PAGE);
}

static void write_pages(char *p, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++)
		p[i * PAGE] = 1;
}

static void *idle(void *arg)
{
	(void)arg;
	pause();
	return NULL;
}

/* Every sort of page that smaps tells apart. PROT_NONE between keeps regions from merging. */
static void make_memory(void)
{
	const int rw = PROT_READ | PROT_WRITE, priv = MAP_PRIVATE, shared = MAP_SHARED;
	int exe = open("/proc/self/exe", O_RDONLY), memfd = memfd_create("m", 0);
	char *p;

	write_pages(map(100 * PAGE, rw, priv, -1), 37);
	map(PAGE, PROT_NONE, priv, -1);
	read_pages(map(300 * PAGE, rw, priv, -1), 300); /* zero pages */
	map(PAGE, PROT_NONE, priv, -1);
	p = map(8 * MIB, rw, priv, -1); /* huge pages where there are any, one of them split */
	madvise(p, 8 * MIB, MADV_HUGEPAGE);
	write_pages(p, 1000);
	madvise(p + 3 * PAGE, PAGE, MADV_DONTNEED);
	map(PAGE, PROT_NONE, priv, -1);
	p = map(8 * MIB, rw, priv, -1); /* the huge zero page */
	madvise(p, 8 * MIB, MADV_HUGEPAGE);
	read_pages(p, 2048);
	map(PAGE, PROT_NONE, priv, -1);
	p = map(200 * PAGE, rw, priv, -1);
	write_pages(p, 200);
	madvise(p, 50 * PAGE, MADV_FREE); /* lazily freed: still there */
	p = map(64 * PAGE, rw, priv, -1);
	write_pages(p, 10);
	mprotect(p, 64 * PAGE, PROT_NONE); /* resident, though not readable */
	read_pages(map(16 * PAGE, PROT_READ, shared, exe), 16);
	p = map(16 * PAGE, rw, priv, exe); /* some of the file, some copied */
	read_pages(p, 16);
	write_pages(p, 3);
	if (ftruncate(memfd, MIB))
		_exit(9);
	write_pages(map(MIB, rw, shared, memfd), 77);
	write_pages(map(50 * PAGE, rw, shared, -1), 21);
	map(1ul << 40, PROT_NONE, priv | MAP_NORESERVE, -1); /* a terabyte set aside */
	for (unsigned int i = 0; i < 100; i++) {
		p = map(2 * PAGE, i % 2 ? rw : PROT_READ, priv, -1);
		if (i % 2)
			write_pages(p, 1 + i % 3 / 2);
	}
}

FIXTURE_SETUP(child)
{
	int ready[2], go[2];
	pthread_t t;
	char c = 0;

	ASSERT_EQ(0, pipe(ready));
	ASSERT_EQ(0, pipe(go));
	self->pid = fork();
	if (!self->pid) {
		close(go[1]);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, "a) R 1\033[m");
		make_memory();
		for (unsigned int i = 0; i < 3; i++)
			pthread_create(&t, NULL, idle, NULL);
		if (write(ready[1], &c, 1) != 1)
			_exit(9);
		_exit(read(go[0], &c, 1) != 0);
	}
	close(ready[1]);
	close(go[0]);
	self->go = go[1];
	ASSERT_EQ(1, read(ready[0], &c, 1));
	close(ready[0]);
	usleep(20000); /* its threads sleep by then */
	self->st = strtab_new();
	ASSERT_EQ(0, src_proc_open(self->pid, &self->sp));
	reset();
}

FIXTURE_TEARDOWN(child)
{
	src_proc_close(self->sp);
	strtab_free(self->st);
	close(self->go);
	kill(self->pid, SIGKILL);
	waitpid(self->pid, NULL, 0);
}

static unsigned int read_smaps(pid_t pid, struct smap *m, unsigned int max)
{
	unsigned int nr = 0;
	char path[64], l[512];
	long long kb;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/smaps", pid);
	f = fopen(path, "r");
	while (f && fgets(l, sizeof(l), f)) {
		unsigned long long a, b;
		struct smap *last = &m[nr ? nr - 1 : 0];

		if (sscanf(l, "%llx-%llx %*s %*s %*s %*s %127[^\n]", &a, &b, last[nr > 0].name) >=
			    2 &&
		    nr < max) {
			struct smap *s = &m[nr++];

			s->start = a;
			s->end = b;
			s->rss = s->anon = s->swap = s->huge = 0;
		} else if (sscanf(l, "Rss: %lld", &kb) == 1) {
			last->rss = kb << 10;
		} else if (sscanf(l, "Anonymous: %lld", &kb) == 1) {
			last->anon = kb << 10;
		} else if (sscanf(l, "Swap: %lld", &kb) == 1) {
			last->swap = kb << 10;
		} else if (sscanf(l, "AnonHugePages: %lld", &kb) == 1 ||
			   sscanf(l, "ShmemPmdMapped: %lld", &kb) == 1 ||
			   sscanf(l, "FilePmdMapped: %lld", &kb) == 1) {
			last->huge += kb << 10;
		}
	}
	if (f)
		fclose(f);
	return nr;
}

static struct smap smap[MAX_REGIONS];
static struct src_range range[MAX_REGIONS];

/* Counts all regions; those before 6.7 without privilege cannot tell zero pages: then false. */
static unsigned int count_all(struct src_proc *sp, pid_t pid, uint64_t budget, int *ret)
{
	unsigned int nr = read_smaps(pid, smap, MAX_REGIONS), done = 0;

	for (unsigned int i = 0; i < nr; i++)
		range[i] = (struct src_range){ smap[i].start, smap[i].end };
	*ret = src_proc_residency(sp, 7, range, nr, budget, sink, NULL, &done);
	return done;
}

#define SAME_AS_SMAPS(with_huge)                                                               \
	do {                                                                                   \
		for (unsigned int i = 0, j = 0; i < nr; i++) {                                 \
			if (j < nr_res && res[j].start == smap[i].start) {                     \
				bool vv = !strncmp(smap[i].name, "[vvar", 5);                  \
				if (!vv) {                                                     \
					EXPECT_EQ(smap[i].rss, res[j].present)                 \
					{                                                      \
						TH_LOG("%lx %s", smap[i].start, smap[i].name); \
					}                                                      \
					EXPECT_EQ(smap[i].anon, res[j].anon);                  \
					EXPECT_EQ(smap[i].rss - smap[i].anon, res[j].file);    \
					EXPECT_EQ(smap[i].swap, res[j].swap);                  \
				}                                                              \
				if (with_huge) {                                               \
					EXPECT_EQ(smap[i].huge, res[j].huge);                  \
				}                                                              \
				j++;                                                           \
			}                                                                      \
		}                                                                              \
	} while (0)

TEST_F(child, residency_as_smaps)
{
	unsigned int nr, done;
	int ret;

	done = count_all(self->sp, self->pid, 10 * NSEC_PER_SEC, &ret);
	nr = read_smaps(self->pid, smap, MAX_REGIONS);
	ASSERT_EQ(0, ret);
	EXPECT_EQ(nr, done);
	EXPECT_EQ(nr, nr_res);
	EXPECT_EQ(1, nr_begin);
	EXPECT_EQ(1, nr_end);
	EXPECT_TRUE(complete);
	if (self->sp->no_scan)
		SKIP(return, "no PAGEMAP_SCAN before 6.7");
	SAME_AS_SMAPS(true);
}

TEST_F(child, residency_from_pagemap)
{
	unsigned int nr, large = 0;
	int ret;

	self->sp->no_scan = true;
	count_all(self->sp, self->pid, 60 * NSEC_PER_SEC, &ret);
	nr = read_smaps(self->pid, smap, MAX_REGIONS);
	ASSERT_EQ(0, ret);
	for (unsigned int i = 0; i < nr; i++)
		large += smap[i].end - smap[i].start > 64ul << 30;
	EXPECT_GE(large, 1); /* the terabyte is not counted */
	EXPECT_EQ(nr - large, nr_res);
	if (!src_proc_zero_known(self->sp))
		SKIP(return, "frame numbers are hidden without CAP_SYS_ADMIN");
	SAME_AS_SMAPS(false);
}

TEST_F(child, budget)
{
	unsigned int nr, done;
	int ret;

	done = count_all(self->sp, self->pid, 0, &ret);
	nr = read_smaps(self->pid, smap, MAX_REGIONS);
	EXPECT_EQ(0, ret);
	EXPECT_GT(done, 0);
	EXPECT_LT(done, nr);
	EXPECT_EQ(done, nr_res);
	EXPECT_FALSE(complete);
}

TEST_F(child, lowest_page)
{
	unsigned int done;
	struct src_range r;
	char *p = mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct src_proc *me;

	p[40 * PAGE] = p[50 * PAGE] = 1;
	r = (struct src_range){ (uint64_t)(uintptr_t)p, (uint64_t)(uintptr_t)p + 64 * PAGE };
	ASSERT_EQ(0, src_proc_open(getpid(), &me));
	ASSERT_EQ(0, src_proc_residency(me, 7, &r, 1, NSEC_PER_SEC, sink, NULL, &done));
	EXPECT_EQ(r.start + 40 * PAGE, res[0].lowest);
	EXPECT_EQ(2 * PAGE, res[0].present);
	src_proc_close(me);
}

/* Every second page: as many runs as the vector takes, one less, one more. */
TEST_F(child, runs_that_fill_the_vector)
{
	static const unsigned int nrs[] = { 2047, 2048, 2049, 4095, 4096, 4097 };
	struct src_proc *me;
	unsigned int done;

	ASSERT_EQ(0, src_proc_open(getpid(), &me));
	for (unsigned int i = 0; i < sizeof(nrs) / sizeof(*nrs); i++) {
		size_t len = 2 * nrs[i] * PAGE;
		char *p = map(len, PROT_READ | PROT_WRITE, MAP_PRIVATE, -1);
		struct src_range r = { (uint64_t)(uintptr_t)p, (uint64_t)(uintptr_t)p + len };

		madvise(p, len, MADV_NOHUGEPAGE);
		for (size_t at = 0; at < len; at += 2 * PAGE)
			p[at] = 1;
		reset();
		ASSERT_EQ(0, src_proc_residency(me, 7, &r, 1, NSEC_PER_SEC, sink, NULL, &done));
		EXPECT_EQ(nrs[i] * PAGE, res[0].present);
		munmap(p, len);
	}
	src_proc_close(me);
}

TEST_F(child, maps_as_smaps)
{
	unsigned int nr = read_smaps(self->pid, smap, MAX_REGIONS);

	ASSERT_EQ(0, src_proc_maps(self->sp, 7, self->st, sink, NULL));
	ASSERT_EQ(nr, nr_vma);
	EXPECT_TRUE(complete);
	for (unsigned int i = 0; i < nr; i++) {
		EXPECT_EQ(smap[i].start, vma[i].start);
		EXPECT_EQ(smap[i].end, vma[i].end);
	}
}

TEST_F(child, attach_and_kernel)
{
	ASSERT_EQ(0, src_proc_attach(self->sp, 7, self->st, sink, NULL));
	EXPECT_EQ((uint32_t)self->pid, attached.pid);
	EXPECT_EQ((uint32_t)getpid(), attached.ppid);
	EXPECT_STREQ("a) R 1\033[m", strtab_str(self->st, attached.comm));
	EXPECT_NE(0, attached.exe);
	EXPECT_NE(0, attached.start_brk);
	EXPECT_GT(attached.rss_bytes[MTR_ANON], 37 * (long)PAGE);
	EXPECT_GE(attached.rss_bytes[MTR_SHMEM], 77 * (long)PAGE);
	ASSERT_EQ(0, src_proc_kernel(self->sp, 7, sink, NULL));
	EXPECT_EQ(4, kernel.nr_threads);
	EXPECT_GT(kernel.minflt, 500);
	EXPECT_GT(kernel.virt_bytes, 1ll << 40);
	EXPECT_GT(kernel.rss_bytes, 0);
}

TEST_F(child, threads)
{
	ASSERT_EQ(0, src_proc_threads(self->sp, 7, self->st, sink, NULL));
	EXPECT_EQ(4, nr_thread);
	for (unsigned int i = 0; i < nr_thread; i++) {
		EXPECT_TRUE(thread[i].at_attach);
		EXPECT_NE(0, thread[i].start_time_ns);
	}
	reset();
	ASSERT_EQ(0, src_proc_sps(self->sp, 7, self->st, sink, NULL));
	EXPECT_EQ(4, nr_thread);
	for (unsigned int i = 0; i < nr_thread; i++) {
		EXPECT_EQ('S', thread[i].state);
		if (thread[i].sp)
			EXPECT_TRUE(thread[i].syscall_sp);
	}
}

TEST_F(child, gone)
{
	struct src_range r = { 0x10000, 0x20000 };
	struct src_proc *sp = NULL;
	unsigned int done = 0;

	kill(self->pid, SIGKILL);
	waitpid(self->pid, NULL, 0);
	EXPECT_EQ(-ESRCH, src_proc_maps(self->sp, 7, self->st, sink, NULL));
	EXPECT_EQ(-ESRCH, src_proc_threads(self->sp, 7, self->st, sink, NULL));
	EXPECT_EQ(-ESRCH, src_proc_sps(self->sp, 7, self->st, sink, NULL));
	EXPECT_EQ(-ESRCH, src_proc_kernel(self->sp, 7, sink, NULL));
	EXPECT_EQ(-ESRCH, src_proc_attach(self->sp, 7, self->st, sink, NULL));
	EXPECT_EQ(-ESRCH, src_proc_residency(self->sp, 7, &r, 1, 1, sink, NULL, &done));
	EXPECT_EQ(-ESRCH, src_proc_open(self->pid, &sp));
	EXPECT_EQ(NULL, sp);
}

TEST_F(child, zombie)
{
	struct src_range r = { 0x10000, 0x20000 };
	struct src_proc *sp = NULL;
	unsigned int done = 0;
	siginfo_t si;

	kill(self->pid, SIGKILL);
	waitid(P_PID, self->pid, &si, WEXITED | WNOWAIT);
	EXPECT_EQ(-ESRCH, src_proc_maps(self->sp, 7, self->st, sink, NULL));
	EXPECT_EQ(-ESRCH, src_proc_residency(self->sp, 7, &r, 1, 1, sink, NULL, &done));
	EXPECT_EQ(-ESRCH, src_proc_open(self->pid, &sp));
}

TEST(who_cannot_be_traced)
{
	struct src_proc *sp = NULL;
	int ret = src_proc_open(2, &sp);

	/* pid 2 is kthreadd, but for a container, where it may be anything */
	if (!ret)
		src_proc_close(sp);
	else
		EXPECT_TRUE(ret == -EINVAL || ret == -ESRCH || ret == -EACCES);
	EXPECT_EQ(-ESRCH, src_proc_open(4194304, &sp));
}

static void *outlive(void *arg)
{
	(void)arg;
	usleep(10000);
	pause();
	return NULL;
}

/* The main thread has ended, another lives on. */
TEST(main_thread_ended)
{
	struct strtab *st = strtab_new();
	struct src_proc *sp;
	pid_t pid = fork();
	pthread_t t;

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		pthread_create(&t, NULL, outlive, NULL);
		pthread_exit(NULL);
	}
	usleep(50000);
	reset();
	ASSERT_EQ(0, src_proc_open(pid, &sp));
	EXPECT_EQ(0, src_proc_maps(sp, 7, st, sink, NULL));
	EXPECT_GT(nr_vma, 10);
	src_proc_close(sp);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	strtab_free(st);
}

TEST_HARNESS_MAIN
