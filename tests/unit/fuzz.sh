#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The fuzzers, for a moment: their corpus, and a few thousand variations of it. `make fuzz` goes on.
# timeout: 180
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/ktap.sh
. tests/ktap.sh

test_trace() {
	local fuzzer=build-fuzz/fuzz_trace
	[ -x $fuzzer ] || ktap_skip "clang's libFuzzer runtime is not here"
	$fuzzer -runs=3000 -timeout=60 -rss_limit_mb=3000 -max_len=16384 -artifact_prefix="$KTAP_TMP/" \
		"$KTAP_TMP" tests/fuzz/corpus/fuzz_trace 2>&1 | tail -n 12
	[ "${PIPESTATUS[0]}" = 0 ]
}

ktap_run test_trace
