// SPDX-License-Identifier: GPL-2.0
/*
 * Bare `memtrace` on a terminal: processes by resident size and its rate, from
 * /proc/PID/stat and statm, which everybody may read and which take no lock of
 * the process. Enter shows the live view of one.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "opts.h"
#include "source/probe.h"
#include "source/proc_parse.h"
#include "tui/tui.h"
#include "util/clock.h"
#include "util/hash.h"
#include "util/log.h"

/* A process as it was read last. */
struct seen {
	int pid;
	uint64_t start_ticks; /* tells a reused pid */
	uint64_t rss, time_ns;
	unsigned int round;
	UT_hash_handle hh;
};

struct user {
	uid_t uid;
	char name[32];
	UT_hash_handle hh;
};

struct pick {
	struct tui *tui;
	struct tui_pick_row *row;
	unsigned int nr, cap;
	struct seen *seen;
	struct user *users;
	unsigned int round;
	uint64_t page_sz;
	bool all; /* other users' processes may be read, too */
	const char *note;
};

static void look_at_privileges(struct pick *p)
{
	struct probe mine = { .init_userns = false };

	if (probe_rights(&mine))
		return;
	p->all = mine.caps[PCAP_SYS_PTRACE];
	if (!probe_privileged(&mine))
		p->note = "to trace one: sudo memtrace";
}

static const char *user_name(struct pick *p, uid_t uid)
{
	struct user *u;
	struct passwd *pw;

	HASH_FIND(hh, p->users, &uid, sizeof(uid), u);
	if (u)
		return u->name;
	u = calloc(1, sizeof(*u));
	if (!u)
		return "?";
	u->uid = uid;
	pw = getpwuid(uid);
	if (pw)
		snprintf(u->name, sizeof(u->name), "%s", pw->pw_name);
	else
		snprintf(u->name, sizeof(u->name), "%u", uid);
	HASH_ADD(hh, p->users, uid, sizeof(u->uid), u);
	return u->name;
}

static ssize_t read_file(int dir, const char *name, char *buf, size_t sz)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -1;
	n = read(fd, buf, sz - 1);
	close(fd);
	if (n >= 0)
		buf[n] = '\0';
	return n;
}

/* Bytes a second since this process was read before; 0 the first time. */
static double rate_of(struct pick *p, int pid, uint64_t start_ticks, uint64_t rss)
{
	const uint64_t now = boot_ns();
	struct seen *s;
	double rate = 0;

	HASH_FIND_INT(p->seen, &pid, s);
	if (s && s->start_ticks == start_ticks && now > s->time_ns)
		rate = ((double)rss - (double)s->rss) / ((double)(now - s->time_ns) / 1e9);
	if (!s) {
		s = calloc(1, sizeof(*s));
		if (!s)
			return 0;
		s->pid = pid;
		HASH_ADD_INT(p->seen, pid, s);
	}
	s->start_ticks = start_ticks;
	s->rss = rss;
	s->time_ns = now;
	s->round = p->round;
	return rate;
}

static struct tui_pick_row *new_row(struct pick *p)
{
	struct tui_pick_row *row;

	if (p->nr == p->cap) {
		row = reallocarray(p->row, p->cap ? p->cap * 2 : 256, sizeof(*row));
		if (!row)
			return NULL;
		p->cap = p->cap ? p->cap * 2 : 256;
		p->row = row;
	}
	return &p->row[p->nr++];
}

/* What is gone, a kernel thread or memtrace itself is passed over. */
static void read_process(struct pick *p, int proc, int pid, const char *name)
{
	int dir = openat(proc, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	uint64_t size = 0, resident = 0;
	struct tui_pick_row *row;
	struct stat_line line;
	char buf[4096];
	struct stat st;
	ssize_t n;
	bool ok;

	if (dir < 0)
		return;
	n = read_file(dir, "stat", buf, sizeof(buf));
	ok = n > 0 && !stat_parse(buf, (size_t)n, &line) && !line.kthread && !fstat(dir, &st);
	ok = ok && read_file(dir, "statm", buf, sizeof(buf)) > 0 &&
	     !statm_parse(buf, &size, &resident);
	close(dir);
	if (!ok || !size)
		return;
	row = new_row(p);
	if (!row)
		return;
	row->pid = pid;
	snprintf(row->comm, sizeof(row->comm), "%s", line.comm);
	snprintf(row->user, sizeof(row->user), "%s", user_name(p, st.st_uid));
	row->rss_bytes = resident * p->page_sz;
	row->rate = rate_of(p, pid, line.start_ticks, row->rss_bytes);
	row->allowed = p->all || st.st_uid == geteuid();
}

static void forget_gone(struct pick *p)
{
	struct seen *s, *tmp;

	HASH_ITER(hh, p->seen, s, tmp) {
		if (s->round == p->round)
			continue;
		HASH_DEL(p->seen, s);
		free(s);
	}
}

static int read_all(struct pick *p)
{
	DIR *d = opendir("/proc");
	struct dirent *e;

	if (!d)
		return -errno;
	p->nr = 0;
	p->round++;
	while ((e = readdir(d))) {
		char *end;
		long pid = strtol(e->d_name, &end, 10);

		if (!*end && pid > 0 && pid <= INT_MAX && pid != getpid())
			read_process(p, dirfd(d), (int)pid, e->d_name);
	}
	closedir(d);
	forget_gone(p);
	return 0;
}

static const struct tui_pick_row *row_of(const struct pick *p, int pid)
{
	for (unsigned int i = 0; i < p->nr; i++)
		if (p->row[i].pid == pid)
			return &p->row[i];
	return NULL;
}

static int chosen(struct pick *p)
{
	const struct tui_pick_row *row = row_of(p, tui_picked(p->tui));

	if (row && row->allowed)
		return 2;
	p->note = row ? "that one is not yours: sudo memtrace" : "that one is gone";
	return 0;
}

/* 1: end; 2: the process under the cursor was chosen. */
static int on_keys(struct pick *p)
{
	unsigned int did;
	int ret = 0;

	while (!ret && (did = tui_pick_input(p->tui))) {
		if (did & TUI_QUIT)
			return 1;
		if (did & TUI_ATTACH)
			ret = chosen(p);
		tui_pick_draw(p->tui, p->row, p->nr, p->note);
	}
	return ret;
}

/* A signal that came: 1 when it wants the end. */
static int on_signal(struct pick *p, int fd)
{
	struct signalfd_siginfo si;

	if (read(fd, &si, sizeof(si)) != (ssize_t)sizeof(si))
		return 0;
	if (si.ssi_signo != SIGWINCH)
		return 1;
	tui_resize(p->tui);
	return 0;
}

/* 0 nobody was chosen, 2: tui_picked() was, or −errno */
static int choose(struct pick *p, int signal_fd, uint64_t interval_ns)
{
	struct pollfd fds[] = { { .fd = tui_fd(p->tui), .events = POLLIN },
				{ .fd = signal_fd, .events = POLLIN } };
	uint64_t next = 0;
	int ret = 0;

	while (!ret) {
		uint64_t now = boot_ns();

		if (now >= next) {
			ret = read_all(p);
			next = now + interval_ns;
		}
		if (ret < 0)
			return ret;
		tui_pick_draw(p->tui, p->row, p->nr, p->note);
		now = boot_ns();
		if (poll(fds, 2, now < next ? (int)((next - now) / NSEC_PER_MSEC) + 1 : 0) <= 0)
			continue;
		if (fds[1].revents)
			ret = on_signal(p, signal_fd);
		else if (fds[0].revents & POLLIN)
			ret = on_keys(p);
		else if (fds[0].revents)
			ret = 1; /* the terminal is gone */
	}
	return ret == 1 ? 0 : ret;
}

static void free_all(struct pick *p)
{
	struct seen *s, *tmp;
	struct user *u, *next;

	HASH_ITER(hh, p->seen, s, tmp) {
		HASH_DEL(p->seen, s);
		free(s);
	}
	HASH_ITER(hh, p->users, u, next) {
		HASH_DEL(p->users, u);
		free(u);
	}
	free(p->row);
}

/* The process chosen; 0: none; or an exit status, negative. */
static int pick(const struct opts *o)
{
	struct tui_opts to = {
		.ascii = o->ascii, .color = opts_color(o), .bytes = o->bytes, .interval_s = 1
	};
	struct pick p = { .page_sz = (uint64_t)sysconf(_SC_PAGESIZE) };
	const char *why = NULL;
	sigset_t set, before;
	int fd, ret;

	look_at_privileges(&p);
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGWINCH);
	sigprocmask(SIG_BLOCK, &set, &before);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	p.tui = fd < 0 ? NULL : tui_open(&to, &why);
	if (!p.tui) {
		ret = -log_error(EX_FAILED, "name the process: -p PID",
				 "cannot use this terminal: %s", why ? why : strerror(errno));
	} else {
		ret = choose(&p, fd, o->interval_ns);
		if (ret == 2)
			ret = tui_picked(p.tui);
		tui_close(p.tui);
		if (ret < 0)
			ret = -log_error(EX_FAILED, NULL, "cannot read /proc: %s", strerror(-ret));
	}
	if (fd >= 0)
		close(fd);
	sigprocmask(SIG_SETMASK, &before, NULL);
	free_all(&p);
	return ret;
}

int cmd_pick(struct opts *o, int argc, char **argv)
{
	int pid = pick(o);

	if (pid <= 0)
		return -pid;
	o->pids[0] = pid;
	o->nr_pids = 1;
	return cmd_live(o, argc, argv);
}
