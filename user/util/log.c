// SPDX-License-Identifier: GPL-2.0
/*
 * Every message goes through emit(): names from a target that end up in one are
 * cleaned there, once, and a message stays one line.
 */
#include "util/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "util/text.h"

/* Longest message; longer ones are cut: they are for people. */
#define MSG_SZ 1024
/* Messages kept while a view owns the terminal. */
#define HELD_MAX 32

static enum log_level log_level = LOG_NORMAL;
static bool log_json;
static bool holding;
static char *held[HELD_MAX];
static unsigned int nr_held, nr_dropped;

void log_setup(enum log_level level, bool json)
{
	log_level = level;
	log_json = json;
}

static void put_line(const char *line)
{
	if (!holding) {
		fprintf(stderr, "%s\n", line);
		return;
	}
	if (nr_held < HELD_MAX && (held[nr_held] = strdup(line)))
		nr_held++;
	else
		nr_dropped++;
}

void log_hold(void)
{
	holding = true;
}

void log_release(void)
{
	holding = false;
	for (unsigned int i = 0; i < nr_held; i++) {
		put_line(held[i]);
		free(held[i]);
	}
	if (nr_dropped)
		fprintf(stderr, "memtrace: %u more messages were not kept\n", nr_dropped);
	nr_held = nr_dropped = 0;
}

/* A JSON string with its quotes. @s is clean UTF-8: quotes and backslashes are all that is left. */
static void json_string(char *dst, size_t sz, const char *s)
{
	size_t n = 0;

	dst[n++] = '"';
	for (; *s && n + 4 < sz; s++) {
		if (*s == '"' || *s == '\\')
			dst[n++] = '\\';
		dst[n++] = *s;
	}
	dst[n++] = '"';
	dst[n] = '\0';
}

static void emit_json(const char *type, int code, const char *text, const char *fix)
{
	char line[4 * MSG_SZ + 256], qtext[2 * MSG_SZ], qfix[2 * MSG_SZ] = "null", when[40];
	struct timespec ts;
	struct tm tm;

	clock_gettime(CLOCK_REALTIME, &ts);
	gmtime_r(&ts.tv_sec, &tm);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
	json_string(qtext, sizeof(qtext), text);
	if (fix)
		json_string(qfix, sizeof(qfix), fix);
	snprintf(
		line, sizeof(line),
		"{\"schema\":1,\"type\":\"%s\",\"time\":\"%s\",\"code\":%d,\"text\":%s,\"fix\":%s}",
		type, when, code, qtext, qfix);
	put_line(line);
}

static void emit(const char *type, int code, const char *fix, const char *fmt, va_list ap)
	__attribute__((format(printf, 4, 0)));

static void emit(const char *type, int code, const char *fix, const char *fmt, va_list ap)
{
	char raw[MSG_SZ], text[MSG_SZ], line[2 * MSG_SZ + 32];

	vsnprintf(raw, sizeof(raw), fmt, ap);
	text_clean(text, sizeof(text), raw, 0);
	if (log_json) {
		emit_json(type, code, text, fix);
		return;
	}
	snprintf(line, sizeof(line), "memtrace: %s%s%s", text, fix ? "; " : "", fix ? fix : "");
	put_line(line);
}

int log_error(int code, const char *fix, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	emit("error", code, fix, fmt, ap);
	va_end(ap);
	return code;
}

void log_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	emit("warning", 0, NULL, fmt, ap);
	va_end(ap);
}

void log_info(const char *fmt, ...)
{
	va_list ap;

	if (log_level < LOG_NORMAL)
		return;
	va_start(ap, fmt);
	emit("info", 0, NULL, fmt, ap);
	va_end(ap);
}

void log_verbose(const char *fmt, ...)
{
	va_list ap;

	if (log_level < LOG_VERBOSE)
		return;
	va_start(ap, fmt);
	emit("info", 0, NULL, fmt, ap);
	va_end(ap);
}
