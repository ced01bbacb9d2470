/* SPDX-License-Identifier: GPL-2.0 */
/* Where reports go: -o FILE, the same for every verb. */
#ifndef OUTPUT_H
#define OUTPUT_H

#include <stdio.h>

/**
 * output_open() - @path for writing: mode 0600, and under sudo the invoking user's
 * @path: NULL or "-" is stdout
 *
 * Returns NULL after one line on stderr.
 */
FILE *output_open(const char *path);

/**
 * output_create() - a new file: mode 0600, and under sudo the invoking user's
 *
 * A regular file of that name that is ours is replaced. Never through a symbolic link that somebody
 * else could have put there: not as the last component, nor as one in a folder that all may write to.
 * Returns a descriptor, or −1 after one line on stderr.
 */
int output_create(const char *path);

/**
 * output_failed() - one line on stderr; returns EX_FAILED
 * @path: as given to output_open()
 * @err: errno's value
 */
int output_failed(const char *path, int err);

#endif
