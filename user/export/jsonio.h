/* SPDX-License-Identifier: GPL-2.0 */
/* Writing JSON piece by piece: shared by the exporters of JSON. What is not known is null, never 0. */
#ifndef EXPORT_JSONIO_H
#define EXPORT_JSONIO_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct proc;
struct thread;

struct json_out {
	FILE *f;
	char *str; /* for text */
	bool failed; /* out of memory */
};

/* json_begin() - 0 or −ENOMEM */
int json_begin(struct json_out *w, FILE *f);
/* json_end() - 0, −EIO when the file could not be written, −ENOMEM */
int json_end(struct json_out *w);
/* json_put() - write ,"@key":@v and give @v back; no key: @v alone */
void json_put(struct json_out *w, const char *key, json_t *v);

json_t *json_addr(uint64_t a);
/* json_known() - of a number of which a negative one means "not known" */
json_t *json_known(int64_t v);
json_t *json_when(bool cond, int64_t v);
/* json_text() - bytes of a target as valid UTF-8; null for none */
json_t *json_text(struct json_out *w, const char *s);
/* json_bytes() - the same of any length, where no struct json_out is at hand */
json_t *json_bytes(const char *s);
json_t *json_rfc3339(uint64_t real_ns);
/* json_stack() - bounds and depth of a thread's stack; null when it is not known */
json_t *json_stack(const struct proc *p, const struct thread *t);

#endif
