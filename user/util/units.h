/* SPDX-License-Identifier: GPL-2.0 */
/* Sizes, times and rates: one way to print and to parse each (docs: ux contract). */
#ifndef UTIL_UNITS_H
#define UTIL_UNITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UNITS_LEN 24

/* fmt_size() - "0", "4.0K", "132K", "1.42G", "-0.3M": at most 3 significant digits, powers of 2. Returns @buf. */
char *fmt_size(char buf[UNITS_LEN], int64_t bytes);
/* fmt_growth() - the same with a sign: "+412M", "0", "−" is an ASCII '-' */
char *fmt_growth(char buf[UNITS_LEN], int64_t bytes);
/* fmt_rate() - "+2.8M/s", "0" under @floor bytes/s */
char *fmt_rate(char buf[UNITS_LEN], double bytes_per_s);
/* fmt_count() - "794", "12.3k", "4.1M": powers of 10 */
char *fmt_count(char buf[UNITS_LEN], double n);
/* fmt_duration() - "3d04h", "2m35s", "1.2s", "180ms" */
char *fmt_duration(char buf[UNITS_LEN], uint64_t ns);

/* parse_time() - "500ms" "30s" "10min" "2h", bare number: seconds (fractions too); "m" is refused. 0 or −EINVAL */
int parse_time(const char *s, uint64_t *ret_ns);
/* parse_size() - "64K" "1.5G" bare number: bytes; powers of 2. 0, −EINVAL or −ERANGE */
int parse_size(const char *s, uint64_t *ret_bytes);

#endif
