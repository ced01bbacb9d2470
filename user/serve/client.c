// SPDX-License-Identifier: GPL-2.0
#include "serve/client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/clock.h"

struct client *client_new(int fd, const struct peer *peer, uint64_t max_queue, uint64_t now_ns)
{
	struct client *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->fd = fd;
	c->peer = *peer;
	c->max_queue = max_queue;
	c->since_ns = c->wrote_ns = now_ns;
	return c;
}

void client_free(struct client *c)
{
	if (!c)
		return;
	queue_fini(&c->out);
	close(c->fd);
	free(c);
}

void client_write(struct client *c)
{
	bool wrote = false;
	int ret = c->dead ? 0 : queue_write(&c->out, c->fd, &wrote);

	if (ret < 0) {
		c->dead = true;
		return;
	}
	c->blocked = !ret;
	if (wrote || ret)
		c->wrote_ns = boot_ns();
	if (ret && c->closing)
		c->dead = true;
}

void client_send(struct client *c, struct piece *p)
{
	if (!p || c->dead)
		return;
	if (queue_push(&c->out, p))
		c->dead = true; /* without its answer it waits in vain */
	else if (!c->blocked)
		client_write(c);
}

void client_answer(struct client *c, const struct proto_answer *a)
{
	uint8_t buf[PROTO_MAX_ANSWER];
	size_t len = proto_answer_put(a, buf);
	struct piece *p = piece_new(buf, len);

	if (!p)
		c->dead = true;
	client_send(c, p);
	piece_put(p);
}

bool client_offer(struct client *c, struct piece *p, uint64_t max)
{
	if (c->dead || c->closing)
		return true; /* nobody misses it */
	/* one that has read all gets the next piece, however small its queue is to be */
	if ((c->out.nr && c->out.bytes + p->len > max) || queue_push(&c->out, p))
		return false;
	if (!c->blocked)
		client_write(c);
	return true;
}
