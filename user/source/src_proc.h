/* SPDX-License-Identifier: GPL-2.0 */
/*
 * /proc as a source of events: the map, threads, residency and the kernel's
 * counters of one process. Never smaps or smaps_rollup: they hold the target's
 * mmap_lock for seconds on large processes.
 */
#ifndef SOURCE_SRC_PROC_H
#define SOURCE_SRC_PROC_H

#include <sys/types.h>
#include "event/event.h"
#include "event/strtab.h"

struct src_proc;

/**
 * src_proc_open() - hold a process, so that a reused pid is never read
 *
 * Keeps a descriptor of /proc/PID (which goes stale with the process) and
 * checks the start time. Returns 0, −ESRCH, −EACCES, or −EINVAL for a kernel thread.
 */
int src_proc_open(pid_t pid, struct src_proc **ret_sp);
void src_proc_close(struct src_proc *sp);
pid_t src_proc_pid(const struct src_proc *sp);

/* Each of these gives its events to @sink with ->as = @as. 0, −ESRCH when the process is gone, −EACCES, or what the sink returned. */

/* MTR_EV_ATTACH from stat, status, exe: for a session without BPF. rss_bytes from status. */
int src_proc_attach(struct src_proc *sp, uint32_t as, struct strtab *st, event_sink_fn sink,
		    void *ctx);
/* src_proc_exe() - path of its program, which BPF events do not tell; 0 when not known */
uint32_t src_proc_exe(pid_t pid, struct strtab *st);
/* SNAP_BEGIN(maps), SNAP_VMA…, SNAP_END */
int src_proc_maps(struct src_proc *sp, uint32_t as, struct strtab *st, event_sink_fn sink,
		  void *ctx);
/* MTR_EV_THREAD with at_attach, one a thread */
int src_proc_threads(struct src_proc *sp, uint32_t as, struct strtab *st, event_sink_fn sink,
		     void *ctx);
/* MTR_EV_SP of each thread, from /proc/PID/task/TID/syscall and stat; running threads get sp 0 */
int src_proc_sps(struct src_proc *sp, uint32_t as, struct strtab *st, event_sink_fn sink,
		 void *ctx);
/* MTR_EV_KERNEL: stat and statm; takes no lock */
int src_proc_kernel(struct src_proc *sp, uint32_t as, event_sink_fn sink, void *ctx);

struct src_range {
	uint64_t start, end;
};

/**
 * src_proc_residency() - count present pages of ranges, from PAGEMAP_SCAN (6.7+) or pagemap
 * @r, @nr: ranges, each inside one region; one MTR_EV_RESIDENCY each, between SNAP_BEGIN/END(residency)
 * @budget_ns: stop after about this long; one range is counted whatever it takes
 * @ret_done: how many of @r were counted
 *
 * In slices: the mmap_lock is never held for more than one slice (64 MiB of
 * addresses that are mapped, more where page tables are empty).
 */
int src_proc_residency(struct src_proc *sp, uint32_t as, const struct src_range *r, unsigned int nr,
		       uint64_t budget_ns, event_sink_fn sink, void *ctx, unsigned int *ret_done);

struct src_kmod;
/* src_proc_kmod() - memtrace.ko may count; NULL: no more. The caller keeps @k. */
void src_proc_kmod(struct src_proc *sp, struct src_kmod *k);

/* src_proc_epoch() - counts are to be told from the changes around them by this number: src_bpf_epoch() */
void src_proc_epoch(struct src_proc *sp, uint32_t *epoch);

/* src_proc_zero_known() - false: zero pages were counted as resident (before 6.7, without CAP_SYS_ADMIN) */
bool src_proc_zero_known(const struct src_proc *sp);

/* src_proc_lock_ns() - time spent so far inside reads that take the target's mmap_lock: an upper bound */
uint64_t src_proc_lock_ns(const struct src_proc *sp);

/* src_proc_file_path() - full path of the file mapped at [start, end), by /proc/PID/map_files; −errno */
int src_proc_file_path(struct src_proc *sp, uint64_t start, uint64_t end, char *buf, size_t sz);

/* src_proc_memory() - copy memory of a process, which runs on; false: not all of it is there */
bool src_proc_memory(pid_t pid, uint64_t addr, void *buf, size_t sz);

#endif
