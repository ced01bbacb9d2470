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

struct sites;

/* sites_new() - nothing is known; NULL with errno set when out of memory */
struct sites *sites_new(void);
void sites_free(struct sites *s); /* safe on NULL */

/**
 * sites_event() - the next event of the stream: take it in, and set its callstack
 *
 * That of STACK itself, of FAULT and RSS by their place, of the VMA and the THREAD that
 * a stack was taken for. Returns 0 or −ENOMEM.
 */
int sites_event(struct sites *s, struct mtr_event *ev);

/* sites_tell() - all that is known, as MTR_EV_SITE: who begins to read there knows as much. As sink returns */
int sites_tell(const struct sites *s, uint64_t time_ns, event_sink_fn sink, void *ctx);

struct stacktab;
/* sites_keep() - stacktab_keep() of all that they have */
void sites_keep(const struct sites *s, struct stacktab *st);
/* sites_nr() - places known */
unsigned int sites_nr(const struct sites *s);

#endif
