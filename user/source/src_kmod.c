// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/memtrace: one open file is one attachment, and holds an mm_struct, not a
 * pid. What the module tells comes through BPF, in one ring with the faults.
 */
#include "source/src_kmod.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "memtrace_uapi.h"
#include "util/clock.h"
#include "util/log.h"

#define DEVICE "/dev/" MEMTRACE_DEVICE
#define RECORDS 16

struct src_kmod {
	int fd;
	uint64_t features;
	uint64_t page_size;
	uint64_t seq0; /* of the last event before the attachment was complete */
};

/* A descriptor, or what src_kmod_there() returns. */
static int open_device(struct memtrace_info *info)
{
	int fd = open(DEVICE, O_RDWR | O_CLOEXEC | O_NOFOLLOW), err = 0;

	if (fd < 0)
		return errno == EPERM			 ? -EACCES :
		       errno == ENXIO || errno == ENODEV ? -ENOENT :
							   -errno;
	memset(info, 0, sizeof(*info));
	info->size = sizeof(*info);
	if (ioctl(fd, MEMTRACE_IOC_INFO, info))
		err = errno == ENOTTY || errno == EINVAL ? -EPROTO : -errno;
	else if (info->abi != MEMTRACE_ABI || !(info->features & MEMTRACE_F_NOTIFY) ||
		 !info->page_size)
		err = -EPROTO;
	if (!err)
		return fd;
	close(fd);
	return err;
}

int src_kmod_there(void)
{
	struct memtrace_info info;
	int fd = open_device(&info);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

int src_kmod_attach(pid_t pid, struct src_kmod **ret_k)
{
	struct memtrace_attach at = { .size = sizeof(at), .pid = pid };
	struct src_kmod *k = calloc(1, sizeof(*k));
	struct memtrace_info info;
	int err = 0;

	if (!k)
		return -ENOMEM;
	k->fd = open_device(&info);
	if (k->fd < 0) {
		err = k->fd;
		free(k);
		return err;
	}
	k->features = info.features;
	k->page_size = info.page_size;
	if (ioctl(k->fd, MEMTRACE_IOC_ATTACH, &at))
		err = -errno;
	if (!err)
		err = src_kmod_seq(k, &k->seq0);
	if (err) {
		src_kmod_close(k);
		return err;
	}
	*ret_k = k;
	return 0;
}

void src_kmod_close(struct src_kmod *k)
{
	if (!k)
		return;
	close(k->fd);
	free(k);
}

int src_kmod_watched(const struct src_kmod *k, uint32_t as, event_sink_fn sink, void *ctx)
{
	struct mtr_event ev = { .kind = MTR_EV_INVALIDATE, .as = as, .time_ns = boot_ns() };

	ev.invalidate.phase = MTR_INV_WATCHED;
	ev.invalidate.seq = k->seq0;
	return sink(ctx, &ev);
}

int src_kmod_seq(const struct src_kmod *k, uint64_t *ret_seq)
{
	struct memtrace_stats st = { .size = sizeof(st) };

	if (ioctl(k->fd, MEMTRACE_IOC_STATS, &st))
		return -errno;
	*ret_seq = st.seq;
	return 0;
}

static int add_records(const struct src_kmod *k, const struct memtrace_region *r, unsigned int nr,
		       struct mtr_ev_residency *c)
{
	for (unsigned int i = 0; i < nr; i++) {
		if (r[i].count_flags & MEMTRACE_C_UNCOUNTED)
			return -EOPNOTSUPP;
		c->present += (int64_t)(r[i].nr_present * k->page_size);
		c->anon += (int64_t)(r[i].nr_anon * k->page_size);
		c->huge += (int64_t)(r[i].nr_huge * k->page_size);
		c->swap += (int64_t)(r[i].nr_swap * k->page_size);
	}
	c->file = c->present - c->anon;
	return 0;
}

int src_kmod_count(const struct src_kmod *k, struct mtr_ev_residency *c)
{
	struct memtrace_region rec[RECORDS];
	struct memtrace_snapshot sn = {
		.size = sizeof(sn),
		.flags = MEMTRACE_SNAP_KEEP, /* marks are not used: the events are */
		.buf = (uint64_t)(uintptr_t)rec,
		.nr_buf = RECORDS,
		.record_size = sizeof(rec[0]),
		.cursor = c->start,
		.limit = c->end,
		.budget_ns = MEMTRACE_BUDGET_MAX_NS,
	};
	int err;

	if (!(k->features & MEMTRACE_F_SNAPSHOT))
		return -EOPNOTSUPP;
	c->present = c->anon = c->file = c->swap = c->huge = 0;
	do {
		sn.nr_out = sn.out_flags = 0;
		while (ioctl(k->fd, MEMTRACE_IOC_SNAPSHOT, &sn))
			if (errno != EINTR)
				return -errno;
		err = add_records(k, rec, sn.nr_out < RECORDS ? sn.nr_out : RECORDS, c);
		if (err)
			return err;
	} while (sn.out_flags & MEMTRACE_SNAP_MORE && sn.cursor < c->end);
	return 0;
}
