// SPDX-License-Identifier: GPL-2.0
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "source/limits_parse.h"

/* mountinfo writes space, tab, newline and backslash as \ooo. */
static bool take_field(const char **pos, char *ret, size_t sz)
{
	const char *s = *pos;
	size_t n = 0;

	while (*s && *s != ' ' && *s != '\n') {
		char c = *s;

		if (n + 1 >= sz)
			return false;
		if (c == '\\' && s[1] >= '0' && s[1] <= '3' && isdigit(s[2]) && isdigit(s[3])) {
			c = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 + (s[3] - '0'));
			s += 3;
		}
		ret[n++] = c;
		s++;
	}
	ret[n] = '\0';
	*pos = *s == ' ' ? s + 1 : s;
	return n > 0;
}

/* @word is one of the comma-separated words in [list, list + len) */
static bool has_word(const char *list, size_t len, const char *word)
{
	size_t want = strlen(word);

	for (const char *s = list, *end = list + len; s < end;) {
		const char *comma = memchr(s, ',', (size_t)(end - s));
		size_t n = (size_t)((comma ? comma : end) - s);

		if (n == want && !memcmp(s, word, n))
			return true;
		s += n + 1;
	}
	return false;
}

/* "31 23 0:28 ROOT DIR rw,relatime shared:1 - cgroup SOURCE rw,memory" */
bool limits_parse_mount(const char *line, struct limits_mount *ret)
{
	const char *dash = strstr(line, " - ");
	const char *pos = line, *type;
	char skip[64], source[PATH_MAX];

	if (!dash)
		return false;
	type = dash + 3;
	if (!strncmp(type, "cgroup2 ", 8)) {
		ret->v2 = true;
	} else if (!strncmp(type, "cgroup ", 7)) {
		pos = type + 7;
		if (!take_field(&pos, source, sizeof(source)) ||
		    !has_word(pos, strcspn(pos, "\n"), "memory"))
			return false;
		ret->v2 = false;
	} else {
		return false;
	}
	pos = line;
	for (int i = 0; i < 3; i++)
		if (!take_field(&pos, skip, sizeof(skip)))
			return false;
	return take_field(&pos, ret->root, sizeof(ret->root)) &&
	       take_field(&pos, ret->dir, sizeof(ret->dir)) && ret->dir[0] == '/';
}

bool limits_parse_cgroup(const char *line, bool *ret_v2, char *ret_path)
{
	static const char gone[] = " (deleted)";
	const char *ctl = strchr(line, ':');
	const char *path = ctl ? strchr(ctl + 1, ':') : NULL;
	size_t len;
	bool v2;

	if (!path)
		return false;
	ctl++;
	v2 = !strncmp(line, "0::", 3);
	if (!v2 && !has_word(ctl, (size_t)(path - ctl), "memory"))
		return false;
	path++;
	len = strcspn(path, "\n");
	if (len > strlen(gone) && !strncmp(path + len - strlen(gone), gone, strlen(gone)))
		len -= strlen(gone);
	if (path[0] != '/' || len >= PATH_MAX)
		return false;
	memcpy(ret_path, path, len);
	ret_path[len] = '\0';
	*ret_v2 = v2;
	return true;
}

/* Skips leading "/.." components and counts them; "/" alone is nothing. */
static const char *skip_ups(const char *path, unsigned int *ret_nr)
{
	*ret_nr = 0;
	while (!strncmp(path, "/..", 3) && (path[3] == '/' || path[3] == '\0')) {
		path += 3;
		++*ret_nr;
	}
	return strcmp(path, "/") ? path : path + 1;
}

const char *limits_below(const char *root, const char *path)
{
	unsigned int root_ups, path_ups;
	const char *r = skip_ups(root, &root_ups);
	const char *p = skip_ups(path, &path_ups);
	size_t len = strlen(r);

	if (path_ups > root_ups)
		return NULL;
	if (path_ups < root_ups)
		return *r ? NULL : "";
	if (strncmp(r, p, len) || (p[len] && p[len] != '/'))
		return NULL;
	return p + len;
}

static int parse_u64(const char *s, uint64_t *ret)
{
	char *end;
	unsigned long long v;

	if (!isdigit((unsigned char)*s))
		return -EINVAL;
	errno = 0;
	v = strtoull(s, &end, 10);
	if (errno || (*end && !isspace((unsigned char)*end)))
		return -EINVAL;
	*ret = v;
	return 0;
}

int limits_parse_bytes(const char *text, uint64_t *ret)
{
	int err;

	if (!strncmp(text, "max", 3) && (!text[3] || text[3] == '\n')) {
		*ret = LIMITS_NONE;
		return 0;
	}
	err = parse_u64(text, ret);
	/* v1 says "unlimited" as PAGE_COUNTER_MAX pages: 2^63 less one page of any size. */
	if (!err && *ret >= (uint64_t)LONG_MAX - (1u << 20))
		*ret = LIMITS_NONE;
	return err;
}

/* The rest of the line that begins with @key; NULL if there is none. */
static const char *find_line(const char *text, const char *key)
{
	size_t len = strlen(key);

	for (const char *s = text; s && *s; s = strchr(s, '\n'), s = s ? s + 1 : NULL) {
		if (!strncmp(s, key, len))
			return s + len;
	}
	return NULL;
}

int limits_parse_rlimit(const char *text, const char *name, uint64_t *ret)
{
	const char *s = find_line(text, name);

	if (!s || *s != ' ')
		return -ENOENT;
	s += strspn(s, " ");
	if (!strncmp(s, "unlimited ", 10)) {
		*ret = LIMITS_NONE;
		return 0;
	}
	return parse_u64(s, ret);
}

int limits_parse_kb(const char *text, const char *key, uint64_t *ret)
{
	const char *s = find_line(text, key);
	uint64_t kb;
	int err;

	if (!s || *s != ':')
		return -ENOENT;
	s++;
	err = parse_u64(s + strspn(s, " \t"), &kb);
	if (err)
		return err;
	if (kb > UINT64_MAX / 1024)
		return -EINVAL;
	*ret = kb * 1024;
	return 0;
}
