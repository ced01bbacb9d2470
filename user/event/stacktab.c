// SPDX-License-Identifier: GPL-2.0
#include "event/stacktab.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "util/hash.h"

struct stack_node {
	struct {
		uint64_t pc;
		uint64_t caller; /* id; 0: outermost */
	} key;
	uint32_t id;
	uint32_t depth;
	bool kept; /* between stacktab_keep() and stacktab_sweep() */
	UT_hash_handle hh;
};

#define CHUNK 1024u

/* Nodes by id, in chunks: where all have gone a chunk goes, too. */
struct chunk {
	unsigned int nr; /* that are there */
	struct stack_node *node[CHUNK];
};

struct stacktab {
	struct stack_node *by_key; /* uthash */
	struct chunk **chunk;
	uint32_t nr, nr_chunks; /* nr: ids given, and 0 */
};

struct stacktab *stacktab_new(void)
{
	struct stacktab *t = calloc(1, sizeof(*t));

	if (t)
		t->nr = 1;
	return t;
}

void stacktab_free(struct stacktab *t)
{
	struct stack_node *n, *tmp;

	if (!t)
		return;
	HASH_ITER(hh, t->by_key, n, tmp) {
		HASH_DEL(t->by_key, n);
		free(n);
	}
	for (uint32_t i = 0; i < t->nr_chunks; i++)
		free(t->chunk[i]);
	free(t->chunk);
	free(t);
}

static struct stack_node *node(const struct stacktab *t, uint32_t id)
{
	const struct chunk *c = id && id < t->nr ? t->chunk[id / CHUNK] : NULL;

	return c ? c->node[id % CHUNK] : NULL;
}

/* A place for the next id. */
static int reserve(struct stacktab *t)
{
	uint32_t at = t->nr / CHUNK;

	if (at >= t->nr_chunks) {
		uint32_t nr = t->nr_chunks ? 2 * t->nr_chunks : 16;
		struct chunk **chunk = reallocarray(t->chunk, nr, sizeof(*chunk));

		if (!chunk)
			return -1;
		memset(chunk + t->nr_chunks, 0, (nr - t->nr_chunks) * sizeof(*chunk));
		t->chunk = chunk;
		t->nr_chunks = nr;
	}
	if (!t->chunk[at])
		t->chunk[at] = calloc(1, sizeof(**t->chunk));
	return t->chunk[at] ? 0 : -1;
}

uint32_t stacktab_call(struct stacktab *t, uint32_t caller, uint64_t pc)
{
	struct stack_node *n, probe = { .key = { .pc = pc, .caller = caller } };
	unsigned int depth = stacktab_depth(t, caller) + 1;

	HASH_FIND(hh, t->by_key, &probe.key, sizeof(probe.key), n);
	if (n)
		return n->id;
	if (depth > STACKTAB_MAX_FRAMES || reserve(t))
		return 0;
	n = calloc(1, sizeof(*n));
	if (!n)
		return 0;
	n->key = probe.key;
	n->id = t->nr;
	n->depth = depth;
	HASH_ADD(hh, t->by_key, key, sizeof(n->key), n);
	if (!n->hh.tbl) {
		free(n);
		return 0;
	}
	t->chunk[n->id / CHUNK]->node[n->id % CHUNK] = n;
	t->chunk[n->id / CHUNK]->nr++;
	t->nr++;
	return n->id;
}

uint32_t stacktab_intern(struct stacktab *t, const uint64_t *pc, unsigned int nr)
{
	uint32_t id = 0;

	if (nr > STACKTAB_MAX_FRAMES)
		nr = STACKTAB_MAX_FRAMES;
	while (nr--) {
		id = stacktab_call(t, id, pc[nr]);
		if (!id)
			return 0;
	}
	return id;
}

unsigned int stacktab_frames(const struct stacktab *t, uint32_t id, uint64_t *pc, unsigned int max)
{
	const struct stack_node *n;
	unsigned int nr = 0;

	for (n = node(t, id); n; n = node(t, (uint32_t)n->key.caller), nr++)
		if (nr < max)
			pc[nr] = n->key.pc;
	return nr;
}

uint32_t stacktab_caller(const struct stacktab *t, uint32_t id)
{
	const struct stack_node *n = node(t, id);

	return n ? (uint32_t)n->key.caller : 0;
}

uint64_t stacktab_pc(const struct stacktab *t, uint32_t id)
{
	const struct stack_node *n = node(t, id);

	return n ? n->key.pc : 0;
}

unsigned int stacktab_depth(const struct stacktab *t, uint32_t id)
{
	const struct stack_node *n = node(t, id);

	return n ? n->depth : 0;
}

uint32_t stacktab_nr(const struct stacktab *t)
{
	return HASH_COUNT(t->by_key);
}

void stacktab_keep(struct stacktab *t, uint32_t id)
{
	struct stack_node *n;

	for (n = node(t, id); n && !n->kept; n = node(t, (uint32_t)n->key.caller))
		n->kept = true;
}

void stacktab_sweep(struct stacktab *t)
{
	struct stack_node *n, *tmp;

	HASH_ITER(hh, t->by_key, n, tmp) {
		struct chunk **c = &t->chunk[n->id / CHUNK];

		if (n->kept) {
			n->kept = false;
			continue;
		}
		(*c)->node[n->id % CHUNK] = NULL;
		if (!--(*c)->nr && n->id / CHUNK != t->nr / CHUNK) {
			free(*c);
			*c = NULL;
		}
		HASH_DEL(t->by_key, n);
		free(n);
	}
}
