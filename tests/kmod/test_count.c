// SPDX-License-Identifier: GPL-2.0
/* Counts and marks of MEMTRACE_IOC_SNAPSHOT against pagemap. */
#include <linux/userfaultfd.h>
#include <sys/swap.h>

#include "kmod.h"
#include "kselftest_harness.h"

#ifndef MADV_COLD
#define MADV_COLD 20
#define MADV_PAGEOUT 21
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

FIXTURE(count)
{
	int fd;
};

FIXTURE_SETUP(count)
{
	ASSERT_EQ(0, kmod_load());
	self->fd = kmod_watch(0);
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(count)
{
	close(self->fd);
}

/* The module's word against pagemap's, and against what is known to be so. */
#define EXPECT_COUNT(m, len, pages, swapped, zeros)                            \
	do {                                                                   \
		struct memtrace_region sum;                                    \
		struct truth t;                                                \
		unsigned long at_ = (unsigned long)(m);                        \
		ASSERT_EQ(0, truth_of(getpid(), at_, at_ + (len), &t));        \
		ASSERT_GT(kmod_range(self->fd, 0, at_, at_ + (len), &sum), 0); \
		EXPECT_EQ(t.present, sum.nr_present);                          \
		EXPECT_EQ(t.swap, sum.nr_swap);                                \
		EXPECT_EQ(t.zero, sum.nr_zero);                                \
		EXPECT_EQ((unsigned long)(pages), sum.nr_present);             \
		EXPECT_EQ((unsigned long)(swapped), sum.nr_swap);              \
		EXPECT_EQ((unsigned long)(zeros), sum.nr_zero);                \
	} while (0)

static struct memtrace_region sum_of(int fd, void *m, size_t len)
{
	struct memtrace_region sum;

	if (kmod_range(fd, 0, (unsigned long)m, (unsigned long)m + len, &sum) < 0)
		memset(&sum, 0xff, sizeof(sum));
	return sum;
}

TEST_F(count, touched_and_dropped)
{
	char *m = map_anon(1000 * PAGE);

	madvise(m, 1000 * PAGE, MADV_NOHUGEPAGE);
	EXPECT_COUNT(m, 1000 * PAGE, 0, 0, 0);
	touch(m, 1000);
	EXPECT_COUNT(m, 1000 * PAGE, 1000, 0, 0);
	EXPECT_EQ(1000u, sum_of(self->fd, m, 1000 * PAGE).nr_anon);
	madvise(m + 100 * PAGE, 300 * PAGE, MADV_DONTNEED);
	EXPECT_COUNT(m, 1000 * PAGE, 700, 0, 0);
	madvise(m + 500 * PAGE, 100 * PAGE, MADV_FREE); /* still there */
	EXPECT_COUNT(m, 1000 * PAGE, 700, 0, 0);
	/* part of a region */
	EXPECT_COUNT(m + 50 * PAGE, 100 * PAGE, 50, 0, 0);
}

TEST_F(count, zero_page)
{
	char *m = map_anon(300 * PAGE);
	volatile char sink = 0;

	madvise(m, 300 * PAGE, MADV_NOHUGEPAGE);
	for (int i = 0; i < 200; i++)
		sink += ((volatile char *)m)[i * PAGE];
	EXPECT_COUNT(m, 300 * PAGE, 0, 0, 200);
	touch(m, 50);
	EXPECT_COUNT(m, 300 * PAGE, 50, 0, 150);
}

TEST_F(count, protected_but_resident)
{
	char *m = map_anon(500 * PAGE);

	madvise(m, 500 * PAGE, MADV_NOHUGEPAGE);
	touch(m, 500);
	mprotect(m, 200 * PAGE, PROT_NONE);
	mprotect(m + 200 * PAGE, 100 * PAGE, PROT_WRITE);
	EXPECT_COUNT(m, 500 * PAGE, 500, 0, 0);
}

TEST_F(count, huge)
{
	char *m = map_anon(4 * HUGE_PAGE);
	volatile char sink = 0;

	if (madvise(m, 4 * HUGE_PAGE, MADV_HUGEPAGE))
		SKIP(return, "no transparent huge pages");
	touch(m, 1);
	m[HUGE_PAGE] = 1;
	EXPECT_COUNT(m, 4 * HUGE_PAGE, 1024, 0, 0);
	EXPECT_EQ(1024u, sum_of(self->fd, m, 4 * HUGE_PAGE).nr_huge);
	EXPECT_EQ(1024u, sum_of(self->fd, m, 4 * HUGE_PAGE).nr_anon);
	/* half of a huge page asked for */
	EXPECT_COUNT(m + HUGE_PAGE / 2, HUGE_PAGE, 512, 0, 0);
	mprotect(m, HUGE_PAGE, PROT_NONE);
	EXPECT_COUNT(m, 4 * HUGE_PAGE, 1024, 0, 0);
	EXPECT_EQ(1024u, sum_of(self->fd, m, 4 * HUGE_PAGE).nr_huge);
	mprotect(m, HUGE_PAGE, PROT_READ | PROT_WRITE);
	madvise(m + 7 * PAGE, PAGE, MADV_DONTNEED); /* splits it */
	EXPECT_COUNT(m, 4 * HUGE_PAGE, 1023, 0, 0);
	EXPECT_EQ(512u, sum_of(self->fd, m, 4 * HUGE_PAGE).nr_huge);
	/* the huge zero page */
	sink += ((volatile char *)m)[2 * HUGE_PAGE];
	EXPECT_COUNT(m, 4 * HUGE_PAGE, 1023, 0, 512);
	m[2 * HUGE_PAGE + 5 * PAGE] = sink;
	/* one page or a huge one: the kernel's choice */
	EXPECT_COUNT(m, 4 * HUGE_PAGE, sum_of(self->fd, m, 4 * HUGE_PAGE).nr_present, 0,
		     sum_of(self->fd, m, 4 * HUGE_PAGE).nr_zero);
	EXPECT_GE(sum_of(self->fd, m, 4 * HUGE_PAGE).nr_present, 1024u);
}

TEST_F(count, collapse)
{
	char *m = map_anon(HUGE_PAGE);

	madvise(m, HUGE_PAGE, MADV_NOHUGEPAGE);
	touch(m, 300);
	madvise(m, HUGE_PAGE, MADV_HUGEPAGE);
	if (madvise(m, HUGE_PAGE, MADV_COLLAPSE))
		SKIP(return, "no MADV_COLLAPSE");
	EXPECT_COUNT(m, HUGE_PAGE, 512, 0, 0);
	EXPECT_EQ(512u, sum_of(self->fd, m, HUGE_PAGE).nr_huge);
}

static int swap_on(void)
{
	char page[PAGE] = {};
	int fd;

	put_word("/sys/block/zram0/disksize", "67108864");
	fd = open("/dev/zram0", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	/* A swap header: version 1, its last page, the signature at the end. */
	memcpy(page + 1024, &(uint32_t[]){ 1, 67108864 / PAGE - 1 }, 8);
	memcpy(page + PAGE - 10, "SWAPSPACE2", 10);
	if (pwrite(fd, page, PAGE, 0) != (ssize_t)PAGE || fsync(fd))
		return -EIO;
	close(fd);
	return swapon("/dev/zram0", 0) ? -errno : 0;
}

TEST_F(count, swapped)
{
	char *m = map_anon(400 * PAGE);
	struct truth t;
	int err = access("/sys/block/zram0", F_OK) ? -ENOENT : swap_on();

	if (err == -ENOENT)
		SKIP(return, "no zram");
	ASSERT_EQ(0, err);
	madvise(m, 400 * PAGE, MADV_NOHUGEPAGE);
	touch(m, 400);
	for (int i = 0; i < 20; i++) {
		madvise(m, 200 * PAGE, MADV_PAGEOUT);
		ASSERT_EQ(0,
			  truth_of(getpid(), (unsigned long)m, (unsigned long)m + 200 * PAGE, &t));
		if (t.swap == 200)
			break;
		usleep(100000);
	}
	EXPECT_COUNT(m, 400 * PAGE, 200, 200, 0);
	touch(m, 50);
	EXPECT_COUNT(m, 400 * PAGE, 250, 150, 0);
	madvise(m, 100 * PAGE, MADV_DONTNEED);
	EXPECT_COUNT(m, 400 * PAGE, 200, 100, 0);
	EXPECT_EQ(0, swapoff("/dev/zram0"));
	EXPECT_COUNT(m, 400 * PAGE, 300, 0, 0);
}

TEST_F(count, files)
{
	int file = open("/tmp/count-file", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	volatile char sink = 0;
	char *shared, *priv;

	ASSERT_EQ(0, ftruncate(file, 200 * PAGE));
	shared = mmap(NULL, 200 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	priv = mmap(NULL, 200 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
	madvise(priv, 200 * PAGE, MADV_RANDOM);
	touch(shared, 100);
	EXPECT_COUNT(shared, 200 * PAGE, 100, 0, 0);
	EXPECT_EQ(0u, sum_of(self->fd, shared, 200 * PAGE).nr_anon);
	touch(priv, 30);
	EXPECT_EQ(30u, sum_of(self->fd, priv, 200 * PAGE).nr_anon);
	/* fault-around brings neighbours: as many as pagemap says */
	sink += ((volatile char *)priv)[60 * PAGE];
	EXPECT_COUNT(priv, 200 * PAGE, sum_of(self->fd, priv, 200 * PAGE).nr_present, 0, 0);
	EXPECT_GE(sum_of(self->fd, priv, 200 * PAGE).nr_present, 31u);
	EXPECT_EQ(30u, sum_of(self->fd, priv, 200 * PAGE).nr_anon);
	ASSERT_EQ(0, ftruncate(file, 50 * PAGE));
	EXPECT_COUNT(shared, 200 * PAGE, 50, 0, 0);
	close(file);
}

TEST_F(count, hugetlb_is_not_counted)
{
	struct memtrace_region sum;
	char *m;

	put_word("/proc/sys/vm/nr_hugepages", "2");
	m = mmap(NULL, HUGE_PAGE, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_POPULATE, -1, 0);
	if (m == MAP_FAILED)
		SKIP(return, "no huge TLB pages");
	ASSERT_EQ(1, kmod_range(self->fd, 0, (unsigned long)m, (unsigned long)m + HUGE_PAGE, &sum));
	EXPECT_TRUE(sum.count_flags & MEMTRACE_C_UNCOUNTED);
	EXPECT_TRUE(sum.vm_flags & MEMTRACE_R_HUGETLB);
	EXPECT_EQ(0u, sum.nr_present);
	munmap(m, HUGE_PAGE);
	put_word("/proc/sys/vm/nr_hugepages", "0");
}

TEST_F(count, uffd_and_populate)
{
	struct uffdio_api api = { .api = UFFD_API };
	int uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	char *m = map_anon(300 * PAGE), *from = map_anon(100 * PAGE);
	struct uffdio_register reg = { .range = { (unsigned long)m, 200 * PAGE },
				       .mode = UFFDIO_REGISTER_MODE_MISSING };
	struct uffdio_copy copy = { .dst = (unsigned long)m,
				    .src = (unsigned long)from,
				    .len = 100 * PAGE };
	char *p;

	ASSERT_GE(uffd, 0);
	madvise(m, 300 * PAGE, MADV_NOHUGEPAGE);
	touch(from, 100);
	ASSERT_EQ(0, ioctl(uffd, UFFDIO_API, &api));
	ASSERT_EQ(0, ioctl(uffd, UFFDIO_REGISTER, &reg));
	ASSERT_EQ(0, ioctl(uffd, UFFDIO_COPY, &copy));
	EXPECT_COUNT(m, 300 * PAGE, 100, 0, 0);
	EXPECT_TRUE(sum_of(self->fd, m, 200 * PAGE).vm_flags & MEMTRACE_R_UFFD);
	close(uffd);
	p = mmap(NULL, 300 * PAGE, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	EXPECT_COUNT(p, 300 * PAGE, 300, 0, 0);
}

/* A region of 1 GiB, half of it present: in parts that add up, none held for long. */
TEST_F(count, in_parts)
{
	static struct memtrace_region r[4096];
	size_t len = 1ul << 30;
	char *m = map_anon(len);
	struct memtrace_snapshot s = { .budget_ns = 1,
				       .cursor = (unsigned long)m,
				       .limit = (unsigned long)m + len };
	unsigned long at = (unsigned long)m, pages = 0;
	int n;

	madvise(m, len, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < len / PAGE; i += 8)
		touch(m + i * PAGE, 1);
	n = kmod_snapshot(self->fd, &s, r, 4096);
	EXPECT_GT(n, 1);
	for (int i = 0; i < n; i++) {
		EXPECT_EQ(at, r[i].from);
		EXPECT_EQ((unsigned long)m, r[i].start);
		EXPECT_TRUE(r[i].count_flags & MEMTRACE_C_PART);
		at = r[i].to;
		pages += r[i].nr_present;
	}
	EXPECT_EQ((unsigned long)m + len, at);
	EXPECT_EQ(len / PAGE / 8, pages);
	munmap(m, len);
}

TEST_F(count, terabytes_of_nothing)
{
	size_t len = 40ul << 40;
	char *m = mmap(NULL, len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (m == MAP_FAILED)
		SKIP(return, "no 40 TiB of address space");
	madvise(m, len, MADV_NOHUGEPAGE);
	touch(m, 1);
	m[len - 1] = 1;
	EXPECT_COUNT(m, PAGE, 1, 0, 0);
	EXPECT_COUNT(m + len - PAGE, PAGE, 1, 0, 0);
	EXPECT_EQ(2u, sum_of(self->fd, m, len).nr_present);
	munmap(m, len);
}

/* ---- marks. The test's own memory is marked now and then, too: it is a fork, and copies on write. */

TEST_F(count, marks_are_taken_once)
{
	static struct memtrace_region r[64];
	char *m = map_anon(100 * PAGE), *o = map_anon(100 * PAGE);
	struct memtrace_region *found;
	int n;

	madvise(m, 100 * PAGE, MADV_NOHUGEPAGE);
	touch(m, 100);
	touch(o, 100);
	take_all(self->fd);
	madvise(m + 10 * PAGE, 20 * PAGE, MADV_DONTNEED);
	EXPECT_GE(kmod_stats(self->fd).nr_marked, 1u);
	n = marked(self->fd, MEMTRACE_SNAP_KEEP, r, 64); /* stays */
	EXPECT_NE(NULL, in(r, n, m));
	n = marked(self->fd, MEMTRACE_SNAP_MAPS, r, 64); /* so does it */
	ASSERT_NE(NULL, in(r, n, m));
	EXPECT_TRUE(in(r, n, m)->count_flags & MEMTRACE_C_UNCOUNTED);
	n = marked(self->fd, 0, r, 64);
	found = in(r, n, m);
	ASSERT_NE(NULL, found);
	EXPECT_EQ((unsigned long)m, found->from); /* all of it, not the marked part only */
	EXPECT_EQ(80u, found->nr_present);
	EXPECT_TRUE(found->count_flags & MEMTRACE_C_MARKED);
	EXPECT_TRUE(found->count_flags & MEMTRACE_C_STABLE);
	EXPECT_EQ(NULL, in(r, n, o));
	EXPECT_EQ(NULL, in(r, marked(self->fd, 0, r, 64), m));
}

TEST_F(count, marks_of_what_is_gone)
{
	static struct memtrace_region r[64];
	char *m = map_anon(100 * PAGE);

	touch(m, 100);
	take_all(self->fd);
	munmap(m + 20 * PAGE, 20 * PAGE);
	EXPECT_GE(kmod_stats(self->fd).nr_marked, 1u);
	EXPECT_EQ(NULL, in(r, marked(self->fd, 0, r, 64), m + 30 * PAGE));
	EXPECT_EQ(NULL, in(r, marked(self->fd, 0, r, 64), m));
}

/* A buffer that cannot be written loses nothing. */
TEST_F(count, marks_survive_efault)
{
	static struct memtrace_region r[64];
	char *m = map_anon(100 * PAGE);
	struct memtrace_snapshot s = { .size = sizeof(s),
				       .flags = MEMTRACE_SNAP_MARKED,
				       .buf = PAGE,
				       .nr_buf = 10,
				       .record_size = sizeof(r[0]) };

	touch(m, 100);
	take_all(self->fd);
	madvise(m, PAGE, MADV_DONTNEED);
	EXPECT_EQ(-1, ioctl(self->fd, MEMTRACE_IOC_SNAPSHOT, &s));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_NE(NULL, in(r, marked(self->fd, 0, r, 64), m));
}

/* Nor does a struct that can be read and not written. */
TEST_F(count, marks_survive_efault_of_the_struct)
{
	static struct memtrace_region r[64];
	char *m = map_anon(100 * PAGE);
	struct memtrace_snapshot *s =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	touch(m, 100);
	*s = (struct memtrace_snapshot){ .size = sizeof(*s),
					 .flags = MEMTRACE_SNAP_MARKED,
					 .buf = (uintptr_t)r,
					 .nr_buf = 64,
					 .record_size = sizeof(r[0]) };
	mprotect(s, PAGE, PROT_READ);
	take_all(self->fd);
	madvise(m, PAGE, MADV_DONTNEED);
	EXPECT_EQ(-1, ioctl(self->fd, MEMTRACE_IOC_SNAPSHOT, s));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_NE(NULL, in(r, marked(self->fd, 0, r, 64), m));
}

/* So many that there are not slots for all: more may be marked, never less. */
TEST_F(count, marks_are_joined)
{
	static struct memtrace_region r[8192];
	char *m = map_anon(6000 * PAGE);
	int n, i;

	madvise(m, 6000 * PAGE, MADV_NOHUGEPAGE);
	for (i = 0; i < 6000; i += 2)
		mprotect(m + i * PAGE, PAGE, PROT_READ);
	take_all(self->fd);
	for (i = 0; i < 6000; i += 4)
		madvise(m + i * PAGE, PAGE, MADV_DONTNEED);
	EXPECT_TRUE(kmod_stats(self->fd).flags & MEMTRACE_ST_MERGED);
	EXPECT_LE(kmod_stats(self->fd).nr_marked, 1024u);
	n = marked(self->fd, 0, r, 8192);
	for (i = 0; i < 6000; i += 4)
		ASSERT_NE(NULL, in(r, n, m + i * PAGE));
}

/* Each file has marks of its own. */
TEST_F(count, marks_are_the_files_own)
{
	static struct memtrace_region r[64];
	char *m = map_anon(100 * PAGE);
	int other = kmod_watch(0);

	touch(m, 100);
	take_all(self->fd);
	take_all(other);
	madvise(m, PAGE, MADV_DONTNEED);
	EXPECT_NE(NULL, in(r, marked(self->fd, 0, r, 64), m));
	EXPECT_NE(NULL, in(r, marked(other, 0, r, 64), m));
	close(other);
	EXPECT_EQ(NULL, in(r, marked(self->fd, 0, r, 64), m));
}

TEST_F(count, kernel_is_content)
{
	EXPECT_EQ(0, kernel_complaints());
}

TEST_HARNESS_MAIN
