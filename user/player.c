// SPDX-License-Identifier: GPL-2.0
#include "player.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "context.h"
#include "source/src_file.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/rfc3339.h"
#include "util/units.h"

struct player {
	const char *path;
	struct src_file *sf;
	struct trace_reader *r;
	struct strtab *st;
	struct model model;
	struct player_proc **procs;
	unsigned int nr_procs, cap_procs;
	struct mtr_cost cost;
	bool has_cost;
	uint64_t now_ns, real_ns;
	uint32_t cmd_pid;
	event_sink_fn tap;
	void *tap_ctx;
};

static int open_failed(const char *path, int err)
{
	switch (err) {
	case -EPROTO:
	case -EINVAL:
		return log_error(EX_FAILED, "make one: memtrace record -p PID -o FILE",
				 "%s is no memtrace recording", path);
	case -EPROTONOSUPPORT:
		return log_error(
			EX_FAILED, "use a newer memtrace",
			"%s was made by a newer memtrace, in a format this one cannot read", path);
	}
	return log_error(EX_FAILED, NULL, "cannot read %s: %s", path, strerror(-err));
}

int player_open(const char *path, struct player **ret_pl)
{
	struct player *pl = calloc(1, sizeof(*pl));
	int err = -ENOMEM;

	if (!pl)
		return open_failed(path, err);
	pl->path = path;
	pl->st = strtab_new();
	if (pl->st) {
		model_init(&pl->model, pl->st);
		err = src_file_open(path, pl->st, &pl->sf);
	}
	if (err) {
		player_close(pl);
		return open_failed(path, err);
	}
	pl->r = src_file_reader(pl->sf);
	pl->cmd_pid = (uint32_t)facts_u64(player_facts(pl), "command.pid");
	*ret_pl = pl;
	return 0;
}

static void clear_procs(struct player *pl)
{
	for (unsigned int i = 0; i < pl->nr_procs; i++)
		free(pl->procs[i]);
	pl->nr_procs = 0;
}

void player_close(struct player *pl)
{
	if (!pl)
		return;
	src_file_close(pl->sf);
	clear_procs(pl);
	free(pl->procs);
	if (pl->st)
		model_fini(&pl->model);
	strtab_free(pl->st);
	free(pl);
}

void player_tap(struct player *pl, event_sink_fn fn, void *ctx)
{
	pl->tap = fn;
	pl->tap_ctx = ctx;
}

void player_all_keys(struct player *pl)
{
	trace_reader_all_keys(pl->r, true);
}

/* ---- processes, in the order in which a session has them */

static struct player_proc *find(struct player *pl, uint32_t as)
{
	for (unsigned int i = pl->nr_procs; i-- > 0;)
		if (pl->procs[i]->as == as)
			return pl->procs[i];
	return NULL;
}

static int add_proc(struct player *pl, uint32_t as)
{
	struct player_proc *pp, **procs;

	if (find(pl, as))
		return 0;
	if (pl->nr_procs == pl->cap_procs) {
		unsigned int cap = pl->cap_procs ? pl->cap_procs * 2 : 16;

		procs = reallocarray(pl->procs, cap, sizeof(*procs));
		if (!procs)
			return -ENOMEM;
		pl->procs = procs;
		pl->cap_procs = cap;
	}
	pp = calloc(1, sizeof(*pp));
	if (!pp)
		return -ENOMEM;
	pp->as = as;
	pp->p = model_proc(&pl->model, as);
	pl->procs[pl->nr_procs++] = pp;
	return 0;
}

static void drop_proc(struct player *pl, uint32_t as)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < pl->nr_procs; i++) {
		if (pl->procs[i]->as == as)
			free(pl->procs[i]);
		else
			pl->procs[n++] = pl->procs[i];
	}
	pl->nr_procs = n;
}

static int on_exec(struct player *pl, const struct mtr_event *ev)
{
	struct player_proc *pp = find(pl, ev->proc.prev_as);
	struct proc *p = model_proc(&pl->model, ev->as);

	if (!pp || !p || pp->p->pid != p->pid)
		return add_proc(pl, ev->as);
	*pp = (struct player_proc){ .p = p, .as = ev->as };
	return 0;
}

static int on_state(struct player *pl, const struct mtr_event *ev)
{
	struct proc *p;

	if (ev->state.what == MTR_ST_MODEL) {
		clear_procs(pl);
		pl->has_cost = false;
		pl->now_ns = ev->time_ns;
		pl->real_ns = 0;
		return 0;
	}
	if (ev->state.what != MTR_ST_PROC)
		return 0;
	p = model_proc(&pl->model, ev->as);
	return p && !p->replaced_by ? add_proc(pl, ev->as) : 0;
}

/* What is beside the model. 1: an interval of the session ended */
static int beside(struct player *pl, const struct mtr_event *ev)
{
	struct player_proc *pp;

	switch ((int)ev->kind) {
	case MTR_EV_ATTACH:
		return model_proc(&pl->model, ev->as) ? add_proc(pl, ev->as) : 0;
	case MTR_EV_EXEC:
		return model_proc(&pl->model, ev->as) ? on_exec(pl, ev) : 0;
	case MTR_EV_STATE:
		return on_state(pl, ev);
	case MTR_EV_LIMITS:
	case MTR_EV_LIMIT:
		pp = find(pl, ev->as);
		if (pp) {
			context_take_limit(&pp->limits, ev, pl->st);
			pp->has_limits = true;
		}
		return 0;
	case MTR_EV_COST:
		pl->cost = ev->cost;
		pl->has_cost = true;
		return 0;
	case MTR_EV_TICK:
		if (ev->as)
			return 0;
		pl->now_ns = ev->time_ns;
		pl->real_ns = ev->tick.real_ns;
		return 1;
	}
	return 0;
}

static int apply(struct player *pl, const struct mtr_event *ev)
{
	int err;

	/* before the model forgets it */
	if (ev->kind == MTR_EV_DROP)
		drop_proc(pl, ev->as);
	err = model_apply(&pl->model, ev);
	if (!err && pl->tap)
		err = pl->tap(pl->tap_ctx, ev);
	return err < 0 ? err : beside(pl, ev);
}

int player_next(struct player *pl)
{
	struct mtr_event ev;
	int ret;

	while ((ret = trace_reader_next(pl->r, &ev)) > 0) {
		ret = apply(pl, &ev);
		if (ret)
			return ret;
	}
	return ret;
}

int player_event(struct player *pl, struct mtr_event *ev)
{
	return trace_reader_next(pl->r, ev);
}

/*
 * To the end of an interval in any case: which events come before a moment and
 * which after it cannot be told from their times, because threads hold some back.
 */
int player_seek(struct player *pl, uint64_t time_ns)
{
	int ret = trace_reader_seek(pl->r, time_ns);

	if (ret)
		return ret;
	do {
		ret = player_next(pl);
	} while (ret > 0 && pl->now_ns < time_ns);
	return ret < 0 ? ret : 0;
}

/* ---- */

struct model *player_model(struct player *pl)
{
	return &pl->model;
}

struct strtab *player_strings(struct player *pl)
{
	return pl->st;
}

const struct stacktab *player_stacks(struct player *pl)
{
	return trace_reader_stacks(pl->r);
}

struct player_proc **player_procs(struct player *pl, unsigned int *ret_nr)
{
	*ret_nr = pl->nr_procs;
	return pl->procs;
}

const struct mtr_cost *player_cost(const struct player *pl)
{
	return pl->has_cost ? &pl->cost : NULL;
}

const char *player_rung(const struct player *pl)
{
	const char *rung = facts_get(player_facts(pl), "rung");

	return rung ? rung : "proc";
}

uint64_t player_now(const struct player *pl)
{
	return pl->now_ns;
}

uint64_t player_real(const struct player *pl)
{
	const struct trace_facts *f = player_facts(pl);

	if (pl->real_ns)
		return pl->real_ns;
	return facts_u64(f, "start.realtime_ns") + pl->now_ns - facts_u64(f, "start.boottime_ns");
}

uint64_t player_begin(const struct player *pl)
{
	return player_info(pl)->begin_ns;
}

uint64_t player_end(const struct player *pl)
{
	return player_info(pl)->end_ns;
}

uint64_t player_size(const struct player *pl)
{
	return src_file_size(pl->sf);
}

const struct trace_facts *player_facts(const struct player *pl)
{
	return trace_reader_facts(pl->r);
}

const struct trace_info *player_info(const struct player *pl)
{
	return trace_reader_info(pl->r);
}

bool player_hidden(const struct player *pl, const struct player_proc *pp)
{
	return pl->cmd_pid && pp->p->pid == pl->cmd_pid && !pp->p->exec_nr;
}

void player_report(struct player *pl, struct player_proc *pp, struct report *ret_r)
{
	*ret_r = (struct report){
		.p = pp->p,
		.model = &pl->model,
		.limits = pp->has_limits ? &pp->limits : NULL,
		.cost = player_cost(pl),
		.rung = player_rung(pl),
		.live = true,
		.now_ns = pl->now_ns,
		.now_real_ns = player_real(pl),
	};
}

int player_status(const struct player *pl)
{
	const struct trace_info *in = player_info(pl);

	if (in->nr_damages)
		return log_error(
			EX_DAMAGED, "see: memtrace info FILE",
			"%s is damaged in %u place%s (%s at byte %llu): what is intact was "
			"read, %llu events are missing",
			pl->path, in->nr_damages, in->nr_damages > 1 ? "s" : "", in->damage[0].what,
			(unsigned long long)in->damage[0].off, (unsigned long long)in->missing);
	if (!in->closed)
		return log_error(EX_DAMAGED, NULL,
				 "%s was not closed (the recorder was killed, or still writes): it "
				 "was read to its last chunk",
				 pl->path);
	return 0;
}

int player_modules(struct player *pl, struct modtab *mods)
{
	struct strtab *theirs = strtab_new();
	struct src_file *sf = NULL;
	struct mtr_event ev;
	int ret = theirs ? src_file_open(pl->path, theirs, &sf) : -ENOMEM;

	if (!ret)
		trace_reader_only(src_file_reader(sf), MTR_EV_MODULE);
	while (!ret && (ret = trace_reader_next(src_file_reader(sf), &ev)) > 0) {
		ret = 0;
		if (ev.kind != MTR_EV_MODULE)
			continue;
		ev.module.path = strtab_intern_str(pl->st, strtab_str(theirs, ev.module.path));
		ev.module.build_id =
			strtab_intern_str(pl->st, strtab_str(theirs, ev.module.build_id));
		ret = modtab_event(mods, &ev);
	}
	src_file_close(sf);
	strtab_free(theirs);
	return ret;
}

/* ---- moments */

static int find_mark(struct player *pl, const char *name, uint64_t *ret_ns)
{
	struct mtr_event ev;
	int ret = trace_reader_seek(pl->r, 0);

	trace_reader_only(pl->r, MTR_EV_MARK);
	while (!ret && (ret = trace_reader_next(pl->r, &ev)) > 0) {
		ret = ev.kind == MTR_EV_MARK && !strcmp(strtab_str(pl->st, ev.mark.name), name);
		if (ret)
			*ret_ns = ev.time_ns;
	}
	trace_reader_only(pl->r, 0);
	return ret;
}

int player_moment(struct player *pl, const char *text, uint64_t *ret_ns)
{
	uint64_t ns, begin = player_begin(pl), end = player_end(pl), real0, boot0;
	const struct trace_facts *f = player_facts(pl);
	int ret;

	if ((*text == '+' || *text == '-') && !parse_time(text + 1, &ns)) {
		if (*text == '+')
			*ret_ns = begin + ns;
		else
			*ret_ns = end - begin > ns ? end - ns : begin;
		return 0;
	}
	if (!parse_rfc3339(text, &ns)) {
		real0 = facts_u64(f, "start.realtime_ns");
		boot0 = facts_u64(f, "start.boottime_ns");
		*ret_ns = ns + boot0 > real0 ? ns + boot0 - real0 : 0;
		return 0;
	}
	ret = find_mark(pl, text, ret_ns);
	if (ret > 0)
		return 0;
	if (ret < 0)
		return log_error(EX_FAILED, NULL, "cannot read %s: %s", pl->path, strerror(-ret));
	return log_error(EX_USAGE_ERR, "a moment is a mark, +30s, -10s or 2026-11-21T16:02:41Z",
			 "%s has no mark '%s'", pl->path, text);
}
