# SPDX-License-Identifier: GPL-2.0
"""`memtrace serve --http`: metrics and profiles, read by what others wrote (promtool, a real Prometheus,
`go tool pprof`, the OpenMetrics parser of Prometheus' client library), and held against /proc.
"""
import http.client
import json
import os
import random
import re
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import threading
import time
import urllib.parse

import live
from live import MEMTRACE, PATIENCE, Skip, Target, check, equal, main

try:
    from prometheus_client.openmetrics import parser as openmetrics
except ImportError:
    openmetrics = None
SEED = int(os.environ.get('SEED', random.randrange(1 << 30)))
WAIT = 2 * PATIENCE  # for the daemon's next look at things, on a loaded machine
TOKEN = 'correct-horse-battery-staple'
DOC = os.path.join(live.TOP, 'docs', 'METRICS.md')
ALERTS = os.path.join(live.TOP, 'docs', 'prometheus', 'alerts.yml')
DASHBOARD = os.path.join(live.TOP, 'docs', 'prometheus', 'dashboard.json')
SAMPLE = re.compile(r'([a-z_:]+)(?:\{(.*)\})? (\S+)')
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')
SUFFIX = {'counter': '_total', 'info': '_info'}


def wants(*programs):
    for p in programs:
        if not shutil.which(p):
            raise Skip(f'{p} is not installed')


def until(what, fn, patience=WAIT):
    """Waits for a fact; what fn said when it was one."""
    end = time.monotonic() + patience
    while True:
        said = fn()
        if said:
            return said
        check(time.monotonic() < end, 'in', patience, 's it did not come:', what)
        time.sleep(0.1)


class Daemon:
    """memtrace serve, for one test."""

    def __init__(self, rules, *, listen='127.0.0.1:0', token=TOKEN, top=20, ok=True):
        self.folder = tempfile.mkdtemp()
        self.token = os.path.join(self.folder, 'token')
        conf = os.path.join(self.folder, 'conf')
        with open(os.open(self.token, os.O_CREAT | os.O_WRONLY, 0o600), 'w') as f:
            f.write((token or '') + '\n')
        self.listen = listen.replace('@', self.folder)
        with open(conf, 'w') as f:
            f.write(f'[trace]\n{rules}\n[socket]\npath = {self.folder}/memtrace.sock\n[blackbox]\nenabled = no\n'
                    f'[http]\nlisten = {self.listen}\ntop = {top}\n' + (f'token-file = {self.token}\n' if token else ''))
        self.log = open(os.path.join(self.folder, 'log'), 'w+')
        self.p = subprocess.Popen([MEMTRACE, 'serve', '-v', '--config', conf], stdin=subprocess.DEVNULL,
                                  stdout=self.log, stderr=self.log)
        if not ok:
            return
        said = until('the daemon begins', self.begun)
        self.port = int(said[1]) if said[1] else None

    def said(self):
        with open(self.log.name) as f:
            return f.read()

    def begun(self):
        check(self.p.poll() is None, 'the daemon has ended:', self.said())
        text = self.said()
        return re.search(r'listening at (?:127\.0\.0\.1:|\[::1\]:|unix:/)(\d*)', text) if 'are traced' in text else None

    def connect(self, source=None, patience=WAIT):
        if self.port is None:
            s = socket.socket(socket.AF_UNIX)
            s.settimeout(patience)
            s.connect(self.listen[5:])
            c = http.client.HTTPConnection('localhost', timeout=patience)
            c.sock = s
            return c
        host = '::1' if self.listen.startswith('[') else '127.0.0.1'
        return http.client.HTTPConnection(host, self.port, timeout=patience, source_address=source and (source, 0))

    def ask(self, path, method='GET', body=None, **headers):
        c = self.connect()
        c.request(method, path, body=body, headers={k.replace('_', '-'): v for k, v in headers.items()})
        r = c.getresponse()
        data = r.read()
        c.close()
        return r, data

    def metrics(self, accept='text/plain'):
        r, data = self.ask('/metrics', Accept=accept)
        equal(r.status, 200, 'status of /metrics')
        return r, data.decode()

    def samples(self):
        return samples(self.metrics()[1])

    def profile(self, path):
        """Its gzipped bytes, in a file."""
        r, data = self.ask('/debug/pprof/' + path, Authorization='Bearer ' + TOKEN)
        equal(r.status, 200, f'status of {path}: {data[:200]}')
        file = tempfile.NamedTemporaryFile(suffix='.pb.gz')
        file.write(data)
        file.flush()
        return file

    def traces(self, pid):
        """Waits until it is in the metrics, and its map was counted."""
        until(f'{pid} is traced', lambda: value(self.samples(), 'memtrace_process_resident_bytes', pid=pid, kind='text'))

    def lost(self):
        return sum(v for name, _, v in self.samples() if name == 'memtrace_lost_events_total')

    def end(self):
        if self.p.poll() is None:
            self.p.send_signal(signal.SIGTERM)
        try:
            return self.p.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.p.kill()
            self.p.wait(PATIENCE)
            raise

    def __enter__(self):
        return self

    def __exit__(self, kind, exc, tb):
        ended = self.p.poll()
        status = self.end()
        if kind or status:
            print('# the daemon said:', self.said().replace('\n', '\n# '))
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        if not kind:
            check(ended is None, 'the daemon ended by itself, with', ended)
            equal(status, 0, 'exit status of the daemon')


def samples(text):
    """[(name, {label: value}, number)]; a line of another form fails."""
    out = []
    for line in text.splitlines():
        if line.startswith('# '):
            continue
        m = SAMPLE.fullmatch(line)
        check(m, 'no sample:', line)
        labels = {k: v.replace('\\"', '"').replace('\\\\', '\\') for k, v in LABEL.findall(m[2] or '')}
        out.append((m[1], labels, float(m[3])))
    return out


def value(all_samples, name, **labels):
    """That of the one sample with these labels among its own; None when there is none."""
    want = {k: str(v) for k, v in labels.items()}
    found = [v for n, has, v in all_samples if n == name and want.items() <= has.items()]
    check(len(found) < 2, len(found), 'samples', name, want)
    return found[0] if found else None


def status_bytes(pid):
    with open(f'/proc/{pid}/status') as f:
        return {line.split(':')[0]: int(line.split()[1]) * 1024 for line in f if line.rstrip().endswith(' kB')}


def rollup(pid):
    with open(f'/proc/{pid}/smaps_rollup') as f:
        return {line.split(':')[0]: int(line.split()[1]) * 1024 for line in f if line.rstrip().endswith(' kB')}


def faults(pid):
    with open(f'/proc/{pid}/stat') as f:
        words = f.read().rpartition(')')[2].split()
    return int(words[7]), int(words[9])


def grow(mib, ms):
    return Target('grow', '--kind', 'small', '--mib', mib, '--ms', ms, '--seed', SEED)


# ---- metrics

def as_the_kernel_says():
    """A process that stands still: every figure is the kernel's, at last."""
    with grow(24, 500) as t, Daemon(f'pid = {t.pid}') as d:
        t.checkpoint()
        d.traces(t.pid)
        t.next()

        def differs():
            s, st, ro = d.samples(), status_bytes(t.pid), rollup(t.pid)
            minor, major = faults(t.pid)
            kinds = [v for n, has, v in s if n == 'memtrace_process_resident_bytes' and has['kind'] != 'vdso']
            heap = sum(r['Rss'] for r in live.smaps(t.pid).values() if r['name'] == '[heap]')
            rows = [('rss', value(s, 'memtrace_process_rss_bytes', pid=t.pid), st['VmRSS'], 64 * live.PAGE),
                    ('kinds', sum(kinds), ro['Rss'], 16 * live.PAGE),
                    ('heap', value(s, 'memtrace_process_resident_bytes', pid=t.pid, kind='heap'), heap, 0),
                    ('virtual', value(s, 'memtrace_process_virtual_bytes', pid=t.pid), st['VmSize'], 0),
                    ('swap', value(s, 'memtrace_process_swap_bytes', pid=t.pid), st['VmSwap'], 0),
                    ('minor', value(s, 'memtrace_process_faults_total', pid=t.pid, type='minor'), minor, 0),
                    ('major', value(s, 'memtrace_process_faults_total', pid=t.pid, type='major'), major, 0)]
            return [r for r in rows if r[1] is None or abs(r[1] - r[2]) > r[3]]

        last = []
        try:
            until('metrics as /proc has it', lambda: not last.__setitem__(slice(None), differs()) and not last)
        except AssertionError:
            raise AssertionError(f'what, metrics, /proc, allowed: {last}') from None
        s = d.samples()
        check(value(s, 'memtrace_process_resident_bytes', pid=t.pid, kind='heap') > 24 << 20, 'too little heap')
        equal(value(s, 'memtrace_processes'), 1, 'processes')
        equal(value(s, 'memtrace_group_processes'), 1, 'processes of the group')
        with open('/proc/meminfo') as f:
            total = int(f.readline().split()[1]) * 1024
        equal(value(s, 'memtrace_process_limit_bytes', pid=t.pid, limit='host'), total, 'limit of the host')
        limit = value(s, 'memtrace_process_stack_headroom_bytes', pid=t.pid)
        check(limit and limit < 1 << 33, 'headroom', limit)
        equal(d.lost(), 0, 'events lost')


def formats():
    """Both formats, by what others wrote to read them; the list in docs, both ways."""
    wants('promtool')
    with open(DOC) as f:
        listed = {m[1]: (m[2], m[3]) for m in re.finditer(r'^\| `(memtrace_\w+)` \| (\w+) \| (\S+) \|', f.read(), re.M)}
    with grow(2, 100) as t, Daemon(f'pid = {t.pid}') as d:
        t.checkpoint()
        d.traces(t.pid)
        r, text = d.metrics()
        equal(r.getheader('Content-Type'), 'text/plain; version=0.0.4; charset=utf-8', 'type')
        lint = subprocess.run(['promtool', 'check', 'metrics'], input=text, text=True, capture_output=True, timeout=WAIT)
        equal((lint.returncode, lint.stdout + lint.stderr), (0, ''), 'promtool check metrics')
        equal({line.split()[2] for line in text.splitlines() if line.startswith('# TYPE')}, set(listed), 'families')
        check({n for n, _, _ in samples(text)} <= set(listed), 'samples of other families')

        r, text = d.metrics('application/openmetrics-text; version=1.0.0, text/plain; q=0.5')
        equal(r.getheader('Content-Type'), 'application/openmetrics-text; version=1.0.0; charset=utf-8', 'type')
        check(text.endswith('# EOF\n'), 'no EOF')
        types = dict(re.findall(r'^# TYPE (\S+) (\S+)$', text, re.M))
        units = dict(re.findall(r'^# UNIT (\S+) (\S+)$', text, re.M))
        equal({n + SUFFIX.get(k, ''): (k, units.get(n, '–')) for n, k in types.items()}, listed, 'docs/METRICS.md')
        if openmetrics:
            families = list(openmetrics.text_string_to_metric_families(text))
            equal({f.name: f.type for f in families}, types, 'families, as the client library has them')
            check(any(s.value for f in families for s in f.samples if f.name == 'memtrace_process_rss_bytes'), 'no RSS')


def hostile_names():
    """A name that would end the label, and begin a family of its own."""
    name = 'x"} 1\nmemt{\\'
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'hostile')
        shutil.copy('/bin/sleep', path)
        p = subprocess.Popen(['/usr/bin/python3', '-c', 'import ctypes, sys, time\n'
                              f'ctypes.CDLL(None).prctl(15, {name.encode()!r}, 0, 0, 0)\n'
                              'print("ready", flush=True)\ntime.sleep(1000)'], stdout=subprocess.PIPE)
        try:
            p.stdout.readline()
            with Daemon(f'pid = {p.pid}') as d:
                d.traces(p.pid)
                info = [has for n, has, _ in d.samples() if n == 'memtrace_process_info']
                equal([i['comm'] for i in info], [name[:15].replace('\n', '\ufffd')], 'its name')
        finally:
            p.kill()
            p.wait()
            p.stdout.close()


def top_only():
    """Many processes, few series."""
    sleepers = [subprocess.Popen(['sleep', '1000']) for _ in range(30)]
    try:
        pids = '\n'.join(f'pid = {p.pid}' for p in sleepers)
        with Daemon(pids, top=5) as d:
            s = until('all are traced', lambda: (lambda s: s if value(s, 'memtrace_processes') == 30 else None)(d.samples()))
            rss = [(has['pid'], v) for n, has, v in s if n == 'memtrace_process_rss_bytes']
            equal(len(rss), 6, 'series')
            equal(len([pid for pid, _ in rss if pid]), 5, 'of single processes')
            want = sum(status_bytes(p.pid)['VmRSS'] for p in sleepers)
            got = sum(v for _, v in rss)
            check(abs(got - want) < 0.1 * want, 'all of them have', want, 'not', got)
            sleepers[0].kill()
            sleepers[0].wait()
            until('one is gone', lambda: value(d.samples(), 'memtrace_processes') == 29)
    finally:
        for p in sleepers:
            p.kill()
            p.wait()


# ---- profiles

def pprof(file, *flags):
    """{function: (flat, cumulative)} as `go tool pprof` has it, and the total."""
    run = subprocess.run(['nice', 'go', 'tool', 'pprof', '-top', '-cum', '-unit=B', '-nodecount=100000', '-nodefraction=0',
                          *flags, file.name], capture_output=True, text=True, timeout=4 * PATIENCE,
                         env=dict(os.environ, HOME='/tmp', PPROF_TMPDIR='/tmp', PPROF_BINARY_PATH='/nonexistent'))
    equal(run.returncode, 0, f'go tool pprof: {run.stderr}')
    out = {}
    for line in run.stdout.splitlines():
        m = re.fullmatch(r'\s*(-?[\d.]+)B?\s+\S+\s+\S+\s+(-?[\d.]+)B?\s+\S+\s+(.*)', line)
        if m:
            out[m[3].replace(' (inline)', '')] = (float(m[1]), float(m[2]))
    check(out, 'pprof shows nothing:', run.stdout)
    return out, run.stdout


def profiles():
    """The function that leaks, within 5 % of what the target says; all of it adds up to RSS."""
    wants('go')
    with grow(24, 3000) as t, Daemon(f'pid = {t.pid}') as d:
        t.checkpoint()
        d.traces(t.pid)
        got = []
        fetch = threading.Thread(target=lambda: got.append(d.profile(f'growth?seconds=20&pid={t.pid}')))
        fetch.start()
        # others are served meanwhile; then it is waited for
        d.samples()
        before = status_bytes(t.pid)['VmRSS']
        t.next()
        truth = {k['function']: k['bytes'] for _, k in t.lines('TRUTH')}
        fetch.join(WAIT)
        check(got, 'no profile came')
        want = truth['leak_small']
        functions, text = pprof(got[0])
        check('growth_bytes' in text, text)
        check(abs(functions['leak_small'][1] - want) <= 0.05 * want, 'growth of leak_small', functions['leak_small'], 'not', want)
        total = sum(flat for flat, _ in functions.values())
        grew = status_bytes(t.pid)['VmRSS'] - before
        check(abs(total - grew) <= 0.05 * grew, 'all growth', total, 'RSS grew by', grew)

        file = d.profile('resident')
        functions, text = pprof(file)
        check('resident_bytes' in text, text)
        check(abs(functions['leak_small'][1] - want) <= 0.05 * want, 'resident', functions['leak_small'], 'not', want)
        rss = status_bytes(t.pid)['VmRSS']
        total = sum(flat for flat, _ in functions.values())
        check(abs(total - rss) <= 64 * live.PAGE, 'all resident', total, 'VmRSS', rss)
        raw = subprocess.run(['nice', 'go', 'tool', 'pprof', '-raw', file.name], capture_output=True, text=True,
                             timeout=4 * PATIENCE)
        check(f'pid:[{t.pid}]' in raw.stdout and f'process:[grow[{t.pid}]]' in raw.stdout, 'labels', raw.stdout[:2000])
        equal(d.lost(), 0, 'events lost')


def two_processes():
    """All in one profile, told apart by their labels; addresses may be the same."""
    wants('go')
    with grow(8, 500) as a, grow(12, 500) as b, Daemon('name = grow') as d:
        truth = {}
        for t in a, b:
            t.checkpoint()
            d.traces(t.pid)
        for t in a, b:
            t.next()
            truth[t.pid] = [k['bytes'] for _, k in t.lines('TRUTH') if k['function'] == 'leak_small'][0]

        def found():
            return {pid: pprof(file, f'-tagfocus=pid={pid}')[0].get('leak_small', (0, 0))[1] for pid in truth}

        file = d.profile('resident')
        for pid, got in found().items():
            check(abs(got - truth[pid]) <= 0.05 * truth[pid], 'leak_small of', pid, got, 'not', truth[pid])


# ---- who may

def refusals():
    with grow(1, 100) as t, Daemon(f'pid = {t.pid}') as d:
        t.checkpoint()
        d.traces(t.pid)

        def status(path, method='GET', **headers):
            r, data = d.ask(path, method, **headers)
            check(r.status < 400 or data.endswith(b'\n') or method == 'HEAD', 'no reason is given', data)
            return r.status

        right = {'Authorization': 'Bearer ' + TOKEN}
        equal(status('/'), 200, '/')
        equal(status('/metrics', 'HEAD'), 200, 'HEAD')
        for sent in ({}, {'Authorization': 'Bearer'}, {'Authorization': 'Bearer '}, {'Authorization': 'Bearer ' + TOKEN[:-1]},
                     {'Authorization': 'Bearer ' + TOKEN + TOKEN}, {'Authorization': 'Basic ' + TOKEN}, {'Authorization': TOKEN}):
            equal(status('/debug/pprof/resident', **sent), 401, f'with {sent}')
        equal(status('/debug/pprof/resident', **right), 200, 'the right token')
        equal(status(f'/debug/pprof/resident?pid={t.pid}', **right), 200, 'of one')
        equal(status('/debug/pprof/resident?pid=1', **right), 404, 'not traced')
        for query in 'seconds=0', 'seconds=301', 'seconds=x', 'seconds=1x', 'seconds=-1', 'seconds=', 'pid=0', 'pid=99999999999':
            equal(status('/debug/pprof/growth?' + query, **right), 400, query)
        for path in '/x', '/metrics/', '/debug/pprof/', '/debug/pprof/../../etc/passwd', '/%2e%2e/metrics':
            equal(status(path), 404, path)
        for method in 'POST', 'PUT', 'DELETE', 'OPTIONS', 'BREW':
            equal(status('/metrics', method), 405, method)
        equal(status('/metrics', 'GET', body='x' * 100), 400, 'a GET with a body')
        # the text is made once an interval
        until('401 were counted', lambda: value(d.samples(), 'memtrace_http_requests_total', code='401') == 7)


def keeps_the_connection():
    with grow(1, 100) as t, Daemon(f'pid = {t.pid}') as d:
        c = d.connect()
        for _ in range(5):
            c.request('GET', '/metrics')
            r = c.getresponse()
            check(r.read(), 'empty')
            check(not r.will_close, 'the connection was not kept')
        c.close()


def without_token():
    """Nobody gets profiles over TCP then; a token that others can read is refused at the start."""
    with grow(1, 100) as t, Daemon(f'pid = {t.pid}', token=None) as d:
        equal(d.ask('/debug/pprof/resident', Authorization='Bearer ')[0].status, 403, 'no token is configured')
    for token, mode, why in (TOKEN, 0o644, 'chmod 600'), ('short', 0o600, 'shorter'):
        d = Daemon('pid = 1', token=token, ok=False)
        # it may be read before this: then the next try is the one
        os.chmod(d.token, mode)
        d.p.wait(WAIT)
        check(d.p.returncode and (why in d.said() or 'running' in d.said()), why, d.said())
        shutil.rmtree(d.folder)


def unix_socket():
    """Root needs no token there; nobody else gets in."""
    with grow(1, 100) as t, Daemon(f'pid = {t.pid}', listen='unix:@/http.sock', token=None) as d:
        path = d.listen[5:]
        equal(stat.S_IMODE(os.stat(path).st_mode), 0o600, 'mode')
        d.traces(t.pid)
        equal(d.ask('/debug/pprof/resident')[0].status, 200, 'root')
        os.chmod(d.folder, 0o755)
        other = subprocess.run(['/usr/bin/python3', '-c', 'import os, socket, sys\nos.setuid(65534)\n'
                                's = socket.socket(socket.AF_UNIX)\ns.connect(sys.argv[1])', path], capture_output=True, text=True)
        check('PermissionError' in other.stderr, 'another user', other.stderr)
        # who lets others in still lets nobody have profiles
        os.chmod(path, 0o666)
        script = ('import http.client, os, socket, sys\nos.setuid(65534)\n'
                  's = socket.socket(socket.AF_UNIX)\ns.connect(sys.argv[1])\n'
                  'c = http.client.HTTPConnection("x")\nc.sock = s\nc.request("GET", sys.argv[2])\nprint(c.getresponse().status)')
        said = [subprocess.run(['/usr/bin/python3', '-c', script, path, what], capture_output=True, text=True).stdout.strip()
                for what in ('/metrics', '/debug/pprof/resident')]
        equal(said, ['200', '403'], 'another user')
    check(not os.path.exists(path), 'the socket was left behind')


def addresses():
    with grow(1, 100) as t:
        with Daemon(f'pid = {t.pid}', listen='0') as d:
            equal(d.ask('/')[0].status, 200, 'a port alone')
        if os.path.exists('/proc/net/if_inet6') and 'lo' in open('/proc/net/if_inet6').read():
            with Daemon(f'pid = {t.pid}', listen='[::1]:0') as d:
                equal(d.ask('/')[0].status, 200, 'IPv6')
        for bad in '127.0.0.1', '::1:80', '[::1]', '127.0.0.1:65536', 'unix:relative', 'example.invalid:80', ':80', '127.0.0.1:x':
            d = Daemon(f'pid = {t.pid}', listen=bad, ok=False)
            check(d.p.wait(WAIT), 'taken:', bad)
            check(bad in d.said(), 'not told:', d.said())
            shutil.rmtree(d.folder)


# ---- who means no good

def crowd():
    """Slow ones, huge ones, many: who comes from elsewhere is served, no event is lost."""
    with grow(32, 6000) as t, Daemon(f'pid = {t.pid}') as d:
        t.checkpoint()
        d.traces(t.pid)
        t.go()
        slow = [socket.create_connection(('127.0.0.1', d.port), timeout=WAIT, source_address=('127.0.0.2', 0)) for _ in range(40)]
        for s in slow:
            s.sendall(b'GET /metrics HTTP/1.1\r\n')
        check(d.samples(), 'slow ones')
        many = [socket.create_connection(('127.0.0.1', d.port), timeout=WAIT, source_address=('127.0.0.3', 0)) for _ in range(200)]
        for s in many:
            try:
                s.sendall(b'GET / HTTP/1.1\r\nHost: x\r\n\r\n')
            except OSError:
                pass  # hung up on: too many of one address
        check(d.samples(), '200 connections')
        huge = socket.create_connection(('127.0.0.1', d.port), timeout=WAIT, source_address=('127.0.0.4', 0))
        try:
            for _ in range(64):
                huge.sendall(b'X-Long: ' + b'y' * 4096 + b'\r\n') if _ else huge.sendall(b'GET / HTTP/1.1\r\n')
        except OSError:
            pass
        try:
            said = huge.recv(100)
        except ConnectionError:
            said = b''
        check(not said or said.split()[1] in (b'431', b'413', b'400'), 'huge headers', said)
        for junk in b'\0' * 5000, b'GET\r\n\r\n', bytes(random.Random(SEED).randbytes(3000)), b'GET / HTTP/9.9\r\n\r\n' * 50:
            s = socket.create_connection(('127.0.0.1', d.port), timeout=WAIT, source_address=('127.0.0.5', 0))
            s.sendall(junk)
            s.close()
        # a byte now and then keeps nobody's place: in half a minute all of them are hung up on
        ended = set()

        def all_ended():
            for s in slow:
                if s in ended:
                    continue
                try:
                    s.settimeout(0.001)
                    s.sendall(b'x')
                    if not s.recv(100):
                        ended.add(s)
                except socket.timeout:
                    pass
                except OSError:
                    ended.add(s)
            return len(ended) == len(slow)

        until('slow ones are hung up on', all_ended, 60 + WAIT)
        for s in [*slow, *many, huge]:
            s.close()
        t.checkpoint()
        equal(d.lost(), 0, 'events lost')
        check(value(d.samples(), 'memtrace_process_resident_bytes', pid=t.pid, kind='heap') > 32 << 20, 'heap')


def many_profiles():
    """So many may wait; who is one too many is told, and who hangs up costs nothing."""
    with grow(1, 100) as t, Daemon(f'pid = {t.pid}') as d:
        t.checkpoint()
        d.traces(t.pid)
        asked = []
        for _ in range(8):
            c = d.connect()
            c.request('GET', '/debug/pprof/growth?seconds=3', headers={'Authorization': 'Bearer ' + TOKEN})
            asked.append(c)
        until('eight are under way', lambda: d.ask('/debug/pprof/growth?seconds=1', Authorization='Bearer ' + TOKEN)[0].status == 503)
        asked.pop().sock.close()
        for c in asked:
            equal(c.getresponse().status, 200, 'a profile')
            c.close()
        until('there is room again', lambda: d.ask('/debug/pprof/resident', Authorization='Bearer ' + TOKEN)[0].status == 200)
        # the daemon ends while one is waited for
        c = d.connect()
        c.request('GET', '/debug/pprof/growth?seconds=300', headers={'Authorization': 'Bearer ' + TOKEN})
        d.samples()
    try:
        check(c.getresponse().status == 503, 'it was not told')
    except (ConnectionError, http.client.HTTPException):
        pass
    c.close()


# ---- a real one

class Prometheus:
    def __init__(self, port, rules):
        self.folder = tempfile.mkdtemp()
        with socket.socket() as s:
            s.bind(('127.0.0.1', 0))
            self.port = s.getsockname()[1]
        with open(os.path.join(self.folder, 'rules.yml'), 'w') as f:
            f.write(rules)
        with open(os.path.join(self.folder, 'prometheus.yml'), 'w') as f:
            f.write('global: {scrape_interval: 1s, evaluation_interval: 1s}\nrule_files: [rules.yml]\nscrape_configs:\n'
                    f"  - job_name: memtrace\n    static_configs: [{{targets: ['127.0.0.1:{port}']}}]\n")
        self.log = open(os.path.join(self.folder, 'log'), 'w')
        self.p = subprocess.Popen(['nice', 'prometheus', f'--config.file={self.folder}/prometheus.yml',
                                   f'--storage.tsdb.path={self.folder}/data', f'--web.listen-address=127.0.0.1:{self.port}'],
                                  stdout=self.log, stderr=self.log)

    def api(self, path, **query):
        try:
            c = http.client.HTTPConnection('127.0.0.1', self.port, timeout=WAIT)
            c.request('GET', f'/api/v1/{path}?' + urllib.parse.urlencode(query))
            r = c.getresponse()
            data = r.read()
            c.close()
            # before it is ready it says so
            return json.loads(data)['data'] if r.status == 200 else None
        except OSError:
            check(self.p.poll() is None, 'Prometheus ended:', open(self.log.name).read())
            return None

    def query(self, expr):
        """[(labels, value)]"""
        data = self.api('query', query=expr)
        return [(r['metric'], float(r['value'][1])) for r in data['result']] if data else []

    def __enter__(self):
        return self

    def __exit__(self, kind, exc, tb):
        self.p.terminate()
        self.p.wait(PATIENCE)
        self.log.close()
        if kind:
            print('# Prometheus said:', open(self.log.name).read().replace('\n', '\n# ')[-3000:])
        shutil.rmtree(self.folder, ignore_errors=True)


def rules_and_dashboard():
    """What docs/ suggests is read by promtool, and names nothing that there is not."""
    wants('promtool')
    run = subprocess.run(['promtool', 'check', 'rules', ALERTS], capture_output=True, text=True)
    equal(run.returncode, 0, f'promtool check rules: {run.stdout}{run.stderr}')
    with open(DOC) as f:
        listed = set(re.findall(r'^\| `(memtrace_\w+)`', f.read(), re.M))
    with open(ALERTS) as f:
        named = set(re.findall(r'memtrace_\w+', f.read()))
    with open(DASHBOARD) as f:
        board = json.load(f)
    for panel in board['panels']:
        for t in panel['targets']:
            named |= set(re.findall(r'memtrace_\w+', t['expr']))
    equal(named - listed - {'memtrace_process_verdict'}, set(), 'names that are no families')


def alert_fires():
    """Prometheus scrapes a leaking process, has the kernel's figures, and the sample rule fires."""
    wants('prometheus', 'promtool')
    with open(ALERTS) as f:
        rules = re.sub(r'for: \w+', 'for: 1s', f.read()).replace('span="10m"', 'span="1m"')
    with grow(100, 240000) as t, Daemon(f'pid = {t.pid}') as d, Prometheus(d.port, rules) as prom:
        t.checkpoint()
        d.traces(t.pid)
        t.go()
        until('it is scraped', lambda: prom.query(f'memtrace_process_rss_bytes{{pid="{t.pid}"}}'))
        equal([v for _, v in prom.query('up')], [1], 'up')

        def firing():
            alerts = prom.api('alerts')
            return [a for a in alerts['alerts'] if a['state'] == 'firing'] if alerts else []

        until('the alert fires', lambda: [a for a in firing() if a['labels']['alertname'] == 'MemoryLeakLike'
                                          and a['labels']['pid'] == str(t.pid)], 180 + WAIT)
        equal({a['labels']['alertname'] for a in firing()} - {'MemoryLeakLike', 'MemoryGrowth'}, set(), 'other alerts')
        bad = [r['name'] for g in prom.api('rules')['groups'] for r in g['rules'] if r['health'] != 'ok']
        equal(bad, [], 'rules that cannot be evaluated')
        os.kill(t.pid, signal.SIGSTOP)

        def same():
            rss = prom.query(f'memtrace_process_rss_bytes{{pid="{t.pid}"}}')
            return rss and abs(rss[0][1] - status_bytes(t.pid)['VmRSS']) <= 64 * live.PAGE

        until('RSS in Prometheus as /proc has it', same)
        os.kill(t.pid, signal.SIGCONT)


if __name__ == '__main__':
    main(as_the_kernel_says, formats, hostile_names, top_only, profiles, two_processes, refusals, keeps_the_connection,
         without_token, unix_socket, addresses, crowd, many_profiles, rules_and_dashboard, alert_fires)
