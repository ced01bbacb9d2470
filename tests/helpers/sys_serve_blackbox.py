# SPDX-License-Identifier: GPL-2.0
"""The daemon's black box: what is on the disk after a process died, grew in a step, or ran short.

The truth is the target's own: how many bytes which function keeps, which thread is how deep. Every
page that comes about here is looked at for its form, too, and every trace file is read.
"""
import glob
import json
import os
import re
import signal
import subprocess
import tempfile
import threading
import time

import live
from live import MEMTRACE, PATIENCE, SLOW, Skip, Target, check, equal, fields, main

MIB = 1 << 20
OURS = r'\d{8}T\d{6}Z-[A-Za-z0-9._+-]+-\d+-[a-z-]+(-\d)?\.(mtr|txt)'
UNITS = {'': 1, 'K': 1 << 10, 'M': 1 << 20, 'G': 1 << 30}


class Daemon:
    """memtrace serve of some processes, with a folder of its own."""

    def __init__(self, pids, folder=None, step='0', step_time='60s', pause='10min', extra=''):
        self.top = tempfile.mkdtemp()
        self.folder = folder or os.path.join(self.top, 'reports')
        self.conf = os.path.join(self.top, 'conf')
        self.pids = list(pids)
        with open(self.conf, 'w') as f:
            f.write(f'[trace]\ninterval = {live.INTERVAL}\n[socket]\npath = {self.top}/sock\n[blackbox]\n'
                    f'folder = {self.folder}\nstep = {step}\nstep-time = {step_time}\npause = {pause}\n{extra}')
        self.lines, self.cond = [], threading.Condition()
        self.start()

    def start(self, traced=True):
        self.p = subprocess.Popen([MEMTRACE, 'serve', '--config', self.conf, *(f'-p{p}' for p in self.pids)],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                  text=True, errors='replace')
        self.reader = threading.Thread(target=self.read, args=(self.p,), daemon=True)
        self.reader.start()
        if traced:
            self.says(r'(\d+) processes are traced')

    def read(self, p):
        for line in p.stderr:
            with self.cond:
                self.lines.append(line.rstrip('\n'))
                self.cond.notify_all()
        with self.cond:
            self.lines.append('')
            self.cond.notify_all()

    def says(self, pattern, nr=1):
        """Waits until so many of its lines are like that."""
        with self.cond:
            found = self.cond.wait_for(lambda: self.matching(pattern)[nr - 1:], 2 * PATIENCE)
            check(found, f'the daemon never said {pattern}:', self.lines)
            return found[0]

    def matching(self, pattern):
        return [m for m in (re.search(pattern, line) for line in self.lines) if m]

    def files(self, pattern='*'):
        return sorted(glob.glob(os.path.join(glob.escape(self.folder), pattern)))

    def report(self, cause, pid, nr=1):
        """Waits for it: (its page, the trace file's path)."""
        self.says(rf'black box: \S+-{pid}-{cause}(-\d)?\.txt and \.mtr', nr)
        path = self.files(f'*-{pid}-{cause}*.txt')[-1]
        check(re.fullmatch(OURS, os.path.basename(path)), 'its name:', path)
        with open(path, encoding='utf-8') as f:
            page = f.read()
        one_page(page)
        equal(os.stat(path).st_mode & 0o777, 0o600, 'mode')
        return page, path[:-4] + '.mtr'

    def alive(self):
        return self.p.poll() is None

    def stop(self):
        self.p.send_signal(signal.SIGTERM)
        equal(self.p.wait(2 * PATIENCE), 0, 'exit status of the daemon')
        whole(self)

    def end(self):
        if self.alive():
            self.p.kill()
        self.p.wait(PATIENCE)
        self.reader.join(PATIENCE)

    def __enter__(self):
        return self

    def __exit__(self, kind, exc, tb):
        self.end()
        if kind:
            print('# the daemon said:', '\n# '.join(self.lines))


def one_page(page):
    lines = page.split('\n')
    check(20 < len(lines) <= 62, 'lines:', len(lines))
    check(max(map(len, lines)) <= 135, 'columns:', max(map(len, lines)))
    check(not re.search(r'[\x00-\x09\x0b-\x1f\x7f-\x9f]', page), 'control characters', repr(page))
    for head in ('WHAT', 'WHEN', 'PROCESS', 'RSS', 'LOST', 'EVENTS'):
        check(re.search(rf'^{head} ', page, re.M), 'no line', head)


def whole(daemon):
    """No half files; what has its name can be read to its end."""
    for path in daemon.files('*') + daemon.files('.*'):
        check(re.fullmatch(OURS, os.path.basename(path)), 'left behind:', path)
        if path.endswith('.mtr'):
            out = subprocess.run([MEMTRACE, 'info', path], capture_output=True, text=True)
            equal(out.returncode, 0, f'info {path}: {out.stderr}')
            check('complete' in out.stdout.splitlines()[0], out.stdout)


def reads(mtr, pid):
    """Everything that shows recordings reads it, and has this process in it alone."""
    for verb in (['report'], ['replay', '--plain'], ['growth'], ['export', '--format', 'folded', '-o', '-']):
        out = subprocess.run([MEMTRACE, *verb[:1], mtr, *verb[1:]], capture_output=True, text=True, stdin=subprocess.DEVNULL)
        equal(out.returncode, 0, f'{verb[0]} {mtr}: {out.stderr}')
    out = subprocess.run([MEMTRACE, 'info', mtr], capture_output=True, text=True)
    equal(re.findall(r'^processes (\d+)\n +(\d+) ', out.stdout, re.M), [('1', str(pid))], 'processes')


def size(text):
    m = re.fullmatch(r'[+-]?([\d.]+)([KMG]?)', text)
    check(m, 'no size:', text)
    return float(m[1]) * UNITS[m[2]]


def top_path(page):
    """(net bytes, functions) of the first row."""
    rows = page.split('CALL PATH', 1)[1].split('\n')[1:]
    first = rows[0].split()
    frames = [rows[0][50:].split()[0]] + [r.split()[0] for r in rows[1:4] if r.startswith(' ' * 50)]
    return size(first[0]), frames


def leaks(page, mtr, function, truth):
    """The page and the file name who it was within 5 % of its bytes."""
    net, frames = top_path(page)
    check(function in frames, f'the top path is not {function}:', frames)
    check(abs(net - truth) <= 0.05 * truth, f'page: {net} bytes, the target says {truth}')
    out = subprocess.run([MEMTRACE, 'growth', '--json', mtr], capture_output=True, text=True)
    equal(out.returncode, 0, out.stderr)
    o = json.loads(out.stdout)
    got = sum(p['net_bytes'] for p in o['paths'] if any(f['function'] == function for f in p['frames']))
    print(f'# {function}: {got} bytes in the file, {net:.0f} on the page, the target says {truth}', flush=True)
    check(abs(got - truth) <= 0.05 * truth, f'file: {got} bytes, the target says {truth}')


# ---- deaths

def overflow():
    with Target('stacks', '--overflow', 'main') as t:
        t.checkpoint()
        with Daemon([t.pid]) as d:
            said = t.next()  # it has said where its stack is
            equal(said['what'], 'CHECKPOINT', 'a checkpoint')
            t.go()
            equal(t.wait(), -signal.SIGSEGV, 'it should have died')
            page, mtr = d.report('sigsegv', t.pid)
            check('STACK OVERFLOW in main thread' in page, page)
            check(re.search(r'CAUSE endless recursion: .*bottomless', page), page)
            reads(mtr, t.pid)
            out = subprocess.run([MEMTRACE, 'replay', '--plain', mtr], capture_output=True, text=True)
            check('STACK OVERFLOW in main thread' in out.stdout, out.stdout)
            d.stop()


def abort():
    """With what it had: to the byte what the target says, within 5 %."""
    with Target('grow', '--kind', 'map', '--mib', 32, '--ms', 2000 * SLOW, '--seed', 5) as t:
        t.checkpoint()
        with Daemon([t.pid]) as d:
            t.next()
            truth = {f['function']: f['bytes'] for _, f in t.lines('TRUTH')}
            os.kill(t.pid, signal.SIGABRT)
            equal(t.wait(), -signal.SIGABRT, 'it should have died')
            page, mtr = d.report('sigabrt', t.pid)
            check('SIGABRT' in page.split('\n')[2], page)
            leaks(page, mtr, 'leak_map', truth['leak_map'])
            reads(mtr, t.pid)
            d.stop()


def loud():
    """One that says far more than there is room for does not push out what the others said."""
    with Target('grow', '--kind', 'map', '--mib', 16, '--ms', 1000 * SLOW, '--seed', 11) as t, \
            Target('faultstorm', '--threads', 2, '--pages', 20000, '--rounds', 1 << 20, sync=False) as storm:
        t.checkpoint()
        # what is not the writers' own is 2 MiB: a fault of a storm takes less than a byte of it
        with Daemon([t.pid, storm.pid], extra='memory = 4608K\n') as d:
            t.next()
            truth = {f['function']: f['bytes'] for _, f in t.lines('TRUTH')}
            begun = live.kernel_faults(storm.pid)
            until = time.monotonic() + 8 * PATIENCE
            while live.kernel_faults(storm.pid) < begun + 6000000:
                check(time.monotonic() < until, 'so many faults take too long here')
                time.sleep(0.1)
            os.kill(storm.pid, signal.SIGBUS)
            equal(storm.wait(), -signal.SIGBUS, 'it should have died')
            os.kill(t.pid, signal.SIGABRT)
            equal(t.wait(), -signal.SIGABRT, 'it should have died')
            page, mtr = d.report('sigabrt', t.pid)
            leaks(page, mtr, 'leak_map', truth['leak_map'])
            page, mtr = d.report('sigbus', storm.pid)
            check(re.search(r'(\d+)\s+older\s+ones\s+were\s+dropped', page), page)
            reads(mtr, storm.pid)
            d.stop()


def shell(script, **kw):
    """A shell that waits for a line first."""
    return subprocess.Popen(['/bin/sh', '-c', 'read x; ' + script], stdin=subprocess.PIPE, **kw)


def go(p):
    p.stdin.write(b'\n')
    p.stdin.close()
    return p.wait(PATIENCE)


def others():
    """Other ends are none of its business."""
    ends = [shell('exit 3'), shell('kill -KILL $$'), shell('kill -TERM $$'), shell('kill -BUS $$')]
    with Daemon([p.pid for p in ends]) as d:
        for p in ends:
            go(p)
        d.report('sigbus', ends[3].pid)
        equal([os.path.basename(f).split('-')[-2] for f in d.files()], [str(ends[3].pid)] * 2, 'reports')
        d.stop()


def hostile_name():
    script = r"printf '\033]0;x\007/../%%n' >/proc/$$/comm; kill -ABRT $$"
    p = shell(script)
    with Daemon([p.pid]) as d:
        equal(go(p), -signal.SIGABRT, 'it should have died')
        page, mtr = d.report('sigabrt', p.pid)
        check(re.search(r'-_?\]?_*0_x', os.path.basename(mtr)), mtr)
        d.stop()


def many():
    """All at once: each has its report."""
    all_of_them = [shell('kill -ABRT $$') for _ in range(20)]
    with Daemon([p.pid for p in all_of_them]) as d:
        for p in all_of_them:
            p.stdin.write(b'\n')
            p.stdin.close()
        for p in all_of_them:
            equal(p.wait(PATIENCE), -signal.SIGABRT, 'it should have died')
        for p in all_of_them:
            d.report('sigabrt', p.pid)
        equal(len(d.files('*.mtr')), 20, 'files')
        d.stop()


# ---- of the living

def step():
    secs = 4
    with Target('grow', '--kind', 'small', '--mib', 96, '--ms', 2 * secs * 1000, '--seed', 7) as t:
        t.checkpoint()
        with Daemon([t.pid], step='25', step_time=f'{secs}s') as d:
            # what it needs to get going is no step: it has to be known for that long
            time.sleep(secs + 1)
            t.go()
            page, mtr = d.report('rss-step', t.pid)
            check(re.search(r'WHAT +RSS made a step: \+\d+M within 4', page), page)
            net, frames = top_path(page)
            check('leak_small' in frames and net >= 12 * MIB, net, frames)
            equal(t.checkpoint()['what'], 'CHECKPOINT', 'it goes on')
            reads(mtr, t.pid)
            # it goes on to grow; but not so soon again
            equal(len(d.files('*rss-step*.txt')), 1, 'reports')
            d.stop()


def headroom():
    depth = 7800 << 10
    with Target('stacks', '--threads', 2, '--depth', depth, '--step', 0) as t:
        t.checkpoint()
        t.next()
        tids = {f['tid']: f['limit'] for _, f in t.lines('THREAD')}
        with Daemon([t.pid], extra='headroom = 10\n') as d:
            t.next()
            page, mtr = d.report('stack-headroom', t.pid)
            m = re.search(r'WHAT +a stack is nearly used up: thread (\d+) has (\S+) left', page)
            check(m and int(m[1]) in tids, page)
            limit = tids[int(m[1])]
            check(size(m[2]) <= 0.1 * limit, m[2], 'of', limit)
            reads(mtr, t.pid)
            d.stop()


# ---- cgroups

class Memcg:
    """A cgroup with a limit of memory; of either version."""

    def __init__(self):
        self.v2 = os.path.exists('/sys/fs/cgroup/cgroup.controllers')
        top = '/sys/fs/cgroup' + ('' if self.v2 else '/memory')
        self.dir = f'{top}/memtrace-blackbox-{os.getpid()}'
        try:
            if self.v2:
                self.put('+memory', f'{top}/cgroup.subtree_control')
            elif not os.path.exists(f'{top}/memory.limit_in_bytes'):
                raise Skip('no memory cgroup here')
            os.mkdir(self.dir)
            check(os.path.exists(f'{self.dir}/{self.name("limit")}'), 'the limit of', self.dir)
        except OSError as e:
            raise Skip(f'no memory cgroup here: {e}') from None

    def name(self, what):
        return {'limit': ('memory.limit_in_bytes', 'memory.max'),
                'swap': ('memory.memsw.limit_in_bytes', 'memory.swap.max')}[what][self.v2]

    @staticmethod
    def put(text, path):
        with open(path, 'w') as f:
            f.write(text)

    def limit(self, size_bytes):
        self.put(str(size_bytes), f'{self.dir}/{self.name("limit")}')
        try:
            self.put('0' if self.v2 else str(size_bytes), f'{self.dir}/{self.name("swap")}')
        except OSError:
            pass  # swap is not accounted: then there is none here

    def failures(self):
        with open(f'{self.dir}/memory.failcnt') as f:
            return int(f.read())

    def take(self, pid):
        self.put(str(pid), f'{self.dir}/cgroup.procs')

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        until = time.monotonic() + PATIENCE
        while True:
            try:
                return os.rmdir(self.dir)
            except OSError:
                check(time.monotonic() < until, 'the cgroup stays busy')
                time.sleep(0.05)


def oom():
    """The report names the function that leaked, within 5 % of what it had by its own count when it was killed."""
    count = os.path.join(tempfile.gettempdir(), 'count')
    with Memcg() as cg:
        with Target('grow', '--kind', 'small', '--mib', 96, '--ms', 3000 * SLOW, '--seed', 3, '--count', count) as t:
            t.checkpoint()
            cg.take(t.pid)
            cg.limit(48 * MIB)
            with Daemon([t.pid]) as d:
                t.go()
                equal(t.wait(), -signal.SIGKILL, 'it should have been killed')
                page, mtr = d.report('oom', t.pid)
                check("OUT OF MEMORY: the kernel's OOM killer chose it" in page, page)
                check(re.search(r'^CGROUP .*memtrace-blackbox', page, re.M), page)
                check(re.search(r'^LIMIT +cgroup .*memtrace-blackbox.* of 48M', page.replace('\n        ', ' '), re.M), page)
                with open(count, 'rb') as f:
                    truth = int.from_bytes(f.read(8), 'little')
                leaks(page, mtr, 'leak_small', truth)
                reads(mtr, t.pid)
                d.stop()


def reads_much(cg, bound, cause, said):
    """A command of the cgroup whose page cache comes to the bound."""
    file = os.path.join(tempfile.gettempdir(), 'large')
    with open('/proc/self/mountinfo', encoding='utf-8') as f:
        kinds = {x.split()[4]: x.split(' - ')[1].split()[0] for x in f}
    at = os.path.realpath(tempfile.gettempdir())
    while at not in kinds and at != '/':
        at = os.path.dirname(at)
    if kinds.get(at) in (None, 'rootfs', 'ramfs', 'tmpfs'):
        raise Skip('no filesystem on a disk: what is read is charged to nobody')
    with open(file, 'wb') as f:
        f.write(b'x' * (64 * MIB))
        f.flush()
        os.fsync(f.fileno())
        os.posix_fadvise(f.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)  # who reads it is charged for it
    p = shell(f'cat {file} >/dev/null; echo done; sleep 600', stdout=subprocess.PIPE, start_new_session=True)
    try:
        cg.take(p.pid)
        bound(16 * MIB)
        with Daemon([p.pid]) as d:
            p.stdin.write(b'\n')
            p.stdin.flush()
            equal(p.stdout.readline(), b'done\n', 'it has read')
            if not cg.v2 and not cg.failures():
                raise Skip('this kernel counts no failures of cgroup v1')
            d.says(rf'black box: \S+-{cause}\.txt')
            with open(d.files(f'*-{cause}.txt')[0], encoding='utf-8') as f:
                page = f.read()
            one_page(page)
            check(re.search(rf'WHAT +its cgroup \S*memtrace-blackbox\S+ {said}', page), page)
            equal(len(d.files(f'*-{cause}.txt')), 1, 'reports')
            d.stop()
    finally:
        os.killpg(p.pid, signal.SIGKILL)
        p.wait()


def at_limit():
    with Memcg() as cg:
        reads_much(cg, cg.limit, 'memory-max', 'was at its limit')


def high():
    with Memcg() as cg:
        if not cg.v2:
            raise Skip('cgroup v1 has no memory.high')
        reads_much(cg, lambda size_bytes: cg.put(str(size_bytes), f'{cg.dir}/memory.high'), 'memory-high',
                   'passed memory.high')


# ---- the folder

def full():
    """A full disk: one line, no half file, and the next report is whole again."""
    folder = tempfile.mkdtemp()
    done = subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=256k,mode=700', 'none', folder], capture_output=True, text=True)
    if done.returncode:
        raise Skip('tmpfs cannot be mounted here')
    first, second = shell('kill -ABRT $$'), shell('kill -ABRT $$')
    ballast = os.path.join(folder, 'ballast')
    try:
        with Daemon([first.pid, second.pid], folder=folder) as d:
            with open(ballast, 'wb', buffering=0) as f:
                try:
                    while True:
                        f.write(b'x' * 4096)
                except OSError:
                    pass
            go(first)
            m = d.says(r'black box: .*cannot be written: (.*)')
            check('No space left' in m[1], m[0])
            equal(d.files('*') + d.files('.*'), [ballast], 'files')
            until = time.monotonic() + PATIENCE
            while subprocess.run(['ps', '--ppid', str(d.p.pid), '-o', 'pid='], capture_output=True).stdout.strip():
                check(time.monotonic() < until, 'who could not write it does not end')
                time.sleep(0.05)
            os.unlink(ballast)
            go(second)
            page, _ = d.report('sigabrt', second.pid)
            check(re.search(r'1\s+reports\s+were\s+not\s+written', page), page)
            d.stop()
    finally:
        for p in (first, second):
            p.kill()
            p.wait()
        subprocess.run(['umount', folder], check=True)


def symlink():
    real = tempfile.mkdtemp()
    link = real + '-link'
    os.symlink(real, link)
    conf = real + '-conf'
    with open(conf, 'w') as f:
        f.write(f'[socket]\npath = {real}-sock\n[blackbox]\nfolder = {link}\n')
    p = subprocess.run([MEMTRACE, 'serve', '--config', conf, '-p', str(os.getpid())], capture_output=True, text=True, timeout=2 * PATIENCE)
    equal(p.returncode, 1, 'exit status')
    check(re.search(rf'reports cannot be kept in {re.escape(link)}: .*symbolic link', p.stderr), p.stderr)
    equal(os.listdir(real), [], 'files behind the link')


def killed():
    """SIGKILL at any moment of writing: what has its name is whole, and the rest goes at the next start."""
    for nr, wanted in enumerate(('.*.mtr.tmp', '.*.txt.tmp')):
        with Target('grow', '--kind', 'map', '--mib', 48, '--ms', 1000 * SLOW, '--seed', nr) as t:
            t.checkpoint()
            with Daemon([t.pid]) as d:
                t.next()
                os.kill(t.pid, signal.SIGABRT)
                until = time.monotonic() + PATIENCE
                while not d.files(wanted) and time.monotonic() < until:
                    if d.files('*.txt'):
                        break  # it was too fast to be seen
                d.p.kill()
                d.p.wait(PATIENCE)
                seen = [os.path.basename(f) for f in d.files('.*')]
                print('# killed with', seen or 'nothing half written', flush=True)
                done = d.files('*.mtr')
                t.wait()
                d.lines.clear()
                d.pids = [os.getpid()]
                d.start()
                equal(d.files('.*'), [], 'what is left')
                equal(d.files('*.mtr'), done, 'reports')
                d.stop()


if __name__ == '__main__':
    main(overflow, abort, loud, others, hostile_name, many, step, headroom, oom, at_limit, high, full, symlink, killed)
