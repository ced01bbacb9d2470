/* SPDX-License-Identifier: GPL-2.0 */
/* What a process has mapped, with the files behind it. Inside sym/ only. */
#ifndef SYM_SYMS_H
#define SYM_SYMS_H

#include "sym/elfmod.h"
#include "sym/sym.h"

/* A file that was looked for: found or not, it is not looked for again. */
struct symfile {
	struct {
		uint64_t ino;
		uint32_t dev;
		uint32_t vdso; /* 1: the kernel's own page */
	} key;
	struct elfmod *m; /* NULL: cannot be read, or is not ELF */
	char *name; /* of the module, also when the file cannot be read */
	UT_hash_handle hh;
};

struct mapping {
	uint64_t start, end, pgoff;
	bool exec;
	char *path;
	char *build_id; /* NULL: not known */
	struct symfile *file; /* NULL: not looked for yet, or none */
	bool tried;
	bool placed; /* bias is known */
	uint64_t bias; /* address − address in the file */
	uint64_t ino;
	uint32_t dev;
};

/* A code address that was named. */
struct named {
	uint64_t pc; /* key */
	struct sym_addr *addr;
	UT_hash_handle hh;
};

struct perfmap;

struct syms {
	pid_t pid; /* 0: recorded, on this machine or another */
	bool debuginfod;
	char root[32]; /* "/proc/PID/root", or "" */
	struct mapping *map; /* by address */
	unsigned int nr;
	struct symfile *files; /* uthash by key */
	struct symfiles *shared; /* NULL: nobody else has them */
	struct perfmap *perfmap;
	bool tried_perfmap;
	struct named *named; /* uthash by pc */
};

/* syms_mapping() - the mapping of an address; NULL: none. Its file is opened if it is one */
struct mapping *syms_mapping(struct syms *s, uint64_t addr);

/* symfiles_open(), symfiles_memory() - as elfmod_open(), elfmod_memory(); elfmod_put() gives it back */
struct elfmod *symfiles_open(struct symfiles *t, int fd, const char *path, const char *root);
struct elfmod *symfiles_memory(struct symfiles *t, const void *image, size_t sz, const char *name);
bool symfiles_debuginfod(const struct symfiles *t);
/* symfiles_trim() - files were given back: close what is too much */
void symfiles_trim(struct symfiles *t);
/*
 * symfiles_known() - what was opened of that device (as maps has it) and inode last, also to be given back; NULL: nothing.
 * While it is open here the number of its inode is no other file's.
 */
struct elfmod *symfiles_known(struct symfiles *t, uint32_t dev, uint64_t ino);

/* perfmap_open() - what a JIT has written of its code in /tmp/perf-PID.map; NULL: nothing */
struct perfmap *perfmap_open(pid_t pid, const char *root);
void perfmap_free(struct perfmap *p);
const char *perfmap_find(const struct perfmap *p, uint64_t addr, uint64_t *ret_offset);

#endif
