// SPDX-License-Identifier: GPL-2.0
/*
 * Profiles for those who fetch them. Names take long: files of targets are read, maybe
 * for seconds, and what is in them is the targets' own. So a child makes the profile:
 * a copy of the daemon, with the ledgers as they are at that moment.
 *
 *	request ──note (growth: what each path has)──► seconds pass ──fork──► goes on
 *	                                                               │
 *	   file in memory ◄──profile── names ◄── report ◄── child ◄────┘
 *	        │
 *	        └──► done(), when the child has ended (its end of a pipe is closed)
 *
 * The child gives up the sockets, runs behind everybody else, is the first to go when
 * memory is short, and has limits of time and of memory. One works at a time. It ends by
 * itself or by its limits: the daemon, confined, signals nobody.
 */
#include "serve/http_int.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "growth_report.h"
#include "util/clock.h"
#include "util/log.h"

#define CHILD_S 60 /* time that a child has */
#define PATIENCE \
	(2 * CHILD_S * NSEC_PER_SEC) /* one that even then has not ended is not waited for */
#define CHILD_FILE (64ull << 20) /* bytes of a profile, at most */
#define CHILD_MORE (1ull << 30) /* of address space that naming may take */
#define CHILD_NICE 10

/* What the paths of a process had when the request came. */
struct note {
	uint32_t as;
	int64_t rss, released; /* bytes; of those that were there before */
	uint32_t nr_paths;
	int64_t *net;
};

struct profile {
	struct profiles *ps;
	profile_done_fn done;
	void *ctx;
	pid_t pid; /* of the process it is about; 0: all */
	unsigned int seconds; /* 0: what is resident */
	uint64_t begun_ns, due_ns;
	struct note *note;
	unsigned int nr_notes;
	pid_t child; /* 0: none yet */
	int pipe; /* that the child has the other end of; −1: none */
	int file;
	uint64_t forked_ns;
};

struct profiles {
	struct serve *sv;
	struct profile *p[PROFILES_MAX]; /* in the order of their coming; NULL behind the last */
	pid_t stuck; /* a child that was not waited for; 0: none */
};

struct profiles *profiles_new(struct serve *sv)
{
	struct profiles *ps = calloc(1, sizeof(*ps));

	if (ps)
		ps->sv = sv;
	return ps;
}

static void free_profile(struct profile *p)
{
	for (unsigned int i = 0; i < p->nr_notes; i++)
		free(p->note[i].net);
	free(p->note);
	if (p->pipe >= 0) {
		serve_unwatch(p->ps->sv, p->pipe);
		close(p->pipe);
	}
	if (p->file >= 0)
		close(p->file);
	free(p);
}

/* Tells whom it is for; the file is theirs then. */
static void finish(struct profile *p, int err)
{
	struct profiles *ps = p->ps;
	unsigned int i = 0;
	struct stat st;

	while (ps->p[i] != p)
		i++;
	memmove(&ps->p[i], &ps->p[i + 1], (PROFILES_MAX - i - 1) * sizeof(struct profile *));
	ps->p[PROFILES_MAX - 1] = NULL;
	if (!err && fstat(p->file, &st))
		err = -errno;
	if (err) {
		p->done(p->ctx, err, -1, 0);
	} else {
		p->done(p->ctx, 0, p->file, (uint64_t)st.st_size);
		p->file = -1;
	}
	free_profile(p);
}

void profiles_free(struct profiles *ps)
{
	if (!ps)
		return;
	while (ps->p[0])
		finish(ps->p[0], -ECANCELED);
	free(ps);
}

/* Is it about this one, and is that alive? Then gp->p is up to date. */
static bool wanted(const struct profile *p, struct growth_proc *gp)
{
	const struct served *s = serve_find_as(p->ps->sv, gp->as);

	gp->p = model_proc(serve_growth(p->ps->sv)->model, gp->as);
	return s && gp->p && gp->p->death == DEATH_NONE &&
	       (!p->pid || gp->p->pid == (uint32_t)p->pid);
}

static int take_note(struct note *n, const struct growth_proc *gp)
{
	n->net = calloc(gp->nr_paths + 1, sizeof(*n->net));
	if (!n->net)
		return -ENOMEM;
	n->as = gp->as;
	n->rss = proc_rss(gp->p);
	n->released = ledger_path(&gp->ledger, LEDGER_BEFORE).released;
	n->nr_paths = gp->nr_paths;
	for (uint32_t k = 0; k < gp->nr_paths; k++)
		n->net[k] = ledger_path(&gp->ledger, LEDGER_FIRST + k).net;
	return 0;
}

static int take_notes(struct profile *p)
{
	struct growth *g = serve_growth(p->ps->sv);
	struct growth_proc *gp;
	int err = 0;

	p->note = calloc(HASH_COUNT(g->procs) + 1, sizeof(*p->note));
	if (!p->note)
		return -ENOMEM;
	for (gp = g->procs; gp && !err; gp = gp->hh.next) {
		if (!wanted(p, gp))
			continue;
		err = take_note(&p->note[p->nr_notes], gp);
		p->nr_notes += !err;
	}
	return err;
}

/* ---- in the child */

/* What others wait for must not be held open by it: sockets of clients. */
static void close_sockets(void)
{
	DIR *d = opendir("/proc/self/fd");
	struct dirent *e;

	while (d && (e = readdir(d))) {
		int fd = atoi(e->d_name);
		struct stat st;

		if (fd > 2 && fd != dirfd(d) && !fstat(fd, &st) && S_ISSOCK(st.st_mode))
			close(fd);
	}
	if (d)
		closedir(d);
}

static uint64_t address_space(void)
{
	FILE *f = fopen("/proc/self/statm", "re");
	unsigned long long pages = 0;

	if (f && fscanf(f, "%llu", &pages) != 1)
		pages = 0;
	if (f)
		fclose(f);
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void limit_to(int what, uint64_t n)
{
	struct rlimit r;

	if (getrlimit((__rlimit_resource_t)what, &r))
		return;
	if (r.rlim_max > n)
		r.rlim_max = n;
	r.rlim_cur = r.rlim_max;
	setrlimit((__rlimit_resource_t)what, &r);
}

static void become_small(pid_t parent)
{
	const int signos[] = { SIGINT, SIGTERM, SIGHUP, SIGWINCH, SIGUSR1, SIGUSR2, SIGALRM };
	FILE *f;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(EXIT_FAILURE);
	for (unsigned int i = 0; i < sizeof(signos) / sizeof(*signos); i++)
		signal(signos[i], SIG_DFL);
	close_sockets();
	setpriority(PRIO_PROCESS, 0, CHILD_NICE);
	f = fopen("/proc/self/oom_score_adj", "we");
	if (f) {
		fputs("1000", f);
		fclose(f);
	}
	limit_to(RLIMIT_CORE, 0);
	setitimer(ITIMER_REAL, &(struct itimerval){ .it_value = { CHILD_S, 0 } }, NULL);
	limit_to(RLIMIT_FSIZE, CHILD_FILE);
#ifndef __SANITIZE_ADDRESS__
	limit_to(RLIMIT_AS, address_space() + CHILD_MORE);
#endif
}

static const struct note *note_of(const struct profile *p, uint32_t as)
{
	for (unsigned int i = 0; i < p->nr_notes; i++)
		if (p->note[i].as == as)
			return &p->note[i];
	return NULL;
}

/* The note becomes the last of the marks, in this copy of the ledgers: so each row has what it had then. */
static void set_mark(struct growth_proc *gp, const struct note *n)
{
	if (gp->nr_moments == GROWTH_MARKS)
		memmove(gp->moment, gp->moment + 1, --gp->nr_moments * sizeof(*gp->moment));
	gp->moment[gp->nr_moments++] =
		(struct growth_moment){ .rss = n->rss, .net = n->net, .nr_paths = n->nr_paths };
}

static int add_process(const struct profile *p, struct grown_profile *out, struct growth_proc *gp,
		       uint64_t now_ns)
{
	struct growth *g = serve_growth(p->ps->sv);
	const struct note *n = note_of(p, gp->as);
	struct growth_report r = { .model = g->model,
				   .to_ns = now_ns,
				   .to_real_ns = clock_ns(CLOCK_REALTIME) };
	struct grown_since since = { 0 };
	int err;

	if (n)
		set_mark(gp, n);
	err = growth_report(g, gp, &r);
	if (!err && n) {
		since.mark = r.nr_marks - 1;
		since.rss = n->rss;
		/* the report has none of them, or what went of them until now */
		since.before = r.before ? -n->released : 0;
	}
	if (!err)
		err = grown_profile_add(out, &r, n ? &since : NULL);
	growth_report_fini(&r);
	return err;
}

static int make(const struct profile *p)
{
	uint64_t now = boot_ns();
	struct growth *g = serve_growth(p->ps->sv);
	struct grown_profile *out;
	struct growth_proc *gp;
	FILE *f = fdopen(p->file, "w");
	int err = 0;

	out = grown_profile_new(p->seconds > 0, clock_ns(CLOCK_REALTIME),
				p->seconds ? now - p->begun_ns : 0);
	if (!f || !out)
		return -ENOMEM;
	for (gp = g->procs; gp && !err; gp = gp->hh.next)
		if (wanted(p, gp))
			err = add_process(p, out, gp, now);
	if (!err)
		err = grown_profile_put(f, out);
	if (!err && fflush(f))
		err = -errno;
	return err;
}

/* ---- in the daemon */

static int how_it_ended(int status)
{
	if (WIFEXITED(status))
		return WEXITSTATUS(status) == ENOMEM ? -ENOMEM : WEXITSTATUS(status) ? -EIO : 0;
	return WTERMSIG(status) == SIGALRM ? -ETIMEDOUT : -EIO;
}

/* As serve_ready_fn: nobody has the other end any more, the child has ended. */
static void child_ended(void *ctx, int fd, uint32_t events)
{
	struct profile *p = ctx;
	struct profiles *ps = p->ps;
	int status = 0, err = -EIO;

	(void)fd;
	(void)events;
	/* it is closed on the last way out: this does not take long */
	if (waitpid(p->child, &status, 0) == p->child)
		err = how_it_ended(status);
	if (err)
		log_verbose("http: the child that makes a profile ended with status %#x", status);
	finish(p, err);
	profiles_tick(ps);
}

static int fork_child(struct profile *p)
{
	pid_t self = getpid();
	int ends[2];

	p->file = memfd_create("memtrace-profile", MFD_CLOEXEC);
	if (p->file < 0 || pipe2(ends, O_CLOEXEC))
		return -errno;
	p->pipe = ends[0];
	p->child = fork();
	if (!p->child) {
		become_small(self);
		_exit(-make(p));
	}
	close(ends[1]);
	if (p->child < 0) {
		p->child = 0;
		return -EAGAIN;
	}
	p->forked_ns = boot_ns();
	return serve_watch(p->ps->sv, p->pipe, EPOLLIN, child_ended, p);
}

/* @p is gone after an error. */
static void start(struct profile *p)
{
	int err = fork_child(p);

	if (err)
		finish(p, err);
}

/* It hangs where not even its timer reaches it: a file on a disk that does not answer. */
static void give_up(struct profile *p)
{
	p->ps->stuck = p->child;
	log_warn("http: the child %d, which makes a profile, does not end", p->child);
	finish(p, -ETIMEDOUT);
}

static bool gone(const struct profile *p)
{
	return p->pid && !serve_find(p->ps->sv, p->pid);
}

void profiles_tick(struct profiles *ps)
{
	uint64_t now = boot_ns();
	bool busy;

	if (ps->stuck && waitpid(ps->stuck, NULL, WNOHANG))
		ps->stuck = 0;
	busy = ps->stuck != 0;
	for (unsigned int i = 0; i < PROFILES_MAX && ps->p[i];) {
		struct profile *p = ps->p[i];

		if (p->child && now > p->forked_ns + PATIENCE)
			give_up(p);
		else if (!p->child && gone(p))
			finish(p, -ESRCH);
		else {
			busy |= p->child > 0;
			i++;
		}
	}
	for (unsigned int i = 0; i < PROFILES_MAX && ps->p[i] && !busy; i++) {
		if (ps->p[i]->due_ns > now)
			continue;
		start(ps->p[i]);
		busy = true;
	}
}

int profiles_begin(struct profiles *ps, pid_t pid, unsigned int seconds, profile_done_fn done,
		   void *ctx)
{
	struct profile *p;
	unsigned int i = 0;
	int err = 0;

	while (i < PROFILES_MAX && ps->p[i])
		i++;
	if (i == PROFILES_MAX)
		return -EAGAIN;
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	*p = (struct profile){ .ps = ps,
			       .done = done,
			       .ctx = ctx,
			       .pid = pid,
			       .seconds = seconds,
			       .begun_ns = boot_ns(),
			       .pipe = -1,
			       .file = -1 };
	p->due_ns = p->begun_ns + seconds * NSEC_PER_SEC;
	if (gone(p))
		err = -ESRCH;
	else if (seconds)
		err = take_notes(p);
	if (err)
		free_profile(p);
	else
		ps->p[i] = p;
	return err;
}
