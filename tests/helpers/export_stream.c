// SPDX-License-Identifier: GPL-2.0
/*
 * A stream of events that is made up, through an exporter: for tests/unit/export.sh
 * and the benchmark. What was given in is counted here and printed at the end.
 *
 *	export_stream FORMAT OUT              every kind of event, hostile names, bins
 *	export_stream FORMAT OUT storm N [M]  N events, nine of ten of them faults; M an interval
 *	export_stream FORMAT OUT empty        none
 *	export_stream FORMAT OUT calls        as the first, from who recorded the results of system calls
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include "event/sites.h"
#include "export/exporter.h"
#include "util/clock.h"

#define PAGE 4096ull
#define S NSEC_PER_SEC
#define RW (MTR_P_READ | MTR_P_WRITE)
#define HEAP 0x555500000000ull
#define MAP 0x7f1000000000ull
#define STACK 0x7ffc00000000ull
#define STACK_END (STACK + 0x20000)
#define HOSTILE "re\033]0;x\007d\"i\\s,\xff\xc3("

struct stream {
	struct exporter *x;
	struct strtab *st;
	struct stacktab *stacks;
	struct sites *sites;
	uint64_t now;
	uint64_t counts[MTR_EV_MAX];
	int64_t anon; /* of process 1 */
	int err;
};

static void give(struct stream *s, struct mtr_event *ev)
{
	if (!ev->time_ns)
		ev->time_ns = s->now;
	if (event_is_told(ev->kind))
		s->counts[ev->kind]++;
	if (!s->err)
		s->err = sites_event(s->sites, ev);
	if (!s->err)
		s->err = exporter_feed(s->x, ev);
	s->now += 1000;
}

static struct mtr_event event(enum mtr_kind kind, uint32_t as, uint32_t tid)
{
	return (struct mtr_event){ .kind = (uint16_t)kind, .as = as, .tid = tid };
}

static void start(struct stream *s, enum mtr_kind kind, uint32_t as, uint32_t pid, uint32_t prev,
		  const char *comm)
{
	struct mtr_event ev = event(kind, as, pid);

	ev.proc = (struct mtr_ev_proc){ .pid = pid,
					.ppid = 1,
					.prev_as = prev,
					.min_flt = -1,
					.maj_flt = -1,
					.start_brk = HEAP,
					.start_stack = STACK_END - 64,
					.start_time_ns = 50 * S };
	ev.proc.rss_bytes[MTR_ANON] = 10 * (int64_t)PAGE;
	ev.proc.rss_bytes[MTR_FILE] = 4 * (int64_t)PAGE;
	ev.proc.comm = strtab_intern_str(s->st, comm);
	ev.proc.exe = strtab_intern_str(s->st, "/usr/bin/x");
	ev.proc.forked = kind == MTR_EV_ATTACH && prev;
	give(s, &ev);
}

static void vma(struct stream *s, enum mtr_kind kind, uint32_t as, uint64_t at, uint64_t len,
		uint32_t prot, const char *name, uint64_t ino)
{
	struct mtr_event ev = event(kind, as, kind == MTR_EV_VMA ? 100 : 0);

	ev.vma = (struct mtr_ev_vma){ .start = at,
				      .end = at + len,
				      .prot = prot,
				      .ino = ino,
				      .dev = ino ? 8u << 20 | 1 : 0 };
	ev.vma.name = name ? strtab_intern_str(s->st, name) : 0;
	give(s, &ev);
}

static void read_map(struct stream *s, uint32_t as)
{
	struct mtr_event ev = event(MTR_EV_SNAP_BEGIN, as, 0);

	ev.snap = (struct mtr_ev_snap){ .what = MTR_SNAP_MAPS, .begin_ns = s->now, .end = ~0ull };
	give(s, &ev);
	vma(s, MTR_EV_SNAP_VMA, as, HEAP, 0x100000, RW, "[heap]", 0);
	vma(s, MTR_EV_SNAP_VMA, as, MAP, 0x10000, MTR_P_READ | MTR_P_EXEC, "/lib/" HOSTILE ".so",
	    7);
	vma(s, MTR_EV_SNAP_VMA, as, STACK, 0x20000, RW | MTR_P_GROWSDOWN, "[stack]", 0);
	ev.kind = MTR_EV_SNAP_END;
	ev.time_ns = 0;
	ev.snap.complete = true;
	ev.snap.end_ns = s->now;
	give(s, &ev);
}

static void resident(struct stream *s, uint32_t as, uint64_t at, uint64_t len, int64_t anon,
		     int64_t file)
{
	struct mtr_event ev = event(MTR_EV_RESIDENCY, as, 0);

	ev.residency = (struct mtr_ev_residency){ .start = at,
						  .end = at + len,
						  .present = anon + file,
						  .anon = anon,
						  .file = file,
						  .huge = -1,
						  .begin_ns = s->now };
	give(s, &ev);
}

static void count_pages(struct stream *s, uint32_t as)
{
	struct mtr_event ev = event(MTR_EV_SNAP_BEGIN, as, 0);

	ev.snap = (struct mtr_ev_snap){ .what = MTR_SNAP_RESIDENCY, .begin_ns = s->now };
	give(s, &ev);
	resident(s, as, HEAP, 0x100000, 8 * (int64_t)PAGE, 0);
	resident(s, as, MAP, 0x10000, 0, 4 * (int64_t)PAGE);
	resident(s, as, STACK, 0x20000, 2 * (int64_t)PAGE, 0);
	ev.kind = MTR_EV_SNAP_END;
	ev.time_ns = 0;
	ev.snap.complete = true;
	ev.snap.end_ns = s->now;
	give(s, &ev);
}

static void thread(struct stream *s, enum mtr_kind kind, uint32_t as, uint32_t tid,
		   const char *comm)
{
	struct mtr_event ev = event(kind, as, tid);

	ev.thread.sp = kind == MTR_EV_COMM ? 0 : STACK_END - 0x1000;
	ev.thread.comm = comm ? strtab_intern_str(s->st, comm) : 0;
	ev.thread.state = kind == MTR_EV_SP ? 'S' : 0;
	give(s, &ev);
}

static void ended(struct stream *s, enum mtr_kind kind, uint32_t as, uint32_t tid, int code)
{
	struct mtr_event ev = event(kind, as, tid);

	ev.exit.code = code;
	give(s, &ev);
}

static void fault(struct stream *s, uint32_t as, uint64_t addr, unsigned int flags)
{
	struct mtr_event ev = event(MTR_EV_FAULT, as, 100);

	ev.fault = (struct mtr_ev_fault){ .addr = addr,
					  .ip = MAP + 0x123,
					  .sp = STACK_END - 0x1000,
					  .bytes = (int64_t)PAGE,
					  .member = MTR_ANON,
					  .flags = (uint8_t)flags };
	give(s, &ev);
	if (as == 1)
		s->anon += (int64_t)PAGE;
}

static void range(struct stream *s, enum mtr_kind kind, uint32_t as, uint64_t at, uint64_t len)
{
	struct mtr_event ev = event(kind, as, 100);

	ev.range = (struct mtr_ev_range){ .start = at, .end = at + len };
	give(s, &ev);
}

static void kernel(struct stream *s, uint32_t as)
{
	struct mtr_event ev = event(MTR_EV_KERNEL, as, 0);

	ev.kernel = (struct mtr_ev_kernel){ .minflt = 1000,
					    .majflt = -1,
					    .virt_bytes = 0x130000,
					    .rss_bytes = 14 * (int64_t)PAGE,
					    .nr_threads = 1,
					    .stack_limit_bytes = 8 << 20,
					    .state = 'S' };
	give(s, &ev);
}

static void tick(struct stream *s, uint32_t nr_procs)
{
	for (uint32_t as = 1; as <= nr_procs; as++) {
		struct mtr_event ev = event(MTR_EV_TICK, as, 0);

		give(s, &ev);
	}
	struct mtr_event ev = event(MTR_EV_TICK, 0, 0);

	ev.tick.real_ns = 1715702413ull * S + s->now;
	give(s, &ev);
	s->now += S;
}

static void others(struct stream *s)
{
	struct mtr_event ev = event(MTR_EV_NAME, 1, 100);

	ev.name = (struct mtr_ev_name){ .start = HEAP, .end = HEAP + PAGE };
	ev.name.name = strtab_intern_str(s->st, "[anon:" HOSTILE "]");
	give(s, &ev);
	ev = event(MTR_EV_FILE, 1, 0);
	ev.file = (struct mtr_ev_file){ .ino = 9, .dev = 8u << 20 | 1, .fs_magic = 0xef53 };
	ev.file.name = strtab_intern_str(s->st, "data.bin");
	give(s, &ev);
	vma(s, MTR_EV_VMA, 1, MAP + 0x100000, 0x10000, MTR_P_READ, NULL, 9);
	ev = event(MTR_EV_RSS, 1, 100);
	ev.rss = (struct mtr_ev_rss){ .bytes = -(int64_t)PAGE,
				      .member = MTR_ANON,
				      .why = MTR_WHY_SYSCALL };
	give(s, &ev);
	s->anon -= (int64_t)PAGE;
	/* a madvise of two pages, each with an event of its own, and of one that was swapped out; one of others */
	for (unsigned int i = 0; i < 4; i++) {
		ev = event(MTR_EV_RSS, 1, 100);
		ev.rss = (struct mtr_ev_rss){ .bytes = -(int64_t)PAGE,
					      .member = i == 1 ? MTR_SWAP : MTR_ANON,
					      .why = MTR_WHY_SYSCALL,
					      .call = 28 + 1,
					      .start = HEAP + (i == 3 ? PAGE : 0),
					      .end = HEAP + 3 * PAGE };
		give(s, &ev);
		s->anon -= i == 1 ? 0 : (int64_t)PAGE;
	}
	/* of a munmap the map's change is told */
	ev.rss.call = 11 + 1;
	ev.time_ns = 0;
	give(s, &ev);
	s->anon -= (int64_t)PAGE;
	ev = event(MTR_EV_SIGNAL, 1, 100);
	ev.signal = (struct mtr_ev_signal){ .signo = SIGSEGV, .code = 1, .addr = 0x10 };
	give(s, &ev);
	ev = event(MTR_EV_LOST, 0, 0);
	ev.lost = (struct mtr_ev_lost){ .what = MTR_EV_FAULT, .count = 17 };
	give(s, &ev);
	ev = event(MTR_EV_LOST, 0, 0);
	ev.lost.count = 3;
	give(s, &ev);
	ev = event(MTR_EV_MARK, 0, 0);
	ev.mark.name = strtab_intern_str(s->st, "mark \"" HOSTILE);
	give(s, &ev);
}

/* A thread in a loop of two call stacks at one place; code that is mapped, and code that is not. */
static void stacks(struct stream *s)
{
	const uint64_t pc[][3] = { { MAP + 0x123, MAP + 0x456, MAP + 0x789 },
				   { MAP + 0x123, 0x12345, MAP + 0x789 } };
	struct mtr_event ev = event(MTR_EV_STACK, 1, 100);

	for (unsigned int i = 0; i < 6; i++) {
		ev.time_ns = 0;
		ev.stack =
			(struct mtr_ev_stack){ .ip = MAP + 0x123,
					       .sp = STACK_END - 0x1000,
					       .why = (uint8_t)(1 + i % 4),
					       .stack = stacktab_intern(s->stacks, pc[i % 2], 3) };
		give(s, &ev);
		fault(s, 1, HEAP + 0x100000 + i * PAGE, MTR_FAULT_F_WRITE);
	}
	ev = event(MTR_EV_MOVE, 1, 100);
	ev.move = (struct mtr_ev_move){ .from = MAP + 0x100000, .to = MAP + 0x200000, .len = PAGE };
	give(s, &ev);
	ev = event(MTR_EV_INVALIDATE, 1, 0);
	for (unsigned int i = 1; i <= MTR_INV_DOUBT; i++) {
		ev.time_ns = 0;
		ev.invalidate = (struct mtr_ev_invalidate){ .start = HEAP,
							    .end = HEAP + i / 2 * PAGE,
							    .seq = i,
							    .phase = (uint8_t)i,
							    .why = MTR_INV_RECLAIMED };
		give(s, &ev);
	}
}

static void call(struct stream *s, uint32_t as, uint32_t tid, unsigned int nr, uint64_t took,
		 int64_t result, const uint64_t *arg)
{
	struct mtr_event ev = event(MTR_EV_CALL, as, tid);

	ev.call = (struct mtr_ev_call){ .nr = (uint16_t)nr,
					.took_ns = took,
					.result = result,
					.ip = MAP + 0x123,
					.sp = STACK_END - 0x1000 };
	memcpy(ev.call.arg, arg, sizeof(ev.call.arg));
	give(s, &ev);
}

/* Good and bad ones, one whose pages are told before it, one of a thread that nobody knows, very many. */
static void calls(struct stream *s)
{
	const uint64_t none[6] = { 0 }, map[6] = { 0, 2 * PAGE, 3, 0x22, ~0ull, 0 };
	const uint64_t advice[6] = { HEAP, 3 * PAGE, 4 }, odd[6] = { HEAP, PAGE, 77 };
	const uint64_t protect[6] = { MAP, PAGE, 5 };
	struct mtr_event ev = event(MTR_EV_RSS, 1, 100);

	call(s, 1, 100, 9, 500, (int64_t)(MAP + 0x5000), map);
	call(s, 1, 100, 9, 1500, -ENOMEM, map); /* reaches back to where the one before ended */
	ev.rss = (struct mtr_ev_rss){
		.bytes = -(int64_t)PAGE, .member = MTR_ANON, .why = MTR_WHY_SYSCALL, .call = 28 + 1
	};
	give(s, &ev);
	s->anon -= (int64_t)PAGE;
	call(s, 1, 100, 28, 1500, 0, advice);
	call(s, 1, 100, 28, 800, -EINVAL, odd);
	call(s, 1, 100, 10, 800, 0, protect);
	call(s, 1, 100, 12, 0, HEAP, none); /* its beginning was not seen */
	call(s, 1, 777, 11, 100, 0, advice); /* no thread of that number */
	call(s, 1, 100, 500, 100, -ENOSYS, none); /* a call of the future */
	call(s, 98, 100, 11, 100, 0, advice); /* of nobody */
	for (unsigned int i = 0; i < 1500; i++)
		call(s, 1, 100, 11, 700, i % 3 ? 0 : -EINVAL, advice);
}

static void every_kind(struct stream *s)
{
	s->anon = 10 * (int64_t)PAGE;
	start(s, MTR_EV_ATTACH, 1, 100, 0, HOSTILE);
	kernel(s, 1);
	read_map(s, 1);
	thread(s, MTR_EV_THREAD, 1, 100, HOSTILE);
	thread(s, MTR_EV_THREAD, 1, 101, "worker");
	count_pages(s, 1);
	tick(s, 1);
	vma(s, MTR_EV_VMA, 1, HEAP, 0x200000, RW, NULL, 0); /* grows */
	vma(s, MTR_EV_VMA, 1, MAP, 0x8000, MTR_P_READ, NULL, 7); /* re-protected */
	vma(s, MTR_EV_VMA, 1, STACK - 0x1000, STACK_END - STACK + 0x1000, RW | MTR_P_GROWSDOWN,
	    NULL, 0);
	range(s, MTR_EV_HOLE, 1, MAP + 0x8000, 0x4000);
	range(s, MTR_EV_RESYNC, 1, MAP, 0x1000);
	others(s);
	thread(s, MTR_EV_SP, 1, 100, NULL);
	thread(s, MTR_EV_COMM, 1, 101, "renamed");
	ended(s, MTR_EV_THREAD_EXIT, 1, 101, 0);
	for (unsigned int i = 0; i < 2500; i++)
		fault(s, 1, HEAP + i % 256 * PAGE, i == 2400 ? MTR_FAULT_F_MAJOR : 0);
	for (unsigned int i = 0; i < 1500; i++) {
		vma(s, MTR_EV_VMA, 1, MAP + 0x1000000 + i * 2 * PAGE, PAGE, RW, NULL, 0);
		range(s, MTR_EV_HOLE, 1, MAP + 0x1000000 + i * 2 * PAGE, PAGE);
	}
	tick(s, 1);
	stacks(s);
	start(s, MTR_EV_ATTACH, 2, 200, 1, "child");
	read_map(s, 2);
	fault(s, 2, HEAP, MTR_FAULT_F_WRITE | MTR_FAULT_F_FAILED);
	start(s, MTR_EV_EXEC, 3, 200, 2, "other");
	read_map(s, 3);
	count_pages(s, 3);
	tick(s, 3);
	fault(s, 99, HEAP, 0); /* of nobody */
	struct mtr_event ev = event(MTR_EV_OOM, 3, 200);

	give(s, &ev);
	ended(s, MTR_EV_EXIT, 3, 200, 9);
	calls(s);
	for (unsigned int i = 0; i < 12; i++)
		tick(s, 3);
	kernel(s, 1);
	fault(s, 1, HEAP, MTR_FAULT_F_MAJOR | MTR_FAULT_F_WRITE); /* after the last interval */
}

static void storm(struct stream *s, uint64_t nr, uint64_t every)
{
	start(s, MTR_EV_ATTACH, 1, 100, 0, "storm");
	read_map(s, 1);
	count_pages(s, 1);
	vma(s, MTR_EV_VMA, 1, MAP + 0x10000000, 1ull << 36, RW, NULL, 0);
	for (uint64_t i = 0; i < nr && !s->err; i++) {
		if (i % 10 == 9)
			vma(s, MTR_EV_VMA, 1, MAP + 0x1000000 + i % 64 * 2 * PAGE,
			    (1 + i / 64 % 2) * PAGE, RW, NULL, 0);
		else
			fault(s, 1, MAP + 0x10000000 + i % (1 << 24) * PAGE, 0);
		if (i % every == every - 1)
			tick(s, 1);
	}
}

static int report(const struct stream *s, int err, uint64_t took)
{
	struct rusage ru;
	uint64_t nr = 0;
	const char *sep = "";

	getrusage(RUSAGE_SELF, &ru);
	printf("{\"error\":%d,\"counts\":{", -err);
	for (unsigned int k = 0; k < MTR_EV_MAX; k++) {
		if (!s->counts[k])
			continue;
		printf("%s\"%s\":%" PRIu64, sep, event_kind_name(k), s->counts[k]);
		nr += s->counts[k];
		sep = ",";
	}
	printf("},\"anon\":%" PRId64 ",\"events\":%" PRIu64 ",\"ns\":%" PRIu64
	       ",\"max_rss_kb\":%ld}\n",
	       s->anon, nr, took, ru.ru_maxrss);
	return err ? 1 : 0;
}

int main(int argc, char **argv)
{
	struct stream s = {
		.st = strtab_new(), .stacks = stacktab_new(), .sites = sites_new(), .now = 100 * S
	};
	const struct export_info info = { .stacks = s.stacks,
					  .calls = argc == 4 && !strcmp(argv[3], "calls"),
					  .clocks = { 100 * S, 90 * S, 1715702413ull * S },
					  .rung = "fentry",
					  .sysname = "Linux",
					  .release = "6.1",
					  .machine = "x86_64" };
	const struct export_ops *ops = argc > 2 ? exporter_ops(argv[1]) : NULL;
	uint64_t began = boot_ns();
	int fd, err;

	if (!ops || !s.st || !s.stacks || !s.sites) {
		fprintf(stderr, "usage: export_stream %s OUT [storm N [M]|empty|calls]\n",
			exporter_names());
		return 2;
	}
	fd = open(argv[2], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0) {
		perror(argv[2]);
		return 2;
	}
	err = exporter_new(ops, &info, s.st, fd, &s.x);
	if (!err) {
		if (argc == 3 || info.calls)
			every_kind(&s);
		else if (!strcmp(argv[3], "storm") && argc > 4)
			storm(&s, strtoull(argv[4], NULL, 0),
			      argc > 5 ? strtoull(argv[5], NULL, 0) : 100000);
		err = exporter_finish(s.x);
		exporter_free(s.x);
	}
	strtab_free(s.st);
	stacktab_free(s.stacks);
	sites_free(s.sites);
	close(fd);
	return report(&s, err, boot_ns() - began);
}
