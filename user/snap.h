/* SPDX-License-Identifier: GPL-2.0 */
/* One reading of a process from /proc into a model of its own, for verbs that give one answer. */
#ifndef SNAP_H
#define SNAP_H

#include <sys/types.h>
#include "model/model.h"
#include "source/src_proc.h"

struct snap {
	pid_t pid;
	uint32_t as;
	struct src_proc *sp;
	struct strtab *st;
	struct model model;
};

/**
 * snap_take() - open a process, read its map, threads and resident pages
 * @stacks_only: pages of stacks only are counted: what a high-water mark needs
 * @ret_p: the process in s->model
 *
 * Returns 0, or an exit status after one line on stderr; then nothing is to be released.
 */
int snap_take(struct snap *s, pid_t pid, uint32_t as, bool stacks_only, struct proc **ret_p);
/* snap_locate() - after more stack pointers became known: which regions are stacks, and their pages */
int snap_locate(struct snap *s, struct proc *p);
void snap_release(struct snap *s);

#endif
