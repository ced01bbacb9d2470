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
