// SPDX-License-Identifier: GPL-2.0
/*
 * One parser for all verbs: a flag means the same wherever it is taken. What a
 * verb does not take is refused, never ignored.
 */
#include "opts.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analysis/verdict.h"
#include "target.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/suggest.h"
#include "util/units.h"

/* Long flags without a short form. */
enum {
	O_CGROUP = 256,
	O_JSON,
	O_BYTES,
	O_ASCII,
	O_COLOR,
	O_PLAIN,
	O_MAX_OVERHEAD,
	O_NO_DAEMON,
	O_RUNG,
	O_RECONCILE,
	O_DROP,
	O_RING,
	O_KEY_BYTES,
	O_LAST_SIZE,
	O_LAST_TIME,
	O_WHEN,
	O_FORMAT,
	O_SEEK,
	O_SPEED,
	O_EXIT_CODE,
	O_FOLDED,
	O_SAMPLE,
	O_SAMPLE_FAULTS,
	O_CALL_STACKS,
	O_NO_CALL_STACKS,
	O_CALLS,
	O_NO_CALLS,
	O_FAIL_ON,
	O_ARENAS,
	O_LARGEST,
	O_NO_FOLD,
	O_VARS,
	O_NO_VALUES,
	O_AT,
	O_COUNT,
	O_DEBUGINFOD,
	O_FROM,
	O_TO,
	O_CONFIG,
	O_CHECK_CONFIG,
	O_HTTP,
};

#define ARG_FILE 1 /* from getopt: no flag, but what stands between flags */

#define SHORT_FLAGS ":p:n:fi:d:o:t:u:qvhV"
static const char short_flags[] = "+" SHORT_FLAGS, file_flags[] = "-" SHORT_FLAGS;

static const struct option long_flags[] = {
	{ "pid", required_argument, NULL, 'p' },
	{ "name", required_argument, NULL, 'n' },
	{ "cgroup", required_argument, NULL, O_CGROUP },
	{ "follow", no_argument, NULL, 'f' },
	{ "interval", required_argument, NULL, 'i' },
	{ "duration", required_argument, NULL, 'd' },
	{ "plain", no_argument, NULL, O_PLAIN },
	{ "max-overhead", required_argument, NULL, O_MAX_OVERHEAD },
	{ "no-daemon", no_argument, NULL, O_NO_DAEMON },
	{ "user", required_argument, NULL, 'u' },
	{ "json", no_argument, NULL, O_JSON },
	{ "bytes", no_argument, NULL, O_BYTES },
	{ "ascii", no_argument, NULL, O_ASCII },
	{ "color", required_argument, NULL, O_COLOR },
	{ "output", required_argument, NULL, 'o' },
	{ "last-size", required_argument, NULL, O_LAST_SIZE },
	{ "last-time", required_argument, NULL, O_LAST_TIME },
	{ "when", required_argument, NULL, O_WHEN },
	{ "format", required_argument, NULL, O_FORMAT },
	{ "seek", required_argument, NULL, O_SEEK },
	{ "speed", required_argument, NULL, O_SPEED },
	{ "exit-code", no_argument, NULL, O_EXIT_CODE },
	{ "quiet", no_argument, NULL, 'q' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ "tid", required_argument, NULL, 't' },
	{ "folded", no_argument, NULL, O_FOLDED },
	{ "sample", required_argument, NULL, O_SAMPLE },
	{ "sample-faults", required_argument, NULL, O_SAMPLE_FAULTS },
	{ "fail-on", required_argument, NULL, O_FAIL_ON },
	{ "stacks", no_argument, NULL, O_CALL_STACKS },
	{ "no-stacks", no_argument, NULL, O_NO_CALL_STACKS },
	{ "calls", no_argument, NULL, O_CALLS },
	{ "no-calls", no_argument, NULL, O_NO_CALLS },
	{ "arenas", no_argument, NULL, O_ARENAS },
	{ "from", required_argument, NULL, O_FROM },
	{ "to", required_argument, NULL, O_TO },
	{ "largest", no_argument, NULL, O_LARGEST },
	{ "no-fold", no_argument, NULL, O_NO_FOLD },
	{ "vars", no_argument, NULL, O_VARS },
	{ "no-values", no_argument, NULL, O_NO_VALUES },
	{ "at", required_argument, NULL, O_AT },
	{ "count", required_argument, NULL, O_COUNT },
	{ "debuginfod", no_argument, NULL, O_DEBUGINFOD },
	{ "config", required_argument, NULL, O_CONFIG },
	{ "check-config", no_argument, NULL, O_CHECK_CONFIG },
	{ "http", required_argument, NULL, O_HTTP },
	/* for tests and for people who debug memtrace */
	{ "rung", required_argument, NULL, O_RUNG },
	{ "reconcile", required_argument, NULL, O_RECONCILE },
	{ "drop", required_argument, NULL, O_DROP },
	{ "ring", required_argument, NULL, O_RING },
	{ "key-bytes", required_argument, NULL, O_KEY_BYTES },
	{ NULL, 0, NULL, 0 },
};

#define USAGE_FIX "see memtrace --help"
#define usage(...) (log_error(EX_USAGE_ERR, USAGE_FIX, __VA_ARGS__) + OPTS_EXIT)

/* --json must work for errors that come before it is parsed. */
static bool wants_json(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--"); i++)
		if (!strcmp(argv[i], "--json"))
			return true;
	return false;
}

const struct command *opts_verb(const struct command *verbs, unsigned int nr,
				const struct command *live, int argc, char **argv)
{
	const char *names[32], *near;

	if (argc < 2 || argv[1][0] == '-')
		return live;
	for (unsigned int i = 0; i < nr && i < 32; i++) {
		if (!strcmp(argv[1], verbs[i].name))
			return &verbs[i];
		names[i] = verbs[i].name;
	}
	log_setup(LOG_NORMAL, wants_json(argc, argv));
	near = suggest(argv[1], names, nr);
	if (near)
		log_error(EX_USAGE_ERR, NULL, "no verb '%s': did you mean '%s'?", argv[1], near);
	else
		log_error(EX_USAGE_ERR, "to run a command: memtrace -- CMD ARGS", "no verb '%s'",
			  argv[1]);
	return NULL;
}

static int add_pid(struct opts *o, pid_t pid)
{
	for (unsigned int i = 0; i < o->nr_pids; i++)
		if (o->pids[i] == pid)
			return 0;
	if (o->nr_pids == OPTS_MAX_PIDS)
		return usage("more than %d processes", OPTS_MAX_PIDS);
	o->pids[o->nr_pids++] = pid;
	return 0;
}

/* "12,34": each a number and nothing else. */
static int add_pids(struct opts *o, const char *list)
{
	const char *s = list;

	do {
		unsigned long pid = 0;
		const char *from = s;
		int ret;

		for (; *s >= '0' && *s <= '9' && pid <= INT_MAX; s++)
			pid = pid * 10 + (unsigned long)(*s - '0');
		if (s == from || (*s && *s != ',') || !pid || pid > INT_MAX)
			return usage("'%s' is not a process id", list);
		ret = add_pid(o, (pid_t)pid);
		if (ret)
			return ret;
	} while (*s++ == ',');
	return 0;
}

static int found(void *ctx, pid_t pid)
{
	return add_pid(ctx, pid);
}

static int add_found(struct opts *o, const char *what, const char *name,
		     int (*find)(const char *name, target_fn fn, void *ctx))
{
	int ret = find(name, found, o);

	if (ret == -ENOENT || ret == -ESRCH)
		return log_error(EX_NO_TARGET, NULL, "no process of %s '%s'", what, name) +
		       OPTS_EXIT;
	if (ret < 0)
		return log_error(EX_FAILED, NULL, "cannot look for %s '%s': %s", what, name,
				 strerror(-ret)) +
		       OPTS_EXIT;
	return ret;
}

bool opts_color(const struct opts *o)
{
	const char *no = getenv("NO_COLOR");

	return o->color > 0 || (!o->color && !(no && *no));
}

static int parse_color(struct opts *o, const char *s)
{
	if (!strcmp(s, "auto"))
		o->color = 0;
	else if (!strcmp(s, "always"))
		o->color = 1;
	else if (!strcmp(s, "never"))
		o->color = -1;
	else
		return usage("--color takes auto, always or never, not '%s'", s);
	return 0;
}

static int parse_duration_arg(const char *flag, const char *s, uint64_t least, uint64_t *ret_ns)
{
	uint64_t ns;

	if (parse_time(s, &ns))
		return usage("%s takes a time like 500ms, 30s, 10min or 2h, not '%s'", flag, s);
	if (ns < least)
		return usage("%s %s is too short", flag, s);
	*ret_ns = ns;
	return 0;
}

static int parse_percent(const char *s, double *ret)
{
	char *end;
	double v = strtod(s, &end);

	if (end == s || *end || !(v > 0 && v <= 100))
		return usage("--max-overhead takes a percentage above 0, not '%s'", s);
	*ret = v;
	return 0;
}

/* Which verbs take a flag: refused where the verb has no use for it. 0: all of them. */
static unsigned int flag_needs(int flag)
{
	switch (flag) {
	case 'p':
	case 'n':
	case O_CGROUP:
		return OPT_TARGET | OPT_SERVE;
	case O_CONFIG:
		return OPT_SERVE | OPT_PS;
	case O_CHECK_CONFIG:
	case O_HTTP:
		return OPT_SERVE;
	case 'i':
		return OPT_LIVE | OPT_STACKS | OPT_SERVE | OPT_PS;
	case O_SAMPLE:
		return OPT_GROWTH | OPT_RECORD;
	case O_FAIL_ON:
	case O_ARENAS:
	case O_SAMPLE_FAULTS:
		return OPT_GROWTH;
	case O_FROM:
	case O_TO:
		return OPT_OR_FILE;
	case 't':
	case O_FOLDED:
	case O_LARGEST:
	case O_NO_FOLD:
	case O_VARS:
	case O_NO_VALUES:
	case O_AT:
	case O_COUNT:
		return OPT_STACKS;
	case O_DEBUGINFOD:
		return OPT_SYMBOLS;
	case 'f':
	case 'u':
	case O_NO_DAEMON:
		return OPT_LIVE;
	case 'd':
	case O_MAX_OVERHEAD:
	case O_RUNG:
	case O_RECONCILE:
	case O_DROP:
	case O_RING:
		return OPT_LIVE | OPT_SERVE;
	case O_PLAIN:
		return OPT_VIEW | OPT_PS;
	case O_LAST_SIZE:
	case O_LAST_TIME:
	case O_KEY_BYTES:
	case O_CALL_STACKS:
	case O_NO_CALL_STACKS:
	case O_CALLS:
	case O_NO_CALLS:
		return OPT_RECORD;
	case O_WHEN:
		return OPT_WHEN;
	case O_FORMAT:
		return OPT_FORMAT;
	case O_SEEK:
	case O_SPEED:
		return OPT_SEEK;
	case O_EXIT_CODE:
		return OPT_DIFF;
	}
	return 0;
}

static int live_flag(struct opts *o, int flag, const char *arg)
{
	switch (flag) {
	case 'f':
		o->follow = true;
		return 0;
	case 'i':
		o->repeat = true;
		return parse_duration_arg("-i", arg, 10 * NSEC_PER_MSEC, &o->interval_ns);
	case 'd':
		return parse_duration_arg("-d", arg, 1, &o->duration_ns);
	case 'u':
		o->user = arg;
		return 0;
	case O_PLAIN:
		o->plain = true;
		return 0;
	case O_MAX_OVERHEAD:
		o->max_overhead_given = true;
		return parse_percent(arg, &o->max_overhead);
	case O_RUNG:
		if (strcmp(arg, "auto") && strcmp(arg, "fentry") && strcmp(arg, "tracepoint"))
			return usage("--rung takes auto, fentry or tracepoint, not '%s'", arg);
		o->rung = arg;
		return 0;
	case O_RECONCILE:
		if (strcmp(arg, "off") && strcmp(arg, "on") && strcmp(arg, "always"))
			return usage("--reconcile takes on, off or always, not '%s'", arg);
		o->no_reconcile = !strcmp(arg, "off");
		o->reread = !strcmp(arg, "always");
		return 0;
	case O_DROP:
		o->drop = arg;
		return 0;
	case O_RING:
		if (parse_size(arg, &o->ring_bytes))
			return usage("--ring takes a size like 8M, not '%s'", arg);
		return 0;
	}
	return 0;
}

static int parse_speed(struct opts *o, const char *s)
{
	char *end;

	o->speed = strtod(s, &end);
	if (end == s || *end || !(o->speed > 0 && o->speed <= 1e6))
		return usage("--speed takes a number above 0, not '%s'", s);
	return 0;
}

/* Of verbs that write or read files. */
static int file_flag(struct opts *o, int flag, const char *arg)
{
	switch (flag) {
	case O_LAST_SIZE:
		if (parse_size(arg, &o->last_size) || o->last_size < 1 << 20)
			return usage("--last-size takes a size from 1M on, not '%s'", arg);
		return 0;
	case O_LAST_TIME:
		return parse_duration_arg("--last-time", arg, NSEC_PER_SEC, &o->last_ns);
	case O_KEY_BYTES:
		if (parse_size(arg, &o->key_bytes))
			return usage("--key-bytes takes a size like 64K, not '%s'", arg);
		return 0;
	case O_CALL_STACKS:
	case O_NO_CALL_STACKS:
		o->stacks = flag == O_CALL_STACKS;
		return 0;
	case O_CALLS:
	case O_NO_CALLS:
		o->calls = flag == O_CALLS;
		return 0;
	case O_WHEN:
		o->when = arg;
		return 0;
	case O_FORMAT:
		o->format = arg;
		return 0;
	case O_SEEK:
		o->seek = arg;
		return 0;
	case O_SPEED:
		return parse_speed(o, arg);
	case O_EXIT_CODE:
		o->exit_code = true;
		return 0;
	}
	return live_flag(o, flag, arg);
}

static int growth_flag(struct opts *o, int flag, const char *arg)
{
	char *end;
	long n;
	int kind;

	if (flag == O_ARENAS) {
		o->arenas = true;
		return 0;
	}
	if (flag == O_FAIL_ON) {
		kind = verdict_parse(arg);
		if (kind < 0)
			return usage("there is no verdict '%s'; the one to fail on is leak_like",
				     arg);
		o->fail_on |= 1 << kind;
		return 0;
	}
	n = strtol(arg, &end, 10);
	if (*arg < '0' || *arg > '9' || *end || n <= 0 || n > 1000000)
		return usage("%s takes a number from 1 on, not '%s'",
			     flag == O_SAMPLE ? "--sample" : "--sample-faults", arg);
	if (flag == O_SAMPLE)
		o->sample = (unsigned int)n;
	else
		o->sample_faults = (unsigned int)n;
	return 0;
}

static int stacks_flag(struct opts *o, int flag, const char *arg)
{
	char *end;
	long tid, n;

	switch (flag) {
	case 't':
		tid = strtol(arg, &end, 10);
		if (*arg < '0' || *arg > '9' || *end || tid <= 0 || tid > INT_MAX)
			return usage("'%s' is not a thread id", arg);
		o->tid = (pid_t)tid;
		return 0;
	case O_FOLDED:
		o->folded = true;
		return 0;
	case O_LARGEST:
		o->largest = true;
		return 0;
	case O_NO_FOLD:
		o->no_fold = true;
		return 0;
	case O_VARS:
		o->vars = true;
		return 0;
	case O_NO_VALUES:
		o->no_values = true;
		return 0;
	case O_AT:
		if (!*arg)
			return usage("--at takes the name of a function");
		o->at = arg;
		return 0;
	case O_COUNT:
		n = strtol(arg, &end, 10);
		if (*arg < '0' || *arg > '9' || *end || n <= 0 || n > 1000000)
			return usage("--count takes a number from 1 on, not '%s'", arg);
		o->count = (unsigned int)n;
		return 0;
	}
	return 0;
}

/* Of a recording they would say nothing: what is in it is known. */
static bool live_only(int flag)
{
	return flag_needs(flag) & OPT_LIVE || flag == O_SAMPLE || flag == O_SAMPLE_FAULTS ||
	       flag == O_ARENAS || flag == 'n' || flag == O_CGROUP;
}

static int serve_flag(struct opts *o, int flag, const char *arg)
{
	switch (flag) {
	case 'n':
		if (o->nr_names == OPTS_MAX_RULES || !*arg)
			return usage("-n takes a name, %d times at most", OPTS_MAX_RULES);
		o->names[o->nr_names++] = arg;
		return 0;
	case O_CGROUP:
		if (o->nr_cgroups == OPTS_MAX_RULES || !*arg)
			return usage("--cgroup takes a path or unit, %d times at most",
				     OPTS_MAX_RULES);
		o->cgroups[o->nr_cgroups++] = arg;
		return 0;
	case O_CONFIG:
		o->config = arg;
		return 0;
	case O_CHECK_CONFIG:
		o->check_config = true;
		return 0;
	case O_HTTP:
		o->http = arg;
		return 0;
	}
	return 0;
}

/* With serve they are rules: who has that name now, and who will have it. */
static bool is_rule(const struct command *c, int flag)
{
	return c->takes & OPT_SERVE && (flag == 'n' || flag == O_CGROUP);
}

/* What hooks do, and how many: the daemon's are as they are. */
static bool own_hooks(int flag)
{
	return flag == O_NO_DAEMON || flag == O_RUNG || flag == O_RECONCILE || flag == O_DROP ||
	       flag == O_RING || flag == O_SAMPLE || flag == O_SAMPLE_FAULTS || flag == O_CALLS ||
	       flag == O_MAX_OVERHEAD;
}

static int flag(const struct command *c, struct opts *o, int flag, const char *arg)
{
	o->no_daemon |= own_hooks(flag);
	if (flag_needs(flag) == OPT_SERVE || flag == O_CONFIG || is_rule(c, flag))
		return serve_flag(o, flag, arg);
	if (flag_needs(flag) & OPT_GROWTH)
		return growth_flag(o, flag, arg);
	if (flag_needs(flag) == OPT_STACKS)
		return stacks_flag(o, flag, arg);
	switch (flag) {
	case 'p':
		return add_pids(o, arg);
	case 'n':
		return add_found(o, "name", arg, target_by_name);
	case O_CGROUP:
		return add_found(o, "cgroup", arg, target_by_cgroup);
	case 'o':
		o->output = arg;
		return 0;
	case O_DEBUGINFOD:
		o->debuginfod = true;
		return 0;
	case 'q':
		o->quiet = true;
		return 0;
	case 'v':
		o->verbose++;
		return 0;
	case 'h':
		fputs(c->help, stdout);
		return OPTS_EXIT;
	case 'V':
		puts("memtrace " MEMTRACE_VERSION);
		return OPTS_EXIT;
	case O_JSON:
		o->json = true;
		return 0;
	case O_BYTES:
		o->bytes = true;
		return 0;
	case O_ASCII:
		o->ascii = true;
		return 0;
	case O_COLOR:
		return parse_color(o, arg);
	case O_FROM:
		o->from = arg;
		return 0;
	case O_TO:
		o->to = arg;
		return 0;
	case ARG_FILE:
		if (o->nr_files)
			return usage("unexpected '%s'", arg);
		o->files[o->nr_files++] = arg;
		return 0;
	}
	return file_flag(o, flag, arg);
}

static int unknown_flag(const char *given)
{
	const char *names[sizeof(long_flags) / sizeof(long_flags[0])], *near;
	char name[64];
	unsigned int nr = 0;

	if (strncmp(given, "--", 2))
		return usage("no flag '%s'", given);
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(given + 2, "="), given + 2);
	for (const struct option *f = long_flags; f->name; f++)
		names[nr++] = f->name;
	near = suggest(name, names, nr);
	if (near && !strcmp(near, name))
		return usage("--%s takes no value", name);
	if (near)
		return log_error(EX_USAGE_ERR, NULL, "no flag '--%s': did you mean '--%s'?", name,
				 near) +
		       OPTS_EXIT;
	return usage("no flag '--%s'", name);
}

static int parse_flags(const struct command *c, struct opts *o, int argc, char **argv)
{
	/* without the '+' flags may stand behind a FILE, too; with '-' a FILE before "--" is told from a command */
	const char *shorts = c->takes & OPT_OR_FILE	      ? file_flags :
			     c->takes & (OPT_FILE | OPT_NAME) ? short_flags + 1 :
								short_flags;
	char one[] = "-?";
	int f, ret, at = 0;

	optind = 0; /* glibc: start afresh, also with "+" */
	opterr = 0;
	while ((f = getopt_long(argc, argv, shorts, long_flags, &at)) != -1) {
		const char *given = argv[optind - 1];

		one[1] = (char)optopt;
		if (f == '?')
			return optopt && optopt < 256 ? unknown_flag(one) : unknown_flag(given);
		if (f == ':')
			return usage("%s needs a value", optopt && optopt < 256 ? one : given);
		if (flag_needs(f) && !(flag_needs(f) & c->takes))
			return usage("%s does not take %s", *c->name ? c->name : "memtrace",
				     given[0] == '-' ? given : argv[optind - 2]);
		if (!o->for_live && live_only(f))
			o->for_live = given[0] == '-' ? given : argv[optind - 2];
		ret = flag(c, o, f, optarg);
		if (ret)
			return ret;
	}
	return 0;
}

/* On a terminal one can be asked whom to trace. */
static bool may_pick(const struct command *c, const struct opts *o)
{
	return (c->takes & OPT_LIVE) && (c->takes & OPT_VIEW) && !o->plain && !o->json &&
	       !o->output && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

static int check_files(const struct command *c, struct opts *o, int argc, char **argv)
{
	unsigned int max = c->takes & OPT_FILES ? 2 : 1;

	for (; optind < argc && o->nr_files < max; optind++)
		o->files[o->nr_files++] = argv[optind];
	if (optind < argc)
		return usage("unexpected '%s'", argv[optind]);
	if (o->nr_files < max)
		return usage("which %s? %s %s", max > 1 ? "files" : "file", c->name,
			     max > 1 ? "A B" : "FILE");
	return 0;
}

/* The name that a mark gets; whom it is for stands in flags. */
static int check_name(const struct command *c, struct opts *o, int argc, char **argv)
{
	if (!o->nr_pids)
		return usage("whom? -p PID, -n NAME, --cgroup PATH");
	if (optind == argc)
		return usage("which name? %s -p PID NAME", c->name);
	o->files[o->nr_files++] = argv[optind++];
	return optind < argc ? usage("unexpected '%s'", argv[optind]) : 0;
}

/* A recording instead of a target; -p chooses in it. */
static int check_recording(const struct opts *o, bool cmd)
{
	if (cmd)
		return usage("either a recording or -- CMD, not both");
	if (o->arenas)
		return usage(
			"malloc's heaps are not in a recording: --arenas is for a process that lives");
	if (o->for_live)
		return usage("%s is for what is traced now, not for a recording", o->for_live);
	return 0;
}

static int check(const struct command *c, struct opts *o, int argc, char **argv)
{
	bool dashes = optind < argc && optind > 1 && !strcmp(argv[optind - 1], "--");

	if (c->takes & OPT_FILE)
		return check_files(c, o, argc, argv);
	if (c->takes & OPT_NAME)
		return check_name(c, o, argc, argv);
	if (o->nr_files)
		return check_recording(o, optind < argc);
	if (o->from || o->to)
		return usage("--from and --to are of a recording: growth FILE");
	if (optind < argc && !dashes)
		return usage("unexpected '%s'%s", argv[optind],
			     c->takes & OPT_LIVE ? "; a command goes after --" : "");
	if (optind < argc) {
		if (c->takes & OPT_STACKS && !o->at)
			return usage(
				"of a command, stacks takes pictures when a function is called: "
				"--at FUNCTION");
		if (!(c->takes & (OPT_LIVE | OPT_STACKS)))
			return usage("%s does not start commands", c->name);
		if (o->nr_pids)
			return usage("either processes or -- CMD, not both");
		o->cmd = argv + optind;
	} else if (optind > 1 && !strcmp(argv[optind - 1], "--")) {
		return usage("no command after --");
	}
	if ((c->takes & OPT_TARGET) && !o->nr_pids && !o->cmd && !may_pick(c, o))
		return usage("whom? -p PID, -n NAME, --cgroup PATH%s",
			     c->takes & OPT_LIVE ? " or -- CMD ARGS" : "");
	if (o->json + o->folded + o->largest > 1)
		return usage("one of --json, --folded and --largest");
	if (o->no_values && !o->vars)
		return usage("--no-values goes with --vars");
	if (o->vars && (o->folded || o->largest))
		return usage("--vars is neither for --folded nor for --largest");
	if (o->at && (o->repeat || o->when || o->nr_pids > 1))
		return usage("--at is for one process, and goes with neither -i nor --when");
	if (o->count && !o->at)
		return usage("--count goes with --at FUNCTION");
	if (o->user && !o->cmd)
		return usage("-u says as whom to run a command: -- CMD ARGS is missing");
	return 0;
}

int opts_parse(const struct command *c, struct opts *o, int argc, char **argv)
{
	const char *no_color = getenv("NO_COLOR");
	int ret;

	memset(o, 0, sizeof(*o));
	o->interval_ns = NSEC_PER_SEC;
	o->max_overhead = 1;
	o->rung = "auto";
	if (no_color && *no_color)
		o->color = -1;
	log_setup(LOG_NORMAL, wants_json(argc, argv));
	ret = parse_flags(c, o, argc, argv);
	if (!ret)
		ret = check(c, o, argc, argv);
	if (!ret)
		log_setup(o->quiet	 ? LOG_QUIET :
			  o->verbose > 1 ? LOG_DEBUG :
			  o->verbose	 ? LOG_VERBOSE :
					   LOG_NORMAL,
			  o->json);
	return ret;
}
