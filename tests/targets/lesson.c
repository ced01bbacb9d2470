// SPDX-License-Identifier: GPL-2.0
// build-flags: -O0 -fomit-frame-pointer
/*
 * The lesson's programs in C: where variables live and where their pointers
 * lead. It sleeps in the innermost call, at a checkpoint.
 */
#include "target.h"

struct node {
	int value;
	struct node *next;
};

struct user {
	u64 id;
	char name[16];
	const char *note;
	enum { GUEST, MEMBER, ADMIN } role;
};

static int counter = 42; /* .data */
static char buffer[64]; /* .bss */
static const char greeting[] = "hello from .rodata";

static int add(int x, int y)
{
	int sum = x + y;

	target_checkpoint("sum=%d", sum);
	return sum;
}

static int pointers(struct user *u)
{
	int numbers[5] = { 1, 2, 3, 4, 5 };
	double pi = 3.25;
	_Bool yes = 1;
	char letter = 'A';
	const char *literal = greeting;
	int *to_data = &counter;
	char *to_bss = buffer;
	int *to_stack = &numbers[2];
	int *none = NULL;
	int *wild = (int *)0x10;
	int (*function)(int, int) = add;
	struct node *list = malloc(sizeof(*list));
	char *freed = malloc(3000);
	char *fence = malloc(24); /* so that freed is not merged with the top */
	struct user copy = *u;
	int a = 5, b = 10, result;

	*list = (struct node){ 7, NULL };
	free(freed);
	result = function(a, b);
	return result + numbers[1] + (int)pi + yes + letter + *to_data + to_bss[0] + *to_stack +
	       literal[0] + list->value + (int)copy.id + (none == wild) + !fence;
}

int main(int argc, char **argv)
{
	struct user u = { 7, "ann", greeting, ADMIN };
	const struct target_opt opts[] = { { NULL, OPT_FLAG, NULL } };

	target_init(argc, argv, opts);
	return pointers(&u) == 0;
}
