/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Chunks become a file: only ever appended to, so that it may be a pipe, and
 * that a recorder that is killed leaves one that can be read to its last chunk.
 */
#ifndef TRACE_FILE_H
#define TRACE_FILE_H

#include "trace/writer.h"

struct trace_file;

/* trace_file_new() - header and facts into @fd, which stays the caller's. 0, −ENOMEM, −errno of write(2) */
int trace_file_new(int fd, const struct trace_facts *facts, struct trace_file **ret_tf);
/* trace_file_chunk() - a trace_chunk_fn. Half a chunk is taken off again when the disk is full. */
int trace_file_chunk(void *tf, const struct chunk_info *ci, const uint8_t *data, size_t len);
/* trace_file_end() - index and end. The file is complete. */
int trace_file_end(struct trace_file *tf);
uint64_t trace_file_size(const struct trace_file *tf);
void trace_file_free(struct trace_file *tf);

/* An entry of the index; of @marks the offset is that of the chunk that holds it. */
struct index_entry {
	uint64_t off, begin_ns, end_ns;
	uint32_t nr_events;
	uint8_t type, flags;
};

#endif
