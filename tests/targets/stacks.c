// SPDX-License-Identifier: GPL-2.0
/*
 * stacks: recursion to known depths, or a stack overflow of a known kind.
 *
 *	stacks [--main-depth BYTES] [--threads N] [--depth BYTES] [--step BYTES]
 *	stacks --overflow main|thread|alloca|bigarray [--count FILE]
 *
 * Thread i recurses to depth + i × step. CHECKPOINT 0: nothing done; 1: threads started, all
 * asleep near the top of their stacks; 2: all asleep at the deepest point; 3: returned; 4: threads
 * gone. Before 1 to 3 there is a line for each thread:
 *
 *	THREAD tid= name= start= end= guard= limit= sp= depth= deepest_sp= lowest=
 *
 * sp is the stack pointer with which the thread sleeps in its system call, to the byte;
 * depth = end − sp; lowest is the lowest resident page of the stack, from pagemap (it is the
 * high-water mark, unless a huge page backs the stack; 0 when pagemap cannot be read). For the
 * main thread start and end are those of [stack] now, guard is 0. The reporter, a thread too, is
 * not listed: it prints, so that no library call of the others goes deeper than what they say.
 *
 * With --overflow: OVERFLOW kind= tid= start= end= guard= limit=, a checkpoint, then SIGSEGV.
 * --count FILE (24 bytes): calls of bottomless() that were entered, and its variable in the first and the last.
 */
#include "target.h"
#include <alloca.h>
#include <linux/futex.h>
#include <pthread.h>

#define MAX_THREADS 1024

struct thr {
	pthread_t thread;
	pid_t tid;
	u64 start, end, guard, limit;
	u64 want; /* depth to reach, bytes below @end */
	volatile u64 sp, deepest_sp;
};

static struct {
	u64 main_depth, threads, depth, step;
	const char *overflow, *count;
} cfg = { .main_depth = 300000, .threads = 4, .depth = 65536, .step = 12288 };

static struct thr main_thr, thrs[MAX_THREADS];
static u32 stage;
static u32 nr_arrived;

/*
 * Sleeps until the stage is over, in the frame of the caller and without a call: the stack pointer
 * that the kernel saves is the one noted here.
 */
static inline __attribute__((always_inline)) void park(struct thr *t, u32 now)
{
	u64 sp;

#if defined(__x86_64__)
	__asm__ volatile("mov %%rsp, %0" : "=r"(sp));
#elif defined(__aarch64__)
	__asm__ volatile("mov %0, sp" : "=r"(sp));
#else
	sp = (u64)__builtin_frame_address(0);
#endif
	t->sp = sp;
	if (!t->deepest_sp || sp < t->deepest_sp)
		t->deepest_sp = sp;
	__atomic_add_fetch(&nr_arrived, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&stage, __ATOMIC_SEQ_CST) == now) {
#if defined(__x86_64__)
		long ret = SYS_futex;
		register long r10 __asm__("r10") = 0;

		__asm__ volatile("syscall"
				 : "+a"(ret)
				 : "D"(&stage), "S"(FUTEX_WAIT), "d"(now), "r"(r10)
				 : "rcx", "r11", "memory");
#elif defined(__aarch64__)
		register long x0 __asm__("x0") = (long)&stage;
		register long x1 __asm__("x1") = FUTEX_WAIT;
		register long x2 __asm__("x2") = now;
		register long x3 __asm__("x3") = 0;
		register long x8 __asm__("x8") = SYS_futex;

		__asm__ volatile("svc 0"
				 : "+r"(x0)
				 : "r"(x1), "r"(x2), "r"(x3), "r"(x8)
				 : "memory");
#else
		syscall(SYS_futex, &stage, FUTEX_WAIT, now, NULL);
#endif
	}
}

__attribute__((noinline)) static long descend(struct thr *t)
{
	volatile char frame[200];

	frame[0] = 1;
	if (t->end - (u64)frame >= t->want) {
		park(t, 1);
		return frame[0];
	}
	return descend(t) + frame[0];
}

__attribute__((noinline)) static void live(struct thr *t)
{
	park(t, 0);
	descend(t);
	park(t, 2);
}

static void find_stack(struct thr *t)
{
	pthread_attr_t attr;
	void *start;
	size_t size, guard;

	t->tid = (pid_t)syscall(SYS_gettid);
	pthread_getattr_np(pthread_self(), &attr);
	pthread_attr_getstack(&attr, &start, &size);
	pthread_attr_getguardsize(&attr, &guard);
	pthread_attr_destroy(&attr);
	t->start = (u64)start;
	t->end = t->start + size;
	t->guard = guard;
	t->limit = size;
}

static void *thr_main(void *arg)
{
	struct thr *t = arg;

	find_stack(t);
	live(t);
	return NULL;
}

/* [stack] as the kernel has it now. */
static void find_main_stack(void)
{
	FILE *f = fopen("/proc/self/maps", "re");
	char line[512];
	struct rlimit rl;

	while (f && fgets(line, sizeof(line), f))
		if (strstr(line, "[stack]"))
			sscanf(line, "%lx-%lx", &main_thr.start, &main_thr.end);
	if (f)
		fclose(f);
	getrlimit(RLIMIT_STACK, &rl);
	main_thr.limit = rl.rlim_cur;
}

static u64 lowest_page(const struct thr *t)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	u64 entry, found = 0;

	for (u64 at = t->start; fd >= 0 && at < t->end && !found; at += page_sz) {
		if (pread(fd, &entry, sizeof(entry), (off_t)(at / page_sz * 8)) != sizeof(entry))
			break;
		if (entry >> 63)
			found = at;
	}
	if (fd >= 0)
		close(fd);
	return found;
}

static void say_thread(const struct thr *t, const char *name)
{
	if (target_mode == TARGET_QUIET)
		return;
	target_say("THREAD tid=%d name=%s start=0x%lx end=0x%lx guard=%lu limit=%lu sp=0x%lx "
		   "depth=%lu deepest_sp=0x%lx lowest=0x%lx",
		   (int)t->tid, name, t->start, t->end, t->guard, t->limit, t->sp, t->end - t->sp,
		   t->deepest_sp, lowest_page(t));
}

static void say_all(void)
{
	char name[16];

	find_main_stack();
	say_thread(&main_thr, "main");
	for (u64 i = 0; i < cfg.threads; i++) {
		snprintf(name, sizeof(name), "deep%u", (unsigned int)i);
		say_thread(&thrs[i], name);
	}
}

static void wait_arrived(u32 nr)
{
	while (__atomic_load_n(&nr_arrived, __ATOMIC_SEQ_CST) < nr || !target_all_sleep())
		usleep(200);
}

static void *reporter_main(void *arg)
{
	static const char *const names[] = { "started", "deepest", "returned" };
	u32 nr = (u32)cfg.threads + 1;

	(void)arg;
	for (u32 i = 0; i < 3; i++) {
		wait_arrived(nr * (i + 1));
		say_all();
		target_checkpoint("stage=%s threads=%lu", names[i], cfg.threads);
		__atomic_store_n(&stage, i + 1, __ATOMIC_SEQ_CST);
		syscall(SYS_futex, &stage, FUTEX_WAKE, 1 << 30, NULL);
	}
	return NULL;
}

static void run_depths(void)
{
	pthread_t reporter;
	char name[16];

	find_main_stack();
	main_thr.tid = getpid();
	main_thr.want = cfg.main_depth;
	pthread_create(&reporter, NULL, reporter_main, NULL);
	pthread_setname_np(reporter, "reporter");
	for (u64 i = 0; i < cfg.threads; i++) {
		thrs[i].want = cfg.depth + i * cfg.step;
		if (pthread_create(&thrs[i].thread, NULL, thr_main, &thrs[i]))
			target_die("stacks: cannot start thread %lu", i);
		snprintf(name, sizeof(name), "deep%u", (unsigned int)i);
		pthread_setname_np(thrs[i].thread, name);
	}
	live(&main_thr);
	for (u64 i = 0; i < cfg.threads; i++)
		pthread_join(thrs[i].thread, NULL);
	pthread_join(reporter, NULL);
	target_checkpoint("stage=joined threads=0");
}

/* ---- overflow */

static volatile bool enough; /* never set: the compiler does not know */
static volatile u64 nowhere[3], *entered = nowhere;

__attribute__((noinline)) static long bottomless(long n)
{
	volatile char frame[1000];

	/* before the frame is touched: this is what cannot be written any more */
	entered[0]++;
	entered[n ? 2 : 1] = (u64)frame;
	frame[0] = (char)n;
	if (enough)
		return n;
	return bottomless(n + 1) + frame[0];
}

__attribute__((noinline)) static long big_array(size_t size)
{
	volatile char array[size];

	array[0] = 1;
	return array[0];
}

static void announce(const struct thr *t)
{
	target_say("OVERFLOW kind=%s tid=%d start=0x%lx end=0x%lx guard=%lu limit=%lu",
		   cfg.overflow, (int)t->tid, t->start, t->end, t->guard, t->limit);
	target_checkpoint("overflow=%s tid=%d", cfg.overflow, (int)t->tid);
}

/* The array's far end lies in the middle of a guard that is large enough not to be jumped over. */
static void *overflow_main(void *arg)
{
	struct thr *t = arg;

	find_stack(t);
	announce(t);
	if (!strcmp(cfg.overflow, "alloca"))
		*(volatile char *)alloca((u64)__builtin_frame_address(0) - t->start +
					 t->guard / 2) = 1;
	else
		bottomless(0);
	return NULL;
}

static void share_count(void)
{
	int fd = open(cfg.count, O_RDWR | O_CLOEXEC);
	void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (at == MAP_FAILED)
		target_die("stacks: %s", cfg.count);
	entered = at;
	close(fd);
}

static void run_overflow(void)
{
	pthread_attr_t attr;

	if (cfg.count)
		share_count();
	if (!strcmp(cfg.overflow, "main") || !strcmp(cfg.overflow, "bigarray")) {
		find_main_stack();
		main_thr.tid = getpid();
		announce(&main_thr);
		if (cfg.overflow[0] == 'm')
			bottomless(0);
		else
			big_array(main_thr.limit == RLIM_INFINITY ? 1UL << 46 :
								    main_thr.limit + 65536);
	}
	if (strcmp(cfg.overflow, "thread") && strcmp(cfg.overflow, "alloca"))
		target_die("stacks: --overflow main|thread|alloca|bigarray");
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 1 << 20);
	if (cfg.overflow[0] == 'a')
		pthread_attr_setguardsize(&attr, 1 << 20);
	pthread_create(&thrs[0].thread, &attr, overflow_main, &thrs[0]);
	pthread_setname_np(thrs[0].thread, "overflow");
	pthread_join(thrs[0].thread, NULL);
}

int main(int argc, char **argv)
{
	static const struct target_opt opts[] = {
		{ "main-depth", OPT_U64, &cfg.main_depth },
		{ "threads", OPT_U64, &cfg.threads },
		{ "depth", OPT_U64, &cfg.depth },
		{ "step", OPT_U64, &cfg.step },
		{ "overflow", OPT_STR, &cfg.overflow },
		{ "count", OPT_STR, &cfg.count },
		{ NULL, OPT_FLAG, NULL },
	};

	target_init(argc, argv, opts);
	if (cfg.threads > MAX_THREADS)
		target_die("stacks: at most %d threads", MAX_THREADS);
	target_checkpoint("pid=%d threads=%lu", (int)getpid(), cfg.threads);
	if (cfg.overflow)
		run_overflow();
	else
		run_depths();
	target_say("DONE threads=%lu", cfg.threads);
	return cfg.overflow ? 1 : 0; /* it should have died */
}
