/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Places in a program where a thread is to be held: uprobes, which the kernel
 * takes away when memtrace ends, however that is. Who comes to one is sent
 * SRC_AT_SIGNAL, which only its tracer gets to see (tracee.h).
 */
#ifndef SOURCE_SRC_AT_H
#define SOURCE_SRC_AT_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "event/stackcopy.h"

#define SRC_AT_SIGNAL SIGURG

struct src_at;

/* src_at_open() - 0, −EPERM, −EOPNOTSUPP or −errno of the load */
int src_at_open(struct src_at **ret_sa);
void src_at_close(struct src_at *sa); /* safe on NULL; every place is given up */

/**
 * src_at_plant() - a place in a file that @pid has mapped, or will have
 * @offset: in the file, bytes
 *
 * Returns 0 or −errno.
 */
int src_at_plant(struct src_at *sa, pid_t pid, const char *path, uint64_t offset);
/* src_at_clear() - give up all places */
void src_at_clear(struct src_at *sa);

/**
 * src_at_hit() - the registers with which a thread that got the signal came to a place
 *
 * By now it has executed the instruction there. Returns false when the signal is not from us.
 */
bool src_at_hit(struct src_at *sa, pid_t tid, struct mtr_regs *ret);

#endif
