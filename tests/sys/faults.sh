#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Page faults: seen + unseen are the kernel's own count, for every way of touching memory.
# timeout: 300
cd "$(dirname "$0")/../.." || exit 1
exec /usr/bin/python3 tests/helpers/sys_faults.py "$@"
