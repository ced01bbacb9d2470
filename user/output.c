// SPDX-License-Identifier: GPL-2.0
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/log.h"
#include "util/privilege.h"

/* Files written under sudo belong to who called it. */
static void give_to_sudo_user(int fd)
{
	uid_t uid;
	gid_t gid;

	if (privilege_caller(&uid, &gid) && fchown(fd, uid, gid))
		log_warn("the output stays root's: %s", strerror(errno));
}

FILE *output_open(const char *path)
{
	mode_t mask;
	FILE *f;

	if (!path || !strcmp(path, "-"))
		return stdout;
	mask = umask(0077); /* addresses and names are nobody else's business */
	f = fopen(path, "we");
	umask(mask);
	if (!f)
		output_failed(path, errno);
	else
		give_to_sudo_user(fileno(f));
	return f;
}

/* The folder of @path, component by component; *ret_base is what is left. −errno */
static int open_folder(const char *path, const char **ret_base)
{
	int dir = open(*path == '/' ? "/" : ".", O_PATH | O_DIRECTORY | O_CLOEXEC), next;
	char part[NAME_MAX + 1];
	const char *slash;
	struct stat st;
	int flags;

	for (; dir >= 0 && (slash = strchr(path, '/')); path = slash + 1) {
		size_t len = (size_t)(slash - path);

		if (!len)
			continue;
		if (len > NAME_MAX || fstat(dir, &st)) {
			close(dir);
			return -ENAMETOOLONG;
		}
		memcpy(part, path, len);
		part[len] = '\0';
		/* where all may write, a link may be anybody's */
		flags = st.st_mode & S_IWOTH ? O_NOFOLLOW : 0;
		next = openat(dir, part, O_PATH | O_DIRECTORY | O_CLOEXEC | flags);
		flags = errno;
		close(dir);
		errno = flags;
		dir = next;
	}
	*ret_base = path;
	return dir < 0 ? -errno : dir;
}

/* What is there may be replaced when it is a file, and ours. 0 or −errno */
static int make_way(int dir, const char *base)
{
	struct stat st;
	uid_t caller;

	if (fstatat(dir, base, &st, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT ? 0 : -errno;
	if (S_ISLNK(st.st_mode))
		return -ELOOP;
	if (!S_ISREG(st.st_mode))
		return -EEXIST;
	privilege_caller(&caller, NULL);
	if (st.st_uid != geteuid() && st.st_uid != caller)
		return -EPERM;
	return unlinkat(dir, base, 0) ? -errno : 0;
}

static int create(const char *path)
{
	const char *base;
	int dir = open_folder(path, &base), fd, err;

	if (dir < 0)
		return dir;
	err = *base ? make_way(dir, base) : -EISDIR;
	fd = err ? -1 :
		   openat(dir, base,
			  O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_APPEND, 0600);
	if (!err && fd < 0)
		err = -errno;
	close(dir);
	return err ? err : fd;
}

int output_create(const char *path)
{
	int fd = create(path);

	switch (fd) {
	case -ELOOP:
	case -ENOTDIR:
		log_error(EX_FAILED, "choose another file: -o FILE",
			  "cannot write %s: it is, or lies behind, a symbolic link or no folder",
			  path);
		return -1;
	case -EEXIST:
		log_error(EX_FAILED, "choose another file: -o FILE",
			  "cannot write %s: something that is no regular file is there", path);
		return -1;
	case -EPERM:
		log_error(EX_FAILED, "choose another file: -o FILE",
			  "cannot write %s: a file of somebody else is there", path);
		return -1;
	}
	if (fd < 0)
		output_failed(path, -fd);
	else
		give_to_sudo_user(fd);
	return fd < 0 ? -1 : fd;
}

int output_failed(const char *path, int err)
{
	const char *fix = err == ENOSPC ? "free some space, or choose another file: -o FILE" :
			  path		? "choose another file: -o FILE" :
					  NULL;

	return log_error(EX_FAILED, fix, "cannot write %s: %s", path ? path : "the report",
			 strerror(err));
}
