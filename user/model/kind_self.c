// SPDX-License-Identifier: GPL-2.0
/* What a region is by its own name, protection and backing. */
#include "model/kind_int.h"

#include <ctype.h>
#include <string.h>
#include "model/model_int.h"

#define VSYSCALL 0xffffffffff600000ull

/* s_magic, include/uapi/linux/magic.h */
#define TMPFS_MAGIC 0x01021994u
#define HUGETLBFS_MAGIC 0x958458f6u

static bool starts(const char *s, const char *prefix)
{
	return !strncmp(s, prefix, strlen(prefix));
}

/* Names in brackets are the kernel's: no file has one, for those have a '/'. */
static enum region_kind by_bracket(const char *name)
{
	static const struct {
		const char *prefix;
		enum region_kind kind;
	} known[] = {
		{ "[stack", RK_STACK },	       { "[heap]", RK_HEAP },
		{ "[vdso]", RK_VDSO },	       { "[vvar", RK_VVAR },
		{ "[vsyscall]", RK_VSYSCALL }, { "[anon:", RK_ANON_NAMED },
		{ "[anon_shmem:", RK_SHM },    { "[uprobes]", RK_TEXT },
	};

	for (unsigned int i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (starts(name, known[i].prefix))
			return known[i].kind;
	return RK_UNKNOWN;
}

/* "SYSV00a1b2c3": key in hexadecimal; some file may be called SYSVinit. */
static bool is_sysv(const char *name)
{
	if (!starts(name, "SYSV"))
		return false;
	for (unsigned int i = 4; i < 12; i++)
		if (!isxdigit((unsigned char)name[i]))
			return false;
	return !name[12] || !strcmp(name + 12, " (deleted)");
}

/*
 * A path from maps, or a last component from BPF. Of unlinked kernel-internal
 * files the path is "/" and that component ("/memfd:x (deleted)"), so that both
 * read alike without the slash.
 */
static enum region_kind by_file(const struct region *r, const char *name)
{
	const char *base = name + (*name == '/');

	if (starts(base, "memfd:"))
		return RK_MEMFD;
	if (is_sysv(base))
		return RK_SYSV;
	if (starts(base, "anon_hugepage") || starts(name, "/dev/hugepages/") ||
	    starts(name, "/hugepages/"))
		return RK_HUGETLB;
	if (starts(base, "dev/zero"))
		return r->prot & MTR_P_SHARED ? RK_SHM : RK_ANON;
	if (starts(name, "/dev/shm/"))
		return RK_SHM;
	if (starts(name, "/dev/") || starts(name, "anon_inode:") || starts(name, "socket:") ||
	    starts(base, "[aio]"))
		return RK_DEVICE;
	return RK_FILE;
}

static enum region_kind self(const struct region *r, const char *name)
{
	if (r->start == VSYSCALL)
		return RK_VSYSCALL;
	if (r->prot & MTR_P_HUGETLB)
		return RK_HUGETLB;
	if (*name == '[')
		return by_bracket(name);
	if (r->prot & MTR_P_SPECIAL)
		return r->prot & MTR_P_EXEC ? RK_VDSO : RK_VVAR;
	if (r->prot & MTR_P_IO)
		return RK_DEVICE;
	if (r->ino || *name)
		return by_file(r, name);
	return r->prot & MTR_P_SHARED ? RK_SHM : RK_ANON;
}

/*
 * Shared memory without a path (BPF gives a last component only) is known by
 * its filesystem, once something else on it was seen with one.
 */
static void by_device(struct proc *p, const struct strtab *st, uint32_t dev)
{
	struct region *r;

	aspace_for_each(r, &p->aspace)
		if (r->kind == RK_FILE && r->dev == dev && !strchr(strtab_str(st, r->name), '/'))
			r->kind = RK_SHM;
}

void kind_self(struct proc *p, const struct strtab *st)
{
	uint32_t shm_dev = 0;
	bool have_dev = false;
	struct region *r;

	aspace_for_each(r, &p->aspace) {
		const char *name = strtab_str(st, r->name);

		r->tid = 0;
		r->kind = self(r, name);
		if (r->kind == RK_STACK)
			r->tid = p->pid;
		if (r->kind == RK_SHM && r->ino && starts(name, "/dev/shm/")) {
			shm_dev = r->dev;
			have_dev = true;
		}
	}
	if (have_dev)
		by_device(p, st, shm_dev);
}

/*
 * BPF tells of a file's last component and filesystem only. Where a path is
 * known it decides: /tmp may be a tmpfs, and its files are files all the same.
 */
void kind_filesystem(struct proc *p, const struct strtab *st)
{
	struct region *r;

	aspace_for_each(r, &p->aspace) {
		if (r->kind != RK_FILE || strchr(strtab_str(st, r->name), '/'))
			continue;
		switch (map_fs_magic(p, r->dev, r->ino)) {
		case TMPFS_MAGIC:
			r->kind = RK_SHM;
			break;
		case HUGETLBFS_MAGIC:
			r->kind = RK_HUGETLB;
			break;
		}
	}
}
