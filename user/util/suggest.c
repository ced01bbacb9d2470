// SPDX-License-Identifier: GPL-2.0
#include "util/suggest.h"

#include <string.h>

#define NAME_MAX_LEN 24

static unsigned int min3(unsigned int a, unsigned int b, unsigned int c)
{
	unsigned int m = a < b ? a : b;

	return m < c ? m : c;
}

/* Edits that turn @a into @b: insert, delete, replace. Both at most NAME_MAX_LEN long. */
static unsigned int distance(const char *a, const char *b)
{
	unsigned int row[NAME_MAX_LEN + 1], na = strlen(a), nb = strlen(b);

	for (unsigned int j = 0; j <= nb; j++)
		row[j] = j;
	for (unsigned int i = 1; i <= na; i++) {
		unsigned int diag = row[0];

		row[0] = i;
		for (unsigned int j = 1; j <= nb; j++) {
			unsigned int up = row[j];

			row[j] = min3(up + 1, row[j - 1] + 1, diag + (a[i - 1] != b[j - 1]));
			diag = up;
		}
	}
	return row[nb];
}

const char *suggest(const char *typed, const char *const *names, unsigned int nr)
{
	unsigned int len = strlen(typed), best = len / 3 + 1;
	const char *ret = NULL;

	if (len < 2 || len > NAME_MAX_LEN)
		return NULL;
	for (unsigned int i = 0; i < nr; i++) {
		unsigned int d;

		if (strlen(names[i]) > NAME_MAX_LEN)
			continue;
		d = strncmp(names[i], typed, len) ? distance(typed, names[i]) : 0;
		if (d < best || (d == best && !ret)) {
			best = d;
			ret = names[i];
		}
	}
	return ret;
}
