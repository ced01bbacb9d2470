// SPDX-License-Identifier: GPL-2.0
/*
 * The plain report: the Layout view on paper. All names pass put_text(), so
 * that no byte of a target reaches the terminal or the log as it was.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "analysis/ended.h"
#include "analysis/layout.h"
#include "analysis/rows.h"
#include "analysis/top.h"
#include "export/crashed.h"
#include "export/report.h"
#include "util/clock.h"
#include "util/text.h"
#include "util/units.h"

#define LABEL_COLUMNS 26
#define NOTE_COLUMNS 14 /* "hw ≤1.00G/8.0M" */

struct text {
	FILE *f;
	const struct report *r;
	const struct report_style *style;
	const struct strtab *st;
};

/* Where the code point number @n of @s begins; @s's end when it has fewer. */
static char *nth(char *s, int n)
{
	for (; *s; s++)
		if ((*s & 0xc0) != 0x80 && !n--)
			break;
	return s;
}

/* Cleaned; filled up with blanks or cut to @width columns unless that is 0. */
static void put_text(const struct text *t, const char *raw, int width)
{
	char buf[1024], *end;
	int cols = 0;

	text_clean(buf, sizeof(buf), raw, t->style->ascii);
	for (const char *s = buf; *s; s++)
		cols += (*s & 0xc0) != 0x80;
	if (width && cols > width) {
		end = nth(buf, width - 1);
		*end = '\0';
		fprintf(t->f, "%s%s", buf, t->style->ascii ? "~" : "…");
		return;
	}
	fprintf(t->f, "%s%*s", buf, width > cols ? width - cols : 0, "");
}

static const char *size(const struct text *t, char buf[UNITS_LEN], int64_t bytes)
{
	return style_size(t->style, buf, bytes);
}

static const char *growth(const struct text *t, char buf[UNITS_LEN], int64_t bytes)
{
	return style_growth(t->style, buf, bytes);
}

static int size_columns(const struct text *t)
{
	return t->style->bytes ? 15 : 6;
}

static void put_process(const struct text *t)
{
	const struct proc *p = t->r->p;
	time_t now = (time_t)(t->r->now_real_ns / NSEC_PER_SEC);
	char buf[UNITS_LEN], when[32];
	struct tm tm;

	put_text(t, strtab_str(t->st, p->comm), 0);
	fprintf(t->f, "[%" PRIu32 "]", p->pid);
	if (p->state)
		fprintf(t->f, " %c", p->state);
	if (p->start_time_ns && p->start_time_ns < t->r->now_ns)
		fprintf(t->f, " up %s", fmt_duration(buf, t->r->now_ns - p->start_time_ns));
	gmtime_r(&now, &tm);
	strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &tm);
	fprintf(t->f, "  %u thread%s  %s UTC", p->nr_threads, p->nr_threads == 1 ? "" : "s", when);
	if (p->exe) {
		fputs("  ", t->f);
		put_text(t, strtab_str(t->st, p->exe), 0);
	}
	fputs("\n", t->f);
}

static void put_rss(const struct text *t)
{
	const struct proc *p = t->r->p;
	char b[UNITS_LEN];

	fprintf(t->f, "RSS   %s", size(t, b, proc_rss(p)));
	if (t->r->live)
		fprintf(t->f, "  %s", fmt_rate(b, p->rss_rate));
	fprintf(t->f, "  anon %s", size(t, b, p->rss[MTR_ANON]));
	fprintf(t->f, "  file %s", size(t, b, p->rss[MTR_FILE]));
	fprintf(t->f, "  shmem %s", size(t, b, p->rss[MTR_SHMEM]));
	fprintf(t->f, "  swap %s", size(t, b, p->rss[MTR_SWAP]));
	if (t->r->live) {
		fprintf(t->f, "  faults %s/s minor", fmt_count(b, p->minor_rate));
		fprintf(t->f, " %s major", fmt_count(b, p->major_rate));
	} else if (p->k_minflt >= 0) {
		fprintf(t->f, "  faults %s minor", fmt_count(b, (double)p->k_minflt));
		fprintf(t->f, " %s major", fmt_count(b, (double)p->k_majflt));
	}
	fprintf(t->f, "  maps %u", p->aspace.nr);
	if (t->r->limits && t->r->limits->max_map_count)
		fprintf(t->f, "/%" PRIu64, t->r->limits->max_map_count);
	fputs("\n", t->f);
}

static void put_limit(const struct text *t)
{
	const struct proc *p = t->r->p;
	char b[UNITS_LEN], name[300];
	struct top_limit top;

	if (!t->r->limits)
		return;
	top_limit(t->r->limits, t->r->live ? p->rss_rate : 0, 0, &top);
	if (!top.lim)
		return;
	fprintf(t->f, "LIMIT %s  ", size(t, b, (int64_t)top.lim->limit_bytes));
	put_text(t, top_limit_name(name, sizeof(name), top.lim, false), 0);
	fprintf(t->f, ": %s used", size(t, b, (int64_t)top.lim->used_bytes));
	if (top.full_ns)
		fprintf(t->f, ", FULL IN ~%s at this rate", fmt_duration(b, top.full_ns));
	fputs("\n", t->f);
}

static void put_cost(const struct text *t)
{
	const struct mtr_cost *c = t->r->cost;
	struct top_residency res;
	char b[UNITS_LEN];

	if (!c)
		return;
	fputs("COST ", t->f);
	if (c->bpf_percent >= 0)
		fprintf(t->f, " BPF %.2f%%", c->bpf_percent);
	fprintf(t->f, "  events %s/s", fmt_count(b, (double)c->events_per_s));
	fprintf(t->f, "  lost %" PRIu64 "  unseen %" PRIu64, c->lost, c->unseen_faults);
	fprintf(t->f, "  mmap_lock %.1fms/s", (double)c->lock_held_ns_per_s / 1e6);
	if (c->self_cpu_percent >= 0)
		fprintf(t->f, "  self %.1f%%", c->self_cpu_percent);
	fprintf(t->f, " %s", size(t, b, (int64_t)c->self_rss_bytes));
	top_residency(t->r->p, &res);
	fprintf(t->f, "  residency %s%s  %s\n", residency_name(res.state),
		res.state == RES_EXACT || t->r->p->watch_ns ? "" : " (load memtrace.ko for exact)",
		t->r->rung);
}

/* How it ended; nothing while it lives. */
static void put_end(const struct text *t)
{
	char buf[512];

	if (t->r->p->death == DEATH_NONE)
		return;
	fputs("ENDED ", t->f);
	put_text(t, ended_text(buf, sizeof(buf), t->r->p, t->st, t->style->bytes), 0);
	fputs("\n", t->f);
	crashed_text(t->f, t->r->p, t->st, t->style);
}

static void put_gap(const struct text *t, const struct layout_row *row)
{
	const char *line = t->style->ascii ? "----" : "┈┈┈┈";
	char b[UNITS_LEN];

	fprintf(t->f, "%s%s %s free %s\n", "          ", line,
		size(t, b, (int64_t)(row->end - row->start)), line);
}

static void put_row(const struct text *t, const struct layout_row *row)
{
	const char *mark = row->grows == 'd' ? "↓" : row->grows == 'u' ? "↑" : " ";
	char label[1024], note[96], b[UNITS_LEN];
	int w = size_columns(t);

	if (row->what == LAYOUT_GAP) {
		put_gap(t, row);
		return;
	}
	if (t->style->ascii)
		mark = row->grows == 'd' ? "v" : row->grows == 'u' ? "^" : " ";
	layout_label(label, sizeof(label), row, t->r->p, t->st);
	layout_note(note, sizeof(note), row, t->r->p);
	fprintf(t->f, "%12" PRIx64 " %s ", row->start, mark);
	put_text(t, label, LABEL_COLUMNS);
	fputs(" ", t->f);
	put_text(t, note, NOTE_COLUMNS);
	fprintf(t->f, " %*s", w, size(t, b, row->virt));
	fprintf(t->f, " %*s", w, row->res < 0 ? "-" : size(t, b, row->res));
	if (row->swap)
		fprintf(t->f, " swap %s", size(t, b, row->swap));
	if (t->r->live) {
		fprintf(t->f, " %*s", w, growth(t, b, row->growth));
		fprintf(t->f, " %9s%s", fmt_rate(b, row->rate),
			!row->grew	? "" :
			t->style->ascii ? " <" :
					  " ◀");
	}
	fputs("\n", t->f);
}

static int put_rows(const struct text *t)
{
	struct layout l;
	int w = size_columns(t), err;

	layout_init(&l);
	err = layout_build(&l, t->r->p, t->st);
	if (!err) {
		fprintf(t->f, "%12s   %-*s %*s %*s", "ADDRESS", LABEL_COLUMNS + 1 + NOTE_COLUMNS,
			"REGION", w, "VIRT", w, "RSS");
		fprintf(t->f, t->r->live ? " %*s %9s\n" : "\n", w, "+BASE", "RATE");
		fputs("        high\n", t->f);
		for (unsigned int i = 0; i < l.nr && !ferror(t->f); i++)
			put_row(t, &l.row[i]);
		fputs("         low\n", t->f);
	}
	layout_fini(&l);
	return err;
}

static const char *size_or_dash(const struct text *t, char buf[UNITS_LEN], int64_t bytes)
{
	return bytes < 0 ? "-" : size(t, buf, bytes);
}

static void put_thread(const struct text *t, struct thread *th)
{
	int w = size_columns(t), used;
	struct stack_info si;
	char b[UNITS_LEN];

	thread_stack_info(t->r->p, th, &si);
	fprintf(t->f, "%8" PRIu32 " %c ", th->tid, th->state ? th->state : '-');
	put_text(t, strtab_str(t->st, th->comm), 18);
	if (!th->stack_end) {
		fputs(" stack not known\n", t->f);
		return;
	}
	fprintf(t->f, " %12" PRIx64 "-%12" PRIx64, th->stack_start, th->stack_end);
	fprintf(t->f, " %*s", w, size_or_dash(t, b, si.depth));
	fprintf(t->f, " %*s%s", w, size_or_dash(t, b, si.high_water),
		si.high_water < 0 || si.high_water_exact ? " " : "*");
	fprintf(t->f, " %*s", w, size_or_dash(t, b, si.limit));
	fprintf(t->f, " %*s", w, size_or_dash(t, b, si.headroom));
	used = stack_used_percent(&si);
	if (used >= STACK_WARN_PERCENT)
		fprintf(t->f, " %d%% USED", used);
	fputs("\n", t->f);
}

static void put_threads(const struct text *t)
{
	int w = size_columns(t);

	fprintf(t->f, "\n%8s S %-18s %-25s %*s %*s  %*s %*s\n", "TID", "THREAD", "STACK", w,
		"DEPTH", w, "HIGH", w, "LIMIT", w, "LEFT");
	for (struct thread *th = t->r->p->threads; th && !ferror(t->f); th = th->hh.next)
		put_thread(t, th);
	fputs("* at most: the stack was in use before memtrace came, or was used before by another\n",
	      t->f);
}

int report_text(FILE *f, const struct report *r, const struct report_style *style)
{
	const struct text t = { .f = f, .r = r, .style = style, .st = r->model->st };
	int err;

	put_process(&t);
	put_rss(&t);
	put_limit(&t);
	put_cost(&t);
	put_end(&t);
	err = put_rows(&t);
	if (err)
		return err;
	put_threads(&t);
	return ferror(f) ? -EIO : 0;
}
