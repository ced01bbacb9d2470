/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The canonical event: what every source yields and every consumer takes.
 *
 *   source (BPF ring, /proc snapshot, file, kmod) → struct mtr_event → model, recorder, exporters
 *
 * Events come in the order in which the kernel did things (for one address
 * space: the order of its mmap_lock), which is not always that of time_ns.
 * Map events are absolute: MTR_EV_VMA says what [start, end) is now,
 * MTR_EV_HOLE that nothing is mapped there.
 *
 * Strings are ids of the stream's string table (strtab.h); id 0 is "".
 */
#ifndef EVENT_EVENT_H
#define EVENT_EVENT_H

#include <stdbool.h>
#include <stdint.h>
#include "event/stackcopy.h"
#include "event/status.h"

/* Explicit numbers: they are also the trace file's. */
enum mtr_kind {
	MTR_EV_ATTACH = 1, /* proc: traced from here on */
	MTR_EV_EXEC = 2, /* proc: new address space; proc.prev_as is the old one */
	MTR_EV_EXIT = 3, /* exit: the process is gone */
	MTR_EV_VMA = 4, /* vma */
	MTR_EV_HOLE = 5, /* range */
	MTR_EV_NAME = 6, /* name: anonymous VMAs in a range were named */
	MTR_EV_FILE = 7, /* file: a (dev, ino) got a name */
	MTR_EV_FAULT = 8, /* fault */
	MTR_EV_RSS = 9, /* rss: the counters moved, outside the first of a fault */
	MTR_EV_THREAD = 10, /* thread */
	MTR_EV_THREAD_EXIT = 11, /* exit */
	MTR_EV_SIGNAL = 12, /* signal */
	MTR_EV_OOM = 13, /* no payload */
	MTR_EV_RESYNC = 14, /* range: state unknown, a snapshot is wanted */
	MTR_EV_COMM = 15, /* thread: tid was renamed to thread.comm */
	MTR_EV_SNAP_BEGIN = 16, /* snap: a reading of /proc follows; snap.what tells of what */
	MTR_EV_SNAP_VMA = 17, /* vma: one line of the maps */
	MTR_EV_SNAP_END = 18, /* snap */
	MTR_EV_RESIDENCY = 19, /* residency: [start, end) counted from the page tables */
	MTR_EV_SP = 20, /* thread: where a thread's stack pointer is now */
	MTR_EV_KERNEL = 21, /* kernel: the kernel's own counters of the process */
	MTR_EV_LOST = 22, /* lost */
	MTR_EV_MARK = 23, /* mark: a moment the user named */
	MTR_EV_INVALIDATE = 24, /* invalidate: memtrace.ko saw pages of a range leave or move */
	MTR_EV_STACK = 30, /* stack: how tid got where its next events come from */
	MTR_EV_MOVE = 31, /* move: pages were taken to another address */
	MTR_EV_FRAME =
		32, /* frame: of the stack that tid had at its last signal, innermost first */
	MTR_EV_CALL = 33, /* call: a system call about memory has returned */

	/*
	 * What the session does beside passing events on, so that a file tells all that the model
	 * was told. Not counted among a stream's events.
	 */
	MTR_EV_TICK = 40, /* tick: an interval of the process ended; as 0: of the session */
	MTR_EV_LIMITS = 41, /* limits: read anew; its MTR_EV_LIMITs follow */
	MTR_EV_LIMIT = 42, /* limit */
	MTR_EV_COST = 43, /* cost: of memtrace itself, over the last interval */
	MTR_EV_DROP = 44, /* no payload: nobody will ask for this address space any more */
	MTR_EV_MODULE = 45, /* module: a mapped program or library, by its build-id */
	MTR_EV_STATE = 46, /* state: a piece of the model at a keyframe */
	MTR_EV_SITE = 47, /* stack: at a keyframe, the call stack that holds for a place */
	MTR_EV_MAX
};

enum mtr_rss { MTR_FILE = 0, MTR_ANON = 1, MTR_SWAP = 2, MTR_SHMEM = 3, MTR_NR_RSS = 4 };

/* Protection and VMA properties, independent of the kernel's vm_flags numbering. */
#define MTR_P_READ 0x01u
#define MTR_P_WRITE 0x02u
#define MTR_P_EXEC 0x04u
#define MTR_P_SHARED 0x08u /* maps' 's': VM_MAYSHARE */
#define MTR_P_GROWSDOWN 0x10u
#define MTR_P_HUGETLB 0x20u
#define MTR_P_IO 0x40u /* VM_IO or VM_PFNMAP: no pages of its own */
#define MTR_P_LOCKED 0x80u
#define MTR_P_SPECIAL 0x100u /* kernel-provided, no file: vdso, vvar */
#define MTR_P_WIPEONFORK 0x200u
#define MTR_P_DONTCOPY 0x400u
#define MTR_P_RWX 0x07u

struct mtr_ev_proc {
	uint32_t pid; /* as memtrace sees it; 0 when not known */
	uint32_t ppid;
	uint32_t prev_as; /* EXEC: the address space that ended; forked child: its parent's */
	bool forked; /* a followed child: its address space began as a copy of prev_as */
	uint64_t start_time_ns; /* CLOCK_BOOTTIME */
	int64_t rss_bytes[MTR_NR_RSS]; /* the kernel's counters at this moment */
	int64_t min_flt, maj_flt; /* the kernel's counts of the process then; −1: not known */
	uint64_t start_code, end_code, start_data, end_data, start_brk,
		start_stack; /* 0: unknown */
	uint32_t comm; /* string */
	uint32_t exe; /* string; 0: unknown */
};

/* [start, end) is one mapping. Same address, prot, dev:ino and pgoff as /proc/PID/maps shows. */
struct mtr_ev_vma {
	uint64_t start, end;
	uint32_t prot; /* MTR_P_* */
	uint32_t dev; /* (major << 20) | minor; 0 for none */
	uint64_t ino; /* 0: no file */
	uint64_t pgoff; /* bytes; 0 for anonymous memory */
	uint32_t name; /* string: path, "[heap]", "[anon:x]" …; 0: not said (keep what is known) */
	uint32_t src; /* hook that told: enum mtr_wire_src; for tests and doctor */
};

struct mtr_ev_range {
	uint64_t start, end; /* [start, end) */
	uint32_t src;
};

struct mtr_ev_name {
	uint64_t start, end;
	uint32_t name; /* string; 0 takes the name away */
};

struct mtr_ev_file {
	uint64_t ino;
	uint32_t dev;
	uint32_t fs_magic;
	uint32_t name; /* string: last component only */
};

/* Error code bits of a fault */
#define MTR_FAULT_F_WRITE 0x01u
#define MTR_FAULT_F_USER 0x02u /* taken in user mode */
#define MTR_FAULT_F_EXEC 0x04u
#define MTR_FAULT_F_MAJOR 0x08u
#define MTR_FAULT_F_GUP 0x10u /* the kernel took it on the process's behalf */
#define MTR_FAULT_F_FAILED 0x40u /* the kernel did not count it: it ended in a signal or EFAULT */
#define MTR_FAULT_F_FOREIGN 0x80u /* another process's fault on this one's memory: counted there */
#define MTR_FAULT_F_PREV_MAJOR 0x20u /* the thread's fault before this one was a major one */

struct mtr_ev_fault {
	uint64_t addr;
	uint64_t ip; /* 0: not known */
	uint64_t sp; /* 0: not known */
	int64_t bytes; /* that became resident by it; huge page and fault-around included; may be 0 */
	uint8_t member; /* enum mtr_rss that took them */
	uint8_t flags; /* MTR_FAULT_F_* */
};

enum mtr_rss_why {
	MTR_WHY_FAULT = 1,
	MTR_WHY_SYSCALL = 2,
	MTR_WHY_FOREIGN = 3,
	MTR_WHY_OTHER = 4,
	MTR_WHY_ATTACH = 5 /* was there at attach: not a change */
};

struct mtr_ev_rss {
	int64_t bytes; /* change, may be negative */
	uint8_t member; /* enum mtr_rss */
	uint8_t why; /* enum mtr_rss_why */
	uint64_t start, end; /* the range it concerns as far as known; 0,0: not known */
	uint64_t ip, sp; /* SYSCALL: of the thread in user space; 0: not known */
	bool whole; /* nothing of the range is resident after that call */
	uint16_t call; /* SYSCALL: the call's number on x86-64, and 1; 0: not known */
};

struct mtr_ev_thread {
	uint64_t sp; /* stack pointer now (THREAD: the first); 0: unknown */
	uint64_t start_time_ns; /* 0: unknown */
	uint64_t tls; /* THREAD: thread pointer; 0: unknown */
	uint32_t parent_tid; /* 0: unknown */
	bool at_attach; /* was there before */
	bool syscall_sp; /* SP: the thread sleeps in a system call: sp is exact */
	uint32_t comm; /* string; 0: unchanged */
	char state; /* SP: as in /proc/PID/stat; 0: unknown */
};

struct mtr_ev_exit {
	int code; /* wait(2) status; −1: not known */
};

struct mtr_ev_signal {
	int signo, code;
	bool fatal; /* no handler is installed */
	uint64_t addr; /* si_addr */
	uint64_t ip, sp;
};

enum mtr_snap { MTR_SNAP_MAPS = 1, MTR_SNAP_RESIDENCY = 2 };

struct mtr_ev_snap {
	uint8_t what; /* enum mtr_snap */
	bool complete; /* END: every region was read */
	uint64_t begin_ns; /* when the reading began: events since are replayed over it */
	uint64_t end_ns; /* END: when it ended */
	/* The part of the address space read. An END of MTR_SNAP_RESIDENCY with 0, ~0: a round is complete. */
	uint64_t start, end;
};

/* Present pages, without the zero page. */
struct mtr_ev_residency {
	uint64_t start, end;
	int64_t present; /* bytes; the sum of the next two */
	int64_t anon; /* bytes not backed by a file: private anonymous or copied on write */
	int64_t file; /* bytes of file or shmem pages */
	int64_t swap; /* bytes */
	int64_t huge; /* bytes mapped by PMD; −1: not known here */
	uint64_t lowest; /* lowest present or swapped page, 0: none */
	uint64_t begin_ns; /* when the count began */
	/* Changes of an epoch before the first are in the count, from the second on not. */
	uint32_t epoch, end_epoch;
};

/* The kernel's own counters: the check on ours. −1 for what could not be read. */
struct mtr_ev_kernel {
	int64_t minflt, majflt; /* of all threads, living and dead */
	int64_t virt_bytes; /* mm->total_vm */
	int64_t rss_bytes; /* VmRSS */
	int64_t nr_threads;
	int64_t stack_limit_bytes; /* RLIMIT_STACK; −1: unknown or unlimited */
	char state; /* as in /proc/PID/stat */
};

/* What memtrace.ko tells. */
enum mtr_inv_phase {
	MTR_INV_WATCHED = 1, /* from here on it tells of this address space */
	MTR_INV_START = 2, /* page table entries of [start, end) are about to change, */
	MTR_INV_END = 3, /* have changed */
	MTR_INV_RELEASED = 4, /* it tells no more: the address space is being torn down */
	MTR_INV_DOUBT = 5, /* fewer came than were numbered: late or lost, it is not known yet */
};

/* As far as it can be known; explicit, as they are the trace file's. */
enum mtr_inv_why {
	MTR_INV_CLEARED = 0, /* anything else: copy on write, KSM, a huge page split */
	MTR_INV_UNMAPPED = 1,
	MTR_INV_DROPPED = 2, /* madvise, or the file was truncated */
	MTR_INV_RECLAIMED = 3,
	MTR_INV_PROTECTED = 4, /* of the mapping, or page by page */
	MTR_INV_MIGRATED = 5,
	MTR_INV_COLLAPSED = 6, /* into a huge page */
	MTR_INV_NR
};

struct mtr_ev_invalidate {
	uint64_t start, end; /* [start, end) */
	uint64_t seq; /* number among those of the address space; WATCHED: of the last one not told */
	uint8_t phase; /* enum mtr_inv_phase */
	uint8_t why; /* enum mtr_inv_why */
	bool stays; /* it takes no page away: write-protection page by page */
	bool elsewhere; /* pages may have appeared where nobody tells: inside an ioctl (UFFDIO_MOVE) */
};

struct mtr_ev_lost {
	uint32_t what; /* enum mtr_kind of the lost events, 0: any */
	uint64_t count;
};

/*
 * The call stack of a thread. It holds for the thread's events at this (ip, sp)
 * from here on, until the next one at the same: of faults at the same place only
 * some bring their own.
 */
struct mtr_ev_stack {
	uint64_t ip, sp;
	uint8_t why; /* enum mtr_ev_stack_why */
	uint8_t end; /* enum mtr_stack_end */
	uint32_t stack; /* its frames: id in the stream's stack table (stacktab.h); 0: none are known */
	/* Registers and stack, as a source took them; borrowed for the call. Gone when the frames are known. */
	const struct mtr_stack_copy *copy;
};

/* Explicit numbers: they are also the trace file's. */
enum mtr_stack_end {
	MTR_STACK_WHOLE = 0,
	MTR_STACK_CUT = 1, /* the outer frames were not in the copy */
	MTR_STACK_LOST = 2, /* nothing tells how a frame was built, or the stack was overwritten */
};

enum mtr_ev_stack_why {
	MTR_STACK_WHY_FAULT = 1, /* of the thread's next fault */
	MTR_STACK_WHY_MAP = 2, /* of the map events that follow */
	MTR_STACK_WHY_RSS = 3,
	MTR_STACK_WHY_THREAD = 4, /* tid starts the thread whose event follows */
	MTR_STACK_WHY_CRASH = 5, /* of the signal before: the session makes frames of it */
	MTR_STACK_WHY_CALL = 6, /* of the call that follows, where nothing within it brought one */
};

#define MTR_FRAME_INLINED 0x01u /* has no frame of its own: that is the next one's */
#define MTR_FRAME_SIGNAL 0x02u /* a signal was delivered here */
#define MTR_FRAME_RECKONED 0x04u /* not all turns were copied: their number is reckoned */
#define MTR_FRAME_LAST 0x08u /* the outermost there is */
#define MTR_FRAME_WHOLE 0x10u /* with LAST: the whole stack was told, up to its beginning */

/* A frame, or the first turn of several that repeat. */
struct mtr_ev_frame {
	uint32_t nr; /* of frames further in; 0: a stack begins */
	uint32_t function, file, module; /* strings; 0: not known */
	uint32_t line; /* 0: not known */
	uint32_t repeat; /* turns; 1: none */
	uint32_t cycle; /* frames of a turn */
	uint32_t flags; /* MTR_FRAME_* */
	uint64_t pc; /* where it runs, or a call returns to */
	uint64_t offset; /* of that in the module's file */
	int64_t size; /* bytes; −1: not known */
	int64_t depth; /* bytes from its low end to the end of the stack; −1: not known */
	int64_t turn; /* bytes a turn; −1: not always the same, or nothing repeats */
};

/* Pages of [from, from + len) went to @to. Comes before the HOLE; without one there was no move, unless it stays. */
struct mtr_ev_move {
	uint64_t from, to, len;
	bool stays; /* from stays mapped, and is empty */
};

#define MTR_CALL_ARGS 6

/*
 * What a thread asked for, and what it was told (call.h has the calls). What the kernel did is in the
 * map's events before it: a call that failed may have changed something.
 */
struct mtr_ev_call {
	uint64_t took_ns; /* from its beginning until time_ns; 0: its beginning was not seen */
	uint64_t arg[MTR_CALL_ARGS]; /* as given; those that the call does not have are 0 */
	int64_t result; /* as the kernel returned it: −errno when it failed */
	uint64_t ip, sp; /* of the thread in user space */
	uint16_t nr; /* system call number on x86-64 */
};

struct mtr_ev_mark {
	uint32_t name; /* string */
};

struct mtr_ev_tick {
	uint64_t real_ns; /* as 0: CLOCK_REALTIME of time_ns */
};

struct mtr_ev_limits {
	uint32_t nr; /* MTR_EV_LIMITs that follow */
	uint64_t stack_limit_bytes; /* RLIMIT_STACK; ~0: unlimited */
	uint64_t max_map_count; /* 0: unknown */
	uint64_t nr_maps; /* 0: unknown */
};

struct mtr_ev_limit {
	uint32_t kind; /* enum mtr_limit_kind */
	uint32_t name; /* string: cgroup path */
	uint64_t limit_bytes, used_bytes;
};

struct mtr_ev_module {
	uint64_t ino;
	uint32_t dev; /* of the file, as in mtr_ev_vma */
	uint32_t path; /* string: as the process sees it */
	uint32_t build_id; /* string: hexadecimal; 0: it has none, or it could not be read */
};

/*
 * What of the model; v[] and str[] by what: docs/TRACE_FORMAT.md. Numbers and
 * places are the trace file's: appended to, never changed.
 */
enum mtr_state {
	MTR_ST_MODEL = 1, /* the first of a keyframe: forget everything */
	MTR_ST_PROC = 2,
	MTR_ST_COUNTS = 3,
	MTR_ST_CRASH = 4,
	MTR_ST_DOUBT = 5,
	MTR_ST_FILE = 6,
	MTR_ST_REGION = 7,
	MTR_ST_THREAD = 8,
	MTR_ST_HISTORY = 9,
	MTR_ST_SAMPLE = 10,
	MTR_ST_DONE = 11, /* of a process */
	MTR_ST_CHANGING = 12, /* an invalidation that is under way */
	MTR_ST_FRAME = 13, /* of the last signal */
	MTR_ST_MAX
};

#define MTR_STATE_LEN 64

struct mtr_ev_state {
	uint8_t what; /* enum mtr_state */
	uint8_t nr; /* of v, at most MTR_STATE_LEN; missing ones are 0 */
	uint32_t str[3]; /* strings */
	const uint64_t *v; /* borrowed for the call */
};

struct mtr_event {
	uint16_t kind; /* enum mtr_kind */
	uint16_t cpu;
	uint32_t as; /* address space: unique in a session, never reused; 0: none */
	uint32_t tid; /* 0: not a thread of the target */
	uint32_t epoch; /* FAULT, RSS: how often counting had begun or ended when the bytes came */
	/* The call stack that holds for it (sites.h): id in the stream's stack table; 0: none is known */
	uint32_t callstack;
	uint64_t time_ns; /* CLOCK_BOOTTIME */
	union {
		struct mtr_ev_proc proc;
		struct mtr_ev_vma vma;
		struct mtr_ev_range range;
		struct mtr_ev_name name;
		struct mtr_ev_file file;
		struct mtr_ev_fault fault;
		struct mtr_ev_rss rss;
		struct mtr_ev_thread thread;
		struct mtr_ev_exit exit;
		struct mtr_ev_signal signal;
		struct mtr_ev_snap snap;
		struct mtr_ev_residency residency;
		struct mtr_ev_kernel kernel;
		struct mtr_ev_lost lost;
		struct mtr_ev_invalidate invalidate;
		struct mtr_ev_mark mark;
		struct mtr_ev_tick tick;
		struct mtr_ev_limits limits;
		struct mtr_ev_limit limit;
		struct mtr_cost cost;
		struct mtr_ev_module module;
		struct mtr_ev_state state;
		struct mtr_ev_stack stack;
		struct mtr_ev_move move;
		struct mtr_ev_frame frame;
		struct mtr_ev_call call;
	};
};

/**
 * event_kind_name() - token of an event kind, as --json and lost{} have it
 * @kind: enum mtr_kind; others give "unknown"
 */
const char *event_kind_name(unsigned int kind);

/* event_is_told() - is it one of the process, not of memtrace's own doing? Only these are counted. */
static inline bool event_is_told(unsigned int kind)
{
	return (kind < MTR_EV_TICK && kind != MTR_EV_FRAME) || kind > MTR_EV_SITE;
}
/* inv_why_name() - token of an enum mtr_inv_why; others give "cleared" */
const char *inv_why_name(unsigned int why);

/* mtr_call_name() - of a system call (mtr_ev_rss.call) that is about memory; NULL: another, or not known. See call.h */
const char *mtr_call_name(unsigned int call);

/* Where a source puts its events. Returns 0, or −errno to stop the source. */
typedef int (*event_sink_fn)(void *ctx, const struct mtr_event *ev);

#endif
