#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Targets that are odd, gone, or change under memtrace's eyes; memtrace that is killed, refused, doubled.
# timeout: 300
cd "$(dirname "$0")/../.." || exit 1
exec /usr/bin/python3 tests/helpers/sys_robust.py "$@"
