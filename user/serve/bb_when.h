/* SPDX-License-Identifier: GPL-2.0 */
/*
 * When the black box writes: steps of RSS, stacks that run short, and the pause
 * between two reports. Pure functions of numbers and of the clock they are given.
 */
#ifndef SERVE_BB_WHEN_H
#define SERVE_BB_WHEN_H

#include <stdbool.h>
#include <stdint.h>

enum bb_cause {
	BB_OOM, /* the OOM killer chose it */
	BB_SIGSEGV,
	BB_SIGBUS,
	BB_SIGABRT,
	BB_HIGH, /* its cgroup passed memory.high */
	BB_MAX, /* its cgroup was refused memory */
	BB_STEP, /* RSS made a step */
	BB_HEADROOM, /* a stack is nearly used up */
	BB_NR
};

/* bb_cause_name() - as in the names of files: "oom", "rss-step"; static storage */
const char *bb_cause_name(enum bb_cause c);
/* bb_cause_of_signal() - BB_NR: none of those that are reported */
enum bb_cause bb_cause_of_signal(int signo);

/*
 * The least RSS of each slot of the last span: a step is what RSS now is above the least of them.
 *
 *	│ least │ least │ … │ least │now        BB_SLOTS of span / (BB_SLOTS − 1) each
 */
#define BB_SLOTS 16u
#define BB_STEP_LEAST (16ll << 20) /* bytes: smaller ones are none */

struct bb_step {
	uint64_t since_ns; /* 0: nothing was told yet */
	uint64_t slot; /* number of the one that is filled now; 0: none yet */
	int64_t least[BB_SLOTS]; /* −1: no sample was in it */
};

/* bb_step_reset() - what is there from now on is no growth */
void bb_step_reset(struct bb_step *s);
/**
 * bb_step_add() - RSS at a moment
 * @percent: of the least; 0: no steps are told
 * @span_ns: within which
 *
 * Returns by how many bytes it has stepped up, 0 when it has not. The first span after a reset does
 * not count: what a process needs to get going is no step.
 */
int64_t bb_step_add(struct bb_step *s, int64_t rss, uint64_t now_ns, double percent,
		    uint64_t span_ns);

/* When there was a report of each cause last; 0: never. */
struct bb_pause {
	uint64_t last_ns[BB_NR];
};

/* bb_pause_ask() - may there be a report now? If so it is noted as made */
bool bb_pause_ask(struct bb_pause *p, enum bb_cause c, uint64_t now_ns, uint64_t pause_ns);

/* A thread's stack is told of once as it runs short, and again after it had room. */
#define BB_LOW 8u

struct bb_low {
	uint32_t tid[BB_LOW]; /* 0: unused */
	unsigned int next;
};

/* bb_low_ask() - true: this thread's stack has fallen under the bound since it was asked last */
bool bb_low_ask(struct bb_low *l, uint32_t tid, int64_t headroom, int64_t limit, double percent);

#endif
