// SPDX-License-Identifier: GPL-2.0
#include "fake_model.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include "util/clock.h"

#define KIB 1024ull
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define RW (MTR_P_READ | MTR_P_WRITE)
#define HEAP 0x55d2a4f10000ull
#define ARENA 0x7fc914000000ull
#define BIO 0x7fc91b9ff000ull
#define BOOT_AT (3600ull * 24 * 30 * NSEC_PER_SEC)
/* 2024-05-14 16:00:13 UTC */
#define REAL_AT (1715702413ull * NSEC_PER_SEC)

static struct mtr_event event(struct fake *f, uint32_t as, enum mtr_kind kind)
{
	return (struct mtr_event){ .kind = (uint16_t)kind, .as = as, .time_ns = f->now_ns };
}

static void send(struct fake *f, const struct mtr_event *ev)
{
	model_apply(&f->model, ev);
}

static void vma(struct fake *f, uint32_t as, uint64_t start, uint64_t len, uint32_t prot,
		const char *name, uint64_t ino, uint64_t pgoff)
{
	struct mtr_event ev = event(f, as, MTR_EV_SNAP_VMA);

	ev.vma = (struct mtr_ev_vma){ .start = start,
				      .end = start + len,
				      .prot = prot,
				      .ino = ino,
				      .dev = ino ? 8u << 20 | 1 : 0,
				      .pgoff = pgoff };
	ev.vma.name = name ? strtab_intern_str(f->st, name) : 0;
	send(f, &ev);
}

static void resident(struct fake *f, uint32_t as, uint64_t addr, int64_t anon, int64_t file,
		     uint64_t lowest)
{
	struct proc *p = model_proc(&f->model, as);
	struct region *r = aspace_find(&p->aspace, addr);
	struct mtr_event ev = event(f, as, MTR_EV_RESIDENCY);

	if (!r)
		return;
	ev.residency = (struct mtr_ev_residency){ .start = r->start,
						  .end = r->end,
						  .present = anon + file,
						  .anon = anon,
						  .file = file,
						  .huge = -1,
						  .lowest = lowest,
						  .begin_ns = f->now_ns };
	send(f, &ev);
}

static void module(struct fake *f, uint32_t as, uint64_t at, const char *path, uint64_t ino,
		   uint64_t text)
{
	vma(f, as, at, 64 * KIB, MTR_P_READ, path, ino, 0);
	vma(f, as, at + 64 * KIB, text, MTR_P_READ | MTR_P_EXEC, path, ino, 64 * KIB);
	vma(f, as, at + 64 * KIB + text, 128 * KIB, MTR_P_READ, path, ino, 64 * KIB + text);
	vma(f, as, at + 192 * KIB + text, 16 * KIB, MTR_P_READ, path, ino, 192 * KIB + text);
	vma(f, as, at + 208 * KIB + text, 8 * KIB, RW, path, ino, 208 * KIB + text);
}

static void module_pages(struct fake *f, uint32_t as, uint64_t at, uint64_t text)
{
	resident(f, as, at, 0, 64 * KIB, 0);
	resident(f, as, at + 64 * KIB, 0, (int64_t)text * 2 / 3, 0);
	resident(f, as, at + 192 * KIB + text, 16 * KIB, 0, 0);
	resident(f, as, at + 208 * KIB + text, 8 * KIB, 0, 0);
}

static void thread(struct fake *f, uint32_t as, uint32_t tid, const char *name, uint64_t sp,
		   bool at_attach)
{
	struct mtr_event ev = event(f, as, MTR_EV_THREAD);

	ev.tid = tid;
	ev.thread.sp = sp;
	ev.thread.at_attach = at_attach;
	ev.thread.comm = strtab_intern_str(f->st, name);
	send(f, &ev);
	ev = event(f, as, MTR_EV_SP);
	ev.tid = tid;
	ev.thread.sp = sp;
	ev.thread.state = tid == FAKE_PID + 2 ? 'R' : 'S';
	send(f, &ev);
}

static uint64_t worker_stack(unsigned int i)
{
	return 0x7fc800000000ull + i * (8 * MIB + 4 * KIB);
}

static uint64_t lib_at(unsigned int i)
{
	return 0x7fc91c800000ull + i * 4 * MIB;
}

static void send_map(struct fake *f, uint32_t as)
{
	static const char *const exe = "/usr/bin/redis-server";

	vma(f, as, 0x55d2a3780000, 1536 * KIB, MTR_P_READ | MTR_P_EXEC, exe, 77, 0x80000);
	vma(f, as, 0x55d2a3900000, 512 * KIB, MTR_P_READ, exe, 77, 0x200000);
	vma(f, as, 0x55d2a3a21000, 108 * KIB, RW, exe, 77, 0x321000);
	vma(f, as, 0x55d2a3a3c000, 1124 * KIB, RW, NULL, 0, 0);
	vma(f, as, HEAP, 880 * MIB, RW, "[heap]", 0, 0);
	for (unsigned int i = 0; i < f->o.nr_workers; i++) {
		vma(f, as, worker_stack(i), 4 * KIB, 0, NULL, 0, 0);
		vma(f, as, worker_stack(i) + 4 * KIB, 8 * MIB, RW, NULL, 0, 0);
	}
	vma(f, as, 0x7fc8d8000000, 24 * MIB, MTR_P_READ | MTR_P_SHARED, "/var/lib/redis/dump.rdb",
	    99, 0);
	vma(f, as, 0x7fc8e0001000, 512 * MIB, RW, NULL, 0, 0);
	vma(f, as, ARENA, 62 * MIB, RW, NULL, 0, 0);
	vma(f, as, ARENA + 62 * MIB, 2 * MIB, 0, NULL, 0, 0);
	vma(f, as, BIO - 4 * KIB, 4 * KIB, 0, NULL, 0, 0);
	vma(f, as, BIO, 8 * MIB, RW, NULL, 0, 0);
	module(f, as, 0x7fc91c200000, "/usr/lib/x86_64-linux-gnu/libc.so.6", 55, 1500 * KIB);
	for (unsigned int i = 0; i < f->o.nr_libs; i++) {
		char path[64];

		snprintf(path, sizeof(path), "/usr/lib/x86_64-linux-gnu/libmod%02u.so.%u", i,
			 i % 4);
		module(f, as, lib_at(i), path, 200 + i, 200 * KIB);
	}
	vma(f, as, 0x7ffd5f3c1000, 132 * KIB, RW | MTR_P_GROWSDOWN, "[stack]", 0, 0);
	vma(f, as, 0x7ffd5f3f8000, 8 * KIB, MTR_P_READ | MTR_P_EXEC | MTR_P_SPECIAL, "[vdso]", 0,
	    0);
	vma(f, as, 0xffffffffff600000ull, 4 * KIB, MTR_P_EXEC, "[vsyscall]", 0, 0);
}

static void send_pages(struct fake *f, uint32_t as)
{
	resident(f, as, 0x55d2a3780000, 0, 1200 * KIB, 0);
	resident(f, as, 0x55d2a3900000, 0, 320 * KIB, 0);
	resident(f, as, 0x55d2a3a21000, 104 * KIB, 0, 0);
	resident(f, as, 0x55d2a3a3c000, 400 * KIB, 0, 0);
	resident(f, as, HEAP, 456 * MIB, 0, 0);
	/* the first worker's stack is fresh: its high-water mark is exact */
	for (unsigned int i = 0; i < f->o.nr_workers; i++)
		resident(f, as, worker_stack(i) + 4 * KIB, i ? 24 * KIB : 8 * KIB, 0,
			 worker_stack(i) + 8 * MIB - (i ? 20 : 8) * KIB);
	resident(f, as, 0x7fc8d8000000, 0, 24 * MIB, 0);
	resident(f, as, 0x7fc8e0001000, 498 * MIB, 0, 0);
	resident(f, as, ARENA, 13 * MIB, 0, 0);
	resident(f, as, BIO, 24 * KIB, 0, BIO + 8 * MIB - 24 * KIB);
	module_pages(f, as, 0x7fc91c200000, 1500 * KIB);
	for (unsigned int i = 0; i < f->o.nr_libs; i++)
		module_pages(f, as, lib_at(i), 200 * KIB);
	resident(f, as, 0x7ffd5f3c1000, 56 * KIB, 0, 0x7ffd5f3c1000 + 76 * KIB);
}

static void send_proc(struct fake *f, uint32_t as, const char *comm)
{
	uint32_t pid = FAKE_PID + (as - 1) * 100;
	struct mtr_event ev = event(f, as, MTR_EV_ATTACH);
	char name[32];

	ev.proc = (struct mtr_ev_proc){ .pid = pid,
					.ppid = 1,
					.start_brk = HEAP,
					.start_code = 0x55d2a3780000,
					.end_code = 0x55d2a3900000,
					.start_data = 0x55d2a3a21000,
					.end_data = 0x55d2a3a3c000,
					.start_stack = 0x7ffd5f3e0000 };
	ev.proc.start_time_ns = f->now_ns - (76 * 3600 + 300) * NSEC_PER_SEC;
	ev.proc.comm = strtab_intern_str(f->st, comm);
	ev.proc.exe = strtab_intern_str(f->st, "/usr/bin/redis-server");
	ev.proc.rss_bytes[MTR_ANON] = 969 * MIB;
	ev.proc.rss_bytes[MTR_FILE] = 28 * MIB;
	send(f, &ev);
	ev = event(f, as, MTR_EV_SNAP_BEGIN);
	ev.snap =
		(struct mtr_ev_snap){ .what = MTR_SNAP_MAPS, .begin_ns = f->now_ns, .end = ~0ull };
	send(f, &ev);
	send_map(f, as);
	ev.kind = MTR_EV_SNAP_END;
	ev.snap.complete = true;
	ev.snap.end_ns = f->now_ns;
	send(f, &ev);
	ev = event(f, as, MTR_EV_KERNEL);
	ev.kernel = (struct mtr_ev_kernel){ .minflt = 1000,
					    .majflt = 3,
					    .virt_bytes = -1,
					    .rss_bytes = -1,
					    .stack_limit_bytes = 8 * MIB,
					    .state = 'S' };
	send(f, &ev);
	send_pages(f, as);
	thread(f, as, pid, comm, 0x7ffd5f3c1000 + 100 * KIB, true);
	thread(f, as, pid + 2, "bio_aof", BIO + 8 * MIB - 10 * KIB, true);
	for (unsigned int i = 0; i < f->o.nr_workers; i++) {
		snprintf(name, sizeof(name), "worker-%u", i);
		thread(f, as, pid + 10 + i, name, worker_stack(i) + 8 * MIB - 6 * KIB, i % 2);
	}
}

static void limits_init(struct fake *f)
{
	f->limits = (struct mtr_limits){ .nr = 2,
					 .max_map_count = 65530,
					 .stack_limit_bytes = 8 * MIB };
	f->limits.lim[0] = (struct mtr_limit){ .kind = MTR_LIM_HOST,
					       .limit_bytes = 16 * GIB,
					       .used_bytes = 9 * GIB };
	f->limits.lim[1] = (struct mtr_limit){ .kind = MTR_LIM_CGROUP,
					       .limit_bytes = 2 * GIB,
					       .used_bytes = 1120 * MIB };
	strcpy(f->limits.lim[1].name, "/system.slice/redis.slice");
	f->cost = (struct mtr_cost){ .bpf_percent = 0.02,
				     .self_cpu_percent = 0.2,
				     .self_rss_bytes = 14 * MIB,
				     .events_per_s = 812,
				     .lock_held_ns_per_s = 100000,
				     .ring_fill_percent = 2 };
}

int fake_init(struct fake *f, const struct fake_opts *o)
{
	memset(f, 0, sizeof(*f));
	f->o = *o;
	f->now_ns = BOOT_AT;
	f->real_ns = REAL_AT;
	f->heap_end = HEAP + 880 * MIB;
	f->st = strtab_new();
	if (!f->st)
		return -1;
	model_init(&f->model, f->st);
	limits_init(f);
	for (unsigned int i = 1; i <= (o->nr_procs ? o->nr_procs : 1); i++) {
		char other[32];

		snprintf(other, sizeof(other), "redis-child-%u", i);
		send_proc(f, i, i > 1 ? other : o->comm ? o->comm : "redis-server");
		proc_tick(fake_proc(f, i - 1), f->now_ns, f->st);
	}
	return 0;
}

void fake_fini(struct fake *f)
{
	model_fini(&f->model);
	strtab_free(f->st);
}

struct proc *fake_proc(struct fake *f, unsigned int i)
{
	return model_proc(&f->model, i + 1);
}

static void faults(struct fake *f, uint32_t as, uint32_t tid, uint64_t addr, unsigned int n,
		   int64_t bytes, uint64_t sp)
{
	for (unsigned int i = 0; i < n; i++) {
		struct mtr_event ev = event(f, as, MTR_EV_FAULT);

		ev.tid = tid;
		ev.fault = (struct mtr_ev_fault){ .addr = addr + i * 4096ull,
						  .sp = sp,
						  .bytes = bytes / n,
						  .member = MTR_ANON,
						  .flags = MTR_FAULT_F_USER | MTR_FAULT_F_WRITE };
		send(f, &ev);
	}
}

static void grow_heap(struct fake *f, uint32_t as, uint64_t bytes)
{
	struct mtr_event ev = event(f, as, MTR_EV_VMA);

	if (as == 1)
		f->heap_end += bytes;
	ev.vma = (struct mtr_ev_vma){ .start = HEAP, .end = f->heap_end, .prot = RW };
	ev.vma.name = strtab_intern_str(f->st, "[heap]");
	send(f, &ev);
}

/* The first worker goes deeper every second and stops at seven eighths of its stack. */
static void recurse(struct fake *f, uint32_t as, uint32_t tid)
{
	uint64_t depth = f->ticks * 72ull * KIB;

	if (depth < 7 * MIB)
		faults(f, as, tid, worker_stack(0) + 8 * MIB - depth, 1, 72 * KIB,
		       worker_stack(0) + 8 * MIB - depth + 512);
}

void fake_tick(struct fake *f)
{
	double wave = 1 + 0.6 * sin(f->ticks / 9.0);

	f->ticks++;
	f->now_ns += NSEC_PER_SEC;
	f->real_ns += NSEC_PER_SEC;
	for (uint32_t as = 1; as <= (f->o.nr_procs ? f->o.nr_procs : 1); as++) {
		uint32_t pid = FAKE_PID + (as - 1) * 100;
		uint64_t add = (uint64_t)(2.8 * wave * (double)MIB) & ~4095ull;

		grow_heap(f, as, add);
		faults(f, as, pid, f->heap_end - add, 700, (int64_t)add,
		       0x7ffd5f3c1000 + 100 * KIB);
		if (f->ticks % 3 == 0)
			faults(f, as, pid + 2, ARENA + f->ticks * 4096ull, 94, 1 * MIB,
			       BIO + 8 * MIB - 10 * KIB);
		if (f->o.nr_workers)
			recurse(f, as, pid + 10);
		proc_tick(fake_proc(f, as - 1), f->now_ns, f->st);
	}
	f->limits.lim[1].used_bytes += (uint64_t)(3.1 * wave * (double)MIB);
}

void fake_exit(struct fake *f, int code)
{
	struct mtr_event ev = event(f, 1, MTR_EV_EXIT);

	ev.exit.code = code;
	send(f, &ev);
}

void fake_overflow(struct fake *f)
{
	struct mtr_event ev = event(f, 1, MTR_EV_SIGNAL);

	ev.tid = FAKE_PID + 2;
	ev.signal = (struct mtr_ev_signal){ .signo = SIGSEGV,
					    .code = 2,
					    .fatal = true,
					    .addr = BIO - 8,
					    .ip = 0x55d2a3781234,
					    .sp = BIO - 8 };
	send(f, &ev);
	fake_exit(f, SIGSEGV | 0x80);
}

void fake_oom(struct fake *f)
{
	struct mtr_event ev = event(f, 1, MTR_EV_OOM);

	send(f, &ev);
	fake_exit(f, SIGKILL);
}
