/* SPDX-License-Identifier: GPL-2.0 */
/* The daemon as a source of events: a recording that is being made, over its socket. */
#ifndef SOURCE_SRC_SOCKET_H
#define SOURCE_SRC_SOCKET_H

#include "event/event.h"
#include "event/strtab.h"
#include "trace/proto.h"
#include "trace/stream.h"

struct src_socket;

/**
 * src_socket_open() - connect to the daemon
 *
 * Returns 0 when it answers, and its facts are there; −ENOENT, −ECONNREFUSED: there is none;
 * −EACCES: this user may not connect; −EPERM: who listens there is neither root nor this user;
 * −EBUSY: it has too many clients; −ETIMEDOUT: it does not answer; −EPROTO, −EPROTONOSUPPORT:
 * it speaks otherwise; −ENOMEM, −errno.
 */
int src_socket_open(const char *path, struct strtab *st, struct src_socket **ret_ss);
void src_socket_close(struct src_socket *ss); /* safe on NULL */
int src_socket_fd(const struct src_socket *ss);

/**
 * src_socket_ask() - ask, and wait for the answer
 * @sink: takes the events that come before it; none come before a subscription
 *
 * What comes behind the answer is left for src_socket_read(). Returns 0 with an answer of any
 * status, −ETIMEDOUT, −ECONNRESET: the daemon went away, or as trace_stream_take().
 */
int src_socket_ask(struct src_socket *ss, const struct proto_request *rq,
		   struct proto_answer *ret_a, event_sink_fn sink, void *ctx);

/* src_socket_send() - ask, and do not wait: the answer becomes a notice. 0 or −errno */
int src_socket_send(struct src_socket *ss, const struct proto_request *rq);

/**
 * src_socket_read() - the events that have come; never waits
 *
 * Returns 0: that was all; 1: there is more; −ECONNRESET: the daemon went away; or as trace_stream_take().
 */
int src_socket_read(struct src_socket *ss, event_sink_fn sink, void *ctx);

/* src_socket_wait() - until there is something to read: 0, −ETIMEDOUT, −EINTR, −errno */
int src_socket_wait(const struct src_socket *ss, int timeout_ms);

/* src_socket_notice() - an answer that nobody waited for; false: there is none */
bool src_socket_notice(struct src_socket *ss, struct proto_answer *ret_a);

/* src_socket_table() - the processes, as JSON text; the caller frees it. 0 or as src_socket_ask(), −EACCES: refused */
int src_socket_table(struct src_socket *ss, char **ret_json);

struct trace_stream *src_socket_stream(struct src_socket *ss);

#endif
