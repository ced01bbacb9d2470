/* SPDX-License-Identifier: GPL-2.0 */
/* A recording as a source of events: what is behind replay, report, diff and export. */
#ifndef SOURCE_SRC_FILE_H
#define SOURCE_SRC_FILE_H

#include "event/strtab.h"
#include "trace/reader.h"

struct src_file;

/**
 * src_file_open() - a trace file
 *
 * Returns 0, −EINVAL when it is no regular file, −ENOENT and the like, or what
 * trace_reader_open() does: −EPROTO, −EPROTONOSUPPORT, −ENOMEM.
 */
int src_file_open(const char *path, struct strtab *st, struct src_file **ret_sf);
void src_file_close(struct src_file *sf); /* safe on NULL */

/* src_file_reader() - to read from it: trace_reader_next(), trace_reader_seek() … */
struct trace_reader *src_file_reader(struct src_file *sf);
uint64_t src_file_size(const struct src_file *sf);

#endif
