#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The lesson's steps, from real programs, against what was written down by hand.
# timeout: 120
cd "$(dirname "$0")/../.." || exit 1
exec /usr/bin/python3 tests/helpers/sys_lesson.py "$@"
