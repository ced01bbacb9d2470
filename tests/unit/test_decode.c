// SPDX-License-Identifier: GPL-2.0
/*
 * Records of the BPF ring, as bytes, to events. Each record is put at the end of
 * an allocation of its own size, so that ASan sees a read behind it.
 */
#include <errno.h>
#include <linux/types.h>
#include <stddef.h>
#include <stdlib.h>

#include "kselftest_harness.h"
#include "memtrace_uapi.h"
#include "mtr_wire.h"
#include "source/decode.h"

FIXTURE(d)
{
	struct strtab *st;
	struct mtr_event ev;
};

typedef FIXTURE_DATA(d) D;

FIXTURE_SETUP(d)
{
	self->st = strtab_new();
	memset(&self->ev, 0xa5, sizeof(self->ev));
}

FIXTURE_TEARDOWN(d)
{
	strtab_free(self->st);
}

static struct mtr_w_hdr hdr(unsigned int kind, uint32_t aux)
{
	return (struct mtr_w_hdr){ .kind = (__u16)kind,
				   .cpu = 3,
				   .as = 7,
				   .tid = 4242,
				   .aux = aux,
				   .time_ns = 123456789012345ull };
}

/* As it lies in the ring, @sz bytes of it. */
static int decode(D *d, const void *rec, size_t sz)
{
	void *copy = malloc(sz + 1);
	int ret;

	memcpy(copy, rec, sz);
	copy = realloc(copy, sz ? sz : 1);
	ret = decode_record(copy, sz, d->st, &d->ev);
	free(copy);
	return ret;
}

static const char *str(D *d, uint32_t id)
{
	return strtab_str(d->st, id);
}

/* The size that each kind must have at least; what is not here must be no kind. */
static const size_t size_of[MTR_W_MAX] = {
	[MTR_W_ATTACH] = 168,	 [MTR_W_EXEC] = 168,  [MTR_W_EXIT] = 32,	[MTR_W_VMA] = 72,
	[MTR_W_HOLE] = 40,	 [MTR_W_NAME] = 120,  [MTR_W_FILE] = 168,	[MTR_W_FAULT] = 32,
	[MTR_W_RSS] = 72,	 [MTR_W_THREAD] = 72, [MTR_W_THREAD_EXIT] = 32, [MTR_W_SIGNAL] = 56,
	[MTR_W_OOM] = 24,	 [MTR_W_RESYNC] = 40, [MTR_W_COMM] = 40,	[MTR_W_SP] = 48,
	[MTR_W_INVALIDATE] = 64, [MTR_W_STACK] = 208, [MTR_W_MOVE] = 56,	[MTR_W_CRASH] = 208,
	[MTR_W_CALL] = 104,
};

TEST_F(d, records_cut_at_every_length)
{
	for (unsigned int kind = 0; kind < MTR_W_MAX; kind++) {
		char rec[1024] = { 0 };
		struct mtr_w_hdr h = hdr(kind, 0);

		memcpy(rec, &h, sizeof(h));
		for (size_t sz = 0; sz < size_of[kind]; sz++) {
			EXPECT_EQ(-EBADMSG, decode(self, rec, sz))
			TH_LOG("kind %u, %zu bytes", kind, sz);
		}
		/* the ring may round up; a newer sender may append */
		for (size_t sz = size_of[kind]; size_of[kind] && sz < size_of[kind] + 16; sz++) {
			EXPECT_EQ(kind != MTR_W_FAULT && kind != MTR_W_STACK && kind != MTR_W_CRASH,
				  decode(self, rec, sz))
			TH_LOG("kind %u, %zu bytes", kind, sz);
		}
	}
}

TEST_F(d, unknown_kinds_are_skipped)
{
	const unsigned int kinds[] = { 0, MTR_W_MAX, MTR_W_MAX + 1, 255, 0xffff };

	for (unsigned int i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		struct mtr_w_hdr h = hdr(kinds[i], 0);

		EXPECT_EQ(0, decode(self, &h, sizeof(h)));
		EXPECT_EQ(0, decode_kind(kinds[i]));
	}
}

TEST_F(d, invalidations)
{
	struct mtr_w_invalidate w = {
		.h = hdr(MTR_W_INVALIDATE, MTR_W_INV_END),
		.start = 0x7fffffffe123,
		.end = UINT64_MAX,
		.seq = UINT64_MAX,
		.event = MEMTRACE_EV_CLEAR,
		.why = MEMTRACE_WHY_MIGRATED,
		.nr = -1,
		.epoch = UINT32_MAX,
	};

	ASSERT_EQ(1, decode(self, &w, sizeof(w)));
	EXPECT_EQ(0x7fffffffe000, self->ev.invalidate.start);
	EXPECT_EQ(UINT64_MAX, self->ev.invalidate.end);
	EXPECT_EQ(UINT64_MAX, self->ev.invalidate.seq);
	EXPECT_EQ(MTR_INV_END, self->ev.invalidate.phase);
	EXPECT_EQ(MTR_INV_MIGRATED, self->ev.invalidate.why);
	EXPECT_EQ(UINT32_MAX, self->ev.epoch);
	EXPECT_FALSE(self->ev.invalidate.stays);
	EXPECT_FALSE(self->ev.invalidate.elsewhere);
	/* a reason that this build does not know; inside an ioctl pages may have gone anywhere */
	w.why = 4000;
	w.nr = 16;
	w.h.aux = MTR_W_INV_START;
	ASSERT_EQ(1, decode(self, &w, sizeof(w)));
	EXPECT_EQ(MTR_INV_CLEARED, self->ev.invalidate.why);
	EXPECT_EQ(MTR_INV_START, self->ev.invalidate.phase);
	EXPECT_TRUE(self->ev.invalidate.elsewhere);
	w.event = MEMTRACE_EV_PROT_PAGE;
	ASSERT_EQ(1, decode(self, &w, sizeof(w)));
	EXPECT_TRUE(self->ev.invalidate.stays);
}

TEST_F(d, each_kind_has_its_event)
{
	const unsigned int kind[MTR_W_MAX] = {
		[MTR_W_ATTACH] = MTR_EV_ATTACH,
		[MTR_W_EXEC] = MTR_EV_EXEC,
		[MTR_W_EXIT] = MTR_EV_EXIT,
		[MTR_W_VMA] = MTR_EV_VMA,
		[MTR_W_HOLE] = MTR_EV_HOLE,
		[MTR_W_NAME] = MTR_EV_NAME,
		[MTR_W_FILE] = MTR_EV_FILE,
		[MTR_W_FAULT] = MTR_EV_FAULT,
		[MTR_W_RSS] = MTR_EV_RSS,
		[MTR_W_THREAD] = MTR_EV_THREAD,
		[MTR_W_THREAD_EXIT] = MTR_EV_THREAD_EXIT,
		[MTR_W_SIGNAL] = MTR_EV_SIGNAL,
		[MTR_W_OOM] = MTR_EV_OOM,
		[MTR_W_RESYNC] = MTR_EV_RESYNC,
		[MTR_W_COMM] = MTR_EV_COMM,
		[MTR_W_SP] = MTR_EV_SP,
		[MTR_W_INVALIDATE] = MTR_EV_INVALIDATE,
		[MTR_W_STACK] = MTR_EV_STACK,
		[MTR_W_MOVE] = MTR_EV_MOVE,
		[MTR_W_CRASH] = MTR_EV_STACK,
		[MTR_W_CALL] = MTR_EV_CALL,
	};

	for (unsigned int k = 0; k < MTR_W_MAX; k++) {
		char rec[1024] = { 0 };
		struct mtr_w_hdr h = hdr(k, 0);

		EXPECT_EQ(kind[k], decode_kind(k));
		if (!size_of[k] || k == MTR_W_FAULT || k == MTR_W_STACK || k == MTR_W_CRASH)
			continue;
		memcpy(rec, &h, sizeof(h));
		memset(&self->ev, 0xa5, sizeof(self->ev));
		ASSERT_EQ(1, decode(self, rec, size_of[k]));
		EXPECT_EQ(kind[k], self->ev.kind);
		EXPECT_EQ(3, self->ev.cpu);
		EXPECT_EQ(7, self->ev.as);
		EXPECT_EQ(4242, self->ev.tid);
		EXPECT_EQ(123456789012345ull, self->ev.time_ns);
	}
}

TEST_F(d, attach_and_exec)
{
	struct mtr_w_proc w = { .h = hdr(MTR_W_EXEC, 6),
				.tgid = 11,
				.ppid = 1,
				.ns_tgid = 22,
				.forked = 1,
				.start_time_ns = 33,
				.rss_pages = { 1, 2, 3, -4 },
				.min_flt = 5,
				.maj_flt = -1,
				.start_code = 0x401000,
				.end_code = 0x402000,
				.start_data = 0x403000,
				.end_data = 0x404000,
				.start_brk = 0x405000,
				.start_stack = 0x7ffd00001000 };

	memcpy(w.comm, "sixteen bytes ab", 16); /* no NUL */
	ASSERT_EQ(1, decode(self, &w, sizeof(w)));
	EXPECT_EQ(22, self->ev.proc.pid); /* as memtrace sees it */
	EXPECT_EQ(1, self->ev.proc.ppid);
	EXPECT_EQ(6, self->ev.proc.prev_as);
	EXPECT_TRUE(self->ev.proc.forked);
	EXPECT_EQ(33, self->ev.proc.start_time_ns);
	EXPECT_EQ(4096, self->ev.proc.rss_bytes[MTR_FILE]);
	EXPECT_EQ(8192, self->ev.proc.rss_bytes[MTR_ANON]);
	EXPECT_EQ(12288, self->ev.proc.rss_bytes[MTR_SWAP]);
	EXPECT_EQ(-16384, self->ev.proc.rss_bytes[MTR_SHMEM]);
	EXPECT_EQ(5, self->ev.proc.min_flt);
	EXPECT_EQ(-1, self->ev.proc.maj_flt);
	EXPECT_EQ(0x401000, self->ev.proc.start_code);
	EXPECT_EQ(0x402000, self->ev.proc.end_code);
	EXPECT_EQ(0x403000, self->ev.proc.start_data);
	EXPECT_EQ(0x404000, self->ev.proc.end_data);
	EXPECT_EQ(0x405000, self->ev.proc.start_brk);
	EXPECT_EQ(0x7ffd00001000, self->ev.proc.start_stack);
	EXPECT_STREQ("sixteen bytes ab", str(self, self->ev.proc.comm));
	EXPECT_EQ(0, self->ev.proc.exe);
}

struct flag {
	uint64_t vm;
	uint32_t prot;
};

/* vm_flags as include/linux/mm.h numbers them */
TEST_F(d, vma_flags)
{
	static const struct flag f[] = {
		{ 0, 0 },
		{ 0x1, MTR_P_READ },
		{ 0x2, MTR_P_WRITE },
		{ 0x4, MTR_P_EXEC },
		{ 0x8, 0 }, /* VM_SHARED: maps shows VM_MAYSHARE */
		{ 0x70, 0 }, /* VM_MAYREAD, WRITE, EXEC */
		{ 0x80, MTR_P_SHARED },
		{ 0x100, MTR_P_GROWSDOWN },
		{ 0x400, MTR_P_IO }, /* VM_PFNMAP */
		{ 0x4000, MTR_P_IO }, /* VM_IO */
		{ 0x4400, MTR_P_IO },
		{ 0x2000, MTR_P_LOCKED },
		{ 0x20000, MTR_P_DONTCOPY },
		{ 0x400000, MTR_P_HUGETLB },
		{ 0x2000000, MTR_P_WIPEONFORK },
		{ 0x8100077, MTR_P_RWX }, /* accounted, soft-dirty: a heap */
		{ 0xffffffff00000000, 0 }, /* protection keys, shadow stacks */
		{ ~0ull, MTR_P_RWX | MTR_P_SHARED | MTR_P_GROWSDOWN | MTR_P_IO | MTR_P_LOCKED |
				 MTR_P_DONTCOPY | MTR_P_HUGETLB | MTR_P_WIPEONFORK },
	};

	for (unsigned int i = 0; i < sizeof(f) / sizeof(*f); i++) {
		struct mtr_w_vma w = { .h = hdr(MTR_W_VMA, MTR_SRC_WALK), .flags = f[i].vm };

		ASSERT_EQ(1, decode(self, &w, sizeof(w)));
		EXPECT_EQ(f[i].prot, self->ev.vma.prot)
		TH_LOG("vm_flags 0x%llx", (unsigned long long)f[i].vm);
		w.special = 1;
		ASSERT_EQ(1, decode(self, &w, sizeof(w)));
		EXPECT_EQ(f[i].prot | MTR_P_SPECIAL, self->ev.vma.prot);
	}
}

TEST_F(d, vma_hole_name_file)
{
	struct mtr_w_vma v = { .h = hdr(MTR_W_VMA, MTR_SRC_MA_WRITE),
			       .start = 0x1000,
			       .end = ~0ull,
			       .pgoff = 0x5000,
			       .ino = ~0ull,
			       .dev = 0xfe00001 };
	struct mtr_w_hole h = { .h = hdr(MTR_W_HOLE, MTR_SRC_MUNMAP),
				.start = 0x2000,
				.end = 0x3000 };
	struct mtr_w_file f = {
		.h = hdr(MTR_W_FILE, 0), .ino = 9, .dev = 8, .fs_magic = 0x01021994
	};
	struct mtr_w_name n = {
		.h = hdr(MTR_W_NAME, 0), .start = 0x4000, .end = 0x5000, .name = "jit"
	};

	ASSERT_EQ(1, decode(self, &v, sizeof(v)));
	EXPECT_EQ(0x1000, self->ev.vma.start);
	EXPECT_EQ(~0ull, self->ev.vma.end);
	EXPECT_EQ(0x5000, self->ev.vma.pgoff);
	EXPECT_EQ(~0ull, self->ev.vma.ino);
	EXPECT_EQ(0xfe00001, self->ev.vma.dev);
	EXPECT_EQ(0, self->ev.vma.name);
	EXPECT_EQ(MTR_SRC_MA_WRITE, self->ev.vma.src);
	ASSERT_EQ(1, decode(self, &h, sizeof(h)));
	EXPECT_EQ(0x2000, self->ev.range.start);
	EXPECT_EQ(0x3000, self->ev.range.end);
	EXPECT_EQ(MTR_SRC_MUNMAP, self->ev.range.src);
	memset(f.name, 'x', sizeof(f.name)); /* no NUL */
	ASSERT_EQ(1, decode(self, &f, sizeof(f)));
	EXPECT_EQ(9, self->ev.file.ino);
	EXPECT_EQ(8, self->ev.file.dev);
	EXPECT_EQ(0x01021994, self->ev.file.fs_magic);
	EXPECT_EQ(128, strlen(str(self, self->ev.file.name)));
	ASSERT_EQ(1, decode(self, &n, sizeof(n)));
	EXPECT_EQ(0x4000, self->ev.name.start);
	EXPECT_EQ(0x5000, self->ev.name.end);
	EXPECT_STREQ("[anon:jit]", str(self, self->ev.name.name)); /* as maps has it */
	n.name[0] = '\0'; /* takes the name away */
	ASSERT_EQ(1, decode(self, &n, sizeof(n)));
	EXPECT_EQ(0, self->ev.name.name);
	memset(n.name, 'y', sizeof(n.name));
	ASSERT_EQ(1, decode(self, &n, sizeof(n)));
	EXPECT_EQ(80 + 7, strlen(str(self, self->ev.name.name)));
	EXPECT_EQ(']', str(self, self->ev.name.name)[86]);
}

TEST_F(d, threads_ends_signals)
{
	struct mtr_w_thread t = { .h = hdr(MTR_W_THREAD, 0),
				  .sp = 0x7f00,
				  .start_time_ns = 9,
				  .parent_tid = 8,
				  .nr = 1,
				  .tls = 0x7ff0,
				  .comm = "worker" };
	struct mtr_w_exit x = { .h = hdr(MTR_W_EXIT, 0), .exit_code = 0x8b };
	struct mtr_w_signal s = {
		.h = hdr(MTR_W_SIGNAL, 11), .code = -6, .fatal = 1, .addr = 1, .ip = 2, .sp = 3
	};
	struct mtr_w_comm c = { .h = hdr(MTR_W_COMM, 0), .comm = "\033[31m" };

	ASSERT_EQ(1, decode(self, &t, sizeof(t)));
	EXPECT_EQ(0x7f00, self->ev.thread.sp);
	EXPECT_EQ(9, self->ev.thread.start_time_ns);
	EXPECT_EQ(8, self->ev.thread.parent_tid);
	EXPECT_EQ(0x7ff0, self->ev.thread.tls);
	EXPECT_TRUE(self->ev.thread.at_attach);
	EXPECT_EQ(0, self->ev.thread.state);
	EXPECT_STREQ("worker", str(self, self->ev.thread.comm));
	ASSERT_EQ(1, decode(self, &x, sizeof(x)));
	EXPECT_EQ(0x8b, self->ev.exit.code);
	ASSERT_EQ(1, decode(self, &s, sizeof(s)));
	EXPECT_EQ(11, self->ev.signal.signo);
	EXPECT_EQ(-6, self->ev.signal.code);
	EXPECT_TRUE(self->ev.signal.fatal);
	EXPECT_EQ(1, self->ev.signal.addr);
	EXPECT_EQ(2, self->ev.signal.ip);
	EXPECT_EQ(3, self->ev.signal.sp);
	ASSERT_EQ(1, decode(self, &c, sizeof(c)));
	EXPECT_STREQ("\033[31m",
		     str(self, self->ev.thread.comm)); /* raw: who prints it cleans it */
	EXPECT_EQ(0, self->ev.thread.sp);
}

TEST_F(d, where_a_thread_stands)
{
	static const struct {
		uint32_t state;
		char letter;
	} s[] = {
		{ 0, 'R' },	 { 1, 'S' }, { 2, 'D' },
		{ 4, 'T' },	 { 8, 't' }, { 0x402, 'I' }, /* TASK_IDLE */
		{ 0x102, 'D' }, /* TASK_KILLABLE */
		{ 0x2000, 'S' }, /* something newer: asleep */
	};

	for (unsigned int i = 0; i < sizeof(s) / sizeof(*s); i++) {
		struct mtr_w_sp w = { .h = hdr(MTR_W_SP, i % 2),
				      .sp = 0x7ffe1000,
				      .state = s[i].state };

		ASSERT_EQ(1, decode(self, &w, sizeof(w)));
		EXPECT_EQ(s[i].letter, self->ev.thread.state);
		EXPECT_EQ(0x7ffe1000, self->ev.thread.sp);
		EXPECT_EQ(!(i % 2), self->ev.thread.syscall_sp);
		EXPECT_EQ(0, self->ev.thread.comm);
	}
}

/* ---- faults, several to a record */

static size_t batch(struct mtr_w_faults *w, uint32_t nr)
{
	memset(w, 0, sizeof(*w));
	w->h = hdr(MTR_W_FAULT, 0);
	w->seq = 0xfffffffe;
	w->nr = nr;
	return offsetof(struct mtr_w_faults, f) + nr * sizeof(w->f[0]);
}

static int nr_faults(const struct mtr_w_faults *w, size_t sz, uint32_t *seq)
{
	void *copy = malloc(sz ? sz : 1);
	int ret;

	memcpy(copy, w, sz);
	ret = decode_faults(copy, sz, seq);
	free(copy);
	return ret;
}

TEST_F(d, fault_batches)
{
	struct mtr_w_faults w;
	uint32_t seq = 77;
	size_t sz;

	for (uint32_t nr = 0; nr <= MTR_FAULT_BATCH; nr++) {
		sz = batch(&w, nr);
		EXPECT_EQ((int)nr, nr_faults(&w, sz, &seq));
		EXPECT_EQ(0xfffffffe, seq);
		EXPECT_EQ((int)nr,
			  nr_faults(&w, sizeof(w), &seq)); /* shown by the iterator: whole */
		for (size_t cut = sizeof(w.h); cut < sz; cut++) {
			EXPECT_EQ(-EBADMSG, nr_faults(&w, cut, &seq));
		}
	}
	sz = batch(&w, MTR_FAULT_BATCH);
	w.nr = MTR_FAULT_BATCH + 1;
	EXPECT_EQ(-EBADMSG, nr_faults(&w, sz, &seq));
	w.nr = 0xffffffff;
	EXPECT_EQ(-EBADMSG, nr_faults(&w, sz, &seq));
	/* no faults: not for this function, whatever its length */
	w.h.kind = MTR_W_VMA;
	seq = 77;
	for (sz = 0; sz < 64; sz++) {
		EXPECT_EQ(0, nr_faults(&w, sz, &seq));
	}
	EXPECT_EQ(77, seq);
}

TEST_F(d, a_fault_of_a_batch)
{
	struct mtr_w_faults w;

	batch(&w, MTR_FAULT_BATCH);
	w.f[15] = (struct mtr_w_fault){ .time_ns = 5,
					.addr = 0x1234,
					.ip = 0x401000,
					.sp = 0x7ffc,
					.pages = 512,
					.aux = MTR_FAULT_MEMBER_BITS(MTR_RSS_SHMEM) };
	decode_fault(&w, 15, 0, &self->ev);
	EXPECT_EQ(MTR_EV_FAULT, self->ev.kind);
	EXPECT_EQ(5, self->ev.time_ns); /* its own, not the record's */
	EXPECT_EQ(7, self->ev.as);
	EXPECT_EQ(4242, self->ev.tid);
	EXPECT_EQ(0x1234, self->ev.fault.addr);
	EXPECT_EQ(0x401000, self->ev.fault.ip);
	EXPECT_EQ(0x7ffc, self->ev.fault.sp);
	EXPECT_EQ(2 << 20, self->ev.fault.bytes);
	EXPECT_EQ(MTR_SHMEM, self->ev.fault.member);
	EXPECT_EQ(0, self->ev.fault.flags);
	w.f[0].pages = INT32_MIN; /* copy on write of a file's page: the other counter falls */
	decode_fault(&w, 0, 0, &self->ev);
	EXPECT_EQ(-(1ll << 43), self->ev.fault.bytes);
}

/* Read for the first, the ninth and the twelfth of them. */
TEST_F(d, fault_times)
{
	static const uint64_t want[] = { 1000, 1010, 1020, 1030, 1040, 1050, 1060, 1070,
					 1080, 2386, 3693, 5000, 5000, 5000, 5000, 5000 };
	struct mtr_w_faults w;

	batch(&w, MTR_FAULT_BATCH);
	for (unsigned int i = 0; i < MTR_FAULT_BATCH; i++)
		w.f[i].time_ns = 0;
	w.f[0].time_ns = 1000;
	w.f[8].time_ns = 1080;
	w.f[11].time_ns = 5000;
	for (unsigned int i = 0; i < MTR_FAULT_BATCH; i++) {
		decode_fault(&w, i, 0, &self->ev);
		EXPECT_EQ(want[i], self->ev.time_ns);
	}
	w.nr = 10; /* what lies behind is of no batch */
	decode_fault(&w, 9, 0, &self->ev);
	EXPECT_EQ(1080, self->ev.time_ns);
}

/* Sixteen bits of the epoch travel; the rest is the reader's, who is never behind. */
TEST_F(d, fault_epoch)
{
	struct mtr_w_faults w;

	batch(&w, 1);
	w.f[0].aux = MTR_FAULT_EPOCH_BITS(0x12345);
	decode_fault(&w, 0, 0x12345, &self->ev);
	EXPECT_EQ(0x12345, self->ev.epoch);
	decode_fault(&w, 0, 0x1a000, &self->ev);
	EXPECT_EQ(0x12345, self->ev.epoch);
	decode_fault(&w, 0, 0x22344, &self->ev);
	EXPECT_EQ(0x12345, self->ev.epoch);
	decode_fault(&w, 0, 0x22345, &self->ev);
	EXPECT_EQ(0x22345, self->ev.epoch);
	EXPECT_EQ(0, self->ev.fault.flags);
	EXPECT_EQ(0, self->ev.fault.member);
}

TEST_F(d, fault_flags)
{
	static const struct {
		uint32_t w, e;
	} f[] = {
		{ 0x1, 0 }, /* a protection fault: nothing of ours */
		{ MTR_FAULT_WRITE, MTR_FAULT_F_WRITE },
		{ MTR_FAULT_USER, MTR_FAULT_F_USER },
		{ MTR_FAULT_INSTR, MTR_FAULT_F_EXEC },
		{ MTR_FAULT_FOREIGN, MTR_FAULT_F_FOREIGN },
		{ MTR_FAULT_FAILED, MTR_FAULT_F_FAILED },
		{ MTR_FAULT_PREV_MAJOR, MTR_FAULT_F_PREV_MAJOR },
		{ MTR_FAULT_KERNEL_IP, 0 }, /* told by the missing USER */
		{ MTR_FAULT_GUP, MTR_FAULT_F_GUP },
		{ MTR_FAULT_MAJOR, MTR_FAULT_F_MAJOR },
		{ MTR_FAULT_MEMBER_BITS(3), 0 },
	};
	uint32_t all = 0;

	for (unsigned int i = 0; i < sizeof(f) / sizeof(*f); i++) {
		struct mtr_w_faults w;

		batch(&w, 1);
		w.f[0].aux = f[i].w;
		decode_fault(&w, 0, 0, &self->ev);
		EXPECT_EQ(f[i].e, self->ev.fault.flags)
		TH_LOG("aux 0x%x", f[i].w);
		EXPECT_EQ(f[i].w >> 8 & 3, self->ev.fault.member);
		EXPECT_EQ(0, all & f[i].e);
		all |= f[i].e;
	}
	EXPECT_EQ(0xff, all);
}

/* ---- counters: what a change belongs to */

static struct mtr_w_rss rss_rec(uint32_t why, int nr, uint64_t arg0, uint64_t arg1, int pages)
{
	return (struct mtr_w_rss){ .h = hdr(MTR_W_RSS, why),
				   .pages = pages,
				   .member = MTR_RSS_ANON,
				   .nr = nr,
				   .arg0 = arg0,
				   .arg1 = arg1 };
}

TEST_F(d, rss_reasons)
{
	static const struct {
		uint32_t w, e;
	} why[] = {
		{ MTR_RSS_IN_FAULT, MTR_WHY_FAULT },
		{ MTR_RSS_IN_SYSCALL, MTR_WHY_SYSCALL },
		{ MTR_RSS_FOREIGN, MTR_WHY_FOREIGN },
		{ MTR_RSS_OTHER, MTR_WHY_OTHER },
		{ MTR_RSS_AT_ATTACH, MTR_WHY_ATTACH },
		{ 0, MTR_WHY_OTHER },
		{ 99, MTR_WHY_OTHER },
	};

	for (unsigned int i = 0; i < sizeof(why) / sizeof(*why); i++) {
		struct mtr_w_rss w = rss_rec(why[i].w, -1, 0, 0, -3);

		ASSERT_EQ(1, decode(self, &w, sizeof(w)));
		EXPECT_EQ(why[i].e, self->ev.rss.why);
		EXPECT_EQ(0, self->ev.rss.call);
		EXPECT_EQ(-3 * 4096, self->ev.rss.bytes);
		EXPECT_EQ(MTR_ANON, self->ev.rss.member);
	}
	for (unsigned int member = 0; member < 6; member++) {
		struct mtr_w_rss w = rss_rec(MTR_RSS_OTHER, -1, 0, 0, INT32_MAX);

		w.member = member == 5 ? 0xffffffff : member;
		ASSERT_EQ(1, decode(self, &w, sizeof(w)));
		EXPECT_EQ(member < 4 ? member : 0,
			  self->ev.rss.member); /* never behind the array */
		EXPECT_EQ((int64_t)INT32_MAX * 4096, self->ev.rss.bytes);
	}
}

struct range {
	uint32_t why;
	int nr;
	uint64_t arg0, arg1;
	int pages;
	uint64_t start, end;
};

TEST_F(d, rss_ranges)
{
	static const struct range r[] = {
		/* the page of the fault */
		{ MTR_RSS_IN_FAULT, -1, 0x1234, 0, 1, 0x1000, 0x2000 },
		{ MTR_RSS_IN_FAULT, -1, 0x7fffffffffff, 0, 1, 0x7ffffffff000, 0x800000000000 },
		/* mmap, mprotect, munmap, mremap, mincore, msync, madvise, shmat, mlock, munlock, mlock2, pkey */
		{ MTR_RSS_IN_SYSCALL, 9, 0x10000, 0x3000, 3, 0x10000, 0x13000 },
		{ MTR_RSS_IN_SYSCALL, 10, 0x10000, 0x3000, 3, 0x10000, 0x13000 },
		{ MTR_RSS_IN_SYSCALL, 11, 0x10000, 0x3000, -3, 0x10000, 0x13000 },
		{ MTR_RSS_IN_SYSCALL, 25, 0x10000, 0x3000, -3, 0x10000, 0x13000 },
		{ MTR_RSS_IN_SYSCALL, 28, 0x10000, 0x3000, -3, 0x10000, 0x13000 },
		{ MTR_RSS_IN_SYSCALL, 30, 0x10000, 0x3000, 3, 0x10000, 0x13000 },
		{ MTR_RSS_IN_SYSCALL, 149, 0x10000, 0x3000, 3, 0x10000, 0x13000 },
		{ MTR_RSS_IN_SYSCALL, 325, 0x10000, 0x3000, 3, 0x10000, 0x13000 },
		{ MTR_RSS_IN_SYSCALL, 329, 0x10000, 0x3000, 3, 0x10000, 0x13000 },
		/* one that would wrap is none */
		{ MTR_RSS_IN_SYSCALL, 11, 0xfffffffffffff000, 0x2000, -1, 0, 0 },
		{ MTR_RSS_IN_SYSCALL, 11, 0x1000, ~0ull, -1, 0, 0 },
		/* brk: what came is below the new end, what went was above it */
		{ MTR_RSS_IN_SYSCALL, 12, 0x5555000, 0, 2, 0x5554000, 0x5555000 },
		{ MTR_RSS_IN_SYSCALL, 12, 0x5555000, 0, -2, 0x5555000, 0x5556000 },
		{ MTR_RSS_IN_SYSCALL, 12, 0x5555010, 0, 2, 0x5555000, 0x5556000 },
		{ MTR_RSS_IN_SYSCALL, 12, 0, 0, 2, 0, 0 },
		/* arguments that are no range: read, exit_group, mlockall */
		{ MTR_RSS_IN_SYSCALL, 0, 5, 0x7fff00001000, 1, 0, 0 },
		{ MTR_RSS_IN_SYSCALL, 231, 0x10000, 0x3000, -1, 0, 0 },
		{ MTR_RSS_IN_SYSCALL, 151, 0x10000, 0x3000, 1, 0, 0 },
		/* not in a system call: its arguments say nothing */
		{ MTR_RSS_FOREIGN, 11, 0x10000, 0x3000, -1, 0, 0 },
		{ MTR_RSS_OTHER, 11, 0x10000, 0x3000, -1, 0, 0 },
		{ MTR_RSS_AT_ATTACH, -1, 0x10000, 0x3000, 1, 0, 0 },
	};

	for (unsigned int i = 0; i < sizeof(r) / sizeof(*r); i++) {
		struct mtr_w_rss w = rss_rec(r[i].why, r[i].nr, r[i].arg0, r[i].arg1, r[i].pages);

		ASSERT_EQ(1, decode(self, &w, sizeof(w)));
		EXPECT_EQ(r[i].start, self->ev.rss.start)
		TH_LOG("row %u", i);
		EXPECT_EQ(r[i].end, self->ev.rss.end)
		TH_LOG("row %u", i);
		EXPECT_EQ(r[i].why == MTR_RSS_IN_SYSCALL ? r[i].nr + 1 : 0, self->ev.rss.call)
		TH_LOG("row %u", i);
	}
}

TEST_F(d, stacks)
{
	struct {
		struct mtr_w_stack w;
		uint8_t data[64];
	} rec = { .w = { .h = hdr(MTR_W_STACK, MTR_STACK_FAULT), .size = 64, .skip = 0x100 } };
	struct mtr_stack_copy copy;
	struct mtr_event ev = { .kind = 0 };

	for (unsigned int i = 0; i < MTR_STACK_REGS; i++)
		rec.w.regs[i] = 1000 + i;
	rec.data[63] = 7;
	ASSERT_EQ(1, decode_stack(&rec, sizeof(rec.w) + 64, &copy, &ev));
	EXPECT_EQ(MTR_EV_STACK, ev.kind);
	EXPECT_EQ(1000u + MTR_STACK_IP, ev.stack.ip);
	EXPECT_EQ(1000u + MTR_STACK_SP, ev.stack.sp);
	EXPECT_EQ(MTR_STACK_WHY_FAULT, ev.stack.why);
	/* pt_regs: r15 first, rbp fifth, rbx sixth, rax eleventh, rdi fifteenth */
	EXPECT_EQ(1000u, copy.regs.r[15]);
	EXPECT_EQ(1004u, copy.regs.r[MTR_REG_BP]);
	EXPECT_EQ(1005u, copy.regs.r[3]);
	EXPECT_EQ(1010u, copy.regs.r[0]);
	EXPECT_EQ(1014u, copy.regs.r[5]);
	EXPECT_EQ(ev.stack.ip, copy.regs.r[MTR_REG_PC]);
	EXPECT_EQ(ev.stack.sp, copy.regs.r[MTR_REG_SP]);
	EXPECT_EQ(ev.stack.sp + 0x100, copy.part[0].addr);
	EXPECT_EQ(64u, copy.part[0].size);
	EXPECT_EQ(7, copy.part[0].data[63]);
	/* cut short, or lying about its size */
	for (size_t sz = sizeof(struct mtr_w_hdr); sz < sizeof(rec.w) + 64; sz++)
		EXPECT_GE(0, decode_stack(&rec, sz, &copy, &ev));
	rec.w.size = MTR_STACK_MAX + 1;
	EXPECT_EQ(-EBADMSG, decode_stack(&rec, sizeof(rec), &copy, &ev));
	rec.w.h.kind = MTR_W_VMA;
	EXPECT_EQ(0, decode_stack(&rec, sizeof(rec), &copy, &ev));
}

TEST_F(d, moves)
{
	struct mtr_w_move w = {
		.h = hdr(MTR_W_MOVE, 0), .from = 0x1000, .to = 0x9000, .len = 0x3000, .stays = 1
	};

	ASSERT_EQ(1, decode(self, &w, sizeof(w)));
	EXPECT_EQ(0x1000u, self->ev.move.from);
	EXPECT_EQ(0x9000u, self->ev.move.to);
	EXPECT_EQ(0x3000u, self->ev.move.len);
	EXPECT_TRUE(self->ev.move.stays);
}

TEST_F(d, calls)
{
	struct mtr_w_call w = { .h = hdr(MTR_W_CALL, 9),
				.begin_ns = 123456789012345ull - 777,
				.arg = { 1, ~0ull, 3, 4, 5, 6 },
				.result = INT64_MIN,
				.ip = ~0ull,
				.sp = 1 };

	ASSERT_EQ(1, decode(self, &w, sizeof(w)));
	EXPECT_EQ(9, self->ev.call.nr);
	EXPECT_EQ(777u, self->ev.call.took_ns);
	EXPECT_EQ(~0ull, self->ev.call.arg[1]);
	EXPECT_EQ(6u, self->ev.call.arg[5]);
	EXPECT_EQ(INT64_MIN, self->ev.call.result);
	EXPECT_EQ(~0ull, self->ev.call.ip);
	EXPECT_EQ(1u, self->ev.call.sp);
	/* what the call does not have may be anything, and is kept back */
	w.h.aux = 11;
	ASSERT_EQ(1, decode(self, &w, sizeof(w)));
	EXPECT_EQ(~0ull, self->ev.call.arg[1]);
	EXPECT_EQ(0u, self->ev.call.arg[2]);
	EXPECT_EQ(0u, self->ev.call.arg[5]);
	/* a call that is not known tells that it was, and no more */
	w.h.aux = 39;
	ASSERT_EQ(1, decode(self, &w, sizeof(w)));
	EXPECT_EQ(39, self->ev.call.nr);
	EXPECT_EQ(0u, self->ev.call.arg[0]);
	/* its beginning was not seen, or makes no sense */
	w.begin_ns = 0;
	ASSERT_EQ(1, decode(self, &w, sizeof(w)));
	EXPECT_EQ(0u, self->ev.call.took_ns);
	w.begin_ns = 123456789012346ull;
	ASSERT_EQ(1, decode(self, &w, sizeof(w)));
	EXPECT_EQ(0u, self->ev.call.took_ns);
}

TEST_F(d, rss_of_a_whole_range)
{
	struct mtr_w_rss w = rss_rec(MTR_RSS_IN_SYSCALL | MTR_RSS_WHOLE, 28, 0x1000, 0x4000, -4);

	w.ip = 77;
	w.sp = 88;
	ASSERT_EQ(1, decode(self, &w, sizeof(w)));
	EXPECT_TRUE(self->ev.rss.whole);
	EXPECT_EQ(MTR_WHY_SYSCALL, self->ev.rss.why);
	EXPECT_EQ(77u, self->ev.rss.ip);
	EXPECT_EQ(88u, self->ev.rss.sp);
	w.h.aux = MTR_RSS_IN_SYSCALL;
	ASSERT_EQ(1, decode(self, &w, sizeof(w)));
	EXPECT_FALSE(self->ev.rss.whole);
}

/* Whatever comes: an answer, and nothing read behind the record. */
TEST_F(d, noise)
{
	uint64_t x = 0x9e3779b97f4a7c15ull;

	for (unsigned int i = 0; i < 50000; i++) {
		unsigned char rec[1024];
		size_t sz;
		int ret;

		for (unsigned int j = 0; j < sizeof(rec); j++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			rec[j] = (unsigned char)(x >> 24);
		}
		sz = x % sizeof(rec);
		rec[0] = (unsigned char)(x >> 40) % (MTR_W_MAX + 3); /* kind: mostly one there is */
		rec[1] = 0;
		ret = decode(self, rec, sz);
		EXPECT_TRUE(ret == 0 || ret == 1 || ret == -EBADMSG);
		if (ret == 1) {
			EXPECT_EQ(decode_kind(rec[0]), self->ev.kind);
		}
	}
}

TEST_HARNESS_MAIN
