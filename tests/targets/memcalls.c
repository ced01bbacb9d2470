// SPDX-License-Identifier: GPL-2.0
// build-flags: -pthread
/*
 * memcalls: system calls about memory, good ones and ones that fail, in two threads at once. Between
 * two calls that nobody else makes (madvise with advice 77) each thread makes these and no others of
 * their kind, and says so afterwards:
 *
 *	CALL <tid> <name> <before ns> <after ns> <result> <arguments ...>
 *
 * Registers that a call does not look at hold SECRET: no trace should have that.
 */
#include "target.h"
#include <pthread.h>
#include <setjmp.h>
#include <sys/ipc.h>
#include <sys/shm.h>

#define SECRET 0x5ec2e75ec2e7ul
#define MAX_CALLS 64
#define MIB (1ul << 20)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define RW (PROT_READ | PROT_WRITE)

struct call {
	const char *name;
	u64 before, after;
	unsigned long a[6];
	long ret;
	int nr_args;
};

struct calls {
	struct call c[MAX_CALLS];
	unsigned int nr;
	pid_t tid;
	bool main;
};

static pthread_barrier_t both;

static long raw(long nr, const unsigned long *a)
{
	register unsigned long r10 __asm__("r10") = a[3], r8 __asm__("r8") = a[4],
				   r9 __asm__("r9") = a[5];
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

static unsigned long make(struct calls *t, const char *name, long nr, int nr_args, ...)
{
	struct call *c = &t->c[t->nr++];
	va_list ap;

	if (t->nr == MAX_CALLS)
		target_die("memcalls: too many");
	va_start(ap, nr_args);
	for (int i = 0; i < 6; i++)
		c->a[i] = i < nr_args ? va_arg(ap, unsigned long) : SECRET;
	va_end(ap);
	c->name = name;
	c->nr_args = nr_args;
	c->before = target_now_ns();
	c->ret = raw(nr, c->a);
	c->after = target_now_ns();
	return (unsigned long)c->ret;
}

#define NARGS_(a, b, c, d, e, f, n, ...) n
#define NARGS(...) NARGS_(__VA_ARGS__, 6, 5, 4, 3, 2, 1)
#define U(x) ((unsigned long)(x))
#define CALL(t, name, ...) make(t, #name, SYS_##name, NARGS(__VA_ARGS__), __VA_ARGS__)

static void on_mapping(struct calls *t, unsigned long p)
{
	memset((void *)p, 1, 64 * page_sz);
	CALL(t, mprotect, p + 16 * page_sz, 16 * page_sz, U(PROT_READ));
	CALL(t, mprotect, p + 16 * page_sz, page_sz + 1, U(RW));
	CALL(t, mprotect, p, page_sz, U(0x10000));
	CALL(t, pkey_mprotect, p, page_sz, U(RW), U(-1));
	raw(SYS_getppid, (unsigned long[6]){ SECRET });
	CALL(t, madvise, p, 8 * page_sz, U(MADV_DONTNEED));
	CALL(t, madvise, p, 8 * page_sz, U(MADV_HUGEPAGE));
	CALL(t, madvise, p + 1, page_sz, U(MADV_DONTNEED));
	CALL(t, mlock, p, page_sz);
	CALL(t, munlock, p, page_sz);
	CALL(t, mlock2, p, page_sz, U(1));
	CALL(t, mlockall, U(8));
	make(t, "munlockall", SYS_munlockall, 0);
	CALL(t, remap_file_pages, p, page_sz, U(0), U(0), U(0));
	CALL(t, process_madvise, U(-1), U(0), U(0), U(MADV_COLD), U(0));
	make(t, "mseal", 462, 3, p, page_sz, U(~0u));
}

static void on_files(struct calls *t)
{
	unsigned long fd = U(open("/proc/self/exe", O_RDONLY | O_CLOEXEC)), p;
	unsigned long id = U(shmget(IPC_PRIVATE, page_sz, IPC_CREAT | 0600));

	p = CALL(t, mmap, U(0), page_sz, U(PROT_READ), U(MAP_SHARED), fd, U(0));
	CALL(t, munmap, p, page_sz);
	p = CALL(t, mmap, U(0), page_sz, U(PROT_READ), U(MAP_SHARED_VALIDATE), fd, page_sz);
	CALL(t, munmap, p, page_sz);
	CALL(t, mmap, U(0), page_sz, U(PROT_READ), U(MAP_PRIVATE), U(-1), U(0));
	p = CALL(t, shmat, id, U(0), U(SHM_RDONLY));
	CALL(t, shmdt, p);
	CALL(t, shmdt, p);
	shmctl((int)id, IPC_RMID, NULL);
	close((int)fd);
}

static void on_brk(struct calls *t)
{
	unsigned long at = CALL(t, brk, U(0));

	CALL(t, brk, at + 4 * page_sz + 123);
	CALL(t, brk, at);
	CALL(t, brk, U(4096)); /* refused */
}

static sigjmp_buf out;

static void on_segv(int sig)
{
	siglongjmp(out, sig);
}

/* In the 32-bit table number 9 is link(): where the kernel has that table, it is no mmap. */
static void by_other_table(void)
{
	long ret = 9;

	signal(SIGSEGV, on_segv);
	if (!sigsetjmp(out, 1))
		__asm__ volatile("int $0x80"
				 : "+a"(ret)
				 : "b"(0), "c"(0)
				 : "memory", "r8", "r9", "r10", "r11");
	signal(SIGSEGV, SIG_DFL);
}

static void *run(void *arg)
{
	struct calls *t = arg;
	unsigned long p;

	t->tid = (pid_t)syscall(SYS_gettid);
	pthread_barrier_wait(&both);
	CALL(t, madvise, U(0x123000), U(0), U(77));
	p = CALL(t, mmap, U(0), MIB, U(RW), U(ANON), U(-1), U(0));
	on_mapping(t, p);
	CALL(t, mmap, p, page_sz, U(PROT_NONE), U(ANON | MAP_FIXED_NOREPLACE), U(-1), U(0));
	CALL(t, mmap, p, page_sz, U(PROT_NONE), U(ANON | MAP_FIXED | MAP_NORESERVE), U(-1), U(0));
	CALL(t, munmap, p, page_sz);
	p = CALL(t, mremap, p + MIB / 2, MIB / 4, 2 * MIB, U(MREMAP_MAYMOVE));
	CALL(t, mremap, U(4096), page_sz, 2 * page_sz, U(0));
	CALL(t, mremap, p, page_sz, page_sz, U(MREMAP_MAYMOVE | MREMAP_FIXED), p + MIB);
	CALL(t, munmap, p + 1, page_sz);
	CALL(t, mmap, U(0), U(0), U(RW), U(ANON), U(-1), U(0));
	CALL(t, mmap, U(0), U(1) << 62, U(RW), U(ANON), U(-1), U(0));
	CALL(t, mmap, U(0), MIB, U(RW), U(ANON | MAP_POPULATE), U(-1), U(0));
	if (t->main) {
		on_files(t);
		on_brk(t);
		by_other_table();
	}
	CALL(t, madvise, U(0x124000), U(0), U(77));
	return NULL;
}

static void say(const struct calls *t)
{
	for (unsigned int i = 0; i < t->nr; i++) {
		const struct call *c = &t->c[i];
		char args[160] = "";
		size_t len = 0;

		for (int k = 0; k < c->nr_args; k++)
			len += (size_t)snprintf(args + len, sizeof(args) - len, " 0x%lx", c->a[k]);
		target_say("CALL %d %s %llu %llu %ld%s", (int)t->tid, c->name,
			   (unsigned long long)c->before, (unsigned long long)c->after, c->ret,
			   args);
	}
}

int main(int argc, char **argv)
{
	const struct target_opt opts[] = { { NULL } };
	static struct calls own = { .main = true }, other;
	pthread_t th;

	target_init(argc, argv, opts);
	target_checkpoint("when=before");
	pthread_barrier_init(&both, NULL, 2);
	if (pthread_create(&th, NULL, run, &other))
		target_die("memcalls: no thread");
	run(&own);
	pthread_join(th, NULL);
	say(&own);
	say(&other);
	target_checkpoint("when=after");
	return 0;
}
