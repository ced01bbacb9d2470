// SPDX-License-Identifier: GPL-2.0
#include "context.h"

#include <stdio.h>
#include <string.h>

int context_limits(const struct mtr_limits *l, uint32_t as, uint64_t time_ns, struct strtab *st,
		   event_sink_fn sink, void *ctx)
{
	struct mtr_event ev = { .kind = MTR_EV_LIMITS, .as = as, .time_ns = time_ns };
	int err;

	ev.limits = (struct mtr_ev_limits){ .nr = l->nr,
					    .stack_limit_bytes = l->stack_limit_bytes,
					    .max_map_count = l->max_map_count,
					    .nr_maps = l->nr_maps };
	err = sink(ctx, &ev);
	ev.kind = MTR_EV_LIMIT;
	for (unsigned int i = 0; i < l->nr && !err; i++) {
		const struct mtr_limit *m = &l->lim[i];

		ev.limit = (struct mtr_ev_limit){ .kind = m->kind,
						  .name = strtab_intern_str(st, m->name),
						  .limit_bytes = m->limit_bytes,
						  .used_bytes = m->used_bytes };
		err = sink(ctx, &ev);
	}
	return err;
}

void context_take_limit(struct mtr_limits *l, const struct mtr_event *ev, const struct strtab *st)
{
	struct mtr_limit *m = &l->lim[l->nr];

	if (ev->kind == MTR_EV_LIMITS) {
		*l = (struct mtr_limits){ .stack_limit_bytes = ev->limits.stack_limit_bytes,
					  .max_map_count = ev->limits.max_map_count,
					  .nr_maps = ev->limits.nr_maps };
		return;
	}
	if (l->nr == MTR_MAX_LIMITS)
		return;
	*m = (struct mtr_limit){ .kind = (enum mtr_limit_kind)ev->limit.kind,
				 .limit_bytes = ev->limit.limit_bytes,
				 .used_bytes = ev->limit.used_bytes };
	snprintf(m->name, sizeof(m->name), "%s", strtab_str(st, ev->limit.name));
	l->nr++;
}
