// SPDX-License-Identifier: GPL-2.0
#include "event/stacktab.h"

#include <stdbool.h>
#include <stdlib.h>
#include "util/hash.h"

struct stack_node {
	struct {
		uint64_t pc;
		uint64_t caller; /* id; 0: outermost */
	} key;
	uint32_t id;
	uint16_t depth;
	bool marked;
	UT_hash_handle hh;
};

struct stacktab {
	struct stack_node *by_key; /* uthash */
	struct stack_node **by_id; /* by_id[0] is never set */
	uint32_t nr, cap; /* ids given, 0 included */
	uint32_t *spare; /* of those, to be given again */
	uint32_t nr_spare;
	uint32_t gen;
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
	free(t->by_id);
	free(t->spare);
	free(t);
}

static int reserve(struct stacktab *t)
{
	uint32_t cap = t->cap ? 2 * t->cap : 256, *spare;
	struct stack_node **by_id;

	if (t->nr_spare || t->nr < t->cap)
		return 0;
	by_id = reallocarray(t->by_id, cap, sizeof(*by_id));
	if (!by_id)
		return -1;
	if (!t->cap)
		by_id[0] = NULL;
	t->by_id = by_id;
	/* as much for stacktab_sweep(), which must not fail */
	spare = reallocarray(t->spare, cap, sizeof(*spare));
	if (!spare)
		return -1;
	t->spare = spare;
	t->cap = cap;
	return 0;
}

static struct stack_node *node(const struct stacktab *t, uint32_t id)
{
	return id && id < t->nr ? t->by_id[id] : NULL;
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
	n->id = t->nr_spare ? t->spare[t->nr_spare - 1] : t->nr;
	n->depth = (uint16_t)depth;
	HASH_ADD(hh, t->by_key, key, sizeof(n->key), n);
	if (!n->hh.tbl) {
		free(n);
		return 0;
	}
	if (t->nr_spare)
		t->nr_spare--;
	else
		t->nr++;
	t->by_id[n->id] = n;
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
	return t->nr - 1 - t->nr_spare;
}

uint32_t stacktab_end(const struct stacktab *t)
{
	return t->nr;
}

void stacktab_mark(struct stacktab *t, uint32_t id)
{
	struct stack_node *n;

	for (n = node(t, id); n && !n->marked; n = node(t, (uint32_t)n->key.caller))
		n->marked = true;
}

void stacktab_sweep(struct stacktab *t)
{
	for (uint32_t id = 1; id < t->nr; id++) {
		struct stack_node *n = node(t, id);

		if (!n)
			continue;
		if (n->marked) {
			n->marked = false;
			continue;
		}
		/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): uthash's own */
		HASH_DEL(t->by_key, n);
		free(n);
		t->by_id[id] = NULL;
		t->spare[t->nr_spare++] = id;
	}
	t->gen++;
}

uint32_t stacktab_gen(const struct stacktab *t)
{
	return t->gen;
}
