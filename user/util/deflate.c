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
