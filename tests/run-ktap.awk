# SPDX-License-Identifier: GPL-2.0
# Reads what tests/run-suites prints, writes one line a test and one a suite, tab-separated:
#   test  ENV SUITE pass|fail|skip NAME REASON
#   suite ENV SUITE pass|fail|skip MILLISECONDS REASON
# and each suite's own output to LOGS/ENV-SUITE.log. Only lines of the outermost KTAP level count.
# Variables: env, logs.

function result(what, name, reason) {
	printf "test\t%s\t%s\t%s\t%s\t%s\n", env, suite, what, name, reason
	n[what]++
}

function start(name) {
	suite = name
	log_file = name
	gsub(/\//, "-", log_file)
	log_file = logs "/" env "-" log_file ".log"
	printf "" > log_file
	delete n
	plan = -1
	seen = 0
	running = ""
	whole = ""
}

function finish(rc, ms,    what, reason) {
	if (whole == "" && rc == 4 && seen == 0)
		whole = "exit status 4"
	if (whole != "" && seen == 0) {
		what = "skip"
		reason = whole
	} else {
		if (rc == 124 || rc == 137)
			result("fail", running == "" ? "(suite)" : running, "timed out after " int(ms / 1000) " s")
		else if (plan >= 0 && seen < plan)
			result("fail", running == "" ? "(suite)" : running, "ended after " seen " of " plan " tests, status " rc)
		else if (seen == 0)
			result("fail", "(suite)", "printed no KTAP result, status " rc)
		else if (rc != 0 && !n["fail"] && rc != 4)
			result("fail", "(suite)", "every test passed and yet it ended with status " rc)
		what = n["fail"] ? "fail" : n["pass"] ? "pass" : "skip"
		reason = what == "skip" ? "every test was skipped" : ""
	}
	printf "suite\t%s\t%s\t%s\t%d\t%s\n", env, suite, what, ms, reason
	fflush()
	close(log_file)
	suite = ""
}

{ sub(/\r$/, "") }
/^@@BEGIN / { start($2); next }
/^@@END / && suite != "" { finish($3 + 0, $4 + 0); next }
suite == "" { next }
{ print > log_file }
/^1\.\.0/ && /# *[Ss][Kk][Ii][Pp]/ { whole = $0; sub(/^.*# *[Ss][Kk][Ii][Pp] */, "", whole); if (whole == "") whole = "no reason given"; next }
/^1\.\.[0-9]+/ { plan = substr($1, 4) + 0; next }
/^#  RUN  / { running = $3; next }
/^(not )?ok [0-9]+/ {
	line = $0
	bad = sub(/^not /, "", line)
	sub(/^ok [0-9]+ *-? */, "", line)
	reason = ""
	skip = 0
	if (match(line, /# *[Ss][Kk][Ii][Pp]/)) {
		skip = 1
		reason = substr(line, RSTART + RLENGTH)
		line = substr(line, 1, RSTART - 1)
		sub(/^[ :]+/, "", reason)
	}
	sub(/ +$/, "", line)
	if (line == "")
		line = running == "" ? "test " (seen + 1) : running
	gsub(/\t/, " ", line)
	gsub(/\t/, " ", reason)
	seen++
	running = ""
	result(skip ? "skip" : bad ? "fail" : "pass", line, reason)
}
END { if (suite != "") finish(255, 0) }
