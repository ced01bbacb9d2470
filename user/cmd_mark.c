// SPDX-License-Identifier: GPL-2.0
/* `memtrace mark`: name this moment in the sessions that trace a process. */
#include <errno.h>
#include <string.h>

#include "control.h"
#include "opts.h"
#include "remote.h"
#include "util/log.h"

static int failed(pid_t pid, int err)
{
	if (err == -EACCES)
		return log_error(EX_PRIVILEGE, "run as root: sudo memtrace mark …",
				 "the sessions there are belong to somebody else");
	if (err == -ESRCH)
		return log_error(EX_NO_TARGET, "memtrace -p PID, growth -p PID or record -p PID do",
				 "nobody traces PID %d", pid);
	return log_error(EX_FAILED, NULL, "PID %d cannot be marked: %s", pid, strerror(-err));
}

/* In sessions of their own, and in the daemon. How many; −errno as control_mark() */
static int mark(pid_t pid, const char *name)
{
	int nr = control_mark(pid, name), err = remote_mark_pid(pid, name);

	if (!err)
		return nr > 0 ? nr + 1 : 1;
	return nr > 0 || err == -ESRCH ? nr : err;
}

int cmd_mark(struct opts *o, int argc, char **argv)
{
	int ret = 0;

	(void)argc;
	(void)argv;
	if (strlen(o->files[0]) >= CONTROL_NAME_LEN || !*o->files[0])
		return log_error(EX_USAGE_ERR, NULL, "a mark's name has 1 to %d bytes",
				 CONTROL_NAME_LEN - 1);
	for (unsigned int i = 0; i < o->nr_pids; i++) {
		int nr = mark(o->pids[i], o->files[0]);

		if (nr < 0)
			ret = failed(o->pids[i], nr);
		else
			log_info("marked in %d session%s", nr, nr == 1 ? "" : "s");
	}
	return ret;
}
