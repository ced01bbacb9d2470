// SPDX-License-Identifier: GPL-2.0
#include "export/grown.h"

struct growth_between growth_between(const struct growth_report *r, unsigned int i)
{
	const struct growth_mark *from = i ? &r->mark[i - 1] : NULL;
	const struct growth_mark *to = i < r->nr_marks ? &r->mark[i] : NULL;

	return (struct growth_between){
		.from = from ? from->name : NULL,
		.to = to ? to->name : NULL,
		.from_ns = from ? from->time_ns : r->from_ns,
		.to_ns = to ? to->time_ns : r->to_ns,
		.delta = (to ? to->rss : r->rss) - (from ? from->rss : r->rss - r->delta),
	};
}

int64_t growth_between_row(const struct growth_report *r, const struct growth_row *row,
			   unsigned int i)
{
	return (i < r->nr_marks ? row->at_mark[i] : row->net) - (i ? row->at_mark[i - 1] : 0);
}

unsigned int growth_between_top(const struct growth_report *r, unsigned int i,
				unsigned int top[GROWTH_TOP])
{
	unsigned int nr = 0;

	for (unsigned int k = 0; k < r->nr; k++) {
		int64_t gained = growth_between_row(r, &r->row[k], i);
		unsigned int at = nr;

		if (gained <= 0)
			continue;
		while (at && growth_between_row(r, &r->row[top[at - 1]], i) < gained)
			at--;
		if (at == GROWTH_TOP)
			continue;
		if (nr < GROWTH_TOP)
			nr++;
		for (unsigned int to = nr - 1; to > at; to--)
			top[to] = top[to - 1];
		top[at] = k;
	}
	return nr;
}
