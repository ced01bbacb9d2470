// SPDX-License-Identifier: GPL-2.0
/*
 * MEMTRACE_IOC_SNAPSHOT: regions and their counts, in slices.
 *
 *   call    |------------------- budget -------------------|
 *   slice   [lock .. records .. unlock] copy [lock .. unlock] copy
 *
 * Records are gathered in the file's own memory while the target's mmap_lock is held and copied
 * out after it was dropped: the caller's memory may fault, and the caller may be the target.
 * The address space is pinned (mm_users) for a slice only, so an exit waits no longer than that,
 * and what is left of it is freed by somebody else (mmput_async).
 */
#include <linux/hugetlb.h>
#include <linux/kdev_t.h>
#include <linux/ktime.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>
#include <linux/userfaultfd_k.h>
#include "compat.h"
#include "memtrace.h"

/* Where a call stands. */
struct pos {
	struct memtrace_file *file;
	const struct memtrace_snapshot *req;
	unsigned long cursor;
	unsigned long until; /* a region was begun: all up to here is counted, marked or not */
	unsigned long limit;
	bool done;
};

static const struct {
	unsigned long vm;
	u32 flag;
} vm_flags[] = {
	{ VM_READ, MEMTRACE_R_READ },
	{ VM_WRITE, MEMTRACE_R_WRITE },
	{ VM_EXEC, MEMTRACE_R_EXEC },
	{ VM_MAYSHARE, MEMTRACE_R_SHARED },
	{ VM_GROWSDOWN, MEMTRACE_R_GROWSDOWN },
	{ VM_LOCKED, MEMTRACE_R_LOCKED },
	{ VM_HUGETLB, MEMTRACE_R_HUGETLB },
	{ VM_PFNMAP, MEMTRACE_R_PFNMAP },
	{ VM_IO, MEMTRACE_R_IO },
	{ VM_NOHUGEPAGE, MEMTRACE_R_NOHUGE },
	{ VM_HUGEPAGE, MEMTRACE_R_HUGE },
	{ VM_WIPEONFORK, MEMTRACE_R_WIPEONFORK },
	{ VM_DONTCOPY, MEMTRACE_R_DONTFORK },
	{ VM_DONTDUMP, MEMTRACE_R_DONTDUMP },
	{ VM_ACCOUNT, MEMTRACE_R_ACCOUNT },
};

static void describe(const struct pos *p, struct vm_area_struct *vma, struct memtrace_region *r)
{
	const struct mm_struct *mm = vma->vm_mm;
	unsigned int i;

	memset(r, 0, sizeof(*r));
	r->start = vma->vm_start;
	r->end = vma->vm_end;
	for (i = 0; i < ARRAY_SIZE(vm_flags); i++)
		if (vma->vm_flags & vm_flags[i].vm)
			r->vm_flags |= vm_flags[i].flag;
	if (vma_is_anonymous(vma))
		r->vm_flags |= MEMTRACE_R_ANON;
	if (userfaultfd_armed(vma))
		r->vm_flags |= MEMTRACE_R_UFFD;
	if (vma->vm_start < mm->brk && vma->vm_end > mm->start_brk)
		r->vm_flags |= MEMTRACE_R_HEAP;
	if (vma->vm_start <= mm->start_stack && vma->vm_end >= mm->start_stack)
		r->vm_flags |= MEMTRACE_R_STACK;
	if (vma->vm_file) {
		const struct inode *inode = memtrace_inode(vma->vm_file);

		r->ino = inode->i_ino;
		r->dev_major = MAJOR(inode->i_sb->s_dev);
		r->dev_minor = MINOR(inode->i_sb->s_dev);
		r->pgoff = (u64)vma->vm_pgoff << PAGE_SHIFT;
	}
}

/* The rest of a region that was begun; NULL, and past it, when it is gone. */
static struct vm_area_struct *rest_of_region(struct pos *p, struct mm_struct *mm)
{
	struct vm_area_struct *vma = find_vma(mm, p->cursor);

	if (vma && vma->vm_start < min(p->until, p->limit))
		return vma;
	p->cursor = p->until;
	return NULL;
}

/* The region of the first mark; NULL when it has none any more, and past it. */
static struct vm_area_struct *marked_vma(struct pos *p, struct mm_struct *mm)
{
	struct vm_area_struct *vma;
	struct memtrace_range m;
	unsigned long look;

	if (!memtrace_watch_next(p->file, p->cursor, &m) || m.start >= p->limit) {
		p->cursor = p->limit;
		return NULL;
	}
	look = max(p->cursor, m.start);
	vma = find_vma(mm, look);
	if (vma && vma->vm_start < min(m.end, p->limit))
		return vma;
	if (!(p->req->flags & (MEMTRACE_SNAP_KEEP | MEMTRACE_SNAP_MAPS)))
		memtrace_watch_unmark(p->file, look, min(m.end, p->limit));
	p->cursor = m.end;
	return NULL;
}

/* Of which VMA is the next record? NULL: there is none, and the call is done. */
static struct vm_area_struct *next_vma(struct pos *p, struct mm_struct *mm)
{
	struct vm_area_struct *vma = NULL;

	if (!(p->req->flags & MEMTRACE_SNAP_MARKED)) {
		vma = p->cursor < p->limit ? find_vma(mm, p->cursor) : NULL;
		return vma && vma->vm_start < p->limit ? vma : NULL;
	}
	while (!vma && p->cursor < p->limit)
		vma = p->cursor < p->until ? rest_of_region(p, mm) : marked_vma(p, mm);
	return vma;
}

/* One record of the VMA, from the cursor on. */
static void fill(struct pos *p, struct vm_area_struct *vma, u64 deadline_ns,
		 struct memtrace_region *r)
{
	bool take = !(p->req->flags & MEMTRACE_SNAP_KEEP);
	unsigned long from = max(p->cursor, vma->vm_start), goal = min(p->limit, vma->vm_end);
	unsigned long to = goal;
	struct memtrace_counts c = {};
	bool marked;

	describe(p, vma, r);
	if (p->req->flags & MEMTRACE_SNAP_MAPS)
		take = false;
	marked = memtrace_watch_begin(p->file, from, goal, take);
	if ((p->req->flags & MEMTRACE_SNAP_MAPS) || is_vm_hugetlb_page(vma))
		r->count_flags |= MEMTRACE_C_UNCOUNTED;
	else
		to = memtrace_count(vma, from, goal, deadline_ns, &c, &p->file->nr_retries);
	if (memtrace_watch_finish(p->file, &r->seq))
		r->count_flags |= MEMTRACE_C_STABLE;
	/* The caller may never come for the rest. */
	if (take && marked && to < goal)
		memtrace_watch_mark(p->file, to, goal);
	if (marked)
		r->count_flags |= MEMTRACE_C_MARKED;
	if (from != r->start || to != r->end)
		r->count_flags |= MEMTRACE_C_PART;
	r->from = from;
	r->to = to;
	r->nr_present = c.present;
	r->nr_anon = c.anon;
	r->nr_huge = c.huge;
	r->nr_swap = c.swap;
	r->nr_zero = c.zero;
	p->cursor = to;
	p->until = goal;
}

/* Fills the file's records once, with the mmap_lock held. Returns how many, or an error. */
static int slice(struct pos *p, unsigned int room)
{
	struct memtrace_file *file = p->file;
	struct mm_struct *mm = file->watch->mn.mm;
	struct vm_area_struct *vma;
	unsigned int n = 0;
	u64 begun, held;
	int err;

	if (!mmget_not_zero(mm))
		return -ESRCH;
	err = mmap_read_lock_killable(mm);
	if (err)
		goto out_put;
	begun = ktime_get_ns();
	while (n < room) {
		vma = next_vma(p, mm);
		if (!vma) {
			p->done = true;
			break;
		}
		fill(p, vma, begun + MEMTRACE_HOLD_NS, &file->records[n++]);
		if (ktime_get_ns() - begun >= MEMTRACE_HOLD_NS || mmap_lock_is_contended(mm))
			break;
	}
	mmap_read_unlock(mm);
	held = ktime_get_ns() - begun;
	file->nr_slices++;
	file->hold_ns += held;
	file->hold_max_ns = max(file->hold_max_ns, held);
	err = n;
out_put:
	mmput_async(mm);
	return err;
}

static int copy_records(const struct memtrace_snapshot *req, u32 at,
			const struct memtrace_region *r, u32 n)
{
	char __user *to = (char __user *)u64_to_user_ptr(req->buf) + (size_t)at * req->record_size;
	const u32 tail = req->record_size - sizeof(*r);

	if (!tail)
		return copy_to_user(to, r, n * sizeof(*r)) ? -EFAULT : 0;
	for (; n; n--, r++, to += req->record_size)
		if (copy_to_user(to, r, sizeof(*r)) || clear_user(to + sizeof(*r), tail))
			return -EFAULT;
	return 0;
}

/* What could not be handed out is as if it had not been taken. */
static void put_marks_back(struct pos *p, u32 n)
{
	u32 i;

	for (i = 0; i < n; i++)
		if ((p->file->records[i].count_flags & MEMTRACE_C_MARKED) &&
		    !(p->req->flags & (MEMTRACE_SNAP_KEEP | MEMTRACE_SNAP_MAPS)))
			memtrace_watch_mark(p->file, p->file->records[i].from,
					    p->file->records[i].to);
}

static int check(const struct memtrace_snapshot *req)
{
	const u32 known = MEMTRACE_SNAP_MARKED | MEMTRACE_SNAP_KEEP | MEMTRACE_SNAP_MAPS;

	if (req->flags & ~known || !req->nr_buf ||
	    req->record_size < sizeof(struct memtrace_region))
		return -EINVAL;
	if (req->record_size > PAGE_SIZE)
		return -E2BIG;
	if (!PAGE_ALIGNED(req->cursor) || !PAGE_ALIGNED(req->until) || !PAGE_ALIGNED(req->limit))
		return -EINVAL;
	return 0;
}

/**
 * memtrace_snapshot() - one call of MEMTRACE_IOC_SNAPSHOT
 * @file: an attached file, its lock held
 * @req: as the caller gave it; cursor, until and the outputs are written when the call succeeds
 *
 * Return: 0 or a negative errno (memtrace_uapi.h).
 */
int memtrace_snapshot(struct memtrace_file *file, struct memtrace_snapshot *req)
{
	struct pos p = {
		.file = file,
		.req = req,
		.cursor = req->cursor,
		.until = req->until,
		.limit = req->limit ? req->limit : PAGE_MASK,
	};
	u64 budget = req->budget_ns ? req->budget_ns : MEMTRACE_BUDGET_DEFAULT_NS;
	u64 deadline;
	u32 nr = 0;
	int n, err = check(req);

	if (err)
		return err;
	deadline = ktime_get_ns() + min_t(u64, budget, MEMTRACE_BUDGET_MAX_NS);
	do {
		struct pos before = p;

		n = slice(&p, min_t(u32, req->nr_buf - nr, MEMTRACE_NR_RECORDS));
		err = n < 0 ? n : copy_records(req, nr, file->records, n);
		if (err == -EFAULT && n > 0)
			put_marks_back(&p, n);
		if (err) {
			p = before;
			break;
		}
		nr += n;
		if (!p.done && signal_pending(current)) {
			err = -EINTR;
			break;
		}
		cond_resched();
	} while (!p.done && nr < req->nr_buf && ktime_get_ns() < deadline);
	if (err && !nr)
		return err;
	file->nr_regions += nr;
	req->cursor = p.cursor;
	req->until = p.until;
	req->nr_out = nr;
	req->out_flags = p.done ? 0 : MEMTRACE_SNAP_MORE;
	spin_lock(&file->watch->lock);
	req->seq = file->watch->seq;
	spin_unlock(&file->watch->lock);
	return 0;
}
