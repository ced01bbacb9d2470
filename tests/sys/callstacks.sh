#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# `memtrace stacks`: frames and their sizes against gdb's, and that nobody is woken by it.
# timeout: 300
cd "$(dirname "$0")/../.." || exit 1
exec /usr/bin/python3 tests/helpers/sys_callstacks.py "$@"
