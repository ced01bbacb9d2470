// SPDX-License-Identifier: GPL-2.0
/* On a very wide screen: beside the layout, its history, what grows, the fullest stacks. */
#include <string.h>
#include "tui/ui.h"

static int heading(struct tui *t, struct rect r, const char *text)
{
	int used = ui_put(t, r.y, r.x, r.w, ST_HEAD, text);

	ui_fill(t, r.y, r.x + used + 1, r.w - used - 1, ST_DIM, glyph(t, G_HLINE));
	return 1;
}

static const struct layout_row *next_grower(const struct layout *l, const struct layout_row *prev)
{
	const struct layout_row *best = NULL;

	for (unsigned int i = 0; i < l->nr; i++) {
		const struct layout_row *r = &l->row[i];

		if (r->what != LAYOUT_REGIONS || r->growth <= 0)
			continue;
		if (prev && (r->growth > prev->growth || (r->growth == prev->growth && r >= prev)))
			continue;
		if (!best || r->growth > best->growth || (r->growth == best->growth && r > best))
			best = r;
	}
	return best;
}

static void draw_growers(struct tui *t, const struct tui_frame *f, struct rect r)
{
	const struct layout_row *row = NULL, *first = NULL;
	char label[256], a[UNITS_LEN];
	int y = r.y + heading(t, r, "GREW MOST SINCE THE BASELINE"), lw = r.w / 3, bw;

	bw = r.w - lw - 2 * (ui_size_w(t) + 2) - 12;
	while (y < r.y + r.h && (row = next_grower(&t->layout, row))) {
		first = first ? first : row;
		layout_label(label, sizeof(label), row, f->proc, f->model->st);
		ui_put(t, y, r.x, lw, ST_NORMAL, ui_text(t, label));
		ui_right(t, y, r.x + lw, ui_size_w(t) + 1, ST_GROW, ui_growth(t, a, row->growth));
		ui_rate(t, a, row->rate);
		ui_right(t, y, r.x + lw + ui_size_w(t) + 2, 10,
			 *a == '0' ? ST_DIM : style_of_growth(row->rate), a);
		graph_bar(t, y, r.x + lw + ui_size_w(t) + 14, bw, style_of_kind(row->kind),
			  (double)row->growth, (double)first->growth);
		y++;
	}
	if (!first)
		ui_put(t, y, r.x, r.w, ST_DIM, "nothing yet");
}

static void draw_stacks(struct tui *t, const struct tui_frame *f, struct rect r)
{
	int y = r.y + heading(t, r, "STACKS WITH THE LEAST ROOM"), lw = r.w / 3;
	char a[UNITS_LEN], b[UNITS_LEN], name[320];

	rows_threads(&t->threads, f->proc, f->model->st, "", TSORT_HEADROOM, false);
	for (unsigned int i = 0; i < t->threads.nr && y < r.y + r.h; i++, y++) {
		const struct thread_row *tr = &t->threads.row[i];
		int used = stack_used_percent(&tr->stack);
		enum style st = used >= 95		   ? ST_ALARM :
				used >= STACK_WARN_PERCENT ? ST_WARN :
							     ST_NORMAL;

		snprintf(name, sizeof(name), "%s#%u", strtab_str(f->model->st, tr->t->comm),
			 tr->t->tid);
		ui_put(t, y, r.x, lw, st, ui_text(t, name));
		if (used < 0) {
			ui_put(t, y, r.x + lw + 1, 10, ST_DIM, "not known");
			continue;
		}
		ui_printf(t, y, r.x + lw + 1, 24, st, "%s%s of %s",
			  tr->stack.high_water_exact ? "" : glyph(t, G_LE),
			  ui_size(t, a, tr->stack.high_water), ui_size(t, b, tr->stack.limit));
		ui_printf(t, y, r.x + lw + 18, 5, st, "%3d%%", used);
		graph_bar(t, y, r.x + lw + 24, r.w - lw - 24,
			  st == ST_NORMAL ? ST_CLASS + HC_STACK : st, used, 100);
	}
}

void side_draw(struct tui *t, const struct tui_frame *f, struct rect r)
{
	struct rect part = r;

	part.h = r.h * 2 / 5;
	heading(t, part, "RESIDENT OVER TIME");
	graph_stack(t, (struct rect){ part.y + 1, part.x, part.h - 1, part.w }, &f->proc->history,
		    f->now_ns, t->o.interval_s > 0 ? t->o.interval_s : 1);
	part.y += part.h + 1;
	part.h = (r.h - part.h - 2) / 2;
	draw_growers(t, f, part);
	part.y += part.h + 1;
	part.h = r.y + r.h - part.y;
	draw_stacks(t, f, part);
}
