/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Maps and small functions that all programs share.
 *
 * Who is traced is known in two ways, both O(1) in the number of targets:
 *   - a task of a traced process has a struct note in its task storage: the
 *     hot hooks look there first, which costs an untraced task a null check;
 *   - an mm that is touched by somebody else (kswapd, process_madvise, fork)
 *     is looked up in the hash `targets`.
 */
#ifndef MTR_COMMON_H
#define MTR_COMMON_H

#include "mtr_vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "mtr_wire.h"

#define PAGE_SHIFT 12
#define PF_EXITING 0x00000004
#define PF_KTHREAD 0x00200000

#define MTR_SITES 64 /* a power of 2 */

/*
 * What a traced task is doing, between two hooks, and its faults that were not
 * sent yet. Written by its own task only; the tick iterator of another CPU reads.
 */
struct note {
	u64 mm; /* of its target; a task in the middle of an exec has another */
	u32 slot;
	u32 as;
	u32 pending; /* batch.f[batch.nr] was begun and nobody has told its bytes yet */
	u32 armed; /* the latest fault may be under way; IN_HANDLER: it is */
	u64 addr; /* of the latest fault */
	u64 flt; /* task->min_flt + maj_flt when it began: moves when the kernel counts it */
	u32 maj; /* task->maj_flt when it began */
	s32 acc; /* fentry rung: pages of acc_member that the fault under way brought */
	u32 acc_member;
	s32 cached[4]; /* 5.10 to 6.1: task->rss_stat.count when looked at last */
	u32 nr_sent; /* for looking at the ring now and then */
	u64 vma_start, vma_len; /* what the task stored into its tree last */
	u64 fix_start,
		fix_end; /* before 6.3: files stored in this locked section, see late_pgoff */
	u32 foreign; /* MTR_FAULT_FOREIGN: a vfork child, its faults are its own; else 0 */
	u32 shown; /* faults that the tick iterator has shown; its own */
	u32 done; /* DONE_*: events that their first program has seen, see second_of() */
	u32 epoch; /* count_epoch when the bytes of the latest fault came */
	u32 jiffy; /* of the latest reading of the clock for a fault */
	u32 skip; /* faults until the next call stack is taken */
	struct mtr_w_faults batch; /* batch.nr of them wait */
	u32 copying; /* the stack is being copied: an exception now is no fault of the program's */
	u32 over; /* the latest fault is passed over, see fault_share */
	s32 over_pages[4]; /* that such faults have brought and nobody has told; the tick takes them */
	u64 move_to; /* where a mremap under way moves to; 0: nowhere that is known */
	u64 stack_top; /* where such a copy could not be read any more; 0: not met yet */
	u32 site[MTR_SITES]; /* hashes of (ip, sp) of which a stack was taken, see mtr_stack.h */
	u64 call_ns; /* when the system call under way began; 0: not seen, or none about memory */
	u32 call_nr; /* its number */
	u32 call_stack; /* a call stack was taken since */
};

#define IN_HANDLER 2u

struct target_ref {
	u32 slot;
	u32 as;
};

/* By slot: what belongs to an address space. */
struct target {
	u64 mm;
	u32 as;
	u32 tgid;
	u32 follow;
	u32 pad;
	s64 count[4]; /* mm->rss_stat[].count as seen last */
	s64 stale[4]; /* the same at the last tick, where nobody had claimed its change */
};

/* One cache line a (slot, CPU): where that CPU's part of each counter is, and what it was last. */
struct rss_last {
	u64 addr[4]; /* kernel address of the s32; fixed for the life of the mm */
	s32 v[4];
	u32 pad[4];
};

struct file_key {
	u64 ino;
	u64 dentry;
	u32 dev;
	u32 as;
};

#ifdef MTR_MAPS_HERE
#define MTR_MAP
#else
#define MTR_MAP extern
#endif

struct ring_map {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 << 20);
};
struct notes_map {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct note);
};
/* Notes of tasks that were refused task storage, by struct task_struct *. */
struct spilled_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, u64);
	__type(value, struct note);
};
struct targets_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, u64); /* struct mm_struct * */
	__type(value, struct target_ref);
};
struct slots_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1024);
	__type(key, u32);
	__type(value, struct target);
};
struct free_slots_map {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 1024);
	__type(value, u32);
};
struct rss_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1024);
	__type(key, u32); /* slot * nr_cpus + cpu */
	__type(value, struct rss_last);
};
struct want_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, u32); /* tgid as the reader of the iterator sees it */
	__type(value, u32); /* MTR_WANT_* */
};
struct files_map {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct file_key);
	__type(value, u8);
};

struct cpu_off_map {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u64); /* this CPU's per-CPU offset; 0: not found out yet */
};

MTR_MAP struct ring_map ring SEC(".maps");
MTR_MAP struct notes_map notes SEC(".maps");
MTR_MAP struct spilled_map spilled SEC(".maps");
MTR_MAP struct targets_map targets SEC(".maps");
MTR_MAP struct slots_map slots SEC(".maps");
MTR_MAP struct free_slots_map free_slots SEC(".maps");
MTR_MAP struct rss_map rss_last SEC(".maps");
MTR_MAP struct want_map want_pids SEC(".maps");
MTR_MAP struct files_map files_seen SEC(".maps");
MTR_MAP struct cpu_off_map cpu_off SEC(".maps");

#ifdef MTR_MAPS_HERE
const volatile __u32 nr_cpus = 1;
const volatile __u32 slot_pages =
	32; /* percpu_counter_batch: a CPU's part of a counter stays below it */
const volatile bool rss_percpu = true; /* 6.2+: rss_stat is an array of percpu_counter */
const volatile bool late_pgoff =
	false; /* before 6.3: vm_pgoff follows after the store into the tree */
__u64 lost[MTR_W_MAX]; /* reservations refused: the ring was full */
__u64 unseen_procs; /* children not followed: no slot was free */
__u64 ring_peak; /* most bytes that waited in the ring when the reader was woken; it sets it back */
const volatile bool want_stacks =
	false; /* call stacks are asked for: else nothing of them is loaded */
const volatile __u64 wake_above = 0; /* bytes: with fewer in the ring the reader is not woken */
const volatile __u64 stack_room =
	0; /* bytes: when more wait in the ring stacks give way, see mtr_stack.h */
__u32 stack_period = 1; /* of faults at a known (ip, sp), one in so many brings its stack */
__u32 stack_bytes = 2048; /* of a stack that are copied */

/*
 * Of 2^32 faults so many are noted, by chance and each for itself; 0: all are. Of the others only the
 * pages are counted, and told without an address at the interval's end: RSS stays what it is.
 */
const volatile __u32 fault_share = 0;

/* A bit for each system call that is told of; user space has the list. */
const volatile __u64 call_bits[MTR_CALL_NRS / 64] = {};

const volatile bool spill_all = false; /* for tests: no task storage is to be had */
__u32 nr_spilled; /* notes in `spilled`; 0: nobody need look there */

__u32 next_as;
__u32 reader_level; /* depth of memtrace's own pid namespace */
/*
 * Moved on by user space before and after it counts pages in the page tables.
 * A counter moves under the lock of the page table that changes, and who counts
 * takes that lock: a change that saw an older value is in the count, one that
 * saw a newer value is not.
 */
__u32 count_epoch;
#else
extern const volatile __u32 nr_cpus;
extern const volatile __u32 slot_pages;
extern const volatile bool rss_percpu;
extern const volatile bool late_pgoff;
extern __u64 lost[MTR_W_MAX];
extern __u64 unseen_procs;
extern __u64 ring_peak;
extern const volatile bool want_stacks;
extern const volatile __u64 wake_above;
extern const volatile __u64 stack_room;
extern __u32 stack_period;
extern __u32 stack_bytes;
extern const volatile __u32 fault_share;

extern const volatile __u64 call_bits[MTR_CALL_NRS / 64];

extern const volatile bool spill_all;
extern __u32 nr_spilled;

extern __u32 next_as;
extern __u32 reader_level;
extern __u32 count_epoch;
#endif

/*
 * How full the ring is, a task asks once in so many of its records; the reader is woken when it is
 * worth its while, and its own timer does the rest. Waking costs the task an interrupt, and on a virtual
 * machine an exit or two.
 */
#define LOOK_EVERY 64u

static __always_inline struct note *spilled_note(struct task_struct *t)
{
	u64 key = (u64)t;

	return bpf_map_lookup_elem(&spilled, &key);
}

/* NULL: it is not traced */
static __always_inline struct note *note_of(struct task_struct *t)
{
	struct note *n = bpf_task_storage_get(&notes, t, 0, 0);

	return n || !nr_spilled ? n : spilled_note(t);
}

/*
 * While a CPU works on task storage (that of a tracer that ended is freed for
 * seconds) nobody else on it can make any, and who has no memory in a context
 * that cannot wait gets none: its note then is in a table, until it exits.
 */
static const struct note no_note;

static __always_inline void drop_spilled(struct task_struct *t)
{
	u64 key = (u64)t;

	if (nr_spilled && !bpf_map_delete_elem(&spilled, &key))
		__sync_fetch_and_add(&nr_spilled, -1);
}

/* It is not traced any more. */
static __always_inline void drop_note(struct task_struct *t)
{
	bpf_task_storage_delete(&notes, t);
	drop_spilled(t);
}

static __always_inline struct note *make_note(struct task_struct *t)
{
	struct note *n = NULL;
	u64 key = (u64)t;

	if (!spill_all)
		n = bpf_task_storage_get(&notes, t, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (n)
		return n;
	drop_spilled(t);
	if (bpf_map_update_elem(&spilled, &key, &no_note, BPF_NOEXIST))
		return NULL;
	__sync_fetch_and_add(&nr_spilled, 1);
	return spilled_note(t);
}

/*
 * Where programs can be preempted (fentry on any preemptible kernel, from 7.x on
 * tracepoints, too) the kernel skips one that is preempted on this CPU for all
 * other tasks. So each hook without which the map would be wrong has two: the
 * second runs after the first, and does the work if the first was skipped.
 */
enum {
	DONE_MA_WRITE = 0x1,
	DONE_RELEASED = 0x2,
	DONE_FORK = 0x4,
	DONE_EXEC = 0x8,
	DONE_EXIT = 0x10,
	DONE_MMAP_EVENT = 0x20,
	DONE_MUNMAP = 0x40,
};

/* Is there nothing to do, because this is the second and the first has done it? */
static __always_inline bool second_of(struct note *n, u32 what, bool second)
{
	if (!second) {
		n->done |= what;
		return false;
	}
	if (n->done & what) {
		n->done &= ~what;
		return true;
	}
	return false;
}

/*
 * Since 6.15 the ring's lock is given up on after a quarter of a second, as may happen on a virtual
 * machine whose other CPU is not run for so long: that does not mean that there is no room.
 */
static __always_inline void *record(u32 kind, u32 size, u32 as, u32 tid, u32 aux)
{
	struct mtr_w_hdr *h = bpf_ringbuf_reserve(&ring, size, 0);

	if (!h)
		h = bpf_ringbuf_reserve(&ring, size, 0);
	if (!h) {
		__sync_fetch_and_add(&lost[kind], 1);
		return NULL;
	}
	h->kind = kind;
	h->cpu = bpf_get_smp_processor_id();
	h->as = as;
	h->tid = tid;
	h->aux = aux;
	h->time_ns = bpf_ktime_get_boot_ns();
	return h;
}

/* A pid as a process of the given pid namespace level sees it; 0 when it does not. */
static __always_inline u32 pid_at_level(struct pid *pid, u32 level)
{
	struct upid up = {};

	if (!pid || level > BPF_CORE_READ(pid, level))
		return 0;
	bpf_core_read(&up, sizeof(up),
		      (void *)&pid->numbers[0] + level * bpf_core_type_size(struct upid));
	return up.nr;
}

static __always_inline u32 tid_at_level(struct task_struct *task, u32 level)
{
	return pid_at_level(BPF_CORE_READ(task, thread_pid), level);
}

/* How the next record is sent */
static __always_inline u64 wake_flags(struct note *n)
{
	u64 used;

	if (++n->nr_sent % LOOK_EVERY)
		return BPF_RB_NO_WAKEUP;
	used = bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA);
	if (used > ring_peak)
		ring_peak = used;
	/* what a call stack leads through is to be had as long as the process is there */
	if (used > wake_above || (want_stacks && *(volatile u32 *)&stack_period))
		return BPF_RB_FORCE_WAKEUP;
	return BPF_RB_NO_WAKEUP;
}

/*
 * Send the faults that wait: before anything of this task that must come after them.
 * 64-bit numbers and barriers: the verifiers of 6.1 and 6.12 then see the bounds.
 */
static __noinline __attribute__((unused)) void send_faults(struct note *n, u32 tid)
{
	struct mtr_w_faults *b = &n->batch;
	u64 nr = b->nr, len, flags;

	if (!nr)
		return;
	b->h.kind = MTR_W_FAULT;
	b->h.cpu = bpf_get_smp_processor_id();
	b->h.as = n->as;
	b->h.tid = tid;
	b->h.aux = 0;
	b->h.time_ns = b->f[0].time_ns;
	len = nr * sizeof(b->f[0]);
	barrier_var(len);
	if (len > sizeof(b->f))
		len = sizeof(b->f);
	flags = wake_flags(n);
	len += sizeof(*b) - sizeof(b->f);
	/* twice: see record() */
	if (bpf_ringbuf_output(&ring, b, len, flags) && bpf_ringbuf_output(&ring, b, len, flags))
		__sync_fetch_and_add(&lost[MTR_W_FAULT], nr);
	/* the fault under way is not one of them: it goes first in the next batch */
	b->nr = 0; /* first: the tick that reads both must not take old ones for new */
	barrier();
	b->seq += nr;
	if ((n->pending || n->armed == IN_HANDLER) && nr < MTR_FAULT_BATCH) {
		barrier_var(nr);
		b->f[0] = b->f[nr & (MTR_FAULT_BATCH - 1)];
		if (!b->f[0].time_ns)
			b->f[0].time_ns = bpf_ktime_get_boot_ns();
	}
}

static __always_inline void send(void *rec, struct note *n)
{
	bpf_ringbuf_submit(rec, n ? wake_flags(n) : BPF_RB_NO_WAKEUP);
}

#endif
