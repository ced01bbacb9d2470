// SPDX-License-Identifier: GPL-2.0
// build-flags: -O0
/*
 * More stacks of a program's own making. Each thread says what it knows of the one it sleeps on:
 * "THREAD tid=… kind=… path=a,b,c low=… high=… sp=…" (sp is that of its innermost function):
 *
 *   grows      a thread's stack that grows: MAP_GROWSDOWN, 64 KiB at first, 300 KiB deep
 *   bare       the same, of a thread by clone() that has no thread pointer of its own
 *   switched   a context of makecontext() on a mapping that grows
 *   green      the third of three contexts that have switched to and fro, on one malloced block
 *   inside     a handler on an alternate stack that lies in the thread's own stack, raised far below it
 */
#include <pthread.h>
#include <ucontext.h>

#include "target.h"

#define FIRST_SZ (64 << 10)
#define HOLE_SZ (4 << 20)
#define DEEP (300 << 10)
#define GREEN_SZ (64 << 10)

struct span {
	char *low, *high;
};

static __thread ucontext_t back;
static struct span green, inside;
static ucontext_t fiber[3];

static void asleep(const char *kind, const char *path, struct span s)
{
	target_say("THREAD tid=%ld kind=%s path=%s low=%lu high=%lu sp=%lu", syscall(SYS_gettid),
		   kind, path, (u64)s.low, (u64)s.high, (u64)__builtin_frame_address(0));
	for (;;)
		pause();
}

/* With room to grow into, and something that nothing is put next to below that. */
static struct span growing(void)
{
	char *all = mmap(NULL, FIRST_SZ + HOLE_SZ + page_sz, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);
	struct span s = { .low = all + page_sz + HOLE_SZ };

	if (all == MAP_FAILED || munmap(all + page_sz, HOLE_SZ) ||
	    mmap(s.low, FIRST_SZ, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_FIXED, -1, 0) == MAP_FAILED)
		target_die("no mapping that grows");
	s.high = s.low + FIRST_SZ;
	return s;
}

static void deeper(const char *kind, const char *path, struct span s)
{
	volatile char room[4096];

	room[0] = 1;
	if ((char *)room > s.high - DEEP)
		deeper(kind, path, s);
	else
		asleep(kind, path, s);
	room[1] = 1;
}

static struct span grows_on, bare_on, switched_on;

static void *grows(void *arg)
{
	deeper("grows", "asleep,deeper,grows", grows_on);
	return arg;
}

static int bare(void *arg)
{
	deeper("bare", "asleep,deeper,bare", bare_on);
	return arg != NULL;
}

static void switched(void)
{
	deeper("switched", "asleep,deeper,switched", switched_on);
}

static void *in_switched(void *arg)
{
	ucontext_t c;

	getcontext(&c);
	c.uc_stack = (stack_t){ .ss_sp = switched_on.low, .ss_size = FIRST_SZ };
	c.uc_link = &back;
	makecontext(&c, switched, 0);
	swapcontext(&back, &c);
	return arg;
}

static void fiber_main(int nr)
{
	for (int i = 0; i < 10; i++)
		swapcontext(&fiber[nr], &fiber[(nr + 1) % 3]);
	if (nr == 2)
		asleep("green", "asleep,fiber_main",
		       (struct span){ green.low + 2 * GREEN_SZ, green.low + 3 * GREEN_SZ });
	swapcontext(&fiber[nr], &fiber[(nr + 1) % 3]);
}

static void *in_green(void *arg)
{
	green.low = malloc(3 * GREEN_SZ);
	for (int i = 0; i < 3; i++) {
		getcontext(&fiber[i]);
		fiber[i].uc_stack =
			(stack_t){ .ss_sp = green.low + i * GREEN_SZ, .ss_size = GREEN_SZ };
		fiber[i].uc_link = &back;
		makecontext(&fiber[i], (void (*)(void))fiber_main, 1, i);
	}
	swapcontext(&back, &fiber[0]);
	return arg;
}

static void on_signal(int sig)
{
	(void)sig;
	asleep("inside", "asleep,on_signal,far_below,in_inside", inside);
}

static void far_below(void)
{
	volatile char room[DEEP];

	room[0] = 1;
	pthread_kill(pthread_self(), SIGUSR1);
	room[1] = room[0];
}

static void *in_inside(void *arg)
{
	char alternate[FIRST_SZ];
	stack_t st = { .ss_sp = alternate, .ss_size = sizeof(alternate) };

	inside = (struct span){ alternate, alternate + sizeof(alternate) };
	if (sigaltstack(&st, NULL))
		target_die("sigaltstack");
	far_below();
	return arg;
}

static void start(void *(*fn)(void *), const struct span *on)
{
	pthread_attr_t attr;
	pthread_t t;

	pthread_attr_init(&attr);
	if (on && pthread_attr_setstack(&attr, on->low, (size_t)(on->high - on->low)))
		target_die("pthread_attr_setstack");
	if (pthread_create(&t, &attr, fn, NULL))
		target_die("pthread_create");
}

int main(int argc, char **argv)
{
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_ONSTACK };
	const struct target_opt opts[] = { { NULL, OPT_FLAG, NULL } };

	target_init(argc, argv, opts);
	sigaction(SIGUSR1, &sa, NULL);
	grows_on = growing();
	bare_on = growing();
	switched_on = growing();
	start(grows, &grows_on);
	usleep(50000);
	clone(bare, bare_on.high,
	      CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM,
	      NULL);
	usleep(50000);
	start(in_switched, NULL);
	start(in_green, NULL);
	start(in_inside, NULL);
	usleep(200000);
	target_checkpoint("kinds=5");
	return 0;
}
