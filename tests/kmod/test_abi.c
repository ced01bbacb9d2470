// SPDX-License-Identifier: GPL-2.0
/* The ioctls keep memtrace_uapi.h's word: sizes, pointers, pids, flags, cursors, permissions. */
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "kmod.h"
#include "kselftest_harness.h"

#define ERR(call)                          \
	({                                 \
		errno = 0;                 \
		(call) == -1 ? -errno : 0; \
	})

FIXTURE(abi)
{
	int fd;
	char *page; /* the next one is not mapped */
};

FIXTURE_SETUP(abi)
{
	ASSERT_EQ(0, kmod_load());
	self->fd = kmod_open();
	ASSERT_GE(self->fd, 0);
	self->page =
		mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(self->page + PAGE, PAGE);
}

FIXTURE_TEARDOWN(abi)
{
	close(self->fd);
}

TEST_F(abi, device_is_private)
{
	struct stat st;

	ASSERT_EQ(0, stat("/dev/memtrace", &st));
	EXPECT_EQ((mode_t)(S_IFCHR | 0600), st.st_mode);
	EXPECT_EQ(0u, st.st_uid);
}

TEST_F(abi, info_tells)
{
	struct memtrace_info i = { .size = sizeof(i) };

	ASSERT_EQ(0, ioctl(self->fd, MEMTRACE_IOC_INFO, &i));
	EXPECT_EQ(sizeof(i), i.size);
	EXPECT_EQ(MEMTRACE_ABI, i.abi);
	EXPECT_EQ(MEMTRACE_F_NOTIFY | MEMTRACE_F_SNAPSHOT, i.features);
	EXPECT_EQ(PAGE, i.page_size);
	EXPECT_STREQ("0.1.0", i.version);
}

TEST_F(abi, unknown_numbers)
{
	struct memtrace_info i = { .size = sizeof(i) };

	EXPECT_EQ(-ENOTTY, ERR(ioctl(self->fd, _IOWR(MEMTRACE_IOC_MAGIC, 0, int), &i)));
	EXPECT_EQ(-ENOTTY, ERR(ioctl(self->fd, _IOWR(MEMTRACE_IOC_MAGIC, 5, int), &i)));
	EXPECT_EQ(-ENOTTY, ERR(ioctl(self->fd, _IOWR('m', 1, int), &i)));
	EXPECT_EQ(-ENOTTY, ERR(ioctl(self->fd, _IOW(MEMTRACE_IOC_MAGIC, 1, int), &i)));
	/* The number's own size does not matter. */
	EXPECT_EQ(0, ioctl(self->fd, _IOWR(MEMTRACE_IOC_MAGIC, 1, char[1000]), &i));
}

/* Each struct at every size: too small, too large with a zero tail, with something in the tail. */
TEST_F(abi, sizes)
{
	static const struct {
		unsigned int cmd, size;
	} calls[] = {
		{ MEMTRACE_IOC_INFO, sizeof(struct memtrace_info) },
		{ MEMTRACE_IOC_STATS, sizeof(struct memtrace_stats) },
		{ MEMTRACE_IOC_SNAPSHOT, sizeof(struct memtrace_snapshot) },
		{ MEMTRACE_IOC_ATTACH, sizeof(struct memtrace_attach) },
	};
	static struct memtrace_region r[2];
	int attached = kmod_watch(0);

	ASSERT_GE(attached, 0);
	for (unsigned int i = 0; i < 4; i++)
		for (unsigned int size = 0; size <= PAGE + 8; size++) {
			bool dirty = size > calls[i].size && size % 2;
			int fd = calls[i].cmd == MEMTRACE_IOC_ATTACH ? kmod_open() : attached;
			int want = size < calls[i].size ? -EINVAL :
				   size > PAGE || dirty ? -E2BIG :
							  0;
			char buf[PAGE + 64] = {};

			if (calls[i].cmd == MEMTRACE_IOC_SNAPSHOT)
				*(struct memtrace_snapshot *)buf =
					(struct memtrace_snapshot){ .buf = (uintptr_t)r,
								    .nr_buf = 2,
								    .record_size = sizeof(r[0]) };
			*(uint32_t *)buf = size;
			if (dirty)
				buf[size - 1] = 1;
			ASSERT_EQ(want, ERR(ioctl(fd, calls[i].cmd, buf)))
			{
				TH_LOG("call %u, size %u", i, size);
			}
			if (fd != attached)
				close(fd);
		}
	close(attached);
}

/* A struct that ends before a page that is not there; one that begins in it; one half in it. */
TEST_F(abi, pointers)
{
	struct memtrace_info *i = (void *)(self->page + PAGE - sizeof(*i));

	i->size = sizeof(*i);
	EXPECT_EQ(0, ioctl(self->fd, MEMTRACE_IOC_INFO, i));
	EXPECT_EQ(-EFAULT, ERR(ioctl(self->fd, MEMTRACE_IOC_INFO, self->page + PAGE)));
	EXPECT_EQ(-EFAULT, ERR(ioctl(self->fd, MEMTRACE_IOC_INFO, NULL)));
	EXPECT_EQ(-EFAULT, ERR(ioctl(self->fd, MEMTRACE_IOC_INFO, (void *)0xffff888000000000)));
	i = (void *)(self->page + PAGE - 8);
	i->size = sizeof(*i);
	EXPECT_EQ(-EFAULT, ERR(ioctl(self->fd, MEMTRACE_IOC_INFO, i)));
	i = (void *)self->page;
	i->size = sizeof(*i);
	mprotect(self->page, PAGE, PROT_READ);
	EXPECT_EQ(-EFAULT, ERR(ioctl(self->fd, MEMTRACE_IOC_INFO, i)));
}

TEST_F(abi, pids)
{
	struct memtrace_attach a = { .size = sizeof(a) };
	pid_t gone = fork();

	if (!gone)
		_exit(0);
	waitpid(gone, NULL, 0);
	EXPECT_EQ(-ESRCH, kmod_attach(self->fd, gone, NULL));
	EXPECT_EQ(-EINVAL, kmod_attach(self->fd, -1, NULL));
	EXPECT_EQ(-ESRCH, kmod_attach(self->fd, 0x7fffffff, NULL));
	EXPECT_EQ(-EINVAL, kmod_attach(self->fd, 2, NULL)); /* kthreadd */
	gone = fork();
	if (!gone)
		_exit(0);
	usleep(300000); /* a zombie has no address space */
	EXPECT_EQ(-ESRCH, kmod_attach(self->fd, gone, NULL));
	waitpid(gone, NULL, 0);

	EXPECT_EQ(-ENOTCONN,
		  ERR(ioctl(self->fd, MEMTRACE_IOC_STATS,
			    &(struct memtrace_stats){ .size = sizeof(struct memtrace_stats) })));
	a.flags = 1;
	EXPECT_EQ(-EINVAL, ERR(ioctl(self->fd, MEMTRACE_IOC_ATTACH, &a)));
	a.flags = 0;
	a.reserved = 1;
	EXPECT_EQ(-EINVAL, ERR(ioctl(self->fd, MEMTRACE_IOC_ATTACH, &a)));
	a.reserved = 0;
	EXPECT_EQ(0, ioctl(self->fd, MEMTRACE_IOC_ATTACH, &a));
	EXPECT_EQ(getpid(), a.tgid);
	EXPECT_NE(0u, a.id);
	EXPECT_EQ(-EBUSY, kmod_attach(self->fd, getpid(), NULL));
}

TEST_F(abi, one_id_for_one_address_space)
{
	uint64_t own = 0, same = 0, other = 0;
	int fd2 = kmod_open(), fd3 = kmod_open();
	pid_t pid = fork();

	if (!pid) {
		pause();
		_exit(0);
	}
	EXPECT_EQ(0, kmod_attach(self->fd, 0, &own));
	EXPECT_EQ(0, kmod_attach(fd2, getpid(), &same));
	EXPECT_EQ(0, kmod_attach(fd3, pid, &other));
	EXPECT_EQ(own, same);
	EXPECT_NE(own, other);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(fd2);
	close(fd3);
}

static int drop_to(unsigned int keep)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2] = {};

	if (keep != ~0u)
		d[keep / 32].effective = d[keep / 32].permitted = 1u << keep % 32;
	return syscall(SYS_capset, &h, d);
}

/* Runs an attach to pid in a child that has one capability only (~0: none). */
static int attach_with(int fd, unsigned int cap, pid_t pid)
{
	int status;
	pid_t child = fork();

	if (!child) {
		if (drop_to(cap))
			_exit(255);
		_exit(-kmod_attach(fd, pid, NULL));
	}
	waitpid(child, &status, 0);
	return -WEXITSTATUS(status);
}

TEST_F(abi, capabilities)
{
	int fd2 = kmod_open();

	EXPECT_EQ(-EPERM, attach_with(self->fd, ~0u, 1));
	EXPECT_EQ(-EPERM, attach_with(self->fd, CAP_SYS_ADMIN, 1));
	EXPECT_EQ(-EPERM, attach_with(self->fd, ~0u, 0));
	EXPECT_EQ(0, attach_with(self->fd, CAP_SYS_PTRACE, 1));
	EXPECT_EQ(0, attach_with(fd2, 38 /* CAP_PERFMON */, 1));
	close(fd2);
}

/* Root of a user namespace of its own holds no capability over the one outside. */
TEST_F(abi, user_namespace)
{
	int status, fd2 = kmod_open();
	pid_t child = fork();

	if (!child) {
		if (unshare(CLONE_NEWUSER))
			_exit(254);
		if (kmod_attach(self->fd, getppid(), NULL) != -EPERM)
			_exit(1);
		/* Its own address space is still of the outer one: until an exec. */
		_exit(kmod_attach(fd2, 0, NULL) == -EPERM ? 0 : 2);
	}
	waitpid(child, &status, 0);
	EXPECT_EQ(0, WEXITSTATUS(status));
	close(fd2);
}

static int snap(int fd, struct memtrace_snapshot s)
{
	s.size = sizeof(s);
	return ERR(ioctl(fd, MEMTRACE_IOC_SNAPSHOT, &s));
}

TEST_F(abi, snapshot_arguments)
{
	static struct memtrace_region r[2];
	const struct memtrace_snapshot ok = { .buf = (uintptr_t)r,
					      .nr_buf = 2,
					      .record_size = sizeof(r[0]) };
	struct memtrace_snapshot s = ok;

	EXPECT_EQ(-ENOTCONN, snap(self->fd, ok));
	ASSERT_EQ(0, kmod_attach(self->fd, 0, NULL));
	EXPECT_EQ(0, snap(self->fd, ok));
	s.flags = 8;
	EXPECT_EQ(-EINVAL, snap(self->fd, s));
	s = ok, s.nr_buf = 0;
	EXPECT_EQ(-EINVAL, snap(self->fd, s));
	s = ok, s.record_size--;
	EXPECT_EQ(-EINVAL, snap(self->fd, s));
	s = ok, s.record_size = PAGE + 1;
	EXPECT_EQ(-E2BIG, snap(self->fd, s));
	s = ok, s.cursor = 1;
	EXPECT_EQ(-EINVAL, snap(self->fd, s));
	s = ok, s.until = 1;
	EXPECT_EQ(-EINVAL, snap(self->fd, s));
	s = ok, s.limit = PAGE + 1;
	EXPECT_EQ(-EINVAL, snap(self->fd, s));
	s = ok, s.buf = 0;
	EXPECT_EQ(-EFAULT, snap(self->fd, s));
	s = ok, s.buf = 0xffff888000000000;
	EXPECT_EQ(-EFAULT, snap(self->fd, s));
	s = ok, s.cursor = -PAGE;
	EXPECT_EQ(0, snap(self->fd, s));
	s = ok, s.cursor = -PAGE, s.until = -PAGE, s.limit = -PAGE;
	EXPECT_EQ(0, snap(self->fd, s));
}

/* Larger records: what is behind the known members is zeroed, nothing behind them is touched. */
TEST_F(abi, record_size)
{
	struct memtrace_snapshot s = {
		.size = sizeof(s), .buf = (uintptr_t)self->page, .nr_buf = 3, .record_size = 256
	};

	ASSERT_EQ(0, kmod_attach(self->fd, 0, NULL));
	memset(self->page, 0xee, PAGE);
	ASSERT_EQ(0, ioctl(self->fd, MEMTRACE_IOC_SNAPSHOT, &s));
	ASSERT_GE(s.nr_out, 1u);
	for (unsigned int i = 0; i < s.nr_out * 256; i++)
		if (i % 256 >= sizeof(struct memtrace_region))
			ASSERT_EQ(0, self->page[i]);
	for (unsigned int i = s.nr_out * 256; i < PAGE; i++)
		ASSERT_EQ((char)0xee, self->page[i]);
}

/* The records of all regions are those of maps, whatever the size of the buffer. */
TEST_F(abi, regions_as_maps)
{
	static struct memtrace_region one[4096], all[4096];
	struct memtrace_snapshot s = { .flags = MEMTRACE_SNAP_MAPS };
	unsigned long start, end, pgoff, ino;
	unsigned int major, minor;
	char perms[5], line[512];
	int n = 0, step;
	FILE *f;

	ASSERT_EQ(0, kmod_attach(self->fd, 0, NULL));
	ASSERT_GT(kmod_snapshot(self->fd, &s, all, 4096), 5);
	f = fopen("/proc/self/maps", "re");
	s = (struct memtrace_snapshot){ .flags = MEMTRACE_SNAP_MAPS };
	step = kmod_snapshot(self->fd, &s, all, 4096);
	while (fgets(line, sizeof(line), f)) {
		struct memtrace_region *r = &all[n];

		if (strstr(line, "[vsyscall]"))
			continue;
		ASSERT_LT(n++, step);
		sscanf(line, "%lx-%lx %4s %lx %x:%x %lu", &start, &end, perms, &pgoff, &major,
		       &minor, &ino);
		EXPECT_EQ(start, r->start);
		EXPECT_EQ(end, r->end);
		EXPECT_EQ(perms[0] == 'r', !!(r->vm_flags & MEMTRACE_R_READ));
		EXPECT_EQ(perms[1] == 'w', !!(r->vm_flags & MEMTRACE_R_WRITE));
		EXPECT_EQ(perms[2] == 'x', !!(r->vm_flags & MEMTRACE_R_EXEC));
		EXPECT_EQ(perms[3] == 's', !!(r->vm_flags & MEMTRACE_R_SHARED));
		EXPECT_EQ(ino, r->ino);
		if (ino) {
			EXPECT_EQ(major, r->dev_major);
			EXPECT_EQ(minor, r->dev_minor);
			EXPECT_EQ(pgoff, r->pgoff);
		}
		EXPECT_EQ(!!strstr(line, "[heap]"), !!(r->vm_flags & MEMTRACE_R_HEAP));
		EXPECT_EQ(!!strstr(line, "[stack]"), !!(r->vm_flags & MEMTRACE_R_STACK));
	}
	fclose(f);
	EXPECT_EQ(n, step);
	/* One record a call: the same. */
	s = (struct memtrace_snapshot){ .size = sizeof(s),
					.flags = MEMTRACE_SNAP_MAPS,
					.nr_buf = 1,
					.record_size = sizeof(one[0]) };
	for (n = 0; n < step; n++) {
		s.buf = (uintptr_t)&one[n];
		ASSERT_EQ(0, ioctl(self->fd, MEMTRACE_IOC_SNAPSHOT, &s));
		ASSERT_EQ(1u, s.nr_out);
		EXPECT_EQ(all[n].start, one[n].start);
		EXPECT_EQ(all[n].end, one[n].end);
	}
}

TEST_F(abi, kernel_is_content)
{
	EXPECT_EQ(0, kernel_complaints());
}

TEST_HARNESS_MAIN
