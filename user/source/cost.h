/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What memtrace itself takes: run time of its BPF programs, its own CPU and memory.
 *
 * BPF run time is the kernel's (bpf_prog_info.run_time_ns), which counts only
 * while BPF_STATS_RUN_TIME is enabled. That switch is system-wide: it makes
 * every BPF program of the machine pay two clock reads a run (some 20 to 60 ns).
 * So it is on in short windows only (100 ms every 5 s). A run's time includes
 * about one of its two clock reads (an empty program counts 54 ns here): the
 * figure is an upper bound of what the programs take outside of windows.
 *
 *   ──┤window├──────────────── period ────────────────┤window├──
 *     on   off: percent of that window                 on   off
 */
#ifndef SOURCE_COST_H
#define SOURCE_COST_H

#include <stdint.h>
#include "event/status.h"

struct cost_meter;

/**
 * cost_new() - a meter; both times in ns, 0 for the defaults (100 ms every 5 s)
 * Returns NULL with errno set when out of memory.
 */
struct cost_meter *cost_new(uint64_t window_ns, uint64_t period_ns);
void cost_free(struct cost_meter *c); /* safe on NULL; ends an open window */

/* cost_set_progs() - whose run time counts; descriptors stay the caller's and are copied as numbers. 0 or −ENOMEM */
int cost_set_progs(struct cost_meter *c, const int *fds, unsigned int nr);

/**
 * cost_start_window(), cost_end_window() - measure between the two
 *
 * For callers that choose the moment; cost_tick() does it by itself. Start returns 0, or
 * −errno when the kernel refuses (EPERM, or no BPF_ENABLE_STATS before 5.8): then
 * bpf_percent stays −1 unless somebody else has statistics on (kernel.bpf_stats_enabled).
 */
int cost_start_window(struct cost_meter *c, uint64_t now_ns);
int cost_end_window(struct cost_meter *c, uint64_t now_ns);

/**
 * cost_tick() - call from the event loop, at cost_next() or at any time
 * @now_ns: CLOCK_BOOTTIME
 *
 * Opens and closes windows when they are due. Never sleeps, but throwing the
 * switch patches the kernel's code: up to 0.6 ms at either end of a window.
 * Returns true when a new figure is ready.
 */
bool cost_tick(struct cost_meter *c, uint64_t now_ns);

/* cost_next() - when cost_tick() has something to do next, CLOCK_BOOTTIME */
uint64_t cost_next(const struct cost_meter *c);

/**
 * cost_get() - bpf_percent of the last window; own CPU since the last call; own RSS now
 *
 * Sets bpf_percent, self_cpu_percent and self_rss_bytes; leaves the others alone.
 */
void cost_get(struct cost_meter *c, uint64_t now_ns, struct mtr_cost *cost);

/* Totals over all windows, for bench and --json: run time, runs, time measured. */
struct cost_bpf {
	uint64_t run_ns, runs, window_ns;
	unsigned int nr_windows;
};
void cost_bpf_total(const struct cost_meter *c, struct cost_bpf *ret_total);

#endif
