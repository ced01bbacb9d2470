# SPDX-License-Identifier: GPL-2.0
"""Reads a Perfetto trace by itself: the wire format, the packets' public field numbers, and the rules
by which Perfetto's importer takes or drops what is in them. Whatever it would drop is an error here,
and so is a field that is not in the tables below. Shares nothing with what writes the traces.

    python3 perfetto.py FILE      what is in it
"""
import bisect
import collections
import json
import sys
import zlib


class Bad(Exception):
    pass


def need(cond, *what):
    if not cond:
        raise Bad(' '.join(str(w) for w in what))


# Field number: (name, type, repeated). Types: u unsigned, i signed (two's complement), b bool, s string,
# B bytes, d double, P packed unsigned, or a message's name.
SCHEMA = {
    'TracePacket': {
        2: ('process_tree', 'ProcessTree'), 6: ('clock_snapshot', 'ClockSnapshot'), 8: ('timestamp', 'u'),
        9: ('process_stats', 'ProcessStats'), 10: ('seq', 'u'), 11: ('track_event', 'TrackEvent'),
        12: ('interned_data', 'InternedData'), 13: ('sequence_flags', 'u'), 35: ('trace_stats', 'TraceStats'), 37: ('profile_packet', 'ProfilePacket'),
        42: ('previous_packet_dropped', 'u'), 45: ('system_info', 'SystemInfo'),
        50: ('compressed_packets', 'B'), 59: ('defaults', 'TracePacketDefaults'),
        60: ('track_descriptor', 'TrackDescriptor'), 68: ('smaps_packet', 'SmapsPacket'),
        87: ('first_packet_on_sequence', 'b'), 89: ('trace_uuid', 'TraceUuid'),
        117: ('task_state', 'TaskState'), 126: ('trace_attributes', 'TraceAttributes')},
    'ProcessTree': {1: ('processes', 'Process', True), 2: ('threads', 'Thread', True)},
    'Process': {1: ('pid', 'i'), 2: ('ppid', 'i'), 3: ('cmdline', 's', True), 7: ('start', 'u'),
                9: ('cmdline_is_comm', 'b')},
    'Thread': {1: ('tid', 'i'), 2: ('name', 's'), 3: ('tgid', 'i')},
    'ClockSnapshot': {1: ('clocks', 'Clock', True), 2: ('primary_trace_clock', 'u')},
    'Clock': {1: ('clock_id', 'u'), 2: ('timestamp', 'u')},
    'ProcessStats': {1: ('processes', 'ProcessMemory', True)},
    'ProcessMemory': {1: ('pid', 'i'), 2: ('vm_size_kb', 'u'), 3: ('vm_rss_kb', 'u'), 4: ('rss_anon_kb', 'u'),
                      5: ('rss_file_kb', 'u'), 6: ('rss_shmem_kb', 'u'), 7: ('vm_swap_kb', 'u')},
    'TrackEvent': {3: ('category_iids', 'u', True), 4: ('notes', 'DebugAnnotation', True), 9: ('type', 'u'),
                   10: ('name_iid', 'u'), 11: ('track_uuid', 'u'), 12: ('extra_counter_values', 'i', True),
                   22: ('categories', 's', True), 23: ('name', 's'), 30: ('counter_value', 'i'),
                   31: ('extra_counter_track_uuids', 'u', True), 44: ('double_counter_value', 'd'),
                   56: ('callstack_iid', 'u')},
    'DebugAnnotation': {1: ('name_iid', 'u'), 2: ('bool_value', 'b'), 3: ('uint_value', 'u'),
                        4: ('int_value', 'i'), 6: ('string_value', 's'), 7: ('pointer_value', 'u'),
                        10: ('name', 's'), 11: ('dict_entries', 'DebugAnnotation', True),
                        17: ('string_value_iid', 'u')},
    'InternedData': {1: ('event_categories', 'Interned', True), 2: ('event_names', 'Interned', True),
                     3: ('debug_annotation_names', 'Interned', True),
                     5: ('function_names', 'Interned', True), 6: ('frames', 'Frame', True),
                     7: ('callstacks', 'Callstack', True), 16: ('build_ids', 'InternedBytes', True),
                     17: ('mapping_paths', 'Interned', True), 18: ('source_paths', 'Interned', True),
                     19: ('mappings', 'Mapping', True),
                     29: ('debug_annotation_string_values', 'Interned', True)},
    'Interned': {1: ('iid', 'u'), 2: ('name', 's')},
    'InternedBytes': {1: ('iid', 'u'), 2: ('name', 'B')},
    'Mapping': {1: ('iid', 'u'), 2: ('build_id', 'u'), 3: ('start_offset', 'u'), 4: ('start', 'u'), 5: ('end', 'u'),
                6: ('load_bias', 'u'), 7: ('path_string_ids', 'u', True), 8: ('exact_offset', 'u')},
    'Frame': {1: ('iid', 'u'), 2: ('function_name_id', 'u'), 3: ('mapping_id', 'u'), 4: ('rel_pc', 'u'),
              5: ('source_path_iid', 'u'), 6: ('line_number', 'u')},
    'Callstack': {1: ('iid', 'u'), 2: ('frame_ids', 'u', True)},
    'ProfilePacket': {5: ('process_dumps', 'ProcessHeapSamples', True), 6: ('continued', 'b'), 7: ('index', 'u')},
    'ProcessHeapSamples': {1: ('pid', 'u'), 2: ('samples', 'HeapSample', True), 9: ('timestamp', 'u'),
                           11: ('heap_name', 's')},
    'HeapSample': {1: ('callstack_id', 'u'), 2: ('self_allocated', 'u'), 3: ('self_freed', 'u'),
                   5: ('alloc_count', 'u')},
    'TracePacketDefaults': {11: ('track_event', 'TrackEventDefaults'), 58: ('timestamp_clock_id', 'u')},
    'TrackEventDefaults': {11: ('track_uuid', 'u')},
    'TrackDescriptor': {1: ('uuid', 'u'), 2: ('name', 's'), 3: ('process', 'ProcessDescriptor'),
                        4: ('thread', 'ThreadDescriptor'), 5: ('parent_uuid', 'u'),
                        8: ('counter', 'CounterDescriptor'), 11: ('child_ordering', 'u'),
                        12: ('sibling_order_rank', 'i'), 14: ('description', 's')},
    'ProcessDescriptor': {1: ('pid', 'i'), 6: ('process_name', 's'), 7: ('start_timestamp_ns', 'i')},
    'ThreadDescriptor': {1: ('pid', 'i'), 2: ('tid', 'i'), 5: ('thread_name', 's')},
    'CounterDescriptor': {3: ('unit', 'u'), 6: ('unit_name', 's'), 7: ('y_axis_share_key', 's')},
    'TraceStats': {1: ('buffer_stats', 'BufferStats', True), 7: ('total_buffers', 'u'),
                   18: ('writer_stats', 'WriterStats', True)},
    'BufferStats': {1: ('bytes_written', 'u'), 19: ('trace_writer_packet_loss', 'u')},
    'WriterStats': {1: ('sequence_id', 'u'), 4: ('buffer', 'u')},
    'SystemInfo': {1: ('utsname', 'Utsname'), 6: ('page_size', 'u')},
    'Utsname': {1: ('sysname', 's'), 2: ('version', 's'), 3: ('release', 's'), 4: ('machine', 's')},
    'TraceUuid': {1: ('msb', 'i'), 2: ('lsb', 'i')},
    'TaskState': {2: ('comm', 's'), 3: ('tid', 'i'), 4: ('state', 'u')},
    'TraceAttributes': {1: ('attribute', 'Attribute', True)},
    'Attribute': {1: ('key', 's'), 2: ('long_value', 'i'), 3: ('string_value', 's')},
    'SmapsPacket': {1: ('pid', 'u'), 3: ('packed_entries', 'PackedSmaps'), 4: ('recording_type', 'u')},
    'PackedSmaps': {1: ('string_table', 's', True), 2: ('name_id', 'P'), 4: ('size_kb', 'P'), 5: ('rss_kb', 'P'),
                    6: ('anonymous_kb', 'P'), 7: ('swap_kb', 'P')},
}


def varint(b, i):
    v = shift = 0
    while True:
        need(i < len(b), 'a number is cut off')
        c = b[i]
        i += 1
        v |= (c & 127) << shift
        if c < 128:
            need(v < 1 << 64, 'a number of more than 64 bits')
            return v, i
        shift += 7


def fields(b):
    """(number, wire type, value) of a message; the value of type 2 is bytes."""
    i = 0
    while i < len(b):
        key, i = varint(b, i)
        wire = key & 7
        if wire == 0:
            v, i = varint(b, i)
        elif wire == 2:
            size, i = varint(b, i)
            v, i = b[i:i + size], i + size
            need(i <= len(b), 'a field is longer than its message')
        elif wire == 1:
            v, i = b[i:i + 8], i + 8
            need(i <= len(b), 'a field is cut off')
        else:
            raise Bad(f'wire type {wire}')
        yield key >> 3, wire, v


def value(kind, wire, v):
    if kind in 'uib':
        need(wire == 0, 'a number of wire type', wire)
        return v - (1 << 64) if kind == 'i' and v >> 63 else bool(v) if kind == 'b' else v
    if kind == 'd':
        import struct
        need(wire == 1, 'a double of wire type', wire)
        return struct.unpack('<d', v)[0]
    need(wire == 2, kind, 'of wire type', wire)
    if kind == 's':
        return v.decode()  # strictly
    if kind == 'B':
        return v
    if kind == 'P':
        out, i = [], 0
        while i < len(v):
            n, i = varint(v, i)
            out.append(n)
        return out
    return message(kind, v)


def message(kind, b):
    out = {}
    for nr, wire, v in fields(b):
        need(nr in SCHEMA[kind], f'{kind} has an unknown field {nr}')
        name, what, *repeated = SCHEMA[kind][nr]
        if repeated:
            out.setdefault(name, []).append(value(what, wire, v))
        else:
            need(name not in out, f'{kind}.{name} is there twice')
            out[name] = value(what, wire, v)
    return out


def unbundled(data):
    """The same trace without compression."""
    out = b''
    for _, _, v in fields(data):
        whole = [p for nr, _, p in fields(v) if nr == 50]
        if whole:
            out += zlib.decompress(whole[0])
            continue
        size, n = b'', len(v)
        while n > 127:
            size, n = size + bytes([n & 127 | 128]), n >> 7
        out += b'\n' + size + bytes([n]) + v
    return out


def packets(data, depth=0):
    for nr, wire, v in fields(data):
        need(nr == 1 and wire == 2, 'something else than a packet')
        p = message('TracePacket', v)
        if 'compressed_packets' not in p:
            yield p
            continue
        need(depth == 0, 'a bundle in a bundle')
        need(len(p) == 1, 'a bundle with something beside it')
        d = zlib.decompressobj()
        raw = d.decompress(p['compressed_packets'])
        need(d.eof and not d.unused_data, 'a bundle that is not one whole zlib stream')
        need(len(raw) < 512 << 10, 'a bundle of', len(raw), 'bytes')
        yield from packets(raw, 1)


class Sequence:
    def __init__(self):
        self.state, self.defaults, self.packets = False, {}, 0
        self.heap, self.index, self.dumped = None, 0, {}
        self.interned = collections.defaultdict(dict)


class Trace:
    """A trace, as its importer would see it."""

    def __init__(self, path):
        with open(path, 'rb') as f:
            self.data = f.read()
        self.seqs = collections.defaultdict(Sequence)
        self.tracks = {}  # uuid: descriptor; the latest
        self.threads = {}  # uuid: (pid, tid)
        self.counters = collections.defaultdict(list)  # uuid: [(ts, value)]
        self.events = []  # (ts, type, track uuid, name, {categories}, {arguments})
        self.processes = collections.defaultdict(list)  # pid: [ProcessTree's]
        self.thread_names = collections.defaultdict(list)  # tid: [name]
        self.stats = []  # ProcessStats' processes, with their time
        self.smaps = []  # (ts, pid, [{name, size_kb …}])
        self.ended = []  # (ts, tid)
        self.attributes, self.system, self.trace_stats = {}, None, None
        self.clocks, self.dropped, self.nr = [], 0, 0
        self.callstacks = []  # (ts, kind, [frames]) of events that have one
        self.heaps = collections.defaultdict(dict)  # (pid, heap): {frames: (allocated, freed)}; the latest
        self.dumps = []  # (ts, pid, heap)
        for p in packets(self.data):
            self.nr += 1
            self.packet(p)
        need(self.nr, 'no packet')
        self.check_slices()

    def packet(self, p):
        if self.nr == 1:
            need('clock_snapshot' in p, 'the first packet is no snapshot of the clocks')
        seq = self.seqs[p['seq']] if 'seq' in p else None
        flags = p.get('sequence_flags', 0)
        if seq:
            need(('first_packet_on_sequence' in p) == (seq.packets == 0), 'first packet on sequence', p)
            seq.packets += 1
            if p.get('previous_packet_dropped'):
                self.dropped += 1
                need(seq.packets > 1, 'a gap before the first packet')
                seq.state = False
            if flags & 1:
                seq.interned.clear()
                seq.state, seq.defaults = True, {}
            if 'defaults' in p:
                need(not seq.defaults, 'defaults twice')
                seq.defaults = p['defaults']
            if flags & 2:
                need(seq.state, 'state is needed and was lost')
            for field, names in p.get('interned_data', {}).items():
                need(flags & 3, 'interned data without state')
                for n in names:
                    need(n.get('iid', 0) > 0, 'an iid of 0')
                    what = n.get('name', n)
                    old = seq.interned[field].setdefault(n['iid'], what)
                    need(old == what, 'an iid was told anew', field, n, old)
        clock = seq.defaults.get('timestamp_clock_id', 6) if seq and flags & 2 else 6
        need(clock == 6, 'clock', clock)
        if 'timestamp' in p:
            need(6 in [c['clock_id'] for c in self.clocks[0]], 'an unknown clock')
        ts = p.get('timestamp')
        for key in p:
            take = getattr(self, 'on_' + key, None)
            if take:
                take(p[key], ts, seq, flags)

    def frames(self, seq, iid):
        """(function or None, path, build-id, rel_pc) of a call stack, outermost first."""
        need(iid in seq.interned['callstacks'], 'an unknown call stack', iid)
        out = []
        for f in seq.interned['callstacks'][iid].get('frame_ids', []):
            need(f in seq.interned['frames'], 'an unknown frame', f)
            frame = seq.interned['frames'][f]
            need(frame.get('mapping_id') in seq.interned['mappings'], 'a frame of no mapping', frame)
            m = seq.interned['mappings'][frame['mapping_id']]
            path = '/'.join([''] + [seq.interned['mapping_paths'][i] for i in m['path_string_ids']])
            build = seq.interned['build_ids'][m['build_id']] if 'build_id' in m else None
            name = frame.get('function_name_id')
            need(name is None or name in seq.interned['function_names'], 'an unknown name', frame)
            if 'source_path_iid' in frame:
                need(frame['source_path_iid'] in seq.interned['source_paths'], 'an unknown source', frame)
            out.append((seq.interned['function_names'][name] if name else None, path, build, frame['rel_pc']))
        return tuple(out)

    def on_profile_packet(self, p, ts, seq, flags):
        need(seq is not None and flags == 2 and seq.state, 'a heap profile needs the state of its sequence')
        need(4 in [c['clock_id'] for c in self.clocks[0]], 'heap profiles are told on CLOCK_MONOTONIC_COARSE')
        need(p['index'] == seq.index, 'index', p['index'], seq.index)
        seq.index += 1
        for d in p['process_dumps']:
            key = d['pid'], d['heap_name']
            need(seq.heap in (None, key), 'two heaps on a sequence')
            need(not set(":'") & set(d['heap_name']), 'name')
            seq.heap = key
            self.dumps.append((d['timestamp'], *key))
            for s in d.get('samples', []):
                now = s['self_allocated'], s['self_freed']
                old = seq.dumped.get(s['callstack_id'], (0, 0))
                need(now[0] >= old[0] and now[1] >= old[1], 'a value that gets smaller drops its row', old, now)
                seq.dumped[s['callstack_id']] = now
                self.heaps[key][self.frames(seq, s['callstack_id'])] = now

    def on_clock_snapshot(self, s, ts, seq, flags):
        need(s['primary_trace_clock'] == 6, 'primary clock')
        self.clocks.append(s['clocks'])

    def on_system_info(self, s, ts, seq, flags):
        self.system = s

    def on_trace_stats(self, s, ts, seq, flags):
        need(len(s['buffer_stats']) == s['total_buffers'], 'buffers')
        self.trace_stats = s

    def on_trace_attributes(self, a, ts, seq, flags):
        for x in a['attribute']:
            self.attributes[x['key']] = x.get('long_value', x.get('string_value'))

    def on_process_tree(self, t, ts, seq, flags):
        for x in t.get('processes', []):
            need(x.get('cmdline'), 'a process without a command line is ignored', x)
            self.processes[x['pid']].append(x)
        for x in t.get('threads', []):
            need(x['tgid'] in self.processes, 'a thread of no process', x)
            self.thread_names[x['tid']].append(x.get('name'))

    def on_process_stats(self, s, ts, seq, flags):
        for x in s['processes']:
            self.stats.append(dict(x, ts=ts))

    def on_task_state(self, s, ts, seq, flags):
        need(s['state'] == 8, 'state', s)
        self.ended.append((ts, s['tid']))

    def on_smaps_packet(self, s, ts, seq, flags):
        need(s.get('recording_type') == 1, 'recording type')
        e = s['packed_entries']
        need(e['string_table'][0] == '', 'the first string is not empty')
        arrays = {k: v for k, v in e.items() if k != 'string_table'}
        need(len({len(v) for v in arrays.values()}) == 1, 'arrays of unequal lengths')
        need({'name_id', 'size_kb', 'rss_kb'} <= set(arrays), 'arrays', set(arrays))
        rows = [dict(zip(arrays, row)) for row in zip(*arrays.values())]
        for row in rows:
            row['name'] = e['string_table'][row.pop('name_id')]
        self.smaps.append((ts, s['pid'], rows))

    def on_track_descriptor(self, d, ts, seq, flags):
        need(d.get('uuid'), 'a track without a uuid')
        if 'parent_uuid' in d:
            need(d['parent_uuid'] in self.tracks, 'a parent that was not described', d)
        old = self.tracks.get(d['uuid'])
        for key in ('process', 'thread', 'counter'):
            need(not old or (key in old) == (key in d), 'a track became another', old, d)
        if 'thread' in d:
            self.threads[d['uuid']] = d['thread']['pid'], d['thread']['tid']
        self.tracks[d['uuid']] = d

    def on_track_event(self, e, ts, seq, flags):
        need(seq is not None, 'an event without a sequence is dropped')
        need(ts is not None, 'an event without a time')

        def name_of(field, iid):
            need(flags & 2, 'an iid on a packet that needs no state')
            need(iid in seq.interned[field], 'an unknown iid', field, iid)
            return seq.interned[field][iid]

        def argument(n):
            name = n['name'] if 'name' in n else name_of('debug_annotation_names', n['name_iid'])
            if 'dict_entries' in n:
                return name, dict(argument(x) for x in n['dict_entries'])
            if 'string_value_iid' in n:
                return name, name_of('debug_annotation_string_values', n['string_value_iid'])
            values = [v for k, v in n.items() if k.endswith('_value')]
            need(len(values) == 1, 'an argument with', len(values), 'values')
            return name, values[0]
        uuid = e.get('track_uuid', seq.defaults.get('track_event', {}).get('track_uuid'))
        need(uuid in self.tracks, 'a track that was not described', uuid)
        if e['type'] == 4:
            need('counter' in self.tracks[uuid], 'a counter on a track that is none')
            need(('counter_value' in e) != ('double_counter_value' in e), 'values')
            self.counters[uuid].append((ts, e.get('counter_value', e.get('double_counter_value'))))
        else:
            need('counter' not in self.tracks[uuid], 'no counter on a track that is one')
        extra = e.get('extra_counter_track_uuids', [])
        need(len(extra) <= 8 and len(extra) == len(e.get('extra_counter_values', [])), 'extra counters')
        for track, v in zip(extra, e.get('extra_counter_values', [])):
            need('counter' in self.tracks.get(track, {}), 'an extra counter on a track that is none')
            self.counters[track].append((ts, v))
        if e['type'] == 4:
            return
        name = e.get('name') or ('name_iid' in e and name_of('event_names', e['name_iid'])) or None
        cats = set(e.get('categories', [])) | {name_of('event_categories', c) for c in e.get('category_iids', [])}
        if 'callstack_iid' in e:
            need(flags & 2, 'a call stack on a packet that needs no state')
            self.callstacks.append((ts, next(iter(cats)), self.frames(seq, e['callstack_iid'])))
        notes = [argument(n) for n in e.get('notes', [])]
        need(len(dict(notes)) == len(notes), 'an argument twice', notes)
        need(e['type'] == 2 or name, 'an event without a name')
        self.events.append((ts, e['type'], uuid, name, cats, dict(notes)))

    def check_slices(self):
        open_at = {}
        for ts, kind, uuid, name, *_ in sorted(self.events, key=lambda e: e[0]):
            if kind == 1:
                need(uuid not in open_at, 'slices of a track overlap', self.tracks[uuid], name, ts)
                open_at[uuid] = ts
            elif kind == 2:
                need(uuid in open_at, 'a slice ends that did not begin')
                need(ts > open_at.pop(uuid), 'a slice without a length')
        need(not open_at, 'slices that do not end', len(open_at))

    # ---- questions

    def pid_of(self, uuid):
        while uuid:
            d = self.tracks[uuid]
            if 'process' in d:
                return d['process']['pid']
            if 'thread' in d:
                return d['thread']['pid']
            uuid = d.get('parent_uuid')
        return None

    def tid_of(self, uuid):
        while uuid:
            if 'thread' in self.tracks[uuid]:
                return self.tracks[uuid]['thread']['tid']
            uuid = self.tracks[uuid].get('parent_uuid')
        return None

    def counter(self, name, pid=None, tid=None):
        """[(ts, value)] in order of time, of the counter of that name."""
        out = []
        for uuid, values in self.counters.items():
            if self.tracks[uuid].get('name') == name and (pid is None or self.pid_of(uuid) == pid) and \
               (tid is None or self.tid_of(uuid) == tid):
                out += values
        return sorted(out, key=lambda v: v[0])

    def slices(self, category):
        """[(begin, end, track uuid, name, {arguments})] of a category, in the order in which they are in the trace."""
        ends = collections.defaultdict(list)
        for ts, kind, uuid, *_ in self.events:
            if kind == 2:
                ends[uuid].append(ts)
        for of in ends.values():
            of.sort()
        return [(ts, ends[uuid][bisect.bisect_right(ends[uuid], ts)], uuid, name, args)
                for ts, kind, uuid, name, cats, args in self.events if kind == 1 and category in cats]

    def named(self, name):
        return [e for e in self.events if e[3] == name]

    def all_counts(self):
        """Events by kind: what the intervals say was taken in."""
        out = collections.Counter()
        for e in self.named('interval'):
            out.update(e[5].get('events', {}))
        return dict(out)

    def shown_counts(self):
        """Events by kind that are there to be seen: one by one, or in a bin with their number."""
        out = collections.Counter()
        for ts, kind, uuid, name, cats, args in self.events:
            if kind == 2:
                continue
            if 'binned' in cats:
                out.update({k: v for k, v in args.items() if k in ('fault', 'vma', 'hole', 'name', 'resync', 'invalidate',
                                                                    'call')})
            elif not cats & {'interval', 'reading', 'pages'}:
                need(len(cats) == 1, 'categories', cats)
                out[next(iter(cats))] += 1
        return dict(out)


SHOWN = ('attach', 'exec', 'exit', 'vma', 'hole', 'name', 'resync', 'fault', 'thread', 'thread_exit', 'signal',
         'oom', 'comm', 'lost', 'mark', 'invalidate', 'call')


def main():
    t = Trace(sys.argv[1])
    print(json.dumps({
        'bytes': len(t.data), 'packets': t.nr, 'tracks': len(t.tracks), 'events': t.all_counts(),
        'shown': t.shown_counts(), 'attributes': t.attributes, 'system': t.system,
        'processes': {p: [x['cmdline'] for x in v] for p, v in t.processes.items()},
        'counters': {(t.tracks[u].get('name') or '') + f' {t.pid_of(u)}': [len(v), v[-1][1]]
                     for u, v in t.counters.items()},
        'smaps': [[ts, pid, len(rows)] for ts, pid, rows in t.smaps],
    }, indent=1))


if __name__ == '__main__':
    main()
