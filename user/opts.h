/* SPDX-License-Identifier: GPL-2.0 */
/* Command line shared by all verbs: TARGET, TIME, SIZE, and the flags that work everywhere. */
#ifndef OPTS_H
#define OPTS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define OPTS_MAX_PIDS 1024
#define OPTS_MAX_RULES 64

struct opts {
	/* TARGET */
	pid_t pids[OPTS_MAX_PIDS]; /* of -p, -n and --cgroup, each once */
	unsigned int nr_pids;
	char **cmd; /* after --; NULL: none */
	const char *user; /* -u */
	/* everywhere */
	bool json, quiet, ascii, bytes;
	int verbose;
	int color; /* 0 auto, 1 always, −1 never */
	const char *output; /* -o; NULL: default; "-" stdout */
	/* live view */
	bool follow; /* -f */
	bool plain;
	uint64_t interval_ns; /* -i; 1 s */
	uint64_t duration_ns; /* -d; 0: until the end */
	double max_overhead; /* percent */
	bool max_overhead_given;
	bool no_daemon; /* --no-daemon, or what only a session of one's own can do is asked for */
	/* files */
	const char *files[2]; /* FILE arguments */
	unsigned int nr_files;
	const char *format; /* --format; NULL: the verb's own */
	/* record */
	uint64_t last_size, last_ns; /* --last-size, --last-time: keep only that much; 0: all */
	const char *when; /* --when EXPR, as given */
	bool calls; /* system calls about memory, with their results: --calls */
	/* replay, diff */
	const char *seek; /* --seek MOMENT, as given */
	double speed; /* --speed; 0: as the verb has it */
	bool exit_code; /* --exit-code */
	/* growth, record */
	bool stacks; /* call stacks are wanted: --stacks, or set by the verb */
	unsigned int
		sample; /* --sample N: of faults at a known place one in N brings its stack; 0: governed */
	unsigned int sample_faults; /* --sample-faults N: one fault in N is noted; 0: all */
	bool arenas; /* --arenas */
	int fail_on; /* --fail-on VERDICT: bit per enum verdict_kind */
	const char *from,
		*to; /* --from, --to MOMENT of a FILE, as given; NULL: its beginning, its end */
	/* stacks */
	pid_t tid; /* -t; 0: all threads */
	bool repeat; /* -i was given */
	bool folded, largest;
	bool vars, no_values;
	const char *at; /* function at whose call and return pictures are taken */
	unsigned int count; /* of calls; 0: 1 */
	unsigned int width; /* of pictures, in columns; 0: as the terminal has it */
	bool no_fold; /* recursion is written out */
	/* serve: what is asked for on the command line, beside the configuration's */
	const char *config; /* --config FILE; NULL: the usual place */
	bool check_config; /* --check-config: read it and end */
	const char *http; /* --http ADDR; NULL: as the configuration has it */
	const char *names[OPTS_MAX_RULES], *cgroups[OPTS_MAX_RULES]; /* of -n and --cgroup */
	unsigned int nr_names, nr_cgroups;
	bool daemon; /* set by the verb: it waits for processes, forgets those that ended, SIGHUP re-reads */
	unsigned int max_targets; /* set by the verb: processes at a time; 0: default */
	bool debuginfod; /* programs and debug information may be fetched */
	const char *for_live; /* the first flag given that only what traces has; NULL: none */
	/* for tests and people who debug memtrace; not in --help's first page */
	const char *rung; /* --rung auto|fentry|tracepoint */
	bool no_reconcile; /* --reconcile=off: /proc is read once, at attach */
	bool reread; /* --reconcile=always: the map is read again though nothing says that it is wrong */
	const char *drop; /* --drop KIND: ignore this event kind (tests) */
	uint64_t ring_bytes; /* --ring SIZE */
	uint64_t key_bytes; /* --key-bytes SIZE: a keyframe each so many bytes; 0: as it is best */
};

/* What a verb takes beside the flags that work everywhere. */
#define OPT_TARGET 0x1u /* -p -n --cgroup; none is an error, but for the live view on a terminal */
#define OPT_LIVE 0x2u /* what traces: -f -i -d -u, -- CMD among them */
#define OPT_VIEW 0x4u /* what has a view on a terminal: --plain */
#define OPT_RECORD 0x8u /* --last-size --last-time --stacks --sample --calls */
#define OPT_WHEN 0x10u /* --when */
#define OPT_FORMAT 0x20u /* --format */
#define OPT_FILE 0x40u /* FILE; with OPT_FILES a second one */
#define OPT_FILES 0x80u
#define OPT_SEEK 0x100u /* --seek --speed */
#define OPT_DIFF 0x200u /* --exit-code */
#define OPT_STACKS 0x400u /* -t --vars … of stacks */
#define OPT_SYMBOLS 0x8000u /* --debuginfod */
#define OPT_OR_FILE 0x800u /* a FILE instead of a target: --from --to */
#define OPT_NAME 0x4000u /* a NAME, in files[0] */
#define OPT_SERVE \
	0x10000u /* --config --check-config --http; -p -n --cgroup are rules, who is there now or comes */
#define OPT_PS 0x20000u /* -i --plain of ps */
#define OPT_GROWTH 0x2000u /* --sample --sample-faults --fail-on --arenas */

/* Added to an exit status by opts_parse() when the program should end with it. */
#define OPTS_EXIT 1000

/* A verb: name, one-line summary for --help, its code. */
struct command {
	const char *name;
	const char *summary;
	int (*run)(struct opts *o, int argc, char **argv);
	const char *help; /* usage, flags, examples */
	unsigned int takes; /* OPT_* */
};

/**
 * opts_verb() - which verb the command line asks for
 * @live: taken when no verb is given
 *
 * Returns NULL after one line on stderr when it names no verb there is.
 */
const struct command *opts_verb(const struct command *verbs, unsigned int nr,
				const struct command *live, int argc, char **argv);

/**
 * opts_parse() - parse a verb's arguments into @o
 * Returns 0, or an exit status + 1000 when the program should end with it (--help gives 1000).
 */
int opts_parse(const struct command *c, struct opts *o, int argc, char **argv);

/* opts_color() - colours on a terminal? --color before NO_COLOR */
bool opts_color(const struct opts *o);

/* In cmd_pick.c: choose a process on the terminal, then show it */
int cmd_pick(struct opts *o, int argc, char **argv);
int cmd_live(struct opts *o, int argc, char **argv);
int cmd_snapshot(struct opts *o, int argc, char **argv);
int cmd_growth(struct opts *o, int argc, char **argv);
int cmd_mark(struct opts *o, int argc, char **argv);
int cmd_stacks(struct opts *o, int argc, char **argv);
int cmd_doctor(struct opts *o, int argc, char **argv);
int cmd_serve(struct opts *o, int argc, char **argv);
int cmd_ps(struct opts *o, int argc, char **argv);
int cmd_record(struct opts *o, int argc, char **argv);
int cmd_replay(struct opts *o, int argc, char **argv);
int cmd_info(struct opts *o, int argc, char **argv);
int cmd_report(struct opts *o, int argc, char **argv);
int cmd_diff(struct opts *o, int argc, char **argv);
int cmd_export(struct opts *o, int argc, char **argv);

#endif
