// SPDX-License-Identifier: GPL-2.0
#include "serve/bb_job.h"

#include <errno.h>
#include <poll.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/clock.h"
#include "util/log.h"

#define TIME_MOST 120 /* seconds that a child has */
#define NICE 10
#define PATIENCE_MS 10000 /* at the daemon's end */
#define FDS_MOST 65536

struct job {
	pid_t pid; /* 0: unused */
	int fd; /* a pipe that ends when the child does */
	unsigned int nr; /* reports */
	char base[BB_AT_ONCE][BB_BASE];
};

struct bb_jobs {
	struct serve *sv;
	const struct bb_store *store; /* of the last that was begun */
	struct job job[BB_JOBS_MOST];
	struct bb_jobs_stats stats;
};

struct bb_jobs *bb_jobs_new(struct serve *sv)
{
	struct bb_jobs *j = calloc(1, sizeof(*j));

	if (j)
		j->sv = sv;
	return j;
}

static struct job *unused(struct bb_jobs *j)
{
	for (unsigned int i = 0; i < BB_JOBS_MOST; i++)
		if (!j->job[i].pid)
			return &j->job[i];
	return NULL;
}

bool bb_jobs_room(const struct bb_jobs *j, unsigned int most)
{
	unsigned int nr = 0;

	for (unsigned int i = 0; i < BB_JOBS_MOST; i++)
		nr += j->job[i].pid != 0;
	return nr < most;
}

struct bb_jobs_stats bb_jobs_stats(const struct bb_jobs *j)
{
	return j->stats;
}

/* ---- the child */

/* A client that the daemon closes is not to wait for the child's end. */
static void close_sockets(void)
{
	struct rlimit rl;
	struct stat st;
	int most = FDS_MOST;

	if (!getrlimit(RLIMIT_NOFILE, &rl) && rl.rlim_cur < FDS_MOST)
		most = (int)rl.rlim_cur;
	for (int fd = STDERR_FILENO + 1; fd < most; fd++)
		if (!fstat(fd, &st) && S_ISSOCK(st.st_mode))
			close(fd);
}

static void settle_down(pid_t parent)
{
	const int signos[] = { SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH, SIGCHLD };
	const struct rlimit no_core = {};
	sigset_t none;

	for (unsigned int i = 0; i < sizeof(signos) / sizeof(*signos); i++)
		signal(signos[i], SIG_DFL);
	signal(SIGHUP, SIG_IGN);
	signal(SIGALRM, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setrlimit(RLIMIT_CORE, &no_core);
	setpriority(PRIO_PROCESS, 0, NICE);
	/* half a file of a daemon that was killed is the next daemon's to sweep: nobody writes on it */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(0);
	close_sockets();
}

static int write_trace(const struct bb_work *w, struct bb_report *r)
{
	int fd = bb_store_create(w->store, r->base, "mtr"), err;

	if (fd < 0)
		return fd;
	err = bb_trace_write(w->trace, &r->want, fd, &r->page.wrote);
	if (!err)
		err = bb_store_commit(w->store, r->base, "mtr", fd);
	close(fd);
	if (err)
		bb_store_discard(w->store, r->base, "mtr");
	return err;
}

static int write_page(const struct bb_work *w, const struct bb_report *r)
{
	int fd = bb_store_create(w->store, r->base, "txt"), err;
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");

	if (!f) {
		err = fd < 0 ? fd : -errno;
	} else {
		err = bb_page_write(f, &r->page);
		if (!err && fflush(f))
			err = -errno;
		if (!err)
			err = bb_store_commit(w->store, r->base, "txt", fd);
		fclose(f);
	}
	if (err)
		bb_store_discard(w->store, r->base, "txt");
	return err;
}

static int report(const struct bb_work *w, struct bb_report *r)
{
	const struct itimerval most = { .it_value = { .tv_sec = TIME_MOST } };
	struct bb_page *pg = &r->page;
	int err;

	setitimer(ITIMER_REAL, &most, NULL);
	pg->base = r->base;
	pg->trace_err = write_trace(w, r);
	err = write_page(w, r);
	if (err || pg->trace_err)
		log_error(EX_FAILED, "look at the room and the rights there",
			  "black box: %s of %s/%s cannot be written: %s",
			  err ? (pg->trace_err ? "nothing" : "the page") : "the trace", pg->folder,
			  r->base, strerror(err ? -err : -pg->trace_err));
	else
		log_info("black box: %s/%s.txt and .mtr", pg->folder, r->base);
	return err ? err : pg->trace_err;
}

/* How many failed */
static int work(const struct bb_work *w)
{
	int failed = 0, err;

	bb_store_turn(w->store);
	for (unsigned int i = 0; i < w->nr; i++)
		failed += report(w, &w->report[i]) != 0;
	err = bb_store_trim(w->store, w->keep_bytes, w->keep_ns, clock_ns(CLOCK_REALTIME));
	if (err < 0)
		log_warn("black box: old reports cannot be removed: %s", strerror(-err));
	return failed;
}

/* ---- the daemon */

static void ended(struct bb_jobs *j, struct job *job, int status)
{
	unsigned int failed = WIFEXITED(status) ? (unsigned int)WEXITSTATUS(status) : job->nr;

	serve_unwatch(j->sv, job->fd);
	close(job->fd);
	job->pid = 0;
	if (!WIFEXITED(status)) {
		log_warn("black box: who wrote %s was ended by signal %d",
			 job->nr ? job->base[0] : "nothing", WTERMSIG(status));
		for (unsigned int i = 0; i < job->nr; i++) {
			bb_store_discard(j->store, job->base[i], "mtr");
			bb_store_discard(j->store, job->base[i], "txt");
		}
	}
	j->stats.nr_failed += failed;
	j->stats.nr_written += job->nr - failed;
}

/* Its descriptors are closed: it is all but gone. */
static void on_ready(void *ctx, int fd, uint32_t events)
{
	struct bb_jobs *j = ctx;
	int status = 0;

	(void)events;
	for (unsigned int i = 0; i < BB_JOBS_MOST; i++) {
		struct job *job = &j->job[i];

		if (job->pid && job->fd == fd && waitpid(job->pid, &status, 0) == job->pid)
			ended(j, job, status);
	}
}

int bb_jobs_start(struct bb_jobs *j, const struct bb_work *w)
{
	struct job *job = unused(j);
	pid_t parent = getpid(), pid;
	int fds[2], err;

	if (!job)
		return -EAGAIN;
	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	err = serve_watch(j->sv, fds[0], EPOLLIN, on_ready, j);
	pid = err ? -1 : fork();
	if (!pid) {
		settle_down(parent);
		_exit(work(w));
	}
	if (!err && pid < 0) {
		err = -errno;
		serve_unwatch(j->sv, fds[0]);
	}
	close(fds[1]);
	if (err) {
		close(fds[0]);
		return err;
	}
	j->store = w->store;
	job->pid = pid;
	job->fd = fds[0];
	job->nr = w->nr;
	for (unsigned int i = 0; i < w->nr; i++)
		memcpy(job->base[i], w->report[i].base, sizeof(job->base[i]));
	return 0;
}

/* Who does not end in time ends with the daemon. */
void bb_jobs_free(struct bb_jobs *j)
{
	uint64_t until = boot_ns() + PATIENCE_MS * NSEC_PER_MSEC;

	for (unsigned int i = 0; j && i < BB_JOBS_MOST; i++) {
		struct job *job = &j->job[i];
		struct pollfd pfd = { .fd = job->fd, .events = POLLIN };
		uint64_t now = boot_ns();

		if (!job->pid)
			continue;
		if (poll(&pfd, 1, now < until ? (int)((until - now) / NSEC_PER_MSEC) : 0) > 0)
			on_ready(j, job->fd, POLLIN);
		else
			serve_unwatch(j->sv, job->fd);
	}
	free(j);
}
