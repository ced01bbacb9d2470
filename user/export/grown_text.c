// SPDX-License-Identifier: GPL-2.0
/* Growth for people: the verdict first, then the sum that must add up, then who it was. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "export/grown.h"
#include "util/clock.h"
#include "util/text.h"
#include "util/units.h"

#define FRAMES_SHOWN 4u
#define SMALL_PART 100 /* rows with less of what is shown are told in one line */
#define ROWS_MAX 40u

struct text {
	FILE *f;
	const struct growth_report *r;
	const struct report_style *style;
	int64_t whole; /* 100 % */
};

static const char *clean(const struct text *t, char *buf, size_t sz, const char *raw)
{
	return text_clean(buf, sz, raw ? raw : "?", t->style->ascii);
}

static const char *size(const struct text *t, char b[UNITS_LEN], int64_t v)
{
	return style_size(t->style, b, v);
}

static const char *growth(const struct text *t, char b[UNITS_LEN], int64_t v)
{
	return style_growth(t->style, b, v);
}

static void put_wrapped(const struct text *t, const char *head, const char *words)
{
	style_words(t->f, head, words);
}

static void clock_text(char *buf, size_t sz, uint64_t real_ns)
{
	time_t at = (time_t)(real_ns / NSEC_PER_SEC);
	struct tm tm;

	gmtime_r(&at, &tm);
	strftime(buf, sz, "%H:%M:%S", &tm);
}

static void put_head(const struct text *t)
{
	const struct growth_report *r = t->r;
	uint64_t window = r->to_ns - r->from_ns;
	char from[16], to[16], comm[128], paths[32] = "none", b[UNITS_LEN];
	char faults[64] = "all";

	clock_text(from, sizeof(from), r->to_real_ns - window);
	clock_text(to, sizeof(to), r->to_real_ns);
	if (r->nr_stacks || !r->recorded)
		snprintf(paths, sizeof(paths), "1 in %u", r->period);
	if (r->model->lost[MTR_EV_FAULT])
		snprintf(faults, sizeof(faults), "NOT ALL (some were lost)");
	else if (r->fault_period > 1)
		snprintf(faults, sizeof(faults), "1 in %u (ESTIMATES)", r->fault_period);
	fprintf(t->f, "%s[%" PRIu32 "] %s %s %s UTC %s  faults %s, call paths %s\n\n",
		clean(t, comm, sizeof(comm), strtab_str(r->model->st, r->p->comm)), r->p->pid, from,
		t->style->ascii ? "->" : "→", to, fmt_duration(b, window), faults, paths);
}

static void put_verdict(const struct text *t)
{
	const struct growth_report *r = t->r;
	char words[1024], b[UNITS_LEN], name[256];
	size_t len;

	verdict_text(words, sizeof(words), &r->verdict, t->style->ascii);
	len = strlen(words);
	if (r->verdict.kind == VERDICT_LEAK_LIKE && r->limit && r->verdict.full_s >= 0 &&
	    r->verdict.full_s < 365.0 * 86400)
		snprintf(words + len, sizeof(words) - len, "; %s%s full in ~%s",
			 r->limit->kind == MTR_LIM_CGROUP ? "cgroup " : "the host's memory",
			 r->limit->kind == MTR_LIM_CGROUP ?
				 clean(t, name, sizeof(name), r->limit->name) :
				 "",
			 fmt_duration(b, (uint64_t)(r->verdict.full_s * (double)NSEC_PER_SEC)));
	else if (r->verdict.kind == VERDICT_FLAT && r->cgroup && r->cgroup_delta > 4 << 20)
		snprintf(words + len, sizeof(words) - len,
			 "; the growth is not in this process: its cgroup grew by %s",
			 fmt_size(b, r->cgroup_delta));
	put_wrapped(t, "VERDICT", words);
}

/* "95% +14M–+18M"; empty where the figure is no estimate. */
static const char *interval(const struct text *t, char *buf, size_t sz, int64_t low, int64_t high)
{
	char a[UNITS_LEN], b[UNITS_LEN];

	*buf = '\0';
	if (t->r->fault_period > 1)
		snprintf(buf, sz, "95%% %s%s%s", growth(t, a, low), t->style->ascii ? ".." : "–",
			 growth(t, b, high));
	return buf;
}

/* A column's text, padded by what it shows, not by its bytes. */
static void put_padded(const struct text *t, const char *s, int width)
{
	int shown = 0;

	for (const char *c = s; *c; c++)
		shown += (*c & 0xc0) != 0x80;
	fprintf(t->f, "%s%*s", s, width > shown ? width - shown : 0, "");
}

static void put_identity(const struct text *t)
{
	const struct growth_report *r = t->r;
	char a[UNITS_LEN], b[UNITS_LEN], c[UNITS_LEN], d[UNITS_LEN], e[UNITS_LEN], f[UNITS_LEN];
	char words[512], est[96] = "", range[80];
	double off = r->delta ? (double)growth_residual(r) / (double)llabs(r->delta) * 100 : 0;

	if (*interval(t, range, sizeof(range), r->attributed_low, r->attributed_high))
		snprintf(est, sizeof(est), " (%s)", range);
	snprintf(words, sizeof(words),
		 "%s %s %s %s %s = attributed %s%s + before attach %s + residual %s (%.1f%%)",
		 size(t, a, r->rss - r->delta), t->style->ascii ? "->" : "→", size(t, b, r->rss),
		 t->style->ascii ? "change" : "Δ", growth(t, c, r->delta),
		 growth(t, d, r->attributed), est, growth(t, e, r->before),
		 growth(t, f, growth_residual(r)), off < 0 ? -off : off);
	put_wrapped(t, "RSS", words);
}

static void put_cgroup(const struct text *t)
{
	const struct growth_report *r = t->r;
	const struct mtr_cgroup *c = r->cgroup;
	int64_t own = r->p->rss[MTR_ANON] + r->p->rss[MTR_SHMEM], others;
	char a[UNITS_LEN], b[UNITS_LEN], d[UNITS_LEN], e[UNITS_LEN], f[UNITS_LEN], g[UNITS_LEN],
		h[UNITS_LEN];
	char words[512];

	if (!c)
		return;
	others = (int64_t)c->anon - r->p->rss[MTR_ANON];
	snprintf(words, sizeof(words),
		 "%s (%s) = this process %s, %u other%s %s, page cache %s, tmpfs %s, kernel %s",
		 size(t, a, (int64_t)c->current), growth(t, g, r->cgroup_delta), size(t, b, own),
		 c->nr_procs ? c->nr_procs - 1 : 0, c->nr_procs == 2 ? "" : "s",
		 size(t, d, others > 0 ? others : 0), size(t, e, (int64_t)c->file),
		 size(t, f, (int64_t)c->shmem), size(t, h, (int64_t)c->kernel));
	put_wrapped(t, "CGROUP", words);
}

static void put_arenas(const struct text *t)
{
	const struct arenas *m = t->r->arenas;
	char a[UNITS_LEN], b[UNITS_LEN], c[UNITS_LEN], d[UNITS_LEN], e[UNITS_LEN], f[UNITS_LEN];
	char words[512] = "", more[64] = "";

	if (!m)
		return;
	if (m->nr_unknown)
		snprintf(more, sizeof(more), "%s%u heap%s unknown", m->nr ? "; " : "",
			 m->nr_unknown, m->nr_unknown == 1 ? "" : "s");
	if (m->nr)
		snprintf(
			words, sizeof(words),
			"%u heap%s, %s resident: in use %s, free %s in %" PRIu64
			" pieces, at the top %s, cached %s; at most %s of it is resident for nothing",
			m->nr, m->nr == 1 ? "" : "s", size(t, a, m->resident),
			size(t, b, m->in_use), size(t, c, m->free), m->nr_free, size(t, d, m->top),
			size(t, e, m->cached), size(t, f, arenas_idle(m)));
	snprintf(words + strlen(words), sizeof(words) - strlen(words), "%s%s", more,
		 m->nr || m->nr_unknown ? "" : "unknown: no heap of glibc's malloc");
	put_wrapped(t, "MALLOC", words);
}

/* Where no path says who, the kind of region says at least what. */
static void put_kinds(const struct text *t)
{
	const int64_t *by_kind = t->r->no_path_by_kind;
	char words[512] = "no path known:", b[UNITS_LEN];
	bool any = false;

	if (t->r->nr)
		return;
	for (unsigned int k = 0; k < RK_NR; k++) {
		size_t len = strlen(words);

		if (!by_kind[k])
			continue;
		snprintf(words + len, sizeof(words) - len, "%s %s %s", any ? "," : "",
			 growth(t, b, by_kind[k]), region_kind_name((enum region_kind)k));
		any = true;
	}
	if (any)
		put_wrapped(t, "REGIONS", words);
}

char *growth_frame_text(char *dst, size_t sz, const struct growth_frame *f, bool ascii)
{
	char fn[256], file[128];
	const char *base = f->file ? strrchr(f->file, '/') : NULL;

	if (f->function && !f->pc) { /* what is no function */
		snprintf(dst, sz, "%s", f->function);
		return dst;
	}
	if (!f->function) {
		snprintf(dst, sz, "%s+0x%" PRIx64,
			 f->module ? text_clean(file, sizeof(file), f->module, ascii) : "",
			 f->offset);
		return dst;
	}
	text_clean(fn, sizeof(fn), f->function, ascii);
	if (f->file && f->line)
		snprintf(dst, sz, "%s %s:%u", fn,
			 text_clean(file, sizeof(file), base ? base + 1 : f->file, ascii), f->line);
	else
		snprintf(dst, sz, "%s %s+0x%" PRIx64, fn,
			 f->module ? text_clean(file, sizeof(file), f->module, ascii) : "",
			 f->offset);
	return dst;
}

/* Cut at a character, lest a line runs over the terminal's edge. */
static void put_line(const struct text *t, const char *s, int room)
{
	int shown = 0;

	for (; *s && (shown < room || (*s & 0xc0) == 0x80); s++) {
		shown += (*s & 0xc0) != 0x80;
		fputc(*s, t->f);
	}
}

static int put_numbers(const struct text *t, int64_t net, int64_t gross, int64_t released)
{
	char a[UNITS_LEN], b[UNITS_LEN], c[UNITS_LEN];
	int w = t->style->bytes ? 13 : 7;

	return fprintf(t->f, "%*s %*s %*s %5.1f%%", w, growth(t, a, net), w,
		       gross < 0 ? "" : size(t, b, gross), w - 1,
		       released < 0 ? "" : size(t, c, released),
		       t->whole ? (double)net / (double)t->whole * 100 : 0);
}

static void put_row(const struct text *t, const struct growth_row *row)
{
	int col = put_numbers(t, row->net, row->gross, row->released);
	unsigned int shown = 0, from = row->top;
	char line[512], range[80];

	col += fprintf(t->f, " %-6.6s %2u%s %-9.9s ",
		       row->kind == RK_NR ? "-" : region_kind_name(row->kind), row->nr_tids,
		       row->many_tids ? "+" : " ",
		       row->verdict.kind == VERDICT_INSUFFICIENT ? "-" :
								   verdict_name(row->verdict.kind));
	interval(t, range, sizeof(range), row->net_low, row->net_high);
	for (unsigned int i = from; i < row->nr_frames && shown < FRAMES_SHOWN; i++, shown++) {
		unsigned int more = row->nr_frames - i - 1;
		size_t len;

		growth_frame_text(line, sizeof(line), &row->frame[i], t->style->ascii);
		len = strlen(line);
		if (row->nr_merged)
			snprintf(line + len, sizeof(line) - len, ": %u as one", row->nr_merged);
		if (shown + 1 == FRAMES_SHOWN && more)
			snprintf(line + len, sizeof(line) - len, " %s +%u",
				 t->style->ascii ? "..." : "…", more);
		if (shown)
			put_padded(t, shown > 1 ? "" : range, col);
		put_line(t, line, t->style->bytes ? 200 : 100);
		fputc('\n', t->f);
	}
	if (shown == 1 && *range) {
		put_padded(t, range, 0);
		fputc('\n', t->f);
	}
	if (row->truncated && !row->nr_merged)
		fprintf(t->f, "%*s%s (the rest of the stack is not known)\n", col, "",
			t->style->ascii ? "..." : "…");
	if (!row->nr_frames)
		fputs("?\n", t->f);
}

static void put_rest(const struct text *t, int64_t bytes, const char *what)
{
	int col;

	if (!bytes)
		return;
	col = put_numbers(t, bytes, -1, -1);
	fprintf(t->f, "%*s%s\n", (t->style->bytes ? 60 : 43) - col > 1 ? 22 : 1, "", what);
}

static void put_rows(const struct text *t)
{
	const struct growth_report *r = t->r;
	struct growth_row rest = { .kind = RK_NR };
	unsigned int nr_rest = 0, shown = 0;
	int w = t->style->bytes ? 13 : 7;
	char what[64];

	fprintf(t->f, "\n%*s %*s %*s  SHARE KIND   THR VERDICT   CALL PATH, innermost first\n", w,
		"NET", w, "GROSS", w - 1, "FREED");
	for (unsigned int i = 0; i < r->nr; i++) {
		const struct growth_row *row = &r->row[i];

		if (shown < ROWS_MAX && (!i || llabs(row->net) * SMALL_PART >= t->whole)) {
			put_row(t, row);
			shown++;
			continue;
		}
		rest.net += row->net;
		nr_rest++;
	}
	snprintf(what, sizeof(what), "%u path%s under 1%% each", nr_rest, nr_rest == 1 ? "" : "s");
	put_rest(t, rest.net, what);
	put_rest(t, r->others, "the kernel's huge pages, other processes");
	put_rest(t, growth_residual(r) - r->others, "residual (no path)");
	put_rest(t, r->before, "before attach");
}

/* The function of a row that a reader knows it by. */
static const char *row_name(const struct text *t, const struct growth_row *row, char *buf,
			    size_t sz)
{
	if (row->top < row->nr_frames)
		growth_frame_text(buf, sz, &row->frame[row->top], t->style->ascii);
	else
		snprintf(buf, sz, "?");
	return buf;
}

static void put_marks(const struct text *t)
{
	const struct growth_report *r = t->r;
	char from[160], to[160], words[1536], a[UNITS_LEN], b[UNITS_LEN], name[512];
	unsigned int top[GROWTH_TOP];

	for (unsigned int i = 0; r->nr_marks && i <= r->nr_marks; i++) {
		struct growth_between m = growth_between(r, i);
		unsigned int nr = growth_between_top(r, i, top);
		size_t len;

		snprintf(words, sizeof(words), "%s %s %s: %s in %s",
			 m.from ? clean(t, from, sizeof(from), m.from) : "(begin)",
			 t->style->ascii ? "->" : "→",
			 m.to ? clean(t, to, sizeof(to), m.to) : "(end)", growth(t, a, m.delta),
			 fmt_duration(b, m.to_ns - m.from_ns));
		for (unsigned int k = 0; k < nr; k++) {
			len = strlen(words);
			snprintf(words + len, sizeof(words) - len, "%s %s %s", k ? "," : ":",
				 growth(t, a, growth_between_row(r, &r->row[top[k]], i)),
				 row_name(t, &r->row[top[k]], name, sizeof(name)));
		}
		put_wrapped(t, i ? "" : "MARKS", words);
	}
}

static void put_notes(const struct text *t)
{
	const struct growth_report *r = t->r;
	uint64_t lost = model_lost(r->model);

	if (r->fault_period > 1)
		fprintf(t->f,
			"\nNOTE    bytes of paths are estimates: one fault in %u was seen, by chance; RSS is\n"
			"        exact. 95%% is the interval that holds the truth in 95 of 100 cases.\n",
			r->fault_period);
	if (lost > r->model->lost[MTR_EV_STACK])
		fprintf(t->f, "\nLOST    %" PRIu64 " events: the figures may be too small\n",
			lost - r->model->lost[MTR_EV_STACK]);
	if (r->nr_truncated + r->nr_failed)
		fprintf(t->f,
			"%sNOTE    of %" PRIu64 " call stacks %" PRIu64
			" were cut short and %" PRIu64 " could not be followed to the end\n",
			lost > r->model->lost[MTR_EV_STACK] ? "" : "\n", r->nr_stacks,
			r->nr_truncated, r->nr_failed);
}

int grown_text(FILE *f, const struct growth_report *r, const struct report_style *style)
{
	struct text t = { .f = f, .r = r, .style = style };

	t.whole = llabs(r->delta) > llabs(r->attributed) ? llabs(r->delta) : llabs(r->attributed);
	put_head(&t);
	put_verdict(&t);
	put_identity(&t);
	put_cgroup(&t);
	put_arenas(&t);
	put_kinds(&t);
	put_marks(&t);
	put_rows(&t);
	put_notes(&t);
	return ferror(f) ? -EIO : 0;
}
