#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Attaching to processes at full speed: what was torn heals, and the map is the kernel's.
# timeout: 300
cd "$(dirname "$0")/../.." || exit 1
exec /usr/bin/python3 tests/helpers/sys_attach_live.py "$@"
