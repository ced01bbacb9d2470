// SPDX-License-Identifier: GPL-2.0
#include "sym/srclines.h"

#include <dwarf.h>
#include <stdlib.h>
#include <string.h>
#include "sym/elfmod.h"
#include "util/hash.h"

/* Nesting of namespaces and blocks beyond this is not from a compiler. */
#define MAX_DEPTH 64
#define MAX_RANGES 4000000u

struct range {
	uint64_t lo, hi; /* [lo, hi) */
	Dwarf_Off die; /* a unit or a subprogram */
};

struct ranges {
	struct range *r; /* by lo */
	unsigned int nr, room;
};

/* The functions of one unit. */
struct unit {
	Dwarf_Off die; /* key */
	struct ranges fns;
	UT_hash_handle hh;
};

/* Demangled names by the place of the mangled one in the string section. */
struct nice {
	const char *raw; /* key */
	char *text;
	UT_hash_handle hh;
};

struct srclines {
	Dwarf *dw;
	struct ranges units;
	struct unit *unit; /* uthash by die */
	struct nice *nice; /* uthash by raw */
};

static int add(struct ranges *t, uint64_t lo, uint64_t hi, Dwarf_Off die)
{
	if (lo >= hi || !lo) /* 0: the linker dropped it */
		return 0;
	if (t->nr == t->room) {
		unsigned int room = t->room ? t->room * 2 : 64;
		struct range *r = room > MAX_RANGES ? NULL : realloc(t->r, room * sizeof(*r));

		if (!r)
			return -1;
		t->r = r;
		t->room = room;
	}
	t->r[t->nr++] = (struct range){ lo, hi, die };
	return 0;
}

static int add_die(struct ranges *t, Dwarf_Die *die)
{
	Dwarf_Addr base, lo, hi;
	ptrdiff_t off = 0;

	while ((off = dwarf_ranges(die, off, &base, &lo, &hi)) > 0)
		if (add(t, lo, hi, dwarf_dieoffset(die)))
			return -1;
	return 0;
}

static int by_lo(const void *pa, const void *pb)
{
	const struct range *a = pa, *b = pb;

	if (a->lo != b->lo)
		return a->lo < b->lo ? -1 : 1;
	return a->hi < b->hi ? -1 : a->hi > b->hi;
}

static void sort(struct ranges *t)
{
	if (t->nr)
		qsort(t->r, t->nr, sizeof(*t->r), by_lo);
}

static const struct range *find(const struct ranges *t, uint64_t addr)
{
	unsigned int lo = 0, hi = t->nr;

	while (lo < hi) {
		unsigned int mid = lo + (hi - lo) / 2;

		if (t->r[mid].lo <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (unsigned int tries = 0; lo-- && tries < 8; tries++)
		if (addr < t->r[lo].hi)
			return &t->r[lo];
	return NULL;
}

/* A unit without ranges of its own: those of its functions are in its line table. */
static int add_unit(struct srclines *l, Dwarf_Die *cu)
{
	return add_die(&l->units, cu);
}

struct srclines *srclines_new(Dwarf *dw)
{
	struct srclines *l = calloc(1, sizeof(*l));
	Dwarf_CU *cu = NULL;
	Dwarf_Die die;

	if (!l)
		return NULL;
	l->dw = dw;
	while (!dwarf_get_units(dw, cu, &cu, NULL, NULL, &die, NULL))
		if (dwarf_tag(&die) == DW_TAG_compile_unit && add_unit(l, &die))
			break;
	sort(&l->units);
	return l;
}

void srclines_free(struct srclines *l)
{
	struct unit *u, *utmp;
	struct nice *n, *ntmp;

	if (!l)
		return;
	HASH_ITER(hh, l->unit, u, utmp) {
		HASH_DEL(l->unit, u);
		free(u->fns.r);
		free(u);
	}
	HASH_ITER(hh, l->nice, n, ntmp) {
		HASH_DEL(l->nice, n);
		free(n->text);
		free(n);
	}
	free(l->units.r);
	free(l);
}

static bool holds_functions(int tag)
{
	return tag == DW_TAG_namespace || tag == DW_TAG_structure_type ||
	       tag == DW_TAG_class_type || tag == DW_TAG_union_type ||
	       tag == DW_TAG_enumeration_type || tag == DW_TAG_module;
}

static void collect(struct ranges *t, Dwarf_Die *parent, int depth)
{
	Dwarf_Die die;

	if (depth > MAX_DEPTH || dwarf_child(parent, &die))
		return;
	do {
		int tag = dwarf_tag(&die);

		if (tag == DW_TAG_subprogram)
			add_die(t, &die);
		/* Fortran, Ada and Rust nest functions in functions */
		if (tag == DW_TAG_subprogram || holds_functions(tag))
			collect(t, &die, depth + 1);
	} while (!dwarf_siblingof(&die, &die));
}

static struct unit *unit_of(struct srclines *l, Dwarf_Off off, Dwarf_Die *cu)
{
	struct unit *u;

	HASH_FIND(hh, l->unit, &off, sizeof(off), u);
	if (u)
		return u;
	u = calloc(1, sizeof(*u));
	if (!u)
		return NULL;
	u->die = off;
	collect(&u->fns, cu, 0);
	sort(&u->fns);
	HASH_ADD(hh, l->unit, die, sizeof(u->die), u);
	if (u->hh.tbl)
		return u;
	free(u->fns.r);
	free(u);
	return NULL;
}

static bool find_unit(struct srclines *l, uint64_t addr, Dwarf_Die *ret_cu)
{
	const struct range *r = find(&l->units, addr);

	return r && dwarf_offdie(l->dw, r->die, ret_cu);
}

bool srclines_function(struct srclines *l, uint64_t addr, Dwarf_Die *ret_cu, Dwarf_Die *ret_fn)
{
	const struct range *r;
	struct unit *u;

	if (!find_unit(l, addr, ret_cu))
		return false;
	u = unit_of(l, dwarf_dieoffset(ret_cu), ret_cu);
	r = u ? find(&u->fns, addr) : NULL;
	return r && dwarf_offdie(l->dw, r->die, ret_fn);
}

static const char *nice(struct srclines *l, const char *raw)
{
	struct nice *n;
	char *text;

	HASH_FIND(hh, l->nice, &raw, sizeof(raw), n);
	if (n)
		return n->text;
	text = sym_demangle(raw);
	if (!text)
		return raw;
	n = calloc(1, sizeof(*n));
	if (n) {
		n->raw = raw;
		n->text = text;
		HASH_ADD(hh, l->nice, raw, sizeof(n->raw), n);
		if (n->hh.tbl)
			return text;
	}
	free(n);
	free(text);
	return raw;
}

static const char *name_of(struct srclines *l, Dwarf_Die *die)
{
	Dwarf_Attribute a;
	const char *raw;

	if (dwarf_attr_integrate(die, DW_AT_linkage_name, &a) ||
	    dwarf_attr_integrate(die, DW_AT_MIPS_linkage_name, &a)) {
		raw = dwarf_formstring(&a);
		if (raw)
			return nice(l, raw);
	}
	return dwarf_attr_integrate(die, DW_AT_name, &a) ? dwarf_formstring(&a) : NULL;
}

/* The inlined calls around @addr, outermost first, without the function itself. */
static unsigned int inlined(Dwarf_Die *fn, uint64_t addr, Dwarf_Die *ret, unsigned int max)
{
	Dwarf_Die at = *fn, die;
	unsigned int nr = 0;

	for (int depth = 0; depth < MAX_DEPTH && nr < max; depth++) {
		bool found = false;

		if (dwarf_child(&at, &die))
			return nr;
		do {
			int tag = dwarf_tag(&die);

			if (tag != DW_TAG_inlined_subroutine && tag != DW_TAG_lexical_block)
				continue;
			if (dwarf_haspc(&die, addr) <= 0)
				continue;
			found = true;
			if (tag == DW_TAG_inlined_subroutine)
				ret[nr++] = die;
			break;
		} while (!dwarf_siblingof(&die, &die));
		if (!found)
			return nr;
		at = die;
	}
	return nr;
}

static unsigned int udata(Dwarf_Die *die, unsigned int name)
{
	Dwarf_Attribute a;
	Dwarf_Word v;

	return dwarf_attr(die, name, &a) && !dwarf_formudata(&a, &v) && v < UINT32_MAX ?
		       (unsigned int)v :
		       0;
}

static const char *call_file(Dwarf_Die *cu, Dwarf_Die *die)
{
	unsigned int idx = udata(die, DW_AT_call_file);
	Dwarf_Files *files;
	size_t nr;

	if (!idx || dwarf_getsrcfiles(cu, &files, &nr) || idx >= nr)
		return NULL;
	return dwarf_filesrc(files, idx, NULL, NULL);
}

static void innermost_line(Dwarf_Die *cu, uint64_t addr, struct sym_name *n)
{
	Dwarf_Line *line = dwarf_getsrc_die(cu, addr);
	int nr;

	if (!line)
		return;
	n->file = dwarf_linesrc(line, NULL, NULL);
	if (!dwarf_lineno(line, &nr) && nr > 0)
		n->line = (unsigned int)nr;
}

unsigned int srclines_find(struct srclines *l, uint64_t addr, const char *outer,
			   struct sym_name name[SYM_MAX_INLINED])
{
	Dwarf_Die in[SYM_MAX_INLINED - 1], cu, fn;
	unsigned int nr = 0, i;

	if (!find_unit(l, addr, &cu))
		return 0;
	memset(&name[0], 0, sizeof(name[0]));
	innermost_line(&cu, addr, &name[0]);
	if (!srclines_function(l, addr, &cu, &fn)) {
		name[0].function = outer;
		return name[0].file || outer ? 1 : 0;
	}
	nr = inlined(&fn, addr, in, SYM_MAX_INLINED - 1);
	/* in[] begins with the outermost, name[] with the innermost */
	for (i = 0; i < nr; i++) {
		Dwarf_Die *die = &in[nr - 1 - i];

		name[i].function = name_of(l, die);
		name[i].inlined = true;
		name[i + 1] = (struct sym_name){ .file = call_file(&cu, die),
						 .line = udata(die, DW_AT_call_line) };
	}
	name[i].function = outer ? outer : name_of(l, &fn);
	return nr + 1;
}
