// SPDX-License-Identifier: GPL-2.0
#include "model/history.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

const char *hist_class_name(enum hist_class c)
{
	static const char *const names[HC_NR] = {
		[HC_HEAP] = "heap", [HC_STACK] = "stacks",  [HC_ANON] = "anonymous",
		[HC_FILE] = "file", [HC_SHARED] = "shared", [HC_SWAP] = "swap",
	};

	return c < HC_NR ? names[c] : "unknown";
}

enum hist_class hist_class_of(enum region_kind kind)
{
	switch (kind) {
	case RK_HEAP:
	case RK_ARENA:
		return HC_HEAP;
	case RK_STACK:
	case RK_THREAD_STACK:
	case RK_GUARD:
		return HC_STACK;
	case RK_TEXT:
	case RK_RODATA:
	case RK_RELRO:
	case RK_FILE:
	case RK_DEVICE:
	case RK_VDSO:
	case RK_VVAR:
	case RK_VSYSCALL:
		return HC_FILE;
	case RK_SHM:
	case RK_MEMFD:
	case RK_SYSV:
		return HC_SHARED;
	case RK_ANON:
	case RK_ANON_NAMED:
	case RK_DATA:
	case RK_BSS:
	case RK_HUGETLB:
	case RK_UNKNOWN:
	case RK_NR:
		break;
	}
	return HC_ANON;
}

void history_init(struct history *h)
{
	memset(h, 0, sizeof(*h));
	h->per_sample = 1;
	h->most = HISTORY_LEN;
}

void history_fini(struct history *h)
{
	free(h->s);
	history_init(h);
}

/* Later values win, extremes are kept. */
static void merge(struct hist_sample *into, const struct hist_sample *s)
{
	int64_t lo = into->rss_min < s->rss_min ? into->rss_min : s->rss_min;
	int64_t hi = into->rss_max > s->rss_max ? into->rss_max : s->rss_max;

	*into = *s;
	into->rss_min = lo;
	into->rss_max = hi;
}

static void halve(struct history *h)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < h->nr; i += 2) {
		struct hist_sample m = h->s[i];

		if (i + 1 < h->nr)
			merge(&m, &h->s[i + 1]);
		h->s[n++] = m;
	}
	h->nr = n;
	h->per_sample *= 2;
}

static bool make_room(struct history *h)
{
	unsigned int cap = h->cap ? h->cap * 2 : 16;
	struct hist_sample *s = reallocarray(h->s, cap, sizeof(*s));

	if (!s)
		return false;
	h->s = s;
	h->cap = cap;
	return true;
}

void history_add(struct history *h, const struct hist_sample *s)
{
	struct hist_sample v = *s;

	if (!v.rss_min)
		v.rss_min = v.rss;
	if (!v.rss_max)
		v.rss_max = v.rss;
	if (h->nr && h->pending && h->pending < h->per_sample) {
		merge(&h->s[h->nr - 1], &v);
		h->pending++;
		return;
	}
	if (h->nr >= h->most)
		halve(h);
	if (h->nr == h->cap && !make_room(h))
		return;
	h->s[h->nr++] = v;
	h->pending = 1;
}
