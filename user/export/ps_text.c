// SPDX-License-Identifier: GPL-2.0
#include "export/ps.h"

#include <errno.h>
#include "util/text.h"
#include "util/units.h"

static const char *rate(const struct report_style *s, char buf[UNITS_LEN], const struct ps_row *r,
			unsigned int k)
{
	if (!r->known[k])
		return s->ascii ? "-" : "–";
	return fmt_rate(buf, r->rate[k]);
}

static int put_row(FILE *f, const struct ps_row *r, const struct report_style *s)
{
	char rss[UNITS_LEN], heap[UNITS_LEN], anon[UNITS_LEN], stack[UNITS_LEN], file[UNITS_LEN];
	char r0[UNITS_LEN], r1[UNITS_LEN], r2[UNITS_LEN], room[UNITS_LEN], faults[UNITS_LEN];
	char comm[64], group[96];

	fprintf(f, "%7u %7s %7s %7s %7s %7s %9s %9s %9s %7s %7s %-17s %-15s %s\n", r->pid,
		style_size(s, rss, r->rss), style_size(s, heap, r->by_class[HC_HEAP]),
		style_size(s, anon, r->by_class[HC_ANON]),
		style_size(s, stack, r->by_class[HC_STACK]),
		style_size(s, file, r->by_class[HC_FILE] + r->by_class[HC_SHARED]),
		rate(s, r0, r, 0), rate(s, r1, r, 1), rate(s, r2, r, 2),
		r->headroom < 0 ? "-" : style_size(s, room, r->headroom),
		fmt_count(faults, r->faults_per_s), r->verdict,
		text_clean(comm, sizeof(comm), r->comm, s->ascii),
		text_clean(group, sizeof(group), r->group, s->ascii));
	return ferror(f) ? -EIO : 0;
}

int ps_text(FILE *f, const struct ps_table *t, const struct report_style *style)
{
	int err = 0;

	fprintf(f, "%7s %7s %7s %7s %7s %7s %9s %9s %9s %7s %7s %-17s %-15s %s\n", "PID", "RSS",
		"HEAP", "ANON", "STACK", "FILE", "1MIN", "10MIN", "1H", "ROOM", "FAULT/S",
		"VERDICT", "COMMAND", "GROUP");
	for (unsigned int i = 0; !err && i < t->nr; i++)
		err = put_row(f, &t->row[i], style);
	return err;
}
