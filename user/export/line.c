// SPDX-License-Identifier: GPL-2.0
#include "export/line.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include "util/clock.h"
#include "util/text.h"

/* A name is at most 4095 bytes, each of which may become a U+FFFD of three. */
#define STR_SZ (3 * 4096)

/* @v in digits before @p; where they begin. */
static char *digits(char *p, uint64_t v)
{
	do {
		*--p = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	return p;
}

void line_u64(struct sink *s, uint64_t v)
{
	char buf[24], *p = digits(buf + sizeof(buf), v);

	sink_add(s, p, (size_t)(buf + sizeof(buf) - p));
}

void line_i64(struct sink *s, int64_t v)
{
	if (v < 0)
		sink_add(s, "-", 1);
	line_u64(s, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

void line_hex(struct sink *s, uint64_t v)
{
	char buf[24], *p = buf + sizeof(buf);

	do {
		*--p = "0123456789abcdef"[v & 15];
		v >>= 4;
	} while (v);
	*--p = 'x';
	*--p = '0';
	sink_add(s, p, (size_t)(buf + sizeof(buf) - p));
}

static int plain_json(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || (unsigned char)*text >= 0x7f || *text == '"' ||
		    *text == '\\')
			return 0;
	return 1;
}

static void escape(struct sink *s, unsigned char c)
{
	char buf[6] = {
		'\\', 'u', '0', '0', "0123456789abcdef"[c >> 4], "0123456789abcdef"[c & 15]
	};

	sink_add(s, buf, sizeof(buf));
}

void line_json(struct sink *s, const char *text)
{
	char buf[STR_SZ];

	sink_add(s, "\"", 1);
	if (plain_json(text)) {
		line_raw(s, text);
	} else {
		for (const char *p = text_utf8(buf, sizeof(buf), text); *p; p++) {
			if ((unsigned char)*p < 0x20 || *p == 0x7f) {
				escape(s, (unsigned char)*p);
				continue;
			}
			if (*p == '"' || *p == '\\')
				sink_add(s, "\\", 1);
			sink_add(s, p, 1);
		}
	}
	sink_add(s, "\"", 1);
}

void line_csv(struct sink *s, const char *text)
{
	char buf[STR_SZ];
	const char *p = text_clean(buf, sizeof(buf), text, 0);

	if (!strpbrk(p, ",\"")) {
		line_raw(s, p);
		return;
	}
	sink_add(s, "\"", 1);
	for (; *p; p++) {
		if (*p == '"')
			sink_add(s, "\"", 1);
		sink_add(s, p, 1);
	}
	sink_add(s, "\"", 1);
}

void line_time(struct sink *s, struct line_clock *c, uint64_t boot_ns)
{
	uint64_t real = c->real_ns + (boot_ns - c->boot_ns);
	uint64_t second = real / NSEC_PER_SEC, ns = real % NSEC_PER_SEC;
	char frac[11];

	if (second != c->second || !c->text[0]) {
		time_t t = (time_t)second;
		struct tm tm;

		gmtime_r(&t, &tm);
		strftime(c->text, sizeof(c->text), "%Y-%m-%dT%H:%M:%S", &tm);
		c->second = second;
	}
	line_raw(s, c->text);
	frac[0] = '.';
	for (unsigned int i = 9; i; i--, ns /= 10)
		frac[i] = (char)('0' + ns % 10);
	frac[10] = 'Z';
	sink_add(s, frac, sizeof(frac));
}
