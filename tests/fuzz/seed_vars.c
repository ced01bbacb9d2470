// SPDX-License-Identifier: GPL-2.0
/*
 * What corpus/fuzz_vars/c_O0 and c_O2 were made of, with -O0 and with -O2:
 *
 *	gcc -g -nostdlib -static -fno-stack-protector -fcf-protection=none -ffile-prefix-map=$PWD=. \
 *		-Wl,--build-id=none -Wl,-z,noseparate-code -Wl,-z,norelro
 */
enum color { RED, GREEN = 5 };
struct node {
	int value;
	struct node *next;
};
union either {
	float f;
	unsigned int u;
};
struct all {
	struct node node;
	union either either;
	enum color color;
	unsigned int bits : 3;
	char text[8];
	const char *note;
	double half;
	int (*fn)(int, int);
	short table[2][3];
};
static int counter = 42;
static const char note[] = "note";
static inline __attribute__((always_inline)) int twice(int n)
{
	int doubled = n * 2;

	return doubled + counter;
}
static __attribute__((noinline)) int add(int x, int y)
{
	int sum = twice(x) + y;

	counter = sum;
	return sum;
}
/* Nobody but its caller knows n when add() runs. */
static __attribute__((noinline)) int forgets(int n)
{
	counter += n;
	return add(counter, 1) + 1;
}

static __attribute__((noinline)) int deep(struct all *all, long n)
{
	volatile char room[40];
	int i;

	room[n & 31] = 1;
	for (i = 0; i < all->node.value; i++) {
		int inner = forgets(i) + forgets(7) + add(i, room[3]);

		all->table[0][1] += inner;
	}
	return n ? deep(all, n - 1) + i : all->fn(i, 1);
}
int main(void);
int main(void)
{
	struct node first = { 3, 0 };
	struct all all = {
		{ 1, &first }, { 1.5f }, GREEN, 2, "abc", note, 0.5, add, { { 1, 2, 3 } }
	};

	return deep(&all, 3);
}
void _start(void);
void _start(void)
{
	main();
	for (;;)
		;
}
