// SPDX-License-Identifier: GPL-2.0
#include <inttypes.h>

#include "export/report.h"
#include "util/text.h"

#define LINE 1024

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
