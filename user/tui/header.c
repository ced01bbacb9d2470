// SPDX-License-Identifier: GPL-2.0
/*
 * The lines that are always in sight: who, how much and how fast, what is
 * nearest to stop it, and what memtrace itself takes.
 *
 *   memtrace redis-server[4123] S up 3d04h      1 Layout 2 3 4          16:02:41
 *   RSS   1.42G  +3.1M/s ▁▂▂▃▄▅▆▇█  faults 794/s minor 0 major  maps 214/65530
 *   LIMIT 2.00G  cgroup redis.slice: 1.53G used, FULL IN ~2m35s at this rate
 *   COST  BPF 0.02% 812ev/s lost 0 unseen 0 lock 0.1ms/s self 0.2% 14M est. 12s
 */
#include <string.h>
#include "analysis/ended.h"
#include "analysis/top.h"
#include "tui/ui.h"
#include "util/clock.h"

/* View 0 is there with a command only. */
static const struct view_ops *tab(const struct tui *t, int view)
{
	static const struct view_ops *const v[] = { &view_command, &view_layout,   &view_regions,
						    &view_threads, &view_timeline, &view_growth };

	return view || t->output ? v[view] : NULL;
}

static int tabs_width(const struct tui *t, bool names)
{
	int w = 0;

	for (int i = 0; i <= UI_VIEWS; i++)
		if (tab(t, i))
			w += 2 + (names || (int)t->view == i ? ui_width(tab(t, i)->name) + 1 : 0);
	return w;
}

static void draw_tabs(struct tui *t, int x, bool names)
{
	for (int i = 0; i <= UI_VIEWS; i++) {
		bool here = (int)t->view == i;

		if (!tab(t, i))
			continue;
		x += ui_printf(t, 0, x, 2, here ? ST_BOLD : ST_KEY, "%d", i) + 1;
		if (here || names)
			x += ui_put(t, 0, x, 12, here ? ST_BOLD : ST_DIM, tab(t, i)->name) + 1;
	}
}

/* "S up 3d04h", or what became of it. */
static void draw_state(const struct tui_frame *f, struct line *l)
{
	const struct proc *p = f->proc;
	char buf[UNITS_LEN];

	if (p->death != DEATH_NONE) {
		ui_piece(l, ended_well(p) ? ST_WARN : ST_ALARM, " ENDED");
		return;
	}
	if (p->state)
		ui_piece(l, ST_NORMAL, " %c", p->state);
	if (p->start_time_ns && f->now_ns > p->start_time_ns) {
		fmt_duration(buf, (f->now_ns - p->start_time_ns) / NSEC_PER_SEC * NSEC_PER_SEC);
		ui_piece(l, ST_DIM, " up %s", buf);
	}
}

static void draw_title(struct tui *t, const struct tui_frame *f)
{
	char name[96], clock[16];
	struct line l = ui_line(t, 0, 0, t->w);
	bool all = t->w >= 100;
	int tabs = tabs_width(t, all), tx, cx = t->w - 8;

	if (t->w >= 50)
		ui_piece(&l, ST_DIM, "memtrace ");
	if (f->proc) {
		ui_name(t, f, f->proc, name, sizeof(name));
		l.x += ui_put(t, 0, l.x, t->w >= 60 ? 34 : t->w - l.x, ST_BOLD, name);
		if (f->nr_procs > 1)
			ui_piece(&l, ST_KEY, " %u/%u", t->sel_proc + 1, f->nr_procs);
		draw_state(f, &l);
	}
	if (t->paused)
		ui_piece(&l, ST_WARN, "  PAUSED");
	if (cx > l.x) {
		ui_put(t, 0, cx, 8, ST_NORMAL, ui_clock(f, clock, f->now_ns));
		cx -= 2;
	}
	tx = 44 + tabs < cx ? 44 : cx - tabs;
	if (all)
		tx = (t->w - tabs) / 2;
	if (tx <= l.x)
		tx = l.x + 2;
	if (tx + tabs <= cx)
		draw_tabs(t, tx, all);
}

static void draw_sparkline(struct tui *t, const struct proc *p, struct line *l, int w)
{
	double v[64];
	unsigned int n = p->history.nr < 64 ? p->history.nr : 64;

	if (l->x + w + 1 > l->end || !n)
		return;
	for (unsigned int i = 0; i < n; i++)
		v[i] = (double)p->history.s[p->history.nr - n + i].rss;
	if (n > (unsigned int)w)
		graph_spark(t, l->y, l->x + 1, w, ST_CLASS + HC_HEAP, v, n);
	else
		graph_spark(t, l->y, l->x + 1, (int)n, ST_CLASS + HC_HEAP, v, n);
	l->x += w + 1;
}

/* A second; of one that ended all that were seen. */
static void draw_faults(const struct proc *p, struct line *l)
{
	const bool ended = p->death != DEATH_NONE;
	char a[UNITS_LEN], b[UNITS_LEN];

	fmt_count(a, ended ? (double)p->nr_minor : p->minor_rate);
	fmt_count(b, ended ? (double)p->nr_major : p->major_rate);
	ui_piece(l, ST_DIM, "  faults ");
	ui_piece(l, ST_NORMAL, ended ? "%s" : "%s/s", a);
	ui_piece(l, ST_DIM, " minor ");
	ui_piece(l, !ended && p->major_rate >= 100 ? ST_WARN : ST_NORMAL, "%s", b);
	ui_piece(l, ST_DIM, " major");
}

static void draw_rss(struct tui *t, const struct tui_frame *f, int y)
{
	const struct proc *p = f->proc;
	const uint64_t max_maps = f->limits ? f->limits->max_map_count : 0;
	char a[UNITS_LEN];
	struct line l = ui_line(t, y, 0, t->w);

	ui_piece(&l, ST_LABEL, "RSS   ");
	ui_piece(&l, ST_BOLD, "%s", ui_size(t, a, proc_rss(p)));
	ui_rate(t, a, p->rss_rate);
	if (p->death != DEATH_NONE)
		ui_piece(&l, ST_DIM, "  at the end");
	else
		ui_piece(&l, style_of_growth(*a == '0' ? 0 : p->rss_rate), "  %s",
			 *a == '0' ? "+0/s" : a);
	draw_sparkline(t, p, &l, t->w >= 160 ? 40 : t->w >= 100 ? 20 : 9);
	draw_faults(p, &l);
	if (max_maps && p->aspace.nr > max_maps / 10 * 8)
		ui_piece(&l, ST_WARN, "  maps %u/%llu", p->aspace.nr, (unsigned long long)max_maps);
	else if (max_maps)
		ui_piece(&l, ST_NORMAL, "  maps %u/%llu", p->aspace.nr,
			 (unsigned long long)max_maps);
	else
		ui_piece(&l, ST_NORMAL, "  maps %u", p->aspace.nr);
	ui_piece(&l, ST_NORMAL, "  virtual %s", ui_size(t, a, (int64_t)p->aspace.virt));
	if (p->rss[MTR_SWAP] > 0)
		ui_piece(&l, ST_WARN, "  swap %s", ui_size(t, a, p->rss[MTR_SWAP]));
	ui_piece(&l, ST_DIM, "  threads %u", p->nr_threads);
}

static void draw_limit(struct tui *t, const struct tui_frame *f, int y)
{
	struct top_limit tl;
	char name[300], a[UNITS_LEN];
	struct line l = ui_line(t, y, 0, t->w);
	enum style st;

	ui_piece(&l, ST_LABEL, "LIMIT ");
	top_limit(f->limits, f->proc->rss_rate, t->virt_rate, &tl);
	if (!tl.lim) {
		ui_piece(&l, ST_DIM,
			 f->limits		      ? "none is set" :
			 f->proc->death == DEATH_NONE ? "not read yet" :
							"it ended before they were read");
		return;
	}
	st = tl.percent >= 95 ? ST_ALARM : tl.percent >= 80 ? ST_WARN : ST_NORMAL;
	top_limit_name(name, sizeof(name), tl.lim, t->w >= 130);
	ui_piece(&l, ST_BOLD, "%s", ui_size(t, a, (int64_t)tl.lim->limit_bytes));
	if (t->w < 64)
		ui_piece(&l, ST_NORMAL, " ");
	else
		l.x += ui_printf(t, y, l.x, t->w >= 130 ? 80 : t->w - 46, ST_NORMAL,
				 "  %s: ", ui_text(t, name));
	ui_piece(&l, st, "%s used", ui_size(t, a, (int64_t)tl.lim->used_bytes));
	if (tl.full_ns && tl.full_ns < 86400 * NSEC_PER_SEC && f->proc->death == DEATH_NONE) {
		st = tl.full_ns < 600 * NSEC_PER_SEC ? ST_ALARM : ST_WARN;
		ui_piece(&l, ST_NORMAL, ", ");
		fmt_duration(a, tl.full_ns);
		ui_piece(&l, st, "FULL IN ~%s", a);
		ui_piece(&l, st, " at this rate");
		ui_piece(&l, ST_DIM, " (%d%%)", tl.percent);
		return;
	}
	ui_piece(&l, st, " (%d%%)", tl.percent);
	ui_piece(&l, ST_NORMAL, ", %s left", ui_size(t, a, tl.left_bytes > 0 ? tl.left_bytes : 0));
}

/* A fact of the COST line: its name dim, its value not. Closer together where it is narrow. */
static void piece_fact(struct line *l, const char *name, enum style st, const char *value)
{
	int need = ui_width(name) + ui_width(value) + 2;

	if (l->x + need > l->end)
		return;
	if (l->x > 6)
		ui_piece(l, ST_NORMAL, l->t->w >= 96 ? "  " : " ");
	ui_piece(l, ST_DIM, "%s", name);
	ui_piece(l, st, "%s", value);
}

static char *percent(const struct tui *t, char buf[UNITS_LEN], double v)
{
	if (v < 0)
		snprintf(buf, UNITS_LEN, "%s", glyph(t, G_DASH));
	else
		snprintf(buf, UNITS_LEN, v < 0.1 ? "%.2f%%" : v < 10 ? "%.1f%%" : "%.0f%%", v);
	return buf;
}

/* A piece for which there is a shorter way to say it. */
#define try_piece(l, ...) ((l)->full = false, ui_piece(l, ST_NORMAL, __VA_ARGS__))

/* "exact", or how old the oldest count is: an estimate must be seen to be one. */
static void piece_residency(struct line *l, const struct tui_frame *f)
{
	struct top_residency tr;
	char age[UNITS_LEN];

	top_residency(f->proc, &tr);
	if (tr.state == RES_EXACT || tr.state == RES_UNKNOWN || !tr.oldest_ns ||
	    f->now_ns < tr.oldest_ns) {
		if (!try_piece(l, "  residency %s", residency_name(tr.state)))
			try_piece(l, " %s", residency_name(tr.state));
		return;
	}
	fmt_duration(age, (f->now_ns - tr.oldest_ns) / NSEC_PER_SEC * NSEC_PER_SEC);
	if (!try_piece(l, "  residency %s, counted %s ago", residency_name(tr.state), age) &&
	    !try_piece(l, "  %s %s", residency_name(tr.state), age))
		try_piece(l, " %.3s. %s", residency_name(tr.state), age);
}

static void draw_cost(struct tui *t, const struct tui_frame *f, int y)
{
	const struct mtr_cost *c = f->cost;
	uint64_t lost = c ? c->lost : model_lost(f->model);
	struct line l = ui_line(t, y, 0, t->w);
	char a[UNITS_LEN], b[UNITS_LEN * 2], d[UNITS_LEN * 3];

	ui_piece(&l, ST_LABEL, "COST  ");
	if (!c) {
		ui_piece(&l, ST_DIM, "not measured");
		piece_residency(&l, f);
		return;
	}
	piece_fact(&l, "BPF ", c->bpf_percent >= 5 ? ST_WARN : ST_NORMAL,
		   percent(t, a, c->bpf_percent));
	snprintf(b, sizeof(b), "%sev/s", fmt_count(a, (double)c->events_per_s));
	piece_fact(&l, "", ST_NORMAL, b);
	piece_fact(&l, "lost ", lost ? ST_ALARM : ST_NORMAL, fmt_count(a, (double)lost));
	piece_fact(&l, "unseen ", c->unseen_faults ? ST_WARN : ST_NORMAL,
		   fmt_count(a, (double)c->unseen_faults));
	snprintf(b, sizeof(b), "%.1fms/s", (double)c->lock_held_ns_per_s / 1e6);
	piece_fact(&l, t->w >= 96 ? "mmap_lock " : "lock ",
		   c->lock_held_ns_per_s > 10000000 ? ST_WARN : ST_NORMAL, b);
	percent(t, a, c->self_cpu_percent);
	snprintf(d, sizeof(d), "%s %s", a, fmt_size(b, (int64_t)c->self_rss_bytes));
	piece_fact(&l, "self ", c->self_cpu_percent >= 10 ? ST_WARN : ST_NORMAL, d);
	piece_residency(&l, f);
	if (f->rung)
		ui_piece(&l, ST_DIM, "  rung %s", f->rung);
	ui_piece(&l, ST_DIM, "  ring %u%%", c->ring_fill_percent);
}

int header_draw(struct tui *t, const struct tui_frame *f)
{
	draw_title(t, f);
	if (!f->proc)
		return 1;
	draw_rss(t, f, 1);
	draw_limit(t, f, 2);
	if (t->h < 12)
		return 3;
	draw_cost(t, f, 3);
	return 4;
}

/* Where nothing else fits: who, how much, what is near. */
void tiny_draw(struct tui *t, const struct tui_frame *f)
{
	char name[96], a[UNITS_LEN], b[UNITS_LEN];
	struct top_limit tl;
	int y = 0;

	if (!f->proc) {
		ui_put(t, 0, 0, t->w, ST_NORMAL, "no process");
		return;
	}
	ui_name(t, f, f->proc, name, sizeof(name));
	ui_put(t, y++, 0, t->w, ST_BOLD, name);
	ui_rate(t, b, f->proc->rss_rate);
	ui_printf(t, y++, 0, t->w, ST_NORMAL, "RSS %s %s", ui_size(t, a, proc_rss(f->proc)),
		  *b == '0' ? "" : b);
	if (f->proc->death != DEATH_NONE) {
		char why[256];

		ui_put(t, y++, 0, t->w, ST_ALARM, death_text(t, f, why, sizeof(why)));
	} else {
		top_limit(f->limits, f->proc->rss_rate, t->virt_rate, &tl);
		if (tl.lim && tl.full_ns)
			ui_printf(t, y++, 0, t->w, ST_WARN, "limit full ~%s",
				  fmt_duration(a, tl.full_ns));
		else if (tl.lim)
			ui_printf(t, y++, 0, t->w, ST_NORMAL, "limit %d%% of %s", tl.percent,
				  ui_size(t, a, (int64_t)tl.lim->limit_bytes));
	}
	ui_put(t, t->h - 1, 0, t->w, ST_DIM, "terminal too small");
}
