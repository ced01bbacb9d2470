# SPDX-License-Identifier: GPL-2.0
"""Call stacks against gdb's of the same threads, on programs that sleep in stacks of many shapes;
against the program's own word where it knows; and proof that sleeping threads do not notice.
"""
import json
import os
import shutil
import subprocess
import time

import jsonschema

from live import MEMTRACE, PATIENCE, SLOW, TARGETS, TOP, Skip, Target, check, equal, main

with open(os.path.join(TOP, 'docs', 'schema', 'stacks.schema.json'), encoding='utf-8') as schema:
    SCHEMA = json.load(schema)
SHARE = 0.99  # of frames that must be as gdb has them


def stacks(*args, status=0):
    """The report; what it said on stderr is in the second."""
    p = subprocess.run([MEMTRACE, 'stacks', *map(str, args), '--json'], capture_output=True, text=True,
                       timeout=PATIENCE)
    equal(p.returncode, status, f'exit status ({p.stderr.strip()})')
    o = json.loads(p.stdout) if p.stdout else None
    if o:
        jsonschema.validate(o, SCHEMA)
    return o, p.stderr


def own(frames):
    """Without inlined calls, which have no frame."""
    return [f for f in frames if not f['inlined']]


def gdb_frames(pid):
    """{tid: [(pc, cfa, function)]}"""
    if not shutil.which('gdb'):
        raise Skip('gdb is not installed')
    p = subprocess.run(['gdb', '-nx', '-p', str(pid), '-batch', '-x',
                        os.path.join(TOP, 'tests', 'helpers', 'gdb_frames.py')],
                       capture_output=True, text=True, errors='replace', timeout=PATIENCE * 4,
                       stdin=subprocess.DEVNULL)
    out = {}
    for line in p.stdout.splitlines():
        if line.startswith('FRAMES '):
            o = json.loads(line[7:])
            out[o['tid']] = o['frames']
    check(out, f'gdb said nothing of {pid}: {p.stderr}')
    return out


def compare(o, truth):
    """(frames that are equal in place and size, frames gdb has, first differences)"""
    good = total = 0
    bad = []
    for t in o['threads']:
        ours, theirs = own(t['frames']), truth.get(t['tid'], [])
        below = int(t['stack']['sp'], 16) if t['stack'] else None
        for i, (pc, cfa, name) in enumerate(theirs):
            if cfa is None:
                break
            size = cfa - below if below is not None else None
            below = cfa
            total += 1
            f = ours[i] if i < len(ours) else None
            if f and f['size_bytes'] == size and int(f['cfa'] or '0', 16) == cfa:
                good += 1
            elif len(bad) < 5:
                bad.append((t['tid'], i, hex(pc), name, size, f, t['end']))
    return good, total, bad


class Asleep:
    """A program whose threads all sleep for good."""

    def __init__(self, name):
        path = os.path.join(TARGETS, name)
        if not os.path.exists(path):
            raise Skip(f'{name} is not built' if name != 'frames_rs' else 'rustc is not installed')
        self.p = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        equal(self.p.stdout.readline(), b'ready\n', 'first line')
        self.pid = self.p.pid
        time.sleep(0.5)  # until all are asleep: what moves later shows as a difference

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.p.kill()
        self.p.communicate()


def frames_as_gdb(name, make):
    def test():
        with make() as target:
            if isinstance(target, Target):
                target.checkpoint()
            o, _ = stacks('-p', target.pid, '--no-fold')
            check(all(t['taken'] == 'asleep' for t in o['threads']), 'a sleeping thread was stopped')
            good, total, bad = compare(o, gdb_frames(target.pid))
            print(f'# {name}: {len(o["threads"])} stacks, {good} of {total} frames as gdb has them '
                  f'({100 * good / max(total, 1):.2f} %)')
            for b in bad:
                print('#', b)
            check(total > 5 * len(o['threads']), f'gdb knows {total} frames only')
            check(good >= SHARE * total, f'{good} of {total} frames')
    return f'as_gdb_{name}', test


def patience(*args):
    """Threads in calls that a stop breaks off, looked at over and over."""
    def test():
        rounds = 150 // SLOW
        with Target('patience', '--wait-ms', 50, *args) as target:
            target.checkpoint()
            taken = {}
            for _ in range(rounds):
                o, _ = stacks('-p', target.pid)
                for t in o['threads']:
                    taken[t['taken']] = taken.get(t['taken'], 0) + 1
            equal(target.next()['what'], 'DONE', 'end')
            lines = [k for _, k in target.lines('PATIENCE')]
            print(f'# {rounds} reports; threads taken: {taken}; calls: {sum(k["calls"] for k in lines)}')
            check(len(lines) >= 5, 'kinds of waiting')
            check(sum(k['calls'] for k in lines) > rounds / 10, 'hardly any call was made')
            check(taken.get('asleep', 0) > rounds, 'hardly anybody was asleep')
            for k in lines:
                equal((k['interrupted'], k['early']), (0, 0), f'{k["kind"]}: interrupted and early')
    return 'nobody_is_woken' + ''.join(args).replace('--', '_'), test


def thousand_threads():
    with Target('frames_o2', '--threads', 1000) as target:
        target.checkpoint()
        o, _ = stacks('-p', target.pid, '--no-fold')
        equal(len(o['threads']), 1001, 'threads')
        equal({t['taken'] for t in o['threads']}, {'asleep'}, 'how they were taken')
        ends = [t['end'] for t in o['threads']]
        equal(ends.count('complete'), 1001, 'complete stacks')
        for t in o['threads']:
            equal(sum(f['size_bytes'] for f in own(t['frames'])),
                  int(t['frames'][-1]['cfa'], 16) - int(t['stack']['sp'], 16), f'sum of frames of {t["tid"]}')


def depth_is_known():
    """What the thread says of its own stack pointer."""
    with Target('stacks', '--threads', 8) as target:
        target.checkpoint()
        target.next()
        target.next()
        o, _ = stacks('-p', target.pid)
        by_tid = {t['tid']: t for t in o['threads']}
        for _, keys in target.lines('THREAD'):
            t = by_tid[keys['tid']]
            equal(int(t['stack']['sp'], 16), keys['sp'], f'{keys["name"]}: stack pointer')
            equal(own(t['frames'])[0]['depth_bytes'], keys['depth'], f'{keys["name"]}: depth')
            equal(t['stack']['high_water_bytes'], keys['end'] - keys['lowest'], f'{keys["name"]}: high water')
            equal(t['end'], 'complete', f'{keys["name"]}: end')


def wrong_targets():
    _, err = stacks('-p', 4194303, status=3)
    check(err.startswith('{') and json.loads(err)['code'] == 3, err)
    _, err = stacks('-p', os.getpid(), '-t', 1, status=3)
    check('no thread 1' in err, err)
    _, err = stacks('-p', 'x', status=2)
    _, err = stacks('-p', os.getpid(), '--folded', status=2)


if __name__ == '__main__':
    main(frames_as_gdb('c_O0', lambda: Target('frames_o0', '--threads', 80)),
         frames_as_gdb('c_O2', lambda: Target('frames_o2', '--threads', 80, '--seed', 7)),
         frames_as_gdb('cpp_O2', lambda: Asleep('frames_cpp')),
         frames_as_gdb('rust', lambda: Asleep('frames_rs')),
         patience(), patience('--busy'), thousand_threads, depth_is_known, wrong_targets)
