// SPDX-License-Identifier: GPL-2.0
/*
 * randops: the torture of the exact-maps test. Random operations from a seed on one address space,
 * by threads that race on overlapping ranges; everybody stops at checkpoints, where the harness
 * compares its model with /proc/PID/maps.
 *
 *	randops [--seed N] [--ops N] [--threads N] [--checkpoints N] [--quiet] [--check]
 *		[--only KIND,…] [--without KIND,…]
 *
 * With --threads 1 the sequence of operations and arguments is a function of the seed alone: the
 * sequence= value at the end tells. The main thread is worker 0. --check exits 1 unless every kind
 * has succeeded, and failed where it can, --min times, and 500 regions were alive.
 *
 * brk belongs to the operations: malloc gets its memory before the start and never trims.
 */
#include "target.h"
#include "randops.h"
#include "randops_map.h"
#include "randops_move.h"
#include "randops_advise.h"
#include "randops_task.h"

#include <malloc.h>
#include <sys/ipc.h>
#include <sys/utsname.h>

#define MAX_THREADS 64
#define BOTH (CAN_OK | CAN_FAIL)
#define OP(name, weight, flags)                 \
	{                                       \
#name, op_##name, weight, flags \
	}

/* clang-format off */
static struct op ops[] = {
	OP(mmap_null, 24, BOTH), OP(mmap_hint, 24, BOTH), OP(mmap_fixed, 24, BOTH),
	OP(mmap_noreplace, 24, BOTH), OP(mmap_shared, 24, BOTH), OP(mmap_noreserve, 24, BOTH),
	OP(mmap_populate, 24, BOTH), OP(mmap_file_private, 24, BOTH),
	OP(mmap_file_shared, 24, BOTH), OP(mmap_file_unlinked, 24, BOTH),
	OP(mmap_memfd, 24, BOTH), OP(mmap_late_fail, 20, CAN_FAIL),
	OP(growsdown, 20, BOTH), OP(growsdown_touch, 20, BOTH),
	OP(munmap_small, 24, BOTH), OP(munmap_wide, 20, BOTH), OP(munmap_hole, 20, BOTH),
	OP(munmap_whole, 20, BOTH), OP(munmap_part, 20, BOTH),
	OP(brk_up, 20, BOTH), OP(brk_down, 20, BOTH), OP(brk_hole, 20, BOTH),
	OP(shmat, 20, BOTH), OP(shmdt, 20, BOTH), OP(aio, 18, BOTH),
	OP(mremap_grow, 24, BOTH), OP(mremap_shrink, 24, BOTH), OP(mremap_maymove, 24, BOTH),
	OP(mremap_fixed, 24, BOTH), OP(mremap_late_fail, 20, CAN_FAIL),
	OP(mremap_multi, 20, BOTH), OP(mremap_dontunmap, 20, BOTH), OP(mremap_dup, 20, BOTH),
	OP(remap_file_pages, 20, BOTH),
	OP(mprotect, 24, BOTH), OP(mprotect_any, 24, BOTH), OP(mprotect_prefix, 20, CAN_FAIL),
	OP(mprotect_growsdown, 20, BOTH), OP(pkey_mprotect, 20, BOTH),
	OP(madv_dontneed, 18, BOTH), OP(madv_free, 18, BOTH), OP(madv_willneed, 18, BOTH),
	OP(madv_fork, 18, BOTH), OP(madv_thp, 18, BOTH), OP(madv_merge, 18, BOTH),
	OP(madv_dump, 18, BOTH), OP(madv_wipe, 18, BOTH), OP(madv_read, 18, BOTH),
	OP(madv_populate, 18, BOTH), OP(process_madvise, 18, BOTH),
	OP(mlock, 18, BOTH), OP(munlock, 18, BOTH), OP(name, 18, BOTH), OP(mseal, 14, CAN_FAIL),
	OP(uffd, 18, BOTH), OP(touch, 20, BOTH), OP(touch_read, 20, BOTH),
	OP(stack_main, 0, CAN_OK | MAIN_ONLY), OP(stack_trim, 0, BOTH | MAIN_ONLY),
	OP(stack_thread, 12, CAN_OK), OP(thread_own, 10, CAN_OK), OP(thread_glibc, 10, CAN_OK),
	OP(thread_die, 10, CAN_OK), OP(fork, 9, CAN_OK), OP(vfork, 10, CAN_OK),
};
/* clang-format on */

#define NR_OPS (sizeof(ops) / sizeof(ops[0]))

static struct {
	u64 seed, ops, threads, checkpoints, min;
	bool quiet, check;
	const char *only, *without;
} cfg = { .seed = 1, .ops = 200000, .threads = 8, .checkpoints = 100, .min = 1000 };

static struct worker workers[MAX_THREADS];
static pthread_barrier_t barrier;
static unsigned int total_weight;
static struct {
	u64 min, sum, nr;
} regions = { .min = ~0ULL };
static char maps_buf[1 << 16];

static void on_segv(int sig)
{
	if (trap_set)
		siglongjmp(trap, 1);
	signal(sig, SIG_DFL); /* its own fault: die of it again */
}

static u64 count_regions(void)
{
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	u64 nr = 0;
	ssize_t n;

	if (fd < 0)
		return 0;
	while ((n = read(fd, maps_buf, sizeof(maps_buf))) > 0)
		for (ssize_t i = 0; i < n; i++)
			nr += maps_buf[i] == '\n';
	close(fd);
	return nr;
}

/* ---- set-up ---- */

static void open_window(void)
{
	size_t size = 64UL << 30;
	char *p = MAP_FAILED;

	for (u64 at = 0x200000000000; at >= 0x2000000000 && p != (char *)at; at /= 2) {
		p = mmap((void *)at, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
			 -1, 0);
		if (p == MAP_FAILED)
			continue;
		munmap(p, size);
		if (p == (char *)at)
			break;
	}
	if (p == MAP_FAILED)
		target_die("randops: no 64 GiB of free address space");
	g.hot = p;
	g.lanes = p + (1UL << 30);
	g.seals = p + (2UL << 30);
	g.far = p + (4UL << 30);
}

static void open_files(void)
{
	const char *dir = getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp";
	char path[256];

	for (int i = 0; i < NR_FILES; i++) {
		snprintf(path, sizeof(path), "%s/randops.%d%s%d", dir, (int)getpid(),
			 i == FILE_ODD ? " odd\n[heap] " : ".", i);
		unlink(path); /* of one that had our number and was killed */
		g.files[i] = i == FILE_MEMFD ?
				     memfd_create("randops memfd", MFD_CLOEXEC) :
				     open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (g.files[i] < 0 || ftruncate(g.files[i], (off_t)(FILE_PAGES * page_sz)))
			target_die("randops: %s: %s", path, strerror(errno));
		if (i == FILE_LINKED)
			g.rdonly = open(path, O_RDONLY | O_CLOEXEC);
		if (i == FILE_UNLINKED)
			unlink(path);
	}
	g.sealed = memfd_create("randops sealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (ftruncate(g.sealed, 65536) || fcntl(g.sealed, F_ADD_SEALS, F_SEAL_WRITE))
		target_die("randops: cannot seal a memfd: %s", strerror(errno));
	g.proc = open("/proc/version", O_RDONLY | O_CLOEXEC);
	g.zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
}

static void remove_files(void)
{
	char path[256], link[64];
	ssize_t n;

	for (int i = 0; i < NR_FILES; i++) {
		snprintf(link, sizeof(link), "/proc/self/fd/%d", g.files[i]);
		n = readlink(link, path, sizeof(path) - 1);
		if (n <= 0 || i == FILE_MEMFD || i == FILE_UNLINKED)
			continue;
		path[n] = 0;
		unlink(path);
	}
	for (int i = 0; i < NR_SHM; i++)
		shmctl(g.shm[i], IPC_RMID, NULL);
}

/* Segments vanish with their last attach: one attach stays, read-only and out of reach. */
static void open_shm(void)
{
	for (int i = 0; i < NR_SHM; i++) {
		g.shm[i] = shmget(IPC_PRIVATE, (size_t)(1 + 5 * i) * page_sz, 0600);
		if (g.shm[i] < 0 || shmat(g.shm[i], NULL, SHM_RDONLY) == (void *)-1)
			target_die("randops: no SysV shared memory: %s", strerror(errno));
		shmctl(g.shm[i], IPC_RMID, NULL);
	}
}

static bool open_uffd(void)
{
	struct uffdio_api api = { UFFD_API, UFFD_FEATURE_PAGEFAULT_FLAG_WP, 0 };

	g.uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (g.uffd < 0)
		g.uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | 1);
	return g.uffd >= 0 && !ioctl(g.uffd, UFFDIO_API, &api);
}

/* malloc takes its memory now, keeps it, and leaves the brk above it to the operations. */
static void claim_brk(void)
{
	void *volatile p; /* or the compiler drops both calls */

	mallopt(M_TRIM_THRESHOLD, 1 << 30);
	mallopt(M_TOP_PAD, 8 << 20);
	p = malloc(64 << 10); /* small enough to come from brk */
	free(p);
	g.brk_base = (char *)(((u64)brk_to(NULL) + page_sz - 1) & ~(page_sz - 1)) + page_sz;
	brk_to(g.brk_base);
}

static struct op *find_op(const char *name, size_t len)
{
	for (size_t i = 0; i < NR_OPS; i++)
		if (strlen(ops[i].name) == len && !strncmp(ops[i].name, name, len))
			return &ops[i];
	target_die("randops: no operation %.*s", (int)len, name);
}

static void set_flag(const char *list, unsigned int set, unsigned int clear)
{
	while (list && *list) {
		size_t len = strcspn(list, ",");
		struct op *op = find_op(list, len);

		op->flags = (op->flags | set) & ~clear;
		list += len + (list[len] == ',');
	}
}

/* Switches off what this kernel has not, and what was not asked for. */
static void probe_ops(void)
{
	static _Alignas(4096) char page[4096];
	struct utsname u;
	int major = 0, minor = 0;

	uname(&u);
	sscanf(u.release, "%d.%d", &major, &minor);
	if (major * 1000 + minor < 6017)
		find_op("mremap_multi", 12)->flags &= ~CAN_OK;
	if (major * 1000 + minor < 6010)
		find_op("mseal", 5)->flags |= OFF;
	if (!open_uffd())
		find_op("uffd", 4)->flags |= OFF;
	if (set_name(page, page_sz, NULL) && errno == EINVAL)
		find_op("name", 4)->flags &= ~CAN_OK;
	if (madvise(page, page_sz, MADV_UNMERGEABLE) && errno == EINVAL)
		find_op("madv_merge", 10)->flags &= ~CAN_OK;
	if (madvise(page, page_sz, MADV_NOHUGEPAGE) && errno == EINVAL)
		find_op("madv_thp", 8)->flags &= ~CAN_OK;
	if (madvise(page, page_sz, MADV_POPULATE_WRITE) && errno == EINVAL)
		find_op("madv_populate", 13)->flags &= ~CAN_OK;
	if (cfg.only)
		for (size_t i = 0; i < NR_OPS; i++)
			ops[i].flags |= OFF;
	set_flag(cfg.only, 0, OFF);
	set_flag(cfg.without, OFF, 0);
	for (size_t i = 0; i < NR_OPS; i++)
		total_weight += ops[i].flags & OFF ? 0 : ops[i].weight;
}

/* Enough distinct regions to begin with. */
static void prefill(void)
{
	static const int prots[] = { PROT_READ | PROT_WRITE, PROT_READ, PROT_NONE };
	char *at = g.hot;

	for (int i = 0; at < g.hot + HOT_PAGES * page_sz; i++, at += 8 * page_sz)
		mmap(at, (size_t)(5 + i % 4) * page_sz, prots[i % 3],
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

/* ---- the run ---- */

static size_t pick_op(struct worker *w)
{
	u64 at;

	/* The main stack belongs to one worker only: it gets more than its share there. */
	if (!w->id && !rnd(w, cfg.threads > 7 ? 5 : 3 * (8 - cfg.threads))) {
		size_t i = find_op(rnd(w, 3) ? "stack_trim" : "stack_main", 10) - ops;

		if (!(ops[i].flags & OFF))
			return i;
	}
	if (!total_weight)
		return find_op("stack_main", 10) - ops;
	at = rnd(w, total_weight);
	for (size_t i = 0;; i++) {
		u64 weight = ops[i].flags & OFF ? 0 : ops[i].weight;

		if (at < weight)
			return i;
		at -= weight;
	}
}

static void run_op(struct worker *w)
{
	size_t i = pick_op(w);
	bool bad = !(ops[i].flags & CAN_OK) || (ops[i].flags & CAN_FAIL && rnd(w, 2));
	long ret = ops[i].fn(w, bad);

	w->nr_ok[i] += !ret;
	w->nr_fail[i] += !!ret;
	w->hash = (w->hash ^ i ^ w->rng) * 0x100000001b3ULL;
}

/* A segment is what one worker does between two checkpoints. */
static void run_segment(struct worker *w, u64 segment)
{
	u64 share = cfg.ops / cfg.threads + (w->id < cfg.ops % cfg.threads);
	u64 from = share * segment / cfg.checkpoints, to = share * (segment + 1) / cfg.checkpoints;

	for (; from < to; from++)
		run_op(w);
	for (int i = 0; i < NR_KIDS; i++)
		if (w->kids[i].alive)
			kid_settle(&w->kids[i]);
}

static void checkpoint(u64 segment)
{
	u64 nr = count_regions();

	regions.min = nr < regions.min ? nr : regions.min;
	regions.sum += nr;
	regions.nr++;
	target_checkpoint("ops=%llu vmas=%llu min=%llu avg=%llu window=%p-%p",
			  (unsigned long long)(cfg.ops * (segment + 1) / cfg.checkpoints),
			  (unsigned long long)nr, (unsigned long long)regions.min,
			  (unsigned long long)(regions.sum / regions.nr), (void *)g.hot,
			  (void *)(g.hot + (64UL << 30)));
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;

	for (u64 i = 0; i < cfg.checkpoints; i++) {
		run_segment(w, i);
		pthread_barrier_wait(&barrier); /* everybody has stopped */
		if (!w->id)
			checkpoint(i);
		pthread_barrier_wait(&barrier); /* everybody goes on */
	}
	for (int i = 0; i < NR_KIDS; i++)
		if (w->kids[i].alive)
			kid_die(&w->kids[i]);
	return NULL;
}

static void sum_up(u64 *ok, u64 *fail)
{
	for (u64 t = 0; t < cfg.threads; t++)
		for (size_t i = 0; i < NR_OPS; i++) {
			ok[i] += workers[t].nr_ok[i];
			fail[i] += workers[t].nr_fail[i];
		}
}

/* Prints the table; returns the number of kinds that came short. */
static int report(void)
{
	static u64 ok[NR_OPS], fail[NR_OPS];
	int nr_short = 0;

	sum_up(ok, fail);
	for (size_t i = 0; i < NR_OPS; i++) {
		bool lacks = (ops[i].flags & CAN_OK && ok[i] < cfg.min) ||
			     (ops[i].flags & CAN_FAIL && fail[i] < cfg.min);

		if (ops[i].flags & OFF)
			continue;
		nr_short += lacks;
		if (!cfg.quiet)
			printf("%-20s %8llu %8llu%s%s%s\n", ops[i].name, (unsigned long long)ok[i],
			       (unsigned long long)fail[i], ops[i].flags & CAN_OK ? "" : " no-ok",
			       ops[i].flags & CAN_FAIL ? "" : " no-fail", lacks ? " SHORT" : "");
	}
	fflush(stdout);
	return nr_short;
}

static void run(void)
{
	pthread_barrier_init(&barrier, NULL, (unsigned int)cfg.threads);
	for (u64 t = 0; t < cfg.threads; t++) {
		workers[t].id = (unsigned int)t;
		workers[t].rng = cfg.seed * 1000003 + t;
		if (t && pthread_create(&workers[t].thread, NULL, worker_main, &workers[t]))
			target_die("randops: cannot start thread %llu", (unsigned long long)t);
	}
	worker_main(&workers[0]);
	for (u64 t = 1; t < cfg.threads; t++)
		pthread_join(workers[t].thread, NULL);
}

int main(int argc, char **argv)
{
	static const struct target_opt opts[] = {
		{ "seed", OPT_U64, &cfg.seed },	      { "ops", OPT_U64, &cfg.ops },
		{ "threads", OPT_U64, &cfg.threads }, { "checkpoints", OPT_U64, &cfg.checkpoints },
		{ "min", OPT_U64, &cfg.min },	      { "quiet", OPT_FLAG, &cfg.quiet },
		{ "check", OPT_FLAG, &cfg.check },    { "only", OPT_STR, &cfg.only },
		{ "without", OPT_STR, &cfg.without }, { NULL, OPT_FLAG, NULL },
	};
	struct sigaction sa = { .sa_handler = on_segv, .sa_flags = SA_NODEFER };
	int nr_short;

	target_init(argc, argv, opts);
	if (!cfg.threads || cfg.threads > MAX_THREADS || !cfg.checkpoints)
		target_die("randops: 1 to %d threads, at least 1 checkpoint", MAX_THREADS);
	g.nr_threads = cfg.threads;
	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
	target_checkpoint("seed=%llu ops=%llu threads=%llu", (unsigned long long)cfg.seed,
			  (unsigned long long)cfg.ops, (unsigned long long)cfg.threads);
	claim_brk();
	open_window();
	open_files();
	open_shm();
	g.pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	probe_ops();
	prefill();
	run();
	remove_files();
	nr_short = report();
	target_say("DONE seed=%llu ops=%llu min=%llu avg=%llu short=%d sequence=%016llx",
		   (unsigned long long)cfg.seed, (unsigned long long)cfg.ops,
		   (unsigned long long)regions.min, (unsigned long long)(regions.sum / regions.nr),
		   nr_short, (unsigned long long)workers[0].hash);
	return cfg.check && (nr_short || regions.min < 500);
}
