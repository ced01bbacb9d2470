/* SPDX-License-Identifier: GPL-2.0 */
/* What the module's files share. */
#ifndef MEMTRACE_H
#define MEMTRACE_H

#include <linux/list.h>
#include <linux/mm_types.h>
#include <linux/mmu_notifier.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include "marks.h"
#include "memtrace_uapi.h"

#define MEMTRACE_VERSION "0.1.0"

#define MEMTRACE_NR_MARKS 1024 /* 16 KiB an attachment */
#define MEMTRACE_NR_RUNNING 16
#define MEMTRACE_NR_RECORDS 64 /* at most in one slice */
#define MEMTRACE_HOLD_NS 100000ull /* a slice: the mmap_lock is held for about this long */

/* An invalidation that has begun and not ended. */
struct memtrace_running {
	const struct task_struct *task; /* who does it: an identity, never followed */
	struct memtrace_range range;
};

/*
 * One watched address space: one notifier, shared by all files attached to it. It lives until the
 * last of them puts it and no callback can run any more (free_notifier).
 */
struct memtrace_watch {
	struct mmu_notifier mn; /* mn.mm is held (mmgrab) as long as this lives */
	u64 id;
	pid_t tgid; /* in the first pid namespace */

	spinlock_t lock; /* the rest; a leaf, never held over anything that sleeps */
	struct list_head files; /* struct memtrace_file.link */
	bool released; /* exit_mmap() has begun */
	u64 seq;
	u64 nr_start;
	u64 nr_end;
	u64 nr_nonblock;
	unsigned int nr_running; /* slots in use, in order of begin */
	unsigned int nr_running_more; /* begun when no slot was free: nothing is stable then */
	struct memtrace_running running[MEMTRACE_NR_RUNNING];
};

/* The range that is being counted, to see whether something happened in it. */
struct memtrace_probe {
	struct memtrace_range range;
	bool on;
	bool hit;
};

/* An open file. */
struct memtrace_file {
	struct mutex lock; /* one ioctl at a time */
	struct memtrace_watch *watch; /* NULL before ATTACH; set once */
	struct memtrace_region *records; /* MEMTRACE_NR_RECORDS */
	u64 nr_slices;
	u64 nr_regions;
	u64 nr_retries;
	u64 hold_ns;
	u64 hold_max_ns;

	struct list_head link; /* these under watch->lock */
	struct memtrace_marks marks;
	struct memtrace_probe probe;
};

/* Pages of one range: see struct memtrace_region. */
struct memtrace_counts {
	u64 present;
	u64 anon;
	u64 huge;
	u64 swap;
	u64 zero;
};

/* why.c */
u32 memtrace_event_of(const struct mmu_notifier_range *range);
u32 memtrace_why_of(u32 event);

/* watch.c */
int memtrace_watch_init(void);
void memtrace_watch_exit(void);
int memtrace_watch_attach(struct memtrace_file *file, struct mm_struct *mm, pid_t tgid);
void memtrace_watch_detach(struct memtrace_file *file);
bool memtrace_watch_begin(struct memtrace_file *file, unsigned long from, unsigned long to,
			  bool take);
bool memtrace_watch_finish(struct memtrace_file *file, u64 *ret_seq);
void memtrace_watch_mark(struct memtrace_file *file, unsigned long from, unsigned long to);
void memtrace_watch_unmark(struct memtrace_file *file, unsigned long from, unsigned long to);
bool memtrace_watch_next(struct memtrace_file *file, unsigned long addr,
			 struct memtrace_range *ret_range);

/* count.c */
unsigned long memtrace_count(struct vm_area_struct *vma, unsigned long from, unsigned long to,
			     u64 deadline_ns, struct memtrace_counts *c, u64 *nr_retries);

/* snapshot.c */
int memtrace_snapshot(struct memtrace_file *file, struct memtrace_snapshot *req);

#endif
