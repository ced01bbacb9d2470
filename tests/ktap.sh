# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# For shell suites: `. tests/ktap.sh`, then functions as tests, then ktap_run NAME...
#
#	test_prints_version() { build/memtrace --version | grep -q '^memtrace '; }
#	ktap_run test_prints_version
#
# A test passes when its function returns 0; `ktap_skip REASON` in it skips it. What it prints
# becomes a diagnostic. Each runs in a subshell with -e off and a directory $KTAP_TMP of its own.
# With MEMTRACE_TEST_SHORT only those in KTAP_SHORT run, if that is set.

ktap_skip() {
	printf '%s\n' "$*" >"$KTAP_TMP/.skip"
	exit 4
}

# ktap_skip_all REASON: the whole suite does not apply here
ktap_skip_all() {
	printf 'TAP version 13\n1..0 # SKIP %s\n' "$*"
	exit 4
}

ktap_run() {
	local name n=0 failed=0 rc
	# shellcheck disable=SC2086  # a list of words
	[ -z "${MEMTRACE_TEST_SHORT:-}" ] || set -- ${KTAP_SHORT:-"$@"}
	printf 'TAP version 13\n1..%d\n' $#
	for name in "$@"; do
		n=$((n + 1))
		KTAP_TMP=$(mktemp -d)
		printf '#  RUN           %s ...\n' "$name"
		(
			set +e
			"$name"
		) >"$KTAP_TMP/.out" 2>&1
		rc=$?
		sed 's/^/# /' "$KTAP_TMP/.out"
		if [ $rc = 4 ] && [ -f "$KTAP_TMP/.skip" ]; then
			printf 'ok %d %s # SKIP %s\n' $n "$name" "$(cat "$KTAP_TMP/.skip")"
		elif [ $rc = 0 ]; then
			printf 'ok %d %s\n' $n "$name"
		else
			printf '# status %d\nnot ok %d %s\n' $rc $n "$name"
			failed=$((failed + 1))
		fi
		rm -rf "$KTAP_TMP"
	done
	[ $failed = 0 ]
}
