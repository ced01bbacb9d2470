// SPDX-License-Identifier: GPL-2.0
/*
 * Unwinding from a copy, of a stack of this program itself: frames as glibc's
 * own backtrace() has them; copies that are cut short or overwritten; and ELF
 * files with bytes changed at random, which must be survived.
 */
// timeout: 120
#include <execinfo.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <ucontext.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "sym/buildid.h"
#include "sym/elfmod.h"
#include "sym/unwind.h"

#define MAX 400

struct taken {
	struct mtr_stack_copy copy;
	void *truth[MAX];
	int nr_truth;
};

static struct taken taken;
static struct unwind_frame frame[MAX];

/* Address of the line in /proc/self/maps that has @addr. */
__attribute__((noinline)) static uint64_t end_of(uint64_t addr)
{
	FILE *f = fopen("/proc/self/maps", "re");
	unsigned long long lo, hi, ret = 0;
	char line[4096];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%llx-%llx", &lo, &hi) == 2 && lo <= addr && addr < hi)
			ret = hi;
	if (f)
		fclose(f);
	return ret;
}

static struct syms *self_syms(void)
{
	static struct sym_map map[512];
	static char path[512][512];
	struct syms *s = syms_new(getpid(), false);
	FILE *f = fopen("/proc/self/maps", "re");
	unsigned int nr = 0;
	char line[4096];

	while (f && nr < 512 && fgets(line, sizeof(line), f)) {
		unsigned long long lo, hi, off, ino;
		unsigned int major, minor;
		char prot[8];

		path[nr][0] = '\0';
		if (sscanf(line, "%llx-%llx %4s %llx %x:%x %llu %511[^\n]", &lo, &hi, prot, &off,
			   &major, &minor, &ino, path[nr]) < 7)
			continue;
		map[nr] = (struct sym_map){ .start = lo,
					    .end = hi,
					    .pgoff = off,
					    .ino = ino,
					    .dev = major << 20 | minor,
					    .exec = prot[2] == 'x',
					    .write = prot[1] == 'w',
					    .path = path[nr] };
		nr++;
	}
	if (f)
		fclose(f);
	if (!s || syms_set_maps(s, map, nr))
		abort();
	return s;
}

/* Copy of this very stack, with the registers as they are here. */
__attribute__((noinline)) static int take(void)
{
	static const int dwarf[MTR_NR_REGS] = { REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI,
						REG_RDI, REG_RBP, REG_RSP, REG_R8,  REG_R9,
						REG_R10, REG_R11, REG_R12, REG_R13, REG_R14,
						REG_R15, REG_RIP };
	struct mtr_stack_part *p = &taken.copy.part[0];
	ucontext_t uc;

	if (getcontext(&uc))
		abort();
	for (int i = 0; i < MTR_NR_REGS; i++)
		taken.copy.regs.r[i] = (uint64_t)uc.uc_mcontext.gregs[dwarf[i]];
	taken.copy.regs.valid = (1u << MTR_NR_REGS) - 1;
	p->addr = taken.copy.regs.r[MTR_REG_SP];
	p->size = end_of(p->addr) - p->addr;
	free(p->data);
	p->data = malloc(p->size);
	if (!p->data)
		abort();
	/* as from outside: a sanitizer would object to reading all over the stack */
	if (process_vm_readv(getpid(), &(struct iovec){ p->data, p->size }, 1,
			     &(struct iovec){ (void *)p->addr, p->size }, 1, 0) != (ssize_t)p->size)
		abort();
	taken.nr_truth = backtrace(taken.truth, MAX);
	return taken.nr_truth;
}

static int (*volatile deepest)(void) = take;

__attribute__((noinline)) static int sort_fn(const void *a, const void *b)
{
	(void)a;
	(void)b;
	return deepest() ? -1 : 1;
}

__attribute__((noinline)) static int nest(int n, int *sum)
{
	volatile char pad[100];
	int v[2] = { 1, 2 };

	pad[n] = (char)n;
	if (n)
		*sum += nest(n - 1, sum) + pad[n];
	else
		qsort(v, 2, sizeof(*v), sort_fn);
	return *sum + pad[n];
}

FIXTURE(self)
{
	struct syms *s;
};

FIXTURE_SETUP(self)
{
	int sum = 0;

	nest(20, &sum);
	self->s = self_syms();
}

FIXTURE_TEARDOWN(self)
{
	syms_free(self->s);
}

TEST_F(self, as_backtrace)
{
	struct unwind_result r;
	int nr = 0;

	unwind(self->s, &taken.copy, frame, NULL, MAX, &r);
	EXPECT_EQ(UNWIND_DONE, r.end);
	/*
	 * From outside in: the innermost stands at another line of take() than the call of
	 * backtrace(), and a sanitizer puts a frame of its own there.
	 */
	ASSERT_LE(25, taken.nr_truth);
	ASSERT_GE(taken.nr_truth, (int)r.nr);
	for (int i = 1; i < (int)r.nr; i++)
		nr += taken.truth[taken.nr_truth - i] == (void *)frame[r.nr - (unsigned int)i].pc;
	EXPECT_GE((int)r.nr + 1, taken.nr_truth);
	EXPECT_EQ((int)r.nr - 1, nr);
	for (unsigned int i = 1; i < r.nr; i++)
		EXPECT_EQ(frame[i - 1].cfa, frame[i].sp);
}

TEST_F(self, names)
{
	unsigned int nests = 0, sorts = 0;
	struct unwind_result r;

	unwind(self->s, &taken.copy, frame, NULL, MAX, &r);
	for (unsigned int i = 0; i < r.nr; i++) {
		const struct sym_addr *a = syms_addr(self->s, unwind_lookup(&frame[i]));
		const char *fn = a->name[a->nr - 1].function;

		if (!fn)
			continue;
		nests += !strncmp(fn, "nest", 4);
		sorts += !strcmp(fn, "sort_fn");
		if (!strcmp(fn, "sort_fn") && a->name[0].file) {
			EXPECT_NE(NULL, strstr(a->name[0].file, "test_unwind.c"));
		}
	}
	EXPECT_EQ(21, nests);
	EXPECT_EQ(1, sorts);
}

TEST_F(self, registers_of_each_frame)
{
	static struct mtr_regs regs[MAX];
	struct unwind_result r;

	unwind(self->s, &taken.copy, frame, regs, MAX, &r);
	for (unsigned int i = 0; i < r.nr; i++) {
		EXPECT_EQ(frame[i].pc, regs[i].r[MTR_REG_PC]);
		EXPECT_EQ(frame[i].sp, regs[i].r[MTR_REG_SP]);
	}
}

TEST_F(self, a_copy_cut_short)
{
	struct mtr_stack_part *p = &taken.copy.part[0];
	size_t whole = p->size;
	struct unwind_result r;
	unsigned int all;

	unwind(self->s, &taken.copy, frame, NULL, MAX, &r);
	all = r.nr;
	for (size_t sz = 0; sz < 6000; sz += 8) {
		p->size = sz;
		unwind(self->s, &taken.copy, frame, NULL, MAX, &r);
		EXPECT_GE(all, r.nr);
		if (r.end == UNWIND_OUTSIDE) {
			/* the frame from its red zone on, in which registers may be saved */
			EXPECT_LE(p->addr + sz, r.want + 128 + 8);
		} else {
			EXPECT_EQ(UNWIND_DONE, r.end);
		}
	}
	p->size = 0;
	unwind(self->s, &taken.copy, frame, NULL, MAX, &r);
	EXPECT_EQ(UNWIND_OUTSIDE, r.end);
	EXPECT_EQ(1, r.nr);
	p->size = whole;
	unwind(self->s, &taken.copy, frame, NULL, 5, &r);
	EXPECT_EQ(UNWIND_LIMIT, r.end);
	EXPECT_EQ(5, r.nr);
	taken.copy.regs.valid = 0;
	unwind(self->s, &taken.copy, frame, NULL, MAX, &r);
	EXPECT_EQ(UNWIND_BROKEN, r.end);
	EXPECT_EQ(0, r.nr);
}

static uint64_t rnd = 88172645463325252ull;

static uint64_t dice(void)
{
	rnd ^= rnd << 13;
	rnd ^= rnd >> 7;
	rnd ^= rnd << 17;
	return rnd;
}

/* Words that look like addresses of code or stack lead further astray than noise does. */
TEST_F(self, a_stack_overwritten)
{
	struct mtr_stack_part *p = &taken.copy.part[0];
	size_t words = p->size / 8;
	uint64_t *w = malloc(p->size), *data = (uint64_t *)p->data;
	unsigned int ends[5] = { 0 };

	ASSERT_NE(NULL, w);
	memcpy(w, data, words * 8);
	for (int round = 0; round < 3000; round++) {
		struct unwind_result r;

		for (unsigned int i = 0; i < 1 + dice() % 30; i++) {
			uint64_t v = dice(), at = dice() % words;

			if (v % 3 == 1)
				v = p->addr + v % p->size;
			else if (v % 3 == 2)
				v = (uint64_t)taken.truth[v % (uint64_t)taken.nr_truth];
			data[at] = v;
		}
		unwind(self->s, &taken.copy, frame, NULL, MAX, &r);
		ASSERT_GE(MAX, (int)r.nr);
		ends[r.end]++;
		for (unsigned int i = 0; i < r.nr; i++)
			syms_addr(self->s, frame[i].pc - 1);
		memcpy(data, w, words * 8);
	}
	TH_LOG("complete %u, no CFI %u, outside %u, broken %u, limit %u", ends[0], ends[1], ends[2],
	       ends[3], ends[4]);
	EXPECT_LT(0, ends[UNWIND_NO_CFI] + ends[UNWIND_BROKEN] + ends[UNWIND_OUTSIDE]);
	free(w);
}

/* A file of which some bytes are not what they were, in a descriptor. */
static int damaged(const uint8_t *image, size_t sz, int round)
{
	int fd = memfd_create("damaged", MFD_CLOEXEC);
	size_t len = round % 5 == 4 ? dice() % sz : sz;

	if (fd < 0 || write(fd, image, len) != (ssize_t)len)
		abort();
	for (unsigned int i = 0; i < 1 + dice() % 40; i++) {
		/* headers and section tables are few bytes: half of the damage goes there */
		off_t at = (off_t)(dice() % 2 ? dice() % 1024 : dice() % sz);
		uint8_t v = (uint8_t)dice();

		if ((size_t)at < len && pwrite(fd, &v, 1, at) != 1)
			abort();
	}
	return fd;
}

static void use(struct elfmod *m, uint64_t addr)
{
	uint64_t bias;
	uint8_t b[16];

	elfmod_cfi(m, addr);
	elfmod_read(m, addr, b, sizeof(b));
	elfmod_bias(m, 0x10000, addr & ~4095ull, true, &bias);
}

TEST(a_damaged_file)
{
	int fd = open("build/tests/targets/frames_o0", O_RDONLY | O_CLOEXEC), opened = 0;
	static uint8_t image[1 << 20];
	struct sym_map map;
	ssize_t sz;

	if (fd < 0)
		fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	sz = read(fd, image, sizeof(image));
	close(fd);
	ASSERT_LT(4096, sz);
	for (int round = 0; round < 400; round++) {
		struct elfmod *m =
			elfmod_open(damaged(image, (size_t)sz, round), "damaged", "", false);

		opened += m != NULL;
		for (uint64_t a = 0; m && a < 0x4000; a += 0x1f3)
			use(m, a);
		elfmod_put(m);
	}
	TH_LOG("%d of 400 could still be opened", opened);
	EXPECT_LT(20, opened);
	/* and through everything that names an address: lines, inlined calls, symbols */
	for (int round = 0; round < 300; round++) {
		int f = damaged(image, (size_t)sz, round);
		struct syms *s = syms_new(getpid(), false);
		struct stat st;
		char path[64];

		snprintf(path, sizeof(path), "/proc/self/fd/%d", f);
		fstat(f, &st);
		map = (struct sym_map){ .start = 0x400000,
					.end = 0x440000,
					.ino = st.st_ino,
					.exec = true,
					.path = path };
		ASSERT_EQ(0, syms_set_maps(s, &map, 1));
		for (uint64_t a = 0x400000; a < 0x405000; a += 0x91)
			syms_addr(s, a);
		syms_free(s);
		close(f);
	}
}

__attribute__((noinline)) static int a_function(int n)
{
	return n * 3;
}

/* Of a recorded process: the file at its path counts when it says itself that it is the one. */
TEST(names_of_a_recording)
{
	unsigned long long lo = 0, hi, off, at = (unsigned long long)(uintptr_t)a_function;
	FILE *f = fopen("/proc/self/maps", "re");
	char exe[4096] = "", line[4096], hex[BUILDID_HEX_SZ];
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	const char *const ids[] = { hex, NULL, "00112233", hex };
	int has_id = buildid_read(fd, hex, sizeof(hex));

	EXPECT_EQ(3, a_function(1));
	ASSERT_NE(-1, readlink("/proc/self/exe", exe, sizeof(exe) - 1));
	close(fd);
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%llx-%llx %*s %llx", &lo, &hi, &off) == 3 && at >= lo && at < hi)
			break;
	ASSERT_NE(NULL, f);
	fclose(f);
	if (has_id) {
		TH_LOG("this compiler writes no build-id");
		return;
	}
	for (unsigned int i = 0; i < 4; i++) {
		struct sym_map map = {
			.start = lo, .end = hi, .pgoff = off, .ino = 7, .exec = true
		};
		struct syms *s = syms_new(0, false);
		const struct sym_addr *a;

		/* another file of that name, or none */
		map.path = i < 3 ? exe : "/nowhere/test_unwind";
		map.build_id = ids[i];
		ASSERT_EQ(0, syms_set_maps(s, &map, 1));
		EXPECT_TRUE(syms_maps(s, at));
		EXPECT_FALSE(syms_maps(s, hi));
		a = syms_addr(s, at);
		ASSERT_NE(NULL, a);
		EXPECT_STREQ("test_unwind", a->module);
		if (i) {
			EXPECT_EQ(NULL, a->name[0].function);
		} else {
			EXPECT_STREQ("a_function", a->name[0].function);
		}
		syms_free(s);
	}
}

TEST(names_of_languages)
{
	char *d = sym_demangle("_ZN3foo3barEi");

	EXPECT_STREQ("foo::bar", d);
	free(d);
	d = sym_demangle("_ZN4core3fmt5Write9write_fmt17h0123456789abcdefE");
	EXPECT_STREQ("core::fmt::Write::write_fmt", d);
	free(d);
	d = sym_demangle("_RNvC6_123foo3bar");
	EXPECT_STREQ("123foo::bar", d);
	free(d);
	EXPECT_EQ(NULL, sym_demangle("main"));
	EXPECT_EQ(NULL, sym_demangle("_start"));
}

TEST_HARNESS_MAIN
