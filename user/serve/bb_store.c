// SPDX-License-Identifier: GPL-2.0
#include "serve/bb_store.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "util/clock.h"

#define TIME_LEN 16u /* 20261121T224001Z */
#define COMM_MAX 31
#define TMP ".tmp"

struct bb_store {
	int dir;
};

/* ---- names */

static const char *const exts[] = { ".mtr", ".txt" };

static bool plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("._+-", c));
}

static bool parse_stamp(const char *s, uint64_t *ret_ns)
{
	struct tm tm = {};
	const char *end;
	time_t at;

	for (unsigned int i = 0; i < TIME_LEN - 1; i++)
		if (i != 8 && (s[i] < '0' || s[i] > '9'))
			return false;
	end = strptime(s, "%Y%m%dT%H%M%SZ", &tm);
	if (!end || end != s + TIME_LEN)
		return false;
	at = timegm(&tm);
	*ret_ns = at > 0 ? (uint64_t)at * NSEC_PER_SEC : 0;
	return true;
}

/* From @end back: "-CAUSE" and, at most once, a number for one more of the same second. */
static const char *before_cause(const char *from, const char *end)
{
	if (end - from > 2 && end[-2] == '-' && end[-1] >= '2' && end[-1] <= '9')
		end -= 2;
	for (unsigned int c = 0; c < BB_NR; c++) {
		size_t len = strlen(bb_cause_name(c));

		if ((size_t)(end - from) > len + 1 && end[-(long)len - 1] == '-' &&
		    !memcmp(end - len, bb_cause_name(c), len))
			return end - len - 1;
	}
	return NULL;
}

bool bb_store_ours(const char *name, size_t *ret_len, uint64_t *ret_real_ns)
{
	size_t len = strlen(name);
	const char *end = NULL, *p;

	for (unsigned int i = 0; i < 2 && len > 4; i++)
		if (!strcmp(name + len - 4, exts[i]))
			end = name + len - 4;
	if (!end || end - name >= BB_BASE || end - name < (long)TIME_LEN + 2 ||
	    name[TIME_LEN] != '-' || !parse_stamp(name, ret_real_ns))
		return false;
	*ret_len = (size_t)(end - name);
	p = before_cause(name + TIME_LEN, end);
	if (!p)
		return false;
	/* the pid, and behind the time some comm */
	for (end = p; end > name && isdigit((unsigned char)end[-1]); end--)
		;
	if (end == p || end[-1] != '-' || end - 1 <= name + TIME_LEN + 1)
		return false;
	for (p = name; *p && plain(*p); p++)
		;
	return !*p;
}

void bb_store_name(const struct bb_store *st, char base[BB_BASE], uint64_t real_ns,
		   const char *comm, pid_t pid, enum bb_cause cause)
{
	time_t at = (time_t)(real_ns / NSEC_PER_SEC);
	char when[TIME_LEN + 1], clean[COMM_MAX + 1], name[BB_BASE + 8];
	struct tm tm;
	size_t len;

	gmtime_r(&at, &tm);
	strftime(when, sizeof(when), "%Y%m%dT%H%M%SZ", &tm);
	snprintf(clean, sizeof(clean), "%s", *comm ? comm : "_");
	for (char *s = clean; *s; s++)
		if (!plain(*s))
			*s = '_';
	snprintf(base, BB_BASE, "%s-%s-%d-%s", when, clean, (int)pid, bb_cause_name(cause));
	len = strlen(base);
	for (int i = 2; i < 10; i++) {
		snprintf(name, sizeof(name), "%s%s", base, exts[1]);
		if (faccessat(st->dir, name, F_OK, AT_SYMLINK_NOFOLLOW))
			break;
		snprintf(base + len, BB_BASE - len, "-%d", i);
	}
}

static void tmp_name(char *buf, size_t sz, const char *base, const char *ext)
{
	snprintf(buf, sz, ".%s.%s" TMP, base, ext);
}

/* ---- the folder */

static int check(int dir)
{
	struct stat st;

	if (fstat(dir, &st))
		return -errno;
	if (st.st_uid != geteuid() || st.st_mode & (S_IWGRP | S_IWOTH))
		return -EPERM;
	return 0;
}

/* A descriptor, or −errno */
static int open_folder(const char *folder)
{
	struct open_how how = { .flags = O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
				.resolve = RESOLVE_NO_MAGICLINKS };
	int dir, err;

	if (mkdir(folder, 0700) && errno != EEXIST)
		return -errno;
	dir = (int)syscall(SYS_openat2, AT_FDCWD, folder, &how, sizeof(how));
	if (dir < 0)
		return -errno;
	err = check(dir);
	if (!err)
		return dir;
	close(dir);
	return err;
}

int bb_store_open(const char *folder, struct bb_store **ret_st)
{
	int dir = open_folder(folder);
	struct bb_store *st = dir < 0 ? NULL : calloc(1, sizeof(*st));

	if (dir < 0)
		return dir;
	if (!st) {
		close(dir);
		return -ENOMEM;
	}
	st->dir = dir;
	*ret_st = st;
	return 0;
}

int bb_store_move(struct bb_store *st, const char *folder)
{
	int dir = open_folder(folder);

	if (dir < 0)
		return dir;
	close(st->dir);
	st->dir = dir;
	return 0;
}

void bb_store_close(struct bb_store *st)
{
	if (!st)
		return;
	close(st->dir);
	free(st);
}

void bb_store_turn(const struct bb_store *st)
{
	/* a description of its own, which has the lock until the end: it stays open */
	int fd = openat(st->dir, ".", O_DIRECTORY | O_CLOEXEC);

	while (fd >= 0 && flock(fd, LOCK_EX) && errno == EINTR)
		;
}

int bb_store_create(const struct bb_store *st, const char *base, const char *ext)
{
	char name[BB_BASE + 16];
	int fd;

	tmp_name(name, sizeof(name), base, ext);
	fd = openat(st->dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	return fd < 0 ? -errno : fd;
}

int bb_store_commit(const struct bb_store *st, const char *base, const char *ext, int fd)
{
	char from[BB_BASE + 16], to[BB_BASE + 16];

	tmp_name(from, sizeof(from), base, ext);
	snprintf(to, sizeof(to), "%s.%s", base, ext);
	if (fsync(fd) || renameat2(st->dir, from, st->dir, to, RENAME_NOREPLACE) || fsync(st->dir))
		return -errno;
	return 0;
}

void bb_store_discard(const struct bb_store *st, const char *base, const char *ext)
{
	char name[BB_BASE + 16];

	tmp_name(name, sizeof(name), base, ext);
	if (unlinkat(st->dir, name, 0))
		return; /* there was none */
}

/* ---- what is there */

struct entry {
	char name[BB_BASE + 8];
	size_t base; /* its length */
	uint64_t real_ns, bytes;
};

struct list {
	struct entry *e;
	unsigned int nr, cap;
};

static DIR *entries_of(const struct bb_store *st)
{
	/* a description of its own: it has a place in the folder */
	int fd = openat(st->dir, ".", O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d && fd >= 0)
		close(fd);
	return d;
}

static bool is_file(const struct bb_store *st, const char *name, uint64_t *ret_bytes)
{
	struct stat sb;

	if (fstatat(st->dir, name, &sb, AT_SYMLINK_NOFOLLOW) || !S_ISREG(sb.st_mode))
		return false;
	*ret_bytes = (uint64_t)sb.st_size;
	return true;
}

static int add(struct list *l, const struct entry *e)
{
	struct entry *all;

	if (l->nr == l->cap) {
		unsigned int cap = l->cap ? 2 * l->cap : 64;

		all = reallocarray(l->e, cap, sizeof(*all));
		if (!all)
			return -ENOMEM;
		l->e = all;
		l->cap = cap;
	}
	l->e[l->nr++] = *e;
	return 0;
}

static int list_all(const struct bb_store *st, struct list *l)
{
	DIR *d = entries_of(st);
	struct dirent *de;
	int err = 0;

	if (!d)
		return -errno;
	while (!err && (de = readdir(d))) {
		struct entry e;

		if (!bb_store_ours(de->d_name, &e.base, &e.real_ns) ||
		    !is_file(st, de->d_name, &e.bytes))
			continue;
		snprintf(e.name, sizeof(e.name), "%.*s", BB_BASE + 4, de->d_name);
		err = add(l, &e);
	}
	closedir(d);
	return err;
}

/* The time comes first in a name. */
static int oldest_first(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

static bool same_report(const struct entry *a, const struct entry *b)
{
	return a->base == b->base && !memcmp(a->name, b->name, a->base);
}

int bb_store_trim(const struct bb_store *st, uint64_t keep_bytes, uint64_t keep_ns,
		  uint64_t now_real_ns)
{
	struct list l = {};
	int err = list_all(st, &l), nr = 0;
	uint64_t total = 0;

	if (l.nr)
		qsort(l.e, l.nr, sizeof(*l.e), oldest_first);
	for (unsigned int i = 0; i < l.nr; i++)
		total += l.e[i].bytes;
	for (unsigned int i = 0; i < l.nr && !err; i++) {
		const struct entry *e = &l.e[i];
		bool old = keep_ns && e->real_ns + keep_ns < now_real_ns;

		if (!old && (total <= keep_bytes || same_report(e, &l.e[l.nr - 1])))
			continue;
		if (unlinkat(st->dir, e->name, 0) && errno != ENOENT) {
			err = -errno;
			break;
		}
		total -= e->bytes;
		nr++;
	}
	free(l.e);
	return err ? err : nr;
}

unsigned int bb_store_sweep(const struct bb_store *st)
{
	DIR *d = entries_of(st);
	struct dirent *de;
	unsigned int nr = 0;

	while (d && (de = readdir(d))) {
		size_t len = strlen(de->d_name), base;
		char name[sizeof(de->d_name)];
		uint64_t x;

		if (de->d_name[0] != '.' || len < sizeof(TMP) ||
		    strcmp(de->d_name + len - strlen(TMP), TMP))
			continue;
		snprintf(name, sizeof(name), "%.*s", (int)(len - 1 - strlen(TMP)), de->d_name + 1);
		if (bb_store_ours(name, &base, &x) && is_file(st, de->d_name, &x) &&
		    !unlinkat(st->dir, de->d_name, 0))
			nr++;
	}
	if (d)
		closedir(d);
	return nr;
}
