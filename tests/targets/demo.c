// SPDX-License-Identifier: GPL-2.0
/*
 * demo: the workload of `make run`. Everything a view of memory can show happens here, slowly
 * enough to watch:
 *
 *	demo [--seconds N]		ends by itself (60) or on SIGTERM
 *
 *	heap	a cache of small blocks grows by about 3 MB/s; at 150 MB half of it is dropped
 *	stack	main recurses a little deeper each second, to 1 MiB, and comes back
 *	mmap	a vector doubles with mremap, from 64 KiB to 32 MiB, and starts again
 *	arenas	three named threads allocate in arenas of their own; "indexer" keeps some of it
 *
 * At most about 300 MB.
 */
#include "target.h"
#include <pthread.h>

#define TICKS_PER_S 20
#define CACHE_RATE (3000000 / TICKS_PER_S)
#define CACHE_MAX 150000000
#define INDEX_RATE (300000 / TICKS_PER_S)
#define INDEX_MAX 40000000
#define VEC_MIN (64UL << 10)
#define VEC_MAX (32UL << 20)
#define DEPTH_MAX (1UL << 20)

struct entry {
	struct entry *next;
	size_t size;
	char value[];
};

struct cache {
	struct entry *first;
	size_t bytes;
	u64 rng;
};

struct vec {
	char *data;
	size_t len, capacity;
};

static u64 seconds = 60;
static volatile sig_atomic_t stop;

static void on_term(int sig)
{
	(void)sig;
	stop = 1;
}

static void tick(void)
{
	usleep(1000000 / TICKS_PER_S);
}

static size_t next_size(struct cache *c)
{
	c->rng = c->rng * 6364136223846793005ULL + 1442695040888963407ULL;
	return 48 + (c->rng >> 33) % 464;
}

__attribute__((noinline)) static void cache_insert(struct cache *c, size_t size)
{
	struct entry *e = malloc(sizeof(*e) + size);

	if (!e)
		return;
	memset(e->value, 'v', size);
	e->size = size;
	e->next = c->first;
	c->first = e;
	c->bytes += size;
}

__attribute__((noinline)) static void cache_evict(struct cache *c, size_t keep)
{
	while (c->first && c->bytes > keep) {
		struct entry *e = c->first;

		c->first = e->next;
		c->bytes -= e->size;
		free(e);
	}
}

static void cache_fill(struct cache *c, size_t bytes, size_t max)
{
	for (size_t goal = c->bytes + bytes; c->bytes < goal;)
		cache_insert(c, next_size(c));
	if (c->bytes > max)
		cache_evict(c, max / 2);
}

/* One level of a directory tree, so to say: 1 KiB of stack. */
__attribute__((noinline)) static size_t walk_tree(size_t levels)
{
	volatile char path[960];

	path[0] = (char)levels;
	if (!levels) {
		usleep(100000); /* long enough to be seen down here */
		return 1;
	}
	return walk_tree(levels - 1) + (size_t)(path[0] == 0);
}

__attribute__((noinline)) static void vec_grow(struct vec *v)
{
	size_t capacity = v->capacity ? v->capacity * 2 : VEC_MIN;
	void *p;

	if (capacity > VEC_MAX) {
		munmap(v->data, v->capacity);
		*v = (struct vec){ NULL, 0, 0 };
		return;
	}
	if (v->data)
		p = mremap(v->data, v->capacity, capacity, MREMAP_MAYMOVE);
	else
		p = mmap(NULL, capacity, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			 0);
	if (p == MAP_FAILED)
		return;
	v->data = p;
	v->capacity = capacity;
}

__attribute__((noinline)) static void vec_push(struct vec *v, size_t bytes)
{
	while (bytes) {
		size_t room = v->capacity - v->len, n = bytes < room ? bytes : room;

		if (!room) {
			vec_grow(v);
			continue;
		}
		memset(v->data + v->len, 'p', n);
		v->len += n;
		bytes -= n;
	}
}

/* Keeps what it allocates, a tenth of the heap's rate, up to 40 MB. */
static void *indexer_main(void *arg)
{
	struct cache index = { .rng = 2 };

	for ((void)arg; !stop; tick())
		cache_fill(&index, INDEX_RATE, INDEX_MAX);
	return NULL;
}

/* Much traffic, nothing kept; a deeper stack every now and then. */
static void *worker_main(void *arg)
{
	struct cache work = { .rng = (u64)arg };

	for (u64 i = 0; !stop; i++, tick()) {
		cache_fill(&work, 400000, 4000000);
		if (i % 40 == 0)
			walk_tree(32 * (u64)arg);
		cache_evict(&work, 0);
	}
	return NULL;
}

static void start(const char *name, void *(*fn)(void *), u64 arg)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, fn, (void *)arg))
		target_die("demo: cannot start %s", name);
	pthread_setname_np(thread, name);
	pthread_detach(thread);
}

int main(int argc, char **argv)
{
	static const struct target_opt opts[] = {
		{ "seconds", OPT_U64, &seconds },
		{ NULL, OPT_FLAG, NULL },
	};
	struct sigaction sa = { .sa_handler = on_term };
	struct cache cache = { .rng = 1 };
	struct vec vec = { NULL, 0, 0 };
	u64 end;

	target_init(argc, argv, opts);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	target_checkpoint("pid=%d", (int)getpid());
	end = target_now_ns() + seconds * 1000000000;
	start("indexer", indexer_main, 0);
	start("io-worker", worker_main, 3);
	start("renderer", worker_main, 5);
	for (u64 i = 0; !stop && target_now_ns() < end; i++, tick()) {
		cache_fill(&cache, CACHE_RATE, CACHE_MAX);
		vec_push(&vec, 50000);
		if (i % TICKS_PER_S == 0)
			walk_tree(i / TICKS_PER_S * 64 % (DEPTH_MAX / 1024));
	}
	stop = 1;
	target_say("DONE cache_bytes=%zu", cache.bytes);
	_exit(0);
}
