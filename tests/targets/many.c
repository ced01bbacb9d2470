// SPDX-License-Identifier: GPL-2.0
/*
 * many IDLE FORKING EVERY_MS [MIB [NAME]]: so many children that sleep, and so many that fork a child which
 * touches a page and ends, each EVERY_MS. Each holds MIB (1) of memory. All have the name many-idle or
 * many-fork, with NAME in the place of many. Prints "PID KIND" of each and "ready"; SIGTERM ends them all and prints how many forks there were.
 */
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static atomic_long *nr_forks; /* shared by all */
static volatile sig_atomic_t ended;

static void on_term(int sig)
{
	(void)sig;
	ended = 1;
}

static void hold(size_t mib)
{
	char *p = mmap(NULL, mib << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		_exit(1);
	memset(p, 1, mib << 20);
}

static void forking(long every_ms)
{
	const struct timespec ts = { every_ms / 1000, every_ms % 1000 * 1000000 };

	for (;;) {
		pid_t pid = fork();

		if (!pid) {
			char *page = malloc(8192);

			page[4096] = 1;
			_exit(page[4096] != 1);
		}
		if (pid > 0) {
			waitpid(pid, NULL, 0);
			atomic_fetch_add(nr_forks, 1);
		}
		nanosleep(&ts, NULL);
	}
}

static pid_t start(const char *name, size_t mib, long every_ms)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	signal(SIGTERM, SIG_DFL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, name);
	hold(mib);
	if (every_ms)
		forking(every_ms);
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	long idle = argc > 3 ? atol(argv[1]) : -1, nr = argc > 3 ? atol(argv[2]) : -1;
	long every_ms = argc > 3 ? atol(argv[3]) : 0;
	size_t mib = argc > 4 ? (size_t)atol(argv[4]) : 1;
	char idle_name[16], fork_name[16];
	pid_t *pids;

	snprintf(idle_name, sizeof(idle_name), "%.10s-idle", argc > 5 ? argv[5] : "many");
	snprintf(fork_name, sizeof(fork_name), "%.10s-fork", argc > 5 ? argv[5] : "many");
	if (idle < 0 || nr < 0 || every_ms <= 0)
		return 2;
	nr_forks = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pids = calloc((size_t)(idle + nr) + 1, sizeof(*pids));
	if (nr_forks == MAP_FAILED || !pids)
		return 1;
	signal(SIGTERM, on_term);
	for (long i = 0; i < idle + nr; i++) {
		pids[i] = start(i < idle ? idle_name : fork_name, mib, i < idle ? 0 : every_ms);
		if (pids[i] < 0)
			return 1;
		printf("%d %s\n", pids[i], i < idle ? idle_name : fork_name);
	}
	puts("ready");
	fflush(stdout);
	while (!ended)
		usleep(50000); /* the signal may come before the call */
	for (long i = 0; i < idle + nr; i++)
		kill(pids[i], SIGKILL);
	for (long i = 0; i < idle + nr; i++)
		waitpid(pids[i], NULL, 0);
	printf("forks %ld\n", atomic_load(nr_forks));
	return 0;
}
