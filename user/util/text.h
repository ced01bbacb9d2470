/* SPDX-License-Identifier: GPL-2.0 */
/* Bytes that came from a target, made fit to print. */
#ifndef UTIL_TEXT_H
#define UTIL_TEXT_H

#include <stddef.h>

/**
 * text_clean() - a copy for a terminal: valid UTF-8, no control bytes, no escapes
 * @dst: at least @dst_sz bytes, NUL-terminated on return
 * @ascii: replace everything beyond ASCII, too; × ≤ − … become x < - ~
 *
 * C0, DEL, C1, bidi controls and invalid bytes become '?' (or U+FFFD when not @ascii). Returns @dst.
 */
char *text_clean(char *dst, size_t dst_sz, const char *src, int ascii);

/* text_utf8() - a copy that is valid UTF-8 (invalid bytes → U+FFFD); controls kept: JSON escapes them */
char *text_utf8(char *dst, size_t dst_sz, const char *src);

#endif
