/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A thread's cache in glibc's malloc, struct tcache_perthread_struct of 2.30 to 2.41: counts of
 * chunks of 32, 48 … bytes, 16 bits each, then the first chunk of each size.
 */
#ifndef ANALYSIS_TCACHE_H
#define ANALYSIS_TCACHE_H

#define TCACHE_SIZES 64u
#define TCACHE_CHUNK 0x290u /* bytes of the chunk that it is in */

#endif
