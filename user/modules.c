// SPDX-License-Identifier: GPL-2.0
#include "modules.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sym/buildid.h"
#include "util/clock.h"
#include "util/hash.h"

struct module {
	struct {
		uint64_t ino;
		uint64_t dev;
	} key;
	/* where it was seen: */
	uint64_t start, end;
	uint32_t as;
	uint32_t path, build_id; /* strings */
	bool resolved;
	UT_hash_handle hh;
};

struct modules {
	struct strtab *st;
	struct module *all; /* uthash; in the order in which they were seen */
	unsigned int nr_new; /* not resolved */
};

struct modules *modules_new(struct strtab *st)
{
	struct modules *m = calloc(1, sizeof(*m));

	if (m)
		m->st = st;
	return m;
}

void modules_free(struct modules *m)
{
	struct module *mod, *tmp;

	if (!m)
		return;
	HASH_ITER(hh, m->all, mod, tmp) {
		HASH_DEL(m->all, mod);
		free(mod);
	}
	free(m);
}

static int see_program(struct modules *m, const struct mtr_event *ev)
{
	const struct mtr_ev_vma *v = &ev->vma;
	struct module *mod, probe = { .key = { .ino = v->ino, .dev = v->dev } };

	HASH_FIND(hh, m->all, &probe.key, sizeof(probe.key), mod);
	if (mod) {
		/* who mapped it before may be gone when it is looked up, or was then */
		if (!mod->build_id && mod->as != ev->as) {
			m->nr_new += mod->resolved;
			mod->resolved = false;
			mod->start = v->start;
			mod->end = v->end;
			mod->as = ev->as;
		}
		return 0;
	}
	mod = calloc(1, sizeof(*mod));
	if (!mod)
		return -ENOMEM;
	mod->key = probe.key;
	mod->start = v->start;
	mod->end = v->end;
	mod->as = ev->as;
	mod->path = v->name;
	HASH_ADD(hh, m->all, key, sizeof(mod->key), mod);
	if (!mod->hh.tbl) {
		free(mod);
		return -ENOMEM;
	}
	m->nr_new++;
	return 0;
}

int modules_see(struct modules *m, const struct mtr_event *ev)
{
	/* for each fault, too: nothing else of those is looked at */
	if (ev->kind != MTR_EV_VMA && ev->kind != MTR_EV_SNAP_VMA)
		return 0;
	return ev->vma.ino && ev->vma.prot & MTR_P_EXEC ? see_program(m, ev) : 0;
}

int modules_take(struct modules *m, const struct mtr_event *ev)
{
	const struct mtr_ev_module *e = &ev->module;
	struct module *mod, probe = { .key = { .ino = e->ino, .dev = e->dev } };

	HASH_FIND(hh, m->all, &probe.key, sizeof(probe.key), mod);
	if (!mod) {
		mod = calloc(1, sizeof(*mod));
		if (!mod)
			return -ENOMEM;
		mod->key = probe.key;
		HASH_ADD(hh, m->all, key, sizeof(mod->key), mod);
		if (!mod->hh.tbl) {
			free(mod);
			return -ENOMEM;
		}
	} else if (!mod->resolved) {
		m->nr_new--;
	}
	mod->as = ev->as;
	mod->path = e->path;
	mod->build_id = e->build_id;
	mod->resolved = true;
	return 0;
}

/* By the mapping, not by the path: also what was deleted, or lies in another mount namespace. */
static void look_up(struct modules *m, struct module *mod, uint32_t pid)
{
	char name[PATH_MAX + 32], path[PATH_MAX], hex[BUILDID_HEX_SZ];
	struct stat st;
	ssize_t n;
	int fd;

	snprintf(name, sizeof(name), "/proc/%u/map_files/%llx-%llx", pid,
		 (unsigned long long)mod->start, (unsigned long long)mod->end);
	n = readlink(name, path, sizeof(path));
	if (n > 0)
		mod->path = strtab_intern(m->st, path, (size_t)n);
	/* to open it takes a privilege that the daemon has not; by its path it may be another file by now */
	if (stat(name, &st))
		snprintf(name, sizeof(name), "/proc/%u/root%s", pid, strtab_str(m->st, mod->path));
	/* of a device even opening may do something */
	if (stat(name, &st) || !S_ISREG(st.st_mode) || st.st_ino != mod->key.ino)
		return;
	fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return;
	if (!fstat(fd, &st) && st.st_ino == mod->key.ino && !buildid_read(fd, hex, sizeof(hex)))
		mod->build_id = strtab_intern_str(m->st, hex);
	close(fd);
}

static int tell(const struct module *mod, uint64_t time_ns, event_sink_fn sink, void *ctx)
{
	struct mtr_event ev = { .kind = MTR_EV_MODULE, .as = mod->as, .time_ns = time_ns };

	ev.module = (struct mtr_ev_module){ .ino = mod->key.ino,
					    .dev = (uint32_t)mod->key.dev,
					    .path = mod->path,
					    .build_id = mod->build_id };
	return sink(ctx, &ev);
}

int modules_resolve(struct modules *m, uint32_t (*pid_of)(void *ctx, uint32_t as), void *pid_ctx,
		    event_sink_fn sink, void *ctx)
{
	int err = 0;

	for (struct module *mod = m->nr_new ? m->all : NULL; mod && !err; mod = mod->hh.next) {
		uint32_t pid;

		if (mod->resolved)
			continue;
		mod->resolved = true;
		m->nr_new--;
		pid = pid_of(pid_ctx, mod->as);
		if (pid)
			look_up(m, mod, pid);
		err = tell(mod, boot_ns(), sink, ctx);
	}
	return err;
}

int modules_tell(const struct modules *m, uint64_t time_ns, event_sink_fn sink, void *ctx)
{
	int err = 0;

	for (const struct module *mod = m->all; mod && !err; mod = mod->hh.next)
		if (mod->resolved)
			err = tell(mod, time_ns, sink, ctx);
	return err;
}
