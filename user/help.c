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

#define HELP_MOMENT                                                                   \
	"MOMENT is a mark's name, +TIME from the beginning, -TIME from the end, or\n" \
	"2026-11-21T16:02:41Z."

const char help_live[] =
	"memtrace - where a process's memory lives and how it grows\n"
	"\n"
	"Usage:\n"
	"  memtrace                            choose a process, on a terminal\n"
	"  memtrace TARGET [flags]             the live view; a plain report when piped\n"
	"  memtrace [flags] -- CMD ARGS        start CMD and trace it from its first instruction\n"
	"  memtrace snapshot TARGET [flags]    one answer and out; needs no root for your own\n"
	"  memtrace growth TARGET|FILE         who grew it: net resident memory by call path\n"
	"  memtrace mark -p PID NAME           name this moment in the sessions that trace PID\n"
	"  memtrace stacks TARGET [flags]      call stacks with the size of each frame\n"
	"  memtrace record TARGET [flags]      every event to a file, or the last part of them\n"
	"  memtrace replay|info|report FILE    the live view, the facts, the growth of a recording\n"
	"  memtrace diff A[@WHEN] B[@WHEN]     what grew, appeared and vanished in between\n"
	"  memtrace export FILE --format F     a recording in other tools' formats\n"
	"  memtrace serve [flags]              the daemon: traces whom rules choose, always\n"
	"  memtrace ps [flags]                 what the daemon traces, like top\n"
	"  memtrace doctor [flags]             what this kernel and these privileges allow\n"
	"\n" HELP_TARGET "  -- CMD ARGS               a command; memtrace exits with its status\n"
	"\n"
	"Live view:\n"
	"  -f, --follow              children, too, through fork and exec\n"
	"  -i, --interval TIME       between reports (1s)\n"
	"  -d, --duration TIME       stop after that long\n"
	"      --plain               the plain report, even on a terminal\n"
	"      --no-daemon           hooks of one's own, also where memtrace serve has the process\n"
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

const char help_growth[] =
	"memtrace growth - who grew it: net resident memory by call path\n"
	"\n"
	"Usage:\n"
	"  memtrace growth TARGET [flags]\n"
	"  memtrace growth [flags] -- CMD ARGS  from CMD's first instruction to its end\n"
	"  memtrace growth FILE [flags]         of a recording: memtrace record --stacks\n"
	"\n"
	"Every page that becomes resident is put down to the call path that brought it, and\n"
	"taken off when it goes. What is left is what is still there, by code. No malloc is\n"
	"touched, no frame pointers are needed. The sum is shown: change of RSS = attributed\n"
	"+ before attach + residual.\n"
	"\n" HELP_TARGET "  -- CMD ARGS               a command; memtrace exits with its status\n"
	"  FILE                      a recording; -p chooses among its processes\n"
	"\n"
	"Growth:\n"
	"  -d, --duration TIME       watch that long (30s; a command until its end)\n"
	"  -f, --follow              children, too, through fork and exec\n"
	"      --max-overhead PCT    of a CPU that call paths may cost (1): beyond, they are sampled\n"
	"      --sample N            a call path with one fault in N, whatever it costs\n"
	"      --sample-faults N     look at one fault in N only: bytes of paths are estimates\n"
	"                            then, with their 95% intervals (Linux 6.2)\n"
	"      --format FORMAT       text; folded: lines for flame graphs; pprof: for go tool\n"
	"                            pprof; html: flame graph and timeline, one page\n"
	"      --arenas              read what glibc's malloc holds: in use, free, top\n"
	"      --fail-on VERDICT     exit with 10 when a process's verdict is this one\n"
	"      --no-daemon           hooks of one's own, also where memtrace serve has the process\n"
	"  -u, --user USER           run CMD as USER (under sudo: the user who called it)\n"
	"\n"
	"Of a FILE:\n"
	"      --from MOMENT         what was resident then was there before (the beginning)\n"
	"      --to MOMENT           up to there (the end)\n"
	"      --debuginfod          fetch the recorded programs and their debug information\n"
	"                            from DEBUGINFOD_URLS\n"
	"\n" HELP_COMMON "\n" HELP_MOMENT "\n"
	"memtrace mark -p PID NAME, or SIGUSR2, sets a mark: growth is told between them.\n"
	"Verdicts: leak_like, plateau, sawtooth, step, retention, fragmentation, flat,\n"
	"insufficient_data.\n"
	"\n"
	"Examples:\n"
	"  sudo memtrace growth -p 4123 -d 60\n"
	"  sudo memtrace growth -- ./test-suite\n"
	"  sudo memtrace growth -p 4123 --format folded | flamegraph.pl > growth.svg\n"
	"  sudo memtrace growth -p 4123 --format html -o growth.html\n"
	"  sudo memtrace growth -p 4123 --json | jq '.paths[0].frames[].function'\n"
	"  memtrace growth redis.mtr --from 'load test begins' --to -10s\n"
	"\n" HELP_EXIT " 6 FILE is damaged: what is intact was read. 10 --fail-on matched.\n";

const char help_mark[] =
	"memtrace mark - name this moment in the sessions that trace a process\n"
	"\n"
	"Usage:\n"
	"  memtrace mark -p PID NAME\n"
	"\n"
	"The live view, growth and record take marks: from here, by the key m, and by SIGUSR2\n"
	"(which names them mark1, mark2 ...). growth tells what grew between them, a recording\n"
	"keeps them: replay --seek NAME, diff FILE@NAME FILE@NAME.\n"
	"\n" HELP_TARGET "\n" HELP_COMMON "\n"
	"Examples:\n"
	"  sudo memtrace mark -p 4123 'load test begins'\n"
	"  sudo pkill -USR2 -x memtrace\n"
	"\n" HELP_EXIT "\n";

const char help_stacks[] =
	"memtrace stacks - every thread's call stack with the size of each frame\n"
	"\n"
	"Usage:\n"
	"  memtrace stacks TARGET [flags]\n"
	"  memtrace stacks --at FUNCTION [flags] -- CMD ARGS\n"
	"\n"
	"Sleeping threads are not stopped: their registers come from the kernel (BPF, as root)\n"
	"and their stacks are copied from outside. A running thread is stopped while its stack\n"
	"is copied, and the report says for how long.\n"
	"\n" HELP_TARGET "\n"
	"Stacks:\n"
	"  -t, --tid TID             this thread only\n"
	"      --vars                variables of each frame, and where their pointers lead\n"
	"      --no-values           with --vars: names, types and places only\n"
	"      --at FUNCTION         pictures when it is called: the caller, the function with its\n"
	"                            parameters, the caller again with the result; of a\n"
	"                            command also without root\n"
	"      --count N             with --at: of so many calls (1)\n"
	"      --when EXPR           wait until it holds, then report: 'headroom < 20%'\n"
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
	"  memtrace stacks --at add --vars -- ./add\n"
	"  sudo memtrace stacks -p 4123 --when 'headroom < 20%' -i 5s\n"
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

#define HELP_FILE_COMMON                                                           \
	"Everywhere:\n"                                                            \
	"      --json                JSON on stdout\n"                             \
	"  -o, --output FILE         write there instead of stdout; - is stdout\n" \
	"      --bytes --ascii --color=WHEN -q -v -h -V\n"

#define HELP_EXIT_FILE                                                                            \
	"Exit status: 0 done, 1 failed, 2 usage, 6 the file is damaged or was not closed: what\n" \
	"is intact was read all the same"

const char help_record[] =
	"memtrace record - every event to a file; or only the last part, when it matters\n"
	"\n"
	"Usage:\n"
	"  memtrace record TARGET [flags]\n"
	"  memtrace record [flags] -- CMD ARGS\n"
	"\n" HELP_TARGET "  -- CMD ARGS               a command, from its first instruction\n"
	"\n"
	"Recording:\n"
	"  -o, --output FILE         the file (memtrace-COMM-PID-TIME.mtr); - is stdout\n"
	"  -d, --duration TIME       stop after that long; else ^C ends it\n"
	"  -f, --follow              children, too, through fork and exec\n"
	"  -i, --interval TIME       between ends of intervals: what replay shows (1s)\n"
	"      --no-daemon           hooks of one's own, also where memtrace serve has the process\n"
	"  -u, --user USER           run CMD as USER\n"
	"      --stacks              call stacks, too: which code maps and touches what (--no-stacks)\n"
	"      --max-overhead PCT    of a CPU that these may cost (1): beyond, they are sampled\n"
	"      --sample N            a call stack with one fault in N, whatever it costs\n"
	"      --calls               what mmap, munmap, brk, madvise ... were asked for and returned,\n"
	"                            too, and how long they took (--no-calls: their effects only)\n"
	"      --format FORMAT       mtr, memtrace's own (default), or perfetto, for\n"
	"                            ui.perfetto.dev; see: memtrace export\n"
	"\n"
	"Flight recorder: kept in memory, written to FILE on SIGUSR1, when the condition\n"
	"comes true, when a target is killed, and at the end (further times to FILE-2 ...):\n"
	"      --last-size SIZE      the last so many bytes (with --last-time: 256M)\n"
	"      --last-time TIME      the last so long (with --when: 10min)\n"
	"      --when EXPR           rss, virtual, swap, growth, headroom or a region kind,\n"
	"                            compared: 'rss > 2G', 'growth > 1M/s', 'heap > 500M',\n"
	"                            'headroom < 20%' (of a stack); and, or, not, ( )\n"
	"\n" HELP_FILE_COMMON "\n"
	"Examples:\n"
	"  sudo memtrace record -p 4123 -d 60 -o redis.mtr\n"
	"  sudo memtrace record -f -- ./server --port 8080\n"
	"  sudo memtrace record -p 4123 --last-time 10min --when 'rss > 1.9G'\n"
	"\n" HELP_EXIT " With -- CMD: CMD's own status.\n";

const char help_replay[] =
	"memtrace replay - the live view from a recording\n"
	"\n"
	"Usage:\n"
	"  memtrace replay FILE [flags]\n"
	"\n"
	"On a terminal the live view's screen; piped, with --plain or --json the reports that\n"
	"a live session would have made, one an interval.\n"
	"\n"
	"      --seek MOMENT         begin there\n"
	"      --speed N             N times as fast (1 on a terminal; reports: no waiting)\n"
	"      --plain               reports, even on a terminal\n"
	"\n"
	"Keys besides the live view's: left right ten seconds, < > a tenth of the recording,\n"
	", . an interval, - + speed, space pause.\n"
	"\n" HELP_FILE_COMMON "\n"
	"Examples:\n"
	"  memtrace replay redis.mtr --seek -30s\n"
	"  memtrace replay redis.mtr --json | jq .totals.resident_bytes\n"
	"\n" HELP_MOMENT "\n" HELP_EXIT_FILE ".\n";

const char help_info[] =
	"memtrace info - what is in a recording: facts, events by kind, modules, damage\n"
	"\n"
	"Usage:\n"
	"  memtrace info FILE [flags]\n"
	"\n" HELP_FILE_COMMON "\n"
	"Examples:\n"
	"  memtrace info redis.mtr\n"
	"  memtrace info redis.mtr --json | jq .by_kind\n"
	"\n" HELP_EXIT_FILE ".\n";

const char help_export[] =
	"memtrace export - a recording in a format that other tools read\n"
	"\n"
	"Usage:\n"
	"  memtrace export FILE --format FORMAT [flags]\n"
	"\n"
	"      --format perfetto     a trace for ui.perfetto.dev: counters, map changes,\n"
	"                            faults, stacks, the address space; of very many\n"
	"                            faults the number (the trace says so)\n"
	"      --format json         every event, an object a line, as described in\n"
	"                            docs/schema/event.schema.json\n"
	"      --format csv          every event, a line each, columns as in json\n"
	"      --format folded       what grew, by call path, for flame graphs; of a recording\n"
	"                            with call stacks: memtrace record --stacks\n"
	"      --debuginfod          for perfetto and folded: fetch the recorded programs and\n"
	"                            libraries that are not here from DEBUGINFOD_URLS\n"
	"\n" HELP_FILE_COMMON "\n"
	"Examples:\n"
	"  memtrace export redis.mtr --format perfetto -o redis.perfetto-trace\n"
	"  memtrace export redis.mtr --format json | jq 'select(.event == \"fault\").pc'\n"
	"\n" HELP_EXIT_FILE ".\n";

const char help_report[] =
	"memtrace report - how a recorded process grew: summary, by region, by thread\n"
	"\n"
	"Usage:\n"
	"  memtrace report FILE [flags]\n"
	"\n"
	"      --format text         as text (what else there is: --json)\n"
	"\n" HELP_FILE_COMMON "\n"
	"Examples:\n"
	"  memtrace report redis.mtr\n"
	"  memtrace report redis.mtr --json | jq '.regions[0]'\n"
	"\n" HELP_EXIT_FILE ".\n";

const char help_diff[] =
	"memtrace diff - what grew, shrank, appeared and vanished between two moments\n"
	"\n"
	"Usage:\n"
	"  memtrace diff A[@MOMENT] B[@MOMENT] [flags]\n"
	"\n"
	"A and B are recordings, or twice the same one. Without a moment A is taken at its\n"
	"beginning when both are the same file, else each at its end.\n"
	"\n"
	"      --exit-code           status 10 when there is a difference\n"
	"\n" HELP_FILE_COMMON "\n"
	"Examples:\n"
	"  memtrace diff redis.mtr@+10s redis.mtr\n"
	"  memtrace diff before.mtr after.mtr --json\n"
	"\n" HELP_MOMENT "\n" HELP_EXIT_FILE ", 10 see --exit-code.\n";

const char help_serve[] =
	"memtrace serve - the daemon: traces whom rules choose, always, and serves all who look\n"
	"\n"
	"Usage:\n"
	"  memtrace serve [flags]\n"
	"\n"
	"Runs in the foreground, as systemd wants it (memtrace.service). Who is to be traced is\n"
	"told by rules: in /etc/memtrace/memtrace.conf and conf.d/*.conf beside it, and here.\n"
	"They hold for processes that are there and for those that come; children are followed.\n"
	"SIGHUP reads the files again; a bad one is refused, and what was before it stays.\n"
	"\n"
	"Rules:\n"
	"  -p, --pid PID[,PID...]    these processes\n"
	"  -n, --name NAME           of that name (comm); * ? [ ] are wildcards\n"
	"      --cgroup PATH|UNIT    of a cgroup and those below it: /system.slice/*.service,\n"
	"                            nginx.service, docker:*, pod:*\n"
	"\n"
	"Daemon:\n"
	"      --config FILE         instead of /etc/memtrace/memtrace.conf\n"
	"      --check-config        read it, say what is wrong with it, and end\n"
	"      --http ADDR           metrics and profiles over HTTP: 127.0.0.1:9464,\n"
	"                            [::1]:9464, unix:/run/memtrace/http.sock (off)\n"
	"  -i, --interval TIME       between looks at everything (1s)\n"
	"  -d, --duration TIME       end after that long\n"
	"      --max-overhead PCT    of a CPU that call paths may cost (1)\n"
	"\n" HELP_COMMON "\n"
	"Examples:\n"
	"  sudo memtrace serve -n redis-server\n"
	"  sudo memtrace serve --cgroup nginx.service --http 127.0.0.1:9464\n"
	"  memtrace serve --check-config --config ./memtrace.conf\n"
	"  sudo systemctl reload memtrace\n"
	"\n" HELP_EXIT "\n";

const char help_ps[] =
	"memtrace ps - the processes that the daemon traces, like top\n"
	"\n"
	"Usage:\n"
	"  memtrace ps [flags]\n"
	"\n"
	"RSS by kind, growth over 1 min, 10 min and 1 h, verdict, the least room of their stacks,\n"
	"faults a second, unit or container. Without being root or in the group of the daemon\n"
	"one sees one's own processes.\n"
	"\n"
	"      --plain               a table, even on a terminal\n"
	"  -i, --interval TIME       on a terminal between looks (1s); else again and again\n"
	"      --config FILE         where the daemon listens stands there\n"
	"\n"
	"Keys: up, down, s sort, S reverse, / filter, Enter shows the live view, q.\n"
	"\n" HELP_COMMON "\n"
	"Examples:\n"
	"  memtrace ps\n"
	"  memtrace ps --json | jq '.processes[] | select(.verdict.kind == \"leak_like\")'\n"
	"\n" HELP_EXIT "\n";
