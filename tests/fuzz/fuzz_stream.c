// SPDX-License-Identifier: GPL-2.0
/*
 * libFuzzer on what a client makes of the daemon's bytes: in pieces whose length the first byte
 * says, given to a model. Checksums are put right first, as somebody would who wants to do harm;
 * with a second byte of 0 they stay as they are.
 *
 *	make fuzz [FUZZ_SECONDS=N]
 */
#include <errno.h>
#include <stdlib.h>

#include "model/model.h"
#include "trace/proto.h"
#include "trace/stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Few enough that one input takes no minute: a model may have much to do for each. */
#define MAX_EVENTS 3000u

struct run {
	struct model model;
	unsigned int nr;
};

static int on_event(void *ctx, const struct mtr_event *ev)
{
	struct run *r = ctx;
	int err = model_apply(&r->model, ev);

	if (++r->nr % 100 == 0)
		for (struct proc *p = r->model.procs; p; p = p->hh.next)
			proc_kinds(p, r->model.st);
	return r->nr > MAX_EVENTS ? -ECANCELED : err;
}

static int on_talk(void *ctx, const struct chunk_info *ci, const uint8_t *data, size_t len)
{
	struct proto_answer a;

	(void)ctx;
	if (ci->type == CHUNK_ANSWER && proto_answer_get(data, len, &a))
		return -EPROTO;
	return 0;
}

static void repair(uint8_t *p, size_t size)
{
	size_t at = TRACE_HEADER_SZ, len;

	if (size < TRACE_HEADER_SZ)
		return;
	trace_put_header(p);
	/* from chunk to chunk, as it is read */
	for (; size - at >= CHUNK_HEADER_SZ; at += CHUNK_HEADER_SZ + len) {
		uint8_t *h = p + at;

		memcpy(h, CHUNK_MAGIC, CHUNK_MAGIC_SZ);
		put_le(h + CH_SZ, CHUNK_HEADER_SZ, 2);
		len = get_le(h + CH_DISK_LEN, 4);
		if (len > size - at - CHUNK_HEADER_SZ)
			len = size - at - CHUNK_HEADER_SZ;
		put_le(h + CH_DISK_LEN, len, 4);
		if (!(h[CH_FLAGS] & CHUNK_F_ZSTD))
			put_le(h + CH_RAW_LEN, len, 4);
		put_le(h + CH_DATA_CRC, trace_crc(h + CHUNK_HEADER_SZ, len), 4);
		put_le(h + CH_CRC, trace_crc(h, CH_CRC), 4);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct strtab *st = strtab_new();
	struct trace_stream *ts = st ? trace_stream_new(st) : NULL;
	uint8_t *copy = size > 2 ? malloc(size - 2) : NULL;
	static struct run r;
	size_t step, n;

	if (!ts || !copy)
		goto out_free;
	n = size - 2;
	memcpy(copy, data + 2, n);
	if (data[1])
		repair(copy, n);
	step = data[0] ? data[0] : n;
	r.nr = 0;
	model_init(&r.model, st);
	for (size_t at = 0; at < n; at += step)
		if (trace_stream_take(ts, copy + at, step < n - at ? step : n - at, on_event,
				      on_talk, &r))
			break;
	model_fini(&r.model);
out_free:
	free(copy);
	trace_stream_free(ts);
	strtab_free(st);
	return 0;
}
