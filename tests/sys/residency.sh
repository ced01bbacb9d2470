#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Resident bytes of every region of real programs under load, within 1 % of smaps.
# timeout: 400
cd "$(dirname "$0")/../.." || exit 1
exec /usr/bin/python3 tests/helpers/sys_residency.py "$@"
