// SPDX-License-Identifier: GPL-2.0
/*
 * Growth for flame graphs: a line a path, "main;serve;malloc 4096", outermost first,
 * with the bytes that are still there. Paths that have nothing left have no line.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "export/grown.h"
#include "util/text.h"

/* Of a name what would end the frame or the line becomes something else. */
static void put_name(FILE *f, const char *name)
{
	char buf[1024];

	text_clean(buf, sizeof(buf), name, 0);
	for (char *c = buf; *c; c++)
		fputc(*c == ';' ? ':' : *c, f);
}

static void put_frame(FILE *f, const struct growth_frame *fr)
{
	if (fr->function) {
		put_name(f, fr->function);
		return;
	}
	put_name(f, fr->module ? fr->module : "");
	fprintf(f, "+0x%" PRIx64, fr->offset);
}

int grown_folded(FILE *f, const struct growth_report *r)
{
	for (unsigned int i = 0; i < r->nr; i++) {
		const struct growth_row *row = &r->row[i];

		if (row->net <= 0)
			continue;
		put_name(f, strtab_str(r->model->st, r->p->comm));
		for (unsigned int k = row->nr_frames; k--;) {
			fputc(';', f);
			put_frame(f, &row->frame[k]);
		}
		fprintf(f, " %" PRId64 "\n", row->net);
	}
	if (growth_residual(r) > 0) {
		put_name(f, strtab_str(r->model->st, r->p->comm));
		fprintf(f, ";[no path] %" PRId64 "\n", growth_residual(r));
	}
	return ferror(f) ? -EIO : 0;
}
