// SPDX-License-Identifier: GPL-2.0
/*
 * Perfetto's trace format: what memtrace knows, on Perfetto's own tracks.
 *
 * Kinds of events that are told one by one (or in bins) are TrackEvents whose
 * category is the kind. All kinds are counted: each interval has an instant
 * "interval" on the track memtrace/Intervals with the events taken in by kind.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "export/perfetto_int.h"
#include "util/clock.h"

#define CLOCKS_NS (5 * NSEC_PER_SEC) /* between two snapshots of the clocks */

static const char said_faults[] =
	"the first 1000 of a process in an interval are told each, the others as slices named 'faults' "
	"with their number, bytes, minor and major";
static const char said_map[] =
	"the first 1000 changes of a process's map in an interval are told each, the others as slices "
	"named 'map changes' with their number by kind";
static const char said_calls[] =
	"the first 1000 system calls about memory of a process in an interval are told each, the others as "
	"slices named 'system calls' with their number and how many failed";
static const char said_regions[] =
	"regions of 4 MiB resident or that grew by 1 MiB have a counter, at most 64 of a process at a "
	"time";

/* ---- what a trace begins with */

static void clock_is(Pf__Clock *c, uint32_t id, uint64_t ns)
{
	pf__clock__init(c);
	c->has_clock_id = c->has_timestamp = 1;
	c->clock_id = id;
	c->timestamp = ns;
}

/* Without a reading of CLOCK_MONOTONIC nothing is said of it. */
static int tell_clocks(struct pf *f, const struct export_clocks *now)
{
	Pf__Packet pk = PF__PACKET__INIT;
	Pf__ClockSnapshot snap = PF__CLOCK_SNAPSHOT__INIT;
	Pf__Clock c[4], *cs[4] = { &c[0], &c[1], &c[2], &c[3] };
	size_t n = 0;

	clock_is(&c[n++], CLOCK_BOOT, now->boot_ns);
	if (now->real_ns)
		clock_is(&c[n++], CLOCK_REAL, now->real_ns);
	if (now->mono_ns) {
		clock_is(&c[n++], CLOCK_MONO, now->mono_ns);
		clock_is(&c[n++], CLOCK_MONO_COARSE, now->mono_ns);
	}
	snap.clocks = cs;
	snap.n_clocks = n;
	snap.has_primary_trace_clock = 1;
	snap.primary_trace_clock = CLOCK_BOOT;
	pk.has_sequence_id = 1;
	pk.sequence_id = SEQ_TRACKS;
	pk.has_first_packet_on_sequence = pk.first_packet_on_sequence = !f->clock_ns;
	pk.clock_snapshot = &snap;
	f->clock_ns = now->boot_ns;
	return pf_packet(f, &pk);
}

static int tell_system(struct pf *f)
{
	const struct export_info *i = &f->x->info;
	Pf__Packet pk = PF__PACKET__INIT;
	Pf__SystemInfo info = PF__SYSTEM_INFO__INIT;
	Pf__Utsname u = PF__UTSNAME__INIT;
	Pf__Uuid uuid = PF__UUID__INIT;
	int err;

	uuid.has_msb = uuid.has_lsb = 1;
	uuid.msb = (int64_t)pf_mix(i->clocks.real_ns, i->clocks.boot_ns);
	uuid.lsb = (int64_t)pf_mix(i->clocks.boot_ns, i->clocks.real_ns);
	pk.trace_uuid = &uuid;
	err = pf_packet(f, &pk);
	u.sysname = (char *)i->sysname;
	u.version = (char *)i->version;
	u.release = (char *)i->release;
	u.machine = (char *)i->machine;
	info.utsname = &u;
	pk.trace_uuid = NULL;
	pk.system_info = &info;
	return err ? err : pf_packet(f, &pk);
}

static int tell_root_tracks(struct pf *f, uint64_t time_ns)
{
	static const struct {
		enum pf_root n, parent;
		unsigned int unit;
		const char *name, *unit_name;
	} roots[] = {
		{ R_ROOT, 0, 0, "memtrace", NULL },
		{ R_MARKS, R_ROOT, 0, "Marks", NULL },
		{ R_LOST, R_ROOT, 0, "Losses", NULL },
		{ R_LOST_COUNT, R_ROOT, UNIT_COUNT, "Lost events", NULL },
		{ R_EVENTS, R_ROOT, UNIT_COUNT, "Events", "events" },
		{ R_INTERVALS, R_ROOT, 0, "Intervals", NULL },
		{ R_NOBODY, R_ROOT, 0, "Events of no known process", NULL },
	};
	int err = 0;

	for (size_t i = 0; !err && i < sizeof(roots) / sizeof(*roots); i++) {
		const struct pf_track t = { .uuid = pf_root_track(roots[i].n),
					    .parent = roots[i].parent ?
							      pf_root_track(roots[i].parent) :
							      0,
					    .name = roots[i].name,
					    .unit = roots[i].unit,
					    .unit_name = roots[i].unit_name,
					    .rank = (int)i,
					    .ordered = !i };

		err = pf_track(f, &t, time_ns);
	}
	return err;
}

static int attributes(struct pf *f, Pf__Attribute *list, size_t nr)
{
	Pf__Packet pk = PF__PACKET__INIT;
	Pf__Attributes all = PF__ATTRIBUTES__INIT;
	Pf__Attribute *ptr[8];

	for (size_t i = 0; i < nr; i++)
		ptr[i] = &list[i];
	all.attribute = ptr;
	all.n_attribute = nr;
	pk.trace_attributes = &all;
	return pf_packet(f, &pk);
}

static int tell_choices(struct pf *f)
{
	const char *const said[][2] = {
		{ "memtrace.version", MEMTRACE_VERSION },
		{ "memtrace.clock", "CLOCK_BOOTTIME (bpf_ktime_get_boot_ns)" },
		{ "memtrace.faults", said_faults },
		{ "memtrace.map_changes", said_map },
		{ "memtrace.regions", said_regions },
		{ "memtrace.calls", f->x->info.calls ? said_calls : NULL },
		{ "memtrace.rung", f->x->info.rung },
	};
	Pf__Attribute a[7];
	size_t n = 0;

	for (size_t i = 0; i < sizeof(said) / sizeof(*said); i++) {
		if (!said[i][1])
			continue;
		pf__attribute__init(&a[n]);
		a[n].key = (char *)said[i][0];
		a[n++].text = (char *)said[i][1];
	}
	return attributes(f, a, n);
}

/* ---- loss */

/*
 * Loss is told on a sequence of its own that nothing else depends on. Its first
 * packet is not a gap, else there would be nothing to be a gap in.
 */
static int loss_packet(struct pf *f, const struct pf_event *e, uint64_t time_ns, uint32_t dropped)
{
	Pf__Packet pk = PF__PACKET__INIT;

	pk.has_timestamp = 1;
	pk.timestamp = time_ns;
	pk.has_sequence_id = 1;
	pk.sequence_id = SEQ_LOSS;
	pk.has_sequence_flags = 1;
	pk.sequence_flags = 1;
	pk.has_previous_packet_dropped = dropped != 0;
	pk.previous_packet_dropped = dropped;
	pk.has_first_packet_on_sequence = pk.first_packet_on_sequence = !dropped;
	if (dropped)
		pk.has_sequence_flags = 0;
	pk.track_event = (Pf__Event *)&e->ev;
	return pf_packet(f, &pk);
}

static int lost_count(struct pf *f, uint64_t time_ns)
{
	struct pf_event e;

	pf_event(&e, EV_COUNTER, pf_root_track(R_LOST_COUNT), 0, 0);
	e.ev.has_value = 1;
	e.ev.value = (int64_t)f->x->nr_lost;
	return pf_send(f, &e, time_ns);
}

static int begin_loss(struct pf *f, uint64_t time_ns)
{
	struct pf_event e;

	pf_event(&e, EV_COUNTER, pf_root_track(R_LOST_COUNT), 0, 0);
	e.ev.has_value = 1;
	return loss_packet(f, &e, time_ns, 0);
}

static Pf__Note *plain_note(struct pf_event *e, const char *name)
{
	Pf__Note *n = pf_note(e, 0);

	n->has_name_iid = 0;
	n->name = (char *)name;
	return n;
}

static int lost(struct exporter *x, const struct mtr_event *ev)
{
	struct pf *f = x->state;
	char *category = (char *)event_kind_name(MTR_EV_LOST);
	struct pf_event e;
	Pf__Note *n;
	int err = pf_pending(f);

	if (err)
		return err;
	/* written out: this sequence has no state, so no interned names */
	pf_event(&e, EV_INSTANT, pf_root_track(R_LOST), 0, 0);
	e.ev.name = (char *)"events lost";
	e.ev.categories = &category;
	e.ev.n_categories = 1;
	plain_note(&e, "what")->string_value =
		(char *)(ev->lost.what ? event_kind_name(ev->lost.what) : "any");
	n = plain_note(&e, "lost");
	n->has_uint_value = 1;
	n->uint_value = ev->lost.count;
	err = loss_packet(f, &e, ev->time_ns, 257);
	return err ? err : lost_count(f, ev->time_ns);
}

/* How Perfetto reports loss: per buffer, and which sequences wrote into it. */
static int tell_stats(struct pf *f)
{
	Pf__Packet pk = PF__PACKET__INIT;
	Pf__TraceStats stats = PF__TRACE_STATS__INIT;
	Pf__Buffer buffer = PF__BUFFER__INIT, *buffers = &buffer;
	Pf__Writer writer[3], *writers[3];

	buffer.has_bytes_written = buffer.has_packet_loss = 1;
	buffer.bytes_written = f->x->out.written;
	buffer.packet_loss = f->x->nr_lost;
	stats.buffers = &buffers;
	stats.n_buffers = 1;
	stats.has_total_buffers = stats.total_buffers = 1;
	for (unsigned int i = 0; i < 3; i++) {
		pf__writer__init(&writer[i]);
		writer[i].has_sequence_id = writer[i].has_buffer = 1;
		writer[i].sequence_id = SEQ_TRACKS + i;
		writers[i] = &writer[i];
	}
	stats.writers = writers;
	stats.n_writers = 3;
	pk.has_timestamp = 1;
	pk.timestamp = f->x->last_ns;
	pk.trace_stats = &stats;
	f->told_lost = f->x->nr_lost;
	return pf_packet(f, &pk);
}

/* ---- the ops */

static int begin(struct exporter *x)
{
	struct pf *f = x->state;
	uint64_t now = x->info.clocks.boot_ns;
	int err;

	f->x = x;
	f->texts = strtab_new();
	if (!f->texts)
		return -ENOMEM;
	f->clocks = x->info.clocks;
	err = tell_clocks(f, &x->info.clocks);
	if (!err)
		err = tell_system(f);
	if (!err)
		err = tell_choices(f);
	if (!err)
		err = tell_root_tracks(f, now);
	if (!err)
		err = pf_state(f, now);
	if (!err)
		err = begin_loss(f, now);
	return err ? err : tell_stats(f);
}

/* A thing that has no more to it than its time. */
static int plain(struct pf *f, uint64_t track, enum pf_name name, const struct mtr_event *ev)
{
	struct pf_event e;

	pf_event(&e, EV_INSTANT, track, name, ev->kind);
	return pf_send(f, &e, ev->time_ns);
}

static int mark(struct pf *f, const struct mtr_event *ev)
{
	struct pf_event e;
	char buf[PF_TEXT];

	pf_event(&e, EV_INSTANT, pf_root_track(R_MARKS), 0, ev->kind);
	e.ev.name = pf_text(f, ev->mark.name, buf);
	return pf_send(f, &e, ev->time_ns);
}

/* Events of a process that was announced. */
static int of_proc(struct pf *f, struct pf_proc *q, const struct mtr_event *ev)
{
	switch ((enum mtr_kind)ev->kind) {
	case MTR_EV_EXIT:
		return pf_proc_ends(f, q, ev);
	case MTR_EV_FAULT:
		return pf_fault(f, q, ev);
	case MTR_EV_THREAD:
		return pf_thread_begins(f, q, ev);
	case MTR_EV_THREAD_EXIT:
		return pf_thread_ends(f, q, ev);
	case MTR_EV_COMM:
		return pf_renamed(f, q, ev);
	case MTR_EV_SNAP_BEGIN:
	case MTR_EV_SNAP_VMA:
	case MTR_EV_SNAP_END:
	case MTR_EV_RESIDENCY:
		return pf_reading(f, q, ev);
	case MTR_EV_KERNEL:
		return pf_kernel(f, q, ev);
	case MTR_EV_INVALIDATE:
		return pf_invalidate(f, q, ev);
	case MTR_EV_RSS: /* a counter's, too */
		return pf_moving(f, q, ev);
	case MTR_EV_CALL:
		return pf_call(f, q, ev);
	case MTR_EV_ATTACH: /* not here */
	case MTR_EV_EXEC:
	case MTR_EV_VMA:
	case MTR_EV_HOLE:
	case MTR_EV_NAME:
	case MTR_EV_RESYNC:
	case MTR_EV_SIGNAL:
	case MTR_EV_OOM:
	case MTR_EV_LOST:
	case MTR_EV_MARK:
	case MTR_EV_FILE: /* told with the mappings */
	case MTR_EV_SP:
	case MTR_EV_STACK: /* goes with the events that it is of */
	case MTR_EV_MOVE: /* the mappings tell */
	case MTR_EV_FRAME: /* the signal is there */
	case MTR_EV_TICK: /* the session's own doing */
	case MTR_EV_LIMITS:
	case MTR_EV_LIMIT:
	case MTR_EV_COST:
	case MTR_EV_DROP:
	case MTR_EV_MODULE:
	case MTR_EV_STATE:
	case MTR_EV_SITE:
	case MTR_EV_MAX:
		break;
	}
	return 0;
}

/* Events of a process that nobody announced: nothing is known of it, but that they were. */
static int of_nobody(struct pf *f, const struct mtr_event *ev)
{
	uint64_t track = pf_root_track(R_NOBODY);

	if (ev->kind == MTR_EV_EXIT)
		return plain(f, track, N_EXIT, ev);
	if (ev->kind == MTR_EV_THREAD)
		return plain(f, track, N_THREAD, ev);
	if (ev->kind == MTR_EV_THREAD_EXIT)
		return plain(f, track, N_THREAD_EXIT, ev);
	if (ev->kind == MTR_EV_COMM)
		return plain(f, track, N_RENAMED, ev);
	if (ev->kind == MTR_EV_INVALIDATE)
		return pf_invalidate(f, NULL, ev);
	if (ev->kind == MTR_EV_CALL)
		return pf_call(f, NULL, ev);
	return ev->kind == MTR_EV_FAULT ? pf_fault(f, NULL, ev) : 0;
}

static int one(struct pf *f, struct pf_proc *q, const struct mtr_event *ev)
{
	int err = q ? pf_call_over(f, q, ev) : 0;

	if (err)
		return err;
	if (ev->kind == MTR_EV_ATTACH || ev->kind == MTR_EV_EXEC)
		return pf_proc_begins(f, ev);
	if (ev->kind == MTR_EV_VMA || ev->kind == MTR_EV_HOLE || ev->kind == MTR_EV_NAME ||
	    ev->kind == MTR_EV_RESYNC)
		return pf_map_event(f, q, ev);
	if (ev->kind == MTR_EV_SIGNAL)
		return pf_signal(f, q, ev);
	if (ev->kind == MTR_EV_OOM)
		return plain(f, q ? q->uuid : pf_root_track(R_NOBODY), N_OOM, ev);
	if (ev->kind == MTR_EV_MARK)
		return mark(f, ev);
	return q ? of_proc(f, q, ev) : of_nobody(f, ev);
}

static bool alive(const struct proc *p)
{
	return p->death == DEATH_NONE && !p->replaced_by;
}

/* Between two intervals the counters that need no look at the regions are told, too. */
static int rss_in_between(struct pf *f, struct pf_proc *q, const struct mtr_event *ev)
{
	const struct proc *p;

	if (!q || ev->time_ns < q->rss_ns + RSS_NS)
		return 0;
	p = model_proc(&f->x->model, ev->as);
	/* of one that has ended 0 was told, and stays */
	return p && alive(p) ? pf_rss(f, q, p, ev->time_ns) : 0;
}

static int event(struct exporter *x, const struct mtr_event *ev)
{
	struct pf *f = x->state;
	struct pf_proc *q = ev->as ? pf_proc(f, ev->as) : NULL;
	struct proc *p = q || !ev->as ? NULL : model_proc(&x->model, ev->as);
	int err = pf_pending(f);

	/* known from a keyframe alone */
	if (!err && p && alive(p)) {
		err = pf_proc_adopt(f, p, ev->time_ns);
		q = pf_proc(f, ev->as);
	}
	if (!err && q && ev->kind == MTR_EV_EXIT) {
		p = model_proc(&x->model, ev->as);
		if (p && !q->ended)
			err = pf_smaps(f, q, p, ev->time_ns, true);
		if (!err)
			err = pf_heap_dump(f, q, ev->time_ns);
	}
	if (!err)
		err = rss_in_between(f, q, ev);
	if (!err && q)
		err = pf_heap_event(f, q, ev);
	return err ? err : one(f, q, ev);
}

/* One process at the end of an interval. */
static int proc_interval(struct pf *f, struct pf_proc *q, uint64_t now, bool last)
{
	struct proc *p = model_proc(&f->x->model, q->as);
	int err = pf_bins(f, q);

	if (!p || q->ended > 2) {
		pf_proc_free(f, q); /* what still comes of it is nobody's */
		return err;
	}
	if (q->ended) {
		q->ended++;
		return err;
	}
	if (!err)
		err = pf_proc_counters(f, q, p, now);
	if (!err && (last || now >= q->heap_ns + KEYFRAME_NS))
		err = pf_heap_dump(f, q, now);
	if (!err && (last || !q->keyframe_ns || now >= q->keyframe_ns + KEYFRAME_NS))
		err = pf_smaps(f, q, p, now, last);
	return err;
}

/* The events taken in since the last interval, by kind: all of them, told or not. */
static int interval(struct pf *f, uint64_t now)
{
	Pf__Note kinds[MTR_EV_MAX], *ptr[MTR_EV_MAX], *events;
	struct pf_event e;
	size_t n = 0;
	int err;

	for (unsigned int k = 1; k < MTR_EV_MAX; k++) {
		uint64_t count = f->x->counts[k] - f->tick_counts[k];

		if (!count)
			continue;
		pf__note__init(&kinds[n]);
		kinds[n].has_name_iid = kinds[n].has_uint_value = 1;
		kinds[n].name_iid = A_KINDS + k;
		kinds[n].uint_value = count;
		ptr[n] = &kinds[n];
		n++;
	}
	memcpy(f->tick_counts, f->x->counts, sizeof(f->tick_counts));
	pf_event(&e, EV_INSTANT, 0, N_INTERVAL, C_INTERVAL);
	e.ev.has_track_uuid = 0; /* the sequence's default */
	if (n) {
		events = pf_note(&e, A_EVENTS);
		events->dict = ptr;
		events->n_dict = n;
	}
	err = pf_send(f, &e, now);
	if (err)
		return err;
	pf_event(&e, EV_COUNTER, pf_root_track(R_EVENTS), 0, 0);
	e.ev.has_value = 1;
	e.ev.value = (int64_t)f->x->nr;
	return pf_send(f, &e, now);
}

static int end_interval(struct pf *f, uint64_t now, bool last)
{
	struct pf_proc *q, *tmp;
	struct proc *p;
	int err = pf_pending(f);

	for (p = f->x->model.procs; !err && p; p = p->hh.next)
		if (alive(p) && !pf_proc(f, p->as))
			err = pf_proc_adopt(f, p, now);
	HASH_ITER(hh, f->procs, q, tmp) {
		if (err)
			break;
		err = proc_interval(f, q, now, last);
	}
	if (!err)
		err = interval(f, now);
	if (!err && now >= f->state_ns + KEYFRAME_NS)
		err = pf_state(f, now);
	if (!err && f->told_lost != f->x->nr_lost)
		err = tell_stats(f);
	f->tick_ns = now;
	return err;
}

static int tick(struct exporter *x, const struct export_clocks *now)
{
	struct pf *f = x->state;
	int err = end_interval(f, now->boot_ns, false);

	if (!err && now->real_ns && now->boot_ns >= f->clock_ns + CLOCKS_NS)
		err = tell_clocks(f, now);
	return !err && x->info.live ? pf_flush(f) : err;
}

static int finish(struct exporter *x)
{
	struct pf *f = x->state;
	Pf__Attribute a[3];
	int err = end_interval(f, x->last_ns, true);

	if (err)
		return err;
	for (unsigned int i = 0; i < 3; i++) {
		pf__attribute__init(&a[i]);
		a[i].has_number = 1;
	}
	a[0].key = (char *)"memtrace.events";
	a[0].number = (int64_t)x->nr;
	a[1].key = (char *)"memtrace.faults_each";
	a[1].number = (int64_t)f->each;
	a[2].key = (char *)"memtrace.faults_binned";
	a[2].number = (int64_t)f->binned;
	err = attributes(f, a, 3);
	if (!err)
		err = tell_stats(f);
	return err ? err : pf_flush(f);
}

static void release(struct exporter *x)
{
	struct pf *f = x->state;
	struct pf_proc *q, *tmp;
	struct pf_string *s, *next;

	HASH_ITER(hh, f->procs, q, tmp)
		pf_proc_free(f, q);
	HASH_ITER(hh, f->strings, s, next) {
		HASH_DEL(f->strings, s);
		free(s);
	}
	pf_names_free(&f->stacks);
	strtab_free(f->texts);
	free(f->bundle);
	free(f->packed);
}

const struct export_ops export_perfetto = {
	.name = "perfetto",
	.state_sz = sizeof(struct pf),
	.begin = begin,
	.event = event,
	.lost = lost,
	.tick = tick,
	.finish = finish,
	.release = release,
};
