#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Present pages of every region at random states of a target, against pagemap: exact with memtrace.ko.
# timeout: 900
cd "$(dirname "$0")/../.." || exit 1
exec /usr/bin/python3 tests/helpers/sys_states.py "$@"
