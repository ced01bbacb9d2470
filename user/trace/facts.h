/* SPDX-License-Identifier: GPL-2.0 */
/* Names and values about a recording: where, when, with what. docs/TRACE_FORMAT.md lists them. */
#ifndef TRACE_FACTS_H
#define TRACE_FACTS_H

#include <stddef.h>
#include <stdint.h>

#define FACTS_MAX 64
#define FACT_NAME_SZ 48
#define FACT_VALUE_SZ 1024

struct trace_facts {
	unsigned int nr;
	struct {
		char name[FACT_NAME_SZ];
		char value[FACT_VALUE_SZ]; /* raw bytes: a command line may hold anything but NUL */
	} f[FACTS_MAX];
};

/* facts_set() - add or replace; what is too long is cut, what is too much left out */
void facts_set(struct trace_facts *f, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* facts_get() - a value; NULL: there is none */
const char *facts_get(const struct trace_facts *f, const char *name);
uint64_t facts_u64(const struct trace_facts *f, const char *name); /* 0: none */

/* facts_encode() - at @out are FACTS_MAX_BYTES; returns how many were written */
#define FACTS_MAX_BYTES (FACTS_MAX * (FACT_NAME_SZ + FACT_VALUE_SZ + 20) + 16)
size_t facts_encode(const struct trace_facts *f, uint8_t *out);
/* facts_decode() - 0 or −EBADMSG */
int facts_decode(struct trace_facts *f, const uint8_t *p, size_t len);

#endif
