/* SPDX-License-Identifier: GPL-2.0 */
/* randops: stacks that grow, threads that come and go, processes that share or copy the memory. */
#ifndef RANDOPS_TASK_H
#define RANDOPS_TASK_H

#include "randops.h"
#include <sys/wait.h>

/* Recurses in frames of about 1 KiB until @bytes of stack are used. */
__attribute__((noinline)) static u64 recurse(size_t bytes, const char *from)
{
	volatile char frame[960];

	frame[0] = (char)bytes;
	if ((size_t)(from - (const char *)frame) >= bytes)
		return (u64)frame[0];
	return recurse(bytes, from) + (u64)frame[0];
}

static long op_stack_main(struct worker *w, bool bad)
{
	size_t bytes = rnd_pages(w, 128);

	(void)bad;
	g.sink += recurse(bytes, __builtin_frame_address(0));
	return 0;
}

/*
 * Gives back main stack below the pointer, so that it can grow again: the whole rest, or only its
 * middle, which leaves two stack regions.
 */
static long op_stack_trim(struct worker *w, bool bad)
{
	char *sp = (char *)((u64)__builtin_frame_address(0) & ~(page_sz - 1));
	char *high = sp - 64 * 1024, *low = sp - (1UL << 20);

	if (bad)
		return errno_of(munmap(low + 1, (size_t)(high - low)));
	g.sink += recurse(rnd_pages(w, 64) + 128 * 1024, sp);
	if (!rnd(w, 4))
		low = high - 8 * page_sz;
	return errno_of(munmap(low, (size_t)(high - low)));
}

static long op_stack_thread(struct worker *w, bool bad)
{
	size_t bytes = rnd_pages(w, 64);

	(void)bad;
	g.sink += recurse(bytes, __builtin_frame_address(0));
	return 0;
}

static void *kid_main(void *arg)
{
	struct kid *k = arg;
	size_t bytes = k->stack_sz / 2;
	char *at = g.hot + k->seed % (HOT_PAGES - 8) * page_sz;

	g.sink += recurse(k->seed % bytes, __builtin_frame_address(0));
	if (g.nr_threads > 1) {
		mmap(at, 8 * page_sz, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		munmap(at + page_sz, page_sz);
		mprotect(at + 4 * page_sz, page_sz, PROT_READ);
	}
	sem_post(&k->ready);
	while (sem_wait(&k->go))
		;
	return NULL;
}

static void kid_settle(struct kid *k)
{
	if (k->settled)
		return;
	while (sem_wait(&k->ready))
		;
	k->settled = true;
}

static long kid_die(struct kid *k)
{
	int err;

	kid_settle(k);
	sem_post(&k->go);
	err = pthread_join(k->thread, NULL);
	if (k->stack)
		munmap(k->stack, k->stack_sz);
	k->alive = false;
	return -err;
}

static long kid_birth(struct worker *w, struct kid *k, bool own_stack)
{
	pthread_attr_t attr;
	int err;

	if (k->alive)
		kid_die(k);
	k->stack = NULL;
	k->stack_sz = 64 * 1024 + rnd_pages(w, 64);
	k->seed = rnd64(w);
	k->settled = false;
	sem_init(&k->ready, 0, 0);
	sem_init(&k->go, 0, 0);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, k->stack_sz);
	if (own_stack) {
		k->stack = mmap(NULL, k->stack_sz, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
		if (k->stack == MAP_FAILED)
			return -errno;
		mprotect(k->stack, page_sz, PROT_NONE);
		pthread_attr_setstack(&attr, k->stack + page_sz, k->stack_sz - page_sz);
	}
	err = pthread_create(&k->thread, &attr, kid_main, k);
	pthread_attr_destroy(&attr);
	k->alive = !err;
	if (err && k->stack)
		munmap(k->stack, k->stack_sz);
	if (!err && g.nr_threads == 1)
		kid_settle(k);
	return -err;
}

static long op_thread_own(struct worker *w, bool bad)
{
	(void)bad;
	return kid_birth(w, &w->kids[rnd(w, NR_KIDS)], true);
}

static long op_thread_glibc(struct worker *w, bool bad)
{
	(void)bad;
	return kid_birth(w, &w->kids[rnd(w, NR_KIDS)], false);
}

static long op_thread_die(struct worker *w, bool bad)
{
	struct kid *k = &w->kids[rnd(w, NR_KIDS)];

	(void)bad;
	if (!k->alive && kid_birth(w, k, false))
		return -EAGAIN;
	return kid_die(k);
}

static long reap(long pid)
{
	int status;

	if (pid < 0)
		return -errno;
	while (waitpid((pid_t)pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) && !WEXITSTATUS(status) ? 0 : -ECHILD;
}

/* A child changes its own copy: nothing of it may show in the parent. */
static long op_fork(struct worker *w, bool bad)
{
	char *at = hot_at(w, 64 * page_sz);
	long pid;

	(void)bad;
	pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	if (!pid) {
		munmap(at, 64 * page_sz);
		mmap(at, 8 * page_sz, PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		syscall(SYS_exit_group, 0);
	}
	return reap(pid);
}

static int vfork_child(void *arg)
{
	struct worker *w = arg;
	size_t len = rnd_pages(w, 8);

	mmap(hot_at(w, len), len, rnd_prot(w), MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	munmap(hot_at(w, len), page_sz);
	syscall(SYS_exit, 0);
	return 0;
}

/* Another process, the same memory: what it maps is ours. */
static long op_vfork(struct worker *w, bool bad)
{
	(void)bad;
	return reap(clone(vfork_child, w->child_stack + sizeof(w->child_stack),
			  CLONE_VM | CLONE_VFORK | SIGCHLD, w));
}

#endif /* RANDOPS_TASK_H */
