// SPDX-License-Identifier: GPL-2.0
#include "output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/log.h"

/* Files written under sudo belong to who called it. */
static void give_to_sudo_user(FILE *f)
{
	const char *uid = getenv("SUDO_UID"), *gid = getenv("SUDO_GID");

	if (geteuid() || !uid || !gid)
		return;
	if (fchown(fileno(f), (uid_t)strtoul(uid, NULL, 10), (gid_t)strtoul(gid, NULL, 10)))
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
		give_to_sudo_user(f);
	return f;
}

int output_failed(const char *path, int err)
{
	const char *fix = err == ENOSPC ? "free some space, or choose another file: -o FILE" :
			  path		? "choose another file: -o FILE" :
					  NULL;

	return log_error(EX_FAILED, fix, "cannot write %s: %s", path ? path : "the report",
			 strerror(err));
}
