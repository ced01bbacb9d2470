// SPDX-License-Identifier: GPL-2.0
#include "tui/ui.h"

/* A line: key or term, and what it means; no term: a heading. */
static const struct {
	const char *term, *text;
} lines[] = {
	{ NULL, "Keys" },
	{ "Tab 1..5", "views: Layout, Regions, Threads, Timeline, Growth" },
	{ "0", "what the command printed (memtrace -- CMD); no key is passed on to it" },
	{ "arrows Pg", "move the cursor; Enter shows all that is known of the row" },
	{ "r", "count growth (+BASE) from now on" },
	{ "m", "mark this moment: Growth tells what came since (+MARK)" },
	{ "s S", "sort by the next column; turn the order round" },
	{ "/", "filter: words that must occur, !word that must not, an address" },
	{ "f", "Growth: by call path, function, module, source line" },
	{ "e", "Layout: show every row, or fold what has no news" },
	{ "space", "pause the picture: all views stand still; events are still counted" },
	{ "n p", "next, previous process when several are traced" },
	{ "left right", "replay: ten seconds back, ahead; < > a tenth of the recording" },
	{ ", .", "replay: an interval back, ahead, and stand still" },
	{ "- +", "replay: half, twice the speed" },
	{ "Esc", "back; hides the cursor; clears the filter" },
	{ "q ^C", "detach and leave" },
	{ NULL, "The header" },
	{ "RSS", "resident now, its rate, the last minutes, faults a second" },
	{ "LIMIT", "what is hit first: a cgroup's memory.max, RLIMIT_AS, the host" },
	{ "COST", "what memtrace takes: BPF time, lost and unseen events, how long" },
	{ "", "it held the target's mmap_lock, its own CPU and memory" },
	{ "residency", "exact: every change is known; reconciled: counted from the page" },
	{ "", "tables; estimated: events since; load memtrace.ko for exact" },
	{ NULL, "The columns" },
	{ "+BASE", "resident bytes more than at the baseline (attach, or r)" },
	{ "ROOM", "left of a stack: of RLIMIT_STACK for main, else of its mapping" },
	{ "HIGH", "deepest use of a stack; with <= it is an upper bound" },
	{ "NET", "bytes that a call path brought since the view was opened, still there" },
	{ "DIRTY", "pages with no file behind them: anonymous or written to" },
};

void help_draw(struct tui *t, struct rect r)
{
	struct page pg = page_begin(t, r, "Help");
	int y;

	for (unsigned int i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		if (lines[i].term) {
			page_field(&pg, lines[i].term, ST_NORMAL, "%s", lines[i].text);
			continue;
		}
		if (i)
			page_row(&pg, &y);
		if (page_row(&pg, &y))
			ui_put(t, y, r.x + 1, r.w - 1, ST_BOLD, lines[i].text);
	}
	page_end(&pg);
}
