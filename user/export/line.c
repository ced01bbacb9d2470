// SPDX-License-Identifier: GPL-2.0
#include "export/line.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include "util/clock.h"
#include "util/text.h"

/* A name is at most 4095 bytes, each of which may become a U+FFFD of three. */
#define STR_SZ (3 * 4096)

static const char pairs[] = "00010203040506070809101112131415161718192021222324"
			    "25262728293031323334353637383940414243444546474849"
			    "50515253545556575859606162636465666768697071727374"
			    "75767778798081828384858687888990919293949596979899";

/* @v in digits, the last one before @p. */
static void digits(char *p, uint64_t v)
{
	for (; v >= 100; v /= 100) {
		p -= 2;
		memcpy(p, pairs + v % 100 * 2, 2);
	}
	if (v >= 10)
		memcpy(p - 2, pairs + v * 2, 2);
	else
		p[-1] = (char)('0' + v);
}

static unsigned int nr_digits(uint64_t v)
{
	unsigned int n = 1;

	for (; v >= 10000; v /= 10000)
		n += 4;
	return n + (v >= 10) + (v >= 100) + (v >= 1000);
}

void line_u64(struct sink *s, uint64_t v)
{
	unsigned int n = nr_digits(v);
	char *p = sink_room(s, n);

	if (p)
		digits(p + n, v);
}

void line_i64(struct sink *s, int64_t v)
{
	if (v < 0)
		sink_add(s, "-", 1);
	line_u64(s, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

void line_hex(struct sink *s, uint64_t v)
{
	unsigned int n = (unsigned int)(67 - __builtin_clzll(v | 1)) / 4 + 2;
	char *p = sink_room(s, n);

	if (!p)
		return;
	p[0] = '0';
	p[1] = 'x';
	for (; n > 2; v >>= 4)
		p[--n] = "0123456789abcdef"[v & 15];
}

/* How long it is, when all of it may stand in JSON and in CSV as it is; else 0. */
static size_t plain(const char *text)
{
	size_t n = 0;

	for (; text[n]; n++)
		if ((unsigned char)text[n] < 0x20 || (unsigned char)text[n] >= 0x7f ||
		    text[n] == '"' || text[n] == '\\' || text[n] == ',')
			return 0;
	return n;
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
	size_t n = plain(text);

	sink_add(s, "\"", 1);
	if (n) {
		sink_add(s, text, n);
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
	size_t n = plain(text);
	const char *p;

	if (n) {
		sink_add(s, text, n);
		return;
	}
	p = text_clean(buf, sizeof(buf), text, 0);
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

/* Its length, and where nanoseconds stand in it: 2024-05-14T16:00:13.123456789Z */
#define TIME_LEN 30u
#define TIME_NS 20u

void line_time(struct sink *s, struct line_clock *c, uint64_t boot_ns)
{
	uint64_t real = c->real_ns + (boot_ns - c->boot_ns);
	uint64_t second = real / NSEC_PER_SEC, ns = real % NSEC_PER_SEC;
	char *p = sink_room(s, TIME_LEN);

	if (second != c->second || !c->text[0]) {
		time_t t = (time_t)second;
		struct tm tm;

		gmtime_r(&t, &tm);
		strftime(c->text, sizeof(c->text), "%Y-%m-%dT%H:%M:%S.000000000Z", &tm);
		c->second = second;
	}
	if (!p)
		return;
	memcpy(p, c->text, TIME_LEN);
	/* the zeros before it are there */
	digits(p + TIME_NS + 9, ns);
}
