/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The folder of the reports. A file has a name of its own pattern,
 *
 *	20261121T224001Z-redis-server-4123-oom.mtr (and .txt)
 *
 * nothing else in the folder is ever touched. While it is written it is called
 * ".NAME.tmp": what has its name is whole. The folder is held by a descriptor,
 * so that nobody can put another one in its place.
 */
#ifndef SERVE_BB_STORE_H
#define SERVE_BB_STORE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "serve/bb_when.h"

#define BB_BASE 96 /* of a name without its extension */

struct bb_store;

/**
 * bb_store_open() - the folder, which is made (0700) when only it is missing
 *
 * 0; −ELOOP, −ENOTDIR: it is a symbolic link or no folder; −EPERM: somebody else's, or others may write
 * to it; −errno.
 */
int bb_store_open(const char *folder, struct bb_store **ret_st);
/* bb_store_move() - another folder from now on; on failure it stays */
int bb_store_move(struct bb_store *st, const char *folder);
void bb_store_close(struct bb_store *st); /* safe on NULL */

/**
 * bb_store_name() - for a new report: what of the folder has not got yet
 * @comm: raw bytes of the target; what could lead elsewhere or hide becomes '_'
 */
void bb_store_name(const struct bb_store *st, char base[BB_BASE], uint64_t real_ns,
		   const char *comm, pid_t pid, enum bb_cause cause);
/* bb_store_ours() - is that name of our pattern? With the length of its base, and when it was made */
bool bb_store_ours(const char *name, size_t *ret_len, uint64_t *ret_real_ns);

/* bb_store_turn() - wait until nobody else writes there, until this process ends */
void bb_store_turn(const struct bb_store *st);

/* bb_store_create() - the file under its temporary name, mode 0600: a descriptor or −errno. @ext: "mtr", "txt" */
int bb_store_create(const struct bb_store *st, const char *base, const char *ext);
/* bb_store_commit() - what was written is on the disk and has its name from now on. 0 or −errno */
int bb_store_commit(const struct bb_store *st, const char *base, const char *ext, int fd);
/* bb_store_discard() - what may be left under its temporary name */
void bb_store_discard(const struct bb_store *st, const char *base, const char *ext);
/* bb_store_sweep() - what daemons that were killed have left half written; returns how many */
unsigned int bb_store_sweep(const struct bb_store *st);

/**
 * bb_store_trim() - reports that are too old go, and the oldest while all are too large
 *
 * The newest stays, however large. Returns how many files went, or −errno.
 */
int bb_store_trim(const struct bb_store *st, uint64_t keep_bytes, uint64_t keep_ns,
		  uint64_t now_real_ns);

#endif
