// SPDX-License-Identifier: GPL-2.0
#include <inttypes.h>
#include <string.h>

#include "export/report.h"
#include "util/text.h"

#define LINE 1024
#define WIDTH 79
#define HEAD 8

const char *style_size(const struct report_style *s, char buf[UNITS_LEN], int64_t bytes)
{
	if (!s->bytes)
		return fmt_size(buf, bytes);
	snprintf(buf, UNITS_LEN, "%" PRId64, bytes);
	return buf;
}

const char *style_growth(const struct report_style *s, char buf[UNITS_LEN], int64_t bytes)
{
	if (!s->bytes)
		return fmt_growth(buf, bytes);
	snprintf(buf, UNITS_LEN, bytes ? "%+" PRId64 : "%" PRId64, bytes);
	return buf;
}

void style_put(FILE *f, const struct report_style *s, const char *raw)
{
	char buf[LINE];

	fputs(text_clean(buf, sizeof(buf), raw, s->ascii), f);
}

void style_words(FILE *f, const char *head, const char *words)
{
	int col = fprintf(f, "%-*s", HEAD, head);

	while (*words) {
		int len = (int)strcspn(words, " "), shown = 0;

		for (int i = 0; i < len; i++)
			shown += (words[i] & 0xc0) != 0x80;
		if (col > HEAD && col + 1 + shown > WIDTH)
			col = fprintf(f, "\n%-*s", HEAD, "") - 1;
		else if (col > HEAD)
			col += fprintf(f, " ");
		fprintf(f, "%.*s", len, words);
		col += shown;
		words += len + (words[len] == ' ');
	}
	fputc('\n', f);
}
