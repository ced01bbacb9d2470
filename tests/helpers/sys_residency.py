# SPDX-License-Identifier: GPL-2.0
"""Resident bytes per region against smaps, which memtrace never reads, of programs under load.

The process is stopped while the two are compared. First as it stands: what is estimated from
events since its last count (the region's age says how long ago), and what was counted just now.
Then again when the page tables have been read anew for everything.
"""
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time

from live import (INTERVAL, MEMTRACE, PAGE, PATIENCE, Skip, TARGETS, Tracer, check, equal, main, none_lost, smaps, span,
                  stop_process)

FEW = 4 * PAGE  # for regions of which 1 % is less
REPORTS = 25  # under load before the comparison
NOT_PAGES = ('vvar', 'vsyscall')  # mapped by the kernel, counted nowhere

PYTHON_LOAD = '''
import random, threading
def churn(seed):
    r = random.Random(seed)
    kept = {}
    while True:
        k = r.randrange(4000)
        kept[k] = bytearray(r.choice((40, 900, 5000, 70000, 300000)))
        if r.random() < 0.4:
            kept.pop(r.choice(list(kept)))
        if len(kept) > 2000:
            kept.clear()
threading.Thread(target=churn, args=(2,), daemon=True).start()
churn(1)
'''

JAVA_LOAD = '''
import java.util.*;
public class Load {
    public static void main(String[] args) throws Exception {
        Random r = new Random(1);
        Map<Integer, byte[]> kept = new HashMap<>();
        for (int i = 0; ; i++) {
            kept.put(r.nextInt(2000), new byte[r.nextInt(60000)]);
            if (i % 100 == 0) Thread.sleep(1);
            if (i % 20000 == 0) kept.clear();
        }
    }
}
'''


def need(program):
    path = shutil.which(program)
    if not path:
        raise Skip(f'{program} is not installed')
    return path


class Load:
    """Something that runs until it is ended."""

    def __init__(self):
        self.dir = tempfile.mkdtemp()
        self.over = threading.Event()
        self.p = None

    def start(self, *argv, tracer=()):
        self.p = subprocess.Popen([*tracer, *argv], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL)

    def end(self):
        self.over.set()
        if self.p:
            self.p.kill()
            self.p.wait()
        shutil.rmtree(self.dir)


def resp(*words):
    """A command as redis wants it."""
    out = b'*%d\r\n' % len(words)
    for w in words:
        w = w if isinstance(w, bytes) else str(w).encode()
        out += b'$%d\r\n%s\r\n' % (len(w), w)
    return out


def feed_redis(path, over):
    """Sets and deletes keys of many sizes until @over; ends when the server does."""
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(1)
    i = 0
    try:
        s.connect(path)
        while not over.is_set():
            batch = b''
            for _ in range(200):
                i += 1
                batch += resp('SET', f'key{i % 40000}', b'v' * (16 + i * 7919 % 3000))
                if i % 3 == 0:
                    batch += resp('DEL', f'key{i * 31 % 40000}')
            while batch and not over.is_set():
                try:
                    batch = batch[s.send(batch):]
                    s.recv(1 << 16)
                except TimeoutError:
                    pass
    except OSError:
        pass


def redis(load):
    path = os.path.join(load.dir, 's')
    load.start(need('redis-server'), '--port', '0', '--unixsocket', path, '--save', '', '--appendonly', 'no',
               '--dir', load.dir)
    until = time.monotonic() + PATIENCE
    while not os.path.exists(path):
        check(time.monotonic() < until and load.p.poll() is None, 'redis-server does not listen')
        time.sleep(0.05)
    threading.Thread(target=feed_redis, args=(path, load.over), daemon=True).start()


def python(load):
    load.start('/usr/bin/python3', '-c', PYTHON_LOAD)


def jvm(load):
    source = os.path.join(load.dir, 'Load.java')
    need('java')
    with open(source, 'w') as f:
        f.write(JAVA_LOAD)
    if subprocess.run([need('javac'), '-d', load.dir, source]).returncode:
        raise Skip('javac does not work')
    load.start('java', '-Xmx256m', '-cp', load.dir, 'Load')


def rust(load):
    path = os.path.join(TARGETS, 'rustload')
    if not os.path.exists(path):
        raise Skip('rustc is not installed')
    load.start(path, '3600')


def compare(o, pid, when):
    """Prints how well the report and smaps agree; returns regions that differ too much."""
    truth = smaps(pid)
    ours = {span(r): r for r in o['regions'] if r['kind'] != 'vsyscall'}
    theirs = {k: v for k, v in truth.items() if k[0] >> 63 == 0}
    equal(sorted(ours), sorted(theirs), f'{when}: regions')
    bad, states, ages, off = [], {}, [], 0
    for key, r in ours.items():
        if r['kind'] in NOT_PAGES:
            continue
        rss, got = theirs[key]['Rss'], r['resident_bytes']
        states[r['residency']] = states.get(r['residency'], 0) + 1
        if r['residency'] == 'estimated' and r['residency_age_ms'] is not None:
            ages.append(r['residency_age_ms'])
        off += abs((got or 0) - rss)
        if got is None or abs(got - rss) > max(rss // 100, FEW):
            bad.append((f'{key[0]:#x}-{key[1]:#x}', r['kind'], r['name'], r['residency'], r['residency_age_ms'],
                        'ours', got, 'smaps', rss))
    want = sum(v['Rss'] for v in theirs.values())
    print(f'# {when}: {states}, oldest estimate {max(ages, default=0)} ms, '
          f'{want >> 10} KiB in smaps, off by {off >> 10} KiB in sum, residual {o["residual_bytes"]}')
    return bad, want


def under_load(start):
    def test():
        load = Load()
        try:
            start(load)
            with Tracer('-p', load.p.pid) as tracer:
                for _ in range(REPORTS):
                    o = tracer.snap()
                stop_process(load.p.pid)
                o = tracer.settled()
                bad, want = compare(o, load.p.pid, 'before')
                equal(bad, [], 'regions that are off, before')
                check(abs(o['totals']['resident_bytes'] - want) <= want // 100, 'RSS', o['totals'], want)
                counted = lambda o: all(r['residency'] in ('reconciled', 'exact') for r in o['regions']
                                        if r['kind'] not in NOT_PAGES)
                for _ in range(200):
                    if counted(o):
                        break
                    o = tracer.snap()
                check(counted(o), 'some regions were never counted again')
                check(all(r['residency_age_ms'] is not None for r in o['regions'] if r['kind'] not in NOT_PAGES),
                      'a count without an age')
                bad, want = compare(o, load.p.pid, 'after')
                equal(bad, [], 'regions that are off, after')
                none_lost(o)
        finally:
            load.end()
    return start.__name__, test


MOVES = '''
import ctypes, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = libc.mremap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]
libc.mremap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_int, ctypes.c_void_p]
libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
libc.sbrk.restype = ctypes.c_void_p
libc.sbrk.argtypes = [ctypes.c_long]
M = 1 << 20
def new(size, touched):
    a = libc.mmap(None, size, 3, 0x22, -1, 0)
    libc.madvise(a, size, 15)  # small pages
    ctypes.memset(a, 1, touched)
    return a
def wait():
    print('ready', flush=True)
    sys.stdin.readline()
wait()
a, b, c = new(64 * M, 40 * M), new(64 * M, 64 * M), new(64 * M, 16 * M)
place = libc.mmap(None, 256 * M, 0, 0x22, -1, 0)
wait()
assert libc.mremap(a, 64 * M, 64 * M, 3, place) == place  # all of a mapping
wait()
assert libc.mremap(b + 16 * M, 16 * M, 32 * M, 3, place + 128 * M) == place + 128 * M  # part, and larger
wait()
libc.munmap(ctypes.c_void_p(c + 8 * M), ctypes.c_size_t(32 * M))  # some of it touched
wait()
top = libc.sbrk(32 * M)
ctypes.memset(top, 1, 32 * M)
libc.sbrk(-16 * M)
wait()
libc.madvise(b, 8 * M, 4)
wait()
'''


def placed(tracer):
    """A report with nothing left over: a sweep has a time budget, and khugepaged its own mind."""
    o = tracer.settled()
    for _ in range(20):
        if abs(o['residual_bytes'] or 0) <= FEW:
            return o
        o = tracer.snap()
    check(False, f'{o["residual_bytes"]} bytes are on no region')


def moves():
    """What moves with its pages, what goes without the rest: right as soon as nothing is left over."""
    p = subprocess.Popen(['/usr/bin/python3', '-c', MOVES], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        p.stdout.readline()
        with Tracer('-p', p.pid) as tracer:
            tracer.settled()
            for step in ('touched', 'moved', 'moved in part', 'unmapped in part', 'brk', 'dontneed'):
                p.stdin.write(b'\n')
                p.stdin.flush()
                equal(p.stdout.readline(), b'ready\n', 'the target')
                bad, _ = compare(placed(tracer), p.pid, step)
                equal(bad, [], f'regions that are off, {step}')
    finally:
        p.kill()
        p.wait()


if __name__ == '__main__':
    main(moves, *map(under_load, (redis, python, jvm, rust)))
