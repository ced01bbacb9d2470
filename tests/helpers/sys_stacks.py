# SPDX-License-Identifier: GPL-2.0
"""Depth, high-water mark and limit of every thread against what the threads themselves say: the
stack pointer with which each sleeps, and the lowest page of its stack that pagemap shows.
"""
import json
import os
import re
import struct
import subprocess
import tempfile

from live import MEMTRACE, PAGE, PATIENCE, TARGETS, Ended, Target, Tracer, check, equal, main, none_lost, smaps

THREADS = 64
SIGSEGV = 11
GAP = 1 << 20  # the kernel keeps 256 pages free below a stack that grows


def stacks(o):
    return {t['tid']: t for t in o['threads']}


def check_thread(o, keys, ever, huge):
    """One THREAD line of the target against the report.

    @ever: lowest page up to now, by tid; @huge: a huge page backs the stack, where no page faults.
    """
    t, name, tid = stacks(o).get(keys['tid']), keys['name'], keys['tid']
    check(t and t['stack'], f'{name}: no stack known')
    s, is_main = t['stack'], name == 'main'
    equal(t['comm'], 'stacks' if is_main else name, 'thread name')
    equal(int(s['start'], 16), keys['start'], f'{name}: start')
    equal(int(s['end'], 16), keys['end'], f'{name}: end')
    equal(int(s['sp'], 16), keys['sp'], f'{name}: stack pointer')
    equal(s['depth_bytes'], keys['depth'], f'{name}: depth')
    ever[tid] = min(ever.get(tid, keys['lowest']), keys['lowest'])
    equal(s['high_water_bytes'], keys['end'] - ever[tid], f'{name}: high water')
    check(is_main or s['high_water_exact'] != huge,
          f'{name}: exact {s["high_water_exact"]}, though memtrace saw it begin; huge page {huge}')
    equal(s['limit_bytes'], keys['limit'], f'{name}: limit')
    equal(s['headroom_bytes'], keys['limit'] - keys['depth'], f'{name}: headroom')


def check_kinds(o, lines):
    """The regions of the stacks carry the thread's id; the guard below each, too."""
    by_start = {int(r['start'], 16): r for r in o['regions']}
    by_end = {int(r['end'], 16): r for r in o['regions']}
    for keys in lines:
        r = by_start.get(keys['start'])
        check(r, f"{keys['name']}: no region at its stack")
        equal((r['kind'], r['tid']), ('stack' if keys['name'] == 'main' else 'thread_stack', keys['tid']),
              f"{keys['name']}: kind and thread")
        if keys['guard']:
            guard = by_end.get(keys['start'])
            check(guard and guard['kind'] == 'guard', f"{keys['name']}: no guard below")
            equal(guard['tid'], keys['tid'], f"{keys['name']}: thread of the guard")


def depths():
    args = ('--threads', THREADS, '--main-depth', 1 << 20, '--depth', 65536, '--step', 12288)
    with Target('stacks', *args) as target:
        target.checkpoint()
        ever = {}
        with Tracer('-p', target.pid) as tracer:
            tracer.settled()
            for stage in ('started', 'deepest', 'returned'):
                equal(target.next()['stage'], stage, 'stage')
                o = tracer.settled()
                lines = [keys for _, keys in target.lines('THREAD')]
                equal(len(lines), THREADS + 1, 'threads')
                truth = smaps(target.pid)
                for keys in lines:
                    at = [v for k, v in truth.items() if k[0] == keys['start']]
                    check(at, f"{keys['name']}: not in smaps")
                    check_thread(o, keys, ever, at[0]['AnonHugePages'] > 0)
                check_kinds(o, lines)
                grown = stacks(o)[target.pid]['stack_growth_events']
                if stage == 'started':
                    equal(grown, 0, 'expansions of the main stack')
                else:
                    check(grown > 0, 'no expansion of the main stack was seen')
            equal(target.next()['stage'], 'joined', 'stage')
            o = tracer.settled()
            equal(list(stacks(o)), [target.pid], 'threads left')
            none_lost(o)


def there_before():
    """Stacks older than memtrace: the mark is an upper bound, and says so."""
    with Target('stacks', '--threads', 2) as target:
        target.checkpoint()
        target.next()
        target.next()
        with Tracer('-p', target.pid) as tracer:
            o = tracer.settled()
            for _, keys in target.lines('THREAD'):
                s = stacks(o)[keys['tid']]['stack']
                equal(s['depth_bytes'], keys['depth'], f"{keys['name']}: depth of one that was there")
                equal(s['high_water_bytes'], keys['end'] - keys['lowest'], f"{keys['name']}: high water")
                check(not s['high_water_exact'], f"{keys['name']}: exact, though memtrace came later")


def kernel_says(comm, pid):
    """Address of the fault in the kernel's log, None where there is none."""
    log = subprocess.run(['dmesg'], capture_output=True, text=True, errors='replace').stdout
    found = re.findall(rf'{comm}\[{pid}\]: segfault at ([0-9a-f]+) ip', log)
    return int(found[-1], 16) if found else None


def explained(kind, crash, said, entered):
    """The cause and the frames, against what the program wrote down itself."""
    cause, frames = crash['cause'], crash['frames']
    check(frames, 'no frames')
    names = [f['function'] for f in frames]
    path = {'main': ['bottomless', 'main'], 'thread': ['bottomless', 'overflow_main'],
            'alloca': ['overflow_main'], 'bigarray': ['big_array', 'main']}[kind]
    equal([n for n in dict.fromkeys(names) if n in path], path, f'call path {names}')
    whole = [f for f in frames if not f['inlined']]
    sizes = sum(f['size_bytes'] * f['repeat'] for f in whole if f['size_bytes'])
    equal(sizes, whole[0]['depth_bytes'] - whole[-1]['depth_bytes'] + whole[-1]['size_bytes'], 'sum of the frames')
    equal(crash['stack']['end'], hex(said['end']), 'end of the stack')
    equal(cause['function'], path[0], 'function')
    if kind in ('alloca', 'bigarray'):
        equal(cause['kind'], 'large_frame', 'cause')
        check(said['limit'] < cause['bytes'] < said['limit'] + (2 << 20), f'a frame of {cause["bytes"]} bytes')
        return
    calls, first, last = entered
    equal((cause['kind'], cause['cycle']), ('recursion', 1), 'cause')
    equal(cause['turn_bytes'] * (calls - 1), first - last, 'bytes of all turns but the last')
    equal(sum(f['repeat'] for f in whole if f['function'] == 'bottomless'), calls, 'calls')


def run_over(kind, *flags, **popen):
    """(what the target said, last report, what memtrace said on stderr, what it counted)"""
    count = tempfile.NamedTemporaryFile()
    count.write(bytes(24))
    count.flush()
    with Target('stacks', '--overflow', kind, '--count', count.name, **popen) as target:
        target.checkpoint()
        with Tracer('-p', target.pid, *flags) as tracer:
            tracer.settled()
            target.next()
            said = target.lines('OVERFLOW')[0][1]
            tracer.settled()
            target.go()
            try:
                target.checkpoint()
            except Ended:
                pass
            equal(target.wait(), -SIGSEGV, 'end of the target')
            o = tracer.rest()[-1]
            equal(tracer.p.wait(), 0, 'exit status of memtrace')
            with count:
                count.seek(0)
                return said, o, tracer.errors(), struct.unpack('3Q', count.read())


def overflow(kind, **popen):
    def test():
        said, o, err, entered = run_over(kind, **popen)
        equal(o['ended'], {'how': 'signal', 'status': SIGSEGV}, 'ended')
        crash = o['crash']
        check(crash, 'no crash in the report')
        equal(crash['signo'], SIGSEGV, 'signal')
        equal(crash['tid'], said['tid'], 'thread')
        check(crash['stack_overflow'], f'not told as a stack overflow: {crash}, {said}')
        explained(kind, crash, said, entered)
        addr, on_main = int(crash['address'], 16), kind in ('main', 'bigarray')
        equal(int(crash['stack']['end'], 16), said['end'], 'end of the stack')
        equal(crash['stack']['limit_bytes'], said['limit'], 'limit')
        if on_main:
            low = said['end'] - said['limit']
            check(addr < low + PAGE, f'{addr:#x} is above the limit of the stack, {low:#x}')
            check(addr > low - GAP - 65536, f'{addr:#x} is too far below {low:#x}')
        else:
            equal(int(crash['stack']['start'], 16), said['start'], 'start of the stack')
            check(said['start'] - said['guard'] <= addr < said['start'], f'{addr:#x} is not in the guard')
        logged = kernel_says('overflow' if not on_main else 'stacks', said['tid'])
        check(logged in (None, addr), f"{addr:#x} is not the kernel's address")
        who = 'main thread' if on_main else '#%d' % said['tid']
        check(re.search(rf'STACK OVERFLOW in \S*{who}: ', err), f'stderr: {err}')
        check(f'at {addr:x}' in err and f"deep of {said['limit'] / 2**20:.1f}M," in err,
              f'address and limit on stderr: {err}')
    return f'overflow_{kind}{"_" + popen["wrap"][-1].split("=")[0].strip("-") if "wrap" in popen else ""}', test


def plain_report():
    """The plain report names it, too."""
    with Target('stacks', '--overflow', 'thread') as target:
        target.checkpoint()
        p = subprocess.Popen([MEMTRACE, '-p', str(target.pid), '-i', '200ms'], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True)
        check(p.stdout.readline().startswith('stacks['), 'the first line names the process')
        target.next()
        tid = target.lines('OVERFLOW')[0][1]['tid']
        target.go()
        out, err = p.communicate()
        equal(p.returncode, 0, 'exit status')
        line = [text for text in out.splitlines() if text.startswith('ENDED')]
        equal(len(line), 1, 'lines that say how it ended')
        check(re.search(rf'STACK OVERFLOW in \S*#{tid}: .* deep of ', line[0]), line[0])
        check('SIGSEGV' in line[0], line[0])
        check(re.search(r'^CAUSE endless recursion: bottomless → bottomless, \d+ turns of \d+ B each', out, re.M), out)
        check(re.search(r'overflow_main  stacks.c:\d+$', out, re.M), out)


def recorded():
    """The same from a file, when the process and its files' names are long gone."""
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, 'crash.mtr')
        p = subprocess.run([MEMTRACE, 'record', '-q', '-o', path, '--', os.path.join(TARGETS, 'stacks'), '--overflow',
                            'thread'], capture_output=True, text=True, timeout=PATIENCE)
        equal(p.returncode, 128 + SIGSEGV, f'exit status ({p.stderr})')
        p = subprocess.run([MEMTRACE, 'replay', '--json', path], capture_output=True, text=True, timeout=PATIENCE)
        crash = json.loads(p.stdout.splitlines()[-1])['crash']
        equal((crash['cause']['kind'], crash['cause']['function']), ('recursion', 'bottomless'), 'cause')
        names = [f['function'] for f in crash['frames']]
        check('overflow_main' in names, f'call path {names}')


def bare_fault():
    """A wild pointer is not a stack overflow."""
    code = 'import ctypes, sys; sys.stdin.readline(); ctypes.string_at(8)'
    p = subprocess.Popen(['/usr/bin/python3', '-c', code], stdin=subprocess.PIPE)
    with Tracer('-p', p.pid) as tracer:
        tracer.settled()
        p.communicate(b'\n')
        equal(p.returncode, -SIGSEGV, 'end of the target')
        o = tracer.rest()[-1]
        equal(o['ended'], {'how': 'signal', 'status': SIGSEGV}, 'ended')
        equal((o['crash']['signo'], o['crash']['tid']), (SIGSEGV, p.pid), 'signal and thread')
        equal(o['crash']['address'], '0x8', 'address')
        check(not o['crash']['stack_overflow'], 'told as a stack overflow')
        check('STACK OVERFLOW' not in tracer.errors(), tracer.errors())
        equal(o['crash']['cause'], None, 'cause')
        check(o['crash']['frames'], 'where it happened is not known')
        check('killed by SIGSEGV in main thread at 8' in tracer.errors(), tracer.errors())


if __name__ == '__main__':
    main(depths, there_before, overflow('main'), overflow('thread'), overflow('alloca'), overflow('bigarray'),
         overflow('main', wrap=('prlimit', '--stack=1048576')), plain_report, recorded, bare_fault)
