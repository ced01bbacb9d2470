// SPDX-License-Identifier: GPL-2.0
/*
 * What each region is, in passes from the surest fact to the weakest; a later
 * pass only touches what an earlier one left as plain file or anonymous memory.
 *
 *   1. itself       name, protection, backing            kind_self.c
 *   2. its module   text, rodata, relro, data, bss       kind_module.c
 *   3. filesystem   tmpfs, hugetlbfs; no path is known   kind_self.c
 *   4. addresses    start_stack, start_brk               here
 *   5. shape        64 MiB-aligned glibc heaps           here
 *   6. threads      whose stack pointer is in it         here
 *   7. neighbours   PROT_NONE directly below a stack     here
 *
 * Regions that BPF told of have no path, perhaps a last component: where an
 * address says it, the name is not asked.
 */
#include "model/kind_int.h"

#include <string.h>

static const char *const names[RK_NR] = {
	[RK_STACK] = "stack",
	[RK_THREAD_STACK] = "thread_stack",
	[RK_GUARD] = "guard",
	[RK_HEAP] = "heap",
	[RK_ARENA] = "arena",
	[RK_ANON] = "anon",
	[RK_ANON_NAMED] = "anon_named",
	[RK_TEXT] = "text",
	[RK_RODATA] = "rodata",
	[RK_DATA] = "data",
	[RK_BSS] = "bss",
	[RK_RELRO] = "relro",
	[RK_FILE] = "file",
	[RK_SHM] = "shm",
	[RK_MEMFD] = "memfd",
	[RK_SYSV] = "sysv",
	[RK_HUGETLB] = "hugetlb",
	[RK_VDSO] = "vdso",
	[RK_VVAR] = "vvar",
	[RK_VSYSCALL] = "vsyscall",
	[RK_DEVICE] = "device",
	[RK_UNKNOWN] = "unknown",
};

const char *region_kind_name(enum region_kind kind)
{
	return (unsigned int)kind < RK_NR ? names[kind] : names[RK_UNKNOWN];
}

enum region_kind region_kind_parse(const char *token)
{
	for (unsigned int i = 0; i < RK_NR; i++)
		if (!strcmp(names[i], token))
			return (enum region_kind)i;
	return RK_NR;
}

bool region_kind_has_pages(enum region_kind kind)
{
	return kind != RK_DEVICE && kind != RK_VVAR && kind != RK_VSYSCALL;
}

bool region_kind_in_rss(enum region_kind kind)
{
	return region_kind_has_pages(kind) && kind != RK_HUGETLB;
}

#define PAGE_UP(a) (((a) + 4095) & ~4095ull)

/* glibc's HEAP_MAX_SIZE on 64 bit (malloc/arena.c): 2 × DEFAULT_MMAP_THRESHOLD_MAX */
#define ARENA_SZ (64ull << 20)
#define RW (MTR_P_READ | MTR_P_WRITE)

/* Go reserves its heap here in chunks of the same size and shape (runtime/malloc.go). */
#define GO_HEAP_START 0xc000000000ull
#define GO_HEAP_END 0xd000000000ull

/* Two threads' stack pointers are in it: a heap that stacks are cut from, not a stack. */
#define TID_SEVERAL UINT32_MAX

static bool plain_anon(const struct region *r)
{
	return r->kind == RK_ANON || r->kind == RK_ANON_NAMED;
}

static bool reserved(const struct region *r)
{
	return plain_anon(r) && !(r->prot & MTR_P_RWX);
}

static bool touches(const struct region *low, const struct region *high)
{
	return low && high && low->end == high->start;
}

static void main_stack(struct proc *p)
{
	struct region *r = p->start_stack ? aspace_find(&p->aspace, p->start_stack) : NULL;

	if (!r || !(plain_anon(r) || r->kind == RK_STACK))
		return;
	r->kind = RK_STACK;
	r->tid = p->pid;
	/* A part whose protection was changed: still the same stack, and still growing down. */
	for (r = aspace_prev(r); r && r->prot & MTR_P_GROWSDOWN && touches(r, aspace_next(r));
	     r = aspace_prev(r)) {
		r->kind = RK_STACK;
		r->tid = p->pid;
	}
}

/*
 * From start_brk up without a hole. The first page of it may belong to bss: then
 * the kernel merges the two into one region, which is heap once brk was moved.
 */
static void brk_heap(struct proc *p)
{
	uint64_t at = PAGE_UP(p->start_brk);
	struct region *r;

	if (!p->start_brk)
		return;
	for (r = aspace_find(&p->aspace, at); r && r->start <= at; r = aspace_next(r)) {
		if (!plain_anon(r) && r->kind != RK_BSS && r->kind != RK_HEAP)
			return;
		if (r->prot & MTR_P_SHARED)
			return;
		r->kind = RK_HEAP;
		at = r->end;
	}
}

static bool may_be_arena(const struct region *r)
{
	return r->start % ARENA_SZ == 0 && r->kind == RK_ANON && (r->prot & MTR_P_RWX) == RW &&
	       !(r->start >= GO_HEAP_START && r->start < GO_HEAP_END);
}

/*
 *   A                      A + 64 MiB
 *   [rw, in use][PROT_NONE, rest)        one heap
 *   [rw ……… full heap ………][rw][rest)     merged with the next one
 */
static bool arena_with_rest(struct region *r)
{
	struct region *rest = aspace_next(r);
	bool exact, guard;

	if (!may_be_arena(r) || !touches(r, rest) || !reserved(rest))
		return false;
	exact = rest->end % ARENA_SZ == 0 && rest->end - r->end < ARENA_SZ;
	/* The guard of a stack above it may have merged with the rest. */
	guard = region_size(r) < ARENA_SZ && rest->end > r->start + ARENA_SZ &&
		rest->end <= r->start + ARENA_SZ + (1u << 20);
	if (exact || guard)
		r->kind = rest->kind = RK_ARENA;
	return exact || guard;
}

/* A full heap has no rest to be known by: believed where there are others. */
static void arenas(struct proc *p)
{
	bool any = false;
	struct region *r;

	aspace_for_each(r, &p->aspace)
		any |= arena_with_rest(r);
	if (!any)
		return;
	aspace_for_each(r, &p->aspace)
		if (may_be_arena(r) && region_size(r) % ARENA_SZ == 0)
			r->kind = RK_ARENA;
}

static struct region *stack_of(struct proc *p, const struct thread *t)
{
	struct region *r = t->sp ? aspace_find(&p->aspace, t->sp) : NULL;

	if (!r && t->stack_end)
		r = aspace_find(&p->aspace, t->stack_end - 1);
	return r;
}

static void thread_stacks(struct proc *p)
{
	struct region *r;

	for (struct thread *t = p->threads; t; t = t->hh.next) {
		r = stack_of(p, t);
		if (r && plain_anon(r) && r->prot & MTR_P_WRITE && !(r->prot & MTR_P_SHARED))
			r->tid = r->tid ? TID_SEVERAL : t->tid;
	}
	aspace_for_each(r, &p->aspace) {
		if (!r->tid || !plain_anon(r))
			continue;
		if (r->tid == TID_SEVERAL)
			r->tid = 0;
		else
			r->kind = RK_THREAD_STACK;
	}
}

static void guards(struct proc *p)
{
	struct region *r, *below;

	aspace_for_each(r, &p->aspace) {
		if (r->kind != RK_STACK && r->kind != RK_THREAD_STACK)
			continue;
		below = aspace_prev(r);
		if (touches(below, r) && reserved(below)) {
			below->kind = RK_GUARD;
			below->tid = r->tid;
		}
	}
}

void kind_classify(struct proc *p, const struct strtab *st)
{
	kind_self(p, st);
	kind_modules(p);
	kind_filesystem(p, st);
	main_stack(p);
	brk_heap(p);
	arenas(p);
	thread_stacks(p);
	guards(p);
}
