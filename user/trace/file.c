// SPDX-License-Identifier: GPL-2.0
#include "trace/file.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "trace/varint.h"

struct trace_file {
	int fd;
	int err; /* of the first write that failed */
	uint64_t off; /* all before it is whole chunks */
	struct index_entry *index;
	unsigned int nr, cap;
};

static int write_all(int fd, const uint8_t *p, size_t len)
{
	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static int append(struct trace_file *tf, const uint8_t *p, size_t len)
{
	struct stat st;

	if (tf->err)
		return tf->err;
	tf->err = write_all(tf->fd, p, len);
	if (!tf->err)
		tf->off += len;
	else if (!fstat(tf->fd, &st) && S_ISREG(st.st_mode) && ftruncate(tf->fd, (off_t)tf->off))
		errno = 0; /* half a chunk stays: a reader sees that it is one */
	return tf->err;
}

int trace_file_new(int fd, const struct trace_facts *facts, struct trace_file **ret_tf)
{
	struct trace_file *tf = calloc(1, sizeof(*tf));
	uint8_t header[TRACE_HEADER_SZ], *chunk = malloc(FACTS_CHUNK_MAX);
	struct chunk_info ci;
	size_t len;
	int err = -ENOMEM;

	if (!tf || !chunk)
		goto out_free;
	tf->fd = fd;
	trace_put_header(header);
	err = append(tf, header, sizeof(header));
	len = trace_facts_chunk(facts, &ci, chunk);
	if (!err)
		err = append(tf, chunk, len);
	if (err)
		goto out_free;
	free(chunk);
	*ret_tf = tf;
	return 0;

out_free:
	free(chunk);
	free(tf);
	return err;
}

static int note(struct trace_file *tf, const struct chunk_info *ci)
{
	struct index_entry *e;

	if (tf->nr == tf->cap) {
		unsigned int cap = tf->cap ? tf->cap * 2 : 256;

		e = reallocarray(tf->index, cap, sizeof(*e));
		if (!e)
			return -ENOMEM;
		tf->index = e;
		tf->cap = cap;
	}
	tf->index[tf->nr++] = (struct index_entry){ .off = tf->off,
						    .begin_ns = ci->begin_ns,
						    .end_ns = ci->end_ns,
						    .nr_events = ci->nr_events,
						    .type = ci->type,
						    .flags = ci->flags };
	return 0;
}

int trace_file_chunk(void *ctx, const struct chunk_info *ci, const uint8_t *data, size_t len)
{
	struct trace_file *tf = ctx;
	int err = tf->err ? tf->err : note(tf, ci);

	return err ? err : append(tf, data, len);
}

#define ENTRY_MAX (6 * VARINT_MAX)

static size_t encode_index(const struct trace_file *tf, uint8_t *out)
{
	uint8_t *p = varint_put(out, tf->nr);
	uint64_t off = 0, ns = 0;

	for (unsigned int i = 0; i < tf->nr; i++) {
		const struct index_entry *e = &tf->index[i];

		*p++ = e->type;
		*p++ = e->flags;
		p = varint_put(p, e->off - off);
		p = varint_put(p, e->nr_events);
		p = varint_put(p, zigzag(e->begin_ns - ns));
		p = varint_put(p, zigzag(e->end_ns - e->begin_ns));
		off = e->off;
		ns = e->begin_ns;
	}
	return (size_t)(p - out);
}

int trace_file_end(struct trace_file *tf)
{
	uint64_t at = tf->off;
	size_t sz = (size_t)tf->nr * ENTRY_MAX + VARINT_MAX, n;
	uint8_t *buf = malloc(CHUNK_HEADER_SZ + sz), end[TRACE_END_SZ];
	struct chunk_info ci = { .type = CHUNK_INDEX };
	int err = -ENOMEM;

	if (!buf)
		return tf->err ? tf->err : err;
	n = encode_index(tf, buf + CHUNK_HEADER_SZ);
	/* longer than a reader takes: it goes without */
	if (n <= CHUNK_MAX_RAW) {
		ci.disk_len = ci.raw_len = (uint32_t)n;
		ci.nr_events = tf->nr;
		ci.data_crc = trace_crc(buf + CHUNK_HEADER_SZ, n);
		chunk_put(buf, &ci);
		err = append(tf, buf, CHUNK_HEADER_SZ + n);
	}
	free(buf);
	trace_put_end(end, at);
	return err && err != -ENOMEM ? err : append(tf, end, sizeof(end));
}

uint64_t trace_file_size(const struct trace_file *tf)
{
	return tf->off;
}

void trace_file_free(struct trace_file *tf)
{
	if (!tf)
		return;
	free(tf->index);
	free(tf);
}
