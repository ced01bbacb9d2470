/* SPDX-License-Identifier: GPL-2.0 */
/* Moments of the wall clock as text: "2026-11-21T16:02:41.123Z". */
#ifndef UTIL_RFC3339_H
#define UTIL_RFC3339_H

#include <stdint.h>

#define RFC3339_LEN 32

/* fmt_rfc3339() - in UTC, to the millisecond. Returns @buf. */
char *fmt_rfc3339(char buf[RFC3339_LEN], uint64_t real_ns);
/* parse_rfc3339() - with a zone: Z or ±hh:mm; fractions of a second are kept. 0 or −EINVAL */
int parse_rfc3339(const char *s, uint64_t *ret_real_ns);

#endif
