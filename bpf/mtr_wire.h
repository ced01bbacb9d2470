/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Records that the BPF programs put into the ring buffer, and the layout of
 * the maps that user space reads directly.
 *
 * Shared by bpf/ and user/source/ only. Fixed-width types, no includes: the
 * includer brings __u8…__u64 and __s64. Numbers are explicit because a
 * recorded ring must keep its meaning; a number is never given a new one.
 *
 * Map records are absolute ("this range is now so"), never relative: replaying
 * every record since a snapshot of /proc/PID/maps *began* heals a torn read of
 * it. Their order in the ring is the order of the target's mmap_lock, because
 * each is reserved while that lock is held.
 */
#ifndef MTR_WIRE_H
#define MTR_WIRE_H

enum mtr_wire_kind {
	MTR_W_ATTACH = 1, /* struct mtr_w_proc: a process is traced from here on */
	MTR_W_EXEC = 2, /* struct mtr_w_proc: the process has a new address space */
	MTR_W_EXIT = 3, /* struct mtr_w_exit: the address space's last thread is gone */
	MTR_W_VMA = 4, /* struct mtr_w_vma */
	MTR_W_HOLE = 5, /* struct mtr_w_hole */
	MTR_W_NAME = 6, /* struct mtr_w_name: name of an anonymous VMA */
	MTR_W_FILE = 7, /* struct mtr_w_file: first sight of a (dev, ino) */
	MTR_W_FAULT = 8, /* struct mtr_w_faults: a thread's faults, up to MTR_FAULT_BATCH */
	MTR_W_RSS = 9, /* struct mtr_w_rss */
	MTR_W_THREAD = 10, /* struct mtr_w_thread: a thread began */
	MTR_W_THREAD_EXIT = 11, /* struct mtr_w_exit */
	MTR_W_SIGNAL = 12, /* struct mtr_w_signal: SIGSEGV, SIGBUS, SIGABRT, SIGKILL raised */
	MTR_W_OOM = 13, /* struct mtr_w_hdr: chosen by the OOM killer */
	MTR_W_RESYNC = 14, /* struct mtr_w_hole: this range's state is not known any more */
	MTR_W_COMM = 15, /* struct mtr_w_comm: a thread was renamed */
	MTR_W_SP = 16, /* struct mtr_w_sp: where a thread stands */
	MTR_W_INVALIDATE = 17, /* struct mtr_w_invalidate: from memtrace.ko */
	MTR_W_STACK = 18, /* struct mtr_w_stack: registers and the top of a thread's stack */
	MTR_W_MOVE = 19, /* struct mtr_w_move: pages move to another address */
	MTR_W_CRASH = 20, /* struct mtr_w_crash: a page of the stack of a thread that is dying */
	MTR_W_CALL = 21, /* struct mtr_w_call: a system call about memory returned */
	MTR_W_MAX
};

/* Why a map record was sent; one bit of evidence per hook, for tests and doctor. */
enum mtr_wire_src {
	MTR_SRC_NONE = 0,
	MTR_SRC_MA_WRITE = 1, /* tp_btf/ma_write: a store into the maple tree */
	MTR_SRC_WALK = 2, /* the tree read at the end of a locked section */
	MTR_SRC_MMAP_EVENT = 3, /* fentry/perf_event_mmap */
	MTR_SRC_MUNMAP = 4, /* fentry/vms_complete_munmap_vmas */
};

/* Indices of mm_struct.rss_stat, as the kernel numbers them (include/linux/mm_types_task.h). */
enum mtr_rss_member {
	MTR_RSS_FILE = 0,
	MTR_RSS_ANON = 1,
	MTR_RSS_SWAP = 2,
	MTR_RSS_SHMEM = 3,
	MTR_RSS_NR = 4,
};

struct mtr_w_hdr {
	__u16 kind; /* enum mtr_wire_kind */
	__u16 cpu;
	__u32 as; /* address space id: unique in a session, never reused */
	__u32 tid; /* thread on whose behalf; 0 when that is not one of the target's */
	__u32 aux; /* kind's own */
	__u64 time_ns; /* CLOCK_BOOTTIME */
};

/* aux: previous address space id for EXEC, parent's for a forked child, else 0. */
struct mtr_w_proc {
	struct mtr_w_hdr h;
	__u32 tgid; /* in the initial pid namespace */
	__u32 ppid;
	__u32 ns_tgid; /* in memtrace's own pid namespace */
	__u32 forked; /* 1: a followed child */
	__u64 start_time_ns; /* task start, CLOCK_BOOTTIME */
	__u64 mm; /* identity only */
	__s64 rss_pages[4]; /* at this moment, by enum mtr_rss_member */
	__s64 min_flt, maj_flt; /* the kernel's counts of the whole process so far; -1: not known */
	__u64 start_code, end_code, start_data, end_data, start_brk, start_stack;
	char comm[16];
};

struct mtr_w_exit {
	struct mtr_w_hdr h;
	__s32 exit_code; /* wait(2) status */
	__u32 pad;
};

/* aux: enum mtr_wire_src. */
struct mtr_w_vma {
	struct mtr_w_hdr h;
	__u64 start, end; /* [start, end) */
	__u64 flags; /* vm_flags of the running kernel */
	__u64 pgoff; /* bytes; 0 for anonymous memory */
	__u64 ino; /* 0: no file */
	__u32 dev; /* kernel's dev_t (20-bit minor) */
	__u32 special; /* 1: vm_ops without a file (vdso, vvar, …) */
};

/* aux: enum mtr_wire_src. */
struct mtr_w_hole {
	struct mtr_w_hdr h;
	__u64 start, end; /* [start, end) */
};

struct mtr_w_name {
	struct mtr_w_hdr h;
	__u64 start, end;
	char name[80]; /* ANON_VMA_NAME_MAX_LEN; NUL-terminated; "" takes the name away */
};

struct mtr_w_file {
	struct mtr_w_hdr h;
	__u64 ino;
	__u32 dev;
	__u32 fs_magic; /* s_magic of its filesystem */
	char name[128]; /* last path component, NUL-terminated, as the dentry has it */
};

/*
 * A fault: the hot record, kept short. pages is the change of rss_stat[member]
 * that it brought; 0 when it brought none (member is then meaningless).
 *
 * Reading the clock is half of what noting a fault costs, so it is read for the
 * first of a batch, for each MTR_FAULT_CLOCK-th, and for each that is not in the
 * same jiffy as the thread's one before. The others have time 0: between their
 * neighbours.
 */
struct mtr_w_fault {
	__u64 time_ns; /* CLOCK_BOOTTIME, when it began; 0: not read */
	__u64 addr;
	__u64 ip; /* user instruction pointer; where user space entered the kernel */
	__u64 sp; /* user stack pointer */
	__s32 pages;
	__u32 aux; /* MTR_FAULT_*; error code of the exception in the low bits */
};

#define MTR_FAULT_BATCH 16
#define MTR_FAULT_CLOCK 8

/*
 * Up to MTR_FAULT_BATCH faults of one thread, in order; the record ends after
 * the last. seq numbers a thread's faults: the first here has this number. A
 * batch that is not full yet may be shown early (at an interval) and is sent
 * again when full: whoever reads skips the numbers it has seen.
 */
struct mtr_w_faults {
	struct mtr_w_hdr h;
	__u32 seq;
	__u32 nr;
	struct mtr_w_fault f[MTR_FAULT_BATCH];
};

/* aux bits of mtr_w_fault */
#define MTR_FAULT_MEMBER(aux) (((aux) >> 8) & 3u) /* enum mtr_rss_member */
#define MTR_FAULT_MEMBER_BITS(m) ((m) << 8)
#define MTR_FAULT_EPOCH(aux) (((aux) >> 10) & 0xffffu) /* count_epoch when its bytes came */
#define MTR_FAULT_EPOCH_BITS(e) (((e)&0xffffu) << 10)
#define MTR_FAULT_WRITE 0x2u
#define MTR_FAULT_USER 0x4u
#define MTR_FAULT_INSTR 0x10u
#define MTR_FAULT_FOREIGN 0x04000000u /* taken by another process on this one's memory */
#define MTR_FAULT_FAILED \
	0x08000000u /* the kernel did not count it: it ended in a signal or EFAULT */
#define MTR_FAULT_PREV_MAJOR 0x10000000u /* the thread's fault before this one was major */
#define MTR_FAULT_KERNEL_IP 0x20000000u /* taken while in the kernel, on a user address */
#define MTR_FAULT_GUP 0x40000000u /* no exception: populate, mlock, get_user_pages */
#define MTR_FAULT_MAJOR 0x80000000u

/* aux: enum mtr_rss_ctx and MTR_RSS_WHOLE. A change of the mm's counters outside the first of a fault. */
struct mtr_w_rss {
	struct mtr_w_hdr h;
	__s32 pages;
	__u32 member;
	__s32 nr; /* system call number under way, or -1 */
	__u32 epoch; /* count_epoch when the counter moved */
	__u64 arg0, arg1; /* its first two arguments, or the fault's address in arg0 */
	__u64 ip, sp; /* in a system call: the thread's user registers; else 0 */
};

#define MTR_RSS_WHOLE 0x100u /* in aux: the call leaves nothing of its range resident */

enum mtr_rss_ctx {
	MTR_RSS_IN_FAULT = 1, /* arg0 is the address of the fault under way */
	MTR_RSS_IN_SYSCALL = 2,
	MTR_RSS_FOREIGN = 3, /* somebody else's doing: kswapd, khugepaged, another process */
	MTR_RSS_OTHER = 4,
	MTR_RSS_AT_ATTACH = 5, /* was there when the thread was found; not a change */
};

struct mtr_w_thread {
	struct mtr_w_hdr h; /* tid: the new thread */
	__u64 sp; /* its first stack pointer */
	__u64 start_time_ns;
	__u32 parent_tid;
	__u32 nr; /* 1: announced at attach, not new */
	__u64 tls; /* thread pointer (x86: fs base); 0: not known */
	char comm[16];
};

/* aux: 1 while the thread is on a CPU: then sp is that of its last entry into the kernel. */
struct mtr_w_sp {
	struct mtr_w_hdr h;
	__u64 sp;
	__u64 ip;
	__u32 state; /* task->__state */
	__u32 pad;
};

/* aux: enum mtr_w_inv_phase. What memtrace.ko's tracepoints say. */
struct mtr_w_invalidate {
	struct mtr_w_hdr h; /* tid: 0 when it was not the target's own doing */
	__u64 start, end; /* [start, end) */
	__u64 seq; /* of the address space's events, from 1 */
	__u32 event, why; /* enum memtrace_event, memtrace_why (kmod/memtrace_uapi.h) */
	__s32 nr; /* the target's system call under way, or -1 */
	__u32 epoch; /* count_epoch then */
};

enum mtr_w_inv_phase {
	MTR_W_INV_START = 1,
	MTR_W_INV_END = 2,
	MTR_W_INV_RELEASE = 3,
};

struct mtr_w_comm {
	struct mtr_w_hdr h;
	char comm[16];
};

/* aux: signal number. */
struct mtr_w_signal {
	struct mtr_w_hdr h;
	__s32 code; /* si_code */
	__u32 fatal; /* 1: no handler is installed */
	__u64 addr; /* si_addr of SIGSEGV and SIGBUS */
	__u64 ip, sp; /* the thread's user registers */
};

/*
 * What the iterator `regs` writes of each thread; not a record of the ring.
 * The registers are those with which the thread came into the kernel, and its own
 * only while it does not run: nvcsw and nivcsw tell whether it did meanwhile.
 */
struct mtr_w_regs {
	__u32 tid; /* in memtrace's own pid namespace */
	__u32 state; /* task->__state */
	__u32 on_cpu;
	__u32 pad;
	__u64 nvcsw, nivcsw; /* times it was switched away from, by itself and by others */
	__u64 r[17]; /* numbered as in DWARF: 7 sp, 16 ip */
	__u64 orig_ax; /* system call number; -1: it came in otherwise */
	__u64 fsbase; /* thread pointer */
};

/* Value of the map at_hits: a thread as it came to a place. */
struct mtr_w_at {
	__u64 r[17]; /* numbered as in DWARF */
};

/* pt_regs of x86-64 as the kernel keeps them: r15 … r12 bp bx r11 … r8 ax cx dx si di orig_ax ip cs flags sp ss */
#define MTR_STACK_REGS 21
#define MTR_STACK_IP 16
#define MTR_STACK_SP 19
#define MTR_STACK_MAX 8192 /* bytes of the stack at most */

enum mtr_stack_why {
	MTR_STACK_FAULT = 1, /* of the fault number seq */
	MTR_STACK_MAP = 2, /* the map is being changed */
	MTR_STACK_RSS = 3, /* pages come in a system call */
	MTR_STACK_THREAD = 4, /* a thread is being started */
	MTR_STACK_CALL = 6, /* a system call returns, and nothing within it took one */
};

/*
 * aux: enum mtr_stack_why. Comes before the record of what it belongs to. That
 * of a fault waits in a batch: seq tells which one it is.
 */
struct mtr_w_stack {
	struct mtr_w_hdr h;
	__u64 regs[MTR_STACK_REGS];
	__u32 seq;
	__u32 size; /* bytes of the stack that follow; may be 0 */
	__u32 skip; /* they begin so far above sp: what is between is not there yet */
	__u32 pad;
	__u8 data[];
};

/*
 * aux: signal number. Part of a stack at a signal that the thread brought upon
 * itself; several in order of their addresses, and then its MTR_W_SIGNAL.
 */
struct mtr_w_crash {
	struct mtr_w_hdr h;
	__u64 regs[MTR_STACK_REGS];
	__u64 addr; /* of data */
	__u32 size; /* bytes that follow: a page at most */
	__u32 part; /* 0: how it ended, from sp on; 1: how it began */
	__u8 data[];
};

/* What was in [from, from + len) is at to. */
struct mtr_w_move {
	struct mtr_w_hdr h;
	__u64 from, to, len;
	__u64 stays; /* 1: from stays mapped, without its pages (MREMAP_DONTUNMAP) */
};

/* aux: system call number. The registers are those with which the thread came into the kernel. */
struct mtr_w_call {
	struct mtr_w_hdr h; /* time_ns: when it returned */
	__u64 begin_ns; /* CLOCK_BOOTTIME; 0: its beginning was not seen */
	__u64 arg[6]; /* the call may have fewer: the others are then anything */
	__s64 result;
	__u64 ip, sp;
};

/* System calls are looked for by number; those from here on are not (x32 calls have a bit far above). */
#define MTR_CALL_NRS 512

/* Value of the map want_pids: what to do with a process that the attach iterator meets. */
#define MTR_WANT_FOLLOW 1u /* its children, too */
#define MTR_WANT_ATTACH 2u

/* Kernel's dev_t: 12-bit major, 20-bit minor (include/linux/kdev_t.h). */
#define MTR_DEV_MAJOR(d) ((d) >> 20)
#define MTR_DEV_MINOR(d) ((d)&0xfffffu)

#ifdef __STDC_VERSION__
_Static_assert(sizeof(struct mtr_w_hdr) == 24, "wire ABI");
_Static_assert(sizeof(struct mtr_w_vma) == 72, "wire ABI");
_Static_assert(sizeof(struct mtr_w_fault) == 40, "wire ABI");
_Static_assert(sizeof(struct mtr_w_faults) == 32 + 40 * MTR_FAULT_BATCH, "wire ABI");
_Static_assert(sizeof(struct mtr_w_rss) == 72, "wire ABI");
_Static_assert(sizeof(struct mtr_w_hole) == 40, "wire ABI");
_Static_assert(sizeof(struct mtr_w_invalidate) == 64, "wire ABI");
_Static_assert(sizeof(struct mtr_w_call) == 104, "wire ABI");
#endif

#endif
