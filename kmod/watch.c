// SPDX-License-Identifier: GPL-2.0
/*
 * Watching address spaces: the notifier, what it marks, and its tracepoints.
 *
 * Page tables change between a start and an end. A range that is marked at the start only can be
 * taken and counted before its entries go, and the count would stay wrong:
 *
 *     start    entries go    end          a count that begins at A takes the mark of the start
 *   ----|----------~~~---------|-------   and sees what is about to go; the mark of the end
 *           A         B                   makes it come again. One at B is repeated needlessly.
 *
 * So both mark, and a count is called stable only when none of its range was being invalidated
 * when it began and nothing began or ended in it meanwhile.
 *
 * The callbacks only take a spinlock and neither allocate nor sleep: they are right in every
 * context, also when the range is not blockable.
 */
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>
#include "compat.h"
#include "memtrace.h"
#include "memtrace_trace.h"

static struct kmem_cache *watch_cache;
static atomic64_t last_id = ATOMIC64_INIT(0);
static atomic_t nr_watches = ATOMIC_INIT(0);

/* ---- invalidations, under watch->lock */

static void running_add(struct memtrace_watch *w, unsigned long start, unsigned long end)
{
	struct memtrace_running *r;

	if (w->nr_running == MEMTRACE_NR_RUNNING) {
		w->nr_running_more++;
		return;
	}
	r = &w->running[w->nr_running++];
	r->task = current;
	r->range.start = start;
	r->range.end = end;
}

/* The latest of this task: they nest (a huge page split while a range is dropped). */
static void running_del(struct memtrace_watch *w)
{
	unsigned int i = w->nr_running;

	while (i-- > 0) {
		if (w->running[i].task != current)
			continue;
		w->nr_running--;
		memmove(&w->running[i], &w->running[i + 1],
			(w->nr_running - i) * sizeof(w->running[0]));
		return;
	}
	if (w->nr_running_more)
		w->nr_running_more--;
}

static bool running_in(const struct memtrace_watch *w, unsigned long from, unsigned long to)
{
	unsigned int i;

	if (w->nr_running_more)
		return true;
	for (i = 0; i < w->nr_running; i++)
		if (w->running[i].range.start < to && w->running[i].range.end > from)
			return true;
	return false;
}

static void mark(struct memtrace_file *file, unsigned long start, unsigned long end)
{
	struct memtrace_probe *p = &file->probe;

	memtrace_marks_add(&file->marks, start, end);
	if (p->on && p->range.start < end && p->range.end > start)
		p->hit = true;
}

static bool marks_at(u32 flags)
{
#ifdef MEMTRACE_VARIANT_startonly /* a bug for the tests to find: never in a module that is used */
	return !(flags & MEMTRACE_TP_END);
#else
	return true; /* start and end: see above */
#endif
}

static void invalidate(struct memtrace_watch *w, const struct mmu_notifier_range *range, u32 flags)
{
	struct memtrace_file *file;
	u64 seq;

	if (!mmu_notifier_range_blockable(range))
		flags |= MEMTRACE_TP_NONBLOCK;
	spin_lock(&w->lock);
	seq = ++w->seq;
	if (flags & MEMTRACE_TP_END) {
		w->nr_end++;
		running_del(w);
	} else {
		w->nr_start++;
		if (flags & MEMTRACE_TP_NONBLOCK)
			w->nr_nonblock++;
		running_add(w, range->start, range->end);
	}
	if (marks_at(flags))
		list_for_each_entry(file, &w->files, link)
			mark(file, range->start, range->end);
	spin_unlock(&w->lock);

	if (trace_mm_invalidate_enabled()) {
		u32 event = memtrace_event_of(range);

		preempt_disable(); /* see watch_release() */
		trace_mm_invalidate(w->mn.mm, w->id, READ_ONCE(w->tgid), range->start, range->end,
				    event, memtrace_why_of(event), flags, seq);
		preempt_enable();
	}
}

static int watch_start(struct mmu_notifier *mn, const struct mmu_notifier_range *range)
{
	invalidate(container_of(mn, struct memtrace_watch, mn), range, 0);
	return 0;
}

static void watch_end(struct mmu_notifier *mn, const struct mmu_notifier_range *range)
{
	invalidate(container_of(mn, struct memtrace_watch, mn), range, MEMTRACE_TP_END);
}

/* exit_mmap() begins. From here on nothing is notified, and there is nothing to see. */
static void watch_release(struct mmu_notifier *mn, struct mm_struct *mm)
{
	struct memtrace_watch *w = container_of(mn, struct memtrace_watch, mn);
	u64 seq;

	spin_lock(&w->lock);
	w->released = true;
	seq = ++w->seq;
	spin_unlock(&w->lock);
	/*
	 * A tracepoint of 7.x does not keep preemption off, and a BPF program
	 * at it is skipped while another task is preempted in the middle of it.
	 */
	preempt_disable();
	trace_mm_release(mm, w->id, READ_ONCE(w->tgid), seq);
	preempt_enable();
}

/* ---- its life */

static pid_t owner_tgid(struct mm_struct *mm)
{
	pid_t tgid = 0;
#ifdef CONFIG_MEMCG
	struct task_struct *owner;

	rcu_read_lock();
	owner = rcu_dereference(mm->owner);
	if (owner)
		tgid = owner->tgid;
	rcu_read_unlock();
#endif
	return tgid;
}

static struct mmu_notifier *watch_alloc(struct mm_struct *mm)
{
	struct memtrace_watch *w = kmem_cache_zalloc(watch_cache, GFP_KERNEL_ACCOUNT);

	if (!w)
		return ERR_PTR(-ENOMEM);
	spin_lock_init(&w->lock);
	INIT_LIST_HEAD(&w->files);
	w->id = atomic64_inc_return(&last_id);
	w->tgid = owner_tgid(mm);
	atomic_inc(&nr_watches);
	return &w->mn;
}

static void watch_free(struct mmu_notifier *mn)
{
	kmem_cache_free(watch_cache, container_of(mn, struct memtrace_watch, mn));
	if (atomic_dec_and_test(&nr_watches))
		wake_up_var(&nr_watches);
}

static const struct mmu_notifier_ops watch_ops = {
	.release = watch_release,
	.invalidate_range_start = watch_start,
	.invalidate_range_end = watch_end,
	.alloc_notifier = watch_alloc,
	.free_notifier = watch_free,
};

/**
 * memtrace_watch_attach() - has a file told of what happens to an address space
 * @file: the file; not attached yet, its marks are initialised; its lock is held
 * @mm: the address space; the caller holds a user reference to it
 * @tgid: of the process, in the first pid namespace
 *
 * Return: 0, -EINTR when killed while it waited for the mmap_lock, -ENOMEM.
 */
int memtrace_watch_attach(struct memtrace_file *file, struct mm_struct *mm, pid_t tgid)
{
	struct memtrace_watch *w;
	struct mmu_notifier *mn;
	int err = mmap_write_lock_killable(mm);

	if (err)
		return err;
	mn = mmu_notifier_get_locked(&watch_ops, mm);
	mmap_write_unlock(mm);
	if (IS_ERR(mn))
		return PTR_ERR(mn);
	w = container_of(mn, struct memtrace_watch, mn);
	WRITE_ONCE(w->tgid, tgid);
	spin_lock(&w->lock);
	list_add_tail(&file->link, &w->files);
	spin_unlock(&w->lock);
	file->watch = w;
	return 0;
}

/**
 * memtrace_watch_detach() - the opposite; returns at once
 * @file: the file, about to be freed; attached or not
 */
void memtrace_watch_detach(struct memtrace_file *file)
{
	struct memtrace_watch *w = file->watch;

	if (!w)
		return;
	spin_lock(&w->lock);
	list_del(&file->link);
	spin_unlock(&w->lock);
	mmu_notifier_put(&w->mn);
}

/* ---- marks of a file */

/**
 * memtrace_watch_begin() - a count of [from, to) begins
 * @file: an attached file
 * @from: begin of the range
 * @to: first address behind it
 * @take: unmark it
 *
 * Return: whether some of it was marked.
 */
bool memtrace_watch_begin(struct memtrace_file *file, unsigned long from, unsigned long to,
			  bool take)
{
	struct memtrace_watch *w = file->watch;
	bool marked;

	spin_lock(&w->lock);
	marked = memtrace_marks_any(&file->marks, from, to);
	if (take)
		memtrace_marks_del(&file->marks, from, to);
	file->probe.range.start = from;
	file->probe.range.end = to;
	file->probe.hit = running_in(w, from, to);
	file->probe.on = true;
	spin_unlock(&w->lock);
	return marked;
}

/**
 * memtrace_watch_finish() - the count that began is done
 * @file: an attached file
 * @ret_seq: number of the last event
 *
 * Return: whether nothing happened in the range meanwhile.
 */
bool memtrace_watch_finish(struct memtrace_file *file, u64 *ret_seq)
{
	struct memtrace_watch *w = file->watch;
	bool stable;

	spin_lock(&w->lock);
	stable = !file->probe.hit && !w->released;
	file->probe.on = false;
	*ret_seq = w->seq;
	spin_unlock(&w->lock);
	return stable;
}

/**
 * memtrace_watch_mark() - puts a mark back
 * @file: an attached file
 * @from: begin of the range
 * @to: first address behind it
 */
void memtrace_watch_mark(struct memtrace_file *file, unsigned long from, unsigned long to)
{
	spin_lock(&file->watch->lock);
	memtrace_marks_add(&file->marks, from, to);
	spin_unlock(&file->watch->lock);
}

/**
 * memtrace_watch_unmark() - takes a mark of no region away
 * @file: an attached file
 * @from: begin of the range
 * @to: first address behind it
 */
void memtrace_watch_unmark(struct memtrace_file *file, unsigned long from, unsigned long to)
{
	spin_lock(&file->watch->lock);
	memtrace_marks_del(&file->marks, from, to);
	spin_unlock(&file->watch->lock);
}

/**
 * memtrace_watch_next() - the first mark at or behind an address
 * @file: an attached file
 * @addr: the address
 * @ret_range: that mark; may begin before @addr
 *
 * Return: whether there is one.
 */
bool memtrace_watch_next(struct memtrace_file *file, unsigned long addr,
			 struct memtrace_range *ret_range)
{
	unsigned int i;
	bool found;

	spin_lock(&file->watch->lock);
	i = memtrace_marks_find(&file->marks, addr);
	found = i < file->marks.nr;
	if (found)
		*ret_range = file->marks.r[i];
	spin_unlock(&file->watch->lock);
	return found;
}

/**
 * memtrace_watch_init() - once, when the module is loaded
 *
 * Return: 0 or -ENOMEM.
 */
int memtrace_watch_init(void)
{
	watch_cache =
		kmem_cache_create("memtrace_watch", sizeof(struct memtrace_watch), 0, 0, NULL);
	return watch_cache ? 0 : -ENOMEM;
}

/**
 * memtrace_watch_exit() - once, when no file is open any more: waits for the last frees
 *
 * mmu_notifier_synchronize() waits for the grace period, not for the callbacks that it lets run:
 * on another CPU they may come later (seen on 5.10). They are counted, and the last one is left
 * again when a further grace period is over, for they run with bottom halves disabled.
 */
void memtrace_watch_exit(void)
{
	mmu_notifier_synchronize();
	wait_var_event(&nr_watches, !atomic_read(&nr_watches));
	synchronize_rcu();
	kmem_cache_destroy(watch_cache);
}
