/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a session gives to its tap becomes a trace: in a file as it comes, or
 * the last part of it in memory until a dump is wanted.
 */
#ifndef RECORDER_H
#define RECORDER_H

#include "session.h"
#include "trace/writer.h"

struct recorder;

/**
 * recorder_new() - tap the session
 * @cmd_pid: of the command that is recorded from its start; 0: none
 * @fd: where the trace goes; −1: it is kept in memory (o->last_size, o->last_ns)
 *
 * Returns NULL with errno set.
 */
struct recorder *recorder_new(struct session *s, const struct opts *o, pid_t cmd_pid, int fd);
void recorder_free(struct recorder *r);

/* recorder_tick() - an interval has ended: the place for a keyframe. 0 or −errno of writing */
int recorder_tick(struct recorder *r);
/* recorder_turn() - on every turn of the loop: what takes time is done here. 0 or −errno of writing */
int recorder_turn(struct recorder *r);
/* recorder_end() - the rest, and the end of the file. 0 or −errno of writing */
int recorder_end(struct recorder *r);
/* recorder_dump() - what memory holds, as a file of its own. 0 or −errno of writing */
int recorder_dump(struct recorder *r, int fd);

const struct trace_stats *recorder_stats(const struct recorder *r);
uint64_t recorder_bytes(const struct recorder *r); /* in the file, or held in memory */
uint64_t
recorder_span_ns(const struct recorder *r); /* held in memory: from the oldest to the newest */

#endif
