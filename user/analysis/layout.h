/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The rows of the Layout view and of the plain report: the regions of a process
 * from high addresses to low, neighbours that belong together as one row.
 *
 *      7ffd5f3c1000  stack main                one region
 *              ┈ 209G free ┈                   LAYOUT_GAP
 *      7fc91c200000  libc.so.6 (5)             text, rodata, relro, data, bss of a module
 *      7fc8e0000000  anon ×38                  neighbours of one kind and name
 *      55d2a3a3c000  bss redis-server          the executable's own are kept apart
 *
 * A row is always a run of regions that are neighbours in address order: the
 * regions of a row are exactly those between row->start and row->end.
 *
 * The vsyscall page is left out: maps lists it, but it is the kernel's.
 *
 * Pure: reads the model, writes rows. proc_kinds() must have been called.
 */
#ifndef ANALYSIS_LAYOUT_H
#define ANALYSIS_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "event/strtab.h"
#include "model/proc.h"

enum layout_what {
	LAYOUT_REGIONS, /* one region or several */
	LAYOUT_GAP, /* nothing is mapped in [start, end), at least LAYOUT_GAP_MIN long */
};

/* Holes shorter than this are not worth a row. */
#define LAYOUT_GAP_MIN (1ull << 30)

struct layout_row {
	enum layout_what what;
	uint64_t start, end; /* lowest and highest address of the row */

	/* All below: LAYOUT_REGIONS only */
	unsigned int nr; /* regions in the row */
	enum region_kind kind; /* of its regions; RK_TEXT for a module row */
	uint32_t name; /* string: file or [anon:…] name; the module's for bss; 0: none, or several files */
	uint32_t tid; /* owner of a stack, guard or arena; 0: none known */
	bool module; /* several parts of one mapped file, not the executable */
	bool reserved; /* PROT_NONE and not a guard: address space set aside */
	char grows; /* 'd' down (stacks), 'u' up (heap, arenas), 0 neither */
	unsigned int arena; /* glibc arena, numbered from 1 by address; 0: no arena */

	int64_t virt; /* bytes */
	int64_t res; /* resident bytes; −1: not counted in any of its regions */
	int64_t swap; /* bytes */
	int64_t growth; /* resident bytes since the baseline */
	int64_t vgrowth; /* virtual bytes since the baseline */
	double rate; /* resident bytes/s over the last interval */
	double fault_rate; /* faults/s over the last interval */
	uint64_t minor, major; /* faults seen */
	enum residency residency; /* the weakest of its regions' */
	uint64_t res_time_ns; /* the oldest count among them; 0: never counted */
	bool grew; /* resident or virtual grew in the last interval */
};

struct layout {
	struct layout_row *row; /* high addresses first */
	unsigned int nr, cap;
	int64_t max_res; /* largest resident size of a row: the length of a full bar */
};

void layout_init(struct layout *l);
void layout_fini(struct layout *l);

/**
 * layout_build() - the rows of a process now; earlier rows are dropped
 * @l: from layout_init(), reused from frame to frame
 *
 * Returns 0 or −ENOMEM (then there are no rows).
 */
int layout_build(struct layout *l, struct proc *p, const struct strtab *st);

/**
 * layout_label() - "stack main", "libc.so.6 (5)", "anon ×38", "arena 1 #4126", "file dump.rdb"
 *
 * Raw bytes of the target are in it: print through text_clean(). Gaps give
 * "209G free". Returns @dst.
 */
char *layout_label(char *dst, size_t sz, const struct layout_row *row, struct proc *p,
		   const struct strtab *st);

/* layout_note() - "hw 56K/8M" for a stack whose high-water mark is known, else "". Returns @dst. */
char *layout_note(char *dst, size_t sz, const struct layout_row *row, struct proc *p);

/**
 * layout_region_name() - what to call one region, without its kind
 *
 * File or [anon:…] name, "main" or "comm#tid" for stacks, the module for bss,
 * "" when nothing is known. Raw bytes. Returns @dst.
 * @basename: last component only, without " (deleted)"
 */
char *layout_region_name(char *dst, size_t sz, struct region *r, struct proc *p,
			 const struct strtab *st, bool basename);

/* layout_basename() - the last component of a path, without " (deleted)". Returns @dst. */
char *layout_basename(char *dst, size_t sz, const char *path);

#endif
