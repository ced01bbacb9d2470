// SPDX-License-Identifier: GPL-2.0
/* The lines at the bottom: why it grows or how it ended, a note, the keys. */
#include <inttypes.h>
#include <string.h>
#include "analysis/ended.h"
#include "analysis/top.h"
#include "tui/ui.h"
#include "util/clock.h"

const char *death_text(const struct tui *t, const struct tui_frame *f, char *buf, size_t sz)
{
	return ui_text(t, ended_text(buf, sz, f->proc, f->model->st, t->o.bytes));
}

static void draw_why(struct tui *t, const struct tui_frame *f, int y)
{
	struct top_grower g;
	char buf[512];

	if (f->proc->death != DEATH_NONE) {
		ui_put(t, y, 0, 6, ST_LABEL, "ENDED");
		ui_put(t, y, 6, t->w - 6, ended_well(f->proc) ? ST_WARN : ST_ALARM,
		       death_text(t, f, buf, sizeof(buf)));
		return;
	}
	top_grower(&t->layout, &g);
	top_why(buf, sizeof(buf), &g, f->proc, f->model->st);
	ui_put(t, y, 0, 6, ST_LABEL, "WHY");
	ui_put(t, y, 6, t->w - 6, g.row ? ST_NORMAL : ST_DIM, ui_text(t, buf));
}

static void draw_note(struct tui *t, const struct tui_frame *f, int y)
{
	const struct proc *p = f->proc;
	char clock[16], a[UNITS_LEN];
	struct line l = ui_line(t, y, 6, t->w);

	ui_put(t, y, 0, 6, ST_LABEL, "NOTE");
	if (t->mark_flash > 0) {
		t->mark_flash--;
		ui_piece(&l, ST_BOLD, "mark set at %s", ui_clock(f, clock, f->now_ns));
		return;
	}
	if (f->note) {
		ui_put(t, y, 6, t->w - 6, ST_NORMAL, ui_text(t, f->note));
		return;
	}
	if (!p->base_ns) {
		ui_piece(&l, ST_DIM, "attaching");
		return;
	}
	ui_piece(&l, ST_NORMAL, "baseline %s", ui_clock(f, clock, p->base_ns));
	if (p->base_ns <= p->attach_ns + NSEC_PER_SEC)
		ui_piece(&l, ST_NORMAL, " (%s)", p->from_start ? "start" : "attach");
	if (p->before_attach > 0)
		ui_piece(&l, ST_NORMAL, "; %s was there before%s", ui_size(t, a, p->before_attach),
			 p->base_ns <= p->attach_ns + NSEC_PER_SEC ? " attach: not attributed" :
								     "");
	if (p->residual > 1 << 20 || p->residual < -(1 << 20))
		ui_piece(&l, ST_DIM, "; on no region %s", ui_growth(t, a, p->residual));
	if (p->nr_drift)
		ui_piece(&l, ST_WARN, "; drift healed %" PRIu64, p->nr_drift);
}

/* When a key is worth a place in the line. */
enum key_when { ALWAYS, IN_LISTS, WITH_MANY, LIVE, REPLAY, GROWTH, NOT_GROWTH };

static bool worth_it(const struct tui *t, enum key_when when)
{
	switch (when) {
	case IN_LISTS:
		return ui_view(t)->nr_sorts;
	case WITH_MANY:
		return t->nr_procs >= 2;
	case LIVE:
		return !t->o.replay;
	case REPLAY:
		return t->o.replay;
	case GROWTH:
		return t->view == TUI_GROWTH;
	case NOT_GROWTH:
		return t->view != TUI_GROWTH;
	case ALWAYS:
		break;
	}
	return true;
}

static void draw_keys(struct tui *t, int y)
{
	static const struct {
		const char *key, *what;
		enum key_when when;
	} keys[] = {
		{ "Tab", "view", ALWAYS },	 { "Enter", "detail", IN_LISTS },
		{ "f", "fold", GROWTH },	 { "left right", "10s", REPLAY },
		{ "r", "baseline", NOT_GROWTH }, { "m", "mark", LIVE },
		{ "s", "sort", IN_LISTS },	 { "/", "filter", IN_LISTS },
		{ "?", "help", ALWAYS },	 { "q", "quit", ALWAYS },
		{ "n p", "process", WITH_MANY }, { "space", "pause", ALWAYS },
		{ "S", "reverse", IN_LISTS },
	};
	struct line l = ui_line(t, y, 0, t->w);

	for (unsigned int i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		int w = (int)(strlen(keys[i].key) + strlen(keys[i].what)) + 3;

		if (!worth_it(t, keys[i].when) || l.x + w > l.end)
			continue;
		ui_piece(&l, ST_KEY, " %s", keys[i].key);
		ui_piece(&l, ST_NORMAL, " %s ", keys[i].what);
	}
}

static void draw_prompt(struct tui *t, int y)
{
	const char *flt = ui_vs(t)->filter;
	struct line l = ui_line(t, y, 0, t->w);

	ui_piece(&l, ST_KEY, " / ");
	l.x += ui_put(t, y, l.x, l.end - l.x, ST_BOLD, ui_text(t, flt));
	ui_piece(&l, ST_BOLD, "_");
	ui_piece(&l, ST_DIM, "  Enter keep  Esc undo  words, !word, an address");
}

int footer_draw(struct tui *t, const struct tui_frame *f)
{
	int y = t->h - 1, lines = 1;

	if (t->filtering)
		draw_prompt(t, y);
	else if (t->help || t->detail)
		ui_put(t, y, 1, t->w - 1, ST_DIM, "Esc back   arrows scroll   q quit");
	else
		draw_keys(t, y);
	if (t->h >= 16 && f->proc) {
		draw_note(t, f, y - 1);
		draw_why(t, f, y - 2);
		lines = 3;
	} else if (t->h >= 10 && f->proc) {
		draw_why(t, f, y - 1);
		lines = 2;
	}
	return lines;
}
