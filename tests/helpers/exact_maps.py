# SPDX-License-Identifier: GPL-2.0
"""One run of tests/targets/randops under memtrace; at each checkpoint the model
built from events alone is compared with /proc/PID/maps.

    exact_maps.py MEMTRACE RANDOPS [--rung R] [--drop KIND] [--first yes] [--wrap CMD] -- RANDOPS-ARGS

Exit status 0: no difference at any checkpoint; 1: differences, printed; 2: the
run itself failed. memtrace reads the map once, at its attach (--reconcile=off).
"""
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading

LINE = re.compile(rb'^([0-9a-f]+)-([0-9a-f]+) (....) ([0-9a-f]+) ([0-9a-f]+:[0-9a-f]+) (\d+) ?\s*(.*)$')


def kernel_map(pid):
    """(start, end, prot, backing) of each mapping, the kernel's own pages left out."""
    out = []
    for line in open(f'/proc/{pid}/maps', 'rb').read().split(b'\n'):
        m = LINE.match(line)
        if not m:
            continue
        start, end, ino = int(m[1], 16), int(m[2], 16), int(m[6])
        if start >> 63:
            continue
        backing = (m[5].decode().lstrip('0'), ino, int(m[4], 16) - start) if ino else None
        out.append((start, end, m[3].decode(), backing))
    return merge(out)


def traced_map(snap):
    out = []
    for r in snap['regions']:
        start, end = int(r['start'], 16), int(r['end'], 16)
        if start >> 63:
            continue
        backing = (r['dev'].lstrip('0'), r['inode'], r['offset'] - start) if r['inode'] else None
        out.append((start, end, r['prot'], backing))
    return merge(out)


def merge(regions):
    """Neighbours that do not differ are one: which VMAs the kernel merged is not asked."""
    out = []
    for r in regions:
        if out and out[-1][1] == r[0] and out[-1][2:] == r[2:]:
            out[-1] = (out[-1][0], r[1]) + r[2:]
        else:
            out.append(r)
    return out


class Tracer:
    """memtrace, read all the time: a reader that stops would make it lose events."""

    def __init__(self, argv, err):
        self.p = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=err, start_new_session=True)
        self.cond = threading.Condition()
        self.line, self.ended = None, False
        self.nr = 0
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.p.stdout:
            with self.cond:
                self.line = line
                self.nr += 1
                self.cond.notify()
        with self.cond:
            self.ended = True
            self.cond.notify()

    def wait(self, cond, timeout=120):
        with self.cond:
            if not self.cond.wait_for(lambda: self.ended or cond(), timeout):
                raise RuntimeError('memtrace said nothing in time')
            if self.ended:
                raise RuntimeError(f'memtrace ended: {self.p.wait()}')
            return self.line

    def time_ns(self):
        return int(re.search(rb'"time_ns": ?(\d+)', self.line)[1])

    def after(self, ns):
        """The report after the first that is later than ns: all events up to ns are in it."""
        self.wait(lambda: self.line and self.time_ns() > ns)
        nr = self.nr
        return json.loads(self.wait(lambda: self.nr > nr))


def compare(pid, snap, nr, limit):
    want, got = kernel_map(pid), traced_map(snap)
    if want == got:
        return 0, len(want)
    missing, extra = set(want) - set(got), set(got) - set(want)
    for name, side in (('only the kernel', missing), ('only memtrace', extra)):
        for r in sorted(side)[:limit]:
            print(f'checkpoint {nr}: {name}: {r[0]:x}-{r[1]:x} {r[2]} {r[3]}')
    return len(missing) + len(extra), len(want)


def run(memtrace, randops, opts, args):
    to_r, to_w = os.pipe()
    from_r, from_w = os.pipe()

    def fds():
        a, b = os.dup2(to_r, 30), os.dup2(from_w, 31)
        os.dup2(a, 3)
        os.dup2(b, 4)

    env = dict(os.environ, TARGET_SYNC='1')
    folder = tempfile.TemporaryDirectory(prefix='exact-maps.')  # it is killed at times, and leaves its files
    env['TMPDIR'] = folder.name
    target = subprocess.Popen([randops] + args, env=env, close_fds=False, preexec_fn=fds,
                              stdout=subprocess.DEVNULL)
    os.close(to_r)
    os.close(from_w)
    lines = os.fdopen(from_r, 'rb')
    tracer = None
    diffs = checks = 0
    least = None
    try:
        for raw in lines:
            word = raw.split()
            if word[0] == b'DONE':
                print(raw.decode().strip())
                break
            if word[0] != b'CHECKPOINT':
                continue
            if tracer is None:
                argv = [memtrace, '-p', str(target.pid), '--json', '-i', '0.1', '--reconcile=off',
                        '--ring', '64M'] + opts['extra']  # eight threads may keep memtrace off the CPU
                tracer = Tracer(opts['wrap'] + argv, opts['err'])
                tracer.wait(lambda: tracer.nr)
            snap = tracer.after(int(word[2]))
            if snap['lost'] and sum(snap['lost'].values()):
                print(f'checkpoint {word[1].decode()}: lost {snap["lost"]}')
                return 2
            d, n = compare(target.pid, snap, word[1].decode(), opts['limit'])
            diffs += d
            checks += 1
            least = n if least is None or checks == 2 else min(least, n)
            os.write(to_w, b'\n')
            if diffs and opts['first']:
                break
    except RuntimeError as e:
        print(e)
        return 2
    finally:
        os.close(to_w)
        target.kill()
        target.wait()
        folder.cleanup()
        if tracer:
            os.killpg(tracer.p.pid, signal.SIGTERM)
            tracer.p.wait()
    print(f'{checks} checkpoints, {diffs} differences, at least {least} regions')
    return 1 if diffs else 0 if checks > 1 else 2


def main():
    argv = sys.argv[1:]
    opts = {'extra': [], 'limit': 6, 'wrap': [], 'err': None, 'first': False}
    memtrace, randops, argv = argv[0], argv[1], argv[2:]
    while argv and argv[0] != '--':
        key = argv.pop(0)
        if key == '--first':  # difference is enough
            opts['first'] = argv.pop(0) == 'yes'
        elif key == '--limit-diffs':
            opts['limit'] = int(argv.pop(0))
        elif key == '--wrap':
            opts['wrap'] = argv.pop(0).split()
        else:
            opts['extra'] += [key, argv.pop(0)]
    sys.exit(run(memtrace, randops, opts, argv[1:]))


main()
