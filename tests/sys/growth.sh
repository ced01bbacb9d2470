#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Who grew it: net bytes by call path, verdicts and the sum that must add up, against targets that know.
# timeout: 600
cd "$(dirname "$0")/../.." || exit 1
exec /usr/bin/python3 tests/helpers/sys_growth.py "$@"
