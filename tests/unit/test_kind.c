// SPDX-License-Identifier: GPL-2.0
/*
 * What regions are. The maps are those of real programs, shortened; what each
 * line is was read from `readelf -lW` of the files, /proc/PID/stat (addresses)
 * and /proc/PID/task/TID/syscall (stack pointers), not from memtrace.
 *
 * Each case runs twice: as /proc/PID/maps shows it, and as BPF would tell it,
 * with the last component of a file's path and no names in brackets.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event/event.h"
#include "event/strtab.h"
#include "kselftest_harness.h"
#include "model/model.h"
#include "source/proc_parse.h"

struct line {
	const char *maps;
	enum region_kind kind;
	uint32_t tid;
};

struct at {
	uint32_t tid;
	uint64_t sp;
};

struct program {
	struct mtr_ev_proc mm;
	const struct line *line;
	unsigned int nr;
	struct at thread[8];
	bool named_only; /* nothing but the names tells */
};

#define LINES(...)                                    \
	.line = (const struct line[]){ __VA_ARGS__ }, \
	.nr = sizeof((const struct line[]){ __VA_ARGS__ }) / sizeof(struct line)

static const struct program cat = {
	.mm = { .start_code = 0x5599a1ff1000,
		.end_code = 0x5599a1ff5da9,
		.start_data = 0x5599a1ff9c30,
		.end_data = 0x5599a1ffa280,
		.start_brk = 0x5599c20b2000,
		.start_stack = 0x7ffceacdfbf0 },
	LINES({ "5599a1fef000-5599a1ff1000 r--p 00000000 fe:00 247134 /usr/bin/cat", RK_RODATA, 0 },
	      { "5599a1ff1000-5599a1ff6000 r-xp 00002000 fe:00 247134 /usr/bin/cat", RK_TEXT, 0 },
	      { "5599a1ff6000-5599a1ff9000 r--p 00007000 fe:00 247134 /usr/bin/cat", RK_RODATA, 0 },
	      { "5599a1ff9000-5599a1ffa000 r--p 00009000 fe:00 247134 /usr/bin/cat", RK_RELRO, 0 },
	      { "5599a1ffa000-5599a1ffb000 rw-p 0000a000 fe:00 247134 /usr/bin/cat", RK_DATA, 0 },
	      { "5599c20b2000-5599c20d3000 rw-p 00000000 00:00 0 [heap]", RK_HEAP, 0 },
	      { "7fe8a420e000-7fe8a4230000 rw-p 00000000 00:00 0 ", RK_ANON, 0 },
	      { "7fe8a4230000-7fe8a4287000 r--p 00000000 fe:00 320475 /usr/lib/locale/LC_CTYPE",
		RK_FILE, 0 },
	      { "7fe8a4291000-7fe8a42b7000 r--p 00000000 fe:00 332835 /lib/libc.so.6", RK_RODATA,
		0 },
	      { "7fe8a42b7000-7fe8a440d000 r-xp 00026000 fe:00 332835 /lib/libc.so.6", RK_TEXT, 0 },
	      { "7fe8a440d000-7fe8a4460000 r--p 0017c000 fe:00 332835 /lib/libc.so.6", RK_RODATA,
		0 },
	      { "7fe8a4460000-7fe8a4464000 r--p 001cf000 fe:00 332835 /lib/libc.so.6", RK_RELRO,
		0 },
	      { "7fe8a4464000-7fe8a4466000 rw-p 001d3000 fe:00 332835 /lib/libc.so.6", RK_DATA, 0 },
	      { "7fe8a4466000-7fe8a4473000 rw-p 00000000 00:00 0 ", RK_BSS, 0 },
	      { "7fe8a4473000-7fe8a4474000 r--p 00000000 fe:00 320473 /usr/lib/locale/LC_ADDRESS",
		RK_FILE, 0 },
	      { "7fe8a4476000-7fe8a447d000 r--s 00000000 fe:00 332280 /usr/lib/gconv-modules.cache",
		RK_FILE, 0 },
	      { "7fe8a447e000-7fe8a4480000 rw-p 00000000 00:00 0 ", RK_ANON, 0 },
	      { "7fe8a4480000-7fe8a4484000 r--p 00000000 00:00 0 [vvar]", RK_VVAR, 0 },
	      { "7fe8a4484000-7fe8a4486000 r--p 00000000 00:00 0 [vvar_vclock]", RK_VVAR, 0 },
	      { "7fe8a4486000-7fe8a4488000 r-xp 00000000 00:00 0 [vdso]", RK_VDSO, 0 },
	      { "7fe8a4488000-7fe8a4489000 r--p 00000000 fe:00 332383 /lib/ld-linux-x86-64.so.2",
		RK_RODATA, 0 },
	      { "7fe8a4489000-7fe8a44af000 r-xp 00001000 fe:00 332383 /lib/ld-linux-x86-64.so.2",
		RK_TEXT, 0 },
	      { "7fe8a44af000-7fe8a44b9000 r--p 00027000 fe:00 332383 /lib/ld-linux-x86-64.so.2",
		RK_RODATA, 0 },
	      { "7fe8a44b9000-7fe8a44bb000 r--p 00031000 fe:00 332383 /lib/ld-linux-x86-64.so.2",
		RK_RELRO, 0 },
	      { "7fe8a44bb000-7fe8a44bd000 rw-p 00033000 fe:00 332383 /lib/ld-linux-x86-64.so.2",
		RK_DATA, 0 },
	      { "7ffceacc0000-7ffceace1000 rw-p 00000000 00:00 0 [stack]", RK_STACK, 100 },
	      { "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 [vsyscall]", RK_VSYSCALL,
		0 })
};

/* python3 with two threads: two arenas, two stacks, anonymous memory right behind both. */
static const struct program python = {
	.mm = { .start_code = 0x558c0b6d4000,
		.end_code = 0x558c0b6d4155,
		.start_data = 0x558c0b6d6db0,
		.end_data = 0x558c0b6d7018,
		.start_brk = 0x558c2903b000,
		.start_stack = 0x7ffd1e48a4e0 },
	.thread = { { 100, 0x7ffd1e489810 }, { 101, 0x7f31cafd4950 }, { 102, 0x7f31ca7d3950 } },
	LINES({ "558c0b6d3000-558c0b6d4000 r--p 00000000 fe:00 18624 /opt/python3.11", RK_RODATA,
		0 },
	      { "558c0b6d4000-558c0b6d5000 r-xp 00001000 fe:00 18624 /opt/python3.11", RK_TEXT, 0 },
	      { "558c0b6d5000-558c0b6d6000 r--p 00002000 fe:00 18624 /opt/python3.11", RK_RODATA,
		0 },
	      { "558c0b6d6000-558c0b6d7000 r--p 00002000 fe:00 18624 /opt/python3.11", RK_RELRO,
		0 },
	      { "558c0b6d7000-558c0b6d8000 rw-p 00003000 fe:00 18624 /opt/python3.11", RK_DATA, 0 },
	      { "558c2903b000-558c291ca000 rw-p 00000000 00:00 0 [heap]", RK_HEAP, 0 },
	      { "7f31bc000000-7f31bc021000 rw-p 00000000 00:00 0 ", RK_ARENA, 0 },
	      { "7f31bc021000-7f31c0000000 ---p 00000000 00:00 0 ", RK_ARENA, 0 },
	      { "7f31c4000000-7f31c4021000 rw-p 00000000 00:00 0 ", RK_ARENA, 0 },
	      { "7f31c4021000-7f31c8000000 ---p 00000000 00:00 0 ", RK_ARENA, 0 },
	      { "7f31c9fd4000-7f31c9fd5000 ---p 00000000 00:00 0 ", RK_GUARD, 102 },
	      { "7f31c9fd5000-7f31ca7d5000 rw-p 00000000 00:00 0 ", RK_THREAD_STACK, 102 },
	      { "7f31ca7d5000-7f31ca7d6000 ---p 00000000 00:00 0 ", RK_GUARD, 101 },
	      { "7f31ca7d6000-7f31cafd6000 rw-p 00000000 00:00 0 ", RK_THREAD_STACK, 101 },
	      { "7f31cafd6000-7f31cb109000 rw-p 00000000 00:00 0 ", RK_ANON, 0 },
	      { "7f31cb1d0000-7f31cb1d2000 r--p 00000000 fe:00 21689 /opt/zlib.so", RK_RODATA, 0 },
	      { "7f31cb1d2000-7f31cb1d7000 r-xp 00002000 fe:00 21689 /opt/zlib.so", RK_TEXT, 0 },
	      { "7f31cb1d7000-7f31cb1da000 r--p 00007000 fe:00 21689 /opt/zlib.so", RK_RODATA, 0 },
	      { "7f31cb1da000-7f31cb1db000 r--p 00009000 fe:00 21689 /opt/zlib.so", RK_RELRO, 0 },
	      { "7f31cb1db000-7f31cb1dc000 rw-p 0000a000 fe:00 21689 /opt/zlib.so", RK_DATA, 0 },
	      { "7f31cb1dc000-7f31cb53e000 rw-p 00000000 00:00 0 ", RK_ANON, 0 },
	      { "7f31cb800000-7f31cb8f5000 r--p 00000000 fe:00 18834 /opt/libpython3.11.so.1.0",
		RK_RODATA, 0 },
	      { "7f31cb8f5000-7f31cbb31000 r-xp 000f5000 fe:00 18834 /opt/libpython3.11.so.1.0",
		RK_TEXT, 0 },
	      { "7f31cbb31000-7f31cbc15000 r--p 00331000 fe:00 18834 /opt/libpython3.11.so.1.0",
		RK_RODATA, 0 },
	      { "7f31cbc15000-7f31cbc44000 r--p 00414000 fe:00 18834 /opt/libpython3.11.so.1.0",
		RK_RELRO, 0 },
	      { "7f31cbc44000-7f31cbd78000 rw-p 00443000 fe:00 18834 /opt/libpython3.11.so.1.0",
		RK_DATA, 0 },
	      { "7f31cbd78000-7f31cbdba000 rw-p 00000000 00:00 0 ", RK_BSS, 0 },
	      { "7ffd1e46b000-7ffd1e48c000 rw-p 00000000 00:00 0 [stack]", RK_STACK, 100 })
};

/* A static Go program: no relro, heap of 64 MiB chunks, thread stacks cut from it. */
static const struct program go = {
	.mm = { .start_code = 0x401000,
		.end_code = 0x47d000,
		.start_data = 0x530000,
		.end_data = 0x53e000,
		.start_brk = 0x1c8f000,
		.start_stack = 0x7ffc1aaef3a0 },
	.thread = { { 100, 0x7ffc1aaeee00 }, { 101, 0xc000058e98 }, { 102, 0xc000088e98 } },
	LINES({ "00400000-0047d000 r-xp 00000000 fe:00 77 /srv/app", RK_TEXT, 0 },
	      { "0047d000-00530000 r--p 0007d000 fe:00 77 /srv/app", RK_RODATA, 0 },
	      { "00530000-0053e000 rw-p 00130000 fe:00 77 /srv/app", RK_DATA, 0 },
	      { "0053e000-00574000 rw-p 00000000 00:00 0 ", RK_BSS, 0 },
	      { "c000000000-c000400000 rw-p 00000000 00:00 0 ", RK_ANON, 0 },
	      { "c000400000-c004000000 ---p 00000000 00:00 0 ", RK_ANON, 0 },
	      { "7f9d1c5a3000-7f9d1e914000 rw-p 00000000 00:00 0 ", RK_ANON, 0 },
	      { "7f9d2ea94000-7f9d2ea95000 ---p 00000000 00:00 0 ", RK_ANON, 0 },
	      { "7ffc1aad0000-7ffc1aaf1000 rw-p 00000000 00:00 0 [stack]", RK_STACK, 100 },
	      { "7ffc1ab1c000-7ffc1ab20000 r--p 00000000 00:00 0 [vvar]", RK_VVAR, 0 },
	      { "7ffc1ab20000-7ffc1ab22000 r-xp 00000000 00:00 0 [vdso]", RK_VDSO, 0 })
};

/* musl: libc is the loader; brk heap cut by a page that malloc made unreadable. */
static const struct program musl = {
	.mm = { .start_code = 0x55d0b0a02000,
		.end_code = 0x55d0b0a8a000,
		.start_data = 0x55d0b0ac1a70,
		.end_data = 0x55d0b0ac6000,
		.start_brk = 0x55d0b1a3c000,
		.start_stack = 0x7ffe0b2c1e20 },
	.thread = { { 100, 0x7ffe0b2c1c00 }, { 101, 0x7f2c5f0a1a40 } },
	LINES({ "55d0b09f8000-55d0b0a02000 r--p 00000000 08:02 31 /bin/busybox", RK_RODATA, 0 },
	      { "55d0b0a02000-55d0b0a8a000 r-xp 0000a000 08:02 31 /bin/busybox", RK_TEXT, 0 },
	      { "55d0b0a8a000-55d0b0ac1000 r--p 00092000 08:02 31 /bin/busybox", RK_RODATA, 0 },
	      { "55d0b0ac1000-55d0b0ac5000 r--p 000c8000 08:02 31 /bin/busybox", RK_RELRO, 0 },
	      { "55d0b0ac5000-55d0b0ac6000 rw-p 000cc000 08:02 31 /bin/busybox", RK_DATA, 0 },
	      { "55d0b0ac6000-55d0b0ac8000 rw-p 00000000 00:00 0 ", RK_BSS, 0 },
	      { "55d0b1a3c000-55d0b1a3d000 ---p 00000000 00:00 0 [heap]", RK_HEAP, 0 },
	      { "55d0b1a3d000-55d0b1a3f000 rw-p 00000000 00:00 0 [heap]", RK_HEAP, 0 },
	      { "7f2c5f07f000-7f2c5f081000 ---p 00000000 00:00 0 ", RK_GUARD, 101 },
	      { "7f2c5f081000-7f2c5f0a2000 rw-p 00000000 00:00 0 ", RK_THREAD_STACK, 101 },
	      { "7f2c5f0a2000-7f2c5f0b6000 r--p 00000000 08:02 12 /lib/ld-musl-x86_64.so.1",
		RK_RODATA, 0 },
	      { "7f2c5f0b6000-7f2c5f102000 r-xp 00014000 08:02 12 /lib/ld-musl-x86_64.so.1",
		RK_TEXT, 0 },
	      { "7f2c5f102000-7f2c5f138000 r--p 00060000 08:02 12 /lib/ld-musl-x86_64.so.1",
		RK_RODATA, 0 },
	      { "7f2c5f138000-7f2c5f139000 r--p 00095000 08:02 12 /lib/ld-musl-x86_64.so.1",
		RK_RELRO, 0 },
	      { "7f2c5f139000-7f2c5f13a000 rw-p 00096000 08:02 12 /lib/ld-musl-x86_64.so.1",
		RK_DATA, 0 },
	      { "7f2c5f13a000-7f2c5f13d000 rw-p 00000000 00:00 0 ", RK_BSS, 0 },
	      { "7ffe0b2a2000-7ffe0b2c3000 rw-p 00000000 00:00 0 [stack]", RK_STACK, 100 })
};

/* An old link (no separate code): one r-- behind the text, and it is relro. */
static const struct program old_link = {
	.mm = { .start_code = 0x400000,
		.end_code = 0x40b000,
		.start_data = 0x60adf0,
		.end_data = 0x60b500,
		.start_brk = 0x60c000,
		.start_stack = 0x7ffe0b2c1e20 },
	LINES({ "00400000-0040b000 r-xp 00000000 08:02 31 /bin/old", RK_TEXT, 0 },
	      { "0060a000-0060b000 r--p 0000a000 08:02 31 /bin/old", RK_RELRO, 0 },
	      { "0060b000-0060c000 rw-p 0000b000 08:02 31 /bin/old", RK_DATA, 0 },
	      /* without randomisation brk goes on where bss ends */
	      { "0060c000-0062d000 rw-p 00000000 00:00 0 [heap]", RK_HEAP, 0 },
	      { "7f0000000000-7f000000b000 r-xp 00000000 08:02 32 /lib/old.so", RK_TEXT, 0 },
	      { "7f000000b000-7f000020a000 ---p 0000b000 08:02 32 /lib/old.so", RK_FILE, 0 },
	      { "7f000020a000-7f000020b000 r--p 0000a000 08:02 32 /lib/old.so", RK_RELRO, 0 },
	      { "7f000020b000-7f000020c000 rw-p 0000b000 08:02 32 /lib/old.so", RK_DATA, 0 },
	      /* all of its data is relro */
	      { "7f0000300000-7f0000301000 r--p 00000000 08:02 33 /lib/full.so", RK_RODATA, 0 },
	      { "7f0000301000-7f0000302000 r-xp 00001000 08:02 33 /lib/full.so", RK_TEXT, 0 },
	      { "7f0000302000-7f0000303000 r--p 00002000 08:02 33 /lib/full.so", RK_RODATA, 0 },
	      { "7f0000303000-7f0000304000 r--p 00002000 08:02 33 /lib/full.so", RK_RELRO, 0 })
};

/* A full arena of two heaps, its last one's rest merged with a stack's guard. */
static const struct program arenas = {
	.thread = { { 101, 0x7f00108ff000 } },
	LINES({ "7f0000000000-7f0004000000 rw-p 00000000 00:00 0 ", RK_ARENA, 0 },
	      { "7f000c000000-7f000e000000 rw-p 00000000 00:00 0 ", RK_ARENA, 0 },
	      { "7f000e000000-7f0010001000 ---p 00000000 00:00 0 ", RK_ARENA, 0 },
	      { "7f0010001000-7f0010900000 rw-p 00000000 00:00 0 ", RK_THREAD_STACK, 101 },
	      /* not at a multiple of 64 MiB, or not up to one */
	      { "7f0021000000-7f0021021000 rw-p 00000000 00:00 0 ", RK_ANON, 0 },
	      { "7f0021021000-7f0024000000 ---p 00000000 00:00 0 ", RK_ANON, 0 },
	      { "7f0030000000-7f0030021000 rw-p 00000000 00:00 0 ", RK_ANON, 0 },
	      { "7f0030021000-7f0033000000 ---p 00000000 00:00 0 ", RK_ANON, 0 })
};

static const struct program named = {
	.named_only = true,
	.thread = { { 101, 0x7f0000900000 } },
	LINES({ "10000000-10001000 rw-p 00000000 00:00 0 [anon:jemalloc arena]", RK_ANON_NAMED, 0 },
	      { "10002000-10003000 rw-s 00000000 00:01 5 [anon_shmem:ring]", RK_SHM, 0 },
	      { "10004000-10005000 rw-s 00000000 00:01 6 /memfd:buf (deleted)", RK_MEMFD, 0 },
	      { "10006000-10007000 rwxp 00000000 00:01 7 /memfd:jit (deleted)", RK_MEMFD, 0 },
	      { "10008000-10009000 rw-s 00000000 00:01 65538 /SYSV0000002a (deleted)", RK_SYSV, 0 },
	      { "1000a000-1000b000 rw-s 00000000 00:1a 3 /dev/shm/sem.x", RK_SHM, 0 },
	      { "1000c000-1000d000 rw-s 00000000 00:01 1027 /dev/zero (deleted)", RK_SHM, 0 },
	      { "1000e000-1000f000 rw-p 00000000 00:05 5 /dev/zero", RK_ANON, 0 },
	      { "10200000-10400000 rw-p 00000000 00:0f 90 /anon_hugepage (deleted)", RK_HUGETLB,
		0 },
	      { "10400000-10600000 rw-s 00000000 00:2b 91 /dev/hugepages/pool", RK_HUGETLB, 0 },
	      { "20000000-20001000 rw-s 00000000 00:05 92 /dev/dri/card0", RK_DEVICE, 0 },
	      { "20002000-20003000 rw-s 00000000 00:0e 93 anon_inode:[perf_event]", RK_DEVICE, 0 },
	      { "20004000-20005000 r--p 00000000 08:01 94 /etc/SYSVinit.conf", RK_FILE, 0 },
	      { "20006000-20007000 rw-s 00000000 08:01 95 /srv/memfd:not", RK_FILE, 0 },
	      { "20008000-20009000 rw-p 00000000 08:01 96 /tmp/x\\012[heap]", RK_FILE, 0 },
	      { "2000a000-2000b000 r--p 00000000 00:00 0 [strange]", RK_UNKNOWN, 0 },
	      { "7f0000100000-7f0000900000 rw-p 00000000 00:00 0 [anon:other]", RK_ANON_NAMED, 0 },
	      { "7f0000900000-7f0001100000 rw-p 00000000 00:00 0 [anon:stack_and_tls:9]",
		RK_THREAD_STACK, 101 })
};

static const char *as_bpf(const struct maps_line *m, const char *name)
{
	const char *base = strrchr(name, '/');

	if (*name == '[' || !m->ino)
		return "";
	return base ? base + 1 : name;
}

static void apply(struct proc *p, struct strtab *st, struct mtr_event *ev)
{
	ev->as = p->as;
	proc_apply(p, ev, st);
}

static struct proc *load(const struct program *g, struct strtab *st, bool bpf)
{
	struct mtr_event ev = { .kind = MTR_EV_ATTACH };
	struct proc *p = proc_new(1);

	ev.proc = g->mm;
	ev.proc.pid = 100;
	apply(p, st, &ev);
	ev = (struct mtr_event){ .kind = MTR_EV_SNAP_BEGIN };
	ev.snap.what = MTR_SNAP_MAPS;
	apply(p, st, &ev);
	for (unsigned int i = 0; i < g->nr; i++) {
		char line[256], name[256];
		struct maps_line m;

		snprintf(line, sizeof(line), "%s", g->line[i].maps);
		if (maps_parse_line(line, strlen(line), &m))
			return NULL;
		snprintf(name, sizeof(name), "%.*s", (int)m.name_len, m.name);
		ev = (struct mtr_event){ .kind = MTR_EV_SNAP_VMA };
		ev.vma = (struct mtr_ev_vma){ .start = m.start,
					      .end = m.end,
					      .prot = m.prot,
					      .dev = m.dev,
					      .ino = m.ino,
					      .pgoff = m.pgoff };
		ev.vma.name = strtab_intern_str(st, bpf ? as_bpf(&m, name) : name);
		apply(p, st, &ev);
	}
	ev = (struct mtr_event){ .kind = MTR_EV_SNAP_END };
	ev.snap.what = MTR_SNAP_MAPS;
	ev.snap.complete = true;
	apply(p, st, &ev);
	for (unsigned int i = 0; i < 8 && g->thread[i].tid; i++) {
		ev = (struct mtr_event){ .kind = MTR_EV_THREAD, .tid = g->thread[i].tid };
		ev.thread.sp = g->thread[i].sp;
		ev.thread.at_attach = true;
		apply(p, st, &ev);
	}
	return p;
}

static unsigned int wrong(struct __test_metadata *_metadata, const struct program *g, bool bpf)
{
	struct strtab *st = strtab_new();
	struct proc *p = load(g, st, bpf);
	unsigned int n = 0, nr = 0;
	struct region *r;

	kind_classify(p, st);
	kind_classify(p, st); /* once more: the same */
	aspace_for_each(r, &p->aspace) {
		const struct line *l = &g->line[nr++];

		if (r->kind == l->kind && r->tid == l->tid)
			continue;
		TH_LOG("%s%s: %s #%u, expected %s #%u", bpf ? "(bpf) " : "", l->maps,
		       region_kind_name(r->kind), r->tid, region_kind_name(l->kind), l->tid);
		n++;
	}
	n += nr != g->nr;
	proc_free(p);
	strtab_free(st);
	return n;
}

#define KINDS_OF(program)                                               \
	TEST(kinds_of_##program)                                        \
	{                                                               \
		EXPECT_EQ(0, wrong(_metadata, &program, false));        \
		if (!program.named_only)                                \
			EXPECT_EQ(0, wrong(_metadata, &program, true)); \
	}

KINDS_OF(cat)
KINDS_OF(python)
KINDS_OF(go)
KINDS_OF(musl)
KINDS_OF(old_link)
KINDS_OF(arenas)
KINDS_OF(named)

TEST(tokens)
{
	for (unsigned int i = 0; i < RK_NR; i++)
		EXPECT_EQ(i, region_kind_parse(region_kind_name((enum region_kind)i)));
	EXPECT_EQ(RK_NR, region_kind_parse("unmapped"));
	EXPECT_EQ(RK_NR, region_kind_parse(""));
	EXPECT_STREQ("thread_stack", region_kind_name(RK_THREAD_STACK));
	EXPECT_STREQ("unknown", region_kind_name((enum region_kind)99));
}

TEST_HARNESS_MAIN
