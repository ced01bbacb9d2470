/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reading a range of an mm's maple tree from inside a locked section.
 *
 * The tracepoint mmap_lock_released fires before the lock is given back. There
 * the tree cannot change, so what a range of it holds is the truth that the
 * system call left behind: whether it succeeded, failed, or failed half way.
 * Nothing has to be derived from arguments and return values but *which* range
 * to look at, and a range too wide costs records, not exactness.
 *
 *   root ─► arange_64 ─► arange_64 ─► leaf_64 ─► vma | NULL
 *           pivot[i] is the last index under slot[i]; a pivot of 0 (i > 0) ends the node
 *
 * Nodes are 256 bytes, 256-aligned; a pointer to one has its type in bits 3–6.
 */
#ifndef MTR_TREE_H
#define MTR_TREE_H

#include "mtr_vma.h"

#define NODE_MASK 0xffull
#define NODE_WORDS 32
#define TREE_LEVELS 7 /* 10^7 VMAs; max_map_count allows 2^31 */
#define TASK_TOP (1ull << 56) /* above every user address */

enum { LEAF_64 = 1, RANGE_64 = 2, ARANGE_64 = 3 };

/* A descent. Kept in a map, not on the stack: so each step is verified once, whatever came before. */
struct tree_cursor {
	u64 at; /* the address looked for */
	u64 enode; /* node to read next, with its type */
	u64 lo, hi; /* what the node, then the entry, spans */
	u64 entry; /* found: a VMA, 0 for a hole */
	u64 w[NODE_WORDS]; /* the node */
};

struct cursor_map {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, u32);
	__type(value, struct tree_cursor);
};

/* A CPU's, of the first and of the second program (second_of()): neither runs twice at a time on a CPU. */
struct cursor_map tree_cursor SEC(".maps");

/* One level down. Returns 0 to go on, 1 when the entry was found, −1 when the tree is not as expected. */
__noinline int tree_down(u32 which)
{
	u32 type, nr, base;
	struct tree_cursor *c = bpf_map_lookup_elem(&tree_cursor, &which);

	if (!c)
		return -1;
	type = (c->enode >> 3) & 0xf;
	if (type < LEAF_64 || type > ARANGE_64)
		return -1;
	nr = base = type == ARANGE_64 ? 10 : 16;
	if (bpf_probe_read_kernel(c->w, sizeof(c->w), (void *)(c->enode & ~NODE_MASK)))
		return -1;
	for (u32 i = 0; i < 16; i++) {
		u64 piv = c->hi;

		if (i + 1 < nr)
			piv = c->w[1 + i];
		if ((!piv && i) || piv > c->hi)
			piv = c->hi;
		if (c->at <= piv) {
			c->entry = c->w[(base + i) & (NODE_WORDS - 1)];
			c->enode = c->entry;
			c->hi = piv;
			return type == LEAF_64;
		}
		c->lo = piv + 1;
		if (i + 1 >= nr)
			break;
	}
	return -1;
}

/* What c->at is in: c->entry spans [c->lo, c->hi]. Returns 0 or −1. */
static __always_inline int tree_find(struct tree_cursor *c, u32 which, u64 root)
{
	int found;

	c->lo = 0;
	c->hi = ~0ull;
	c->entry = 0;
	/* An empty tree, or one entry at index 0: nothing is mapped. */
	if ((root & 3) != 2 || root < 4096)
		return 0;
	c->enode = root;
	for (int level = 0; level < TREE_LEVELS; level++) {
		found = tree_down(which);
		if (found)
			return found > 0 ? 0 : -1;
	}
	return -1;
}

#endif
