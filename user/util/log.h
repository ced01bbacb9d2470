/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Messages to the user, on stderr. An error is one line: what, why, what to do.
 * With --json it is one object {"type":"error","code","text","fix"}.
 */
#ifndef UTIL_LOG_H
#define UTIL_LOG_H

#include <stdbool.h>

enum log_level { LOG_QUIET, LOG_NORMAL, LOG_VERBOSE, LOG_DEBUG };

/* Exit statuses (ux contract). */
enum mtr_exit {
	EX_DONE = 0,
	EX_FAILED = 1,
	EX_USAGE_ERR = 2,
	EX_NO_TARGET = 3,
	EX_PRIVILEGE = 4,
	EX_KERNEL = 5,
	EX_DAMAGED = 6,
	EX_MATCHED = 10,
	EX_CMD_FAILED = 125,
};

void log_setup(enum log_level level, bool json);
/* While a view owns the terminal, messages are kept and printed by log_release(). */
void log_hold(void);
void log_release(void);

/**
 * log_error() - the one line for a failure; returns @code, so that a command can `return log_error(…)`
 * @code: enum mtr_exit
 * @fix: what to do about it; NULL: nothing can be
 */
int log_error(int code, const char *fix, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2))); /* not with -q */
void log_verbose(const char *fmt, ...) __attribute__((format(printf, 1, 2))); /* with -v */

#endif
