// SPDX-License-Identifier: GPL-2.0
#include "sym/symtab.h"

#include <gelf.h>
#include <stdlib.h>
#include <string.h>
#include "sym/elfmod.h"
#include "sym/sym.h"

struct sym {
	uint64_t addr, size; /* size 0: up to the next one */
	const char *raw; /* owned by libelf */
	char *shown; /* demangled, once asked for; NULL: not yet, or the same */
	bool data, asked;
	uint8_t rank; /* of several at one address the highest is shown */
};

struct symtab {
	struct sym *sym; /* by address */
	unsigned int nr;
};

/* Global before weak before local; a name that people wrote before one that is reserved. */
static uint8_t rank(const GElf_Sym *s, const char *name)
{
	uint8_t r = 0;

	if (GELF_ST_BIND(s->st_info) == STB_GLOBAL)
		r = 4;
	else if (GELF_ST_BIND(s->st_info) == STB_WEAK)
		r = 2;
	if (s->st_size)
		r += 8;
	return r + (name[0] != '_');
}

static bool wanted(const GElf_Sym *s, const char *name, const Elf *elf, GElf_Word shndx)
{
	int type = GELF_ST_TYPE(s->st_info);

	if (!name || !*name || !elf || shndx == SHN_UNDEF || shndx == SHN_ABS)
		return false;
	return type == STT_FUNC || type == STT_GNU_IFUNC || type == STT_OBJECT ||
	       type == STT_NOTYPE;
}

static int by_addr(const void *pa, const void *pb)
{
	const struct sym *a = pa, *b = pb;

	if (a->addr != b->addr)
		return a->addr < b->addr ? -1 : 1;
	if (a->data != b->data)
		return a->data - b->data;
	if (a->rank != b->rank)
		return b->rank - a->rank;
	return strcmp(a->raw, b->raw);
}

static bool in_text(const struct elfmod *m, uint64_t addr)
{
	for (unsigned int i = 0; i < m->nr_loads; i++)
		if (addr - m->load[i].vaddr < m->load[i].memsz)
			return m->load[i].exec;
	return false;
}

static void add_all(struct symtab *t, struct elfmod *m, int nr)
{
	for (int i = 0; i < nr; i++) {
		GElf_Addr addr, bias;
		GElf_Word shndx;
		GElf_Sym s;
		Elf *elf;
		const char *name =
			dwfl_module_getsym_info(m->mod, i, &s, &addr, &shndx, &elf, &bias);
		struct sym *to = &t->sym[t->nr];

		if (!wanted(&s, name, elf, shndx))
			continue;
		*to = (struct sym){ .addr = addr, .size = s.st_size, .raw = name };
		to->data = GELF_ST_TYPE(s.st_info) == STT_OBJECT ||
			   (GELF_ST_TYPE(s.st_info) == STT_NOTYPE && !in_text(m, addr));
		to->rank = rank(&s, name);
		t->nr++;
	}
}

struct symtab *symtab_new(struct elfmod *m)
{
	struct symtab *t = calloc(1, sizeof(*t));
	unsigned int nr = 0;
	int n;

	if (!t)
		return NULL;
	n = dwfl_module_getsymtab(m->mod);
	if (n <= 0)
		return t;
	t->sym = calloc((size_t)n, sizeof(*t->sym));
	if (!t->sym) {
		free(t);
		return NULL;
	}
	add_all(t, m, n);
	if (!t->nr)
		return t;
	qsort(t->sym, t->nr, sizeof(*t->sym), by_addr);
	for (unsigned int i = 0; i < t->nr; i++)
		if (!nr || t->sym[nr - 1].addr != t->sym[i].addr ||
		    t->sym[nr - 1].data != t->sym[i].data)
			t->sym[nr++] = t->sym[i];
	t->nr = nr;
	return t;
}

void symtab_free(struct symtab *t)
{
	if (!t)
		return;
	for (unsigned int i = 0; i < t->nr; i++)
		free(t->sym[i].shown);
	free(t->sym);
	free(t);
}

static const char *shown(struct sym *s)
{
	if (!s->asked) {
		const char *version = strchr(s->raw, '@');

		s->asked = true;
		/* "clock_nanosleep@@GLIBC_2.17": which of a library's versions is not of interest */
		s->shown = version && version != s->raw ? strndup(s->raw, version - s->raw) :
							  sym_demangle(s->raw);
	}
	return s->shown ? s->shown : s->raw;
}

/* First symbol above @addr. */
static unsigned int above(const struct symtab *t, uint64_t addr)
{
	unsigned int lo = 0, hi = t->nr;

	while (lo < hi) {
		unsigned int mid = lo + (hi - lo) / 2;

		if (t->sym[mid].addr <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

const char *symtab_find(struct symtab *t, uint64_t addr, bool data, uint64_t *ret_offset)
{
	/* nested symbols are rare and small: a few steps back find the one around */
	for (unsigned int i = above(t, addr), tries = 0; i-- && tries < 16; tries++) {
		struct sym *s = &t->sym[i];

		if (s->data != data || (s->size && addr - s->addr >= s->size))
			continue;
		*ret_offset = addr - s->addr;
		return shown(s);
	}
	return NULL;
}

bool symtab_addr(const struct symtab *t, const char *name, uint64_t *ret_addr)
{
	for (unsigned int i = 0; i < t->nr; i++) {
		if (t->sym[i].data || strcmp(t->sym[i].raw, name))
			continue;
		*ret_addr = t->sym[i].addr;
		return true;
	}
	return false;
}

/* "ns::add(int, int)" and "add<T>" are asked for as "ns::add" or "add" */
static bool is_called(const char *full, const char *name)
{
	size_t len = strcspn(full, "(<"), want = strlen(name);

	if (!strcmp(full, name))
		return true;
	if (len < want || strncmp(full + len - want, name, want))
		return false;
	return len == want || (full[len - want - 1] == ':' && len - want >= 2);
}

bool symtab_named(struct symtab *t, const char *name, unsigned int *next, uint64_t *ret_addr)
{
	while (*next < t->nr) {
		struct sym *s = &t->sym[(*next)++];

		if (s->data || (strcmp(s->raw, name) && !is_called(shown(s), name)))
			continue;
		*ret_addr = s->addr;
		return true;
	}
	return false;
}
