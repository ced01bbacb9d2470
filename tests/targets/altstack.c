// SPDX-License-Identifier: GPL-2.0
// build-flags: -O0
/*
 * Stacks that are none of the kernel's or of pthread's: a handler on a
 * sigaltstack, a context of makecontext() on malloced and on mapped memory, and
 * a handler on the ordinary stack. Each thread says in which functions it
 * sleeps, innermost first: "THREAD tid=… path=a,b,c".
 */
#include <pthread.h>
#include <ucontext.h>

#include "target.h"

#define STACK_SZ (64 << 10)

static __thread ucontext_t back;

static void say(const char *path)
{
	target_say("THREAD tid=%ld path=%s", syscall(SYS_gettid), path);
}

static void asleep(const char *path)
{
	say(path);
	for (;;)
		pause();
}

static void on_signal(int sig)
{
	(void)sig;
	asleep("asleep,on_signal,raises,on_ordinary");
}

static void on_alternate(int sig)
{
	(void)sig;
	asleep("asleep,on_alternate,raises,on_sigaltstack");
}

static void raises(int sig)
{
	pthread_kill(pthread_self(), sig);
}

static void *on_ordinary(void *arg)
{
	raises(SIGUSR1);
	return arg;
}

static void *on_sigaltstack(void *arg)
{
	stack_t st = { .ss_sp = malloc(STACK_SZ), .ss_size = STACK_SZ };

	if (sigaltstack(&st, NULL))
		target_die("sigaltstack");
	raises(SIGUSR2);
	return arg;
}

static void in_context(void)
{
	asleep("asleep,in_context");
}

static void run_on(void *stack)
{
	ucontext_t c;

	getcontext(&c);
	c.uc_stack.ss_sp = stack;
	c.uc_stack.ss_size = STACK_SZ;
	c.uc_link = &back;
	makecontext(&c, in_context, 0);
	swapcontext(&back, &c);
}

static void *on_malloced(void *arg)
{
	run_on(malloc(STACK_SZ));
	return arg;
}

static void *on_mapped(void *arg)
{
	run_on(mmap(NULL, STACK_SZ, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	return arg;
}

int main(int argc, char **argv)
{
	static void *(*const kinds[])(void *) = { on_ordinary, on_sigaltstack, on_malloced,
						  on_mapped };
	struct sigaction sa = { .sa_handler = on_signal };
	const struct target_opt opts[] = { { NULL, OPT_FLAG, NULL } };

	target_init(argc, argv, opts);
	sigaction(SIGUSR1, &sa, NULL);
	sa.sa_handler = on_alternate;
	sa.sa_flags = SA_ONSTACK;
	sigaction(SIGUSR2, &sa, NULL);
	for (unsigned int i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		pthread_t t;

		pthread_create(&t, NULL, kinds[i], NULL);
	}
	usleep(200000);
	target_checkpoint("kinds=%zu", sizeof(kinds) / sizeof(*kinds));
	return 0;
}
