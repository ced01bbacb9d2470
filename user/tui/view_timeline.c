// SPDX-License-Identifier: GPL-2.0
/* RSS by class over time, and what each class did. */
#include <string.h>
#include "tui/ui.h"
#include "util/clock.h"

struct series {
	int64_t now, min, max;
	double rate;
};

static int64_t value_of(const struct hist_sample *s, int c)
{
	return c < 0 ? s->rss : s->bytes[c];
}

/* Class @c over the whole history; −1: RSS. */
static void series_of(const struct history *h, int c, struct series *ret)
{
	const struct hist_sample *last = &h->s[h->nr - 1], *prev = last - (h->nr > 1);
	uint64_t dt = last->time_ns - prev->time_ns;

	memset(ret, 0, sizeof(*ret));
	ret->now = value_of(last, c);
	ret->rate = dt ? (double)(ret->now - value_of(prev, c)) / ((double)dt / NSEC_PER_SEC) : 0;
	for (unsigned int i = 0; i < h->nr; i++) {
		int64_t lo = c < 0 ? h->s[i].rss_min : h->s[i].bytes[c];
		int64_t hi = c < 0 ? h->s[i].rss_max : h->s[i].bytes[c];

		ret->min = !i || lo < ret->min ? lo : ret->min;
		ret->max = !i || hi > ret->max ? hi : ret->max;
	}
}

/* The whole run of one class in @w cells. */
static void draw_spark(struct tui *t, int y, int x, int w, enum style st, const struct history *h,
		       int c)
{
	double v[128];
	int n = w < 128 ? w : 128;

	if ((unsigned int)n > h->nr)
		n = (int)h->nr;
	for (int i = 0; i < n; i++)
		v[i] = (double)value_of(
			&h->s[(uint64_t)i * (h->nr - 1) / (unsigned int)(n > 1 ? n - 1 : 1)], c);
	graph_spark(t, y, x, n, st, v, (unsigned int)n);
}

static void draw_series(struct tui *t, const struct proc *p, int y, struct rect r, int c,
			const char *name)
{
	enum style st = c < 0 ? ST_BOLD : (enum style)(ST_CLASS + c);
	int sw = t->o.bytes ? 15 : 6, x = r.x + 1;
	char a[UNITS_LEN];
	struct series s;

	series_of(&p->history, c, &s);
	if (c < 0)
		s.rate = p->rss_rate;
	if (c >= 0)
		ui_put(t, y, x, 1, st, glyph(t, G_SQUARE));
	ui_put(t, y, x + 2, 10, c < 0 ? ST_BOLD : s.max > 0 ? ST_NORMAL : ST_DIM, name);
	x += 12;
	ui_right(t, y, x, sw, s.now > 0 ? ST_BOLD : ST_DIM, ui_size(t, a, s.now));
	ui_right(t, y, x += sw + 1, sw, ST_DIM, ui_size(t, a, s.min));
	ui_right(t, y, x += sw + 1, sw, ST_DIM, ui_size(t, a, s.max));
	ui_rate(t, a, s.rate);
	ui_right(t, y, x += sw + 1, 9, *a == '0' ? ST_DIM : style_of_growth(s.rate), a);
	if (r.x + r.w - x - 12 >= 8 && s.max > 0)
		draw_spark(t, y, x + 11, r.x + r.w - x - 12, st, &p->history, c);
}

/* Returns lines used: classes that never held anything are left out when it is tight. */
static int draw_legend(struct tui *t, const struct proc *p, struct rect r)
{
	int sw = t->o.bytes ? 15 : 6, x = r.x + 13, y = r.y;
	struct series s;

	ui_put(t, y, r.x + 1, 8, ST_HEAD, "CLASS");
	ui_right(t, y, x, sw, ST_HEAD, "NOW");
	ui_right(t, y, x += sw + 1, sw, ST_HEAD, "MIN");
	ui_right(t, y, x += sw + 1, sw, ST_HEAD, "MAX");
	ui_right(t, y, x + sw + 1, 9, ST_HEAD, "RATE");
	y++;
	if (!p->history.nr)
		return 1;
	draw_series(t, p, y++, r, -1, "RSS");
	for (int c = 0; c < HC_NR && y < r.y + r.h; c++) {
		series_of(&p->history, c, &s);
		if (s.max > 0 || r.h >= HC_NR + 2)
			draw_series(t, p, y++, r, c, hist_class_name((enum hist_class)c));
	}
	return y - r.y;
}

static void timeline_draw(struct tui *t, const struct tui_frame *f, struct rect r)
{
	const struct history *h = &f->proc->history;
	int legend = HC_NR + 2;
	struct rect g = r;

	if (r.h < 26) {
		legend = 2;
		for (int c = 0; h->nr && c < HC_NR; c++) {
			struct series s;

			series_of(h, c, &s);
			legend += s.max > 0;
		}
	}
	if (r.h - legend < 5)
		legend = r.h - 5 > 2 ? r.h - 5 : 0;
	g.h -= legend;
	graph_stack(t, g, h, f->now_ns, t->o.interval_s > 0 ? t->o.interval_s : 1);
	if (legend)
		draw_legend(t, f->proc, (struct rect){ r.y + g.h, r.x, legend, r.w });
}

const struct view_ops view_timeline = {
	.name = "Timeline",
	.draw = timeline_draw,
};
