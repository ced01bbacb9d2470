// SPDX-License-Identifier: GPL-2.0
#include "analysis/stackfold.h"

/* How often the cycle of @len frames at @at comes in a row. */
static unsigned int repeats(const struct fold_frame *f, unsigned int nr, unsigned int at,
			    unsigned int len)
{
	unsigned int same = 0;

	while (at + len + same < nr && f[at + same].func == f[at + len + same].func)
		same++;
	return same / len + 1;
}

/* The cycle that takes most frames; of equal ones the shortest. */
static struct fold_run best(const struct fold_frame *f, unsigned int nr, unsigned int at)
{
	struct fold_run run = { at, 1, 1 };

	for (unsigned int len = 1; len <= FOLD_MAX_CYCLE && at + len < nr; len++) {
		unsigned int n;

		/* most frames differ here already */
		if (f[at].func != f[at + len].func)
			continue;
		n = repeats(f, nr, at, len);
		if (n >= FOLD_MIN_REPEAT && n * len > run.repeat * run.len)
			run = (struct fold_run){ at, len, n };
		/* a longer cycle can only be this one several times over */
		if (run.repeat > 1)
			break;
	}
	return run;
}

/*
 * The innermost turn has called something else than the next turn, so it stands
 * elsewhere: it is told on its own, where it stands is what matters.
 */
static bool first_differs(const struct fold_frame *f, const struct fold_run *run)
{
	for (unsigned int i = 0; i < run->len; i++)
		if (f[run->first + i].pc != f[run->first + run->len + i].pc)
			return true;
	return false;
}

unsigned int stackfold(const struct fold_frame *f, unsigned int nr, struct fold_run *run)
{
	unsigned int nr_runs = 0, at = 0;
	bool told = false; /* the first turn of the cycle at hand is out already */

	while (at < nr) {
		struct fold_run r = best(f, nr, at);

		told = !told && r.repeat > FOLD_MIN_REPEAT && first_differs(f, &r);
		if (told)
			r = (struct fold_run){ at, 1, 1 };
		run[nr_runs++] = r;
		at += r.len * r.repeat;
	}
	return nr_runs;
}

uint64_t stack_hash(const uint64_t *pc, size_t stride, unsigned int nr)
{
	uint64_t h = 0xcbf29ce484222325ull;

	for (unsigned int i = 0; i < nr; i++) {
		h ^= *(const uint64_t *)((const char *)pc + i * stride);
		h *= 0x100000001b3ull;
		h ^= h >> 29;
	}
	return h;
}
