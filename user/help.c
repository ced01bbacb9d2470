// SPDX-License-Identifier: GPL-2.0
/* Texts only. A flag is described here once; macros put it where it applies. */
#include "help.h"

#define HELP_TARGET                                                           \
	"Target (one of):\n"                                                  \
	"  -p, --pid PID[,PID...]    processes; may be given several times\n" \
	"  -n, --name NAME           every process of that name\n"            \
	"      --cgroup PATH|UNIT    every process of a cgroup and those below it\n"

#define HELP_COMMON                                                                      \
	"Everywhere:\n"                                                                  \
	"      --json                one JSON object per process on a line of its own\n" \
	"  -o, --output FILE         write there instead of stdout; - is stdout\n"       \
	"      --bytes               exact bytes instead of K, M, G\n"                   \
	"      --ascii               no characters beyond ASCII\n"                       \
	"      --color=WHEN          auto, always or never (NO_COLOR is respected)\n"    \
	"  -q, --quiet               errors only\n"                                      \
	"  -v, --verbose             say more; twice: even more\n"                       \
	"  -h, --help                this text\n"                                        \
	"  -V, --version             the version\n"

#define HELP_EXIT                                                                          \
	"Exit status: 0 done, 1 failed, 2 usage, 3 no such target, 4 privilege missing,\n" \
	"5 the kernel lacks it."

const char help_live[] =
	"memtrace - where a process's memory lives and how it grows\n"
	"\n"
	"Usage:\n"
	"  memtrace                            choose a process, on a terminal\n"
	"  memtrace TARGET [flags]             the live view; a plain report when piped\n"
	"  memtrace [flags] -- CMD ARGS        start CMD and trace it from its first instruction\n"
	"  memtrace snapshot TARGET [flags]    one answer and out; needs no root for your own\n"
	"  memtrace stacks TARGET [flags]      call stacks with the size of each frame\n"
	"  memtrace doctor [flags]             what this kernel and these privileges allow\n"
	"\n" HELP_TARGET "  -- CMD ARGS               a command; memtrace exits with its status\n"
	"\n"
	"Live view:\n"
	"  -f, --follow              children, too, through fork and exec\n"
	"  -i, --interval TIME       between reports (1s)\n"
	"  -d, --duration TIME       stop after that long\n"
	"      --plain               the plain report, even on a terminal\n"
	"  -u, --user USER           run CMD as USER (under sudo: the user who called it)\n"
	"\n" HELP_COMMON "\n"
	"TIME is 500ms, 30s, 10min or 2h; a bare number is seconds. SIZE takes K, M, G.\n"
	"\n"
	"Examples:\n"
	"  sudo memtrace -p 4123\n"
	"  sudo memtrace -f -- ./server --port 8080\n"
	"  sudo memtrace -n redis-server --json -i 10s -d 1h > redis.jsonl\n"
	"\n" HELP_EXIT " With -- CMD: CMD's own status.\n";

const char help_snapshot[] =
	"memtrace snapshot - one answer and out: where a process's memory is now\n"
	"\n"
	"Usage:\n"
	"  memtrace snapshot TARGET [flags]\n"
	"\n"
	"Reads /proc only: no BPF, no root for your own processes, nothing is attached.\n"
	"\n" HELP_TARGET "\n" HELP_COMMON "\n"
	"Examples:\n"
	"  memtrace snapshot -p $$\n"
	"  memtrace snapshot -p 4123 --json | jq '.regions[] | select(.kind == \"heap\")'\n"
	"\n" HELP_EXIT "\n";

const char help_stacks[] =
	"memtrace stacks - every thread's call stack with the size of each frame\n"
	"\n"
	"Usage:\n"
	"  memtrace stacks TARGET [flags]\n"
	"\n"
	"Sleeping threads are not stopped: their registers come from the kernel (BPF, as root)\n"
	"and their stacks are copied from outside. A running thread is stopped while its stack\n"
	"is copied, and the report says for how long.\n"
	"\n" HELP_TARGET "\n"
	"Stacks:\n"
	"  -t, --tid TID             this thread only\n"
	"      --vars                variables of each frame, and where their pointers lead\n"
	"      --no-values           with --vars: names, types and places only\n"
	"      --largest             the frames that take most, largest first\n"
	"      --folded              for flame graphs: each frame's own bytes\n"
	"      --no-fold             each frame of a recursion, not a count of them\n"
	"  -i, --interval TIME       again and again, until the process ends or Ctrl-C\n"
	"      --debuginfod          fetch missing debug information from DEBUGINFOD_URLS\n"
	"\n" HELP_COMMON "\n"
	"Examples:\n"
	"  sudo memtrace stacks -p 4123\n"
	"  sudo memtrace stacks -p 4123 --largest\n"
	"  sudo memtrace stacks -p 4123 -t 4123 --vars\n"
	"  sudo memtrace stacks -p 4123 --json | jq '.threads[].stack.headroom_bytes'\n"
	"\n" HELP_EXIT "\n";

const char help_doctor[] =
	"memtrace doctor - what this kernel and these privileges allow, and what to do\n"
	"\n"
	"Usage:\n"
	"  memtrace doctor [flags]\n"
	"\n" HELP_COMMON "\n"
	"Examples:\n"
	"  sudo memtrace doctor\n"
	"  memtrace doctor --json\n"
	"\n" HELP_EXIT "\n";
