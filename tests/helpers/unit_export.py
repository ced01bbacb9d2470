# SPDX-License-Identifier: GPL-2.0
"""Exports of a made-up stream (tests/helpers/export_stream.c), read by what did not write them."""
import collections
import csv
import json
import os
import re
import resource
import subprocess
import sys
import tempfile

import live
import perfetto
from live import check, equal

STREAM = os.path.join(live.BUILD, 'tests', 'helpers', 'export_stream')
TMP = tempfile.mkdtemp()


def made(fmt, *args, out=None, **kw):
    """What export_stream says it gave in, and where the export is."""
    path = out or os.path.join(TMP, f'{fmt}-{"-".join(args)}')
    # memory that was freed is not kept from use: what it takes is measured
    env = dict(os.environ, ASAN_OPTIONS='quarantine_size_mb=0:thread_local_quarantine_size_kb=0')
    p = subprocess.run([STREAM, fmt, path, *args], stdout=subprocess.PIPE, timeout=live.PATIENCE, env=env, **kw)
    return json.loads(p.stdout), path, p.returncode


def trace():
    truth, path, status = made('perfetto')
    equal(status, 0, 'exit status')
    return truth, perfetto.Trace(path)


def perfetto_counts():
    truth, t = trace()
    equal(t.all_counts(), truth['counts'], 'events by kind, from the intervals')
    equal(t.shown_counts(), {k: v for k, v in truth['counts'].items() if k in perfetto.SHOWN}, 'events to be seen')
    equal(len(t.stats), truth['counts']['kernel'], 'readings of the kernel')
    readings = len(t.named('map read from /proc')) + len(t.named('pages counted'))
    equal(readings, truth['counts']['snap_end'], 'readings')
    equal(sum(e[5]['regions'] for e in t.named('pages counted')), truth['counts']['residency'], 'counted regions')
    equal(t.attributes['memtrace.events'], truth['events'], 'events')
    equal(t.attributes['memtrace.faults_each'], 1008, 'faults told each: 1000 of an interval')


def perfetto_stacks():
    """Call stacks go with the events that they hold for; the books of the heap profile are those of the events."""
    _, t = trace()
    told = [frames for _, kind, frames in t.callstacks if kind == 'fault' and len(frames) == 3]
    check(len(told) >= 6, told)
    equal({tuple(f[3] for f in frames) for frames in told}, {(0x789, 0x456, 0x123), (0x789, 0x12345, 0x123)}, 'addresses')
    check(all(f[1].startswith('/lib/re') for f in told[0]), 'module', told[0])
    check('/[anon]' in [f[1] for f in told[1]], 'code that is not mapped', told[1])
    equal(sorted(h for _, h in t.heaps), ['memtrace.faults'], 'profiles')
    heap = t.heaps[100, 'memtrace.faults']
    equal(sum(v[0] for v in heap.values()), (6 + 1) * 4096, 'bytes that came')
    equal([e[3] for e in t.events if 'invalidate' in e[4]],
          ['memtrace.ko begins to tell', 'pages about to change', 'pages changed', 'memtrace.ko tells no more',
           'pages unclear'], 'what memtrace.ko told')
    equal(t.named('pages changed')[0][5]['why'], 'reclaimed', 'why')


def perfetto_bins():
    truth, t = trace()
    bins = t.named('faults')
    equal(len(bins), 1, 'bins')
    equal(bins[0][5], {'fault': 1500, 'minor': 1499, 'major': 1, 'other': 0, 'bytes': 1500 * 4096}, 'the bin')
    shown = [e for e in t.events if 'fault' in e[4] and t.pid_of(e[2]) == 100]
    equal(len(shown), 1007, 'faults one by one, the last after the last interval')
    equal(shown[-1][3], 'major fault', 'its name')
    equal(shown[-1][5]['write'], True, 'it wrote')
    equal(shown[0][5]['kind'], 'heap', 'kind of region')
    for key in ('memtrace.faults', 'memtrace.map_changes', 'memtrace.regions', 'memtrace.clock'):
        check(isinstance(t.attributes.get(key), str), 'not stated:', key)


def perfetto_calls():
    """A system call that took pages away: one instant, however many events it made."""
    _, t = trace()
    calls = [e for e in t.events if 'pages' in e[4]]
    equal([e[3] for e in calls], 3 * ['madvise'], 'calls')
    equal([(e[5]['address'], e[5]['size'], e[5]['bytes'], e[5].get('swap_bytes')) for e in calls[:2]],
          [(0x555500000000, 3 * 4096, -2 * 4096, -4096), (0x555500001000, 2 * 4096, -4096, None)], 'what they did')
    with open(made('json')[1]) as f:
        rss = [o for o in map(json.loads, f) if o.get('event') == 'rss']
    equal([o['call'] for o in rss], [None] + 4 * ['madvise'] + ['munmap', 'madvise'], 'json: calls')


def perfetto_results():
    """System calls with their results: slices on their threads, with what was asked for and the pages that came or went."""
    truth, path, _ = made('perfetto', 'calls')
    t = perfetto.Trace(path)
    equal(t.all_counts(), truth['counts'], 'events by kind, from the intervals')
    equal(t.shown_counts(), {k: v for k, v in truth['counts'].items() if k in perfetto.SHOWN}, 'events to be seen')
    check(not [e for e in t.events if 'pages' in e[4]], 'calls are told twice')
    check('memtrace.calls' in t.attributes, 'not stated')
    slices = t.slices('call')
    check(all(t.tid_of(s[2]) == 100 for s in slices), 'threads')
    heap, there = 0x555500000000, 0x7f1000005000
    pc = {'pc': 0x7f1000000123}
    mapping = {'size': 8192, 'protection': 'rw-p', 'flags': 'private|anonymous'}
    equal([(s[3], s[4]) for s in slices[:5]],
          [('mmap', {'address': there, **mapping, 'result': there, **pc}),
           ('mmap', {**mapping, 'result': -12, 'error': 'ENOMEM', **pc}),
           ('madvise', {'address': heap, 'size': 3 * 4096, 'advice': 'dontneed', 'result': 0, 'bytes': -4096, **pc}),
           ('madvise', {'address': heap, 'size': 4096, 'advice': 77, 'result': -22, 'error': 'EINVAL', **pc}),
           ('mprotect', {'address': 0x7f1000000000, 'size': 4096, 'protection': 'r-x', 'result': 0, **pc})], 'slices')
    equal([s[1] - s[0] for s in slices[:5]], [500, 1000, 1500, 800, 800], 'how long they took')
    equal(slices[0][1], slices[1][0], 'one begins where the one before ended')
    instants = [e for e in t.events if 'call' in e[4] and e[1] == 3]
    equal([(e[3], t.tid_of(e[2]), t.pid_of(e[2])) for e in instants],
          [('brk', 100, 100), ('munmap', None, 100), ('munmap', None, None)], 'without a length')
    equal(instants[0][5], {'result': heap, **pc}, 'brk(0)')
    future = [s for s in slices if s[3] == 'system call 500']
    equal([s[4]['error'] for s in future], ['ENOSYS'], 'a call that is not known')
    bins = t.named('system calls')
    equal([e[5]['call'] for e in bins], [8 + 1500 - 1000], 'in bins')
    failed = sum('error' in e[5] for e in t.events if 'call' in e[4]) + bins[0][5]['failed']
    equal(failed, 3 + 500, 'that failed')
    equal(len([1 for _, kind, _ in t.callstacks if kind == 'call']), len(slices) + 1, 'call stacks, of brk, too')


def json_results():
    """The same by its schema, and in CSV."""
    _, path, _ = made('json', 'calls')
    with open(path) as f:
        calls = [o for o in map(json.loads, f) if o.get('event') == 'call']
    equal(len(calls), 1509, 'calls')
    keys = 'call', 'start', 'end', 'prot', 'flags', 'advice', 'result', 'error', 'args'
    equal([tuple(c[k] for k in keys) for c in calls[:4]],
          [('mmap', '0x7f1000005000', '0x7f1000007000', 'rw-p', ['private', 'anonymous'], None, '0x7f1000005000', None,
            ['0x0', '0x2000', '0x3', '0x22', '0xffffffffffffffff', '0x0']),
           ('mmap', None, None, 'rw-p', ['private', 'anonymous'], None, -12, 'ENOMEM',
            ['0x0', '0x2000', '0x3', '0x22', '0xffffffffffffffff', '0x0']),
           ('madvise', '0x555500000000', '0x555500003000', None, [], 'dontneed', 0, None, ['0x555500000000', '0x3000', '0x4']),
           ('madvise', '0x555500000000', '0x555500001000', None, [], None, -22, 'EINVAL', ['0x555500000000', '0x1000', '0x4d'])],
          'calls')
    equal((calls[4]['prot'], calls[5]['begin_ns'], calls[5]['result']), ('r-x', None, '0x555500000000'), 'mprotect, brk')
    equal(calls[0]['time_ns'] - calls[0]['begin_ns'], 500, 'how long it took')
    _, path, _ = made('csv', 'calls')
    with open(path, newline='') as f:
        rows = [r for r in csv.DictReader(f) if r['event'] == 'call']
    equal([(r['call'], r['flags'], r['result'], r['error'], r['args']) for r in rows[:2]],
          [('mmap', 'private anonymous', '0x7f1000005000', '', '0x0 0x2000 0x3 0x22 0xffffffffffffffff 0x0'),
           ('mmap', 'private anonymous', '-12', 'ENOMEM', '0x0 0x2000 0x3 0x22 0xffffffffffffffff 0x0')], 'csv')


def perfetto_processes():
    truth, t = trace()
    name = 're\ufffd]0;x\ufffdd"i\\s,\ufffd\ufffd('
    equal([x['cmdline'] for x in t.processes[100]], [[name]], 'name')
    equal(t.processes[100][0]['start'], 50 * 10**9, 'start')
    equal([x['cmdline'] for x in t.processes[200]], [['child'], ['other']], 'names, with an exec between')
    uuids = {u for u, d in t.tracks.items() if 'process' in d and d['process']['pid'] == 200}
    equal(len(uuids), 1, 'tracks of a process that execs')
    equal(t.thread_names[101], ['worker', 'renamed'], 'names of a thread')
    equal(sorted(tid for _, tid in t.ended), [101, 200], 'ends')
    parents = {d['name']: t.tracks[d['parent_uuid']].get('name') for d in t.tracks.values()
               if 'parent_uuid' in d and 'name' in d}
    equal((parents['RSS'], parents['Regions'], parents['Marks']), ('Memory', 'Memory', 'memtrace'), 'groups')
    depth = t.counter('Stack depth', tid=100)
    equal([v for _, v in depth][:1], [4096], 'depth of the stack')


def perfetto_counters():
    truth, t = trace()
    equal(t.counter('RSS anon', 100)[-1][1], truth['anon'], 'RSS anon at the end')
    equal(t.counter('RSS', 100)[0][1], 14 * 4096, 'RSS at the beginning')
    equal([v for _, v in t.counter('Heap (brk)', 100)][0], 8 * 4096, 'heap')
    equal(t.counter('Virtual', 100)[0][1], 0x130000, 'virtual')
    equal(t.counter('RSS', 200)[-1][1], 0, 'RSS of a process that ended')
    units = {d['name']: d['counter']['unit'] for d in t.tracks.values() if 'counter' in d}
    equal((units['RSS'], units['Swap'], units['Minor faults'], units['Stack depth']), (3, 3, 2, 3), 'units')
    regions = [d['name'] for d in t.tracks.values() if t.tracks.get(d.get('parent_uuid'), {}).get('name') == 'Regions']
    # its first page has got a name, and is a region of its own since
    equal(regions, ['heap [heap] 0x555500001000'], 'regions that have a counter')
    check(t.stats[0] == dict(ts=t.stats[0]['ts'], pid=100, vm_size_kb=0x130000 >> 10, vm_rss_kb=56, rss_anon_kb=40,
                             rss_file_kb=16, rss_shmem_kb=0, vm_swap_kb=0), t.stats[0])


def perfetto_map():
    truth, t = trace()
    first = {}
    for e in t.events:
        if e[4] & {'vma', 'hole', 'name'}:
            first.setdefault(e[3], e[5])
    equal(set(first), {'mapping grew', 'protection changed', 'stack grew', 'unmapped', 'mapped', 'memory named'}, 'names')
    grew = first['mapping grew']
    equal((grew['address'], grew['size'], grew['old_size'], grew['kind'], grew['protection']),
          (0x555500000000, 0x200000, 0x100000, 'heap', 'rw-p'), 'the heap grew')
    cut = first['protection changed']
    equal((cut['old_protection'], cut['protection'], cut['size']), ('r-xp', 'r--p', 0x8000), 'protection')
    check(cut['file'].startswith('/lib/re'), 'the name of the file comes from the model:', cut)
    equal(first['mapped'].get('file'), 'data.bin', 'a name that an event told before')
    equal((first['unmapped']['size'], first['unmapped']['mapped_bytes']), (0x4000, 0x4000), 'a hole')
    stack = [e for e in t.events if e[3] == 'stack grew']
    equal(t.tid_of(stack[0][2]), 100, 'the thread whose stack grew')


def perfetto_smaps():
    truth, t = trace()
    ts, pid, rows = t.smaps[0]
    equal(pid, 100, 'pid')
    equal([(r['name'][:8], r['size_kb'], r['rss_kb'], r['anonymous_kb']) for r in rows],
          [('[heap]', 1024, 32, 32), ('/lib/re\ufffd', 64, 16, 0), ('[stack]', 128, 8, 8)], 'regions')
    of = collections.Counter(pid for _, pid, _ in t.smaps)
    check(of[100] >= 3, 'the first, one after ten intervals, the last:', of)
    equal(of[200], 2, 'the first one, and one at its end')


def perfetto_loss():
    truth, t = trace()
    equal([(e[5]['what'], e[5]['lost']) for e in t.named('events lost')], [('fault', 17), ('any', 3)], 'losses')
    equal(t.dropped, 2, 'gaps')
    equal(t.trace_stats['buffer_stats'][0]['trace_writer_packet_loss'], 20, 'loss as Perfetto reports it')
    equal(t.counter('Lost events')[-1][1], 20, 'lost')
    lossy = [w['sequence_id'] for w in t.trace_stats['writer_stats']]
    equal(sorted(lossy), [1, 2, 3], 'writers')
    equal({c['clock_id'] for c in t.clocks[0]}, {1, 3, 4, 6}, 'clocks')


def perfetto_cut():
    """Cut anywhere, all but what was cut off is there."""
    truth, path, _ = made('perfetto', 'storm', '300000')
    with open(path, 'rb') as f:
        data = f.read()
    ends, at = [], 0
    while at < len(data):
        size, head = perfetto.varint(data, at + 1)
        at = head + size
        ends.append(at)
    equal(at, len(data), 'packets end with the file')
    check(len(ends) > 1, 'more than one bundle')
    part = os.path.join(TMP, 'part')
    with open(part, 'wb') as f:
        f.write(data[:ends[0]])
    try:
        t = perfetto.Trace(part)
    except perfetto.Bad as e:
        check('slices that do not end' in str(e), e)
    else:
        check(t.nr > 100, 'packets')


def perfetto_decodes_raw():
    truth, path, _ = made('perfetto')
    try:
        with open(path, 'rb') as f:
            p = subprocess.run(['protoc', '--decode_raw'], stdin=f, stdout=subprocess.PIPE)
    except FileNotFoundError:
        raise live.Skip('protoc is not installed') from None
    equal(p.returncode, 0, 'protoc')
    check(p.stdout.startswith(b'1 {\n  50: "'), 'bundles:', p.stdout[:40])


def perfetto_decodes():
    """By Perfetto's own schema, where it is at hand: there is no field that it does not know."""
    desc = os.environ.get('PERFETTO_DESC', os.path.join(live.TOP, '..', 'shared', 'perfetto', 'trace.desc'))
    if not os.path.exists(desc):
        raise live.Skip("Perfetto's schema is not at hand")
    _, path, _ = made('perfetto', 'calls')
    with open(path, 'rb') as f:
        flat = perfetto.unbundled(f.read())
    try:
        p = subprocess.run(['protoc', '--descriptor_set_in=' + desc, '--decode=perfetto.protos.Trace'], input=flat,
                           stdout=subprocess.PIPE)
    except FileNotFoundError:
        raise live.Skip('protoc is not installed') from None
    equal(p.returncode, 0, 'protoc')
    text = p.stdout.decode()
    equal(re.findall(r'^ *\d+[:{ ].*', text, re.M), [], 'unknown fields')
    for what in ('track_event', 'track_descriptor', 'smaps_packet', 'profile_packet', 'callstack_iid', 'trace_stats'):
        check(f' {what}' in text, what)


def json_lines():
    import jsonschema
    truth, path, status = made('json')
    with open(os.path.join(live.TOP, 'docs', 'schema', 'event.schema.json')) as f:
        valid = jsonschema.Draft7Validator(json.load(f))
    with open(path) as f:
        lines = [json.loads(line) for line in f]
    seen = collections.Counter()
    for o in lines:
        if seen[o.get('event')] > 20:
            continue  # alike
        seen[o.get('event')] += 1
        errors = [e.message for e in valid.iter_errors(o)]
        check(not errors, o, errors)
    equal(lines[0]['type'], 'export', 'first')
    equal(lines[-1]['type'], 'export_end', 'last')
    counts = collections.Counter(o['event'] for o in lines[1:-1] if o['type'] == 'event')
    equal(sum(o['type'] == 'interval' for o in lines), 15, 'intervals')
    equal(dict(counts), truth['counts'], 'events by kind')
    equal(lines[-1]['events'], truth['counts'], 'its own count')
    equal(lines[-1]['lost'], 20, 'lost')
    of = {o.get('event'): o for o in reversed(lines[1:-1])}
    equal(of['attach']['comm'], 're\x1b]0;x\x07d"i\\s,\ufffd\ufffd(', 'a hostile name')
    equal((of['vma']['start'], of['vma']['prot'], of['vma']['flags']), ('0x555500000000', 'rw-p', []), 'a mapping')
    equal(of['snap_vma']['dev'], None, 'no device')
    equal(of['fault']['flags'], [], 'flags')
    equal([o['flags'] for o in lines if o.get('event') == 'fault'][-1], ['write', 'major'], 'flags')
    equal(of['rss']['bytes'], -4096, 'bytes that left')
    check(of['attach']['time'] == '2024-05-14T16:00:13.000000000Z', of['attach']['time'])


def csv_lines():
    truth, path, status = made('csv')
    with open(path, newline='') as f:
        rows = list(csv.reader(f))
    check(all(len(r) == len(rows[0]) for r in rows), 'columns')
    equal(len(set(rows[0])), len(rows[0]), 'names of columns')
    rows = [dict(zip(rows[0], r)) for r in rows[1:]]
    equal(dict(collections.Counter(r['event'] for r in rows)), truth['counts'], 'events by kind')
    equal(rows[0]['comm'], 're\ufffd]0;x\ufffdd"i\\s,\ufffd\ufffd(', 'a hostile name')
    faults = [r for r in rows if r['event'] == 'fault']
    equal((faults[0]['kind'], faults[-1]['flags']), ('heap', 'write major'), 'a fault')
    anon = int(rows[0]['anon_bytes']) + sum(int(r['bytes']) for r in rows if r['member'] == 'anon' and r['as'] == '1')
    equal(anon, truth['anon'], 'bytes added up')


def json_and_csv_agree():
    _, jpath, _ = made('json')
    _, cpath, _ = made('csv')
    with open(jpath) as f:
        objects = [o for o in map(json.loads, f) if o['type'] == 'event']
    with open(cpath, newline='') as f:
        rows = list(csv.DictReader(f))

    def text(v):
        if v is None or v is False or v is True:
            return '' if v is None else str(v).lower()
        return ' '.join(v) if isinstance(v, list) else str(v)
    for o, row in zip(objects, rows, strict=True):
        for key, v in o.items():
            if key not in ('schema', 'type', 'comm', 'name'):
                equal(row[key], text(v), f'{key} of {o["event"]}')


def empty_is_an_error():
    for fmt in ('perfetto', 'json', 'csv'):
        truth, path, status = made(fmt, 'empty')
        equal((status, truth['error']), (1, 61), f'{fmt}: exit status and ENODATA')


def full_disk_is_an_error():
    for fmt in ('perfetto', 'json', 'csv'):
        truth, _, status = made(fmt, out='/dev/full')
        equal((status, truth['error']), (1, 28), f'{fmt}: exit status and ENOSPC')


def small_disk():
    """What is there of a file that could not be written to its end is whole records."""
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (700000, 700000))
        import signal
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    for fmt in ('json', 'csv'):
        truth, path, status = made(fmt, 'storm', '20000', preexec_fn=limit)
        equal((status, truth['error']), (1, 27), 'exit status and EFBIG')
        with open(path, 'rb') as f:
            data = f.read()
        check(400000 < len(data) < 700000 and data.endswith(b'\n'), fmt, 'has', len(data), 'bytes')


def memory_is_bounded():
    for fmt in ('perfetto', 'json', 'csv'):
        small, path, _ = made(fmt, 'storm', '20000')
        large, path, _ = made(fmt, 'storm', '1000000', out='/dev/null')
        check(large['max_rss_kb'] < small['max_rss_kb'] + 2048, fmt, small['max_rss_kb'], large['max_rss_kb'])


if __name__ == '__main__':
    names = [perfetto_counts, perfetto_stacks, perfetto_bins, perfetto_calls, perfetto_results, perfetto_processes, perfetto_counters, perfetto_map, perfetto_smaps,
             perfetto_loss, perfetto_cut, perfetto_decodes_raw, perfetto_decodes, json_lines, json_results, csv_lines, json_and_csv_agree,
             empty_is_an_error, full_disk_is_an_error, small_disk, memory_is_bounded]
    if len(sys.argv) > 1:
        names = [n for n in names if n.__name__ in sys.argv[1:]]
    status = live.run(*names)
    import shutil
    shutil.rmtree(TMP)
    sys.exit(status)
