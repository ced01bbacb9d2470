// SPDX-License-Identifier: GPL-2.0
/* Call paths of the page: of the growth, and of a thread that died. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "export/crashed.h"
#include "serve/bb_page_int.h"
#include "util/units.h"

#define ROWS 4u
#define FRAMES 4u
#define CRASH_LINES 12u
#define LINE_MOST 78

/* ---- who brought it */

/* Net bytes of a row at a moment; false: it was not watched yet. */
static bool net_at(const struct growth_report *r, const struct growth_row *row, uint64_t time_ns,
		   int64_t *ret)
{
	unsigned int i = 0;

	while (i < r->nr_ticks && r->tick_ns[i] <= time_ns)
		i++;
	if (!i)
		return false;
	*ret = row->series[i - 1];
	return true;
}

static void put_numbers(FILE *f, const struct growth_report *r, const struct growth_row *row)
{
	char b[UNITS_LEN];

	fprintf(f, "%8s", fmt_growth(b, row->net));
	for (unsigned int i = 0; i < BB_SPANS; i++) {
		int64_t then = 0;
		bool known = r->to_ns > bb_spans[i] &&
			     net_at(r, row, r->to_ns - bb_spans[i], &then);

		fprintf(f, " %8s", bb_growth(b, known, row->net - then));
	}
	fprintf(f, " %5.1f%%", r->delta > 0 ? (double)row->net / (double)r->delta * 100 : 0);
	fprintf(f, "  %-6.6s", row->kind == RK_NR ? "-" : region_kind_name(row->kind));
}

/* Not within a character. */
static int cut(const char *s)
{
	int n = 0;

	while (n < LINE_MOST && s[n])
		n++;
	while (n && (s[n] & 0xc0) == 0x80)
		n--;
	return n;
}

/* From the first function that is not an allocator's on; of a C++ name a line is enough. */
static void put_path(FILE *f, const struct growth_row *row, unsigned int most)
{
	char line[512];
	unsigned int shown = 0;

	for (unsigned int i = row->top; i < row->nr_frames && shown < most; i++, shown++) {
		growth_frame_text(line, sizeof(line), &row->frame[i], false);
		if (shown)
			fprintf(f, "%50s", "");
		fprintf(f, " %.*s", cut(line), line);
		if (shown + 1 == most && i + 1 < row->nr_frames)
			fprintf(f, " +%u", row->nr_frames - i - 1);
		fputs("\n", f);
	}
	if (!shown)
		fputs(" ?\n", f);
}

static void put_rest(FILE *f, int64_t bytes, const char *what)
{
	char b[UNITS_LEN];

	if (bytes)
		fprintf(f, "%8s %s\n", fmt_growth(b, bytes), what);
}

void bb_page_paths(FILE *f, const struct growth_report *r, bool few)
{
	unsigned int rows = few ? ROWS - 1 : ROWS, nr = r->nr < rows ? r->nr : rows;
	int64_t rest = 0;

	fprintf(f, "\n%8s %8s %8s %8s %6s  KIND   CALL PATH of what is there, innermost first\n",
		"NET", "1 MIN", "10 MIN", "1 H", "SHARE");
	for (unsigned int i = 0; i < nr; i++) {
		put_numbers(f, r, &r->row[i]);
		put_path(f, &r->row[i], few ? FRAMES - 1 : FRAMES);
	}
	for (unsigned int i = nr; i < r->nr; i++)
		rest += r->row[i].net;
	put_rest(f, rest, "other paths");
	put_rest(f, r->before, "of what was there before it was traced");
	put_rest(f, growth_residual(r), "without a path");
}

/* ---- how it died */

static void put_lines(FILE *f, const char *text, unsigned int most)
{
	unsigned int nr = 0, left = 0;

	for (const char *s = text, *nl; *s; s = nl + 1) {
		nl = strchr(s, '\n');
		if (!nl)
			break;
		if (nr++ < most)
			fprintf(f, "%.*s\n", (int)(nl - s), s);
		else
			left++;
	}
	if (left)
		fprintf(f, "      … %u more lines: memtrace report\n", left);
}

int bb_page_crash(FILE *f, const struct bb_page *pg)
{
	char *text = NULL;
	size_t sz = 0;
	FILE *m;
	int err;

	if (!pg->p->crash.signo)
		return 0;
	m = open_memstream(&text, &sz);
	if (!m)
		return -ENOMEM;
	err = crashed_text(m, pg->p, session_model(pg->s)->st, &bb_style);
	if (fclose(m))
		err = -ENOMEM;
	if (!err && text[0]) {
		fputs("\n", f);
		put_lines(f, text, CRASH_LINES);
	}
	free(text);
	return err;
}
