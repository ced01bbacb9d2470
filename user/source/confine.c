// SPDX-License-Identifier: GPL-2.0
/*
 * The list was made by trying: strace of the daemon under its tests, and what
 * glibc may use in the place of what it uses now. Where a call can do more than
 * what it is needed for, its arguments are looked at.
 */
#include "source/confine.h"

#include <errno.h>
#include <linux/bpf.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/capability.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

static const cap_value_t kept[] = {
	CAP_BPF, /* iterators of its own programs */
	CAP_PERFMON, CAP_SYS_PTRACE, /* maps, pagemap of processes of others */
	CAP_DAC_READ_SEARCH, /* their programs, by way of their own root */
};

static bool is_kept(cap_value_t cap)
{
	for (unsigned int i = 0; i < sizeof(kept) / sizeof(*kept); i++)
		if (kept[i] == cap)
			return true;
	return false;
}

/* What is not in the bounding set no program can give back; without CAP_SETPCAP it stays as it is. */
static void shrink_bounding_set(void)
{
	for (cap_value_t cap = 0; cap_get_bound(cap) >= 0; cap++)
		if (!is_kept(cap))
			cap_drop_bound(cap);
}

static int drop_capabilities(void)
{
	cap_t now = cap_get_proc(), wanted = cap_init();
	int err = now && wanted ? 0 : -errno;

	if (!err)
		shrink_bounding_set();
	for (unsigned int i = 0; !err && i < sizeof(kept) / sizeof(*kept); i++) {
		cap_flag_value_t v = CAP_CLEAR;

		if (cap_get_flag(now, kept[i], CAP_PERMITTED, &v) || v == CAP_CLEAR)
			continue; /* nobody can give it to itself */
		if (cap_set_flag(wanted, CAP_PERMITTED, 1, &kept[i], CAP_SET) ||
		    cap_set_flag(wanted, CAP_EFFECTIVE, 1, &kept[i], CAP_SET))
			err = -errno;
	}
	if (!err && (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || cap_set_proc(wanted)))
		err = -errno;
	if (now)
		cap_free(now);
	if (wanted)
		cap_free(wanted);
	return err;
}

#ifndef __SANITIZE_ADDRESS__ /* its own work at the end needs calls that are not on the list */

#define CALL(name) SCMP_SYS(name)

static const int calls[] = {
	/* files */
	CALL(read),
	CALL(write),
	CALL(readv),
	CALL(writev),
	CALL(pread64),
	CALL(pwrite64),
	CALL(preadv),
	CALL(pwritev),
	CALL(close),
	CALL(close_range),
	CALL(open),
	CALL(openat),
	CALL(openat2),
	CALL(stat),
	CALL(fstat),
	CALL(lstat),
	CALL(newfstatat),
	CALL(statx),
	CALL(statfs),
	CALL(fstatfs),
	CALL(lseek),
	CALL(getdents),
	CALL(getdents64),
	CALL(readlink),
	CALL(readlinkat),
	CALL(access),
	CALL(faccessat),
	CALL(faccessat2),
	CALL(fcntl),
	CALL(flock),
	CALL(dup),
	CALL(dup2),
	CALL(dup3),
	CALL(pipe2),
	CALL(fsync),
	CALL(fdatasync),
	CALL(ftruncate),
	CALL(fallocate),
	CALL(rename),
	CALL(renameat),
	CALL(renameat2),
	CALL(link),
	CALL(linkat),
	CALL(unlink),
	CALL(unlinkat),
	CALL(mkdir),
	CALL(mkdirat),
	CALL(rmdir),
	CALL(fchmod),
	CALL(fchmodat),
	CALL(fchown),
	CALL(umask),
	CALL(utimensat),
	CALL(getcwd),
	CALL(sendfile),
	CALL(copy_file_range),
	CALL(fadvise64),
	/* memory; mmap and mprotect see below */
	CALL(munmap),
	CALL(mremap),
	CALL(madvise),
	CALL(brk),
	CALL(mincore),
	/* waiting */
	CALL(epoll_create1),
	CALL(epoll_ctl),
	CALL(epoll_wait),
	CALL(epoll_pwait),
	CALL(epoll_pwait2),
	CALL(poll),
	CALL(ppoll),
	CALL(select),
	CALL(pselect6),
	CALL(timerfd_create),
	CALL(timerfd_settime),
	CALL(timerfd_gettime),
	CALL(eventfd2),
	CALL(nanosleep),
	CALL(clock_nanosleep),
	CALL(futex),
	CALL(restart_syscall),
	/* sockets; socket itself see below */
	CALL(bind),
	CALL(listen),
	CALL(accept),
	CALL(accept4),
	CALL(connect),
	CALL(shutdown),
	CALL(getsockopt),
	CALL(setsockopt),
	CALL(getsockname),
	CALL(getpeername),
	CALL(sendto),
	CALL(sendmsg),
	CALL(sendmmsg),
	CALL(recvfrom),
	CALL(recvmsg),
	CALL(recvmmsg),
	/* the targets */
	CALL(process_vm_readv),
	/* children that work on a copy of it; clone itself see below */
	CALL(memfd_create),
	CALL(wait4),
	CALL(waitid),
	/* itself */
	CALL(getpid),
	CALL(getppid),
	CALL(gettid),
	CALL(getuid),
	CALL(geteuid),
	CALL(getgid),
	CALL(getegid),
	CALL(getgroups),
	CALL(getrandom),
	CALL(getrusage),
	CALL(getrlimit),
	CALL(times),
	CALL(sysinfo),
	CALL(uname),
	CALL(clock_gettime),
	CALL(clock_getres),
	CALL(gettimeofday),
	CALL(time),
	CALL(getcpu),
	CALL(sched_yield),
	CALL(sched_getaffinity),
	CALL(rt_sigaction),
	CALL(rt_sigprocmask),
	CALL(rt_sigreturn),
	CALL(sigaltstack),
	CALL(setitimer),
	CALL(tgkill),
	CALL(prctl),
	CALL(getpriority),
	CALL(setpriority),
	CALL(capget),
	CALL(membarrier),
	CALL(rseq),
	CALL(set_robust_list),
	CALL(exit),
	CALL(exit_group),
};

/* Of BPF: maps and iterators that are there; none is made, no program loaded. */
static const int bpf_cmds[] = {
	BPF_MAP_LOOKUP_ELEM, BPF_MAP_UPDATE_ELEM,  BPF_MAP_DELETE_ELEM, BPF_MAP_GET_NEXT_KEY,
	BPF_LINK_CREATE,     BPF_ITER_CREATE,	   BPF_ENABLE_STATS,	BPF_OBJ_GET_INFO_BY_FD,
	BPF_LINK_DETACH,     BPF_LINK_GET_NEXT_ID,
};

#define NOT_A_FORK                                                                           \
	(CLONE_VM | CLONE_FILES | CLONE_THREAD | CLONE_PTRACE | CLONE_PARENT | CLONE_NEWNS | \
	 CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |      \
	 CLONE_NEWNET)

static const int families[] = { AF_UNIX, AF_INET, AF_INET6 };

static int allow_some(scmp_filter_ctx f)
{
	int err = 0;

	for (unsigned int i = 0; !err && i < sizeof(bpf_cmds) / sizeof(*bpf_cmds); i++)
		err = seccomp_rule_add(f, SCMP_ACT_ALLOW, CALL(bpf), 1,
				       SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)bpf_cmds[i]));
	for (unsigned int i = 0; !err && i < sizeof(families) / sizeof(*families); i++)
		err = seccomp_rule_add(f, SCMP_ACT_ALLOW, CALL(socket), 1,
				       SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i]));
	/* no code is made or loaded from now on */
	if (!err)
		err = seccomp_rule_add(f, SCMP_ACT_ALLOW, CALL(mmap), 1,
				       SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (!err)
		err = seccomp_rule_add(f, SCMP_ACT_ALLOW, CALL(mprotect), 1,
				       SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	/* nothing is typed into a terminal */
	if (!err)
		err = seccomp_rule_add(f, SCMP_ACT_ALLOW, CALL(ioctl), 1,
				       SCMP_A1(SCMP_CMP_NE, TIOCSTI));
	/* a copy of itself, that shares nothing and is in no namespace of its own */
	if (!err)
		err = seccomp_rule_add(f, SCMP_ACT_ALLOW, CALL(clone), 1,
				       SCMP_A0(SCMP_CMP_MASKED_EQ, NOT_A_FORK, 0));
	/* is it there? */
	if (!err)
		err = seccomp_rule_add(f, SCMP_ACT_ALLOW, CALL(kill), 1, SCMP_A1(SCMP_CMP_EQ, 0));
	/* its own limits */
	if (!err)
		err = seccomp_rule_add(f, SCMP_ACT_ALLOW, CALL(prlimit64), 1,
				       SCMP_A0(SCMP_CMP_EQ, 0));
	return err;
}

static int filter_calls(void)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int err = f ? 0 : -ENOMEM;

	for (unsigned int i = 0; !err && i < sizeof(calls) / sizeof(*calls); i++)
		err = seccomp_rule_add(f, SCMP_ACT_ALLOW, calls[i], 0);
	if (!err)
		err = allow_some(f);
	if (!err)
		err = seccomp_load(f);
	seccomp_release(f);
	return err;
}

#else

static int filter_calls(void)
{
	return 0;
}

#endif

int confine_self(void)
{
	int err = drop_capabilities();

	return err ? err : filter_calls();
}
