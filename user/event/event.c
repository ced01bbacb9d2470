// SPDX-License-Identifier: GPL-2.0
#include "event/event.h"

const char *event_kind_name(unsigned int kind)
{
	switch ((enum mtr_kind)kind) {
	case MTR_EV_ATTACH:
		return "attach";
	case MTR_EV_EXEC:
		return "exec";
	case MTR_EV_EXIT:
		return "exit";
	case MTR_EV_VMA:
		return "vma";
	case MTR_EV_HOLE:
		return "hole";
	case MTR_EV_NAME:
		return "name";
	case MTR_EV_FILE:
		return "file";
	case MTR_EV_FAULT:
		return "fault";
	case MTR_EV_RSS:
		return "rss";
	case MTR_EV_THREAD:
		return "thread";
	case MTR_EV_THREAD_EXIT:
		return "thread_exit";
	case MTR_EV_SIGNAL:
		return "signal";
	case MTR_EV_OOM:
		return "oom";
	case MTR_EV_RESYNC:
		return "resync";
	case MTR_EV_COMM:
		return "comm";
	case MTR_EV_SNAP_BEGIN:
		return "snap_begin";
	case MTR_EV_SNAP_VMA:
		return "snap_vma";
	case MTR_EV_SNAP_END:
		return "snap_end";
	case MTR_EV_RESIDENCY:
		return "residency";
	case MTR_EV_SP:
		return "sp";
	case MTR_EV_KERNEL:
		return "kernel";
	case MTR_EV_LOST:
		return "lost";
	case MTR_EV_MARK:
		return "mark";
	case MTR_EV_TICK:
		return "tick";
	case MTR_EV_LIMITS:
		return "limits";
	case MTR_EV_LIMIT:
		return "limit";
	case MTR_EV_COST:
		return "cost";
	case MTR_EV_DROP:
		return "drop";
	case MTR_EV_MODULE:
		return "module";
	case MTR_EV_STATE:
		return "state";
	case MTR_EV_SITE:
		return "site";
	case MTR_EV_INVALIDATE:
		return "invalidate";
	case MTR_EV_STACK:
		return "stack";
	case MTR_EV_MOVE:
		return "move";
	case MTR_EV_FRAME:
		return "frame";
	case MTR_EV_CALL:
		return "call";
	case MTR_EV_MAX:
		break;
	}
	return "unknown";
}

const char *inv_why_name(unsigned int why)
{
	static const char *const names[MTR_INV_NR] = {
		[MTR_INV_CLEARED] = "cleared",	   [MTR_INV_UNMAPPED] = "unmapped",
		[MTR_INV_DROPPED] = "dropped",	   [MTR_INV_RECLAIMED] = "reclaimed",
		[MTR_INV_PROTECTED] = "protected", [MTR_INV_MIGRATED] = "migrated",
		[MTR_INV_COLLAPSED] = "collapsed",
	};

	return names[why < MTR_INV_NR ? why : MTR_INV_CLEARED];
}
