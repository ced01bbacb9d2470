/* SPDX-License-Identifier: GPL-2.0 */
/* Numbers of variable length: seven bits a byte, low ones first; the high bit says that more follow. */
#ifndef TRACE_VARINT_H
#define TRACE_VARINT_H

#include <stdbool.h>
#include <stdint.h>

#define VARINT_MAX 10

static inline uint8_t *varint_put(uint8_t *p, uint64_t v)
{
	while (v >= 0x80) {
		*p++ = (uint8_t)(v | 0x80);
		v >>= 7;
	}
	*p++ = (uint8_t)v;
	return p;
}

/* false: it does not end before @end, or not within ten bytes */
static inline bool varint_get(const uint8_t **p, const uint8_t *end, uint64_t *ret_v)
{
	uint64_t v = 0;

	for (unsigned int shift = 0; *p < end && shift < 64; shift += 7) {
		uint8_t b = *(*p)++;

		v |= (uint64_t)(b & 0x7f) << shift;
		if (!(b & 0x80)) {
			*ret_v = v;
			return true;
		}
	}
	return false;
}

/* Differences: small ones of either sign are short. */
static inline uint64_t zigzag(uint64_t diff)
{
	return diff << 1 ^ -(diff >> 63);
}

static inline uint64_t unzigzag(uint64_t v)
{
	return v >> 1 ^ -(v & 1);
}

#endif
