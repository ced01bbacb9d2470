// SPDX-License-Identifier: GPL-2.0
#include "util/rfc3339.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "util/clock.h"

char *fmt_rfc3339(char buf[RFC3339_LEN], uint64_t real_ns)
{
	time_t t = (time_t)(real_ns / NSEC_PER_SEC);
	size_t n;
	struct tm tm;

	gmtime_r(&t, &tm);
	n = strftime(buf, RFC3339_LEN, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(buf + n, RFC3339_LEN - n, ".%03uZ",
		 (unsigned int)(real_ns / NSEC_PER_MSEC % 1000));
	return buf;
}

/* ".123": nanoseconds; moves @s behind it */
static uint64_t fraction(const char **s)
{
	uint64_t ns = 0, unit = NSEC_PER_SEC / 10;

	if (**s != '.')
		return 0;
	for ((*s)++; isdigit((unsigned char)**s); (*s)++, unit /= 10)
		ns += (uint64_t)(**s - '0') * unit;
	return ns;
}

static int zone(const char *s, long *ret_s)
{
	int h, m, n = 0;

	*ret_s = 0;
	if (!strcmp(s, "Z") || !strcmp(s, "z"))
		return 0;
	if ((*s != '+' && *s != '-') || sscanf(s + 1, "%2d:%2d%n", &h, &m, &n) != 2 || s[n + 1] ||
	    h > 23 || m > 59)
		return -EINVAL;
	*ret_s = (*s == '-' ? -1 : 1) * (h * 3600L + m * 60L);
	return 0;
}

int parse_rfc3339(const char *s, uint64_t *ret_real_ns)
{
	struct tm tm = {};
	uint64_t ns;
	time_t t;
	long off;

	s = strptime(s, "%Y-%m-%d", &tm);
	if (!s || (*s != 'T' && *s != 't' && *s != ' '))
		return -EINVAL;
	s = strptime(s + 1, "%H:%M:%S", &tm);
	if (!s)
		return -EINVAL;
	ns = fraction(&s);
	if (zone(s, &off))
		return -EINVAL;
	t = timegm(&tm) - off;
	if (t < 0)
		return -EINVAL;
	*ret_real_ns = (uint64_t)t * NSEC_PER_SEC + ns;
	return 0;
}
