// SPDX-License-Identifier: GPL-2.0
/*
 * libFuzzer on the trace reader: any bytes, read to the end, with seeks, and
 * the events given to a model.
 *
 *   make fuzz [FUZZ_SECONDS=N]
 *
 * Checksums would keep the fuzzer out of everything behind them: so the file is
 * first repaired, as somebody would who wants to do harm. A first byte of 0 leaves it as it is.
 */
#include <stdlib.h>

#include "model/model.h"
#include "tracebuf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void repair_chunk(uint8_t *p, size_t left)
{
	size_t len;

	put_le(p + CH_SZ, CHUNK_HEADER_SZ, 2);
	len = get_le(p + CH_DISK_LEN, 4);
	if (len > left - CHUNK_HEADER_SZ) {
		len = left - CHUNK_HEADER_SZ;
		put_le(p + CH_DISK_LEN, len, 4);
	}
	if (!(p[CH_FLAGS] & CHUNK_F_ZSTD))
		put_le(p + CH_RAW_LEN, len, 4);
	put_le(p + CH_DATA_CRC, trace_crc(p + CHUNK_HEADER_SZ, len), 4);
	put_le(p + CH_CRC, trace_crc(p, CH_CRC), 4);
}

static void repair(uint8_t *p, size_t size)
{
	if (size >= TRACE_HEADER_SZ) {
		memcpy(p, TRACE_MAGIC, TRACE_MAGIC_SZ);
		put_le(p + TH_MIN_READER, 1, 2);
		put_le(p + TH_CRC, trace_crc(p, TH_CRC), 4);
	}
	for (size_t i = 0; i + CHUNK_HEADER_SZ <= size; i++)
		if (!memcmp(p + i, CHUNK_MAGIC, CHUNK_MAGIC_SZ))
			repair_chunk(p + i, size - i);
	if (size >= TRACE_END_SZ && !memcmp(p + size - TRACE_END_SZ, END_MAGIC, TRACE_MAGIC_SZ))
		put_le(p + size - TRACE_END_SZ + TE_CRC, trace_crc(p + size - TRACE_END_SZ, TE_CRC),
		       4);
}

/* Few enough events that one input takes no minute: a model may have much to do for each. */
#define MAX_EVENTS 3000

static void play(struct trace_reader *r, struct model *m, struct strtab *st)
{
	unsigned int n = 0;
	struct mtr_event ev;

	while (n++ < MAX_EVENTS && trace_reader_next(r, &ev) > 0) {
		model_apply(m, &ev);
		if (n % 100 == 0)
			for (struct proc *p = m->procs; p; p = p->hh.next)
				proc_kinds(p, st);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct strtab *st = strtab_new();
	struct tracebuf tb = {};
	struct trace_reader *r;
	struct model m;

	if (!st || size < 2)
		goto out_free;
	tracebuf_add(&tb, data + 1, size - 1);
	if (data[0])
		repair(tb.data, tb.len);
	if (tracebuf_open(&tb, st, &r))
		goto out_free;
	model_init(&m, st);
	trace_reader_all_keys(r, data[0] & 2);
	play(r, &m, st);
	trace_reader_seek(r, trace_reader_info(r)->begin_ns + data[0] * 1000ull);
	play(r, &m, st);
	trace_reader_seek(r, ~0ull);
	play(r, &m, st);
	trace_reader_close(r);
	model_fini(&m);
out_free:
	tracebuf_free(&tb);
	strtab_free(st);
	return 0;
}
