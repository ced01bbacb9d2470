#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The ways to build the module: DKMS, make kmod; and what they say when they cannot.
# timeout: 600
. tests/ktap.sh
kernel=6.1

test_through_dkms() {
	local ko
	ko=$(scripts/kmod-build --dkms $kernel) || return 1
	modinfo -F vermagic "$ko" | grep -q "^$kernel" || return 1
	# Not only built: it loads.
	scripts/vm --timeout 200 --add "$ko:/memtrace/memtrace.ko" $kernel -- 'insmod memtrace.ko && ls -l /dev/memtrace && rmmod memtrace'
}
test_versions_agree() {
	local version
	version=$(sed -n 's/^VERSION := //p' Makefile)
	grep -qx "PACKAGE_VERSION=\"$version\"" kmod/dkms.conf && grep -qx "#define MEMTRACE_VERSION \"$version\"" kmod/memtrace.h
}
test_no_headers_is_said() {
	local rc=0
	make --no-print-directory kmod KDIR=/nonexistent >"$KTAP_TMP/out" 2>&1 || rc=$?
	cat "$KTAP_TMP/out"
	[ $rc != 0 ] && grep -q 'no kernel headers in /nonexistent' "$KTAP_TMP/out"
}
test_install_leaves_the_module_alone() {
	make -s install DESTDIR="$KTAP_TMP/root" || return 1
	find "$KTAP_TMP/root" -type f | tee "$KTAP_TMP/out"
	grep -q /bin/memtrace "$KTAP_TMP/out" && ! grep -qE '\.ko|dkms|/usr/src|/lib/modules' "$KTAP_TMP/out"
}
test_no_such_kernel_is_125() {
	local rc=0
	OFFLINE=1 scripts/kmod-build 1.0 || rc=$?
	[ $rc = 125 ]
}

if ! why=$(scripts/kmod-build --dkms --fetch $kernel 2>&1); then
	ktap_skip_all "$(tail -n 1 <<<"$why" | sed 's/^\(vm\|kmod-build\): //')"
fi
ktap_run test_through_dkms test_versions_agree test_no_headers_is_said test_install_leaves_the_module_alone \
	test_no_such_kernel_is_125
