// SPDX-License-Identifier: GPL-2.0
/*
 * The same BPF object as that of src_bpf, with one program of it and none of
 * its maps. A reading of the iterator is a stream of struct mtr_w_regs.
 */
#include "source/src_regs.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "memtrace.skel.h"
#include "mtr_wire.h"
#include "source/quiet.h"

struct src_regs {
	struct memtrace_bpf *skel;
};

int src_regs_open(struct src_regs **ret_sr)
{
	struct src_regs *sr = calloc(1, sizeof(*sr));
	int err;

	if (!sr)
		return -ENOMEM;
	err = quiet_open(&sr->skel);
	if (!err)
		err = bpf_program__set_autoload(sr->skel->progs.regs, true);
	if (!err)
		err = quiet_load(sr->skel);
	if (err) {
		src_regs_close(sr);
		return err;
	}
	*ret_sr = sr;
	return 0;
}

void src_regs_close(struct src_regs *sr)
{
	if (!sr)
		return;
	memtrace_bpf__destroy(sr->skel);
	free(sr);
}

static int by_tid(const void *pa, const void *pb)
{
	const struct task_regs *a = pa, *b = pb;

	return a->tid < b->tid ? -1 : a->tid > b->tid;
}

static struct task_regs from_wire(const struct mtr_w_regs *w)
{
	struct task_regs t = { .tid = (pid_t)w->tid,
			       .on_cpu = w->on_cpu,
			       .nr_switches = w->nvcsw + w->nivcsw,
			       .tls = w->fsbase };

	memcpy(t.regs.r, w->r, sizeof(t.regs.r));
	t.regs.valid = (1u << MTR_NR_REGS) - 1;
	/* in a system call rax is the kernel's: the result that is not there yet */
	if ((int64_t)w->orig_ax >= 0)
		t.regs.valid &= ~1u;
	return t;
}

/* Records come whole: the kernel writes none that does not fit. */
static int read_records(int fd, struct task_regs **ret)
{
	struct task_regs *all = NULL;
	struct mtr_w_regs w[64];
	unsigned int nr = 0, room = 0;
	size_t have = 0;
	ssize_t n;

	for (;;) {
		n = read(fd, (char *)w + have, sizeof(w) - have);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n <= 0)
			break;
		have += (size_t)n;
		if (nr + have / sizeof(*w) > room) {
			struct task_regs *more;

			room = room * 2 + 64;
			more = realloc(all, room * sizeof(*all));
			if (!more) {
				free(all);
				return -ENOMEM;
			}
			all = more;
		}
		for (size_t i = 0; i < have / sizeof(*w); i++)
			all[nr++] = from_wire(&w[i]);
		memmove(w, (char *)w + have / sizeof(*w) * sizeof(*w), have % sizeof(*w));
		have %= sizeof(*w);
	}
	if (n < 0 || !nr) {
		int err = n < 0 ? -errno : -ESRCH;

		free(all);
		return err;
	}
	qsort(all, nr, sizeof(*all), by_tid);
	*ret = all;
	return (int)nr;
}

int src_regs_read(struct src_regs *sr, pid_t pid, pid_t tid, struct task_regs **ret)
{
	union bpf_iter_link_info info = { .task = { .tid = (uint32_t)tid,
						    .pid = tid ? 0 : (uint32_t)pid } };
	DECLARE_LIBBPF_OPTS(bpf_iter_attach_opts, opts);
	struct bpf_link *link;
	int fd, ret_nr;

	opts.link_info = &info;
	opts.link_info_len = sizeof(info);
	link = bpf_program__attach_iter(sr->skel->progs.regs, &opts);
	if (!link)
		return errno == ENOENT ? -ESRCH : -errno;
	fd = bpf_iter_create(bpf_link__fd(link));
	ret_nr = fd < 0 ? -errno : read_records(fd, ret);
	if (fd >= 0)
		close(fd);
	bpf_link__destroy(link);
	return ret_nr;
}

bool task_regs_same(const struct task_regs *a, const struct task_regs *b)
{
	return a->tid == b->tid && !a->on_cpu && !b->on_cpu && a->nr_switches == b->nr_switches;
}
