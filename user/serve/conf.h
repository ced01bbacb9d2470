/* SPDX-License-Identifier: GPL-2.0 */
/*
 * /etc/memtrace/memtrace.conf and conf.d/ *.conf beside it (in the order of their names):
 * sections and "key = value" lines, as in systemd's files.
 */
#ifndef SERVE_CONF_H
#define SERVE_CONF_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define CONF_DEFAULT "/etc/memtrace/memtrace.conf"
#define CONF_SOCKET "/run/memtrace/memtrace.sock"

struct conf_list {
	char **item;
	unsigned int nr;
};

struct conf {
	/* [trace] which processes; each may stand often */
	bool all;
	struct conf_list pids, names, users,
		cgroups; /* pid=, name= (comm, glob), user=, cgroup= (path or unit, glob) */
	uid_t *uids; /* of users, in their order */
	bool follow; /* children of traced ones; yes */
	unsigned int max_procs; /* max-processes; 1000. What is beyond is counted */
	uint64_t interval_ns; /* interval; 1 s */
	double max_overhead; /* percent; 1 */
	/* [socket] */
	char *socket; /* path=; /run/memtrace/memtrace.sock */
	char *group; /* group=: who may see all beside root; memtrace */
	unsigned int max_clients; /* max-clients; 256 */
	uint64_t client_queue; /* client-queue: bytes a client may be behind before it loses its own data; 4M */
	/* [http] */
	char *http; /* listen=: ADDR:PORT, [ADDR6]:PORT or unix:PATH; NULL: off */
	char *http_token_file; /* token-file: who sends its content as bearer token may fetch profiles; NULL: nobody over TCP */
	unsigned int top; /* top: processes that have series of their own; 20 */
	/* [blackbox] */
	bool blackbox; /* enabled; yes */
	char *folder; /* folder; /var/lib/memtrace */
	uint64_t keep_bytes; /* keep-size: of all reports together; 1G */
	uint64_t keep_ns; /* keep-time: age; 7 days */
	uint64_t minutes_ns; /* past: how much of the past a report has; 5 min */
	uint64_t memory; /* memory: bytes that all events kept for it may take; 32M */
	double step_percent; /* step: growth of RSS in step_ns that makes a report; 25; 0: none */
	uint64_t step_ns; /* step-time; 60 s */
	double headroom_percent; /* headroom: of a stack's limit; 10; 0: none */
	uint64_t pause_ns; /* pause: at least so long between two reports of a process of the same cause; 10 min */
};

struct conf_error {
	char file[256];
	unsigned int line; /* 0: the file as a whole */
	char text[256]; /* why, and what is allowed there */
};

/**
 * conf_load() - defaults, then the file, then those of conf.d
 * @path: CONF_DEFAULT may be missing; another one may not
 *
 * The caller frees it. NULL with @ret_err filled in: nothing of a bad configuration is used.
 */
struct conf *conf_load(const char *path, struct conf_error *ret_err);
void conf_free(struct conf *c); /* safe on NULL */

/* conf_add() - one more of a list: what a command line adds. 0, −E2BIG or −ENOMEM */
int conf_add(struct conf_list *l, const char *item);

#endif
