/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * The ioctl interface of /dev/memtrace, shared by kmod/, user/source/ and the tests.
 *
 * Every argument is a struct whose first member is its own size as the caller knows it. A caller
 * older than the module leaves out members at the end: they count as zero. A newer one passes more:
 * accepted while what the module does not know is zero, else -E2BIG. So members are only ever added,
 * at the end, and zero means "as before". A size below the struct's first version is -EINVAL; so are
 * flags that are not known, and reserved members that are not zero. The size in the ioctl's number
 * plays no part. All addresses and offsets are bytes of the target's address space.
 *
 * One open file is one attachment. It holds the target's mm_struct, not its pid: an exec or exit
 * ends what can be seen (MEMTRACE_ST_RELEASED, -ESRCH), a new process of that pid is never seen.
 */
#ifndef MEMTRACE_UAPI_H
#define MEMTRACE_UAPI_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define MEMTRACE_DEVICE "memtrace" /* under /dev */
#define MEMTRACE_ABI 1

/* ---- what the module can do */
#define MEMTRACE_F_NOTIFY (1ull << 0) /* the tracepoints fire for attached processes */
#define MEMTRACE_F_SNAPSHOT (1ull << 1) /* MEMTRACE_IOC_SNAPSHOT counts; else -EOPNOTSUPP */

struct memtrace_info {
	__u32 size;
	__u32 abi; /* out: MEMTRACE_ABI of the module */
	__u64 features; /* out: MEMTRACE_F_* */
	__u32 page_size; /* out: bytes; the unit of the counts below */
	__u32 nr_ranges; /* out: marked ranges that an attachment holds before it joins neighbours */
	char version[16]; /* out: of memtrace, NUL-terminated */
};

/* ---- attaching
 *
 * Needs CAP_SYS_PTRACE or CAP_PERFMON in the user namespace of the target's address space, else
 * -EPERM. pid is a process or thread in the caller's pid namespace; 0 is the caller itself. -ESRCH:
 * no such task, or it has exited; -EINVAL: a kernel thread; -EBUSY: this file is attached already;
 * -EINTR: killed while it waited for the target's mmap_lock.
 *
 * Several attachments to one address space share one id, and each event is there once.
 */
struct memtrace_attach {
	__u32 size;
	__s32 pid;
	__u64 flags; /* 0 */
	__u64 id; /* out: of the address space in the tracepoints; never 0, never used again */
	__s32 tgid; /* out: of the target, in the caller's pid namespace; 0: not in it */
	__u32 reserved; /* 0 */
};

/* ---- statistics of this file's attachment; -ENOTCONN before ATTACH */
#define MEMTRACE_ST_RELEASED (1u << 0) /* the address space is gone (exit, exec) */
#define MEMTRACE_ST_MERGED (1u << 1) /* marked ranges were joined over gaps: there were too many */

struct memtrace_stats {
	__u32 size;
	__u32 flags; /* out: MEMTRACE_ST_* */
	__u64 id; /* out: as ATTACH gave */
	__u64 seq; /* out: number of the last event of the address space */
	__u64 nr_start; /* out: invalidations begun since the first attachment to it */
	__u64 nr_end; /* out: ended */
	__u64 nr_nonblock; /* out: of nr_start, those in which nothing may sleep */
	__u32 nr_marked; /* out: ranges marked and not yet taken by a snapshot of this file */
	__u32 nr_running; /* out: invalidations under way now */
	__u64 nr_merged; /* out: times that ranges were joined over a gap */
	__u64 nr_slices; /* out: times that snapshots of this file took the target's mmap_lock */
	__u64 nr_regions; /* out: records given */
	__u64 nr_retries; /* out: page tables that changed between look and lock */
	__u64 hold_ns; /* out: time that the mmap_lock was held for reading, sum */
	__u64 hold_max_ns; /* out: longest of them */
};

/* ---- regions and what is resident in them */
#define MEMTRACE_R_READ (1u << 0)
#define MEMTRACE_R_WRITE (1u << 1)
#define MEMTRACE_R_EXEC (1u << 2)
#define MEMTRACE_R_SHARED (1u << 3) /* MAP_SHARED, as the 's' in maps */
#define MEMTRACE_R_GROWSDOWN (1u << 4)
#define MEMTRACE_R_LOCKED (1u << 5) /* mlock */
#define MEMTRACE_R_HUGETLB (1u << 6)
#define MEMTRACE_R_PFNMAP (1u << 7) /* device memory: counts as 0, as in pagemap */
#define MEMTRACE_R_IO (1u << 8)
#define MEMTRACE_R_NOHUGE (1u << 9) /* MADV_NOHUGEPAGE */
#define MEMTRACE_R_HUGE (1u << 10) /* MADV_HUGEPAGE */
#define MEMTRACE_R_WIPEONFORK (1u << 11)
#define MEMTRACE_R_DONTFORK (1u << 12)
#define MEMTRACE_R_DONTDUMP (1u << 13)
#define MEMTRACE_R_ANON (1u << 14) /* no file and no special mapping: vm_ops are not set */
#define MEMTRACE_R_UFFD (1u << 15) /* registered with a userfaultfd */
#define MEMTRACE_R_ACCOUNT (1u << 16)
#define MEMTRACE_R_HEAP (1u << 17) /* overlaps the brk area */
#define MEMTRACE_R_STACK (1u << 18) /* holds the first thread's start of stack */

/* How a record came about. */
#define MEMTRACE_C_STABLE (1u << 0) /* no invalidation touched [from, to) during the count */
#define MEMTRACE_C_MARKED (1u << 1) /* some of [from, to) was marked when the count began */
#define MEMTRACE_C_PART (1u << 2) /* [from, to) is not all of [start, end) */
#define MEMTRACE_C_UNCOUNTED (1u << 3) /* the module cannot count it (huge TLB): use pagemap */

/*
 * Counts are in base pages and are what pagemap would say: nr_present is every present entry but
 * those of the zero page (also with PROT_NONE), nr_swap every entry that is a swap entry of any kind.
 */
struct memtrace_region {
	__u64 start; /* of the VMA, */
	__u64 end; /* when [from, to) was counted */
	__u64 from; /* what the counts are of */
	__u64 to;
	__u64 pgoff; /* offset in the file, bytes; 0 if none */
	__u64 ino; /* 0: no file */
	__u32 dev_major;
	__u32 dev_minor;
	__u32 vm_flags; /* MEMTRACE_R_* */
	__u32 count_flags; /* MEMTRACE_C_* */
	__u64 seq; /* events numbered up to this one came before the end of this count */
	__u64 nr_present;
	__u64 nr_anon; /* of nr_present: anonymous pages (KSM's too) */
	__u64 nr_huge; /* of nr_present: mapped by a PMD or larger */
	__u64 nr_swap; /* swapped out, or a migration, poison or marker entry: pagemap's swap bit */
	__u64 nr_zero; /* the zero page, huge or not */
};

/* MEMTRACE_IOC_SNAPSHOT flags */
#define MEMTRACE_SNAP_MARKED (1u << 0) /* only regions with a mark; without: all */
#define MEMTRACE_SNAP_KEEP (1u << 1) /* leave marks as they are */
#define MEMTRACE_SNAP_MAPS (1u << 2) /* regions only, no counting: counts 0, MEMTRACE_C_UNCOUNTED */

#define MEMTRACE_BUDGET_DEFAULT_NS 2000000ull
#define MEMTRACE_BUDGET_MAX_NS 100000000ull /* more is taken as this */

/*
 * Fills buf with records by address, from cursor on, until buf is full, the budget is used up or
 * the end is reached; at least one record is made when there is one. Call again with cursor and
 * until as they were left, while MEMTRACE_SNAP_MORE is set in out_flags. The mmap_lock is taken for
 * reading, for some 100 us at a time, and dropped between.
 *
 * A region too large for one slice or one call comes as several records (MEMTRACE_C_PART), adjacent,
 * in order: add them up. Their start and end differ when the region changed meanwhile.
 *
 * Marks: an invalidation marks its range when it begins and when it ends. What is counted is
 * unmarked before the count (unless MEMTRACE_SNAP_KEEP), so that whatever happens during it is
 * marked afterwards: a count that was not STABLE comes again with the next call for MARKED ones.
 * With MARKED the region is counted as a whole, within [cursor, limit). A range that is marked and
 * has no region any more is unmarked silently. Marks of records that could not be copied out stay.
 *
 * -ESRCH: the address space is gone; -ENOTCONN: not attached; -EINTR: killed or interrupted before
 * the first record; -EFAULT: buf; -EINVAL: cursor or limit not multiples of the page size.
 */
struct memtrace_snapshot {
	__u32 size;
	__u32 flags; /* MEMTRACE_SNAP_* */
	__u64 buf; /* struct memtrace_region[nr_buf] */
	__u32 nr_buf; /* records that fit; > 0 */
	__u32 record_size; /* bytes from one record to the next: sizeof(struct memtrace_region) */
	__u64 cursor; /* in, out: begin here; 0 at first */
	__u64 until; /* in, out: 0 at first; the end of a region that was begun */
	__u64 limit; /* stop at this address; 0: none */
	__u64 budget_ns; /* of time; 0: MEMTRACE_BUDGET_DEFAULT_NS */
	__u32 nr_out; /* out: records filled */
	__u32 out_flags; /* out: MEMTRACE_SNAP_MORE */
	__u64 seq; /* out: number of the last event at the end of the call */
};

#define MEMTRACE_SNAP_MORE (1u << 0)

#define MEMTRACE_IOC_MAGIC 0xEF
#define MEMTRACE_IOC_INFO _IOWR(MEMTRACE_IOC_MAGIC, 1, struct memtrace_info)
#define MEMTRACE_IOC_ATTACH _IOWR(MEMTRACE_IOC_MAGIC, 2, struct memtrace_attach)
#define MEMTRACE_IOC_STATS _IOWR(MEMTRACE_IOC_MAGIC, 3, struct memtrace_stats)
#define MEMTRACE_IOC_SNAPSHOT _IOWR(MEMTRACE_IOC_MAGIC, 4, struct memtrace_snapshot)

/* ---- the tracepoints memtrace:mm_invalidate and memtrace:mm_release (memtrace_trace.h)
 *
 * As raw tracepoints their arguments are u64 each:
 *   mm_invalidate  mm, id, tgid, start, end, event, why, flags, seq
 *   mm_release     mm, id, tgid, seq
 * mm is the kernel's pointer; id is ATTACH's; tgid is in the first pid namespace, 0 while unknown.
 * seq counts the events of one id from 1, start and end both: STATS and SNAPSHOT use the same.
 */

/* The kernel's mmu_notifier_event. */
enum memtrace_event {
	MEMTRACE_EV_UNMAP = 1, /* munmap, mremap's old place */
	MEMTRACE_EV_CLEAR = 2, /* madvise, reclaim, copy on write, split, collapse, KSM ... */
	MEMTRACE_EV_PROT_VMA = 3, /* mprotect */
	MEMTRACE_EV_PROT_PAGE = 4, /* write-protection page by page: fork, writeback */
	MEMTRACE_EV_SOFT_DIRTY = 5, /* clear_refs */
	MEMTRACE_EV_MIGRATE = 6, /* to device memory */
	MEMTRACE_EV_EXCLUSIVE = 7, /* for a device */
	MEMTRACE_EV_OTHER = 8, /* one that this module does not know */
};

/* Made from the event and from what current is doing. */
enum memtrace_why {
	MEMTRACE_WHY_CLEARED = 0, /* anything else */
	MEMTRACE_WHY_UNMAPPED = 1,
	MEMTRACE_WHY_DROPPED = 2, /* madvise: DONTNEED, FREE, REMOVE; a file was truncated */
	MEMTRACE_WHY_RECLAIMED = 3, /* kswapd, direct or memcg reclaim, MADV_PAGEOUT, MADV_COLD */
	MEMTRACE_WHY_PROTECTED = 4, /* mprotect, fork, writeback, clear_refs */
	MEMTRACE_WHY_MIGRATED = 5, /* compaction, NUMA, move_pages, device */
	MEMTRACE_WHY_COLLAPSED = 6, /* into a huge page, or one is split */
};

#define MEMTRACE_TP_END (1u << 0) /* else the start */
#define MEMTRACE_TP_NONBLOCK (1u << 1) /* nothing may sleep (the OOM reaper) */

#endif
