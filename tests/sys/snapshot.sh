#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# memtrace snapshot of known processes, as root and as nobody: totals and regions against the
# kernel's own figures, the JSON against its schema, and everything that can be wrong with a target.
# timeout: 120
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/ktap.sh
. tests/ktap.sh
[ "$(id -u)" = 0 ] || ktap_skip_all not root
memtrace=${MEMTRACE:-$PWD/build/memtrace}
schema=$PWD/docs/schema/snapshot.schema.json

# python3 with jsonschema: the distribution's where another one comes first in PATH
for python in python3 /usr/bin/python3; do
	$python -c 'import jsonschema' 2>/dev/null && break
done

# A process that sleeps, with a hostile name, two threads, and memory of several sorts.
target() {
	$python -c 'import ctypes, mmap, sys, threading, time
ctypes.CDLL(None).prctl(15, b"e\x1b[31m) R\n", 0, 0, 0)
a = mmap.mmap(-1, 4 << 20, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS); a[:1 << 20] = b"x" * (1 << 20)
s = mmap.mmap(-1, 4 << 20); s[:1 << 19] = b"y" * (1 << 19)
for i in range(2): threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
print("ready", flush=True)
time.sleep(60)' >"$KTAP_TMP/ready" &
	pid=$!
	for _ in $(seq 200); do
		[ -s "$KTAP_TMP/ready" ] && sleep 0.05 && return
		sleep 0.05
	done
	return 1
}

as_nobody() {
	chmod 755 "$KTAP_TMP"
	install -m 755 "$memtrace" "$KTAP_TMP/memtrace"
	(cd "$KTAP_TMP" && $python -c 'import os, sys
os.setgroups([]); os.setgid(65534); os.setuid(65534)
os.execv(sys.argv[1], sys.argv[1:])' "$@")
}

# JSON on stdin: each line an object of the schema, of which EXPRESSION (o) holds
valid() { # EXPRESSION
	$python -c 'import json, jsonschema, sys
lines = sys.stdin.read().splitlines()
assert lines
for line in lines:
    o = json.loads(line)
    jsonschema.validate(o, json.load(open(sys.argv[1])))
    assert eval("(" + sys.argv[2] + ")"), sys.argv[2]' "$schema" "$1"
}

test_json() {
	target || return
	"$memtrace" snapshot -p $pid --json >"$KTAP_TMP/json" || return
	valid 'o["process"]["comm"] == "e\x1b[31m) R\n" and len(o["threads"]) == 3 and
		o["cost"] is None and o["before_attach_bytes"] is None' <"$KTAP_TMP/json" || return
	kill $pid
}

# Per region and in sum the kernel's own answer: smaps, which memtrace never reads.
test_as_smaps() {
	target || return
	"$memtrace" snapshot -p $pid --json >"$KTAP_TMP/json" || return
	$python -c 'import json, re, sys
o = json.load(open(sys.argv[2]))
smaps, key = {}, None
for line in open(f"/proc/{sys.argv[1]}/smaps", errors="replace"):
    m = re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S+)", line)
    if m: key = (int(m[1], 16), int(m[2], 16)); smaps[key] = [m[3], 0, 0]
    elif line.startswith("Rss:"): smaps[key][1] = int(line.split()[1]) << 10
    elif line.startswith("Swap:"): smaps[key][2] = int(line.split()[1]) << 10
ours = {(int(r["start"], 16), int(r["end"], 16)): r for r in o["regions"]}
assert set(ours) == set(smaps), set(ours) ^ set(smaps)
for k, r in ours.items():
    want = smaps[k]
    assert r["prot"] == want[0], r
    if r["kind"] not in ("vvar", "vsyscall"):
        assert (r["resident_bytes"], r["swap_bytes"]) == tuple(want[1:]), (r, want)
total = sum(v[1] for v in smaps.values())
assert o["residual_bytes"] == o["totals"]["resident_bytes"] - total, (o["residual_bytes"], o["totals"], total)' \
		$pid "$KTAP_TMP/json" || return
	kill $pid
}

test_kinds() {
	target || return
	"$memtrace" snapshot -p $pid --json >"$KTAP_TMP/json" || return
	valid '{"stack", "thread_stack", "guard", "heap", "text", "relro", "data", "bss", "vdso", "shm"} <=
		{r["kind"] for r in o["regions"]} and
		{t["tid"] for t in o["threads"]} == {r["tid"] for r in o["regions"]
			if r["kind"] in ("stack", "thread_stack")}' <"$KTAP_TMP/json" || return
	kill $pid
}

test_text_is_clean() {
	target || return
	"$memtrace" snapshot -p $pid >"$KTAP_TMP/text" || return
	"$memtrace" snapshot -p $pid --ascii >"$KTAP_TMP/ascii" || return
	grep -q 'stack main' "$KTAP_TMP/text" && ! grep -q $'\e' "$KTAP_TMP/text" &&
		! LC_ALL=C grep -q '[^ -~]' "$KTAP_TMP/ascii" &&
		head -1 "$KTAP_TMP/ascii" | grep -qF "e?[31m) R?[$pid]" && kill $pid
}

test_own_process_without_root() {
	as_nobody /bin/sh -c 'sleep 60 & ./memtrace snapshot -p $! --json; kill $!' >"$KTAP_TMP/json" || return
	valid 'o["process"]["comm"] == "sleep" and o["totals"]["resident_bytes"] > 0 and
		all(r["resident_bytes"] is not None for r in o["regions"]
			if r["kind"] not in ("vvar", "vsyscall"))' <"$KTAP_TMP/json"
}

test_not_permitted() {
	as_nobody ./memtrace snapshot -p 1 2>"$KTAP_TMP/err"
	[ $? = 4 ] && grep -q CAP_SYS_PTRACE "$KTAP_TMP/err" && [ "$(wc -l <"$KTAP_TMP/err")" = 1 ]
}

test_no_such_process() {
	"$memtrace" snapshot -p 4194304 2>"$KTAP_TMP/err"
	[ $? = 3 ] && [ "$(wc -l <"$KTAP_TMP/err")" = 1 ] || return
	"$memtrace" snapshot -p 4194304 --json 2>"$KTAP_TMP/err"
	[ $? = 3 ] && $python -c 'import json, sys
o = json.load(sys.stdin)
assert o["type"] == "error" and o["code"] == 3' <"$KTAP_TMP/err"
}

test_kernel_thread() {
	[ "$(cat /proc/2/comm)" = kthreadd ] || ktap_skip no kernel thread to be seen
	"$memtrace" snapshot -p 2 2>"$KTAP_TMP/err"
	[ $? = 3 ] && grep -q 'kernel thread' "$KTAP_TMP/err"
}

test_zombie() {
	# shellcheck disable=SC2016  # expanded by the inner shell
	bash -c 'sleep 0 & echo $!; exec sleep 10' >"$KTAP_TMP/zombie" &
	sleep 0.5
	"$memtrace" snapshot -p "$(cat "$KTAP_TMP/zombie")" 2>"$KTAP_TMP/err"
	[ $? = 3 ] && kill $!
}

test_other_namespaces() {
	local child
	unshare -p -m -f --mount-proc sleep 60 &
	sleep 0.5
	child=$(cat /proc/$!/task/$!/children)
	"$memtrace" snapshot -p "${child% }" --json >"$KTAP_TMP/json" || return
	kill "${child% }"
	valid 'o["process"]["comm"] == "sleep" and o["process"]["exe"].endswith("sleep")' <"$KTAP_TMP/json"
}

test_several() {
	sleep 60 &
	local a=$!
	sleep 60 &
	sleep 0.2
	"$memtrace" snapshot -p $a,4194304 -p $! --json >"$KTAP_TMP/json" 2>"$KTAP_TMP/err"
	[ $? = 3 ] && [ "$(wc -l <"$KTAP_TMP/json")" = 2 ] && kill $a $! &&
		valid 'o["process"]["comm"] == "sleep"' <"$KTAP_TMP/json"
}

test_output_file() {
	sleep 60 &
	sleep 0.2
	"$memtrace" snapshot -p $! --json -o "$KTAP_TMP/file" >"$KTAP_TMP/out" || return
	kill $!
	[ ! -s "$KTAP_TMP/out" ] && [ "$(stat -c %a "$KTAP_TMP/file")" = 600 ] &&
		valid 'o["type"] == "snapshot"' <"$KTAP_TMP/file"
}

test_full_disk() {
	"$memtrace" snapshot -p $$ >/dev/full 2>"$KTAP_TMP/err"
	[ $? = 1 ] && grep -q 'No space left' "$KTAP_TMP/err"
}

# shellcheck disable=SC2034  # tests/ktap.sh
KTAP_SHORT="test_json test_as_smaps test_kinds test_not_permitted test_zombie"
ktap_run test_json test_as_smaps test_kinds test_text_is_clean test_own_process_without_root \
	test_not_permitted test_no_such_process test_kernel_thread test_zombie test_other_namespaces \
	test_several test_output_file test_full_disk
