// SPDX-License-Identifier: GPL-2.0
/*
 * A recording of a size, of a process that never was: for measuring what a large file costs.
 *
 *   longtrace OUT MIB [EVENTS]
 *
 * One process of 64 threads and 2,000 mappings; EVENTS faults a second (a million when not
 * said), most of them walking upwards, some anywhere, with times and instructions that vary,
 * so that a fault takes about as much of the file as in a large program's recording. An interval
 * is a second, keyframes are made when the recorder would make them.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model/model.h"
#include "trace/file.h"
#include "trace/writer.h"
#include "util/clock.h"

#define NR_THREADS 64u
#define NR_MAPS 2000u
#define MAP_SZ (8ull << 20)
#define MAPS 0x7f0000000000ull
#define PAGE 4096ull
#define PID 1000u
#define TURN \
	1000u /* events between two looks at whether a keyframe is due: the ring is emptied that often */

struct making {
	struct strtab *st;
	struct model model;
	struct trace_writer *w;
	struct trace_file *tf;
	uint64_t now_ns, tick_ns, x;
	uint64_t at[NR_THREADS], ip[NR_THREADS];
	int err;
};

static uint64_t random_of(struct making *m, uint64_t n)
{
	m->x ^= m->x << 13;
	m->x ^= m->x >> 7;
	m->x ^= m->x << 17;
	return m->x % n;
}

static void give(struct making *m, struct mtr_event *ev)
{
	ev->as = ev->kind == MTR_EV_TICK && !ev->as ? 0 : 1;
	ev->time_ns = m->now_ns;
	if (!m->err)
		m->err = model_apply(&m->model, ev);
	if (!m->err)
		m->err = trace_writer_event(m->w, ev);
}

static void begin(struct making *m)
{
	struct mtr_event ev = { .kind = MTR_EV_ATTACH, .tid = PID };

	ev.proc.pid = PID;
	ev.proc.min_flt = ev.proc.maj_flt = -1;
	ev.proc.comm = strtab_intern_str(m->st, "long");
	give(m, &ev);
	ev = (struct mtr_event){ .kind = MTR_EV_SNAP_BEGIN };
	ev.snap =
		(struct mtr_ev_snap){ .what = MTR_SNAP_MAPS, .begin_ns = m->now_ns, .end = ~0ull };
	give(m, &ev);
	for (unsigned int i = 0; i < NR_MAPS; i++) {
		ev = (struct mtr_event){ .kind = MTR_EV_SNAP_VMA };
		ev.vma.start = MAPS + i * 2 * MAP_SZ;
		ev.vma.end = ev.vma.start + MAP_SZ;
		ev.vma.prot = MTR_P_READ | MTR_P_WRITE;
		give(m, &ev);
	}
	ev = (struct mtr_event){ .kind = MTR_EV_SNAP_END };
	ev.snap = (struct mtr_ev_snap){
		.what = MTR_SNAP_MAPS, .complete = true, .begin_ns = m->now_ns, .end = ~0ull
	};
	give(m, &ev);
	for (unsigned int i = 1; i < NR_THREADS; i++) {
		ev = (struct mtr_event){ .kind = MTR_EV_THREAD, .tid = PID + i };
		ev.thread.at_attach = true;
		give(m, &ev);
	}
}

static void fault(struct making *m)
{
	unsigned int t = (unsigned int)random_of(m, NR_THREADS);
	struct mtr_event ev = { .kind = MTR_EV_FAULT, .tid = PID + t, .cpu = t % 8 };

	if (!m->at[t] || !random_of(m, 8)) {
		m->at[t] = MAPS + random_of(m, NR_MAPS) * 2 * MAP_SZ +
			   random_of(m, MAP_SZ / PAGE) * PAGE;
		m->ip[t] = 0x401000 + random_of(m, 4096) * 16;
	} else if (m->at[t] / MAP_SZ == (m->at[t] + PAGE) / MAP_SZ) {
		m->at[t] += PAGE;
	}
	ev.fault.addr = m->at[t] + random_of(m, PAGE / 64) * 64;
	ev.fault.ip = m->ip[t];
	ev.fault.bytes = (int64_t)PAGE;
	ev.fault.member = MTR_ANON;
	ev.fault.flags = MTR_FAULT_F_USER | MTR_FAULT_F_WRITE;
	give(m, &ev);
}

static int fill(void *ctx, event_sink_fn sink, void *sink_ctx)
{
	struct making *m = ctx;

	return model_save(&m->model, m->tick_ns, sink, sink_ctx);
}

static void keyframe(struct making *m)
{
	if (!m->err && trace_writer_key_due(m->w, m->now_ns))
		m->err = trace_writer_keyframe(m->w, m->now_ns, fill, m);
}

static void second(struct making *m, unsigned long nr)
{
	struct mtr_event ev = { .kind = MTR_EV_TICK, .as = 1 };
	uint64_t end = m->now_ns + NSEC_PER_SEC;

	for (unsigned long i = 0; i < nr && !m->err; i++) {
		m->now_ns += random_of(m, 2 * NSEC_PER_SEC / nr) * 9 / 10;
		fault(m);
		if (i % TURN == 0)
			keyframe(m);
	}
	m->now_ns = m->tick_ns = m->now_ns < end ? end : m->now_ns;
	give(m, &ev);
	ev = (struct mtr_event){ .kind = MTR_EV_TICK };
	ev.tick.real_ns = m->now_ns;
	give(m, &ev);
	keyframe(m);
}

static int make(struct making *m, uint64_t size, unsigned long nr)
{
	begin(m);
	while (!m->err && trace_file_size(m->tf) < size)
		second(m, nr);
	if (!m->err)
		m->err = trace_writer_flush(m->w);
	return m->err ? m->err : trace_file_end(m->tf);
}

int main(int argc, char **argv)
{
	static struct making m = { .now_ns = NSEC_PER_SEC, .x = 88172645463325252ull };
	static struct trace_facts facts;
	unsigned long mib = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
	unsigned long nr = argc > 3 ? strtoul(argv[3], NULL, 10) : 1000000;
	int fd;

	if (!mib || !nr) {
		fprintf(stderr, "usage: longtrace OUT MIB [EVENTS]\n");
		return 2;
	}
	fd = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	facts_set(&facts, "start.boottime_ns", "%llu", (unsigned long long)m.now_ns);
	facts_set(&facts, "start.realtime_ns", "%llu", (unsigned long long)m.now_ns);
	m.st = strtab_new();
	if (fd < 0 || !m.st || trace_file_new(fd, &facts, &m.tf)) {
		perror(argv[1]);
		return 1;
	}
	model_init(&m.model, m.st);
	m.w = trace_writer_new(m.st, NULL, trace_file_chunk, m.tf);
	m.err = m.w ? make(&m, (uint64_t)mib << 20, nr) : -1;
	if (m.err)
		fprintf(stderr, "longtrace: %s\n", strerror(-m.err));
	return m.err ? 1 : 0;
}
