#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# memtrace -- CMD: its status, its descriptors, its user; -f, -n, -o, -d; ends of all sorts.
# timeout: 300
cd "$(dirname "$0")/../.." || exit 1
exec /usr/bin/python3 tests/helpers/sys_command.py "$@"
