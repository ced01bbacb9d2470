/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which call stack holds where. Only some events bring theirs (MTR_EV_STACK); it
 * holds for the later ones of the same thread at the same (ip, sp). Here each event
 * gets the id of its own: event.callstack.
 *
 *   STACK tid 7, at (ip, sp), stack 3 ─► FAULT tid 7, at (ip, sp): callstack 3
 *
 * The same for a live stream and for a file, where the trace reader does it.
 */
#ifndef EVENT_SITES_H
#define EVENT_SITES_H

#include "event/event.h"
#include "event/stacktab.h"

struct sites;

/* sites_new() - nothing is known; NULL with errno set when out of memory */
struct sites *sites_new(void);
void sites_free(struct sites *s); /* safe on NULL */

/**
 * sites_event() - the next event of the stream: take it in, and set its callstack
 *
 * That of STACK itself, of FAULT, RSS and CALL by their place, of the VMA and the THREAD that
 * a stack was taken for. Returns 0 or −ENOMEM.
 */
int sites_event(struct sites *s, struct mtr_event *ev);

/* sites_tell() - all that is known, as MTR_EV_SITE: who begins to read there knows as much. As sink returns */
int sites_tell(const struct sites *s, uint64_t time_ns, event_sink_fn sink, void *ctx);

/* sites_mark() - all stacks that are known here: stacktab_mark() */
void sites_mark(const struct sites *s, struct stacktab *t);
/* sites_trim() - forget the places where nothing has happened since the last time */
void sites_trim(struct sites *s);

/* sites_nr() - places known */
unsigned int sites_nr(const struct sites *s);

#endif
