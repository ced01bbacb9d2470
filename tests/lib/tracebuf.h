/* SPDX-License-Identifier: GPL-2.0 */
/* A trace file in memory: written by the writer, read by the reader, damaged in between. */
#ifndef TRACEBUF_H
#define TRACEBUF_H

#include "trace/file.h"
#include "trace/reader.h"

struct tracebuf {
	uint8_t *data;
	size_t len, cap;
};

/* as trace_chunk_fn */
int tracebuf_chunk(void *tb, const struct chunk_info *ci, const uint8_t *data, size_t len);
void tracebuf_add(struct tracebuf *tb, const void *data, size_t len);
void tracebuf_free(struct tracebuf *tb);

/* tracebuf_load() - what a descriptor holds, from its beginning */
int tracebuf_load(struct tracebuf *tb, int fd);

/* tracebuf_open() - a reader of its bytes */
int tracebuf_open(const struct tracebuf *tb, struct strtab *st, struct trace_reader **ret_r);

#endif
