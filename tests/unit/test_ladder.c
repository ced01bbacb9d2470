// SPDX-License-Identifier: GPL-2.0
/* The rung each kernel gets. The facts of the kernels are those found by booting them. */
#include <string.h>

#include "kselftest_harness.h"

#include "source/ladder.h"

static void set_tp(struct probe *p, enum probe_tp tp, uint8_t args)
{
	p->tp[tp] = (struct probe_hook){ 100 + tp, args };
}

static void set_fn(struct probe *p, enum probe_fn fn)
{
	p->fn[fn] = (struct probe_hook){ 200 + fn, 1 };
}

/* What all of them have; root. */
static void base(struct probe *p)
{
	memset(p, 0, sizeof(*p));
	p->btf = true;
	p->init_userns = true;
	for (int i = 0; i < PCAP_NR; i++)
		p->caps[i] = true;
	p->lockdown = PLD_NONE;
	set_tp(p, PTP_PAGE_FAULT_USER, 3);
	set_tp(p, PTP_PAGE_FAULT_KERNEL, 3);
	set_tp(p, PTP_SIGNAL_GENERATE, 5);
	set_tp(p, PTP_MARK_VICTIM, 1);
	set_fn(p, PFN_HANDLE_MM_FAULT);
}

static void kernel_5_10(struct probe *p)
{
	base(p);
	set_tp(p, PTP_RSS_STAT, 3);
}

static void kernel_6_1(struct probe *p)
{
	base(p);
	set_tp(p, PTP_RSS_STAT, 3);
	set_tp(p, PTP_MA_WRITE, 4);
	set_tp(p, PTP_MMAP_LOCK_ACQUIRE_RETURNED, 4);
	set_tp(p, PTP_MMAP_LOCK_RELEASED, 3);
	set_fn(p, PFN_PERF_EVENT_MMAP);
}

static void kernel_6_12(struct probe *p)
{
	kernel_6_1(p);
	set_tp(p, PTP_RSS_STAT, 2);
	set_fn(p, PFN_VMS_COMPLETE_MUNMAP_VMAS);
	p->pagemap_scan = true;
}

static void hardened_6_18(struct probe *p)
{
	kernel_6_12(p);
	set_tp(p, PTP_MMAP_LOCK_ACQUIRE_RETURNED, 3);
	set_tp(p, PTP_MMAP_LOCK_RELEASED, 2);
	p->live[PLV_FENTRY] = p->live[PLV_FEXIT] = p->live[PLV_LSM] = -EPERM;
	p->modules_disabled = true;
}

TEST(variants)
{
	struct probe p;

	kernel_6_1(&p);
	EXPECT_TRUE(probe_rss_stat_has_count(&p));
	EXPECT_TRUE(probe_mmap_lock_has_memcg_path(&p));
	EXPECT_FALSE(probe_mark_victim_has_task(&p));
	hardened_6_18(&p);
	EXPECT_FALSE(probe_rss_stat_has_count(&p));
	EXPECT_FALSE(probe_mmap_lock_has_memcg_path(&p));
	memset(&p, 0, sizeof(p));
	EXPECT_FALSE(probe_rss_stat_has_count(&p));
	EXPECT_FALSE(probe_mmap_lock_has_memcg_path(&p));
}

TEST(fentry_rung)
{
	struct probe p;
	struct ladder l;

	kernel_6_1(&p);
	ladder_choose(&p, &l);
	EXPECT_EQ(LAD_CAN, l.can);
	EXPECT_EQ(RUNG_FENTRY, l.rung);
	EXPECT_STREQ("tp_btf/ma_write", l.row[LAD_UNMAP].hook);
	EXPECT_STREQ("fexit/handle_mm_fault", l.row[LAD_FAULT].hook);
	EXPECT_EQ(NULL, l.row[LAD_FAULT].unseen);
	EXPECT_NE(NULL, l.row[LAD_RSS].why);
	EXPECT_NE(NULL, l.row[LAD_RESIDENCY].why);

	kernel_6_12(&p);
	ladder_choose(&p, &l);
	EXPECT_EQ(RUNG_FENTRY, l.rung);
	EXPECT_STREQ("fentry/vms_complete_munmap_vmas", l.row[LAD_UNMAP].hook);
	EXPECT_EQ(NULL, l.row[LAD_RSS].why);
}

TEST(tracepoint_rung)
{
	struct probe p;
	struct ladder l;

	hardened_6_18(&p);
	ladder_choose(&p, &l);
	EXPECT_EQ(LAD_CAN, l.can);
	EXPECT_EQ(RUNG_TRACEPOINT, l.rung);
	EXPECT_FALSE(l.assumed);
	for (int i = 0; i < LAD_NR; i++) {
		EXPECT_NE(NULL, l.row[i].hook);
		EXPECT_NE(RUNG_FENTRY, l.row[i].rung);
	}
	EXPECT_NE(NULL, l.row[LAD_FAULT].unseen);
	EXPECT_STREQ("this kernel loads no modules", l.row[LAD_INVALIDATE].why);
}

TEST(too_old)
{
	struct probe p;
	struct ladder l;

	kernel_5_10(&p);
	ladder_choose(&p, &l);
	EXPECT_EQ(LAD_NO_KERNEL, l.can);
	EXPECT_EQ(RUNG_NONE, l.rung);
	EXPECT_NE(NULL, l.fix);
}

/* Not root: the kernel's refusals say nothing, the kernel's lacks do. */
TEST(not_root)
{
	struct probe p;
	struct ladder l;

	hardened_6_18(&p);
	memset(p.caps, 0, sizeof(p.caps));
	for (int i = 0; i < PLV_NR; i++)
		p.live[i] = -EPERM;
	ladder_choose(&p, &l);
	EXPECT_EQ(LAD_NO_PRIVILEGE, l.can);
	EXPECT_TRUE(l.assumed);
	EXPECT_EQ(RUNG_FENTRY, l.rung);
	EXPECT_NE(NULL, strstr(l.fix, "sudo"));

	p.tp[PTP_MA_WRITE].btf_id = 0;
	ladder_choose(&p, &l);
	EXPECT_EQ(LAD_NO_KERNEL, l.can);
}

TEST(container_root)
{
	struct probe p;
	struct ladder l;

	kernel_6_12(&p);
	p.init_userns = false;
	p.live[PLV_TP_BTF] = p.live[PLV_RINGBUF] = -EPERM;
	ladder_choose(&p, &l);
	EXPECT_EQ(LAD_NO_PRIVILEGE, l.can);
	EXPECT_NE(NULL, strstr(l.fix, "host"));
}

TEST(locked_down)
{
	struct probe p;
	struct ladder l;

	kernel_6_12(&p);
	p.lockdown = PLD_CONFIDENTIALITY;
	ladder_choose(&p, &l);
	EXPECT_EQ(LAD_NO_KERNEL, l.can);
	p.lockdown = PLD_INTEGRITY;
	ladder_choose(&p, &l);
	EXPECT_EQ(LAD_CAN, l.can);
	p.live[PLV_TP_BTF] = -EPERM;
	ladder_choose(&p, &l);
	EXPECT_EQ(LAD_NO_KERNEL, l.can);
	EXPECT_EQ(RUNG_NONE, l.rung);
}

TEST(no_btf)
{
	struct probe p;
	struct ladder l;

	memset(&p, 0, sizeof(p));
	p.init_userns = p.caps[PCAP_SYS_ADMIN] = true;
	p.live[PLV_TP_BTF] = -ENOENT;
	ladder_choose(&p, &l);
	EXPECT_EQ(LAD_NO_KERNEL, l.can);
	EXPECT_NE(NULL, strstr(l.fix, "BTF"));
}

/* A machine without page_fault_user (arm64): faults are seen on the fentry rung only. */
TEST(no_fault_tracepoint)
{
	struct probe p;
	struct ladder l;

	hardened_6_18(&p);
	p.tp[PTP_PAGE_FAULT_USER].btf_id = 0;
	ladder_choose(&p, &l);
	EXPECT_EQ(LAD_NO_KERNEL, l.can);
	p.live[PLV_FENTRY] = p.live[PLV_FEXIT] = 0;
	ladder_choose(&p, &l);
	EXPECT_EQ(LAD_CAN, l.can);
	EXPECT_EQ(RUNG_FENTRY, l.rung);
}

TEST(module)
{
	struct probe p;
	struct ladder l;

	kernel_6_12(&p);
	p.module_loaded = p.module_dev = true;
	p.module_live = PROBE_NOT_TRIED;
	ladder_choose(&p, &l);
	EXPECT_EQ(RUNG_PROC, l.row[LAD_INVALIDATE].rung);
	EXPECT_NE(NULL, l.row[LAD_INVALIDATE].unseen);
	p.module_live = 0;
	ladder_choose(&p, &l);
	EXPECT_EQ(RUNG_MODULE, l.row[LAD_INVALIDATE].rung);
}

/* 5.10 and early 6.1 give mark_victim a pid only. */
TEST(oom_victim)
{
	struct probe p;
	struct ladder l;

	kernel_6_1(&p);
	ladder_choose(&p, &l);
	EXPECT_NE(NULL, l.row[LAD_DEATH].unseen);
	set_tp(&p, PTP_MARK_VICTIM, 2);
	ladder_choose(&p, &l);
	EXPECT_EQ(NULL, l.row[LAD_DEATH].unseen);
}

/* Every name is there, once. */
TEST(names)
{
	for (int i = 0; i < LAD_NR; i++) {
		EXPECT_NE(NULL, ladder_event_title(i));
		for (int j = 0; j < i; j++)
			EXPECT_STRNE(ladder_event_name(i), ladder_event_name(j));
	}
	for (int i = 0; i < PTP_NR; i++)
		EXPECT_NE(NULL, probe_tp_name(i));
	for (int i = 0; i < PFN_NR; i++)
		EXPECT_NE(NULL, probe_fn_name(i));
	for (int i = 0; i < PLV_NR; i++)
		EXPECT_NE(NULL, probe_live_name(i));
}

TEST_HARNESS_MAIN
