/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a region is. Decided here and nowhere else, from facts: the mapping's
 * name, protection and backing, its neighbours, the process's brk and stack
 * addresses, threads' stack pointers, the layout of its executable files.
 */
#ifndef MODEL_KIND_H
#define MODEL_KIND_H

#include <stdbool.h>

/* Order is that of the tokens in ux.md. */
enum region_kind {
	RK_STACK, /* main thread's */
	RK_THREAD_STACK,
	RK_GUARD, /* PROT_NONE below a stack */
	RK_HEAP, /* brk */
	RK_ARENA, /* glibc: 64 MiB-aligned heap of a non-main arena */
	RK_ANON,
	RK_ANON_NAMED, /* PR_SET_VMA_ANON_NAME */
	RK_TEXT,
	RK_RODATA,
	RK_DATA, /* .data (writable, initialised) */
	RK_BSS, /* anonymous tail of a module's data */
	RK_RELRO, /* read-only after relocation */
	RK_FILE, /* other file mappings */
	RK_SHM, /* shared anonymous or /dev/shm */
	RK_MEMFD,
	RK_SYSV,
	RK_HUGETLB,
	RK_VDSO,
	RK_VVAR,
	RK_VSYSCALL,
	RK_DEVICE,
	RK_UNKNOWN,
	RK_NR
};

/* region_kind_name() - token as in --json, CSV, Perfetto, --when; static storage */
const char *region_kind_name(enum region_kind kind);
/* region_kind_parse() - its inverse; RK_NR for no such token */
enum region_kind region_kind_parse(const char *token);

/* region_kind_has_pages() - false where Rss counts nothing: mapped frames of the kernel or of a device */
bool region_kind_has_pages(enum region_kind kind);

/* region_kind_in_rss() - false where the kernel's resident set does not count the pages, though they are memory: huge TLB pages */
bool region_kind_in_rss(enum region_kind kind);

struct proc;
struct strtab;

/**
 * kind_classify() - give every region of a process its kind, tid and sub-name
 * @p: its regions, threads and mm addresses are read; region->kind, ->tid are written
 * @st: strings of the stream
 *
 * Pure: no I/O. O(regions + threads × log regions). Called when the map or the
 * set of threads changed and somebody looks, never per event.
 */
void kind_classify(struct proc *p, const struct strtab *st);

#endif
