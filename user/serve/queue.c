// SPDX-License-Identifier: GPL-2.0
#include "serve/queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct piece *piece_new(const void *data, size_t len)
{
	struct piece *p = malloc(sizeof(*p) + len);

	if (!p)
		return NULL;
	p->refs = 1;
	p->len = len;
	memcpy(p->data, data, len);
	return p;
}

struct piece *piece_get(struct piece *p)
{
	p->refs++;
	return p;
}

void piece_put(struct piece *p)
{
	if (p && !--p->refs)
		free(p);
}

static void pop(struct queue *q)
{
	piece_put(q->at[q->head]);
	q->head = (q->head + 1) % q->cap;
	q->nr--;
	q->sent = 0;
}

void queue_fini(struct queue *q)
{
	while (q->nr)
		pop(q);
	free(q->at);
	*q = (struct queue){ 0 };
}

static int grow(struct queue *q)
{
	unsigned int cap = q->cap ? 2 * q->cap : 16;
	struct piece **at = calloc(cap, sizeof(struct piece *));

	if (!at)
		return -ENOMEM;
	for (unsigned int i = 0; i < q->nr; i++)
		at[i] = q->at[(q->head + i) % q->cap];
	free(q->at);
	q->at = at;
	q->head = 0;
	q->cap = cap;
	return 0;
}

int queue_push(struct queue *q, struct piece *p)
{
	if (q->nr == q->cap && grow(q))
		return -ENOMEM;
	q->at[(q->head + q->nr++) % q->cap] = piece_get(p);
	q->bytes += p->len;
	return 0;
}

int queue_write(struct queue *q, int fd, bool *ret_wrote)
{
	while (q->nr) {
		const struct piece *p = q->at[q->head];
		ssize_t n =
			send(fd, p->data + q->sent, p->len - q->sent, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN || errno == ENOBUFS ? 0 : -errno;
		if (ret_wrote && n)
			*ret_wrote = true;
		q->sent += (size_t)n;
		q->bytes -= (uint64_t)n;
		if (q->sent == p->len)
			pop(q);
	}
	return 1;
}
