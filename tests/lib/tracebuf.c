// SPDX-License-Identifier: GPL-2.0
#include "tracebuf.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

void tracebuf_add(struct tracebuf *tb, const void *data, size_t len)
{
	if (tb->len + len > tb->cap) {
		tb->cap = (tb->len + len) * 2;
		tb->data = realloc(tb->data, tb->cap);
		if (!tb->data)
			abort();
	}
	if (len)
		memcpy(tb->data + tb->len, data, len);
	tb->len += len;
}

int tracebuf_chunk(void *ctx, const struct chunk_info *ci, const uint8_t *data, size_t len)
{
	(void)ci;
	tracebuf_add(ctx, data, len);
	return 0;
}

void tracebuf_free(struct tracebuf *tb)
{
	free(tb->data);
	*tb = (struct tracebuf){};
}

int tracebuf_load(struct tracebuf *tb, int fd)
{
	uint8_t buf[4096];
	off_t off = 0;
	ssize_t n;

	tb->len = 0;
	while ((n = pread(fd, buf, sizeof(buf), off)) > 0) {
		tracebuf_add(tb, buf, (size_t)n);
		off += n;
	}
	return n < 0 ? -errno : 0;
}

static ssize_t read_at(void *ctx, void *buf, size_t n, uint64_t off)
{
	const struct tracebuf *tb = ctx;

	if (off >= tb->len)
		return 0;
	n = n < tb->len - off ? n : tb->len - (size_t)off;
	memcpy(buf, tb->data + off, n);
	return (ssize_t)n;
}

int tracebuf_open(const struct tracebuf *tb, struct strtab *st, struct trace_reader **ret_r)
{
	struct trace_io io = { .ctx = (void *)tb, .read_at = read_at, .size = tb->len };

	return trace_reader_open(&io, st, ret_r);
}
