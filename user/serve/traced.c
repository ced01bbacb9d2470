// SPDX-License-Identifier: GPL-2.0
#include "serve/traced.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NAME "traced"
#define NEW_NAME "traced.new"
#define LOCK_NAME "serve.lock"
#define MAX_PROCS 65536u
#define BOOT_ID_LEN 64
#define LOCK_TRIES 100 /* two seconds */

struct traced {
	int folder, lock_fd;
	int fd; /* of the list as it was written last; −1: none yet */
	off_t alive_at; /* where the time stands in it */
	struct traced_proc *procs; /* what is in it */
	unsigned int nr;
	char boot_id[BOOT_ID_LEN];
};

static void read_boot_id(char dst[BOOT_ID_LEN])
{
	FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");

	dst[0] = '\0';
	if (!f)
		return;
	if (!fgets(dst, BOOT_ID_LEN, f))
		dst[0] = '\0';
	dst[strcspn(dst, "\n ")] = '\0';
	fclose(f);
}

/* Ours, and nobody else's to write to. */
static int open_folder(const char *socket)
{
	char path[PATH_MAX], *dir;
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "%s", socket);
	dir = dirname(path);
	mkdir(dir, 0755);
	fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (!fstat(fd, &st) && (!st.st_uid || st.st_uid == geteuid()) &&
	    !(st.st_mode & (S_IWGRP | S_IWOTH)))
		return fd;
	close(fd);
	return -EPERM;
}

static int take_lock(struct traced *t)
{
	t->lock_fd = openat(t->folder, LOCK_NAME, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (t->lock_fd < 0)
		return -errno;
	/* what a daemon that was killed had forked has the lock, too, until it is dead */
	for (unsigned int i = 0; flock(t->lock_fd, LOCK_EX | LOCK_NB); i++) {
		if (errno != EWOULDBLOCK || i == LOCK_TRIES)
			return errno == EWOULDBLOCK ? -EBUSY : -errno;
		nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
	}
	return 0;
}

int traced_open(const char *socket, struct traced **ret_t)
{
	struct traced *t = calloc(1, sizeof(*t));
	int err;

	if (!t)
		return -ENOMEM;
	t->fd = t->lock_fd = -1;
	read_boot_id(t->boot_id);
	t->folder = open_folder(socket);
	err = t->folder < 0 ? t->folder : take_lock(t);
	if (!err)
		*ret_t = t;
	else
		traced_close(t);
	return err;
}

void traced_close(struct traced *t)
{
	if (!t)
		return;
	if (t->fd >= 0)
		close(t->fd);
	if (t->lock_fd >= 0)
		close(t->lock_fd);
	if (t->folder >= 0)
		close(t->folder);
	free(t->procs);
	free(t);
}

static unsigned int read_list(FILE *f, struct traced_proc **ret_procs)
{
	struct traced_proc *procs = NULL;
	unsigned int nr = 0;
	uint64_t start;
	int pid;

	while (nr < MAX_PROCS && fscanf(f, "%d %" SCNu64, &pid, &start) == 2 && pid > 0) {
		struct traced_proc *more = nr % 64 ? procs :
						     reallocarray(procs, nr + 64, sizeof(*procs));

		if (!more)
			break;
		procs = more;
		procs[nr++] = (struct traced_proc){ .pid = pid, .start_ticks = start };
	}
	*ret_procs = procs;
	return nr;
}

unsigned int traced_load(struct traced *t, struct traced_proc **ret_procs, uint64_t *ret_alive_ns)
{
	int fd = openat(t->folder, NAME, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r");
	char boot[BOOT_ID_LEN];
	unsigned int nr = 0;

	*ret_procs = NULL;
	if (!f) {
		if (fd >= 0)
			close(fd);
		return 0;
	}
	if (fscanf(f, "memtrace-traced 1 %63s alive %" SCNu64, boot, ret_alive_ns) == 2 &&
	    *t->boot_id && !strcmp(boot, t->boot_id))
		nr = read_list(f, ret_procs);
	fclose(f);
	return nr;
}

static bool same(const struct traced *t, const struct traced_proc *procs, unsigned int nr)
{
	if (t->fd < 0 || t->nr != nr)
		return false;
	for (unsigned int i = 0; i < nr; i++)
		if (t->procs[i].pid != procs[i].pid ||
		    t->procs[i].start_ticks != procs[i].start_ticks)
			return false;
	return true;
}

static int say_alive(const struct traced *t, uint64_t now_ns)
{
	char text[32];

	snprintf(text, sizeof(text), "%020" PRIu64, now_ns);
	return pwrite(t->fd, text, 20, t->alive_at) == 20 ? 0 : -errno;
}

static int keep_copy(struct traced *t, const struct traced_proc *procs, unsigned int nr)
{
	struct traced_proc *copy = calloc(nr + 1, sizeof(*copy));

	if (!copy)
		return -ENOMEM;
	if (nr)
		memcpy(copy, procs, nr * sizeof(*copy));
	free(t->procs);
	t->procs = copy;
	t->nr = nr;
	return 0;
}

/* A new file in the old one's place: who reads sees one or the other. */
static int write_list(struct traced *t, const struct traced_proc *procs, unsigned int nr,
		      uint64_t now_ns)
{
	int fd = openat(t->folder, NEW_NAME, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
			0600);
	FILE *f = fd < 0 ? NULL : fdopen(dup(fd), "w");
	bool failed;
	int err;

	if (!f) {
		err = -errno;
		if (fd >= 0)
			close(fd);
		return err;
	}
	fprintf(f, "memtrace-traced 1 %s\nalive ", t->boot_id);
	fflush(f);
	t->alive_at = lseek(fd, 0, SEEK_CUR);
	fprintf(f, "%020" PRIu64 "\n", now_ns);
	for (unsigned int i = 0; i < nr; i++)
		fprintf(f, "%d %" PRIu64 "\n", procs[i].pid, procs[i].start_ticks);
	failed = ferror(f);
	failed |= fclose(f) != 0;
	if (failed || renameat(t->folder, NEW_NAME, t->folder, NAME)) {
		err = failed ? -EIO : -errno;
		close(fd);
		unlinkat(t->folder, NEW_NAME, 0);
		return err;
	}
	if (t->fd >= 0)
		close(t->fd);
	t->fd = fd;
	return keep_copy(t, procs, nr);
}

int traced_save(struct traced *t, const struct traced_proc *procs, unsigned int nr, uint64_t now_ns)
{
	return same(t, procs, nr) ? say_alive(t, now_ns) : write_list(t, procs, nr, now_ns);
}
