/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Lines of text, made fast: half a million events a second leave no time for
 * printf. Failures stay in the sink, where the end of the line finds them.
 */
#ifndef EXPORT_LINE_H
#define EXPORT_LINE_H

#include "export/exporter.h"

static inline void line_raw(struct sink *s, const char *text)
{
	sink_add(s, text, strlen(text));
}

void line_u64(struct sink *s, uint64_t v);
void line_i64(struct sink *s, int64_t v);
void line_hex(struct sink *s, uint64_t v); /* 0x… */

/* line_json() - a JSON string in quotes; bytes that are no UTF-8 become U+FFFD */
void line_json(struct sink *s, const char *text);
/* line_csv() - a field, in quotes where RFC 4180 wants them; control bytes become U+FFFD */
void line_csv(struct sink *s, const char *text);

/* Wall-clock times of events, from the latest pair of clocks. */
struct line_clock {
	uint64_t boot_ns, real_ns;
	uint64_t second; /* whose text is kept */
	char text[SINK_FEW]; /* of the last one */
};

/* line_time() - RFC 3339, UTC, nanoseconds, without quotes */
void line_time(struct sink *s, struct line_clock *c, uint64_t boot_ns);

#endif
