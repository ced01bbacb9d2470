// SPDX-License-Identifier: GPL-2.0
#include "sym/syms.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sym/buildid.h"
#include "sym/srclines.h"
#include "sym/symtab.h"

#define DELETED " (deleted)"

struct syms *syms_new(pid_t pid, bool debuginfod)
{
	struct syms *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->pid = pid;
	s->debuginfod = debuginfod;
	if (pid)
		snprintf(s->root, sizeof(s->root), "/proc/%d/root", pid);
	return s;
}

struct syms *syms_new_sharing(pid_t pid, struct symfiles *files)
{
	struct syms *s = syms_new(pid, symfiles_debuginfod(files));

	if (s)
		s->shared = files;
	return s;
}

static void free_maps(struct mapping *map, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++) {
		free(map[i].path);
		free(map[i].build_id);
	}
	free(map);
}

static void forget_names(struct syms *s)
{
	struct named *n, *tmp;

	HASH_ITER(hh, s->named, n, tmp) {
		HASH_DEL(s->named, n);
		free(n->addr);
		free(n);
	}
}

void syms_free(struct syms *s)
{
	struct symfile *f, *tmp;

	if (!s)
		return;
	forget_names(s);
	free_maps(s->map, s->nr);
	HASH_ITER(hh, s->files, f, tmp) {
		HASH_DEL(s->files, f);
		elfmod_put(f->m);
		free(f->name);
		free(f);
	}
	perfmap_free(s->perfmap);
	if (s->shared)
		symfiles_trim(s->shared);
	free(s);
}

int syms_set_maps(struct syms *s, const struct sym_map *map, unsigned int nr)
{
	struct mapping *m = calloc(nr + 1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	for (unsigned int i = 0; i < nr; i++) {
		m[i] = (struct mapping){ .start = map[i].start,
					 .end = map[i].end,
					 .pgoff = map[i].pgoff,
					 .exec = map[i].exec,
					 .ino = map[i].ino,
					 .dev = map[i].dev,
					 .path = strdup(map[i].path) };
		if (map[i].build_id)
			m[i].build_id = strdup(map[i].build_id);
		if (!m[i].path || (map[i].build_id && !m[i].build_id)) {
			free_maps(m, i + 1);
			return -ENOMEM;
		}
	}
	forget_names(s);
	free_maps(s->map, s->nr);
	s->map = m;
	s->nr = nr;
	perfmap_free(s->perfmap);
	s->perfmap = NULL;
	s->tried_perfmap = false;
	return 0;
}

/* A regular file only: what stands at the path now may be a FIFO that never answers. */
static int open_regular(const char *path, struct stat *st)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return -1;
	if (!fstat(fd, st) && S_ISREG(st->st_mode))
		return fd;
	close(fd);
	return -1;
}

/* What was found on this machine is the file of a recorded process only if it says so itself. */
static int if_same_id(int fd, const char *build_id)
{
	char hex[BUILDID_HEX_SZ];

	if (fd < 0 || (!buildid_read(fd, hex, sizeof(hex)) && !strcmp(hex, build_id)))
		return fd;
	close(fd);
	return -1;
}

/* At its path; else what somebody keeps under its build-id. */
static int open_recorded(const struct syms *s, const struct mapping *m)
{
	struct stat st;
	int fd;

	if (!m->build_id || *m->path != '/')
		return -1;
	fd = if_same_id(open_regular(m->path, &st), m->build_id);
	return fd >= 0 ? fd : if_same_id(elfmod_find(m->build_id, s->debuginfod), m->build_id);
}

/* What is there now under that name counts only if it is the same file. */
static int open_same(const char *path, const struct mapping *m)
{
	struct stat st;
	int fd = open_regular(path, &st);

	if (fd < 0 || st.st_ino == m->ino)
		return fd;
	close(fd);
	return -1;
}

/*
 * The process has ended: by its path as we see it. Of what it mapped in its last
 * moments only the name is known; libraries lie in few folders.
 */
static int open_without(const struct syms *s, const struct mapping *m)
{
	const char *base = strrchr(m->path, '/');
	char path[4096 + 64];
	int fd = -1;

	if (base)
		return open_same(m->path, m);
	for (unsigned int i = 0; i < s->nr && fd < 0; i++) {
		const struct mapping *o = &s->map[i];
		const char *end = strrchr(o->path, '/');

		if (!end || !o->exec || o->path[0] != '/')
			continue;
		snprintf(path, sizeof(path), "%.*s/%s", (int)(end - o->path), o->path, m->path);
		fd = open_same(path, m);
	}
	return fd;
}

static int open_file(const struct syms *s, const struct mapping *m)
{
	char path[4096 + 64];
	struct stat st;
	int fd;

	if (!s->pid)
		return open_recorded(s, m);
	snprintf(path, sizeof(path), "/proc/%d/map_files/%llx-%llx", s->pid,
		 (unsigned long long)m->start, (unsigned long long)m->end);
	fd = open_regular(path, &st);
	if (fd >= 0)
		return fd;
	snprintf(path, sizeof(path), "%s%s", s->root, m->path);
	fd = open_same(path, m);
	return fd >= 0 ? fd : open_without(s, m);
}

static bool is_vdso(const struct mapping *m)
{
	return !strcmp(m->path, "[vdso]");
}

/* The kernel gives every process the same page: ours is as good as theirs. */
static struct elfmod *open_vdso(const struct syms *s, const struct mapping *m)
{
	const void *image = (const void *)getauxval(AT_SYSINFO_EHDR);
	size_t sz = m->end - m->start;

	if (!image || sz > 4 * 4096)
		return NULL;
	return s->shared ? symfiles_memory(s->shared, image, sz, "[vdso]") :
			   elfmod_memory(image, sz, "[vdso]");
}

static char *module_name(const char *path)
{
	const char *base = strrchr(path, '/');
	char *name = strdup(base && base[1] ? base + 1 : path), *end;

	end = name ? strstr(name, DELETED) : NULL;
	if (end && end != name && !end[sizeof(DELETED) - 1])
		*end = '\0';
	return name;
}

static struct elfmod *open_elf(const struct syms *s, const struct mapping *m)
{
	char *path;
	struct elfmod *elf;
	size_t len;
	int fd = open_file(s, m);

	/* its process ended before anybody looked: another one had the same file */
	if (fd < 0)
		return s->shared ? symfiles_known(s->shared, m->dev, m->ino) : NULL;
	path = strdup(m->path);
	if (!path) {
		close(fd);
		return NULL;
	}
	len = strlen(path);
	if (len > sizeof(DELETED) - 1 && !strcmp(path + len - (sizeof(DELETED) - 1), DELETED))
		path[len - (sizeof(DELETED) - 1)] = '\0';
	elf = s->shared ? symfiles_open(s->shared, fd, path, s->root) :
			  elfmod_open(fd, path, s->root, s->debuginfod);
	free(path);
	return elf;
}

static struct symfile *file_of(struct syms *s, const struct mapping *m)
{
	struct symfile *f, key = { .key = { .ino = m->ino, .dev = m->dev, .vdso = is_vdso(m) } };

	if (!m->ino && !key.key.vdso)
		return NULL;
	HASH_FIND(hh, s->files, &key.key, sizeof(key.key), f);
	if (f)
		return f;
	f = calloc(1, sizeof(*f));
	if (!f)
		return NULL;
	f->key = key.key;
	f->name = module_name(m->path);
	if (!key.key.vdso)
		f->m = open_elf(s, m);
	else if (s->pid) /* a recorded process may have had another kernel */
		f->m = open_vdso(s, m);
	if (f->name)
		HASH_ADD(hh, s->files, key, sizeof(f->key), f);
	if (f->hh.tbl)
		return f;
	elfmod_put(f->m);
	free(f->name);
	free(f);
	return NULL;
}

static struct mapping *find_mapping(const struct syms *s, uint64_t addr)
{
	unsigned int lo = 0, hi = s->nr;

	while (lo < hi) {
		unsigned int mid = lo + (hi - lo) / 2;

		if (s->map[mid].end <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < s->nr && s->map[lo].start <= addr ? &s->map[lo] : NULL;
}

bool syms_maps(const struct syms *s, uint64_t pc)
{
	return find_mapping(s, pc);
}

struct mapping *syms_mapping(struct syms *s, uint64_t addr)
{
	struct mapping *m = find_mapping(s, addr);

	if (m && !m->tried) {
		m->tried = true;
		m->file = file_of(s, m);
		m->placed = m->file && m->file->m &&
			    elfmod_bias(m->file->m, m->start, m->pgoff, m->exec, &m->bias);
	}
	return m;
}

struct symtab *elfmod_symtab(struct elfmod *m)
{
	if (!m->tried_symtab) {
		m->tried_symtab = true;
		m->symtab = symtab_new(m);
	}
	return m->symtab;
}

struct srclines *elfmod_lines(struct elfmod *m, Dwarf_Addr *ret_bias)
{
	Dwarf *dw = elfmod_dwarf(m, ret_bias);

	if (dw && !m->lines)
		m->lines = srclines_new(dw);
	return m->lines;
}

/* What is found of an address before it is known how much room it takes. */
struct finding {
	const char *module;
	uint64_t offset, func_offset;
	bool func;
	unsigned int nr;
	struct sym_name name[SYM_MAX_INLINED];
};

static void name_elf(struct elfmod *m, uint64_t addr, struct finding *f)
{
	struct symtab *tab = elfmod_symtab(m);
	const char *fn = tab ? symtab_find(tab, addr, false, &f->func_offset) : NULL;
	struct srclines *lines;
	Dwarf_Addr bias = 0;

	f->func = fn;
	lines = elfmod_lines(m, &bias);
	if (lines)
		f->nr = srclines_find(lines, addr - bias, fn, f->name);
	if (!f->nr)
		f->name[0].function = fn;
}

static void name_jit(struct syms *s, uint64_t pc, struct finding *f)
{
	if (!s->tried_perfmap) {
		s->tried_perfmap = true;
		s->perfmap = perfmap_open(s->pid, s->root);
	}
	if (s->perfmap)
		f->name[0].function = perfmap_find(s->perfmap, pc, &f->func_offset);
	f->func = f->name[0].function;
}

static void name_pc(struct syms *s, uint64_t pc, struct finding *f)
{
	struct mapping *m = syms_mapping(s, pc);

	memset(f, 0, sizeof(*f));
	f->offset = pc;
	if (m && m->file) {
		f->module = m->file->name;
		f->offset = m->placed ? pc - m->bias : pc - m->start + m->pgoff;
	}
	if (m && m->file && m->placed)
		name_elf(m->file->m, f->offset, f);
	else if (m && m->exec && s->pid) /* a JIT's memory may be shared, and that has a file */
		name_jit(s, pc, f);
	if (!f->nr)
		f->nr = 1;
}

static struct sym_addr *found(struct syms *s, uint64_t pc)
{
	struct sym_addr *a;
	struct finding f;
	size_t names;

	name_pc(s, pc, &f);
	names = f.nr * sizeof(f.name[0]);
	a = malloc(sizeof(*a) + names);
	if (!a)
		return NULL;
	a->module = f.module;
	a->offset = f.offset;
	a->func = f.func ? pc - f.func_offset : 0;
	a->nr = f.nr;
	memcpy(a->name, f.name, names);
	return a;
}

const struct sym_addr *syms_addr(struct syms *s, uint64_t pc)
{
	struct named *n;

	HASH_FIND(hh, s->named, &pc, sizeof(pc), n);
	if (n)
		return n->addr;
	n = calloc(1, sizeof(*n));
	if (!n)
		return NULL;
	n->pc = pc;
	n->addr = found(s, pc);
	if (n->addr)
		HASH_ADD(hh, s->named, pc, sizeof(n->pc), n);
	if (n->hh.tbl)
		return n->addr;
	free(n->addr);
	free(n);
	return NULL;
}

bool syms_module(struct syms *s, uint64_t pc, struct sym_module *ret)
{
	struct mapping *m = syms_mapping(s, pc);

	if (!m)
		return false;
	*ret = (struct sym_module){ m->start, m->end, m->pgoff, m->path, NULL, 0 };
	if (m->file && m->file->m)
		ret->build_id = elfmod_build_id(m->file->m, &ret->build_id_sz);
	return true;
}

const char *syms_data(struct syms *s, uint64_t addr, uint64_t *ret_offset)
{
	struct mapping *m = syms_mapping(s, addr);
	struct symtab *tab;

	/* the tail of .bss is anonymous memory behind the file */
	for (unsigned int back = 0; m && !m->placed && back < 2 && m > s->map; back++)
		m = m[-1].end == m->start ? syms_mapping(s, m[-1].start) : NULL;
	if (!m || !m->placed)
		return NULL;
	tab = elfmod_symtab(m->file->m);
	return tab ? symtab_find(tab, addr - m->bias, true, ret_offset) : NULL;
}
