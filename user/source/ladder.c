// SPDX-License-Identifier: GPL-2.0
/*
 * Which rung, and what is missing on it. The texts are for a person who asks
 * "why do I not see X": each says what decides, not how memtrace works.
 */
#include "source/ladder.h"

#include <string.h>

static const struct {
	const char *name, *title;
} events[LAD_NR] = {
	[LAD_MAP] = { "map", "region mapped, grown, moved" },
	[LAD_PROTECT] = { "protect", "region re-protected" },
	[LAD_UNMAP] = { "unmap", "region removed" },
	[LAD_FAULT] = { "fault", "page fault" },
	[LAD_RSS] = { "rss", "bytes resident or gone" },
	[LAD_STACK] = { "stack", "stack expansion" },
	[LAD_INVALIDATE] = { "invalidate", "residency lost or moved" },
	[LAD_RESIDENCY] = { "residency", "residency counted" },
	[LAD_SP] = { "sp", "stack pointers" },
	[LAD_PROCESS] = { "process", "fork, exec, threads" },
	[LAD_DEATH] = { "death", "fatal signal, OOM" },
};

const char *ladder_event_name(enum ladder_event ev)
{
	return events[ev].name;
}

const char *ladder_event_title(enum ladder_event ev)
{
	return events[ev].title;
}

const char *ladder_rung_name(enum ladder_rung rung)
{
	static const char *const names[] = {
		[RUNG_NONE] = "none",
		[RUNG_PROC] = "proc",
		[RUNG_TRACEPOINT] = "tracepoint",
		[RUNG_FENTRY] = "fentry",
		[RUNG_MODULE] = "module",
	};

	return names[rung];
}

/* A row with nothing to add */
static struct ladder_row row(enum ladder_rung rung, const char *hook)
{
	return (struct ladder_row){ .rung = rung, .hook = hook };
}

/* The functions that rung 1 hangs on, beside the tracepoints of rung 2. */
static bool has_fentry_rung(const struct probe *p)
{
	return probe_fentry(p) && probe_fn(p, PFN_HANDLE_MM_FAULT) &&
	       probe_fn(p, PFN_PERF_EVENT_MMAP);
}

/* What rung 2 hangs on, beside the maple tree's tracepoint */
static bool has_tracepoint_rung(const struct probe *p)
{
	return probe_tp(p, PTP_MMAP_LOCK_RELEASED) && probe_tp(p, PTP_PAGE_FAULT_USER);
}

#define NEEDS_MAPLE "memtrace needs Linux 6.1 or later: maps are followed through the maple tree"

static void choose_map(const struct probe *p, struct ladder *l)
{
	bool fentry = l->rung == RUNG_FENTRY;
	struct ladder_row none = { .rung = RUNG_NONE };

	if (p->btf && !probe_tp(p, PTP_MA_WRITE))
		none.why = NEEDS_MAPLE;

	if (l->rung == RUNG_NONE) {
		l->row[LAD_MAP] = l->row[LAD_PROTECT] = l->row[LAD_UNMAP] = l->row[LAD_STACK] =
			none;
		return;
	}
	l->row[LAD_MAP] = (struct ladder_row){ .rung = l->rung, .hook = "tp_btf/ma_write" };
	l->row[LAD_STACK] = l->row[LAD_MAP];
	if (fentry) {
		l->row[LAD_PROTECT] = row(RUNG_FENTRY, "fentry/perf_event_mmap");
		l->row[LAD_UNMAP] = row(RUNG_FENTRY, "tp_btf/ma_write");
		if (probe_fn(p, PFN_VMS_COMPLETE_MUNMAP_VMAS))
			l->row[LAD_UNMAP].hook = "fentry/vms_complete_munmap_vmas";
		return;
	}
	l->row[LAD_PROTECT] = (struct ladder_row){
		.rung = RUNG_TRACEPOINT,
		.hook = "tp_btf/mmap_lock_released",
		.why = "fentry is refused: the map is read where the write lock is given back",
	};
	l->row[LAD_UNMAP] = l->row[LAD_PROTECT];
}

#define UNSEEN_POPULATE                                                                           \
	"faults that raise no exception (MAP_POPULATE, mlock, process_vm_writev): their number, " \
	"as 'unseen'; their bytes are seen"

static void choose_fault(const struct probe *p, struct ladder *l)
{
	struct ladder_row *r = &l->row[LAD_FAULT];

	if (l->rung == RUNG_NONE) {
		*r = (struct ladder_row){ .rung = RUNG_PROC,
					  .hook = "min_flt, maj_flt of /proc/PID/stat",
					  .unseen = "which address, thread and region" };
	} else if (l->rung == RUNG_FENTRY) {
		*r = row(RUNG_FENTRY, "fexit/handle_mm_fault");
	} else {
		*r = (struct ladder_row){
			.rung = RUNG_TRACEPOINT,
			.hook = probe_tp(p, PTP_PAGE_FAULT_KERNEL) ?
					"tp_btf/page_fault_user, page_fault_kernel" :
					"tp_btf/page_fault_user",
			.why = "fentry is refused: the exception is seen, not its handling",
			.unseen = UNSEEN_POPULATE,
		};
	}
}

static void choose_rss(const struct probe *p, struct ladder *l)
{
	struct ladder_row *r = &l->row[LAD_RSS];

	if (l->rung == RUNG_NONE || !probe_tp(p, PTP_RSS_STAT)) {
		*r = (struct ladder_row){
			.rung = RUNG_PROC,
			.hook = "pagemap, at intervals",
			.unseen = "who made it resident; what came and went between two readings",
		};
		return;
	}
	*r = row(l->rung, "tp_btf/rss_stat");
	if (probe_rss_stat_has_count(p)) {
		r->hook = "tp_btf/rss_stat, task->rss_stat";
		r->why = "before 6.2 the tracepoint tells of every 64th page: each task's own "
			 "counters are read at its faults";
	}
}

static void choose_residency(const struct probe *p, struct ladder *l)
{
	struct ladder_row *inv = &l->row[LAD_INVALIDATE], *r = &l->row[LAD_RESIDENCY];

	if (p->module_loaded && p->module_dev && !p->module_live) {
		*inv = row(RUNG_MODULE, "memtrace.ko: mmu_notifier");
	} else {
		*inv = (struct ladder_row){
			.rung = RUNG_PROC,
			.hook = "counters, madvise; then counted",
			.why = p->modules_disabled ? "this kernel loads no modules" :
			       p->module_loaded	   ? "memtrace.ko is loaded, but tells nothing" :
						     "memtrace.ko is not loaded (it is optional)",
			.unseen =
				"which pages reclaim, THP or migration moved, until counted again",
		};
	}
	*r = row(RUNG_PROC, "PAGEMAP_SCAN of changed regions");
	if (!p->pagemap_scan) {
		r->hook = "/proc/PID/pagemap of changed regions";
		r->why = "PAGEMAP_SCAN came with 6.7: 8 bytes a page are read instead";
	}
}

static void choose_rest(const struct probe *p, struct ladder *l)
{
	struct ladder_row *sp = &l->row[LAD_SP], *proc = &l->row[LAD_PROCESS],
			  *death = &l->row[LAD_DEATH];

	if (l->rung == RUNG_NONE) {
		*sp = row(RUNG_PROC, "/proc/PID/task/TID/syscall");
		*proc = row(RUNG_PROC, "/proc, at intervals");
		*death = (struct ladder_row){ .rung = RUNG_NONE };
		return;
	}
	*sp = row(l->rung, "each fault; iter/task");
	*proc = row(l->rung, "tp_btf/sched_process_*, task_rename");
	*death = row(l->rung, "tp_btf/signal_generate, mark_victim");
	if (!probe_mark_victim_has_task(p)) {
		death->hook = "tp_btf/signal_generate";
		death->why = "this kernel's mark_victim does not name the task";
		death->unseen = "that a SIGKILL was the OOM killer's";
	}
}

static void say(struct ladder *l, enum ladder_can can, const char *text, const char *fix)
{
	l->can = can;
	l->text = text;
	l->fix = fix;
}

static void judge(const struct probe *p, bool privileged, struct ladder *l)
{
	if (!p->btf)
		say(l, LAD_NO_KERNEL, "this kernel has no BTF (/sys/kernel/btf/vmlinux)",
		    "boot a kernel built with CONFIG_DEBUG_INFO_BTF=y: Debian's since 11 are");
	else if (!probe_tp(p, PTP_MA_WRITE))
		say(l, LAD_NO_KERNEL, NEEDS_MAPLE, "boot Linux 6.1 or later");
	else if (!privileged && !p->init_userns)
		say(l, LAD_NO_PRIVILEGE,
		    "root of a container's user namespace may not load tracing programs",
		    "on the host: sudo memtrace -p PID");
	else if (!privileged)
		say(l, LAD_NO_PRIVILEGE,
		    "CAP_BPF and CAP_PERFMON are missing (snapshot works without)",
		    "sudo memtrace -p PID");
	else if (p->lockdown == PLD_CONFIDENTIALITY)
		say(l, LAD_NO_KERNEL,
		    "lockdown is 'confidentiality': programs may not read the kernel",
		    "boot without lockdown=confidentiality");
	else if (!probe_live(p, PLV_TP_BTF) || !probe_live(p, PLV_RINGBUF) ||
		 !probe_live(p, PLV_ITER_TASK))
		say(l, LAD_NO_KERNEL, "this kernel refuses tracing programs in spite of root",
		    "look for a security module or seccomp filter that blocks bpf(2)");
	else if (l->rung == RUNG_NONE)
		say(l, LAD_NO_KERNEL,
		    "fentry is refused, and the mmap_lock and page fault tracepoints are not there",
		    "boot a kernel with CONFIG_FTRACE and CONFIG_FUNCTION_TRACER");
	else
		say(l, LAD_CAN,
		    l->rung == RUNG_FENTRY ? "memtrace can trace here, on the fentry rung" :
					     "memtrace can trace here, on the tracepoint rung",
		    NULL);
}

void ladder_choose(const struct probe *asked, struct ladder *ret_ladder)
{
	bool privileged = probe_privileged(asked);
	struct ladder *l = ret_ladder;
	struct probe p = *asked;

	memset(l, 0, sizeof(*l));
	l->assumed = !privileged;
	/* Refused to everybody but root: say what root would get, where nothing speaks against it. */
	for (int i = 0; l->assumed && i < PLV_NR; i++)
		if (p.live[i] == -EPERM || p.live[i] == -EACCES)
			p.live[i] = 0;

	if (!probe_tp(&p, PTP_MA_WRITE) || !probe_live(&p, PLV_TP_BTF))
		l->rung = RUNG_NONE;
	else if (has_fentry_rung(&p))
		l->rung = RUNG_FENTRY;
	else if (has_tracepoint_rung(&p))
		l->rung = RUNG_TRACEPOINT;

	choose_map(&p, l);
	choose_fault(&p, l);
	choose_rss(&p, l);
	choose_residency(&p, l);
	choose_rest(&p, l);
	judge(&p, privileged, l);
}
