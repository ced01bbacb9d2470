/* SPDX-License-Identifier: GPL-2.0 */
/* Rows of `memtrace ps`: what the daemon knows of each process it traces. Plain data. */
#ifndef ANALYSIS_PS_H
#define ANALYSIS_PS_H

#include <stdbool.h>
#include <stdint.h>
#include "model/history.h"

#define PS_SPANS 3u /* 1 min, 10 min, 1 h */

/* Strings are raw bytes of the target. */
struct ps_row {
	uint32_t pid, uid;
	char comm[64];
	char *exe, *cgroup; /* owned by the table; NULL: not known */
	char group[96]; /* unit, container or pod; "": none */
	uint64_t start_time_ns, since_ns;
	int64_t rss, anon, file, shmem, swap, virt; /* bytes */
	int64_t by_class[HC_NR]; /* resident, as the Timeline has them; swap: swapped */
	bool known[PS_SPANS];
	double rate[PS_SPANS]; /* bytes/s */
	char verdict[24]; /* token */
	char verdict_text[256];
	double full_s; /* until the nearest limit is reached at this rate; −1: not known */
	int64_t headroom; /* bytes; −1: not known */
	uint32_t headroom_tid;
	double faults_per_s;
	uint64_t gap_from_ns, gap_to_ns; /* 0: no gap */
};

struct ps_table {
	struct ps_row *row;
	unsigned int nr, cap;
	uint64_t now_ns, now_real_ns;
	/* of the daemon */
	uint32_t pid;
	uint64_t since_ns, nr_seen, nr_ended, nr_unfollowed, lost;
	unsigned int nr_beyond;
	double self_cpu_percent, bpf_percent; /* −1: not known */
	uint64_t self_rss;
};

void ps_init(struct ps_table *t);
void ps_fini(struct ps_table *t);
/* ps_add() - a new row at the end, all zero; NULL: out of memory */
struct ps_row *ps_add(struct ps_table *t);

/* What a table can be sorted by. */
enum ps_sort { PS_RSS, PS_RATE, PS_HEADROOM, PS_FAULTS, PS_PID, PS_NAME, PS_SORTS };

/* ps_cmp() - −1, 0, 1: the order of two rows, what matters most first */
int ps_cmp(const struct ps_row *a, const struct ps_row *b, enum ps_sort sort);

#endif
