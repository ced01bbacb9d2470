// SPDX-License-Identifier: GPL-2.0
/* What is said on the daemon's socket: there and back, cut off anywhere, and nonsense. */
#include <errno.h>
#include <stdlib.h>

#include "kselftest_harness.h"
#include "trace/format.h"
#include "trace/proto.h"

/* One of each kind. */
static struct proto_request example(unsigned int i)
{
	struct proto_request rq = {};

	switch (i) {
	case 0:
		rq.verb = PROTO_HELLO;
		break;
	case 1:
		rq.verb = PROTO_PS;
		break;
	case 2:
		rq.verb = PROTO_SUBSCRIBE;
		rq.flags = PROTO_F_STACKS;
		rq.nr_pids = 3;
		rq.pid[0] = 1;
		rq.pid[1] = INT32_MAX;
		rq.pid[2] = 4711;
		break;
	case 3:
		rq.verb = PROTO_MARK;
		rq.nr_pids = 1;
		rq.pid[0] = 42;
		snprintf(rq.name, sizeof(rq.name), "load \xff\x1b begins");
		break;
	case 4:
		rq.verb = PROTO_SUBSCRIBE;
		rq.flags = PROTO_F_ALL;
		rq.nr_pids = PROTO_MAX_PIDS;
		for (unsigned int k = 0; k < PROTO_MAX_PIDS; k++)
			rq.pid[k] = k + 1;
		break;
	}
	return rq;
}

#define NR_EXAMPLES 5

/* Of each example each beginning, in memory of just that size: nothing behind it is touched. */
TEST(there_and_back_and_cut_off)
{
	struct proto_request *rq = malloc(sizeof(*rq));
	uint8_t out[PROTO_MAX_REQUEST];

	ASSERT_NE(NULL, rq);
	for (unsigned int i = 0; i < NR_EXAMPLES; i++) {
		struct proto_request want = example(i);
		size_t len = proto_request_put(&want, out);

		ASSERT_LE(len, PROTO_MAX_REQUEST);
		for (size_t n = 1; n <= len; n++) {
			uint8_t *part = malloc(n);
			ssize_t got;

			ASSERT_NE(NULL, part);
			memcpy(part, out, n);
			got = proto_request_get(part, n, rq);
			EXPECT_EQ(n < len ? 0 : (ssize_t)len, got)
			{
				TH_LOG("example %u, %zu of %zu bytes", i, n, len);
			}
			free(part);
		}
		EXPECT_EQ(0, memcmp(rq, &want, sizeof(want)));
	}
	free(rq);
}

TEST(two_at_a_time)
{
	struct proto_request a = example(3), b = example(2), got;
	uint8_t out[2 * PROTO_MAX_REQUEST];
	size_t n = proto_request_put(&a, out), m = proto_request_put(&b, out + n);

	ASSERT_EQ((ssize_t)n, proto_request_get(out, n + m, &got));
	EXPECT_EQ(PROTO_MARK, got.verb);
	ASSERT_EQ((ssize_t)m, proto_request_get(out + n, m, &got));
	EXPECT_EQ(3, got.nr_pids);
}

static ssize_t with(unsigned int i, size_t at, unsigned int sz, uint64_t v)
{
	struct proto_request rq = example(i), got;
	uint8_t out[PROTO_MAX_REQUEST + 8];
	size_t len = proto_request_put(&rq, out);

	put_le(out + at, v, sz);
	return proto_request_get(out, len, &got);
}

TEST(what_is_refused)
{
	const uint8_t http[] = "GET / HTTP/1.1\r\n\r\n", *p = http;
	struct proto_request got;

	for (size_t n = 1; n < sizeof(http); n++)
		EXPECT_EQ(-EBADMSG, proto_request_get(p, n, &got));
	EXPECT_EQ(-EPROTONOSUPPORT, with(0, PQ_VERSION, 2, 2));
	EXPECT_EQ(-EPROTONOSUPPORT, with(0, PQ_VERSION, 2, 0));
	EXPECT_EQ(-EBADMSG, with(0, PQ_VERB, 2, 0));
	EXPECT_EQ(-EBADMSG, with(0, PQ_VERB, 2, 77));
	/* longer than any: not waited for */
	EXPECT_EQ(-EBADMSG, with(2, PQ_LEN, 4, PROTO_MAX_BODY + 1));
	EXPECT_EQ(-EBADMSG, with(2, PQ_LEN, 4, 0xffffffff));
	/* shorter than it says inside */
	EXPECT_EQ(-EBADMSG, with(2, PQ_LEN, 4, 19));
	EXPECT_EQ(-EBADMSG, with(2, PQ_LEN, 4, 7));
	/* flags that nobody knows, no pid, too many, impossible ones */
	EXPECT_EQ(-EBADMSG, with(2, PROTO_HEADER_SZ, 4, 4));
	EXPECT_EQ(-EBADMSG, with(2, PROTO_HEADER_SZ + 4, 4, 0));
	EXPECT_EQ(-EBADMSG, with(2, PROTO_HEADER_SZ + 4, 4, PROTO_MAX_PIDS + 1));
	EXPECT_EQ(-EBADMSG, with(2, PROTO_HEADER_SZ + 4, 4, 0x40000003));
	EXPECT_EQ(-EBADMSG, with(2, PROTO_HEADER_SZ + 8, 4, 0));
	EXPECT_EQ(-EBADMSG, with(2, PROTO_HEADER_SZ + 8, 4, 0x80000000));
	/* a mark without a name, with a NUL in it, with one that is too long */
	EXPECT_EQ(-EBADMSG, with(3, PQ_LEN, 4, 4));
	EXPECT_EQ(-EBADMSG, with(3, PROTO_HEADER_SZ + 6, 1, 0));
	EXPECT_EQ(-EBADMSG, with(3, PROTO_HEADER_SZ, 4, 0));
	EXPECT_EQ(-EBADMSG, with(1, PROTO_HEADER_SZ, 4, 1));
}

TEST(longest_name)
{
	struct proto_request rq = example(3), got;
	uint8_t out[PROTO_MAX_REQUEST];
	size_t len;

	memset(rq.name, 'x', PROTO_NAME_SZ - 1);
	rq.name[PROTO_NAME_SZ - 1] = '\0';
	len = proto_request_put(&rq, out);
	ASSERT_EQ((ssize_t)len, proto_request_get(out, len, &got));
	EXPECT_STREQ(rq.name, got.name);
	out[len] = 'x';
	put_le(out + PQ_LEN, len + 1 - PROTO_HEADER_SZ, 4);
	EXPECT_EQ(-EBADMSG, proto_request_get(out, len + 1, &got));
}

TEST(answers)
{
	struct proto_answer a = { .verb = 3, .status = PROTO_DENIED, .pid = 4711 }, got;
	uint8_t out[PROTO_MAX_ANSWER];
	struct chunk_info ci;
	size_t len;

	memset(a.text, 'y', PROTO_TEXT_MAX);
	len = proto_answer_put(&a, out);
	ASSERT_EQ(PROTO_MAX_ANSWER, len);
	ASSERT_TRUE(chunk_get(out, &ci));
	EXPECT_EQ(CHUNK_ANSWER, ci.type);
	EXPECT_EQ(len - CHUNK_HEADER_SZ, ci.disk_len);
	EXPECT_EQ(trace_crc(out + CHUNK_HEADER_SZ, ci.disk_len), ci.data_crc);
	ASSERT_EQ(0, proto_answer_get(out + CHUNK_HEADER_SZ, ci.disk_len, &got));
	EXPECT_EQ(0, memcmp(&a, &got, sizeof(a)));
	for (size_t n = 0; n < 8; n++)
		EXPECT_EQ(-EBADMSG, proto_answer_get(out + CHUNK_HEADER_SZ, n, &got));
	EXPECT_EQ(0, proto_answer_get(out + CHUNK_HEADER_SZ, 8, &got));
	EXPECT_STREQ("", got.text);
	out[CHUNK_HEADER_SZ + 20] = 0;
	EXPECT_EQ(-EBADMSG, proto_answer_get(out + CHUNK_HEADER_SZ, ci.disk_len, &got));
}

TEST_HARNESS_MAIN
