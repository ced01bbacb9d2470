// SPDX-License-Identifier: GPL-2.0
/*
 * Each key is a row of keys[]: its section, its type, where its value lies in struct conf and what
 * is allowed. A value that stands again replaces the one before; lists grow, and an empty value
 * empties them, as in systemd's files. The first error ends it: half a configuration is none.
 */
#include "serve/conf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "util/clock.h"
#include "util/suggest.h"
#include "util/text.h"
#include "util/units.h"

#define FILE_MAX (1u << 20)
#define LINE_MAX_LEN 4095u
#define LIST_MAX 1024u
#define FILES_MAX 256u
#define DROPINS "conf.d"

enum type {
	T_BOOL,
	T_PIDS,
	T_LIST, /* patterns */
	T_USERS,
	T_COUNT, /* unsigned int */
	T_SIZE,
	T_TIME,
	T_PERCENT,
	T_TEXT,
	T_PATH, /* absolute */
};

struct key {
	const char *section, *name;
	enum type type;
	size_t off;
	double least, most; /* of numbers; times in seconds */
};

#define KEY(section, name, type, field, least, most)                           \
	{                                                                      \
		section, name, type, offsetof(struct conf, field), least, most \
	}

static const struct key keys[] = {
	KEY("trace", "all", T_BOOL, all, 0, 0),
	KEY("trace", "pid", T_PIDS, pids, 0, 0),
	KEY("trace", "name", T_LIST, names, 0, 0),
	KEY("trace", "user", T_USERS, users, 0, 0),
	KEY("trace", "cgroup", T_LIST, cgroups, 0, 0),
	KEY("trace", "follow", T_BOOL, follow, 0, 0),
	KEY("trace", "max-processes", T_COUNT, max_procs, 1, 65536),
	KEY("trace", "interval", T_TIME, interval_ns, 0.1, 3600),
	KEY("trace", "max-overhead", T_PERCENT, max_overhead, 0.001, 100),
	KEY("socket", "path", T_PATH, socket, 0, 0),
	KEY("socket", "group", T_TEXT, group, 0, 0),
	KEY("socket", "max-clients", T_COUNT, max_clients, 1, 65536),
	KEY("socket", "client-queue", T_SIZE, client_queue, 64 << 10, 1 << 30),
	KEY("http", "listen", T_TEXT, http, 0, 0),
	KEY("http", "token-file", T_PATH, http_token_file, 0, 0),
	KEY("http", "top", T_COUNT, top, 0, 10000),
	KEY("blackbox", "enabled", T_BOOL, blackbox, 0, 0),
	KEY("blackbox", "folder", T_PATH, folder, 0, 0),
	KEY("blackbox", "keep-size", T_SIZE, keep_bytes, 1 << 20, 1e15),
	KEY("blackbox", "keep-time", T_TIME, keep_ns, 1, 1e9),
	KEY("blackbox", "past", T_TIME, minutes_ns, 1, 86400),
	KEY("blackbox", "memory", T_SIZE, memory, 1 << 20, 1e12),
	KEY("blackbox", "step", T_PERCENT, step_percent, 0, 1e6),
	KEY("blackbox", "step-time", T_TIME, step_ns, 1, 86400),
	KEY("blackbox", "headroom", T_PERCENT, headroom_percent, 0, 100),
	KEY("blackbox", "pause", T_TIME, pause_ns, 0, 1e9),
};

#define NR_KEYS (sizeof(keys) / sizeof(keys[0]))

struct parse {
	struct conf *c;
	struct conf_error *err;
	const char *file;
	unsigned int line;
	const char *section; /* of keys[]; NULL: none yet */
};

__attribute__((format(printf, 2, 3))) static int refuse(struct parse *ps, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	text_clean(ps->err->file, sizeof(ps->err->file), ps->file, 0);
	ps->err->line = ps->line;
	text_clean(ps->err->text, sizeof(ps->err->text), text, 0);
	return -EINVAL;
}

/* ---- values */

static int set_text(struct parse *ps, char **dst, const char *v)
{
	char *copy = *v ? strdup(v) : NULL;

	if (*v && !copy)
		return refuse(ps, "out of memory");
	free(*dst);
	*dst = copy;
	return 0;
}

static void empty_list(struct conf_list *l)
{
	for (unsigned int i = 0; i < l->nr; i++)
		free(l->item[i]);
	free(l->item);
	*l = (struct conf_list){};
}

int conf_add(struct conf_list *l, const char *v)
{
	char **item;

	if (l->nr >= LIST_MAX)
		return -E2BIG;
	item = reallocarray(l->item, l->nr + 1, sizeof(*item));
	if (!item)
		return -ENOMEM;
	l->item = item;
	item[l->nr] = strdup(v);
	if (!item[l->nr])
		return -ENOMEM;
	l->nr++;
	return 0;
}

static int add_item(struct parse *ps, const struct key *k, struct conf_list *l, const char *v)
{
	switch (conf_add(l, v)) {
	case 0:
		return 0;
	case -E2BIG:
		return refuse(ps, "more than %u of %s=", LIST_MAX, k->name);
	}
	return refuse(ps, "out of memory");
}

/* Digits only, and nothing else. */
static bool number(const char *s, uint64_t most, uint64_t *ret)
{
	uint64_t n = 0;

	if (!*s || strlen(s) > 18)
		return false;
	for (; *s; s++) {
		if (*s < '0' || *s > '9')
			return false;
		n = n * 10 + (uint64_t)(*s - '0');
	}
	*ret = n;
	return n <= most;
}

static int add_user(struct parse *ps, const struct key *k, const char *v)
{
	struct conf *c = ps->c;
	struct passwd *pw = NULL;
	uint64_t n = 0;
	uid_t *uids;

	if (!number(v, UINT32_MAX - 1, &n)) {
		pw = getpwnam(v);
		if (!pw)
			return refuse(ps, "no user '%s' is known here: a name or a number", v);
		n = pw->pw_uid;
	}
	uids = reallocarray(c->uids, c->users.nr + 1, sizeof(*uids));
	if (!uids)
		return refuse(ps, "out of memory");
	c->uids = uids;
	uids[c->users.nr] = (uid_t)n;
	return add_item(ps, k, &c->users, v);
}

static int add(struct parse *ps, const struct key *k, struct conf_list *l, const char *v)
{
	uint64_t pid;

	if (!*v) {
		empty_list(l);
		return 0;
	}
	if (k->type == T_USERS)
		return add_user(ps, k, v);
	if (k->type == T_PIDS && (!number(v, INT_MAX, &pid) || !pid))
		return refuse(ps, "pid takes a process id, not '%s'", v);
	return add_item(ps, k, l, v);
}

static int set_bool(struct parse *ps, const struct key *k, bool *dst, const char *v)
{
	static const char *const yes[] = { "yes", "true", "on", "1" };
	static const char *const no[] = { "no", "false", "off", "0" };

	for (unsigned int i = 0; i < sizeof(yes) / sizeof(*yes); i++) {
		if (!strcmp(v, yes[i]) || !strcmp(v, no[i])) {
			*dst = !strcmp(v, yes[i]);
			return 0;
		}
	}
	return refuse(ps, "%s takes yes or no, not '%s'", k->name, v);
}

static int set_percent(struct parse *ps, const struct key *k, double *dst, const char *v)
{
	char *end;
	double d = strtod(v, &end);

	if (*end == '%')
		end++;
	if (end == v || *end || !(d >= k->least && d <= k->most))
		return refuse(ps, "%s takes a percentage from %g to %g, not '%s'", k->name,
			      k->least, k->most, v);
	*dst = d;
	return 0;
}

static int set_time(struct parse *ps, const struct key *k, uint64_t *dst, const char *v)
{
	uint64_t ns;

	if (parse_time(v, &ns))
		return refuse(ps, "%s takes a time like 500ms, 30s, 10min or 2h, not '%s'", k->name,
			      v);
	if ((double)ns < k->least * (double)NSEC_PER_SEC ||
	    (double)ns > k->most * (double)NSEC_PER_SEC)
		return refuse(ps, "%s takes a time from %gs to %gs, not '%s'", k->name, k->least,
			      k->most, v);
	*dst = ns;
	return 0;
}

static int set_number(struct parse *ps, const struct key *k, void *dst, const char *v)
{
	uint64_t n;

	if (k->type == T_SIZE) {
		if (parse_size(v, &n) || (double)n < k->least || (double)n > k->most)
			return refuse(
				ps,
				"%s takes a size like 64K, 4M or 1G, from %.0f bytes on, not '%s'",
				k->name, k->least, v);
		*(uint64_t *)dst = n;
		return 0;
	}
	if (!number(v, (uint64_t)k->most, &n) || (double)n < k->least)
		return refuse(ps, "%s takes a number from %g to %g, not '%s'", k->name, k->least,
			      k->most, v);
	*(unsigned int *)dst = (unsigned int)n;
	return 0;
}

static int set(struct parse *ps, const struct key *k, const char *v)
{
	void *dst = (char *)ps->c + k->off;

	switch (k->type) {
	case T_PIDS:
	case T_LIST:
	case T_USERS:
		return add(ps, k, dst, v);
	case T_BOOL:
		return set_bool(ps, k, dst, v);
	case T_COUNT:
	case T_SIZE:
		return set_number(ps, k, dst, v);
	case T_TIME:
		return set_time(ps, k, dst, v);
	case T_PERCENT:
		return set_percent(ps, k, dst, v);
	case T_PATH:
		if (*v && *v != '/')
			return refuse(ps, "%s takes an absolute path, not '%s'", k->name, v);
		break;
	case T_TEXT:
		break;
	}
	return set_text(ps, dst, v);
}

/* ---- lines */

static const char *nearest(const char *typed, const char *section)
{
	const char *names[NR_KEYS];
	unsigned int nr = 0;

	for (unsigned int i = 0; i < NR_KEYS; i++)
		if (!section)
			names[nr++] = keys[i].section;
		else if (!strcmp(keys[i].section, section))
			names[nr++] = keys[i].name;
	return suggest(typed, names, nr);
}

static int section(struct parse *ps, char *s)
{
	size_t len = strlen(s);
	const char *near;

	if (len < 3 || s[len - 1] != ']')
		return refuse(ps, "a section is written as [trace]");
	s[len - 1] = '\0';
	for (unsigned int i = 0; i < NR_KEYS; i++) {
		if (!strcmp(keys[i].section, s + 1)) {
			ps->section = keys[i].section;
			return 0;
		}
	}
	near = nearest(s + 1, NULL);
	return near ? refuse(ps, "no section [%s]: did you mean [%s]?", s + 1, near) :
		      refuse(ps, "no section [%s]: there are [trace], [socket], [http], [blackbox]",
			     s + 1);
}

static char *trim(char *s)
{
	char *end;

	s += strspn(s, " \t\r");
	end = s + strlen(s);
	while (end > s && strchr(" \t\r", end[-1]))
		end--;
	*end = '\0';
	return s;
}

static int take_line(struct parse *ps, char *line)
{
	char *s = trim(line), *eq = strchr(s, '=');
	const char *near;

	if (!*s || *s == '#' || *s == ';')
		return 0;
	if (*s == '[')
		return section(ps, s);
	if (!eq || eq == s)
		return refuse(ps, "neither a section nor KEY = VALUE: '%s'", s);
	*eq = '\0';
	s = trim(s);
	if (!ps->section)
		return refuse(ps, "%s= stands before any section, as [trace]", s);
	for (unsigned int i = 0; i < NR_KEYS; i++)
		if (!strcmp(keys[i].section, ps->section) && !strcmp(keys[i].name, s))
			return set(ps, &keys[i], trim(eq + 1));
	near = nearest(s, ps->section);
	return near ? refuse(ps, "no key '%s' in [%s]: did you mean '%s'?", s, ps->section, near) :
		      refuse(ps, "no key '%s' in [%s]", s, ps->section);
}

static int take_text(struct parse *ps, char *text, size_t len)
{
	char *line = text, *end;
	int err = 0;

	ps->section = NULL;
	for (ps->line = 1; !err && line < text + len; ps->line++, line = end + 1) {
		end = memchr(line, '\n', len - (size_t)(line - text));
		if (!end)
			end = text + len;
		*end = '\0';
		if (strlen(line) != (size_t)(end - line))
			return refuse(ps, "a NUL byte: this is no text");
		if ((size_t)(end - line) > LINE_MAX_LEN)
			return refuse(ps, "a line of more than %u bytes", LINE_MAX_LEN);
		err = take_line(ps, line);
	}
	return err;
}

/* ---- files */

/* A regular file, whole, with room for a NUL. */
static int read_whole(struct parse *ps, int fd, char **ret, size_t *ret_len)
{
	struct stat st;
	size_t len = 0;
	ssize_t n = 0;
	char *buf;

	if (fstat(fd, &st))
		return refuse(ps, "%s", strerror(errno));
	if (!S_ISREG(st.st_mode))
		return refuse(ps, "is not a regular file");
	if (st.st_size > FILE_MAX)
		return refuse(ps, "is larger than %u bytes", FILE_MAX);
	buf = malloc(FILE_MAX + 1);
	if (!buf)
		return refuse(ps, "out of memory");
	while (len < FILE_MAX && (n = read(fd, buf + len, FILE_MAX - len)) > 0)
		len += (size_t)n;
	if (n < 0) {
		free(buf);
		return refuse(ps, "%s", strerror(errno));
	}
	*ret = buf;
	*ret_len = len;
	return 0;
}

static int take_file(struct parse *ps, const char *path, bool must)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), err;
	size_t len = 0;
	char *text = NULL;

	ps->file = path;
	ps->line = 0;
	if (fd < 0 && errno == ENOENT && !must)
		return 0;
	if (fd < 0)
		return refuse(ps, "%s", strerror(errno));
	err = read_whole(ps, fd, &text, &len);
	close(fd);
	if (!err)
		err = take_text(ps, text, len);
	free(text);
	return err;
}

static int is_conf(const struct dirent *e)
{
	size_t len = strlen(e->d_name);

	return e->d_name[0] != '.' && len > 5 && !strcmp(e->d_name + len - 5, ".conf");
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* conf.d beside @path; that there is none is all right. */
static int take_dropins(struct parse *ps, const char *path)
{
	const char *slash = strrchr(path, '/');
	char dir[PATH_MAX], file[PATH_MAX + 256];
	struct dirent **list = NULL;
	int n, err = 0;

	snprintf(dir, sizeof(dir), "%.*s" DROPINS, slash ? (int)(slash + 1 - path) : 0, path);
	n = scandir(dir, &list, is_conf, by_name);
	ps->file = dir;
	ps->line = 0;
	if (n < 0 && errno != ENOENT)
		err = refuse(ps, "%s", strerror(errno));
	if (n > (int)FILES_MAX)
		err = refuse(ps, "has more than %u files", FILES_MAX);
	for (int i = 0; i < n; i++) {
		snprintf(file, sizeof(file), "%s/%s", dir, list[i]->d_name);
		if (!err)
			err = take_file(ps, file, true);
		free(list[i]);
	}
	free(list);
	ps->file = path;
	return err;
}

static struct conf *defaults(void)
{
	struct conf *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->follow = true;
	c->max_procs = 1000;
	c->interval_ns = NSEC_PER_SEC;
	c->max_overhead = 1;
	c->socket = strdup(CONF_SOCKET);
	c->group = strdup("memtrace");
	c->max_clients = 256;
	c->client_queue = 4 << 20;
	c->top = 20;
	c->blackbox = true;
	c->folder = strdup("/var/lib/memtrace");
	c->keep_bytes = 1 << 30;
	c->keep_ns = 7 * 24 * 3600 * NSEC_PER_SEC;
	c->minutes_ns = 5 * 60 * NSEC_PER_SEC;
	c->memory = 32 << 20;
	c->step_percent = 25;
	c->step_ns = 60 * NSEC_PER_SEC;
	c->headroom_percent = 10;
	c->pause_ns = 10 * 60 * NSEC_PER_SEC;
	if (c->socket && c->group && c->folder)
		return c;
	conf_free(c);
	return NULL;
}

/* What has no meaning when it is empty. */
static int check(struct parse *ps)
{
	ps->line = 0;
	if (!ps->c->socket)
		return refuse(ps, "[socket] path= must not be empty");
	if (ps->c->blackbox && !ps->c->folder)
		return refuse(ps, "[blackbox] folder= must not be empty, or enabled = no");
	return 0;
}

struct conf *conf_load(const char *path, struct conf_error *ret_err)
{
	struct parse ps = { .c = defaults(), .err = ret_err, .file = path };
	int err;

	*ret_err = (struct conf_error){};
	if (!ps.c) {
		refuse(&ps, "out of memory");
		return NULL;
	}
	err = take_file(&ps, path, strcmp(path, CONF_DEFAULT));
	if (!err)
		err = take_dropins(&ps, path);
	ps.file = path;
	if (!err)
		err = check(&ps);
	if (!err)
		return ps.c;
	conf_free(ps.c);
	return NULL;
}

void conf_free(struct conf *c)
{
	if (!c)
		return;
	empty_list(&c->pids);
	empty_list(&c->names);
	empty_list(&c->users);
	empty_list(&c->cgroups);
	free(c->uids);
	free(c->socket);
	free(c->group);
	free(c->http);
	free(c->http_token_file);
	free(c->folder);
	free(c);
}
