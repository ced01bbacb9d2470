# SPDX-License-Identifier: GPL-2.0
"""`memtrace growth` against targets that keep books: which function keeps how many bytes.

The truth is the target's own count of what it allocated and has not given back. Sizes, rates and
periods are drawn from a seed, which is printed; SEED=N repeats a run. GROWTH_RUNS=50 adds as many
runs of targets that do not leak.
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
KEPT_BACK = 2 * 64 * 4096 if tuple(map(int, os.uname().release.split('.')[:2])) < (6, 2) else 0


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
        for p in self.o['paths']:
            equal(p['gross_bytes'] - p['released_bytes'], p['net_bytes'], 'gross - released')

    def near(self, within):
        for function, want in self.truth.items():
            got = self.net(function)
            check(abs(got - want) <= within * abs(want),
                  f'{function}: {got} bytes, the target says {want}')

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
            (['--sample', '0', '-p', '1'], 2), (['--format', 'x', '-p', '1'], 2), (['--format', 'pprof', '--', 'true'], 2), ([], 2):
        p = start(*args, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        err = p.communicate(timeout=PATIENCE)[1]
        equal(p.returncode, want, f'exit status of {args}')
        equal(err.count(b'\n'), 1, f'lines on stderr of {args}')


main(from_start('small', 'leak_like'), from_start('large', 'leak_like'), from_start('map', 'leak_like'),
     from_start('huge', 'leak_like', mib=STEPPED),
     from_start('huge', 'leak_like', name='nohuge', flags=['--nohuge'], mib=STEPPED),
     from_start('brk', 'leak_like'), from_start('populate', 'leak_like'), from_start('ways', 'leak_like'),
     from_start('threads', 'leak_like'), from_start('hand', 'leak_like'), from_start('shuffle', 'leak_like'),
     from_start('cache', 'plateau'), from_start('sawtooth', 'sawtooth'), other_language('grow_new'),
     other_language('grow_rs'), attach_all_faults, attach_sampled, sampled_paths_share_alike, marks, arenas, before_attach_goes,
     without_stacks, without_moves, fail_on, folded, pprof, html, text_report, wrong_usage, *([never_leaks] if RUNS else []))
