// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "export/growth_out.h"
#include "util/clock.h"
#include "util/rfc3339.h"
#include "util/text.h"
#include "util/units.h"

#define MAX_ROWS 40 /* as text; --json has all */

static char *size_of(const struct report_style *s, char buf[UNITS_LEN], int64_t bytes)
{
	if (!s->bytes)
		return fmt_size(buf, bytes);
	snprintf(buf, UNITS_LEN, "%lld", (long long)bytes);
	return buf;
}

static char *growth_of(const struct report_style *s, char buf[UNITS_LEN], int64_t bytes)
{
	if (!s->bytes)
		return fmt_growth(buf, bytes);
	snprintf(buf, UNITS_LEN, "%+lld", (long long)bytes);
	return buf;
}

static const char *clean(const struct report_style *s, const char *raw)
{
	static char buf[4][512];
	static unsigned int at;

	at = (at + 1) % 4;
	return text_clean(buf[at], sizeof(buf[0]), raw, s->ascii);
}

/* A row of values from least to most: eight heights, or digits without Unicode. */
static const char *graph(const struct report_style *style, const int64_t *v, unsigned int nr)
{
	static const char *const bars[] = { "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
	static char buf[SERIES_STEPS * 3 + 1];
	int64_t lo = nr ? v[0] : 0, hi = lo;
	size_t len = 0;

	for (unsigned int i = 0; i < nr; i++) {
		lo = v[i] < lo ? v[i] : lo;
		hi = v[i] > hi ? v[i] : hi;
	}
	for (unsigned int i = 0; i < nr && i < SERIES_STEPS; i++) {
		unsigned int h =
			hi > lo ? (unsigned int)((double)(v[i] - lo) * 7 / (double)(hi - lo)) : 0;

		if (style->ascii)
			buf[len++] = (char)('0' + h);
		else
			len += (size_t)snprintf(buf + len, sizeof(buf) - len, "%s", bars[h]);
	}
	buf[len] = '\0';
	return buf;
}

static int width(const struct report_style *s)
{
	return s->bytes ? 15 : 8;
}

static void series_regions(FILE *f, const struct series_out *o, const struct report_style *style)
{
	char a[UNITS_LEN], b[UNITS_LEN], c[UNITS_LEN];
	unsigned int n = 0, more = 0;
	int w = width(style);

	fprintf(f, "\n%*s %*s %*s  %-20s %s\n", w, "GROWTH", w, "RSS", w, "PEAK", "OVER TIME",
		"REGION");
	for (const struct series_region *r = o->s->regions; r; r = r->hh.next) {
		if (!r->peak && !r->first)
			continue;
		if (n++ >= MAX_ROWS) {
			more++;
			continue;
		}
		fprintf(f, "%*s %*s %*s  %s %s %s", w, growth_of(style, a, r->last - r->first), w,
			size_of(style, b, r->last), w, size_of(style, c, r->peak),
			graph(style, r->bytes, o->s->sampled),
			region_kind_name((enum region_kind)r->key.kind),
			clean(style, strtab_str(o->st, r->key.name)));
		if (r->key.tid)
			fprintf(f, " #%u", r->key.tid);
		if (r->nr > 1)
			fprintf(f, " (%u)", r->nr);
		fputc('\n', f);
	}
	if (more)
		fprintf(f, "%u more: --json\n", more);
}

static void series_threads(FILE *f, const struct series_out *o, const struct report_style *style)
{
	char a[UNITS_LEN], b[UNITS_LEN], c[UNITS_LEN];
	unsigned int n = 0, more = 0;
	int w = width(style);

	fprintf(f, "\n%*s %*s %*s  %-20s %s\n", w, "BROUGHT", w, "MINOR", w, "MAJOR", "OVER TIME",
		"THREAD");
	for (const struct series_thread *t = o->s->threads; t; t = t->hh.next) {
		if (n++ >= MAX_ROWS) {
			more++;
			continue;
		}
		fprintf(f, "%*s %*s %*s  %s %s#%u\n", w, growth_of(style, a, t->total), w,
			fmt_count(b, (double)t->minor), w, fmt_count(c, (double)t->major),
			graph(style, t->bytes, o->s->sampled),
			clean(style, strtab_str(o->st, t->comm)), t->tid);
	}
	if (more)
		fprintf(f, "%u more: --json\n", more);
}

int series_text(FILE *f, const struct series_out *o, const struct report_style *style)
{
	const struct series *s = o->s;
	char a[UNITS_LEN], b[UNITS_LEN], c[UNITS_LEN], d[UNITS_LEN], from[RFC3339_LEN],
		to[RFC3339_LEN];

	fprintf(f, "%s[%u]  %s to %s  %s%s  lost %" PRIu64 "\n",
		clean(style, strtab_str(o->st, o->p->comm)), o->p->pid,
		fmt_rfc3339(from, s->from_ns + (uint64_t)o->boot_to_real_ns),
		fmt_rfc3339(to, s->to_ns + (uint64_t)o->boot_to_real_ns),
		fmt_duration(a, s->to_ns - s->from_ns), o->p->death != DEATH_NONE ? "  ended" : "",
		o->lost);
	fprintf(f, "RSS %s to %s, %s, peak %s  %s\n", size_of(style, a, s->rss_first),
		size_of(style, b, s->rss_last), growth_of(style, c, s->rss_last - s->rss_first),
		size_of(style, d, s->rss_peak), graph(style, s->rss, s->sampled));
	series_regions(f, o, style);
	series_threads(f, o, style);
	fputc('\n', f);
	return ferror(f) || fflush(f) ? -EIO : 0;
}

static void diff_head(FILE *f, const struct diff_out *o, const struct report_style *style)
{
	char t[RFC3339_LEN], a[UNITS_LEN];

	for (unsigned int i = 0; i < 2; i++) {
		const struct diff_side *s = &o->side[i];

		fprintf(f, "%c  %s  ", "AB"[i], fmt_rfc3339(t, o->real_ns[i]));
		if (s->p)
			fprintf(f, "%s[%u]  RSS %s  ", clean(style, strtab_str(s->st, s->p->comm)),
				s->p->pid, size_of(style, a, proc_rss(s->p)));
		else
			fprintf(f, "no such process  ");
		fprintf(f, "%s\n", clean(style, o->path[i]));
	}
}

int diff_text(FILE *f, const struct diff_out *o, const struct report_style *style)
{
	char a[UNITS_LEN], b[UNITS_LEN], c[UNITS_LEN], d[UNITS_LEN];
	unsigned int n = 0, more = 0;
	int w = width(style);

	diff_head(f, o, style);
	fprintf(f, "\n%*s %*s %*s %*s  %-8s %s\n", w, "GROWTH", w, "RSS A", w, "RSS B", w, "+VIRT",
		"CHANGE", "REGION");
	for (unsigned int i = 0; i < o->d->nr; i++) {
		const struct diff_row *r = &o->d->row[i];

		if (r->what == DIFF_SAME)
			continue;
		if (n++ >= MAX_ROWS) {
			more++;
			continue;
		}
		fprintf(f, "%*s %*s %*s %*s  %-8s %s %s", w,
			growth_of(style, a, r->res[1] - r->res[0]), w, size_of(style, b, r->res[0]),
			w, size_of(style, c, r->res[1]), w,
			growth_of(style, d, r->virt[1] - r->virt[0]), diff_what_name(r->what),
			region_kind_name(r->kind), clean(style, r->name));
		if (*r->owner || r->tid)
			fprintf(f, " %s#%u", clean(style, r->owner), r->tid);
		if (r->nr[0] > 1 || r->nr[1] > 1)
			fprintf(f, " (%u, %u)", r->nr[0], r->nr[1]);
		fputc('\n', f);
	}
	if (!n)
		fprintf(f, "no difference\n");
	if (more)
		fprintf(f, "%u more: --json\n", more);
	return ferror(f) || fflush(f) ? -EIO : 0;
}
