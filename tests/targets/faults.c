// SPDX-License-Identifier: GPL-2.0
/*
 * faults: touches known pages in known ways, and says what the kernel counted for each.
 *
 *	faults --case NAME [--pages N] [--threads N] [--rounds N]
 *
 * CHECKPOINT 0: nothing done. CHECKPOINT 1: the regions are mapped (a REGION line each), nothing
 * of them touched but what a case needs. CHECKPOINT 2: touched; each REGION line now carries
 * pages= (what must be resident, absent: not known), faults= (what must have been counted, absent:
 * not known) and minor= major= (what getrusage counted while it was touched). child_minor= and
 * child_major= are those of the process that writes in vmwritev, known once it is gone.
 */
#include "target.h"
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <sys/wait.h>

#define MAX_REGIONS 64
#define HUGE_SZ (2UL << 20)
#define UNKNOWN (-1L)

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif

/* One range and how it is touched. */
struct region {
	char *start;
	size_t len;
	const char *kind, *name;
	int (*act)(struct region *r); /* 0 or −errno */
	long pages, faults;
	struct target_faults seen;
	int err;
	int fd;
};

static struct {
	const char *name;
	u64 pages, threads, rounds;
} cfg = { .name = "plain", .pages = 1000, .threads = 2, .rounds = 20 };

static struct region regions[MAX_REGIONS];
static unsigned int nr_regions;
static volatile char sink;
static _Alignas(4096) char source[65536];
static struct {
	pid_t pid;
	int go, done;
} helper;

static struct region *add(const char *kind, const char *name, int (*act)(struct region *r),
			  char *start, size_t len)
{
	struct region *r = &regions[nr_regions++];

	if (start == MAP_FAILED || nr_regions == MAX_REGIONS)
		target_die("faults: %s: %s", name, strerror(errno));
	*r = (struct region){
		.start = start,
		.len = len,
		.kind = kind,
		.name = name,
		.act = act,
		.pages = (long)(len / page_sz),
		.faults = (long)(len / page_sz),
		.fd = -1,
	};
	return r;
}

/* Small pages, and a hole on both sides so that no neighbour merges with it. */
static char *map_anon(size_t len)
{
	char *p = mmap(NULL, len + 2 * page_sz, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return p;
	p += page_sz;
	mprotect(p, len, PROT_READ | PROT_WRITE);
	madvise(p, len, MADV_NOHUGEPAGE);
	munmap(p - page_sz, page_sz);
	munmap(p + len, page_sz);
	return p;
}

static size_t len_of(u64 pages)
{
	return pages * page_sz;
}

static struct region *add_anon(const char *name, int (*act)(struct region *r))
{
	return add("anon", name, act, map_anon(len_of(cfg.pages)), len_of(cfg.pages));
}

static int write_pages(struct region *r)
{
	for (char *p = r->start; p < r->start + r->len; p += page_sz)
		*(volatile char *)p = 1;
	return 0;
}

static int read_pages(struct region *r)
{
	for (char *p = r->start; p < r->start + r->len; p += page_sz)
		sink += *(volatile char *)p;
	return 0;
}

static int read_fd(struct region *r)
{
	for (size_t at = 0; at < r->len;) {
		ssize_t n = read(r->fd, r->start + at, r->len - at);

		if (n <= 0)
			return n ? -errno : -EIO;
		at += (size_t)n;
	}
	return 0;
}

/* Through a pipe, page by page, from one that is there already. */
static int read_pipe(struct region *r)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	for (size_t at = 0; at < r->len; at += page_sz)
		if (write(fds[1], source, page_sz) != (ssize_t)page_sz ||
		    read(fds[0], r->start + at, page_sz) != (ssize_t)page_sz)
			return -EIO;
	close(fds[0]);
	close(fds[1]);
	return 0;
}

static int map_populated(struct region *r)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_POPULATE;
	void *p = mmap(r->start, r->len, PROT_READ | PROT_WRITE, flags, -1, 0);

	return p == MAP_FAILED ? -errno : 0;
}

static int madv_populate_write(struct region *r)
{
	return madvise(r->start, r->len, MADV_POPULATE_WRITE) ? -errno : 0;
}

static int madv_populate_read(struct region *r)
{
	return madvise(r->start, r->len, MADV_POPULATE_READ) ? -errno : 0;
}

static int lock_pages(struct region *r)
{
	return mlock(r->start, r->len) ? -errno : 0;
}

static int touch_twice(struct region *r)
{
	write_pages(r);
	if (madvise(r->start, r->len, MADV_DONTNEED))
		return -errno;
	return write_pages(r);
}

/* ---- another process */

static void helper_main(const struct region *r, pid_t parent, int go, int done)
{
	static char page[65536];
	char byte = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (target_mode == TARGET_SYNCED) {
		close(TARGET_IN);
		close(TARGET_OUT);
	}
	if (read(go, &byte, 1) != 1)
		_exit(0);
	byte = 0;
	for (size_t at = 0; at < r->len; at += sizeof(page)) {
		size_t n = r->len - at < sizeof(page) ? r->len - at : sizeof(page);
		struct iovec from = { page, n }, to = { r->start + at, n };

		if (process_vm_writev(parent, &from, 1, &to, 1, 0) != (ssize_t)n)
			byte = (char)errno;
	}
	if (write(done, &byte, 1) != 1 || read(go, &byte, 1) < 0)
		_exit(1);
	_exit(0);
}

/* The child waits to be told to write to @r of this process; it holds a copy of everything. */
static void helper_start(struct region *r)
{
	pid_t parent = getpid();
	int go[2], done[2];

	if (pipe2(go, O_CLOEXEC) || pipe2(done, O_CLOEXEC))
		target_die("faults: pipe: %s", strerror(errno));
	helper.pid = fork();
	if (helper.pid < 0)
		target_die("faults: fork: %s", strerror(errno));
	if (!helper.pid) {
		close(go[1]);
		helper_main(r, parent, go[0], done[1]);
	}
	close(go[0]);
	close(done[1]);
	helper.go = go[1];
	helper.done = done[0];
	prctl(PR_SET_PTRACER, helper.pid, 0, 0, 0);
}

static int written_by_helper(struct region *r)
{
	char err = 0;

	(void)r;
	if (write(helper.go, "x", 1) != 1 || read(helper.done, &err, 1) != 1)
		return -EIO;
	return -err;
}

/* ---- userfaultfd */

static void *uffd_main(void *arg)
{
	static _Alignas(4096) char page[65536];
	int fd = (int)(intptr_t)arg;
	struct uffd_msg msg;

	page[0] = 1;
	for (;;) {
		struct pollfd pfd = { fd, POLLIN, 0 };
		struct uffdio_copy copy = { .src = (u64)page, .len = page_sz };

		poll(&pfd, 1, -1);
		if (read(fd, &msg, sizeof(msg)) != sizeof(msg) || msg.event != UFFD_EVENT_PAGEFAULT)
			continue;
		copy.dst = msg.arg.pagefault.address & ~(page_sz - 1);
		ioctl(fd, UFFDIO_COPY, &copy);
	}
	return NULL;
}

static bool uffd_start(struct region *r)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = {
		.range = { (u64)r->start, r->len },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	pthread_t thread;

	if (fd < 0)
		fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | 1 /* user mode only */);
	if (fd < 0 || ioctl(fd, UFFDIO_API, &api) || ioctl(fd, UFFDIO_REGISTER, &reg))
		return false;
	return !pthread_create(&thread, NULL, uffd_main, (void *)(intptr_t)fd);
}

/* ---- files */

static int open_file(size_t len)
{
	const char *dir = getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp";
	static char page[65536];
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/faults.%d.%u", dir, (int)getpid(), nr_regions);
	unlink(path); /* of one that had our number and was killed */
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		target_die("faults: %s: %s", path, strerror(errno));
	unlink(path);
	for (size_t at = 0; at < len; at += page_sz)
		if (write(fd, page, page_sz) != (ssize_t)page_sz)
			target_die("faults: %s: %s", path, strerror(errno));
	return fd;
}

static struct region *add_file(const char *name, int share, int (*act)(struct region *r), bool cold)
{
	size_t len = len_of(cfg.pages);
	int fd = open_file(len);
	struct region *r;

	if (cold) {
		fdatasync(fd);
		posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	}
	r = add("file", name, act, mmap(NULL, len, PROT_READ | PROT_WRITE, share, fd, 0), len);
	r->faults = UNKNOWN; /* fault-around, large folios */
	return r;
}

/* ---- cases: what is mapped, and what was done before the measured touch */

static void prepare_plain(void)
{
	add_anon("plain", write_pages);
}

static void prepare_plainread(void)
{
	add_anon("plainread", read_pages)->pages = 0; /* the zero page */
}

static void prepare_readinto(void)
{
	struct region *r = add_anon("read_file", read_fd);

	r->fd = open_file(r->len);
	lseek(r->fd, 0, SEEK_SET);
	add_anon("read_zero", read_fd)->fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	source[0] = 1;
	add_anon("read_pipe", read_pipe);
}

static void prepare_populate(void)
{
	struct region *r = add_anon("populate", map_populated);

	if (cfg.pages >= HUGE_SZ / page_sz) /* a new mapping may get huge pages */
		r->faults = UNKNOWN;
}

static void prepare_madvpopulate(void)
{
	add_anon("populate_write", madv_populate_write);
	add_anon("populate_read", madv_populate_read)->pages = 0;
}

static void prepare_mlock(void)
{
	add_anon("mlock", lock_pages);
}

static void prepare_vmwritev(void)
{
	struct region *r = add_anon("vmwritev", written_by_helper);

	r->faults = 0; /* they are the writer's */
	helper_start(r);
}

static void prepare_cow(void)
{
	struct region *r = add_anon("cow", write_pages);

	write_pages(r);
	helper_start(r);
}

static void prepare_filemap(void)
{
	add_file("private_read", MAP_PRIVATE, read_pages, false);
	add_file("private_write", MAP_PRIVATE, write_pages, false);
	add_file("shared_read", MAP_SHARED, read_pages, false);
	add_file("shared_write", MAP_SHARED, write_pages, false);
}

static void prepare_thp(void)
{
	size_t len = len_of(cfg.pages) < HUGE_SZ ? HUGE_SZ : len_of(cfg.pages) & ~(HUGE_SZ - 1);
	char *p = mmap(NULL, len + 2 * HUGE_SZ, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);
	char *at = (char *)(((u64)p + HUGE_SZ) & ~(HUGE_SZ - 1));

	if (p == MAP_FAILED)
		target_die("faults: thp: %s", strerror(errno));
	munmap(p, (size_t)(at - p));
	munmap(at + len, (size_t)(p + 2 * HUGE_SZ - at));
	madvise(at, len, MADV_HUGEPAGE);
	add("anon", "thp", write_pages, at, len)->faults = UNKNOWN;
}

static void prepare_dontneed(void)
{
	add_anon("dontneed", touch_twice)->faults *= 2;
}

static void prepare_retry(void)
{
	struct region *r = add_anon("userfaultfd", write_pages);

	if (!uffd_start(r))
		target_say("SKIP userfaultfd %s", strerror(errno));
	else
		r->faults = UNKNOWN;
	add_file("cold_read", MAP_SHARED, read_pages, true);
	add_file("cold_write", MAP_PRIVATE, write_pages, true);
}

/* ---- the storm */

static void *storm_main(void *arg)
{
	struct target_faults from = target_count_faults(RUSAGE_THREAD), to;
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
	struct region *r = arg;

	for (u64 i = 0; i < cfg.rounds; i++) {
		write_pages(r);
		if (i + 1 == cfg.rounds)
			break; /* the last round stays resident */
		if (i % 2) {
			madvise(r->start, r->len, MADV_DONTNEED);
			continue;
		}
		munmap(r->start, r->len);
		mmap(r->start, r->len, PROT_READ | PROT_WRITE, flags, -1, 0);
		madvise(r->start, r->len, MADV_NOHUGEPAGE);
	}
	to = target_count_faults(RUSAGE_THREAD);
	r->seen = (struct target_faults){ to.minor - from.minor, to.major - from.major };
	return NULL;
}

/* Acts for all regions at once; a few faults of the threads' own stacks come to the sum. */
static int storm(struct region *r)
{
	pthread_t threads[MAX_REGIONS];

	(void)r;
	for (unsigned int i = 0; i < nr_regions; i++)
		if (pthread_create(&threads[i], NULL, storm_main, &regions[i]))
			return -EAGAIN;
	for (unsigned int i = 0; i < nr_regions; i++)
		pthread_join(threads[i], NULL);
	return 0;
}

static void prepare_storm(void)
{
	if (!cfg.threads || cfg.threads >= MAX_REGIONS)
		target_die("faults: 1 to %d threads", MAX_REGIONS - 1);
	for (u64 i = 0; i < cfg.threads; i++)
		add_anon("storm", storm)->faults = (long)(cfg.pages * cfg.rounds);
}

/*
 * ---- in step: each thread touches its next page when all have touched theirs. The CPUs' parts of
 * the kernel's counter fill up at the same step when they began alike; all but the first thread
 * touch one page more now and then, so that each way to begin comes by.
 */
#define PHASES 64

static unsigned long nr_stepped;

static void *step_main(void *arg)
{
	struct region *r = arg;
	const u64 steps = cfg.pages - PHASES;
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET((size_t)(r - regions) % (size_t)sysconf(_SC_NPROCESSORS_ONLN), &cpus);
	pthread_setaffinity_np(pthread_self(), sizeof(cpus), &cpus);
	char *extra = r->start + steps * page_sz;

	for (u64 i = 0; i < steps; i++) {
		__atomic_add_fetch(&nr_stepped, 1, __ATOMIC_SEQ_CST);
		for (int spins = 0;
		     __atomic_load_n(&nr_stepped, __ATOMIC_SEQ_CST) < (i + 1) * cfg.threads;)
			if (++spins > 20000)
				sched_yield();
		*(volatile char *)(r->start + i * page_sz) = 1;
		if (r != regions && i % (steps / PHASES) == 0 && extra < r->start + r->len) {
			*(volatile char *)extra = 1;
			extra += page_sz;
		}
	}
	for (; extra < r->start + r->len; extra += page_sz)
		*(volatile char *)extra = 1;
	return NULL;
}

static int lockstep(struct region *r)
{
	pthread_t threads[MAX_REGIONS];

	(void)r;
	for (unsigned int i = 0; i < nr_regions; i++)
		if (pthread_create(&threads[i], NULL, step_main, &regions[i]))
			return -EAGAIN;
	for (unsigned int i = 0; i < nr_regions; i++)
		pthread_join(threads[i], NULL);
	return 0;
}

/* Between guards: each region stays a mapping of its own. */
static void prepare_lockstep(void)
{
	if (!cfg.threads || cfg.threads >= MAX_REGIONS || cfg.pages < 2 * PHASES)
		target_die("faults: 1 to %d threads, %d pages", MAX_REGIONS - 1, 2 * PHASES);
	for (u64 i = 0; i < cfg.threads; i++) {
		size_t len = len_of(cfg.pages);
		char *p = map_anon(len + 2 * page_sz);

		mprotect(p, page_sz, PROT_NONE);
		mprotect(p + page_sz + len, page_sz, PROT_NONE);
		add("anon", "lockstep", lockstep, p + page_sz, len)->faults = (long)cfg.pages;
	}
}

static void prepare_mixed(void)
{
	prepare_plain();
	prepare_plainread();
	prepare_readinto();
	prepare_populate();
	prepare_mlock();
	prepare_filemap();
	prepare_thp();
	prepare_dontneed();
}

static const struct {
	const char *name;
	void (*prepare)(void);
} cases[] = {
	{ "plain", prepare_plain },
	{ "plainread", prepare_plainread },
	{ "readinto", prepare_readinto },
	{ "populate", prepare_populate },
	{ "madvpopulate", prepare_madvpopulate },
	{ "mlock", prepare_mlock },
	{ "vmwritev", prepare_vmwritev },
	{ "cow", prepare_cow },
	{ "filemap", prepare_filemap },
	{ "thp", prepare_thp },
	{ "dontneed", prepare_dontneed },
	{ "retry", prepare_retry },
	{ "storm", prepare_storm },
	{ "lockstep", prepare_lockstep },
	{ "mixed", prepare_mixed },
};

static void prepare(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (!strcmp(cases[i].name, cfg.name)) {
			cases[i].prepare();
			return;
		}
	fprintf(stderr, "faults: no case %s; there are:", cfg.name);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		fprintf(stderr, " %s", cases[i].name);
	fputc('\n', stderr);
	exit(2);
}

static void touch_all(void)
{
	if (regions[0].act == storm || regions[0].act == lockstep) {
		regions[0].err = regions[0].act(regions);
		return;
	}
	for (unsigned int i = 0; i < nr_regions; i++) {
		struct region *r = &regions[i];
		struct target_faults from = target_count_faults(RUSAGE_SELF), to;

		r->err = r->act(r);
		to = target_count_faults(RUSAGE_SELF);
		r->seen.minor = to.minor - from.minor;
		r->seen.major = to.major - from.major;
	}
}

static void say_regions(bool touched)
{
	for (unsigned int i = 0; i < nr_regions; i++) {
		const struct region *r = &regions[i];
		char pages[32] = "", faults[32] = "", err[32] = "";

		if (r->err)
			snprintf(err, sizeof(err), " error=%d", -r->err);
		else if (r->pages != UNKNOWN)
			snprintf(pages, sizeof(pages), " pages=%ld", r->pages);
		if (!r->err && r->faults != UNKNOWN)
			snprintf(faults, sizeof(faults), " faults=%ld", r->faults);
		if (touched)
			target_say("REGION 0x%llx 0x%llx %s %s%s%s minor=%ld major=%ld%s",
				   (unsigned long long)r->start,
				   (unsigned long long)(r->start + r->len), r->kind, r->name, pages,
				   faults, r->seen.minor, r->seen.major, err);
		else
			target_say("REGION 0x%llx 0x%llx %s %s", (unsigned long long)r->start,
				   (unsigned long long)(r->start + r->len), r->kind, r->name);
	}
}

static struct target_faults helper_end(void)
{
	struct target_faults none = { 0, 0 };

	if (!helper.pid)
		return none;
	close(helper.go);
	waitpid(helper.pid, NULL, 0);
	return target_count_faults(RUSAGE_CHILDREN);
}

int main(int argc, char **argv)
{
	static const struct target_opt opts[] = {
		{ "case", OPT_STR, &cfg.name },
		{ "pages", OPT_U64, &cfg.pages },
		{ "threads", OPT_U64, &cfg.threads },
		{ "rounds", OPT_U64, &cfg.rounds },
		{ NULL, OPT_FLAG, NULL },
	};
	struct target_faults from, to, child;

	target_init(argc, argv, opts);
	target_checkpoint("case=%s pages=%llu", cfg.name, (unsigned long long)cfg.pages);
	prepare();
	if (target_mode != TARGET_QUIET)
		say_regions(false);
	target_checkpoint("case=%s regions=%u", cfg.name, nr_regions);
	from = target_count_faults(RUSAGE_SELF);
	touch_all();
	to = target_count_faults(RUSAGE_SELF);
	say_regions(true);
	target_checkpoint("case=%s regions=%u minor=%ld major=%ld", cfg.name, nr_regions,
			  to.minor - from.minor, to.major - from.major);
	child = helper_end();
	to = target_count_faults(RUSAGE_SELF);
	target_say("DONE case=%s minor=%ld major=%ld child_minor=%ld child_major=%ld", cfg.name,
		   to.minor, to.major, child.minor, child.major);
	return 0;
}
