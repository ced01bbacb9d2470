// SPDX-License-Identifier: GPL-2.0
#include "export/exporter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct export_ops *const formats[] = { &export_perfetto, &export_json, &export_csv };

const struct export_ops *exporter_ops(const char *name)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(*formats); i++)
		if (!strcmp(formats[i]->name, name))
			return formats[i];
	return NULL;
}

const char *exporter_names(void)
{
	return "perfetto, json, csv or folded";
}

int exporter_new(const struct export_ops *ops, const struct export_info *info, struct strtab *st,
		 int fd, struct exporter **ret_x)
{
	struct exporter *x = calloc(1, sizeof(*x));
	int err;

	if (!x)
		return -ENOMEM;
	x->ops = ops;
	x->info = *info;
	x->mods = modtab_new();
	x->st = st;
	model_init(&x->model, st);
	x->last_ns = info->clocks.boot_ns;
	x->state = calloc(1, ops->state_sz ? ops->state_sz : 1);
	err = x->state && x->mods ? sink_open(&x->out, fd) : -ENOMEM;
	if (!err)
		err = ops->begin(x);
	if (err) {
		exporter_free(x);
		return err;
	}
	*ret_x = x;
	return 0;
}

static int told(struct exporter *x, const struct mtr_event *ev)
{
	if (ev->kind >= MTR_EV_MAX)
		return 0;
	x->counts[ev->kind]++;
	x->nr++;
	if (ev->time_ns > x->last_ns)
		x->last_ns = ev->time_ns;
	if (ev->kind == MTR_EV_LOST) {
		x->nr_lost += ev->lost.count;
		return x->ops->lost(x, ev);
	}
	return x->ops->event(x, ev);
}

static int interval(struct exporter *x, const struct mtr_event *ev)
{
	const struct export_clocks now = { .boot_ns = ev->time_ns, .real_ns = ev->tick.real_ns };
	int err = 0;

	if (ev->time_ns > x->last_ns)
		x->last_ns = ev->time_ns;
	if (x->ops->tick)
		err = x->ops->tick(x, &now);
	return !err && x->info.live ? sink_flush(&x->out) : err;
}

/* A keyframe that is given is one that is needed: what was before it is not in the file. */
static int from_keyframe(struct exporter *x, const struct mtr_event *ev)
{
	struct proc *p;

	if (ev->kind != MTR_EV_STATE || ev->state.what != MTR_ST_DONE || !x->ops->state)
		return 0;
	p = model_proc(&x->model, ev->as);
	return p && !p->replaced_by ? restate(x, p, ev->time_ns) : 0;
}

int exporter_feed(void *ctx, const struct mtr_event *ev)
{
	struct exporter *x = ctx;

	if (!x->err && event_is_told(ev->kind))
		x->err = told(x, ev);
	if (!x->err)
		x->err = modtab_event(x->mods, ev);
	if (!x->err)
		x->err = model_apply(&x->model, ev);
	if (!x->err)
		x->err = from_keyframe(x, ev);
	if (!x->err && ev->kind == MTR_EV_TICK && !ev->as)
		x->err = interval(x, ev);
	return x->err;
}

int exporter_finish(struct exporter *x)
{
	if (!x->err && !x->nr)
		x->err = -ENODATA;
	if (!x->err)
		x->err = x->ops->finish(x);
	if (!x->err)
		x->err = sink_flush(&x->out);
	return x->err;
}

void exporter_free(struct exporter *x)
{
	if (!x)
		return;
	if (x->ops->release && x->state)
		x->ops->release(x);
	sink_close(&x->out);
	modtab_free(x->mods);
	model_fini(&x->model);
	free(x->state);
	free(x);
}

uint32_t exporter_pid(struct exporter *x, const struct mtr_event *ev)
{
	const struct proc *p;

	if (ev->kind == MTR_EV_ATTACH || ev->kind == MTR_EV_EXEC)
		return ev->proc.pid;
	p = ev->as ? model_proc(&x->model, ev->as) : NULL;
	return p ? p->pid : 0;
}
