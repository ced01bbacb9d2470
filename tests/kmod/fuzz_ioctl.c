// SPDX-License-Identifier: GPL-2.0
/*
 * Throws ioctls at the device: sizes, pointers, pids, cursors, from several threads and processes,
 * while targets exec, exit and change their maps and other processes open, close and unload.
 *
 * FUZZ_SECONDS of CPU time (8), FUZZ_SEED. At least 30 % of the calls must succeed, else it is not
 * the module that is tried but its checks. What a call says is checked as far as it can be; the
 * rest the kernel has to notice: run it with slub_debug=FZPU panic_on_warn=1 (tests/run does).
 *
 * timeout: 900
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/times.h>
#include <time.h>

#include "kmod.h"
#include "kselftest_harness.h"

#define NR_FDS 12
#define NR_TARGETS 6
#define NR_WORKERS 3

/* Shared by all processes of the run. */
static struct shared {
	unsigned long calls[5];
	unsigned long good[5];
	unsigned long lies; /* answers that cannot be */
	volatile pid_t target[NR_TARGETS];
	volatile int stop;
} * sh;

static const unsigned int cmds[] = { MEMTRACE_IOC_INFO, MEMTRACE_IOC_ATTACH, MEMTRACE_IOC_STATS,
				     MEMTRACE_IOC_SNAPSHOT };
static const unsigned int sizes[] = { sizeof(struct memtrace_info), sizeof(struct memtrace_attach),
				      sizeof(struct memtrace_stats),
				      sizeof(struct memtrace_snapshot) };

struct fuzz {
	uint64_t rnd;
	int fd[NR_FDS];
	char *mem; /* 16 pages, then a hole */
	char *hole;
};

static uint64_t rnd(struct fuzz *f)
{
	f->rnd ^= f->rnd << 13;
	f->rnd ^= f->rnd >> 7;
	f->rnd ^= f->rnd << 17;
	return f->rnd;
}

static bool one_in(struct fuzz *f, unsigned int n)
{
	return rnd(f) % n == 0;
}

static uint64_t odd_number(struct fuzz *f)
{
	static const uint64_t odd[] = { 0,
					1,
					7,
					4095,
					4096,
					4097,
					0x7fffffff,
					0x80000000,
					0xffffffff,
					0x7ffffffff000,
					0x800000000000,
					0xffff888000000000,
					0xffffffff81000000,
					-4096ull,
					-1ull };

	return one_in(f, 3) ? rnd(f) >> rnd(f) % 64 : odd[rnd(f) % (sizeof(odd) / sizeof(odd[0]))];
}

static int a_pid(struct fuzz *f)
{
	switch (rnd(f) % 12) {
	case 0:
		return odd_number(f);
	case 1:
		return 2; /* kthreadd */
	case 2:
		return 1;
	case 3:
		return 0;
	}
	return sh->target[rnd(f) % NR_TARGETS];
}

static uint64_t an_address(struct fuzz *f)
{
	switch (rnd(f) % 6) {
	case 0:
		return odd_number(f);
	case 1:
		return odd_number(f) & ~(PAGE - 1);
	case 2:
		return (unsigned long)f->mem + rnd(f) % 64 * PAGE;
	}
	return 0;
}

static void fill_snapshot(struct fuzz *f, struct memtrace_snapshot *s)
{
	s->flags = rnd(f) % 8;
	s->buf = (unsigned long)f->mem + PAGE;
	s->nr_buf = 1 + rnd(f) % 64;
	s->record_size = sizeof(struct memtrace_region);
	s->budget_ns = one_in(f, 3) ? rnd(f) % 3000000 : 1;
	if (one_in(f, 4))
		s->cursor = an_address(f);
	if (one_in(f, 8))
		s->until = an_address(f);
	if (one_in(f, 6))
		s->limit = an_address(f);
	if (one_in(f, 12))
		s->record_size += odd_number(f);
	if (one_in(f, 16))
		s->nr_buf = odd_number(f);
	if (one_in(f, 16))
		s->buf = one_in(f, 2) ? (unsigned long)f->hole - rnd(f) % 9 * 100 : odd_number(f);
	if (one_in(f, 32))
		s->flags = odd_number(f);
	if (one_in(f, 64))
		s->budget_ns = odd_number(f);
}

/* Whatever was filled has to make sense. */
static void check_records(struct fuzz *f, const struct memtrace_snapshot *s)
{
	const struct memtrace_region *r = (void *)(f->mem + PAGE);

	if (s->nr_out > s->nr_buf) {
		sh->lies++;
		return;
	}
	if (s->record_size != sizeof(*r) || s->buf != (uintptr_t)r)
		return;
	for (unsigned int i = 0; i < s->nr_out && i < 64; i++) {
		unsigned long pages = (r[i].to - r[i].from) / PAGE;

		if (r[i].start >= r[i].end || r[i].from < r[i].start || r[i].to > r[i].end ||
		    r[i].from >= r[i].to || (i && r[i].from < r[i - 1].to) ||
		    r[i].end > 1ull << 56 ||
		    r[i].nr_present + r[i].nr_swap + r[i].nr_zero > pages ||
		    r[i].nr_anon > r[i].nr_present || r[i].nr_huge > r[i].nr_present)
			sh->lies++;
	}
}

static void one_call(struct fuzz *f)
{
	/* Mostly snapshots: there is most to them. */
	unsigned int c = (unsigned int[]){ 0, 1, 1, 2, 3, 3, 3, 3 }[rnd(f) % 8];
	int *fd = &f->fd[rnd(f) % NR_FDS];
	char *buf = f->mem + 12 * PAGE;
	unsigned int size = sizes[c], cmd = cmds[c];
	int ok;

	memset(buf, 0, PAGE);
	if (c == 1)
		((struct memtrace_attach *)buf)->pid = a_pid(f);
	if (c == 3)
		fill_snapshot(f, (void *)buf);
	if (one_in(f, 12))
		size = one_in(f, 2) ? rnd(f) % 300 : odd_number(f);
	if (one_in(f, 24))
		buf[rnd(f) % 256] ^= 1 << rnd(f) % 8;
	if (one_in(f, 48))
		cmd ^= 1u << rnd(f) % 32;
	*(uint32_t *)buf = size;
	if (one_in(f, 24)) {
		char *to = one_in(f, 3) ? (char *)odd_number(f) : f->hole - rnd(f) % 200;

		if (to > f->mem && to < f->hole)
			memcpy(to, buf, f->hole - to < 200 ? f->hole - to : 200);
		buf = to;
	}
	if (*fd < 0 || (c == 1 && one_in(f, 2))) {
		if (*fd >= 0)
			close(*fd);
		*fd = kmod_open();
	}
	ok = ioctl(*fd, cmd, buf) == 0;
	__sync_fetch_and_add(&sh->calls[c], 1);
	__sync_fetch_and_add(&sh->good[c], ok);
	if (ok && c == 3 && buf == f->mem + 12 * PAGE && cmd == cmds[c])
		check_records(f, (void *)buf);
}

static void init_fuzz(struct fuzz *f, uint64_t seed)
{
	f->rnd = seed * 0x9e3779b97f4a7c15ull | 1;
	f->mem = mmap(NULL, 32 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	f->hole = f->mem + 16 * PAGE;
	munmap(f->hole, 16 * PAGE);
	for (int i = 0; i < NR_FDS; i++)
		f->fd[i] = -1;
}

/* Two threads on the same files, so that calls meet closes and each other. */
static void *second_thread(void *arg)
{
	struct fuzz f = *(struct fuzz *)arg;

	init_fuzz(&f, f.rnd + 77);
	memcpy(f.fd, ((struct fuzz *)arg)->fd, sizeof(f.fd));
	while (!sh->stop) {
		memcpy(f.fd, ((struct fuzz *)arg)->fd, sizeof(f.fd) / 2);
		one_call(&f);
	}
	return NULL;
}

static void worker(uint64_t seed)
{
	struct fuzz f;
	pthread_t t;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	init_fuzz(&f, seed);
	pthread_create(&t, NULL, second_thread, &f);
	while (!sh->stop)
		one_call(&f);
	pthread_join(t, NULL);
	_exit(0);
}

/* Changes its map in all ways until it is killed; now and then it execs or ends. */
static void target(uint64_t seed)
{
	struct fuzz f;
	char *m = map_anon(4 * HUGE_PAGE);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	init_fuzz(&f, seed);
	for (;;) {
		char *at = m + rnd(&f) % 2000 * PAGE;
		size_t len = (1 + rnd(&f) % 40) * PAGE;

		switch (rnd(&f) % 10) {
		case 0:
			mprotect(at, len, rnd(&f) % 4);
			break;
		case 1:
			madvise(at, len, MADV_DONTNEED);
			break;
		case 2:
			madvise(at, len, (int[]){ 8, 14, 15, 20, 21, 25 }[rnd(&f) % 6]);
			break;
		case 3:
			munmap(at, len);
			break;
		case 4:
			mmap(at, len, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
			break;
		case 5:
			mremap(at, len, len, MREMAP_MAYMOVE);
			break;
		case 6:
			if (one_in(&f, 300))
				_exit(0);
			if (one_in(&f, 300))
				execl("/bin/sleep", "sleep", "0.2", NULL);
			break;
		case 7:
			usleep(rnd(&f) % 3000);
			break;
		default:
			if (madvise(at, len, 23 /* MADV_POPULATE_WRITE, 5.14+ */))
				usleep(100);
		}
	}
}

/* Tries to unload all the time: refused while a file is open, and loaded again when it was not. */
static void unloader(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		usleep(20000);
		if (!kmod_unload())
			while (kmod_load())
				usleep(1000);
	}
}

static double cpu_seconds(void)
{
	struct timespec t;
	struct rusage r;

	getrusage(RUSAGE_CHILDREN, &r);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return r.ru_utime.tv_sec + r.ru_stime.tv_sec +
	       (r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6 + t.tv_sec;
}

static pid_t spawn(int kind, uint64_t seed)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	if (kind == 0)
		worker(seed);
	if (kind == 1)
		target(seed);
	unloader();
	_exit(0);
}

static void start_over(struct shared *s, pid_t pid, uint64_t *seed)
{
	for (int i = 0; i < NR_TARGETS; i++)
		if (s->target[i] == pid)
			s->target[i] = spawn(1, ++*seed);
}

FIXTURE(fuzz){};

FIXTURE_SETUP(fuzz)
{
}

FIXTURE_TEARDOWN(fuzz)
{
}

TEST_F_TIMEOUT(fuzz, no_call_does_harm, 3600)
{
	const char *wanted = getenv("FUZZ_SECONDS");
	double seconds = wanted && *wanted ? atof(wanted) : 8, begun;
	uint64_t seed = getenv("FUZZ_SEED") ? strtoull(getenv("FUZZ_SEED"), NULL, 0) :
					      (uint64_t)time(NULL);
	unsigned long calls = 0, good = 0;
	pid_t w[NR_WORKERS], unload, pid;
	long mms;

	TH_LOG("seed %llu, %.0f s of CPU time", (unsigned long long)seed, seconds);
	ASSERT_EQ(0, kmod_load());
	mms = objects("mm_struct");
	sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (int i = 0; i < NR_TARGETS; i++)
		sh->target[i] = spawn(1, ++seed);
	for (int i = 0; i < NR_WORKERS; i++)
		w[i] = spawn(0, ++seed);
	unload = spawn(2, 0);
	begun = cpu_seconds();
	/* Workers are replaced, too: killed in the middle of whatever they do. */
	while (cpu_seconds() - begun < seconds) {
		usleep(100000);
		while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
			start_over(sh, pid, &seed);
		if (seed % 3 == 0) {
			pid = w[seed % NR_WORKERS];
			kill(pid, SIGKILL);
			waitpid(pid, NULL, 0);
			w[seed % NR_WORKERS] = spawn(0, seed + 1000000);
		}
		pid = sh->target[++seed % NR_TARGETS];
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		start_over(sh, pid, &seed);
	}
	sh->stop = 1;
	for (int i = 0; i < NR_WORKERS; i++) {
		kill(w[i], SIGKILL);
		waitpid(w[i], NULL, 0);
	}
	for (int i = 0; i < NR_TARGETS; i++) {
		kill(sh->target[i], SIGKILL);
		waitpid(sh->target[i], NULL, 0);
	}
	kill(unload, SIGKILL);
	waitpid(unload, NULL, 0);
	for (int i = 0; i < 4; i++) {
		TH_LOG("call %d: %lu, %lu good", i, sh->calls[i], sh->good[i]);
		calls += sh->calls[i];
		good += sh->good[i];
		EXPECT_GT(sh->good[i], 0u);
		EXPECT_LT(sh->good[i], sh->calls[i]);
	}
	EXPECT_GE(good * 10, calls * 3)
	{
		TH_LOG("only %lu of %lu calls succeeded", good, calls);
	}
	EXPECT_EQ(0u, sh->lies);

	/* No leak: no object of the module's is left, nor an address space that somebody held. */
	usleep(300000);
	EXPECT_EQ(0, kmod_load());
	EXPECT_EQ(0, kmod_unload());
	EXPECT_EQ(0, kmod_load());
	EXPECT_EQ(0, objects("memtrace_file"));
	EXPECT_EQ(0, objects("memtrace_watch"));
	EXPECT_LE(objects("mm_struct"), mms + 10);
	EXPECT_EQ(0, kmod_unload());
	EXPECT_EQ(0, kernel_complaints());
}

TEST_HARNESS_MAIN
