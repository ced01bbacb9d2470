// SPDX-License-Identifier: GPL-2.0
/*
 * libFuzzer on requests and answers of the daemon's socket: any bytes, as they come; what is
 * understood says the same when it is written again.
 *
 *	make fuzz [FUZZ_SECONDS=N]
 */
#include <stdlib.h>

#include "trace/format.h"
#include "trace/proto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void requests(const uint8_t *data, size_t size)
{
	static struct proto_request rq, again;
	uint8_t out[PROTO_MAX_REQUEST];
	ssize_t n;
	size_t len;

	while (size && (n = proto_request_get(data, size, &rq)) > 0) {
		len = proto_request_put(&rq, out);
		if (len != (size_t)n || memcmp(out, data, len) ||
		    proto_request_get(out, len, &again) != n || memcmp(&rq, &again, sizeof(rq)))
			abort();
		data += n;
		size -= (size_t)n;
	}
}

static void answers(const uint8_t *data, size_t size)
{
	struct proto_answer a;
	uint8_t out[PROTO_MAX_ANSWER];
	size_t len;

	if (proto_answer_get(data, size, &a))
		return;
	len = proto_answer_put(&a, out);
	if (len != CHUNK_HEADER_SZ + size || memcmp(out + CHUNK_HEADER_SZ, data, size))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	requests(data, size);
	answers(data, size);
	return 0;
}
