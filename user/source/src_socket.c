// SPDX-License-Identifier: GPL-2.0
/*
 * Not more is read from the socket than the piece that is being read lacks, so that one can stop
 * behind an answer: what follows it is for who has set up his model meanwhile.
 */
#include "source/src_socket.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "util/clock.h"

#define PATIENCE_MS 10000 /* a daemon that counts pages answers late */
#define READ_MOST (4u << 20) /* bytes; then the caller has its turn */
#define PIECE 65536u

struct src_socket {
	int fd;
	struct trace_stream *ts;
	struct proto_answer answer, notice;
	unsigned int awaited; /* verb; 0: none */
	bool answered, noticed;
	char *table;
	event_sink_fn sink; /* of the call that reads */
	void *ctx;
	uint8_t buf[PIECE];
};

static int on_event(void *ctx, const struct mtr_event *ev)
{
	struct src_socket *ss = ctx;

	return ss->sink ? ss->sink(ss->ctx, ev) : 0;
}

/* As trace_other_fn */
static int on_talk(void *ctx, const struct chunk_info *ci, const uint8_t *data, size_t len)
{
	struct src_socket *ss = ctx;
	struct proto_answer a;

	if (ci->type == CHUNK_TABLE && ss->awaited == PROTO_PS) {
		free(ss->table);
		ss->table = strndup((const char *)data, len);
		return ss->table ? 0 : -ENOMEM;
	}
	if (ci->type != CHUNK_ANSWER)
		return 0;
	if (proto_answer_get(data, len, &a))
		return -EPROTO;
	if (ss->awaited && (a.verb == ss->awaited || !a.verb)) {
		ss->answer = a;
		ss->answered = true;
	} else {
		ss->notice = a;
		ss->noticed = true;
	}
	return 0;
}

/* One reading: bytes, 0: nothing there now, −ECONNRESET at the end, −errno */
static ssize_t read_some(struct src_socket *ss)
{
	size_t want = trace_stream_want(ss->ts);
	ssize_t n = recv(ss->fd, ss->buf, want < PIECE ? want : PIECE, MSG_DONTWAIT);
	int err;

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (!n)
		return -ECONNRESET;
	err = trace_stream_take(ss->ts, ss->buf, (size_t)n, on_event, on_talk, ss);
	return err ? err : n;
}

int src_socket_wait(const struct src_socket *ss, int timeout_ms)
{
	struct pollfd pfd = { .fd = ss->fd, .events = POLLIN };
	int n = poll(&pfd, 1, timeout_ms);

	return n > 0 ? 0 : n ? -errno : -ETIMEDOUT;
}

/* Until @until has come true, or patience ends. */
static int read_until(struct src_socket *ss, bool (*until)(const struct src_socket *ss))
{
	uint64_t end = boot_ns() + PATIENCE_MS * NSEC_PER_MSEC;

	while (!until(ss)) {
		ssize_t n = read_some(ss);
		int err;

		if (n < 0)
			return (int)n;
		if (n)
			continue;
		if (boot_ns() > end)
			return -ETIMEDOUT;
		err = src_socket_wait(ss, 200);
		if (err && err != -ETIMEDOUT && err != -EINTR)
			return err;
	}
	return 0;
}

static bool has_facts(const struct src_socket *ss)
{
	return ss->answered || trace_stream_facts(ss->ts)->nr;
}

static bool has_answer(const struct src_socket *ss)
{
	return ss->answered;
}

static int connect_to(struct src_socket *ss, const char *path)
{
	const struct timeval patience = { .tv_sec = PATIENCE_MS / 1000 };
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (strlen(path) >= sizeof(sa.sun_path))
		return -ENAMETOOLONG;
	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	ss->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (ss->fd < 0 ||
	    setsockopt(ss->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) ||
	    connect(ss->fd, (struct sockaddr *)&sa, sizeof(sa)))
		return -errno;
	/* what it says is shown to who trusts it: it must be root's, or one's own */
	if (getsockopt(ss->fd, SOL_SOCKET, SO_PEERCRED, &peer, &len))
		return -errno;
	return !peer.uid || peer.uid == geteuid() ? 0 : -EPERM;
}

int src_socket_open(const char *path, struct strtab *st, struct src_socket **ret_ss)
{
	struct src_socket *ss = calloc(1, sizeof(*ss));
	int err;

	if (!ss)
		return -ENOMEM;
	ss->fd = -1;
	ss->ts = trace_stream_new(st);
	err = ss->ts ? connect_to(ss, path) : -ENOMEM;
	if (!err) {
		ss->awaited = PROTO_HELLO;
		err = read_until(ss, has_facts);
		ss->awaited = 0;
	}
	/* not asked, and yet an answer: it has no place */
	if (!err && ss->answered)
		err = ss->answer.status == PROTO_BUSY ? -EBUSY : -EPROTO;
	if (err)
		src_socket_close(ss);
	else
		*ret_ss = ss;
	return err;
}

void src_socket_close(struct src_socket *ss)
{
	if (!ss)
		return;
	if (ss->fd >= 0)
		close(ss->fd);
	trace_stream_free(ss->ts);
	free(ss->table);
	free(ss);
}

int src_socket_fd(const struct src_socket *ss)
{
	return ss->fd;
}

struct trace_stream *src_socket_stream(struct src_socket *ss)
{
	return ss->ts;
}

int src_socket_send(struct src_socket *ss, const struct proto_request *rq)
{
	uint8_t buf[PROTO_MAX_REQUEST];
	size_t len = proto_request_put(rq, buf), at = 0;

	while (at < len) {
		ssize_t n = send(ss->fd, buf + at, len - at, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? -ETIMEDOUT : errno == EPIPE ? -ECONNRESET : -errno;
		at += (size_t)n;
	}
	return 0;
}

int src_socket_ask(struct src_socket *ss, const struct proto_request *rq,
		   struct proto_answer *ret_a, event_sink_fn sink, void *ctx)
{
	int err = src_socket_send(ss, rq);

	/* one that closes has said why */
	if (err && err != -ECONNRESET)
		return err;
	ss->answered = false;
	ss->awaited = rq->verb;
	ss->sink = sink;
	ss->ctx = ctx;
	err = read_until(ss, has_answer);
	ss->sink = NULL;
	ss->awaited = 0;
	if (!err)
		*ret_a = ss->answer;
	return err;
}

int src_socket_read(struct src_socket *ss, event_sink_fn sink, void *ctx)
{
	size_t got = 0;
	ssize_t n;

	ss->sink = sink;
	ss->ctx = ctx;
	do {
		n = read_some(ss);
		got += n > 0 ? (size_t)n : 0;
	} while (n > 0 && got < READ_MOST);
	ss->sink = NULL;
	return n < 0 ? (int)n : n > 0;
}

bool src_socket_notice(struct src_socket *ss, struct proto_answer *ret_a)
{
	bool any = ss->noticed;

	if (any)
		*ret_a = ss->notice;
	ss->noticed = false;
	return any;
}

int src_socket_table(struct src_socket *ss, char **ret_json)
{
	const struct proto_request rq = { .verb = PROTO_PS };
	struct proto_answer a;
	int err = src_socket_ask(ss, &rq, &a, NULL, NULL);

	if (err)
		return err;
	if (a.status != PROTO_OK || !ss->table)
		return a.status == PROTO_DENIED ? -EACCES : -EPROTO;
	*ret_json = ss->table;
	ss->table = NULL;
	return 0;
}
