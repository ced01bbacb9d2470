/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One traced process: its address space, threads and totals. One address
 * space id is one struct proc; an exec begins a new one.
 */
#ifndef MODEL_PROC_H
#define MODEL_PROC_H

#include "model/aspace.h"
#include "model/history.h"
#include "util/hash.h"

struct thread {
	uint32_t tid;
	uint32_t comm; /* string */
	char state; /* as in /proc; 0: unknown */
	bool at_attach; /* was there before memtrace */
	bool is_main;
	uint64_t start_time_ns; /* 0: unknown */

	/* Stack; bounds are those of its region, set by thread_locate() */
	uint64_t sp; /* last known stack pointer; 0: unknown */
	uint64_t sp_time_ns; /* when */
	uint64_t tls; /* thread pointer; 0: unknown */
	uint64_t stack_start, stack_end; /* 0,0: not known */
	uint64_t hw_addr; /* lowest address known used since the thread began; 0: unknown */
	bool hw_exact; /* false: reused stack or there before attach: an upper bound */
	uint64_t nr_growth; /* expansions of the region seen */
	uint64_t faults;
	uint64_t last_fault; /* address of the latest; 0: none */

	UT_hash_handle hh;
};

/* Invalidations under way that are kept apart; more are taken as one of everything. */
#define INV_OPEN 16

struct file_name; /* proc_map.c */

enum death { DEATH_NONE, DEATH_EXIT, DEATH_SIGNAL, DEATH_OOM };

/* The last fatal signal, and what it means for a stack. */
struct crash {
	int signo, code;
	uint32_t tid;
	uint32_t comm; /* string: the thread's name, which it outlives; 0: not known */
	uint64_t addr, ip, sp, time_ns;
	bool stack_overflow; /* addr lies in the guard or just below tid's stack */
	uint64_t stack_start, stack_end, limit_bytes;
	int by; /* signal that told of the overflow, when its handler went on to raise signo; 0: none */
};

/* Folded, a stack is short: what is more in the middle of it is left out. */
#define CRASH_FRAMES 256

struct proc {
	uint32_t as; /* id */
	uint32_t pid, ppid;
	uint32_t comm, exe; /* strings */
	uint32_t replaced_by; /* address space that an exec put in its place; 0: none */
	char state;
	uint64_t start_time_ns; /* of the process */
	uint64_t attach_ns; /* CLOCK_BOOTTIME */
	bool from_start; /* traced since its exec or fork */
	bool copied; /* a followed child: its pages were its parent's, and are 'before attach' */
	uint64_t start_code, end_code, start_data, end_data, start_brk, start_stack;

	struct aspace aspace;
	struct thread *threads; /* uthash by tid */
	unsigned int nr_threads;

	/* The kernel's counters, kept up to date from events; bytes, by enum mtr_rss */
	int64_t rss[MTR_NR_RSS];
	int64_t rss_attach[MTR_NR_RSS]; /* at attach */
	bool rss_exact; /* false: this kernel batches the counters */

	/* Faults */
	uint64_t nr_faults, nr_minor, nr_major; /* seen */
	uint64_t nr_nobytes; /* of those, brought no bytes */
	unsigned int exec_nr; /* execs seen so far */
	uint64_t nr_failed; /* besides: ended in a signal or EFAULT: the kernel does not count them */
	int64_t k_minflt, k_majflt; /* kernel's latest; −1 unknown */
	int64_t k_minflt0, k_majflt0; /* at attach */
	int64_t k_virt, k_rss; /* kernel's latest, bytes; −1 unknown */
	int64_t stack_limit; /* RLIMIT_STACK; −1 unknown or unlimited */

	/* Attribution of resident bytes since the baseline */
	int64_t regions_res; /* sum of the regions' resident bytes at the last tick, as RSS counts them */
	int64_t before_attach; /* resident bytes that were there at attach */
	int64_t residual; /* counters − regions at the last tick: bytes on no region */
	uint64_t unplaced; /* bytes of counter changes since the last sweep whose region is not known */

	/* Baseline and rates */
	uint64_t base_ns;
	int64_t base_rss;
	uint64_t tick_ns;
	int64_t tick_rss;
	uint64_t tick_minor, tick_major;
	bool ticked; /* a first interval has ended */
	uint64_t stacks_gen; /* +1 when a thread comes or goes, or another region is its stack */
	uint64_t kind_stacks; /* stacks_gen when kinds were decided last */
	double rss_rate; /* bytes/s */
	double minor_rate, major_rate; /* per second */
	struct history history; /* RSS by kind over time */

	/* memtrace.ko */
	uint64_t watch_ns; /* since then it tells of every page that leaves; 0: it does not */
	uint64_t inv_seq0; /* number of the last of its events that came before that */
	uint64_t nr_inv; /* its events since */
	struct {
		uint64_t start, end;
	} inv_open[INV_OPEN]; /* begun, not ended */
	unsigned int nr_inv_open, nr_inv_more; /* more: begun when no place was left */
	bool doubted; /* every region is in doubt; nothing was counted since */
	uint64_t nr_counted; /* counts of regions, ever */
	uint64_t corrected; /* bytes by which counts differed from what events had told */

	/* Reconciliation */
	uint64_t nr_drift; /* differences between model and a snapshot of the maps, after healing */
	struct aspace doubts; /* where the last snapshot differed: drift, or an event still to come */
	bool doubts_old; /* an interval has ended since */
	uint64_t nr_resync; /* map snapshots taken because events were lost or not enough */
	uint64_t maps_time_ns; /* when the map was last read from /proc */
	bool want_maps; /* a snapshot of the map is wanted */
	uint32_t snap_gen;
	bool in_snap;
	bool maps_known; /* a first snapshot was taken */
	uint64_t snap_begin_ns; /* of the latest whole reading of the map: what was told before is in it */
	struct file_name *files; /* uthash: names of mapped files */
	struct thread *last_thread; /* looked up last */

	bool stirred; /* it did something: who asks takes that back. Not what a reading of /proc says */

	enum death death;
	int exit_code; /* wait(2) status; valid when death != DEATH_NONE; −1: nobody told */
	struct crash crash; /* crash.signo 0: none */
	struct crash handled; /* the last overflow of a stack that has a handler; signo 0: none */
	/* The stack at the last of the two, innermost first; malloced, NULL: not known */
	struct mtr_ev_frame *frames;
	unsigned int nr_frames;
	uint32_t frames_tid;

	UT_hash_handle hh; /* in the model, by as */
};

struct strtab;

struct proc *proc_new(uint32_t as);
void proc_free(struct proc *p);

/* proc_inherit() - @p is @old after an exec: what belongs to the process, not to the address space */
void proc_inherit(struct proc *p, const struct proc *old);

/**
 * proc_apply() - change the model as one event says
 *
 * Events of other address spaces must not be passed. Returns 0 or −ENOMEM.
 */
int proc_apply(struct proc *p, const struct mtr_event *ev, struct strtab *st);

/* proc_seen() - faults seen that the kernel counted, too */
uint64_t proc_seen(const struct proc *p);
/* proc_unseen() - faults the kernel counted since attach that no event showed; 0 when not known */
uint64_t proc_unseen(const struct proc *p);

/* proc_rss() - resident bytes by the kernel's counters: anon + file + shmem */
int64_t proc_rss(const struct proc *p);
/* proc_regions_rss() - what the regions say of the same, in bytes; valid after proc_kinds() */
int64_t proc_regions_rss(struct proc *p);

/*
 * proc_tick() - end of an interval: rates, growth marks, history. One shorter than 100 ms is not
 * over: its rates would mean nothing, so those of the last one stay and it goes on.
 */
void proc_tick(struct proc *p, uint64_t now_ns, const struct strtab *st);

/* proc_baseline() - growth is counted from now on */
void proc_baseline(struct proc *p, uint64_t now_ns);

/* proc_freeze() - a copy as of now that no event reaches, for proc_free(); NULL: no memory */
struct proc *proc_freeze(struct proc *p);

/* proc_thread() - by tid; NULL if none */
struct thread *proc_thread(struct proc *p, uint32_t tid);

/* proc_doubt() - something of its pages was missed, nobody knows where: all are to be counted again */
void proc_doubt(struct proc *p);

/* proc_kinds() - decide kinds if the map changed since; cheap when it did not */
void proc_kinds(struct proc *p, const struct strtab *st);

/* Resident bytes by region kind, for totals and the timeline; valid after proc_kinds(). */
struct kind_sum {
	int64_t resident[RK_NR], virt[RK_NR];
	unsigned int nr[RK_NR];
};
void proc_kind_sum(struct proc *p, struct kind_sum *ret_sum);

/* Depth, high water, limit and headroom of a thread's stack in bytes; −1: unknown */
struct stack_info {
	int64_t depth, high_water, limit, headroom;
	bool high_water_exact;
};
void thread_stack_info(const struct proc *p, const struct thread *t, struct stack_info *ret);

#endif
