// SPDX-License-Identifier: GPL-2.0
/* memtrace: the verbs, and nothing else. */
#include <locale.h>

#include "help.h"
#include "opts.h"
#include "util/log.h"

static const struct command live = {
	"", "the live view of a process", cmd_live, help_live, OPT_TARGET | OPT_LIVE | OPT_VIEW,
};

static const struct command verbs[] = {
	{ "growth", "who grew it: net resident memory by call path", cmd_growth, help_growth,
	  OPT_TARGET | OPT_LIVE | OPT_FORMAT | OPT_GROWTH | OPT_OR_FILE | OPT_SYMBOLS },
	{ "snapshot", "one answer and out: where a process's memory is now", cmd_snapshot,
	  help_snapshot, OPT_TARGET },
	{ "record", "every event to a file, or the last part of them", cmd_record, help_record,
	  OPT_TARGET | OPT_LIVE | OPT_RECORD | OPT_WHEN | OPT_FORMAT },
	{ "replay", "the live view from a file", cmd_replay, help_replay,
	  OPT_FILE | OPT_VIEW | OPT_SEEK },
	{ "info", "what is in a file", cmd_info, help_info, OPT_FILE },
	{ "report", "how recorded processes grew: by region, by thread, over time", cmd_report,
	  help_report, OPT_FILE | OPT_FORMAT },
	{ "diff", "what grew, appeared and vanished between two moments or files", cmd_diff,
	  help_diff, OPT_FILE | OPT_FILES | OPT_DIFF },
	{ "mark", "name this moment in the sessions that trace a process", cmd_mark, help_mark,
	  OPT_TARGET | OPT_NAME },
	{ "stacks", "every thread's call stack with the size of each frame", cmd_stacks,
	  help_stacks, OPT_TARGET | OPT_STACKS | OPT_WHEN | OPT_SYMBOLS },
	{ "export", "a file in other tools' formats", cmd_export, help_export,
	  OPT_FILE | OPT_FORMAT | OPT_SYMBOLS },
	{ "serve", "the daemon: traces whom rules choose, always", cmd_serve, help_serve,
	  OPT_SERVE },
	{ "ps", "the processes that the daemon traces, like top", cmd_ps, help_ps, OPT_PS },
	{ "doctor", "what this kernel and these privileges allow, and what to do about it",
	  cmd_doctor, help_doctor, 0 },
};

int main(int argc, char **argv)
{
	static struct opts o; /* large: not for the stack */
	const struct command *c;
	int ret;

	/* Characters only: numbers keep their point in every language. */
	setlocale(LC_CTYPE, "");
	c = opts_verb(verbs, sizeof(verbs) / sizeof(verbs[0]), &live, argc, argv);
	if (!c)
		return EX_USAGE_ERR;
	if (c != &live) {
		argc--;
		argv++;
	}
	ret = opts_parse(c, &o, argc, argv);
	if (ret)
		return ret - OPTS_EXIT;
	if (c == &live && !o.nr_pids && !o.cmd)
		return cmd_pick(&o, argc, argv);
	return c->run(&o, argc, argv);
}
