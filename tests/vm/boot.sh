#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# scripts/vm keeps its promises: status, output, time-out, panic, a kernel that does not exist.
# timeout: 300
. tests/ktap.sh
kernel=6.1

test_output_and_status_pass() {
	local out rc=0
	out=$(scripts/vm $kernel -- 'echo out; echo err >&2; [ -t 1 ] && echo terminal; id -u; exit 42') || rc=$?
	[ $rc = 42 ] && [ "$out" = "$(printf 'out\nerr\n0')" ]
}
test_guest_has_what_live_suites_need() {
	scripts/vm --cmdline transparent_hugepage=never $kernel -- 'set -e
		test -f /sys/kernel/btf/vmlinux; test -d /sys/kernel/tracing/events/syscalls
		test -f /sys/fs/cgroup/cgroup.controllers; grep -q " /sys/fs/bpf bpf" /proc/mounts
		grep -q "\[never\]" /sys/kernel/mm/transparent_hugepage/enabled
		build/memtrace --version; bpftool version; strace -V; tmux -V; python3 -c "import jsonschema"'
}
test_time_out_is_124() {
	local rc=0
	scripts/vm --timeout 20 $kernel -- 'sleep 100' || rc=$?
	[ $rc = 124 ]
}
test_panic_is_126() {
	local rc=0
	scripts/vm $kernel -- 'echo c >/proc/sysrq-trigger; sleep 9' || rc=$?
	[ $rc = 126 ]
}
test_no_such_kernel_is_125() {
	local rc=0
	OFFLINE=1 scripts/vm 1.0 -- true || rc=$?
	[ $rc = 125 ]
}

if ! why=$(scripts/vm --fetch $kernel 2>&1); then
	ktap_skip_all "$(tail -n 1 <<<"$why" | sed 's/^vm: //')"
fi
ktap_run test_output_and_status_pass test_guest_has_what_live_suites_need test_time_out_is_124 \
	test_panic_is_126 test_no_such_kernel_is_125
