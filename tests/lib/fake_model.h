/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A process that is not there: a small redis-server, told to the model as
 * events, second by second. For tests of what draws and prints.
 */
#ifndef FAKE_MODEL_H
#define FAKE_MODEL_H

#include "event/status.h"
#include "event/strtab.h"
#include "model/model.h"

#define FAKE_PID 4123u

struct fake_opts {
	unsigned int nr_procs; /* 1 and more */
	unsigned int nr_workers; /* threads with a stack each, beside the usual three */
	unsigned int nr_libs; /* modules beside libc */
	const char *comm; /* NULL: redis-server */
};

struct fake {
	struct fake_opts o;
	struct strtab *st;
	struct model model;
	uint64_t now_ns, real_ns;
	unsigned int ticks;
	struct mtr_limits limits;
	struct mtr_cost cost;
	uint64_t heap_end;
};

int fake_init(struct fake *f, const struct fake_opts *o);
void fake_fini(struct fake *f);
/* fake_tick() - a second passes: faults, growth, counts */
void fake_tick(struct fake *f);
struct proc *fake_proc(struct fake *f, unsigned int i);

/* How it ends. */
void fake_exit(struct fake *f, int code);
void fake_overflow(struct fake *f);
void fake_oom(struct fake *f);

#endif
