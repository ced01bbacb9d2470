// SPDX-License-Identifier: GPL-2.0
#include "trace/proto.h"

#include <errno.h>
#include <string.h>

#include "trace/format.h"

/* ---- requests */

static int get_pids(const uint8_t *p, size_t len, struct proto_request *rq)
{
	uint32_t nr;

	if (len < 8)
		return -EBADMSG;
	rq->flags = (uint32_t)get_le(p, 4);
	nr = (uint32_t)get_le(p + 4, 4);
	if (rq->flags & ~PROTO_F_ALL || !nr || nr > PROTO_MAX_PIDS || len != 8 + 4 * (size_t)nr)
		return -EBADMSG;
	for (uint32_t i = 0; i < nr; i++) {
		rq->pid[i] = (uint32_t)get_le(p + 8 + 4 * (size_t)i, 4);
		if (!rq->pid[i] || rq->pid[i] > INT32_MAX)
			return -EBADMSG;
	}
	rq->nr_pids = nr;
	return 0;
}

static int get_mark(const uint8_t *p, size_t len, struct proto_request *rq)
{
	if (len < 5 || len - 4 >= PROTO_NAME_SZ || memchr(p + 4, 0, len - 4))
		return -EBADMSG;
	rq->pid[0] = (uint32_t)get_le(p, 4);
	rq->nr_pids = 1;
	memcpy(rq->name, p + 4, len - 4);
	return rq->pid[0] && rq->pid[0] <= INT32_MAX ? 0 : -EBADMSG;
}

static int get_body(const uint8_t *p, size_t len, struct proto_request *rq)
{
	switch (rq->verb) {
	case PROTO_HELLO:
		return len ? -EBADMSG : 0;
	case PROTO_PS:
		return len == 4 && !get_le(p, 4) ? 0 : -EBADMSG;
	case PROTO_SUBSCRIBE:
		return get_pids(p, len, rq);
	case PROTO_MARK:
		return get_mark(p, len, rq);
	}
	return -EBADMSG;
}

ssize_t proto_request_get(const uint8_t *buf, size_t len, struct proto_request *rq)
{
	size_t magic = len < PROTO_MAGIC_SZ ? len : PROTO_MAGIC_SZ, body;
	int err;

	memset(rq, 0, sizeof(*rq));
	/* what is no request is known at its first byte: nobody waits for the rest */
	if (memcmp(buf, PROTO_MAGIC, magic))
		return -EBADMSG;
	if (len < PROTO_HEADER_SZ)
		return 0;
	if (get_le(buf + PQ_VERSION, 2) != PROTO_VERSION)
		return -EPROTONOSUPPORT;
	rq->verb = (uint16_t)get_le(buf + PQ_VERB, 2);
	body = (size_t)get_le(buf + PQ_LEN, 4);
	if (body > PROTO_MAX_BODY)
		return -EBADMSG;
	if (len - PROTO_HEADER_SZ < body)
		return 0;
	err = get_body(buf + PROTO_HEADER_SZ, body, rq);
	return err ? err : (ssize_t)(PROTO_HEADER_SZ + body);
}

size_t proto_request_put(const struct proto_request *rq, uint8_t *out)
{
	uint8_t *p = out + PROTO_HEADER_SZ;
	size_t len = 0;

	switch (rq->verb) {
	case PROTO_PS:
		put_le(p, 0, 4);
		len = 4;
		break;
	case PROTO_SUBSCRIBE:
		put_le(p, rq->flags, 4);
		put_le(p + 4, rq->nr_pids, 4);
		for (uint32_t i = 0; i < rq->nr_pids; i++)
			put_le(p + 8 + 4 * (size_t)i, rq->pid[i], 4);
		len = 8 + 4 * (size_t)rq->nr_pids;
		break;
	case PROTO_MARK:
		put_le(p, rq->pid[0], 4);
		len = strnlen(rq->name, PROTO_NAME_SZ - 1);
		memcpy(p + 4, rq->name, len);
		len += 4;
		break;
	}
	/* NOLINTNEXTLINE(bugprone-not-null-terminated-result): it has no end */
	memcpy(out, PROTO_MAGIC, PROTO_MAGIC_SZ);
	put_le(out + PQ_VERSION, PROTO_VERSION, 2);
	put_le(out + PQ_VERB, rq->verb, 2);
	put_le(out + PQ_LEN, len, 4);
	return PROTO_HEADER_SZ + len;
}

/* ---- answers */

enum { PA_VERB = 0, PA_STATUS = 2, PA_PID = 4, PA_TEXT = 8 };

_Static_assert(PROTO_MAX_ANSWER == CHUNK_HEADER_SZ + PA_TEXT + PROTO_TEXT_MAX, "its parts");

size_t proto_answer_put(const struct proto_answer *a, uint8_t *out)
{
	uint8_t *p = out + CHUNK_HEADER_SZ;
	size_t len = PA_TEXT + strnlen(a->text, PROTO_TEXT_MAX);
	struct chunk_info ci = { .type = CHUNK_ANSWER,
				 .disk_len = (uint32_t)len,
				 .raw_len = (uint32_t)len };

	put_le(p + PA_VERB, a->verb, 2);
	put_le(p + PA_STATUS, a->status, 2);
	put_le(p + PA_PID, a->pid, 4);
	memcpy(p + PA_TEXT, a->text, len - PA_TEXT);
	ci.data_crc = trace_crc(p, len);
	chunk_put(out, &ci);
	return CHUNK_HEADER_SZ + len;
}

int proto_answer_get(const uint8_t *data, size_t len, struct proto_answer *a)
{
	memset(a, 0, sizeof(*a));
	if (len < PA_TEXT || len > PA_TEXT + PROTO_TEXT_MAX ||
	    memchr(data + PA_TEXT, 0, len - PA_TEXT))
		return -EBADMSG;
	a->verb = (uint16_t)get_le(data + PA_VERB, 2);
	a->status = (uint16_t)get_le(data + PA_STATUS, 2);
	a->pid = (uint32_t)get_le(data + PA_PID, 4);
	memcpy(a->text, data + PA_TEXT, len - PA_TEXT);
	return 0;
}
