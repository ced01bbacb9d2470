// SPDX-License-Identifier: GPL-2.0
#include "util/deflate.h"

#include <errno.h>
#include <zlib.h>

size_t deflate_bound(size_t len)
{
	return compressBound(len);
}

ssize_t deflate_zlib(void *dst, size_t dst_sz, const void *src, size_t len)
{
	uLongf out = dst_sz;

	if (compress2(dst, &out, src, len, Z_BEST_SPEED) != Z_OK)
		return -ENOMEM;
	return (ssize_t)out;
}

ssize_t deflate_gzip(void *dst, size_t dst_sz, const void *src, size_t len)
{
	const int gzip = 15 + 16; /* the largest window, and another head */
	z_stream z = { .next_in = (Bytef *)src,
		       .avail_in = (uInt)len,
		       .next_out = dst,
		       .avail_out = (uInt)dst_sz };
	int err;

	if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, gzip, 8, Z_DEFAULT_STRATEGY) !=
	    Z_OK)
		return -ENOMEM;
	err = deflate(&z, Z_FINISH);
	deflateEnd(&z);
	return err == Z_STREAM_END ? (ssize_t)z.total_out : -ENOMEM;
}
