// SPDX-License-Identifier: GPL-2.0
/*
 * Threads in system calls that a stop by a debugger breaks off, over and over,
 * each noting whether a call ended with EINTR or before its time. --busy adds
 * threads that are hard to catch asleep: they compute for some 300 µs, then wait
 * for a millisecond. At its end, PATIENCE lines: calls, interrupted, early.
 */
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/sem.h>
#include <sys/socket.h>

#include "target.h"

#define KINDS 5
#define MAX 64

struct waiter {
	int kind;
	u64 wait_ns, busy_loops;
	u64 calls, interrupted, early;
	int fd, sem;
};

static const char *const kind_name[KINDS] = { "epoll_wait", "sigtimedwait", "semtimedop",
					      "nanosleep", "recv" };
static volatile bool stop;
static volatile u64 sink;

static u64 now(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (u64)ts.tv_sec * 1000000000 + (u64)ts.tv_nsec;
}

/*
 * recv's timeout is kept in ticks, semtimedop's before 5.14, too: they lag behind the time on a busy
 * virtual machine, and so does their clock. Who comes back early does so by both clocks.
 */
static bool early(const struct waiter *w, u64 took, u64 ticked)
{
	const u64 tick = 10000000; /* at most */

	if (w->kind == 2 || w->kind == 4)
		return took < w->wait_ns && ticked + tick < w->wait_ns;
	return took < w->wait_ns;
}

__attribute__((noinline)) static int wait_once(struct waiter *w)
{
	struct timespec ts = { (time_t)(w->wait_ns / 1000000000), (long)(w->wait_ns % 1000000000) };
	struct sembuf op = { 0, -1, 0 };
	struct epoll_event ev;
	sigset_t set;
	char byte;

	switch (w->kind) {
	case 0:
		return epoll_wait(w->fd, &ev, 1, (int)(w->wait_ns / 1000000));
	case 1:
		sigemptyset(&set);
		sigaddset(&set, SIGUSR2);
		return sigtimedwait(&set, NULL, &ts);
	case 2:
		return semtimedop(w->sem, &op, 1, &ts);
	case 3:
		return nanosleep(&ts, NULL);
	}
	return (int)recv(w->fd, &byte, 1, 0);
}

static void setup(struct waiter *w)
{
	struct timeval tv = { 0, (suseconds_t)(w->wait_ns / 1000) };
	int sv[2];

	if (w->kind == 0)
		w->fd = epoll_create1(EPOLL_CLOEXEC);
	if (w->kind == 2)
		w->sem = semget(IPC_PRIVATE, 1, 0600);
	if (w->kind == 4) {
		if (socketpair(AF_UNIX, SOCK_STREAM, 0, sv))
			target_die("no sockets");
		w->fd = sv[0];
		setsockopt(w->fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	}
}

static void *waiter(void *arg)
{
	struct waiter *w = arg;

	while (!stop) {
		u64 from, took, ticks;
		int ret;

		for (u64 i = 0; i < w->busy_loops; i++)
			sink += i;
		ticks = now(CLOCK_MONOTONIC_COARSE);
		from = now(CLOCK_MONOTONIC);
		ret = wait_once(w);
		took = now(CLOCK_MONOTONIC) - from;
		ticks = now(CLOCK_MONOTONIC_COARSE) - ticks;
		w->calls++;
		w->interrupted += ret < 0 && errno == EINTR;
		w->early += early(w, took, ticks);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	static struct waiter w[MAX];
	pthread_t t[MAX];
	u64 wait_ms = 100;
	bool busy = false;
	const struct target_opt opts[] = { { "wait-ms", OPT_U64, &wait_ms },
					   { "busy", OPT_FLAG, &busy },
					   { NULL, OPT_FLAG, NULL } };
	int nr;

	target_init(argc, argv, opts);
	nr = busy ? KINDS * 2 : KINDS;
	for (int i = 0; i < nr; i++) {
		w[i].kind = i % KINDS;
		w[i].wait_ns = i < KINDS ? wait_ms * 1000000 : 1000000;
		w[i].busy_loops = i < KINDS ? 0 : 200000;
		setup(&w[i]);
		pthread_create(&t[i], NULL, waiter, &w[i]);
	}
	target_say("CHECKPOINT 0 0 threads=%d", nr);
	if (target_mode == TARGET_SYNCED) {
		char byte;

		while (read(TARGET_IN, &byte, 1) < 0 && errno == EINTR)
			;
	} else {
		sleep(10);
	}
	stop = true;
	for (int i = 0; i < nr; i++)
		pthread_join(t[i], NULL);
	for (int i = 0; i < nr; i++) {
		target_say("PATIENCE kind=%s calls=%llu interrupted=%llu early=%llu",
			   kind_name[w[i].kind], (unsigned long long)w[i].calls,
			   (unsigned long long)w[i].interrupted, (unsigned long long)w[i].early);
		if (w[i].kind == 2)
			semctl(w[i].sem, 0, IPC_RMID);
	}
	target_say("DONE 0");
	return 0;
}
