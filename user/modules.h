/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The programs and libraries that a recording's processes have mapped, by
 * build-id: what resolves addresses on another machine. Seen as events go by,
 * looked up a little later, while the process is still there.
 */
#ifndef MODULES_H
#define MODULES_H

#include "event/event.h"
#include "event/strtab.h"

struct modules;

struct modules *modules_new(struct strtab *st);
void modules_free(struct modules *m);
/* modules_see() - an event as it goes by. Cheap; 0 or −ENOMEM */
int modules_see(struct modules *m, const struct mtr_event *ev);
/* modules_take() - one that somebody else resolved: an MTR_EV_MODULE. 0 or −ENOMEM */
int modules_take(struct modules *m, const struct mtr_event *ev);
/* modules_resolve() - MTR_EV_MODULE for each that was seen since the last call; as event_sink_fn returns */
int modules_resolve(struct modules *m, uint32_t (*pid_of)(void *ctx, uint32_t as), void *pid_ctx,
		    event_sink_fn sink, void *ctx);
/* modules_tell() - all that were resolved so far, once more */
int modules_tell(const struct modules *m, uint64_t time_ns, event_sink_fn sink, void *ctx);

#endif
