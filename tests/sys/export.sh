#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Recordings in other tools' formats, held against info, replay and the kernel.
# timeout: 300
cd "$(dirname "$0")/../.." || exit 1
exec /usr/bin/python3 tests/helpers/sys_export.py "$@"
