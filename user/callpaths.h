/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Call stacks of a live session: what the source copied of a thread's stack becomes
 * frames, in the stream's stack table, as it comes, because that needs the files that
 * are mapped now. From then on the copy is gone: whoever takes the stream has ids, and a
 * file has addresses of code, never what else was on the stack.
 */
#ifndef CALLPATHS_H
#define CALLPATHS_H

#include "event/sites.h"
#include "event/stacktab.h"
#include "model/model.h"
#include "sym/sym.h"

struct callpaths;

/**
 * callpaths_new() - for the processes of @m
 * @period: of faults at a known place one in so many brings its stack; 0: as @max_overhead has it
 * @max_overhead: percent of a CPU that call stacks may cost
 */
struct callpaths *callpaths_new(struct model *m, unsigned int period, double max_overhead);
void callpaths_free(struct callpaths *c); /* safe on NULL */
/*
 * callpaths_bound() - at most so many processes an interval have their files opened for the first time: of
 * further ones no stack is told meanwhile. For who follows everybody; 0: no bound
 */
void callpaths_bound(struct callpaths *c, unsigned int max_new);

/**
 * callpaths_roots_fn - stacktab_mark() every stack that is held
 * @squeeze: there are too many: hold fewer
 */
typedef void (*callpaths_roots_fn)(void *ctx, struct stacktab *t, bool squeeze);

/*
 * callpaths_roots() - who holds stacks of the table from now on; NULL: nobody knows. When there are many
 * stacks, those that this one, and the places known, do not hold are forgotten; without it they stay.
 */
void callpaths_roots(struct callpaths *c, callpaths_roots_fn fn, void *ctx);

/* callpaths_event() - the next event, before the model is told: a stack's frames, and whose they are. 0 or −ENOMEM */
int callpaths_event(struct callpaths *c, struct mtr_event *ev);

/**
 * callpaths_tick() - an interval ended: hold the cost down
 *
 * Returns true when callpaths_period() or callpaths_bytes() is another one from now on.
 */
bool callpaths_tick(struct callpaths *c, uint64_t now_ns);
/* callpaths_due() - so many stacks came that callpaths_tick() should not wait for the interval's end */
bool callpaths_due(const struct callpaths *c, uint64_t now_ns);
unsigned int callpaths_period(const struct callpaths *c);
unsigned int callpaths_bytes(const struct callpaths *c); /* of a stack that are to be copied */

/*
 * callpaths_syms() - the files of an address space, which stay open until it is dropped: also those
 * of a process that ended can still be named. NULL: no such process, or memory is short
 */
struct syms *callpaths_syms(struct callpaths *c, uint32_t as);
/* callpaths_work() - of an address space: stacks that were recognised without unwinding, and ns spent on the others */
void callpaths_work(const struct callpaths *c, uint32_t as, uint64_t *ret_known,
		    uint64_t *ret_unwind_ns);
struct stacktab *callpaths_stacks(struct callpaths *c);
struct sites *callpaths_sites(struct callpaths *c);

#endif
