# SPDX-License-Identifier: GPL-2.0
"""record, replay, info, report, diff: on real processes, and when things go wrong."""
import json
import os
import pwd
import re
import select
import shutil
import signal
import socket
import stat as st_mode
import subprocess
import tempfile
import time

from live import BUILD, MEMTRACE, PATIENCE, SLOW, TARGETS, TOP, Skip, Target, check, equal, kernel_faults, main

CHECK = os.path.join(BUILD, 'tests', 'helpers', 'trace_check')
DIR = tempfile.mkdtemp(prefix='memtrace-record-')
OPS = 12000 // SLOW


def path(name):
    p = os.path.join(DIR, name)
    if os.path.lexists(p) and not os.path.isdir(p):
        os.unlink(p)
    return p


def run(*args, want=0, env=None, **kw):
    """memtrace ARGS; what it printed. stderr must be one line when it failed."""
    r = subprocess.run([MEMTRACE, *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                       stdin=subprocess.DEVNULL, timeout=PATIENCE * 4, env=dict(os.environ, **(env or {})), **kw)
    err = r.stderr.decode(errors='replace')
    equal(r.returncode, want, f'status of {" ".join(map(str, args))} ({err.strip()})')
    if want and want != 10:  # which is an answer, not an error
        equal(len(err.strip().split('\n')), 1, f'lines on stderr: {err!r}')
    run.err = err
    return r.stdout


def validate(data, kind):
    try:
        import jsonschema
    except ImportError:
        return
    with open(os.path.join(TOP, 'docs', 'schema', f'{kind}.schema.json')) as f:
        schema = json.load(f)
    for line in data.splitlines():
        jsonschema.validate(json.loads(line), schema)


def info(file, want=0):
    out = run('info', file, '--json', want=want)
    validate(out, 'info')
    o = json.loads(out)
    equal(sum(o['by_kind'].values()), o['events'], 'sum of the kinds')
    return o


def same_models(file, least=1):
    """At every keyframe: live, replayed and rebuilt model. What trace_check counted."""
    r = subprocess.run([CHECK, file], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=PATIENCE * 4)
    said = r.stdout.decode(errors='replace')
    print('#', said.strip().replace('\n', '\n# '))
    equal(r.returncode, 0, 'trace_check')
    n = {k: int(v) for k, v in re.findall(r'(\w+)=(\d+)', said)}
    check(n['keyframes'] >= least, f'{n["keyframes"]} keyframes, at least {least} were wanted')
    equal(n['differences'], 0, 'differences')
    return n


class Recorder:
    """memtrace record in the background."""

    def __init__(self, *args, out=None, env=None):
        self.err = tempfile.TemporaryFile()
        self.p = subprocess.Popen([MEMTRACE, 'record', *map(str, args)], stdin=subprocess.DEVNULL,
                                  stdout=out or subprocess.DEVNULL, stderr=self.err,
                                  env=dict(os.environ, **(env or {})))

    def errors(self):
        self.err.seek(0)
        return self.err.read().decode(errors='replace')

    def until(self, cond, what):
        until = time.monotonic() + PATIENCE
        while not cond():
            check(self.p.poll() is None, f'the recorder ended while {what} was awaited: {self.errors()}')
            check(time.monotonic() < until, f'waited for {what} in vain')
            time.sleep(0.05)

    def writes(self, file, more=0):
        self.until(lambda: os.path.exists(file) and os.path.getsize(file) > more, f'more than {more} bytes')

    def catches(self, sig):
        with open(f'/proc/{self.p.pid}/status') as f:
            caught = next(int(line.split()[1], 16) for line in f if line.startswith('SigCgt:'))
        return caught >> (sig - 1) & 1

    def stop(self, sig=signal.SIGINT, want=0):
        if self.p.poll() is None:  # on a busy machine it may not have come so far yet
            self.until(lambda: self.catches(sig), 'it to begin')
        self.p.send_signal(sig)
        equal(self.p.wait(PATIENCE), want, f'status of the recorder ({self.errors().strip()})')

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if self.p.poll() is None:
            self.p.kill()
        self.p.wait(PATIENCE)


# ---- what is recorded is what was

def random_operations():
    """Everything a process can do to its map, from eight threads and their children."""
    f = path('randops.mtr')
    out = run('record', '-f', '-o', f, '--json', '--ring', '64M', '--key-bytes', '200K', '-i', '100ms', '--',
              os.path.join(TARGETS, 'randops'), '--ops', OPS, '--threads', 8, '--checkpoints', 1)
    check(b'DONE' in out, 'the target did not finish')
    summary = [line for line in out.splitlines() if line.startswith(b'{')][-1]
    validate(summary, 'record')
    wrote = json.loads(summary)
    equal(wrote['lost'], 0, 'lost')
    read = info(f)
    equal(read['by_kind'], wrote['by_kind'], 'events by kind: read and written')
    equal((read['closed'], read['damaged'], read['unknown_records']), (True, [], 0), 'closed, damaged, unknown')
    equal(same_models(f, least=10)['events'] >= wrote['events'], True, 'all events compared')


def redis():
    server = shutil.which('redis-server')
    if not server:
        raise Skip('redis-server is not installed')
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        port = s.getsockname()[1]
    f = path('redis.mtr')
    p = subprocess.Popen([server, '--port', str(port), '--save', '', '--dir', DIR], stdout=subprocess.DEVNULL)
    cli = ['redis-cli', '-p', str(port)]
    try:
        until = time.monotonic() + PATIENCE
        while subprocess.run([*cli, 'ping'], stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout != b'PONG\n':
            check(time.monotonic() < until, 'redis does not come up')
            time.sleep(0.1)
        with Recorder('-p', p.pid, '-f', '-o', f, '-i', '200ms', '--key-bytes', '15K') as r:
            r.writes(f)
            subprocess.run(['redis-benchmark', '-p', str(port), '-t', 'set,lpush', '-n', str(40000 // SLOW), '-r', '50000',
                            '-d', '300', '-q'], stdout=subprocess.DEVNULL, check=True)
            subprocess.run([*cli, 'bgsave'], stdout=subprocess.DEVNULL, check=True)
            subprocess.run([*cli, 'flushall'], stdout=subprocess.DEVNULL, check=True)
            time.sleep(0.5)
            r.stop()
    finally:
        p.kill()
        p.wait()
    o = info(f)
    equal(o['lost'], 0, 'lost')
    check(o['by_kind']['fault'] > 1000, 'faults', o['by_kind'])
    check(any(m['build_id'] and 'libc.so.6' in m['path'] for m in o['modules']), 'libc and its build-id', o['modules'])
    same_models(f, least=2)
    validate(run('report', f, '--json'), 'report')


def faults_are_the_kernels():
    """What info counts is what the kernel counted, less what no hook sees."""
    f = path('faults.mtr')
    with Target('demo', sync=False) as t:
        time.sleep(0.2)
        with Recorder('-p', t.pid, '-o', f, '-i', '100ms') as r:
            r.writes(f)
            time.sleep(1)
            os.kill(t.pid, signal.SIGSTOP)
            after = kernel_faults(t.pid)
            time.sleep(0.5)
            r.stop()
    last = json.loads(run('replay', f, '--json').splitlines()[-1])
    o = info(f)
    equal(last['faults']['seen'], o['by_kind']['fault'], 'faults: replayed and counted')
    check(last['faults']['seen'] > 0, 'no faults')
    equal(last['faults']['seen'] + last['unseen'].get('fault', 0), last['faults']['kernel'], 'seen + unseen')
    check(last['faults']['kernel'] <= after, 'more faults than the process ever had')


def storm():
    """Two threads at full speed: nothing is lost, and every fault is there, by the target's own count."""
    f = path('storm.mtr')
    said = run('record', '-o', f, '-i', '200ms', '--', os.path.join(TARGETS, 'faultstorm'), '--threads', 2,
               '--pages', 5000, '--rounds', 12 // SLOW or 2).decode()
    want = int(re.search(r'DONE faults=(\d+)', said)[1])
    o = info(f)
    equal(o['lost'], 0, 'lost')
    check(o['by_kind']['fault'] >= want, o['by_kind']['fault'], 'faults, the target had', want)


def build_ids():
    """Those in the file are those in the programs, by readelf."""
    f = path('ids.mtr')
    run('record', '-o', f, '-q', '--', '/bin/sleep', '0.5')
    ids = {m['path']: m['build_id'] for m in info(f)['modules']}
    libc = next(p for p in ids if 'libc.so.6' in p)
    out = subprocess.run(['readelf', '-n', libc], stdout=subprocess.PIPE, check=True).stdout.decode()
    equal(ids[libc], re.search(r'Build ID: ([0-9a-f]+)', out)[1], 'build-id of libc')


# ---- replay, report, diff

def growing():
    """A recording of a target that grows, made once."""
    if not hasattr(growing, 'file'):
        growing.file = path('grow.mtr')
        with Target('demo', sync=False) as t:
            growing.pid = t.pid
            run('record', '-p', t.pid, '-d', 3, '-i', '200ms', '-q', '-o', growing.file)
    return growing.file


def replay_reports():
    f = growing()
    out = run('replay', f, '--json')
    validate(out, 'snapshot')
    reps = [json.loads(line) for line in out.splitlines()]
    check(len(reps) >= 5, f'{len(reps)} reports')
    equal({r['process']['pid'] for r in reps}, {growing.pid}, 'pids')
    times = [r['time_ns'] for r in reps]
    equal(times, sorted(set(times)), 'times')
    # from a moment on: the same reports
    half = (times[len(times) // 2] - times[0]) / 1e9
    tail = [json.loads(line) for line in run('replay', f, '--json', '--seek', f'+{half:.3f}').splitlines()]
    equal(tail[-1], reps[-1], 'last report after a seek')
    check(len(tail) < len(reps), 'seek skipped nothing')
    by_time = {r['time_ns']: r for r in reps}
    for r in tail:
        equal(r, by_time[r['time_ns']], f'report at {r["time_ns"]} after a seek')
    check(b'demo[' in run('replay', f, '--plain'), 'text')
    run('replay', f, '--seek', 'nosuchmark', want=2)
    run('replay', f, '--seek', '5m', want=2)


def report():
    f = growing()
    out = run('report', f, '--json')
    validate(out, 'report')
    o = json.loads(out)
    reps = [json.loads(line) for line in run('replay', f, '--json').splitlines()]
    equal(o['rss']['first_bytes'], reps[0]['totals']['resident_bytes'], 'first RSS')
    equal(o['rss']['last_bytes'], reps[-1]['totals']['resident_bytes'], 'last RSS')
    equal(o['rss']['peak_bytes'], max(r['totals']['resident_bytes'] for r in reps), 'peak RSS')
    heap = [r for r in o['regions'] if r['kind'] == 'heap']
    equal(heap[0]['last_bytes'], sum(r['resident_bytes'] for r in reps[-1]['regions'] if r['kind'] == 'heap'), 'heap')
    equal(sum(t['minor_faults'] + t['major_faults'] for t in o['threads']), info(f)['by_kind']['fault'], 'faults by thread')
    check(b'demo[' in run('report', f), 'text')


def diff():
    f = growing()
    out = run('diff', f, f, '--json')
    validate(out, 'diff')
    o = json.loads(out)
    reps = [json.loads(line) for line in run('replay', f, '--json').splitlines()]
    equal(o['a']['resident_bytes'], reps[0]['totals']['resident_bytes'], 'RSS of A')
    equal(o['b']['resident_bytes'], reps[-1]['totals']['resident_bytes'], 'RSS of B')
    equal(o['same_address_space'], True, 'same address space')
    total = [sum(r['resident_bytes'] or 0 for r in s['regions']) for s in (reps[0], reps[-1])]
    equal(sum(r['growth_bytes'] for r in o['rows']), total[1] - total[0], 'sum of all changes')
    check(o['rows'], 'nothing changed')
    run('diff', f, f, '--exit-code', want=10)
    same = json.loads(run('diff', f + '@-0s', f, '--json'))
    equal(same['rows'], [], 'differences of a moment with itself')
    run('diff', f + '@-0s', f, '--exit-code')


# ---- when things go wrong

def killed_recorder():
    """kill -9: what was flushed is there, and it is said that there may have been more."""
    f = path('killed.mtr')
    with Target('demo', sync=False) as t, Recorder('-p', t.pid, '-o', f, '-i', '100ms', '--key-bytes', '4K') as r:
        r.writes(f, 4000)
        r.writes(f, os.path.getsize(f) + 8000)
        seen = info(f, want=6)['events']
        r.p.kill()
        r.p.wait()
    o = info(f, want=6)
    equal((o['closed'], o['damaged'], o['missing_events']), (False, [], 0), 'closed, damaged, missing')
    check(o['events'] >= seen > 0, f'{o["events"]} events, {seen} were read before')
    same_models(f)
    check('was not closed' in run.err, run.err)
    run('replay', f, '--json', want=6)
    run('report', f, '--json', want=6)


def full_disk():
    """A file system of half a megabyte: one clear line, and a file that is whole up to its last chunk."""
    mnt = os.path.join(DIR, 'small')
    os.makedirs(mnt, exist_ok=True)
    subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=512k', 'none', mnt], check=True)
    try:
        f = os.path.join(mnt, 'x.mtr')
        out = run('record', '-o', f, '--ring', '64M', '--', os.path.join(TARGETS, 'randops'), '--ops', OPS, '--threads', 4,
                  '--checkpoints', 1, '--quiet', want=125)
        check('No space left' in run.err, run.err)
        check(b'DONE' in out, 'the command was not left alone')
        shutil.copy(f, path('full.mtr'))
    finally:
        subprocess.run(['umount', mnt], check=True)
    o = info(path_of('full.mtr'), want=6)
    equal((o['closed'], o['damaged']), (False, []), 'closed, damaged')
    check(o['events'] > 1000, f'{o["events"]} events')
    same_models(path_of('full.mtr'), least=0)


def path_of(name):
    return os.path.join(DIR, name)


def damaged_file():
    f = growing()
    data = bytearray(open(f, 'rb').read())
    whole = info(f)
    data[len(data) // 2] ^= 0x40
    bad = path('bad.mtr')
    open(bad, 'wb').write(data)
    o = info(bad, want=6)
    equal(len(o['damaged']), 1, 'damaged places')
    check(0 < o['events'] < whole['events'], 'events', o['events'])
    equal(o['events'] + o['missing_events'], whole['events'], 'read + missing')
    reps = [json.loads(line) for line in run('replay', bad, '--json', want=6).splitlines()]
    equal(sum(reps[-1]['lost'].values()), o['missing_events'], 'lost, as the reports say')
    open(bad, 'wb').write(data[:len(data) * 2 // 3])
    check(0 < info(bad, want=6)['events'] < whole['events'], 'events of a file cut off')
    for junk in (b'', b'not a trace', os.urandom(5000)):
        open(bad, 'wb').write(junk)
        for verb in ('info', 'replay', 'report'):
            run(verb, bad, want=1)
    run('info', DIR, want=1)
    run('info', path_of('nothing-there'), want=1)
    os.mkfifo(path('fifo'))
    run('replay', path_of('fifo'), want=1)


def processes_come_and_go():
    """Children that exec and end, hundreds of them; the recorder's end is that of the first."""
    f = path('forks.mtr')
    run('record', '-f', '-q', '-o', f, '-i', '100ms', '--key-bytes', '100K', '--', '/bin/sh', '-c',
        f'i=0; while [ $i -lt {300 // SLOW} ]; do /bin/true & i=$((i+1)); done; wait; exec /bin/echo done')
    o = info(f)
    check(len(o['processes']) > 250 // SLOW, f'{len(o["processes"])} processes')
    equal(o['by_kind']['exit'] >= 250 // SLOW, True, 'exits')
    same_models(f, least=1)
    run('replay', f, '--json')
    run('report', f)


def status_of_the_command():
    f = path('status.mtr')
    for cmd, want in (('exit 7', 7), ('kill -TERM $$', 143)):
        r = subprocess.run([MEMTRACE, 'record', '-q', '-o', f, '--', '/bin/sh', '-c', cmd], stdin=subprocess.DEVNULL)
        equal(r.returncode, want, cmd)
        info(f)
    run('record', '-o', f, '--', '/no/such/program', want=127)
    run('record', '-p', 2 ** 22 - 1, '-o', f, want=3)


# ---- flight recorder

def last_time_on_usr1():
    f = path('flight.mtr')
    with Target('demo', sync=False) as t, \
            Recorder('-p', t.pid, '-o', f, '--last-time', '1s', '-i', '100ms') as r:
        time.sleep(4)
        check(not os.path.exists(f), 'written before it was asked for')
        r.p.send_signal(signal.SIGUSR1)
        r.until(lambda: os.path.exists(f) and info_or_none(f), 'the dump')
        first = info(f)
        time.sleep(0.5)
        r.stop()
        second = info(path_of('flight-2.mtr'))
    check(first['closed'] and not first['damaged'], first['damaged'])
    check(first['keyframes'] >= 1, 'a dump begins with a keyframe')
    equal(first['missing_events'], 0, 'what was not kept is not missing')
    # all of the time that was asked for; how much more depends on the machine
    check(first['duration_ns'] >= 1e9, first['duration_ns'])
    reps = [json.loads(line) for line in run('replay', f, '--json').splitlines()]
    check(reps[0]['totals']['resident_bytes'] > 0 and reps[0]['regions'], 'the process is there from the first report on')
    check(reps[-1]['time_ns'] - reps[0]['time_ns'] < 4e9, 'all of it was kept')
    check(second['end'] > first['end'], 'the second dump is of a later time')
    same_models(f)


def info_or_none(f):
    r = subprocess.run([MEMTRACE, 'info', f, '--json'], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return json.loads(r.stdout) if r.returncode == 0 else None


def last_size():
    """However much comes, no more than that is held."""
    f = path('size.mtr')
    run('record', '-o', f, '--last-size', '1M', '--ring', '64M', '-f', '--', os.path.join(TARGETS, 'randops'), '--ops', OPS,
        '--threads', 4, '--checkpoints', 1)
    check(os.path.getsize(f) <= 1100000, os.path.getsize(f))
    o = info(f)
    check(o['events'] > 1000 and o['closed'], o['events'])
    equal(o['missing_events'], 0, 'missing')


def found_by_mark(f):
    """A mark is a moment: what replay and diff begin with is the end of the interval that it is in."""
    objects = [json.loads(line) for line in run('export', f, '--format', 'json').splitlines()]
    mark, = (o for o in objects if o.get('event') == 'mark')
    ends = [o['time_ns'] for o in objects if o['type'] == 'interval']
    want = min((t for t in ends if t >= mark['time_ns']), default=ends[-1])
    first = json.loads(run('replay', f, '--seek', mark['name'], '--json').splitlines()[0])
    equal(first['time_ns'], want, 'the first report from the mark on')
    side = json.loads(run('diff', f'{f}@{mark["name"]}', f, '--json').splitlines()[0])['a']
    equal(side['time_ns'], want, 'diff at the mark')
    run('diff', f'{f}@{mark["name"]}?', f, want=2)


def when():
    """The condition comes true: the dump has what led to it. A wrong one is refused."""
    f = path('when.mtr')
    with Target('demo', sync=False) as t:
        with open(f'/proc/{t.pid}/statm') as s:
            rss = int(s.read().split()[1]) * 4096
        with Recorder('-p', t.pid, '-o', f, '--when', f'rss > {rss // 2} and not heap > 500G', '-i', '100ms') as r:
            r.until(lambda: os.path.exists(f) and info_or_none(f), 'the dump')
            check(r.p.poll() is None, 'the recorder goes on')
            check('rss >' in r.errors(), r.errors())
            r.stop()
        marks = info(path_of('when-2.mtr'))['by_kind']
        equal(marks.get('mark'), 1, 'the moment is marked, once')
        found_by_mark(path_of('when-2.mtr'))
        with Recorder('-p', t.pid, '-o', path('never.mtr'), '--when', 'rss > 500G', '-i', '100ms') as r:
            time.sleep(1)
            check(not os.path.exists(path_of('never.mtr')), 'written though the condition never held')
            r.stop()
            check(os.path.exists(path_of('never.mtr')), 'what was held is written at the end')
        for bad in ('rss', 'rss >', 'rss > 5X', 'rss > 2G and', 'foo > 1', 'growth > 1M', 'rss > 20%', 'heap > 1M/s', '(rss > 1'):
            run('record', '-p', t.pid, '-o', f, '--when', bad, want=2)


# ---- on a terminal

def on_a_terminal():
    """The screen, with all its keys; it says where it is, and leaves with q."""
    import pty
    f = growing()
    pid, fd = pty.fork()
    if not pid:
        os.environ['TERM'] = 'xterm'
        os.execv(MEMTRACE, [MEMTRACE, 'replay', f, '--speed', '4'])
    seen = b''
    keys = [b'', b' ', b',', b',', b'.', b'>', b'<', b'\033[C', b'\033[D', b'+', b'-', b'r', b'2', b'3', b'4', b'?', b'\033', b'm', b' ']
    until = time.monotonic() + PATIENCE
    for key in keys:
        os.write(fd, key) if key else None
        time.sleep(0.15)
        while select.select([fd], [], [], 0)[0]:
            seen += os.read(fd, 65536)
    while b'the end' not in seen:
        check(time.monotonic() < until, 'the end is not reached', seen[-300:])
        if select.select([fd], [], [], 0.1)[0]:
            seen += os.read(fd, 65536)
    os.write(fd, b'q')
    status = None
    while status is None:
        check(time.monotonic() < until, 'it does not leave')
        if select.select([fd], [], [], 0.05)[0]:
            try:
                seen += os.read(fd, 65536)
            except OSError:
                pass
        done, st = os.waitpid(pid, os.WNOHANG)
        status = st if done else None
    os.close(fd)
    equal(os.waitstatus_to_exitcode(status), 0, 'status')
    for text in (b'replay ', b'demo[', b'PAUSED', b'Timeline'):
        check(text in seen, f'{text} was never on the screen')


# ---- whose file

def file_of_the_user():
    f = path('sudo.mtr')
    nobody = pwd.getpwnam('nobody')
    env = {'SUDO_UID': str(nobody.pw_uid), 'SUDO_GID': str(nobody.pw_gid), 'SUDO_USER': 'nobody'}
    run('record', '-q', '-o', f, '-u', 'root', '--', '/bin/true', env=env)
    s = os.stat(f)
    equal((s.st_uid, s.st_gid, oct(st_mode.S_IMODE(s.st_mode))), (nobody.pw_uid, nobody.pw_gid, '0o600'), 'owner and mode')
    # once more: what is there is the user's own, and replaced
    run('record', '-q', '-o', f, '--', '/bin/true', env=env)
    info(f)


def hostile_places():
    victim = path('victim')
    open(victim, 'w').write('precious')
    link = path('link.mtr')
    os.symlink(victim, link)
    shared = os.path.join(DIR, 'shared')
    os.makedirs(shared, exist_ok=True)
    os.chmod(shared, 0o1777)
    other = os.path.join(DIR, 'elsewhere')
    os.makedirs(other, exist_ok=True)
    if not os.path.lexists(os.path.join(shared, 'dir')):
        os.symlink(other, os.path.join(shared, 'dir'))
    fifo = path('fifo2')
    os.mkfifo(fifo)
    foreign = path('foreign.mtr')
    open(foreign, 'w').write('of somebody else')
    os.chown(foreign, 12345, 12345)
    for f in (link, fifo, '/dev/null', DIR, foreign, os.path.join(shared, 'dir', 'x.mtr'), '/nonexistent/x.mtr'):
        run('record', '-o', f, '--', '/bin/true', want=125)
    equal(open(victim).read(), 'precious', 'the victim')
    equal(open(foreign).read(), 'of somebody else', "the other's file")
    equal(os.listdir(other), [], 'what lies behind the link')


def to_a_pipe():
    f = path('pipe.mtr')
    with open(f, 'wb') as out:
        p = subprocess.Popen([MEMTRACE, 'record', '-q', '-o', '-', '--', '/bin/true'], stdout=subprocess.PIPE,
                             stdin=subprocess.DEVNULL)
        shutil.copyfileobj(p.stdout, out)
        equal(p.wait(), 0, 'status')
    check(info(f)['closed'], 'closed')


def default_name():
    r = subprocess.run([MEMTRACE, 'record', '-q', '--', '/bin/true'], cwd=DIR, stdin=subprocess.DEVNULL)
    equal(r.returncode, 0, 'status')
    names = [n for n in os.listdir(DIR) if re.fullmatch(r'memtrace-true-\d+-\d{8}-\d{6}\.mtr', n)]
    equal(len(names), 1, f'files of that name among {os.listdir(DIR)}')


try:
    main(random_operations, redis, faults_are_the_kernels, storm, build_ids, replay_reports, report, diff, killed_recorder, full_disk,
         damaged_file, processes_come_and_go, status_of_the_command, on_a_terminal, last_time_on_usr1, last_size, when, file_of_the_user,
         hostile_places, to_a_pipe, default_name)
finally:
    shutil.rmtree(DIR, ignore_errors=True)
