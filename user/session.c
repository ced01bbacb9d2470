// SPDX-License-Identifier: GPL-2.0
#include "session.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include "control.h"
#include "remote.h"
#include "session_int.h"
#include "source/src_kmod.h"
#include "target.h"
#include "util/clock.h"
#include "util/log.h"

#define POLL_MS 100 /* the ring wakes us when it fills; this bounds how old an event gets */
#define MAX_EVENTS 8
#define KEEP_ENDED 32 /* of those that ended; the daemon tells its parts and keeps none */
#define TOTAL_BUDGET (150 * NSEC_PER_MSEC) /* for counting pages, of all processes, an interval */
#define TICK_BUDGET (8 * NSEC_PER_MSEC) /* of that for a process: under 1 % of a second */
#define QUIET_EVERY \
	32 /* intervals between two looks at a process of the daemon's that does nothing */
#define DAEMON_HISTORY 256 /* samples of each process */
#define DAEMON_NEW 32 /* processes whose programs are opened for call stacks, an interval */
#define RING_PATIENCE (10 * NSEC_PER_MSEC) /* the ring is looked after in between */

static int add_proc(struct session *s, struct proc *p, struct src_proc *handle)
{
	struct sess_proc *sp, **procs;

	if (s->nr_procs == s->cap_procs) {
		unsigned int cap = s->cap_procs ? s->cap_procs * 2 : 16;

		procs = reallocarray(s->procs, cap, sizeof(*procs));
		if (!procs)
			return -ENOMEM;
		s->procs = procs;
		s->cap_procs = cap;
	}
	sp = calloc(1, sizeof(*sp));
	if (!sp)
		return -ENOMEM;
	sp->p = p;
	sp->sp = handle;
	if (handle && s->bpf)
		src_proc_epoch(handle, src_bpf_epoch(s->bpf));
	s->procs[s->nr_procs++] = sp;
	watch_begin(s, sp);
	return reconcile_maps(s, sp);
}

int session_apply(struct session *s, const struct mtr_event *ev)
{
	struct mtr_event with_stack;
	int err = 0;

	if (s->stacks_used) {
		with_stack = *ev;
		ev = &with_stack;
		err = callpaths_event(s->paths, &with_stack);
	}
	if (!err)
		err = model_apply(&s->model, ev);
	return err || !s->tap ? err : s->tap(s->tap_ctx, ev);
}

void session_tap(struct session *s, event_sink_fn fn, void *ctx)
{
	s->tap = fn;
	s->tap_key = NULL;
	s->tap_ctx = ctx;
}

void session_tap_key(struct session *s, int (*fn)(void *ctx))
{
	s->tap_key = fn;
}

/* An event of the session's own doing. */
static int tell(struct session *s, uint16_t kind, uint32_t as)
{
	const struct mtr_event ev = { .kind = kind, .as = as, .time_ns = s->now_ns };

	return session_apply(s, &ev);
}

static int drop(struct session *s, uint32_t as)
{
	return tell(s, MTR_EV_DROP, as);
}

/* The same process with another address space. */
static int replace_proc(struct session *s, struct proc *p, uint32_t prev_as)
{
	struct src_proc *handle = NULL;

	for (unsigned int i = 0; i < s->nr_procs; i++) {
		struct sess_proc *sp = s->procs[i];

		if (sp->p->as != prev_as || sp->p->pid != p->pid)
			continue;
		sp->p = p; /* first: who hears of the drop may look at it */
		if (drop(s, prev_as))
			return -ENOMEM;
		sp->virt_off = 0;
		sp->sweep_at = 0;
		sp->residual = 0;
		sp->limits_ns = 0;
		watch_begin(s, sp);
		return reconcile_maps(s, sp);
	}
	if (src_proc_open((pid_t)p->pid, &handle))
		handle = NULL;
	return add_proc(s, p, handle);
}

/*
 * Every event goes to the model. One that makes a process known is followed by
 * a snapshot of its map at once: the events still in the ring are younger than
 * the attach, and are replayed over it.
 */
int session_sink(void *ctx, const struct mtr_event *ev)
{
	struct session *s = ctx;
	struct src_proc *handle = NULL;
	struct mtr_event k, named;
	struct proc *p;
	int err;

	if (ev->kind == MTR_EV_STACK && ev->stack.why == MTR_STACK_WHY_CRASH)
		return crash_frames(s, ev);
	if (ev->kind != MTR_EV_ATTACH && ev->kind != MTR_EV_EXEC)
		return session_apply(s, ev);
	named = *ev;
	named.proc.exe = src_proc_exe((pid_t)ev->proc.pid, s->st);
	err = session_apply(s, &named);
	if (err)
		return err;
	p = model_proc(&s->model, ev->as);
	if (!p)
		return 0;
	if (ev->kind == MTR_EV_EXEC)
		return replace_proc(s, p, ev->proc.prev_as);
	handle = session_opened(s, (pid_t)p->pid, &k);
	if (handle && k.kind) {
		k.as = ev->as;
		session_apply(s, &k);
	} else if (!handle && src_proc_open((pid_t)p->pid, &handle)) {
		handle = NULL;
	}
	return add_proc(s, p, handle);
}

/* The signal that wants the session to end, and what wakes its loop. */
static volatile sig_atomic_t caught, resized, marked, hung_up, hangup_ends;
static const struct itimerval every_20ms = { { 0, 20000 }, { 0, 20000 } };
static int wake_fd = -1;

static void on_any_signal(int signo)
{
	const uint64_t one = 1;
	int saved = errno;

	if (signo == SIGALRM)
		return; /* it interrupted a write: that was all */
	if (signo == SIGWINCH)
		resized = 1;
	else if (signo == SIGUSR2)
		marked = 1;
	else if (signo == SIGHUP && !hangup_ends)
		hung_up = 1;
	else
		caught = signo;
	if (caught)
		setitimer(ITIMER_REAL, &every_20ms, NULL);
	if (write(wake_fd, &one, sizeof(one)) < 0)
		errno = 0; /* full: it wakes anyway */
	errno = saved;
}

/*
 * Handlers without SA_RESTART, not a signalfd: a report that is being written
 * to a pipe nobody reads must not keep memtrace from ending. Once it is to end,
 * a timer interrupts every write that blocks.
 */
static void catch_signals(struct session *s)
{
	const int signos[] = { SIGINT, SIGTERM, SIGHUP, SIGWINCH, SIGUSR2, SIGALRM };
	struct sigaction sa = { .sa_handler = on_any_signal };

	wake_fd = s->signal_fd;
	caught = resized = marked = hung_up = 0;
	hangup_ends = !s->o->daemon;
	for (unsigned int i = 0; i < sizeof(signos) / sizeof(*signos); i++)
		sigaction(signos[i], &sa, NULL);
}

static int set_up_fds(struct session *s)
{
	struct epoll_event ev = { .events = EPOLLIN };
	int fds[3];

	s->epfd = epoll_create1(EPOLL_CLOEXEC);
	s->timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	s->signal_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->epfd < 0 || s->timer_fd < 0 || s->signal_fd < 0)
		return -errno;
	fds[0] = s->timer_fd;
	fds[1] = s->signal_fd;
	fds[2] = s->remote ? remote_fd(s) : src_bpf_fd(s->bpf);
	for (unsigned int i = 0; i < 3; i++) {
		ev.data.fd = fds[i];
		if (epoll_ctl(s->epfd, EPOLL_CTL_ADD, fds[i], &ev))
			return -errno;
	}
	catch_signals(s);
	/* the daemon is asked by a socket of its own */
	if (!s->remote && !s->o->daemon && !control_open(&s->control)) {
		ev.data.fd = control_fd(s->control);
		if (epoll_ctl(s->epfd, EPOLL_CTL_ADD, ev.data.fd, &ev))
			return -errno;
	}
	return 0;
}

static int open_bpf(struct session *s)
{
	struct src_bpf_opts bo = { .ring_bytes = s->o->ring_bytes,
				   .module = !src_kmod_there(),
				   .stacks = s->o->stacks,
				   .calls = s->o->calls,
				   .fault_period = s->o->sample_faults,
				   .max_targets = s->o->max_targets,
				   .bounded = s->o->daemon,
				   .no_storage = s->o->drop && !strcmp(s->o->drop, "storage") };
	const char *why = NULL;
	int err;

	if (s->o->rung && !strcmp(s->o->rung, "fentry"))
		bo.rung = RUNG_FENTRY;
	else if (s->o->rung && !strcmp(s->o->rung, "tracepoint"))
		bo.rung = RUNG_TRACEPOINT;
	err = src_bpf_open(&bo, s->st, &s->bpf, &why);
	if (err == -EPERM)
		return log_error(EX_PRIVILEGE,
				 "run as root: sudo memtrace …, or see: memtrace doctor",
				 "cannot trace: %s", why ? why : strerror(EPERM));
	if (err == -EOPNOTSUPP)
		return log_error(EX_KERNEL, "see: memtrace doctor",
				 "cannot trace on this kernel: %s",
				 why ? why : strerror(EOPNOTSUPP));
	if (err)
		return log_error(EX_FAILED, "see: memtrace -v … and memtrace doctor",
				 "cannot load the BPF programs: %s", why ? why : strerror(-err));
	return 0;
}

static void set_stack_rate(struct session *s)
{
	src_bpf_stack_rate(s->bpf, s->stacks_on ? callpaths_period(s->paths) : 0,
			   callpaths_bytes(s->paths));
}

void session_stacks(struct session *s, bool on)
{
	if (!s->paths)
		return; /* the daemon's */
	s->stacks_on = on;
	s->stacks_used |= on;
	set_stack_rate(s);
}

/* --drop: an event kind, or the hook of map events; "storage" is open_bpf()'s. For tests. */
static void set_drop(struct model *m, const char *name)
{
	static const char *const srcs[] = { "none", "ma_write", "walk", "mmap_event", "munmap" };

	for (unsigned int k = 1; name && k < MTR_EV_MAX; k++)
		if (!strcmp(name, event_kind_name(k)))
			m->drop_kinds |= 1ull << k;
	for (unsigned int i = 1; name && i < sizeof(srcs) / sizeof(*srcs); i++)
		if (!strcmp(name, srcs[i]))
			m->drop_srcs |= 1u << i;
}

/* A daemon has many processes, and they come and go. */
static void bound(struct session *s)
{
	if (!s->o->daemon)
		return;
	s->model.history_len = DAEMON_HISTORY;
	if (s->paths)
		callpaths_bound(s->paths, DAEMON_NEW);
}

/* Hooks of its own. 0 or an exit status after one line on stderr. */
static int open_own(struct session *s)
{
	const struct opts *o = s->o;
	const int *progs;
	unsigned int nr;
	int err;

	if (o->stacks) {
		s->paths = callpaths_new(&s->model, o->sample, o->max_overhead);
		if (!s->paths)
			return log_error(EX_FAILED, NULL, "out of memory");
	}
	bound(s);
	err = open_bpf(s);
	if (err)
		return err;
	if (s->paths)
		session_stacks(s, true);
	progs = src_bpf_progs(s->bpf, &nr);
	cost_set_progs(s->cost, progs, nr);
	return 0;
}

int session_open(const struct opts *o, struct session **ret_s)
{
	struct session *s = calloc(1, sizeof(*s));
	bool used;
	int err;

	if (!s)
		return log_error(EX_FAILED, NULL, "out of memory");
	s->o = o;
	s->epfd = s->timer_fd = s->signal_fd = -1;
	s->st = strtab_new();
	s->cost = cost_new(0, 0);
	if (!s->st || !s->cost) {
		session_close(s);
		return log_error(EX_FAILED, NULL, "out of memory");
	}
	model_init(&s->model, s->st);
	set_drop(&s->model, o->drop);
	s->now_ns = boot_ns();
	err = remote_open(s, &used);
	if (!err && !used)
		err = open_own(s);
	if (!err && set_up_fds(s))
		err = log_error(EX_FAILED, NULL, "cannot set up the event loop: %s",
				strerror(errno));
	if (err)
		session_close(s);
	else
		*ret_s = s;
	return err;
}

void session_close(struct session *s)
{
	if (!s)
		return;
	control_close(s->control);
	remote_close(s);
	cost_free(s->cost);
	src_bpf_close(s->bpf);
	for (unsigned int i = 0; i < s->nr_procs; i++) {
		watch_end(s->procs[i]);
		src_proc_close(s->procs[i]->sp);
		free(s->procs[i]);
	}
	free(s->procs);
	callpaths_free(s->paths);
	session_opening_end(s);
	model_fini(&s->model);
	strtab_free(s->st);
	if (s->epfd >= 0)
		close(s->epfd);
	if (s->timer_fd >= 0)
		close(s->timer_fd);
	if (s->signal_fd >= 0)
		close(s->signal_fd);
	free(s);
}

static int measure(struct session *s, uint64_t dt_ns)
{
	struct mtr_event ev = { .kind = MTR_EV_COST, .time_ns = s->now_ns };
	struct mtr_cost *c = &s->cost_now;
	uint64_t lock = s->lock_ns_gone;
	double sec = dt_ns ? (double)dt_ns / (double)NSEC_PER_SEC : 1;

	cost_get(s->cost, s->now_ns, c);
	c->events_per_s = (uint64_t)((double)(s->model.nr_events - s->tick_events) / sec);
	s->tick_events = s->model.nr_events;
	c->ring_fill_percent = src_bpf_ring_peak(s->bpf);
	c->unseen_faults = 0;
	for (unsigned int i = 0; i < s->nr_procs; i++) {
		if (s->procs[i]->sp)
			lock += src_proc_lock_ns(s->procs[i]->sp);
		c->unseen_faults += proc_unseen(s->procs[i]->p);
	}
	c->lock_held_ns_per_s =
		lock > s->tick_lock_ns ? (uint64_t)((double)(lock - s->tick_lock_ns) / sec) : 0;
	s->tick_lock_ns = lock;
	c->lost = model_lost(&s->model);
	c->stack_period = s->stacks_on ? callpaths_period(s->paths) : 0;
	ev.cost = *c;
	return session_apply(s, &ev);
}

/* The session's own interval ends when those of all its processes have. */
static int end_interval(struct session *s)
{
	struct mtr_event ev = { .kind = MTR_EV_TICK, .time_ns = s->now_ns };

	ev.tick.real_ns = clock_ns(CLOCK_REALTIME) - (boot_ns() - s->now_ns);
	return session_apply(s, &ev);
}

static int drain(struct session *s)
{
	int n = s->remote ? remote_read(s) : src_bpf_drain(s->bpf, session_sink, s);

	return n < 0 || s->remote ? n : 0;
}

static int take_in(struct session *s)
{
	uint64_t lost;
	int err;

	/* what threads held back comes first, then what the kernel counted: seen never exceeds it */
	err = src_bpf_tick(s->bpf);
	if (!err)
		err = drain(s);
	lost = src_bpf_losses(s->bpf, session_sink, s);
	s->maps_lost = lost > 0;
	return err;
}

/* Following a fork storm must not fill the memory: of those that ended, the latest are kept. */
static int forget_ended(struct session *s)
{
	unsigned int nr_ended = 0, n = 0, keep = s->o->daemon ? 0 : KEEP_ENDED;
	int err = 0;

	for (unsigned int i = 0; i < s->nr_procs; i++)
		nr_ended += s->procs[i]->ended;
	for (unsigned int i = 0; i < s->nr_procs; i++) {
		struct sess_proc *sp = s->procs[i];

		if (!sp->ended || nr_ended <= keep) {
			sp->ended = sp->p->state == 'X';
			s->procs[n++] = sp;
			continue;
		}
		nr_ended--;
		if (sp->sp)
			s->lock_ns_gone += src_proc_lock_ns(sp->sp);
		watch_end(sp);
		src_proc_close(sp->sp);
		if (!err)
			err = drop(s, sp->p->as);
		free(sp);
	}
	s->nr_procs = n;
	return err;
}

int session_forget(struct session *s)
{
	for (unsigned int i = 0; i < s->nr_procs; i++)
		s->procs[i]->ended = s->procs[i]->p->state == 'X';
	return forget_ended(s);
}

/* How long the page tables of a process may be read now: more when nothing is known of it yet. */
static uint64_t budget(const struct sess_proc *sp, uint64_t left)
{
	uint64_t want = sp->p->ticked ? TICK_BUDGET : left;

	return want < left ? want : left;
}

static void govern(struct session *s, uint64_t now_ns)
{
	if (s->stacks_on && callpaths_tick(s->paths, now_ns))
		set_stack_rate(s);
}

/*
 * Most of a daemon's processes do nothing most of the time: such a one is looked at now and then, each
 * at its turn, and has no ends of intervals. One more after it came to rest takes its rates back.
 */
static bool is_active(struct session *s, struct sess_proc *sp)
{
	bool was = sp->active;

	sp->active = sp->p->stirred || !sp->p->ticked || sp->unfinished || sp->p->want_maps ||
		     s->maps_lost;
	sp->p->stirred = false;
	return !s->o->daemon || sp->active || was;
}

static int end_of(struct session *s, struct sess_proc *sp, uint64_t until)
{
	uint64_t now = boot_ns();
	int err = 0;

	if (is_active(s, sp)) {
		err = reconcile_tick(s, sp, budget(sp, now < until ? until - now : 0));
		return err ? err : tell(s, MTR_EV_TICK, sp->p->as);
	}
	/* its pages are where they were: a counter would have told */
	return (s->nr_ticks + sp->p->as) % QUIET_EVERY ? 0 : reconcile_tick(s, sp, 0);
}

int session_settle(struct session *s)
{
	uint64_t before = s->now_ns, until, drained = boot_ns();
	int err;

	if (s->remote)
		return 0; /* the daemon's intervals are its own */
	err = forget_ended(s);
	watch_numbers(s);
	if (!err)
		err = take_in(s);

	s->now_ns = boot_ns();
	until = s->now_ns + TOTAL_BUDGET;
	for (unsigned int i = 0; !err && i < s->nr_procs; i++) {
		struct sess_proc *sp = s->procs[i];
		uint64_t now = boot_ns();

		if (now > drained + RING_PATIENCE) {
			err = drain(s);
			drained = now;
		}
		if (!err)
			err = end_of(s, sp, until);
	}
	s->nr_ticks++;
	if (!err)
		err = measure(s, s->now_ns - before);
	govern(s, s->now_ns);
	return err ? err : end_interval(s);
}

/* The first second of a load must not cost what a governor sees only at its end. */
static void govern_now(struct session *s)
{
	uint64_t now = boot_ns();

	if (s->stacks_on && callpaths_due(s->paths, now))
		govern(s, now);
}

static bool all_ended(const struct session *s)
{
	for (unsigned int i = 0; i < s->nr_procs; i++)
		if (s->procs[i]->p->death == DEATH_NONE || s->procs[i]->p->state != 'X')
			return false;
	return !s->o->daemon; /* it waits for those to come */
}

/* SIGUSR2 */
static int take_mark(struct session *s)
{
	int err = marked ? session_mark(s, NULL) : 0;

	marked = 0;
	return err;
}

/* Not 0 ends the run. */
static int on_signal(struct session *s, const struct session_view *v, void *ctx)
{
	uint64_t n;

	if (read(s->signal_fd, &n, sizeof(n)) < 0 && errno != EAGAIN)
		return 1;
	if (resized) {
		resized = 0;
		if (v->resize)
			v->resize(ctx, s);
	}
	if (take_mark(s))
		return 1;
	if (hung_up) {
		hung_up = 0;
		if (v->hangup)
			v->hangup(ctx, s);
	}
	s->signal = caught;
	return s->signal;
}

int session_rearm(struct session *s)
{
	struct itimerspec its = {};

	its.it_interval.tv_sec = (time_t)(s->o->interval_ns / NSEC_PER_SEC);
	its.it_interval.tv_nsec = (long)(s->o->interval_ns % NSEC_PER_SEC);
	its.it_value = its.it_interval;
	return timerfd_settime(s->timer_fd, 0, &its, NULL) ? -errno : 0;
}

static int watch(struct session *s, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = fd };

	return fd >= 0 && epoll_ctl(s->epfd, EPOLL_CTL_ADD, fd, &ev) && errno != EPERM ? -errno : 0;
}

int session_unwatch(struct session *s, int fd)
{
	epoll_ctl(s->epfd, EPOLL_CTL_DEL, fd, NULL);
	return 0;
}

static int interval(struct session *s, const struct session_view *v, void *ctx)
{
	int err = session_settle(s);

	return err ? err : v->tick(ctx, s);
}

/* All targets are gone: one last interval, then there is nothing left to measure. */
static int last_interval(struct session *s, const struct session_view *v, void *ctx)
{
	const struct itimerspec never = {};
	int err = interval(s, v, ctx);

	timerfd_settime(s->timer_fd, 0, &never, NULL);
	return err;
}

/* As control_mark_fn */
static int mark_asked(void *ctx, pid_t pid, const char *name)
{
	struct session *s = ctx;

	return model_proc_by_pid(&s->model, (uint32_t)pid) ? session_mark(s, name) : -ESRCH;
}

static int dispatch(struct session *s, const struct session_view *v, void *ctx, int fd)
{
	uint64_t expired;

	if (fd == s->signal_fd)
		return on_signal(s, v, ctx) ? 1 : 0;
	if (s->control && fd == control_fd(s->control)) {
		control_serve(s->control, mark_asked, s);
		return 0;
	}
	if (fd == s->timer_fd) {
		if (read(fd, &expired, sizeof(expired)) != (ssize_t)sizeof(expired))
			return 0;
		return interval(s, v, ctx);
	}
	if (fd == v->fd && v->input)
		return v->input(ctx, s);
	if (fd == v->output_fd && v->output)
		return v->output(ctx, s);
	return 0; /* the ring: drained on every turn */
}

int session_run(struct session *s, const struct session_view *v, void *ctx)
{
	uint64_t until = s->o->duration_ns ? boot_ns() + s->o->duration_ns : UINT64_MAX;
	struct epoll_event evs[MAX_EVENTS];
	bool ended = false;
	int n, err = s->remote ? 0 : session_rearm(s);

	if (s->remote)
		remote_view(s, v, ctx);
	if (!err)
		err = watch(s, v->fd);
	if (!err)
		err = watch(s, v->output_fd);
	if (!err)
		err = interval(s, v, ctx);
	while (!err && !caught && boot_ns() < until) {
		if (!ended && all_ended(s)) {
			if (!v->stay)
				break;
			ended = true;
			err = last_interval(s, v, ctx);
			if (err)
				break;
		}
		n = epoll_wait(s->epfd, evs, MAX_EVENTS, POLL_MS);

		if (n < 0 && errno != EINTR)
			err = -errno;
		if (!err)
			err = drain(s);
		govern_now(s);
		for (int i = 0; !err && i < n; i++)
			err = dispatch(s, v, ctx, evs[i].data.fd);
		if (!err && v->turn)
			v->turn(ctx, s);
		if (!s->remote)
			cost_tick(s->cost, boot_ns());
	}
	setitimer(ITIMER_REAL, &(struct itimerval){}, NULL);
	s->signal = caught;
	if (err > 0 || s->signal)
		err = 0; /* the view or a signal ended it */
	if (!err)
		err = take_mark(s);
	if (!err && !ended)
		err = session_settle(s);
	if (err && s->remote)
		return remote_failed(s, err);
	if (err)
		return log_error(EX_FAILED, NULL, "tracing stopped: %s", strerror(-err));
	return 0;
}

struct callpaths *session_paths(struct session *s)
{
	return s->paths;
}

struct model *session_model(struct session *s)
{
	return &s->model;
}

struct sess_proc **session_procs(struct session *s, unsigned int *ret_nr)
{
	*ret_nr = s->nr_procs;
	return s->procs;
}

const struct mtr_cost *session_cost(const struct session *s)
{
	return &s->cost_now;
}

uint64_t session_unfollowed(const struct session *s)
{
	return src_bpf_unseen_procs(s->bpf);
}

const char *session_rung(const struct session *s)
{
	return s->remote ? remote_rung(s) : ladder_rung_name(src_bpf_rung(s->bpf));
}

bool session_calls(const struct session *s)
{
	return s->bpf && src_bpf_calls(s->bpf);
}

uint64_t session_now(const struct session *s)
{
	return s->now_ns;
}

int session_interrupted(const struct session *s)
{
	return s->signal;
}

static int mark(struct session *s, uint32_t as, const char *name)
{
	struct mtr_event ev = { .kind = MTR_EV_MARK, .as = as };
	char numbered[32];
	int err = src_bpf_tick(s->bpf);

	if (!err)
		err = drain(s);
	snprintf(numbered, sizeof(numbered), "mark%u", ++s->nr_marks);
	ev.time_ns = boot_ns();
	ev.mark.name = strtab_intern_str(s->st, name ? name : numbered);
	return err ? err : session_sink(s, &ev);
}

int session_mark(struct session *s, const char *name)
{
	return s->remote ? remote_mark(s, name) : mark(s, 0, name);
}

int session_mark_proc(struct session *s, pid_t pid, const char *name)
{
	struct proc *p = model_proc_by_pid(&s->model, (uint32_t)pid);

	return p ? mark(s, p->as, name) : -ESRCH;
}

unsigned int session_marks(const struct session *s)
{
	return s->nr_marks;
}
