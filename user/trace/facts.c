// SPDX-License-Identifier: GPL-2.0
#include "trace/facts.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trace/varint.h"

static int find(const struct trace_facts *f, const char *name)
{
	for (unsigned int i = 0; i < f->nr; i++)
		if (!strcmp(f->f[i].name, name))
			return (int)i;
	return -1;
}

void facts_set(struct trace_facts *f, const char *name, const char *fmt, ...)
{
	int i = find(f, name);
	va_list ap;

	if (i < 0) {
		if (f->nr == FACTS_MAX)
			return;
		i = (int)f->nr++;
		snprintf(f->f[i].name, sizeof(f->f[i].name), "%s", name);
	}
	va_start(ap, fmt);
	vsnprintf(f->f[i].value, sizeof(f->f[i].value), fmt, ap);
	va_end(ap);
}

const char *facts_get(const struct trace_facts *f, const char *name)
{
	int i = find(f, name);

	return i < 0 ? NULL : f->f[i].value;
}

uint64_t facts_u64(const struct trace_facts *f, const char *name)
{
	const char *v = facts_get(f, name);

	return v ? strtoull(v, NULL, 10) : 0;
}

static uint8_t *put(uint8_t *p, const char *s)
{
	size_t len = strlen(s);

	p = varint_put(p, len);
	memcpy(p, s, len);
	return p + len;
}

size_t facts_encode(const struct trace_facts *f, uint8_t *out)
{
	uint8_t *p = varint_put(out, f->nr);

	for (unsigned int i = 0; i < f->nr; i++) {
		p = put(p, f->f[i].name);
		p = put(p, f->f[i].value);
	}
	return (size_t)(p - out);
}

static int get(const uint8_t **p, const uint8_t *end, char *buf, size_t sz)
{
	uint64_t len;

	if (!varint_get(p, end, &len) || len > (uint64_t)(end - *p))
		return -EBADMSG;
	snprintf(buf, sz, "%.*s", (int)(len < sz ? len : sz - 1), (const char *)*p);
	*p += len;
	return 0;
}

int facts_decode(struct trace_facts *f, const uint8_t *p, size_t len)
{
	const uint8_t *end = p + len;
	uint64_t nr;

	f->nr = 0;
	if (!varint_get(&p, end, &nr))
		return -EBADMSG;
	for (; f->nr < nr && f->nr < FACTS_MAX; f->nr++)
		if (get(&p, end, f->f[f->nr].name, FACT_NAME_SZ) ||
		    get(&p, end, f->f[f->nr].value, FACT_VALUE_SZ))
			return -EBADMSG;
	return 0;
}
