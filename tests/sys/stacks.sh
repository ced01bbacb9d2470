#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Stacks of main and of 64 threads, right to the page; overflows told as what they are.
# timeout: 300
cd "$(dirname "$0")/../.." || exit 1
exec /usr/bin/python3 tests/helpers/sys_stacks.py "$@"
