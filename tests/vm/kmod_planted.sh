#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The module's tests can fail: modules with a bug planted at build time are found by them.
# timeout: 900
. tests/ktap.sh
kernel=6.1
options=(-m 2G --timeout 400 --module zram --cmdline 'slub_debug=FZPU panic_on_warn=1')

# with VARIANT COMMAND: its status, with that module
with() {
	local ko
	ko=$(scripts/kmod-build --variant "$1" $kernel) || return 99
	scripts/vm "${options[@]}" --add "$ko:/memtrace/memtrace.ko" $kernel -- "$2"
}

# The size that the caller gives is believed: the fuzzer writes behind an object.
test_fuzzer_finds_overflow() {
	local rc=0
	with plant 'FUZZ_SECONDS=30 build/tests/kmod/fuzz_ioctl' >"$KTAP_TMP/out" || rc=$?
	cat "$KTAP_TMP/out"
	echo "status $rc"
	# Hardened usercopy, a red zone or a panic: who sees it first depends on the kernel.
	[ $rc = 126 ] || { [ $rc = 1 ] && grep -qE '^# kernel: .*(kernel BUG at mm/usercopy|Redzone)' "$KTAP_TMP/out"; }
}
# A mark at the start of an invalidation only: counts taken in between stay wrong.
test_storm_finds_missing_mark() {
	local rc=0
	with startonly 'STORM_ROUNDS=100 build/tests/kmod/test_storm' >"$KTAP_TMP/out" || rc=$?
	cat "$KTAP_TMP/out"
	echo "status $rc"
	[ $rc = 1 ] && grep -q 'not ok .*storm.ends_exact' "$KTAP_TMP/out"
}

if ! why=$(scripts/kmod-build $kernel 2>&1); then
	ktap_skip_all "$(tail -n 1 <<<"$why" | sed 's/^\(vm\|kmod-build\): //')"
fi
ktap_run test_fuzzer_finds_overflow test_storm_finds_missing_mark
