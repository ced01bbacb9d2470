#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# memtrace doctor as root and as nobody: exit status, columns, JSON against its schema.
# timeout: 120
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/ktap.sh
. tests/ktap.sh
[ "$(id -u)" = 0 ] || ktap_skip_all not root
memtrace=$PWD/build/memtrace
schema=$PWD/docs/schema/doctor.schema.json

# python3 with jsonschema: the distribution's where another one comes first in PATH
for python in python3 /usr/bin/python3; do
	$python -c 'import jsonschema' 2>/dev/null && break
done

as_nobody() {
	chmod 755 "$KTAP_TMP"
	install -m 755 "$memtrace" "$KTAP_TMP/memtrace"
	(cd "$KTAP_TMP" && $python -c 'import os, sys
os.setgroups([]); os.setgid(65534); os.setuid(65534)
os.execv(sys.argv[1], sys.argv[1:])' ./memtrace "$@")
}

# JSON on stdin is one object of the schema, and EXPRESSION of it (o) holds
valid() { # EXPRESSION
	$python -c 'import json, jsonschema, sys
o = json.load(sys.stdin)
jsonschema.validate(o, json.load(open(sys.argv[1])))
assert eval(sys.argv[2]), sys.argv[2]' "$schema" "$1"
}

# A kernel without a maple tree: told so, and status 5 (4 without privilege).
old=''
case $(uname -r) in [1-5].* | 6.0.*) old=1 ;; esac
not_old() { [ -z "$old" ] || ktap_skip memtrace needs Linux 6.1 or later; }

test_old_kernel() {
	[ -n "$old" ] || ktap_skip Linux 6.1 or later
	"$memtrace" doctor >"$KTAP_TMP/out"
	[ $? = 5 ] && grep -q 'needs Linux 6.1 or later' "$KTAP_TMP/out" || return 1
	"$memtrace" doctor --json >"$KTAP_TMP/json"
	[ $? = 5 ] && valid 'not o["can_trace"] and o["exit"] == 5' <"$KTAP_TMP/json"
}

test_root_can_trace() {
	not_old
	"$memtrace" doctor >"$KTAP_TMP/out" || return
	grep -q '^VERDICT  memtrace can trace here' "$KTAP_TMP/out"
}

test_root_json() {
	not_old
	"$memtrace" doctor --json >"$KTAP_TMP/json" || return
	valid 'o["can_trace"] and o["exit"] == 0 and not o["assumed"] and len(o["events"]) == 11' \
		<"$KTAP_TMP/json"
}

test_nobody_is_told() {
	not_old
	as_nobody doctor >"$KTAP_TMP/out"
	[ $? = 4 ] && grep -q 'CAP_BPF and CAP_PERFMON are missing' "$KTAP_TMP/out" &&
		grep -q '^   1  sudo memtrace' "$KTAP_TMP/out"
}

test_nobody_json() {
	not_old
	as_nobody doctor --json >"$KTAP_TMP/json"
	[ $? = 4 ] || return 1
	valid 'not o["can_trace"] and o["exit"] == 4 and o["assumed"] and o["fixes"]' <"$KTAP_TMP/json"
}

# Only commands to be copied may be wider than a terminal.
test_fits_80_columns() {
	{ "$memtrace" doctor && as_nobody doctor; } >"$KTAP_TMP/out"
	! grep -v '^ *[0-9]*  sudo ' "$KTAP_TMP/out" | grep -E '^.{81}'
}

# No colour in a pipe, colour when asked.
test_colour() {
	! "$memtrace" doctor | grep -q $'\e' && "$memtrace" doctor --color=always | grep -q $'\e'
}

test_output_file() {
	"$memtrace" doctor --json -o "$KTAP_TMP/file" >"$KTAP_TMP/out" || [ -n "$old" ] || return
	[ ! -s "$KTAP_TMP/out" ] && valid 'o["type"] == "doctor"' <"$KTAP_TMP/file"
}

# The trials leave nothing in the kernel.
test_leaves_nothing() {
	local tool
	tool=$(PATH=$PATH:/usr/sbin:/sbin command -v bpftool) || return
	"$memtrace" doctor >/dev/null || [ -n "$old" ] || return
	sleep 1
	! "$tool" prog show | grep mtr_probe && ! "$tool" map show | grep mtr_probe
}

ktap_run test_root_can_trace test_root_json test_nobody_is_told test_nobody_json \
	test_fits_80_columns test_colour test_output_file test_leaves_nothing test_old_kernel
