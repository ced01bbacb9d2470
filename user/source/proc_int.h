/* SPDX-License-Identifier: GPL-2.0 */
/* Shared by the files of src_proc, and by its tests. */
#ifndef SOURCE_PROC_INT_H
#define SOURCE_PROC_INT_H

#include "source/proc_parse.h"
#include "source/src_proc.h"

struct src_proc {
	pid_t pid;
	int dir; /* /proc/PID: stale, not reused, when the process is gone */
	int mm_dir; /* where maps and pagemap are: /proc/PID, or the task of a living thread */
	uint64_t start_ticks;
	uint64_t lock_ns; /* time inside reads that take the mmap_lock */
	char *maps_buf; /* kept from reading to reading; NULL: none yet */

	/* residency */
	struct src_kmod *kmod; /* counts what is large where PAGEMAP_SCAN is not there; NULL: none */
	uint32_t *epoch; /* moved on before and after each count; NULL: nobody asks */
	int pagemap; /* open during a count; −1: not */
	bool no_scan; /* PAGEMAP_SCAN is not there (before 6.7), or a test says so */
	bool zero_known; /* zero pages can be told apart (pagemap only) */
	uint64_t zero_pfn, huge_zero_pfn; /* 0: not known, or none */
	void *vec; /* PAGEMAP_SCAN's answers, or pagemap's words */
};

/*
 * proc_read() - a small file below a directory of /proc, NUL-terminated
 * Returns its length, −ESRCH when the process is gone, −errno.
 */
ssize_t proc_read(int dir, const char *name, char *buf, size_t sz);

/* proc_open() - a file that shows the mm: a descriptor, −ESRCH, −EACCES or −errno */
int proc_open(struct src_proc *sp, const char *name);

/* proc_errno() - what an errno of /proc means: gone is always −ESRCH, forbidden −EACCES */
int proc_errno(int err);

/* proc_stat() - stat of the process, when it is still the one that was opened; else −ESRCH */
int proc_stat(struct src_proc *sp, struct stat_line *ret);

/* Ticks of /proc/PID/stat as ns of CLOCK_BOOTTIME. */
uint64_t proc_ticks_ns(uint64_t ticks);

/* What PAGEMAP_SCAN or pagemap say of a page; without PAGE_RESIDENT it is in swap. */
#define PAGE_RESIDENT 0x1u
#define PAGE_OF_FILE 0x2u
#define PAGE_HUGE 0x4u

/* residency_add() - pages of one sort, by ascending address */
void residency_add(struct mtr_ev_residency *c, uint64_t start, uint64_t end, unsigned int how);

#define RESIDENCY_VEC_SZ (64u << 10)

/*
 * pagemap_count() - count c->start … c->end; huge becomes −1, end 0 when it is too large
 * Returns 0, −ESRCH, −errno.
 */
int pagemap_count(struct src_proc *sp, struct mtr_ev_residency *c);

#endif
