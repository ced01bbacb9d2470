// SPDX-License-Identifier: GPL-2.0
/*
 * Which hooks the running kernel names in its BTF, and with how many arguments.
 *
 * A tracepoint NAME is there as
 *
 *   TYPEDEF btf_trace_NAME → PTR → FUNC_PROTO(void *__data, arguments…)
 *
 * btf__find_by_name_kind() walks all 60,000 to 180,000 types for each name. One
 * walk that looks every function and typedef up in a sorted list of some thirty
 * names costs as much as one such call.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/btf.h>

#include "source/probe_priv.h"

static const char *const tp_names[PTP_NR] = {
	[PTP_MA_WRITE] = "ma_write",
	[PTP_MMAP_LOCK_START_LOCKING] = "mmap_lock_start_locking",
	[PTP_MMAP_LOCK_ACQUIRE_RETURNED] = "mmap_lock_acquire_returned",
	[PTP_MMAP_LOCK_RELEASED] = "mmap_lock_released",
	[PTP_RSS_STAT] = "rss_stat",
	[PTP_PAGE_FAULT_USER] = "page_fault_user",
	[PTP_PAGE_FAULT_KERNEL] = "page_fault_kernel",
	[PTP_MARK_VICTIM] = "mark_victim",
	[PTP_SIGNAL_GENERATE] = "signal_generate",
	[PTP_TASK_NEWTASK] = "task_newtask",
	[PTP_TASK_RENAME] = "task_rename",
	[PTP_SCHED_PROCESS_FORK] = "sched_process_fork",
	[PTP_SCHED_PROCESS_EXEC] = "sched_process_exec",
	[PTP_SCHED_PROCESS_EXIT] = "sched_process_exit",
	[PTP_SCHED_PROCESS_FREE] = "sched_process_free",
	[PTP_SYS_ENTER] = "sys_enter",
	[PTP_SYS_EXIT] = "sys_exit",
	[PTP_MM_COLLAPSE_HUGE_PAGE] = "mm_collapse_huge_page",
};

static const char *const fn_names[PFN_NR] = {
	[PFN_HANDLE_MM_FAULT] = "handle_mm_fault",
	[PFN_PERF_EVENT_MMAP] = "perf_event_mmap",
	[PFN_VMS_COMPLETE_MUNMAP_VMAS] = "vms_complete_munmap_vmas",
	[PFN_DO_VMI_ALIGN_MUNMAP] = "do_vmi_align_munmap",
	[PFN_EXPAND_DOWNWARDS] = "expand_downwards",
	[PFN_MMAP_REGION] = "mmap_region",
	[PFN_DO_BRK_FLAGS] = "do_brk_flags",
	[PFN_MPROTECT_FIXUP] = "mprotect_fixup",
	[PFN_COPY_VMA] = "copy_vma",
	[PFN_VMA_ADJUST] = "__vma_adjust",
	[PFN_UNMAP_REGION] = "unmap_region",
	[PFN_UPROBE_MMAP] = "uprobe_mmap",
	[PFN_BPF_FENTRY_TEST1] = "bpf_fentry_test1",
	[PFN_BPF_ITER_TASK] = "bpf_iter_task",
	[PFN_BPF_ITER_TASK_VMA] = "bpf_iter_task_vma",
	[PFN_BPF_LSM_FILE_OPEN] = "bpf_lsm_file_open",
};

static const char *const helper_names[PHL_NR] = {
	[PHL_RINGBUF_RESERVE] = "BPF_FUNC_ringbuf_reserve",
	[PHL_KTIME_GET_BOOT_NS] = "BPF_FUNC_ktime_get_boot_ns",
	[PHL_GET_CURRENT_TASK_BTF] = "BPF_FUNC_get_current_task_btf",
	[PHL_TASK_PT_REGS] = "BPF_FUNC_task_pt_regs",
	[PHL_FIND_VMA] = "BPF_FUNC_find_vma",
	[PHL_LOOP] = "BPF_FUNC_loop",
};

#define TP_PREFIX "btf_trace_"

const char *probe_tp_name(enum probe_tp tp)
{
	return tp_names[tp];
}

const char *probe_fn_name(enum probe_fn fn)
{
	return fn_names[fn];
}

/* A name wanted, and where its answer goes. */
struct wanted {
	const char *name;
	struct probe_hook *hook;
};

static int wanted_cmp(const void *a, const void *b)
{
	return strcmp(((const struct wanted *)a)->name, ((const struct wanted *)b)->name);
}

static struct probe_hook *wanted_find(const struct wanted *w, size_t nr, const char *name)
{
	struct wanted key = { .name = name };
	struct wanted *hit = bsearch(&key, w, nr, sizeof(*w), wanted_cmp);

	return hit ? hit->hook : NULL;
}

static unsigned int proto_args(const struct btf *btf, __u32 id)
{
	const struct btf_type *t = btf__type_by_id(btf, id);

	if (t && btf_is_ptr(t))
		t = btf__type_by_id(btf, t->type);
	return t && btf_is_func_proto(t) ? btf_vlen(t) : 0;
}

static void take_helpers(struct probe *p, const struct btf *btf, const struct btf_type *t)
{
	const struct btf_enum *e = btf_enum(t);

	for (int i = 0; i < btf_vlen(t); i++) {
		const char *name = btf__name_by_offset(btf, e[i].name_off);

		for (int h = 0; name && h < PHL_NR; h++)
			if (!strcmp(name, helper_names[h]))
				p->helper[h] = true;
	}
}

static void take_tp(const struct btf *btf, struct probe_hook *h, __u32 id, const struct btf_type *t)
{
	unsigned int args = proto_args(btf, t->type);

	/* The first is __data, which no program sees. */
	*h = (struct probe_hook){ .btf_id = id, .nr_args = args ? args - 1 : 0 };
}

/* Static functions may be there twice: the first is what the kernel attaches to by name, too. */
static void take_fn(const struct btf *btf, struct probe_hook *h, __u32 id, const struct btf_type *t)
{
	if (!h->btf_id)
		*h = (struct probe_hook){ .btf_id = id, .nr_args = proto_args(btf, t->type) };
}

static void walk(struct probe *p, const struct btf *btf, const struct wanted *tp,
		 const struct wanted *fn)
{
	__u32 nr = btf__type_cnt(btf);

	for (__u32 id = 1; id < nr; id++) {
		const struct btf_type *t = btf__type_by_id(btf, id);
		const char *name = btf__name_by_offset(btf, t->name_off);
		struct probe_hook *h;

		if (btf_is_func(t)) {
			h = wanted_find(fn, PFN_NR, name);
			if (h)
				take_fn(btf, h, id, t);
		} else if (btf_is_typedef(t) && !strncmp(name, TP_PREFIX, strlen(TP_PREFIX))) {
			h = wanted_find(tp, PTP_NR, name + strlen(TP_PREFIX));
			if (h)
				take_tp(btf, h, id, t);
		} else if (btf_is_enum(t) && !strcmp(name, "bpf_func_id")) {
			take_helpers(p, btf, t);
		}
	}
}

int probe_btf_fill(struct probe *p)
{
	struct wanted tp[PTP_NR], fn[PFN_NR];
	struct btf *btf;

	for (int i = 0; i < PTP_NR; i++)
		tp[i] = (struct wanted){ tp_names[i], &p->tp[i] };
	for (int i = 0; i < PFN_NR; i++)
		fn[i] = (struct wanted){ fn_names[i], &p->fn[i] };
	qsort(tp, PTP_NR, sizeof(tp[0]), wanted_cmp);
	qsort(fn, PFN_NR, sizeof(fn[0]), wanted_cmp);

	/* The file, never libbpf's search among vmlinux images: programs need the kernel's own. */
	btf = btf__parse_raw("/sys/kernel/btf/vmlinux");
	if (!btf) {
		p->btf_err = errno ? -errno : -EINVAL;
		return p->btf_err == -ENOMEM ? -ENOMEM : 0;
	}
	p->btf = true;
	walk(p, btf, tp, fn);
	btf__free(btf);
	return 0;
}
