# SPDX-License-Identifier: GPL-2.0
"""Call stacks against gdb's of the same threads, on programs that sleep in stacks of many shapes;
against the program's own word where it knows; and proof that sleeping threads do not notice.
"""
import json
import os
import random
import re
import shutil
import signal
import struct
import subprocess
import tempfile
import time

import jsonschema

from live import MEMTRACE, PAGE, PATIENCE, SLOW, TARGETS, TOP, Skip, Target, check, equal, fields, main, maps, stop_process

with open(os.path.join(TOP, 'docs', 'schema', 'stacks.schema.json'), encoding='utf-8') as schema:
    SCHEMA = json.load(schema)
LONG = 'MEMTRACE_TEST_LONG' in os.environ  # 1,000 stacks against gdb: some minutes
NR_STACKS = 330 if LONG else 80
VARS_SHARE = 0.95
MOMENTS = int(os.environ.get('CALLSTACKS', '0'))  # stacks of at_any_moment(), which is there only then
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


def gdb(pid, script, word):
    """What a script in gdb says of a process: the JSON behind that word."""
    if not shutil.which('gdb'):
        raise Skip('gdb is not installed')
    if SLOW > 1:
        raise Skip('gdb is too slow on an emulated machine')
    p = subprocess.run(['gdb', '-nx', '-p', str(pid), '-batch', '-x', os.path.join(TOP, 'tests', 'helpers', script)],
                       capture_output=True, text=True, errors='replace', timeout=PATIENCE * 4,
                       stdin=subprocess.DEVNULL)
    out = [json.loads(line[len(word):]) for line in p.stdout.splitlines() if line.startswith(word + ' ')]
    check(out, f'gdb said nothing of {pid}: {p.stderr}')
    return out


def gdb_frames(pid):
    """{tid: [(pc, cfa, function)]}"""
    return {o['tid']: o['frames'] for o in gdb(pid, 'gdb_frames.py', 'FRAMES')}


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
            raise Skip(f'{name} is not built' if not name.endswith('_rs') else 'rustc is not installed')
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


THREADS = ("import threading, json, re, zlib, random\n"
           "def work():\n"
           " while True:\n"
           "  x = [random.random() for _ in range(300)]; x.sort(); json.loads(json.dumps(x)); re.findall('1+', str(x))\n"
           "  zlib.compress(str(x).encode())\n"
           "for _ in range(24): threading.Thread(target=work, daemon=True).start()\n"
           "work()")


class Tally:
    """Stacks that are gdb's in all their frames, by program; gdb's list is what counts: one that is cut short is wrong."""

    def __init__(self):
        self.right, self.total, self.bad, self.said = {}, {}, [], 0

    def add(self, what, o, truth):
        for t in o['threads']:
            good, nr, first = compare({'threads': [t]}, truth)
            self.total[what] = self.total.get(what, 0) + 1
            self.right[what] = self.right.get(what, 0) + (good == nr and nr > 0)
            self.bad += first[:1] if good < nr and len(self.bad) < 20 else []
        if self.sum() >= self.said + 500:
            self.say()

    def sum(self):
        return sum(self.total.values())

    def say(self):
        self.said = self.sum()
        print(f'# wrong stacks: {self.said - sum(self.right.values())} of {self.said}:',
              ', '.join(f'{w} {n - self.right[w]} of {n}' for w, n in self.total.items()), flush=True)


def at_any_moment():
    """CALLSTACKS=N (10000: an hour or less): as many stacks, of programs at work, stopped at moments drawn by chance,
    and of C programs that sleep in stacks drawn from new seeds; each is right only if all its frames are gdb's."""
    load = [[os.path.join(TARGETS, 'rustload'), '3600'], [os.path.join(TARGETS, 'demo'), '--seconds', '3600'],
            ['/usr/bin/python3', '-c', THREADS]]
    tally = Tally()
    running_now = [subprocess.Popen(c, stdout=subprocess.DEVNULL) for c in load if os.path.exists(c[0])]
    try:
        while tally.sum() < MOMENTS:
            for p in running_now:
                time.sleep(random.uniform(0.01, 0.3))
                stop_process(p.pid)
                o, _ = stacks('-p', p.pid, '--no-fold')
                truth = gdb_frames(p.pid)
                os.kill(p.pid, signal.SIGCONT)
                tally.add(os.path.basename(p.args[0]), o, truth)
            for name in 'frames_o2', 'frames_og':
                with Target(name, '--threads', 150, '--seed', random.randrange(1 << 30)) as target:
                    target.checkpoint()
                    o, _ = stacks('-p', target.pid, '--no-fold')
                    tally.add(name, o, gdb_frames(target.pid))
    finally:
        for p in running_now:
            p.kill()
            p.wait()
    tally.say()
    for b in tally.bad:
        print('#', b)
    check(sum(tally.right.values()) >= SHARE * tally.sum(), tally.right, 'of', tally.total)


def same_value(ours, v):
    """Our text of a variable against gdb's value."""
    if ours['optimized_out'] or ours['size_bytes'] != v['size']:
        return False
    if ours['address'] is not None and v['address'] is not None and int(ours['address'], 16) != v['address']:
        return False
    text = (ours['value'] or '').split(' ')[0]
    if v['what'] == 'int':
        char = re.fullmatch("'(.)'", ours['value'] or '')
        return (ord(char[1]) if char else {'true': 1, 'false': 0}.get(text, text)) in (v['value'], str(v['value']))
    if v['what'] == 'float':
        return float(text) == v['value']
    if v['what'] == 'pointer':
        return int(text, 16) == v['value']
    if v['what'] == 'enum':
        return text == v['value']
    return ours['value'] is not None  # a struct or an array: its place and size were compared


def vars_as_gdb(name, make):
    """Variables: place and size, and the value of what is not a struct or an array."""
    def test():
        with make() as target:
            if isinstance(target, Target):
                target.checkpoint()
            o, _ = stacks('-p', target.pid, '--vars', '--no-fold')
            known, cfa = {}, None
            for t in o['threads']:
                for f in reversed(t['frames']):  # an inlined call is in the frame around it
                    cfa = f['cfa'] or cfa
                    for v in f['vars']:
                        known.setdefault((t['tid'], int(cfa, 16), v['name']), []).append(v)
            # sc_ret is the result of the system call in which they sleep: it is not there yet
            theirs = [v for v in gdb(target.pid, 'gdb_vars.py', 'VAR') if v['name'] != 'sc_ret']
            bad = [v for v in theirs
                   if not any(same_value(ours, v) for ours in known.get((v['tid'], v['cfa'], v['name']), []))]
            print(f'# {name}: {len(theirs) - len(bad)} of {len(theirs)} variables as gdb has them')
            for v in bad[:5]:
                print('#', v, known.get((v['tid'], v['cfa'], v['name'])))
            check(len(theirs) >= 15, 'hardly any variable')
            check(len(theirs) - len(bad) >= VARS_SHARE * len(theirs), 'too many differ')
    return f'vars_{name}', test


def find_vars(o):
    """{name: variable} of every frame"""
    return {v['name']: v for t in o['threads'] for f in t['frames'] for v in f['vars']}


def leads_to(v, kind, **more):
    to = v['points_to']
    check(to, f'{v["name"]} leads nowhere')
    equal(to['kind'], kind, v['name'])
    for key, want in more.items():
        equal(to[key], want, f'{v["name"]}: {key}')


def pointers_c():
    with Target('lesson') as target:
        target.checkpoint()
        v = find_vars(stacks('-p', target.pid, '--vars')[0])
        equal(v['numbers']['value'], '[1, 2, 3, 4, 5]', 'numbers')
        equal((v['numbers']['type'], v['numbers']['size_bytes']), ('int[5]', 20), 'numbers')
        equal(v['copy']['type'], 'struct user', 'type')
        check('name = "ann"' in v['copy']['value'] and 'role = ADMIN' in v['copy']['value'], v['copy']['value'])
        leads_to(v['literal'], 'rodata', symbol='greeting')
        check(v['literal']['value'].endswith('"hello from .rodata"'), v['literal']['value'])
        leads_to(v['to_data'], 'data', symbol='counter')
        leads_to(v['to_bss'], 'bss' if v['to_bss']['points_to']['kind'] == 'bss' else 'data', symbol='buffer')
        leads_to(v['to_stack'], 'stack', region=f'thread {target.pid}', frame=3)
        leads_to(v['function'], 'text', symbol='add')
        leads_to(v['list'], 'heap', bytes=16, chunk_bytes=32, chunk_free=False)
        leads_to(v['freed'], 'heap', chunk_bytes=3008, chunk_free=True)
        leads_to(v['wild'], 'unmapped')
        equal((v['none']['points_to'], v['none']['value']), (None, '0x0'), 'a null pointer')
        v = find_vars(stacks('-p', target.pid, '--vars', '--no-values')[0])
        equal([x['name'] for x in v.values() if x['value'] is not None], [], 'values in spite of --no-values')
        leads_to(v['literal'], 'rodata', symbol='greeting')


def pointers_cpp():
    with Asleep('lesson_cpp') as target:
        v = find_vars(stacks('-p', target.pid, '--vars')[0])
        equal((v['brief']['value'], v['lengthy']['value'][:10]), ('"hello"', '"xxxxxxxxx'), 'strings')
        leads_to(v['brief'], 'stack', bytes=5, reserved_bytes=15)
        leads_to(v['lengthy'], 'heap', bytes=100, reserved_bytes=100)
        leads_to(v['numbers'], 'heap', bytes=12, reserved_bytes=32)
        equal(v['numbers']['value'], '[1, 2, 3]', 'vector')
        leads_to(v['unique'], 'heap', bytes=8)
        leads_to(v['shared'], 'heap', bytes=4)
        leads_to(v['alias'], 'stack', bytes=48)
        equal(v['color']['value'], 'green', 'enum class')


def pointers_rust():
    with Asleep('lesson_rs') as target:
        v = find_vars(stacks('-p', target.pid, '--vars')[0])
        equal((v['owned']['type'], v['owned']['size_bytes'], v['owned']['value']), ('String', 24, '"hello"'), 'String')
        leads_to(v['owned'], 'heap', bytes=5, reserved_bytes=5)
        equal((v['grown']['type'], v['grown']['value']), ('Vec<i32>', '[1, 2, 3]'), 'Vec')
        leads_to(v['grown'], 'heap', bytes=12, reserved_bytes=32)
        equal((v['literal']['type'], v['literal']['size_bytes']), ('&str', 16), '&str')
        leads_to(v['literal'], 'rodata', bytes=10)
        leads_to(v['part'], 'heap', bytes=8)
        equal(v['text_part']['value'], '"ell"', 'slice')
        leads_to(v['boxed'], 'heap', bytes=8)
        equal((v['shared']['value'], v['shared_too']['value']), ('strong 2, weak 0',) * 2, 'Rc')
        equal(v['shared']['points_to']['address'], v['shared_too']['points_to']['address'], 'one value, two owners')
        equal((v['some']['value'], v['none']['value']), ('Some{3}', 'None'), 'Option')
        equal((v['shape']['value'], v['nothing']['value']), ('Square{side = 4}', 'Nothing'), 'enum')
        equal(v['user']['value'], '{id = 9, name = "ann"}', 'struct')
        equal((v['flag']['value'], v['letter']['value'], v['small']['value']), ('true', "'é'", '200'), 'primitives')


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


def many_threads():
    nr = 1000 if SLOW == 1 else 200
    with Target('frames_o2', '--threads', nr) as target:
        target.checkpoint()
        o, _ = stacks('-p', target.pid, '--no-fold')
        equal(len(o['threads']), nr + 1, 'threads')
        equal({t['taken'] for t in o['threads']}, {'asleep'}, 'how they were taken')
        ends = [t['end'] for t in o['threads']]
        equal(ends.count('complete'), nr + 1, 'complete stacks')
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


def other_stacks():
    """Handlers and contexts on stacks of the program's own: their functions in order, and no invented limits."""
    with Target('altstack') as target:
        target.checkpoint()
        o, _ = stacks('-p', target.pid)
        by_tid = {t['tid']: t for t in o['threads']}
        lines = [k for _, k in target.lines('THREAD')]
        equal(len(lines), 4, 'threads')
        for keys in lines:
            t = by_tid[keys['tid']]
            names = [f['function'] for f in t['frames'] if f['module'] == 'altstack']
            equal(names, keys['path'].split(','), 'functions')
            custom = names[1] in ('on_alternate', 'in_context')
            equal(t['custom_stack'], custom, f'{names}: on a stack of its own making')
            equal(t['stack'] is None, custom, f'{names}: bounds')
            # where a context ends there is no caller, and in some C libraries no CFI either
            check(t['end'] in ('complete', 'no_cfi' if names[1] == 'in_context' else ''), f'{names}: end {t["end"]}')
            for f in own(t['frames']):
                check(f['size_bytes'] is None or f['size_bytes'] < 8192, f'{names}: a frame of {f["size_bytes"]} bytes')
            if names[1] in ('on_alternate', 'on_signal'):
                equal([f['signal'] for f in own(t['frames'])].count(True), 1, 'frames of a signal')
                below = [f for f in own(t['frames']) if f['function'] == names[-1]][0]
                check(0 < below['depth_bytes'] < 8192, f'{names}: depth {below["depth_bytes"]} of what was interrupted')


def lowest_present(pid, start, end):
    """The lowest page of a range that is there, by /proc/PID/pagemap."""
    with open(f'/proc/{pid}/pagemap', 'rb') as f:
        f.seek(start // PAGE * 8)
        words = struct.unpack(f'{(end - start) // PAGE}Q', f.read((end - start) // PAGE * 8))
    return start + PAGE * next(i for i, w in enumerate(words) if w >> 63)


def own_stacks():
    """Mappings that grow, green threads, an alternate stack within the ordinary one: against what each thread knows
    of its stack; a limit that nobody knows is not told."""
    with Target('ownstacks') as target:
        target.checkpoint()
        o, _ = stacks('-p', target.pid, '--no-fold')
        by_tid = {t['tid']: t for t in o['threads']}
        lines = {k['kind']: k for _, k in target.lines('THREAD')}
        equal(len(lines), 5, 'threads')
        for kind, said in lines.items():
            t = by_tid[said['tid']]
            mine = [f for f in own(t['frames']) if f['module'] == 'ownstacks']
            equal(list(dict.fromkeys(f['function'] for f in mine)), said['path'].split(','), f'{kind}: functions')
            asleep = mine[0]
            equal(int(asleep['cfa'], 16), said['sp'] + 16, f'{kind}: end of the innermost frame')
            if kind != 'grows':
                equal((t['custom_stack'], t['stack']), (True, None), f'{kind}: a stack of its own making')
                equal(asleep['depth_bytes'], None, f'{kind}: depth of the innermost frame')
                continue
            s = t['stack']
            start, end = [(a, b) for a, b, _ in maps(target.pid) if a <= said['sp'] < b][0]
            check(start < said['low'], 'it has not grown')
            equal((int(s['start'], 16), int(s['end'], 16)), (start, said['high']), 'bounds')
            equal(end, said['high'], 'end of the mapping')
            equal(s['depth_bytes'], said['high'] - int(s['sp'], 16), 'depth')
            equal(asleep['depth_bytes'] - asleep['size_bytes'], said['high'] - said['sp'] - 16, 'depth of its caller')
            equal(s['high_water_bytes'], end - lowest_present(target.pid, start, end), 'high water')
            equal((s['limit_bytes'], s['headroom_bytes']), (None, None), 'limit of a mapping that grows')
        # what was interrupted lies where the thread says that its alternate stack does not
        t, said = by_tid[lines['inside']['tid']], lines['inside']
        below = [f for f in own(t['frames']) if f['function'] == 'far_below'][0]
        check(int(below['cfa'], 16) < said['low'] and below['depth_bytes'] > 300 << 10, f'what was interrupted: {below}')


def running():
    """A thread that computes is stopped for a moment, and goes on."""
    code = 'import threading, time\nt = time.time() + 60\nwhile time.time() < t: sum(range(1000))'
    p = subprocess.Popen(['/usr/bin/python3', '-c', code])
    try:
        taken = set()
        for _ in range(200):
            t = stacks('-p', p.pid)[0]['threads'][0]
            taken.add(t['taken'])
            check(t['frames'] or t['skipped'], 'neither frames nor a reason')
            if 'stopped' in taken:
                check(t['stopped_ns'] > 0, 'stopped for no time')
                break
        check('stopped' in taken, 'it was never seen running')
        with open(f'/proc/{p.pid}/status', encoding='utf-8') as f:
            status = f.read()
        check('TracerPid:\t0\n' in status and 'State:\tt' not in status, 'it is still held')
    finally:
        p.kill()
        p.wait()


def as_nobody(*args):
    """Runs memtrace as its target's ordinary user: no BPF. The report, and what it said."""
    def lower():
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
    p = subprocess.run(args, capture_output=True, text=True, preexec_fn=lower, timeout=PATIENCE * 8)
    return p


def without_root():
    """One's own processes: the threads' registers are from /proc, running ones are stopped, and nobody notices."""
    with tempfile.TemporaryDirectory() as d:
        os.chmod(d, 0o755)
        for name, path in (('memtrace', MEMTRACE), ('patience', os.path.join(TARGETS, 'patience'))):
            shutil.copy(path, os.path.join(d, name))
            os.chmod(os.path.join(d, name), 0o755)
        script = f"""
cd {d} || exit 1
mkfifo /tmp/memtrace-go.$$ && exec 3<>/tmp/memtrace-go.$$ && rm /tmp/memtrace-go.$$
TARGET_SYNC=1 ./patience --busy --wait-ms 50 4>&1 & pid=$!
sleep 0.5
for i in $(seq {60 // SLOW}); do ./memtrace stacks -p $pid --json; done
./memtrace stacks -p 1 --json; echo STATUS $?
echo x >&3
wait $pid
"""
        p = as_nobody('/bin/bash', '-c', script)
    lines = p.stdout.splitlines()
    check('STATUS 4' in lines, f"another's process: {lines[-20:]}, {p.stderr}")
    reports = [json.loads(line) for line in lines if line.startswith('{')]
    check(len(reports) > 10, p.stderr)
    taken = {}
    for o in reports:
        jsonschema.validate(o, SCHEMA)
        check(o['note'] and 'CAP_BPF' in o['note'], 'no word about what is missing')
        for t in o['threads']:
            taken[t['taken']] = taken.get(t['taken'], 0) + 1
    said = [fields(line.split()) for line in lines if line.startswith('PATIENCE')]
    print(f'# threads taken: {taken}; calls: {sum(k["calls"] for k in said)}')
    check(len(said) == 10 and taken.get('stopped', 0) > 10, 'hardly any thread was caught running')
    for k in said:
        equal((k['interrupted'], k['early']), (0, 0), f'{k["kind"]}: interrupted and early')


def functions(o):
    return [f['function'] for f in o['threads'][0]['frames']]


def binaries():
    """Deleted and replaced files, stripped ones, debug information in files of its own."""
    if not (shutil.which('strip') and shutil.which('objcopy')):
        raise Skip('binutils are not installed')
    with tempfile.TemporaryDirectory() as d:
        source, path = os.path.join(TARGETS, 'lesson'), os.path.join(d, 'lesson')
        shutil.copy(source, path)
        want = ['add', 'pointers', 'main']
        with Target(path) as target:
            target.checkpoint()
            os.remove(path)
            o, _ = stacks('-p', target.pid)
            equal([f for f in functions(o) if f in want], want, 'a deleted program')
            equal(o['threads'][0]['frames'][-1]['module'], 'lesson', 'module')
            shutil.copy('/bin/true', path)
            equal([f for f in functions(stacks('-p', target.pid)[0]) if f in want], want, 'a replaced program')
        subprocess.run(['strip', '-o', path, source], check=True)
        with Target(path) as target:
            target.checkpoint()
            o, _ = stacks('-p', target.pid)
            mine = [f for f in o['threads'][0]['frames'] if f['module'] == 'lesson']
            check(len(mine) >= 4 and all(f['function'] is None for f in mine), f'a stripped program: {mine}')
            equal(o['threads'][0]['end'], 'complete', 'stack of a stripped program')
        os.mkdir(os.path.join(d, '.debug'))
        debug = os.path.join(d, '.debug', 'lesson.debug')
        subprocess.run(['objcopy', '--only-keep-debug', source, debug], check=True)
        subprocess.run(['objcopy', '--add-gnu-debuglink', debug, path], check=True)
        with Target(path) as target:
            target.checkpoint()
            o, _ = stacks('-p', target.pid)
            equal([f for f in functions(o) if f in want], want, 'debug information by .gnu_debuglink')
            line = [f['line'] for f in o['threads'][0]['frames'] if f['function'] == 'add']
            check(line[0], 'no line')


def jit():
    """Names that a JIT writes into /tmp/perf-PID.map; its code has no unwind information."""
    code = """import ctypes, mmap, sys, os
m = mmap.mmap(-1, 4096, prot=7)
m.write(bytes.fromhex('ebfe'))  # for (;;);
at = ctypes.addressof(ctypes.c_char.from_buffer(m))
with open(f'/tmp/perf-{os.getpid()}.map', 'w') as f:
    f.write(f'{at:x} 40 jitted_loop\\x1b[31m\\nnonsense\\n{at + 64:x} zz\\n')
print('ready', flush=True)
ctypes.CFUNCTYPE(None)(at)()"""
    p = subprocess.Popen(['/usr/bin/python3', '-c', code], stdout=subprocess.PIPE)
    try:
        p.stdout.readline()
        for _ in range(100):
            o, _ = stacks('-p', p.pid)
            if functions(o)[0] and functions(o)[0].startswith('jitted_loop'):
                break
            time.sleep(0.05)
        check(functions(o)[0].startswith('jitted_loop'), functions(o))
        equal(o['threads'][0]['end'], 'no_cfi', 'end')
        text = subprocess.run([MEMTRACE, 'stacks', '-p', str(p.pid)], capture_output=True).stdout
        check(b'\x1b' not in text, 'an escape sequence of the target')
    finally:
        p.kill()
        p.communicate()
        os.remove(f'/tmp/perf-{p.pid}.map')


def debugged():
    """One that another tracer has is not touched, and that is said."""
    if not shutil.which('strace'):
        raise Skip('strace is not installed')
    p = subprocess.Popen(['/usr/bin/python3', '-c', 'while True: pass'])
    tracer = subprocess.Popen(['strace', '-o', '/dev/null', '-p', str(p.pid)], stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + PATIENCE
        while True:
            with open(f'/proc/{p.pid}/status', encoding='utf-8') as f:
                if 'TracerPid:\t0\n' not in f.read():
                    break
            check(time.monotonic() < until, 'strace does not attach')
        for _ in range(50):
            r = subprocess.run([MEMTRACE, 'stacks', '-p', str(p.pid), '--json'], capture_output=True, text=True)
            if r.returncode:
                break
        equal(r.returncode, 4, 'exit status')
        check('tracer' in json.loads(r.stderr)['text'], r.stderr)
        equal(tracer.poll(), None, 'strace')
    finally:
        tracer.kill()
        tracer.wait()
        p.kill()
        p.wait()


def wrong_targets():
    _, err = stacks('-p', 4194303, status=3)
    check(err.startswith('{') and json.loads(err)['code'] == 3, err)
    _, err = stacks('-p', os.getpid(), '-t', 1, status=3)
    check('no thread 1' in err, err)
    _, err = stacks('-p', 'x', status=2)
    _, err = stacks('-p', os.getpid(), '--folded', status=2)


if __name__ == '__main__':
    main(frames_as_gdb('c_O0', lambda: Target('frames_o0', '--threads', NR_STACKS)),
         frames_as_gdb('c_O2', lambda: Target('frames_o2', '--threads', NR_STACKS, '--seed', 7)),
         *([frames_as_gdb('c_Og', lambda: Target('frames_og', '--threads', NR_STACKS, '--seed', 5))] if LONG else []),
         frames_as_gdb('cpp_O2', lambda: Asleep('frames_cpp')),
         frames_as_gdb('rust', lambda: Asleep('frames_rs')),
         vars_as_gdb('c_O0', lambda: Target('lesson')), vars_as_gdb('cpp_O0', lambda: Asleep('lesson_cpp')),
         vars_as_gdb('rust_O0', lambda: Asleep('lesson_rs')),
         vars_as_gdb('walks_O0', lambda: Target('frames_o0', '--threads', 10)),
         vars_as_gdb('walks_Og', lambda: Target('frames_og', '--threads', 10)),
         pointers_c, pointers_cpp, pointers_rust,
         patience(), patience('--busy'), many_threads, depth_is_known, other_stacks, own_stacks, running, without_root, binaries, jit, debugged, wrong_targets,
         *([at_any_moment] if MOMENTS else []))
