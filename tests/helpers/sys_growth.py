# SPDX-License-Identifier: GPL-2.0
"""`memtrace growth` against targets that keep books: which function keeps how many bytes.

The truth is the target's own count of what it allocated and has not given back. Sizes, rates and
periods are drawn from a seed, which is printed; SEED=N repeats a run. GROWTH_RUNS=50 adds as many
runs of targets that do not leak, and of thinned faults.
"""
import gzip
import json
import os
import random
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time

import live
from live import MEMTRACE, PATIENCE, SLOW, Target, check, equal, fields, main

try:
    from jsonschema import validate
except ImportError:  # only here: a guest has no such module
    validate = None
with open(os.path.join(live.TOP, 'docs', 'schema', 'growth.schema.json')) as schema_file:
    SCHEMA = json.load(schema_file)
SEED = int(os.environ.get('SEED', random.randrange(1 << 30)))
RUNS = int(os.environ.get('GROWTH_RUNS', '0'))
drawn = random.Random(SEED)
MS = drawn.randrange(2000, 3000, 10) if SLOW == 1 else 6000
MIB = drawn.randrange(24, 48) if SLOW == 1 else 8
POINTS = ('-i', '100ms' if SLOW == 1 else '300ms')  # enough of them for a verdict
STEPPED = MIB + 48  # what grows by two huge pages at a time has more steps then than a verdict has blocks
# before 6.2 a task keeps up to 64 pages of each counter back, and says so late: that much of two is not known
OLD_COUNTERS = tuple(map(int, os.uname().release.split('.')[:2])) < (6, 2)
KEPT_BACK = 2 * 64 * 4096 if OLD_COUNTERS else 0


class Report:
    """What growth said, and what the target knows."""

    def __init__(self, o, truth):
        self.o, self.truth = o, truth  # {function: bytes}

    def net(self, function):
        return sum(p['net_bytes'] for p in self.o['paths']
                   if any(names(f, function) for f in p['frames']))

    def identity(self):
        r = self.o['rss']
        if validate:
            validate(self.o, SCHEMA)
        equal(r['attributed_bytes'] + r['before_attach_bytes'] + r['residual_bytes'], r['delta_bytes'],
              'attributed + before attach + residual')
        equal(sum(p['net_bytes'] for p in self.o['paths']), r['attributed_bytes'], 'the sum of all paths')
        estimated = self.o['sampling']['estimated']
        equal([r[k] is None for k in ('attributed_low_bytes', 'attributed_high_bytes')], [not estimated] * 2, 'interval')
        for p in self.o['paths']:
            equal(p['gross_bytes'] - p['released_bytes'], p['net_bytes'], 'gross - released')
            equal([p[k] is None for k in ('net_low_bytes', 'net_high_bytes')], [not estimated] * 2, 'interval')
            check(not estimated or p['net_low_bytes'] <= p['net_bytes'] <= p['net_high_bytes'], 'not in its interval', p)

    def near(self, within):
        for function, want in self.truth.items():
            got = self.net(function)
            check(abs(got - want) <= within * abs(want),
                  f'{function}: {got} bytes, the target says {want}')

    def interval(self, function):
        paths = [p for p in self.o['paths'] if any(names(f, function) for f in p['frames'])]
        return [sum(p[k] for p in paths) for k in ('net_low_bytes', 'net_bytes', 'net_high_bytes')]

    def in_interval(self, wider):
        """How many of the target's functions have their truth in the interval, made so much wider."""
        hits = 0
        for function, want in self.truth.items():
            low, mid, high = self.interval(function)
            hits += mid - wider * (mid - low) <= want <= mid + wider * (high - mid)
            print(f'# {function}: {low}..{high}, the target says {want}', flush=True)
        return hits

    def top(self, by='net_bytes'):
        most = max(self.truth, key=self.truth.get)
        frames = max(self.o['paths'], key=lambda p: p[by])['frames']
        check(any(names(f, most) for f in frames), 'the top path is not', most, [f['function'] for f in frames])

    def verdict(self, kind):
        v = self.o['verdict']
        equal(v['kind'], kind, f"verdict ({v['text']})")


def names(frame, function):
    """C++ names have more around them."""
    name = frame['function'] or ''
    return name == function or name.split('(')[0].endswith(f'::{function}') or name.endswith(f'::{function}')


def start(*args, **kw):
    return subprocess.Popen([MEMTRACE, 'growth', '--json', *map(str, args)], stdin=subprocess.DEVNULL, **kw)


def command(target, *args, growth=()):
    """growth -- CMD: its report; the truth is on the command's stdout."""
    path = os.path.join(live.TARGETS, target)
    if not os.path.exists(path):
        raise live.Skip(f'{target} is not built')
    args = [*args, '--ms', MS] if '--ms' not in args else args
    print(f'# seed {SEED}:', target, *args, flush=True)
    with tempfile.TemporaryDirectory() as d:
        file = os.path.join(d, 'growth.json')
        p = start('-o', file, *POINTS, *growth, '--', path, *args, stdout=subprocess.PIPE, text=True)
        out = p.communicate(timeout=4 * PATIENCE)[0]
        equal(p.returncode, 0, 'exit status')
        with open(file) as f:
            o = json.load(f)
    truth = {}
    for line in out.splitlines():
        if line.startswith('TRUTH '):
            f = fields(line.split())
            truth[f['function']] = f['bytes']
    check(truth, 'the target said nothing')
    return Report(o, truth)


def grow(kind, *growth, flags=(), mib=MIB, ms=MS, seed=SEED):
    return command('grow', '--kind', kind, '--mib', mib, '--ms', ms, '--seed', seed, *flags, growth=growth)


def attached(kind, *growth, mib=MIB):
    """growth -p PID, from one checkpoint to the next."""
    print(f'# seed {SEED}:', kind, mib, 'MiB', flush=True)
    with Target('grow', '--kind', kind, '--mib', mib, '--ms', MS, '--seed', SEED) as target:
        target.checkpoint()
        p = start('-p', target.pid, '-d', '10min', *growth, stdout=subprocess.PIPE, text=True)
        wait_until_traced(p.pid, target.pid)
        go = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        target.next()
        truth = {f['function']: f['bytes'] for _, f in target.lines('TRUTH')}
        p.send_signal(signal.SIGINT)
        o = json.loads(p.communicate(timeout=4 * PATIENCE)[0])
        equal(p.returncode, 0, 'exit status')
    check(o['window']['from_ns'] < go, 'it was attached too late for this test')
    return Report(o, truth)


def wait_until_traced(tracer, pid):
    """memtrace has the directory of what it traces open; then come the attach and a first interval,
    which counts what is there. attached() checks that it was in time."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        for fd in os.listdir(f'/proc/{tracer}/fd'):
            try:
                if os.readlink(f'/proc/{tracer}/fd/{fd}') == f'/proc/{pid}':
                    time.sleep(2 * SLOW)
                    return
            except OSError:
                pass
        time.sleep(0.05)
    raise AssertionError('memtrace does not attach')


def adds_up(r):
    """Nothing was there before, and what is on no path is little."""
    r.identity()
    equal(r.o['rss']['before_attach_bytes'], 0, 'before attach')
    # khugepaged fills huge pages up when it likes
    residual, delta = r.o['rss']['residual_bytes'] - r.o['rss']['others_bytes'], r.o['rss']['delta_bytes']
    check(abs(residual) <= max(0.02 * abs(delta), KEPT_BACK), f'residual {residual} of {delta}')


def from_start(kind, verdict, name=None, **kw):
    def test():
        r = grow(kind, '--sample', '1', **kw)
        adds_up(r)
        r.near(0.05)
        r.top(by='gross_bytes')
        r.verdict(verdict)
    return name or kind, test


def never_leaks():
    """In as many runs as asked for: at most one in fifty is called a leak."""
    wrong, runs = [], random.Random(SEED)
    for i in range(RUNS):
        kind, seed = ('cache', 'sawtooth', 'churn')[i % 3], runs.randrange(1 << 30)
        ms, mib = runs.randrange(2000, 6000, 10), runs.randrange(8, 64)
        r = grow(kind, ms=ms, mib=mib, seed=seed)
        print(f"# run {i + 1}: {r.o['verdict']['kind']}", flush=True)
        if r.o['verdict']['kind'] == 'leak_like':
            wrong.append((kind, ms, mib, seed))
    check(len(wrong) <= max(1, RUNS // 50), 'called a leak:', wrong)


def other_language(target):
    def test():
        r = command(target, '--mib', MIB, '--seed', SEED, growth=['--sample', '1'])
        adds_up(r)
        r.near(0.05)
        r.top()
        r.verdict('leak_like')
    return target, test


def attach_all_faults():
    r = attached('ways', '--sample', '1')
    r.identity()
    r.near(0.05)
    r.top()


def attach_sampled():
    """A call path with one fault in eight: within 10 %."""
    r = attached('map', '--sample', '8')
    r.identity()
    r.near(0.10)
    r.top()


def sampled_paths_share_alike():
    """Two paths that meet at one place on the stack keep their shares when sampled: within 10 %.

    It is chance which page's stack is taken: with one in N of P pages the share p of a path has a standard error
    of sqrt(4/3 (1-p) / (p P/N)), the runs between two stacks varying as they do. So P/N has to be some thousands: 3 % here.
    """
    r = attached('ways', '--sample', '4' if SLOW == 1 else '2', mib=64 if SLOW == 1 else 32)
    r.identity()
    r.near(0.10)
    r.top()


def mark(*args, wrap=()):
    return subprocess.run([*wrap, MEMTRACE, 'mark', *map(str, args)], stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=PATIENCE, check=False).returncode


def marks():
    """From outside and by a signal; what grew between two of them is what the target says."""
    with Target('grow', '--kind', 'brk', '--mib', MIB, '--ms', 300, '--seed', SEED) as target:
        target.checkpoint()
        equal(mark('-p', target.pid, 'early'), 3, 'exit status when nobody traces it')
        p = start('-p', target.pid, '-d', '10min', '--sample', '1', stdout=subprocess.PIPE, text=True)
        wait_until_traced(p.pid, target.pid)
        equal(mark('-p', target.pid, 'a\x1b[31m "begin"'), 0, 'exit status')
        target.next()
        truth = {f['function']: f['bytes'] for _, f in target.lines('TRUTH')}
        if shutil.which('setpriv'):
            equal(mark('-p', target.pid, 'x', wrap=('setpriv', '--reuid=65534', '--clear-groups')), 4, 'status of another user')
        equal(mark(target.pid), 2, 'exit status without a name')
        equal(mark('-p', target.pid, 'n' * 200), 2, 'exit status of too long a name')
        equal(mark('end', '-p', target.pid), 0, 'exit status')
        p.send_signal(signal.SIGUSR2)
        p.send_signal(signal.SIGINT)
        o = json.loads(p.communicate(timeout=4 * PATIENCE)[0])
    r = Report(o, truth)
    r.identity()
    between = o['between_marks']
    equal([b['to'] for b in between], ['a\ufffd[31m "begin"', 'end', 'mark3', None], 'marks')
    equal([b['from'] for b in between], [None] + [b['to'] for b in between[:-1]], 'where each begins')
    equal(sum(b['delta_bytes'] for b in between), o['rss']['delta_bytes'], 'all changes')
    for path, row in enumerate(o['paths']):
        equal(sum(x['growth_bytes'] for b in between for x in b['paths'] if x['path'] == path), row['net_bytes'], 'a path')
    got = sum(x['growth_bytes'] for x in between[1]['paths']
              if any(names(f, 'leak_brk') for f in o['paths'][x['path']]['frames']))
    check(abs(got - truth['leak_brk']) <= 0.05 * truth['leak_brk'], 'between the marks', got, 'not', truth)
    check(not os.path.exists(f'/run/memtrace/session-{p.pid}.sock'), 'its socket is left behind')


class Peak(threading.Thread):
    """The most memory that a process has had, in bytes, until it ended. (Its rusage has that of who started it, too.)"""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.bytes = pid, 0
        self.start()

    def run(self):
        try:
            while True:
                with open(f'/proc/{self.pid}/status', encoding='utf-8') as f:
                    self.bytes = max(int(line.split()[1]) << 10 for line in f if line.startswith('VmHWM:'))
                time.sleep(0.02)
        except (OSError, ValueError):
            pass  # no such line: it has ended


def finish(p, peak):
    """What it wrote until its end."""
    out = p.communicate(timeout=8 * PATIENCE)[0]
    equal(p.returncode, 0, 'exit status')
    peak.join(PATIENCE)
    check(peak.bytes > 1 << 20, 'no word of its memory')
    return out


def ever_new_paths():
    """Eight times as many call paths take no more memory; the one that keeps memory is found among them."""
    few, peaks = 20000 // SLOW, []
    for paths in few, 8 * few:
        with Target('newpaths', '--paths', paths, '--seed', SEED) as target:
            target.checkpoint()
            p = start('-p', target.pid, '-d', '10min', '--sample', '1', stdout=subprocess.PIPE, text=True)
            peaks.append(Peak(p.pid))
            wait_until_traced(p.pid, target.pid)
            target.next()
            r = Report(None, {f['function']: f['bytes'] for _, f in target.lines('TRUTH')})
            p.send_signal(signal.SIGINT)
            r.o = json.loads(finish(p, peaks[-1]))
        s, rare = r.o['sampling'], sum(x['merged_paths'] for x in r.o['paths'])
        print(f"# {paths} paths: {s['stacks']} stacks, {s['stacks'] - s['known']} of them new, {rare} merged,"
              f" lost {r.o['lost']}, peak {peaks[-1].bytes >> 20} MiB", flush=True)
        check(s['stacks'] - s['known'] > paths // 4, 'too few were looked at')
        check(set(r.o['lost']) <= {'stack'}, 'lost', r.o['lost'])
        r.identity()
        r.near(0.05)
        top = [x for x in r.o['paths'] if not x['merged_paths']][0]
        check(any(names(f, 'leak_steady') for f in top['frames']), 'the top path is', top['frames'])
    check(rare > 2 * few, 'nothing was merged')
    check(peaks[1].bytes < peaks[0].bytes + (8 << 20), 'memory grows with the number of paths:', [x.bytes for x in peaks])


def many_processes():
    """Three hundred processes that come and go take little more memory than ten, and those that are told of have
    their names. (With files, stacks and places for each it was 160 MiB more, and went on.)"""
    peaks, grow_path = [], os.path.join(live.TARGETS, 'grow')
    for nr in 10, 300 // SLOW:
        script = f'i=0; while [ $i -lt {nr} ]; do {grow_path} --kind brk --mib 1 --ms 1 --seed $i; i=$((i+1)); done >/dev/null'
        with tempfile.TemporaryDirectory() as d:
            file = os.path.join(d, 'growth.json')
            p = start('-o', file, '-f', '--', '/bin/sh', '-c', script, stdout=subprocess.PIPE, text=True)
            peaks.append(Peak(p.pid))
            finish(p, peaks[-1])
            with open(file, encoding='utf-8') as f:
                told = [json.loads(line) for line in f]
        print(f'# {nr} processes: {len(told)} told of, peak {peaks[-1].bytes >> 20} MiB', flush=True)
        check(not told[0]['lost'] or set(told[0]['lost']) <= {'stack'}, 'lost', told[0]['lost'])
        last = [Report(o, {'leak_brk': 1 << 20}) for o in told if o['process']['comm'] == 'grow']
        check(len(last) >= min(nr, 20), len(last), 'processes are told of')
        for r in last:
            r.identity()
        # the first may have ended before anybody saw its files, which nobody else had opened then
        blind = [r.net('leak_brk') for r in last if r.net('leak_brk') < 0.9 * r.truth['leak_brk']]
        check(len(blind) <= max(len(last) // 4, 5), 'leak_brk', blind)
    check(peaks[1].bytes < peaks[0].bytes + (40 << 20), 'memory grows with the number of processes:', [x.bytes for x in peaks])


def arenas():
    """What malloc holds is what malloc says; freed in pieces is fragmentation, in one piece retention."""
    for kind, verdict in ('pieces', 'fragmentation'), ('one', 'retention'):
        with Target('grow', '--kind', kind, '--mib', MIB, '--seed', SEED) as target:
            target.checkpoint()
            target.next()
            said = target.lines('TRUTH')[0][1]
            p = start('-p', target.pid, '-d', '1s', *POINTS, '--arenas', stdout=subprocess.PIPE, text=True)
            o = json.loads(p.communicate(timeout=4 * PATIENCE)[0])
            if validate:
                validate(o, SCHEMA)
            m = o['malloc']
            equal((m['heaps'], m['heaps_unknown']), (1, 0), 'heaps')
            equal(m['in_use_bytes'] + m['cached_bytes'], said['bytes'], 'in use')
            equal((m['free_bytes'], m['top_bytes']), (said['free'], said['top']), 'free, at the top')
            equal(o['verdict']['kind'], verdict, kind)
    with Target('grow', '--kind', 'map', '--mib', 1, '--seed', SEED) as target:
        target.checkpoint()
        p = start('-p', target.pid, '-d', '200ms', stdout=subprocess.PIPE, text=True)
        equal(json.loads(p.communicate(timeout=4 * PATIENCE)[0])['malloc'], None, 'what nobody asked for')


def before_attach_goes():
    r = attached('half', '--sample', '1')
    r.identity()
    want = r.truth['fill_cache']
    got = r.o['rss']['before_attach_bytes']
    check(abs(got - want) <= 0.05 * abs(want), f'before attach {got}, not {want}')
    check(abs(r.o['rss']['delta_bytes'] - want) <= 0.05 * abs(want), 'change', r.o['rss']['delta_bytes'])
    check(r.o['verdict']['kind'] != 'leak_like', 'what shrinks is called a leak')


def without_stacks():
    """The test's own test: without them nothing is attributed, and the residual says so."""
    r = grow('map', '--sample', '1', '--drop', 'stack')
    r.identity()
    equal(r.o['rss']['attributed_bytes'], 0, 'attributed')
    check(r.o['rss']['no_path_bytes'] >= 0.9 * sum(r.truth.values()), 'without a path', r.o['rss'])


def without_moves():
    """The same of mremap: what it took along is missing."""
    r = grow('map', '--sample', '1', '--drop', 'move')
    check(r.net('leak_map') < 0.95 * r.truth['leak_map'], 'not missing: ', r.net('leak_map'))


def fail_on():
    path = os.path.join(live.TARGETS, 'grow')
    args = ['--kind', 'brk', '--mib', str(MIB), '--ms', str(MS), '--seed', str(SEED)]
    for kind, want in ('leak_like', 10), ('sawtooth', 0):
        p = start('-o', '/dev/null', '--fail-on', kind, '--', path, *args, stdout=subprocess.DEVNULL)
        equal(p.wait(4 * PATIENCE), want, f'exit status of --fail-on {kind}')


def folded():
    """Lines for flame graphs, outermost first, add up to what the path keeps."""
    path = os.path.join(live.TARGETS, 'grow')
    with tempfile.NamedTemporaryFile('r') as f:
        p = subprocess.run([MEMTRACE, 'growth', '--format', 'folded', '-o', f.name, '--sample', '1', '--', path,
                            '--kind', 'brk', '--mib', str(MIB), '--ms', str(MS), '--seed', str(SEED)],
                           capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=4 * PATIENCE)
        equal(p.returncode, 0, 'exit status')
        lines = f.read().splitlines()
    want = fields(p.stdout.split())['bytes']
    got = 0
    for line in lines:
        frames, net = line.rsplit(' ', 1)
        check(int(net) > 0, line)
        if ';main;leak;leak_brk' in frames:
            got += int(net)
    check(abs(got - want) <= 0.05 * want, f'{got} bytes, the target says {want}')


def report_file(fmt, path, **kw):
    """growth --format FMT -o FILE -- CMD: its bytes, and what the target says."""
    with tempfile.TemporaryDirectory() as d:
        file = os.path.join(d, 'growth')
        p = subprocess.run([MEMTRACE, 'growth', '--format', fmt, '-o', file, *POINTS, '--sample', '1', '--', path, '--kind',
                            'small', '--mib', '8', '--ms', '600', '--seed', str(SEED)], capture_output=True, text=True,
                           stdin=subprocess.DEVNULL, timeout=4 * PATIENCE, **kw)
        equal(p.returncode, 0, f'exit status ({p.stderr})')
        equal(os.stat(file).st_mode & 0o777, 0o600, 'mode')
        with open(file, 'rb') as f:
            return f.read(), fields(p.stdout.split())['bytes']


def wire(data):
    """A protobuf message as {field: [values]}; what is length-delimited stays bytes."""
    out, at = {}, 0

    def varint():
        nonlocal at
        v = shift = 0
        while True:
            b = data[at]
            at += 1
            v |= (b & 127) << shift
            shift += 7
            if b < 128:
                return v - (v >> 63 << 64)
    while at < len(data):
        tag = varint()
        check(tag & 7 in (0, 2), 'wire type', tag & 7)
        v = varint()
        if tag & 7 == 2:
            at, v = at + v, data[at:at + v]
        out.setdefault(tag >> 3, []).append(v)
    return out


def packed(values):
    """A repeated number, packed or not."""
    out = []
    for v in values:
        out += wire(b''.join(b'\x08' + n for n in re.findall(rb'[\x80-\xff]*[\0-\x7f]', v))).get(1, []) \
            if isinstance(v, bytes) else [v]
    return out


def pprof():
    """The profile by its public field numbers: it adds up, and its mappings are the files'."""
    path = os.path.join(live.TARGETS, 'grow')
    data, truth = report_file('pprof', path)
    p = wire(gzip.decompress(data))
    strings = [s.decode() for s in p[6]]
    equal(strings[0], '', 'string 0')
    types = [tuple(strings[wire(t)[k][0]] for k in (1, 2)) for t in p[1]]
    equal(types, [('resident_bytes', 'bytes'), ('growth_bytes', 'bytes'), ('faults', 'count')], 'sample types')
    functions = {wire(f)[1][0]: strings[wire(f)[2][0]] for f in p[5]}
    mappings = {wire(m)[1][0]: wire(m) for m in p[3]}
    places = {}
    for one in map(wire, p[4]):
        places[one[1][0]] = [functions[wire(line)[1][0]] for line in one[4]]
        if 2 in one:
            m = mappings[one[2][0]]
            check(m[2][0] <= one[3][0] < m[3][0], 'an address beside its mapping')
    first = wire(p[3][0])
    equal(strings[first[5][0]], os.path.realpath(path), 'the first mapping')
    notes = subprocess.run(['readelf', '-n', path], capture_output=True, text=True, check=False).stdout
    check(f'Build ID: {strings[first[6][0]]}' in notes if notes else True, 'build-id', strings[first[6][0]])
    check(any(len(names) > 1 for names in places.values()), 'no inlined call anywhere')
    grown = kept = 0
    for s in map(wire, p[2]):
        values, at = packed(s[2]), packed(s[1])
        equal(len(values), 3, 'values of a sample')
        grown += values[1]
        if 'leak_small' in [n for i in at for n in places[i]]:
            kept += values[1]
    check(abs(kept - truth) <= 0.05 * truth, f'leak_small {kept}, not {truth}')
    check(grown >= kept, 'all growth', grown)


def html():
    """One page that loads nothing; no name of the target's ends an element."""
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, '<!--<script>')
        shutil.copy(os.path.join(live.TARGETS, 'grow'), path)
        page, truth = report_file('html', path)
    page = page.decode()
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)[1]
    check('<' not in data, 'a name may end the element')
    o = json.loads(data)
    equal(o['growth']['process']['comm'], '<!--<script>', 'comm')
    Report(o['growth'], {'leak_small': truth}).near(0.05)
    equal([len(s) for s in o['series']], [len(o['time_s'])] * len(o['growth']['paths']), 'points of the series')
    equal(len(o['rss']), len(o['time_s']), 'points of RSS')
    rest = page.replace(data, '').replace('http://www.w3.org/2000/svg', '')
    check(not re.search(r'https?:|//\w|src=|href=|@import|url\(', rest), 'it loads something')
    check("default-src 'none'" in rest, 'no policy')


# ---- of recordings

def record(file, *args):
    return subprocess.Popen([MEMTRACE, 'record', '-q', '-i', '100ms', '-o', file, *map(str, args)], stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, text=True)


def of_file(file, *args, want=0, lines=0):
    """growth FILE: its reports; @lines: on stderr."""
    p = start(file, *args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    out, err = p.communicate(timeout=4 * PATIENCE)
    equal(p.returncode, want, f'exit status of growth FILE {args} ({err})')
    equal(err.count('\n'), lines, f'lines on stderr: {err}')
    return [json.loads(line) for line in out.splitlines()]


def recorded_growth(d, kind, *flags):
    """Of a target from its first instruction to its end: the file, and what the target says."""
    file = os.path.join(d, 'f.mtr')
    p = record(file, *flags, '--', os.path.join(live.TARGETS, 'grow'), '--kind', kind, '--mib', MIB, '--ms', MS, '--seed', SEED)
    out = p.communicate(timeout=4 * PATIENCE)[0]
    equal(p.returncode, 0, 'exit status')
    return file, {f['function']: f['bytes'] for f in (fields(x.split()) for x in out.splitlines()) if 'function' in f}


def recorded(kind, verdict):
    """The same truth, out of a file."""
    def test():
        with tempfile.TemporaryDirectory() as d:
            file, truth = recorded_growth(d, kind, '--stacks', '--sample', '1')
            r = Report(of_file(file)[0], truth)
        adds_up(r)
        r.near(0.05)
        r.top(by='gross_bytes')
        r.verdict(verdict)
    return f'recorded_{kind}', test


def now():
    t = time.time_ns()
    return time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(t // 10**9)) + f'.{t % 10**9:09}Z'


class Twice:
    """A recording of a target that grows by one function up to a mark, and then by another one, while some of the first goes."""

    def __init__(self, d, *flags):
        self.file = os.path.join(d, 'twice.mtr')
        with Target('grow', '--kind', 'twice', '--mib', 8, '--ms', 800, '--seed', SEED) as target:
            self.pid = target.pid
            target.checkpoint()
            p = record(self.file, '-p', target.pid, *flags)
            wait_until_traced(p.pid, target.pid)
            target.next()
            self.first = target.lines('TRUTH')[0][1]['bytes']
            equal(mark('-p', target.pid, 'middle'), 0, 'exit status')
            time.sleep(0.3 * SLOW)
            self.at_rest = now()
            time.sleep(0.3 * SLOW)
            target.next()
            self.second = target.lines('TRUTH')[0][1]['bytes']
            self.gone = target.lines('GONE')[0][1]['bytes']
            p.send_signal(signal.SIGINT)
            equal(p.wait(4 * PATIENCE), 0, 'exit status')


def window(rec, truth, before, *args):
    o, = of_file(rec.file, *args)
    r = Report(o, truth)
    r.identity()
    for function in 'leak_brk', 'leak_map':
        check(function in truth or not r.net(function), f'{function} grew in another window: {r.net(function)}')
    r.near(0.05)
    got = o['rss']['before_attach_bytes']
    check(abs(got - before) <= max(0.05 * abs(before), KEPT_BACK), f'before {args}: {got}, not {before}')
    check(abs(o['rss']['residual_bytes']) <= max(0.02 * abs(o['rss']['delta_bytes']), KEPT_BACK), 'residual', o['rss'])
    return o


def recorded_windows():
    """From a moment on, up to one: what was there before it is 'before', and known by its pages."""
    with tempfile.TemporaryDirectory() as d:
        rec = Twice(d, '--stacks', '--sample', '1')
        whole = window(rec, {'leak_brk': rec.first - rec.gone, 'leak_map': rec.second}, 0)
        for moment in 'middle', rec.at_rest:
            one = window(rec, {'leak_brk': rec.first}, 0, '--to', moment)
            two = window(rec, {'leak_map': rec.second}, -rec.gone, '--from', moment)
            equal(one['window']['to_ns'], two['window']['from_ns'], 'the moment between')
            equal(one['rss']['delta_bytes'] + two['rss']['delta_bytes'], whole['rss']['delta_bytes'], 'both windows')
        both, = of_file(rec.file, '--from', 'middle', '--to', rec.at_rest)
        check(sum(p['gross_bytes'] for p in both['paths']) <= KEPT_BACK and abs(both['rss']['delta_bytes']) <= KEPT_BACK,
              'while it was at rest', both['rss'], both['paths'])
        equal([b['to'] for b in whole['between_marks']], ['middle', None], 'marks')
        for args, want in ((['--from', rec.at_rest, '--to', 'middle'], 2), (['--from', '+1h'], 2), (['--to', '+1h'], 2),
                           (['--from', '2020-01-01T00:00:00Z'], 2), (['--from', 'middle', '--to', 'middle'], 2),
                           (['--from', 'no such mark'], 2), (['--from', '5m'], 2), (['-p', '1'], 3), (['--arenas'], 2),
                           (['-d', '3'], 2), (['--sample', '2'], 2), (['x'], 2), (['--', 'true'], 2)):
            equal(of_file(rec.file, *args, want=want, lines=1), [], f'reports of {args}')
        of_file('/dev/null', want=1, lines=1)
        of_file(d, want=1, lines=1)
        p = start('--from', 'middle', '-p', rec.pid, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        equal(p.wait(PATIENCE), 2, '--from of what lives')
        damaged(rec, whole)


def damaged(rec, whole):
    """What is intact is read, and that is said."""
    with open(rec.file, 'rb') as f:
        data = bytearray(f.read())
    bad = rec.file + '.bad'
    for size, at in (len(data), len(data) // 2), (len(data) * 2 // 3, None):
        with open(bad, 'wb') as f:
            f.write(data[:size])
            if at:
                f.seek(at)
                f.write(bytes([data[at] ^ 0x40]))
        o, = of_file(bad, want=6, lines=1)
        Report(o, {}).identity()
        check(o['window']['to_ns'] <= whole['window']['to_ns'] and o['paths'], 'of a damaged file', o['window'])


def recorded_without_stacks():
    """No path is known, and that is said; what grew, and of which kind, all the same."""
    with tempfile.TemporaryDirectory() as d:
        file, truth = recorded_growth(d, 'brk')
        o, = of_file(file, lines=1)
        p = subprocess.run([MEMTRACE, 'growth', file, '--ascii'], capture_output=True, text=True, timeout=PATIENCE, check=False)
    r, want = Report(o, {}), truth['leak_brk']
    r.identity()
    r.verdict('leak_like')
    equal(o['paths'], [], 'paths')
    kinds = {k['region_kind']: k['net_bytes'] for k in o['no_path_by_kind']}
    equal(sum(kinds.values()), o['rss']['no_path_bytes'], 'the sum of all kinds')
    check(abs(kinds['heap'] - want) <= 0.05 * want, 'heap', kinds, 'not', want)
    check('REGIONS' in p.stdout and 'heap' in p.stdout, p.stdout)


def recorded_processes():
    """One report each, in the order in which they began; -p chooses; what holds one process says which."""
    path = os.path.join(live.TARGETS, 'grow')
    with tempfile.TemporaryDirectory() as d:
        file, page = os.path.join(d, 'f.mtr'), os.path.join(d, 'page.html')
        p = record(file, '-f', '--stacks', '--sample', '1', '--', '/bin/sh', '-c',
                   f'{path} --kind brk --mib 4 --ms 300; {path} --kind map --mib 6 --ms 300; :')
        truth = [fields(x.split()) for x in p.communicate(timeout=4 * PATIENCE)[0].splitlines() if 'TRUTH' in x]
        reports = of_file(file)
        equal([o['process']['comm'] for o in reports], ['sh', 'grow', 'grow'], 'processes')
        for o, t in zip(reports[1:], truth):
            r = Report(o, {t['function']: t['bytes']})
            r.identity()
            r.near(0.05)
        last = reports[-1]['process']['pid']
        equal(of_file(file, '-p', last), reports[-1:], 'the one that was asked for')
        equal(of_file(file, '--format', 'html', '-o', page, lines=1), [], 'html')
        with open(page, encoding='utf-8') as f:
            check('"comm":"sh"' in f.read().replace('": "', '":"'), 'not the first process')
        equal(of_file(file, '-p', last, '--format', 'folded', '-o', page), [], 'folded')
        with open(page, encoding='utf-8') as f:
            got = sum(int(line.rsplit(' ', 1)[1]) for line in f if ';leak_map' in line)
        check(abs(got - truth[1]['bytes']) <= 0.05 * truth[1]['bytes'], 'folded', got, truth[1])
        equal(of_file(file, '-p', last, '--format', 'pprof', '-o', page), [], 'pprof')
        with gzip.open(page) as f:
            check(b'leak_map' in f.read(), 'no such function in the profile')
        of_file(file, '-p', last, '--fail-on', reports[-1]['verdict']['kind'], want=10)


def text_report():
    path = os.path.join(live.TARGETS, 'grow')
    p = subprocess.run([MEMTRACE, 'growth', '--ascii', '--', path, '--kind', 'brk', '--mib', str(MIB), '--ms',
                        str(MS)], capture_output=True, stdin=subprocess.DEVNULL, timeout=4 * PATIENCE)
    equal(p.returncode, 0, 'exit status')
    check(b'VERDICT consistent with a leak' in p.stderr, p.stderr)
    check(b'leak_brk' in p.stderr and b'leak_like' in p.stderr, p.stderr)
    check(p.stdout.startswith(b'TRUTH'), "the command's own output stays clean:", p.stdout)
    check(max(p.stderr) < 128, '--ascii')


def wrong_usage():
    for args, want in (['-p', '999999999'], 3), (['-p', 'x'], 2), (['-p', '4194304'], 3), (['--fail-on', 'x', '-p', '1'], 2), \
            (['--sample', '0', '-p', '1'], 2), (['--sample-faults', '0', '-p', '1'], 2), (['--format', 'x', '-p', '1'], 2), (['--format', 'pprof', '--', 'true'], 2), ([], 2):
        p = start(*args, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        err = p.communicate(timeout=PATIENCE)[1]
        equal(p.returncode, want, f'exit status of {args}')
        equal(err.count(b'\n'), 1, f'lines on stderr of {args}')


if __name__ == '__main__':
    main(from_start('small', 'leak_like'), from_start('large', 'leak_like'), from_start('map', 'leak_like'),
         from_start('huge', 'leak_like', mib=STEPPED),
         from_start('huge', 'leak_like', name='nohuge', flags=['--nohuge'], mib=STEPPED),
         from_start('brk', 'leak_like'), from_start('populate', 'leak_like'), from_start('ways', 'leak_like'),
         from_start('threads', 'leak_like'), from_start('hand', 'leak_like'), from_start('shuffle', 'leak_like'),
         from_start('cache', 'plateau'), from_start('sawtooth', 'sawtooth'), other_language('grow_new'),
         other_language('grow_rs'), attach_all_faults, attach_sampled, sampled_paths_share_alike,
         marks, ever_new_paths, many_processes, arenas, before_attach_goes,
         without_stacks, without_moves, fail_on, folded, pprof, html, recorded('map', 'leak_like'),
         recorded('sawtooth', 'sawtooth'), recorded_windows, recorded_without_stacks, recorded_processes, text_report, wrong_usage, *([never_leaks] if RUNS else []))
