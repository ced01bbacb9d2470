// SPDX-License-Identifier: GPL-2.0
/*
 * Files that several processes have mapped: one is read once, however many map it; and it is
 * the file that counts, not its name: written over in place, or replaced by another one.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "sym/sym.h"

#define AT 0x10000000ull
#define MARK "named_function_0"

/* Its name is in the symbol table of this program, copies of which are the files here. */
__attribute__((noinline, used)) int named_function_0(int n)
{
	__asm__ volatile("");
	return n * 5;
}

extern const char __executable_start[]; /* the linker's */

static uint64_t own_base(void)
{
	return (uint64_t)(uintptr_t)__executable_start;
}

FIXTURE(files)
{
	char dir[64];
	char path[8][96];
	uint8_t *image;
	size_t sz;
	struct symfiles *t;
};

static void put(const char *path, const uint8_t *image, size_t sz)
{
	/* no O_TRUNC: what has it mapped must not lose it */
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);

	if (fd < 0 || pwrite(fd, image, sz, 0) != (ssize_t)sz)
		abort();
	close(fd);
}

FIXTURE_SETUP(files)
{
	struct stat st;
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	ASSERT_EQ(0, fstat(fd, &st));
	self->sz = (size_t)st.st_size;
	self->image = malloc(self->sz);
	ASSERT_NE(NULL, self->image);
	ASSERT_EQ((ssize_t)self->sz, pread(fd, self->image, self->sz, 0));
	close(fd);
	snprintf(self->dir, sizeof(self->dir), "/tmp/symfiles.XXXXXX");
	ASSERT_NE(NULL, mkdtemp(self->dir));
	for (int i = 0; i < 8; i++) {
		snprintf(self->path[i], sizeof(self->path[i]), "%s/f%d", self->dir, i);
		put(self->path[i], self->image, self->sz);
	}
	self->t = symfiles_new(2, false);
	ASSERT_NE(NULL, self->t);
}

FIXTURE_TEARDOWN(files)
{
	for (int i = 0; i < 8; i++)
		unlink(self->path[i]);
	rmdir(self->dir);
	free(self->image);
	symfiles_free(self->t);
}

/* Another process that has it mapped, all of it as one. */
static struct syms *process(struct symfiles *t, const char *path)
{
	struct syms *s = syms_new_sharing(getpid(), t);
	struct sym_map map = { .start = AT, .end = AT + (16 << 20), .exec = true, .path = path };
	struct stat st;

	if (!s || stat(path, &st))
		abort();
	map.ino = st.st_ino;
	if (syms_set_maps(s, &map, 1))
		abort();
	return s;
}

/* What is called at the place of the function; "" when nothing is known. */
static const char *name(struct syms *s)
{
	uint64_t off = (uint64_t)(uintptr_t)named_function_0 - own_base();
	const struct sym_addr *a = syms_addr(s, AT + off);

	return a && a->name[0].function ? a->name[0].function : "";
}

/* The name is another one, in place: same inode, same size. */
static void rename_function(uint8_t *image, size_t sz, char to)
{
	uint8_t *at = image;
	unsigned int nr = 0;

	while ((at = memmem(at, sz - (size_t)(at - image), MARK, sizeof(MARK) - 2))) {
		at[sizeof(MARK) - 2] = (uint8_t)to;
		at++;
		nr++;
	}
	if (!nr)
		abort();
}

TEST_F(files, one_is_read_once)
{
	struct syms *s[50];

	EXPECT_EQ(5, named_function_0(1));
	for (int i = 0; i < 50; i++) {
		s[i] = process(self->t, self->path[i % 2]);
		EXPECT_STREQ(MARK, name(s[i]));
	}
	EXPECT_EQ(2u, symfiles_nr(self->t));
	for (int i = 0; i < 50; i++) {
		/* the others are not touched by it */
		syms_free(s[i]);
		if (i < 49)
			EXPECT_STREQ(MARK, name(s[49]));
	}
}

TEST_F(files, the_latest_stay)
{
	struct syms *held = process(self->t, self->path[0]);

	name(held);
	for (int round = 0; round < 3; round++) {
		for (int i = 1; i < 8; i++) {
			struct syms *s = process(self->t, self->path[i]);

			EXPECT_STREQ(MARK, name(s));
			syms_free(s);
			/* the one that is held, and two that nobody has */
			EXPECT_GE(3u, symfiles_nr(self->t));
		}
	}
	EXPECT_EQ(3u, symfiles_nr(self->t));
	EXPECT_STREQ(MARK, name(held));
	syms_free(held);
	EXPECT_EQ(2u, symfiles_nr(self->t));
}

TEST_F(files, written_over_in_place)
{
	struct syms *old = process(self->t, self->path[0]), *now;
	struct timespec times[2];
	struct stat st;

	EXPECT_STREQ(MARK, name(old));
	rename_function(self->image, self->sz, '1');
	/* the clock of the file system may stand still meanwhile */
	ASSERT_EQ(0, stat(self->path[0], &st));
	put(self->path[0], self->image, self->sz);
	times[0] = st.st_atim;
	times[1] = st.st_mtim;
	times[1].tv_sec -= 10;
	ASSERT_EQ(0, utimensat(AT_FDCWD, self->path[0], times, 0));
	now = process(self->t, self->path[0]);
	EXPECT_STREQ("named_function_1", name(now));
	EXPECT_EQ(2u, symfiles_nr(self->t));
	syms_free(old);
	syms_free(now);
}

TEST_F(files, deleted_and_replaced)
{
	struct syms *old = process(self->t, self->path[0]), *now;

	EXPECT_STREQ(MARK, name(old));
	rename_function(self->image, self->sz, '2');
	for (int i = 0; i < 20; i++) {
		/* the number of an inode is not given again while it is held here */
		ASSERT_EQ(0, unlink(self->path[0]));
		put(self->path[0], self->image, self->sz);
		now = process(self->t, self->path[0]);
		EXPECT_STREQ("named_function_2", name(now));
		syms_free(now);
	}
	EXPECT_STREQ(MARK, name(old));
	syms_free(old);
}

/* Its process has ended and the path is not known: what another one has mapped is the same file. */
TEST_F(files, known_by_its_number)
{
	struct syms *a = process(self->t, self->path[0]), *b;
	struct sym_map map = { .start = AT, .end = AT + (16 << 20), .exec = true, .path = "f0" };
	struct stat st;

	ASSERT_EQ(0, stat(self->path[0], &st));
	map.ino = st.st_ino;
	map.dev = major(st.st_dev) << 20 | minor(st.st_dev);
	b = syms_new_sharing(getpid(), self->t);
	ASSERT_NE(NULL, b);
	ASSERT_EQ(0, syms_set_maps(b, &map, 1));
	EXPECT_STREQ("", name(b)); /* nobody has opened it yet */
	syms_free(b);
	EXPECT_STREQ(MARK, name(a));
	b = syms_new_sharing(getpid(), self->t);
	ASSERT_NE(NULL, b);
	ASSERT_EQ(0, syms_set_maps(b, &map, 1));
	EXPECT_STREQ(MARK, name(b));
	EXPECT_EQ(1u, symfiles_nr(self->t));
	syms_free(b);
	map.dev++;
	b = syms_new_sharing(getpid(), self->t);
	ASSERT_NE(NULL, b);
	ASSERT_EQ(0, syms_set_maps(b, &map, 1));
	EXPECT_STREQ("", name(b));
	syms_free(b);
	syms_free(a);
}

TEST_HARNESS_MAIN
