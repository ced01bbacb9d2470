# SPDX-License-Identifier: GPL-2.0
"""The daemon's socket, by its raw protocol (docs/PROTOCOL.md) and by memtrace itself."""
import grp
import json
import os
import pwd
import random
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
import zlib

from live import (MEMTRACE, PATIENCE, Ended, Skip, Target, Tracer, check, equal, main, same_map, span,
                  stop_process)

HELLO, PS, SUBSCRIBE, MARK = 1, 2, 3, 4
OK, MALFORMED, VERSION, NOT_TRACED, DENIED, BUSY, FAILED, TIMEOUT = range(8)
STACKS, FOLLOW = 1, 2
EVENTS, KEYFRAME, ANSWER, TABLE = 2, 3, 64, 65
NOBODY = 65534
DIR = tempfile.mkdtemp(prefix='memtrace-socket-', dir='/tmp')
os.chmod(DIR, 0o755)


def until(what, condition, patience=PATIENCE * 2):
    end = time.monotonic() + patience
    while not condition():
        check(time.monotonic() < end, f'{what}: not in {patience} s')
        time.sleep(0.02)


class Daemon:
    """memtrace serve on some processes."""

    def __init__(self, *pids, conf='', interval='200ms'):
        self.dir = tempfile.mkdtemp(dir=DIR)
        os.chmod(self.dir, 0o755)
        self.path = os.path.join(self.dir, 'run', 'memtrace.sock')
        file = os.path.join(self.dir, 'conf')
        with open(file, 'w') as f:
            f.write(f'[socket]\npath = {self.path}\n{conf}\n[blackbox]\nenabled = no\n')
        self.log = os.path.join(self.dir, 'log')
        args = [w for pid in pids for w in ('-p', str(pid))]
        self.p = subprocess.Popen([MEMTRACE, 'serve', '--config', file, '-i', interval, *args],
                                  stderr=open(self.log, 'wb'), stdin=subprocess.DEVNULL)
        os.environ['MEMTRACE_SOCKET'] = self.path
        until('the daemon says what it traces', lambda: self.p.poll() is not None or b'traced' in self.said())
        check(self.p.poll() is None, 'the daemon ended:', self.said().decode())

    def said(self):
        with open(self.log, 'rb') as f:
            return f.read()

    def nr_fds(self):
        return len(os.listdir(f'/proc/{self.p.pid}/fd'))

    def rss(self):
        with open(f'/proc/{self.p.pid}/status') as f:
            return next(int(line.split()[1]) for line in f if line.startswith('VmRSS'))

    def end(self, sig=signal.SIGTERM):
        if self.p.poll() is None:
            self.p.send_signal(sig)
        status = self.p.wait(PATIENCE * 2)
        os.environ.pop('MEMTRACE_SOCKET', None)
        return status

    def __enter__(self):
        return self

    def __exit__(self, kind, exc, tb):
        status = self.end()
        if kind:
            print('# the daemon said:', self.said().decode(errors='replace').replace('\n', '\n# '))
        else:
            check(status in (0, -9), f'status {status} of the daemon: {self.said()}')


def request(verb, body=b'', version=1, length=None):
    return b'MTRQ' + struct.pack('<HHI', version, verb, len(body) if length is None else length) + body


def subscribe(*pids, flags=0):
    return request(SUBSCRIBE, struct.pack(f'<II{len(pids)}I', flags, len(pids), *pids))


class Answer:
    def __init__(self, data):
        self.verb, self.status, self.pid = struct.unpack('<HHI', data[:8])
        self.text = data[8:].decode()


class Conn:
    """A client that speaks the protocol itself, as that user."""

    def __init__(self, daemon, uid=0, gid=0, groups=()):
        self.s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.s.settimeout(PATIENCE * 2)
        self.raw = b''  # all that came
        self.at = 0
        mine = os.getgroups()
        os.setgroups(groups)
        os.setegid(gid)
        os.seteuid(uid)
        try:
            self.s.connect(daemon.path)
        finally:
            os.seteuid(0)
            os.setegid(0)
            os.setgroups(mine)

    def send(self, data):
        self.s.sendall(data)

    def need(self, n):
        while len(self.raw) - self.at < n:
            more = self.s.recv(1 << 20)
            if not more:
                raise Ended()
            self.raw += more
        self.at += n
        return self.raw[self.at - n:self.at]

    def chunk(self):
        """(type, flags, bytes) of the next one; checksums are right."""
        if not self.at:
            h = self.need(32)
            equal(h[:8], b'\x89MTR\r\n\x1a\n', 'magic')
            equal(struct.unpack('<I', h[28:])[0], zlib.crc32(h[:28]), 'checksum of the header')
        h = self.need(64)
        equal(h[:4], b'MTRC', 'magic of a chunk')
        equal(struct.unpack('<I', h[60:])[0], zlib.crc32(h[:60]), 'checksum of a header')
        size, _, crc = struct.unpack('<III', h[8:20])
        data = self.need(size)
        equal(zlib.crc32(data), crc, 'checksum of a chunk')
        return h[4], h[5], data

    def until(self, kind):
        while True:
            t, _, data = self.chunk()
            if t == kind:
                return data

    def answer(self):
        return Answer(self.until(ANSWER))

    def ask(self, data):
        self.send(data)
        return self.answer()

    def drain(self, seconds):
        """What comes in that time."""
        end = time.monotonic() + seconds
        try:
            while (left := end - time.monotonic()) > 0:
                self.s.settimeout(left)
                more = self.s.recv(1 << 20)
                if not more:
                    break
                self.raw += more
        except (TimeoutError, BlockingIOError):
            pass
        self.s.settimeout(PATIENCE * 2)

    def is_closed(self):
        try:
            while True:
                self.chunk()
        except (Ended, ConnectionResetError):
            return True

    def save(self, name):
        file = os.path.join(DIR, name)
        with open(file, 'wb') as f:
            f.write(self.raw)
        return file

    def close(self):
        self.s.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


def memtrace(*args, want=0, user=None):
    """(stdout, stderr) of memtrace ARGS."""
    argv = [MEMTRACE, *map(str, args)]
    if user:
        argv = ['setpriv', f'--reuid={user}', f'--regid={user}', '--clear-groups', as_nobody_can(), *argv[1:]]
    r = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=PATIENCE * 5)
    equal(r.returncode, want, f'status of {" ".join(argv)} ({r.stderr.decode()})')
    return r.stdout.decode(), r.stderr.decode()


def as_nobody_can():
    """memtrace where others may run it, too."""
    path = os.path.join(DIR, 'memtrace')
    if not os.path.exists(path):
        shutil.copy(MEMTRACE, path)
        os.chmod(path, 0o755)
    return path


def sleeper(user=None):
    argv = ['setpriv', f'--reuid={user}', f'--regid={user}', '--clear-groups'] if user else []
    p = subprocess.Popen([*argv, 'sleep', '1000'])
    until('it sleeps', lambda: os.path.basename(os.readlink(f'/proc/{p.pid}/exe')) == 'sleep')
    return p


def end(p):
    p.kill()
    p.wait()


# ---- who may see what

def permissions():
    theirs, ours = sleeper(), sleeper(NOBODY)
    group = next(g for g in grp.getgrall() if g.gr_gid not in (0, NOBODY))
    quiet = subprocess.Popen(['python3', '-c', 'import os,time\nos.setgid(65534)\nos.setuid(65534)\n'
                              'print(flush=True)\ntime.sleep(1000)'], stdout=subprocess.PIPE)
    quiet.stdout.readline()
    try:
        with Daemon(theirs.pid, ours.pid, quiet.pid, conf=f'group = {group.gr_name}') as d:
            for kind, who in (('root', {}), ('group', dict(uid=NOBODY, gid=group.gr_gid)),
                              ('further group', dict(uid=NOBODY, gid=NOBODY, groups=[NOBODY, group.gr_gid])),
                              ('nobody', dict(uid=NOBODY, gid=NOBODY))):
                all_of = kind != 'nobody'
                for pid, may in ((ours.pid, True), (theirs.pid, all_of), (1, all_of), (quiet.pid, all_of),
                                 (4194303, all_of)):
                    with Conn(d, **who) as c:
                        a = c.ask(subscribe(pid))
                        there = pid in (ours.pid, theirs.pid, quiet.pid)
                        equal(a.status, NOT_TRACED if not there and (all_of or pid > 1) else OK if may else DENIED,
                              f'{kind} asks for {pid} ({a.text})')
                        check(a.status == OK or str(pid) in a.text, 'the one is named:', a.text)
                        if a.status == OK:
                            c.until(KEYFRAME)
                with Conn(d, **who) as c:
                    # one of them is not theirs: none is shown
                    equal(c.ask(subscribe(ours.pid, theirs.pid)).status, OK if all_of else DENIED, f'{kind}: two')
                with Conn(d, **who) as c:
                    equal(c.ask(request(MARK, struct.pack('<I', theirs.pid) + b'x')).status, OK if all_of else DENIED,
                          f'{kind}: mark')
                    c.send(request(PS, bytes(4)))
                    rows = json.loads(c.until(TABLE))['processes']
                    have = {r['process']['pid'] if 'process' in r else r['pid'] for r in rows}
                    check(ours.pid in have, 'the own one is in the table', have)
                    equal(theirs.pid in have, all_of, f"{kind}: root's in the table")
    finally:
        for p in (theirs, ours, quiet):
            end(p)


def other_rights_by_exec():
    """A process that takes root's rights is shown no longer to whom it was."""
    suid = os.path.join(DIR, 'suid-sleep')
    shutil.copy(shutil.which('sleep'), suid)
    os.chmod(suid, 0o4755)
    p = subprocess.Popen(['setpriv', f'--reuid={NOBODY}', f'--regid={NOBODY}', '--clear-groups', 'sh', '-c',
                          f'read x; exec {suid} 1000'], stdin=subprocess.PIPE)
    try:
        until('a shell', lambda: 'sh' in os.readlink(f'/proc/{p.pid}/exe'))
        until("nobody's", lambda: os.stat(f'/proc/{p.pid}').st_uid == NOBODY)
        with Daemon(p.pid) as d, Conn(d, NOBODY, NOBODY) as c, Conn(d) as root:
            equal(c.ask(subscribe(p.pid)).status, OK, 'before')
            equal(root.ask(subscribe(p.pid)).status, OK, 'root')
            c.until(KEYFRAME)
            os.write(p.stdin.fileno(), b'\n')
            until('it has other rights', lambda: 'suid' in os.readlink(f'/proc/{p.pid}/exe'))
            if os.stat(f'/proc/{p.pid}').st_uid == NOBODY:
                raise Skip('no set-user-ID programs here')
            a = c.answer()
            equal((a.status, a.pid), (DENIED, p.pid), 'said')
            check(c.is_closed(), 'closed')
            out, _ = memtrace('export', '--format', 'json', c.save('exec-nobody.mtr'), want=6)
            events = [json.loads(line) for line in out.splitlines()]
            # its new name, which the kernel tells everybody, comes before it has other rights
            check(suid not in out and len({e['as'] for e in events if e.get('as')}) == 1, 'nothing of it was told', out)
            root.drain(1)
            equal(Conn(d, NOBODY, NOBODY).ask(subscribe(p.pid)).status, DENIED, 'after')
            # root has seen it go on
            out, _ = memtrace('replay', '--json', root.save('exec.mtr'), want=6)
            equal(json.loads(out.splitlines()[-1])['process']['comm'], 'suid-sleep', 'what root saw')
    finally:
        end(p)


def without_root():
    p, theirs = sleeper(NOBODY), sleeper()
    try:
        with Daemon(p.pid, theirs.pid):
            out, _ = memtrace('-p', p.pid, '--json', '-d', '1s', user=NOBODY)
            same_map(json.loads(out.splitlines()[0]), p.pid)
            _, err = memtrace('-p', theirs.pid, '--json', '-d', '1s', user=NOBODY, want=4)
            check(f'PID {theirs.pid}' in json.loads(err)['text'], err)
            memtrace('mark', '-p', p.pid, 'now', user=NOBODY)
            memtrace('mark', '-p', theirs.pid, 'now', user=NOBODY, want=4)
            out, _ = memtrace('growth', '-p', p.pid, '-d', '1s', '--json', user=NOBODY)
            equal(json.loads(out)['process']['pid'], p.pid, 'growth')
    finally:
        end(p)
        end(theirs)


# ---- the same as a session of one's own

def regions(o):
    return [(*span(r), r['prot'], r['resident_bytes']) for r in o['regions']]


def same_as_direct():
    with Target('randops', '--ops', 3000, '--seed', 7) as t:
        t.checkpoint()
        with Daemon(t.pid), Tracer('-p', t.pid) as a, Tracer('-p', t.pid) as b, \
                Tracer('-p', t.pid, '--no-daemon') as own:
            for x in (a, b, own):
                x.snap()
            for _ in range(2):
                t.go()
                time.sleep(0.5)  # somewhere in the midst of it
                stop_process(t.pid)
                got = [x.settled() for x in (a, b, own)]
                for o in got:
                    same_map(o, t.pid)
                    equal(o['lost'], {}, 'lost')
                equal(regions(got[0]), regions(got[1]), 'two clients')
                equal(got[0]['totals'], got[2]['totals'], 'totals of a session of its own')
                os.kill(t.pid, signal.SIGCONT)
                if t.checkpoint()['what'] == 'DONE':
                    break
            check('"by the daemon' not in own.errors(), own.errors())


def growth_names_it():
    with Target('grow', '--kind', 'map', '--mib', 48, '--ms', 3000) as t:
        t.checkpoint()
        with Daemon(t.pid):
            p = subprocess.Popen([MEMTRACE, 'growth', '-p', str(t.pid), '-d', '12s', '--json', '-v'],
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            time.sleep(2)
            t.next()
            truth = {k['function']: k['bytes'] for _, k in t.lines('TRUTH')}
            out, err = p.communicate(timeout=PATIENCE * 3)
            equal(p.returncode, 0, err)
            check(b'served by the daemon' in err, err)
            o = json.loads(out)
            for function, want in truth.items():
                have = sum(r['net_bytes'] for r in o['paths']
                           if any(f['function'] == function for f in r['frames']))
                check(abs(have - want) <= want * 0.05 + 65536, f'{function} brought {have}, not {want}')


def recorded():
    """A recording by way of the daemon is one like any other: it is replayed to the same end."""
    file = os.path.join(DIR, 'recorded.mtr')
    with Target('randops', '--ops', 3000, '--seed', 3) as t:
        t.checkpoint()
        with Daemon(t.pid):
            p = subprocess.Popen([MEMTRACE, 'record', '-v', '--stacks', '-p', str(t.pid), '-o', file], stderr=subprocess.PIPE)
            until('it records', lambda: os.path.exists(file) and os.path.getsize(file) > 2000)
            t.next()
            stop_process(t.pid)
            with Tracer('-p', t.pid) as live:
                want = live.settled()
                p.send_signal(signal.SIGINT)
                _, err = p.communicate(timeout=PATIENCE)
                equal(p.returncode, 0, err)
                check(b'served by the daemon' in err, err)
                out, _ = memtrace('replay', '--json', file)
                got = json.loads(out.splitlines()[-1])
                equal(regions(got), regions(want), 'regions')
                equal(got['totals'], want['totals'], 'totals')
                same_map(got, t.pid)
            out, _ = memtrace('info', '--json', file)
            o = json.loads(out)
            equal((o['lost'], o['closed']), (0, True), 'lost, closed')
            check(o['by_kind']['stack'] > 0 and o['by_kind']['vma'] > 100, o['by_kind'])
            os.kill(t.pid, signal.SIGCONT)


def follows():
    """-f: children that are there, and children to come; without it only the one."""
    p = subprocess.Popen(['sh', '-c', 'sleep 1000 & a=$!; read x; sleep 1001 & read x; kill $a $!'], stdin=subprocess.PIPE)

    def children():
        with open(f'/proc/{p.pid}/task/{p.pid}/children') as f:
            return [int(w) for w in f.read().split()]
    try:
        until('a child', lambda: len(children()) == 1)
        with Daemon(p.pid, *children()), Tracer('-p', p.pid, '-f') as all_of, Tracer('-p', p.pid) as one:
            equal(one.snap()['process']['pid'], p.pid, 'one')
            seen = set()
            until('the child that was there', lambda: seen.add(all_of.snap()['process']['pid']) or len(seen) == 2)
            os.write(p.stdin.fileno(), b'\n')
            until('another child', lambda: len(children()) == 2)
            until('it is seen', lambda: seen.add(all_of.snap()['process']['pid']) or len(seen) == 3)
            kids = children()
            equal(seen, {p.pid, *kids}, 'those seen')
            os.write(p.stdin.fileno(), b'\n')
            p.wait(PATIENCE)
            until('the children ended', lambda: not any(os.path.exists(f'/proc/{k}') for k in kids))
            # so do those who looked at them
            equal({o['process']['pid'] for o in one.rest()}, {p.pid}, 'the other client')
            all_of.rest()
            equal((one.p.wait(PATIENCE), all_of.p.wait(PATIENCE)), (0, 0), 'status')
    finally:
        if p.poll() is None:
            end(p)


def execs():
    p = subprocess.Popen(['sh', '-c', 'read x; exec sleep 1000'], stdin=subprocess.PIPE)
    try:
        with Daemon(p.pid), Tracer('-p', p.pid) as t:
            equal(t.snap()['process']['comm'], 'sh', 'before')
            os.write(p.stdin.fileno(), b'\n')
            until('it has another program', lambda: t.snap()['process']['comm'] == 'sleep')
            same_map(t.settled(), p.pid)
    finally:
        end(p)


def marks_are_of_one():
    """A mark is in the recordings of its process, and in no other."""
    a, b = sleeper(), sleeper()
    try:
        with Daemon(a.pid, b.pid) as d, Conn(d) as of_a, Conn(d) as of_b:
            equal(of_a.ask(subscribe(a.pid)).status, OK, 'a')
            equal(of_b.ask(subscribe(b.pid)).status, OK, 'b')
            memtrace('mark', '-p', a.pid, 'only for a')
            of_a.drain(1)
            of_b.drain(1)
            for c, want in ((of_a, 1), (of_b, 0)):
                out, _ = memtrace('info', '--json', c.save('marks.mtr'), want=6)
                equal(json.loads(out)['by_kind'].get('mark', 0), want, 'marks')
    finally:
        end(a)
        end(b)


# ---- clients that are slow, many, hostile

def slow_one_loses_its_own():
    """Who does not read loses data, counted to the event, and is right again afterwards; who reads loses nothing."""
    with Target('faultstorm', '--threads', 2, '--pages', 20000, '--rounds', 8) as t:
        t.checkpoint()
        with Daemon(t.pid, conf='client-queue = 64K') as d, Conn(d) as fast, Conn(d) as slow:
            for c in (fast, slow):
                equal(c.ask(subscribe(t.pid, flags=STACKS)).status, OK, 'subscribed')
                c.until(KEYFRAME)
            stop = threading.Event()

            def read():
                while not stop.is_set():
                    before = len(fast.raw)
                    fast.drain(0.3)
                    # an interval in which nothing happens has some hundred bytes
                    fast.quiet = fast.quiet + 1 if len(fast.raw) - before < 2000 else 0
            fast.quiet = 0
            reader = threading.Thread(target=read)
            reader.start()
            try:
                while t.next()['nr'] < 2:  # then all faults were taken
                    pass
                until('the last of it came', lambda: fast.quiet > 3)
            finally:
                stop.set()
                reader.join()
            stop_process(t.pid)
            for c in (slow, fast, slow, fast):
                c.drain(1)
            d.end()  # so that both get the same last word
            for c in (slow, fast):
                c.drain(PATIENCE)
            files = fast.save('fast.mtr'), slow.save('slow.mtr')
            infos = [json.loads(memtrace('info', '--json', f, want=6)[0]) for f in files]
            last = [json.loads(memtrace('replay', '--json', f, want=6)[0].splitlines()[-1]) for f in files]
            equal(infos[0]['missing_events'], 0, 'lost by the fast one')
            check(infos[1]['missing_events'] > 10000, 'the slow one lost nothing: it was not slow enough', infos[1])
            # of the process: what memtrace tells of itself is not counted
            told = [sum(n for kind, n in i['by_kind'].items() if kind != 'lost') for i in infos]
            print(f'# fast: {told[0]} events; slow: {told[1]}, and {infos[1]["missing_events"]} lost')
            equal(told[1] + infos[1]['missing_events'], told[0], 'what the slow one got and lost')
            for o in last:
                same_map(o, t.pid)
            differ = set(regions(last[0])) ^ set(regions(last[1]))
            check(not differ, 'regions differ:', sorted(differ))
            os.kill(t.pid, signal.SIGCONT)


def hundred_clients():
    t = sleeper()
    try:
        with Daemon(t.pid) as d:
            before = d.nr_fds()
            clients = [Conn(d) for _ in range(100)]
            for i, c in enumerate(clients):
                c.send(subscribe(t.pid, flags=STACKS if i % 2 else 0))
            for c in clients:
                equal(c.answer().status, OK, 'answer')
                c.until(KEYFRAME)
                for _ in range(2):
                    c.until(EVENTS)
            for c in clients:
                c.close()
            until('all are forgotten', lambda: d.nr_fds() <= before + 1)
    finally:
        end(t)


def too_many():
    t, own = sleeper(), sleeper(NOBODY)
    try:
        with Daemon(t.pid, own.pid, conf='max-clients = 8') as d:
            some = [Conn(d, NOBODY, NOBODY) for _ in range(2)]
            for c in some:
                equal(c.ask(subscribe(own.pid)).status, OK, 'one of two')
            # a user has a quarter, and no more
            with Conn(d, NOBODY, NOBODY) as c:
                equal(c.answer().status, BUSY, 'third')
                check(c.is_closed(), 'closed')
            more = [Conn(d) for _ in range(6)]
            for c in more:
                equal(c.ask(request(HELLO)).status, OK, 'root')
            with Conn(d) as c:
                equal(c.answer().status, BUSY, 'ninth')
            some.pop().close()
            until('there is room again', lambda: Conn(d).ask(request(HELLO)).status == OK)
            # memtrace goes on without it
            out, _ = memtrace('-p', t.pid, '--json', '-d', '300ms')
            equal(json.loads(out.splitlines()[0])['process']['pid'], t.pid, 'shown')
    finally:
        end(t)
        end(own)


def thousands_of_connections():
    t, own = sleeper(), sleeper(NOBODY)
    try:
        with Daemon(t.pid, own.pid) as d, Conn(d) as watcher:
            equal(watcher.ask(subscribe(t.pid)).status, OK, 'one that stays')
            before, rss = d.nr_fds(), None
            for i in range(3000):
                with Conn(d, *((NOBODY, NOBODY) if i % 2 else (0, 0))) as c:
                    try:
                        if i % 5 == 1:
                            c.send(subscribe(own.pid, flags=i % 4))
                        elif i % 5 == 2:
                            c.send(os.urandom(i % 200 + 1))
                        elif i % 5 == 3:
                            c.send(subscribe(own.pid)[:i % 20 + 1])
                        if i % 50 == 1:
                            c.answer()
                    except (BrokenPipeError, ConnectionResetError):
                        pass
                if i == 1000:
                    rss = d.rss()
            until('all are forgotten', lambda: d.nr_fds() <= before + 1)
            check(d.rss() < rss + 8192, f'memory grew from {rss} to {d.rss()} KiB')
            watcher.drain(1)
            out, _ = memtrace('info', '--json', watcher.save('watcher.mtr'), want=6)
            equal(json.loads(out)['lost'], 0, 'lost of the one that stayed')
    finally:
        end(t)
        end(own)


def garbage():
    t = sleeper()
    rnd = random.Random(1)
    good = subscribe(t.pid, flags=3)
    bad = [b'GET / HTTP/1.1\r\n\r\n', request(99), request(HELLO, b'x'), request(PS), request(PS, b'\1\0\0\0'),
           subscribe(), subscribe(0), request(SUBSCRIBE, struct.pack('<II', 0, 1 << 30)), request(SUBSCRIBE, b'', length=1 << 31),
           subscribe(t.pid, flags=64), request(MARK, b''), request(MARK, struct.pack('<I', t.pid)),
           request(MARK, struct.pack('<I', t.pid) + b'a' * 500), b'\0' * 5000]
    for _ in range(200):
        b = bytearray(good)
        b[rnd.randrange(12)] ^= 1 << rnd.randrange(8)
        bad.append(bytes(b))
    try:
        with Daemon(t.pid) as d:
            for b in bad:
                with Conn(d) as c:
                    try:
                        c.send(b)
                    except (BrokenPipeError, ConnectionResetError):
                        pass
                    c.s.shutdown(socket.SHUT_WR)
                    got = []
                    try:
                        while True:
                            got.append(c.answer().status)
                    except (Ended, ConnectionResetError):
                        pass
                    check(got in ([MALFORMED], [VERSION], []) , f'{b[:40]}: {got}')
                    # nothing is said only to who has not finished
                    check(got or len(b) < 12 + struct.unpack('<I', b[8:12])[0] or b == good, b[:40])
            with Conn(d) as c:
                a = c.ask(request(HELLO, version=7))
                equal(a.status, VERSION, 'a newer one')
                check(c.is_closed(), 'closed')
            with Conn(d) as c:
                # byte by byte it is one all the same
                for b in subscribe(t.pid):
                    c.send(bytes([b]))
                equal(c.answer().status, OK, 'byte by byte')
                c.until(KEYFRAME)
                # a second set is refused, and the first goes on
                equal(c.ask(subscribe(t.pid)).status, BUSY, 'again')
                c.until(EVENTS)
    finally:
        end(t)


def half_open():
    """Who asks nothing, or half of it, is sent away; who ends its side after asking is served."""
    t = sleeper()
    try:
        with Daemon(t.pid) as d:
            silent, half, done = Conn(d), Conn(d), Conn(d)
            half.send(subscribe(t.pid)[:7])
            done.send(subscribe(t.pid))
            done.s.shutdown(socket.SHUT_WR)
            equal(done.answer().status, OK, 'one that asks no more')
            done.until(KEYFRAME)
            for c in (silent, half):
                equal(c.answer().status, TIMEOUT, 'said')
                check(c.is_closed(), 'closed')
            done.raw, done.at = done.raw[:done.at], done.at
            for _ in range(3):
                done.until(EVENTS)
            for c in (silent, half, done):
                c.close()
    finally:
        end(t)


def asks_too_much():
    """Thousands of requests at a time: all are answered, some at a time."""
    t = sleeper()
    try:
        with Daemon(t.pid) as d, Conn(d) as c, Conn(d) as other:
            equal(other.ask(subscribe(t.pid)).status, OK, 'another one')
            c.send(request(HELLO) * 100)
            for _ in range(100):
                equal(c.answer().status, OK, 'answer')
            other.drain(1)
            out, _ = memtrace('info', '--json', other.save('other.mtr'), want=6)
            equal(json.loads(out)['lost'], 0, 'lost of the other')
    finally:
        end(t)


def killed():
    t = sleeper()
    try:
        for sig, words in ((signal.SIGKILL, 'gone'), (signal.SIGTERM, 'ended')):
            with Daemon(t.pid) as d:
                p = subprocess.Popen([MEMTRACE, '-p', str(t.pid), '--json'], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                p.stdout.readline()
                d.end(sig)
                _, err = p.communicate(timeout=PATIENCE)
                equal(p.returncode, 1, 'status')
                equal(len(err.splitlines()), 1, 'lines')
                check(words in json.loads(err)['text'], err)
            # what a killed one has left behind is in nobody's way
        with Daemon(t.pid) as d:
            with Conn(d) as c:
                equal(c.ask(request(HELLO)).status, OK, 'the next one')
    finally:
        end(t)


try:
    pwd.getpwuid(NOBODY)
    main(permissions, other_rights_by_exec, without_root, same_as_direct, growth_names_it, recorded, follows, execs, marks_are_of_one,
         slow_one_loses_its_own, hundred_clients, too_many, thousands_of_connections, garbage, half_open, asks_too_much, killed)
finally:
    shutil.rmtree(DIR, ignore_errors=True)
