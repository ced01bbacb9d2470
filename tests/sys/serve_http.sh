#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The daemon over HTTP: read by promtool, by a Prometheus, by pprof; and by who means no good.
# timeout: 540
cd "$(dirname "$0")/../.." || exit 1
exec /usr/bin/python3 tests/helpers/sys_serve_http.py "$@"
