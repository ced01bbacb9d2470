// SPDX-License-Identifier: GPL-2.0
#include "serve/serve.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include "serve/notify.h"
#include "serve/rules.h"
#include "serve/serve_int.h"
#include "serve/serve_run.h"
#include "serve/traced.h"
#include "source/confine.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/privilege.h"

#define SERIES_POINTS 256u /* of each process and call path */
#define TIDY_AFTER 256 /* processes that have ended */
#define RING (8ull << 20) /* its pages are the daemon's memory, twice */

/* ---- configuration */

/* What the command line adds to the files. */
static int add_cmdline(struct conf *c, const struct opts *o)
{
	char pid[16];
	int err = 0;

	for (unsigned int i = 0; i < o->nr_pids && !err; i++) {
		snprintf(pid, sizeof(pid), "%d", o->pids[i]);
		err = conf_add(&c->pids, pid);
	}
	for (unsigned int i = 0; i < o->nr_names && !err; i++)
		err = conf_add(&c->names, o->names[i]);
	for (unsigned int i = 0; i < o->nr_cgroups && !err; i++)
		err = conf_add(&c->cgroups, o->cgroups[i]);
	if (!err && o->http) {
		free(c->http);
		c->http = strdup(o->http);
		err = c->http ? 0 : -ENOMEM;
	}
	if (o->repeat)
		c->interval_ns = o->interval_ns;
	if (o->max_overhead_given)
		c->max_overhead = o->max_overhead;
	return err;
}

static void refused(const struct conf_error *e, bool kept)
{
	const char *fix = kept ? "the configuration before it stays" :
				 "memtrace serve --check-config";

	if (e->line)
		log_error(EX_FAILED, fix, "%s:%u: %s", e->file, e->line, e->text);
	else
		log_error(EX_FAILED, fix, "%s: %s", e->file, e->text);
}

/* NULL after one line on stderr */
static struct conf *load(const struct opts *o, bool kept)
{
	struct conf_error e;
	struct conf *c = conf_load(o->config ? o->config : CONF_DEFAULT, &e);
	int err;

	if (!c) {
		refused(&e, kept);
		return NULL;
	}
	err = add_cmdline(c, o);
	if (!err && rules_any(c))
		return c;
	if (err)
		log_error(EX_FAILED, NULL, "too many rules, or out of memory");
	else
		log_error(EX_FAILED, "-p, -n, --cgroup, or [trace] name = … in " CONF_DEFAULT,
			  "nobody is to be traced: there is no rule");
	conf_free(c);
	return NULL;
}

int serve_check(const struct opts *o)
{
	struct conf *c = load(o, false);

	conf_free(c);
	return c ? 0 : EX_FAILED;
}

/* ---- parts */

int serve_watch(struct serve *sv, int fd, uint32_t events, serve_ready_fn fn, void *ctx)
{
	return loop_watch(sv->loop, fd, events, fn, ctx);
}

void serve_unwatch(struct serve *sv, int fd)
{
	loop_unwatch(sv->loop, fd);
}

struct session *serve_session(struct serve *sv)
{
	return sv->s;
}

const struct conf *serve_conf(const struct serve *sv)
{
	return sv->conf;
}

struct growth *serve_growth(struct serve *sv)
{
	return sv->g;
}

uint64_t serve_now(const struct serve *sv)
{
	return session_now(sv->s);
}

void serve_added(struct serve *sv, struct served *p)
{
	for (unsigned int i = 0; i < sv->nr_parts; i++)
		if (serve_parts[i]->added)
			serve_parts[i]->added(sv->ctx[i], p);
}

void serve_gone(struct serve *sv, struct served *p)
{
	for (unsigned int i = 0; i < sv->nr_parts; i++)
		if (serve_parts[i]->gone)
			serve_parts[i]->gone(sv->ctx[i], p);
}

static int start_parts(struct serve *sv)
{
	int ret = 0;

	for (unsigned int i = 0; !ret && i < SERVE_PARTS && serve_parts[i]; i++) {
		if (serve_parts[i]->init)
			ret = serve_parts[i]->init(sv, &sv->ctx[i]);
		if (!ret)
			sv->nr_parts++;
	}
	return ret;
}

static void end_parts(struct serve *sv)
{
	while (sv->nr_parts) {
		const struct serve_part *p = serve_parts[--sv->nr_parts];

		if (p->fini)
			p->fini(sv->ctx[sv->nr_parts]);
	}
}

/* As event_sink_fn, after the model. */
static int on_event(void *ctx, const struct mtr_event *ev)
{
	struct serve *sv = ctx;
	int err = growth_event(sv->g, ev);

	table_event(sv, ev);
	for (unsigned int i = 0; !err && i < sv->nr_parts; i++)
		if (serve_parts[i]->event)
			err = serve_parts[i]->event(sv->ctx[i], ev);
	return err ? err : sv->failed;
}

/* ---- the loop */

static void save_list(struct serve *sv)
{
	const uint64_t tick_ns = NSEC_PER_SEC / (uint64_t)sysconf(_SC_CLK_TCK);
	struct traced_proc *list;
	unsigned int nr = 0;
	int err;

	if (!sv->traced)
		return;
	list = calloc(sv->table.nr + 1, sizeof(*list));
	if (!list)
		return;
	for (unsigned int i = 0; i < sv->table.nr; i++) {
		const struct proc *p = sv->table.procs[i]->sp->p;

		if (p->state != 'X' && p->death == DEATH_NONE)
			list[nr++] =
				(struct traced_proc){ (pid_t)p->pid, p->start_time_ns / tick_ns };
	}
	err = traced_save(sv->traced, list, nr, serve_now(sv));
	free(list);
	if (!err)
		return;
	log_warn("the list of traced processes cannot be kept any more: %s", strerror(-err));
	traced_close(sv->traced);
	sv->traced = NULL;
}

/* What malloc keeps of processes that have ended. */
static void tidy_up(struct serve *sv)
{
	if (sv->table.nr_ended - sv->tidied < TIDY_AFTER)
		return;
	sv->tidied = sv->table.nr_ended;
	malloc_trim(0);
}

static int tick(void *ctx, struct session *s)
{
	struct serve *sv = ctx;
	int err;

	growth_tick(sv->g, session_now(s));
	table_update(sv);
	for (unsigned int i = 0; i < sv->nr_parts; i++)
		if (serve_parts[i]->tick)
			serve_parts[i]->tick(sv->ctx[i]);
	err = finder_scan(sv);
	save_list(sv);
	tidy_up(sv);
	return err ? err : sv->failed;
}

static int input(void *ctx, struct session *s)
{
	struct serve *sv = ctx;

	(void)s;
	loop_run(sv->loop);
	return sv->failed;
}

static void turn(void *ctx, struct session *s)
{
	struct serve *sv = ctx;

	table_look(sv);
	if (table_sweep(sv) && session_forget(s))
		sv->failed = -ENOMEM;
}

/* SIGHUP */
static void hangup(void *ctx, struct session *s)
{
	struct serve *sv = ctx;
	struct conf *now, *old = sv->conf;
	char state[64];

	snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%llu",
		 (unsigned long long)(clock_ns(CLOCK_MONOTONIC) / 1000));
	notify_systemd(state);
	now = load(sv->cmdline, true);

	if (!now) {
		notify_systemd("READY=1");
		return;
	}
	if (now->max_procs != old->max_procs) {
		log_warn("max-processes = %u counts from the next start on", now->max_procs);
		now->max_procs = old->max_procs;
	}
	sv->conf = now;
	sv->o.interval_ns = now->interval_ns;
	sv->o.follow = now->follow;
	session_rearm(s);
	finder_again(sv->finder);
	for (unsigned int i = 0; i < sv->nr_parts; i++)
		if (serve_parts[i]->reload)
			serve_parts[i]->reload(sv->ctx[i], now);
	conf_free(old);
	log_info("the configuration was read again");
	notify_systemd("READY=1");
}

/* ---- begin and end */

/* Each process takes some descriptors: its folders, its files. */
static void want_descriptors(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl))
		return;
	rl.rlim_cur = rl.rlim_max;
	setrlimit(RLIMIT_NOFILE, &rl);
}

static int open_list(struct serve *sv)
{
	int err = traced_open(sv->conf->socket, &sv->traced);

	if (err == -EBUSY)
		return log_error(EX_FAILED, "stop it first, or give this one a socket of its own",
				 "a memtrace serve is running already at %s", sv->conf->socket);
	if (err)
		log_warn("after a restart nobody will be remembered: the folder of %s: %s",
			 sv->conf->socket, strerror(-err));
	return 0;
}

static int set_up(struct serve *sv)
{
	int ret;

	sv->o = *sv->cmdline;
	sv->o.daemon = true;
	sv->o.stacks = true;
	sv->o.follow = sv->conf->follow;
	sv->o.interval_ns = sv->conf->interval_ns;
	sv->o.max_overhead = sv->conf->max_overhead;
	sv->o.max_targets = sv->conf->max_procs;
	if (!sv->o.ring_bytes)
		sv->o.ring_bytes = RING;
	sv->loop = loop_new();
	sv->finder = finder_new();
	if (!sv->loop || !sv->finder)
		return log_error(EX_FAILED, NULL, "out of memory");
	ret = open_list(sv);
	if (!ret)
		ret = session_open(&sv->o, &sv->s);
	if (ret)
		return ret;
	sv->g = growth_new(session_model(sv->s), session_paths(sv->s));
	if (!sv->g)
		return log_error(EX_FAILED, NULL, "out of memory");
	sv->g->max_ticks = SERIES_POINTS;
	session_tap(sv->s, on_event, sv);
	return start_parts(sv);
}

/* Those that the daemon before this one had traced. */
static void recover(struct serve *sv)
{
	struct traced_proc *list = NULL;
	uint64_t alive_ns = 0;
	unsigned int nr = sv->traced ? traced_load(sv->traced, &list, &alive_ns) : 0, found = 0;
	pid_t *pids = calloc(nr + 1, sizeof(*pids));
	struct rules_proc p;

	for (unsigned int i = 0; pids && i < nr; i++)
		if (!rules_read(list[i].pid, false, false, &p) &&
		    p.start_ticks == list[i].start_ticks)
			pids[found++] = list[i].pid;
	if (found)
		session_attach_some(sv->s, pids, found);
	table_look(sv);
	for (unsigned int i = 0; i < found; i++) {
		struct served *s = serve_find(sv, pids[i]);

		if (!s)
			continue;
		s->gap_from_ns = alive_ns;
		s->gap_to_ns = boot_ns();
	}
	if (found)
		session_mark(sv->s, "restart");
	if (nr)
		log_info("%u of %u processes that were traced before are traced again", found, nr);
	free(pids);
	free(list);
}

static int begin(struct serve *sv)
{
	int err = session_attach_some(sv->s, NULL, 0);

	if (err < 0)
		return log_error(EX_FAILED, "see: memtrace doctor", "cannot trace: %s",
				 strerror(-err));
	recover(sv);
	err = finder_scan(sv);
	if (err)
		return log_error(EX_FAILED, NULL, "cannot look at /proc: %s", strerror(-err));
	for (unsigned int i = 0; i < sv->cmdline->nr_pids; i++)
		if (!serve_find(sv, sv->cmdline->pids[i]))
			log_warn(
				"PID %d is not traced: there is none, or it has no memory of its own",
				sv->cmdline->pids[i]);
	privilege_hurry();
	err = confine_self();
	if (err)
		log_warn("the daemon keeps rights that it does not need: %s", strerror(-err));
	log_info("%u processes are traced", sv->table.nr);
	notify_systemd("READY=1");
	return 0;
}

static void tear_down(struct serve *sv)
{
	if (sv->s)
		table_fini(sv);
	end_parts(sv);
	growth_free(sv->g);
	session_close(sv->s);
	finder_free(sv->finder);
	loop_free(sv->loop);
	traced_close(sv->traced);
	conf_free(sv->conf);
	free(sv);
}

int serve_run(const struct opts *o)
{
	struct session_view v = {
		.tick = tick, .input = input, .output_fd = -1, .turn = turn, .hangup = hangup
	};
	struct serve *sv = calloc(1, sizeof(*sv));
	int ret;

	if (!sv)
		return log_error(EX_FAILED, NULL, "out of memory");
	sv->cmdline = o;
	sv->since_ns = boot_ns();
	sv->conf = load(o, false);
	if (!sv->conf) {
		free(sv);
		return EX_FAILED;
	}
	want_descriptors();
	ret = set_up(sv);
	if (!ret)
		ret = begin(sv);
	if (!ret) {
		v.fd = loop_fd(sv->loop);
		ret = session_run(sv->s, &v, sv);
		notify_systemd("STOPPING=1");
	}
	tear_down(sv);
	return ret;
}
