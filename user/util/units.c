// SPDX-License-Identifier: GPL-2.0
/*
 * Sizes, times and rates. Three significant digits are what a person compares
 * at a glance and what fits a column of five; whoever needs more asks for
 * --bytes. No strtod or locale anywhere: "1,5G" must not become valid because
 * of somebody's LC_NUMERIC.
 */
#include "util/units.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Digits after the point so that @v keeps at most three significant ones after rounding. */
static int decimals(double v, int small, int medium)
{
	if (v < (small == 2 ? 9.995 : 9.95))
		return small;
	if (v < (medium ? 99.95 : 99.5))
		return medium;
	return 0;
}

/* Prints |bytes| with its unit; values from 999.5 go to the next unit: never four digits. */
static void put_size(char *buf, size_t sz, const char *sign, double v)
{
	static const char unit[] = "BKMGTPE";
	unsigned int u = 0;
	int prec;

	while (v >= 999.5 && u < sizeof(unit) - 2) {
		v /= 1024;
		u++;
	}
	/* K and M: 4.0K 56K 132K. From G on a tenth is a lot: 1.42G 42.0T. */
	prec = u == 0 ? 0 : u < 3 ? decimals(v, 1, 0) : decimals(v, 2, 1);
	snprintf(buf, sz, "%s%.*f%c", sign, prec, v, unit[u]);
}

char *fmt_size(char buf[UNITS_LEN], int64_t bytes)
{
	if (!bytes)
		return strcpy(buf, "0");
	put_size(buf, UNITS_LEN, bytes < 0 ? "-" : "", fabs((double)bytes));
	return buf;
}

char *fmt_growth(char buf[UNITS_LEN], int64_t bytes)
{
	if (!bytes)
		return strcpy(buf, "0");
	put_size(buf, UNITS_LEN, bytes < 0 ? "-" : "+", fabs((double)bytes));
	return buf;
}

char *fmt_rate(char buf[UNITS_LEN], double bytes_per_s)
{
	/* A page an hour is about 1 B/s: less is nothing. NaN compares false and is nothing, too. */
	if (!(fabs(bytes_per_s) >= 1))
		return strcpy(buf, "0");
	put_size(buf, UNITS_LEN - 2, bytes_per_s < 0 ? "-" : "+", fabs(bytes_per_s));
	return strcat(buf, "/s");
}

char *fmt_count(char buf[UNITS_LEN], double n)
{
	static const char unit[] = " kMGTPE";
	double v = fabs(n);
	unsigned int u = 0;

	if (!(v >= 0.05))
		return strcpy(buf, "0");
	while (v >= 999.5 && u < sizeof(unit) - 2) {
		v /= 1000;
		u++;
	}
	if (!u)
		snprintf(buf, UNITS_LEN, "%s%.*f", n < 0 ? "-" : "",
			 v == floor(v) || v >= 9.95 ? 0 : 1, v);
	else
		snprintf(buf, UNITS_LEN, "%s%.*f%c", n < 0 ? "-" : "", decimals(v, 1, 1), v,
			 unit[u]);
	return buf;
}

char *fmt_duration(char buf[UNITS_LEN], uint64_t ns)
{
	uint64_t s = ns / 1000000000u;

	if (ns == 0)
		strcpy(buf, "0s");
	else if (ns < 1000000u)
		snprintf(buf, UNITS_LEN, "%" PRIu64 "us", ns / 1000);
	else if (ns < 999500000u)
		snprintf(buf, UNITS_LEN, "%.0fms", (double)ns / 1e6);
	else if (ns < 9950000000u)
		snprintf(buf, UNITS_LEN, "%.1fs", (double)ns / 1e9);
	else if (s < 60)
		snprintf(buf, UNITS_LEN, "%" PRIu64 "s", s);
	else if (s < 3600)
		snprintf(buf, UNITS_LEN, "%" PRIu64 "m%02" PRIu64 "s", s / 60, s % 60);
	else if (s < 86400)
		snprintf(buf, UNITS_LEN, "%" PRIu64 "h%02" PRIu64 "m", s / 3600, s / 60 % 60);
	else
		snprintf(buf, UNITS_LEN, "%" PRIu64 "d%02" PRIu64 "h", s / 86400, s / 3600 % 24);
	return buf;
}

/* "12", "1.5", ".5": value in *ret and the rest in *end. False when no digit is there. */
static bool parse_decimal(const char *s, double *ret, const char **end)
{
	double v = 0, place = 1;
	bool digits = false;

	for (; *s >= '0' && *s <= '9'; s++, digits = true)
		v = v * 10 + (*s - '0');
	if (*s == '.')
		for (s++; *s >= '0' && *s <= '9'; s++, digits = true)
			v += (*s - '0') * (place /= 10);
	*ret = v;
	*end = s;
	return digits;
}

int parse_time(const char *s, uint64_t *ret_ns)
{
	/* No "m": it is minutes to some and months or milliseconds to others. */
	static const struct {
		const char *suffix;
		double ns;
	} unit[] = {
		{ "", 1e9 }, { "s", 1e9 }, { "ms", 1e6 }, { "min", 60e9 }, { "h", 3600e9 },
	};
	const char *end;
	double v;

	if (!s || !parse_decimal(s, &v, &end))
		return -EINVAL;
	for (unsigned int i = 0; i < sizeof(unit) / sizeof(unit[0]); i++) {
		if (strcmp(end, unit[i].suffix))
			continue;
		v *= unit[i].ns;
		if (v >= 9e18)
			return -EINVAL;
		*ret_ns = (uint64_t)llround(v);
		return 0;
	}
	return -EINVAL;
}

int parse_size(const char *s, uint64_t *ret_bytes)
{
	static const char unit[] = "KMGTPE";
	const char *end, *u;
	double v;

	if (!s || !parse_decimal(s, &v, &end))
		return -EINVAL;
	if (*end) {
		char c = *end >= 'a' && *end <= 'z' ? *end - 'a' + 'A' : *end;

		u = strchr(unit, c);
		if (!u || end[1])
			return -EINVAL;
		v = ldexp(v, 10 * (int)(u - unit + 1));
	}
	if (v >= 0x1p63)
		return -ERANGE;
	*ret_bytes = (uint64_t)v;
	return 0;
}
