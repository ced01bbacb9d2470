/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The text of /proc/PID, out of buffers: no I/O, so that every line a kernel
 * (or a hostile comm) can produce is tested without one.
 */
#ifndef SOURCE_PROC_PARSE_H
#define SOURCE_PROC_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* One line of maps. */
struct maps_line {
	uint64_t start, end, pgoff, ino;
	uint32_t prot; /* MTR_P_*: what the line tells */
	uint32_t dev; /* (major << 20) | minor */
	const char *name; /* into the line, decoded in place; not NUL-terminated */
	size_t name_len; /* 0: no name */
};

/**
 * maps_parse_line() - one line of /proc/PID/maps
 * @line: @len bytes without the newline; \012 in the name is decoded in place
 *
 * Returns 0, or −EINVAL for anything that the kernel would not write.
 */
int maps_parse_line(char *line, size_t len, struct maps_line *ret);

struct stat_line {
	char comm[64]; /* raw bytes */
	char state;
	pid_t ppid;
	bool kthread;
	uint64_t minflt, majflt; /* of all threads in /proc/PID/stat, of one in task/TID/stat */
	int64_t nr_threads;
	uint64_t start_ticks; /* since boot */
	uint64_t start_code, end_code, start_stack; /* 0: not shown to us */
	uint64_t start_data, end_data, start_brk;
};

/* stat_parse() - /proc/PID/stat; comm may hold ") R 1" and newlines. 0 or −EINVAL */
int stat_parse(const char *buf, size_t len, struct stat_line *ret);

/* statm_parse() - pages: the whole, resident. 0 or −EINVAL */
int statm_parse(const char *buf, uint64_t *ret_size, uint64_t *ret_resident);

/* status_kb() - value of a "Key:	N kB" line in bytes; −1 when it is not there */
int64_t status_kb(const char *buf, const char *key);

enum syscall_state { SYSCALL_RUNNING, SYSCALL_BLOCKED, SYSCALL_IN_CALL };

/**
 * syscall_parse() - /proc/PID/task/TID/syscall: "running", "-1 SP PC", "NR 6×ARG SP PC"
 * @ret_sp: written unless running
 *
 * Returns enum syscall_state or −EINVAL.
 */
int syscall_parse(const char *buf, uint64_t *ret_sp);

/* limits_stack() - soft RLIMIT_STACK of /proc/PID/limits in bytes; −1: unlimited or unknown */
int64_t limits_stack(const char *buf);

#endif
