// SPDX-License-Identifier: GPL-2.0
/*
 * Loading is believing: a program of each type, "return 0", is given to the
 * kernel. Names in BTF say what exists; only this says what is allowed.
 *
 * Nothing is left behind and no other process is touched: what is attached at
 * all is attached to bpf_fentry_test1, which runs in the kernel's own tests
 * only, and perf events are opened disabled.
 *
 * Taking a trampoline, kprobe or perf tracepoint away waits for every task to
 * pass through user space or sleep (RCU tasks): 70 to 150 ms each under QEMU.
 * A session has no time for that; doctor has (probe_attach()).
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "source/probe_priv.h"
#include "source/src_kmod.h"

static const char *const live_names[PLV_NR] = {
	[PLV_TP_BTF] = "tp_btf",
	[PLV_FENTRY] = "fentry",
	[PLV_FEXIT] = "fexit",
	[PLV_ITER_TASK] = "iter/task",
	[PLV_ITER_TASK_VMA] = "iter/task_vma",
	[PLV_RAW_TP] = "raw_tp",
	[PLV_KPROBE] = "kprobe",
	[PLV_TRACEPOINT] = "tracepoint (tracefs)",
	[PLV_PERF_PAGE_FAULTS] = "perf page-faults",
	[PLV_PERF_MMAP2] = "perf side-band",
	[PLV_LSM] = "lsm",
	[PLV_RINGBUF] = "ring buffer",
};

const char *probe_live_name(enum probe_live type)
{
	return live_names[type];
}

/* A program that returns 0; a descriptor or −errno. */
static int load(enum bpf_prog_type type, enum bpf_attach_type attach, __u32 btf_id)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = attach,
		    .attach_btf_id = btf_id);
	int fd = bpf_prog_load(type, "mtr_probe", "GPL", insns, 2, &opts);

	return fd >= 0 ? fd : -errno;
}

static int load_only(enum bpf_prog_type type, enum bpf_attach_type attach, __u32 btf_id)
{
	int fd = load(type, attach, btf_id);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

/* A program type that hangs on a name in BTF */
static int try_btf(enum bpf_prog_type type, enum bpf_attach_type attach, struct probe_hook hook)
{
	return hook.btf_id ? load_only(type, attach, hook.btf_id) : -ENOENT;
}

static struct probe_hook quiet_fn(const struct probe *p)
{
	bool quiet = probe_fn(p, PFN_BPF_FENTRY_TEST1);

	return p->fn[quiet ? PFN_BPF_FENTRY_TEST1 : PFN_HANDLE_MM_FAULT];
}

/* Does what loads attach, too? Only asked where the function is a quiet one. */
static int try_attach(const struct probe *p, enum bpf_attach_type attach)
{
	struct probe_hook h = quiet_fn(p);
	int fd, link, err = 0;

	if (!h.btf_id)
		return -ENOENT;
	fd = load(BPF_PROG_TYPE_TRACING, attach, h.btf_id);
	if (fd < 0)
		return fd;
	if (probe_fn(p, PFN_BPF_FENTRY_TEST1)) {
		link = bpf_raw_tracepoint_open(NULL, fd);
		if (link < 0)
			err = -errno;
		else
			close(link);
	}
	close(fd);
	return err;
}

/* A disabled event of every process on this CPU that takes a program of @type. */
static int try_perf(struct perf_event_attr *attr, enum bpf_prog_type type)
{
	int cpu = sched_getcpu();
	int ev, prog, err = 0;

	attr->size = sizeof(*attr);
	attr->disabled = 1;
	ev = (int)syscall(SYS_perf_event_open, attr, -1, cpu < 0 ? 0 : cpu, -1,
			  PERF_FLAG_FD_CLOEXEC);
	if (ev < 0)
		return -errno;
	if (type != BPF_PROG_TYPE_UNSPEC) {
		prog = load(type, 0, 0);
		if (prog < 0)
			err = prog;
		else if (ioctl(ev, PERF_EVENT_IOC_SET_BPF, prog))
			err = -errno;
		if (prog >= 0)
			close(prog);
	}
	close(ev);
	return err;
}

static int read_number(const char *path, unsigned long *ret)
{
	char buf[32];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	if (n <= 0)
		return -EIO;
	buf[n] = '\0';
	*ret = strtoul(buf, NULL, 10);
	return 0;
}

static int try_kprobe(const struct probe *p)
{
	bool quiet = probe_fn(p, PFN_BPF_FENTRY_TEST1);
	const char *fn = quiet ? "bpf_fentry_test1" : "handle_mm_fault";
	struct perf_event_attr attr = { .config1 = (uintptr_t)fn };
	unsigned long type;
	int err = read_number("/sys/bus/event_source/devices/kprobe/type", &type);

	if (err)
		return err;
	attr.type = (__u32)type;
	return try_perf(&attr, BPF_PROG_TYPE_KPROBE);
}

static int try_tracepoint(const struct probe *p)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_TRACEPOINT, .sample_period = 1 };
	char path[PATH_MAX];
	unsigned long id;
	int err;

	if (!p->tracefs[0])
		return -ENOENT;
	snprintf(path, sizeof(path), "%s/events/syscalls/sys_enter_mmap/id", p->tracefs);
	err = read_number(path, &id);
	if (err)
		return err;
	attr.config = id;
	return try_perf(&attr, BPF_PROG_TYPE_TRACEPOINT);
}

static int try_page_faults(void)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_PAGE_FAULTS,
		.sample_period = 1,
	};

	return try_perf(&attr, BPF_PROG_TYPE_PERF_EVENT);
}

static int try_mmap2(void)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_DUMMY,
		.mmap = 1,
		.mmap_data = 1,
		.mmap2 = 1,
		.use_clockid = 1,
		.clockid = CLOCK_MONOTONIC,
	};

	return try_perf(&attr, BPF_PROG_TYPE_UNSPEC);
}

static int try_ringbuf(void)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "mtr_probe", 0, 0,
				(__u32)sysconf(_SC_PAGESIZE), NULL);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

void probe_live_fill(struct probe *p)
{
	/* Any tracepoint does: all are attached by the same code. */
	struct probe_hook tp = p->tp[PTP_RSS_STAT];

	p->live[PLV_TP_BTF] = try_btf(BPF_PROG_TYPE_TRACING, BPF_TRACE_RAW_TP, tp);
	p->live[PLV_FENTRY] = try_btf(BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY, quiet_fn(p));
	p->live[PLV_FEXIT] = try_btf(BPF_PROG_TYPE_TRACING, BPF_TRACE_FEXIT, quiet_fn(p));
	p->live[PLV_ITER_TASK] =
		try_btf(BPF_PROG_TYPE_TRACING, BPF_TRACE_ITER, p->fn[PFN_BPF_ITER_TASK]);
	p->live[PLV_ITER_TASK_VMA] =
		try_btf(BPF_PROG_TYPE_TRACING, BPF_TRACE_ITER, p->fn[PFN_BPF_ITER_TASK_VMA]);
	p->live[PLV_RAW_TP] = load_only(BPF_PROG_TYPE_RAW_TRACEPOINT, 0, 0);
	p->live[PLV_PERF_PAGE_FAULTS] = try_page_faults();
	p->live[PLV_PERF_MMAP2] = try_mmap2();
	p->live[PLV_LSM] = try_btf(BPF_PROG_TYPE_LSM, BPF_LSM_MAC, p->fn[PFN_BPF_LSM_FILE_OPEN]);
	p->live[PLV_RINGBUF] = try_ringbuf();
}

void probe_attach(struct probe *p)
{
	p->live[PLV_FENTRY] = try_attach(p, BPF_TRACE_FENTRY);
	p->live[PLV_FEXIT] = try_attach(p, BPF_TRACE_FEXIT);
	p->live[PLV_KPROBE] = try_kprobe(p);
	p->live[PLV_TRACEPOINT] = try_tracepoint(p);
	if (p->module_loaded && p->module_dev)
		p->module_live = src_kmod_probe(probe_privileged(p) && probe_tp(p, PTP_MA_WRITE),
						&p->module_why);
}
