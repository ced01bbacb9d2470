/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Every difference between kernels from 5.10 on that the module has to know. What is exported
 * decides: walk_page_range(), __pte_offset_map() and huge_zero_pfn are not, on none of them, so
 * count.c brings a walk of its own from inlines that are there everywhere.
 */
#ifndef MEMTRACE_COMPAT_H
#define MEMTRACE_COMPAT_H

#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/pgtable.h>
#include <linux/sched.h>
#include <linux/user_namespace.h>
#include <linux/version.h>

#ifndef CONFIG_64BIT
#error "memtrace.ko is for 64-bit kernels: page tables may be in high memory on others"
#endif
#ifndef CONFIG_MMU_NOTIFIER
#error "memtrace.ko needs a kernel with CONFIG_MMU_NOTIFIER (KVM selects it)"
#endif

/* 5.10 has no MMU_NOTIFY_EXCLUSIVE (5.15). */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 15, 0)
#define MEMTRACE_NOTIFY_EXCLUSIVE MMU_NOTIFY_EXCLUSIVE
#else
#define MEMTRACE_NOTIFY_EXCLUSIVE 0x100 /* no such event */
#endif

/* The inode that the user sees: since 6.8 a mapping on overlayfs is of the file behind. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
#define memtrace_inode(file) file_user_inode(file)
#else
#define memtrace_inode(file) file_inode(file)
#endif

/*
 * The user namespace that owns an address space: where capabilities over it are looked for. It was
 * the mm's own until 7.2, when it moved to the task, where an exec replaces both. There the lock
 * that the kernel has for this (exec_update_lock) makes them belong together.
 */
#ifdef MEMTRACE_HAS_EXEC_STATE /* Kbuild looked for the header */
#include <linux/sched/exec_state.h>
#include <linux/sched/signal.h>

static inline int memtrace_exec_lock(struct task_struct *task)
{
	return down_read_killable(&task->signal->exec_update_lock);
}

static inline void memtrace_exec_unlock(struct task_struct *task)
{
	up_read(&task->signal->exec_update_lock);
}

static inline struct user_namespace *memtrace_get_user_ns(struct task_struct *task,
							  struct mm_struct *mm)
{
	struct task_exec_state *es;
	struct user_namespace *ns = NULL;

	rcu_read_lock();
	es = rcu_dereference(task->exec_state);
	if (es)
		ns = get_user_ns(es->user_ns);
	rcu_read_unlock();
	return ns;
}
#else
static inline int memtrace_exec_lock(struct task_struct *task)
{
	return 0;
}

static inline void memtrace_exec_unlock(struct task_struct *task)
{
}

static inline struct user_namespace *memtrace_get_user_ns(struct task_struct *task,
							  struct mm_struct *mm)
{
	return get_user_ns(mm->user_ns);
}
#endif

/* Values of later headers than 5.10's: the numbers are the ABI's, one for all architectures here. */
#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24 /* 5.18 */
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25 /* 6.1 */
#endif

/* Entries are read once, atomically, while others may write them: names of it came and went. */
#define memtrace_pgd(p) READ_ONCE(*(p))
#define memtrace_p4d(p) READ_ONCE(*(p))
#define memtrace_pud(p) READ_ONCE(*(p))
#define memtrace_pmd(p) READ_ONCE(*(p))

#endif
