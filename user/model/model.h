/* SPDX-License-Identifier: GPL-2.0 */
/*
 * All traced processes of a session or a file, driven by events and nothing
 * else: the same code live and in replay. No I/O.
 */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include "event/event.h"
#include "event/strtab.h"
#include "model/proc.h"

struct model {
	struct strtab *st; /* borrowed */
	struct proc *procs; /* uthash by address space id; ended ones stay */
	struct proc *last; /* looked up last */
	uint64_t lost[MTR_EV_MAX]; /* by kind of the lost events; [0]: any */
	uint64_t nr_events;
	uint64_t time_ns; /* of the last event applied */
	uint32_t drop_srcs; /* bit per enum mtr_wire_src: map events of that hook are ignored */
	unsigned int history_len; /* samples that each process's history may have; 0: HISTORY_LEN */
	uint64_t drop_kinds; /* bit per MTR_EV_*: ignored. For tests: each kind must be missed */
};

void model_init(struct model *m, struct strtab *st);
void model_fini(struct model *m);
/* model_apply() - as event_sink_fn; @ctx is the model */
int model_apply(void *ctx, const struct mtr_event *ev);
struct proc *model_proc(struct model *m, uint32_t as);
/* model_proc_by_pid() - the living one of that pid, else the one that ended last */
struct proc *model_proc_by_pid(struct model *m, uint32_t pid);
/* model_drop() - forget an address space: nobody will ask for it any more */
void model_drop(struct model *m, uint32_t as);
uint64_t model_lost(const struct model *m);

/**
 * model_save() - all that the model knows, as MTR_EV_STATE events: a keyframe
 *
 * Given to the model_apply() of another model, they make it the same: from there on both follow
 * the same events alike. Of one interval's end; within a snapshot of the maps it is not whole.
 * Returns 0 or what the sink returned.
 */
int model_save(struct model *m, uint64_t time_ns, event_sink_fn sink, void *ctx);
/* model_save_proc() - the part of that which is one process's: without MTR_ST_MODEL no keyframe of its own */
int model_save_proc(struct model *m, struct proc *p, uint64_t time_ns, event_sink_fn sink,
		    void *ctx);
/* model_save_some() - the same, of those processes only that @wanted says yes to; NULL: all */
int model_save_some(struct model *m, uint64_t time_ns,
		    bool (*wanted)(void *ctx, const struct proc *p), void *wanted_ctx,
		    event_sink_fn sink, void *ctx);

#endif
