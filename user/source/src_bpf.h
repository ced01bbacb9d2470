/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The BPF programs as a source of events: one ring buffer, one set of hooks
 * for any number of processes.
 *
 *   src_bpf_open → hooks are on, nobody is traced
 *   src_bpf_attach → a pass over the tasks makes processes known: MTR_EV_ATTACH, MTR_EV_THREAD
 *   src_bpf_drain → events; the caller reads /proc/PID/maps once an ATTACH came by
 */
#ifndef SOURCE_SRC_BPF_H
#define SOURCE_SRC_BPF_H

#include <sys/types.h>
#include "event/event.h"
#include "event/strtab.h"
#include "source/ladder.h"

struct src_bpf;

struct src_bpf_opts {
	enum ladder_rung rung; /* RUNG_FENTRY or RUNG_TRACEPOINT; RUNG_NONE: the best there is */
	uint64_t ring_bytes; /* 0: default, 8 MiB; rounded up to a power of 2 */
	bool module; /* listen to memtrace.ko, too, if its tracepoints are there */
	bool stacks; /* call stacks are wanted: MTR_EV_STACK, MTR_EV_MOVE */
	unsigned int fault_period; /* one fault in so many is told of, by chance; 0, 1: all */
	bool no_storage; /* for tests: as if the kernel gave no task storage */
	bool bounded; /* a drain ends with what came before it began, however much comes meanwhile */
	unsigned int max_targets; /* 0: default, 1024 processes at a time */
};

/**
 * src_bpf_open() - load what this kernel allows and switch the hooks on
 * @ret_why: on failure one line that says what is missing; static or owned by the probe
 *
 * Returns 0, −EPERM, −EOPNOTSUPP (the kernel lacks what is needed), or −errno of the load.
 */
int src_bpf_open(const struct src_bpf_opts *o, struct strtab *st, struct src_bpf **ret_sb,
		 const char **ret_why);
void src_bpf_close(struct src_bpf *sb); /* takes everything out of the kernel; safe on NULL */

/**
 * src_bpf_attach() - trace these processes from now on
 * @pids: as this process sees them
 *
 * Returns how many of them exist, have memory and are traced by now; −errno.
 */
int src_bpf_attach(struct src_bpf *sb, const pid_t *pids, unsigned int nr, bool follow);

/* src_bpf_fd() - becomes readable when the ring fills; poll it and call src_bpf_drain() now and then besides */
int src_bpf_fd(const struct src_bpf *sb);
/* src_bpf_drain() - give all events there are to the sink; number of them, or −errno of the sink */
int src_bpf_drain(struct src_bpf *sb, event_sink_fn sink, void *ctx);
/* src_bpf_tick() - have every thread tell where it stands (MTR_EV_SP) and send what it held back */
int src_bpf_tick(struct src_bpf *sb);
/* src_bpf_epoch() - for src_proc_epoch(): the number that tells a count from the changes around it */
uint32_t *src_bpf_epoch(struct src_bpf *sb);
/**
 * src_bpf_stack_rate() - how call stacks are taken from now on
 * @period: of faults at a place that is known one in so many brings its stack; 0: none is taken, of no event
 * @bytes: of the stack that are copied
 */
void src_bpf_stack_rate(struct src_bpf *sb, unsigned int period, unsigned int bytes);
/* src_bpf_ring_peak() - how full the ring was at most since the last call, in percent; looked at when it wakes us */
unsigned int src_bpf_ring_peak(struct src_bpf *sb);
/* src_bpf_losses() - MTR_EV_LOST for what was lost since the last call. Returns how many events were. */
uint64_t src_bpf_losses(struct src_bpf *sb, event_sink_fn sink, void *ctx);

/* src_bpf_module() - memtrace.ko is listened to */
bool src_bpf_module(const struct src_bpf *sb);
enum ladder_rung src_bpf_rung(const struct src_bpf *sb);
/* src_bpf_progs() - descriptors of the loaded programs, for cost_set_progs() */
const int *src_bpf_progs(const struct src_bpf *sb, unsigned int *ret_nr);
/* src_bpf_unseen_procs() - children that could not be followed: no slot was free */
uint64_t src_bpf_unseen_procs(const struct src_bpf *sb);

#endif
