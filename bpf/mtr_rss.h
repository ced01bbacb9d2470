/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The mm's counters (rss_stat), read so that the sum of all changes is exact.
 *
 * 6.2 and later: a percpu_counter, whose value is count + Σ slot[cpu]. A change
 * touches this CPU's slot, or, when that would be full, moves it into count and
 * leaves 0. So each hook takes (own slot − own slot seen last), and who finds its
 * slot at 0 takes (count − count seen last), too: not who merely runs while
 * another CPU is between its folding and its hook, or one thread would be told
 * what another one did. Threads in step fold at once: then of a count that moved
 * by several full slots each takes its own. The sum telescopes to the truth; what
 * nobody claims (a hook was skipped) the tick does.
 *
 * 5.10 to 6.1: an atomic, and a part in each task (task->rss_stat) that moves
 * there every 64 faults. Two sums are kept, each of which telescopes: changes of
 * the atomic, and those of the task's part (note.cached is what was told of it).
 * When a part moves, the one grows by what the other will be found to have lost:
 * neither is told.
 */
#ifndef MTR_RSS_H
#define MTR_RSS_H

#include "mtr_common.h"

/*
 * A CPU's per-CPU offset. The kernel's own variable cannot be named where
 * kallsyms holds no data symbols, so it is derived: an element of a per-CPU map
 * lies at the map's per-CPU pointer plus that offset. Kept in that element.
 */
static __always_inline u64 offset_of(u64 *elem)
{
	void *map = &cpu_off, *e = elem;
	u64 map_addr, elem_addr, base;

	if (*elem)
		return *elem;
	/* read back from the stack, pointers are numbers */
	bpf_probe_read_kernel(&map_addr, sizeof(map_addr), &map);
	bpf_probe_read_kernel(&elem_addr, sizeof(elem_addr), &e);
	if (bpf_probe_read_kernel(
		    &base, sizeof(base),
		    (void *)(map_addr + bpf_core_field_offset(struct bpf_array, pptrs))))
		return 0;
	*elem = elem_addr - base;
	return *elem;
}

/* An element's size is the running kernel's: the index may not be left to CO-RE. */
static __always_inline struct percpu_counter *counter_of(struct mm_struct *mm, u32 member)
{
	return (void *)mm + bpf_core_field_offset(struct mm_struct, rss_stat) +
	       member * bpf_core_type_size(struct percpu_counter);
}

/* What all CPUs or tasks of an mm share of a counter. */
static __always_inline s64 shared_count(struct mm_struct *mm, u32 member)
{
	s64 v = 0;

	if (rss_percpu)
		return BPF_CORE_READ(counter_of(mm, member), count);
	bpf_probe_read_kernel(&v, sizeof(v),
			      (void *)mm + bpf_core_field_offset(struct mm_struct___old, rss_stat) +
				      member * sizeof(v));
	return v;
}

/*
 * Its change since anybody looked. Who finds that somebody else has looked
 * meanwhile looks again: else the older of two values could stay.
 */
static __always_inline s64 shared_delta(struct target *t, struct mm_struct *mm, u32 member)
{
	for (int i = 0; i < 4; i++) {
		s64 seen = *(volatile s64 *)&t->count[member];
		s64 now = shared_count(mm, member);

		if (now == seen)
			return 0;
		if (__sync_val_compare_and_swap((u64 *)&t->count[member], (u64)seen, (u64)now) ==
		    (u64)seen)
			return now - seen;
	}
	return 0; /* the next one finds it */
}

/* Does this kernel keep a part of the counters in each task? */
static __always_inline bool cached_counters(void)
{
	struct task_struct *t = NULL;

	return bpf_core_field_exists(t->rss_stat);
}

/* A task's part. The verifier of 6.1 takes no variable offset into a task. */
static __always_inline s32 cached_count(struct task_struct *t, u32 member)
{
	s32 v = 0;

	bpf_probe_read_kernel(&v, sizeof(v),
			      (void *)t +
				      bpf_core_field_offset(struct task_struct, rss_stat.count) +
				      member * sizeof(v));
	return v;
}

/* Its change since it was told of last. The iterator may ask at the same time as the task. */
static __always_inline s32 cached_change(struct note *n, struct task_struct *t, u32 member)
{
	s32 now = cached_count(t, member);

	if (now == n->cached[member])
		return 0;
	return now - (s32)__sync_lock_test_and_set((u32 *)&n->cached[member], (u32)now);
}

/*
 * A number in the kernel's memory, by one checked load instead of a helper's
 * call. 6.2 and later, as the counters that need it.
 */
extern void *bpf_rdonly_cast(void *obj, u32 btf_id) __ksym __weak;

static __always_inline s32 load_s32(u64 addr)
{
	s32 *p = bpf_rdonly_cast((void *)addr, bpf_core_type_id_kernel(struct refcount_struct));

	return *(volatile s32 *)p;
}

/*
 * Of @pages more, those that are this CPU's own. A page or a folio comes with one
 * change, so that a power of two is; what another CPU has just moved into count
 * is a full slot.
 */
static __always_inline s64 own_part(s64 pages)
{
	u64 rest;

	if (pages <= 1 || !(pages & (pages - 1)))
		return pages;
	rest = (u64)pages % slot_pages;
	return rest && !(rest & (rest - 1)) ? (s64)rest : pages;
}

/* This CPU's slot is empty: was it moved into count, and how much was in it? */
static __always_inline s64 moved(u32 slot, struct mm_struct *mm, u32 member, s64 delta)
{
	struct target *t = bpf_map_lookup_elem(&slots, &slot);
	s64 seen, now, own;

	if (!t)
		return delta;
	seen = *(volatile s64 *)&t->count[member];
	now = shared_count(mm, member);
	if (now == seen)
		return delta;
	own = own_part(now - seen + delta);
	__sync_fetch_and_add(&t->count[member], own - delta);
	return own;
}

/* The change of one counter since it was looked at last on this CPU. */
static __always_inline s64 rss_delta(u32 slot, struct mm_struct *mm, u32 member)
{
	u32 key = slot * nr_cpus + bpf_get_smp_processor_id();
	struct rss_last *last = bpf_map_lookup_elem(&rss_last, &key);
	s64 delta;
	s32 v;

	if (!last)
		return 0;
	barrier_var(member);
	member &= MTR_RSS_NR - 1;
	v = load_s32(last->addr[member]);
	delta = v - last->v[member];
	last->v[member] = v;
	return v ? delta : moved(slot, mm, member, delta);
}

struct seed_ctx {
	struct mm_struct *mm;
	u32 slot;
	s64 sum[MTR_RSS_NR];
};

static long seed_cpu(u32 cpu, void *ctx)
{
	struct seed_ctx *c = ctx;
	u32 key = c->slot * nr_cpus + cpu;
	struct rss_last *last = bpf_map_lookup_elem(&rss_last, &key);
	u32 zero = 0;
	u64 *off = bpf_map_lookup_percpu_elem(&cpu_off, &zero, cpu);

	if (!last || !off)
		return 1;
#pragma unroll
	for (int i = 0; i < MTR_RSS_NR; i++) {
		struct percpu_counter *pc = counter_of(c->mm, i);
		s32 v = 0;

		last->addr[i] = (u64)BPF_CORE_READ(pc, counters) + offset_of(off);
		bpf_probe_read_kernel(&v, sizeof(v), (void *)last->addr[i]);
		last->v[i] = v;
		c->sum[i] += v;
	}
	return 0;
}

/* Look at all counters of an mm once: what comes later is a change. Fills @ret_pages. */
static __always_inline void rss_seed(struct target *t, u32 slot, struct mm_struct *mm,
				     s64 *ret_pages)
{
	struct seed_ctx c = { .mm = mm, .slot = slot };

#pragma unroll
	for (int i = 0; i < MTR_RSS_NR; i++)
		t->count[i] = shared_count(mm, i);
	if (rss_percpu)
		bpf_loop(nr_cpus, seed_cpu, &c, 0);
#pragma unroll
	for (int i = 0; i < MTR_RSS_NR; i++)
		ret_pages[i] = t->count[i] + c.sum[i];
}

#endif
