// SPDX-License-Identifier: GPL-2.0
#include "trace/format.h"

#include <zlib.h>

uint32_t trace_crc(const void *data, size_t len)
{
	return (uint32_t)crc32_z(0, data, len);
}

void trace_put_header(uint8_t out[TRACE_HEADER_SZ])
{
	memset(out, 0, TRACE_HEADER_SZ);
	memcpy(out + TH_MAGIC, TRACE_MAGIC, TRACE_MAGIC_SZ);
	put_le(out + TH_VERSION, TRACE_VERSION, 2);
	put_le(out + TH_MIN_READER, TRACE_MIN_READER, 2);
	put_le(out + TH_ORDER, TRACE_ORDER, 4);
	put_le(out + TH_SZ, TRACE_HEADER_SZ, 4);
	put_le(out + TH_CRC, trace_crc(out, TH_CRC), 4);
}

void trace_put_end(uint8_t out[TRACE_END_SZ], uint64_t index_off)
{
	memset(out, 0, TRACE_END_SZ);
	memcpy(out + TE_MAGIC, END_MAGIC, TRACE_MAGIC_SZ);
	put_le(out + TE_INDEX, index_off, 8);
	put_le(out + TE_CRC, trace_crc(out, TE_CRC), 4);
}

void chunk_put(uint8_t out[CHUNK_HEADER_SZ], const struct chunk_info *c)
{
	memset(out, 0, CHUNK_HEADER_SZ);
	memcpy(out + CH_MAGIC, CHUNK_MAGIC, CHUNK_MAGIC_SZ);
	out[CH_TYPE] = c->type;
	out[CH_FLAGS] = c->flags;
	put_le(out + CH_SZ, CHUNK_HEADER_SZ, 2);
	put_le(out + CH_DISK_LEN, c->disk_len, 4);
	put_le(out + CH_RAW_LEN, c->raw_len, 4);
	put_le(out + CH_DATA_CRC, c->data_crc, 4);
	put_le(out + CH_NR_EVENTS, c->nr_events, 4);
	put_le(out + CH_SEQ, c->seq, 8);
	put_le(out + CH_TOLD_BEFORE, c->told_before, 8);
	put_le(out + CH_BEGIN_NS, c->begin_ns, 8);
	put_le(out + CH_END_NS, c->end_ns, 8);
	put_le(out + CH_CRC, trace_crc(out, CH_CRC), 4);
}

int chunk_get(const uint8_t in[CHUNK_HEADER_SZ], struct chunk_info *c)
{
	if (memcmp(in + CH_MAGIC, CHUNK_MAGIC, CHUNK_MAGIC_SZ) ||
	    get_le(in + CH_CRC, 4) != trace_crc(in, CH_CRC))
		return 0;
	c->type = in[CH_TYPE];
	c->flags = in[CH_FLAGS];
	c->header_sz = (uint16_t)get_le(in + CH_SZ, 2);
	c->disk_len = (uint32_t)get_le(in + CH_DISK_LEN, 4);
	c->raw_len = (uint32_t)get_le(in + CH_RAW_LEN, 4);
	c->data_crc = (uint32_t)get_le(in + CH_DATA_CRC, 4);
	c->nr_events = (uint32_t)get_le(in + CH_NR_EVENTS, 4);
	c->seq = get_le(in + CH_SEQ, 8);
	c->told_before = get_le(in + CH_TOLD_BEFORE, 8);
	c->begin_ns = get_le(in + CH_BEGIN_NS, 8);
	c->end_ns = get_le(in + CH_END_NS, 8);
	return c->header_sz == CHUNK_HEADER_SZ && c->raw_len <= CHUNK_MAX_RAW &&
	       c->disk_len <= CHUNK_MAX_RAW + (1u << 16);
}
