#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 500
# The daemon's socket: who may see what, the same as a session of one's own, clients that are slow, many or hostile.
cd "$(dirname "$0")/../.." || exit 1
exec python3 tests/helpers/sys_serve_socket.py "$@"
