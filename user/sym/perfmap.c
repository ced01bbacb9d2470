// SPDX-License-Identifier: GPL-2.0
/*
 * /tmp/perf-PID.map: "START SIZE NAME" a line, in hexadecimal, written by JITs
 * that want to be seen. The process names itself by its pid in its own namespace
 * and writes it where its own /tmp is.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sym/syms.h"

#define MAX_BYTES (256u << 20)

struct code {
	uint64_t start, size;
	const char *name; /* in text */
};

struct perfmap {
	char *text;
	struct code *code; /* by start */
	unsigned int nr;
};

/* The last number of NSpid is the innermost namespace's. */
static pid_t own_pid(pid_t pid)
{
	char path[64], line[256];
	pid_t own = pid;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "re");
	if (!f)
		return pid;
	while (fgets(line, sizeof(line), f)) {
		const char *last;

		if (strncmp(line, "NSpid:", 6))
			continue;
		last = strrchr(line, '\t');
		own = last ? (pid_t)strtol(last, NULL, 10) : pid;
		break;
	}
	fclose(f);
	return own > 0 ? own : pid;
}

/* Names of others' making are not believed: root's, or who runs the process. */
static bool trusted(int fd, pid_t pid, struct stat *st)
{
	struct stat proc;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d", pid);
	return !fstat(fd, st) && S_ISREG(st->st_mode) && !stat(path, &proc) &&
	       (!st->st_uid || st->st_uid == proc.st_uid) && st->st_size > 0 &&
	       st->st_size <= MAX_BYTES;
}

static char *read_all(int fd, size_t sz)
{
	char *text = malloc(sz + 1);
	size_t len = 0;
	ssize_t n = 1;

	while (text && len < sz && n > 0) {
		n = read(fd, text + len, sz - len);
		len += n > 0 ? (size_t)n : 0;
	}
	if (text)
		text[len] = '\0';
	return text;
}

static int by_start(const void *pa, const void *pb)
{
	const struct code *a = pa, *b = pb;

	return a->start < b->start ? -1 : a->start > b->start;
}

static int parse(struct perfmap *p)
{
	unsigned int lines = 0;
	char *save = NULL;

	for (const char *c = p->text; *c; c++)
		lines += *c == '\n';
	p->code = calloc(lines + 1, sizeof(*p->code));
	if (!p->code)
		return -1;
	for (char *l = strtok_r(p->text, "\n", &save); l && p->nr <= lines;
	     l = strtok_r(NULL, "\n", &save)) {
		struct code *c = &p->code[p->nr];
		char *end;

		c->start = strtoull(l, &end, 16);
		c->size = *end == ' ' ? strtoull(end, &end, 16) : 0;
		if (*end != ' ' || !c->size || !end[1])
			continue;
		c->name = end + 1;
		p->nr++;
	}
	/* of two at one place the later one counts: qsort() keeps no order, so a tie is what it is */
	qsort(p->code, p->nr, sizeof(*p->code), by_start);
	return 0;
}

struct perfmap *perfmap_open(pid_t pid, const char *root)
{
	struct perfmap *p = NULL;
	char path[96];
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "%s/tmp/perf-%d.map", root, own_pid(pid));
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY);
	if (fd < 0)
		return NULL;
	if (trusted(fd, pid, &st))
		p = calloc(1, sizeof(*p));
	if (p)
		p->text = read_all(fd, (size_t)st.st_size);
	close(fd);
	if (p && p->text && !parse(p))
		return p;
	perfmap_free(p);
	return NULL;
}

void perfmap_free(struct perfmap *p)
{
	if (!p)
		return;
	free(p->code);
	free(p->text);
	free(p);
}

const char *perfmap_find(const struct perfmap *p, uint64_t addr, uint64_t *ret_offset)
{
	unsigned int lo = 0, hi = p->nr;

	while (lo < hi) {
		unsigned int mid = lo + (hi - lo) / 2;

		if (p->code[mid].start <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!lo || addr - p->code[lo - 1].start >= p->code[lo - 1].size)
		return NULL;
	*ret_offset = addr - p->code[lo - 1].start;
	return p->code[lo - 1].name;
}
