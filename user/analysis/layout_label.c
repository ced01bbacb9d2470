// SPDX-License-Identifier: GPL-2.0
/* What a row and a region are called. Bytes of the target go through unchanged: the caller cleans. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "analysis/layout.h"
#include "analysis/layout_int.h"
#include "util/units.h"

#define DELETED " (deleted)"

char *layout_basename(char *dst, size_t sz, const char *path)
{
	const char *base = strrchr(path, '/');
	size_t len;

	base = base && base[1] ? base + 1 : path;
	len = strlen(base);
	if (len > strlen(DELETED) && !strcmp(base + len - strlen(DELETED), DELETED))
		len -= strlen(DELETED);
	snprintf(dst, sz, "%.*s", (int)len, base);
	return dst;
}

static char *thread_name(char *dst, size_t sz, uint32_t tid, struct proc *p,
			 const struct strtab *st)
{
	struct thread *t = proc_thread(p, tid);
	const char *comm = t ? strtab_str(st, t->comm) : "";

	snprintf(dst, sz, "%s#%" PRIu32, comm, tid);
	return dst;
}

char *layout_region_name(char *dst, size_t sz, struct region *r, struct proc *p,
			 const struct strtab *st, bool basename)
{
	struct region *named = r->kind == RK_BSS ? layout_module(r) : r;
	const char *name = strtab_str(st, named ? named->name : 0);

	if (sz)
		dst[0] = '\0';
	if (r->kind == RK_STACK)
		snprintf(dst, sz, "main");
	else if (r->kind == RK_THREAD_STACK && r->tid)
		thread_name(dst, sz, r->tid, p, st);
	else if (basename && *name != '[')
		layout_basename(dst, sz, name);
	else
		snprintf(dst, sz, "%s", name);
	return dst;
}

/* "memfd:x" → "x", "SYSV0000002a" → "0000002a": the kind is said already */
static const char *without_kind(const char *base, enum region_kind k)
{
	if (k == RK_MEMFD && !strncmp(base, "memfd:", 6))
		return base + 6;
	if (k == RK_SYSV && !strncmp(base, "SYSV", 4))
		return base + 4;
	return base;
}

static void label(char *dst, size_t sz, const struct layout_row *row, struct proc *p,
		  const struct strtab *st)
{
	const char *kind = region_kind_name(row->kind);
	char base[256];

	layout_basename(base, sizeof(base), strtab_str(st, row->name));
	switch (row->kind) {
	case RK_STACK:
		snprintf(dst, sz, "stack main");
		return;
	case RK_THREAD_STACK:
		thread_name(base, sizeof(base), row->tid, p, st);
		snprintf(dst, sz, "stack %s", base);
		return;
	case RK_HEAP:
		snprintf(dst, sz, "heap [heap]");
		return;
	case RK_ARENA:
		snprintf(dst, sz, row->tid ? "arena %u #%" PRIu32 : "arena %u", row->arena,
			 row->tid);
		return;
	case RK_ANON:
		snprintf(dst, sz, "%s", row->reserved ? "reserved" : "anon");
		return;
	case RK_ANON_NAMED:
	case RK_UNKNOWN:
		snprintf(dst, sz, "%s%s", row->reserved ? "reserved " : "",
			 row->name ? strtab_str(st, row->name) : kind);
		return;
	case RK_TEXT:
	case RK_RODATA:
	case RK_DATA:
	case RK_BSS:
	case RK_RELRO:
	case RK_FILE:
	case RK_SHM:
	case RK_MEMFD:
	case RK_SYSV:
	case RK_DEVICE:
		snprintf(dst, sz, "%s%s%s", row->nr > 1 && !row->name ? "files" : kind,
			 *base ? " " : "", without_kind(base, row->kind));
		return;
	case RK_VDSO:
		snprintf(dst, sz, row->nr > 1 ? "vdso, vvar" : "vdso");
		return;
	case RK_GUARD:
	case RK_HUGETLB:
	case RK_VVAR:
	case RK_VSYSCALL:
	case RK_NR:
		snprintf(dst, sz, "%s", kind);
		return;
	}
}

char *layout_label(char *dst, size_t sz, const struct layout_row *row, struct proc *p,
		   const struct strtab *st)
{
	char size[UNITS_LEN], base[256];
	size_t len;

	if (!sz)
		return dst;
	if (row->what == LAYOUT_GAP) {
		snprintf(dst, sz, "%s free", fmt_size(size, (int64_t)(row->end - row->start)));
		return dst;
	}
	if (row->module) {
		layout_basename(base, sizeof(base), strtab_str(st, row->name));
		snprintf(dst, sz, "%s (%u)", *base ? base : "module", row->nr);
		return dst;
	}
	dst[0] = '\0';
	label(dst, sz, row, p, st);
	len = strlen(dst);
	if (row->nr > 1 && row->kind != RK_ARENA && row->kind != RK_VDSO && row->kind != RK_HEAP &&
	    row->kind != RK_STACK)
		snprintf(dst + len, sz - len, " ×%u", row->nr);
	return dst;
}

char *layout_note(char *dst, size_t sz, const struct layout_row *row, struct proc *p)
{
	char used[UNITS_LEN], limit[UNITS_LEN];
	struct stack_info si;
	struct thread *t;

	if (!sz)
		return dst;
	dst[0] = '\0';
	if (row->what != LAYOUT_REGIONS || !row->tid ||
	    (row->kind != RK_STACK && row->kind != RK_THREAD_STACK))
		return dst;
	t = proc_thread(p, row->tid);
	if (!t)
		return dst;
	thread_stack_info(p, t, &si);
	if (si.high_water < 0)
		return dst;
	fmt_size(used, si.high_water);
	snprintf(dst, sz, "hw %s%s%s%s", si.high_water_exact ? "" : "≤", used,
		 si.limit > 0 ? "/" : "", si.limit > 0 ? fmt_size(limit, si.limit) : "");
	return dst;
}
