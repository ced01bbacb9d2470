# SPDX-License-Identifier: GPL-2.0
# fish completion for memtrace(1)

function __memtrace_no_verb
    not __fish_seen_subcommand_from snapshot stacks serve ps doctor replay info report diff export
end
function __memtrace_takes_target
    not __fish_seen_subcommand_from ps doctor replay info report diff export
end
function __memtrace_takes_file
    __fish_seen_subcommand_from replay info report diff export
end

complete -c memtrace -f
complete -c memtrace -n '__fish_is_nth_token 1' -a snapshot -d 'One answer and out'
complete -c memtrace -n '__fish_is_nth_token 1' -a mark -d 'Name this moment in the sessions that trace a process'
complete -c memtrace -n '__fish_is_nth_token 1' -a growth -d 'Net resident memory by call path'
complete -c memtrace -n '__fish_is_nth_token 1' -a stacks -d 'Call stacks with the size of each frame'
complete -c memtrace -n '__fish_is_nth_token 1' -a serve -d 'The daemon: traces whom rules choose'
complete -c memtrace -n '__fish_is_nth_token 1' -a ps -d 'What the daemon traces'
complete -c memtrace -n '__fish_is_nth_token 1' -a doctor -d 'What this kernel and these privileges allow'
complete -c memtrace -n '__fish_is_nth_token 1' -a record -d 'Every event to a file'
complete -c memtrace -n '__fish_is_nth_token 1' -a replay -d 'The live view from a recording'
complete -c memtrace -n '__fish_is_nth_token 1' -a info -d 'What is in a recording'
complete -c memtrace -n '__fish_is_nth_token 1' -a report -d 'How recorded processes grew'
complete -c memtrace -n '__fish_is_nth_token 1' -a diff -d 'What grew between two moments'
complete -c memtrace -n '__fish_is_nth_token 1' -a export -d 'A recording in other tools\' formats'

complete -c memtrace -n __memtrace_takes_file -F
complete -c memtrace -n '__fish_seen_subcommand_from record' -l last-size -x -a '16M 64M 256M' -d 'Keep only so much'
complete -c memtrace -n '__fish_seen_subcommand_from record' -l last-time -x -a '1min 10min 1h' -d 'Keep only so long'
complete -c memtrace -n '__fish_seen_subcommand_from record' -l when -x -d 'Write when this holds'
complete -c memtrace -n '__fish_seen_subcommand_from record' -l format -x -a 'mtr perfetto' -d 'Of the file'
complete -c memtrace -n '__fish_seen_subcommand_from export' -l format -x -a 'perfetto json csv folded' -d 'What to write'
complete -c memtrace -n '__fish_seen_subcommand_from export' -l debuginfod -d 'Fetch missing programs'
complete -c memtrace -n '__fish_seen_subcommand_from replay' -l seek -x -d 'Begin there'
complete -c memtrace -n '__fish_seen_subcommand_from replay' -l speed -x -a '1 2 10' -d 'So many times as fast'
complete -c memtrace -n '__fish_seen_subcommand_from replay' -l plain -d 'Reports, even on a terminal'
complete -c memtrace -n '__fish_seen_subcommand_from serve ps' -l config -r -F -d 'Instead of /etc/memtrace/memtrace.conf'
complete -c memtrace -n '__fish_seen_subcommand_from serve ps' -s i -l interval -x -a '1s 10s 1min' -d 'Between looks'
complete -c memtrace -n '__fish_seen_subcommand_from serve' -l check-config -d 'Read it and end'
complete -c memtrace -n '__fish_seen_subcommand_from serve' -l http -x -d 'Metrics over HTTP: ADDR:PORT'
complete -c memtrace -n '__fish_seen_subcommand_from ps' -l plain -d 'A table, even on a terminal'
complete -c memtrace -n '__fish_seen_subcommand_from diff' -l exit-code -d 'Status 10 when there is a difference'

complete -c memtrace -n __memtrace_takes_target -s p -l pid -x -a '(__fish_complete_pids)' -d Process
complete -c memtrace -n __memtrace_takes_target -s n -l name -x -a '(__fish_complete_proc)' -d 'Every process of that name'
complete -c memtrace -n __memtrace_takes_target -l cgroup -r -F -d 'Every process of a cgroup'

complete -c memtrace -n __memtrace_no_verb -s f -l follow -d 'Children, too'
complete -c memtrace -n __memtrace_no_verb -s i -l interval -x -a '500ms 1s 10s 1min' -d 'Between reports'
complete -c memtrace -n __memtrace_no_verb -s d -l duration -x -a '10s 1min 10min 1h' -d 'Stop after that long'
complete -c memtrace -n __memtrace_no_verb -l plain -d 'The plain report, even on a terminal'
complete -c memtrace -n __memtrace_no_verb -s u -l user -x -a '(__fish_complete_users)' -d 'Run the command as that user'

complete -c memtrace -n '__fish_seen_subcommand_from record' -l stacks -d 'Call stacks, too'
complete -c memtrace -n '__fish_seen_subcommand_from record' -l no-stacks -d 'No call stacks'
complete -c memtrace -n '__fish_seen_subcommand_from record' -l calls -d 'System calls with their results'
complete -c memtrace -n '__fish_seen_subcommand_from record' -l no-calls -d 'No system calls'
complete -c memtrace -n '__fish_seen_subcommand_from record growth' -l no-daemon -d 'Hooks of its own'
complete -c memtrace -n '__fish_seen_subcommand_from record growth' -l max-overhead -x -d 'Percent of a CPU for call paths'
complete -c memtrace -n '__fish_seen_subcommand_from record growth' -l sample -x -d 'A call path with one fault in N'
complete -c memtrace -n '__fish_seen_subcommand_from growth' -l sample-faults -x -d 'Look at one fault in N only: estimates'
complete -c memtrace -n '__fish_seen_subcommand_from growth' -l format -x -a 'text folded pprof html' -d 'Of the report'
complete -c memtrace -n '__fish_seen_subcommand_from growth' -l arenas -d 'What glibc malloc holds'
complete -c memtrace -n '__fish_seen_subcommand_from growth' -l fail-on -x -a 'leak_like plateau sawtooth step flat insufficient_data' -d 'Status 10 on this verdict'
complete -c memtrace -n '__fish_seen_subcommand_from growth' -l from -x -d 'Of a recording: since this moment'
complete -c memtrace -n '__fish_seen_subcommand_from growth' -l to -x -d 'Of a recording: up to this moment'
complete -c memtrace -n '__fish_seen_subcommand_from growth' -l debuginfod -d 'Of a recording: fetch missing programs'
complete -c memtrace -n '__fish_seen_subcommand_from stacks' -s t -l tid -x -d 'This thread only'
complete -c memtrace -n '__fish_seen_subcommand_from stacks' -l vars -d 'Variables of each frame'
complete -c memtrace -n '__fish_seen_subcommand_from stacks' -l no-values -d 'With --vars: no values'
complete -c memtrace -n '__fish_seen_subcommand_from stacks' -l at -x -d 'Pictures when this function is called'
complete -c memtrace -n '__fish_seen_subcommand_from stacks' -l count -x -d 'With --at: of so many calls'
complete -c memtrace -n '__fish_seen_subcommand_from stacks' -l when -x -d 'Wait until it holds'
complete -c memtrace -n '__fish_seen_subcommand_from stacks' -l largest -d 'The frames that take most'
complete -c memtrace -n '__fish_seen_subcommand_from stacks' -l folded -d 'For flame graphs'
complete -c memtrace -n '__fish_seen_subcommand_from stacks' -l no-fold -d 'Each frame of a recursion'
complete -c memtrace -n '__fish_seen_subcommand_from stacks' -s i -l interval -x -a '500ms 1s 10s' -d 'Again and again'
complete -c memtrace -n '__fish_seen_subcommand_from stacks' -l debuginfod -d 'Fetch missing debug information'

complete -c memtrace -l json -d 'JSON, one object per process on a line'
complete -c memtrace -s o -l output -r -F -d 'Write there'
complete -c memtrace -l bytes -d 'Exact bytes instead of K, M, G'
complete -c memtrace -l ascii -d 'No characters beyond ASCII'
complete -c memtrace -l color -x -a 'auto always never' -d Colours
complete -c memtrace -s q -l quiet -d 'Errors only'
complete -c memtrace -s v -l verbose -d 'Say more'
complete -c memtrace -s h -l help -d Help
complete -c memtrace -s V -l version -d Version
