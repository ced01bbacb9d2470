/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is to be sent to a client: whole chunks, shared with the other clients that get the same.
 * Nothing here waits: who does not read has a queue that grows, and its owner looks at it.
 */
#ifndef SERVE_QUEUE_H
#define SERVE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct piece {
	unsigned int refs;
	size_t len;
	uint8_t data[];
};

/* piece_new() - a copy of the bytes, with one reference; NULL: no memory */
struct piece *piece_new(const void *data, size_t len);
struct piece *piece_get(struct piece *p);
void piece_put(struct piece *p); /* safe on NULL */

struct queue {
	struct piece **at; /* ring of cap */
	unsigned int head, nr, cap;
	size_t sent; /* bytes of the first */
	uint64_t bytes; /* of all, without those */
};

void queue_fini(struct queue *q);

/* queue_push() - take a reference; 0 or −ENOMEM */
int queue_push(struct queue *q, struct piece *p);

/**
 * queue_write() - as much as the other side takes now
 *
 * Returns 1: it is empty; 0: the other side takes no more now; −errno of send(2).
 * @ret_wrote: whether any byte went; may be NULL
 */
int queue_write(struct queue *q, int fd, bool *ret_wrote);

#endif
