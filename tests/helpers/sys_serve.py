# SPDX-License-Identifier: GPL-2.0
"""`memtrace serve` and `memtrace ps`: the truth is /proc, and what the targets count themselves.

Nothing here waits for a time: a daemon is asked again and again until it says what is expected, or
much later in a failure.
"""
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time

import live
from live import MEMTRACE, SLOW, Skip, check, equal, main

try:
    from jsonschema import validate
except ImportError:  # only here: a guest has no such module
    validate = None
with open(os.path.join(live.TOP, 'docs', 'schema', 'ps.schema.json')) as schema_file:
    SCHEMA = json.load(schema_file)
PATIENCE = 60 * SLOW
MANY = os.path.join(live.TARGETS, 'many')
KEPT = sum(1 << cap for cap in (2, 19, 38, 39))  # DAC_READ_SEARCH, SYS_PTRACE, PERFMON, BPF


def wait_for(what, fn):
    """What @fn returns when that is true."""
    until = time.monotonic() + PATIENCE
    while True:
        got = fn()
        if got:
            return got
        check(time.monotonic() < until, f'not in {PATIENCE} s:', what)
        time.sleep(0.1)


class Daemon:
    def __init__(self, trace, more='', args=()):
        self.dir = tempfile.mkdtemp(prefix='serve.')
        self.conf = os.path.join(self.dir, 'm.conf')
        self.write(trace, more)
        self.args = args
        self.err = os.path.join(self.dir, 'stderr')
        self.start()

    def write(self, trace, more=''):
        with open(self.conf, 'w') as f:
            f.write(f'[trace]\n{trace}\n[socket]\npath = {self.dir}/m.sock\n'
                    f'[blackbox]\nfolder = {self.dir}/state\n{more}\n')

    def start(self):
        os.makedirs(self.dir + '/state', exist_ok=True)
        with open(self.err, 'ab') as err:
            self.p = subprocess.Popen([MEMTRACE, 'serve', '--config', self.conf, *self.args],
                                      stdin=subprocess.DEVNULL, stdout=err, stderr=err)
        wait_for('the daemon answers', self.answers)

    def answers(self):
        check(self.p.poll() is None, 'the daemon ended:', self.said())
        return self.ask().returncode == 0

    def said(self):
        with open(self.err, errors='replace') as f:
            return f.read()

    def ask(self, *args):
        check(self.p.poll() is None, 'the daemon ended with', self.p.poll(), self.said())
        return subprocess.run([MEMTRACE, 'ps', '--json', *args], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=PATIENCE, env=dict(os.environ, MEMTRACE_SOCKET=self.dir + '/m.sock'))

    def ps(self):
        r = self.ask()
        equal(r.returncode, 0, 'status of ps: ' + r.stderr + self.said())
        o = json.loads(r.stdout)
        if validate:
            validate(o, SCHEMA)
        return o

    def procs(self):
        return {p['pid']: p for p in self.ps()['processes']}

    def traces(self, pids):
        wait_for(f'{sorted(pids)} are traced', lambda: set(self.procs()) == set(pids))

    def stop(self, sig=signal.SIGTERM):
        self.p.send_signal(sig)
        return self.p.wait(PATIENCE)

    def __enter__(self):
        return self

    def __exit__(self, kind, exc, tb):
        if self.p.poll() is None:
            self.p.kill()
        self.p.wait(PATIENCE)
        if kind:
            print('# the daemon said:', self.said().replace('\n', '\n# '))
        shutil.rmtree(self.dir, ignore_errors=True)


class Many:
    """tests/targets/many, by the names that rules see."""

    def __init__(self, idle, forking, every_ms=10, wrap=()):
        if not os.path.exists(MANY):
            raise Skip('many is not built')
        self.p = subprocess.Popen([*wrap, MANY, str(idle), str(forking), str(every_ms)],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.pids = {}
        if not wrap:
            self.begun()

    def begun(self):
        for line in self.p.stdout:
            if line == 'ready\n':
                return
            pid, kind = line.split()
            self.pids[int(pid)] = kind

    def end(self):
        """How many forks there were."""
        self.p.send_signal(signal.SIGTERM)
        return int(self.p.communicate(timeout=PATIENCE)[0].split()[-1])

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if self.p.poll() is None:
            self.p.kill()
        self.p.communicate()


def status(pid, key):
    with open(f'/proc/{pid}/status') as f:
        return next(line.split(None, 1)[1].strip() for line in f if line.startswith(key + ':'))


def config_chooses():
    with Many(3, 0) as m, Many(2, 0) as other, Daemon('name = many-id*') as d:
        d.traces([*m.pids, *other.pids])
        with Many(2, 0) as late:  # who comes later, too
            d.traces([*m.pids, *other.pids, *late.pids])
            late.end()
        d.traces([*m.pids, *other.pids])
        o = d.ps()['daemon']
        check(o['seen'] >= 7 and o['ended'] >= 2, o)
        equal(d.stop(), 0, 'exit status')
    pid = next(iter(m.pids))
    check(pid, 'no pid')


def by_pid_and_user():
    with Many(2, 0) as m:
        one, other = m.pids
        with Daemon(f'pid = {one}') as d:
            d.traces([one])
        with Daemon('name = nobody-has-this', args=('-p', str(other))) as d:
            d.traces([other])


def by_cgroup():
    # where memory is counted: version 1's controller, or version 2
    with open('/proc/self/cgroup') as f:
        root = '/sys/fs/cgroup' + ('/memory' if any(':memory:' in line for line in f) else '')
    name = f'/memtrace-test-serve-{os.getpid()}'
    try:
        os.mkdir(root + name)
    except OSError as e:
        raise Skip(f'no cgroup can be made here: {e.strerror}') from None
    procs = root + name + '/cgroup.procs'
    try:
        if not os.path.exists(procs):
            raise Skip('no cgroup can be made here: no hierarchy is mounted there')
        with Many(2, 0) as m, Daemon(f'cgroup = {name}') as d:
            inside = next(iter(m.pids))
            with open(procs, 'w') as f:
                f.write(str(inside))
            d.traces([inside])  # it was moved there after it had been looked at
            equal(d.procs()[inside]['cgroup'], name, 'cgroup')
            m.end()
            wait_for('the cgroup is empty', lambda: not open(procs).read())
    finally:
        os.rmdir(root + name)


def forks_and_execs_followed():
    with Many(0, 4, 20, wrap=('/bin/sh', '-c', 'read x; exec "$@"', 'sh')) as m, \
            Daemon('', args=('-p', str(m.p.pid))) as d:
        d.traces([m.p.pid])
        m.p.stdin.write('go\n')
        m.p.stdin.flush()
        m.begun()
        wait_for('the children are traced', lambda: set(m.pids) < set(d.procs()))
        equal(d.procs()[m.p.pid]['comm'], 'many', 'comm after the exec')
        wait_for('a hundred forks', lambda: d.ps()['daemon']['seen'] > 100)
        forks = m.end()
        wait_for('all have ended', lambda: not d.procs())
        o = d.ps()['daemon']
        print(f'# {forks} forks by 4 processes, {o["seen"]} processes seen, {o["unfollowed"]} not followed, '
              f'{o["lost"]} events lost', flush=True)
        # who was in the middle of a fork when it was killed had made a child that it did not count
        if not o['lost']:
            check(1 + 4 + forks <= o['seen'] + o['unfollowed'] <= 1 + 4 + forks + 4, o, forks)
        equal(o['ended'], o['seen'], 'ended')


def found_after_an_exec():
    with Many(2, 0, wrap=('/bin/sh', '-c', 'read x; exec "$@"', 'sh')) as m, Daemon('name = many\nfollow = no') as d:
        equal(set(d.procs()), set(), 'traced')
        m.p.stdin.write('go\n')
        m.p.stdin.flush()
        m.begun()
        d.traces([m.p.pid])


def hangup():
    with Many(2, 0) as m, Many(0, 1, 1000) as other, Daemon('name = many-idle') as d:
        d.traces(m.pids)
        d.write('name = many-idle\nnome = x')
        d.p.send_signal(signal.SIGHUP)
        wait_for('it says what is wrong', lambda: f"{d.conf}:3: no key 'nome' in [trace]: did you mean 'name'?" in d.said())
        with Many(1, 0) as late:  # the old one is still there
            d.traces([*m.pids, *late.pids])
        d.write('name = many-idle\nname = many-fork')
        d.p.send_signal(signal.SIGHUP)
        wait_for('it was read', lambda: 'the configuration was read again' in d.said())
        wait_for('the other is traced', lambda: set(m.pids) | set(other.pids) <= set(d.procs()))
        equal(d.stop(), 0, 'exit status')


def progs_of(pid):
    """Ids of the BPF programs that a process holds."""
    ids = set()
    for fd in os.listdir(f'/proc/{pid}/fdinfo'):
        try:
            with open(f'/proc/{pid}/fdinfo/{fd}') as f:
                ids |= {int(line.split()[1]) for line in f if line.startswith('prog_id:')}
        except OSError:
            pass
    return ids


def progs():
    tool = shutil.which('bpftool') or shutil.which('bpftool', path='/usr/sbin:/sbin')
    if not tool:
        raise Skip('bpftool is not installed')
    return {p['id'] for p in json.loads(subprocess.run([tool, '-j', 'prog', 'show'], capture_output=True, check=True).stdout)}


def killed_and_restarted():
    with Many(3, 0) as m, Daemon('name = nobody-has-this', args=('-p', ','.join(map(str, m.pids)))) as d:
        d.traces(m.pids)
        check(all(p['gap'] is None for p in d.procs().values()), 'a gap without a restart')
        ours = progs_of(d.p.pid)
        check(ours and ours <= progs(), 'bpftool does not show the daemon\'s programs', ours)
        before = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        d.stop(signal.SIGKILL)
        wait_for('its programs are gone', lambda: not ours & progs())
        gone = next(iter(m.pids))
        os.kill(gone, signal.SIGKILL)
        wait_for('one has ended', lambda: live.stat(gone)[0] == b'Z')
        d.args = ()  # nobody says whom: it remembers
        d.start()
        left = set(m.pids) - {gone}
        d.traces(left)
        for p in d.procs().values():
            check(before - 30 * SLOW * 10**9 <= p['gap']['from_ns'] < p['gap']['to_ns'], 'gap', p['gap'], before)
            check(p['gap']['to_ns'] > before, 'gap', p['gap'], before)
        check(f'{len(left)} of {len(m.pids)} processes' in d.said(), d.said())


def one_daemon_at_a_place():
    with Many(1, 0) as m, Daemon('name = many-idle') as d:
        second = subprocess.run([MEMTRACE, 'serve', '--config', d.conf], capture_output=True, text=True, timeout=PATIENCE)
        equal(second.returncode, 1, 'exit status of the second')
        check('is running already' in second.stderr, second.stderr)
        d.traces(m.pids)


def confined():
    with Many(1, 0) as m, Daemon('name = many-idle') as d:
        d.traces(m.pids)
        pid = d.p.pid
        for key in ('CapEff', 'CapPrm', 'CapBnd'):
            equal(int(status(pid, key), 16) & ~KEPT, 0, key)
        equal(int(status(pid, 'CapInh'), 16) | int(status(pid, 'CapAmb'), 16), 0, 'inherited')
        equal(status(pid, 'NoNewPrivs'), '1', 'NoNewPrivs')
        if not os.environ.get('MEMTRACE_BUILD', '').endswith('asan'):
            equal(status(pid, 'Seccomp'), '2', 'Seccomp')


def no_more_than_allowed():
    with Many(6, 0) as m, Daemon('name = many-idle\nmax-processes = 4') as d:
        wait_for('four are traced', lambda: len(d.procs()) == 4 and d.ps()['daemon']['beyond'] == 2)
        traced = set(d.procs())
        check(traced < set(m.pids), traced)
        os.kill(min(traced), signal.SIGKILL)  # one in its place
        wait_for('another one is traced', lambda: len(set(d.procs()) - traced) == 1 and d.ps()['daemon']['beyond'] == 1)


def figures_are_the_kernels():
    with Many(4, 0) as m, Daemon('name = many-idle') as d:
        d.traces(m.pids)
        for pid in m.pids:
            live.stop_process(pid)
        # an interval after they stand all is known
        now = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        o = wait_for('an interval', lambda: (lambda o: o['now_ns'] > now + 2 * 10**9 and o)(d.ps()))
        equal({p['pid'] for p in o['processes']}, set(m.pids), 'pids')
        for p in o['processes']:
            pid = p['pid']
            with open(f'/proc/{pid}/statm') as f:
                size, resident, shared = (int(n) * live.PAGE for n in f.read().split()[:3])
            equal(p['resident_bytes'], resident, f'RSS of {pid}')
            equal(p['virtual_bytes'], size, f'virtual size of {pid}')
            equal(p['file_bytes'] + p['shmem_bytes'], shared, f'shared of {pid}')
            equal(p['anon_bytes'], resident - shared, f'anonymous of {pid}')
            equal(sum(p['kinds'].values()), resident, f'sum of kinds of {pid}')
            equal(p['comm'], 'many-idle', 'comm')
            equal(p['uid'], 0, 'uid')
            equal(p['exe'], os.path.realpath(MANY), 'exe')
            ticks = int(live.stat(pid)[19])
            equal(p['start_time_ns'] * os.sysconf('SC_CLK_TCK') // 10**9, ticks, 'start')
            cgroup = [line.split(':', 2)[2].strip() for line in open(f'/proc/{pid}/cgroup')]
            check(p['cgroup'] in cgroup, 'cgroup', p['cgroup'], cgroup)
            check(0 < p['stack']['headroom_bytes'] <= 8 << 20, 'headroom', p['stack'])


def many_processes():
    idle, forking = (500, 50) if SLOW == 1 else (60, 5)
    with Many(idle, forking) as m, Daemon('name = many-*\nmax-processes = 2000') as d:
        wait_for('all are traced', lambda: set(m.pids) <= set(d.procs()))
        first = d.ps()['daemon']
        o = wait_for('many forks', lambda: (lambda o: o['seen'] >= first['seen'] + 20 * forking and o)(d.ps()['daemon']))
        check(set(m.pids) <= set(d.procs()), 'not traced any more')
        traced = sum(p['resident_bytes'] for p in d.procs().values())
        # the black box's 32M, the ring's 8M that is mapped twice, and what is kept of processes
        bound = (128 << 20) + traced // 1000
        print(f'# {idle} idle, {forking} forking: seen {o["seen"]}, ended {o["ended"]}, not followed {o["unfollowed"]}, '
              f'lost {o["lost"]}; the daemon has {o["resident_bytes"] >> 20} MiB, of {bound >> 20} MiB', flush=True)
        check(o['resident_bytes'] <= bound, 'memory:', o['resident_bytes'])
        forks = m.end()
        wait_for('all have ended', lambda: not d.procs())
        o = d.ps()['daemon']
        print(f'# {forks} forks; seen {o["seen"]}, ended {o["ended"]}, not followed {o["unfollowed"]}, lost {o["lost"]}; '
              f'{o["resident_bytes"] >> 20} MiB', flush=True)
        equal(o['ended'], o['seen'], 'ended')
        equal(d.stop(), 0, 'exit status')


def check_config():
    def ask(text):
        with tempfile.NamedTemporaryFile('w', suffix='.conf') as f:
            f.write(text)
            f.flush()
            r = subprocess.run([MEMTRACE, 'serve', '--check-config', '--config', f.name], capture_output=True, text=True)
            return r.returncode, r.stderr.replace(f.name, 'FILE')
    equal(ask('[trace]\nall = yes\n')[0], 0, 'a good one')
    status, err = ask('[trace]\n\ninterval = 5m\n')
    check(status == 1 and 'FILE:3: interval takes a time' in err, err)
    status, err = ask('')
    check(status == 1 and 'nobody is to be traced' in err, err)


def no_daemon():
    with tempfile.TemporaryDirectory() as d:
        conf = os.path.join(d, 'm.conf')
        with open(conf, 'w') as f:
            f.write(f'[socket]\npath = {d}/none.sock\n')
        r = subprocess.run([MEMTRACE, 'ps', '--config', conf], capture_output=True, text=True)
        equal(r.returncode, 1, 'exit status')
        check('no memtrace serve runs at' in r.stderr, r.stderr)


main(check_config, no_daemon, config_chooses, by_pid_and_user, by_cgroup, forks_and_execs_followed, found_after_an_exec,
     hangup, killed_and_restarted, one_daemon_at_a_place, confined, no_more_than_allowed, figures_are_the_kernels,
     many_processes)
