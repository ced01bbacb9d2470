// SPDX-License-Identifier: GPL-2.0
// build-flags: -O0
/*
 * A linked list against an array, both of 10,000 numbers: "ARRAY pages=N", "LIST pages=N" are
 * how many pages each lies on, by its elements' addresses.
 */
#include "target.h"

#define NR 10000

struct node {
	int value;
	struct node *next;
};

/* Elements come in ascending order. */
static u64 new_page(const void *at, size_t size, u64 *last)
{
	u64 first = (u64)at / page_sz, end = ((u64)at + size - 1) / page_sz, nr;

	nr = end - first + 1 - (first == *last);
	*last = end;
	return nr;
}

int main(int argc, char **argv)
{
	const struct target_opt opts[] = { { NULL, OPT_FLAG, NULL } };
	struct node *list = NULL, *node;
	u64 pages = 0, last = 0;
	int *array;

	target_init(argc, argv, opts);
	target_checkpoint("stage=ready");
	array = malloc(NR * sizeof(*array));
	for (int i = 0; i < NR; i++) {
		array[i] = i;
		pages += new_page(&array[i], sizeof(*array), &last);
	}
	target_checkpoint("stage=array pages=%lu", pages);
	pages = 0;
	for (int i = 0; i < NR; i++) {
		node = malloc(sizeof(*node));
		*node = (struct node){ i, list };
		list = node;
		pages += new_page(node, sizeof(*node), &last);
	}
	target_checkpoint("stage=list pages=%lu", pages);
	return list->value + array[0] == 0;
}
