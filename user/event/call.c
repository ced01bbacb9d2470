// SPDX-License-Identifier: GPL-2.0
#include "event/call.h"

#include <errno.h>
#include <string.h>

#define PAGE_MASK 4095ull
#define MAX_ERRNO 4095

#define MREMAP_HAS_PLACE 0x6u /* MREMAP_FIXED, MREMAP_DONTUNMAP */

enum { NR_MMAP = 9, NR_BRK = 12, NR_MREMAP = 25 };

static const char *const map_flags[32] = {
	[0] = "shared",	   [1] = "private",	     [2] = "validate",
	[4] = "fixed",	   [5] = "anonymous",	     [6] = "32bit",
	[8] = "growsdown", [11] = "denywrite",	     [12] = "exec",
	[13] = "locked",   [14] = "noreserve",	     [15] = "populate",
	[16] = "nonblock", [17] = "stack",	     [18] = "hugetlb",
	[19] = "sync",	   [20] = "fixed_noreplace",
};
static const char *const remap_flags[32] = { "maymove", "fixed", "dontunmap" };
static const char
	*const shm_flags[32] = { [12] = "rdonly", [13] = "rnd", [14] = "remap", [15] = "exec" };
static const char *const mlockall_flags[32] = { "current", "future", "onfault" };
static const char *const mlock_flags[32] = { "onfault" };

static const struct mtr_call calls[] = {
	{ .name = "mmap",
	  .nr = NR_MMAP,
	  .nr_args = 6,
	  .addr = 1,
	  .len = 2,
	  .prot = 3,
	  .flags = 4,
	  .tokens = map_flags,
	  .gives_address = true },
	{ .name = "mprotect", .nr = 10, .nr_args = 3, .addr = 1, .len = 2, .prot = 3 },
	{ .name = "munmap", .nr = 11, .nr_args = 2, .addr = 1, .len = 2 },
	{ .name = "brk", .nr = NR_BRK, .nr_args = 1, .addr = 1, .gives_address = true },
	{ .name = "mremap",
	  .nr = NR_MREMAP,
	  .nr_args = 5,
	  .addr = 1,
	  .len = 2,
	  .new_len = 3,
	  .flags = 4,
	  .tokens = remap_flags,
	  .gives_address = true },
	{ .name = "madvise", .nr = 28, .nr_args = 3, .addr = 1, .len = 2, .advice = 3 },
	{ .name = "shmat",
	  .nr = 30,
	  .nr_args = 3,
	  .addr = 2,
	  .flags = 3,
	  .tokens = shm_flags,
	  .gives_address = true },
	{ .name = "shmdt", .nr = 67, .nr_args = 1, .addr = 1 },
	{ .name = "mlock", .nr = 149, .nr_args = 2, .addr = 1, .len = 2 },
	{ .name = "munlock", .nr = 150, .nr_args = 2, .addr = 1, .len = 2 },
	{ .name = "mlockall", .nr = 151, .nr_args = 1, .flags = 1, .tokens = mlockall_flags },
	{ .name = "munlockall", .nr = 152 },
	{ .name = "remap_file_pages", .nr = 216, .nr_args = 5, .addr = 1, .len = 2 },
	{ .name = "mlock2",
	  .nr = 325,
	  .nr_args = 3,
	  .addr = 1,
	  .len = 2,
	  .flags = 3,
	  .tokens = mlock_flags },
	{ .name = "pkey_mprotect", .nr = 329, .nr_args = 4, .addr = 1, .len = 2, .prot = 3 },
	/* its ranges are a list in memory, and may be another process's */
	{ .name = "process_madvise", .nr = 440, .nr_args = 5, .advice = 4 },
	{ .name = "mseal", .nr = 462, .nr_args = 3, .addr = 1, .len = 2 },
};

#define NR_CALLS (sizeof(calls) / sizeof(calls[0]))

const struct mtr_call *mtr_call_find(unsigned int nr)
{
	for (size_t i = 0; i < NR_CALLS; i++)
		if (calls[i].nr == nr)
			return &calls[i];
	return NULL;
}

const struct mtr_call *mtr_call_at(unsigned int i)
{
	return i < NR_CALLS ? &calls[i] : NULL;
}

const char *mtr_call_name(unsigned int call)
{
	const struct mtr_call *c = call ? mtr_call_find(call - 1) : NULL;

	return c ? c->name : NULL;
}

unsigned int mtr_call_nr_args(const struct mtr_ev_call *e)
{
	const struct mtr_call *c = mtr_call_find(e->nr);

	if (!c)
		return 0;
	return c->nr == NR_MREMAP && !(e->arg[3] & MREMAP_HAS_PLACE) ? 4 : c->nr_args;
}

int mtr_call_error(const struct mtr_ev_call *e)
{
	/* brk tells where the heap ends; that it did not do as it was told is what C libraries make of that */
	if (e->nr == NR_BRK)
		return e->arg[0] && (uint64_t)e->result != e->arg[0] ? ENOMEM : 0;
	return e->result < 0 && e->result >= -MAX_ERRNO ? (int)-e->result : 0;
}

const char *mtr_call_error_name(const struct mtr_ev_call *e)
{
	int err = mtr_call_error(e);

	if (!err)
		return NULL;
	return strerrorname_np(err) ? strerrorname_np(err) : "unknown";
}

bool mtr_call_range(const struct mtr_ev_call *e, uint64_t *ret_start, uint64_t *ret_end)
{
	const struct mtr_call *c = mtr_call_find(e->nr);
	uint64_t start, len;

	if (!c || !c->addr || !c->len)
		return false;
	start = mtr_call_arg(e, c->addr);
	len = mtr_call_arg(e, c->len);
	if (c->nr == NR_MMAP && !mtr_call_error(e))
		start = (uint64_t)e->result;
	if (!start || !len || start > UINT64_MAX - PAGE_MASK ||
	    len > UINT64_MAX - PAGE_MASK - start)
		return false;
	*ret_start = start;
	*ret_end = start + ((len + PAGE_MASK) & ~PAGE_MASK);
	return true;
}

#define MAP_TYPE_BITS 0xfu
#define MAP_SHARED_VALIDATE_TYPE \
	3u /* no bits of their own: shared and private would both be said */

uint32_t mtr_call_flags(const struct mtr_ev_call *e)
{
	const struct mtr_call *c = mtr_call_find(e->nr);
	uint32_t v = c ? (uint32_t)mtr_call_arg(e, c->flags) : 0;

	if (c && c->nr == NR_MMAP && (v & MAP_TYPE_BITS) == MAP_SHARED_VALIDATE_TYPE)
		v = (v & ~MAP_TYPE_BITS) | 0x5;
	return v;
}

uint32_t mtr_call_prot(const struct mtr_ev_call *e)
{
	const struct mtr_call *c = mtr_call_find(e->nr);
	uint32_t v = c ? (uint32_t)mtr_call_arg(e, c->prot) & MTR_P_RWX : 0;

	if (c && c->nr == NR_MMAP && mtr_call_flags(e) & 0x1)
		v |= MTR_P_SHARED;
	return v;
}

const char *mtr_advice_name(uint64_t advice)
{
	static const char *const names[] = {
		[0] = "normal",		  [1] = "random",	   [2] = "sequential",
		[3] = "willneed",	  [4] = "dontneed",	   [8] = "free",
		[9] = "remove",		  [10] = "dontfork",	   [11] = "dofork",
		[12] = "mergeable",	  [13] = "unmergeable",	   [14] = "hugepage",
		[15] = "nohugepage",	  [16] = "dontdump",	   [17] = "dodump",
		[18] = "wipeonfork",	  [19] = "keeponfork",	   [20] = "cold",
		[21] = "pageout",	  [22] = "populate_read",  [23] = "populate_write",
		[24] = "dontneed_locked", [25] = "collapse",	   [100] = "hwpoison",
		[101] = "soft_offline",	  [102] = "guard_install", [103] = "guard_remove",
	};

	return advice < sizeof(names) / sizeof(names[0]) ? names[advice] : NULL;
}
