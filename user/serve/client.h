/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A client of the daemon: what it has asked, and what is still to be sent to it. Nothing here frees
 * one: who finds that it is gone says so (c->dead), and the server buries it at the end of its turn.
 */
#ifndef SERVE_CLIENT_H
#define SERVE_CLIENT_H

#include <stdbool.h>
#include "serve/peer.h"
#include "serve/queue.h"
#include "trace/proto.h"

struct feed;

struct client {
	int fd;
	struct peer peer;
	void *server; /* that has it */
	struct client *next, *prev; /* of the server's */
	struct client *next_of_feed;

	uint8_t in[PROTO_MAX_REQUEST]; /* of requests, as they come */
	size_t in_len;
	unsigned int asked; /* in this interval */

	struct queue out;
	uint64_t max_queue; /* bytes; what is beyond is lost */

	struct feed *feed; /* NULL: it gets no events */
	bool synced; /* it has the keyframe on which the next events build */
	bool want_key;
	bool taking; /* the keyframe that is being written */
	uint64_t lost_events, lost_chunks; /* since it came */

	bool closing; /* when what is queued was sent */
	bool dead;
	bool blocked; /* the other side takes no more: waits for EPOLLOUT */
	bool deaf; /* it has asked enough for this interval, */
	bool half; /* or will never ask again */
	bool has_asked;
	bool watched_blocked, watched_deaf; /* as its descriptor is watched now */
	uint64_t since_ns; /* when it came, or asked last */
	uint64_t wrote_ns; /* when something went last, or nothing was to be sent */
};

/* client_new() - the descriptor is the client's from then on; NULL: no memory */
struct client *client_new(int fd, const struct peer *peer, uint64_t max_queue, uint64_t now_ns);
void client_free(struct client *c); /* safe on NULL; closes */

/* client_send() - whatever is queued already: for answers, of which there are few */
void client_send(struct client *c, struct piece *p);
void client_answer(struct client *c, const struct proto_answer *a);

/* client_offer() - false: it is so far behind that this is not for it any more */
bool client_offer(struct client *c, struct piece *p, uint64_t max);

/* client_write() - as much as goes */
void client_write(struct client *c);

#endif
