// SPDX-License-Identifier: GPL-2.0
/*
 * `memtrace record`: a session without a view, its events to a file. With
 * --last-size, --last-time or --when it is a flight recorder: the last part is
 * kept in memory and written when something asks for it.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analysis/ended.h"
#include "analysis/when.h"
#include "child.h"
#include "export/trace_json.h"
#include "opts.h"
#include "output.h"
#include "recorder.h"
#include "session.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/privilege.h"
#include "util/text.h"
#include "util/units.h"

#define LAST_NS (10 * 60 * NSEC_PER_SEC) /* kept for --when when nothing else is said */
#define MAX_DUMPS 100 /* a condition that comes and goes must not fill the disk */

struct record {
	struct opts *o;
	struct child child;
	struct recorder *rec;
	struct when *when;
	bool held; /* the condition did, at the last interval */
	bool flight;
	bool progress; /* a line on the terminal */
	bool failed; /* to write: the session was ended for that */
	char path[PATH_MAX]; /* of the file; of the first dump */
	unsigned int nr_dumps;
	uint64_t begin_ns;
	int fd; /* −1: none, or stdout's */
};

/* ---- the name of the file */

/* A comm as part of a file's name: nothing that leads elsewhere or hides. */
static void clean_name(char *s)
{
	for (; *s; s++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-",
			    *s))
			*s = '_';
}

static void first_comm(const struct record *rc, char *buf, size_t sz, pid_t *ret_pid)
{
	const struct opts *o = rc->o;
	const char *base = o->cmd ? strrchr(o->cmd[0], '/') : NULL;
	char path[64];
	FILE *f;

	*ret_pid = o->cmd ? rc->child.pid : o->pids[0];
	snprintf(buf, sz, "%s", o->cmd ? (base ? base + 1 : o->cmd[0]) : "process");
	snprintf(path, sizeof(path), "/proc/%d/comm", *ret_pid);
	f = o->cmd ? NULL : fopen(path, "re");
	if (f && fgets(buf, (int)sz, f))
		buf[strcspn(buf, "\n")] = '\0';
	if (f)
		fclose(f);
	buf[sz > 32 ? 32 : sz - 1] = '\0';
	clean_name(buf);
}

/* memtrace-COMM-PID-TIME.mtr, local time */
static void default_path(const struct record *rc, char *buf, size_t sz)
{
	time_t now = time(NULL);
	char comm[64], when[32];
	struct tm tm;
	pid_t pid;

	first_comm(rc, comm, sizeof(comm), &pid);
	localtime_r(&now, &tm);
	strftime(when, sizeof(when), "%Y%m%d-%H%M%S", &tm);
	snprintf(buf, sz, "memtrace-%s-%d-%s.%s", comm, pid, when,
		 rc->o->format && strcmp(rc->o->format, "mtr") ? "perfetto-trace" : "mtr");
}

/* A further dump does not replace the one before: "x.mtr", "x-2.mtr", "x-3.mtr" */
static void numbered(const char *path, unsigned int nr, char *buf, size_t sz)
{
	const char *dot = strrchr(path, '.'), *slash = strrchr(path, '/');

	if (nr < 2) {
		snprintf(buf, sz, "%s", path);
		return;
	}
	if (!dot || (slash && dot < slash) || dot == path)
		dot = path + strlen(path);
	snprintf(buf, sz, "%.*s-%u%s", (int)(dot - path), path, nr, dot);
}

static int open_output(struct record *rc)
{
	rc->fd = -1;
	if (rc->o->output)
		snprintf(rc->path, sizeof(rc->path), "%s", rc->o->output);
	else
		default_path(rc, rc->path, sizeof(rc->path));
	if (rc->flight)
		return 0;
	if (!strcmp(rc->path, "-")) {
		if (isatty(STDOUT_FILENO))
			return log_error(EX_USAGE_ERR, "give a file: -o FILE",
					 "a recording is nothing for a terminal");
		rc->fd = dup(STDOUT_FILENO);
	} else {
		rc->fd = output_create(rc->path);
	}
	return rc->fd < 0 ? EX_FAILED : 0;
}

/* ---- dumps */

static void clear_progress(const struct record *rc)
{
	if (rc->progress)
		fputs("\r\033[K", stderr);
}

static int dump(struct record *rc, const char *why)
{
	char path[PATH_MAX], size[UNITS_LEN], span[UNITS_LEN];
	int fd, err;

	if (rc->nr_dumps == MAX_DUMPS)
		return 0;
	numbered(rc->path, ++rc->nr_dumps, path, sizeof(path));
	clear_progress(rc);
	fd = output_create(path);
	if (fd < 0) {
		rc->failed = true;
		return -EIO;
	}
	err = recorder_dump(rc->rec, fd);
	if (close(fd) && !err)
		err = -errno;
	if (err) {
		rc->failed = true;
		output_failed(path, -err);
		return err;
	}
	log_info("%s: the last %s, %s, are in %s", why,
		 fmt_duration(span, recorder_span_ns(rc->rec)),
		 fmt_size(size, (int64_t)recorder_bytes(rc->rec)), path);
	return 0;
}

/* The condition has come true of some process. */
static const struct proc *holds(struct record *rc, struct session *s)
{
	unsigned int nr;
	struct sess_proc **procs = session_procs(s, &nr);

	for (unsigned int i = 0; rc->when && i < nr; i++)
		if (procs[i]->p->death == DEATH_NONE && when_holds(rc->when, procs[i]->p))
			return procs[i]->p;
	return NULL;
}

static int check_when(struct record *rc, struct session *s)
{
	const struct proc *p = holds(rc, s);
	bool before = rc->held;
	char name[64], why[512];

	rc->held = p;
	if (!p || before)
		return 0;
	text_clean(name, sizeof(name), strtab_str(session_model(s)->st, p->comm), 0);
	snprintf(why, sizeof(why), "%s[%u]: %s", name, p->pid, rc->o->when);
	session_mark(s, rc->o->when);
	return dump(rc, why);
}

/* A process that was killed, while others go on: what led to it must not be overwritten. */
static int check_deaths(struct record *rc, struct session *s)
{
	unsigned int nr, alive = 0;
	struct sess_proc **procs = session_procs(s, &nr);
	char why[512], raw[512];
	int err = 0;

	for (unsigned int i = 0; i < nr; i++)
		alive += procs[i]->p->death == DEATH_NONE;
	for (unsigned int i = 0; i < nr && !err && alive; i++) {
		struct proc *p = procs[i]->p;

		if (p->death == DEATH_NONE || procs[i]->left)
			continue;
		procs[i]->left = true;
		if (p->death == DEATH_EXIT)
			continue;
		ended_text(raw, sizeof(raw), p, session_model(s)->st, rc->o->bytes);
		err = dump(rc, text_clean(why, sizeof(why), raw, 0));
	}
	return err;
}

/* ---- the loop */

static volatile sig_atomic_t dump_wanted;

static void on_usr1(int signo)
{
	(void)signo;
	dump_wanted = 1;
}

static void show_progress(const struct record *rc, struct session *s)
{
	const struct trace_stats *st = recorder_stats(rc->rec);
	char t[UNITS_LEN], n[UNITS_LEN], size[UNITS_LEN];

	if (!rc->progress)
		return;
	fprintf(stderr, "\r\033[K%s %s  %s events  %s%s  lost %llu",
		rc->flight ? "watching" : "recording",
		fmt_duration(t, (session_now(s) - rc->begin_ns) / NSEC_PER_SEC * NSEC_PER_SEC),
		fmt_count(n, (double)st->told), fmt_size(size, (int64_t)recorder_bytes(rc->rec)),
		rc->flight ? " in memory" : "", (unsigned long long)st->lost);
	fflush(stderr);
}

static int on_tick(void *ctx, struct session *s)
{
	struct record *rc = ctx;
	int err = 0;

	if (rc->flight && !rc->failed) {
		err = check_when(rc, s);
		if (!err)
			err = check_deaths(rc, s);
	}
	if (recorder_tick(rc->rec))
		rc->failed = true;
	show_progress(rc, s);
	return err || rc->failed ? 1 : 0;
}

static void on_turn(void *ctx, struct session *s)
{
	struct record *rc = ctx;

	(void)s;
	if (rc->failed)
		return;
	if (recorder_turn(rc->rec))
		rc->failed = true;
	else if (dump_wanted && rc->flight)
		dump(rc, "SIGUSR1");
	dump_wanted = 0;
}

/* ---- */

static int summary(struct record *rc, struct session *s)
{
	const struct trace_stats *st = recorder_stats(rc->rec);
	char t[UNITS_LEN], n[UNITS_LEN], size[UNITS_LEN];
	struct record_summary sum = {
		.path = rc->flight && !rc->nr_dumps ? NULL : rc->path,
		.events = st->told,
		.lost = st->lost,
		.by_kind = st->by_kind,
		.bytes = recorder_bytes(rc->rec),
		.duration_ns = boot_ns() - rc->begin_ns,
		.nr_dumps = rc->nr_dumps,
		.flight = rc->flight,
	};

	(void)s;
	if (rc->o->json)
		return record_json(strcmp(rc->path, "-") ? stdout : stderr, &sum);
	if (rc->flight)
		return 0;
	log_info("%s: %s events in %s, %s, lost %llu", rc->path, fmt_count(n, (double)st->told),
		 fmt_duration(t, sum.duration_ns), fmt_size(size, (int64_t)sum.bytes),
		 (unsigned long long)st->lost);
	return 0;
}

static int finish(struct record *rc, struct session *s)
{
	int err;

	if (rc->flight && !rc->failed)
		dump(rc, session_interrupted(s) ? "ended by a signal" : "ended");
	err = recorder_end(rc->rec);
	if (rc->fd >= 0 && close(rc->fd) && !err)
		err = -errno;
	rc->fd = -1;
	clear_progress(rc);
	/* who reads the pipe has read enough */
	if (err == -EPIPE && !strcmp(rc->path, "-"))
		err = 0;
	if (err)
		return output_failed(rc->path, -err);
	if (rc->failed && rc->flight)
		return EX_FAILED;
	return summary(rc, s) ? EX_FAILED : 0;
}

/* Attach, let the command go, record. Returns memtrace's own exit status. */
static int trace(struct record *rc, struct session *s)
{
	const struct session_view v = {
		.tick = on_tick, .turn = on_turn, .fd = -1, .output_fd = -1
	};
	pid_t pid = rc->child.pid;
	int ret;

	rc->rec = recorder_new(s, rc->o, pid, rc->fd);
	if (!rc->rec)
		return output_failed(rc->path, errno);
	if (rc->o->cmd)
		ret = session_attach(s, &pid, 1);
	else
		ret = session_attach(s, rc->o->pids, rc->o->nr_pids);
	/* dumps are files that are still to be created, and given to who called sudo */
	if (!ret && !rc->flight)
		privilege_drop();
	if (!ret && rc->o->cmd)
		ret = child_go(&rc->child, rc->o->cmd[0]);
	rc->begin_ns = boot_ns();
	if (!ret)
		ret = session_run(s, &v, rc);
	if (!ret)
		ret = finish(rc, s);
	return ret;
}

/* --when, --last-*: is it a flight recorder, and does what was said make sense? */
static int check_opts(struct record *rc)
{
	struct opts *o = rc->o;
	char why[256];
	int err;

	if (o->format && strcmp(o->format, "mtr") && strcmp(o->format, "perfetto"))
		return log_error(EX_USAGE_ERR,
				 "mtr or perfetto; for others record first, then: memtrace export",
				 "cannot record with --format %s", o->format);
	/* its call stacks are named while the files are at hand: here */
	o->no_daemon |= o->format && strcmp(o->format, "mtr");
	rc->flight = o->last_size || o->last_ns || o->when;
	if (rc->flight && o->format && strcmp(o->format, "mtr"))
		return log_error(EX_USAGE_ERR, "record first, then: memtrace export FILE",
				 "the last part is kept in memtrace's own format only");
	if (o->sample && !o->stacks)
		return log_error(EX_USAGE_ERR, "memtrace record --stacks …",
				 "--sample is about call stacks, and none are recorded");
	if (o->when && !o->last_size && !o->last_ns)
		o->last_ns = LAST_NS;
	if (rc->flight && o->output && !strcmp(o->output, "-"))
		return log_error(EX_USAGE_ERR, "give a file: -o FILE",
				 "what is dumped goes to files, not to stdout");
	if (!o->when)
		return 0;
	err = when_parse(o->when, &rc->when, why, sizeof(why));
	if (err)
		return log_error(EX_USAGE_ERR, "for example: --when 'rss > 2G and growth > 1M/s'",
				 "--when: %s", err == -EINVAL ? why : strerror(-err));
	return 0;
}

static int end_child(struct record *rc, struct session *s, int ret)
{
	int status = child_end(&rc->child, session_interrupted(s));

	if (!ret)
		return status;
	return ret < 126 ? EX_CMD_FAILED : ret;
}

int cmd_record(struct opts *o, int argc, char **argv)
{
	static struct record rc;
	struct sigaction sa = { .sa_handler = on_usr1 };
	struct session *s = NULL;
	int ret;

	(void)argc;
	(void)argv;
	rc.o = o;
	rc.fd = rc.child.pty = -1;
	rc.progress = isatty(STDERR_FILENO) && !o->cmd && !o->quiet && !o->json;
	ret = check_opts(&rc);
	if (ret)
		return ret;
	signal(SIGPIPE, SIG_IGN);
	sigaction(SIGUSR1, &sa, NULL);
	ret = session_open(o, &s);
	if (ret)
		return o->cmd ? EX_CMD_FAILED : ret;
	if (o->cmd)
		ret = child_start(&rc.child, o->cmd, o->user, false, 0, 0);
	privilege_hurry();
	if (!ret)
		ret = open_output(&rc);
	if (!ret)
		ret = trace(&rc, s);
	if (rc.fd >= 0)
		close(rc.fd);
	if (o->cmd)
		ret = end_child(&rc, s, ret);
	recorder_free(rc.rec);
	when_free(rc.when);
	session_close(s);
	return ret;
}
