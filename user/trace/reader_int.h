/* SPDX-License-Identifier: GPL-2.0 */
/* Between reader.c (events) and reader_chunks.c (where chunks are, their bytes). */
#ifndef TRACE_READER_INT_H
#define TRACE_READER_INT_H

#include "event/sites.h"
#include "trace/codec.h"
#include "trace/file.h"
#include "trace/reader.h"

struct trace_reader {
	struct trace_io io;
	struct codec codec;
	struct stacktab *stacks;
	struct sites *sites;
	struct trace_facts facts;
	struct trace_info info;

	struct index_entry *chunk; /* in the order of the file */
	unsigned int nr, cap;

	/* position */
	unsigned int next; /* chunk to be read next */
	const uint8_t *p, *end; /* in raw */
	struct chunk_info ci; /* of the chunk being read */
	uint64_t told; /* events of the process up to here, from the recording's beginning */
	bool told_known;
	bool want_key; /* the next keyframe is given, not passed over */
	bool all_keys;
	bool gave_key; /* the last event given was a keyframe's */
	bool in_key; /* this chunk is a keyframe's */
	bool reset; /* give an empty model first */
	uint8_t only; /* chunks that may hold this: CHUNK_F_MARK or …_MODULE; 0: all */

	uint8_t *disk, *raw;
	size_t disk_sz, raw_sz;
};

/* chunks_find() - from the index or, without one, from the chunks themselves */
int chunks_find(struct trace_reader *r);
/* chunk_load() - bytes of chunk @i into raw; 1, 0 when it is damaged (noted), −errno */
int chunk_load(struct trace_reader *r, unsigned int i);
void reader_damage(struct trace_reader *r, uint64_t off, uint64_t len, const char *what);

#endif
