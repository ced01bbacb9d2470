// SPDX-License-Identifier: GPL-2.0
#include "event/modtab.h"

#include <errno.h>
#include <stdlib.h>
#include "util/hash.h"

struct entry {
	struct {
		uint64_t ino, dev;
	} key;
	struct mtr_ev_module module;
	UT_hash_handle hh;
};

struct modtab {
	struct entry *all; /* uthash */
};

struct modtab *modtab_new(void)
{
	return calloc(1, sizeof(struct modtab));
}

void modtab_free(struct modtab *t)
{
	struct entry *e, *tmp;

	if (!t)
		return;
	HASH_ITER(hh, t->all, e, tmp) {
		HASH_DEL(t->all, e);
		free(e);
	}
	free(t);
}

int modtab_event(struct modtab *t, const struct mtr_event *ev)
{
	struct entry *e, probe = { .key = { .ino = ev->module.ino, .dev = ev->module.dev } };

	if (ev->kind != MTR_EV_MODULE)
		return 0;
	HASH_FIND(hh, t->all, &probe.key, sizeof(probe.key), e);
	if (!e) {
		e = calloc(1, sizeof(*e));
		if (!e)
			return -ENOMEM;
		e->key = probe.key;
		HASH_ADD(hh, t->all, key, sizeof(e->key), e);
		if (!e->hh.tbl) {
			free(e);
			return -ENOMEM;
		}
	}
	e->module = ev->module;
	return 0;
}

const struct mtr_ev_module *modtab_find(const struct modtab *t, uint32_t dev, uint64_t ino)
{
	struct entry *e, probe = { .key = { .ino = ino, .dev = dev } };

	HASH_FIND(hh, t->all, &probe.key, sizeof(probe.key), e);
	return e ? &e->module : NULL;
}
