// SPDX-License-Identifier: GPL-2.0
/*
 * Files that several processes map. Which file it is the open descriptor says, not a path:
 * device and inode, as long as it is open here, and when it was changed last, so that one
 * that was written over in place is another one. A compiler is started a thousand times
 * and read once.
 *
 * Who uses a file holds a reference; the table holds one more. Of files that only the
 * table has those that were asked for last stay: the next process maps them soon.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "sym/syms.h"
#include "util/hash.h"

struct shared {
	struct {
		uint64_t dev, ino, size; /* all 0: the kernel's own page */
		int64_t mtime, mtime_ns, ctime, ctime_ns;
	} key;
	struct elfmod *m;
	UT_hash_handle hh;
};

struct symfiles {
	struct shared *files; /* uthash by key; in the order in which they were asked for last */
	unsigned int keep;
	bool debuginfod;
};

struct symfiles *symfiles_new(unsigned int keep, bool debuginfod)
{
	struct symfiles *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->keep = keep;
	t->debuginfod = debuginfod;
	return t;
}

static void drop(struct symfiles *t, struct shared *f)
{
	HASH_DEL(t->files, f);
	elfmod_put(f->m);
	free(f);
}

void symfiles_free(struct symfiles *t)
{
	struct shared *f, *tmp;

	if (!t)
		return;
	HASH_ITER(hh, t->files, f, tmp)
		drop(t, f);
	free(t);
}

unsigned int symfiles_nr(const struct symfiles *t)
{
	return HASH_COUNT(t->files);
}

bool symfiles_debuginfod(const struct symfiles *t)
{
	return t->debuginfod;
}

void symfiles_trim(struct symfiles *t)
{
	struct shared *f, *tmp;
	unsigned int unused = 0;

	for (f = t->files; f; f = f->hh.next)
		unused += f->m->nr_refs == 1;
	HASH_ITER(hh, t->files, f, tmp) {
		if (unused <= t->keep)
			break;
		if (f->m->nr_refs > 1)
			continue;
		drop(t, f);
		unused--;
	}
}

static struct shared *find(struct symfiles *t, const struct shared *like)
{
	struct shared *f;

	HASH_FIND(hh, t->files, &like->key, sizeof(like->key), f);
	if (!f)
		return NULL;
	HASH_DEL(t->files, f);
	HASH_ADD(hh, t->files, key, sizeof(f->key), f);
	if (f->hh.tbl)
		return f;
	elfmod_put(f->m);
	free(f);
	return NULL;
}

/* @m is the caller's also when there is no memory to keep it for others. */
static struct elfmod *add(struct symfiles *t, const struct shared *like, struct elfmod *m)
{
	struct shared *f = m ? calloc(1, sizeof(*f)) : NULL;

	if (!f)
		return m;
	f->key = like->key;
	f->m = m;
	HASH_ADD(hh, t->files, key, sizeof(f->key), f);
	if (f->hh.tbl)
		m->nr_refs++;
	else
		free(f);
	symfiles_trim(t);
	return m;
}

static void identify(struct shared *f, const struct stat *st)
{
	memset(f, 0, sizeof(*f));
	f->key.dev = st->st_dev;
	f->key.ino = st->st_ino;
	f->key.size = (uint64_t)st->st_size;
	f->key.mtime = st->st_mtim.tv_sec;
	f->key.mtime_ns = st->st_mtim.tv_nsec;
	f->key.ctime = st->st_ctim.tv_sec;
	f->key.ctime_ns = st->st_ctim.tv_nsec;
}

struct elfmod *symfiles_open(struct symfiles *t, int fd, const char *path, const char *root)
{
	struct shared like, *f;
	struct stat st;

	if (fstat(fd, &st))
		return elfmod_open(fd, path, root, t->debuginfod);
	identify(&like, &st);
	f = find(t, &like);
	if (!f)
		return add(t, &like, elfmod_open(fd, path, root, t->debuginfod));
	close(fd);
	elfmod_see_root(f->m, root);
	f->m->nr_refs++;
	return f->m;
}

/* As the kernel has it in maps and events. */
static uint32_t kernel_dev(uint64_t dev)
{
	return major(dev) << 20 | minor(dev);
}

struct elfmod *symfiles_known(struct symfiles *t, uint32_t dev, uint64_t ino)
{
	struct shared *latest = NULL;

	for (struct shared *f = t->files; ino && f; f = f->hh.next)
		if (f->key.ino == ino && kernel_dev(f->key.dev) == dev)
			latest = f;
	if (!latest)
		return NULL;
	latest->m->nr_refs++;
	return latest->m;
}

struct elfmod *symfiles_memory(struct symfiles *t, const void *image, size_t sz, const char *name)
{
	struct shared like = { .m = NULL }, *f = find(t, &like);

	if (!f)
		return add(t, &like, elfmod_memory(image, sz, name));
	f->m->nr_refs++;
	return f->m;
}
