/* SPDX-License-Identifier: GPL-2.0 */
/* Hash tables: uthash, made to fail softly when memory is short. */
#ifndef UTIL_HASH_H
#define UTIL_HASH_H

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#endif
