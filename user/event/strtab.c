// SPDX-License-Identifier: GPL-2.0
#include "event/strtab.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "util/hash.h"

#define STR_MAX 4095

struct str {
	UT_hash_handle hh;
	uint32_t id;
	char s[];
};

struct strtab {
	struct str *by_bytes;
	struct str **by_id; /* by_id[0] is never set: "" */
	uint32_t nr; /* ids given, 0 included */
	uint32_t cap;
};

struct strtab *strtab_new(void)
{
	struct strtab *st = calloc(1, sizeof(*st));

	if (st)
		st->nr = 1;
	return st;
}

void strtab_free(struct strtab *st)
{
	struct str *s, *tmp;

	if (!st)
		return;
	HASH_ITER(hh, st->by_bytes, s, tmp) {
		HASH_DEL(st->by_bytes, s);
		free(s);
	}
	free(st->by_id);
	free(st);
}

static int grow(struct strtab *st)
{
	uint32_t cap = st->cap ? st->cap * 2 : 256;
	struct str **by_id = reallocarray(st->by_id, cap, sizeof(*by_id));

	if (!by_id)
		return -ENOMEM;
	st->by_id = by_id;
	st->cap = cap;
	return 0;
}

uint32_t strtab_intern(struct strtab *st, const char *s, size_t len)
{
	struct str *e;

	if (len > STR_MAX)
		len = STR_MAX;
	/* An interned string is read back NUL-terminated: a NUL inside ends it. */
	len = strnlen(s, len);
	if (!len)
		return 0;
	HASH_FIND(hh, st->by_bytes, s, len, e);
	if (e)
		return e->id;
	if (st->nr >= st->cap && grow(st))
		return 0;
	e = malloc(sizeof(*e) + len + 1);
	if (!e)
		return 0;
	memcpy(e->s, s, len);
	e->s[len] = '\0';
	e->id = st->nr;
	HASH_ADD_KEYPTR(hh, st->by_bytes, e->s, len, e);
	if (!e->hh.tbl) {
		free(e);
		return 0;
	}
	st->by_id[st->nr++] = e;
	return e->id;
}

uint32_t strtab_intern_str(struct strtab *st, const char *s)
{
	return strtab_intern(st, s, strlen(s));
}

const char *strtab_str(const struct strtab *st, uint32_t id)
{
	return id && id < st->nr ? st->by_id[id]->s : "";
}

uint32_t strtab_count(const struct strtab *st)
{
	return st->nr;
}
