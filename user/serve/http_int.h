/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Between the files of the daemon's HTTP: http.c speaks it, and is the only one that
 * knows the library; the others make what it hands out.
 */
#ifndef SERVE_HTTP_INT_H
#define SERVE_HTTP_INT_H

#include <sys/socket.h>
#include "export/metrics.h"
#include "serve/serve.h"

/* ---- http_listen.c */

struct http_addr {
	struct sockaddr_storage sa;
	socklen_t len;
};

/* http_addr_parse() - PORT, ADDR:PORT, [ADDR6]:PORT, unix:PATH. NULL, or what is wrong with it */
const char *http_addr_parse(const char *text, struct http_addr *ret);
/* http_addr_open() - does everybody who reaches this host reach it? */
bool http_addr_open(const struct http_addr *a);

struct http_listen {
	int fd; /* −1: none */
	bool is_unix;
	struct sockaddr_storage sa; /* where it listens: with the port that the kernel chose for 0 */
	dev_t dev; /* of the Unix socket's file */
	ino_t ino;
};

/* http_listen() - 0 or an exit status after one line on stderr */
int http_listen(const char *text, struct http_listen *ret);
/* http_unlisten() - take the file of a Unix socket away, if it is ours still; the descriptor is the caller's */
void http_unlisten(const struct http_listen *l);
/* http_listen_text() - "127.0.0.1:9464"; returns @dst */
char *http_listen_text(char *dst, size_t sz, const struct http_listen *l);

/* ---- http_token.c */

#define HTTP_TOKEN_MAX 1024u
#define HTTP_TOKEN_MIN 16u

struct http_token {
	char text[HTTP_TOKEN_MAX + 1];
	size_t len; /* 0: there is none, and nobody is let in */
};

/* http_token_read() - NULL, or why the file is refused; errno text among it */
const char *http_token_read(const char *path, struct http_token *ret);
/* http_token_is() - is @header "Bearer " and the token? In the same time wherever they differ */
bool http_token_is(const struct http_token *t, const char *header);

/* ---- http_metrics.c */

struct http_metrics;

struct http_metrics *http_metrics_new(struct serve *sv); /* NULL: memory is short */
void http_metrics_free(struct http_metrics *m); /* safe on NULL */
void http_metrics_added(struct http_metrics *m, struct served *p);
void http_metrics_gone(struct http_metrics *m, struct served *p);
/* http_metrics_tick() - add up what is counted */
void http_metrics_tick(struct http_metrics *m);
/* http_metrics_answered() - count a request */
void http_metrics_answered(struct http_metrics *m, unsigned int code);
/* http_metrics_text() - malloced; 0 or −errno */
int http_metrics_text(struct http_metrics *m, enum metrics_format format, char **ret, size_t *len);

/* ---- http_profile.c */

#define PROFILES_MAX 8u
#define PROFILE_SECONDS 30u
#define PROFILE_SECONDS_MAX 300u

struct profiles;
struct profile;

/**
 * The end of one: @err 0 and a file of @len bytes, which is the receiver's; or −ESRCH (no such
 * process any more), −ETIMEDOUT, −ENOMEM, −EIO, −ECANCELED (the daemon ends). @p is gone after it.
 */
typedef void (*profile_done_fn)(void *ctx, int err, int fd, uint64_t len);

struct profiles *profiles_new(struct serve *sv); /* NULL: memory is short */
void profiles_free(struct profiles *ps); /* safe on NULL; ends those under way */
/**
 * profiles_begin() - one that @done is called for, later
 * @pid: of a traced process; 0: of all
 * @seconds: growth over so many from now on; 0: what is resident
 *
 * Returns 0, −EAGAIN (PROFILES_MAX are under way), −ESRCH or −ENOMEM.
 */
int profiles_begin(struct profiles *ps, pid_t pid, unsigned int seconds, profile_done_fn done,
		   void *ctx);
/* profiles_tick() - begin what is due, end what takes too long; at every interval */
void profiles_tick(struct profiles *ps);

#endif
