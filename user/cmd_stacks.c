// SPDX-License-Identifier: GPL-2.0
/*
 * `memtrace stacks`: again and again, or once a condition holds; or when a function is called.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "at.h"
#include "opts.h"
#include "output.h"
#include "stacks_run.h"
#include "util/clock.h"
#include "util/log.h"

/* Of several processes with a condition: those for which it holds. */
static int once(const struct opts *o, FILE *out, const struct when *when)
{
	int ret = when ? STACKS_NOT_YET : EX_DONE;

	for (unsigned int i = 0; i < o->nr_pids; i++) {
		int one;

		if (i && !o->json && !o->folded)
			fputs("\n", out);
		one = stacks_run(o->pids[i], i + 1, o, out, NULL, when);
		if (!ret || ret == STACKS_NOT_YET)
			ret = one == STACKS_NOT_YET ? ret : one;
	}
	if (fflush(out) && ret <= 0)
		ret = output_failed(o->output, errno);
	return ret;
}

/* Waits for the next turn; false when the user has had enough. */
static bool next_turn(const sigset_t *set, uint64_t *next, uint64_t interval)
{
	uint64_t now = boot_ns();
	struct timespec ts;
	uint64_t wait;

	while (*next <= now)
		*next += interval;
	wait = *next - now;
	ts = (struct timespec){ .tv_sec = (time_t)(wait / NSEC_PER_SEC),
				.tv_nsec = (long)(wait % NSEC_PER_SEC) };
	return sigtimedwait(set, NULL, &ts) < 0;
}

/*
 * Files of the target are mapped to be read, and whoever may write to one can cut
 * it short meanwhile. Nothing can be mended then, but it shall not look like a bug.
 */
static bool json_errors;

static void on_bus_error(int sig)
{
	static const char text[] = "memtrace: a file that the process has mapped was cut short "
				   "while it was read; try again\n";
	static const char json[] =
		"{\"schema\":1,\"type\":\"error\",\"code\":1,\"text\":\"a file that the "
		"process has mapped was cut short while it was read\",\"fix\":\"try "
		"again\"}\n";
	ssize_t n;

	(void)sig;
	n = json_errors ? write(STDERR_FILENO, json, sizeof(json) - 1) :
			  write(STDERR_FILENO, text, sizeof(text) - 1);
	(void)n;
	_exit(EX_FAILED);
}

/* Repeats until the process has ended, the condition came true, or the user has had enough. */
static int again(const struct opts *o, FILE *out, const struct when *when)
{
	uint64_t next = boot_ns();
	bool first = true;
	sigset_t set;
	int ret;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	do {
		if (!first && !when && !o->json && !o->folded)
			fputs("\n", out);
		ret = once(o, out, when);
		/* it ends with the process, and that is no failure */
		if (ret == EX_NO_TARGET && !first)
			return EX_DONE;
		if (ret != STACKS_NOT_YET && (ret || when))
			return ret;
		first = false;
	} while (next_turn(&set, &next, o->interval_ns));
	return ret == STACKS_NOT_YET ? EX_DONE : ret;
}

static int run(const struct opts *o, FILE *out)
{
	struct when *when = NULL;
	char why[160];
	int ret;

	if (o->at)
		return at_run(o, out);
	ret = o->when ? when_parse(o->when, &when, why, sizeof(why)) : 0;
	if (ret == -EINVAL)
		return log_error(EX_USAGE_ERR, "see: memtrace stacks --help", "--when: %s", why);
	if (ret)
		return log_error(EX_FAILED, NULL, "out of memory");
	ret = o->repeat || when ? again(o, out, when) : once(o, out, NULL);
	when_free(when);
	return ret;
}

int cmd_stacks(struct opts *o, int argc, char **argv)
{
	/* a command's own output stays clean */
	FILE *out = o->cmd && !o->output ? stderr : output_open(o->output);
	int ret;

	(void)argc;
	(void)argv;
	if (!out)
		return EX_FAILED;
	json_errors = o->json;
	signal(SIGBUS, on_bus_error);
	ret = run(o, out);
	if (out != stdout && out != stderr)
		fclose(out);
	return ret;
}
