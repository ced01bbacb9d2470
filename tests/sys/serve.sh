#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The daemon: whom it traces, what it says of them, SIGHUP, kill -9 and restart, many processes.
# timeout: 420
cd "$(dirname "$0")/../.." || exit 1
exec /usr/bin/python3 tests/helpers/sys_serve.py "$@"
