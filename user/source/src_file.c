// SPDX-License-Identifier: GPL-2.0
/*
 * Read with pread(2), not mapped: a file that somebody makes shorter meanwhile
 * is a short read then, and not a SIGBUS.
 */
#include "source/src_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct src_file {
	int fd;
	uint64_t size;
	struct trace_reader *r;
};

static ssize_t read_at(void *ctx, void *buf, size_t n, uint64_t off)
{
	struct src_file *sf = ctx;
	size_t got = 0;

	while (got < n) {
		ssize_t k = pread(sf->fd, (char *)buf + got, n - got, (off_t)(off + got));

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return -errno;
		if (!k)
			break;
		got += (size_t)k;
	}
	return (ssize_t)got;
}

int src_file_open(const char *path, struct strtab *st, struct src_file **ret_sf)
{
	struct src_file *sf = calloc(1, sizeof(*sf));
	struct trace_io io = { .ctx = sf, .read_at = read_at };
	struct stat sb;
	int err;

	if (!sf)
		return -ENOMEM;
	/* a FIFO that nobody writes to must not hold us up */
	sf->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (sf->fd < 0 || fstat(sf->fd, &sb)) {
		err = -errno;
		src_file_close(sf);
		return err;
	}
	io.size = sf->size = (uint64_t)sb.st_size;
	err = S_ISREG(sb.st_mode) ? trace_reader_open(&io, st, &sf->r) : -EINVAL;
	if (err) {
		src_file_close(sf);
		return err;
	}
	*ret_sf = sf;
	return 0;
}

void src_file_close(struct src_file *sf)
{
	if (!sf)
		return;
	trace_reader_close(sf->r);
	if (sf->fd >= 0)
		close(sf->fd);
	free(sf);
}

struct trace_reader *src_file_reader(struct src_file *sf)
{
	return sf->r;
}

uint64_t src_file_size(const struct src_file *sf)
{
	return sf->size;
}
