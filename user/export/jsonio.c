// SPDX-License-Identifier: GPL-2.0
#include "export/jsonio.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "model/proc.h"
#include "util/rfc3339.h"
#include "util/text.h"

/* A name is at most 4095 bytes, each of which may become a U+FFFD of three. */
#define STR_SZ (3 * 4096)

int json_begin(struct json_out *w, FILE *f)
{
	*w = (struct json_out){ .f = f, .str = malloc(STR_SZ) };
	return w->str ? 0 : -ENOMEM;
}

int json_end(struct json_out *w)
{
	free(w->str);
	if (ferror(w->f))
		return -EIO;
	return w->failed ? -ENOMEM : 0;
}

json_t *json_addr(uint64_t a)
{
	char buf[24];

	snprintf(buf, sizeof(buf), "0x%" PRIx64, a);
	return json_string(buf);
}

json_t *json_known(int64_t v)
{
	return v < 0 ? json_null() : json_integer(v);
}

json_t *json_when(bool cond, int64_t v)
{
	return cond ? json_integer(v) : json_null();
}

json_t *json_text(struct json_out *w, const char *s)
{
	return s && *s ? json_string(text_utf8(w->str, STR_SZ, s)) : json_null();
}

/* Writes @v behind @key and gives it back. */
void json_put(struct json_out *w, const char *key, json_t *v)
{
	if (!v) {
		w->failed = true;
		return;
	}
	/* a write that failed would be tried again for every piece */
	if (ferror(w->f)) {
		json_decref(v);
		return;
	}
	if (key)
		fprintf(w->f, ",\"%s\":", key);
	if (json_dumpf(v, w->f, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(6)))
		w->failed = true;
	json_decref(v);
}

json_t *json_bytes(const char *s)
{
	size_t sz = strlen(s) * 3 + 1;
	char *buf = *s ? malloc(sz) : NULL;
	json_t *v;

	if (!buf)
		return json_null();
	v = json_string(text_utf8(buf, sz, s));
	free(buf);
	return v;
}

json_t *json_rfc3339(uint64_t real_ns)
{
	char buf[RFC3339_LEN];

	return json_string(fmt_rfc3339(buf, real_ns));
}

json_t *json_stack(const struct proc *p, const struct thread *t)
{
	struct stack_info si;

	if (!t->stack_end)
		return json_null();
	thread_stack_info(p, t, &si);
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:b, s:o, s:o}", "start",
			 json_addr(t->stack_start), "end", json_addr(t->stack_end), "sp",
			 t->sp ? json_addr(t->sp) : json_null(), "depth_bytes",
			 json_known(si.depth), "high_water_bytes", json_known(si.high_water),
			 "high_water_exact", (int)si.high_water_exact, "limit_bytes",
			 json_known(si.limit), "headroom_bytes", json_known(si.headroom));
}
