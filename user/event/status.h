/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Plain facts that travel beside the events, from source/ to the views:
 * limits of a process, what memtrace itself costs. No functions.
 */
#ifndef EVENT_STATUS_H
#define EVENT_STATUS_H

#include <stdbool.h>
#include <stdint.h>

enum mtr_limit_kind {
	MTR_LIM_CGROUP = 1, /* memory.max (v2) or memory.limit_in_bytes (v1) of an ancestor */
	MTR_LIM_AS = 2, /* RLIMIT_AS, against the virtual size */
	MTR_LIM_DATA = 3, /* RLIMIT_DATA, against data_vm */
	MTR_LIM_HOST = 4, /* the host's memory: used is MemTotal − MemAvailable */
};

struct mtr_limit {
	enum mtr_limit_kind kind;
	uint64_t limit_bytes;
	uint64_t used_bytes; /* by everybody the limit counts */
	char name[256]; /* cgroup path as the process is in it, else "" ; raw bytes */
};

#define MTR_MAX_LIMITS 16

struct mtr_limits {
	unsigned int nr;
	struct mtr_limit lim[MTR_MAX_LIMITS];
	uint64_t stack_limit_bytes; /* RLIMIT_STACK; ~0: unlimited */
	uint64_t max_map_count; /* vm.max_map_count; 0: unknown */
	uint64_t nr_maps; /* mappings now, from the model or maps; 0: unknown */
};

/* What the memory of a process's own cgroup (v2) consists of, bytes. */
struct mtr_cgroup {
	uint64_t current; /* all it is charged for */
	uint64_t anon, file, shmem, kernel; /* of that; file without shmem */
	unsigned int nr_procs;
	char name[256]; /* its path; raw bytes */
};

/* What memtrace takes, over the last window. Negative or NaN-free: −1 is "not known". */
struct mtr_cost {
	double bpf_percent; /* of one CPU, all programs together, own measuring included; −1 */
	double self_cpu_percent; /* of one CPU, user + system of memtrace; −1 */
	uint64_t self_rss_bytes;
	uint64_t events_per_s;
	uint64_t lock_held_ns_per_s; /* at most: time inside reads that take the target's mmap_lock */
	uint64_t lost; /* events since the start */
	uint64_t unseen_faults; /* kernel's count − ours, since the start */
	unsigned int ring_fill_percent; /* highest of the last interval */
	unsigned int
		stack_period; /* of faults at a known place one in so many brought its call stack; 0: none did */
};

#endif
