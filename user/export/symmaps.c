// SPDX-License-Identifier: GPL-2.0
#include "export/symmaps.h"

#include <errno.h>
#include <stdlib.h>

int symmaps_set(struct syms *s, struct aspace *as, const struct strtab *st,
		const struct modtab *mods, bool code)
{
	struct sym_map *map = calloc(as->nr + 1, sizeof(*map));
	unsigned int nr = 0;
	struct region *r;
	int err;

	if (!map)
		return -ENOMEM;
	aspace_for_each(r, as) {
		const struct mtr_ev_module *m = mods ? modtab_find(mods, r->dev, r->ino) : NULL;

		if (code && !r->ino && !(r->prot & MTR_P_EXEC))
			continue;
		map[nr++] = (struct sym_map){
			.start = r->start,
			.end = r->end,
			.pgoff = r->pgoff,
			.ino = r->ino,
			.dev = r->dev,
			.exec = r->prot & MTR_P_EXEC,
			.write = r->prot & MTR_P_WRITE,
			.path = strtab_str(st, m && m->path ? m->path : r->name),
			.build_id = m && m->build_id ? strtab_str(st, m->build_id) : NULL,
		};
	}
	err = syms_set_maps(s, map, nr);
	free(map);
	return err;
}
