#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 400
# Recordings: live, replayed and rebuilt model are one; killed recorders, full disks, hostile files.
cd "$(dirname "$0")/../.." || exit 1
exec python3 tests/helpers/sys_record.py "$@"
