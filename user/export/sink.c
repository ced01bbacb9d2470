// SPDX-License-Identifier: GPL-2.0
#include "export/sink.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ENOUGH (256u << 10) /* bytes that are worth a write */
#define PATIENCE 50 /* interruptions in a row while nobody reads the other end */

int sink_open(struct sink *s, int fd)
{
	struct stat st;

	memset(s, 0, sizeof(*s));
	s->fd = fd;
	s->regular = !fstat(fd, &st) && S_ISREG(st.st_mode);
	s->buf = malloc(ENOUGH);
	s->cap = s->buf ? ENOUGH : 0;
	return s->buf ? 0 : -ENOMEM;
}

void sink_close(struct sink *s)
{
	free(s->buf);
	s->buf = NULL;
	s->len = s->cap = s->whole = 0;
}

int sink_grow(struct sink *s, size_t len)
{
	size_t cap = s->cap ? s->cap : ENOUGH;
	char *buf;

	while (cap < s->len + len)
		cap *= 2;
	buf = realloc(s->buf, cap);
	if (!buf) {
		s->err = s->err ? s->err : -ENOMEM;
		return s->err;
	}
	s->buf = buf;
	s->cap = cap;
	return 0;
}

int sink_add_slowly(struct sink *s, const void *data, size_t len)
{
	if (s->len + len > s->cap && sink_grow(s, len))
		return s->err;
	memcpy(s->buf + s->len, data, len);
	s->len += len;
	return s->err;
}

int sink_end(struct sink *s)
{
	s->whole = s->len;
	return s->whole >= ENOUGH ? sink_flush(s) : s->err;
}

/* What came of a write that failed is no whole record: it goes again. */
static void cut_back(const struct sink *s, size_t partial)
{
	off_t at = lseek(s->fd, 0, SEEK_CUR);

	if (s->regular && partial && at >= (off_t)partial && !ftruncate(s->fd, at - (off_t)partial))
		lseek(s->fd, at - (off_t)partial, SEEK_SET);
}

static int write_all(struct sink *s, const char *from, size_t len)
{
	unsigned int nothing = 0;
	size_t done = 0;

	while (done < len) {
		ssize_t n = write(s->fd, from + done, len - done);

		if (n > 0) {
			done += (size_t)n;
			nothing = 0;
			continue;
		}
		/* a signal that ends memtrace goes on interrupting a write that blocks */
		if (n < 0 && errno == EINTR && ++nothing < PATIENCE)
			continue;
		s->err = n < 0 ? -errno : -EIO;
		cut_back(s, done);
		return s->err;
	}
	s->written += len;
	return 0;
}

int sink_flush(struct sink *s)
{
	int err;

	if (s->err || !s->whole)
		return s->err;
	err = write_all(s, s->buf, s->whole);
	memmove(s->buf, s->buf + s->whole, s->len - s->whole);
	s->len -= s->whole;
	s->whole = 0;
	return err;
}
