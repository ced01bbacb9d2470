/* SPDX-License-Identifier: GPL-2.0 */
/* What glibc's malloc says of an address: the chunk that begins there, and whether it is free. */
#ifndef CHUNK_H
#define CHUNK_H

#include "model/model.h"
#include "sym/vars.h"

struct chunk {
	uint64_t size; /* with its header */
	bool free;
};

/**
 * chunk_find() - the chunk whose memory begins at @addr
 * @p: the process; its regions' kinds are known
 *
 * Only told when what is there looks as it should. Chunks that wait in a thread's cache
 * (glibc 2.32 to 2.41) are found, those in fastbins are not told from used ones.
 */
bool chunk_find(struct proc *p, vars_read_fn read, void *ctx, uint64_t addr, struct chunk *ret);

#endif
