/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One ELF file and what is known of it, by addresses as they are in the file
 * (p_vaddr), so that many processes can share it wherever they mapped it.
 * Inside sym/ only.
 */
#ifndef SYM_ELFMOD_H
#define SYM_ELFMOD_H

#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <stdbool.h>
#include <stdint.h>
#include "sym/cfi.h"

struct load {
	uint64_t offset, vaddr, filesz, memsz;
	bool exec, write;
};

struct symtab;
struct srclines;

struct elfmod {
	unsigned int nr_refs;
	Dwfl *dwfl;
	Dwfl_Module *mod;
	char *name; /* without its directory */
	char *root; /* prefix of the file system the process sees; "" : ours */
	bool debuginfod;
	struct load *load;
	unsigned int nr_loads;
	/* each is made when first wanted */
	struct symtab *symtab;
	struct srclines *lines;
	struct cfi_cache cfi;
	bool tried_symtab, tried_dwarf;
	Dwarf *dwarf; /* NULL: none */
	Dwarf_Addr dwarf_bias;
};

/**
 * elfmod_open() - an ELF file from a descriptor
 * @fd: consumed, also on failure; −1: @image is used
 * @path: as the process sees it: where its debug information is looked for
 * @root: "/proc/PID/root", or ""
 *
 * Returns NULL for what is not ELF, or when memory is short.
 */
struct elfmod *elfmod_open(int fd, const char *path, const char *root, bool debuginfod);
/**
 * elfmod_find() - a program or library that is not where it was recorded, by its build-id
 * @build_id: in hexadecimal
 * @debuginfod: when no folder has it, the servers in DEBUGINFOD_URLS are asked
 *
 * Returns a descriptor, or −1. Whether it is the file that was wanted is for the caller to see.
 */
int elfmod_find(const char *build_id, bool debuginfod);

/* elfmod_memory() - the same from an image in memory, which is copied */
struct elfmod *elfmod_memory(const void *image, size_t sz, const char *name);
void elfmod_put(struct elfmod *m);
/* elfmod_see_root() - another process has it mapped, too: its debug information is looked for where that one is */
void elfmod_see_root(struct elfmod *m, const char *root);

/* elfmod_bias() - what to add to the file's addresses where @pgoff of it is mapped at @start */
bool elfmod_bias(const struct elfmod *m, uint64_t start, uint64_t pgoff, bool exec,
		 uint64_t *ret_bias);

/* elfmod_read() - bytes of segments that nobody writes; false: not there */
bool elfmod_read(struct elfmod *m, uint64_t addr, void *buf, size_t sz);

/* elfmod_build_id() - of its notes; NULL: it has none */
const uint8_t *elfmod_build_id(struct elfmod *m, unsigned int *ret_sz);

/* elfmod_dwarf() - debug information, here or in a file of its own; NULL: none. Add the bias to its addresses */
Dwarf *elfmod_dwarf(struct elfmod *m, Dwarf_Addr *ret_bias);

/* elfmod_symtab(), elfmod_lines() - made when first asked for; NULL: none. lines: add the bias to addresses */
struct symtab *elfmod_symtab(struct elfmod *m);
struct srclines *elfmod_lines(struct elfmod *m, Dwarf_Addr *ret_bias);

/* elfmod_cfi() - how to unwind one frame at @addr; NULL: nothing tells. Valid until cfi_fini() */
const struct cfi_row *elfmod_cfi(struct elfmod *m, uint64_t addr);

#endif
