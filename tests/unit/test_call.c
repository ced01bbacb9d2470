// SPDX-License-Identifier: GPL-2.0
/* What a system call about memory says: by the numbers of x86-64 and the C library's own constants. */
#include "kselftest_harness.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include "event/call.h"

static struct mtr_ev_call call(long nr, long result, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	return (struct mtr_ev_call){ .nr = (uint16_t)nr, .result = result, .arg = { a, b, c, d } };
}

TEST(numbers_and_names)
{
	static const struct {
		long nr;
		const char *name;
		unsigned int nr_args;
	} want[] = {
		{ SYS_mmap, "mmap", 6 },
		{ SYS_mprotect, "mprotect", 3 },
		{ SYS_munmap, "munmap", 2 },
		{ SYS_brk, "brk", 1 },
		{ SYS_mremap, "mremap", 5 },
		{ SYS_madvise, "madvise", 3 },
		{ SYS_shmat, "shmat", 3 },
		{ SYS_shmdt, "shmdt", 1 },
		{ SYS_mlock, "mlock", 2 },
		{ SYS_munlock, "munlock", 2 },
		{ SYS_mlockall, "mlockall", 1 },
		{ SYS_munlockall, "munlockall", 0 },
		{ SYS_remap_file_pages, "remap_file_pages", 5 },
		{ SYS_mlock2, "mlock2", 3 },
		{ SYS_pkey_mprotect, "pkey_mprotect", 4 },
		{ SYS_process_madvise, "process_madvise", 5 },
		{ 462, "mseal", 3 },
	};
	unsigned int nr = 0;

	for (unsigned int i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		const struct mtr_call *c = mtr_call_find((unsigned int)want[i].nr);

		ASSERT_NE(NULL, c)
		TH_LOG("%s", want[i].name);
		EXPECT_STREQ(want[i].name, c->name);
		EXPECT_STREQ(want[i].name, mtr_call_name((unsigned int)want[i].nr + 1));
		EXPECT_EQ(want[i].nr_args, c->nr_args);
		EXPECT_GT(MTR_CALL_MAX, c->nr);
		EXPECT_GE(c->nr_args, c->addr);
		EXPECT_GE(c->nr_args, c->advice);
	}
	while (mtr_call_at(nr))
		nr++;
	EXPECT_EQ(sizeof(want) / sizeof(want[0]), nr);
	EXPECT_EQ(NULL, mtr_call_find(SYS_getpid));
	EXPECT_EQ(NULL, mtr_call_name(0));
}

TEST(a_fifth_argument)
{
	struct mtr_ev_call c = call(SYS_mremap, 0, 0, 0, 0, MREMAP_MAYMOVE);

	EXPECT_EQ(4u, mtr_call_nr_args(&c));
	c.arg[3] |= MREMAP_FIXED;
	EXPECT_EQ(5u, mtr_call_nr_args(&c));
	c.arg[3] = MREMAP_MAYMOVE | MREMAP_DONTUNMAP;
	EXPECT_EQ(5u, mtr_call_nr_args(&c));
	c = call(SYS_getpid, 0, 0, 0, 0, 0);
	EXPECT_EQ(0u, mtr_call_nr_args(&c));
}

TEST(errors)
{
	struct mtr_ev_call c = call(SYS_mmap, -ENOMEM, 0, 4096, 0, 0);

	EXPECT_EQ(ENOMEM, mtr_call_error(&c));
	EXPECT_STREQ("ENOMEM", mtr_call_error_name(&c));
	c.result = 0x7f0000000000;
	EXPECT_EQ(0, mtr_call_error(&c));
	EXPECT_EQ(NULL, mtr_call_error_name(&c));
	c.result = -4096; /* no error number is so large */
	EXPECT_EQ(0, mtr_call_error(&c));
	c.result = -4095;
	EXPECT_EQ(4095, mtr_call_error(&c));
	EXPECT_STREQ("unknown", mtr_call_error_name(&c));
	/* brk says where the heap ends, whatever was asked for */
	c = call(SYS_brk, 0x1000, 0x2000, 0, 0, 0);
	EXPECT_EQ(ENOMEM, mtr_call_error(&c));
	c = call(SYS_brk, 0x2000, 0x2000, 0, 0, 0);
	EXPECT_EQ(0, mtr_call_error(&c));
	c = call(SYS_brk, 0x2000, 0, 0, 0, 0);
	EXPECT_EQ(0, mtr_call_error(&c));
}

TEST(ranges)
{
	struct mtr_ev_call c = call(SYS_munmap, 0, 0x5000, 4097, 0, 0);
	uint64_t start = 7, end = 7;

	ASSERT_TRUE(mtr_call_range(&c, &start, &end));
	EXPECT_EQ(0x5000u, start);
	EXPECT_EQ(0x7000u, end);
	/* where it went, not where it was to go; of one that failed that is all there is */
	c = call(SYS_mmap, 0x9000, 0x5000, 4096, 0, 0);
	ASSERT_TRUE(mtr_call_range(&c, &start, &end));
	EXPECT_EQ(0x9000u, start);
	c.result = -EEXIST;
	ASSERT_TRUE(mtr_call_range(&c, &start, &end));
	EXPECT_EQ(0x5000u, start);
	c = call(SYS_mmap, -ENOMEM, 0, 4096, 0, 0);
	EXPECT_FALSE(mtr_call_range(&c, &start, &end));
	c = call(SYS_munmap, -EINVAL, ~0ull - 4096, 8192, 0, 0);
	EXPECT_FALSE(mtr_call_range(&c, &start, &end));
	c = call(SYS_munmap, -EINVAL, ~0ull, 8192, 0, 0);
	EXPECT_FALSE(mtr_call_range(&c, &start, &end));
	c = call(SYS_munmap, -EINVAL, 4096, ~0ull, 0, 0);
	EXPECT_FALSE(mtr_call_range(&c, &start, &end));
	c = call(SYS_brk, 0x2000, 0x2000, 0, 0, 0);
	EXPECT_FALSE(mtr_call_range(&c, &start, &end));
	c = call(SYS_getpid, 0, 0x5000, 4096, 0, 0);
	EXPECT_FALSE(mtr_call_range(&c, &start, &end));
}

/* The tokens of all bits, as one word. */
static const char *tokens(const struct mtr_ev_call *e)
{
	const struct mtr_call *c = mtr_call_find(e->nr);
	static char buf[256];

	buf[0] = '\0';
	for (uint32_t bits = mtr_call_flags(e); bits; bits &= bits - 1) {
		const char *t = c->tokens[__builtin_ctz(bits)];

		if (t)
			strcat(strcat(buf, t), " ");
	}
	return buf;
}

TEST(flags_and_protection)
{
	struct mtr_ev_call c = call(SYS_mmap, 0x9000, 0, 4096, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE);

	EXPECT_STREQ("private anonymous noreserve ", tokens(&c));
	EXPECT_EQ(MTR_P_READ | MTR_P_WRITE, mtr_call_prot(&c));
	c.arg[3] = MAP_SHARED | MAP_POPULATE | MAP_FIXED_NOREPLACE;
	c.arg[2] = PROT_EXEC | 0x1000000;
	EXPECT_STREQ("shared populate fixed_noreplace ", tokens(&c));
	EXPECT_EQ(MTR_P_EXEC | MTR_P_SHARED, mtr_call_prot(&c));
	c.arg[3] = MAP_SHARED_VALIDATE | MAP_SYNC;
	EXPECT_STREQ("shared validate sync ", tokens(&c));
	c = call(SYS_mremap, 0x9000, 0, 4096, 8192,
		 MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP);
	EXPECT_STREQ("maymove fixed dontunmap ", tokens(&c));
	c = call(SYS_mlockall, 0, MCL_CURRENT | MCL_ONFAULT, 0, 0, 0);
	EXPECT_STREQ("current onfault ", tokens(&c));
	c = call(SYS_munmap, 0, ~0ull, ~0ull, ~0ull, ~0ull);
	EXPECT_EQ(0u, mtr_call_flags(&c));
	EXPECT_EQ(0u, mtr_call_prot(&c));
	EXPECT_EQ(0u, mtr_call_arg(&c, 0));
	EXPECT_EQ(0u, mtr_call_arg(&c, MTR_CALL_ARGS + 1));
}

TEST(advice)
{
	EXPECT_STREQ("normal", mtr_advice_name(MADV_NORMAL));
	EXPECT_STREQ("dontneed", mtr_advice_name(MADV_DONTNEED));
	EXPECT_STREQ("free", mtr_advice_name(MADV_FREE));
	EXPECT_STREQ("hugepage", mtr_advice_name(MADV_HUGEPAGE));
	EXPECT_STREQ("dodump", mtr_advice_name(MADV_DODUMP));
	EXPECT_STREQ("wipeonfork", mtr_advice_name(MADV_WIPEONFORK));
	EXPECT_STREQ("cold", mtr_advice_name(MADV_COLD));
	EXPECT_STREQ("pageout", mtr_advice_name(MADV_PAGEOUT));
	EXPECT_STREQ("hwpoison", mtr_advice_name(MADV_HWPOISON));
	EXPECT_EQ(NULL, mtr_advice_name(77));
	EXPECT_EQ(NULL, mtr_advice_name(5));
	EXPECT_EQ(NULL, mtr_advice_name(~0ull));
}

TEST_HARNESS_MAIN
