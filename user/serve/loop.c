// SPDX-License-Identifier: GPL-2.0
/*
 * Descriptors of the parts behind one epoll descriptor, which the session
 * watches. A number may be closed and used again between two looks: each
 * registration has a generation, and an event of an older one is nobody's.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>
#include "serve/serve_int.h"

#define AT_ONCE 64

struct watch {
	int fd;
	uint32_t gen;
	serve_ready_fn fn;
	void *ctx;
	UT_hash_handle hh;
};

struct loop {
	int epfd;
	uint32_t gen;
	struct watch *watches; /* uthash by fd */
};

struct loop *loop_new(void)
{
	struct loop *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->epfd = epoll_create1(EPOLL_CLOEXEC);
	if (l->epfd >= 0)
		return l;
	free(l);
	return NULL;
}

void loop_free(struct loop *l)
{
	struct watch *w, *tmp;

	if (!l)
		return;
	HASH_ITER(hh, l->watches, w, tmp) {
		HASH_DEL(l->watches, w);
		free(w);
	}
	close(l->epfd);
	free(l);
}

int loop_fd(const struct loop *l)
{
	return l->epfd;
}

static struct watch *find(struct loop *l, int fd)
{
	struct watch *w;

	HASH_FIND_INT(l->watches, &fd, w);
	return w;
}

static struct epoll_event event_of(const struct watch *w, uint32_t events)
{
	return (struct epoll_event){ .events = events,
				     .data.u64 = (uint64_t)w->gen << 32 | (uint32_t)w->fd };
}

int loop_watch(struct loop *l, int fd, uint32_t events, serve_ready_fn fn, void *ctx)
{
	struct watch *w = find(l, fd);
	struct epoll_event ev;
	bool add = !w;

	if (add) {
		w = calloc(1, sizeof(*w));
		if (!w)
			return -ENOMEM;
		w->fd = fd;
		w->gen = ++l->gen;
		HASH_ADD_INT(l->watches, fd, w);
		if (!w->hh.tbl) {
			free(w);
			return -ENOMEM;
		}
	}
	w->fn = fn;
	w->ctx = ctx;
	ev = event_of(w, events);
	if (!epoll_ctl(l->epfd, add ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &ev))
		return 0;
	if (add) {
		int err = -errno;

		HASH_DEL(l->watches, w);
		free(w);
		return err;
	}
	return -errno;
}

void loop_unwatch(struct loop *l, int fd)
{
	struct watch *w = find(l, fd);

	if (!w)
		return;
	epoll_ctl(l->epfd, EPOLL_CTL_DEL, fd, NULL);
	HASH_DEL(l->watches, w);
	free(w);
}

void loop_run(struct loop *l)
{
	struct epoll_event evs[AT_ONCE];
	int n = epoll_wait(l->epfd, evs, AT_ONCE, 0);

	for (int i = 0; i < n; i++) {
		struct watch *w = find(l, (int)(uint32_t)evs[i].data.u64);

		if (w && w->gen == evs[i].data.u64 >> 32)
			w->fn(w->ctx, w->fd, evs[i].events);
	}
}
