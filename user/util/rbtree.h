/* SPDX-License-Identifier: GPL-2.0 */
/* Ordered trees: libbsd's <sys/tree.h> red-black macros under this project's names. */
#ifndef UTIL_RBTREE_H
#define UTIL_RBTREE_H

#include <bsd/sys/tree.h>

#define RBT_ENTRY RB_ENTRY
#define RBT_HEAD RB_HEAD
#define RBT_GENERATE_STATIC(name, type, field, cmp) \
	RB_GENERATE_INTERNAL(name, type, field, cmp, __attribute__((__unused__)) static)

#endif
