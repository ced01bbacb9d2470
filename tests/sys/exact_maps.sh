#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The map built from events alone against /proc/PID/maps, at every checkpoint of a target that does
# everything a process can do to its map, from eight threads at once. On each rung this kernel has.
# timeout: 560
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/ktap.sh
. tests/ktap.sh
[ "$(id -u)" = 0 ] || ktap_skip_all not root
build=${MEMTRACE_BUILD:-build}
memtrace=${MEMTRACE:-$PWD/$build/memtrace}
randops=$(realpath "$build/tests/targets/randops")
python=$(command -v python3) || ktap_skip_all python3 is not installed
seed=${RANDOPS_SEED:-$RANDOM}
# under emulation as many operations, but fewer looks at them
checkpoints=40 short=12
if [ "${MEMTRACE_TEST_SLOW:-1}" != 1 ]; then
	checkpoints=10
	short=5
fi
ops=200000
if [ -n "${MEMTRACE_TEST_SHORT:-}" ]; then
	ops=20000
	checkpoints=4
	short=2
fi

has_fentry() { "$memtrace" doctor --json | grep -q '"rung": *"fentry"'; }

# RUNG [memtrace flags] -- randops flags
run() {
	local rung=$1 flags=()
	shift
	while [ "$1" != -- ]; do
		flags+=("$1")
		shift
	done
	shift
	echo "seed $seed rung $rung ${flags[*]} -- $*"
	"$python" tests/helpers/exact_maps.py "$memtrace" "$randops" --rung "$rung" "${flags[@]}" -- --seed "$seed" "$@"
}

long_run() { run "$1" -- --ops "${2:-$ops}" --threads 8 --checkpoints $checkpoints; }

# A wrong order heals with later operations: many runs that end early see it.
short_runs() {
	for _ in $(seq "$short"); do
		seed=$((seed + 1))
		run "$1" -- --ops 1500 --threads 8 --checkpoints 1 || return 1
	done
}

# What is needed is needed: without it the comparison must fail (status 1, not 2).
drops() {
	local rung=$1 what rc
	shift
	for what in "$@"; do
		run "$rung" --drop "$what" --first yes -- --ops 20000 --threads 4 --checkpoints 5 >"$KTAP_TMP/log"
		rc=$?
		tail -2 "$KTAP_TMP/log"
		[ $rc = 1 ] || { echo "without $what: status $rc, should be 1" && return 1; }
	done
}

# From outside: after the attach neither the map nor the page tables are read.
reads() {
	local trace=$KTAP_TMP/trace
	command -v strace >/dev/null || ktap_skip strace is not installed
	run "$1" --wrap "strace -f -qq -o $trace -e trace=openat,ioctl,pread64" -- --ops 3000 --threads 4 --checkpoints 3 || return 1
	# of the target's, not of /proc/self, where the kernel is probed
	grep -E '"(/proc/[0-9]+/)?(maps|smaps|smaps_rollup|pagemap)"' "$trace" >"$KTAP_TMP/opens"
	cat "$KTAP_TMP/opens"
	# at the attach: once to see whether it may be read, once to read it; never at a checkpoint
	[ "$(grep -c 'maps"' "$KTAP_TMP/opens")" = 2 ] || return 1
	! grep -qE 'smaps|pagemap' "$KTAP_TMP/opens" || return 1
	# PROCMAP_QUERY and PAGEMAP_SCAN are ioctls of magic 'f'
	[ "$(grep -cE 'ioctl\([0-9]+, _IOC\([^,]*, 0x66,|PROCMAP_QUERY|PAGEMAP_SCAN' "$trace")" -le 2 ]
}

# emulation is slow: there the rung that only it has is run at length, the other one on real hardware
light() { [ "${MEMTRACE_TEST_SLOW:-1}" != 1 ] && has_fentry; }
test_tracepoint_long() {
	if light; then
		long_run tracepoint 20000
	else
		long_run tracepoint
	fi
}
# Where the kernel gives a task no storage: nothing is different.
test_no_storage() { run tracepoint --drop storage -- --ops 4000 --threads 8 --checkpoints 5; }
test_tracepoint_short() {
	! light || local short=2
	short_runs tracepoint
}
test_tracepoint_drops() {
	if light; then
		drops tracepoint walk
	else
		drops tracepoint vma hole ma_write walk
	fi
}
test_tracepoint_reads() { reads tracepoint; }
test_fentry_long() { has_fentry || ktap_skip this kernel refuses fentry; long_run fentry; }
test_fentry_short() { has_fentry || ktap_skip this kernel refuses fentry; short_runs fentry; }
test_fentry_drops() { has_fentry || ktap_skip this kernel refuses fentry; drops fentry vma hole ma_write mmap_event; }

ktap_run test_no_storage test_tracepoint_long test_tracepoint_short test_tracepoint_drops test_tracepoint_reads \
	test_fentry_long test_fentry_short test_fentry_drops
