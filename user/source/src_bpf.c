// SPDX-License-Identifier: GPL-2.0
#include "source/src_bpf.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "memtrace.skel.h"
#include "mtr_wire.h"
#include "source/crashcopy.h"
#include "source/decode.h"
#include "source/probe.h"
#include "util/clock.h"
#include "util/hash.h"
#include "util/log.h"

#define DEFAULT_RING (8ull << 20)
#define DEFAULT_TARGETS 1024u
#define MAX_PROGS 32
#define WAKE_SHARE \
	32 /* the reader is woken when this part of the ring is in use; each 100 ms it looks by itself */

struct thread_seq;

struct src_bpf {
	struct memtrace_bpf *skel;
	struct ring_buffer *ring;
	struct bpf_link *tick_link; /* iterator over the tasks of interest */
	struct strtab *st;
	enum ladder_rung rung;
	bool module; /* memtrace.ko is listened to */
	uint64_t ring_bytes;
	struct bpf_link *links[MAX_PROGS];
	unsigned int nr_links;
	pid_t one_pid; /* 0: several processes */
	int progs[MAX_PROGS];
	unsigned int nr_progs;
	uint64_t lost[MTR_W_MAX]; /* told so far */
	uint64_t misses; /* told so far */
	struct thread_seq *seqs, *last_seq; /* uthash by (as, tid) */
	struct crashcopy *crashes; /* whose signal has not come yet */
	bool bounded;
	uint64_t until_ns; /* of a bounded drain: the first record that is younger ends it */
	bool enough; /* it came */
	event_sink_fn sink; /* during a drain */
	void *ctx;
	int sink_err;
};

/* libbpf speaks with -v only; the verifier's log is many lines in one message. */
static int on_print(enum libbpf_print_level level, const char *fmt, va_list args)
{
	char *text, *line, *save;

	if (level == LIBBPF_DEBUG || vasprintf(&text, fmt, args) < 0)
		return 0;
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		log_verbose("%s", line);
	free(text);
	return 0;
}

/* Which programs this kernel and this rung call for. */
static int choose_programs(struct memtrace_bpf *s, const struct probe *p, enum ladder_rung rung,
			   bool module)
{
	bool fentry = rung == RUNG_FENTRY, second = probe_tp_preempted(p);
	const struct {
		struct bpf_program *prog;
		bool wanted;
	} table[] = {
		{ s->progs.attach, true },
		{ s->progs.tick, true },
		{ s->progs.process_fork, true },
		{ s->progs.process_exec, true },
		{ s->progs.process_exit, true },
		{ s->progs.renamed, p->tp[PTP_TASK_RENAME].btf_id },
		{ s->progs.signal_generate, p->tp[PTP_SIGNAL_GENERATE].btf_id },
		{ s->progs.mark_victim, p->tp[PTP_MARK_VICTIM].nr_args == 2 },
		{ s->progs.ma_write, true },
		{ s->progs.rss_stat_2, p->tp[PTP_RSS_STAT].nr_args == 2 },
		{ s->progs.rss_stat_3, p->tp[PTP_RSS_STAT].nr_args == 3 },
		{ s->progs.page_fault_user, !fentry },
		{ s->progs.page_fault_kernel, !fentry },
		{ s->progs.fault_end, !fentry && p->tp[PTP_RSS_STAT].nr_args == 3 },
		{ s->progs.lock_released_2, !fentry && p->tp[PTP_MMAP_LOCK_RELEASED].nr_args == 2 },
		{ s->progs.lock_released_3, !fentry && p->tp[PTP_MMAP_LOCK_RELEASED].nr_args == 3 },
		{ s->progs.fault_enter, fentry },
		{ s->progs.fault_exit, fentry },
		{ s->progs.perf_event_mmap, fentry },
		{ s->progs.uprobe_mmap,
		  fentry && probe_late_pgoff(p) && probe_fn(p, PFN_UPROBE_MMAP) },
		{ s->progs.vms_complete, fentry && p->fn[PFN_VMS_COMPLETE_MUNMAP_VMAS].btf_id },
		{ s->progs.mm_invalidate, module },
		{ s->progs.mm_release, module },
		/* see second_of() */
		{ s->progs.process_fork_second, second },
		{ s->progs.process_exec_second, second },
		{ s->progs.process_exit_second, second },
		{ s->progs.ma_write_second, second },
		{ s->progs.lock_released_second,
		  second && !fentry && p->tp[PTP_MMAP_LOCK_RELEASED].nr_args == 2 },
		{ s->progs.perf_event_mmap_second, fentry && p->preempt },
		{ s->progs.vms_complete_second,
		  fentry && p->preempt && p->fn[PFN_VMS_COMPLETE_MUNMAP_VMAS].btf_id },
	};

	for (unsigned int i = 0; i < sizeof(table) / sizeof(*table); i++) {
		int err = bpf_program__set_autoload(table[i].prog, table[i].wanted);

		if (err)
			return err;
	}
	return 0;
}

/* The smallest set without which the map could not be exact. */
static const char *missing(const struct probe *p, enum ladder_rung rung)
{
	if (!p->btf)
		return "the kernel has no BTF (/sys/kernel/btf/vmlinux)";
	if (!p->tp[PTP_MA_WRITE].btf_id)
		return "the kernel has no maple tree tracepoint (Linux 6.1 or later is needed)";
	if (!p->helper[PHL_LOOP] || !p->helper[PHL_TASK_PT_REGS])
		return "the kernel's BPF is too old (Linux 6.1 or later is needed)";
	if (rung == RUNG_TRACEPOINT && !p->tp[PTP_MMAP_LOCK_RELEASED].btf_id)
		return "the kernel has no mmap_lock tracepoints (CONFIG_TRACING)";
	if (rung == RUNG_TRACEPOINT && !p->tp[PTP_PAGE_FAULT_USER].btf_id)
		return "the kernel has no page fault tracepoints (x86 and riscv have them)";
	return NULL;
}

static uint64_t pow2_at_least(uint64_t v)
{
	uint64_t p = 4096;

	while (p < v && p < 1ull << 30)
		p *= 2;
	return p;
}

static int size_maps(struct src_bpf *sb, const struct src_bpf_opts *o, const struct probe *p)
{
	struct memtrace_bpf *s = sb->skel;
	unsigned int targets = o->max_targets ? o->max_targets : DEFAULT_TARGETS;
	int cpus = libbpf_num_possible_cpus();
	long online = sysconf(_SC_NPROCESSORS_ONLN);

	if (cpus < 1)
		return cpus ? cpus : -EINVAL;
	sb->ring_bytes = pow2_at_least(o->ring_bytes ? o->ring_bytes : DEFAULT_RING);
	s->rodata->nr_cpus = (uint32_t)cpus;
	/* as the kernel does (lib/percpu_counter.c) */
	s->rodata->slot_pages = online > 16 ? 2 * (uint32_t)online : 32;
	s->rodata->rss_percpu = p->tp[PTP_RSS_STAT].nr_args == 2;
	s->rodata->spill_all = o->no_storage;
	s->rodata->late_pgoff = probe_late_pgoff(p);
	s->bss->next_as = 1;
	s->rodata->want_stacks = o->stacks;
	s->rodata->fault_share = o->fault_period > 1 ? UINT32_MAX / o->fault_period : 0;
	s->rodata->wake_above = sb->ring_bytes / WAKE_SHARE;
	s->rodata->stack_room = sb->ring_bytes / 2;
	if (bpf_map__set_autocreate(s->maps.at_hits, false) ||
	    bpf_map__set_max_entries(s->maps.ring, (uint32_t)sb->ring_bytes) ||
	    bpf_map__set_max_entries(s->maps.targets, targets) ||
	    bpf_map__set_max_entries(s->maps.slots, targets) ||
	    bpf_map__set_max_entries(s->maps.free_slots, targets) ||
	    bpf_map__set_max_entries(s->maps.want_pids, targets) ||
	    bpf_map__set_max_entries(s->maps.rss_last, targets * (unsigned int)cpus))
		return -EINVAL;
	return 0;
}

static int fill_slots(struct src_bpf *sb)
{
	int fd = bpf_map__fd(sb->skel->maps.free_slots);
	uint32_t n = bpf_map__max_entries(sb->skel->maps.free_slots);

	for (uint32_t i = 0; i < n; i++)
		if (bpf_map_update_elem(fd, NULL, &i, BPF_ANY))
			return -errno;
	return 0;
}

/* A thread's faults come in batches, a batch that is not full more than once: which were given on? */
struct thread_seq {
	struct {
		uint32_t as, tid;
	} key;
	uint32_t next; /* number of the first fault not given on yet */
	struct held *first, **last; /* stacks of faults that wait in a batch, in their order */
	unsigned int nr_held;
	UT_hash_handle hh;
};

static struct thread_seq *seq_of(struct src_bpf *sb, const struct mtr_w_hdr *h)
{
	struct thread_seq *t = sb->last_seq, probe = { .key = { .as = h->as, .tid = h->tid } };

	if (t && t->key.as == h->as && t->key.tid == h->tid)
		return t;
	HASH_FIND(hh, sb->seqs, &probe.key, sizeof(probe.key), t);
	if (!t) {
		t = calloc(1, sizeof(*t));
		if (!t)
			return NULL;
		t->key = probe.key;
		HASH_ADD(hh, sb->seqs, key, sizeof(t->key), t);
		if (!t->hh.tbl) {
			free(t);
			return NULL;
		}
	}
	sb->last_seq = t;
	return t;
}

/*
 * A fault's call stack comes before the batch that the fault is in: it is held
 * back, and given on just before its fault.
 */
struct held {
	struct held *next;
	size_t sz;
	uint32_t seq;
	uint64_t data[]; /* the record */
};

#define MAX_HELD (4 * MTR_FAULT_BATCH)

static int give_stack(struct src_bpf *sb, const void *data, size_t sz)
{
	struct mtr_stack_copy copy;
	struct mtr_event ev;
	int err = decode_stack(data, sz, &copy, &ev);

	return err > 0 ? sb->sink(sb->ctx, &ev) : err;
}

/* Those of faults up to @seq; only the first @nr of them. */
static int give_held(struct src_bpf *sb, struct thread_seq *t, uint32_t seq, unsigned int nr)
{
	int err = 0;

	while (!err && nr-- && t->first && (int32_t)(t->first->seq - seq) <= 0) {
		struct held *h = t->first;

		t->first = h->next;
		t->nr_held--;
		err = give_stack(sb, h->data, h->sz);
		free(h);
	}
	return err;
}

static int hold_stack(struct src_bpf *sb, const void *data, size_t sz)
{
	const struct mtr_w_stack *w = data;
	struct thread_seq *t = seq_of(sb, data);
	struct held *h;

	if (!t)
		return -ENOMEM;
	h = malloc(sizeof(*h) + sz);
	if (!h)
		return -ENOMEM;
	h->next = NULL;
	h->sz = sz;
	h->seq = w->seq;
	memcpy(h->data, data, sz);
	if (!t->first)
		t->last = &t->first;
	*t->last = h;
	t->last = &h->next;
	/* its faults never came: they were lost */
	return ++t->nr_held > MAX_HELD ? give_held(sb, t, t->first->seq, 1) : 0;
}

static int take_in_stack(struct src_bpf *sb, const void *data, size_t sz)
{
	const struct mtr_w_stack *w = data;

	return w->h.aux == MTR_STACK_FAULT ? hold_stack(sb, data, sz) : give_stack(sb, data, sz);
}

static void forget_seq(struct src_bpf *sb, struct thread_seq *t)
{
	if (!t)
		return;
	for (struct held *h = t->first, *next; h; h = next) {
		next = h->next;
		free(h);
	}
	if (sb->last_seq == t)
		sb->last_seq = NULL;
	HASH_DEL(sb->seqs, t);
	free(t);
}

static int give_faults(struct src_bpf *sb, const void *data, uint32_t seq, unsigned int nr)
{
	struct thread_seq *t = seq_of(sb, data);
	struct mtr_event ev;
	unsigned int i = 0;
	int err = 0;

	if (!t)
		return -ENOMEM;
	if ((int32_t)(t->next - seq) > 0)
		i = t->next - seq;
	for (; i < nr && !err; i++) {
		if (t->first) {
			err = give_held(sb, t, seq + i, MAX_HELD);
			if (err)
				break;
		}
		decode_fault(data, i, sb->skel->bss->count_epoch, &ev);
		err = sb->sink(sb->ctx, &ev);
	}
	if ((int32_t)(seq + nr - t->next) > 0)
		t->next = seq + nr;
	return err;
}

/* The stack that came before a signal comes after it in the stream. */
static int give_crash(struct src_bpf *sb, const struct mtr_event *sig)
{
	struct crashcopy *c = crashcopy_take(&sb->crashes, sig->as, sig->tid);
	struct mtr_event ev = *sig;
	int err;

	if (!c)
		return 0;
	ev.kind = MTR_EV_STACK;
	ev.stack = (struct mtr_ev_stack){ .ip = c->copy.regs.r[MTR_REG_PC],
					  .sp = c->copy.regs.r[MTR_REG_SP],
					  .why = MTR_STACK_WHY_CRASH,
					  .copy = &c->copy };
	err = sb->sink(sb->ctx, &ev);
	crashcopy_free(c);
	return err;
}

static int on_record(void *ctx, void *data, size_t sz)
{
	struct src_bpf *sb = ctx;
	struct mtr_event ev = { .kind = 0 };
	uint32_t seq;
	int err = decode_faults(data, sz, &seq);

	if (sz >= sizeof(struct mtr_w_stack) && ((struct mtr_w_hdr *)data)->kind == MTR_W_STACK) {
		err = take_in_stack(sb, data, sz);
	} else if (crashcopy_is(data, sz)) {
		err = crashcopy_add(&sb->crashes, data, sz);
	} else if (err > 0) {
		err = give_faults(sb, data, seq, (unsigned int)err);
	} else if (!err) {
		err = decode_record(data, sz, sb->st, &ev);
		if (err > 0)
			err = sb->sink(sb->ctx, &ev);
		if (!err && ev.kind == MTR_EV_SIGNAL)
			err = give_crash(sb, &ev);
		if (!err && ev.kind == MTR_EV_THREAD_EXIT)
			forget_seq(sb, seq_of(sb, data));
	}
	if (err < 0) {
		sb->sink_err = err;
		return err;
	}
	/* libbpf goes on behind this record at the next drain */
	if (sb->bounded && sz >= sizeof(struct mtr_w_hdr) &&
	    ((struct mtr_w_hdr *)data)->time_ns > sb->until_ns) {
		sb->enough = true;
		return -EAGAIN;
	}
	return 0;
}

static bool is_module_prog(const struct src_bpf *sb, const struct bpf_program *prog)
{
	return prog == sb->skel->progs.mm_invalidate || prog == sb->skel->progs.mm_release;
}

/* All hooks but the iterators, which run when they are read. */
static int switch_on(struct src_bpf *sb)
{
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, sb->skel->obj)
	{
		struct bpf_link *link;

		if (!bpf_program__autoload(prog))
			continue;
		if (sb->nr_progs < MAX_PROGS)
			sb->progs[sb->nr_progs++] = bpf_program__fd(prog);
		if (prog == sb->skel->progs.attach || prog == sb->skel->progs.tick)
			continue;
		link = bpf_program__attach(prog);
		if (!link && is_module_prog(sb, prog)) {
			log_verbose("memtrace.ko is not listened to: %s", strerror(errno));
			sb->module = false;
			continue;
		}
		if (!link) {
			log_verbose("cannot attach %s: %s", bpf_program__name(prog),
				    strerror(errno));
			return -errno;
		}
		bpf_program__set_autoattach(prog, false);
		sb->links[sb->nr_links++] = link;
	}
	return 0;
}

static int load(struct src_bpf *sb, const struct src_bpf_opts *o, const struct probe *p)
{
	int err;

	sb->skel = memtrace_bpf__open();
	if (!sb->skel)
		return -errno;
	err = choose_programs(sb->skel, p, sb->rung, o->module);
	if (!err)
		err = size_maps(sb, o, p);
	if (!err)
		err = memtrace_bpf__load(sb->skel);
	if (!err)
		err = fill_slots(sb);
	if (err)
		return err;
	sb->ring = ring_buffer__new(bpf_map__fd(sb->skel->maps.ring), on_record, sb, NULL);
	if (!sb->ring)
		return -errno;
	return switch_on(sb);
}

int src_bpf_open(const struct src_bpf_opts *o, struct strtab *st, struct src_bpf **ret_sb,
		 const char **ret_why)
{
	static struct probe p;
	static struct ladder lad;
	struct src_bpf *sb;
	int err;

	libbpf_set_print(on_print);
	err = probe_kernel(&p);
	if (err)
		return err;
	ladder_choose(&p, &lad);
	if (lad.can != LAD_CAN) {
		*ret_why = lad.text;
		return lad.can == LAD_NO_PRIVILEGE ? -EPERM : -EOPNOTSUPP;
	}
	sb = calloc(1, sizeof(*sb));
	if (!sb)
		return -ENOMEM;
	sb->st = st;
	sb->module = o->module;
	sb->bounded = o->bounded;
	sb->rung = o->rung == RUNG_NONE ? lad.rung : o->rung;
	if (sb->rung == RUNG_FENTRY && !probe_fentry(&p))
		*ret_why = "this kernel refuses fentry programs";
	else
		*ret_why = missing(&p, sb->rung);
	if (!*ret_why && o->fault_period > 1 && p.tp[PTP_RSS_STAT].nr_args != 2)
		*ret_why = "--sample-faults needs Linux 6.2 or later";
	if (*ret_why) {
		free(sb);
		return -EOPNOTSUPP;
	}
	err = load(sb, o, &p);
	if (err) {
		*ret_why = strerror(-err);
		src_bpf_close(sb);
		return err;
	}
	*ret_sb = sb;
	return 0;
}

void src_bpf_close(struct src_bpf *sb)
{
	struct thread_seq *t, *tmp;

	if (!sb)
		return;
	HASH_ITER(hh, sb->seqs, t, tmp)
		forget_seq(sb, t);
	crashcopy_free_all(&sb->crashes);
	for (unsigned int i = 0; i < sb->nr_links; i++)
		bpf_link__destroy(sb->links[i]);
	bpf_link__destroy(sb->tick_link);
	ring_buffer__free(sb->ring);
	memtrace_bpf__destroy(sb->skel);
	free(sb);
}

/* Read an iterator to its end: it runs its program for every task on the way. */
static int run_iter(const struct bpf_link *link)
{
	int fd = bpf_iter_create(bpf_link__fd(link)), err = 0;
	char buf[256];
	ssize_t n;

	if (fd < 0)
		return -errno;
	do
		n = read(fd, buf, sizeof(buf));
	while (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)));
	if (n < 0)
		err = -errno;
	close(fd);
	return err;
}

/* Of one process only where the kernel can (6.1+); else of all tasks. */
static struct bpf_link *iter_link(struct bpf_program *prog, pid_t pid)
{
	union bpf_iter_link_info info = { .task.pid = (uint32_t)pid };
	DECLARE_LIBBPF_OPTS(bpf_iter_attach_opts, opts);
	struct bpf_link *link = NULL;

	if (pid) {
		opts.link_info = &info;
		opts.link_info_len = sizeof(info);
		link = bpf_program__attach_iter(prog, &opts);
	}
	return link ? link : bpf_program__attach_iter(prog, NULL);
}

static int visit(struct bpf_program *prog, pid_t pid)
{
	struct bpf_link *link = iter_link(prog, pid);
	int err;

	if (!link)
		return -errno;
	err = run_iter(link);
	bpf_link__destroy(link);
	return err;
}

static int count_traced(struct src_bpf *sb, unsigned int before)
{
	return (int)(sb->skel->bss->next_as - before);
}

int src_bpf_attach(struct src_bpf *sb, const pid_t *pids, unsigned int nr, bool follow)
{
	uint32_t want = MTR_WANT_ATTACH | (follow ? MTR_WANT_FOLLOW : 0);
	int fd = bpf_map__fd(sb->skel->maps.want_pids), err = 0;
	unsigned int before = sb->skel->bss->next_as;

	for (unsigned int i = 0; i < nr; i++) {
		uint32_t pid = (uint32_t)pids[i];

		if (bpf_map_update_elem(fd, &pid, &want, BPF_ANY))
			return -errno;
	}
	/* the processes first, then whoever else is at work on their memory: children of vfork */
	err = visit(sb->skel->progs.attach, nr == 1 ? pids[0] : 0);
	if (!err)
		err = visit(sb->skel->progs.attach, 0);
	for (unsigned int i = 0; i < nr; i++)
		bpf_map_delete_elem(fd, &pids[i]);
	if (err)
		return err;
	/* One process that has no children to follow: its threads are all there is to visit. */
	bpf_link__destroy(sb->tick_link);
	sb->one_pid = !sb->tick_link && nr == 1 && !follow ? pids[0] : 0;
	sb->tick_link = iter_link(sb->skel->progs.tick, sb->one_pid);
	if (!sb->tick_link)
		return -errno;
	return count_traced(sb, before);
}

int src_bpf_fd(const struct src_bpf *sb)
{
	return ring_buffer__epoll_fd(sb->ring);
}

int src_bpf_drain(struct src_bpf *sb, event_sink_fn sink, void *ctx)
{
	int n;

	sb->sink = sink;
	sb->ctx = ctx;
	sb->sink_err = 0;
	sb->enough = false;
	sb->until_ns = sb->bounded ? boot_ns() : 0;
	n = ring_buffer__consume(sb->ring);
	if (sb->sink_err)
		return sb->sink_err;
	return sb->enough ? 1 : n;
}

uint32_t *src_bpf_epoch(struct src_bpf *sb)
{
	return &sb->skel->bss->count_epoch;
}

void src_bpf_stack_rate(struct src_bpf *sb, unsigned int period, unsigned int bytes)
{
	__atomic_store_n(&sb->skel->data->stack_period, period, __ATOMIC_RELAXED);
	__atomic_store_n(&sb->skel->data->stack_bytes, bytes, __ATOMIC_RELAXED);
}

unsigned int src_bpf_ring_peak(struct src_bpf *sb)
{
	uint64_t peak = __atomic_exchange_n(&sb->skel->bss->ring_peak, 0, __ATOMIC_RELAXED);

	return (unsigned int)(peak * 100 / sb->ring_bytes);
}

int src_bpf_tick(struct src_bpf *sb)
{
	return sb->tick_link ? run_iter(sb->tick_link) : 0;
}

static uint64_t told(event_sink_fn sink, void *ctx, unsigned int what, uint64_t now, uint64_t *seen)
{
	struct mtr_event ev = { .kind = MTR_EV_LOST, .time_ns = boot_ns() };
	uint64_t n = now - *seen;

	if (now <= *seen)
		return 0;
	*seen = now;
	ev.lost.what = what;
	ev.lost.count = n;
	sink(ctx, &ev);
	return n;
}

/* A program is not run while it already runs on that CPU: the kernel counts such misses. */
static uint64_t misses(const struct bpf_program *prog)
{
	struct bpf_prog_info info = {};
	uint32_t len = sizeof(info);

	return bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &len) ? 0 :
									    info.recursion_misses;
}

/*
 * What a program misses is lost, with exceptions. Missed faults are 'unseen', missed changes of
 * counters are in the next ones, and what memtrace.ko told its own numbers show (watch_apply()): 0.
 * What the first of a pair misses the second takes (second_of() in BPF), so that at most what both
 * have missed is lost: the number of its second.
 */
static uint64_t lost_by(const struct src_bpf *sb, const struct bpf_program *prog)
{
	const struct memtrace_bpf *s = sb->skel;
	const struct {
		const struct bpf_program *first, *second;
	} table[] = {
		{ s->progs.fault_enter, NULL },
		{ s->progs.fault_exit, NULL },
		{ s->progs.fault_end, NULL },
		{ s->progs.page_fault_user, NULL },
		{ s->progs.page_fault_kernel, NULL },
		{ s->progs.rss_stat_2, NULL },
		{ s->progs.rss_stat_3, NULL },
		{ s->progs.mm_invalidate, NULL },
		{ s->progs.mm_release, NULL },
		{ s->progs.process_fork, s->progs.process_fork_second },
		{ s->progs.process_exec, s->progs.process_exec_second },
		{ s->progs.process_exit, s->progs.process_exit_second },
		{ s->progs.ma_write, s->progs.ma_write_second },
		{ s->progs.lock_released_2, s->progs.lock_released_second },
		{ s->progs.perf_event_mmap, s->progs.perf_event_mmap_second },
		{ s->progs.vms_complete, s->progs.vms_complete_second },
	};
	uint64_t n = misses(prog), second;

	for (unsigned int i = 0; n && i < sizeof(table) / sizeof(*table); i++) {
		if (prog == table[i].second)
			return 0;
		if (prog != table[i].first)
			continue;
		if (!table[i].second)
			return 0;
		if (!bpf_program__autoload(table[i].second))
			return n;
		second = misses(table[i].second);
		return n < second ? n : second;
	}
	return n;
}

static uint64_t recursion_misses(const struct src_bpf *sb)
{
	struct bpf_program *prog;
	uint64_t sum = 0;

	bpf_object__for_each_program(prog, sb->skel->obj)
	{
		if (bpf_program__autoload(prog))
			sum += lost_by(sb, prog);
	}
	return sum;
}

uint64_t src_bpf_losses(struct src_bpf *sb, event_sink_fn sink, void *ctx)
{
	uint64_t n = 0;

	for (unsigned int k = 1; k < MTR_W_MAX; k++)
		n += told(sink, ctx, decode_kind(k), sb->skel->bss->lost[k], &sb->lost[k]);
	return n + told(sink, ctx, 0, recursion_misses(sb), &sb->misses);
}

bool src_bpf_module(const struct src_bpf *sb)
{
	return sb->module;
}

enum ladder_rung src_bpf_rung(const struct src_bpf *sb)
{
	return sb->rung;
}

const int *src_bpf_progs(const struct src_bpf *sb, unsigned int *ret_nr)
{
	*ret_nr = sb->nr_progs;
	return sb->progs;
}

uint64_t src_bpf_unseen_procs(const struct src_bpf *sb)
{
	return sb->skel->bss->unseen_procs;
}
