// SPDX-License-Identifier: GPL-2.0
/*
 * Container runtimes name a container's cgroup after its id of 64 hexadecimal
 * digits: either alone, in a folder that says whose it is (cgroupfs driver), or
 * as PREFIX-ID.scope (systemd driver). Pods of Kubernetes stand above them, with
 * their UID; systemd writes '_' for '-' in it.
 */
#include "serve/cgname.h"

#include <ctype.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include "util/text.h"

#define ID_LEN 64u
#define SHORT_LEN 12
#define UID_LEN 64u
#define ROOT "/sys/fs/cgroup"

/* A component of the path. */
struct part {
	const char *s;
	size_t len;
};

static bool next_part(const char **at, struct part *ret)
{
	*at += strspn(*at, "/");
	ret->s = *at;
	ret->len = strcspn(*at, "/");
	*at += ret->len;
	return ret->len > 0;
}

static bool starts(const struct part *p, const char *prefix)
{
	size_t len = strlen(prefix);

	return p->len > len && !memcmp(p->s, prefix, len);
}

static bool ends(const struct part *p, const char *suffix)
{
	size_t len = strlen(suffix);

	return p->len > len && !memcmp(p->s + p->len - len, suffix, len);
}

static bool is(const struct part *p, const char *s)
{
	return p->len == strlen(s) && !memcmp(p->s, s, p->len);
}

static bool is_id(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!isxdigit((unsigned char)s[i]))
			return false;
	return len == ID_LEN;
}

/* Prefixes of PREFIX-ID.scope, and of folders that hold IDs: what they are called. */
static const struct runtime {
	const char *prefix, *name;
} runtimes[] = {
	{ "docker", "docker" },
	{ "libpod", "podman" },
	{ "libpod_parent", "podman" },
	{ "libpod-conmon", "podman-conmon" },
	{ "cri-containerd", "containerd" },
	{ "containerd", "containerd" },
	{ "nerdctl", "containerd" },
	{ "crio", "crio" },
	{ "crio-conmon", "crio-conmon" },
	{ "buildkit", "buildkit" },
};

#define NR_RUNTIMES (sizeof(runtimes) / sizeof(runtimes[0]))

static const char *runtime_of(const char *s, size_t len)
{
	for (unsigned int i = 0; i < NR_RUNTIMES; i++)
		if (len == strlen(runtimes[i].prefix) && !memcmp(s, runtimes[i].prefix, len))
			return runtimes[i].name;
	return NULL;
}

/* "docker-ID.scope", or "ID" below a folder. Returns its name; @ret_id: its id. */
static const char *container(const struct part *p, const struct part *above, const char **ret_id)
{
	size_t len = p->len - (ends(p, ".scope") ? 6 : 0);
	const char *name;

	if (len == ID_LEN && is_id(p->s, len)) {
		*ret_id = p->s;
		name = above->len ? runtime_of(above->s, above->len) : NULL;
		return name ? name : "container";
	}
	/* cri-o's cgroupfs driver has no ".scope" */
	if (len <= ID_LEN + 1 || p->s[len - ID_LEN - 1] != '-' ||
	    !is_id(p->s + len - ID_LEN, ID_LEN))
		return NULL;
	*ret_id = p->s + len - ID_LEN;
	name = runtime_of(p->s, len - ID_LEN - 1);
	return name ? name : "container";
}

/* "pod1a2b…", "kubepods-burstable-pod1a2b….slice": the pod's UID, with dashes */
static bool pod_uid(const struct part *p, char uid[UID_LEN])
{
	size_t len = p->len - (ends(p, ".slice") ? 6 : 0), from = 3;

	if (ends(p, ".slice") && memmem(p->s, len, "kubepods", 8)) {
		const char *pod = memmem(p->s, len, "-pod", 4);

		if (!pod)
			return false;
		from = (size_t)(pod - p->s) + 4;
	} else if (!starts(p, "pod")) {
		return false;
	}
	/* static pods have 32 digits, others a UUID */
	if (len - from < 32 || len - from >= UID_LEN)
		return false;
	for (size_t i = 0; i < len - from; i++) {
		char c = p->s[from + i];

		if (!isxdigit((unsigned char)c) && c != '-' && c != '_')
			return false;
		uid[i] = c == '_' ? '-' : c;
	}
	uid[len - from] = '\0';
	return true;
}

/* "lxc.payload.web", "web" below "lxc" or "lxc.payload" */
static bool lxc(const struct part *p, const struct part *above, struct part *ret)
{
	static const char *const dots[] = { "lxc.payload.", "lxc.monitor." };

	for (unsigned int i = 0; i < 2; i++) {
		size_t len = strlen(dots[i]);

		if (starts(p, dots[i])) {
			*ret = (struct part){ p->s + len, p->len - len };
			return true;
		}
	}
	*ret = *p;
	return is(above, "lxc") || is(above, "lxc.payload");
}

/* systemd's \x2d, where it is a character that can be printed */
static void unescape(char *dst, size_t sz, const struct part *p, size_t cut_front, size_t cut_back)
{
	size_t n = 0;

	for (size_t i = cut_front; i + cut_back < p->len && n + 1 < sz; i++) {
		unsigned int c;

		if (p->s[i] == '\\' && i + 3 + cut_back < p->len && p->s[i + 1] == 'x' &&
		    sscanf(p->s + i + 2, "%2x", &c) == 1 && c > 32 && c < 127 && c != '\\') {
			dst[n++] = (char)c;
			i += 3;
			continue;
		}
		dst[n++] = p->s[i];
	}
	dst[n] = '\0';
}

/* A machine of machined: "machine-qemu\x2d1\x2dvm.scope", "systemd-nspawn@web.service" */
static bool machine(const struct part *p, const struct part *above, char *dst, size_t sz)
{
	char name[NAME_MAX + 1];

	if (!is(above, "machine.slice"))
		return false;
	if (starts(p, "machine-") && ends(p, ".scope"))
		unescape(name, sizeof(name), p, 8, 6);
	else if (starts(p, "systemd-nspawn@") && ends(p, ".service"))
		unescape(name, sizeof(name), p, 15, 8);
	else
		return false;
	snprintf(dst, sz, "machine:%.200s", name);
	return true;
}

static bool is_unit(const struct part *p)
{
	static const char *const kinds[] = { ".service", ".scope", ".socket", ".mount", ".swap" };

	for (unsigned int i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (ends(p, kinds[i]))
			return true;
	return false;
}

/* As it is, and not clean yet. False: no container, no machine, no pod. */
static bool contained(char *dst, size_t sz, const char *path)
{
	struct part p, above = { "", 0 }, name;
	const char *at = path, *id, *runtime;
	char uid[UID_LEN], pod[UID_LEN] = "";

	for (; next_part(&at, &p); above = p) {
		if (pod_uid(&p, uid)) {
			memcpy(pod, uid, sizeof(pod));
			continue;
		}
		if (lxc(&p, &above, &name)) {
			snprintf(dst, sz, "lxc:%.*s", (int)name.len, name.s);
			return true;
		}
		if (machine(&p, &above, dst, sz))
			return true;
		runtime = container(&p, &above, &id);
		if (!runtime)
			continue;
		if (*pod)
			snprintf(dst, sz, "pod:%s/%.*s", pod, SHORT_LEN, id);
		else
			snprintf(dst, sz, "%s:%.*s", runtime, SHORT_LEN, id);
		return true;
	}
	if (*pod)
		snprintf(dst, sz, "pod:%s", pod);
	return *pod;
}

char *cgname(char *dst, size_t sz, const char *path)
{
	char raw[NAME_MAX + 1] = "";
	const char *at = path;
	struct part p;

	if (!contained(raw, sizeof(raw), path))
		while (next_part(&at, &p)) /* the innermost: user@1000.service holds others */
			if (is_unit(&p))
				unescape(raw, sizeof(raw), &p, 0, 0);
	return text_clean(dst, sz, raw, 0);
}

/* The path itself, or a cgroup above. */
static bool path_matches(const char *pattern, const char *path)
{
	char upto[PATH_MAX];
	size_t len = strlen(path);

	if (len >= sizeof(upto))
		return false;
	memcpy(upto, path, len + 1);
	for (;;) {
		char *slash;

		if (!fnmatch(pattern, upto, FNM_PATHNAME))
			return true;
		slash = strrchr(upto, '/');
		if (!slash || slash == upto)
			return false;
		*slash = '\0';
	}
}

bool cgname_matches(const char *pattern, const char *path)
{
	char one[NAME_MAX + 1], with[PATH_MAX];
	const char *at = path;
	struct part p;
	size_t len;

	if (!strncmp(pattern, ROOT "/", sizeof(ROOT)))
		pattern += sizeof(ROOT) - 1;
	if (strchr(pattern, '/') && strncmp(pattern, "pod:", 4)) {
		/* "/system.slice/" and "system.slice" are the same */
		snprintf(with, sizeof(with), "%s%s", *pattern == '/' ? "" : "/", pattern);
		len = strlen(with);
		while (len > 1 && with[len - 1] == '/')
			with[--len] = '\0';
		return !strcmp(with, "/") || path_matches(with, path);
	}
	while (next_part(&at, &p)) {
		if (p.len >= sizeof(one))
			continue;
		memcpy(one, p.s, p.len);
		one[p.len] = '\0';
		if (!fnmatch(pattern, one, 0))
			return true;
	}
	cgname(one, sizeof(one), path);
	return *one && !fnmatch(pattern, one, 0);
}
