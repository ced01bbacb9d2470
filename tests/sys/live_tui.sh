#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The live view for real: memtrace on processes and commands, driven and captured through tmux.
# timeout: 400
cd "$(dirname "$0")/../.." || exit 1
. tests/ktap.sh
build=${MEMTRACE_BUILD:-build}
mt=$PWD/$build/memtrace targets=$PWD/$build/tests/targets
patience=$((20 * ${MEMTRACE_TEST_SLOW:-1})) # seconds
[ "$(id -u)" = 0 ] || ktap_skip_all 'not root'
command -v tmux >/dev/null || ktap_skip_all 'tmux is not installed'
export LC_ALL=C.UTF-8 TZ=UTC
unset TMUX NO_COLOR

tm() { tmux -L "mtr-live-$$" -f /dev/null "$@"; }
started=()
# shellcheck disable=SC2317  # called by the trap
cleanup() {
	tm kill-server 2>/dev/null
	[ ${#started[@]} = 0 ] || kill -KILL "${started[@]}" 2>/dev/null
}
trap cleanup EXIT

target() { # PROGRAM ARGS...: runs it; $pid is its process
	local program=$1
	shift
	"$targets/$program" "$@" </dev/null >"$KTAP_TMP/target.out" 2>&1 &
	pid=$!
	started+=("$pid")
	trap cleanup EXIT # this subshell's
}
# start WxH ARGS...: memtrace on a terminal of that size; then "status N" and the terminal's flags
start() {
	local size=$1
	shift
	tm has-session -t keep 2>/dev/null || tm new-session -d -s keep 'sleep 1000'
	tm kill-session -t v 2>/dev/null
	rm -f "$KTAP_TMP/after"
	tm new-session -d -s v -x "${size%x*}" -y "${size#*x}" \
		"stty -g >$KTAP_TMP/before; ${before:-} $(printf '%q ' "$mt" "$@"); echo status \$?; stty -g >$KTAP_TMP/after.new; mv $KTAP_TMP/after.new $KTAP_TMP/after; sleep 1000"
}
screen() { tm capture-pane -p -t v 2>&1; }
keys() { tm send-keys -t v "$@"; }
resize() { tm resize-window -t v -x "${1%x*}" -y "${1#*x}"; }
sees() { # PATTERN: on the screen, now or soon
	local until=$((SECONDS + patience))
	while [ $SECONDS -lt $until ]; do
		! screen | grep -qE -- "$1" || return 0
		sleep 0.05
	done
	printf 'not on the screen: %s\n' "$1"
	screen
	[ -z "${pid:-}" ] || ps -o pid,stat,etime,rss,comm -p "$pid" # the target: does it live?
	return 1
}
sees_not() {
	local until=$((SECONDS + patience))
	while [ $SECONDS -lt $until ]; do
		screen | grep -qE -- "$1" || return 0
		sleep 0.05
	done
	printf 'still on the screen: %s\n' "$1"
	screen
	return 1
}
# its terminal is as it was: the modes, the normal screen, a cursor
given_back() {
	sees '^status' || return 1
	[ "$(tm display-message -p -t v '#{alternate_on} #{cursor_flag} #{keypad_cursor_flag}')" = '0 1 0' ] ||
		{ echo 'the screen was not given back' && return 1; }
	local until=$((SECONDS + patience))
	while [ ! -s "$KTAP_TMP/after" ] && [ $SECONDS -lt $until ]; do sleep 0.05; done
	diff "$KTAP_TMP/before" "$KTAP_TMP/after"
}
coloured() { tm capture-pane -pe -t v | grep -qP '\x1b\[[0-9;]*\b(3[0-8]|4[0-8])\b'; }
in_bounds() { # nothing is wider than the terminal
	[ "$(screen | wc -L)" -le "$1" ] || { echo "wider than $1" && screen && return 1; }
}

test_layout_80x24() {
	target demo --seconds 600
	start 80x24 -p $pid
	sees "^memtrace demo\[$pid\] [SRD] up .* 1 Layout 2 3 4 5 +[0-9:]{8}$" &&
		sees '^RSS +[0-9.]+M +\+[0-9.]+[MK]/s .*faults [0-9.k]+/s minor [0-9]+ major +maps [0-9]+/[0-9]+$' &&
		sees '^LIMIT ' && sees '^COST +BPF [0-9.–]+%? .*ev/s +lost 0 ' &&
		sees '↓ stack main +.*K' && sees 'free ┈┈┈┈$' && sees '↑ heap \[heap\] .*\+[0-9.]+[MK] +\+[0-9.]+[MK]/s ◀' &&
		sees '^WHY +[0-9]+% of growth: ' && sees '^NOTE +baseline [0-9:]{8} \(attach\); .* was there before attach' &&
		sees '^ Tab view  Enter detail .* q quit$' && in_bounds 80 && keys q && given_back && sees '^status 0'
}
test_sizes_on_the_fly() {
	local size
	target demo --seconds 600
	start 20x5 -p $pid
	sees "^demo\[$pid\]$" && sees '^RSS ' && sees 'terminal too small' || return 1
	resize 300x100
	sees 'RESIDENT OVER TIME' && sees 'GREW MOST SINCE' && sees '^ high' && sees '├ r' && in_bounds 300 || return 1
	for size in 1x1 2x2 10x4 36x7 40x10 60x14 170x24 20x5; do
		resize "$size"
		sleep 0.1
		keys 2 Enter Escape 3 Enter Escape 4 1
		in_bounds "${size%x*}" || return 1
	done
	resize 80x24
	sees '^LIMIT ' && sees '1 Layout' && sees '↑ heap' && keys q && given_back
}
test_views_and_pages() {
	target demo --seconds 600
	start 80x24 -p $pid
	sees '1 Layout' && keys 2 && sees '2 Regions' && sees 'heap +rw-p \[heap\]' && keys / h e a p Enter && sees 'fit heap' && keys Enter &&
		sees '^ range +[0-9a-f]+-[0-9a-f]+$' && sees '^ faults +[1-9].* minor' && keys Escape Tab &&
		sees '3 Threads' && sees "^ +$pid demo main +[A-Z] .*8\.0M" && sees 'indexer' && keys Enter &&
		sees 'top of the stack' && sees 'stack pointer|depth' && keys End && sees '^ └─+┘' && keys Escape 4 && sees '4 Timeline' &&
		sees ' ■ heap +[0-9.]+M' && sees '  RSS +[0-9.]+M' && keys '?' && sees '^── Help' && sees 'no key is passed on' &&
		keys Escape BTab && sees '3 Threads' && keys q && given_back
}
test_filter_and_sort() {
	target demo --seconds 600
	start 80x24 -p $pid
	keys 2 / h e a p Enter
	sees 'regions fit heap' && sees_not 'libc\.so' && keys Escape && sees 'libc\.so' || return 1
	sees 'RSS▼' && keys S && sees 'RSS▲' && keys S s && sees 'SWAP▼' && keys q && given_back
}
test_baseline_and_pause() {
	local first
	target demo --seconds 600
	start 80x24 -p $pid
	sees 'was there before attach' && sees 'heap .* \+[3-9]\.[0-9]M ' && keys r && sees_not 'was there before attach' && keys Space &&
		sees ' PAUSED ' || return 1
	first=$(screen)
	sleep 2.5
	keys 2
	sees '2 Regions' && keys 1 && sees '1 Layout' && diff <(echo "$first") <(screen) &&
		keys r && sees 'baseline set: it shows when' && keys Space && sees_not PAUSED && sees 'NOTE +baseline ' || return 1
	keys m
	sees 'mark set at' && keys q && given_back
}
test_growth_by_call_path() {
	target demo --seconds 600
	start 130x30 -p $pid
	sees 'was there before attach' && keys 5 && sees '5 Growth' &&
		sees '\(stacks 1 in [0-9]+\) = paths \+[0-9.]+M \+ before ' &&
		sees '\+[0-9.]+[KM] .* heap +1 .*cache_insert < cache_fill < main' && keys m && sees 'mark mark1' || return 1
	keys f && sees 'FUNCTION' && sees '[23] paths +cache_insert$' && keys f && sees 'MODULE' && sees ' paths +demo$' &&
		keys f && sees 'SOURCE LINE' && sees 'paths +demo\.c:[0-9]+$' && keys f && sees 'CALL PATH' || return 1
	keys / && keys -l vec_push && keys Enter && sees_not 'cache_insert' && keys Escape && sees 'cache_insert' || return 1
	keys Home Enter && sees 'call path +_?(int_)?malloc|call path +cache_insert' && sees 'regions .* heap \[heap\]' &&
		sees "threads +$pid demo" && in_bounds 130 || return 1
	resize 80x24
	keys Escape && sees '5 Growth' && sees 'stacks 1 in' && in_bounds 80 && keys q && given_back
}
test_two_processes() {
	local one
	target demo --seconds 600
	one=$pid
	target identity --comm second --exit-after 600000
	start 80x24 -p "$one,$pid"
	sees "demo\[$one\] 1/2" && keys n && sees "second\[$pid\] 2/2" && keys n && sees "\] 1/2" && keys p && sees '\] 2/2' || return 1
	# one ends: the other goes on
	kill "$pid"
	sees "second\[$pid\] 2/2 ENDED" && sees '^ENDED killed by SIGTERM' && keys n && sees "demo\[$one\] 1/2 [SRD] up" &&
		keys q && given_back && sees '^status 0'
}
test_target_that_ends() {
	mkfifo "$KTAP_TMP/end"
	# shellcheck disable=SC2016  # that shell's
	bash -c 'read -r x <"$0"; exit 7' "$KTAP_TMP/end" </dev/null &
	pid=$!
	started+=("$pid")
	start 80x24 -p $pid
	sees '1 Layout' && echo >"$KTAP_TMP/end" && sees '^ENDED ended by itself, exit status 7' && sees 'at the end' && sees "\[$pid\] ENDED" || return 1
	# it stays, with working keys, until it is left
	keys 3
	sees '3 Threads' && keys 2 && sees '2 Regions' && resize 60x14 && sees '^ENDED ended by itself' && resize 80x24 &&
		sees '^NOTE' && keys q && given_back && sees "^memtrace: bash\[$pid\]: ended by itself, exit status 7" && sees '^status 0'
}
test_stack_overflow_is_explained() {
	start 80x24 -- "$targets/stacks" --overflow thread
	sees '^ENDED STACK OVERFLOW in .*#[0-9]+: [0-9.]+[KM] deep of [0-9.]+[KM], SIGSEGV at ' && keys q && given_back &&
		sees '^memtrace: stacks\[[0-9]+\]: STACK OVERFLOW in ' && sees '^status 139'
}
test_killed_target() {
	target demo --seconds 600
	start 80x24 -p $pid
	sees '1 Layout' && kill -KILL $pid && sees '^ENDED killed by SIGKILL' && keys q && given_back &&
		sees "^memtrace: demo\[$pid\]: killed by SIGKILL" && sees '^status 0'
}
test_command_and_its_output() {
	# shellcheck disable=SC2016  # for the shell that is the command
	local cmd='for i in $(seq 1 40); do echo "out $i"; done; printf "10%%\r90%%\r\033[31mred\033[0m\033]0;no\007!\n"; tty; read -r x; exit 5'
	start 80x24 -- bash -c "$cmd"
	sees ' 0 1 Layout 2 3 4 5 ' && keys 0 && sees ' 0 Output 1 2 3 4 5 ' && sees '^─── lines [0-9]+-42 of 42 ─' || return 1
	sees '^red!$' && sees '^/dev/pts/' && sees '^out 40$' && sees_not '^out 1$' && keys Home && sees '^out 1$' &&
		sees 'End: follow' && keys End && sees '^red!$' || return 1
	# what is typed is not the command's: it still reads
	keys x Enter
	sees '0 Output' && sees_not ENDED && keys Tab && sees '1 Layout' && keys BTab && sees '0 Output' && keys q && given_back || return 1
	# and its terminal's last lines are on ours
	sees '^out 40$' && sees 'red!' && sees '^status 129'
}
test_command_that_ends() {
	start 80x24 -- sh -c 'echo hello; exit 5'
	sees '^ENDED ended by itself, exit status 5' && keys 0 && sees '^hello' && keys q && given_back && sees '^hello' && sees '^status 5' || return 1
	start 80x24 -- true
	sees '^ENDED ended by itself, exit status 0' && keys q && given_back && sees_not '^memtrace: ' && sees '^status 0' || return 1
	start 80x24 -- /no/such/command
	sees '^memtrace: cannot run /no/such/command' && sees '^status 127' && given_back
}
test_redirections_pass_through() {
	echo 'from a file' >"$KTAP_TMP/in"
	start 80x24 -- sh -c 'cat; ls -l /proc/self/fd/2 >&2; sleep 0.1'
	sees '^ENDED|1 Layout' && keys q && given_back || return 1
	tm kill-session -t v
	tm new-session -d -s v -x 80 -y 24 "$mt -- cat <$KTAP_TMP/in 2>$KTAP_TMP/err; echo status \$?; sleep 1000"
	sees '^ENDED ended by itself, exit status 0' && keys 0 && sees '^from a file' && keys q && sees '^status 0'
}
test_hostile_comm() {
	local name=$'\033]0;pwned\007\033[2J'
	target identity --comm "$name" --exit-after 600000
	start 80x24 -p $pid
	sees "pwned.*\[$pid\]" && keys 3 && sees '3 Threads' && sees 'pwned' && keys Enter && sees '^── ' || return 1
	[ "$(tm display-message -p -t v '#{pane_title}')" != pwned ] || { echo 'the title was set' && return 1; }
	keys q
	given_back
}
test_picker() {
	target identity --comm pickme-8 --exit-after 600000
	start 80x24
	sees '^memtrace +which process\? +[0-9]+$' && sees ' PID USER +COMMAND +RSS▼ ' && sees '^▸ ' &&
		sees '^ Enter trace  s sort' && in_bounds 80 || return 1
	keys / p i c k m e - 8
	sees 'which process\?  1 of [0-9]+' && sees "^▸ +$pid root +pickme-8 " && keys Enter && sees 'Esc clears' &&
		keys Enter && sees "^memtrace pickme-8\[$pid\]" && sees '1 Layout' && keys q && given_back && sees '^status 0' || return 1
	# all in one go, as a paste comes
	start 80x24
	sees 'which process' && keys / p i c k m e - 8 Enter Enter && sees "^memtrace pickme-8\[$pid\]" && keys q && given_back || return 1
	for k in q Escape; do
		start 80x24
		sees 'which process' && keys $k && given_back && sees '^status 0' || return 1
	done
}
test_picker_sorts_and_follows() {
	target demo --seconds 600
	start 100x30
	sees 'RSS▼' && keys s && sees 'RATE▼' && sees ' demo .*\+[0-9.]+[MK]/s' && keys s && sees 'PID▲' && sees '^[▸ ] +1 root ' &&
		keys s && sees 'COMMAND▲' && resize 40x8 && sees 'COMMAND▲' && in_bounds 40 && resize 5x3 && sleep 0.3 &&
		resize 80x24 && sees 'COMMAND▲' && keys q && given_back
}
test_without_a_terminal() {
	"$mt" </dev/null >"$KTAP_TMP/out" 2>&1
	[ $? = 2 ] && [ "$(wc -l <"$KTAP_TMP/out")" = 1 ] && grep -q '^memtrace: whom' "$KTAP_TMP/out"
}
test_signals_give_the_terminal_back() {
	local sig who
	target demo --seconds 600
	for sig in TERM INT HUP; do
		for who in "-p $pid" ''; do
			# shellcheck disable=SC2086  # words
			start 80x24 $who
			sees '1 Layout|which process' || return 1
			# of memtrace itself, which the pane's shell runs
			pkill -"$sig" -P "$(tm display-message -p -t v '#{pane_pid}')" memtrace
			if ! given_back || ! sees '^status 0'; then
				echo "$sig, ${who:-picker}"
				return 1
			fi
		done
	done
	start 80x24 -p $pid
	sees '1 Layout' && keys C-c && given_back && sees '^status 0'
}
test_ascii_and_colours() {
	local before k
	target demo --seconds 600
	start 80x24 --ascii -p $pid
	sees '\.\.\.\. .*free' && sees 'heap.*####.* <' || return 1
	for k in 1 2 3 4 '?'; do
		keys Escape "$k"
		sleep 0.2
		! screen | LC_ALL=C grep -nP '[^\x00-\x7f]' || return 1
	done
	start 80x24 -p $pid
	if ! sees '↑ heap' || ! coloured; then echo 'no colours' && return 1; fi
	before='NO_COLOR=1'
	start 80x24 -p $pid
	if ! sees '↑ heap' || coloured; then echo 'colours with NO_COLOR' && return 1; fi
	start 80x24
	if ! sees 'which process' || coloured; then echo 'the picker has colours' && return 1; fi
	before=''
	start 80x24 --color=never -p $pid
	sees '↑ heap' && ! coloured
}
test_stdin_elsewhere() {
	target demo --seconds 600
	start 80x24 -p $pid
	tm kill-session -t v
	tm new-session -d -s v -x 80 -y 24 "$mt -p $pid </dev/null; echo status \$?; sleep 1000"
	sees '1 Layout' && keys 3 && sees '3 Threads' && keys q && sees '^status 0'
}

# shellcheck disable=SC2034  # tests/ktap.sh
KTAP_SHORT="test_layout_80x24 test_two_processes test_command_that_ends"
ktap_run test_layout_80x24 test_sizes_on_the_fly test_views_and_pages test_filter_and_sort test_baseline_and_pause \
	test_growth_by_call_path test_two_processes test_target_that_ends test_stack_overflow_is_explained test_killed_target \
	test_command_and_its_output test_command_that_ends test_redirections_pass_through test_hostile_comm \
	test_picker test_picker_sorts_and_follows test_without_a_terminal test_signals_give_the_terminal_back \
	test_ascii_and_colours test_stdin_elsewhere
