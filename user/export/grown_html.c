// SPDX-License-Identifier: GPL-2.0
/*
 * Growth as one page, growth.html: the data goes into it as JSON, in which '<' is
 * written as an escape, so that no name can end the element. The page's script puts
 * names into the document as text only, and its policy lets it load nothing.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "export/grown.h"
#include "growth.html.h"
#include "util/clock.h"

#define PLACE "@DATA@"

static void put_series(FILE *f, const int64_t *v, unsigned int nr)
{
	fputc('[', f);
	for (unsigned int i = 0; i < nr; i++)
		fprintf(f, "%s%" PRId64, i ? "," : "", v[i]);
	fputc(']', f);
}

static int put_data(FILE *f, const struct growth_report *r)
{
	int err;

	fputs("{\"growth\":", f);
	err = grown_json(f, r);
	fputs(",\"time_s\":[", f);
	for (unsigned int i = 0; i < r->nr_ticks; i++)
		fprintf(f, "%s%.3f", i ? "," : "",
			(double)(r->tick_ns[i] - r->from_ns) / (double)NSEC_PER_SEC);
	fputs("],\"rss\":", f);
	put_series(f, r->tick_rss, r->nr_ticks);
	fputs(",\"series\":[", f);
	for (unsigned int i = 0; i < r->nr; i++) {
		if (i)
			fputc(',', f);
		put_series(f, r->row[i].series, r->nr_ticks);
	}
	fputs("],\"marks_s\":[", f);
	for (unsigned int i = 0; i < r->nr_marks; i++)
		fprintf(f, "%s%.3f", i ? "," : "",
			(double)(r->mark[i].time_ns - r->from_ns) / (double)NSEC_PER_SEC);
	fputs("],\"tops\":[", f);
	for (unsigned int i = 0; i < r->nr; i++)
		fprintf(f, "%s%u", i ? "," : "", r->row[i].top);
	fputs("]}", f);
	return err;
}

int grown_html(FILE *f, const struct growth_report *r)
{
	const char *place = strstr(growth_html, PLACE);
	char *data = NULL;
	size_t sz = 0;
	FILE *m = open_memstream(&data, &sz);
	int err;

	if (!m)
		return -ENOMEM;
	err = put_data(m, r);
	if (fclose(m) && !err)
		err = -ENOMEM;
	if (!err) {
		fwrite(growth_html, 1, (size_t)(place - growth_html), f);
		for (size_t i = 0; i < sz; i++) {
			if (data[i] == '<')
				fputs("\\u003c", f);
			else
				fputc(data[i], f);
		}
		fputs(place + strlen(PLACE), f);
		err = ferror(f) ? -EIO : 0;
	}
	free(data);
	return err;
}
