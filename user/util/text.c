// SPDX-License-Identifier: GPL-2.0
/*
 * A comm, a path or an [anon:…] name is whatever the target wrote: "\033]0;…"
 * would rename the user's terminal, U+202E would turn a line round. Everything
 * is decoded strictly and only what prints is let through.
 */
#include "util/text.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define BAD 0xffffffffu

/*
 * One code point of NUL-terminated @s, strictly: no overlong forms, surrogates
 * or values above U+10FFFF. BAD for an invalid byte, which is then one byte long.
 */
static uint32_t decode(const unsigned char *s, unsigned int *ret_len)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned int n, i;
	uint32_t c;

	*ret_len = 1;
	if (s[0] < 0x80)
		return s[0];
	if (s[0] >= 0xc2 && s[0] <= 0xdf) {
		n = 2;
		c = s[0] & 0x1f;
	} else if (s[0] >= 0xe0 && s[0] <= 0xef) {
		n = 3;
		c = s[0] & 0x0f;
	} else if (s[0] >= 0xf0 && s[0] <= 0xf4) {
		n = 4;
		c = s[0] & 0x07;
	} else {
		return BAD;
	}
	for (i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return BAD;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return BAD;
	*ret_len = n;
	return c;
}

/* Controls, and format characters that reorder or break a line. */
static bool unprintable(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x061c || c == 0x200e || c == 0x200f ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff ||
	       (c >= 0xfff9 && c <= 0xfffb) || (c >= 0xe0000 && c <= 0xe007f);
}

/* memtrace's own few signs have a form in ASCII; everything else becomes '?'. */
static char in_ascii(uint32_t c)
{
	switch (c) {
	case 0xd7: /* × */
		return 'x';
	case 0x2264: /* ≤ */
		return '<';
	case 0x2212: /* − */
		return '-';
	case 0x2026: /* … */
		return '~';
	}
	return '?';
}

static char *copy(char *dst, size_t dst_sz, const char *src, bool clean, bool ascii)
{
	const unsigned char *s = (const unsigned char *)src;
	const char *put;
	size_t used = 0;
	char sign;

	if (!dst_sz)
		return dst;
	while (*s) {
		unsigned int len, put_len;
		uint32_t c = decode(s, &len);

		put = (const char *)s;
		put_len = len;
		if (c == BAD || (clean && unprintable(c)) || (ascii && c >= 0x80)) {
			sign = in_ascii(c);
			put = ascii ? &sign : "\xef\xbf\xbd";
			put_len = ascii ? 1 : 3;
		}
		if (used + put_len >= dst_sz)
			break; /* a code point is never cut in two */
		memcpy(dst + used, put, put_len);
		used += put_len;
		s += len;
	}
	dst[used] = '\0';
	return dst;
}

char *text_clean(char *dst, size_t dst_sz, const char *src, int ascii)
{
	return copy(dst, dst_sz, src, true, ascii);
}

char *text_utf8(char *dst, size_t dst_sz, const char *src)
{
	return copy(dst, dst_sz, src, false, false);
}
