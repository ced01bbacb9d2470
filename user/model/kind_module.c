// SPDX-License-Identifier: GPL-2.0
/*
 * Parts of executable files.
 *
 *   r--p  0          rodata   headers, .dynsym, .eh_frame …
 *   r-xp  0x28000    text
 *   r--p  0x1bd000   rodata
 *   r--p  0x212000   relro    cut off the front of the data segment by mprotect:
 *   rw-p  0x216000   data     goes on at the very offset and address
 *   rw-p  (none)     bss      directly behind
 *
 * Not every r-- before a rw- is relro: Go's rodata goes on into its data in the
 * same way. The data segment is mapped at another distance from the file's start
 * than the text (its bias), or other rodata lies between, or, for the
 * executable, mm->start_data says where it begins.
 */
#include "model/kind_int.h"

static bool same_file(const struct region *a, const struct region *b)
{
	return a->ino && a->ino == b->ino && a->dev == b->dev && b->kind == RK_FILE;
}

static bool private_anon(const struct region *r)
{
	return (r->kind == RK_ANON || r->kind == RK_ANON_NAMED) && !(r->prot & MTR_P_SHARED);
}

/* A run of regions that one load of a file made: its parts, and anonymous memory in and behind it. */
struct run {
	struct region *first, *last; /* parts of the file */
	const struct region *text; /* its last executable part; NULL: not a module */
};

static struct run find_run(struct region *first)
{
	struct run run = { first, first, first->prot & MTR_P_EXEC ? first : NULL };
	struct region *r, *prev = first;

	for (r = aspace_next(first); r; prev = r, r = aspace_next(r)) {
		if (same_file(first, r)) {
			if (!r->pgoff && run.text)
				break; /* loaded once more, right behind */
			run.last = r;
			if (r->prot & MTR_P_EXEC)
				run.text = r;
		} else if (!private_anon(r) || prev->end != r->start) {
			break;
		}
	}
	return run;
}

static uint64_t bias(const struct region *r)
{
	return r->start - r->pgoff;
}

static bool is_relro(const struct proc *p, const struct run *run, const struct region *r,
		     const struct region *next, unsigned int nr_rodata)
{
	if (r->start <= p->start_data && p->start_data < r->end)
		return true;
	if (run->text && r->start < run->text->start)
		return false;
	if (next && same_file(r, next) && next->prot & MTR_P_WRITE && next->start == r->end &&
	    bias(next) == bias(r)) {
		/* The executable's data segment begins where the kernel says. */
		if (p->start_data >= next->start && p->start_data < next->end)
			return false;
		return bias(r) != bias(run->text) || nr_rodata;
	}
	/* All of the data segment is relro: nothing writable is left of the file. */
	return r == run->last && nr_rodata && bias(r) != bias(run->text);
}

/* Largest anonymous neighbour of a library's data that is taken for its bss. */
#define BSS_MAX (512ull << 10)

/*
 * Libraries are loaded below what was mapped before them: anonymous memory right
 * behind one may be its bss or an older mapping that has nothing to do with it.
 * Behind the executable there is nothing else.
 */
static bool is_bss(const struct proc *p, const struct run *run, const struct region *prev,
		   const struct region *r)
{
	bool exe = run->first->start <= p->start_code && p->start_code < run->last->end;

	if (!prev || prev->end != r->start || !private_anon(r) || !(r->prot & MTR_P_WRITE))
		return false;
	return (prev->kind == RK_DATA || prev->kind == RK_RELRO) &&
	       (exe || region_size(r) <= BSS_MAX);
}

static void classify(const struct proc *p, const struct run *run)
{
	unsigned int nr_rodata = 0; /* behind the text */
	struct region *r, *next, *prev = NULL;

	for (r = run->first; r; prev = r, r = next) {
		next = aspace_next(r);
		if (!same_file(run->first, r)) {
			if (is_bss(p, run, prev, r))
				r->kind = RK_BSS;
			if (!prev || prev == run->last)
				break;
			continue;
		}
		if (r->prot & MTR_P_SHARED)
			continue;
		if (r->prot & MTR_P_WRITE) {
			r->kind = RK_DATA;
		} else if (r->prot & MTR_P_EXEC) {
			r->kind = RK_TEXT;
		} else if (r->prot & MTR_P_READ) {
			r->kind = is_relro(p, run, r, next, nr_rodata) ? RK_RELRO : RK_RODATA;
			nr_rodata += r->start > run->text->start;
		}
		if (r == run->last && !(next && next->start == r->end))
			break;
	}
}

void kind_modules(struct proc *p)
{
	struct region *r;

	aspace_for_each(r, &p->aspace) {
		struct run run;

		if (r->kind != RK_FILE || !r->ino || r->prot & MTR_P_SHARED)
			continue;
		run = find_run(r);
		if (run.text)
			classify(p, &run);
		/* Data files stay RK_FILE: not looked at again from within the run. */
		r = run.last;
	}
}
