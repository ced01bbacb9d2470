#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What the exporters write, read by what did not write it: tests/helpers/unit_export.py.
# timeout: 120
cd "$(dirname "$0")/../.." || exit 2
exec python3 tests/helpers/unit_export.py "$@"
