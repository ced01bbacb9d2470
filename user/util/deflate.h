/* SPDX-License-Identifier: GPL-2.0 */
#ifndef UTIL_DEFLATE_H
#define UTIL_DEFLATE_H

#include <stddef.h>
#include <sys/types.h>

/* deflate_bound() - bytes that zlib may need for @len bytes */
size_t deflate_bound(size_t len);

/**
 * deflate_zlib() - one complete zlib stream (RFC 1950) of @src, made fast rather than small
 * @dst: at least deflate_bound(@len) bytes
 *
 * Returns its length, or −ENOMEM.
 */
ssize_t deflate_zlib(void *dst, size_t dst_sz, const void *src, size_t len);

/**
 * deflate_gzip() - the same as one gzip member (RFC 1952), without a name or a time
 * @dst: at least deflate_bound(@len) + 32 bytes
 */
ssize_t deflate_gzip(void *dst, size_t dst_sz, const void *src, size_t len);

#endif
