/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The list of traced processes beside the socket: who comes after a daemon that
 * was killed traces the same ones again, and knows since when nobody did.
 *
 *	memtrace-traced 1 BOOT-ID
 *	alive 00000000123456789012          CLOCK_BOOTTIME of the last interval, in place
 *	4123 87654321                       pid, start in clock ticks since boot
 */
#ifndef SERVE_TRACED_H
#define SERVE_TRACED_H

#include <stdint.h>
#include <sys/types.h>

struct traced;

struct traced_proc {
	pid_t pid;
	uint64_t start_ticks;
};

/**
 * traced_open() - the list in the folder of @socket, and nobody else's
 *
 * Returns 0, −EBUSY: another daemon has it, −EPERM: others may write to the folder, −errno.
 */
int traced_open(const char *socket, struct traced **ret_t);
void traced_close(struct traced *t); /* safe on NULL */

/**
 * traced_load() - what the daemon before had, as long as the machine has not been started anew
 * @ret_procs: the caller frees it
 * @ret_alive_ns: when it was there last
 *
 * Returns how many there are; 0: none, or the list is not to be understood.
 */
unsigned int traced_load(struct traced *t, struct traced_proc **ret_procs, uint64_t *ret_alive_ns);

/* traced_save() - these are traced now; at every interval. 0 or −errno */
int traced_save(struct traced *t, const struct traced_proc *procs, unsigned int nr,
		uint64_t now_ns);

#endif
