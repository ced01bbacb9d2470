#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The fuzzers, for a moment: their corpus, and a few thousand variations of it. `make fuzz` goes on.
# timeout: 180
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/ktap.sh
. tests/ktap.sh

try() { # NAME
	local fuzzer=build-fuzz/fuzz_$1
	[ -x "$fuzzer" ] || ktap_skip "clang's libFuzzer runtime is not here"
	mkdir "$KTAP_TMP/$1"
	"$fuzzer" -runs=3000 -timeout=60 -rss_limit_mb=3000 -max_len=16384 -artifact_prefix="$KTAP_TMP/" \
		"$KTAP_TMP/$1" "tests/fuzz/corpus/fuzz_$1" 2>&1 | tail -n 12
	[ "${PIPESTATUS[0]}" = 0 ]
}

test_trace() {
	try trace
}

test_stream() {
	try stream
}

test_proto() {
	try proto
}

test_vars() {
	try vars
}

ktap_run test_trace test_stream test_proto test_vars
