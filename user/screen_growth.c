// SPDX-License-Identifier: GPL-2.0
#include "screen_growth.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "growth.h"
#include "growth_report.h"
#include "remote.h"
#include "util/clock.h"

#define ROWS 200u
#define FRAMES 64u
#define RATE_TICKS 4u

struct screen_growth {
	struct growth *g;
	struct tui_growth shown; /* names are copies: those of sym may go with the map */
	char *mark;
	bool any;
};

static void free_shown(struct screen_growth *sg)
{
	struct tui_growth *t = &sg->shown;

	for (unsigned int i = 0; i < t->nr; i++) {
		struct tui_path *p = &t->path[i];

		for (unsigned int k = 0; k < p->nr_frames; k++)
			free(p->frame[k]);
		free(p->frame);
		free((char *)p->function);
		free((char *)p->module);
		free((char *)p->line);
	}
	free(t->path);
	free(sg->mark);
	sg->mark = NULL;
	*t = (struct tui_growth){ 0 };
	sg->any = false;
}

struct screen_growth *screen_growth_open(struct session *s)
{
	struct screen_growth *sg = calloc(1, sizeof(*sg));
	unsigned int nr;
	struct sess_proc **procs = session_procs(s, &nr);
	int err = 0;

	if (!sg)
		return NULL;
	sg->g = session_growth(s);
	for (unsigned int i = 0; sg->g && !err && i < nr; i++)
		if (procs[i]->p->death == DEATH_NONE)
			err = growth_adopt(sg->g, procs[i]->p, session_now(s));
	if (!sg->g || err) {
		screen_growth_close(sg);
		return NULL;
	}
	session_tap(s, growth_event, sg->g);
	session_stacks(s, true);
	return sg;
}

void screen_growth_close(struct screen_growth *sg)
{
	if (!sg)
		return;
	free_shown(sg);
	growth_free(sg->g);
	free(sg);
}

void screen_growth_tick(struct screen_growth *sg, struct session *s)
{
	growth_tick(sg->g, session_now(s));
}

static char *copy(const char *s)
{
	return s ? strdup(s) : NULL;
}

static char *line_of(const struct growth_frame *f)
{
	const char *base = f->file ? strrchr(f->file, '/') : NULL;
	char *line = NULL;

	if (!f->file || !f->line)
		return NULL;
	if (asprintf(&line, "%s:%u", base ? base + 1 : f->file, f->line) < 0)
		return NULL;
	return line;
}

static char *frame_of(const struct growth_frame *f)
{
	char *line = line_of(f), *text = NULL;
	int n;

	if (!f->function)
		n = asprintf(&text, "%s+0x%" PRIx64, f->module ? f->module : "", f->offset);
	else if (line)
		n = asprintf(&text, "%s %s%s", f->function, line, f->inlined ? " (inlined)" : "");
	else
		n = asprintf(&text, "%s %s", f->function, f->module ? f->module : "");
	free(line);
	return n < 0 ? NULL : text;
}

/* What a row gained in the latest intervals, bytes/s. */
static double rate_of(const struct growth_report *r, const struct growth_row *row)
{
	unsigned int last = r->nr_ticks ? r->nr_ticks - 1 : 0;
	unsigned int from = last > RATE_TICKS ? last - RATE_TICKS : 0;
	double secs;

	if (from == last)
		return 0;
	secs = (double)(r->tick_ns[last] - r->tick_ns[from]) / (double)NSEC_PER_SEC;
	return secs > 0 ? (double)(row->series[last] - row->series[from]) / secs : 0;
}

static int take_frames(struct tui_path *p, const struct growth_row *row)
{
	unsigned int nr = row->nr_frames < FRAMES ? row->nr_frames : FRAMES;

	p->frame = calloc(nr + 1, sizeof(*p->frame));
	if (!p->frame)
		return -ENOMEM;
	for (; p->nr_frames < nr; p->nr_frames++) {
		p->frame[p->nr_frames] = frame_of(&row->frame[p->nr_frames]);
		if (!p->frame[p->nr_frames])
			return -ENOMEM;
	}
	if (row->top >= row->nr_frames)
		return 0;
	p->module = copy(row->frame[row->top].module);
	p->line = line_of(&row->frame[row->top]);
	p->function = row->frame[row->top].function ? copy(row->frame[row->top].function) :
						      copy(p->frame[row->top < nr ? row->top : 0]);
	return 0;
}

static int take_row(struct tui_path *p, const struct growth_report *r, const struct growth_row *row)
{
	p->net = row->net;
	p->gross = row->gross;
	p->released = row->released;
	p->since_mark = row->net - (r->nr_marks ? row->at_mark[r->nr_marks - 1] : 0);
	p->rate = rate_of(r, row);
	p->kind = row->kind;
	p->verdict = verdict_name(row->verdict.kind);
	p->nr_tids = row->nr_tids;
	p->many_tids = row->many_tids;
	memcpy(p->tid, row->tid, sizeof(p->tid));
	p->nr_places = row->nr_places;
	p->many_places = row->many_places;
	for (unsigned int i = 0; i < row->nr_places && i < TUI_PATH_PLACES; i++) {
		p->place[i].start = row->place[i].start;
		p->place[i].end = row->place[i].end;
		p->place[i].kind = row->place[i].kind;
		p->place[i].bytes = row->place[i].bytes;
	}
	return take_frames(p, row);
}

static int take(struct screen_growth *sg, const struct growth_report *r)
{
	struct tui_growth *t = &sg->shown;
	unsigned int nr = r->nr < ROWS ? r->nr : ROWS;
	int err = 0;

	t->path = calloc(nr + 1, sizeof(*t->path));
	if (!t->path)
		return -ENOMEM;
	verdict_text(t->verdict, sizeof(t->verdict), &r->verdict, false);
	t->delta = r->delta;
	t->attributed = r->attributed;
	t->before = r->before;
	t->residual = growth_residual(r);
	t->from_ns = r->from_ns;
	t->period = r->period;
	if (r->nr_marks)
		t->mark = sg->mark = copy(r->mark[r->nr_marks - 1].name);
	while (!err && t->nr < nr) {
		err = take_row(&t->path[t->nr], r, &r->row[t->nr]);
		t->nr++;
	}
	return err;
}

const struct tui_growth *screen_growth_of(struct screen_growth *sg, struct session *s,
					  const struct sess_proc *sp)
{
	struct growth_report r = { .model = session_model(s),
				   .limits = sp->limits_ns ? &sp->limits : NULL,
				   .more = VERDICT_MORE_VIEW,
				   .to_ns = session_now(s),
				   .rung = session_rung(s) };
	struct growth_proc *gp;

	free_shown(sg);
	HASH_FIND(hh, sg->g->procs, &sp->p->as, sizeof(sp->p->as), gp);
	if (!gp)
		return NULL;
	if (!growth_report(sg->g, gp, &r) && !take(sg, &r))
		sg->any = true;
	growth_report_fini(&r);
	return screen_growth_last(sg);
}

const struct tui_growth *screen_growth_last(const struct screen_growth *sg)
{
	return sg->any ? &sg->shown : NULL;
}
