# SPDX-License-Identifier: GPL-2.0
"""memtrace export, and record --format perfetto: real recordings, held against what memtrace says of
the same file in other ways (info, the reports of replay) and against the kernel."""
import bisect
import collections
import contextlib
import csv
import ctypes
import errno
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time

import perfetto
import sys_residency
from live import INTERVAL, MEMTRACE, PATIENCE, TARGETS, TOP, Target, check, equal, main, span, stop_process

MEMBERS = ('anon', 'file', 'shmem', 'swap')


def memtrace(*args, status=0, **kw):
    p = subprocess.run([MEMTRACE, *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE,
                       **kw)
    equal(p.returncode, status, f'memtrace {args}: {p.stderr.decode(errors="replace")}')
    return p


class Dir:
    def __enter__(self):
        self.tmp = tempfile.TemporaryDirectory()
        return lambda name: os.path.join(self.tmp.name, name)

    def __exit__(self, *exc):
        self.tmp.cleanup()


class Load(sys_residency.Load):
    def close(self):
        self.end()


class Recorder:
    """memtrace record on a process."""

    def __init__(self, pid, out, *flags):
        self.p = subprocess.Popen([MEMTRACE, 'record', '-p', str(pid), '-o', out, '-i', INTERVAL, *flags],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        until = time.monotonic() + PATIENCE
        while not os.path.exists(out) or os.path.getsize(out) < 5000:  # the map was read
            check(time.monotonic() < until and self.p.poll() is None, 'record does not begin')
            time.sleep(0.05)

    def stop(self):
        self.p.send_signal(signal.SIGINT)
        out, err = self.p.communicate(timeout=PATIENCE)
        equal(self.p.returncode, 0, f'record: {err.decode(errors="replace")}')
        return out


def info(path, status=0):
    return json.loads(memtrace('info', path, '--json', status=status).stdout)


def reports(path):
    """What a live session would have reported, by pid and time."""
    return {(o['time_ns'], o['process']['pid']): o
            for o in map(json.loads, memtrace('replay', path, '--json').stdout.splitlines())}


def exported(at, mtr, fmt, status=0):
    out = at('x.' + fmt)
    memtrace('export', mtr, '--format', fmt, '-o', out, status=status)
    equal(os.stat(out).st_mode & 0o777, 0o600, 'mode')
    return out


def lines(path):
    with open(path) as f:
        return [json.loads(line) for line in f]


def validate(objects):
    try:
        import jsonschema
    except ImportError:
        return
    with open(os.path.join(TOP, 'docs', 'schema', 'event.schema.json')) as f:
        v = jsonschema.Draft7Validator(json.load(f))
    for o in objects:
        v.validate(o)


def perfetto_is(t, by_kind):
    """Each event is in the trace, by kind; and the ones to be seen can be."""
    equal(t.all_counts(), by_kind, 'events by kind')
    equal(t.shown_counts(), {k: v for k, v in by_kind.items() if k in perfetto.SHOWN}, 'events to be seen')
    equal(t.attributes['memtrace.events'], sum(by_kind.values()), 'events')
    told = t.attributes['memtrace.faults_each'] + t.attributes['memtrace.faults_binned']
    equal(told, by_kind.get('fault', 0), 'faults told each and in bins')


def all_formats(at, mtr):
    """Every format has every event: by kind as info has them."""
    by_kind = info(mtr)['by_kind']
    t = perfetto.Trace(exported(at, mtr, 'perfetto'))
    perfetto_is(t, by_kind)
    equal(len(t.stats), by_kind['kernel'], 'readings of the kernel')
    objects = lines(exported(at, mtr, 'json'))
    counts = collections.Counter(o['event'] for o in objects if o['type'] == 'event')
    equal(dict(counts), by_kind, 'json: events by kind')
    equal((objects[0]['type'], objects[-1]['type'], objects[-1]['events']), ('export', 'export_end', by_kind), 'json')
    with open(exported(at, mtr, 'csv'), newline='') as f:
        counts = collections.Counter(row['event'] for row in csv.DictReader(f) if row['type'] == 'event')
    equal(dict(counts), by_kind, 'csv: events by kind')
    return t, objects


# ---- the model, rebuilt from the JSON by other means

class Map:
    """Ranges and what they are, each a string."""

    def __init__(self):
        self.at, self.what = [0], [None]  # from at[i] on it is what[i]

    def split(self, addr):
        i = bisect.bisect_left(self.at, addr)
        if i == len(self.at) or self.at[i] != addr:
            self.at.insert(i, addr)
            self.what.insert(i, self.what[i - 1])
        return i

    def set(self, start, end, what):
        i, j = self.split(start), self.split(end)
        self.at[i:j], self.what[i:j] = [start], [what]

    def ranges(self):
        """Neighbours that are alike are one."""
        out = []
        for i, what in enumerate(self.what):
            if what is None:
                continue
            start, end = self.at[i], self.at[i + 1]
            if out and out[-1][1] == start and out[-1][2] == what:
                out[-1] = out[-1][0], end, what
            else:
                out.append((start, end, what))
        return out


class Rebuilt:
    def __init__(self, e):
        self.pid, self.map, self.snap, self.faults, self.alive = e['pid'], Map(), None, 0, True
        self.rss = {m: e[m + '_bytes'] for m in MEMBERS}

    def take(self, e):
        kind = e['event']
        if kind in ('vma', 'snap_vma'):
            (self.snap if kind == 'snap_vma' else self.map).set(*span(e), e['prot'])
        elif kind == 'hole':
            self.map.set(*span(e), None)
        elif kind == 'snap_begin' and e['what'] == 'maps':
            self.snap = Map()
        elif kind == 'snap_end' and e['what'] == 'maps':
            if e['complete']:
                self.map = self.snap
        elif kind in ('fault', 'rss'):
            self.rss[e['member']] += e['bytes']
            self.faults += kind == 'fault' and not {'failed', 'foreign'} & set(e['flags'])
        elif kind == 'exit':
            self.alive = False


def same_as_reports(objects, told):
    """At the end of each interval the model from the JSON is what replay reports. How often it was compared."""
    model, compared = {}, 0
    for o in objects:
        if o['type'] in ('event', 'state') and o['event'] in ('attach', 'exec'):
            model[o['as']] = Rebuilt(o)
            model[o['as']].from_start = o['type'] == 'event'
            if o['event'] == 'exec' and o['prev_as'] in model and model[o['prev_as']].pid == o['pid']:
                model[o['prev_as']].alive = False
        elif o['type'] in ('event', 'state') and o['as'] in model:
            model[o['as']].take(o)
        if o['type'] != 'interval':
            continue
        for m in model.values():
            r = told.get((o['time_ns'], m.pid))
            if not r or r['ended'] or not m.alive:
                continue
            compared += 1
            for member in MEMBERS:
                equal(max(m.rss[member], 0), r['totals'][member + '_bytes'], f'{member} at {o["time_ns"]}')
            if m.from_start:
                equal(m.faults, r['faults']['seen'], 'faults')
            theirs = Map()
            for region in r['regions']:
                theirs.set(*span(region), region['prot'])
            ours, theirs = m.map.ranges(), theirs.ranges()
            check(ours == theirs, 'only rebuilt:', sorted(set(ours) - set(theirs)), 'only reported:',
                  sorted(set(theirs) - set(ours)))
    return compared


# ---- counters

def value_at(values, ts):
    """The last one up to then; None before the first."""
    i = bisect.bisect_right([v[0] for v in values], ts)
    return values[i - 1][1] if i else None


def counters_as_reported(t, told):
    """Perfetto's counters at the end of each interval are the figures of that report."""
    compared = collections.Counter()

    def same(name, want, ts, **of):
        if want is None:
            return
        equal(value_at(t.counter(name, **of), ts), want, f'{name} {of} at {ts}')
        compared[name] += 1
    for (ts, pid), r in told.items():
        if r['ended']:
            continue
        totals = r['totals']
        same('RSS', totals['resident_bytes'], ts, pid=pid)
        same('RSS anon', totals['anon_bytes'], ts, pid=pid)
        same('RSS file', totals['file_bytes'], ts, pid=pid)
        same('RSS shmem', totals['shmem_bytes'], ts, pid=pid)
        same('Swap', totals['swap_bytes'], ts, pid=pid)
        same('Virtual', totals['virtual_bytes'], ts, pid=pid)
        same('Stacks', totals['stack_bytes'], ts, pid=pid)
        if totals['heap_bytes'] is not None:
            heap = [value_at(t.counter(n, pid=pid), ts) for n in ('Heap (brk)', 'Arenas')]
            equal(sum(heap), totals['heap_bytes'], 'heap and arenas')
            compared['heap'] += 1
        for th in r['threads']:
            if th['stack']:
                same('Stack depth', th['stack']['depth_bytes'], ts, tid=th['tid'])
                same('Stack high water', th['stack']['high_water_bytes'], ts, tid=th['tid'])
    return compared


def smaps_as_reported(t, told):
    compared = 0
    for ts, pid, rows in t.smaps:
        r = told.get((ts, pid))
        if not r or r['ended']:
            continue
        regions = [x for x in r['regions'] if x['kind'] != 'vsyscall']
        equal([(x['size_kb'], x['rss_kb']) for x in rows],
              [(x['virtual_bytes'] >> 10, (x['resident_bytes'] or 0) >> 10) for x in regions], 'the address space')
        compared += 1
    return compared


def regions_as_reported(t, told, least):
    """Regions of 4 MiB have a counter with their resident bytes."""
    found = 0
    for (ts, pid), r in told.items():
        for x in r['regions']:
            if r['ended'] or (x['resident_bytes'] or 0) < 4 << 20 or found > 200:
                continue
            of = [u for u in t.counters if t.tracks[u].get('name', '').endswith(' ' + x['start']) and t.pid_of(u) == pid]
            values = [value_at(t.counters[u], ts) for u in of]
            if values:
                check(x['resident_bytes'] in values, 'region', x['start'], values, x['resident_bytes'])
                found += 1
    check(found >= least, 'regions with a counter:', found)


# ---- tests

def random_operations():
    with Dir() as at:
        mtr = at('r.mtr')
        memtrace('record', '-q', '-i', INTERVAL, '-o', mtr, '--', os.path.join(TARGETS, 'randops'), '--seed', 11, '--ops',
                 6000, '--threads', 3, '--checkpoints', 3, '--quiet')
        told = reports(mtr)
        t, objects = all_formats(at, mtr)
        check(same_as_reports(objects, told) >= 3, 'the rebuilt model was hardly ever compared')
        counters_as_reported(t, told)
        names = {e[3] for e in t.events}
        check({'mapped', 'unmapped', 'protection changed', 'mapping grew'} <= names, names)


def redis():
    with Dir() as at, contextlib.closing(Load()) as load:
        mtr = at('r.mtr')
        sys_residency.redis(load)
        rec = Recorder(load.p.pid, mtr)
        time.sleep(2)
        rec.stop()
        told = reports(mtr)
        t, objects = all_formats(at, mtr)
        check(same_as_reports(objects, told) >= 3, 'the rebuilt model was hardly ever compared')
        compared = counters_as_reported(t, told)
        for name in ('RSS', 'RSS anon', 'Virtual', 'heap', 'Stack depth', 'Stack high water'):
            check(compared[name] >= 3, name, 'was hardly ever compared', compared)
        check(smaps_as_reported(t, told) >= 1, 'no address space to compare')
        regions_as_reported(t, told, 1)
        check(t.processes[load.p.pid][0]['cmdline'] == ['redis-server'], t.processes)
        names = {n for names in t.thread_names.values() for n in names}
        check(any(n and n.startswith('bio_') for n in names), 'threads of redis:', names)
        check(t.counter('Minor faults', load.p.pid), 'no rate of faults')


def from_the_middle():
    """What a flight recorder kept has no beginning: the exports say what is so there, then go on."""
    with Dir() as at:
        mtr = at('m.mtr')
        memtrace('record', '-q', '--stacks', '--last-time', '1s', '-i', INTERVAL, '-o', mtr, '--',
                 os.path.join(TARGETS, 'grow'), '--kind', 'small', '--mib', 24)
        told = reports(mtr)
        t, objects = all_formats(at, mtr)
        state = [o for o in objects if o['type'] == 'state']
        validate(objects)
        check(state and state[0]['event'] == 'attach', 'the beginning:', objects[:2])
        check(not any(o['event'] == 'attach' for o in objects if o['type'] == 'event'), 'it has its beginning')
        check(same_as_reports(objects, told) >= 2, 'the rebuilt model was hardly ever compared')
        counters_as_reported(t, told)
        with open(at('x.csv'), newline='') as f:
            rows = [r for r in csv.DictReader(f) if r['type'] == 'state']
        equal([r['event'] for r in rows], [o['event'] for o in state], 'csv: what is so at the beginning')


def folded_lines(text):
    return [(line.rsplit(' ', 1)[0].split(';'), int(line.rsplit(' ', 1)[1])) for line in text.splitlines()]


def profiles_have(t, truth, program):
    for function, want in truth.items():
        have = sum(v[0] - v[1] for heap in t.heaps.values() for frames, v in heap.items()
                   if any(f[0] == function for f in frames))
        check(abs(have - want) <= 0.03 * want + (256 << 10), 'heap profiles:', function, have, 'not', want)
    paths = {f[1]: f[2] for _, _, frames in t.callstacks for f in frames}
    check(paths[os.path.realpath(program)], 'the build-id of the program:', paths)


def call_stacks():
    """Of a program that keeps its own books: the bytes of each of its functions, out of the file."""
    with Dir() as at:
        mtr, plain = at('s.mtr'), at('p.mtr')
        grow = os.path.join(TARGETS, 'grow'), '--kind', 'ways', '--mib', '24', '--ms', '1500'
        said = memtrace('record', '-q', '--stacks', '--sample', '1', '-i', INTERVAL, '-o', mtr, '--', *grow).stdout
        truth = {m[0]: int(m[1]) for m in re.findall(r'TRUTH function=(\w+) bytes=(\d+)', said.decode())}
        check(truth, said)
        counts = info(mtr)['by_kind']
        check(counts['stack'] > 10, counts)
        got = folded_lines(memtrace('export', mtr, '--format', 'folded').stdout.decode())
        for function, want in truth.items():
            have = sum(n for frames, n in got if function in frames)
            check(abs(have - want) <= 0.03 * want + (256 << 10), function, have, 'not', want)
        t, objects = all_formats(at, mtr)
        validate(objects[:3000])
        stacks = {o['callstack']: o['frames'] for o in objects if o.get('event') == 'stack' and o['frames']}
        used = collections.Counter(o['callstack'] for o in objects if o.get('event') == 'fault' and 'callstack' in o)
        check(set(used) <= set(stacks), 'faults have call stacks that nobody told of')
        check(sum(used.values()) > 0.5 * counts['fault'], 'faults with a call stack:', used)
        profiles_have(t, truth, grow[0])
        # the same, straight from the running process
        memtrace('record', '-q', '--stacks', '--sample', '1', '--format', 'perfetto', '-i', INTERVAL, '-o', at('l'), '--', *grow)
        profiles_have(perfetto.Trace(at('l')), truth, grow[0])
        # the process is gone, and its files are found by what is in the file; other files are not taken for them
        memtrace('record', '-q', '-o', plain, '--', os.path.join(TARGETS, 'grow'), '--mib', '1', '--ms', '100')
        check('stack' not in info(plain)['by_kind'], 'call stacks that nobody wanted')
        p = memtrace('export', plain, '--format', 'folded', status=1)
        check(b'record --stacks' in p.stderr, p.stderr)
        memtrace('record', '--sample', '3', '-p', os.getpid(), status=2)


def functions_of(mtr, *flags, env=None, before=()):
    """Names of functions in the call paths of a recording, as an export on another machine would have them."""
    p = subprocess.run([*before, MEMTRACE, 'export', mtr, '--format', 'folded', *flags], stdout=subprocess.PIPE,
                       timeout=PATIENCE, check=True, env=dict(os.environ, **(env or {})))
    return {f for frames, _ in folded_lines(p.stdout.decode()) for f in frames}


def named_elsewhere():
    """The program and a library of it are not here: they are found by build-id, in a folder or, when that is asked for,
    on a server; and nothing else is taken for them."""
    with Dir() as at:
        mtr, prog, lib, srv, cache = at('s.mtr'), at('prog'), at('lib'), at('srv'), at('cache')
        shutil.copy(os.path.join(TARGETS, 'grow'), prog)
        os.mkdir(lib)
        libc = next(line.split()[-1] for line in open('/proc/self/maps') if '/libc.so.6' in line)
        shutil.copy(libc, lib)
        memtrace('record', '-q', '--stacks', '--sample', '1', '-o', mtr, '--', prog, '--kind', 'ways', '--mib', '4', '--ms',
                 '300', env=dict(os.environ, LD_LIBRARY_PATH=lib))
        ids = {m['path']: m['build_id'] for m in info(mtr)['modules']}
        files = {prog: 'first_way', os.path.join(lib, 'libc.so.6'): '__libc_start_main'}
        check(set(files.values()) <= functions_of(mtr), 'names while the files are here')
        kept = {path: at(f'kept{i}') for i, path in enumerate(files)}
        for path in files:
            os.rename(path, kept[path])
        folder = os.path.join('/usr/lib/debug/.build-id', ids[prog][:2])
        made = not os.path.isdir('/usr/lib/debug')
        os.makedirs('/usr/lib/debug', exist_ok=True)
        try:
            got = functions_of(mtr, before=('unshare', '-m', 'sh', '-ec', f"""mount -t tmpfs tmpfs /usr/lib/debug
                mkdir -p {folder} && cp {kept[prog]} {folder}/{ids[prog][2:]} && exec "$@" """, 'sh'))
        finally:
            if made:
                os.rmdir('/usr/lib/debug')
        check('first_way' in got and '__libc_start_main' not in got, 'from a folder:', got)
        try:
            ctypes.CDLL('libdebuginfod.so.1')
        except OSError:
            return
        for path in files:
            os.makedirs(os.path.join(srv, 'buildid', ids[path]))
            shutil.copy(kept[path], os.path.join(srv, 'buildid', ids[path], 'executable'))
        env = {'DEBUGINFOD_URLS': 'file://' + srv, 'DEBUGINFOD_CACHE_PATH': cache}
        check('first_way' not in functions_of(mtr, env=env) and not os.path.exists(cache), 'a server that nobody wanted asked')
        check(set(files.values()) <= functions_of(mtr, '--debuginfod', env=env), 'names from a server')
        t = at('x.perfetto')
        memtrace('export', mtr, '--format', 'perfetto', '--debuginfod', '-o', t, env=dict(os.environ, **env))
        frames = {f[0] for _, _, stack in perfetto.Trace(t).callstacks for f in stack}
        check(set(files.values()) <= frames, 'names in the trace:', frames)
        # a server that gives another file
        shutil.rmtree(cache)
        shutil.copy(kept[os.path.join(lib, 'libc.so.6')], os.path.join(srv, 'buildid', ids[prog], 'executable'))
        check('first_way' not in functions_of(mtr, '--debuginfod', env=env), 'another file was taken for it')
        memtrace('export', mtr, '--format', 'json', '--debuginfod', status=2)


def live():
    """record --format perfetto: the kernel's figures while the process stands still."""
    with Dir() as at, Target('demo', '--seconds', 120, sync=False) as target:
        out = at('l.perfetto-trace')
        rec = Recorder(target.pid, out, '--format', 'perfetto', '--json')
        time.sleep(1.5)
        stop_process(target.pid)
        with open(f'/proc/{target.pid}/status') as f:
            status = {k: int(v.split()[0]) for k, _, v in (x.partition(':') for x in f) if v.strip().endswith(' kB')}
        with open(f'/proc/{target.pid}/stat', 'rb') as f:
            started = int(f.read().rsplit(b')', 1)[1].split()[19])
        time.sleep(2.5 * float(INTERVAL[:-2]) / 1000)
        summary = json.loads(rec.stop())
        t = perfetto.Trace(out)
        perfetto_is(t, summary['by_kind'])
        equal(summary['bytes'], os.path.getsize(out), 'size')
        equal(t.counter('RSS anon', target.pid)[-1][1] >> 10, status['RssAnon'], 'RSS anon, KB')
        equal(t.counter('RSS file', target.pid)[-1][1] >> 10, status['RssFile'], 'RSS file, KB')
        equal(t.counter('Virtual', target.pid)[-1][1] >> 10, status['VmSize'], 'virtual, KB')
        equal(t.stats[-1]['vm_size_kb'], status['VmSize'], 'mem.virt')
        equal(t.stats[-1]['rss_anon_kb'], status['RssAnon'], 'mem.rss.anon')
        p = t.processes[target.pid][-1]
        equal(p['cmdline'], ['demo'], 'name')
        check(abs(p['start'] // 10**7 - started) <= 2, 'start', p['start'], started)
        check({'indexer'} <= {n for names in t.thread_names.values() for n in names}, t.thread_names)
        equal(len(t.clocks[0]), 4, 'clocks')
        clock = {c['clock_id']: c['timestamp'] for c in t.clocks[0]}
        check(abs(clock[1] - time.time_ns()) < 600 * 10**9, 'wall clock', clock)
        check(len([1 for ts, pid, rows in t.smaps if pid == target.pid]) >= 2, 'the first and the last address space')


def killed():
    """Of a recorder that is killed the trace is whole up to its last interval."""
    with Dir() as at, Target('demo', '--seconds', 120, sync=False) as target:
        out = at('k.perfetto-trace')
        rec = Recorder(target.pid, out, '--format', 'perfetto')
        size, grown = os.path.getsize(out), 0
        until = time.monotonic() + PATIENCE
        while grown < 3:
            check(time.monotonic() < until, 'the trace does not grow')
            grown += os.path.getsize(out) != size
            size = os.path.getsize(out)
            time.sleep(0.05)
        rec.p.kill()
        rec.p.communicate(timeout=PATIENCE)
        t = perfetto.Trace(out)
        check(len(t.named('interval')) >= 3, 'intervals', len(t.named('interval')))
        shown = {k: v for k, v in t.all_counts().items() if k in perfetto.SHOWN}
        equal(t.shown_counts(), shown, 'events up to there')


def ends_and_execs():
    with Dir() as at:
        out = at('e.perfetto-trace')
        memtrace('record', '-q', '-f', '--format', 'perfetto', '-o', out, '--', '/bin/sh', '-c',
                 'sleep 0.1; /bin/sh -c "kill -SEGV \\$\\$"; exit 3', status=3)
        t = perfetto.Trace(out)
        names = {x['cmdline'][0] for v in t.processes.values() for x in v}
        check({'sh', 'sleep'} <= names, names)
        ended = {tid for _, tid in t.ended}
        check(set(t.processes) <= ended, 'processes that did not end', t.processes.keys(), ended)
        exits = [e[5] for e in t.named('exit')]
        check({'signal': 11} in [{k: v for k, v in e.items() if k == 'signal'} for e in exits], exits)
        check(3 in [e.get('status') for e in exits], exits)
        equal(len([e for e in t.events if 'exec' in e[4]]), t.all_counts()['exec'], 'execs')
        for pid in t.processes:
            equal(t.counter('RSS', pid)[-1][1], 0, 'RSS after the end')


def calls_that_move_pages():
    """madvise is no change of the map: what it took away is told, with its range."""
    with Dir() as at:
        mtr = at('m.mtr')
        program = ('/usr/bin/python3', '-c',
                   'import mmap; m = mmap.mmap(-1, 32 << 20, flags=mmap.MAP_PRIVATE); m[::4096] = b"x" * 8192; '
                   'm.madvise(mmap.MADV_DONTNEED); m.madvise(mmap.MADV_DONTNEED)')
        memtrace('record', '-q', '--calls', '-o', mtr, '--', *program)
        t, objects = all_formats(at, mtr)
        calls = [e[5] for e in t.named('madvise') if e[5]['size'] == 32 << 20]
        equal([e.get('bytes') for e in calls], [-32 << 20, None], 'bytes that went in each call')
        os.unlink(mtr)
        memtrace('record', '-q', '-o', mtr, '--', *program)
        t, objects = all_formats(at, mtr)
        calls = [e[5] for e in t.named('madvise') if e[5]['size'] == 32 << 20]
        equal(sum(e['bytes'] for e in calls), -32 << 20, 'bytes that went')
        equal(len({e['address'] for e in calls}), 1, 'addresses')
        equal(sum(o['bytes'] for o in objects if o.get('event') == 'rss' and o['call'] == 'madvise' and o['end'] and
                  int(o['end'], 16) - int(o['start'], 16) == 32 << 20), -32 << 20, 'json: bytes that went')


def told_calls(said):
    """What memcalls says it did: {tid: [(name, before, after, result, [arguments])]}."""
    out = collections.defaultdict(list)
    for line in said:
        if line.startswith('CALL '):
            _, tid, name, before, after, result, *args = line.split()
            out[int(tid)].append((name, int(before), int(after), int(result), args))
    return out


def error_of(name, result, args):
    """The C library's: of brk, too."""
    if name == 'brk':
        return 'ENOMEM' if int(args[0], 16) not in (0, result) else None
    return errno.errorcode[-result] if -4096 < result < 0 else None


FLAGS = {'private': 2, 'anonymous': 0x20, 'noreserve': 0x4000, 'populate': 0x8000, 'fixed': 0x10, 'fixed_noreplace': 0x100000}
ADVICE = {4: 'dontneed', 14: 'hugepage', 20: 'cold', 77: None}


def between_marks(calls):
    """Those of a thread between its two calls with the advice 77, with these."""
    at = [i for i, c in enumerate(calls) if c[0] == 'madvise' and int(c[4][2], 16) == 77]
    equal(len(at), 2, 'marks')
    return calls[at[0]:at[1] + 1]


def system_calls():
    """What two threads asked for, were told and how long they waited, also where it failed: as they say themselves. And
    in Perfetto the same, as slices."""
    with Dir() as at:
        mtr, program = at('c.mtr'), os.path.join(TARGETS, 'memcalls')
        truth = told_calls(memtrace('record', '-q', '--calls', '-o', mtr, '--', program).stdout.decode().splitlines())
        equal(len(truth), 2, 'threads')
        t, objects = all_formats(at, mtr)
        calls = [o for o in objects if o['type'] == 'event' and o['event'] == 'call']
        validate(calls)
        for tid, want in truth.items():
            check(len(want) > 25, want)
            got = between_marks([(o['call'], o['begin_ns'], o['time_ns'], o['result'], o['args'], o)
                                 for o in calls if o['tid'] == tid])
            equal([c[0] for c in got], [c[0] for c in want], f'calls of {tid}')
            for g, w in zip(got, want):
                o, result = g[5], int(g[3], 16) if isinstance(g[3], str) else g[3]
                equal((result, g[4]), (w[3], w[4]), f'{w}: result, arguments')
                check(w[1] <= g[1] <= g[2] <= w[2], 'begin and end', g[1:3], 'of', w)
                equal(o['error'], error_of(w[0], w[3], w[4]), f'{w}: error')
                if w[0] == 'madvise':
                    equal(o['advice'], ADVICE[int(w[4][2], 16)], f'{w}: advice')
                if w[0] == 'mmap':
                    bits = int(w[4][3], 16)
                    for flag, bit in FLAGS.items():
                        equal(flag in o['flags'], bits & bit and bits & 3 != 3 and True or False, f'{w}: {flag}')
                    equal(o['prot'][:3], ''.join(c if int(w[4][2], 16) >> i & 1 else '-' for i, c in enumerate('rwx')), 'prot')
                    equal(o['prot'][3], 's' if bits & 1 else 'p', f'{w}: shared')
            slices = {(b, e): (name, args) for b, e, track, name, args in t.slices('call') if t.tid_of(track) == tid}
            for g in got:
                name, args = slices[g[1], g[2]]
                equal((name, args['result'], args.get('error')), (g[0], int(g[3], 16) if isinstance(g[3], str) else g[3], g[5]['error']),
                      'the slice')
                if g[5]['start']:
                    equal(args['address'], int(g[5]['start'], 16), f'{g}: address')
            moved = [a['bytes'] for n, a in slices.values() if n == 'madvise' and 'bytes' in a]
            check(-8 * 4096 in moved, 'MADV_DONTNEED of 8 pages:', moved)
            moved = [a.get('bytes') for n, a in slices.values() if n == 'mmap' and 'populate' in a['flags']]
            # where the pages that it brings are seen as faults, these have the bytes
            check(moved in ([1 << 20], [None]), 'MAP_POPULATE of 1 MiB:', moved)
        secret = re.compile(rb'5ec2e75ec2e7')
        for fmt in ('json', 'csv'):
            with open(at('x.' + fmt), 'rb') as f:
                check(not secret.search(f.read()), fmt, 'has what was in registers beside the arguments')
        check(not [e for e in t.events if 'pages' in e[4]], 'calls are told twice')
    # the same, straight from a running process, whose files can be read for their names
    with Dir() as at, Target('memcalls') as target:
        out = at('l.perfetto-trace')
        target.checkpoint()
        rec = Recorder(target.pid, out, '--calls', '--stacks', '--sample', '1', '--format', 'perfetto')
        target.next()
        rec.stop()
        truth = told_calls(' '.join(('CALL', *rest)) for rest, _ in target.lines('CALL'))
        t = perfetto.Trace(out)
        for tid, want in truth.items():
            mine = [s for s in t.slices('call') if t.tid_of(s[2]) == tid and want[0][1] <= s[0] <= want[-1][2]]
            equal([(s[3], s[4]['result'], s[4].get('error')) for s in mine],
                  [(w[0], w[3], error_of(w[0], w[3], w[4])) for w in want], 'slices')
        stacks = [frames for ts, kind, frames in t.callstacks if kind == 'call']
        check(len(stacks) >= sum(len(w) for w in truth.values()), 'call stacks of calls:', len(stacks))
        check({'on_mapping', 'on_files', 'run'} <= {f[0] for frames in stacks for f in frames}, 'their functions')


def programs_of(pid):
    """BPF programs that a process holds."""
    fds = os.listdir(f'/proc/{pid}/fd')
    return sum('bpf-prog' in os.readlink(f'/proc/{pid}/fd/{fd}') for fd in fds if os.path.islink(f'/proc/{pid}/fd/{fd}'))


def no_system_calls():
    """Who does not want them does not pay for them."""
    with Dir() as at, Target('demo', '--seconds', 120, sync=False) as target:
        mtr, held = at('n.mtr'), {}
        for name, *flags in (['calls', '--calls'], ['none'], ['no', '--calls', '--no-calls']):
            rec = Recorder(target.pid, at(name), *flags)
            held[name] = programs_of(rec.p.pid)
            rec.stop()
        live = subprocess.Popen([MEMTRACE, '-p', str(target.pid), '--json', '-i', INTERVAL], stdout=subprocess.PIPE)
        live.stdout.readline()
        held['live'] = programs_of(live.pid)
        live.send_signal(signal.SIGINT)
        live.communicate(timeout=PATIENCE)
        equal((held['calls'] - held['none'], held['live'], held['no']), (2, held['none'], held['none']), f'programs: {held}')
        memtrace('record', '-q', '-o', mtr, '--', os.path.join(TARGETS, 'memcalls'))
        check('call' not in info(mtr)['by_kind'], 'calls that nobody wanted')
        t, _ = all_formats(at, mtr)
        calls = [e for e in t.events if 'pages' in e[4]]
        check(-8 * 4096 in [e[5]['bytes'] for e in calls if e[3] == 'madvise'], 'told by their pages:', calls)


def overflow():
    """The signal that ends a process, with what it is about."""
    with Dir() as at:
        mtr = at('o.mtr')
        memtrace('record', '-q', '-o', mtr, '--', os.path.join(TARGETS, 'stacks'), '--overflow', 'main', status=139)
        t, _ = all_formats(at, mtr)
        fatal = [e for e in t.events if 'signal' in e[4] and e[5]['fatal']]
        equal([e[3] for e in fatal], ['SIGSEGV'], 'fatal signals')
        check(fatal[0][5]['address'] and fatal[0][5]['sp'], fatal)
        equal(t.named('exit')[-1][5], {'signal': 11, 'stack_overflow': True}, 'the end')
        grown = t.named('stack grew')
        binned = sum(e[5].get('vma', 0) for e in t.named('map changes'))
        check(len(grown) > 100 or binned, 'growth of the stack:', len(grown), binned)
        check(all(e[5]['size'] > e[5]['old_size'] for e in grown), 'sizes')


def damaged_file():
    """What is intact is exported, and the status says that it is not all."""
    with Dir() as at:
        mtr, bad = at('d.mtr'), at('bad.mtr')
        memtrace('record', '-q', '-o', mtr, '-i', INTERVAL, '--', os.path.join(TARGETS, 'randops'), '--seed', 5, '--ops',
                 4000, '--threads', 2, '--checkpoints', 2, '--quiet')
        with open(mtr, 'rb') as f:
            data = bytearray(f.read())

        def flipped():
            """A byte of an event is wrong: not one of a keyframe, which nobody needs who reads it all."""
            for at in range(len(data) // 2, len(data), 20000):
                part = data[:]
                part[at] ^= 0x55
                with open(bad, 'wb') as f:
                    f.write(part)
                if info(bad, status=6)['missing_events']:
                    return part
            raise AssertionError('no byte belongs to an event')
        for what, part in (('cut', data[:len(data) * 2 // 3]), ('flipped', flipped())):
            with open(bad, 'wb') as f:
                f.write(part)
            by_kind = info(bad, status=6)['by_kind']
            check(sum(by_kind.values()) > 100, what, by_kind)
            t = perfetto.Trace(exported(at, bad, 'perfetto', status=6))
            last = lines(exported(at, bad, 'json', status=6))[-1]
            lost = {k: v for k, v in t.all_counts().items() if k == 'lost'}
            equal(t.all_counts(), dict(by_kind, **lost), f'{what}: perfetto')
            equal(last['events'], dict(by_kind, **lost), f'{what}: json')
            # what is missing is told as lost
            missing = info(bad, status=6)['missing_events']
            equal((last['lost'], bool(missing)), (missing, what == 'flipped'), f'{what}: lost')
            equal(t.trace_stats['buffer_stats'][0]['trace_writer_packet_loss'], missing, f'{what}: lost')


def errors():
    with Dir() as at:
        mtr, other = at('s.mtr'), at('other')
        memtrace('record', '-q', '-o', mtr, '--', '/bin/true')
        with open(other, 'w') as f:
            f.write('no recording\n')

        def fails(status, *args, **kw):
            p = memtrace('export', *args, status=status, **kw)
            equal(len(p.stderr.splitlines()), 1, f'lines of {p.stderr}')
            return p.stderr.decode()
        check('--format' in fails(2, mtr), 'no word on --format')
        check('perfetto, json, csv or folded' in fails(2, mtr, '--format', 'xml'), 'no list of formats')
        fails(1, other, '--format', 'json')
        fails(1, at('absent'), '--format', 'json')
        fails(1, mtr, '--format', 'json', '-o', at('no/such/folder'))
        os.symlink(other, at('link'))
        fails(1, mtr, '--format', 'json', '-o', at('link'))
        equal(open(other).read(), 'no recording\n', 'what the link points to')
        equal(json.loads(fails(2, mtr, '--json'))['type'], 'error', 'type')
        p = memtrace('export', mtr, '--format', 'json')
        equal(json.loads(p.stdout.splitlines()[-1])['type'], 'export_end', 'on stdout')
        import jsonschema
        said = json.loads(memtrace('export', mtr, '--format', 'csv', '--json', '-o', at('s.csv')).stdout)
        with open(os.path.join(TOP, 'docs', 'schema', 'exported.schema.json')) as f:
            jsonschema.Draft7Validator(json.load(f)).validate(said)
        equal((said['by_kind'], said['bytes']), (info(mtr)['by_kind'], os.path.getsize(at('s.csv'))), 'what it says')
        memtrace('record', '-q', '--format', 'perfetto', '--last-size', '1M', '-p', os.getpid(), status=2)


def full_disk():
    """One line, status 1; and what is there can be read."""
    with Dir() as at:
        mtr, disk = at('f.mtr'), at('disk')
        memtrace('record', '-q', '-o', mtr, '--', os.path.join(TARGETS, 'randops'), '--seed', 5, '--ops', 2000,
                 '--threads', 2, '--checkpoints', 2, '--quiet')
        os.mkdir(disk)
        subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=600k', 'tmpfs', disk], check=True)
        try:
            out = os.path.join(disk, 'x.json')
            p = memtrace('export', mtr, '--format', 'json', '-o', out, status=1)
            equal(len(p.stderr.splitlines()), 1, p.stderr)
            check(b'No space left' in p.stderr, p.stderr)
            last = lines(out)[-1]
            check(last['type'] == 'event', 'the last line is whole, and says that it is not the end:', last)
            os.unlink(out)
            with open(os.path.join(disk, 'fill'), 'wb') as f:
                f.write(bytes(590 << 10))
            p = memtrace('record', '-q', '--format', 'perfetto', '-o', os.path.join(disk, 'l.trace'), '--',
                         os.path.join(TARGETS, 'randops'), '--seed', 5, '--ops', 2000, '--checkpoints', 2, '--quiet',
                         status=125)
            check(b'No space left' in p.stderr, p.stderr)
        finally:
            subprocess.run(['umount', disk], check=True)


if __name__ == '__main__':
    main(random_operations, redis, from_the_middle, call_stacks, named_elsewhere, live, killed, ends_and_execs, calls_that_move_pages, system_calls, no_system_calls,
         overflow, damaged_file, errors, full_disk)
