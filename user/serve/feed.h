/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is told about a set of processes, written once for all who asked for the same set:
 *
 *	session ──event──► route (by address space) ──► feed ──chunks──► its clients' queues
 *	                                                 │
 *	                 a trace of its own, whose keyframes go to those only who need one:
 *	                 who has just come, and who was behind
 *
 * A feed belongs to one user, or to those who see all: what joins it later (an exec, a child) is
 * looked at as what they asked for.
 */
#ifndef SERVE_FEED_H
#define SERVE_FEED_H

#include "serve/client.h"
#include "serve/peer.h"
#include "serve/serve.h"
#include "trace/proto.h"

struct feeds;

struct feeds *feeds_new(struct serve *sv); /* NULL: no memory */
void feeds_free(struct feeds *fs); /* safe on NULL */

/**
 * feeds_join() - the client gets what it asked for from its next keyframe on
 * @rq: its processes were looked at: they are traced, and it may see them
 *
 * Returns 0, −EBUSY: this user has too many different sets; −ENOMEM.
 */
int feeds_join(struct feeds *fs, struct client *c, const struct proto_request *rq);
/* feeds_leave() - no more; nothing when it gets nothing */
void feeds_leave(struct feeds *fs, struct client *c);

/* feeds_event() - the next event of the session. Loses a client's data, never the session's time */
void feeds_event(struct feeds *fs, const struct mtr_event *ev);

/**
 * feeds_keys() - keyframes for those who wait for one
 * @budget_ns: so long, and then no further one is begun
 *
 * To be called between two events of the session, as a part's callbacks are. Returns what is left of the budget.
 */
uint64_t feeds_keys(struct feeds *fs, uint64_t budget_ns);

/* feeds_tick() - an interval ended: who may see what is looked at again, and all is sent that there is */
void feeds_tick(struct feeds *fs);

unsigned int feeds_nr(const struct feeds *fs);

#endif
