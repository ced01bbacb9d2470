// SPDX-License-Identifier: GPL-2.0
/*
 * identity: processes that change what they are, or stop being, under the tracer's eyes.
 *
 *	identity [--comm STR] [--fork N] [--vfork] [--exec PATH | --threads-exec PATH]
 *		 [--exit-after MS] [--bytes N]
 *
 * In this order: CHECKPOINT 0; --comm sets the name, escape sequences and all; --bytes (1 MiB) are
 * mapped and touched; --fork N children each map and touch as much again, are told apart by
 * "CHILD pid=" lines and exit; --vfork runs /bin/true in a vfork child; CHECKPOINT 1; --exit-after
 * sleeps and ends with status 7, no DONE; --exec replaces the program from the main thread,
 * --threads-exec from another one (whose tid is gone afterwards: it becomes the leader). The new
 * program inherits descriptors 3 and 4 and TARGET_SYNC, so that it may be a target itself.
 */
#include "target.h"
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/wait.h>

static struct {
	const char *comm, *exec, *threads_exec;
	u64 forks, exit_after, bytes;
	bool vfork;
} cfg = { .exit_after = ~0ULL, .bytes = 1 << 20 };

static char *map_touched(void)
{
	char *p = mmap(NULL, cfg.bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		target_die("identity: %s", strerror(errno));
	for (u64 at = 0; at < cfg.bytes; at += page_sz)
		*(volatile char *)(p + at) = 1;
	return p;
}

static void run_children(void)
{
	int status;

	for (u64 i = 0; i < cfg.forks; i++) {
		pid_t pid = fork();

		if (pid < 0)
			target_die("identity: fork: %s", strerror(errno));
		if (!pid) {
			map_touched();
			_exit((int)i & 0x7f);
		}
		if (target_mode != TARGET_QUIET)
			target_say("CHILD pid=%d status=%d", (int)pid, (int)i & 0x7f);
	}
	while (wait(&status) > 0)
		;
}

static void run_vfork(void)
{
	char *args[] = { (char *)"/bin/true", NULL };
	pid_t pid = vfork();

	if (!pid) {
		execv(args[0], args);
		_exit(127);
	}
	waitpid(pid, NULL, 0);
	if (target_mode != TARGET_QUIET)
		target_say("CHILD pid=%d vfork=1", (int)pid);
}

static void become(const char *path)
{
	char *args[] = { (char *)path, NULL };

	execv(path, args);
	target_die("identity: %s: %s", path, strerror(errno));
}

static void *exec_main(void *arg)
{
	(void)arg;
	become(cfg.threads_exec);
	return NULL;
}

static void become_from_thread(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, exec_main, NULL);
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	static const struct target_opt opts[] = {
		{ "comm", OPT_STR, &cfg.comm },
		{ "exec", OPT_STR, &cfg.exec },
		{ "threads-exec", OPT_STR, &cfg.threads_exec },
		{ "fork", OPT_U64, &cfg.forks },
		{ "exit-after", OPT_U64, &cfg.exit_after },
		{ "bytes", OPT_U64, &cfg.bytes },
		{ "vfork", OPT_FLAG, &cfg.vfork },
		{ NULL, OPT_FLAG, NULL },
	};
	char *p;

	target_init(argc, argv, opts);
	target_checkpoint("pid=%d", (int)getpid());
	if (cfg.comm)
		prctl(PR_SET_NAME, cfg.comm);
	p = map_touched();
	run_children();
	if (cfg.vfork)
		run_vfork();
	target_checkpoint("pid=%d start=0x%lx end=0x%lx forks=%lu", (int)getpid(), (u64)p,
			  (u64)p + cfg.bytes, cfg.forks);
	if (cfg.exit_after != ~0ULL) {
		usleep((useconds_t)(cfg.exit_after * 1000));
		_exit(7);
	}
	if (cfg.exec)
		become(cfg.exec);
	if (cfg.threads_exec)
		become_from_thread();
	target_say("DONE pid=%d", (int)getpid());
	return 0;
}
