/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Interned strings: one table a stream. An id stays valid, and means the same
 * bytes, for the table's life. Id 0 is "".
 *
 * Strings are raw bytes from the target (paths, comms): they may hold escape
 * sequences and invalid UTF-8. Whoever prints them sanitises (util/text.h).
 */
#ifndef EVENT_STRTAB_H
#define EVENT_STRTAB_H

#include <stddef.h>
#include <stdint.h>

struct strtab;

/* strtab_new() - an empty table; NULL with errno set when out of memory. */
struct strtab *strtab_new(void);
void strtab_free(struct strtab *st);

/**
 * strtab_intern() - the id of a string, which is added when new
 * @s: bytes, need not be NUL-terminated
 * @len: at most 4095 are kept
 *
 * Returns the id; 0 for the empty string and when out of memory.
 */
uint32_t strtab_intern(struct strtab *st, const char *s, size_t len);
uint32_t strtab_intern_str(struct strtab *st, const char *s);

/* strtab_str() - NUL-terminated string of an id; "" for an id never given. Valid for the table's life. */
const char *strtab_str(const struct strtab *st, uint32_t id);
uint32_t strtab_count(const struct strtab *st);

#endif
