// SPDX-License-Identifier: GPL-2.0
// build-flags: -O0 -fno-omit-frame-pointer
/*
 * Calls to be looked at with `stacks --at`: one with parameters and a result, a
 * recursion, one that is left by longjmp, one in a thread. Exits with status 3.
 * SIGURG has a handler, and the program says whether it came when nobody sent it.
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>

#include "target.h"

static volatile sig_atomic_t urgent;
static jmp_buf out;

static int add(int x, int y)
{
	int sum = x + y;

	return sum;
}

static int fib(int n)
{
	int a, b;

	if (n < 2)
		return n;
	a = fib(n - 1);
	b = fib(n - 2);
	return a + b;
}

static int leaves(int n)
{
	if (n)
		longjmp(out, n);
	return n;
}

static void *in_thread(void *arg)
{
	int a = 20, b = 22, sum = add(a, b);

	*(int *)arg = sum;
	return arg;
}

static void on_urgent(int sig)
{
	(void)sig;
	urgent++;
}

int main(void)
{
	int a = 5, b = 10, theirs = 0;
	pthread_t t;

	signal(SIGURG, on_urgent);
	int sum = add(a, b);
	int third = fib(3);
	int none = 1;
	if (!setjmp(out))
		none += leaves(1);
	none = leaves(0);
	pthread_create(&t, NULL, in_thread, &theirs);
	pthread_join(t, NULL);
	raise(SIGURG);
	printf("%d %d %d %d %d\n", sum, third, none, theirs, (int)urgent);
	return 3;
}
