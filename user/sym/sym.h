/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Names: which function, line and module an address belongs to. A process is
 * here what it has mapped; the files behind that are opened when an address in
 * them is asked for, and only then. Nothing is read from the process itself.
 *
 *   maps ──► struct syms ──► struct elfmod, one a file: symbols, CFI, DWARF
 *
 * A file is opened through /proc/PID/map_files, which is the very file that is
 * mapped, even when it was deleted or replaced; where that is forbidden by its
 * path below /proc/PID/root, and then only if it is the same inode.
 */
#ifndef SYM_SYM_H
#define SYM_SYM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct syms;
struct symfiles;

/**
 * symfiles_new() - files that several processes have mapped, so that each is read once
 * @keep: of those that no process has mapped any more so many stay open, asked for last
 * @debuginfod: as in syms_new()
 *
 * symfiles_free() is for when all syms that share it are gone. Returns NULL when memory is short.
 */
struct symfiles *symfiles_new(unsigned int keep, bool debuginfod);
void symfiles_free(struct symfiles *t); /* safe on NULL */
/* symfiles_nr() - ELF files that are open */
unsigned int symfiles_nr(const struct symfiles *t);

/* One mapping; strings are borrowed for the call. */
struct sym_map {
	uint64_t start, end;
	uint64_t pgoff; /* bytes */
	uint64_t ino; /* 0: no file */
	uint32_t dev; /* (major << 20) | minor */
	bool exec, write;
	const char *path; /* as in maps, with " (deleted)"; "" for none */
	const char *
		build_id; /* hexadecimal; NULL: not known. Of a recorded process only this tells its file */
};

/**
 * syms_new() - the names of one process
 * @pid: files are opened through its /proc directory; 0: of a recorded process. Then a file counts
 *	that has the same build-id, and lies on this machine at the path or in a folder .build-id
 * @debuginfod: missing debug information, and missing files of a recorded process, may be fetched from
 *	the servers in DEBUGINFOD_URLS
 *
 * Returns NULL when memory is short.
 */
struct syms *syms_new(pid_t pid, bool debuginfod);
/* syms_new_sharing() - the same; a file that another process in @files has mapped is not read again */
struct syms *syms_new_sharing(pid_t pid, struct symfiles *files);
void syms_free(struct syms *s);

/* syms_set_maps() - what is mapped now, in address order; files stay open from call to call. 0 or −ENOMEM */
int syms_set_maps(struct syms *s, const struct sym_map *map, unsigned int nr);

/* One function at one address. An inlined call has several: innermost first. Strings live as long as syms. */
struct sym_name {
	const char *function; /* demangled; NULL: not known */
	const char *file; /* NULL: not known */
	unsigned int line; /* 0: not known */
	bool inlined;
};

#define SYM_MAX_INLINED 32

struct sym_addr {
	const char *module; /* file name without its directory, "[vdso]"; NULL: not in a file */
	uint64_t offset; /* address as in that file; without a module: as given */
	uint64_t func; /* where the function begins in memory; 0: not known */
	unsigned int nr; /* names; at least 1 */
	struct sym_name name[];
};

/**
 * syms_addr() - name a code address
 * @pc: for a frame that made a call: its pc − 1, so that the call is named and not what follows
 *
 * Named once and kept, until the maps are set again. NULL: memory is short.
 */
const struct sym_addr *syms_addr(struct syms *s, uint64_t pc);

/* syms_maps() - is @pc in one of the mappings that were set? */
bool syms_maps(const struct syms *s, uint64_t pc);

/* The file that an address is mapped from. Pointers are valid until the maps are set again. */
struct sym_module {
	uint64_t start, end, pgoff; /* of the mapping */
	const char *path; /* as in maps; "" for none */
	const uint8_t *build_id;
	unsigned int build_id_sz; /* 0: none is known */
};

/* syms_module() - what is mapped at @pc; false: nothing is known there */
bool syms_module(struct syms *s, uint64_t pc, struct sym_module *ret);

/* syms_data() - the variable that an address lies in; NULL: none known. Valid as long as syms */
const char *syms_data(struct syms *s, uint64_t addr, uint64_t *ret_offset);

/* A place to stop at: behind what a function does before its own first line. */
struct sym_place {
	uint64_t entry, body; /* in memory; the same when no line table tells */
};

/**
 * syms_function() - the functions that people would call @name, in the order of their addresses
 *
 * Looks through the symbols of every file that is mapped. Returns how many were written, at most @max.
 */
unsigned int syms_function(struct syms *s, const char *name, struct sym_place *ret,
			   unsigned int max);

/* sym_demangle() - a C++ or Rust name as written in the language; malloced; NULL: it is not mangled */
char *sym_demangle(const char *name);

#endif
