# SPDX-License-Identifier: GPL-2.0
"""Inside gdb: each thread's frames, as JSON lines: {"tid": …, "frames": [[pc, cfa, function], …]}.

    gdb -p PID -batch -x gdb_frames.py

Inlined and tail calls have no frame of their own. The outermost one's CFA is null: gdb has none.
"""
import json
import re

import gdb  # pylint: disable=import-error


def cfa(frame):
    frame.select()
    m = re.search(r'frame at (0x[0-9a-f]+)', gdb.execute('info frame', to_string=True))
    return int(m[1], 16) or None if m else None


def frames():
    out, f = [], gdb.newest_frame()
    while f is not None and f.is_valid():
        if f.type() not in (gdb.INLINE_FRAME, gdb.TAILCALL_FRAME):
            out.append([f.pc(), cfa(f), f.name()])
        try:
            f = f.older()
        except gdb.error:
            break
    return out


for setting in ('pagination off', 'backtrace past-main on', 'backtrace past-entry on', 'backtrace limit 0',
                'debuginfod enabled off', 'print max-depth 0'):
    gdb.execute('set ' + setting)
for thread in sorted(gdb.selected_inferior().threads(), key=lambda t: t.ptid[1]):
    thread.switch()
    try:
        print('FRAMES ' + json.dumps({'tid': thread.ptid[1], 'frames': frames()}), flush=True)
    except gdb.error as e:
        print('FRAMES ' + json.dumps({'tid': thread.ptid[1], 'frames': [], 'error': str(e)}), flush=True)
