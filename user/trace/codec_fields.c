// SPDX-License-Identifier: GPL-2.0
/*
 * The fields of each event, in the order of the file. They are appended to,
 * never moved: an old reader takes those it knows and skips the rest, a new one
 * finds 0 for those that an old file does not have.
 */
#include <stddef.h>

#include "trace/codec.h"

#define FIELD(member, holds)                                                                       \
	{                                                                                          \
		offsetof(struct mtr_event, member), sizeof(((struct mtr_event *)0)->member), holds \
	}
#define F(member) FIELD(member, FIELD_WORD)
#define FS(member) FIELD(member, FIELD_STRING)
#define FB(member) FIELD(member, FIELD_BOOL)
#define FR(member) FIELD(member, FIELD_REAL)
#define FM(member) FIELD(member, FIELD_MEMBER)

static const struct field none[1];

static const struct field proc[] = {
	F(proc.pid),	       F(proc.ppid),	     F(proc.prev_as),	   FB(proc.forked),
	F(proc.start_time_ns), F(proc.rss_bytes[0]), F(proc.rss_bytes[1]), F(proc.rss_bytes[2]),
	F(proc.rss_bytes[3]),  F(proc.min_flt),	     F(proc.maj_flt),	   F(proc.start_code),
	F(proc.end_code),      F(proc.start_data),   F(proc.end_data),	   F(proc.start_brk),
	F(proc.start_stack),   FS(proc.comm),	     FS(proc.exe),
};

static const struct field vma[] = {
	F(vma.start), F(vma.end),   F(vma.prot),  F(vma.dev),
	F(vma.ino),   F(vma.pgoff), FS(vma.name), F(vma.src),
};

static const struct field range[] = { F(range.start), F(range.end), F(range.src) };

static const struct field name[] = { F(name.start), F(name.end), FS(name.name) };

static const struct field file[] = {
	F(file.ino),
	F(file.dev),
	F(file.fs_magic),
	FS(file.name),
};

/* For those who read about faults: they have records of their own, see codec.c. */
static const struct field fault[] = {
	F(fault.addr),	  F(fault.ip),	  F(fault.sp), F(fault.bytes),
	FM(fault.member), F(fault.flags), F(epoch),
};

static const struct field rss[] = {
	F(rss.bytes), FM(rss.member), F(rss.why), F(rss.start),	 F(rss.end),
	F(epoch),     F(rss.ip),      F(rss.sp),  FB(rss.whole), F(rss.call),
};

static const struct field thread[] = {
	F(thread.sp),	      F(thread.start_time_ns), F(thread.tls),	F(thread.parent_tid),
	FB(thread.at_attach), FB(thread.syscall_sp),   FS(thread.comm), F(thread.state),
};

static const struct field exit_[] = { F(exit.code) };

static const struct field signal_[] = {
	F(signal.signo), F(signal.code), FB(signal.fatal),
	F(signal.addr),	 F(signal.ip),	 F(signal.sp),
};

static const struct field snap[] = {
	F(snap.what),	FB(snap.complete), F(snap.begin_ns),
	F(snap.end_ns), F(snap.start),	   F(snap.end),
};

static const struct field residency[] = {
	F(residency.start),    F(residency.end),   F(residency.present),   F(residency.anon),
	F(residency.file),     F(residency.swap),  F(residency.huge),	   F(residency.lowest),
	F(residency.begin_ns), F(residency.epoch), F(residency.end_epoch),
};

static const struct field kernel[] = {
	F(kernel.minflt),    F(kernel.majflt),	   F(kernel.virt_bytes),
	F(kernel.rss_bytes), F(kernel.nr_threads), F(kernel.stack_limit_bytes),
	F(kernel.state),
};

static const struct field invalidate[] = {
	F(invalidate.start), F(invalidate.end),	   F(invalidate.seq),	     F(invalidate.phase),
	F(invalidate.why),   FB(invalidate.stays), FB(invalidate.elsewhere), F(epoch),
};

static const struct field lost[] = { F(lost.what), F(lost.count) };
static const struct field mark[] = { FS(mark.name) };
static const struct field move[] = { F(move.from), F(move.to), F(move.len), FB(move.stays) };
static const struct field stack[] = { F(stack.ip), F(stack.sp), F(stack.why), F(stack.end) };
static const struct field frame[] = {
	F(frame.nr),	 FS(frame.function), FS(frame.file), FS(frame.module), F(frame.line),
	F(frame.repeat), F(frame.cycle),     F(frame.flags), F(frame.pc),      F(frame.offset),
	F(frame.size),	 F(frame.depth),     F(frame.turn),
};
static const struct field call[] = {
	F(call.nr),	F(call.took_ns), F(call.arg[0]), F(call.arg[1]),
	F(call.arg[2]), F(call.arg[3]),	 F(call.arg[4]), F(call.arg[5]),
	F(call.result), F(call.ip),	 F(call.sp),
};
static const struct field tick[] = { F(tick.real_ns) };

static const struct field limits[] = {
	F(limits.nr),
	F(limits.stack_limit_bytes),
	F(limits.max_map_count),
	F(limits.nr_maps),
};

static const struct field limit[] = {
	F(limit.kind),
	FS(limit.name),
	F(limit.limit_bytes),
	F(limit.used_bytes),
};

static const struct field cost[] = {
	FR(cost.bpf_percent),  FR(cost.self_cpu_percent),  F(cost.self_rss_bytes),
	F(cost.events_per_s),  F(cost.lock_held_ns_per_s), F(cost.lost),
	F(cost.unseen_faults), F(cost.ring_fill_percent),  F(cost.stack_period),
};

static const struct field module[] = {
	F(module.ino),
	F(module.dev),
	FS(module.path),
	FS(module.build_id),
};

/* The values of a state event are written by codec.c: their number varies. */
static const struct field state[] = {
	F(state.what), F(state.nr), FS(state.str[0]), FS(state.str[1]), FS(state.str[2]),
};

#define KIND(table)                                         \
	do {                                                \
		*ret_nr = sizeof(table) / sizeof(*(table)); \
		return table;                               \
	} while (0)

const struct field *codec_fields(unsigned int kind, unsigned int *ret_nr)
{
	*ret_nr = 0;
	switch ((enum mtr_kind)kind) {
	case MTR_EV_ATTACH:
	case MTR_EV_EXEC:
		KIND(proc);
	case MTR_EV_EXIT:
	case MTR_EV_THREAD_EXIT:
		KIND(exit_);
	case MTR_EV_VMA:
	case MTR_EV_SNAP_VMA:
		KIND(vma);
	case MTR_EV_HOLE:
	case MTR_EV_RESYNC:
		KIND(range);
	case MTR_EV_NAME:
		KIND(name);
	case MTR_EV_FILE:
		KIND(file);
	case MTR_EV_FAULT:
		KIND(fault);
	case MTR_EV_RSS:
		KIND(rss);
	case MTR_EV_THREAD:
	case MTR_EV_COMM:
	case MTR_EV_SP:
		KIND(thread);
	case MTR_EV_SIGNAL:
		KIND(signal_);
	case MTR_EV_SNAP_BEGIN:
	case MTR_EV_SNAP_END:
		KIND(snap);
	case MTR_EV_RESIDENCY:
		KIND(residency);
	case MTR_EV_KERNEL:
		KIND(kernel);
	case MTR_EV_LOST:
		KIND(lost);
	case MTR_EV_INVALIDATE:
		KIND(invalidate);
	case MTR_EV_MARK:
		KIND(mark);
	case MTR_EV_MOVE:
		KIND(move);
	case MTR_EV_FRAME:
		KIND(frame);
	case MTR_EV_CALL:
		KIND(call);
	case MTR_EV_TICK:
		KIND(tick);
	case MTR_EV_LIMITS:
		KIND(limits);
	case MTR_EV_LIMIT:
		KIND(limit);
	case MTR_EV_COST:
		KIND(cost);
	case MTR_EV_MODULE:
		KIND(module);
	case MTR_EV_STATE:
		KIND(state);
	case MTR_EV_OOM:
	case MTR_EV_DROP:
		return none;
	case MTR_EV_STACK: /* the frames are written by codec.c: their number varies */
	case MTR_EV_SITE:
		KIND(stack);
	case MTR_EV_MAX:
		break;
	}
	return NULL;
}
