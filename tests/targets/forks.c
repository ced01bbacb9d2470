// SPDX-License-Identifier: GPL-2.0
// build-flags: -O0
/*
 * Processes of every kind, made by one that is looked at with `stacks --at add`: each calls
 * add(), too, and so do threads at the same time. It says what each had for a result, and how
 * often a SIGTRAP of its own came. With an argument it is one of them.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define STACK_SZ (256 << 10)
#define NR_THREADS 4
#define NR_CALLS 500

static volatile sig_atomic_t traps;

static __attribute__((noinline)) int add(int x, int y)
{
	int sum = x + y;

	return sum;
}

static void on_trap(int sig)
{
	(void)sig;
	traps++;
}

static void said(const char *what, pid_t pid)
{
	int status = -1;

	waitpid(pid, &status, __WALL);
	if (WIFEXITED(status))
		printf("%s %d\n", what, WEXITSTATUS(status));
	else
		printf("%s died of signal %d\n", what, WTERMSIG(status));
}

static int cloned(void *arg)
{
	(void)arg;
	return add(9, 10);
}

static pid_t by_clone(int flags)
{
	char *stack = malloc(STACK_SZ);

	return clone(cloned, stack + STACK_SZ, flags, NULL);
}

static void *in_thread(void *arg)
{
	long sum = 0;

	for (int i = 0; i < NR_CALLS; i++)
		sum += add(i, 1);
	return (void *)(sum == (long)NR_CALLS * (NR_CALLS + 1) / 2 ? arg : NULL);
}

int main(int argc, char **argv, char **env)
{
	char *args[] = { argv[0], "child", NULL };
	pthread_t t[NR_THREADS];
	pid_t pid;

	if (argc > 1)
		return add(7, 8);
	setvbuf(stdout, NULL, _IONBF, 0);
	signal(SIGTRAP, on_trap);
	printf("self %d\n", add(1, 2));
	pid = fork();
	if (!pid) {
		pid = fork();
		if (!pid)
			_exit(add(3, 5));
		said("grandchild", pid);
		_exit(add(3, 4));
	}
	said("fork", pid);
	pid = vfork();
	if (!pid)
		_exit(add(5, 6));
	said("vfork", pid);
	if (!posix_spawn(&pid, argv[0], NULL, NULL, args, env))
		said("spawn", pid);
	said("clone", by_clone(CLONE_VM | SIGCHLD));
	said("clone, no signal", by_clone(CLONE_VM));
	for (int i = 0; i < NR_THREADS; i++)
		pthread_create(&t[i], NULL, in_thread, (void *)&traps);
	for (int i = 0; i < NR_THREADS; i++) {
		void *ret;

		pthread_join(t[i], &ret);
		printf("thread %s\n", ret == &traps ? "right" : "wrong");
	}
	raise(SIGTRAP);
	printf("traps %d\n", (int)traps);
	return 0;
}
