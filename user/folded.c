// SPDX-License-Identifier: GPL-2.0
#include "folded.h"

#include <errno.h>

#include "export/grown.h"
#include "growth.h"
#include "growth_report.h"

static int put(struct player *pl, struct growth *g, struct player_proc *pp, FILE *f)
{
	struct growth_report r = { .model = player_model(pl),
				   .to_ns = player_now(pl),
				   .to_real_ns = player_real(pl),
				   .rung = player_rung(pl) };
	struct growth_proc *gp;
	int err;

	HASH_FIND(hh, g->procs, &pp->as, sizeof(pp->as), gp);
	if (!gp || player_hidden(pl, pp))
		return 0;
	gp->p = pp->p;
	err = growth_report(g, gp, &r);
	if (!err)
		err = grown_folded(f, &r);
	growth_report_fini(&r);
	return err;
}

/* Those that ended: the file forgets them some time later. At its end: all that are left. */
static int put_some(struct player *pl, struct growth *g, bool all, FILE *f)
{
	unsigned int nr;
	struct player_proc **procs = player_procs(pl, &nr);
	int err = 0;

	for (unsigned int i = 0; i < nr && !err; i++) {
		if (procs[i]->left || (!all && procs[i]->p->death == DEATH_NONE))
			continue;
		procs[i]->left = true;
		err = put(pl, g, procs[i], f);
	}
	return err;
}

int folded_write(struct player *pl, bool debuginfod, FILE *f)
{
	struct growth *g = growth_of_file(player_model(pl), player_stacks(pl), debuginfod);
	int ret;

	if (!g)
		return -ENOMEM;
	player_tap(pl, growth_event, g);
	while ((ret = player_next(pl)) > 0) {
		growth_tick(g, player_now(pl));
		ret = put_some(pl, g, false, f);
		if (ret)
			break;
	}
	if (!ret)
		ret = put_some(pl, g, true, f);
	player_tap(pl, NULL, NULL);
	growth_free(g);
	return !ret && !stacktab_nr(player_stacks(pl)) ? -ENODATA : ret;
}
