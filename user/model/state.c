// SPDX-License-Identifier: GPL-2.0
/*
 * Keyframes: the model as MTR_EV_STATE events, and back.
 *
 *   MODEL  { PROC COUNTS [CRASH] DOUBT… CHANGING… FILE… REGION… THREAD… [SAMPLE… HISTORY] DONE }…
 *
 * One table of fields serves both directions, so that they cannot disagree. A place in v[] is the trace
 * file's: fields are appended, never moved. Caches (last region, last thread)
 * and what the session notes for itself (want_maps) are not state.
 */
#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include "model/model.h"
#include "model/model_int.h"

/* What a place holds: a damaged file must not bring a bool of 2 or a rate that is no number. */
enum holds { WORD, SIGNED, BOOL, REAL };

struct place {
	uint16_t off;
	uint8_t sz;
	uint8_t holds;
};

#define PLACE(type, member, holds)                                         \
	{                                                                  \
		offsetof(type, member), sizeof(((type *)0)->member), holds \
	}
#define P(type, member) PLACE(type, member, WORD)
#define PS(type, member) PLACE(type, member, SIGNED)
#define PB(type, member) PLACE(type, member, BOOL)
#define PR(type, member) PLACE(type, member, REAL)
#define NR(a) (sizeof(a) / sizeof((a)[0]))

static const struct place proc_places[] = {
	P(struct proc, pid),	       P(struct proc, ppid),	      P(struct proc, replaced_by),
	P(struct proc, state),	       P(struct proc, start_time_ns), P(struct proc, attach_ns),
	PB(struct proc, from_start),   PB(struct proc, copied),	      P(struct proc, start_code),
	P(struct proc, end_code),      P(struct proc, start_data),    P(struct proc, end_data),
	P(struct proc, start_brk),     P(struct proc, start_stack),   P(struct proc, rss[0]),
	P(struct proc, rss[1]),	       P(struct proc, rss[2]),	      P(struct proc, rss[3]),
	P(struct proc, rss_attach[0]), P(struct proc, rss_attach[1]), P(struct proc, rss_attach[2]),
	P(struct proc, rss_attach[3]), PB(struct proc, rss_exact),    P(struct proc, exec_nr),
	P(struct proc, death),	       PS(struct proc, exit_code),
};

static const struct place count_places[] = {
	P(struct proc, nr_faults),   P(struct proc, nr_minor),	    P(struct proc, nr_major),
	P(struct proc, nr_nobytes),  P(struct proc, nr_failed),	    P(struct proc, k_minflt),
	P(struct proc, k_majflt),    P(struct proc, k_minflt0),	    P(struct proc, k_majflt0),
	P(struct proc, k_virt),	     P(struct proc, k_rss),	    P(struct proc, stack_limit),
	P(struct proc, regions_res), P(struct proc, before_attach), P(struct proc, residual),
	P(struct proc, unplaced),    P(struct proc, base_ns),	    P(struct proc, base_rss),
	P(struct proc, tick_ns),     P(struct proc, tick_rss),	    P(struct proc, tick_minor),
	P(struct proc, tick_major),  PB(struct proc, ticked),	    PR(struct proc, rss_rate),
	PR(struct proc, minor_rate), PR(struct proc, major_rate),   P(struct proc, nr_drift),
	PB(struct proc, doubts_old), P(struct proc, nr_resync),	    P(struct proc, maps_time_ns),
	PB(struct proc, maps_known), P(struct proc, snap_begin_ns), P(struct proc, watch_ns),
	P(struct proc, inv_seq0),    P(struct proc, nr_inv_more),   PB(struct proc, doubted),
	P(struct proc, nr_counted),  P(struct proc, corrected),
};

static const struct place crash_places[] = {
	PS(struct crash, signo),      PS(struct crash, code),
	P(struct crash, tid),	      P(struct crash, addr),
	P(struct crash, ip),	      P(struct crash, sp),
	P(struct crash, time_ns),     PB(struct crash, stack_overflow),
	P(struct crash, stack_start), P(struct crash, stack_end),
	P(struct crash, limit_bytes), PS(struct crash, by),
};

static const struct place frame_places[] = {
	P(struct mtr_ev_frame, nr),	P(struct mtr_ev_frame, line),
	P(struct mtr_ev_frame, repeat), P(struct mtr_ev_frame, cycle),
	P(struct mtr_ev_frame, flags),	P(struct mtr_ev_frame, pc),
	P(struct mtr_ev_frame, offset), P(struct mtr_ev_frame, size),
	P(struct mtr_ev_frame, depth),	P(struct mtr_ev_frame, turn),
};

static const struct place region_places[] = {
	P(struct region, start),       P(struct region, end),
	P(struct region, prot),	       P(struct region, dev),
	P(struct region, ino),	       P(struct region, pgoff),
	P(struct region, tid),	       P(struct region, res[0]),
	P(struct region, res[1]),      P(struct region, res[2]),
	P(struct region, res[3]),      P(struct region, huge),
	P(struct region, peak),	       P(struct region, lowest),
	PB(struct region, huge_fault), P(struct region, res_time_ns),
	P(struct region, residency),   PB(struct region, dirty),
	P(struct region, minor),       P(struct region, major),
	P(struct region, base_res),    P(struct region, base_virt),
	P(struct region, tick_res),    P(struct region, tick_virt),
	P(struct region, tick_faults), PR(struct region, rate),
	PR(struct region, fault_rate), PB(struct region, grew),
	P(struct region, res_epoch),   P(struct region, res_end_epoch),
	P(struct region, unsure),      P(struct region, swap_looks),
	P(struct region, count_ns),
};

static const struct place thread_places[] = {
	P(struct thread, tid),		 P(struct thread, state),
	PB(struct thread, at_attach),	 PB(struct thread, is_main),
	P(struct thread, start_time_ns), P(struct thread, sp),
	P(struct thread, sp_time_ns),	 P(struct thread, tls),
	P(struct thread, stack_start),	 P(struct thread, stack_end),
	P(struct thread, hw_addr),	 PB(struct thread, hw_exact),
	P(struct thread, nr_growth),	 P(struct thread, faults),
	P(struct thread, last_fault),
};

static const struct place sample_places[] = {
	P(struct hist_sample, time_ns),	 P(struct hist_sample, bytes[0]),
	P(struct hist_sample, bytes[1]), P(struct hist_sample, bytes[2]),
	P(struct hist_sample, bytes[3]), P(struct hist_sample, bytes[4]),
	P(struct hist_sample, bytes[5]), P(struct hist_sample, rss),
	P(struct hist_sample, rss_min),	 P(struct hist_sample, rss_max),
};

_Static_assert(MTR_NR_RSS == 4 && HC_NR == 6, "places of arrays");
_Static_assert(NR(count_places) < MTR_STATE_LEN, "a state event holds them all");

/* ---- save */

struct saver {
	struct model *m;
	event_sink_fn sink;
	void *ctx;
	struct mtr_event ev;
	uint64_t v[MTR_STATE_LEN];
};

static uint64_t get(const void *obj, const struct place *p)
{
	uint64_t v = 0;
	int32_t s;

	if (p->holds == SIGNED) {
		memcpy(&s, (const char *)obj + p->off, sizeof(s));
		return (uint64_t)(int64_t)s;
	}
	memcpy(&v, (const char *)obj + p->off, p->sz);
	return v;
}

static void save(struct saver *s, const void *obj, const struct place *p, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++)
		s->v[s->ev.state.nr++] = get(obj, &p[i]);
}

static void begin(struct saver *s, unsigned int what)
{
	s->ev.state = (struct mtr_ev_state){ .what = (uint8_t)what, .v = s->v };
}

static void add(struct saver *s, uint64_t v)
{
	s->v[s->ev.state.nr++] = v;
}

static int put(struct saver *s)
{
	return s->sink(s->ctx, &s->ev);
}

/* The second: an overflow whose handler may yet end the process. */
static int save_signal(struct saver *s, const struct crash *c, bool handled)
{
	begin(s, MTR_ST_CRASH);
	save(s, c, crash_places, NR(crash_places));
	add(s, handled);
	s->ev.state.str[0] = c->comm;
	return c->signo ? put(s) : 0;
}

static int save_crash(struct saver *s, const struct proc *p)
{
	int err = save_signal(s, &p->crash, false);

	if (!err)
		err = save_signal(s, &p->handled, true);
	for (unsigned int i = 0; i < p->nr_frames && !err; i++) {
		const struct mtr_ev_frame *f = &p->frames[i];

		begin(s, MTR_ST_FRAME);
		save(s, f, frame_places, NR(frame_places));
		add(s, p->frames_tid);
		s->ev.state.str[0] = f->function;
		s->ev.state.str[1] = f->file;
		s->ev.state.str[2] = f->module;
		err = put(s);
	}
	return err;
}

static int save_counts(struct saver *s, const struct proc *p)
{
	int err;

	begin(s, MTR_ST_PROC);
	save(s, p, proc_places, NR(proc_places));
	s->ev.state.str[0] = p->comm;
	s->ev.state.str[1] = p->exe;
	err = put(s);
	if (err)
		return err;
	begin(s, MTR_ST_COUNTS);
	save(s, p, count_places, NR(count_places));
	err = put(s);
	return err ? err : save_crash(s, p);
}

static int save_file(void *ctx, uint32_t dev, uint64_t ino, uint32_t fs_magic, uint32_t name)
{
	struct saver *s = ctx;

	begin(s, MTR_ST_FILE);
	add(s, dev);
	add(s, ino);
	add(s, fs_magic);
	s->ev.state.str[0] = name;
	return put(s);
}

static int save_map(struct saver *s, struct proc *p)
{
	struct region *r;
	int err = 0;

	for (r = aspace_first(&p->doubts); r && !err; r = aspace_next(r)) {
		begin(s, MTR_ST_DOUBT);
		add(s, r->start);
		add(s, r->end);
		err = put(s);
	}
	for (unsigned int i = 0; i < p->nr_inv_open && !err; i++) {
		begin(s, MTR_ST_CHANGING);
		add(s, p->inv_open[i].start);
		add(s, p->inv_open[i].end);
		err = put(s);
	}
	if (!err)
		err = map_each_file(p, save_file, s);
	for (r = err ? NULL : aspace_first(&p->aspace); r && !err; r = aspace_next(r)) {
		begin(s, MTR_ST_REGION);
		save(s, r, region_places, NR(region_places));
		s->ev.state.str[0] = r->name;
		/* a token: their numbers are nobody's but the program's */
		s->ev.state.str[1] = strtab_intern_str(s->m->st, region_kind_name(r->kind));
		err = put(s);
	}
	return err;
}

static int save_history(struct saver *s, const struct history *h)
{
	int err = 0;

	for (unsigned int i = 0; i < h->nr && !err; i++) {
		begin(s, MTR_ST_SAMPLE);
		save(s, &h->s[i], sample_places, NR(sample_places));
		err = put(s);
	}
	if (err || !h->nr)
		return err;
	begin(s, MTR_ST_HISTORY);
	add(s, h->per_sample);
	add(s, h->pending);
	return put(s);
}

static int save_proc(struct saver *s, struct proc *p)
{
	int err;

	s->ev.as = p->as;
	err = save_counts(s, p);
	if (!err)
		err = save_map(s, p);
	for (struct thread *t = p->threads; t && !err; t = t->hh.next) {
		begin(s, MTR_ST_THREAD);
		save(s, t, thread_places, NR(thread_places));
		s->ev.state.str[0] = t->comm;
		err = put(s);
	}
	if (!err)
		err = save_history(s, &p->history);
	if (err)
		return err;
	begin(s, MTR_ST_DONE);
	/* do the kinds hold, or has the map changed since they were decided? */
	add(s, p->aspace.kind_gen == p->aspace.gen && p->kind_stacks == p->stacks_gen);
	return put(s);
}

int model_save_some(struct model *m, uint64_t time_ns,
		    bool (*wanted)(void *ctx, const struct proc *p), void *wanted_ctx,
		    event_sink_fn sink, void *ctx)
{
	struct saver s = { .m = m, .sink = sink, .ctx = ctx };
	int err;

	s.ev.kind = MTR_EV_STATE;
	s.ev.time_ns = time_ns;
	begin(&s, MTR_ST_MODEL);
	add(&s, m->nr_events);
	add(&s, m->time_ns);
	for (unsigned int k = 0; k < MTR_EV_MAX && s.ev.state.nr + 2u < MTR_STATE_LEN; k++) {
		if (!m->lost[k])
			continue;
		add(&s, k);
		add(&s, m->lost[k]);
	}
	err = put(&s);
	for (struct proc *p = m->procs; p && !err; p = p->hh.next)
		if (!wanted || wanted(wanted_ctx, p))
			err = save_proc(&s, p);
	return err;
}

int model_save_proc(struct model *m, struct proc *p, uint64_t time_ns, event_sink_fn sink,
		    void *ctx)
{
	struct saver s = { .m = m, .sink = sink, .ctx = ctx };

	s.ev.kind = MTR_EV_STATE;
	s.ev.time_ns = time_ns;
	return save_proc(&s, p);
}

int model_save(struct model *m, uint64_t time_ns, event_sink_fn sink, void *ctx)
{
	return model_save_some(m, time_ns, NULL, NULL, sink, ctx);
}

/* ---- load */

static uint64_t at(const struct mtr_ev_state *e, unsigned int i)
{
	return i < e->nr ? e->v[i] : 0;
}

static void load(void *obj, const struct place *p, unsigned int nr, const struct mtr_ev_state *e)
{
	for (unsigned int i = 0; i < nr; i++) {
		uint64_t v = at(e, i);
		double d;

		memcpy(&d, &v, sizeof(d));
		if (p[i].holds == BOOL)
			v = !!v;
		else if (p[i].holds == REAL && !isfinite(d))
			v = 0;
		memcpy((char *)obj + p[i].off, &v, p[i].sz);
	}
}

/* What a damaged file may say must not become an index or a switch out of range. */
static void load_proc(struct proc *p, const struct mtr_ev_state *e)
{
	load(p, proc_places, NR(proc_places), e);
	p->comm = e->str[0];
	p->exe = e->str[1];
	if ((unsigned int)p->death > DEATH_OOM)
		p->death = DEATH_EXIT;
}

static int load_region(struct proc *p, const struct mtr_ev_state *e, const struct strtab *st)
{
	struct region r = { .name = e->str[0] }, *near;

	load(&r, region_places, NR(region_places), e);
	r.kind = region_kind_parse(strtab_str(st, e->str[1]));
	if (r.kind == RK_NR)
		r.kind = RK_UNKNOWN;
	if ((unsigned int)r.residency > RES_EXACT)
		r.residency = RES_UNKNOWN;
	near = aspace_ceil(&p->aspace, r.start);
	if (r.start >= r.end || (r.start | r.end) & 4095 || (near && near->start < r.end))
		return 0;
	return aspace_add_copy(&p->aspace, &r);
}

/* Its samples came before: each was a sample of its own until now. */
static void load_history(struct history *h, const struct mtr_ev_state *e)
{
	h->per_sample = at(e, 0) ? (unsigned int)at(e, 0) : 1;
	h->pending = (unsigned int)at(e, 1);
}

static void load_sample(struct history *h, const struct mtr_ev_state *e)
{
	struct hist_sample s;
	unsigned int nr = h->nr;

	load(&s, sample_places, NR(sample_places), e);
	h->pending = 0;
	if (nr < HISTORY_LEN)
		history_add(h, &s);
	if (h->nr > nr)
		h->s[nr] = s;
}

static int load_thread(struct proc *p, const struct mtr_ev_state *e)
{
	struct thread *t = proc_thread(p, (uint32_t)at(e, 0));

	if (!t)
		t = thread_add(p, (uint32_t)at(e, 0));
	if (!t)
		return -ENOMEM;
	load(t, thread_places, NR(thread_places), e);
	t->comm = e->str[0];
	return 0;
}

static int load_doubt(struct proc *p, const struct mtr_ev_state *e)
{
	const struct mtr_ev_vma v = { .start = at(e, 0), .end = at(e, 1) };

	return aspace_set(&p->doubts, &v) == -ENOMEM ? -ENOMEM : 0;
}

static void load_changing(struct proc *p, const struct mtr_ev_state *e)
{
	if (p->nr_inv_open == INV_OPEN)
		return;
	p->inv_open[p->nr_inv_open].start = at(e, 0);
	p->inv_open[p->nr_inv_open++].end = at(e, 1);
}

static void load_crash(struct crash *c, const struct mtr_ev_state *e)
{
	load(c, crash_places, NR(crash_places), e);
	c->comm = e->str[0];
}

static int load_frame(struct proc *p, const struct mtr_ev_state *e)
{
	struct mtr_event ev = { .kind = MTR_EV_FRAME, .tid = (uint32_t)at(e, NR(frame_places)) };

	load(&ev.frame, frame_places, NR(frame_places), e);
	ev.frame.function = e->str[0];
	ev.frame.file = e->str[1];
	ev.frame.module = e->str[2];
	return thread_frame(p, &ev);
}

static void loaded(struct proc *p, const struct mtr_ev_state *e)
{
	p->aspace.kind_gen = p->aspace.gen - !at(e, 0);
	p->kind_stacks = p->stacks_gen;
}

static void load_model(struct model *m, const struct mtr_ev_state *e)
{
	struct strtab *st = m->st;
	uint64_t drop_kinds = m->drop_kinds;
	uint32_t drop_srcs = m->drop_srcs;

	model_fini(m);
	model_init(m, st);
	m->drop_kinds = drop_kinds;
	m->drop_srcs = drop_srcs;
	m->nr_events = at(e, 0);
	m->time_ns = at(e, 1);
	for (unsigned int i = 2; i + 1 < e->nr; i += 2)
		m->lost[e->v[i] < MTR_EV_MAX ? e->v[i] : 0] += e->v[i + 1];
}

int state_apply(struct model *m, const struct mtr_event *ev)
{
	const struct mtr_ev_state *e = &ev->state;
	struct proc *p;

	if (e->what == MTR_ST_MODEL) {
		load_model(m, e);
		return 0;
	}
	p = model_proc(m, ev->as);
	if (!p && e->what == MTR_ST_PROC)
		p = model_add(m, ev->as);
	if (!p)
		return e->what == MTR_ST_PROC ? -ENOMEM : 0;
	switch ((enum mtr_state)e->what) {
	case MTR_ST_PROC:
		load_proc(p, e);
		return 0;
	case MTR_ST_COUNTS:
		load(p, count_places, NR(count_places), e);
		return 0;
	case MTR_ST_CRASH:
		load_crash(at(e, NR(crash_places)) ? &p->handled : &p->crash, e);
		return 0;
	case MTR_ST_FRAME:
		return load_frame(p, e);
	case MTR_ST_DOUBT:
		return load_doubt(p, e);
	case MTR_ST_FILE:
		return map_load_file(p, (uint32_t)at(e, 0), at(e, 1), (uint32_t)at(e, 2),
				     e->str[0]);
	case MTR_ST_REGION:
		return load_region(p, e, m->st);
	case MTR_ST_THREAD:
		return load_thread(p, e);
	case MTR_ST_HISTORY:
		load_history(&p->history, e);
		return 0;
	case MTR_ST_SAMPLE:
		load_sample(&p->history, e);
		return 0;
	case MTR_ST_CHANGING:
		load_changing(p, e);
		return 0;
	case MTR_ST_DONE:
		loaded(p, e);
		return 0;
	case MTR_ST_MODEL:
	case MTR_ST_MAX:
		return 0;
	}
	return 0;
}
