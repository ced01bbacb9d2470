// SPDX-License-Identifier: GPL-2.0
/*
 * Bars, sparklines and the stacked graph of RSS over time.
 *
 * A braille cell is 2 × 4 dots, so that a graph of 70 × 12 cells has a
 * resolution of 140 × 48. Classes of memory lie one on the other; the top dot
 * of each is left out, so that the borders show without colours too:
 *
 *        ⣀⣤⣶⣿   heap
 *      ⠒⠒⠒⠒⠒⠒   (a line of no dots)
 *      ⣿⣿⣿⣿⣿⣿   file
 */
#include <stdlib.h>
#include <string.h>
#include "tui/ui.h"
#include "util/clock.h"

static const char *const eighths[] = { "", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█" };
static const char *const levels[] = { "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
static const char *const ascii_levels[] = { "_", ".", "-", "=", "+", "*", "%", "#" };

char *graph_bar_str(const struct tui *t, char *buf, int w, double value, double max)
{
	const char *full = t->o.ascii ? "#" : eighths[8];
	int per = t->o.ascii ? 1 : 8, n;
	size_t at = 0, len = strlen(full);

	buf[0] = 0;
	if (value <= 0 || max <= 0 || w <= 0)
		return buf;
	n = (int)(value / max * w * per + 0.5);
	if (n > w * per)
		n = w * per;
	for (int i = 0; i < n / per; i++, at += len)
		memcpy(buf + at, full, len);
	buf[at] = 0;
	if (n < 1)
		strcpy(buf, t->o.ascii ? "." : eighths[1]);
	else if (n % per)
		strcpy(buf + at, eighths[n % per]);
	return buf;
}

void graph_bar(struct tui *t, int y, int x, int w, enum style st, double value, double max)
{
	char buf[64 * 3 + 1];

	w = w > 64 ? 64 : w;
	ui_put(t, y, x, w, st, graph_bar_str(t, buf, w, value, max));
}

void graph_spark(struct tui *t, int y, int x, int w, enum style st, const double *v,
		 unsigned int nr)
{
	double min = 0, max = 0;
	unsigned int first = nr > (unsigned int)w ? nr - (unsigned int)w : 0;

	for (unsigned int i = first; i < nr; i++) {
		min = i == first || v[i] < min ? v[i] : min;
		max = i == first || v[i] > max ? v[i] : max;
	}
	/* a change of under half a percent is no mountain */
	if (max - min < max * 0.005)
		min = max - max * 0.005;
	for (unsigned int i = first; i < nr; i++) {
		int l = max > min ? (int)((v[i] - min) / (max - min) * 7.99) : 0;

		if (max - min <= max * 0.005001 && v[first] == v[i])
			l = 0;
		ui_put(t, y, x + w - (int)(nr - i), 1, st,
		       t->o.ascii ? ascii_levels[l] : levels[l]);
	}
}

/* From the ground up: what moves least lies lowest. Swap is not RSS: it comes on top. */
static const enum hist_class order[HC_NR] = { HC_FILE, HC_SHARED, HC_STACK,
					      HC_ANON, HC_HEAP,	  HC_SWAP };

struct canvas {
	int w, h; /* cells */
	uint8_t *dots; /* braille pattern of each cell */
	uint8_t *votes; /* [cell][class]: dots of each class, the most gives the colour */
};

/* Dot (x, y) from the top left, as braille numbers them. */
static const uint8_t dot_bit[4][2] = { { 0x01, 0x08 },
				       { 0x02, 0x10 },
				       { 0x04, 0x20 },
				       { 0x40, 0x80 } };

static void canvas_dot(struct canvas *c, int x, int y_up, enum hist_class cl)
{
	int y = c->h * 4 - 1 - y_up, cell = y / 4 * c->w + x / 2;

	if (y < 0)
		return;
	c->dots[cell] |= dot_bit[y % 4][x % 2];
	c->votes[cell * HC_NR + cl]++;
}

static int64_t sample_top(const struct hist_sample *s)
{
	int64_t sum = 0;

	for (int i = 0; i < HC_NR; i++)
		sum += s->bytes[i] > 0 ? s->bytes[i] : 0;
	return sum;
}

static void canvas_column(struct canvas *c, int x, const struct hist_sample *s, int64_t max)
{
	double scale = (double)c->h * 4 / (double)max, sum = 0;
	int from = 0, all = (int)((double)sample_top(s) * scale + 0.5);

	for (int i = 0; i < HC_NR; i++) {
		int64_t b = s->bytes[order[i]];
		int to, top;

		if (b <= 0)
			continue;
		sum += (double)b;
		to = (int)(sum * scale + 0.5);
		/* a border between two thick layers; between thin ones it would be all one sees */
		top = to - from > 3 && all - to > 3 ? to - 1 : to;
		for (int y = from; y < top; y++)
			canvas_dot(c, x, y, order[i]);
		from = to;
	}
	if (!from && sum > 0)
		canvas_dot(c, x, 0, HC_ANON);
}

static void canvas_show(struct tui *t, const struct canvas *c, int y0, int x0)
{
	static const char fill[HC_NR + 1] = "#o=.+%";
	char buf[4];

	for (int i = 0; i < c->w * c->h; i++) {
		int best = 0;

		if (!c->dots[i])
			continue;
		for (int k = 1; k < HC_NR; k++)
			if (c->votes[i * HC_NR + k] > c->votes[i * HC_NR + best])
				best = k;
		if (t->o.ascii) {
			buf[0] = fill[best];
			buf[1] = 0;
		} else {
			buf[0] = (char)0xe2;
			buf[1] = (char)(0xa0 | c->dots[i] >> 6);
			buf[2] = (char)(0x80 | (c->dots[i] & 0x3f));
			buf[3] = 0;
		}
		ui_put(t, y0 + i / c->w, x0 + i % c->w, 1, (enum style)(ST_CLASS + best), buf);
	}
}

/* The step of a scale: a power of two, as sizes are, so that at most @lines lines are drawn. */
static int64_t nice_step(int64_t max, int lines)
{
	int64_t step = 4096;

	while (max / step > lines && step < (1ll << 60))
		step *= 2;
	return step;
}

static void draw_axis(struct tui *t, struct rect r, int aw, int64_t max)
{
	int h = r.h - 2, lines = h / 3 < 2 ? 2 : h / 3 > 8 ? 8 : h / 3;
	int64_t step = nice_step(max, lines);
	char buf[UNITS_LEN];

	for (int y = 0; y < h; y++)
		ui_put(t, r.y + y, r.x + aw, 1, ST_DIM, glyph(t, G_VLINE));
	for (int64_t v = step; v <= max; v += step) {
		int y = h - (int)((double)v / (double)max * h + 0.5);

		ui_right(t, r.y + y, r.x, aw - 1, ST_DIM, fmt_size(buf, v));
		ui_put(t, r.y + y, r.x + aw, 1, ST_DIM, glyph(t, G_TEE));
	}
	ui_put(t, r.y + h, r.x + aw, 1, ST_DIM, glyph(t, G_CORNER));
	ui_fill(t, r.y + h, r.x + aw + 1, r.w - aw - 1, ST_DIM, glyph(t, G_HLINE));
	ui_right(t, r.y + h, r.x, aw - 1, ST_DIM, "0");
}

static void draw_times(struct tui *t, struct rect r, int aw, uint64_t span_ns)
{
	int w = r.w - aw - 1, parts = w >= 100 ? 4 : 2;
	char buf[UNITS_LEN];

	for (int i = 0; i < parts; i++) {
		uint64_t ago = span_ns / (uint64_t)parts * (uint64_t)(parts - i);

		fmt_duration(buf, ago / NSEC_PER_SEC * NSEC_PER_SEC);
		ui_printf(t, r.y + r.h - 1, r.x + aw + 1 + w * i / parts, w, ST_DIM, "-%s", buf);
	}
	ui_right(t, r.y + r.h - 1, r.x + aw + 1, w, ST_DIM, "now");
}

/* A graph of a few seconds would be all width and no time: this many ticks at least. */
#define GRAPH_MIN_TICKS 30

static void draw_samples(struct canvas *c, const struct history *h, uint64_t from, uint64_t span,
			 int64_t max)
{
	unsigned int i = 0;

	for (int x = 0; x < c->w * 2; x++) {
		uint64_t at = from + (uint64_t)((double)span * (x + 1) / (c->w * 2));

		while (i + 1 < h->nr && h->s[i + 1].time_ns <= at)
			i++;
		if (h->s[i].time_ns <= at)
			canvas_column(c, x, &h->s[i], max);
	}
}

void graph_stack(struct tui *t, struct rect r, const struct history *h, uint64_t now_ns,
		 double interval_s)
{
	uint64_t span, least = (uint64_t)(interval_s * GRAPH_MIN_TICKS * (double)NSEC_PER_SEC);
	int aw = 6;
	struct canvas c = { .w = r.w - aw - 1, .h = r.h - 2 };
	int64_t max = 1;

	if (c.w < 4 || c.h < 2)
		return;
	if (!h->nr) {
		ui_put(t, r.y + c.h / 2, r.x + aw + 2, c.w, ST_DIM,
		       "the first interval is running");
		return;
	}
	for (unsigned int i = 0; i < h->nr; i++)
		max = sample_top(&h->s[i]) > max ? sample_top(&h->s[i]) : max;
	max += max / 20; /* air above the top */
	now_ns = h->s[h->nr - 1].time_ns > now_ns ? h->s[h->nr - 1].time_ns : now_ns;
	span = now_ns - h->s[0].time_ns;
	span = span < least ? least : span;
	if (span > now_ns)
		span = now_ns;

	c.dots = calloc((size_t)c.w * (size_t)c.h, 1 + HC_NR);
	if (!c.dots)
		return;
	c.votes = c.dots + (size_t)c.w * (size_t)c.h;
	draw_samples(&c, h, now_ns - span, span, max);
	draw_axis(t, r, aw, max);
	canvas_show(t, &c, r.y, r.x + aw + 1);
	draw_times(t, r, aw, span);
	free(c.dots);
}
