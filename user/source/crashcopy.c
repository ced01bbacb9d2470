// SPDX-License-Identifier: GPL-2.0
#include "source/crashcopy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/types.h>
#include "mtr_wire.h"
#include "source/decode.h"

/* Threads that die at once; and what BPF sends of one at most, bytes. */
#define MAX_DYING 16
#define MAX_PART (8u << 20)

bool crashcopy_is(const void *data, size_t sz)
{
	const struct mtr_w_hdr *h = data;

	return sz >= sizeof(*h) && h->kind == MTR_W_CRASH;
}

void crashcopy_free(struct crashcopy *c)
{
	if (!c)
		return;
	for (unsigned int i = 0; i < MTR_STACK_PARTS; i++)
		free(c->copy.part[i].data);
	free(c);
}

void crashcopy_free_all(struct crashcopy **list)
{
	while (*list) {
		struct crashcopy *c = *list;

		*list = c->next;
		crashcopy_free(c);
	}
}

struct crashcopy *crashcopy_take(struct crashcopy **list, uint32_t as, uint32_t tid)
{
	for (struct crashcopy **at = list; *at; at = &(*at)->next) {
		struct crashcopy *c = *at;

		if (c->as != as || c->tid != tid)
			continue;
		*at = c->next;
		return c;
	}
	return NULL;
}

/* Of a thread the first page: the newest goes first, and the oldest when there are too many. */
static struct crashcopy *begin(struct crashcopy **list, const struct mtr_w_crash *w)
{
	struct crashcopy *c = calloc(1, sizeof(*c)), **at = list;

	if (!c)
		return NULL;
	c->as = w->h.as;
	c->tid = w->h.tid;
	decode_regs(w->regs, &c->copy.regs);
	c->next = *list;
	*list = c;
	for (unsigned int i = 0; *at && i < MAX_DYING; i++)
		at = &(*at)->next;
	crashcopy_free_all(at);
	return c;
}

/* What is missing in between was never touched: it is 0. */
static int append(struct mtr_stack_part *p, const struct mtr_w_crash *w)
{
	uint64_t hole = p->size ? w->addr - p->addr - p->size : 0;
	uint8_t *data;

	if (hole > MAX_PART || p->size + hole + w->size > MAX_PART)
		return 0;
	data = realloc(p->data, p->size + hole + w->size);
	if (!data)
		return -ENOMEM;
	if (!p->size)
		p->addr = w->addr;
	memset(data + p->size, 0, hole);
	memcpy(data + p->size + hole, w->data, w->size);
	p->data = data;
	p->size += hole + w->size;
	return 0;
}

int crashcopy_add(struct crashcopy **list, const void *data, size_t sz)
{
	const struct mtr_w_crash *w = data;
	struct crashcopy *c;

	if (sz < sizeof(*w) || sz - sizeof(*w) < w->size || !w->size)
		return -EBADMSG;
	for (c = *list; c && (c->as != w->h.as || c->tid != w->h.tid);)
		c = c->next;
	if (!c)
		c = begin(list, w);
	if (!c)
		return -ENOMEM;
	return append(&c->copy.part[!!w->part], w);
}
