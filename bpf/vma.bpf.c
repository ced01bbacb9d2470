// SPDX-License-Identifier: GPL-2.0
/*
 * The map: what each range of the address space is.
 *
 * Creation, growth, splits and moves come from tp_btf/ma_write, which fires for
 * each store into the tree, inside the lock. Removal and changes in place:
 *
 *   tracepoint rung   mmap_lock_released: the ranges of the system call under
 *                     way are read from the tree before the lock goes
 *   fentry rung       perf_event_mmap for changes in place; removal from
 *                     ma_write (6.1) or vms_complete_munmap_vmas (6.12+)
 */
#include "mtr_stack.h"
#include "mtr_tree.h"

/* A side tree of the kernel's own or somebody else's: not ours. Returns the id, 0 for none. */
static __always_inline u32 as_of_mm(u64 mm, struct note *n)
{
	struct target_ref *ref;

	if (n && n->mm == mm)
		return n->as;
	ref = bpf_map_lookup_elem(&targets, &mm);
	return ref ? ref->as : 0;
}

/*
 * The functions that store, by the address of their names: there are a dozen,
 * and each is read once. A race can only make one be read again.
 */
#define NR_FNS 4
static u64 store_fns[NR_FNS], other_fns[2 * NR_FNS];
static u32 nr_store_fns, nr_other_fns;

static __always_inline bool is_store(const char *fn)
{
	u64 f = (u64)fn;
	char s[10] = {};

#pragma unroll
	for (int i = 0; i < NR_FNS; i++)
		if (store_fns[i] == f)
			return true;
#pragma unroll
	for (int i = 0; i < 2 * NR_FNS; i++)
		if (other_fns[i] == f)
			return false;
	/* mas_store, mas_store_gfp, mas_store_prealloc; not mas_wr_*, whose range may be widened */
	if (bpf_probe_read_kernel(s, 9, fn))
		return false;
	if (s[4] == 's' && s[5] == 't' && s[6] == 'o' && s[7] == 'r') {
		store_fns[nr_store_fns++ % NR_FNS] = f;
		return true;
	}
	other_fns[nr_other_fns++ % (2 * NR_FNS)] = f;
	return false;
}

/*
 * Before 6.3 a VMA whose beginning moves is stored with its new range and its
 * old vm_pgoff. What was stored is looked at again when that is set:
 *   tracepoint rung   at the end of the locked section
 *   fentry rung       in uprobe_mmap(), called for each file VMA that changed
 */
static __always_inline void fix_later(struct note *n, u64 start, u64 end)
{
	if (!n->fix_end || start < n->fix_start)
		n->fix_start = start;
	if (end > n->fix_end)
		n->fix_end = end;
}

#define SYS_MREMAP_NR 25
#define MREMAP_FIXED_BIT 2
#define MREMAP_DONTUNMAP_BIT 4

static __always_inline u64 whole_pages(u64 len)
{
	return (len + 4095) & ~4095ull;
}

/* A mremap stores what it moves to: a range of its new length. It also stores what it cuts the old one from. */
static __noinline void may_move(struct note *n, struct task_struct *task, u64 start, u64 len)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);

	if (regs->orig_ax == SYS_MREMAP_NR && len == whole_pages(regs->dx) && start != regs->di)
		n->move_to = start;
}

/* A mremap may have moved pages: sent before what says that the old range is empty, which alone tells that it did. */
static __noinline void moved(struct note *n, struct task_struct *task)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);
	u64 from = regs->di, old = whole_pages(regs->si), new = whole_pages(regs->dx);
	u64 to = n->move_to, flags = regs->r10;
	struct mtr_w_move *r;

	if (regs->orig_ax != SYS_MREMAP_NR)
		return;
	n->move_to = 0;
	if (flags & MREMAP_FIXED_BIT)
		to = regs->r8;
	if (!to)
		return;
	r = record(MTR_W_MOVE, sizeof(*r), n->as, task->pid, 0);
	if (!r)
		return;
	r->from = from;
	r->to = to;
	r->len = old < new ? old : new;
	r->stays = !!(flags & MREMAP_DONTUNMAP_BIT);
	send(r, NULL);
}

static __always_inline int stored(const char *fn, struct ma_state *mas, void *val, bool second)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct note *n = note_of(task);
	u64 mm = (u64)mas->tree - bpf_core_field_offset(struct mm_struct, mm_mt);
	u32 as, tid = 0;
	u64 start, end;

	/* who changes its own map and is not traced need not be looked up */
	if ((!n && (u64)task->mm == mm) || !is_store(fn))
		return 0;
	as = as_of_mm(mm, n);
	if (!as)
		return 0;
	if (n && n->as == as) {
		if (second_of(n, DONE_MA_WRITE, second))
			return 0;
		tid = task->pid;
		send_faults(n, tid);
	}
	start = mas->index;
	end = mas->last + 1;
	if (!val) {
		if (want_stacks && tid)
			moved(n, task);
		send_hole(as, tid, MTR_SRC_MA_WRITE, start, end);
		return 0;
	}
	if (tid) {
		if (want_stacks)
			take_stack(n, tid, MTR_STACK_MAP);
		if (want_stacks)
			may_move(n, task, start, end - start);
		n->vma_start = start;
		n->vma_len = end - start;
		if (late_pgoff && BPF_CORE_READ((struct vm_area_struct *)val, vm_file))
			fix_later(n, start, end);
	}
	send_vma(as, tid, MTR_SRC_MA_WRITE, start, end, val, false);
	return 0;
}

SEC("?tp_btf/ma_write")
int BPF_PROG(ma_write, const char *fn, struct ma_state *mas, unsigned long piv, void *val)
{
	return stored(fn, mas, val, false);
}

SEC("?tp_btf/ma_write")
int BPF_PROG(ma_write_second, const char *fn, struct ma_state *mas, unsigned long piv, void *val)
{
	return stored(fn, mas, val, true);
}

struct walk {
	u64 root; /* mm->mm_mt.ma_root */
	u64 at, end; /* next address, end of the range asked for */
	u32 as, tid;
	u32 rename; /* also say when an anonymous VMA has no name */
	u32 done;
	u32 which; /* cursor */
};

static long walk_step(u32 i, void *ctx)
{
	struct walk *w = ctx;
	u32 which = w->which;
	struct tree_cursor *c = bpf_map_lookup_elem(&tree_cursor, &which);
	u64 end;

	if (!c)
		return 1;
	c->at = w->at;
	if (tree_find(c, which, w->root))
		return 1;
	end = c->hi >= TASK_TOP ? TASK_TOP : c->hi + 1;
	if (c->entry)
		send_vma(w->as, w->tid, MTR_SRC_WALK, c->lo, end, (struct vm_area_struct *)c->entry,
			 w->rename);
	else
		send_hole(w->as, w->tid, MTR_SRC_WALK, c->lo, end);
	w->at = end;
	if (end < w->end)
		return 0;
	w->done = 1;
	return 1;
}

/* A mprotect over more VMAs than this is rare; user space then takes a snapshot. */
#define WALK_MAX 16384

/* Five arguments at most: */
#define WALK_BY(task, second, rename) ((u32)(task)->pid << 2 | (u32)(second) << 1 | (u32)(rename))

/* Global, so that it is verified once and not for each of its callers. */
__noinline int walk_range(u64 mm, u64 start, u64 len, u32 as, u32 by)
{
	struct walk w = { .at = start & ~4095ull,
			  .as = as,
			  .tid = by >> 2,
			  .which = (by >> 1) & 1,
			  .rename = by & 1 };
	struct mtr_w_hole *r;

	w.root = (u64)BPF_CORE_READ((struct mm_struct *)mm, mm_mt.ma_root);
	w.end = start + len;
	if (w.end > TASK_TOP || w.end < start)
		w.end = TASK_TOP;
	if (start >= TASK_TOP || !len)
		return 0;
	bpf_loop(WALK_MAX, walk_step, &w, 0);
	if (w.done)
		return 0;
	r = record(MTR_W_RESYNC, sizeof(*r), as, w.tid, MTR_SRC_WALK);
	if (!r)
		return 0;
	r->start = w.at;
	r->end = w.end;
	send(r, NULL);
	return 0;
}

/* Pieces of a SysV segment lie between others; more than this many are found by the drift check. */
#define SHMDT_SPAN (64ull << 20)

/* System calls of x86-64 that take a region away or change it in place. */
enum {
	SYS_MMAP = 9,
	SYS_MPROTECT = 10,
	SYS_MUNMAP = 11,
	SYS_BRK = 12,
	SYS_MREMAP = 25,
	SYS_SHMAT = 30,
	SYS_SHMDT = 67,
	SYS_PRCTL = 157,
	SYS_IO_DESTROY = 207,
	SYS_REMAP_FILE = 216,
	SYS_PKEY_MPROTECT = 329,
};
#define MAP_FIXED_BIT 0x10
#define PR_SET_VMA_NR 0x53564d41

static __always_inline void lock_released(struct mm_struct *mm, bool write, bool second)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct note *n = note_of(task);
	u64 a0, a1, a2, a3, start, len, start2 = 0;
	struct pt_regs *regs;
	bool rename = false;

	if (!n || n->mm != (u64)mm || second_of(n, DONE_RELEASED, second))
		return;
	if (late_pgoff && n->fix_end) {
		u64 end = n->fix_end;

		n->fix_end = 0;
		/* read again: the number, not the argument that it equals */
		walk_range(*(volatile u64 *)&n->mm, n->fix_start, end - n->fix_start, n->as,
			   WALK_BY(task, second, false));
	}
	regs = (struct pt_regs *)bpf_task_pt_regs(task);
	start = a0 = regs->di;
	len = a1 = regs->si;
	a2 = regs->dx;
	a3 = regs->r10;
	switch ((long)regs->orig_ax) {
	case SYS_MUNMAP: /* released for reading: the kernel downgrades before it frees pages */
		break;
	case SYS_BRK:
		if (!a0)
			return;
		/* the heap that ends there, and what is behind it */
		start = (a0 - 1) & ~4095ull;
		len = 4097;
		break;
	case SYS_MREMAP:
		len = a1 > a2 ? a1 : a2;
		if (a3 & MREMAP_FIXED_BIT)
			start2 = regs->r8;
		break;
	case SYS_MPROTECT:
	case SYS_PKEY_MPROTECT:
	case SYS_REMAP_FILE:
		if (!write)
			return;
		break;
	case SYS_MMAP: /* one that fails late leaves a gap where it was to go */
		if (!write || !(a3 & MAP_FIXED_BIT))
			return;
		break;
	case SYS_SHMAT:
		if (!write || !a1)
			return;
		start = a1;
		len = 1;
		break;
	case SYS_SHMDT:
		if (!write)
			return;
		len = SHMDT_SPAN;
		break;
	case SYS_IO_DESTROY:
		if (!write)
			return;
		len = 1;
		break;
	case SYS_PRCTL:
		if (!write || a0 != PR_SET_VMA_NR)
			return;
		start = a2;
		len = a3;
		rename = true;
		break;
	default:
		return;
	}
	send_faults(n, task->pid);
	if (want_stacks)
		moved(n, task);
	walk_range(n->mm, start, len, n->as, WALK_BY(task, second, rename));
	if (start2)
		walk_range(n->mm, start2, len, n->as, WALK_BY(task, second, false));
}

SEC("?tp_btf/mmap_lock_released")
int BPF_PROG(lock_released_2, struct mm_struct *mm, bool write)
{
	lock_released(mm, write, false);
	return 0;
}

SEC("?tp_btf/mmap_lock_released")
int BPF_PROG(lock_released_second, struct mm_struct *mm, bool write)
{
	lock_released(mm, write, true);
	return 0;
}

/* 6.1 to 6.12: the tracepoint also has the memory cgroup's path. */
SEC("?tp_btf/mmap_lock_released")
int BPF_PROG(lock_released_3, struct mm_struct *mm, const char *memcg_path, bool write)
{
	lock_released(mm, write, false);
	return 0;
}

static __always_inline int mmap_event(struct vm_area_struct *vma, bool second)
{
	struct task_struct *task = bpf_get_current_task_btf();
	u64 mm = (u64)vma->vm_mm;
	struct note *n = note_of(task);
	u32 as = as_of_mm(mm, n), tid = 0;

	if (!as)
		return 0;
	if (n && n->as == as) {
		if (second_of(n, DONE_MMAP_EVENT, second))
			return 0;
		tid = task->pid;
	}
	send_vma(as, tid, MTR_SRC_MMAP_EVENT, vma->vm_start, vma->vm_end, vma, false);
	return 0;
}

/* Of fentry programs on a function, the one that is attached last runs first. */
SEC("?fentry/perf_event_mmap")
int BPF_PROG(perf_event_mmap_second, struct vm_area_struct *vma)
{
	return mmap_event(vma, true);
}

/* Fentry rung: called for every mapping that is new or has new protection, under the lock. */
SEC("?fentry/perf_event_mmap")
int BPF_PROG(perf_event_mmap, struct vm_area_struct *vma)
{
	return mmap_event(vma, false);
}

/* Fentry rung, before 6.3: see fix_later(). */
SEC("?fentry/uprobe_mmap")
int BPF_PROG(uprobe_mmap, struct vm_area_struct *vma)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct note *n = note_of(task);
	u32 as = as_of_mm((u64)vma->vm_mm, n);

	if (as && vma->vm_file)
		send_vma(as, n && n->as == as ? task->pid : 0, MTR_SRC_MMAP_EVENT, vma->vm_start,
			 vma->vm_end, vma, false);
	return 0;
}

/*
 * Fentry rung, 6.12 and later: what was unmapped is read from the tree, so that
 * it does not matter what has been put there since (MAP_FIXED) or put back.
 */
static __always_inline int unmapped(struct vma_munmap_struct *vms, bool second)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct note *n = note_of(task);

	if (!n || n->mm != (u64)task->mm || second_of(n, DONE_MUNMAP, second))
		return 0;
	send_faults(n, task->pid);
	if (want_stacks)
		moved(n, task);
	walk_range(*(volatile u64 *)&n->mm, vms->start, vms->end - vms->start, n->as,
		   WALK_BY(task, second, false));
	return 0;
}

SEC("?fentry/vms_complete_munmap_vmas")
int BPF_PROG(vms_complete_second, struct vma_munmap_struct *vms)
{
	return unmapped(vms, true);
}

SEC("?fentry/vms_complete_munmap_vmas")
int BPF_PROG(vms_complete, struct vma_munmap_struct *vms)
{
	return unmapped(vms, false);
}
