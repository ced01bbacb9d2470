// SPDX-License-Identifier: GPL-2.0
/*
 * Why memory is invalidated. The notifier's event says little: "clear" is MADV_DONTNEED, reclaim,
 * compaction, copy on write and the splitting of a huge page alike. But all of them run in a task
 * that is doing just this: a kernel thread with a name, a task that reclaims, a system call.
 */
#include <linux/compat.h>
#include <linux/mman.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/unistd.h>
#include <asm/syscall.h>
#include "compat.h"
#include "memtrace.h"

/**
 * memtrace_event_of() - the kernel's event as the ABI numbers it
 * @range: of the invalidation
 *
 * Return: enum memtrace_event.
 */
u32 memtrace_event_of(const struct mmu_notifier_range *range)
{
	switch ((int)range->event) {
	case MMU_NOTIFY_UNMAP:
		return MEMTRACE_EV_UNMAP;
	case MMU_NOTIFY_CLEAR:
		return MEMTRACE_EV_CLEAR;
	case MMU_NOTIFY_PROTECTION_VMA:
		return MEMTRACE_EV_PROT_VMA;
	case MMU_NOTIFY_PROTECTION_PAGE:
		return MEMTRACE_EV_PROT_PAGE;
	case MMU_NOTIFY_SOFT_DIRTY:
		return MEMTRACE_EV_SOFT_DIRTY;
	case MMU_NOTIFY_MIGRATE:
		return MEMTRACE_EV_MIGRATE;
	case MEMTRACE_NOTIFY_EXCLUSIVE:
		return MEMTRACE_EV_EXCLUSIVE;
	}
	return MEMTRACE_EV_OTHER;
}

static u32 why_of_advice(unsigned long advice)
{
	switch (advice) {
	case MADV_DONTNEED:
	case MADV_DONTNEED_LOCKED:
	case MADV_FREE:
	case MADV_REMOVE:
		return MEMTRACE_WHY_DROPPED;
	case MADV_COLD:
	case MADV_PAGEOUT:
		return MEMTRACE_WHY_RECLAIMED;
	case MADV_COLLAPSE:
		return MEMTRACE_WHY_COLLAPSED;
	}
	return MEMTRACE_WHY_CLEARED;
}

/* By the system call that current is in; a page fault has none. */
static u32 why_of_syscall(void)
{
	struct pt_regs *regs = task_pt_regs(current);
	unsigned long args[6];

	if (in_compat_syscall())
		return MEMTRACE_WHY_CLEARED; /* other numbers; not worth a table */
	switch (syscall_get_nr(current, regs)) {
	case __NR_madvise:
		syscall_get_arguments(current, regs, args);
		return why_of_advice(args[2]);
	case __NR_process_madvise:
		syscall_get_arguments(current, regs, args);
		return why_of_advice(args[3]);
	case __NR_fallocate:
	case __NR_truncate:
	case __NR_ftruncate:
		return MEMTRACE_WHY_DROPPED;
	case __NR_mprotect:
	case __NR_mremap:
	case __NR_munmap:
		/* A huge page that a region's new border cuts; their own work is no "cleared". */
		return MEMTRACE_WHY_COLLAPSED;
	case __NR_mbind:
	case __NR_migrate_pages:
	case __NR_move_pages:
		return MEMTRACE_WHY_MIGRATED;
	}
	return MEMTRACE_WHY_CLEARED;
}

/* "Cleared" has many reasons; whoever is running tells most of them. */
static u32 why_cleared(void)
{
	if (current->reclaim_state) /* kswapd, direct and memcg reclaim */
		return MEMTRACE_WHY_RECLAIMED;
	if (current->flags & PF_KTHREAD) {
		if (!strncmp(current->comm, "khugepaged", 10))
			return MEMTRACE_WHY_COLLAPSED;
		if (!strncmp(current->comm, "kcompactd", 9))
			return MEMTRACE_WHY_MIGRATED;
		return MEMTRACE_WHY_CLEARED;
	}
	if (current->flags & PF_MEMALLOC) /* an allocation that compacts */
		return MEMTRACE_WHY_MIGRATED;
	return why_of_syscall();
}

/**
 * memtrace_why_of() - the reason of an invalidation, as far as it can be known
 * @event: enum memtrace_event
 *
 * Return: enum memtrace_why.
 */
u32 memtrace_why_of(u32 event)
{
	switch (event) {
	case MEMTRACE_EV_UNMAP:
		return MEMTRACE_WHY_UNMAPPED;
	case MEMTRACE_EV_PROT_VMA:
	case MEMTRACE_EV_PROT_PAGE:
	case MEMTRACE_EV_SOFT_DIRTY:
		return MEMTRACE_WHY_PROTECTED;
	case MEMTRACE_EV_MIGRATE:
	case MEMTRACE_EV_EXCLUSIVE:
		return MEMTRACE_WHY_MIGRATED;
	case MEMTRACE_EV_CLEAR:
		return why_cleared();
	}
	return MEMTRACE_WHY_CLEARED;
}
