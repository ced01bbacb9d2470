// SPDX-License-Identifier: GPL-2.0
/*
 * Counting what is present in a range of a VMA, from the page tables.
 *
 * The caller holds the mmap_lock for reading. That keeps the tables down to the PMDs: they go only
 * under the write lock, or with a VMA that is not in the tree any more. It does not keep a table of
 * PTEs: since 6.5 collapsing a file's huge page, since 6.14 MADV_DONTNEED, free one, after a grace
 * period of RCU and after its PMD was cleared under the table's own lock. So:
 *
 *     rcu_read_lock()      the table that the PMD names cannot be freed now
 *     read the PMD         once
 *     lock the table       the lock lies in or belongs to the table, so RCU keeps it, too
 *     read the PMD again   the same: the table is still in place and stays until the unlock
 *
 * This is what the kernel's own pte_offset_map_lock() does since 6.5; it is not exported. On older
 * kernels the second look is never different. Works for all of them, so there is one version only.
 */
#include <linux/hugetlb.h>
#include <linux/ktime.h>
#include <linux/rcupdate.h>
#include "compat.h"
#include "memtrace.h"

#ifdef CONFIG_HIGHPTE
#error "page tables in high memory cannot be read so"
#endif

struct walk {
	struct vm_area_struct *vma;
	struct memtrace_counts *c;
	u64 nr_retries;
	bool all_anon; /* every page of it is anonymous, but the zero page */
	bool may_anon; /* some may be */
};

static void count_pte(struct walk *w, pte_t pte)
{
	unsigned long pfn;

	if (!pte_present(pte)) {
		w->c->swap++;
		return;
	}
	pfn = pte_pfn(pte);
	if (is_zero_pfn(pfn)) {
		w->c->zero++;
		return;
	}
	w->c->present++;
	if (w->all_anon)
		w->c->anon++;
	else if (w->may_anon && !pte_special(pte) && pfn_valid(pfn) && PageAnon(pfn_to_page(pfn)))
		w->c->anon++;
}

/* [addr, end) lies in one table. False: it is not there any more, look again. */
static bool count_table(struct walk *w, pmd_t *pmd, pmd_t pmdval, unsigned long addr,
			unsigned long end)
{
	spinlock_t *ptl;
	pte_t *pte;
	bool same;

	rcu_read_lock();
	/* Of the value that was read: the entry may have changed, and then names no table. */
	if (!pmd_same(pmdval, memtrace_pmd(pmd))) {
		rcu_read_unlock();
		return false;
	}
	ptl = pte_lockptr(w->vma->vm_mm, &pmdval);
	pte = pte_offset_kernel(&pmdval, addr);
	spin_lock(ptl);
	same = pmd_same(pmdval, memtrace_pmd(pmd));
	for (; same && addr < end; addr += PAGE_SIZE, pte++) {
		pte_t val = ptep_get(pte);

		if (!pte_none(val))
			count_pte(w, val);
	}
	spin_unlock(ptl);
	rcu_read_unlock();
	return same;
}

/* A PMD that maps memory itself, or has the swap entry of a huge page. Under its lock. */
static void count_huge(struct walk *w, pmd_t pmd, unsigned long addr, unsigned long end)
{
	unsigned long nr = (end - addr) >> PAGE_SHIFT;
	bool anon = false;

	if (!pmd_present(pmd)) {
		w->c->swap += nr;
		return;
	}
	if (w->may_anon && pfn_valid(pmd_pfn(pmd)))
		anon = PageAnon(pmd_page(pmd));
	/* huge_zero_pfn is not exported, but nothing else is huge and not anonymous there. */
	if (w->all_anon && !anon) {
		w->c->zero += nr;
		return;
	}
	w->c->present += nr;
	w->c->huge += nr;
	if (anon)
		w->c->anon += nr;
}

static bool count_pmd(struct walk *w, pmd_t *pmd, unsigned long addr, unsigned long end)
{
	pmd_t val = memtrace_pmd(pmd);
	spinlock_t *ptl;
	bool same;

	if (pmd_none(val))
		return true;
	if (pmd_present(val) && !pmd_leaf(val))
		return pmd_bad(val) || count_table(w, pmd, val, addr, end);
	ptl = pmd_lock(w->vma->vm_mm, pmd);
	same = pmd_same(val, memtrace_pmd(pmd));
	if (same)
		count_huge(w, val, addr, end);
	spin_unlock(ptl);
	return same;
}

/* A PUD that maps memory itself (DAX): all of it is present. */
static void count_giant(struct walk *w, pud_t pud, unsigned long addr, unsigned long end)
{
	if (pud_present(pud)) {
		w->c->present += (end - addr) >> PAGE_SHIFT;
		w->c->huge += (end - addr) >> PAGE_SHIFT;
	}
}

/*
 * Counts up to the end of one PMD's range, or steps over a hole. Returns how far it came. Each
 * level's end lies within that of the level above: of a level that is folded into it, the
 * kernel's own name for its end is just the end that it is given.
 */
static unsigned long count_step(struct walk *w, unsigned long addr, unsigned long to)
{
	unsigned long end = pgd_addr_end(addr, to);
	pgd_t *pgd = pgd_offset(w->vma->vm_mm, addr);
	p4d_t *p4d;
	pud_t *pud, pudval;
	pmd_t *pmd;

	if (pgd_none(memtrace_pgd(pgd)) || pgd_bad(memtrace_pgd(pgd)))
		return end;
	p4d = p4d_offset(pgd, addr);
	end = p4d_addr_end(addr, end);
	if (p4d_none(memtrace_p4d(p4d)) || p4d_bad(memtrace_p4d(p4d)))
		return end;
	pud = pud_offset(p4d, addr);
	pudval = memtrace_pud(pud);
	end = pud_addr_end(addr, end);
	if (pud_none(pudval))
		return end;
	if (pud_leaf(pudval)) {
		count_giant(w, pudval, addr, end);
		return end;
	}
	if (pud_bad(pudval))
		return end;
	pmd = pmd_offset(pud, addr);
	end = pmd_addr_end(addr, end);
	while (!count_pmd(w, pmd, addr, end)) {
		w->nr_retries++;
		cpu_relax();
	}
	return end;
}

/**
 * memtrace_count() - counts the pages of a range of a VMA
 * @vma: the VMA, with its mmap_lock held for reading; not of huge TLB pages
 * @from: begin, on a page; in the VMA
 * @to: first address behind, on a page; at most the VMA's end
 * @deadline_ns: of ktime_get_ns(); at least one step is made
 * @c: added to
 * @nr_retries: added to: tables that went away before they were locked
 *
 * Return: how far it came: @to, or less when the deadline passed.
 */
unsigned long memtrace_count(struct vm_area_struct *vma, unsigned long from, unsigned long to,
			     u64 deadline_ns, struct memtrace_counts *c, u64 *nr_retries)
{
	struct walk w = {
		.vma = vma,
		.c = c,
		.all_anon = vma_is_anonymous(vma),
		.may_anon = !(vma->vm_flags & VM_SHARED),
	};

	/* As in pagemap, whose walk passes them by. */
	if (vma->vm_flags & VM_PFNMAP)
		return to;
	do {
		from = count_step(&w, from, to);
	} while (from < to && ktime_get_ns() < deadline_ns);
	*nr_retries += w.nr_retries;
	return from;
}
