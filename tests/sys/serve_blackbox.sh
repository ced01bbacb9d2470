#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The daemon's black box: reports of deaths, steps and stacks that run short, against targets that know.
# timeout: 600
cd "$(dirname "$0")/../.." || exit 1
exec /usr/bin/python3 tests/helpers/sys_serve_blackbox.py "$@"
