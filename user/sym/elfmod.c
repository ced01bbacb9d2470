// SPDX-License-Identifier: GPL-2.0
/*
 * Each file has a Dwfl of its own, in which it lies at its own addresses. So
 * nothing has to be told to libdwfl when a process maps or unmaps something.
 */
#include "sym/elfmod.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sym/srclines.h"
#include "sym/symtab.h"

#define MAX_LOADS 64

/* libdwfl keeps a pointer to the pointer for good, and reads it when it looks for a file. */
static char *search_path;

/* The servers are asked when the user says so, not because a login script names some. */
static char *without_servers(bool debuginfod)
{
	const char *urls = getenv("DEBUGINFOD_URLS");
	char *kept = !debuginfod && urls ? strdup(urls) : NULL;

	if (!debuginfod)
		unsetenv("DEBUGINFOD_URLS");
	return kept;
}

static void with_servers(char *kept)
{
	if (kept)
		setenv("DEBUGINFOD_URLS", kept, 1);
	free(kept);
}

static int find_debuginfo(Dwfl_Module *mod, void **userdata, const char *modname, Dwarf_Addr base,
			  const char *file, const char *link, GElf_Word crc, char **ret_file)
{
	const struct elfmod *m = userdata ? *userdata : NULL;
	const char *root = m ? m->root : "";
	char *urls = without_servers(!m || m->debuginfod);
	int fd;

	/* "+": the check sums in .gnu_debuglink count */
	if (asprintf(&search_path, "+:.debug:/usr/lib/debug%s%s%s", *root ? ":" : "", root,
		     *root ? "/usr/lib/debug" : "") < 0)
		search_path = NULL;
	fd = dwfl_standard_find_debuginfo(mod, userdata, modname, base, file, link, crc, ret_file);
	free(search_path);
	search_path = NULL;
	with_servers(urls);
	return fd;
}

static const Dwfl_Callbacks callbacks = {
	.find_debuginfo = find_debuginfo,
	.section_address = dwfl_offline_section_address,
	.debuginfo_path = &search_path,
};

static int read_loads(struct elfmod *m)
{
	GElf_Addr bias;
	Elf *elf = dwfl_module_getelf(m->mod, &bias);
	GElf_Ehdr eh;
	size_t nr;

	if (!elf || !gelf_getehdr(elf, &eh) || eh.e_machine != EM_X86_64 ||
	    gelf_getclass(elf) != ELFCLASS64 || elf_getphdrnum(elf, &nr))
		return -EINVAL;
	m->load = calloc(MAX_LOADS, sizeof(*m->load));
	if (!m->load)
		return -ENOMEM;
	for (size_t i = 0; i < nr && m->nr_loads < MAX_LOADS; i++) {
		GElf_Phdr ph;

		if (!gelf_getphdr(elf, (int)i, &ph) || ph.p_type != PT_LOAD)
			continue;
		m->load[m->nr_loads++] = (struct load){
			.offset = ph.p_offset,
			.vaddr = ph.p_vaddr + bias,
			.filesz = ph.p_filesz,
			.memsz = ph.p_memsz,
			.exec = ph.p_flags & PF_X,
			.write = ph.p_flags & PF_W,
		};
	}
	return m->nr_loads ? 0 : -EINVAL;
}

static struct elfmod *make(const char *path, const char *root, bool debuginfod)
{
	struct elfmod *m = calloc(1, sizeof(*m));
	const char *base = strrchr(path, '/');

	if (!m)
		return NULL;
	m->nr_refs = 1;
	m->debuginfod = debuginfod;
	m->name = strdup(base && base[1] ? base + 1 : path);
	m->root = strdup(root);
	if (m->name && m->root)
		return m;
	elfmod_put(m);
	return NULL;
}

static int report(struct elfmod *m, int fd, const char *path)
{
	void **userdata;

	m->dwfl = dwfl_begin(&callbacks);
	if (!m->dwfl) {
		close(fd);
		return -ENOMEM;
	}
	dwfl_report_begin(m->dwfl);
	m->mod = dwfl_report_elf(m->dwfl, m->name, path, fd, 0, true);
	if (!m->mod)
		close(fd);
	dwfl_report_end(m->dwfl, NULL, NULL);
	if (!m->mod)
		return -EINVAL;
	dwfl_module_info(m->mod, &userdata, NULL, NULL, NULL, NULL, NULL, NULL);
	*userdata = m;
	return read_loads(m);
}

struct elfmod *elfmod_open(int fd, const char *path, const char *root, bool debuginfod)
{
	struct elfmod *m = make(path, root, debuginfod);

	if (!m) {
		close(fd);
		return NULL;
	}
	if (report(m, fd, path)) {
		elfmod_put(m);
		return NULL;
	}
	return m;
}

/* Bytes of a build-id; 0: it is none. */
static int unhex(const char *hex, unsigned char *out, size_t sz)
{
	size_t n = strlen(hex) / 2;

	if (!n || n > sz || strlen(hex) % 2)
		return 0;
	for (size_t i = 0; i < n; i++)
		if (sscanf(hex + 2 * i, "%2hhx", &out[i]) != 1)
			return 0;
	return (int)n;
}

/* FOLDER/.build-id/ab/cdef…: where Debian and where Fedora have it */
static char build_id_path[] = "/usr/lib/debug:/usr/lib";
static char *build_id_folders = build_id_path;

static const Dwfl_Callbacks finders = {
	.find_elf = dwfl_build_id_find_elf,
	.find_debuginfo = dwfl_standard_find_debuginfo,
	.debuginfo_path = &build_id_folders,
};

int elfmod_find(const char *build_id, bool debuginfod)
{
	unsigned char id[64];
	int n = unhex(build_id, id, sizeof(id)), fd = -1;
	Dwfl *dwfl = n ? dwfl_begin(&finders) : NULL;
	void *userdata = NULL;
	char *urls, *file = NULL;
	Dwfl_Module *mod;
	Elf *elf = NULL;

	if (!dwfl)
		return -1;
	urls = without_servers(debuginfod);
	dwfl_report_begin(dwfl);
	/* any addresses: it is the file that is wanted, not where it lies */
	mod = dwfl_report_module(dwfl, build_id, 4096, 8192);
	if (mod && !dwfl_module_report_build_id(mod, id, (size_t)n, 4096))
		fd = dwfl_build_id_find_elf(mod, &userdata, build_id, 4096, &file, &elf);
	dwfl_report_end(dwfl, NULL, NULL);
	elf_end(elf);
	free(file);
	dwfl_end(dwfl);
	with_servers(urls);
	return fd;
}

struct elfmod *elfmod_memory(const void *image, size_t sz, const char *name)
{
	int fd = memfd_create(name, MFD_CLOEXEC);

	if (fd < 0)
		return NULL;
	if (write(fd, image, sz) != (ssize_t)sz) {
		close(fd);
		return NULL;
	}
	return elfmod_open(fd, name, "", false);
}

void elfmod_put(struct elfmod *m)
{
	if (!m || --m->nr_refs)
		return;
	cfi_fini(&m->cfi);
	symtab_free(m->symtab);
	srclines_free(m->lines);
	if (m->dwfl)
		dwfl_end(m->dwfl);
	free(m->load);
	free(m->name);
	free(m->root);
	free(m);
}

void elfmod_see_root(struct elfmod *m, const char *root)
{
	char *copy;

	/* what was found stays; the process that was asked may be gone, and its number another's */
	if (m->tried_symtab || m->tried_dwarf || !strcmp(m->root, root))
		return;
	copy = strdup(root);
	if (!copy)
		return;
	free(m->root);
	m->root = copy;
}

bool elfmod_bias(const struct elfmod *m, uint64_t start, uint64_t pgoff, bool exec,
		 uint64_t *ret_bias)
{
	const uint64_t page = 4096;

	/* a page may belong to two segments: the one with the same rights first */
	for (int same = 1; same >= 0; same--) {
		for (unsigned int i = 0; i < m->nr_loads; i++) {
			const struct load *l = &m->load[i];

			if (pgoff < (l->offset & ~(page - 1)) || pgoff >= l->offset + l->filesz ||
			    (same && l->exec != exec))
				continue;
			*ret_bias = start - (l->vaddr - l->offset + pgoff);
			return true;
		}
	}
	return false;
}

bool elfmod_read(struct elfmod *m, uint64_t addr, void *buf, size_t sz)
{
	GElf_Addr bias;
	Elf *elf = dwfl_module_getelf(m->mod, &bias);
	size_t len;
	const char *raw = elf ? elf_rawfile(elf, &len) : NULL;

	for (unsigned int i = 0; raw && i < m->nr_loads; i++) {
		const struct load *l = &m->load[i];
		uint64_t at = addr - l->vaddr;

		if (l->write || addr < l->vaddr || at >= l->filesz || sz > l->filesz - at)
			continue;
		if (l->offset > len || at > len - l->offset || sz > len - l->offset - at)
			return false;
		memcpy(buf, raw + l->offset + at, sz);
		return true;
	}
	return false;
}

const uint8_t *elfmod_build_id(struct elfmod *m, unsigned int *ret_sz)
{
	const unsigned char *bits = NULL;
	GElf_Addr at;
	int n = dwfl_module_build_id(m->mod, &bits, &at);

	*ret_sz = n > 0 ? (unsigned int)n : 0;
	return n > 0 ? bits : NULL;
}

Dwarf *elfmod_dwarf(struct elfmod *m, Dwarf_Addr *ret_bias)
{
	if (!m->tried_dwarf) {
		m->tried_dwarf = true;
		m->dwarf = dwfl_module_getdwarf(m->mod, &m->dwarf_bias);
	}
	*ret_bias = m->dwarf_bias;
	return m->dwarf;
}
