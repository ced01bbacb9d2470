/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The tracepoints. A module built outside the kernel's tree has no BTF: BPF programs attach to them
 * as raw tracepoints, so the order of TP_PROTO's arguments is an ABI (see memtrace_uapi.h).
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM memtrace

#if !defined(MEMTRACE_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define MEMTRACE_TRACE_H

#include <linux/tracepoint.h>
#include <linux/types.h>

struct mm_struct;

/* clang-format off */
TRACE_EVENT(mm_invalidate,
	TP_PROTO(const struct mm_struct *mm, u64 id, pid_t tgid, unsigned long start,
		 unsigned long end, u32 event, u32 why, u32 flags, u64 seq),
	TP_ARGS(mm, id, tgid, start, end, event, why, flags, seq),
	TP_STRUCT__entry(
		__field(const void *, mm)
		__field(u64, id)
		__field(u64, start)
		__field(u64, end)
		__field(u64, seq)
		__field(pid_t, tgid)
		__field(u32, event)
		__field(u32, why)
		__field(u32, flags)
	),
	TP_fast_assign(
		__entry->mm = mm;
		__entry->id = id;
		__entry->start = start;
		__entry->end = end;
		__entry->seq = seq;
		__entry->tgid = tgid;
		__entry->event = event;
		__entry->why = why;
		__entry->flags = flags;
	),
	TP_printk("mm=%p id=%llu tgid=%d range=%llx-%llx event=%u why=%u flags=%x seq=%llu",
		  __entry->mm, __entry->id, __entry->tgid, __entry->start, __entry->end,
		  __entry->event, __entry->why, __entry->flags, __entry->seq)
);

TRACE_EVENT(mm_release,
	TP_PROTO(const struct mm_struct *mm, u64 id, pid_t tgid, u64 seq),
	TP_ARGS(mm, id, tgid, seq),
	TP_STRUCT__entry(
		__field(const void *, mm)
		__field(u64, id)
		__field(u64, seq)
		__field(pid_t, tgid)
	),
	TP_fast_assign(
		__entry->mm = mm;
		__entry->id = id;
		__entry->seq = seq;
		__entry->tgid = tgid;
	),
	TP_printk("mm=%p id=%llu tgid=%d seq=%llu", __entry->mm, __entry->id, __entry->tgid,
		  __entry->seq)
);

/* clang-format on */

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE memtrace_trace
#include <trace/define_trace.h>
