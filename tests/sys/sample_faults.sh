#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# One fault in so many: bytes by call path are estimates within their intervals, on this kernel, too.
# timeout: 240
cd "$(dirname "$0")/../.." || exit 1
exec /usr/bin/python3 tests/helpers/sys_sample_faults.py "$@"
