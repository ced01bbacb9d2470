// SPDX-License-Identifier: GPL-2.0
/*
 * Counting from /proc/PID/pagemap, eight bytes a page: for kernels before 6.7.
 * The kernel takes the mmap_lock for 2 MiB of addresses at a time.
 *
 * A zero page looks like any anonymous page here. It is told by its frame
 * number, which is that of a page that memtrace reads from untouched memory of
 * its own. Without CAP_SYS_ADMIN frame numbers are hidden: zero pages are then
 * counted as resident (src_proc_zero_known()).
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "source/proc_int.h"
#include "util/clock.h"

#define PM_PRESENT (1ull << 63)
#define PM_SWAP (1ull << 62)
#define PM_FILE (1ull << 61)
#define PM_EXCLUSIVE (1ull << 56)
#define PM_PFN ((1ull << 55) - 1)

#define HUGE_SZ (2ul << 20)
/* Larger ones take seconds even when empty: better not known than that. */
#define RANGE_MAX (64ull << 30)

/* Frame of the page at @addr of memtrace itself; 0: hidden, or not present. */
static uint64_t own_pfn(const volatile char *addr)
{
	uint64_t word = 0, page = (uint64_t)sysconf(_SC_PAGESIZE);
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return 0;
	(void)*addr;
	if (pread(fd, &word, sizeof(word), (off_t)((uintptr_t)addr / page * 8)) != sizeof(word))
		word = 0;
	close(fd);
	return word & PM_PRESENT ? word & PM_PFN : 0;
}

static void learn_zero_pages(struct src_proc *sp)
{
	char *p = mmap(NULL, 3 * HUGE_SZ, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *huge;

	if (p == MAP_FAILED)
		return;
	madvise(p, HUGE_SZ, MADV_NOHUGEPAGE);
	sp->zero_pfn = own_pfn(p);
	sp->zero_known = sp->zero_pfn != 0;
	huge = (char *)(((uintptr_t)p + HUGE_SZ) & ~(HUGE_SZ - 1)); /* beyond the page read above */
	madvise(huge, HUGE_SZ, MADV_HUGEPAGE);
	sp->huge_zero_pfn = own_pfn(huge);
	if (sp->huge_zero_pfn == sp->zero_pfn || sp->huge_zero_pfn % 512)
		sp->huge_zero_pfn = 0; /* no huge pages here: it was a small one */
	munmap(p, 3 * HUGE_SZ);
}

bool src_proc_zero_known(const struct src_proc *sp)
{
	return !sp->no_scan || sp->zero_known;
}

static bool is_zero(const struct src_proc *sp, uint64_t word)
{
	uint64_t pfn = word & PM_PFN;

	/* Its owner is the kernel: never exclusive. The huge one is shown as a page of a file. */
	if (!sp->zero_known || word & PM_EXCLUSIVE)
		return false;
	return pfn == sp->zero_pfn || (sp->huge_zero_pfn && pfn / 512 == sp->huge_zero_pfn / 512);
}

int pagemap_count(struct src_proc *sp, struct mtr_ev_residency *c)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), at = c->start, *word = sp->vec;

	if (!sp->zero_pfn)
		learn_zero_pages(sp);
	if (c->end - c->start > RANGE_MAX) {
		c->end = 0; /* not counted */
		return 0;
	}
	while (at < c->end) {
		size_t want = (size_t)((c->end - at) / page) * 8, nr;
		uint64_t t0 = boot_ns();
		ssize_t n;

		if (want > RESIDENCY_VEC_SZ)
			want = RESIDENCY_VEC_SZ;
		n = pread(sp->pagemap, word, want, (off_t)(at / page * 8));
		sp->lock_ns += boot_ns() - t0;
		if (n < 0)
			return proc_errno(errno);
		nr = (size_t)n / 8;
		if (!nr)
			return -ESRCH;
		for (size_t i = 0; i < nr; i++, at += page) {
			unsigned int how = word[i] & PM_PRESENT ? PAGE_RESIDENT : 0;

			if (!(word[i] & (PM_PRESENT | PM_SWAP)) || is_zero(sp, word[i]))
				continue;
			how |= word[i] & PM_FILE ? PAGE_OF_FILE : 0;
			residency_add(c, at, at + page, how);
		}
	}
	c->huge = -1;
	return 0;
}
