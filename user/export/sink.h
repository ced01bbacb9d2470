/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where an export goes. Records are gathered and leave in whole ones, many with
 * one write(2): whoever reads a file that is still growing, or one whose writer
 * was killed, finds no half record but the last write's. When a write fails
 * half way (a full disk), a regular file is cut back to its last whole record.
 */
#ifndef EXPORT_SINK_H
#define EXPORT_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct sink {
	int fd; /* borrowed */
	bool regular; /* a file that can be cut */
	int err; /* of the first write that failed, −errno: from then on nothing is written */
	uint64_t written; /* bytes that left, all of whole records */
	char *buf;
	size_t len, cap;
	size_t whole; /* bytes of buf that are whole records */
};

/* sink_open() - @fd for writing from where it stands; 0 or −ENOMEM */
int sink_open(struct sink *s, int fd);
void sink_close(struct sink *s); /* what was not flushed is dropped */

/* sink_grow() - memory for @len bytes more; 0 or −errno */
int sink_grow(struct sink *s, size_t len);
int sink_add_slowly(struct sink *s, const void *data, size_t len);
/* sink_add() - bytes of the record under way; 0 or −errno */
static inline int sink_add(struct sink *s, const void *data, size_t len)
{
	if (s->len + len > s->cap)
		return sink_add_slowly(s, data, len);
	memcpy(s->buf + s->len, data, len);
	s->len += len;
	return s->err;
}

/* sink_room() - @len bytes to be filled in at once, part of the record from now on; NULL: none, which the sink remembers */
static inline char *sink_room(struct sink *s, size_t len)
{
	if (s->len + len > s->cap && sink_grow(s, len))
		return NULL;
	s->len += len;
	return s->buf + s->len - len;
}

/*
 * sink_add_few() - the first @len of the SINK_FEW bytes at @data, which all can be read: copied as a
 * whole, because that takes less time than to look how many are wanted
 */
#define SINK_FEW 32u
static inline int sink_add_few(struct sink *s, const char *data, size_t len)
{
	if (s->len + SINK_FEW > s->cap)
		return sink_add_slowly(s, data, len);
	memcpy(s->buf + s->len, data, SINK_FEW);
	s->len += len;
	return s->err;
}

/* sink_end() - the record is whole: it leaves when there are enough of them; 0 or −errno */
int sink_end(struct sink *s);
/* sink_flush() - every whole record leaves now; 0 or −errno */
int sink_flush(struct sink *s);

#endif
