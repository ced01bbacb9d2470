// SPDX-License-Identifier: GPL-2.0
/*
 * vforked: memory whose map is changed by another process. Between its checkpoints a vfork child,
 * there since before the first of them, maps and unmaps; the process itself waits for it.
 */
#include "target.h"

#define REGIONS 40

static char stack[1 << 16] __attribute__((aligned(16)));

static int child(void *arg)
{
	char *at = arg;

	target_checkpoint("when=before");
	for (unsigned int i = 0; i < REGIONS; i++)
		mmap(at + 2 * i * page_sz, page_sz, i % 2 ? PROT_READ : PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	munmap(at, REGIONS / 2 * page_sz);
	target_checkpoint("when=after");
	syscall(SYS_exit, 0);
	return 0;
}

int main(int argc, char **argv)
{
	const struct target_opt opts[] = { { NULL } };
	char *at;

	target_init(argc, argv, opts);
	at = mmap(NULL, 2 * REGIONS * page_sz, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED || clone(child, stack + sizeof(stack), CLONE_VM | CLONE_VFORK, at) < 0)
		target_die("vforked: %s", strerror(errno));
	target_checkpoint("when=ended");
	return 0;
}
