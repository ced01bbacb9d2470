// SPDX-License-Identifier: GPL-2.0
/*
 * /proc/PID/maps as a snapshot. The kernel hands it out a page or so at a read,
 * taking the mmap_lock for each: the lock is held shortly, and the whole may be
 * torn. What changes meanwhile comes as events, which are replayed over it.
 *
 * Since 6.17 it takes no mmap_lock, only that of each VMA: a change that is under
 * way, whose event was told already or, at an attach, to nobody yet, may not be
 * seen. So whoever changes the map when a reading begins is waited for.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "source/proc_int.h"
#include "util/clock.h"

/* A path of PATH_MAX, each byte of it a newline (four bytes as \012), and the numbers. */
#define MAPS_BUF (64 * 1024)

struct reading {
	uint32_t as;
	struct strtab *st;
	event_sink_fn sink;
	void *ctx;
};

static int emit_line(const struct reading *rd, char *line, size_t len)
{
	struct mtr_event ev = { .kind = MTR_EV_SNAP_VMA, .as = rd->as, .time_ns = boot_ns() };
	struct maps_line m;
	int err = maps_parse_line(line, len, &m);

	if (err)
		return err;
	ev.vma.start = m.start;
	ev.vma.end = m.end;
	ev.vma.prot = m.prot;
	ev.vma.dev = m.dev;
	ev.vma.ino = m.ino;
	ev.vma.pgoff = m.pgoff;
	ev.vma.name = strtab_intern(rd->st, m.name, m.name_len);
	return rd->sink(rd->ctx, &ev);
}

/* Each whole line of @buf; returns the bytes used, or −errno. */
static ssize_t emit_lines(const struct reading *rd, char *buf, size_t len)
{
	size_t used = 0;
	char *nl;

	while ((nl = memchr(buf + used, '\n', len - used))) {
		int err = emit_line(rd, buf + used, (size_t)(nl - (buf + used)));

		if (err)
			return err;
		used = (size_t)(nl - buf) + 1;
	}
	return (ssize_t)used;
}

static int read_lines(struct src_proc *sp, const struct reading *rd, int fd, bool *ret_any)
{
	size_t have = 0;

	for (;;) {
		uint64_t t0 = boot_ns();
		ssize_t n = read(fd, sp->maps_buf + have, MAPS_BUF - have), used;

		sp->lock_ns += boot_ns() - t0;
		if (n < 0)
			return proc_errno(errno);
		if (!n)
			return have ? -EINVAL : 0;
		*ret_any = true;
		have += (size_t)n;
		used = emit_lines(rd, sp->maps_buf, have);
		if (used < 0)
			return (int)used;
		if (!used && have == MAPS_BUF)
			return -EINVAL; /* a line longer than any */
		have -= (size_t)used;
		memmove(sp->maps_buf, sp->maps_buf + used, have);
	}
}

/* Reading at address 0, where nothing is, takes the mmap_lock and finds nothing. */
static void wait_for_writer(const struct src_proc *sp)
{
	char byte;
	struct iovec here = { &byte, 1 }, there = { NULL, 1 };

	process_vm_readv(sp->pid, &here, 1, &there, 1, 0);
}

int src_proc_maps(struct src_proc *sp, uint32_t as, struct strtab *st, event_sink_fn sink,
		  void *ctx)
{
	const struct reading rd = { as, st, sink, ctx };
	struct mtr_event ev = { .kind = MTR_EV_SNAP_BEGIN, .as = as };
	bool any = false;
	int fd, err, ret;

	if (!sp->maps_buf)
		sp->maps_buf = malloc(MAPS_BUF);
	if (!sp->maps_buf)
		return -ENOMEM;
	/* Opened anew each time: an open file goes on showing the mm from before an exec. */
	fd = proc_open(sp, "maps");
	if (fd < 0)
		return fd;
	/* whatever was told before this is in what is read: who tells holds the lock that is waited for */
	ev.time_ns = ev.snap.begin_ns = boot_ns();
	wait_for_writer(sp);
	ev.snap.what = MTR_SNAP_MAPS;
	ev.snap.end = UINT64_MAX;
	ret = sink(ctx, &ev);
	if (!ret) {
		err = read_lines(sp, &rd, fd, &any);
		/* A process that is ending has no mm: its maps are an empty file. */
		if (!err && !any)
			err = -ESRCH;
		ev.kind = MTR_EV_SNAP_END;
		ev.snap.complete = !err;
		ev.time_ns = ev.snap.end_ns = boot_ns();
		ret = sink(ctx, &ev);
		if (err)
			ret = err;
	}
	close(fd);
	return ret;
}
