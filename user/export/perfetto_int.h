/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Between the files that write Perfetto's format; nobody else includes this.
 *
 *   perfetto.c           the ops: beginning, intervals, end; loss
 *   perfetto_packet.c    packets, compressed bundles, interning
 *   perfetto_proc.c      processes and threads: their tracks and names
 *   perfetto_counters.c  counters, the address space at keyframes
 *   perfetto_events.c    slices and instants of events
 *   perfetto_calls.c     those of system calls
 *   perfetto_stacks.c    call stacks: frames with names, modules with build-ids
 *   perfetto_heaps.c     resident pages by call stack, as heap profiles
 *
 * A trace has three sequences, and one for each heap profile: one for tracks (nothing on it depends on what came
 * before), one for events (interned names: needs its state), and one for loss
 * alone: a gap invalidates the state of the sequence that it is reported on.
 */
#ifndef EXPORT_PERFETTO_INT_H
#define EXPORT_PERFETTO_INT_H

#include "analysis/ledger.h"
#include "export/exporter.h"
#include "perfetto.pb-c.h"
#include "util/hash.h"

enum { SEQ_TRACKS = 1, SEQ_EVENTS = 2, SEQ_LOSS = 3, SEQ_HEAPS = 16 };
enum { CLOCK_REAL = 1, CLOCK_MONO = 3, CLOCK_MONO_COARSE = 4, CLOCK_BOOT = 6 };
enum { EV_BEGIN = 1, EV_END = 2, EV_INSTANT = 3, EV_COUNTER = 4 };
enum { UNIT_COUNT = 2, UNIT_BYTES = 3 };

#define SHOWN_EACH 1000 /* faults, and changes of the map, of a process in an interval */
#define KEYFRAME_NS (10ull * 1000000000ull) /* between two Smaps of a process */
#define RSS_NS 10000000ull /* between two readings of its counters within an interval */
#define NR_REGIONS 64 /* of a process that have a counter at a time */
#define NR_NOTES 16

/* Names of events: iid is the number. */
enum pf_name {
	N_ATTACH = 1,
	N_EXEC,
	N_EXIT,
	N_MAPPED,
	N_GREW,
	N_SHRANK,
	N_PROTECTED,
	N_REPLACED,
	N_SAME,
	N_STACK_GREW,
	N_UNMAPPED,
	N_NAMED,
	N_RESYNC,
	N_MINOR,
	N_MAJOR,
	N_FAILED,
	N_FOREIGN,
	N_THREAD,
	N_THREAD_EXIT,
	N_RENAMED,
	N_SIGNAL,
	N_OOM,
	N_MAPS_READ,
	N_PAGES_COUNTED,
	N_FAULTS_BINNED,
	N_MAP_BINNED,
	N_INTERVAL,
	N_INV_WATCHED,
	N_INV_START,
	N_INV_END,
	N_INV_RELEASED,
	N_INV_DOUBT,
	N_INV_BINNED,
	N_MOVING_BINNED,
	N_CALLS_BINNED,
	N_NR,
	N_CALLS = 64, /* and the number of a system call */
};

/* Names of arguments: iid is the number; that of an event kind is A_KINDS + kind. */
enum pf_arg {
	A_ADDRESS = 1,
	A_SIZE,
	A_PROTECTION,
	A_FILE,
	A_KIND,
	A_TID,
	A_PC,
	A_SP,
	A_BYTES,
	A_WRITE,
	A_EXEC,
	A_PREV_MAJOR,
	A_OLD_ADDRESS,
	A_OLD_SIZE,
	A_OLD_PROTECTION,
	A_MAPPED_BYTES,
	A_NAME,
	A_EXE,
	A_STATUS,
	A_SIGNAL,
	A_SIGNO,
	A_CODE,
	A_FATAL,
	A_REGIONS,
	A_COMPLETE,
	A_MINOR,
	A_MAJOR,
	A_OTHER,
	A_EVENTS,
	A_FORKED,
	A_PARENT,
	A_STACK_OVERFLOW,
	A_WHY,
	A_SEQ,
	A_STAYS,
	A_SWAP_BYTES,
	A_NEW_SIZE,
	A_FLAGS,
	A_ADVICE,
	A_RESULT,
	A_ERROR,
	A_FAILED,
	A_NR,
	A_KINDS = 100,
};

/* Categories: an event's kind, and these. */
enum { C_BINNED = 100, C_READING, C_INTERVAL, C_PAGES };

/* Counters of a process; their tracks are the process's uuid and this number. */
enum pf_counter {
	PC_RSS,
	PC_ANON,
	PC_FILE,
	PC_SHMEM,
	PC_SWAP,
	PC_VIRTUAL,
	PC_K_HEAP,
	PC_K_ARENAS,
	PC_K_ANON,
	PC_K_STACKS,
	PC_K_FILES,
	PC_K_SHARED,
	PC_MINOR, /* a second */
	PC_MAJOR,
	PC_UNSEEN,
	PC_NR,
	/* tracks that are no counters */
	PT_MEMORY = 32,
	PT_REGIONS,
	PT_MAP,
	PT_MAP_BINNED,
	PT_FAULTS,
	PT_FAULTS_BINNED,
	PT_READINGS,
	PT_INV,
	PT_INV_BINNED,
	PT_MOVING_BINNED,
	PT_CALLS_BINNED,
};

/* Tracks of no process. */
enum pf_root { R_ROOT = 1, R_MARKS, R_INTERVALS, R_LOST, R_LOST_COUNT, R_EVENTS, R_NOBODY };

/* What came and went in a system call that has not returned yet. */
struct pf_moved {
	uint16_t call; /* as mtr_ev_rss.call; 0: none */
	uint64_t first_ns;
	int64_t bytes, swap;
};

struct pf_thread {
	uint32_t tid;
	uint32_t comm; /* string */
	uint64_t uuid;
	struct pf_moved moved;
	uint64_t call_end_ns; /* of the last system call told as a slice */
	int64_t depth, high; /* sent last; −1: never */
	UT_hash_handle hh;
};

struct pf_region {
	uint64_t start, end;
	enum region_kind kind;
	uint64_t uuid;
	int64_t sent;
};

/* Events of one interval that are told as one. */
struct pf_bin {
	uint64_t count, first_ns, last_ns;
	uint64_t by[4]; /* faults: minor, major, other; map: vma, hole, name, resync; calls: done, failed */
	int64_t bytes;
	unsigned int shown; /* that were told one by one before */
	uint64_t end_ns; /* of the last slice: slices of a track may not overlap */
};

/* A system call that moves pages, where calls are not recorded: of its events, as they come, one is made. */
struct pf_call {
	struct mtr_event ev; /* the first; kind 0: none is waiting */
	int64_t bytes, swap;
};

struct pf_proc {
	uint32_t as, pid;
	uint32_t comm; /* string */
	uint64_t uuid;
	uint64_t start_ns;
	unsigned int ended; /* intervals since */
	unsigned int serial; /* of the threads and regions seen */
	struct pf_thread *threads;
	struct pf_region region[NR_REGIONS];
	unsigned int nr_regions;
	int64_t sent[PC_NR];
	bool known[PC_NR]; /* sent at least once */
	uint64_t rss_ns; /* when the RSS was sent last */
	uint64_t heap_ns; /* of the last point of the heap profiles */
	uint64_t keyframe_ns; /* of the last Smaps; 0: none yet */
	uint64_t reading_end_ns; /* of the last reading told */
	unsigned int reading_regions;
	struct pf_bin faults, map, inv, moving, calls;
	struct pf_call call;
	struct pf_ledger *ledger; /* NULL: no call stack came */
	struct syms *syms; /* names; NULL: not asked for */
	bool own_syms;
	UT_hash_handle hh; /* by as */
};

/* What was told on a sequence of frames, modules and their names: iids by what they stand for. */
struct pf_names {
	uint32_t seq;
	struct pf_iid *all; /* uthash */
	uint64_t next;
};

/* One heap profile of a process. */
struct pf_heap {
	struct pf_names names;
	uint64_t index; /* of the next packet */
	bool begun;
};

enum pf_heap_kind { HEAP_FAULTS, HEAP_CALLS, HEAP_STACK, HEAP_NR };

/* Who brought which pages of a process; path numbers are of (call stack, kind). */
struct pf_ledger {
	struct ledger ledger;
	struct pf_heap heap[HEAP_NR];
	struct ledger_path *sent; /* by path: what was told last */
	uint32_t nr_sent;
};

struct pf_string {
	uint32_t id; /* in the stream's table */
	uint64_t iid;
	UT_hash_handle hh;
};

/* A VMA event waits for the model to apply it: then the name of its file is known. */
struct pf_pending {
	bool any;
	struct mtr_event ev;
	enum pf_name name;
	uint64_t old_start, old_end;
	uint32_t old_prot;
	enum region_kind kind;
	uint64_t stack_of; /* uuid of the thread whose stack grew; 0: none */
};

struct pf {
	struct exporter *x;
	char *bundle; /* packets that wait to be compressed together */
	size_t bundle_len, bundle_cap;
	char *packed; /* of the same, compressed */
	size_t packed_cap;
	struct pf_string *strings;
	struct pf_names stacks; /* of the sequence of events */
	struct strtab *texts; /* names of functions and files */
	uint32_t nr_heaps;
	uint64_t next_iid;
	uint64_t state_ns; /* when the interned state was told last */
	uint64_t clock_ns; /* when the clocks were told last */
	uint64_t tick_ns;
	uint64_t tick_counts[MTR_EV_MAX];
	uint64_t told_lost;
	uint64_t each, binned; /* faults told one by one, and in bins */
	struct export_clocks clocks;
	struct pf_proc *procs;
	struct pf_pending pending;
};

/* An event that is being put together. */
struct pf_event {
	Pf__Event ev;
	Pf__Note note[NR_NOTES];
	Pf__Note *notes[NR_NOTES];
	uint64_t category;
};

/* perfetto_packet.c. What returns int: 0 or −errno. */
int pf_packet(struct pf *f, const Pf__Packet *pk);
int pf_flush(struct pf *f);
int pf_state(struct pf *f, uint64_t time_ns);
uint64_t pf_mix(uint64_t a, uint64_t b); /* a track's uuid: never 0 */
/* pf_text() - what the stream's string says, fit for Perfetto; in @buf of PF_TEXT bytes */
#define PF_TEXT (3 * 4096)
char *pf_text(const struct pf *f, uint32_t string, char *buf);

void pf_event(struct pf_event *e, unsigned int type, uint64_t track, unsigned int name,
	      unsigned int category);
Pf__Note *pf_note(struct pf_event *e, unsigned int arg);
void pf_uint(struct pf_event *e, enum pf_arg a, uint64_t v);
void pf_int(struct pf_event *e, enum pf_arg a, int64_t v);
void pf_ptr(struct pf_event *e, enum pf_arg a, uint64_t v);
void pf_bool(struct pf_event *e, enum pf_arg a, bool v);
void pf_kind(struct pf_event *e, enum region_kind k); /* nothing for RK_UNKNOWN */
void pf_prot(struct pf_event *e, enum pf_arg a, uint32_t prot);
/* pf_str() - nothing for the empty string */
int pf_str(struct pf *f, struct pf_event *e, enum pf_arg a, uint32_t string);
int pf_send(struct pf *f, const struct pf_event *e, uint64_t time_ns);

/* Values of counters, up to eight to a packet. */
struct pf_batch {
	uint64_t time_ns;
	unsigned int nr;
	uint64_t track[8];
	int64_t value[8];
};
int pf_count(struct pf *f, struct pf_batch *b, uint64_t track, int64_t value);
int pf_batch_send(struct pf *f, struct pf_batch *b);

struct pf_track {
	uint64_t uuid, parent;
	const char *name, *description; /* UTF-8; description may be NULL */
	unsigned int unit; /* 0: no counter */
	const char *unit_name, *share; /* may be NULL */
	int rank; /* among its siblings, from 1; 0: as it comes */
	bool ordered; /* its children are by rank */
};
int pf_track(struct pf *f, const struct pf_track *t, uint64_t time_ns);

/* perfetto_proc.c */
struct pf_proc *pf_proc(struct pf *f, uint32_t as);
struct pf_thread *pf_thread(const struct pf_proc *q, uint32_t tid);
uint64_t pf_proc_track(const struct pf_proc *q, unsigned int n);
/* pf_task_track() - the thread's track, else the process's, else nobody's */
uint64_t pf_task_track(const struct pf_proc *q, uint32_t tid);
int pf_proc_begins(struct pf *f, const struct mtr_event *ev);
/* pf_proc_adopt() - one that the model knows and of which no event told: the file begins in the middle */
int pf_proc_adopt(struct pf *f, const struct proc *p, uint64_t time_ns);
int pf_proc_ends(struct pf *f, struct pf_proc *q, const struct mtr_event *ev);
int pf_thread_begins(struct pf *f, struct pf_proc *q, const struct mtr_event *ev);
int pf_thread_ends(struct pf *f, struct pf_proc *q, const struct mtr_event *ev);
/* pf_thread_adopt() - a thread of the model that no event told of; NULL: no memory */
struct pf_thread *pf_thread_adopt(struct pf *f, struct pf_proc *q, const struct thread *m,
				  uint64_t time_ns);
int pf_renamed(struct pf *f, struct pf_proc *q, const struct mtr_event *ev);
void pf_proc_free(struct pf *f, struct pf_proc *q);

/* perfetto_counters.c */
int pf_rss(struct pf *f, struct pf_proc *q, const struct proc *p, uint64_t time_ns);
int pf_kernel(struct pf *f, struct pf_proc *q, const struct mtr_event *ev);
int pf_proc_counters(struct pf *f, struct pf_proc *q, struct proc *p, uint64_t time_ns);
int pf_counters_end(struct pf *f, struct pf_proc *q, uint64_t time_ns);
int pf_regions_end(struct pf *f, struct pf_proc *q, uint64_t time_ns);
/* pf_smaps() - the address space, when all of it was counted, or @anyhow */
int pf_smaps(struct pf *f, struct pf_proc *q, struct proc *p, uint64_t time_ns, bool anyhow);

/* perfetto_events.c */
int pf_map_event(struct pf *f, struct pf_proc *q, const struct mtr_event *ev);
int pf_pending(struct pf *f);
int pf_fault(struct pf *f, struct pf_proc *q, const struct mtr_event *ev);
int pf_signal(struct pf *f, struct pf_proc *q, const struct mtr_event *ev);
int pf_reading(struct pf *f, struct pf_proc *q, const struct mtr_event *ev);
int pf_bins(struct pf *f, struct pf_proc *q);
/* pf_each() - is this one of those that are told one by one? If not, it is in the bin */
bool pf_each(struct pf_bin *b, unsigned int what, uint64_t time_ns, int64_t bytes);
/* pf_slice() - not before @end, where the track's last one ended; which is then where this one does */
int pf_slice(struct pf *f, struct pf_event *e, uint64_t from, uint64_t to, uint64_t *end);
int pf_invalidate(struct pf *f, struct pf_proc *q, const struct mtr_event *ev);

/* perfetto_calls.c */
int pf_call(struct pf *f, struct pf_proc *q, const struct mtr_event *ev);
/* pf_moving() - pages came or went in a system call */
int pf_moving(struct pf *f, struct pf_proc *q, const struct mtr_event *ev);
/* pf_call_over(), pf_calls_over() - its thread does something else; an interval ends */
int pf_call_over(struct pf *f, struct pf_proc *q, const struct mtr_event *ev);
int pf_calls_over(struct pf *f, struct pf_proc *q);

/* perfetto_stacks.c */
/* pf_callstack() - the iid of a call stack on a sequence; 0: it has none that is known */
int pf_callstack(struct pf *f, struct pf_proc *q, struct pf_names *n, uint32_t stack,
		 uint64_t *ret_iid);
/* pf_stack() - the call stack of an event goes with what is told of it */
int pf_stack(struct pf *f, struct pf_proc *q, struct pf_event *e, const struct mtr_event *ev);
void pf_names_free(struct pf_names *n);

/* perfetto_heaps.c */
/* pf_heap_event() - before the model is told */
int pf_heap_event(struct pf *f, struct pf_proc *q, const struct mtr_event *ev);
/* pf_heap_dump() - a point in time of each heap profile */
int pf_heap_dump(struct pf *f, struct pf_proc *q, uint64_t time_ns);
void pf_heap_free(struct pf_proc *q);

#define pf_root_track(n) pf_mix(0x6d656d7472616365ull, (n))

#endif
