/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The trace file, byte by byte: docs/TRACE_FORMAT.md. All numbers are little endian.
 *
 *   header │ chunk(facts) │ chunk │ chunk │ … │ chunk(index) │ end
 *
 * A chunk can be read without any other: its strings and the values its deltas
 * begin with are its own. What is known of the process before it comes from
 * the keyframe before it.
 */
#ifndef TRACE_FORMAT_H
#define TRACE_FORMAT_H

#include <stdint.h>
#include <string.h>

#define TRACE_VERSION 1
#define TRACE_MIN_READER 1 /* the oldest reader that understands what is written here */

#define TRACE_MAGIC "\x89MTR\r\n\x1a\n"
#define TRACE_MAGIC_SZ 8
#define TRACE_ORDER 0x01020304u

/* Header of the file: places of its fields */
enum {
	TH_MAGIC = 0,
	TH_VERSION = 8, /* u16 */
	TH_MIN_READER = 10, /* u16 */
	TH_ORDER = 12, /* u32 */
	TH_SZ = 16, /* u32: of this header */
	TH_CRC = 28, /* u32: of what is before it */
	TRACE_HEADER_SZ = 32
};

#define CHUNK_MAGIC "MTRC"
#define CHUNK_MAGIC_SZ 4

/* Header of a chunk */
enum {
	CH_MAGIC = 0,
	CH_TYPE = 4, /* u8 */
	CH_FLAGS = 5, /* u8 */
	CH_SZ = 6, /* u16: of this header */
	CH_DISK_LEN = 8, /* u32: bytes behind this header */
	CH_RAW_LEN = 12, /* u32: the same, decompressed */
	CH_DATA_CRC = 16, /* u32: of the bytes behind this header, as they are on disk */
	CH_NR_EVENTS = 20, /* u32 */
	CH_SEQ = 24, /* u64: number of the chunk in its recording */
	CH_TOLD_BEFORE = 32, /* u64: events of the process in the recording before this chunk */
	CH_BEGIN_NS = 40, /* u64: earliest event */
	CH_END_NS = 48, /* u64: latest event */
	CH_CRC = 60, /* u32: of what is before it */
	CHUNK_HEADER_SZ = 64
};

enum chunk_type {
	CHUNK_FACTS = 1, /* names and values */
	CHUNK_EVENTS = 2,
	CHUNK_KEYFRAME = 3, /* events, too: the model as it is here, and what belongs to it */
	CHUNK_INDEX = 4,
	/* On a socket only, uncompressed and without flags: docs/PROTOCOL.md */
	CHUNK_TALK = 64,
	CHUNK_ANSWER = CHUNK_TALK, /* to a request: proto.h */
	CHUNK_TABLE = 65 /* JSON text */
};

#define CHUNK_F_ZSTD 0x01u
#define CHUNK_F_FIRST 0x02u /* of a keyframe's chunks */
#define CHUNK_F_LAST 0x04u
/* What can be found in a chunk of events without reading the others. */
#define CHUNK_F_KNOWN 0x08u /* its writer sets the next two: without them it has neither */
#define CHUNK_F_MARK 0x10u
#define CHUNK_F_MODULE 0x20u

/* What a reader takes at most: a damaged length must not take all memory. */
#define CHUNK_MAX_RAW (16u << 20)

#define END_MAGIC "MTREND\r\n"

/* The end of a file that was closed */
enum {
	TE_MAGIC = 0,
	TE_INDEX = 8, /* u64: offset of the index chunk */
	TE_CRC = 28, /* u32 */
	TRACE_END_SZ = 32
};

struct chunk_info {
	uint8_t type, flags;
	uint16_t header_sz;
	uint32_t disk_len, raw_len, data_crc, nr_events;
	uint64_t seq, told_before, begin_ns, end_ns;
};

static inline void put_le(uint8_t *p, uint64_t v, unsigned int sz)
{
	for (unsigned int i = 0; i < sz; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

static inline uint64_t get_le(const uint8_t *p, unsigned int sz)
{
	uint64_t v = 0;

	for (unsigned int i = 0; i < sz; i++)
		v |= (uint64_t)p[i] << (8 * i);
	return v;
}

/* format.c */
uint32_t trace_crc(const void *data, size_t len);
void trace_put_header(uint8_t out[TRACE_HEADER_SZ]);
void trace_put_end(uint8_t out[TRACE_END_SZ], uint64_t index_off);
void chunk_put(uint8_t out[CHUNK_HEADER_SZ], const struct chunk_info *c);
/* chunk_get() - false: no header of a chunk, or a damaged one */
int chunk_get(const uint8_t in[CHUNK_HEADER_SZ], struct chunk_info *c);

#endif
