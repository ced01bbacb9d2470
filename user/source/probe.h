/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What this kernel, and this user on it, can do. Asked once at start; the BPF
 * source picks its programs from the answer and doctor prints it.
 *
 * Two kinds of facts, because one without the other misleads:
 *   named  the kernel's BTF knows the tracepoint or function, with so many arguments
 *   live   a two-instruction program of that type was really loaded (and attached where
 *          that is harmless): a hardened kernel names fentry targets and refuses them
 *
 * Everything is read; nothing is changed. struct probe owns no memory.
 */
#ifndef SOURCE_PROBE_H
#define SOURCE_PROBE_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Tracepoints, by the BTF typedef btf_trace_NAME. */
enum probe_tp {
	PTP_MA_WRITE,
	PTP_MMAP_LOCK_START_LOCKING,
	PTP_MMAP_LOCK_ACQUIRE_RETURNED, /* mm, [memcg_path,] write, success */
	PTP_MMAP_LOCK_RELEASED, /* mm, [memcg_path,] write */
	PTP_RSS_STAT, /* mm, member[, count] */
	PTP_PAGE_FAULT_USER, /* address, regs, error_code */
	PTP_PAGE_FAULT_KERNEL,
	PTP_MARK_VICTIM, /* int pid, or task, uid */
	PTP_SIGNAL_GENERATE,
	PTP_TASK_NEWTASK,
	PTP_TASK_RENAME,
	PTP_SCHED_PROCESS_FORK,
	PTP_SCHED_PROCESS_EXEC,
	PTP_SCHED_PROCESS_EXIT,
	PTP_SCHED_PROCESS_FREE,
	PTP_SYS_ENTER,
	PTP_SYS_EXIT,
	PTP_MM_COLLAPSE_HUGE_PAGE,
	PTP_NR
};

/* Kernel functions, by BTF. */
enum probe_fn {
	PFN_HANDLE_MM_FAULT,
	PFN_PERF_EVENT_MMAP,
	PFN_VMS_COMPLETE_MUNMAP_VMAS, /* 6.12+ */
	PFN_DO_VMI_ALIGN_MUNMAP,
	PFN_EXPAND_DOWNWARDS,
	PFN_MMAP_REGION,
	PFN_DO_BRK_FLAGS,
	PFN_MPROTECT_FIXUP,
	PFN_COPY_VMA,
	PFN_VMA_ADJUST, /* __vma_adjust, before 6.3 */
	PFN_UNMAP_REGION,
	PFN_UPROBE_MMAP, /* called for each file VMA that was adjusted */
	PFN_BPF_FENTRY_TEST1, /* what live attaching is tried on */
	PFN_BPF_ITER_TASK,
	PFN_BPF_ITER_TASK_VMA,
	PFN_BPF_LSM_FILE_OPEN,
	PFN_NR
};

/* Program types, tried for real. */
enum probe_live {
	PLV_TP_BTF,
	PLV_FENTRY, /* loaded; with probe_attach() attached to bpf_fentry_test1, too */
	PLV_FEXIT,
	PLV_ITER_TASK,
	PLV_ITER_TASK_VMA,
	PLV_RAW_TP,
	PLV_KPROBE, /* perf kprobe PMU: the event opens and takes a program */
	PLV_TRACEPOINT, /* syscalls/sys_enter_mmap through tracefs */
	PLV_PERF_PAGE_FAULTS, /* software event page-faults takes a program */
	PLV_PERF_MMAP2, /* side-band records of one CPU, every process */
	PLV_LSM,
	PLV_RINGBUF, /* a ring buffer map is created */
	PLV_NR
};

/* Helpers, by BTF's enum bpf_func_id. */
enum probe_helper {
	PHL_RINGBUF_RESERVE, /* 5.8 */
	PHL_KTIME_GET_BOOT_NS, /* 5.8 */
	PHL_GET_CURRENT_TASK_BTF, /* 5.11 */
	PHL_TASK_PT_REGS, /* 5.15 */
	PHL_FIND_VMA, /* 5.17 */
	PHL_LOOP, /* 5.17 */
	PHL_NR
};

/* Effective capabilities that matter, in the initial user namespace or not: see probe.init_userns */
enum probe_cap {
	PCAP_BPF,
	PCAP_PERFMON,
	PCAP_SYS_PTRACE,
	PCAP_SYS_ADMIN,
	PCAP_DAC_READ_SEARCH,
	PCAP_SYS_RESOURCE,
	PCAP_NR
};

enum probe_lockdown { PLD_UNKNOWN, PLD_NONE, PLD_INTEGRITY, PLD_CONFIDENTIALITY };

#define PROBE_NOT_TRIED (-ENODATA)

struct probe_hook {
	uint32_t btf_id; /* 0: the kernel does not know it. Tracepoints: the typedef's id */
	uint8_t nr_args; /* a tracepoint's own arguments, without __data; a function's */
};

struct probe {
	char release[65], machine[65]; /* uname(2) */
	unsigned int major, minor; /* of the release */
	bool preempt; /* built so that the kernel may preempt itself */
	unsigned int nr_cpus; /* online */

	uid_t euid;
	bool init_userns; /* false: capabilities count in a container's user namespace only */
	bool caps[PCAP_NR]; /* effective */

	bool btf; /* /sys/kernel/btf/vmlinux is there and was parsed */
	int btf_err; /* 0 or −errno of reading it */
	struct probe_hook tp[PTP_NR];
	struct probe_hook fn[PFN_NR];
	bool helper[PHL_NR];
	int live[PLV_NR]; /* 0: works; −errno of the attempt; PROBE_NOT_TRIED */

	char tracefs[64]; /* where it is mounted and can be read; "" : nowhere */
	bool tracefs_hidden; /* mounted, but not readable by this user */
	bool bpffs; /* /sys/fs/bpf is one */
	enum probe_lockdown lockdown;
	int perf_event_paranoid; /* INT_MIN: no such file */
	int unprivileged_bpf_disabled; /* −1: no such file */
	int yama_ptrace_scope; /* −1: no yama */
	int bpf_stats_enabled; /* −1: no such file */
	bool module_loaded; /* memtrace.ko is in /proc/modules */
	bool module_dev; /* /dev/memtrace can be opened */
	int module_live; /* 0: it told of a page that went; −errno; PROBE_NOT_TRIED before probe_attach() */
	const char *module_why; /* on a failure of that, one line */
	bool module_signed_only; /* Secure Boot, lockdown or sig_enforce: unsigned ones are refused */
	bool modules_disabled; /* no module can be loaded (sysctl, or a kernel without modules) */
	bool cgroup_v1_memory, cgroup_v2_memory; /* a memory controller is there */
	bool pagemap_scan, procmap_query; /* ioctls of /proc/PID/pagemap (6.7), maps (6.11) */
	char thp[16]; /* always, madvise, never; "": not built in */
	uint64_t memlock_bytes; /* RLIMIT_MEMLOCK; ~0: unlimited. Counts before 5.11 only */
};

/**
 * probe_kernel() - find out everything that takes no waiting, in about 10 ms
 *
 * fentry and fexit: whether they load; kprobe and tracefs tracepoint: PROBE_NOT_TRIED.
 * What is missing is an answer, not an error. Returns 0 or −ENOMEM.
 */
int probe_kernel(struct probe *p);

/* probe_attach() - whether fentry, fexit, kprobe and tracepoint attach, and the module tells, too; up to 1 s */
void probe_attach(struct probe *p);

/* probe_tp() - the kernel has this tracepoint in its BTF */
static inline bool probe_tp(const struct probe *p, enum probe_tp tp)
{
	return p->tp[tp].btf_id;
}

/* probe_tp_args() - how many arguments it has; 0 when it is missing */
static inline unsigned int probe_tp_args(const struct probe *p, enum probe_tp tp)
{
	return p->tp[tp].nr_args;
}

/* probe_fn() - the kernel has this function in its BTF (not: it can be traced, see probe_live()) */
static inline bool probe_fn(const struct probe *p, enum probe_fn fn)
{
	return p->fn[fn].btf_id;
}

/* probe_live() - a program of this type loads here, by this user */
static inline bool probe_live(const struct probe *p, enum probe_live type)
{
	return p->live[type] == 0;
}

static inline bool probe_helper(const struct probe *p, enum probe_helper h)
{
	return p->helper[h];
}

/* Variants of tracepoints whose arguments changed. False, too, when there is no such tracepoint. */
static inline bool probe_rss_stat_has_count(const struct probe *p)
{
	return p->tp[PTP_RSS_STAT].nr_args == 3; /* until 6.1 */
}

static inline bool probe_mmap_lock_has_memcg_path(const struct probe *p)
{
	return p->tp[PTP_MMAP_LOCK_RELEASED].nr_args == 3; /* gone by 7.x and in 6.18 */
}

/* A file VMA is stored into the tree before its vm_pgoff is set */
static inline bool probe_late_pgoff(const struct probe *p)
{
	return p->fn[PFN_VMA_ADJUST].btf_id; /* until 6.2 */
}

/* Programs on tracepoints run with preemption on */
static inline bool probe_tp_preempted(const struct probe *p)
{
	return p->preempt && p->major >= 7;
}

static inline bool probe_mark_victim_has_task(const struct probe *p)
{
	return p->tp[PTP_MARK_VICTIM].nr_args == 2; /* before: one int */
}

/* probe_fentry() - fentry and fexit programs load and attach here */
static inline bool probe_fentry(const struct probe *p)
{
	return probe_live(p, PLV_FENTRY) && probe_live(p, PLV_FEXIT);
}

/* probe_privileged() - tracing BPF programs may be loaded: CAP_BPF and CAP_PERFMON, or CAP_SYS_ADMIN */
static inline bool probe_privileged(const struct probe *p)
{
	return p->init_userns &&
	       (p->caps[PCAP_SYS_ADMIN] || (p->caps[PCAP_BPF] && p->caps[PCAP_PERFMON]));
}

/*
 * probe_rights() - what this process may do: caps, euid, init_userns; a part of probe_kernel()
 *
 * Returns 0 or −errno.
 */
int probe_rights(struct probe *p);

/* Names as the kernel has them, for messages; static storage. */
const char *probe_tp_name(enum probe_tp tp);
const char *probe_fn_name(enum probe_fn fn);
const char *probe_live_name(enum probe_live type);
const char *probe_cap_name(enum probe_cap cap);
const char *probe_lockdown_name(enum probe_lockdown l);

#endif
