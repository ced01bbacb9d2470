// SPDX-License-Identifier: GPL-2.0
#include "util/privilege.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "util/log.h"

#define READER_NICE (-10)

static const cap_value_t kept[] = {
	CAP_SYS_PTRACE, /* maps, pagemap, exe of processes of others */
	CAP_DAC_READ_SEARCH,
	CAP_SYS_ADMIN, /* BPF_ENABLE_STATS, frame numbers, map_files */
	CAP_PERFMON,
	CAP_BPF,
	CAP_KILL, /* a command that runs as another user is ended with memtrace */
};

void privilege_drop(void)
{
	const int nr = sizeof(kept) / sizeof(*kept);
	cap_t now = cap_get_proc(), wanted = cap_init();
	int err = 0;

	if (!now || !wanted) {
		err = -errno;
		goto out;
	}
	for (int i = 0; i < nr; i++) {
		cap_flag_value_t v = CAP_CLEAR;

		if (cap_get_flag(now, kept[i], CAP_PERMITTED, &v) || v == CAP_CLEAR)
			continue; /* nobody can give it to itself */
		if (cap_set_flag(wanted, CAP_PERMITTED, 1, &kept[i], CAP_SET) ||
		    cap_set_flag(wanted, CAP_EFFECTIVE, 1, &kept[i], CAP_SET))
			err = -errno;
	}
	if (!err && (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || cap_set_proc(wanted)))
		err = -errno;
out:
	if (now)
		cap_free(now);
	if (wanted)
		cap_free(wanted);
	if (err)
		log_verbose("cannot give up capabilities: %s", strerror(-err));
}

void privilege_hurry(void)
{
	setpriority(PRIO_PROCESS, 0, READER_NICE);
}

bool privilege_caller(uid_t *ret_uid, gid_t *ret_gid)
{
	const char *uid = getenv("SUDO_UID"), *gid = getenv("SUDO_GID");
	bool by_sudo = !geteuid() && uid && gid;

	*ret_uid = by_sudo ? (uid_t)strtoul(uid, NULL, 10) : geteuid();
	if (ret_gid)
		*ret_gid = by_sudo ? (gid_t)strtoul(gid, NULL, 10) : getegid();
	return by_sudo;
}
