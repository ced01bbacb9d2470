#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# `memtrace stacks --at` and `--when`: pictures at calls and returns, and on a condition.
# timeout: 120
cd "$(dirname "$0")/../.." || exit 1
exec /usr/bin/python3 tests/helpers/sys_at.py "$@"
