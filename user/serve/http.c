// SPDX-License-Identifier: GPL-2.0
/*
 * The daemon's HTTP: metrics for Prometheus, profiles for who asks as it asks any
 * service. libmicrohttpd speaks it, without a thread of its own: its epoll descriptor
 * is one of the daemon's loop.
 *
 *	serve loop ──ready──► run(): MHD_run() for a short while ──► answer()
 *	     ▲                  │ more to do, or a time to wait            │
 *	     └──timerfd─────────┘         /metrics: text, made once an interval
 *	                                  /debug/pprof: suspended until a child is done
 *
 * Nobody is trusted: there are bounds on connections, of each address, too, on the size of
 * a request and on its time from the first byte to the last, so that who sends slowly
 * takes one place for half a minute and no more.
 */
#include <microhttpd.h>

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "serve/http_int.h"
#include "util/clock.h"
#include "util/log.h"

#define CONNECTIONS 128u
#define CONNECTIONS_IP 32u
#define REQUEST_BYTES (16u << 10) /* of a connection: what its request and our headers take */
#define IDLE_S 30u
#define REQUEST_TIME (30 * NSEC_PER_SEC) /* to send a request, and to take the answer */
#define TURN_TIME (2 * NSEC_PER_MSEC) /* then the ring is looked after */

static const char text_plain[] = "text/plain; charset=utf-8";

/* A connection. */
struct client {
	struct client *next;
	int fd; /* the library's */
	uint64_t since_ns; /* when it came, or its last request was answered, or is being answered */
	bool waiting; /* for a profile */
};

/* A request for a profile. */
struct request {
	struct http *h;
	struct MHD_Connection *conn;
	struct client *client;
	bool done;
	int err, fd; /* of the profile; fd −1: none */
	uint64_t len;
	const char *name;
};

struct http {
	struct serve *sv;
	char *where; /* as configured */
	struct http_listen at;
	struct http_token token;
	struct MHD_Daemon *d;
	int epfd; /* the library's */
	int timer_fd;
	struct client *clients;
	struct http_metrics *metrics;
	struct profiles *profiles;
	struct MHD_Response
		*text[2]; /* by enum metrics_format: of this interval; NULL: not asked for yet */
};

/* ---- answers */

static enum MHD_Result send_response(struct http *h, struct MHD_Connection *conn, unsigned int code,
				     struct MHD_Response *r)
{
	http_metrics_answered(h->metrics, code);
	return MHD_queue_response(conn, code, r);
}

/* Each of them is one line, for people; @header NULL: none more */
static enum MHD_Result say(struct http *h, struct MHD_Connection *conn, unsigned int code,
			   const char *text, const char *header, const char *value)
{
	struct MHD_Response *r =
		MHD_create_response_from_buffer(strlen(text), (void *)text, MHD_RESPMEM_MUST_COPY);
	enum MHD_Result ret;

	if (!r)
		return MHD_NO;
	MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, text_plain);
	if (header)
		MHD_add_response_header(r, header, value);
	ret = send_response(h, conn, code, r);
	MHD_destroy_response(r);
	return ret;
}

static enum MHD_Result index_page(struct http *h, struct MHD_Connection *conn)
{
	return say(
		h, conn, MHD_HTTP_OK,
		"memtrace " MEMTRACE_VERSION "\n"
		"/metrics                          OpenMetrics: see docs/METRICS.md\n"
		"/debug/pprof/resident             resident memory by call path (gzipped pprof)\n"
		"/debug/pprof/growth?seconds=30    its growth over the next seconds\n"
		"both with &pid=PID: of one process\n",
		NULL, NULL);
}

static void forget_text(struct http *h)
{
	for (unsigned int i = 0; i < 2; i++) {
		if (h->text[i])
			MHD_destroy_response(h->text[i]);
		h->text[i] = NULL;
	}
}

/* The same text for all who ask within an interval. */
static enum MHD_Result metrics(struct http *h, struct MHD_Connection *conn)
{
	enum metrics_format f = metrics_accept(
		MHD_lookup_connection_value(conn, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT));
	struct MHD_Response *r;
	char *text = NULL;
	size_t len = 0;

	if (!h->text[f]) {
		if (http_metrics_text(h->metrics, f, &text, &len))
			return say(h, conn, MHD_HTTP_SERVICE_UNAVAILABLE,
				   "memory is short: try again\n", NULL, NULL);
		r = MHD_create_response_from_buffer(len, text, MHD_RESPMEM_MUST_FREE);
		if (!r) {
			free(text);
			return MHD_NO;
		}
		MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, metrics_type(f));
		MHD_add_response_header(r, MHD_HTTP_HEADER_VARY, MHD_HTTP_HEADER_ACCEPT);
		h->text[f] = r;
	}
	return send_response(h, conn, MHD_HTTP_OK, h->text[f]);
}

/* ---- profiles */

static int socket_of(struct MHD_Connection *conn)
{
	const union MHD_ConnectionInfo *i =
		MHD_get_connection_info(conn, MHD_CONNECTION_INFO_CONNECTION_FD);

	return i ? i->connect_fd : -1;
}

static bool is_root(struct MHD_Connection *conn)
{
	struct ucred who;
	socklen_t len = sizeof(who);

	return !getsockopt(socket_of(conn), SOL_SOCKET, SO_PEERCRED, &who, &len) && !who.uid;
}

/* Who may not fetch profiles is told why; 0: may */
static unsigned int refused(struct http *h, struct MHD_Connection *conn, const char **ret_why)
{
	const char *sent =
		MHD_lookup_connection_value(conn, MHD_HEADER_KIND, MHD_HTTP_HEADER_AUTHORIZATION);

	if (h->at.is_unix) {
		*ret_why = "profiles are for root\n";
		return is_root(conn) ? 0 : MHD_HTTP_FORBIDDEN;
	}
	if (!h->token.len) {
		*ret_why = "profiles are off: no token-file is configured\n";
		return MHD_HTTP_FORBIDDEN;
	}
	*ret_why = "profiles need the token: Authorization: Bearer TOKEN\n";
	return http_token_is(&h->token, sent) ? 0 : MHD_HTTP_UNAUTHORIZED;
}

/* A number of the query; @missing when it is not there, −1 when it is none from 1 to @max */
static long number(struct MHD_Connection *conn, const char *key, long missing, long max)
{
	const char *text = MHD_lookup_connection_value(conn, MHD_GET_ARGUMENT_KIND, key);
	char *end;
	long n;

	if (!text)
		return missing;
	if (*text < '0' || *text > '9')
		return -1;
	errno = 0;
	n = strtol(text, &end, 10);
	return errno || *end || n < 1 || n > max ? -1 : n;
}

static void again(struct http *h, uint64_t ns)
{
	const struct itimerspec its = { .it_value = { (time_t)(ns / NSEC_PER_SEC),
						      (long)(ns % NSEC_PER_SEC) } };

	timerfd_settime(h->timer_fd, 0, &its, NULL);
}

/* As profile_done_fn: the request goes on, in the loop's next turn. */
static void profile_done(void *ctx, int err, int fd, uint64_t len)
{
	struct request *q = ctx;

	q->done = true;
	q->err = err;
	q->fd = fd;
	q->len = len;
	q->client->waiting = false;
	q->client->since_ns = boot_ns();
	MHD_resume_connection(q->conn);
	again(q->h, 1);
}

static enum MHD_Result profile_failed(struct request *q)
{
	switch (q->err) {
	case -ESRCH:
		return say(q->h, q->conn, MHD_HTTP_NOT_FOUND, "that process is not traced\n", NULL,
			   NULL);
	case -EAGAIN: /* or of processes, to make one */
		return say(q->h, q->conn, MHD_HTTP_SERVICE_UNAVAILABLE,
			   "too many profiles are under way: try again\n",
			   MHD_HTTP_HEADER_RETRY_AFTER, "30");
	case -ETIMEDOUT:
		return say(q->h, q->conn, MHD_HTTP_GATEWAY_TIMEOUT,
			   "naming the call paths took too long: ask for one process, with pid=\n",
			   NULL, NULL);
	case -ECANCELED:
		return say(q->h, q->conn, MHD_HTTP_SERVICE_UNAVAILABLE, "memtrace ends\n", NULL,
			   NULL);
	}
	return say(q->h, q->conn, MHD_HTTP_INTERNAL_SERVER_ERROR,
		   "the profile could not be made: see memtrace serve -v\n", NULL, NULL);
}

static enum MHD_Result profile_answer(struct request *q)
{
	struct MHD_Response *r;
	enum MHD_Result ret;
	char name[64];

	q->client->since_ns = boot_ns();
	if (q->err)
		return profile_failed(q);
	r = MHD_create_response_from_fd64(q->len, q->fd);
	if (!r)
		return MHD_NO;
	q->fd = -1; /* the response's */
	snprintf(name, sizeof(name), "attachment; filename=\"%s.pb.gz\"", q->name);
	MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, "application/octet-stream");
	MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_DISPOSITION, name);
	ret = send_response(q->h, q->conn, MHD_HTTP_OK, r);
	MHD_destroy_response(r);
	return ret;
}

static struct client *client_of(struct MHD_Connection *conn)
{
	const union MHD_ConnectionInfo *i =
		MHD_get_connection_info(conn, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return i ? i->socket_context : NULL;
}

static enum MHD_Result profile(struct http *h, struct MHD_Connection *conn, bool growth, void **ctx)
{
	long pid = number(conn, "pid", 0, INT_MAX);
	long seconds = growth ? number(conn, "seconds", PROFILE_SECONDS, PROFILE_SECONDS_MAX) : 0;
	struct client *c = client_of(conn);
	unsigned int code;
	struct request *q;
	const char *why;

	code = refused(h, conn, &why);
	if (code)
		return say(h, conn, code, why,
			   code == MHD_HTTP_UNAUTHORIZED ? MHD_HTTP_HEADER_WWW_AUTHENTICATE : NULL,
			   "Bearer realm=\"memtrace\"");
	if (pid < 0 || seconds < 0)
		return say(h, conn, MHD_HTTP_BAD_REQUEST,
			   "seconds= is a number from 1 to 300, pid= that of a process\n", NULL,
			   NULL);
	q = c ? calloc(1, sizeof(*q)) : NULL;
	if (!q)
		return MHD_NO;
	*q = (struct request){
		.h = h, .conn = conn, .client = c, .fd = -1, .name = growth ? "growth" : "resident"
	};
	*ctx = q;
	q->err = profiles_begin(h->profiles, (pid_t)pid, (unsigned int)seconds, profile_done, q);
	if (q->err)
		return profile_failed(q);
	c->waiting = true;
	MHD_suspend_connection(conn);
	again(h, 1);
	return MHD_YES;
}

/* ---- requests */

static const char no_body[] = "the request has a body, which is not wanted\n";

static bool has_body(struct MHD_Connection *conn)
{
	const char *len =
		MHD_lookup_connection_value(conn, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);

	return (len && strcmp(len, "0") != 0) ||
	       MHD_lookup_connection_value(conn, MHD_HEADER_KIND,
					   MHD_HTTP_HEADER_TRANSFER_ENCODING);
}

static enum MHD_Result route(struct http *h, struct MHD_Connection *conn, const char *url,
			     void **ctx)
{
	if (!strcmp(url, "/"))
		return index_page(h, conn);
	if (!strcmp(url, "/metrics"))
		return metrics(h, conn);
	if (!strcmp(url, "/debug/pprof/resident"))
		return profile(h, conn, false, ctx);
	if (!strcmp(url, "/debug/pprof/growth"))
		return profile(h, conn, true, ctx);
	return say(h, conn, MHD_HTTP_NOT_FOUND, "no such path: / lists them\n", NULL, NULL);
}

/* In *ctx when the headers are there, and nothing was decided yet. */
static const char begun;

/*
 * As MHD_AccessHandlerCallback: called when the headers are there, when all of the request is, and again
 * after a pause. What is answered at the first call costs the connection.
 */
static enum MHD_Result answer(void *cls, struct MHD_Connection *conn, const char *url,
			      const char *method, const char *version, const char *upload,
			      size_t *upload_len, void **ctx)
{
	struct client *c = client_of(conn);
	struct http *h = cls;

	(void)version;
	(void)upload;
	(void)upload_len;
	if (*ctx && *ctx != &begun)
		return profile_answer(*ctx);
	if (*ctx) {
		*ctx = NULL;
		return route(h, conn, url, ctx);
	}
	if (c)
		c->since_ns = boot_ns();
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		return say(h, conn, MHD_HTTP_METHOD_NOT_ALLOWED, "GET or HEAD\n",
			   MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	if (has_body(conn))
		return say(h, conn, MHD_HTTP_BAD_REQUEST, no_body, NULL, NULL);
	*ctx = (void *)&begun;
	return MHD_YES;
}

static void completed(void *cls, struct MHD_Connection *conn, void **ctx,
		      enum MHD_RequestTerminationCode why)
{
	struct client *c = client_of(conn);
	struct request *q = *ctx;

	(void)cls;
	(void)why;
	if (c)
		c->since_ns = boot_ns();
	if (!q || *ctx == &begun)
		return;
	if (q->fd >= 0)
		close(q->fd);
	free(q);
	*ctx = NULL;
}

static void connection(void *cls, struct MHD_Connection *conn, void **socket_ctx,
		       enum MHD_ConnectionNotificationCode what)
{
	struct http *h = cls;
	struct client **at, *c;

	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		c = calloc(1, sizeof(*c));
		if (!c)
			return; /* the library's own limit on idle ones is left */
		c->fd = socket_of(conn);
		c->since_ns = boot_ns();
		c->next = h->clients;
		h->clients = c;
		*socket_ctx = c;
		return;
	}
	for (at = &h->clients; *at; at = &(*at)->next) {
		if (*at != *socket_ctx)
			continue;
		c = *at;
		*at = c->next;
		free(c);
		break;
	}
	*socket_ctx = NULL;
}

/* ---- the loop */

static void run(struct http *h)
{
	uint64_t until = boot_ns() + TURN_TIME;
	MHD_UNSIGNED_LONG_LONG ms = 0;

	do {
		MHD_run(h->d);
		if (MHD_get_timeout(h->d, &ms) != MHD_YES) {
			again(h, 0); /* nothing to wait for */
			return;
		}
	} while (!ms && boot_ns() < until);
	again(h, ms ? ms * NSEC_PER_MSEC : 1);
}

/* As serve_ready_fn */
static void on_ready(void *ctx, int fd, uint32_t events)
{
	struct http *h = ctx;
	uint64_t n;

	(void)events;
	if (fd == h->timer_fd && read(fd, &n, sizeof(n)) < 0)
		return;
	run(h);
	profiles_tick(h->profiles);
}

/* Who takes longer than a request may is hung up on: the library only knows who says nothing at all. */
static void hang_up(struct http *h)
{
	uint64_t now = boot_ns();

	for (struct client *c = h->clients; c; c = c->next)
		if (!c->waiting && now > c->since_ns + REQUEST_TIME)
			shutdown(c->fd, SHUT_RDWR);
}

/* ---- the part */

static int read_token(struct http *h, const struct conf *conf)
{
	const char *why;

	if (!conf->http_token_file) {
		h->token.len = 0;
		return 0;
	}
	why = http_token_read(conf->http_token_file, &h->token);
	if (!why)
		return 0;
	return log_error(EX_FAILED,
			 "a file of root's with mode 600 and one line of 16 bytes or more",
			 "http: token-file %s: %s", conf->http_token_file, why);
}

static int start_library(struct http *h)
{
	const union MHD_DaemonInfo *info;

	h->d = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, answer, h,
				MHD_OPTION_LISTEN_SOCKET, h->at.fd, MHD_OPTION_CONNECTION_LIMIT,
				CONNECTIONS, MHD_OPTION_PER_IP_CONNECTION_LIMIT, CONNECTIONS_IP,
				MHD_OPTION_CONNECTION_TIMEOUT, IDLE_S,
				MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)REQUEST_BYTES,
				MHD_OPTION_NOTIFY_COMPLETED, completed, NULL,
				MHD_OPTION_NOTIFY_CONNECTION, connection, h,
				MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_END);
	h->at.fd = -1; /* the library's */
	if (!h->d)
		return log_error(EX_FAILED, NULL, "http: the library does not start: %s",
				 strerror(errno));
	info = MHD_get_daemon_info(h->d, MHD_DAEMON_INFO_EPOLL_FD);
	h->epfd = info ? info->epoll_fd : -1;
	if (h->epfd < 0 || serve_watch(h->sv, h->epfd, EPOLLIN, on_ready, h) ||
	    serve_watch(h->sv, h->timer_fd, EPOLLIN, on_ready, h))
		return log_error(EX_FAILED, NULL, "http: cannot be waited for");
	return 0;
}

static void http_fini(void *ctx)
{
	struct http *h = ctx;

	if (!h)
		return;
	/* those who wait for a profile are told */
	profiles_free(h->profiles);
	if (h->d) {
		MHD_run(h->d);
		if (h->epfd >= 0)
			serve_unwatch(h->sv, h->epfd);
		serve_unwatch(h->sv, h->timer_fd);
		forget_text(h);
		MHD_stop_daemon(h->d);
	}
	http_unlisten(&h->at);
	if (h->at.fd >= 0)
		close(h->at.fd);
	if (h->timer_fd >= 0)
		close(h->timer_fd);
	http_metrics_free(h->metrics);
	explicit_bzero(&h->token, sizeof(h->token));
	free(h->where);
	free(h);
}

static int http_init(struct serve *sv, void **ret_ctx)
{
	const struct conf *conf = serve_conf(sv);
	char text[160];
	struct http *h;
	int ret;

	if (!conf->http)
		return 0;
	h = calloc(1, sizeof(*h));
	if (!h)
		return log_error(EX_FAILED, NULL, "out of memory");
	h->sv = sv;
	h->at.fd = h->epfd = -1;
	h->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	h->where = strdup(conf->http);
	h->metrics = http_metrics_new(sv);
	h->profiles = profiles_new(sv);
	if (h->timer_fd < 0 || !h->where || !h->metrics || !h->profiles)
		ret = log_error(EX_FAILED, NULL, "out of memory");
	else
		ret = read_token(h, conf);
	if (!ret)
		ret = http_listen(conf->http, &h->at);
	if (!ret)
		ret = start_library(h);
	if (ret) {
		http_fini(h);
		return ret;
	}
	log_info("http: listening at %s", http_listen_text(text, sizeof(text), &h->at));
	*ret_ctx = h;
	return 0;
}

static void http_added(void *ctx, struct served *p)
{
	struct http *h = ctx;

	if (h)
		http_metrics_added(h->metrics, p);
}

static void http_gone(void *ctx, struct served *p)
{
	struct http *h = ctx;

	if (h)
		http_metrics_gone(h->metrics, p);
}

static void http_tick(void *ctx)
{
	struct http *h = ctx;

	if (!h)
		return;
	http_metrics_tick(h->metrics);
	forget_text(h);
	hang_up(h);
	run(h);
	profiles_tick(h->profiles);
}

static void http_reload(void *ctx, const struct conf *now)
{
	struct http *h = ctx;

	if (!now->http != !h || (h && strcmp(now->http, h->where) != 0))
		log_warn("http: where to listen is taken at the next start");
	/* one that is refused leaves the old one */
	if (h)
		read_token(h, now);
}

const struct serve_part serve_http = {
	.name = "http",
	.init = http_init,
	.added = http_added,
	.gone = http_gone,
	.tick = http_tick,
	.reload = http_reload,
	.fini = http_fini,
};
