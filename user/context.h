/* SPDX-License-Identifier: GPL-2.0 */
/* The facts that travel beside the model (event/status.h), as events and back. */
#ifndef CONTEXT_H
#define CONTEXT_H

#include "event/event.h"
#include "event/strtab.h"

/* context_limits() - MTR_EV_LIMITS and its MTR_EV_LIMITs; 0 or what the sink returned */
int context_limits(const struct mtr_limits *l, uint32_t as, uint64_t time_ns, struct strtab *st,
		   event_sink_fn sink, void *ctx);

/* context_take_limit() - the inverse: @l after an MTR_EV_LIMITS or MTR_EV_LIMIT of its process */
void context_take_limit(struct mtr_limits *l, const struct mtr_event *ev, const struct strtab *st);

#endif
