// SPDX-License-Identifier: GPL-2.0
/*
 * states: brings its memory into random states, and stops at each.
 *
 *	states --seed N --states N --ops N [--file PATH] [--only OP]
 *
 * Between two checkpoints --ops random operations are done to some mappings of
 * every kind: pages come, go, move, are shared, locked, swapped out, collapsed.
 * At a checkpoint nothing moves: children that were forked sleep. What is
 * resident is not said: that is what the suite finds out, from the kernel.
 */
#include "target.h"
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <sys/wait.h>

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif
#ifndef MADV_COLD
#define MADV_COLD 20
#endif
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif
#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif

#define NR_SLOTS 20u
#define MAX_PAGES 1536u /* three huge pages */
#define NR_CHILDREN 3u
#define HUGE (2ul << 20)

struct slot {
	char *addr; /* NULL: none */
	size_t pages;
	unsigned char prot[MAX_PAGES]; /* of each page: it may be touched so */
	bool anon, shared, moved;
};

static struct slot slots[NR_SLOTS];
static pid_t children[NR_CHILDREN];
static int file_fd, mem_fd, zero_fd, uffd = -1, sync_pipe[2];
static u64 rnd_state;
static u64 done[32]; /* operations that did something, by number */

static u32 rnd(u32 n)
{
	rnd_state ^= rnd_state << 13;
	rnd_state ^= rnd_state >> 7;
	rnd_state ^= rnd_state << 17;
	return (u32)((rnd_state >> 16) % n);
}

/* A slot in use; NULL if the one that was drawn is not. */
static struct slot *any(void)
{
	struct slot *s = &slots[rnd(NR_SLOTS)];

	return s->addr ? s : NULL;
}

/* Part of a slot: often all of it. */
static void part(const struct slot *s, size_t *from, size_t *nr)
{
	*from = rnd(3) ? rnd((u32)s->pages) : 0;
	*nr = rnd(3) ? 1 + rnd((u32)(s->pages - *from)) : s->pages - *from;
}

static void forget(struct slot *s)
{
	munmap(s->addr, s->pages * page_sz);
	s->addr = NULL;
}

/* An address that the huge page size divides, so that there may be one. */
static char *aligned(size_t len)
{
	char *p = mmap(NULL, len + HUGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *at;

	if (p == MAP_FAILED)
		return NULL;
	at = (char *)(((uintptr_t)p + HUGE - 1) & ~(HUGE - 1));
	munmap(p, len + HUGE);
	return at;
}

static bool op_map(void)
{
	struct slot *s = &slots[rnd(NR_SLOTS)];
	size_t pages = rnd(4) ? 1 + rnd(96) : 512 * (1 + rnd(3));
	int prot = PROT_READ | PROT_WRITE, flags, fd = -1;
	u32 kind = rnd(6);
	char *p;

	if (s->addr)
		forget(s);
	s->anon = kind < 3;
	s->shared = kind == 2 || kind == 4 || kind == 5;
	if (!s->anon)
		fd = kind == 5 ? mem_fd : file_fd;
	flags = (s->shared ? MAP_SHARED : MAP_PRIVATE) | (s->anon ? MAP_ANONYMOUS : 0);
	if (!rnd(5))
		flags |= MAP_POPULATE;
	p = mmap(pages >= 512 ? aligned(pages * page_sz) : NULL, pages * page_sz, prot, flags, fd,
		 0);
	if (p == MAP_FAILED)
		return false;
	s->addr = p;
	s->pages = pages;
	memset(s->prot, prot, sizeof(s->prot));
	return true;
}

/* One byte in some pages: all in a row, or here and there. */
static bool touch(bool write)
{
	struct slot *s = any();
	size_t from, nr, step;

	if (!s)
		return false;
	part(s, &from, &nr);
	step = rnd(2) ? 1 : 1 + rnd(20);
	for (size_t i = from; i < from + nr; i += step) {
		volatile char *at = s->addr + i * page_sz;

		if (write && s->prot[i] & PROT_WRITE)
			*at = (char)i;
		else if (!write && s->prot[i] & PROT_READ)
			(void)*at;
	}
	return true;
}

static bool op_read(void)
{
	return touch(false);
}

static bool op_write(void)
{
	return touch(true);
}

static bool advise(int advice)
{
	struct slot *s = any();
	size_t from, nr;

	if (!s)
		return false;
	part(s, &from, &nr);
	return !madvise(s->addr + from * page_sz, nr * page_sz, advice);
}

#define ADVISE(name, advice)           \
	static bool op_##name(void)    \
	{                              \
		return advise(advice); \
	}
ADVISE(dontneed, MADV_DONTNEED)
ADVISE(free, MADV_FREE)
ADVISE(pageout, MADV_PAGEOUT)
ADVISE(cold, MADV_COLD)
ADVISE(collapse, MADV_COLLAPSE)
ADVISE(thp_on, MADV_HUGEPAGE)
ADVISE(thp_off, MADV_NOHUGEPAGE)
ADVISE(remove, MADV_REMOVE)
ADVISE(populate_read, MADV_POPULATE_READ)
ADVISE(populate_write, MADV_POPULATE_WRITE)

/* The front, the back, or a hole in the middle: then the back is given up, too. */
static bool op_munmap(void)
{
	struct slot *s = any();
	size_t cut;

	if (!s)
		return false;
	cut = 1 + rnd((u32)s->pages);
	if (cut == s->pages) {
		forget(s);
		return true;
	}
	if (rnd(2)) {
		munmap(s->addr, cut * page_sz);
		s->addr += cut * page_sz;
		memmove(s->prot, s->prot + cut, s->pages - cut);
	} else {
		munmap(s->addr + (s->pages - cut) * page_sz, cut * page_sz);
	}
	s->pages -= cut;
	return true;
}

static bool uniform(const struct slot *s)
{
	for (size_t i = 1; i < s->pages; i++)
		if (s->prot[i] != s->prot[0])
			return false;
	return true;
}

/* Moves with its pages; grows and shrinks. Only what is one mapping can. */
static bool op_mremap(void)
{
	struct slot *s = any();
	size_t to;
	char *p;

	if (!s || !uniform(s))
		return false;
	to = 1 + rnd(2 * (u32)s->pages);
	/* behind the end of a file nothing may be touched */
	if (to > MAX_PAGES || !s->anon || s->shared)
		to = to > s->pages ? s->pages : to;
	if (rnd(2))
		p = mremap(s->addr, s->pages * page_sz, to * page_sz, MREMAP_MAYMOVE);
	else
		p = mremap(s->addr, s->pages * page_sz, to * page_sz, MREMAP_MAYMOVE | MREMAP_FIXED,
			   aligned(to * page_sz));
	if (p == MAP_FAILED) {
		/* up to 6.16 a tail that was to go is gone, though the call failed */
		forget(s);
		return false;
	}
	s->addr = p;
	s->pages = to;
	memset(s->prot, s->prot[0], sizeof(s->prot));
	return true;
}

/* What a child does: writes to what it shares, and now and then into its parent from outside. */
static void child(pid_t parent, char *into)
{
	char byte = 1;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (u32 i = 0; i < 6; i++)
		touch(rnd(2));
	if (into) {
		struct iovec l = { &byte, 1 }, r = { into, 1 };

		if (process_vm_writev(parent, &l, 1, &r, 1, 0) < 0)
			byte = 2;
	}
	target_write(sync_pipe[1], &byte, 1);
	for (;;)
		pause();
}

/* The child has done its part when this returns, and sleeps until another takes its place. */
static bool op_fork(void)
{
	u32 n = rnd(NR_CHILDREN);
	struct slot *s = any();
	pid_t parent = getpid();
	size_t at = s ? rnd((u32)s->pages) : 0;
	char *into = s && s->prot[at] & PROT_WRITE ? s->addr + at * page_sz : NULL;
	char byte;

	if (children[n]) {
		kill(children[n], SIGKILL);
		waitpid(children[n], NULL, 0);
	}
	children[n] = fork();
	if (!children[n])
		child(parent, into);
	if (children[n] < 0) {
		children[n] = 0;
		return false;
	}
	for (u32 i = 0; i < 4; i++)
		op_write();
	return read(sync_pipe[0], &byte, 1) == 1;
}

static bool op_mlock(void)
{
	struct slot *s = any();
	size_t from, nr;

	if (!s)
		return false;
	part(s, &from, &nr);
	if (rnd(2))
		return !munlock(s->addr, s->pages * page_sz);
	return !mlock(s->addr + from * page_sz, nr * page_sz);
}

static bool op_protect(void)
{
	static const int prots[] = { PROT_NONE, PROT_WRITE, PROT_READ, PROT_READ | PROT_WRITE,
				     PROT_READ | PROT_WRITE };
	int prot = prots[rnd(5)];
	struct slot *s = any();
	size_t from, nr;

	if (!s)
		return false;
	part(s, &from, &nr);
	if (mprotect(s->addr + from * page_sz, nr * page_sz, prot))
		return false;
	memset(s->prot + from, prot, nr);
	return true;
}

/* Pages put there by hand, without a fault. */
static bool op_uffd(void)
{
	static char src[8 * 4096] __attribute__((aligned(4096)));
	struct slot *s = any();
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	size_t from, nr;
	bool any_copied = false;

	if (!s || uffd < 0 || !s->anon || s->shared)
		return false;
	part(s, &from, &nr);
	nr = nr > 8 ? 8 : nr;
	reg.range.start = (u64)(uintptr_t)s->addr + from * page_sz;
	reg.range.len = nr * page_sz;
	if (ioctl(uffd, UFFDIO_REGISTER, &reg))
		return false;
	for (size_t i = 0; i < nr; i++) {
		struct uffdio_copy c = { .dst = reg.range.start + i * page_sz,
					 .src = (u64)(uintptr_t)src + i * page_sz,
					 .len = page_sz };

		any_copied |= !ioctl(uffd, UFFDIO_COPY, &c); /* EEXIST: there is one already */
	}
	ioctl(uffd, UFFDIO_UNREGISTER, &reg.range);
	return any_copied;
}

/* The kernel's own faults on user memory. */
static bool op_kernel_write(void)
{
	struct slot *s = any();
	size_t from, nr;

	if (!s)
		return false;
	part(s, &from, &nr);
	return read(zero_fd, s->addr + from * page_sz, nr * page_sz) > 0;
}

/* The pages of a file go wherever they are mapped. */
static bool op_truncate(void)
{
	int fd = rnd(2) ? file_fd : mem_fd;

	return !ftruncate(fd, (off_t)(rnd(MAX_PAGES) * page_sz)) &&
	       !ftruncate(fd, (off_t)(2 * MAX_PAGES * page_sz));
}

static bool op_brk(void)
{
	char *top = sbrk(0);

	if (rnd(2) || brk(top - (1 + rnd(40)) * page_sz)) {
		if (brk(top + (1 + rnd(60)) * page_sz))
			return false;
		memset(top, 1, page_sz);
	}
	return true;
}

static const struct {
	const char *name;
	bool (*fn)(void);
	u32 weight;
} ops[] = {
	{ "map", op_map, 6 },
	{ "read", op_read, 6 },
	{ "write", op_write, 8 },
	{ "dontneed", op_dontneed, 3 },
	{ "free", op_free, 3 },
	{ "pageout", op_pageout, 3 },
	{ "cold", op_cold, 1 },
	{ "collapse", op_collapse, 2 },
	{ "thp_on", op_thp_on, 2 },
	{ "thp_off", op_thp_off, 1 },
	{ "remove", op_remove, 2 },
	{ "populate_read", op_populate_read, 1 },
	{ "populate_write", op_populate_write, 2 },
	{ "munmap", op_munmap, 3 },
	{ "mremap", op_mremap, 3 },
	{ "fork", op_fork, 2 },
	{ "mlock", op_mlock, 2 },
	{ "protect", op_protect, 3 },
	{ "uffd", op_uffd, 3 },
	{ "kernel_write", op_kernel_write, 2 },
	{ "truncate", op_truncate, 1 },
	{ "brk", op_brk, 1 },
};
#define NR_OPS (sizeof(ops) / sizeof(*ops))

static u32 draw(const char *only)
{
	u32 sum = 0, n;

	for (u32 i = 0; i < NR_OPS; i++)
		sum += ops[i].weight;
	n = rnd(sum);
	for (u32 i = 0; i < NR_OPS; i++) {
		if (n < ops[i].weight)
			return !only || i < 3 || !strcmp(ops[i].name, only) ? i : 2;
		n -= ops[i].weight;
	}
	return 0;
}

static void open_files(const char *path)
{
	struct uffdio_api api = { .api = UFFD_API };

	file_fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) :
			 memfd_create("states-file", MFD_CLOEXEC);
	mem_fd = memfd_create("states", MFD_CLOEXEC);
	zero_fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	if (file_fd < 0 || mem_fd < 0 || zero_fd < 0 || pipe(sync_pipe))
		target_die("states: %s", strerror(errno));
	if (ftruncate(file_fd, (off_t)(2 * MAX_PAGES * page_sz)) ||
	    ftruncate(mem_fd, (off_t)(2 * MAX_PAGES * page_sz)))
		target_die("states: ftruncate: %s", strerror(errno));
	uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
	if (uffd < 0)
		uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	if (uffd >= 0 && ioctl(uffd, UFFDIO_API, &api)) {
		close(uffd);
		uffd = -1;
	}
}

int main(int argc, char **argv)
{
	u64 seed = 1, nr_states = 100, nr_ops = 12;
	const char *path = NULL, *only = NULL;
	const struct target_opt opts[] = {
		{ "seed", OPT_U64, &seed },  { "states", OPT_U64, &nr_states },
		{ "ops", OPT_U64, &nr_ops }, { "file", OPT_STR, &path },
		{ "only", OPT_STR, &only },  { NULL, OPT_FLAG, NULL },
	};

	target_init(argc, argv, opts);
	rnd_state = seed * 0x9e3779b97f4a7c15ull + 1;
	open_files(path);
	for (u64 i = 0; i < nr_states; i++) {
		for (u64 n = 0; n < nr_ops; n++) {
			u32 op = draw(only);

			done[op] += ops[op].fn();
		}
		target_checkpoint("seed=%llu", (unsigned long long)seed);
	}
	for (u32 i = 0; i < NR_CHILDREN; i++)
		if (children[i])
			kill(children[i], SIGKILL);
	for (u32 i = 0; i < NR_OPS; i++)
		target_say("OP %s done=%llu", ops[i].name, (unsigned long long)done[i]);
	target_say("DONE states=%llu seed=%llu", (unsigned long long)nr_states,
		   (unsigned long long)seed);
	return 0;
}
