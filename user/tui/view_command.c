// SPDX-License-Identifier: GPL-2.0
/* View 0: what the traced command printed. It follows the end until it is scrolled. */
#include <curses.h>
#include <inttypes.h>
#include "tui/ui.h"

static void command_title(struct tui *t, struct rect r, uint64_t from, uint64_t end)
{
	struct line l = ui_line(t, r.y, r.x + 3, r.x + r.w - 1);
	const uint64_t total = cmdout_total(t->output), first = cmdout_first(t->output);

	ui_fill(t, r.y, r.x, r.w, ST_DIM, glyph(t, G_HLINE));
	if (!total) {
		ui_piece(&l, ST_DIM, " nothing was printed yet ");
		return;
	}
	ui_piece(&l, ST_BOLD, " lines %" PRIu64 "-%" PRIu64, from + 1, end);
	ui_piece(&l, ST_DIM, " of %" PRIu64 " ", total);
	if (first)
		ui_piece(&l, ST_DIM, "(the last %u are kept) ", CMDOUT_LINES);
	if (end < total)
		ui_piece(&l, ST_WARN, "End: follow ");
	if (r.w >= 100)
		ui_piece(&l, ST_DIM, "keys are memtrace's: nothing is passed on to the command ");
}

static void command_draw(struct tui *t, const struct tui_frame *f, struct rect r)
{
	const uint64_t total = cmdout_total(t->output), first = cmdout_first(t->output);
	uint64_t end = t->out_end && t->out_end < total ? t->out_end : total, from;

	(void)f;
	t->out_page = r.h > 1 ? (unsigned int)r.h - 1 : 1;
	if (end < first + t->out_page)
		end = first + t->out_page < total ? first + t->out_page : total;
	if (t->out_end)
		t->out_end = end;
	from = end - first > t->out_page ? end - t->out_page : first;
	command_title(t, r, from, end);
	for (uint64_t i = from; i < end; i++)
		ui_put(t, r.y + 1 + (int)(i - from), r.x, r.w, ST_NORMAL,
		       ui_text(t, cmdout_line(t->output, i)));
}

void command_key(struct tui *t, int key)
{
	const uint64_t total = cmdout_total(t->output), first = cmdout_first(t->output);
	uint64_t end = t->out_end ? t->out_end : total;
	uint64_t page = t->out_page > 1 ? t->out_page - 1 : 1;
	int64_t by = key == KEY_UP    ? -1 :
		     key == KEY_DOWN  ? 1 :
		     key == KEY_PPAGE ? -(int64_t)page :
		     key == KEY_NPAGE ? (int64_t)page :
					0;

	if (key == KEY_HOME)
		end = first + t->out_page;
	else if (key == KEY_END)
		end = total;
	else
		end = by < 0 && (uint64_t)-by >= end ? 1 : end + (uint64_t)by;
	if (end < first + t->out_page)
		end = first + t->out_page;
	t->out_end = end < total || (t->paused && total) ? end : 0;
}

void command_pause(struct tui *t)
{
	if (!t->output)
		return;
	if (t->paused && !t->out_end)
		t->out_end = cmdout_total(t->output);
	else if (!t->paused && t->out_end)
		t->out_end = 0;
}

bool tui_command_output(struct tui *t, const char *buf, size_t n)
{
	if (!t->output)
		return false;
	cmdout_add(t->output, buf, n, (unsigned int)t->w);
	return t->view == TUI_COMMAND && !t->paused;
}

const struct view_ops view_command = {
	.name = "Output",
	.draw = command_draw,
};
