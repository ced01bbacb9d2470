// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <string.h>
#include "analysis/top.h"
#include "util/clock.h"
#include "util/units.h"

/* Rates under a page a second are noise of the interval, not growth. */
#define RATE_FLOOR 4096.0
#define FULL_MAX_S (365.0 * 24 * 3600)
#define FULL_SOON_NS (3600 * NSEC_PER_SEC)

void top_grower(const struct layout *l, struct top_grower *ret)
{
	const struct layout_row *fast = NULL, *most = NULL;
	int64_t sum = 0;

	memset(ret, 0, sizeof(*ret));
	for (unsigned int i = 0; i < l->nr; i++) {
		const struct layout_row *r = &l->row[i];

		if (r->what != LAYOUT_REGIONS)
			continue;
		if (r->growth > 0)
			sum += r->growth;
		if (r->rate > RATE_FLOOR && (!fast || r->rate > fast->rate))
			fast = r;
		if (r->growth > 0 && (!most || r->growth > most->growth))
			most = r;
	}
	ret->row = fast ? fast : most;
	if (!ret->row)
		return;
	ret->now = fast != NULL;
	ret->bytes = ret->row->growth;
	ret->rate = ret->row->rate;
	ret->percent = sum > 0 && ret->bytes > 0 ? (int)(100.0 * ret->bytes / sum + 0.5) : 0;
	if (most && most != ret->row) {
		ret->most = most;
		ret->most_percent = (int)(100.0 * most->growth / sum + 0.5);
	}
}

/* What grows now is not what grew: a new chunk after many, a peak beside a leak. */
static void now_and_most(char *dst, size_t sz, const struct top_grower *g, struct proc *p,
			 const struct strtab *st)
{
	char label[256], most[256], size[UNITS_LEN], rate[UNITS_LEN];

	layout_label(label, sizeof(label), g->row, p, st);
	layout_label(most, sizeof(most), g->most, p, st);
	snprintf(dst, sz, "%d%% of growth: %s %s; now %s %s", g->most_percent, most,
		 fmt_growth(size, g->most->growth), label, fmt_rate(rate, g->rate));
}

char *top_why(char *dst, size_t sz, const struct top_grower *g, struct proc *p,
	      const struct strtab *st)
{
	char label[256], size[UNITS_LEN], rate[UNITS_LEN];

	if (!g->row) {
		snprintf(dst, sz, "nothing has grown since the baseline");
		return dst;
	}
	layout_label(label, sizeof(label), g->row, p, st);
	fmt_growth(size, g->bytes);
	fmt_rate(rate, g->rate);
	if (g->bytes <= 0)
		snprintf(dst, sz, "%s grows: %s now%s", label, rate,
			 g->bytes < 0 ? ", to less than at the baseline" : "");
	else if (g->now && g->most && g->most_percent >= 50)
		now_and_most(dst, sz, g, p, st);
	else if (g->now)
		snprintf(dst, sz, "%d%% of growth: %s %s, %s now", g->percent, label, size, rate);
	else
		snprintf(dst, sz, "%d%% of growth: %s %s, not growing now", g->percent, label,
			 size);
	return dst;
}

static bool counts_virtual(const struct mtr_limit *lim)
{
	return lim->kind == MTR_LIM_AS || lim->kind == MTR_LIM_DATA;
}

static uint64_t time_to_full(int64_t left, double rate)
{
	double s;

	if (left <= 0 || rate < RATE_FLOOR)
		return 0;
	s = (double)left / rate;
	return s > FULL_MAX_S ? 0 : (uint64_t)(s * (double)NSEC_PER_SEC) + 1;
}

/* a before b: full within the hour first, the sooner the better; then the least room */
static bool nearer(const struct top_limit *a, const struct top_limit *b)
{
	bool sa = a->full_ns && a->full_ns < FULL_SOON_NS;
	bool sb = b->full_ns && b->full_ns < FULL_SOON_NS;

	if (sa != sb)
		return sa;
	if (sa)
		return a->full_ns < b->full_ns;
	return a->left_bytes < b->left_bytes;
}

void top_limit(const struct mtr_limits *l, double rss_rate, double virt_rate, struct top_limit *ret)
{
	memset(ret, 0, sizeof(*ret));
	for (unsigned int i = 0; l && i < l->nr; i++) {
		const struct mtr_limit *lim = &l->lim[i];
		struct top_limit t = { .lim = lim };

		t.left_bytes = (int64_t)(lim->limit_bytes - lim->used_bytes);
		t.percent =
			lim->limit_bytes ?
				(int)(100.0 * (double)lim->used_bytes / (double)lim->limit_bytes +
				      0.5) :
				100;
		t.full_ns = time_to_full(t.left_bytes, counts_virtual(lim) ? virt_rate : rss_rate);
		if (!ret->lim || nearer(&t, ret))
			*ret = t;
	}
}

char *top_limit_name(char *dst, size_t sz, const struct mtr_limit *lim, bool full_path)
{
	const char *name = lim->name, *slash = strrchr(name, '/');

	if (!full_path && slash && slash[1])
		name = slash + 1;
	switch (lim->kind) {
	case MTR_LIM_CGROUP:
		snprintf(dst, sz, "cgroup %s", *name ? name : "/");
		break;
	case MTR_LIM_AS:
		snprintf(dst, sz, "RLIMIT_AS (virtual size)");
		break;
	case MTR_LIM_DATA:
		snprintf(dst, sz, "RLIMIT_DATA");
		break;
	case MTR_LIM_HOST:
		snprintf(dst, sz, "host memory");
		break;
	}
	return dst;
}

void top_residency(struct proc *p, struct top_residency *ret)
{
	enum residency state;
	struct region *r;
	bool any = false;

	memset(ret, 0, sizeof(*ret));
	ret->state = RES_EXACT;
	aspace_for_each(r, &p->aspace) {
		if (r->dirty)
			ret->nr_dirty++;
		if (r->residency == RES_UNKNOWN && region_resident(r) == 0)
			continue;
		any = true;
		/* pages of a region never counted are known from events alone */
		state = r->residency == RES_UNKNOWN ? RES_ESTIMATED : r->residency;
		if (state < ret->state)
			ret->state = state;
		if (r->res_time_ns && (!ret->oldest_ns || r->res_time_ns < ret->oldest_ns))
			ret->oldest_ns = r->res_time_ns;
	}
	if (!any)
		ret->state = RES_UNKNOWN;
}

/* ---- folding */

#define FOLD_LEVELS 5

/* At which level a row may be folded away; 0: never. */
static int fold_level(const struct layout *l, const struct layout_row *r)
{
	bool small = r->res < l->max_res / 10 && r->growth < l->max_res / 20;

	/* the gap up to the kernel's half is no news; one of terabytes is the shape of the picture */
	if (r->what == LAYOUT_GAP)
		return r->end >> 47 ? 1 : r->end - r->start < (1ull << 40) ? 3 : 5;
	if (r->kind == RK_HEAP || r->kind == RK_STACK)
		return 0;
	if (r->grew)
		return small ? 4 : 0;
	if (r->growth <= 0 && (r->module || r->kind == RK_FILE || r->kind == RK_VDSO ||
			       r->kind == RK_VVAR || r->kind == RK_VSYSCALL || r->reserved))
		return r->res * 10 < l->max_res ? 1 : 3;
	if (r->growth <= 0 && (r->kind == RK_THREAD_STACK || r->kind == RK_GUARD))
		return 2;
	if (r->res < l->max_res / 100 && r->growth < l->max_res / 100)
		return 3;
	return small ? 4 : 0;
}

/*
 * Runs of rows that this level allows to fold, one item each, until there are
 * few enough; from the top of the address space down. @left: items of the level before.
 */
static unsigned int fold_at(const struct layout *l, struct fold_item *items, int level,
			    unsigned int left, unsigned int lines)
{
	unsigned int n = 0;
	bool open = false; /* the last item may take more rows */
	int before = 0; /* level of the row before */

	for (unsigned int i = 0; i < l->nr; i++) {
		int at = fold_level(l, &l->row[i]);
		/* what lower levels fold is folded whole; of this one only what is needed */
		bool folds = at && at <= level && (at < level || left > lines);

		if (folds && open) {
			items[n - 1].nr++;
			left -= at == level || before == level;
		} else {
			items[n++] = (struct fold_item){ .first = i, .nr = 1 };
		}
		open = folds;
		before = at;
	}
	return n;
}

unsigned int fold_layout(const struct layout *l, struct fold_item *items, unsigned int lines)
{
	unsigned int n = fold_at(l, items, 0, l->nr, lines);

	for (int level = 1; level <= FOLD_LEVELS && n > lines; level++)
		n = fold_at(l, items, level, n, lines);
	return n;
}
