#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The terminal view over a made-up process, driven and captured through tmux.
# timeout: 180
. tests/ktap.sh
build=${MEMTRACE_BUILD:-build}
demo=$build/tests/helpers/tui_demo
command -v tmux >/dev/null || ktap_skip_all 'tmux is not installed'
export LC_ALL=C.UTF-8 TZ=UTC
unset TMUX NO_COLOR

tm() { tmux -L "mtr-tui-$$" -f /dev/null "$@"; }
trap 'tm kill-server 2>/dev/null' EXIT

# start WxH ARGS...: the view on a terminal of that size; its exit status and stderr follow it
start() {
	local size=$1 cmd
	shift
	cmd=$(printf '%q ' "$demo" "$@")
	tm has-session -t keep 2>/dev/null || tm new-session -d -s keep 'sleep 1000'
	tm kill-session -t v 2>/dev/null
	tm new-session -d -s v -x "${size%x*}" -y "${size#*x}" "${before:-} $cmd ${after:-}; echo status \$?; sleep 60"
}
screen() { tm capture-pane -p -t v 2>&1; }
# sees PATTERN [WHAT]: the screen shows it, at the latest in five seconds
sees() {
	local i
	for ((i = 0; i < 100; i++)); do
		! screen | grep -qE -- "$1" || return 0
		sleep 0.05
	done
	printf 'not on the screen: %s\n' "$1"
	screen
	return 1
}
sees_not() {
	local i
	for ((i = 0; i < 100; i++)); do
		screen | grep -qE -- "$1" || return 0
		sleep 0.05
	done
	printf 'still on the screen: %s\n' "$1"
	screen
	return 1
}
keys() { tm send-keys -t v "$@"; }
resize() { tm resize-window -t v -x "${1%x*}" -y "${1#*x}"; }
widest() { screen | wc -L; }

test_layout_80x24() {
	start 80x24 --workers 4
	sees '^memtrace redis-server\[4123\] S up 3d04h +1 Layout 2 3 4 5 +16:02:41$' &&
		sees '^RSS   1\.46G  \+[0-9.]+M/s ▁.*█ +faults 700/s minor 0 major  maps 27/65530$' &&
		sees '^LIMIT 2\.00G  cgroup redis\.slice: 1\.57G used, FULL IN ~4m02s at this rate' &&
		sees '^COST  BPF 0\.02% 812ev/s lost 0 unseen 0 lock 0\.1ms/s self 0\.2% 14M est\. 2m28s$' &&
		sees '^ ADDRESS▼ +REGION +VIRT +RSS +\+BASE +RATE$' &&
		sees '^ 7ffd5f3c1000 ↓ stack main +hw ≤56K/8.0M +132K +56K ▏ +0 +0$' &&
		sees '^ 55d2a4f10000 ↑ heap \[heap\] +1\.29G +864M ████████ +\+408M +\+[0-9.]+M/s ◀◀$' &&
		sees '┈┈┈┈ 42\.0T free ┈┈┈┈' && sees 'stack worker-0#4133 +!87%' &&
		sees '^ 55d2a3780000   text redis-server' &&
		sees '^WHY   88% of growth: heap \[heap\] \+408M' &&
		sees '^NOTE  baseline 16:00:13 \(attach\); 994M was there before attach: not attributed$' &&
		sees '^ Tab view  Enter detail  r baseline  m mark  s sort  / filter  \? help  q quit$' &&
		[ "$(widest)" -le 80 ]
}
test_long_map_is_folded_and_unfolded() {
	start 80x24 --workers 40 --libs 60
	sees '⋮ +6[0-9] more: libc|⋮ +6[0-9] more: libmod59' && sees '↑ heap \[heap\].*◀◀$' &&
		sees 'text redis-server' || return 1
	keys e Home
	sees 'libmod59\.so\.3' && sees 'libmod5[0-9]\.so' && sees_not 'more:'
}
test_20x5_shows_the_essential() {
	start 20x5
	sees '^redis-server\[4123\]$' && sees '^RSS 1\.4[0-9]G \+' && sees '^limit full ~4m02s$' &&
		sees 'terminal too small'
}
test_300x100_is_used() {
	start 300x100 --workers 6 --libs 9
	sees 'RESIDENT OVER TIME ──' && sees 'GREW MOST SINCE' && sees 'STACKS WITH THE LEAST ROOM' &&
		sees '├ rw-p data' && sees '^ high' && sees '^ low' && sees 'cgroup /system.slice/redis.slice' &&
		[ "$(widest)" -gt 280 ] && [ "$(screen | grep -c .)" -gt 80 ]
}
test_every_size_is_survived() {
	local size view
	start 80x24 --workers 3 --libs 3
	sees 'heap' || return 1
	for view in 1 2 3 4 5; do
		keys Escape Escape "$view"
		for size in 1x1 2x2 5x3 10x4 20x5 36x7 37x9 40x10 60x14 79x16 100x20 170x24 200x50 300x100; do
			resize "$size"
			sleep 0.05
			keys Enter
			keys Escape
			[ "$(widest)" -le "${size%x*}" ] || { echo "view $view at $size: $(widest) wide" && return 1; }
		done
	done
	resize 80x24
	keys 1
	sees '^LIMIT 2\.00G  cgroup' && sees 'heap \[heap\]'
}
test_resize_gives_the_same_picture() {
	local first
	start 80x24 --workers 4
	sees 'heap' || return 1
	first=$(screen)
	resize 20x5 && sees 'too small' && resize 300x100 && sees 'RESIDENT OVER' && resize 80x24 &&
		sees '^ Tab view.*q quit$' && sees 'heap.*◀◀$' && sleep 0.2 && diff <(echo "$first") <(screen)
}
test_views_by_key() {
	start 80x24
	sees '1 Layout' && keys Tab && sees '2 Regions' && keys Tab && sees '3 Threads' && keys Tab &&
		sees '4 Timeline' && keys Tab && sees '5 Growth' && keys Tab && sees '1 Layout' && keys BTab && sees '5 Growth' &&
		keys 3 && sees '3 Threads' && keys 1 && sees '1 Layout'
}
test_regions_sort_and_reverse() {
	start 80x24
	keys 2
	sees 'RSS▼' && [ "$(screen | awk 'NR == 6 { print $2 }')" = heap ] || return 1
	keys S
	sees 'RSS▲' && [ "$(screen | awk 'NR == 6 { print $2 }')" != heap ] || return 1
	keys S s
	sees 'SWAP▼' && keys s && sees 'HUGE▼' && keys s s s s && sees '\+BASE▼' && keys s && sees 'RATE▼'
}
test_filter() {
	start 80x24 --libs 3
	keys 2 / h e a p
	sees '^ / heap_' && sees '1 of [0-9]+ regions fit heap' && sees_not 'libmod' || return 1
	keys Enter
	sees '^ Tab view' && sees 'regions fit heap' && keys Escape && sees 'libmod' || return 1
	keys / z z z Escape
	sees_not 'fit zzz' && sees 'libmod' || return 1
	keys / 5 5 d 2 a 4 f 1 0 f f f Enter
	sees '1 of' && sees '55d2a4f10000 heap'
}
test_threads() {
	start 80x24 --workers 4
	keys 3
	sees 'ROOM▲' && sees '4133 worker-0 .* 7\.0M +7\.0M +8\.0M █+.? +1\.0M +!87%' &&
		sees '4125 bio_aof .* ≤24K +8\.0M' || return 1
	keys Enter
	sees '^── worker-0#4133 ──' && sees 'stack used +7\.0M of 8\.0M \(87%\)' && sees '┌─ top of the stack' &&
		sees '7\.0M in use now' && sees '└─ end of the mapping' || return 1
	keys Escape
	sees 'ROOM▲'
}
test_cursor_and_detail() {
	start 80x24
	keys Enter
	sees '^── heap \[heap\] ──' && sees 'resident +864M, 65% of it' && sees 'known +estimated, counted' || return 1
	keys Escape Down Home Enter
	sees '^── (vsyscall|2 rows|stack main|vdso)' || return 1
	keys Escape '?'
	sees '^── Help ──' && sees 'Tab 1\.\.5' && keys End && sees 'DIRTY' && keys q && sees '^status 0'
}
test_timeline() {
	start 80x24 --workers 4
	keys 4
	sees '⣿⣿⣿⣿' && sees '^1\.00G ┤' && sees '^ 512M ┤' && sees '-2m28s.*now$' &&
		sees '^   RSS +1\.46G +997M +1\.46G +\+[0-9.]+M/s +▁.*█' && sees '^ ■ heap ' && sees '^ ■ stacks ' &&
		sees_not 'Enter detail'
}
test_baseline_mark_and_pause() {
	start 80x24
	keys r
	sees '^WHY   heap \[heap\] grows: \+[0-9.]+M/s now$' && sees '^NOTE  baseline 16:02:41' && keys m &&
		sees 'mark set at 16:02:41' && keys Space && sees 'PAUSED' && keys Space && sees_not 'PAUSED'
}
test_it_moves() {
	start 80x24 --ticks 3 --live
	sees '16:00:16 *$' && sees '16:00:18 *$' && keys q && sees '^status 0'
}
test_several_processes() {
	start 80x24 --procs 3
	sees 'redis-server\[4123\] 1/3' && keys n && sees 'redis-child-2\[4223\] 2/3' && keys ']' &&
		sees 'redis-child-3\[4323\] 3/3' && keys n && sees '1/3' && keys p && sees '3/3'
}
test_hostile_name_reaches_no_terminal() {
	local raw=$KTAP_TMP/raw name=$'e\033]0;pwned\007\033[31mv\r\n\t\x9b31m\xc2\x9b\xe2\x80\xae\xff\033[2Jil'
	# the bytes themselves, not what tmux makes of them: script(1) gives a terminal and keeps them
	command -v script >/dev/null || ktap_skip 'script(1) is not installed'
	( sleep 1; printf 3; sleep 0.3; printf '\r'; sleep 0.3; printf '\033'; sleep 0.3; printf q ) |
		TERM=xterm-256color script -qfc "stty cols 80 rows 24; $(printf '%q ' "$demo" --workers 2 --comm "$name")" /dev/null >"$raw"
	grep -q 'pwned' "$raw" || { echo 'the name was not drawn at all' && return 1; }
	! LC_ALL=C grep -qP '\x1b\]0;pwned|\x07|\x1b\[31mv|\x1b\[2Jil|\x9b31m|\xc2\x9b|\xe2\x80\xae|\xff' "$raw"
}
test_ascii_and_mono() {
	start 80x24 --ascii --workers 2
	sees '\[heap\].*########.*<<$' && sees '\.\.\.\. 42\.0T free \.\.\.\.' || return 1
	for k in 1 2 3 4 '?'; do
		keys Escape "$k"
		sleep 0.2
		! screen | LC_ALL=C grep -nP '[^\x00-\x7f]' || return 1
	done
	start 80x24 --mono
	sees 'heap' && ! tm capture-pane -pe -t v | grep -qP '\x1b\[[0-9;]*\b(3[0-8]|4[0-8])\b'
}
test_locale_c_gets_ascii() {
	local before='LC_ALL=C'
	start 80x24
	sees '\[heap\].*########' && ! screen | LC_ALL=C grep -P '[^\x00-\x7f]'
}
test_how_it_ended() {
	start 80x24 --end overflow
	sees '\] ENDED ' && sees '^ENDED STACK OVERFLOW in bio_aof#4125: 8\.0M deep of 8\.0M, SIGSEGV at 7fc91b9feff8$' &&
		sees_not 'FULL IN' || return 1
	start 80x24 --end oom
	sees '^ENDED killed by the kernel: out of memory' || return 1
	start 80x24 --end exit
	sees '^ENDED ended by itself, exit status 3'
}
test_no_process_yet() {
	start 80x24 --none
	sees 'waiting for a process' && keys 2 Enter 3 Enter 4 '?' Escape && sees 'memtrace' && keys q && sees '^status 0'
}
test_bytes() {
	start 100x24 --bytes
	sees '^RSS   1[0-9]{9}  \+[0-9]+/s' && sees '\[heap\] +138513[0-9]{4} +906[0-9]{6}'
}
test_picker() {
	start 80x24 --pick
	sees 'which process\?  5' && sees '^▸ +812 tomcat +java \(not yours: sudo\)' && sees '40M' || return 1
	! screen | LC_ALL=C grep -qP '\x1b|\x07' || return 1
	keys / r e d i s Enter
	sees 'which process\?  1 of 5' && keys Enter && sees '^closed, picked 4123' && sees '^status 0'
}
test_terminal_is_given_back() {
	start 80x24
	sees 'heap' && keys q && sees '^closed' && sees '^status 0' && sees_not 'heap' &&
		[ "$(tm display-message -p -t v '#{alternate_on} #{cursor_flag}')" = '0 1' ]
}
test_terminal_unknown_or_none() {
	local before='TERM=no-such-terminal' after='2>&1'
	start 80x24
	sees 'tui_demo: this terminal .TERM. is not known' && sees '^status 1' || return 1
	[ "$(setsid "$demo" </dev/null 2>&1 | tail -n 1)" = 'tui_demo: there is no terminal here' ]
}
test_redirected_stdin_leaves_the_keys() {
	local after='</dev/null'
	start 80x24
	sees 'heap' && keys 3 && sees '3 Threads' && keys q && sees '^status 0'
}

ktap_run test_layout_80x24 test_long_map_is_folded_and_unfolded test_20x5_shows_the_essential \
	test_300x100_is_used test_every_size_is_survived test_resize_gives_the_same_picture \
	test_views_by_key test_regions_sort_and_reverse test_filter test_threads test_cursor_and_detail \
	test_timeline test_baseline_mark_and_pause test_it_moves test_several_processes \
	test_hostile_name_reaches_no_terminal test_ascii_and_mono test_locale_c_gets_ascii \
	test_how_it_ended test_no_process_yet test_bytes test_picker test_terminal_is_given_back \
	test_terminal_unknown_or_none test_redirected_stdin_leaves_the_keys
