// SPDX-License-Identifier: GPL-2.0
/*
 * Counting present pages from the page tables.
 *
 *   ranges     [──a──][─b─]   [────────────c────────────]
 *   batches    └── one call ┘ └ slice ┘└ slice ┘└ slice ┘
 *
 * PAGEMAP_SCAN (6.7+) gives runs of pages of one category. Small neighbours are
 * scanned in one call, because a call costs more than a page table of theirs; a
 * large range is cut into slices, because the call holds the mmap_lock for all
 * of its walk. A slice that found nothing went over empty page tables, which is
 * quick: the next one is twice as long, so that terabytes set aside by a
 * sanitizer or a runtime are no work.
 *
 * Zero pages are mapped but not resident (smaps' Rss leaves them out), and so
 * are the kernel's own frames in PFN mappings.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "source/proc_int.h"
#include "source/src_kmod.h"
#include "util/clock.h"

/* include/uapi/linux/fs.h since 6.7; the build machine's may be older. */
struct scan_region {
	uint64_t start, end, categories;
};

struct scan_arg {
	uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
	uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};

#define SCAN_IOCTL _IOWR('f', 16, struct scan_arg)
#define SCAN_FILE (1u << 2)
#define SCAN_PRESENT (1u << 3)
#define SCAN_SWAPPED (1u << 4)
#define SCAN_PFNZERO (1u << 5)
#define SCAN_HUGE (1u << 6)

#define VEC_LEN 2048u
#define SLICE (64ull << 20)
#define SLICE_MAX (1ull << 40)
/* Holes and other regions that are walked for nothing rather than making a call more. */
#define BATCH_GAP (128u << 10)

/* The ranges being counted: a batch, or a single large one. Sorted. */
struct batch {
	const struct src_range *r;
	struct mtr_ev_residency *count; /* one a range */
	unsigned int nr;
	unsigned int at; /* runs come by address: ranges before this one are done */
	uint64_t upto; /* end of the last run */
};

#define BATCH_MAX 256u
#define KMOD_MIN (16ull << 20)

void residency_add(struct mtr_ev_residency *c, uint64_t start, uint64_t end, unsigned int how)
{
	int64_t bytes = (int64_t)(end - start);

	if (!c->lowest)
		c->lowest = start;
	if (!(how & PAGE_RESIDENT)) {
		c->swap += bytes;
		return;
	}
	c->present += bytes;
	if (how & PAGE_OF_FILE)
		c->file += bytes;
	else
		c->anon += bytes;
	if (how & PAGE_HUGE)
		c->huge += bytes;
}

/*
 * A run of pages may reach over several ranges, and beyond them. And it may come twice: when the
 * vector is full to the last place, the kernel's walk_end is where that part of the walk began.
 */
static void add_run(struct batch *b, const struct scan_region *run)
{
	uint64_t from = run->start > b->upto ? run->start : b->upto;
	unsigned int how = 0;

	if (run->end <= from)
		return;
	b->upto = run->end;
	if (run->categories & SCAN_PFNZERO)
		return;
	how |= run->categories & SCAN_PRESENT ? PAGE_RESIDENT : 0;
	how |= run->categories & SCAN_FILE ? PAGE_OF_FILE : 0;
	how |= run->categories & SCAN_HUGE ? PAGE_HUGE : 0;
	while (b->at < b->nr && b->r[b->at].end <= from)
		b->at++;
	for (unsigned int i = b->at; i < b->nr && b->r[i].start < run->end; i++) {
		uint64_t start = from > b->r[i].start ? from : b->r[i].start;
		uint64_t end = run->end < b->r[i].end ? run->end : b->r[i].end;

		residency_add(&b->count[i], start, end, how);
	}
}

/* One slice. Returns the number of runs found, or −errno. */
static int scan_slice(struct src_proc *sp, struct batch *b, uint64_t start, uint64_t end)
{
	struct scan_region *vec = sp->vec;
	struct scan_arg arg = {
		.size = sizeof(arg),
		.end = end,
		.vec = (uint64_t)(uintptr_t)vec,
		.vec_len = VEC_LEN,
		.category_anyof_mask = SCAN_PRESENT | SCAN_SWAPPED,
		.return_mask = SCAN_PRESENT | SCAN_SWAPPED | SCAN_PFNZERO | SCAN_FILE | SCAN_HUGE,
	};
	int found = 0;

	while (start < end) {
		uint64_t t0 = boot_ns();
		int n;

		arg.start = start;
		n = ioctl(sp->pagemap, SCAN_IOCTL, &arg);
		sp->lock_ns += boot_ns() - t0;
		if (n < 0)
			return -errno;
		for (int i = 0; i < n; i++)
			add_run(b, &vec[i]);
		found += n;
		if (arg.walk_end <= start)
			return -EIO; /* no progress */
		start = arg.walk_end;
	}
	return found;
}

static int scan(struct src_proc *sp, struct batch *b)
{
	uint64_t at = b->r[0].start, end = b->r[b->nr - 1].end, slice = SLICE;

	while (at < end) {
		uint64_t next = end - at > slice ? at + slice : end;
		int n = scan_slice(sp, b, at, next);

		if (n < 0)
			return n;
		slice = n || slice >= SLICE_MAX ? SLICE : slice * 2;
		at = next;
	}
	return 0;
}

/* The vsyscall page is listed in maps but is the kernel's: no page table of the process has it. */
static bool above_user(const struct src_range *r)
{
	return r->start >> 63;
}

/* How many ranges from @r on are counted together: neighbours that fit into a slice. */
static unsigned int batch_len(const struct src_range *r, unsigned int nr)
{
	unsigned int n = 1;

	while (n < nr && n < BATCH_MAX && !above_user(&r[n]) && r[n].start >= r[n - 1].end &&
	       r[n].start - r[n - 1].end <= BATCH_GAP && r[n].end - r[0].start <= SLICE)
		n++;
	return n;
}

void src_proc_kmod(struct src_proc *sp, struct src_kmod *k)
{
	sp->kmod = k;
}

/*
 * Without PAGEMAP_SCAN the module counts what is large: it looks into page tables where pagemap
 * copies eight bytes a page. It does not tell the lowest page, which matters for stacks.
 */
static int count_slowly(struct src_proc *sp, struct mtr_ev_residency *c)
{
	struct mtr_ev_residency k = *c;
	uint64_t t0 = boot_ns();
	int err = -EOPNOTSUPP;

	if (sp->kmod && c->end - c->start >= KMOD_MIN)
		err = src_kmod_count(sp->kmod, &k);
	if (err)
		return pagemap_count(sp, c);
	sp->lock_ns += boot_ns() - t0;
	*c = k;
	return 0;
}

void src_proc_epoch(struct src_proc *sp, uint32_t *epoch)
{
	sp->epoch = epoch;
}

static uint32_t next_epoch(struct src_proc *sp)
{
	return sp->epoch ? __atomic_add_fetch(sp->epoch, 1, __ATOMIC_SEQ_CST) : 0;
}

static int count(struct src_proc *sp, struct batch *b)
{
	uint32_t epoch = next_epoch(sp);
	int err = -ENOTTY;

	for (unsigned int i = 0; i < b->nr; i++)
		b->count[i] = (struct mtr_ev_residency){
			.start = b->r[i].start,
			.end = b->r[i].end,
			.begin_ns = boot_ns(),
			.epoch = epoch,
		};
	if (above_user(b->r))
		return 0;
	if (!sp->no_scan)
		err = scan(sp, b);
	if (err == -ENOTTY) {
		sp->no_scan = true;
		err = 0;
		for (unsigned int i = 0; i < b->nr && !err; i++)
			err = count_slowly(sp, &b->count[i]);
	}
	return err;
}

/*
 * Page tables of a process that is ending are empty. "Nothing is resident" is
 * believed only while it has an mm.
 */
static int check_alive(struct src_proc *sp, const struct batch *b)
{
	uint64_t size, resident;
	char buf[256];
	int64_t sum = 0;

	for (unsigned int i = 0; i < b->nr; i++)
		sum += b->count[i].present + b->count[i].swap;
	if (sum)
		return 0;
	if (proc_read(sp->mm_dir, "statm", buf, sizeof(buf)) <= 0 ||
	    statm_parse(buf, &size, &resident) || !size)
		return -ESRCH;
	return 0;
}

static int emit(const struct batch *b, uint32_t end_epoch, uint32_t as, event_sink_fn sink,
		void *ctx)
{
	struct mtr_event ev = { .kind = MTR_EV_RESIDENCY, .as = as };
	int ret = 0;

	for (unsigned int i = 0; i < b->nr && !ret; i++) {
		if (!b->count[i].end)
			continue; /* not counted: too large for this kernel */
		b->count[i].end_epoch = end_epoch;
		ev.time_ns = boot_ns();
		ev.residency = b->count[i];
		ret = sink(ctx, &ev);
	}
	return ret;
}

static int count_all(struct src_proc *sp, uint32_t as, const struct src_range *r, unsigned int nr,
		     uint64_t deadline, event_sink_fn sink, void *ctx, unsigned int *ret_done)
{
	struct mtr_ev_residency counts[BATCH_MAX];
	unsigned int done = 0;
	int err = 0;

	/* At least one batch, or a range larger than the budget would never be counted. */
	while (done < nr && (!done || boot_ns() < deadline)) {
		struct batch b = { .r = r + done, .count = counts };

		b.nr = batch_len(r + done, nr - done);
		err = count(sp, &b);
		if (!err)
			err = check_alive(sp, &b);
		if (!err)
			err = emit(&b, next_epoch(sp), as, sink, ctx);
		if (err)
			break;
		done += b.nr;
	}
	*ret_done = done;
	return err;
}

int src_proc_residency(struct src_proc *sp, uint32_t as, const struct src_range *r, unsigned int nr,
		       uint64_t budget_ns, event_sink_fn sink, void *ctx, unsigned int *ret_done)
{
	struct mtr_event ev = { .kind = MTR_EV_SNAP_BEGIN, .as = as };
	uint64_t begin = boot_ns();
	unsigned int done = 0;
	int ret, err;

	if (!sp->vec)
		sp->vec = malloc(RESIDENCY_VEC_SZ);
	if (!sp->vec)
		return -ENOMEM;
	/* Opened anew: an open one goes on showing the mm from before an exec. */
	sp->pagemap = proc_open(sp, "pagemap");
	if (sp->pagemap < 0)
		return sp->pagemap;
	ev.time_ns = ev.snap.begin_ns = begin;
	ev.snap.what = MTR_SNAP_RESIDENCY;
	ev.snap.start = nr ? r[0].start : 0;
	ev.snap.end = nr ? r[nr - 1].end : 0;
	ret = sink(ctx, &ev);
	if (!ret) {
		err = count_all(sp, as, r, nr, begin + budget_ns, sink, ctx, &done);
		ev.kind = MTR_EV_SNAP_END;
		ev.snap.complete = !err && done == nr;
		ev.time_ns = ev.snap.end_ns = boot_ns();
		ret = sink(ctx, &ev);
		if (err)
			ret = err;
		*ret_done = done;
	}
	close(sp->pagemap);
	sp->pagemap = -1;
	return ret;
}

_Static_assert(RESIDENCY_VEC_SZ >= VEC_LEN * sizeof(struct scan_region), "buffer");
