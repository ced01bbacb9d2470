/* SPDX-License-Identifier: GPL-2.0 */
/* What names a program or library for good: its build-id. */
#ifndef SYM_BUILDID_H
#define SYM_BUILDID_H

#include <stddef.h>

#define BUILDID_HEX_SZ 130 /* 64 bytes, and a NUL */

/**
 * buildid_read() - of an ELF file, in hexadecimal
 * @fd: of a regular file; its position does not matter
 *
 * Returns 0, −ENOENT when it has none, −EINVAL when it is no ELF file, −ERANGE when @sz is too small.
 */
int buildid_read(int fd, char *hex, size_t sz);

#endif
