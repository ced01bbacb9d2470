# SPDX-License-Identifier: GPL-2.0
"""Inside gdb: variables of every thread's frames, as JSON lines

    {"tid": …, "cfa": …, "name": …, "size": …, "address": …, "what": int|float|pointer|enum|other, "value": …}

Those that gdb itself cannot show are left out. A reference has no address of its own there.
"""
import json
import re

import gdb  # pylint: disable=import-error

INTS = (gdb.TYPE_CODE_INT, gdb.TYPE_CODE_CHAR, gdb.TYPE_CODE_BOOL)


def cfa(frame):
    frame.select()
    m = re.search(r'frame at (0x[0-9a-f]+)', gdb.execute('info frame', to_string=True))
    return int(m[1], 16) if m else 0


def is_ref(v):
    return v.type.strip_typedefs().code in (gdb.TYPE_CODE_REF, gdb.TYPE_CODE_RVALUE_REF)


def value(v):
    t = v.type.strip_typedefs()
    if t.code in INTS:
        return 'int', int(v)
    if t.code == gdb.TYPE_CODE_FLT:
        return 'float', float(v)
    if t.code == gdb.TYPE_CODE_PTR:
        return 'pointer', int(v.cast(gdb.lookup_type('unsigned long')))
    if is_ref(v):
        return 'pointer', int(v.referenced_value().address)
    if t.code == gdb.TYPE_CODE_ENUM:
        return 'enum', str(v).rsplit('::', maxsplit=1)[-1]
    return 'other', None


def variables(frame):
    try:
        block = frame.block()
    except RuntimeError:
        return
    while block:
        for sym in block:
            if not (sym.is_variable or sym.is_argument):
                continue
            try:
                v = sym.value(frame)
                v.fetch_lazy()
                if v.is_optimized_out:
                    continue
                what, val = value(v)
                yield {'name': sym.name, 'size': v.type.sizeof, 'what': what, 'value': val,
                       'address': None if v.address is None or is_ref(v) else int(v.address),
                       'type': str(v.type)}
            except (gdb.error, RuntimeError, OverflowError):
                continue
        if block.function:
            return
        block = block.superblock


for setting in ('pagination off', 'backtrace limit 0', 'debuginfod enabled off', 'language auto'):
    gdb.execute('set ' + setting)
for thread in gdb.selected_inferior().threads():
    thread.switch()
    f = gdb.newest_frame()
    while f is not None and f.is_valid():
        at = cfa(f)
        for var in variables(f):
            print('VAR ' + json.dumps(dict(var, cfa=at, tid=thread.ptid[1])), flush=True)
        try:
            f = f.older()
        except gdb.error:
            break
