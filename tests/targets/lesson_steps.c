// SPDX-License-Identifier: GPL-2.0
// build-flags: -O0 -fomit-frame-pointer -Wno-infinite-recursion
/*
 * The lesson in C, step by step: each calls look(), at which `stacks --at look` takes its
 * pictures. With an argument, `big` or `endless`: a stack runs over.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct slice {
	const void *start;
	size_t len;
};

struct user {
	int id;
	char *name;
};

struct counted {
	int owners;
	int value;
};

struct work {
	int number;
	struct counted *theirs;
};

struct node {
	int value;
	struct node *next;
};

static volatile int sink;

static __attribute__((noinline)) void look(int step)
{
	sink = step;
}

static void primitives(void)
{
	unsigned char small = 200;
	int x = 42;
	double pi = 3.5;
	char letter = 'A';
	_Bool ok = 1;
	int numbers[4] = { 10, 20, 30, 40 };

	look(1);
	sink = small + x + (int)pi + letter + ok + numbers[0];
}

static void string(void)
{
	char *owned = strdup("hello"), *moved = NULL;

	look(2);
	moved = owned;
	owned = NULL;
	look(3);
	free(moved);
	sink = !owned;
}

static void growing(void)
{
	int *grown = malloc(4 * sizeof(int)), *before = grown;
	char *fence = calloc(1, 1); /* so that what grows must move */

	grown[0] = 1;
	look(4);
	grown = realloc(grown, 8 * sizeof(int));
	look(5);
	free(grown);
	free(fence);
	sink = !before;
}

static void boxed(void)
{
	long *boxed = malloc(sizeof(*boxed)), *too = boxed;

	*boxed = 77;
	look(6);
	free(boxed);
	boxed = NULL;
	look(7); /* freed, and still pointed to */
	sink = !too + !boxed;
}

static void slices(void)
{
	const char *literal = "in .rodata";
	short numbers[4] = { 1, 2, 3, 4 };
	char *text = strdup("hello");
	struct slice of_stack = { numbers + 1, 2 };
	struct slice of_heap = { text + 1, 3 };
	struct slice of_rodata = { literal + 3, 7 };

	look(8);
	sink = (int)(of_stack.len + of_heap.len + of_rodata.len);
	free(text);
}

static void shared(void)
{
	struct counted *first = malloc(sizeof(*first)), *second = first;

	*first = (struct counted){ 2, 5 };
	look(9);
	sink = second->value;
	free(first);
}

static void structs(void)
{
	struct user user = { 7, strdup("ann") };

	look(10);
	free(user.name);
}

static void list(void)
{
	struct node *second = malloc(sizeof(*second));
	struct node first = { 1, second };
	int array[2] = { 1, 2 };

	*second = (struct node){ 2, NULL };
	look(11);
	sink = first.value + array[0];
	free(second);
}

static void *threads_work(void *arg)
{
	struct work work = *(struct work *)arg;
	int product = work.number * 7;

	look(13);
	sink = product;
	return NULL;
}

static void threads(void)
{
	struct counted *ours = malloc(sizeof(*ours));
	struct work work = { 6, ours };
	pthread_t t;

	*ours = (struct counted){ 2, 5 };
	look(12);
	pthread_create(&t, NULL, threads_work, &work);
	pthread_join(t, NULL);
	free(ours);
}

static long endless(long n)
{
	volatile long pad[10] = { n };

	return endless(n + 1) + pad[3];
}

static int big(void)
{
	volatile char array[10000000];

	for (size_t i = 0; i < sizeof(array); i += 4096)
		array[i] = 1;
	return array[77];
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "big"))
		return big();
	if (argc > 1 && !strcmp(argv[1], "endless"))
		return (int)endless(0);
	primitives();
	string();
	growing();
	boxed();
	slices();
	shared();
	structs();
	list();
	threads();
	return 0;
}
