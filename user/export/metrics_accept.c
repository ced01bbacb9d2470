// SPDX-License-Identifier: GPL-2.0
/* Which of the two text formats a scraper asks for: RFC 9110, 12.5.1, as far as it matters. */
#include "export/metrics.h"

#include <string.h>
#include <strings.h>

const char *metrics_type(enum metrics_format format)
{
	return format == METRICS_OPENMETRICS ?
		       "application/openmetrics-text; version=1.0.0; charset=utf-8" :
		       "text/plain; version=0.0.4; charset=utf-8";
}

/* The q of one media range; 1 when none is given, 0 when it is nonsense. */
static double quality(const char *params, const char *end)
{
	for (const char *p = params; p < end; p++) {
		double q = 0, digit = 1;

		if (*p != ';')
			continue;
		do
			p++;
		while (p < end && (*p == ' ' || *p == '\t'));
		if (end - p < 2 || (*p != 'q' && *p != 'Q') || p[1] != '=') {
			p--;
			continue;
		}
		for (p += 2; p < end && ((*p >= '0' && *p <= '9') || *p == '.'); p++) {
			if (*p == '.')
				continue;
			q += (*p - '0') * digit;
			digit /= 10;
		}
		return q > 1 ? 1 : q;
	}
	return 1;
}

static bool is_range(const char *text, size_t len, const char *range)
{
	return len == strlen(range) && !strncasecmp(text, range, len);
}

enum metrics_format metrics_accept(const char *accept)
{
	double best[2] = { -1, 0 }; /* by enum metrics_format */

	while (accept && *accept) {
		size_t len, type_len;
		double q;

		accept += strspn(accept, " \t,");
		len = strcspn(accept, ",");
		type_len = strcspn(accept, "; \t,");
		q = quality(accept + type_len, accept + len);
		if (is_range(accept, type_len, "application/openmetrics-text")) {
			if (q > best[METRICS_OPENMETRICS])
				best[METRICS_OPENMETRICS] = q;
		} else if (is_range(accept, type_len, "text/plain") ||
			   is_range(accept, type_len, "text/*")) {
			if (q > best[METRICS_PROMETHEUS])
				best[METRICS_PROMETHEUS] = q;
		}
		accept += len;
	}
	return best[METRICS_OPENMETRICS] > 0 &&
			       best[METRICS_OPENMETRICS] >= best[METRICS_PROMETHEUS] ?
		       METRICS_OPENMETRICS :
		       METRICS_PROMETHEUS;
}
