# SPDX-License-Identifier: GPL-2.0
"""What the live suites in Python share: a target with its checkpoints, memtrace's reports of it,
the kernel's own figures, and KTAP.

A suite is tests/sys/NAME.sh, which runs tests/helpers/sys_NAME.py. Nothing here measures time:
waits end with an event or, much later, in a failure.
"""
import datetime
import json
import os
import queue
import re
import select
import subprocess
import sys
import tempfile
import threading
import time
import traceback

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(TOP, os.environ.get('MEMTRACE_BUILD', 'build'))
MEMTRACE = os.environ.get('MEMTRACE', os.path.join(BUILD, 'memtrace'))
TARGETS = os.path.join(BUILD, 'tests', 'targets')
SLOW = int(os.environ.get('MEMTRACE_TEST_SLOW', '1'))
PATIENCE = 30 * SLOW  # seconds until something that should have happened has not
INTERVAL = '200ms' if SLOW == 1 else '500ms'
PAGE = 4096


class Skip(Exception):
    pass


class Ended(Exception):
    """The other side is gone."""


def check(cond, *what):
    """assert, also under -O, which says what it compared."""
    if not cond:
        raise AssertionError(' '.join(str(w) for w in what))


def equal(got, want, what):
    check(got == want, f'{what}: {got}, not {want}')


class Lines:
    """Lines from a descriptor, with patience."""

    def __init__(self, fd):
        self.fd, self.buf = fd, b''

    def next(self, patience=PATIENCE):
        until = time.monotonic() + patience
        while b'\n' not in self.buf:
            left = until - time.monotonic()
            if left <= 0 or not select.select([self.fd], [], [], left)[0]:
                raise AssertionError(f'nothing was said in {patience} s')
            chunk = os.read(self.fd, 1 << 20)
            if not chunk:
                raise Ended()
            self.buf += chunk
        line, self.buf = self.buf.split(b'\n', 1)
        return line


def fields(words):
    """key=value words as a dict; numbers as numbers."""
    out = {}
    for word in words:
        if '=' in word:
            key, val = word.split('=', 1)
            out[key] = int(val, 0) if re.fullmatch(r'-?(0x[0-9a-f]+|\d+)', val) else val
    return out


class Target:
    """A program of tests/targets, which stops at its checkpoints."""

    def __init__(self, name, *args, sync=True, wrap=(), env=None):
        path = os.path.join(TARGETS, name)  # which is @name itself when that is absolute
        if not os.path.exists(path):
            raise Skip(f'{name} is not built')
        self.said = []  # (word, [positional], {key: value}) since the last checkpoint
        env = dict(os.environ, **(env or {}))
        if not sync:
            self.p = subprocess.Popen([*wrap, path, *map(str, args)], stdout=subprocess.DEVNULL, env=env)
            return
        env['TARGET_SYNC'] = '1'
        out_r, out_w = os.pipe()
        in_r, in_w = os.pipe()

        def place():
            # by way of high numbers, lest one overwrites the other
            import fcntl
            high = fcntl.fcntl(out_w, fcntl.F_DUPFD, 100)
            low = fcntl.fcntl(in_r, fcntl.F_DUPFD, 100)
            os.dup2(low, 3)
            os.dup2(high, 4)
            os.closerange(5, 200)
        self.p = subprocess.Popen([*wrap, path, *map(str, args)], preexec_fn=place, close_fds=False, env=env)
        os.close(out_w)
        os.close(in_r)
        self.out, self.in_fd = Lines(out_r), in_w

    @property
    def pid(self):
        return self.p.pid

    def checkpoint(self):
        """Waits for the next one: its fields; `self.said` holds the lines before it."""
        self.said = []
        while True:
            words = self.out.next().decode(errors='replace').split()
            rest = [w for w in words[1:] if '=' not in w]
            said = (words[0], rest, fields(words[1:]))
            if words[0] in ('CHECKPOINT', 'DONE'):
                return dict(said[2], what=words[0], nr=int(rest[0]) if rest else -1)
            self.said.append(said)

    def lines(self, word):
        return [(rest, keys) for w, rest, keys in self.said if w == word]

    def go(self):
        os.write(self.in_fd, b'x')

    def next(self):
        self.go()
        return self.checkpoint()

    def wait(self):
        return self.p.wait(PATIENCE)

    def end(self):
        if self.p.poll() is None:
            self.p.kill()
        self.p.wait(PATIENCE)
        if hasattr(self, 'out'):
            os.close(self.out.fd)
            os.close(self.in_fd)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.end()


class Tracer:
    """memtrace --json on a process."""

    def __init__(self, *args, interval=INTERVAL):
        self.err = tempfile.TemporaryFile()
        self.p = subprocess.Popen([MEMTRACE, *map(str, args), '--json', '-i', interval],
                                  stdout=subprocess.PIPE, stderr=self.err, stdin=subprocess.DEVNULL)
        self.lines = queue.SimpleQueue()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        """A pipe that nobody reads would stop memtrace, and the ring would run over."""
        for line in self.p.stdout:
            self.lines.put(line)
        self.lines.put(None)

    def snap(self, pid=None):
        """The next report, of that process if one is given."""
        while True:
            try:
                line = self.lines.get(timeout=PATIENCE)
            except queue.Empty:
                raise AssertionError(f'memtrace said nothing in {PATIENCE} s') from None
            if line is None:
                self.lines.put(None)
                raise Ended()
            o = json.loads(line)
            if pid is None or o['process']['pid'] == pid:
                return o

    def settled(self, pid=None):
        """A report that has all events there were when this was called.

        The first one made after now may have been begun before; the next one was not.
        """
        now = time.time()
        nr = 0
        while nr < 2:
            o = self.snap(pid)
            at = datetime.datetime.fromisoformat(o['time'].replace('Z', '+00:00')).timestamp()
            nr += at > now + 0.001
        return o

    def rest(self, pid=None):
        """All reports until it ends."""
        out = []
        try:
            while True:
                out.append(self.snap(pid))
        except Ended:
            return out

    def stop(self, sig=2):
        """Ends it with a signal; the exit status."""
        if self.p.poll() is None:
            self.p.send_signal(sig)
        self.rest()
        return self.p.wait(PATIENCE)

    def errors(self):
        self.err.seek(0)
        return self.err.read().decode(errors='replace')

    def end(self):
        if self.p.poll() is None:
            self.p.kill()
        self.p.wait(PATIENCE)
        self.reader.join(PATIENCE)
        self.p.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, kind, exc, tb):
        self.end()
        if kind and self.errors():
            print('# memtrace said:', self.errors().replace('\n', '\n# '))


# ---- the kernel's own figures

def stat(pid):
    """Fields of /proc/PID/stat behind the name; [0] is the state."""
    with open(f'/proc/{pid}/stat', 'rb') as f:
        return f.read().rsplit(b')', 1)[1].split()


def kernel_faults(pid):
    s = stat(pid)
    return int(s[7]) + int(s[9])


def tasks_stopped(pid):
    for tid in os.listdir(f'/proc/{pid}/task'):
        try:
            if stat(f'{pid}/task/{tid}')[0] not in b'TtZX':
                return False
        except OSError:
            pass
    return True


def stop_process(pid):
    """SIGSTOP, and wait until every thread stands."""
    os.kill(pid, 19)
    until = time.monotonic() + PATIENCE
    while not tasks_stopped(pid):
        check(time.monotonic() < until, 'the process does not stop')
        time.sleep(0.005)


def statm_virtual(pid):
    with open(f'/proc/{pid}/statm') as f:
        return int(f.read().split()[0]) * PAGE


def smaps(pid):
    """{(start, end): {'prot', 'name', 'Rss': bytes, …}}"""
    out, cur = {}, None
    with open(f'/proc/{pid}/smaps', errors='replace') as f:
        for line in f:
            m = re.match(r'([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+ *(.*)', line)
            if m:
                cur = {'prot': m[3], 'name': m[4].rstrip()}
                out[int(m[1], 16), int(m[2], 16)] = cur
            elif line.rstrip().endswith(' kB'):
                key, val, _ = line.split()
                cur[key[:-1]] = int(val) * 1024
    return out


def maps(pid):
    """(start, end, prot) of each mapping, without the kernel's own pages."""
    out = []
    with open(f'/proc/{pid}/maps', 'rb') as f:
        for line in f:
            m = re.match(rb'([0-9a-f]+)-([0-9a-f]+) (....) ', line)
            if m and int(m[1], 16) >> 63 == 0:
                out.append((int(m[1], 16), int(m[2], 16), m[3].decode()))
    return out


# ---- reading reports

def span(r):
    return int(r['start'], 16), int(r['end'], 16)


def inside(o, start, end):
    """Regions of a report within [start, end)."""
    return [r for r in o['regions'] if start <= span(r)[0] and span(r)[1] <= end]


def touching(o, start, end):
    """Regions of a report that have some of [start, end)."""
    return [r for r in o['regions'] if span(r)[0] < end and start < span(r)[1]]


def same_map(o, pid):
    """The report has the map that /proc/PID/maps shows."""
    ours = [(*span(r), r['prot']) for r in o['regions'] if span(r)[0] >> 63 == 0]
    theirs = maps(pid)
    check(ours == theirs, 'only in the report:', sorted(set(ours) - set(theirs)), 'only in maps:',
          sorted(set(theirs) - set(ours)))


def total(regions, key):
    return sum(r[key] or 0 for r in regions)


def virtual(o):
    return o['totals']['virtual_bytes']


# ---- KTAP

def none_lost(o):
    equal(o['lost'], {}, 'lost')


def run(*tests):
    """Runs functions, or (name, function) pairs; prints KTAP, returns the exit status."""
    failed = 0
    print(f'TAP version 13\n1..{len(tests)}', flush=True)
    for nr, test in enumerate(tests, 1):
        name, fn = test if isinstance(test, tuple) else (test.__name__, test)
        print(f'#  RUN           {name} ...', flush=True)
        try:
            fn()
            print(f'ok {nr} {name}', flush=True)
        except Skip as e:
            print(f'ok {nr} {name} # SKIP {e}', flush=True)
        except Exception:  # a failure, whatever it was
            print('# ' + traceback.format_exc().rstrip().replace('\n', '\n# '))
            print(f'not ok {nr} {name}', flush=True)
            failed += 1
    return 1 if failed else 0


# What the suites have in their short form (MEMTRACE_TEST_SHORT, the matrix of kernels): what depends on
# the kernel most. Who is not here has no other form than the long one.
SHORT_FORM = {
    'sys_at': ('a_call', 'of_a_process', 'killed'),
    'sys_attach_live': ('attach_randops', 'read_again', 'vforked', 'many_vmas'),
    'sys_callstacks': ('nobody_is_woken', 'depth_is_known', 'other_stacks', 'running', 'without_root'),
    'sys_command': ('its_descriptors', 'from_its_first_instruction', 'signals_end_it', 'follows'),
    'sys_export': ('random_operations', 'call_stacks', 'system_calls'),
    'sys_faults': ('faults_plain', 'faults_readinto', 'faults_populate', 'faults_madvpopulate', 'faults_mlock',
                   'faults_vmwritev', 'faults_cow', 'faults_thp', 'faults_dontneed', 'faults_retry',
                   'faults_no_storage', 'loss_is_told'),
    'sys_growth': ('small', 'map', 'huge', 'attach_sampled'),
    'sys_lesson': ('steps', 'overflow_big', 'overflow_endless'),
    'sys_record': ('random_operations', 'faults_are_the_kernels', 'killed_recorder', 'processes_come_and_go'),
    'sys_residency': ('moves', 'python'),
    'sys_robust': ('exits_now', 'execs', 'execs_from_a_thread', 'inside_a_namespace', 'killed', 'zombie', 'leader_gone'),
    'sys_serve': ('config_chooses', 'forks_and_execs_followed', 'killed_and_restarted', 'confined', 'figures_are_the_kernels'),
    'sys_serve_blackbox': ('overflow', 'abort', 'step', 'oom', 'at_limit', 'high'),
    'sys_stacks': ('depths', 'overflow_main', 'overflow_thread', 'recorded'),
}


def chosen(tests):
    names = {t[0] if isinstance(t, tuple) else t.__name__: t for t in tests}
    suite = os.path.splitext(os.path.basename(sys.argv[0]))[0]
    wanted = sys.argv[1:] or (os.environ.get('MEMTRACE_TEST_SHORT') and SHORT_FORM.get(suite)) or names
    return [names[n] for n in wanted]


def main(*tests):
    if os.geteuid():
        print('TAP version 13\n1..0 # SKIP not root')
        sys.exit(4)
    # who is killed leaves files behind
    with tempfile.TemporaryDirectory(prefix='memtrace-test.') as folder:
        os.chmod(folder, 0o1777)  # as /tmp: some tests are somebody else
        os.environ['TMPDIR'] = tempfile.tempdir = folder
        status = run(*chosen(tests))
    sys.exit(status)
