// SPDX-License-Identifier: GPL-2.0
#include "source/proc_parse.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "event/event.h"

/* A number of base 10 or 16 at *s, up to end; moves *s behind it. False: none, or too large. */
static bool number(const char **s, const char *end, unsigned int base, uint64_t *ret)
{
	const char *p = *s;
	uint64_t v = 0;

	for (; p < end; p++) {
		unsigned int d;

		if (*p >= '0' && *p <= '9')
			d = (unsigned int)(*p - '0');
		else if (base == 16 && *p >= 'a' && *p <= 'f')
			d = (unsigned int)(*p - 'a') + 10;
		else
			break;
		if (v > (UINT64_MAX - d) / base)
			return false;
		v = v * base + d;
	}
	if (p == *s)
		return false;
	*s = p;
	*ret = v;
	return true;
}

static bool expect(const char **s, const char *end, char c)
{
	if (*s >= end || **s != c)
		return false;
	++*s;
	return true;
}

/* "rwxp": each place has two letters that it may hold. */
static bool prot(const char **s, const char *end, uint32_t *ret)
{
	static const char set[] = "rwxs", clear[] = "---p";
	static const uint32_t bit[] = { MTR_P_READ, MTR_P_WRITE, MTR_P_EXEC, MTR_P_SHARED };

	*ret = 0;
	for (unsigned int i = 0; i < 4; i++) {
		if (expect(s, end, set[i]))
			*ret |= bit[i];
		else if (!expect(s, end, clear[i]))
			return false;
	}
	return true;
}

/*
 * The kernel escapes a newline in a path as \012 and nothing else, not even the
 * backslash: other sequences are what the file is called.
 */
static size_t decode_name(char *name, size_t len)
{
	size_t from = 0, to = 0;

	while (from < len) {
		if (len - from >= 4 && !memcmp(name + from, "\\012", 4)) {
			name[to++] = '\n';
			from += 4;
		} else {
			name[to++] = name[from++];
		}
	}
	return to;
}

static uint32_t name_prot(const char *name, size_t len)
{
	static const struct {
		const char *prefix;
		uint32_t prot;
	} known[] = {
		{ "[vdso]", MTR_P_SPECIAL },	     { "[vvar", MTR_P_SPECIAL },
		{ "[vsyscall]", MTR_P_SPECIAL },     { "[uprobes]", MTR_P_SPECIAL },
		{ "/anon_hugepage", MTR_P_HUGETLB },
	};

	for (unsigned int i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		size_t n = strlen(known[i].prefix);

		if (len >= n && !memcmp(name, known[i].prefix, n))
			return known[i].prot;
	}
	return 0;
}

int maps_parse_line(char *line, size_t len, struct maps_line *ret)
{
	const char *s = line, *end = line + len;
	uint64_t major, minor;

	if (!number(&s, end, 16, &ret->start) || !expect(&s, end, '-') ||
	    !number(&s, end, 16, &ret->end) || !expect(&s, end, ' ') ||
	    !prot(&s, end, &ret->prot) || !expect(&s, end, ' ') ||
	    !number(&s, end, 16, &ret->pgoff) || !expect(&s, end, ' ') ||
	    !number(&s, end, 16, &major) || !expect(&s, end, ':') || !number(&s, end, 16, &minor) ||
	    !expect(&s, end, ' ') || !number(&s, end, 10, &ret->ino))
		return -EINVAL;
	if (ret->end <= ret->start || major > 0xfff || minor > 0xfffff || (s < end && *s != ' '))
		return -EINVAL;
	ret->dev = (uint32_t)(major << 20 | minor);
	while (s < end && *s == ' ')
		s++;
	ret->name = s;
	ret->name_len = decode_name(line + (s - line), (size_t)(end - s));
	ret->prot |= name_prot(ret->name, ret->name_len);
	return 0;
}

/* Fields of stat behind the comm, numbered as in proc(5) less 3. */
enum {
	F_STATE = 0,
	F_PPID = 1,
	F_FLAGS = 6,
	F_MINFLT = 7,
	F_MAJFLT = 9,
	F_THREADS = 17,
	F_START = 19,
	F_START_CODE = 23,
	F_END_CODE = 24,
	F_START_STACK = 25,
	F_START_DATA = 42,
	F_END_DATA = 43,
	F_START_BRK = 44,
	F_NR = 45,
};

#define PF_KTHREAD 0x00200000

/* What is hidden from us is written as 0 or 1. */
static uint64_t shown(uint64_t addr)
{
	return addr > 1 ? addr : 0;
}

int stat_parse(const char *buf, size_t len, struct stat_line *ret)
{
	const char *end = buf + len, *open = memchr(buf, '(', len), *close, *s;
	uint64_t f[F_NR] = { 0 };
	size_t n;

	/* Nothing behind the comm holds a ')': the last one ends it. */
	close = memrchr(buf, ')', len);
	if (!open || !close || close < open || end - close < 4)
		return -EINVAL;
	n = (size_t)(close - open - 1);
	if (n >= sizeof(ret->comm))
		n = sizeof(ret->comm) - 1;
	memcpy(ret->comm, open + 1, n);
	ret->comm[n] = '\0';
	s = close + 1;
	if (!expect(&s, end, ' '))
		return -EINVAL;
	ret->state = *s++;
	for (unsigned int i = F_PPID; i < F_NR; i++) {
		if (!expect(&s, end, ' '))
			return -EINVAL;
		expect(&s, end, '-'); /* of tpgid, nice …: none that is read here */
		if (!number(&s, end, 10, &f[i]))
			return -EINVAL;
	}
	ret->ppid = (pid_t)f[F_PPID];
	ret->kthread = f[F_FLAGS] & PF_KTHREAD;
	ret->minflt = f[F_MINFLT];
	ret->majflt = f[F_MAJFLT];
	ret->nr_threads = (int64_t)f[F_THREADS];
	ret->start_ticks = f[F_START];
	ret->start_code = shown(f[F_START_CODE]);
	ret->end_code = shown(f[F_END_CODE]);
	ret->start_stack = shown(f[F_START_STACK]);
	ret->start_data = shown(f[F_START_DATA]);
	ret->end_data = shown(f[F_END_DATA]);
	ret->start_brk = shown(f[F_START_BRK]);
	return 0;
}

int statm_parse(const char *buf, uint64_t *ret_size, uint64_t *ret_resident)
{
	const char *s = buf, *end = buf + strlen(buf);
	uint64_t size, resident;

	if (!number(&s, end, 10, &size) || !expect(&s, end, ' ') || !number(&s, end, 10, &resident))
		return -EINVAL;
	*ret_size = size;
	*ret_resident = resident;
	return 0;
}

/* The value of the line that begins with @key; a key is only looked for at the start of a line. */
static const char *line_of(const char *buf, const char *key)
{
	size_t n = strlen(key);
	const char *s = buf;

	while (s && *s) {
		if (!strncmp(s, key, n))
			return s + n;
		s = strchr(s, '\n');
		s = s ? s + 1 : NULL;
	}
	return NULL;
}

int64_t status_kb(const char *buf, const char *key)
{
	const char *s = line_of(buf, key), *end;
	uint64_t v;

	if (!s || *s++ != ':')
		return -1;
	end = s + strlen(s);
	while (*s == ' ' || *s == '\t')
		s++;
	if (!number(&s, end, 10, &v) || strncmp(s, " kB", 3) || v > INT64_MAX / 1024)
		return -1;
	return (int64_t)v * 1024;
}

int syscall_parse(const char *buf, uint64_t *ret_sp)
{
	const char *s = buf, *end = buf + strlen(buf);
	int state = SYSCALL_IN_CALL;
	uint64_t v, field[8];
	unsigned int nr = 0;

	if (!strncmp(buf, "running", 7))
		return SYSCALL_RUNNING;
	if (expect(&s, end, '-'))
		state = SYSCALL_BLOCKED;
	if (!number(&s, end, 10, &v))
		return -EINVAL;
	while (nr < 8 && expect(&s, end, ' ')) {
		if (!expect(&s, end, '0') || !expect(&s, end, 'x') ||
		    !number(&s, end, 16, &field[nr]))
			return -EINVAL;
		nr++;
	}
	/* The last two are sp and pc in either form. */
	if (nr != (state == SYSCALL_BLOCKED ? 2u : 8u))
		return -EINVAL;
	*ret_sp = field[nr - 2];
	return state;
}

int64_t limits_stack(const char *buf)
{
	const char *s = line_of(buf, "Max stack size"), *end;
	uint64_t v;

	if (!s)
		return -1;
	end = s + strlen(s);
	while (*s == ' ')
		s++;
	return number(&s, end, 10, &v) && v <= INT64_MAX ? (int64_t)v : -1;
}
