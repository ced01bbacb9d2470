// SPDX-License-Identifier: GPL-2.0
/* What is queued for a client arrives whole and in order, however slowly it reads. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "serve/client.h"

#define NR 200
#define BIG 40000u

/* Bytes that say where they belong. */
static struct piece *numbered(unsigned int i)
{
	uint8_t buf[BIG];

	for (unsigned int k = 0; k < BIG; k++)
		buf[k] = (uint8_t)(i * 31 + k);
	return piece_new(buf, BIG - i);
}

static bool is_numbered(const uint8_t *buf, unsigned int i)
{
	for (unsigned int k = 0; k < BIG - i; k++)
		if (buf[k] != (uint8_t)(i * 31 + k))
			return false;
	return true;
}

TEST(in_order_and_whole)
{
	struct queue q = {};
	uint8_t *all = malloc((size_t)NR * BIG), *p = all;
	size_t got = 0, want = 0;
	int sv[2], ret = 0;

	ASSERT_NE(NULL, all);
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sv));
	for (unsigned int i = 0; i < NR; i++) {
		struct piece *n = numbered(i);

		ASSERT_NE(NULL, n);
		ASSERT_EQ(0, queue_push(&q, n));
		piece_put(n);
		want += BIG - i;
	}
	EXPECT_EQ(want, q.bytes);
	while (got < want) {
		ssize_t k;

		ret = queue_write(&q, sv[0], NULL);
		ASSERT_GE(ret, 0);
		k = read(sv[1], all + got, 7919 < want - got ? 7919 : want - got);
		ASSERT_GT(k, 0);
		got += (size_t)k;
		EXPECT_LE(q.bytes, want - got);
	}
	EXPECT_EQ(1, queue_write(&q, sv[0], NULL));
	EXPECT_EQ(0, q.bytes);
	EXPECT_EQ(0, q.nr);
	for (unsigned int i = 0; i < NR; p += BIG - i, i++)
		EXPECT_TRUE(is_numbered(p, i));
	queue_fini(&q);
	free(all);
	close(sv[0]);
	close(sv[1]);
}

/* Nobody reads: it is bounded, the other client of the same pieces gets all, and what was sent is freed. */
TEST(one_is_behind)
{
	const struct peer me = { .uid = getuid() };
	int slow[2], fast[2];
	unsigned int refused = 0;
	struct client *a, *b;
	struct piece *p = numbered(0);
	uint8_t buf[BIG];
	size_t got = 0;

	ASSERT_NE(NULL, p);
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, slow));
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fast));
	a = client_new(slow[0], &me, 5 * BIG, 1);
	b = client_new(fast[0], &me, 5 * BIG, 1);
	ASSERT_TRUE(a && b);
	for (unsigned int i = 0; i < NR; i++) {
		refused += !client_offer(a, p, a->max_queue);
		EXPECT_TRUE(client_offer(b, p, b->max_queue));
		EXPECT_LE(a->out.bytes, a->max_queue);
		for (ssize_t k; (k = read(fast[1], buf, sizeof(buf))) > 0;)
			got += (size_t)k;
		client_write(b);
	}
	for (ssize_t k; (k = read(fast[1], buf, sizeof(buf))) > 0;)
		got += (size_t)k;
	EXPECT_EQ((size_t)NR * BIG, got);
	EXPECT_GT(refused, NR / 2);
	EXPECT_TRUE(a->blocked);
	EXPECT_FALSE(b->blocked);
	EXPECT_EQ(1 + a->out.nr, p->refs);
	client_free(a);
	client_free(b);
	EXPECT_EQ(1, p->refs);
	piece_put(p);
	close(slow[1]);
	close(fast[1]);
}

TEST(gone)
{
	const struct peer me = { .uid = getuid() };
	struct piece *p = numbered(1);
	struct client *c;
	int sv[2];

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sv));
	c = client_new(sv[0], &me, 5 * BIG, 1);
	ASSERT_NE(NULL, c);
	close(sv[1]);
	/* no SIGPIPE, and nothing to do for the others */
	EXPECT_TRUE(client_offer(c, p, c->max_queue));
	EXPECT_TRUE(c->dead);
	EXPECT_TRUE(client_offer(c, p, c->max_queue));
	client_free(c);
	EXPECT_EQ(1, p->refs);
	piece_put(p);
}

TEST_HARNESS_MAIN
