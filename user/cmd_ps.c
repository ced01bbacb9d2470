// SPDX-License-Identifier: GPL-2.0
/*
 * `memtrace ps`: the processes that the daemon traces. On a terminal like top,
 * Enter shows one in the live view; else a table, or the daemon's JSON.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "export/ps.h"
#include "opts.h"
#include "output.h"
#include "remote.h"
#include "serve/conf.h"
#include "source/src_socket.h"
#include "tui/tui.h"
#include "util/clock.h"
#include "util/log.h"

struct ps {
	const struct opts *o;
	char *path; /* of the socket */
	struct strtab *st;
	struct src_socket *ss; /* NULL: not connected */
	struct ps_table table;
	struct tui *tui;
};

/* Where the daemon listens: as --config has it, else as for every client. NULL after one line on stderr */
static char *socket_path(const struct opts *o)
{
	struct conf_error e;
	struct conf *c;
	char *path;

	if (!o->config)
		return strdup(remote_path());
	c = conf_load(o->config, &e);
	if (!c) {
		log_error(EX_FAILED, "memtrace serve --check-config", "%s:%u: %s", e.file, e.line,
			  e.text);
		return NULL;
	}
	path = strdup(c->socket);
	conf_free(c);
	return path;
}

static void disconnect(struct ps *p)
{
	src_socket_close(p->ss);
	strtab_free(p->st);
	p->ss = NULL;
	p->st = NULL;
}

/* The table as JSON; the caller frees it. 0 or −errno */
static int ask(struct ps *p, char **ret_json)
{
	int err = 0;

	if (!p->ss) {
		p->st = strtab_new();
		err = p->st ? src_socket_open(p->path, p->st, &p->ss) : -ENOMEM;
	}
	if (!err)
		err = src_socket_table(p->ss, ret_json);
	if (err)
		disconnect(p);
	return err;
}

static int fetch(struct ps *p)
{
	struct ps_table now;
	char *json = NULL;
	int err = ask(p, &json);

	if (!err)
		err = ps_parse(json, strlen(json), &now);
	free(json);
	if (err)
		return err;
	ps_fini(&p->table);
	p->table = now;
	return 0;
}

static int failed(const struct ps *p, int err)
{
	switch (-err) {
	case ENOENT:
	case ECONNREFUSED:
		return log_error(EX_FAILED, "start it: sudo systemctl start memtrace",
				 "no memtrace serve runs at %s", p->path);
	case EACCES:
		return log_error(EX_PRIVILEGE, "run with sudo, or join its group",
				 "the daemon at %s refuses this user", p->path);
	case EPERM:
		return log_error(EX_PRIVILEGE, NULL,
				 "who listens at %s is neither root nor this user", p->path);
	}
	return log_error(EX_FAILED, NULL, "the daemon at %s does not answer: %s", p->path,
			 strerror(-err));
}

/* ---- piped */

static int by_rss(const void *a, const void *b)
{
	return ps_cmp(a, b, PS_RSS);
}

static int put_once(struct ps *p, FILE *out)
{
	const struct report_style style = { .ascii = p->o->ascii, .bytes = p->o->bytes };
	char *json = NULL;
	int err;

	if (p->o->json) {
		err = ask(p, &json);
		if (!err && fputs(json, out) >= 0 && *json && json[strlen(json) - 1] != '\n')
			fputc('\n', out);
		free(json);
	} else {
		err = fetch(p);
		if (!err && p->table.nr)
			qsort(p->table.row, p->table.nr, sizeof(*p->table.row), by_rss);
		if (!err)
			ps_text(out, &p->table, &style);
	}
	return err ? failed(p, err) : 0;
}

/* Once; with -i again and again. */
static int put_all(struct ps *p)
{
	FILE *out = output_open(p->o->output);
	const struct timespec ts = { (time_t)(p->o->interval_ns / NSEC_PER_SEC),
				     (long)(p->o->interval_ns % NSEC_PER_SEC) };
	int ret;

	if (!out)
		return EX_FAILED;
	do {
		ret = put_once(p, out);
		if (!ret && fflush(out))
			ret = errno == EPIPE ? -1 : output_failed(p->o->output, errno);
	} while (!ret && p->o->repeat && !nanosleep(&ts, NULL));
	if (out != stdout && fclose(out) && !ret)
		ret = output_failed(p->o->output, errno);
	return ret < 0 ? 0 : ret;
}

/* ---- on a terminal */

/* 1: end; 2: the process under the cursor was chosen */
static int on_keys(struct ps *p)
{
	unsigned int did;

	while ((did = tui_pick_input(p->tui))) {
		if (did & TUI_QUIT)
			return 1;
		if (did & TUI_ATTACH)
			return 2;
		tui_ps_draw(p->tui, &p->table, NULL);
	}
	return 0;
}

static int on_signal(struct ps *p, int fd)
{
	struct signalfd_siginfo si;

	if (read(fd, &si, sizeof(si)) != (ssize_t)sizeof(si))
		return 0;
	if (si.ssi_signo != SIGWINCH)
		return 1;
	tui_resize(p->tui);
	return 0;
}

static int look(struct ps *p, int signal_fd)
{
	struct pollfd fds[] = { { .fd = tui_fd(p->tui), .events = POLLIN },
				{ .fd = signal_fd, .events = POLLIN } };
	const char *note = NULL;
	uint64_t next = 0, now;
	int ret = 0;

	while (!ret) {
		now = boot_ns();
		if (now >= next) {
			note = fetch(p) ? "THE DAEMON DOES NOT ANSWER" : NULL;
			next = now + p->o->interval_ns;
		}
		tui_ps_draw(p->tui, &p->table, note);
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
	return ret;
}

/* Returns a pid to look at, 0: none, or an exit status, negative. */
static int screen(struct ps *p)
{
	struct tui_opts to = { .ascii = p->o->ascii,
			       .color = opts_color(p->o),
			       .bytes = p->o->bytes,
			       .interval_s = (double)p->o->interval_ns / (double)NSEC_PER_SEC };
	const char *why = NULL;
	sigset_t set, before;
	int fd, ret;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGWINCH);
	sigprocmask(SIG_BLOCK, &set, &before);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	p->tui = fd < 0 ? NULL : tui_open(&to, &why);
	if (p->tui) {
		ret = look(p, fd) == 2 ? tui_picked(p->tui) : 0;
		tui_close(p->tui);
	} else {
		ret = -log_error(EX_FAILED, "memtrace ps --plain", "cannot use this terminal: %s",
				 why ? why : strerror(errno));
	}
	if (fd >= 0)
		close(fd);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return ret;
}

int cmd_ps(struct opts *o, int argc, char **argv)
{
	struct ps p = { .o = o, .path = socket_path(o) };
	int ret, pid = 0;

	if (!p.path)
		return EX_FAILED;
	signal(SIGPIPE, SIG_IGN);
	ps_init(&p.table);
	if (isatty(STDOUT_FILENO) && !o->plain && !o->json && !o->output) {
		ret = fetch(&p);
		if (ret)
			ret = failed(&p, ret);
		else
			pid = screen(&p);
		if (pid < 0)
			ret = -pid;
	} else {
		ret = put_all(&p);
	}
	disconnect(&p);
	ps_fini(&p.table);
	free(p.path);
	if (ret || pid <= 0)
		return ret;
	o->pids[0] = pid;
	o->nr_pids = 1;
	return cmd_live(o, argc, argv);
}
