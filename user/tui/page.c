// SPDX-License-Identifier: GPL-2.0
/* What is behind Enter: a page of facts about one region or one thread. */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include "tui/ui.h"
#include "util/clock.h"

struct page page_begin(struct tui *t, struct rect r, const char *title)
{
	struct page pg = { .t = t, .r = r };
	int used;

	ui_fill(t, r.y, r.x, 2, ST_DIM, glyph(t, G_HLINE));
	used = ui_put(t, r.y, r.x + 3, r.w - 8, ST_BOLD, title);
	ui_fill(t, r.y, r.x + 4 + used, r.w - 4 - used, ST_DIM, glyph(t, G_HLINE));
	pg.r.y++;
	pg.r.h--;
	return pg;
}

bool page_row(struct page *pg, int *ret_y)
{
	int at = pg->line++ - (int)pg->t->detail_list.top;

	*ret_y = pg->r.y + at;
	return at >= 0 && at < pg->r.h;
}

void page_field(struct page *pg, const char *name, enum style st, const char *fmt, ...)
{
	char buf[1024];
	va_list ap;
	int y;

	if (!page_row(pg, &y))
		return;
	va_start(ap, fmt);
	vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	ui_put(pg->t, y, pg->r.x + 1, 13, ST_LABEL, name);
	ui_put(pg->t, y, pg->r.x + 15, pg->r.w - 15, st, buf);
}

void page_end(struct page *pg)
{
	struct list *l = &pg->t->detail_list;

	l->nr = (unsigned int)pg->line;
	l->page = pg->r.h > 0 ? (unsigned int)pg->r.h : 1;
	if (l->top + l->page > l->nr)
		l->top = l->nr > l->page ? l->nr - l->page : 0;
}

void page_lines(struct page *pg, const char *text)
{
	char line[1024];
	int y;

	page_row(pg, &y);
	while (*text) {
		size_t n = strcspn(text, "\n"), len = n < sizeof(line) ? n : sizeof(line) - 1;

		memcpy(line, text, len);
		line[len] = '\0';
		if (page_row(pg, &y))
			ui_put(pg->t, y, pg->r.x, pg->r.w, ST_NORMAL, line);
		text += n + (text[n] == '\n');
	}
}

static void field_pages(struct page *pg, const struct tui_frame *f, struct region *r)
{
	char a[UNITS_LEN], b[UNITS_LEN], c[UNITS_LEN], d[UNITS_LEN];
	const struct tui *t = pg->t;
	int64_t res = region_resident(r), virt = (int64_t)region_size(r);

	page_field(pg, "virtual", ST_NORMAL, "%s (%" PRId64 " bytes), %s since the baseline",
		   ui_size(t, a, virt), virt, ui_growth(t, b, virt - r->base_virt));
	if (r->residency == RES_UNKNOWN && !res) {
		page_field(pg, "resident", ST_DIM, "not counted yet");
	} else {
		page_field(pg, "resident", ST_BOLD,
			   "%s, %.0f%% of it: %s anonymous, %s file, %s shared", fmt_size(a, res),
			   virt ? 100.0 * (double)res / (double)virt : 0,
			   fmt_size(b, r->res[MTR_ANON]), fmt_size(c, r->res[MTR_FILE]),
			   fmt_size(d, r->res[MTR_SHMEM]));
		page_field(pg, "peak", ST_NORMAL, "%s", ui_size(t, a, r->peak));
	}
	if (!r->res_time_ns || f->now_ns < r->res_time_ns)
		page_field(pg, "known", ST_NORMAL, "%s", residency_name(r->residency));
	else
		page_field(pg, "known", ST_NORMAL, "%s, counted %s ago%s",
			   residency_name(r->residency),
			   fmt_duration(a, f->now_ns - r->res_time_ns),
			   r->dirty ? ", to be counted again" : "");
	page_field(pg, "swap", ST_NORMAL, "%s",
		   ui_size(t, a, r->res[MTR_SWAP] > 0 ? r->res[MTR_SWAP] : 0));
	if (r->huge >= 0)
		page_field(pg, "huge pages", ST_NORMAL, "%s", ui_size(t, a, r->huge));
}

static void field_growth(struct page *pg, struct region *r)
{
	int64_t growth = region_resident(r) - r->base_res;
	char a[UNITS_LEN], b[UNITS_LEN];

	page_field(pg, "growth", style_of_growth((double)growth), "%s since the baseline, then %s",
		   ui_growth(pg->t, a, growth), ui_size(pg->t, b, r->base_res));
	ui_rate(pg->t, a, r->rate);
	page_field(pg, "rate", *a == '0' ? ST_DIM : style_of_growth(r->rate), "%s", a);
	page_field(pg, "faults", ST_NORMAL, "%" PRIu64 " minor, %" PRIu64 " major, %s/s now",
		   r->minor, r->major, fmt_count(a, r->fault_rate));
	if (r->lowest)
		page_field(pg, "lowest page", ST_NORMAL, "%" PRIx64 ", %s below the end", r->lowest,
			   ui_size(pg->t, a, (int64_t)(r->end - r->lowest)));
}

void page_region(struct page *pg, const struct tui_frame *f, struct region *r)
{
	struct thread *th = r->tid ? proc_thread(f->proc, r->tid) : NULL;
	const struct tui *t = pg->t;
	char name[512], perms[5];

	page_field(pg, "kind", style_of_kind(r->kind), "%s", region_kind_name(r->kind));
	page_field(pg, "range", ST_NORMAL, "%" PRIx64 "-%" PRIx64, r->start, r->end);
	page_field(pg, "protection", ST_NORMAL, "%s%s%s%s%s%s", rows_perms(perms, r->prot),
		   r->prot & MTR_P_GROWSDOWN ? ", grows down" : "",
		   r->prot & MTR_P_HUGETLB ? ", hugetlb" : "",
		   r->prot & MTR_P_LOCKED ? ", locked" : "",
		   r->prot & MTR_P_WIPEONFORK ? ", wiped on fork" : "",
		   r->prot & MTR_P_DONTCOPY ? ", not copied on fork" : "");
	layout_region_name(name, sizeof(name), r, f->proc, f->model->st, false);
	if (*name)
		page_field(pg, "name", ST_NORMAL, "%s", ui_text(t, name));
	if (r->ino)
		page_field(pg, "file", ST_NORMAL,
			   "offset %" PRIx64 ", device %u:%u, inode %" PRIu64, r->pgoff,
			   r->dev >> 20, r->dev & 0xfffff, r->ino);
	if (th)
		page_field(pg, "thread", ST_NORMAL, "%s#%u",
			   ui_text(t, strtab_str(f->model->st, th->comm)), th->tid);
	field_pages(pg, f, r);
	field_growth(pg, r);
	if (th && (r->kind == RK_STACK || r->kind == RK_THREAD_STACK)) {
		int y;

		page_row(pg, &y);
		page_thread(pg, f, th);
	}
}

void page_region_line(struct page *pg, const struct tui_frame *f, struct region *r)
{
	char name[512], perms[5], a[UNITS_LEN], b[UNITS_LEN], c[UNITS_LEN], d[UNITS_LEN];
	int64_t growth = region_resident(r) - r->base_res;
	struct tui *t = pg->t;
	int y, x = pg->r.x + 1;

	if (!page_row(pg, &y))
		return;
	layout_region_name(name, sizeof(name), r, f->proc, f->model->st, true);
	ui_printf(t, y, x, 12, ST_DIM, "%12" PRIx64, r->start);
	ui_put(t, y, x + 13, 4, ST_DIM, rows_perms(perms, r->prot));
	ui_put(t, y, x + 18, 12, style_of_kind(r->kind), region_kind_name(r->kind));
	ui_put(t, y, x + 31, pg->r.w - 32 - 28, ST_NORMAL, ui_text(t, name));
	x = pg->r.x + pg->r.w - 28;
	ui_right(t, y, x, 5, ST_DIM, fmt_size(a, (int64_t)region_size(r)));
	ui_right(t, y, x + 6, 5, ST_NORMAL, fmt_size(b, region_resident(r)));
	ui_right(t, y, x + 12, 6, style_of_growth((double)growth), fmt_growth(c, growth));
	ui_rate(t, d, r->rate);
	ui_right(t, y, x + 19, 8, *d == '0' ? ST_DIM : style_of_growth(r->rate), d);
}

/* ---- a stack, drawn as it lies in memory */

static void stack_edge(struct page *pg, enum glyph g, uint64_t addr, const char *what)
{
	int y;

	if (!page_row(pg, &y))
		return;
	ui_printf(pg->t, y, pg->r.x + 1, 12, ST_DIM, "%12" PRIx64, addr);
	ui_printf(pg->t, y, pg->r.x + 14, pg->r.w - 14, ST_NORMAL, "%s%s %s", glyph(pg->t, g),
		  glyph(pg->t, G_HLINE), what);
}

static void stack_part(struct page *pg, int lines, enum style st, const char *fill,
		       const char *what, int64_t bytes)
{
	char a[UNITS_LEN];
	int y;

	for (int i = 0; i < lines; i++) {
		if (!page_row(pg, &y))
			continue;
		ui_put(pg->t, y, pg->r.x + 14, 1, ST_NORMAL, glyph(pg->t, G_VLINE));
		ui_fill(pg->t, y, pg->r.x + 15, 6, st, fill);
		if (i == (lines - 1) / 2)
			ui_printf(pg->t, y, pg->r.x + 23, pg->r.w - 23, st, "%s %s",
				  ui_size(pg->t, a, bytes), what);
	}
}

static void draw_stack(struct page *pg, const struct thread *th, const struct stack_info *si)
{
	int64_t high = si->high_water > si->depth ? si->high_water : si->depth;
	int64_t limit = si->limit > high ? si->limit : high, depth = si->depth > 0 ? si->depth : 0;
	bool roomy = pg->r.h >= 24;
	bool ascii = pg->t->o.ascii;
	int used = stack_used_percent(si);

	stack_edge(pg, G_TOPCORNER, th->stack_end, "top of the stack");
	if (si->depth >= 0) {
		stack_part(pg, roomy ? 3 : 1, ST_CLASS + HC_STACK, ascii ? "#" : "█", "in use now",
			   depth);
		stack_edge(pg, G_BRANCH, th->sp, "stack pointer");
	}
	if (high - depth >= 4096) {
		stack_part(pg, roomy ? 3 : 1,
			   used >= STACK_WARN_PERCENT ? ST_WARN : ST_CLASS + HC_STACK,
			   ascii ? ":" : "▒",
			   si->high_water_exact ? "used before" :
						  "used before, at most (pages of an earlier use)",
			   high - depth);
		stack_edge(pg, G_BRANCH, th->stack_end - (uint64_t)high, "high-water mark");
	}
	if (si->limit >= 0) {
		stack_part(pg, roomy ? 3 : 1, ST_DIM, ascii ? "." : "░", "never used",
			   limit - high);
		stack_edge(pg, G_CORNER, th->stack_end - (uint64_t)limit,
			   th->is_main ? "RLIMIT_STACK" : "end of the mapping");
	}
}

void page_thread(struct page *pg, const struct tui_frame *f, const struct thread *th)
{
	const struct tui *t = pg->t;
	char a[UNITS_LEN], b[UNITS_LEN], c[UNITS_LEN];
	struct stack_info si;
	int used, y;

	thread_stack_info(f->proc, th, &si);
	used = stack_used_percent(&si);
	page_field(pg, "thread", ST_NORMAL, "%s#%u%s%s",
		   ui_text(t, strtab_str(f->model->st, th->comm)), th->tid,
		   th->is_main ? ", main" : "", th->at_attach ? ", there before attach" : "");
	if (th->sp_time_ns && f->now_ns > th->sp_time_ns)
		page_field(pg, "depth", ST_NORMAL, "%s, seen %s ago",
			   si.depth < 0 ? "unknown" : ui_size(t, a, si.depth),
			   fmt_duration(b, f->now_ns - th->sp_time_ns));
	if (used >= 0)
		page_field(pg, "stack used",
			   used >= 95		      ? ST_ALARM :
			   used >= STACK_WARN_PERCENT ? ST_WARN :
							ST_NORMAL,
			   "%s%s of %s (%d%%)", si.high_water_exact ? "" : glyph(t, G_LE),
			   ui_size(t, a, si.high_water > si.depth ? si.high_water : si.depth),
			   ui_size(t, b, si.limit), used);
	page_field(pg, "grew", ST_NORMAL, "%s times", fmt_count(a, (double)th->nr_growth));
	page_field(pg, "faults", ST_NORMAL, "%s", fmt_count(c, (double)th->faults));
	page_row(pg, &y);
	if (th->stack_end)
		draw_stack(pg, th, &si);
	else
		page_field(pg, "stack", ST_DIM,
			   "not known: the thread's stack pointer was not seen yet");
}
