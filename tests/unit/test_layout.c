// SPDX-License-Identifier: GPL-2.0
/* Rows of the Layout view: what is put together, what is not, what they are called. */
#include <stdio.h>
#include <string.h>

#include "analysis/layout.h"
#include "event/strtab.h"
#include "kselftest_harness.h"

#define RX (MTR_P_READ | MTR_P_EXEC)
#define RO MTR_P_READ
#define RW (MTR_P_READ | MTR_P_WRITE)

FIXTURE(layout)
{
	struct strtab *st;
	struct proc *p;
	struct layout l;
};

FIXTURE_SETUP(layout)
{
	struct mtr_event ev = { .kind = MTR_EV_ATTACH, .as = 1 };

	self->st = strtab_new();
	self->p = proc_new(1);
	ev.proc.pid = 100;
	ev.proc.start_code = 0x401000;
	ev.proc.start_brk = 0x500000;
	ev.proc.start_stack = 0x7ffff000;
	proc_apply(self->p, &ev, self->st);
	layout_init(&self->l);
}

FIXTURE_TEARDOWN(layout)
{
	layout_fini(&self->l);
	proc_free(self->p);
	strtab_free(self->st);
}

static void vma(FIXTURE_DATA(layout) * self, uint64_t start, uint64_t end, uint32_t prot,
		uint64_t ino, uint64_t pgoff, const char *name)
{
	struct mtr_event ev = { .kind = MTR_EV_VMA, .as = 1 };

	ev.vma = (struct mtr_ev_vma){ .start = start,
				      .end = end,
				      .prot = prot,
				      .ino = ino,
				      .dev = ino ? 1 : 0,
				      .pgoff = pgoff };
	ev.vma.name = strtab_intern_str(self->st, name);
	proc_apply(self->p, &ev, self->st);
}

/* All labels from high to low, separated by '|'. */
static const char *labels(FIXTURE_DATA(layout) * self)
{
	static char all[1024];
	char one[128];
	size_t n = 0;

	proc_kinds(self->p, self->st);
	if (layout_build(&self->l, self->p, self->st))
		return "ENOMEM";
	all[0] = '\0';
	for (unsigned int i = 0; i < self->l.nr; i++)
		n += (size_t)snprintf(all + n, sizeof(all) - n, "%s%s", i ? "|" : "",
				      layout_label(one, sizeof(one), &self->l.row[i], self->p,
						   self->st));
	return all;
}

TEST_F(layout, empty)
{
	EXPECT_STREQ("", labels(self));
}

TEST_F(layout, executable_is_kept_apart)
{
	vma(self, 0x400000, 0x401000, RO, 7, 0, "/bin/app");
	vma(self, 0x401000, 0x402000, RX, 7, 0x1000, "/bin/app");
	vma(self, 0x402000, 0x403000, RW, 7, 0x2000, "/bin/app");
	vma(self, 0x403000, 0x404000, RW, 0, 0, "");
	vma(self, 0x500000, 0x501000, RW, 0, 0, "[heap]");
	EXPECT_STREQ("heap [heap]|bss app|data app|text app|rodata app", labels(self));
	EXPECT_EQ('u', self->l.row[0].grows);
}

TEST_F(layout, module_is_one_row)
{
	vma(self, 0x70000000, 0x70001000, RO, 8, 0, "/lib/libx.so (deleted)");
	vma(self, 0x70001000, 0x70003000, RX, 8, 0x1000, "/lib/libx.so (deleted)");
	vma(self, 0x70003000, 0x70004000, RW, 8, 0x3000, "/lib/libx.so (deleted)");
	vma(self, 0x70004000, 0x70005000, RW, 0, 0, "");
	/* the same file, loaded once more right above */
	vma(self, 0x70005000, 0x70006000, RO, 8, 0, "/lib/libx.so (deleted)");
	vma(self, 0x70006000, 0x70007000, RX, 8, 0x1000, "/lib/libx.so (deleted)");
	EXPECT_STREQ("libx.so (2)|libx.so (4)", labels(self));
	ASSERT_EQ(2, self->l.nr);
	EXPECT_TRUE(self->l.row[1].module);
	EXPECT_EQ(0x70000000, self->l.row[1].start);
	EXPECT_EQ(0x70005000, self->l.row[1].end);
	EXPECT_EQ(0x5000, self->l.row[1].virt);
}

TEST_F(layout, anonymous_neighbours)
{
	vma(self, 0x70000000, 0x70001000, RW, 0, 0, "");
	vma(self, 0x70002000, 0x70003000, RO, 0, 0, "");
	vma(self, 0x70003000, 0x70004000, 0, 0, 0, "");
	vma(self, 0x70005000, 0x70006000, RW, 0, 0, "[anon:jit]");
	vma(self, 0x70006000, 0x70007000, RX, 0, 0, "[anon:jit]");
	vma(self, 0x70007000, 0x70008000, RW, 0, 0, "[anon:other]");
	EXPECT_STREQ("[anon:other]|[anon:jit] ×2|reserved|anon ×2", labels(self));
}

TEST_F(layout, files)
{
	vma(self, 0x70000000, 0x70001000, RO, 11, 0, "/usr/share/a");
	vma(self, 0x70001000, 0x70002000, RO, 12, 0, "/usr/share/b");
	vma(self, 0x70003000, 0x70004000, RO, 13, 0, "/usr/share/c");
	vma(self, 0x71000000, 0x72000000, RO, 14, 0, "/var/large");
	vma(self, 0x72000000, 0x72001000, RO, 15, 0, "/var/d");
	vma(self, 0x73000000, 0x73001000, RW | MTR_P_SHARED, 16, 0, "/memfd:buf (deleted)");
	EXPECT_STREQ("memfd buf|file d|file large|file c|files ×2", labels(self));
}

TEST_F(layout, gaps_and_the_vsyscall_page)
{
	vma(self, 0x70000000, 0x70001000, RW, 0, 0, "");
	vma(self, 0x70001000 + LAYOUT_GAP_MIN - 4096, 0x70001000 + LAYOUT_GAP_MIN, RW, 0, 0, "");
	vma(self, 0x70001000 + 3 * LAYOUT_GAP_MIN, 0x70002000 + 3 * LAYOUT_GAP_MIN, RW, 0, 0, "");
	vma(self, 0xffffffffff600000, 0xffffffffff601000, MTR_P_EXEC | MTR_P_SPECIAL, 0, 0,
	    "[vsyscall]");
	EXPECT_STREQ("anon|2.00G free|anon ×2", labels(self));
	EXPECT_EQ(LAYOUT_GAP, self->l.row[1].what);
}

TEST_F(layout, stacks_and_arenas)
{
	struct mtr_event ev = { .kind = MTR_EV_THREAD, .as = 1, .tid = 101 };

	vma(self, 0x64000000, 0x64021000, RW, 0, 0, "");
	vma(self, 0x64021000, 0x68000000, 0, 0, 0, "");
	vma(self, 0x68000000, 0x68021000, RW, 0, 0, "");
	vma(self, 0x68021000, 0x6c000000, 0, 0, 0, "");
	vma(self, 0x70000000, 0x70001000, 0, 0, 0, "");
	vma(self, 0x70001000, 0x70801000, RW, 0, 0, "");
	vma(self, 0x7ffde000, 0x80000000, RW | MTR_P_GROWSDOWN, 0, 0, "");
	ev.thread.sp = 0x70800000;
	ev.thread.comm = strtab_intern_str(self->st, "bio_aof");
	proc_apply(self->p, &ev, self->st);
	EXPECT_STREQ("stack main|stack bio_aof#101|guard|arena 2|arena 1", labels(self));
	EXPECT_EQ(2, self->l.row[3].nr);
	EXPECT_EQ(64 << 20, self->l.row[3].virt);
	EXPECT_EQ('d', self->l.row[1].grows);
	EXPECT_EQ(101, self->l.row[2].tid);
}

TEST_F(layout, residency)
{
	struct mtr_event ev = { .kind = MTR_EV_RESIDENCY, .as = 1 };

	vma(self, 0x70000000, 0x70002000, RW, 0, 0, "");
	vma(self, 0x70003000, 0x70005000, RO, 0, 0, "");
	vma(self, 0x71000000, 0x71002000, RW | MTR_P_SHARED, 0, 0, "");
	ev.residency.start = 0x70000000;
	ev.residency.end = 0x70002000;
	ev.residency.present = ev.residency.anon = 4096;
	ev.residency.begin_ns = 5;
	proc_apply(self->p, &ev, self->st);
	EXPECT_STREQ("shm|anon ×2", labels(self));
	ASSERT_EQ(2, self->l.nr);
	EXPECT_EQ(4096, self->l.row[1].res);
	EXPECT_EQ(4096, self->l.max_res);
}

TEST(base_name)
{
	char b[32];

	EXPECT_STREQ("libc.so.6", layout_basename(b, sizeof(b), "/lib/libc.so.6"));
	EXPECT_STREQ("x", layout_basename(b, sizeof(b), "/tmp/x (deleted)"));
	EXPECT_STREQ("x", layout_basename(b, sizeof(b), "x"));
	EXPECT_STREQ("", layout_basename(b, sizeof(b), ""));
	EXPECT_STREQ("/", layout_basename(b, sizeof(b), "/"));
	EXPECT_STREQ("ab", layout_basename(b, 3, "/abcdef"));
}

TEST_HARNESS_MAIN
