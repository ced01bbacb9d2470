// SPDX-License-Identifier: GPL-2.0
/* The cost meter against a program whose runs are known: one for each page touched. */
#include <bpf/bpf.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "source/cost.h"
#include "source/probe.h"
#include "util/clock.h"

#define NR_PAGES 5000

static int load_nop(const struct probe *p, int *ret_link)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = BPF_TRACE_RAW_TP,
		    .attach_btf_id = p->tp[PTP_PAGE_FAULT_USER].btf_id);
	int fd = bpf_prog_load(BPF_PROG_TYPE_TRACING, "test_cost", "GPL", insns, 2, &opts);

	*ret_link = fd < 0 ? -1 : bpf_raw_tracepoint_open(NULL, fd);
	return fd;
}

static void touch(void)
{
	size_t len = NR_PAGES * 4096ul;
	volatile char *m =
		mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	madvise((void *)m, len, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < len; i += 4096)
		m[i] = 1;
	munmap((void *)m, len);
}

FIXTURE(cost)
{
	struct probe p;
	struct cost_meter *c;
	int prog, link;
};

FIXTURE_SETUP(cost)
{
	if (geteuid())
		SKIP(return, "not root");
	ASSERT_EQ(0, probe_kernel(&self->p));
	self->c = cost_new(20 * NSEC_PER_MSEC, 100 * NSEC_PER_MSEC);
	ASSERT_NE(NULL, self->c);
	self->prog = load_nop(&self->p, &self->link);
	ASSERT_GE(self->prog, 0);
	ASSERT_GE(self->link, 0);
	ASSERT_EQ(0, cost_set_progs(self->c, &self->prog, 1));
}

FIXTURE_TEARDOWN(cost)
{
	cost_free(self->c);
	close(self->link);
	close(self->prog);
}

TEST_F(cost, counts_runs_of_a_window)
{
	struct cost_bpf total;
	struct mtr_cost cost;

	touch(); /* outside: not counted */
	cost_get(self->c, boot_ns(), &cost);
	EXPECT_EQ(-1, (int)cost.bpf_percent);
	ASSERT_EQ(0, cost_start_window(self->c, boot_ns()));
	touch();
	ASSERT_EQ(0, cost_end_window(self->c, boot_ns()));
	touch();
	cost_bpf_total(self->c, &total);
	EXPECT_EQ(1u, total.nr_windows);
	EXPECT_GE(total.runs, NR_PAGES);
	EXPECT_LT(total.runs, 2 * NR_PAGES); /* whatever else the machine does, not the other two */
	EXPECT_GT(total.run_ns, 0u);
	cost_get(self->c, boot_ns(), &cost);
	EXPECT_GT(cost.bpf_percent, 0);
	EXPECT_LT(cost.bpf_percent, 100);
	EXPECT_GT(cost.self_rss_bytes, 100u << 10);
}

/* Ticks open and close windows by themselves. */
TEST_F(cost, ticks)
{
	uint64_t now, end = boot_ns() + 450 * NSEC_PER_MSEC;
	struct mtr_cost cost;
	struct cost_bpf total;
	unsigned int ready = 0;

	cost_get(self->c, boot_ns(), &cost);
	EXPECT_EQ(-1, (int)cost.self_cpu_percent);
	while ((now = boot_ns()) < end) {
		touch();
		ready += cost_tick(self->c, now);
		EXPECT_GT(cost_next(self->c), now);
	}
	cost_bpf_total(self->c, &total);
	cost_get(self->c, boot_ns(), &cost);
	EXPECT_GT(cost.self_cpu_percent, 0);
	EXPECT_EQ(ready, total.nr_windows);
	EXPECT_GE(ready, 1u);
	EXPECT_LT(total.window_ns, 450 * NSEC_PER_MSEC);
}

/* Freed inside a window: the system-wide switch must not stay on. */
TEST_F(cost, leaves_statistics_off)
{
	struct bpf_prog_info before = { 0 }, after = { 0 };
	__u32 len = sizeof(before);
	char on = '0';
	int fd = open("/proc/sys/kernel/bpf_stats_enabled", O_RDONLY);

	if (fd >= 0 && read(fd, &on, 1) == 1 && on != '0')
		SKIP(return, "statistics are on for everybody");
	close(fd);
	ASSERT_EQ(0, cost_start_window(self->c, boot_ns()));
	touch();
	cost_free(self->c);
	self->c = NULL;
	ASSERT_EQ(0, bpf_obj_get_info_by_fd(self->prog, &before, &len));
	touch();
	len = sizeof(after);
	ASSERT_EQ(0, bpf_obj_get_info_by_fd(self->prog, &after, &len));
	EXPECT_GE(before.run_cnt, NR_PAGES);
	EXPECT_EQ(before.run_cnt, after.run_cnt);
}

TEST_HARNESS_MAIN
