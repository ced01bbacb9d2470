/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the operations of randops share: the window, the random numbers, a worker's own mappings.
 *
 *	WINDOW (64 GiB, far below anything the kernel places by itself)
 *	+0      hot    8,192 pages on which all threads race with MAP_FIXED
 *	+1 GiB  lanes  64 × 4 MiB, each with room for one MAP_GROWSDOWN region to grow
 *	+2 GiB  seals  64 × 16 pages with a sealed page in their middle (6.10+)
 *	+4 GiB  far    512 single places, 64 MiB apart
 *
 * Mappings placed by the kernel (no address given) lie outside the window and belong to the worker
 * that made them: it keeps them in slots, so that nothing essential is ever unmapped.
 */
#ifndef RANDOPS_H
#define RANDOPS_H

#include "target.h"
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>

#define HOT_PAGES 8192
#define NR_LANES 64
#define LANE_SZ (4UL << 20)
#define NR_SEALS 64
#define NR_FAR 512
#define FAR_STEP (64UL << 20)
#define NR_SLOTS 64
#define NR_KIDS 4
#define NR_FILES 4
#define FILE_PAGES 1024
#define NR_SHM 4
#define BRK_MAX (16UL << 20)
#define MAX_OPS 96

enum slot_kind { SLOT_FREE, SLOT_MAP, SLOT_SHM };

struct slot {
	char *addr;
	size_t len;
	enum slot_kind kind;
};

/* A thread born by a worker, on a stack of its own or of glibc's. */
struct kid {
	pthread_t thread;
	sem_t ready, go;
	char *stack; /* NULL: glibc's */
	size_t stack_sz;
	u64 seed;
	bool alive, settled;
};

struct worker {
	pthread_t thread;
	unsigned int id; /* 0 is the main thread */
	u64 rng;
	u64 hash; /* of the sequence of operations and their arguments */
	unsigned long aio; /* aio_context_t, 0: none */
	struct slot slots[NR_SLOTS];
	struct kid kids[NR_KIDS];
	u64 nr_ok[MAX_OPS], nr_fail[MAX_OPS];
	_Alignas(16) char child_stack[16384];
};

/* An operation: 0 or −errno; @bad asks for arguments that should fail. */
struct op {
	const char *name;
	long (*fn)(struct worker *w, bool bad);
	unsigned int weight;
	unsigned int flags;
};

#define CAN_OK 1u
#define CAN_FAIL 2u
#define MAIN_ONLY 4u
#define OFF 8u /* this kernel has it not, or --without */

enum file_kind { FILE_LINKED, FILE_UNLINKED, FILE_MEMFD, FILE_ODD };

static struct {
	char *hot, *lanes, *seals, *far;
	int files[NR_FILES];
	int rdonly; /* the linked file, opened for reading only */
	int sealed; /* memfd with F_SEAL_WRITE */
	int proc; /* a /proc file: its mmap handler fails late */
	int zero;
	int uffd;
	int pidfd;
	int shm[NR_SHM];
	char *brk_base;
	u64 nr_threads;
	volatile u64 sink;
} g;

static __thread sigjmp_buf trap;
static __thread volatile sig_atomic_t trap_set;

/* splitmix64 */
static u64 rnd64(struct worker *w)
{
	u64 z = (w->rng += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

static u64 rnd(struct worker *w, u64 below)
{
	return rnd64(w) % below;
}

static size_t rnd_pages(struct worker *w, u64 max)
{
	return (1 + rnd(w, max)) * page_sz;
}

static int rnd_prot(struct worker *w)
{
	static const int prots[] = {
		PROT_READ | PROT_WRITE,
		PROT_READ | PROT_WRITE,
		PROT_READ | PROT_WRITE,
		PROT_READ,
		PROT_NONE,
		PROT_WRITE,
		PROT_READ | PROT_EXEC,
		PROT_EXEC,
		PROT_READ | PROT_WRITE | PROT_EXEC,
		PROT_WRITE | PROT_EXEC,
	};

	return prots[rnd(w, sizeof(prots) / sizeof(prots[0]))];
}

static char *hot_at(struct worker *w, size_t len)
{
	return g.hot + rnd(w, HOT_PAGES - len / page_sz + 1) * page_sz;
}

static long errno_of(long ret)
{
	return ret < 0 ? -errno : 0;
}

static bool in_window(const char *addr)
{
	return addr >= g.hot && addr < g.hot + (64UL << 30);
}

static void slot_drop(struct slot *s)
{
	if (s->kind == SLOT_SHM)
		syscall(SYS_shmdt, s->addr);
	else if (s->kind == SLOT_MAP)
		munmap(s->addr, s->len);
	s->kind = SLOT_FREE;
}

/* Keeps a mapping that the kernel placed; an older one goes for it. */
static void slot_keep(struct worker *w, void *addr, size_t len, enum slot_kind kind)
{
	struct slot *s = &w->slots[rnd(w, NR_SLOTS)];

	if (in_window(addr))
		return;
	slot_drop(s);
	*s = (struct slot){ addr, len, kind };
}

/* A slot that holds a plain mapping of at least @pages; makes one when it does not. */
static struct slot *slot_get(struct worker *w, size_t pages)
{
	struct slot *s = &w->slots[rnd(w, NR_SLOTS)];
	void *p;

	if (s->kind == SLOT_MAP && s->len >= pages * page_sz)
		return s;
	slot_drop(s);
	p = mmap(NULL, pages * page_sz, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return NULL;
	*s = (struct slot){ p, pages * page_sz, SLOT_MAP };
	return s;
}

/* Fresh memory at a random hot place, over whatever was there. */
static char *hot_fresh(struct worker *w, size_t pages, int prot, int flags)
{
	char *at = hot_at(w, pages * page_sz);

	if (!(flags & MAP_SHARED))
		flags |= MAP_PRIVATE;
	return mmap(at, pages * page_sz, prot, flags | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

/* @pages of fresh memory with a hole of one page at page @hole. */
static char *hot_holed(struct worker *w, size_t pages, size_t hole)
{
	char *at = hot_fresh(w, pages, PROT_READ | PROT_WRITE, 0);

	if (at != MAP_FAILED)
		munmap(at + hole * page_sz, page_sz);
	return at;
}

/* One byte written, or read, at @addr, surviving SIGSEGV and SIGBUS. */
static long touch(char *addr, bool write)
{
	long ret = 0;

	if (sigsetjmp(trap, 0)) {
		trap_set = 0;
		return -EFAULT;
	}
	trap_set = 1;
	if (write)
		*(volatile char *)addr = 1;
	else
		ret = *(volatile char *)addr & 0;
	trap_set = 0;
	return ret;
}

#endif /* RANDOPS_H */
